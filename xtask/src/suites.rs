//! Runs test suites: with cargo-nextest where it is installed, with plain `cargo test` where it is not.
//!
//! All suites share one set of features, the same one that clippy and rustdoc use, so that nothing is built
//! twice. That is sound: the `chaos` hook and the planted bugs do nothing until they are asked to, and a
//! step of its own checks that the workspace compiles without them.

use crate::command::{self, Ended, ask};
use crate::report::{Outcome, counted};
use crate::workspace::Workspace;

/// What every build of the tests is asked for.
pub const EVERYTHING: &[&str] = &["--workspace", "--all-features"];

/// Tests whose name begins so prove that a known fault is found; they need the fault and run by themselves.
const PLANTED: &str = "planted_bug";

/// The program that runs the tests.
pub enum Runner {
    /// cargo-nextest: a process per test, and a test that hangs is ended.
    Nextest {
        /// What it calls itself.
        version: String,
    },
    /// cargo's own.
    Plain,
}

/// A part of the tests.
#[derive(Clone, Copy, PartialEq)]
pub enum Suite {
    /// Everything but the two others.
    Workspace,
    /// The tests of the root package that drive the built binary.
    EndToEnd,
    /// The tests that plant a bug and must find it.
    PlantedBugs,
}

/// A variable that says how much a suite does.
pub type Size = (&'static str, String);

impl Runner {
    /// The best runner that is installed.
    pub fn find() -> Self {
        match ask("cargo-nextest", &["nextest", "--version"]) {
            Some(version) => Self::Nextest { version: version.lines().next().unwrap_or_default().to_owned() },
            None => Self::Plain,
        }
    }

    /// Builds all tests and the binaries that they need, without running any.
    pub fn build(&self, workspace: &Workspace) -> Outcome {
        let start = match self {
            Self::Nextest { .. } => ["nextest", "run"].as_slice(),
            Self::Plain => &["test"],
        };
        let arguments = [start, EVERYTHING, &["--no-run"]].concat();
        let ended = command::run(&mut command::cargo(&workspace.root, &arguments));
        match ended {
            Ok(ended) if ended.success => Outcome::Passed("one build for all suites".into()),
            Ok(ended) => ended.failure(),
            Err(error) => error.into(),
        }
    }

    /// Runs one suite; sizes are passed on to it.
    pub fn run(&self, workspace: &Workspace, suite: Suite, profile: &str, sizes: &[Size]) -> Outcome {
        let arguments = match self {
            Self::Nextest { .. } => nextest_arguments(suite, profile),
            Self::Plain => match plain_arguments(suite) {
                Some(arguments) => arguments,
                None => {
                    return Outcome::Skipped("ran with the other tests, as cargo-nextest is absent".into());
                }
            },
        };
        let mut cargo = command::cargo(&workspace.root, &arguments);
        cargo.envs(sizes.iter().map(|(name, value)| (*name, value)));
        match command::run(&mut cargo) {
            Ok(ended) if matches!(self, Self::Nextest { .. }) => {
                judged(&ended, Tally::of_nextest(&ended.stderr))
            }
            Ok(ended) => judged(&ended, Tally::of_plain(&ended.stdout)),
            Err(error) => error.into(),
        }
    }
}

/// Runs the examples in the documentation, which cargo-nextest does not know.
pub fn run_doc_tests(workspace: &Workspace) -> Outcome {
    let arguments = [&["test", "--doc", "--no-fail-fast"], EVERYTHING].concat();
    match command::run(&mut command::cargo(&workspace.root, &arguments)) {
        Ok(ended) => judged(&ended, Tally::of_plain(&ended.stdout)),
        Err(error) => error.into(),
    }
}

fn nextest_arguments(suite: Suite, profile: &str) -> Vec<&str> {
    let filter = match suite {
        Suite::Workspace => "not (test(/planted_bug/) | (package(=ghostlight) & kind(=test)))",
        Suite::EndToEnd => "package(=ghostlight) & kind(=test) & not test(/planted_bug/)",
        Suite::PlantedBugs => "test(/planted_bug/)",
    };
    let run = ["nextest", "run", "--no-fail-fast", "--no-tests", "pass", "--profile", profile];
    [&run, EVERYTHING, &["-E", filter]].concat()
}

/// None if the suite is part of another, as cargo's own runner has no filter for packages within one build.
fn plain_arguments(suite: Suite) -> Option<Vec<&'static str>> {
    let run = [&["test", "--no-fail-fast", "--lib", "--bins", "--tests"], EVERYTHING].concat();
    let filter: &[&str] = match suite {
        Suite::Workspace => &["--", "--skip", PLANTED],
        Suite::EndToEnd => return None,
        Suite::PlantedBugs => &["--", PLANTED],
    };
    Some([&run, filter].concat())
}

