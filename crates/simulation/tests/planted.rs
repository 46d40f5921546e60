//! The simulator is looked at: it repeats itself, reaches what it says, and finds the bugs that are planted.

#[cfg(feature = "planted-bugs")]
use std::process::Command;

use ghostlight_simulation::simulate;

#[test]
fn one_seed_leads_to_one_history() {
    let (one, other) = (simulate(7, 1, 30), simulate(7, 1, 30));
    assert!(one.failure.is_none(), "{:?}", one.failure);
    assert_eq!(one.seen.steps, other.seen.steps);
    assert_eq!(one.seen.reached.to_string(), other.seen.reached.to_string());
    assert_ne!(one.seen.reached.to_string(), simulate(8, 1, 30).seen.reached.to_string());
}

#[test]
fn what_was_not_reached_is_told() {
    let missing = ghostlight_simulation::Reached::default().missing();
    assert!(missing.contains(&"event step.started".to_owned()), "{missing:?}");
    assert!(missing.contains(&"fault process".to_owned()), "{missing:?}");
}

/// Simulates in a process of its own with a bug in it; answers which invariant was violated.
#[cfg(feature = "planted-bugs")]
fn found(bug: &str) -> String {
    let mut simulation = Command::new(env!("CARGO_BIN_EXE_ghostlight-simulation"));
    simulation.args(["--seed", "1", "--steps", "200000"]).env("GHOSTLIGHT_PLANTED_BUG", bug);
    let output = simulation.output().expect("the simulation runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{bug} was not found\n{said}");
    let violated = said.lines().find_map(|line| line.strip_prefix("violated: "));
    let violated = violated.unwrap_or_else(|| panic!("no invariant is named\n{said}"));
    violated.split(',').next().unwrap_or_default().to_owned()
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_question_that_is_decided_twice_is_found() {
    assert_eq!(found("bug_double_approval"), "a_decided_question_stays_decided");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_retry_without_end_is_found() {
    assert_eq!(found("bug_retry_forever"), "retries_keep_to_their_policy");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_an_append_that_is_made_twice_is_found() {
    assert_eq!(found("bug_apply_twice"), "what_is_kept_is_what_was_decided");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_timer_that_is_lost_is_found() {
    assert_eq!(found("bug_lost_timer"), "everything_ends");
}

#[cfg(feature = "planted-bugs")]
#[test]
fn planted_bug_of_a_key_that_changes_is_found() {
    assert_eq!(found("bug_key_changes"), "an_iteration_has_one_key");
}
