//! Episodes: one house each, first with faults, then without; and how one that fails is told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ghostlight_model::ids::RunId;

use crate::faults::PROCESS_ENDS;
use crate::house::{House, Violation};
use crate::reached::Reached;

/// Steps of an episode while things break.
const STORMY_STEPS: u64 = 3_000;
/// Steps in which everything has to end when nothing breaks any more.
const CALM_STEPS_MAX: u64 = 60_000;
/// Steps in which the process has to go down.
const DOWN_STEPS_MAX: u64 = 5_000;
/// An episode in which something did not hold.
#[derive(Debug)]
pub struct Failure {
    /// The seed of the episode.
    pub seed: u64,
    /// Steps of it that were made.
    pub steps: u64,
    /// What did not hold.
    pub violation: Violation,
    /// The last steps of the run concerned.
    pub trace: Vec<String>,
}

/// What simulations have seen in all.
#[derive(Debug, Default)]
pub struct Seen {
    /// Episodes.
    pub episodes: u64,
    /// Steps.
    pub steps: u64,
    /// How long that took.
    pub took: Duration,
    /// What was reached.
    pub reached: Reached,
}

/// How simulations ended.
#[derive(Debug)]
pub struct Outcome {
    /// What was seen.
    pub seen: Seen,
    /// The first that failed.
    pub failure: Option<Failure>,
}

/// Runs one episode after another, from `seed` on, until so many steps were made or one fails; of that one the
/// last steps of the run concerned are told.
pub fn simulate(seed: u64, steps: u64, told_max: usize) -> Outcome {
    let begun = Instant::now();
    let mut seen = Seen::default();
    let mut failure = None;
    for seed in seed.. {
        let (house, violation) = episode(seed, false);
        seen.episodes += 1;
        seen.steps += house.steps;
        seen.reached.add(&house.reached);
        if violation.is_some() {
            failure = Some(told(seed, told_max));
            break;
        }
        if seen.steps >= steps {
            break;
        }
    }
    seen.took = begun.elapsed();
    Outcome { seen, failure }
}

/// Goes through it once more, and writes down what happens: it is the same.
fn told(seed: u64, told_max: usize) -> Failure {
    let (house, violation) = episode(seed, true);
    let violation = violation.unwrap_or_else(|| Violation {
        invariant: "an_episode_repeats_itself".to_owned(),
        run: None,
        detail: "it failed the first time and not the second".to_owned(),
    });
    let trace = house.trace.unwrap_or_default();
    let is_concerned = |of: &Option<RunId>, text: &str| match violation.run {
        Some(_) => *of == violation.run || text.contains(PROCESS_ENDS),
        None => true,
    };
    let concerned = trace.into_iter().filter(|(of, text)| is_concerned(of, text));
    let concerned: Vec<String> = concerned.map(|(_, text)| text).collect();
    let from = concerned.len().saturating_sub(told_max);
    Failure { seed, steps: house.steps, violation, trace: concerned[from..].to_vec() }
}

fn episode(seed: u64, is_traced: bool) -> (House, Option<Violation>) {
    let mut house = House::new(seed, is_traced);
    let played = catch_unwind(AssertUnwindSafe(|| play(&mut house)));
    let violation = match played {
        Ok(()) => house.violation.clone(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            let detail = text.unwrap_or_default();
            Some(Violation { invariant: "nothing_panics".to_owned(), run: house.stepping, detail })
        }
    };
    (house, violation)
}

fn play(house: &mut House) {
    while house.steps < STORMY_STEPS {
        if !house.step() {
            return;
        }
    }
    house.calm_down();
    let until = house.steps + CALM_STEPS_MAX;
    while let Some(run) = house.unfinished().map(|run| run.id) {
        if house.steps >= until {
            // Of those that have not ended the one that keeps the house busy says more.
            let run = house.stepping.filter(|run| house.is_unfinished(*run)).unwrap_or(run);
            let detail = house.describe(run);
            return house.violated("everything_ends", Some(run), || detail);
        }
        if !house.step() {
            return;
        }
    }
    house.shut_down();
    let until = house.steps + DOWN_STEPS_MAX;
    while !house.is_down() {
        if house.steps >= until {
            return house.violated("the_process_goes_down", None, String::new);
        }
        if !house.step() {
            return;
        }
    }
}
