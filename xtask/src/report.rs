//! The table at the end of a chore: which steps ran, how each ended, how long it took, what was left out
//! and why.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::room;

/// How many lines of detail are shown for one failed step; its full output stands above the table.
const DETAILS_MAX: usize = 20;

/// How a step ended.
pub enum Outcome {
    /// It ran, and what it checked holds. With a word on what was checked.
    Passed(String),
    /// It ran, and something is wrong, or it could not run and should have.
    Failed {
        /// What is wrong, in a few words.
        what: String,
        /// One line per finding: a failed test, a place in a file.
        details: Vec<String>,
    },
    /// It was not run, and why.
    Skipped(String),
}

impl Outcome {
    /// A failure that has no more to say.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), details: Vec::new() }
    }
}

impl From<anyhow::Error> for Outcome {
    fn from(error: anyhow::Error) -> Self {
        Self::failed(format!("{error:#}"))
    }
}

struct Line {
    step: &'static str,
    outcome: Outcome,
    took: Duration,
}

/// The steps of a chore that have run so far.
pub struct Report {
    title: String,
    started: Instant,
    lines: Vec<Line>,
}

impl Report {
    /// An empty report; the clock starts now.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), started: Instant::now(), lines: Vec::new() }
    }

    /// Runs one step, notes how it ended, and returns whether it did not fail.
    pub fn step(&mut self, step: &'static str, work: impl FnOnce() -> Outcome) -> bool {
        eprintln!("\n── {step} ──");
        let started = Instant::now();
        let outcome = work();
        let free = room::at_target();
        let outcome = room::explained(outcome, free);
        if let Some(free) = free {
            eprintln!("{step}: {} of disk are free", room::gib(free));
        }
        match &outcome {
            Outcome::Passed(what) => eprintln!("{step}: {what}"),
            Outcome::Failed { what, .. } => eprintln!("{step}: failed: {what}"),
            Outcome::Skipped(why) => eprintln!("{step}: skipped: {why}"),
        }
        let held = !matches!(outcome, Outcome::Failed { .. });
        self.lines.push(Line { step, outcome, took: started.elapsed() });
        held
    }

    /// Prints the table and returns whether no step failed.
    pub fn finish(self) -> bool {
        print!("{}", self.render(self.started.elapsed()));
        self.failed() == 0
    }

    fn failed(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.outcome, Outcome::Failed { .. })).count()
    }

    fn skipped(&self) -> usize {
        self.lines.iter().filter(|line| matches!(line.outcome, Outcome::Skipped(_))).count()
    }

    fn render(&self, took: Duration) -> String {
        let width = self.lines.iter().map(|line| line.step.len()).max().unwrap_or(0).max(4);
        let mut table =
            format!("\n{}\n\n  {:width$}  {:7}  {:>7}  what\n", self.title, "step", "result", "time");
        for Line { step, outcome, took } in &self.lines {
            let (result, what) = match outcome {
                Outcome::Passed(what) => ("ok", what),
                Outcome::Failed { what, .. } => ("FAILED", what),
                Outcome::Skipped(why) => ("skipped", why),
            };
            let _ = writeln!(table, "  {step:width$}  {result:7}  {:>7}  {what}", seconds(*took));
        }
        for Line { step, outcome, .. } in &self.lines {
            let Outcome::Failed { details, .. } = outcome else { continue };
            if !details.is_empty() {
                table.push('\n');
            }
            for detail in details.iter().take(DETAILS_MAX) {
                let _ = writeln!(table, "  {step}: {detail}");
            }
            if details.len() > DETAILS_MAX {
                let _ = writeln!(table, "  {step}: and {} more, above", details.len() - DETAILS_MAX);
            }
        }
        let _ = writeln!(table, "\n{} ({})", self.verdict(), seconds(took));
        table
    }

    fn verdict(&self) -> String {
        let skipped = match self.skipped() {
            0 => String::new(),
            count => format!(", {count} skipped"),
        };
        match self.failed() {
            0 => {
                format!("everything passed: {}{skipped}", counted(self.lines.len() - self.skipped(), "step"))
            }
            failed => format!("FAILED: {failed} of {}{skipped}", counted(self.lines.len(), "step")),
        }
    }
}

/// `count` things by their English name, whose plural takes an s.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

fn seconds(duration: Duration) -> String {
    let whole = duration.as_secs();
    if whole < 60 {
        format!("{:.1}s", duration.as_secs_f32())
    } else {
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(outcomes: Vec<(&'static str, Outcome)>) -> Report {
        let mut report = Report::new("the chore");
        for (step, outcome) in outcomes {
            report.step(step, || outcome);
        }
        report
    }

    #[test]
    fn a_report_without_failures_says_that_everything_passed_and_what_was_skipped() {
        let report = report(vec![
            ("format", Outcome::Passed("cargo fmt".into())),
            ("planted bugs", Outcome::Skipped("no such test".into())),
        ]);
        let table = report.render(Duration::from_secs(61));
        assert!(table.contains("planted bugs  skipped"), "{table}");
        assert!(table.contains("no such test"), "{table}");
        assert!(table.contains("everything passed: 1 step, 1 skipped (1m01s)"), "{table}");
        assert!(report.finish());
    }

    #[test]
    fn one_failed_step_fails_the_report_and_its_details_are_named() {
        let report = report(vec![
            ("format", Outcome::Passed(String::new())),
            ("tests", Outcome::Failed { what: "1 of 2".into(), details: vec!["crate::a_test".into()] }),
        ]);
        let table = report.render(Duration::ZERO);
        assert!(table.contains("tests: crate::a_test"), "{table}");
        assert!(table.contains("FAILED: 1 of 2 steps"), "{table}");
        assert!(!report.finish());
    }

    #[test]
    fn details_are_bounded() {
        let details = (0..DETAILS_MAX + 5).map(|number| number.to_string()).collect();
        let report = report(vec![("tidy", Outcome::Failed { what: String::new(), details })]);
        assert!(report.render(Duration::ZERO).contains("and 5 more, above"));
    }
}
