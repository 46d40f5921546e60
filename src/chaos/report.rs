//! What came of it, for people and for programs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use owo_colors::OwoColorize;
use serde::Serialize;

use super::check::Wrong;
use super::marksman::Strike;
use super::target::{ActorKind, Kind};
use crate::output::{self, duration, plain};

/// The strikes that were made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Strikes {
    /// All of them.
    pub total: u64,
    /// Those that came too late: the actor had ended.
    pub missed: u64,
    /// By what was done.
    pub by_kind: BTreeMap<Kind, u64>,
    /// By whom it was done to.
    pub by_actor: BTreeMap<ActorKind, u64>,
}

impl Strikes {
    /// None yet, of these kinds.
    pub fn new(kinds: &[Kind]) -> Self {
        let by_kind = kinds.iter().map(|kind| (*kind, 0)).collect();
        let by_actor = ActorKind::ALL.into_iter().map(|actor| (actor, 0)).collect();
        Self { total: 0, missed: 0, by_kind, by_actor }
    }

    /// One was made.
    pub fn count(&mut self, strike: &Strike) {
        self.total += 1;
        *self.by_kind.entry(strike.kind).or_default() += 1;
        *self.by_actor.entry(strike.actor).or_default() += 1;
    }
}

/// How long runs took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Durations {
    /// How many.
    pub runs: u64,
    /// Half of them took no longer.
    pub p50_ms: u64,
    /// All but one in a hundred took no longer.
    pub p99_ms: u64,
}

impl Durations {
    /// Of these, in any order.
    pub fn of(mut took: Vec<u64>) -> Self {
        took.sort_unstable();
        // The nearest rank: the smallest value that so many of a hundred do not exceed.
        let rank = |percent: usize| {
            let rank = (took.len() * percent).div_ceil(100);
            rank.checked_sub(1).and_then(|at| took.get(at)).copied().unwrap_or(0)
        };
        Self { runs: took.len() as u64, p50_ms: rank(50), p99_ms: rank(99) }
    }
}

/// How it was done.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Setting {
    /// The seed of the choices.
    pub seed: u64,
    /// How long strikes were made, in milliseconds.
    pub for_ms: u64,
    /// How often.
    pub rate: String,
    /// How many runs were kept in flight.
    pub runs_in_flight: u64,
}

/// What became of the runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Runs {
    /// Started.
    pub started: u64,
    /// Completed.
    pub completed: u64,
}

/// The whole report.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Report {
    /// How it was done.
    #[serde(flatten)]
    pub setting: Setting,
    /// The strikes.
    pub strikes: Strikes,
    /// Actors that were started again by their supervisor.
    pub restarts: u64,
    /// Times that a run was set aside because its actors kept ending.
    pub quarantines: u64,
    /// Times that one was released.
    pub quarantines_released: u64,
    /// The runs.
    pub runs: Runs,
    /// Attempts that failed and were made again.
    pub retries: u64,
    /// Attempts that were cut off.
    pub interrupted: u64,
    /// Writes that were cut off, looked after, and reconciled.
    pub reconciled: u64,
    /// How long runs took whose actors were struck.
    pub with_strikes: Durations,
    /// How long the others took.
    pub without_strikes: Durations,
    /// How many things are wrong; 0 if supervision keeps its promise.
    pub wrong_results: u64,
    /// Each of them.
    pub wrong: Vec<Wrong>,
    /// The folder, where it is kept.
    pub folder: Option<PathBuf>,
}

impl Report {
    /// Whether nothing is wrong.
    pub fn is_right(&self) -> bool {
        self.wrong.is_empty()
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut text = self.struck();
        text.push_str("\n\n");
        text.push_str(&output::sheet(&[
            ("restarts", self.restarts.to_string()),
            ("quarantines", format!("{} ({} released)", self.quarantines, self.quarantines_released)),
            ("runs", format!("{} started, {} completed", self.runs.started, self.runs.completed)),
            ("retries", self.retries.to_string()),
            ("interrupted", format!("{} attempts ({} writes reconciled)", self.interrupted, self.reconciled)),
            ("struck runs", took(self.with_strikes)),
            ("other runs", took(self.without_strikes)),
            ("seed", self.setting.seed.to_string()),
            ("folder", self.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()),
        ]));
        text.push('\n');
        text.push_str(&self.verdict());
        text
    }