/// How many tests ran, and which failed.
#[derive(Debug, Default, PartialEq)]
struct Tally {
    run: usize,
    failed: Vec<String>,
}

impl Tally {
    /// Reads the summary that cargo-nextest ends with:
    /// `     Summary [   0.005s] 3 tests run: 2 passed, 1 failed, 0 skipped`, and below it each failed test.
    fn of_nextest(output: &str) -> Self {
        let mut lines = output.lines().skip_while(|line| !line.trim_start().starts_with("Summary ["));
        let summary = lines.next().and_then(|line| line.split_once("] ")).map_or("", |(_, summary)| summary);
        let run = summary.split(['/', ' ']).next().and_then(|count| count.parse().ok()).unwrap_or(0);
        let named = lines.filter(|line| line.contains(" [") && line.contains("s] "));
        Self {
            run,
            failed: named.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect(),
        }
    }

    /// Reads what cargo's own runner says about each binary:
    /// `test result: ok. 3 passed; 0 failed; ...`, and `test some::name ... FAILED`.
    fn of_plain(output: &str) -> Self {
        let mut tally = Self::default();
        for line in output.lines() {
            if let Some(counts) = line.strip_prefix("test result: ") {
                let before =
                    |word| counts.split(word).next().and_then(|text| text.split_whitespace().next_back());
                let count = |word| before(word).and_then(|count| count.parse::<usize>().ok()).unwrap_or(0);
                tally.run += count(" passed") + count(" failed");
            } else if let Some(name) =
                line.strip_prefix("test ").and_then(|line| line.strip_suffix(" ... FAILED"))
            {
                tally.failed.push(name.to_owned());
            }
        }
        tally
    }
}

/// The status of the runner decides; its words only say how many and which.
fn judged(ended: &Ended, tally: Tally) -> Outcome {
    let Tally { run, failed } = tally;
    match (ended.success, run) {
        (true, 0) => Outcome::Skipped("there are no such tests".into()),
        (true, _) => Outcome::Passed(counted(run, "test")),
        (false, _) if failed.is_empty() => ended.failure(),
        (false, _) => {
            Outcome::Failed { what: format!("{} of {}", failed.len(), counted(run, "test")), details: failed }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_nextest_is_counted_and_failed_tests_are_named() {
        let output = "        FAIL [   0.003s] (1/3) one two::three\n------------\n     \
                      Summary [   0.005s] 3 tests run: 2 passed, 1 failed, 7 skipped\n        \
                      FAIL [   0.003s] (1/3) one two::three\nerror: test run failed\n";
        let tally = Tally::of_nextest(output);
        assert_eq!(tally, Tally { run: 3, failed: vec!["FAIL [ 0.003s] (1/3) one two::three".into()] });
        let cut_short = "     Summary [   0.005s] 2/9 tests run: 1 passed, 1 failed, 0 skipped\n";
        assert_eq!(Tally::of_nextest(cut_short).run, 2);
        assert_eq!(Tally::of_nextest("error: no such command"), Tally::default());
    }

    #[test]
    fn the_results_of_plain_cargo_test_are_added_up() {
        let output = "test a::b ... ok\ntest a::c ... FAILED\n\n\
                      test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n\
                      test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        assert_eq!(Tally::of_plain(output), Tally { run: 7, failed: vec!["a::c".into()] });
    }

    fn ended(success: bool) -> Ended {
        Ended { success, status: "exit status: 100".into(), stdout: String::new(), stderr: String::new() }
    }

    #[test]
    fn a_runner_that_fails_is_a_failure_whatever_it_says() {
        let tally = Tally { run: 9, failed: Vec::new() };
        assert!(matches!(judged(&ended(false), tally), Outcome::Failed { .. }));
        assert!(matches!(judged(&ended(false), Tally::default()), Outcome::Failed { .. }));
    }

    #[test]
    fn a_suite_without_tests_is_said_to_be_skipped_and_not_passed() {
        assert!(matches!(judged(&ended(true), Tally::default()), Outcome::Skipped(_)));
        assert!(matches!(judged(&ended(true), Tally { run: 1, failed: Vec::new() }), Outcome::Passed(_)));
    }

    #[test]
    fn every_suite_is_run_with_the_same_features() {
        for suite in [Suite::Workspace, Suite::EndToEnd, Suite::PlantedBugs] {
            assert!(nextest_arguments(suite, "default").contains(&"--all-features"));
            assert!(plain_arguments(suite).is_none_or(|arguments| arguments.contains(&"--all-features")));
        }
    }
}