    fn struck(&self) -> String {
        let strikes = &self.strikes;
        let kinds = strikes.by_kind.iter().map(|(kind, count)| vec![kind.to_string(), count.to_string()]);
        let actors = strikes.by_actor.iter().map(|(actor, count)| vec![actor.to_string(), count.to_string()]);
        let all = [
            vec!["all".to_owned(), strikes.total.to_string()],
            vec!["missed".to_owned(), strikes.missed.to_string()],
        ];
        let by_kind = output::table(&["strike", "count"], kinds.chain(all));
        format!("{by_kind}\n\n{}", output::table(&["actor", "struck"], actors))
    }

    fn verdict(&self) -> String {
        if self.is_right() {
            return format!("{} wrong results: 0", "✓".green());
        }
        let mut text = format!("{} wrong results: {}", "✗".red(), self.wrong_results);
        for Wrong { run, what } in &self.wrong {
            let who = run.as_ref().map_or_else(|| "the house".to_owned(), |run| format!("run {run}"));
            text.push_str(&format!("\n  {}: {}", who.bold(), plain(what)));
        }
        text
    }
}

fn took(durations: Durations) -> String {
    let Durations { runs, p50_ms, p99_ms } = durations;
    format!("{runs}: p50 {}, p99 {}", duration(p50_ms), duration(p99_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(wrong: Vec<Wrong>) -> Report {
        let mut strikes = Strikes::new(&[Kind::Panic, Kind::Hang]);
        let strike = Strike { path: "core/timers".into(), actor: ActorKind::Timers, kind: Kind::Panic };
        strikes.count(&strike);
        strikes.count(&strike);
        Report {
            setting: Setting { seed: 7, for_ms: 5_000, rate: "5/s".into(), runs_in_flight: 16 },
            strikes,
            restarts: 2,
            quarantines: 1,
            quarantines_released: 1,
            runs: Runs { started: 9, completed: 9 },
            retries: 4,
            interrupted: 3,
            reconciled: 1,
            with_strikes: Durations::of(vec![3, 1, 2]),
            without_strikes: Durations::of(Vec::new()),
            wrong_results: wrong.len() as u64,
            wrong,
            folder: None,
        }
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let of = |took: Vec<u64>| Durations::of(took);
        assert_eq!(of(Vec::new()), Durations::default());
        assert_eq!(of(vec![5]), Durations { runs: 1, p50_ms: 5, p99_ms: 5 });
        assert_eq!(of((1..=200).rev().collect()), Durations { runs: 200, p50_ms: 100, p99_ms: 198 });
    }

    #[test]
    fn the_report_says_the_same_to_people_and_to_programs() {
        let good = report(Vec::new());
        let json = serde_json::to_value(&good).unwrap();
        assert_eq!(json["strikes"]["by_kind"]["panic"], 2);
        assert_eq!(json["strikes"]["by_kind"]["hang"], 0);
        assert_eq!(json["strikes"]["by_actor"]["timers"], 2);
        assert_eq!((&json["seed"], &json["wrong_results"]), (&7.into(), &0.into()));
        let table = anstream::adapter::strip_str(&good.table()).to_string();
        for said in
            ["panic   2", "timers     2", "9 started, 9 completed", "3: p50 2 ms", "✓ wrong results: 0"]
        {
            assert!(table.contains(said), "{said:?} is not in\n{table}");
        }
        assert!(good.is_right());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_run() {
        let bad = report(vec![
            Wrong { run: Some("0198".into()), what: "its output is 1 and must be 2".into() },
            Wrong { run: None, what: "a record does not verify".into() },
        ]);
        let table = anstream::adapter::strip_str(&bad.table()).to_string();
        assert!(table.contains("✗ wrong results: 2"), "{table}");
        assert!(
            table.contains("run 0198: its output is 1") && table.contains("the house: a record"),
            "{table}"
        );
        assert!(!bad.is_right());
    }
}
