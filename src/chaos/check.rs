//! What must hold of a run that went through chaos, as a function of what the API and the effects file say.
//!
//! A run that breaks a rule is a wrong result, named with its id and what is wrong. A run that was set aside because its
//! actors kept ending is none, as long as that was the reason: it is released, and then held to the same rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::effects::Effects;
use super::sort::{Sort, key};
use crate::client::{Run, RunEvent, Step};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Wrong {
    /// The run; none when it concerns the house.
    pub run: Option<String>,
    /// What is wrong.
    pub what: String,
}

/// A run that was asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Its id.
    pub run: String,
    /// Its sort.
    pub sort: Sort,
    /// Its number.
    pub n: u64,
}

/// What is known of a run that has ended.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// The run.
    pub run: Run,
    /// Its steps.
    pub steps: Vec<Step>,
    /// All its events, in order.
    pub events: Vec<RunEvent>,
}

/// What happened in a run, counted from its events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Happened {
    /// Attempts that failed and were made again.
    pub retried: u64,
    /// Attempts that were cut off.
    pub interrupted: u64,
    /// Writes of which somebody said whether they had happened.
    pub reconciled: u64,
    /// Times that it was set aside.
    pub quarantined: u64,
}

impl Happened {
    /// Counts.
    pub fn of(events: &[RunEvent]) -> Self {
        let count = |kind: &str| events.iter().filter(|event| event.kind == kind).count() as u64;
        Self {
            retried: count("step.retrying"),
            interrupted: count("step.interrupted"),
            reconciled: count("step.reconciled"),
            quarantined: count("run.quarantined"),
        }
    }
}

/// Everything that is wrong with a run that has ended.
pub(super) fn run(asked: &Asked, seen: &Seen) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut add = |what: String| wrong.push(Wrong { run: Some(asked.run.clone()), what });
    outcome(asked, &seen.run, &mut add);
    steps(asked, &seen.steps, &mut add);
    sequences(&seen.events, &mut add);
    history(&seen.events, &mut add);
    wrong
}

fn outcome(asked: &Asked, run: &Run, add: &mut impl FnMut(String)) {
    if run.status != "completed" || run.result.as_deref() != Some("complete") {
        let (result, error) =
            (run.result.as_deref().unwrap_or("none"), run.error.clone().unwrap_or_default());
        add(format!("it ended {} with the result {result}: {} {}", run.status, error.code, error.message));
        return;
    }
    let came = run.output.clone().unwrap_or_default();
    let due = asked.sort.output(&asked.run, asked.n, &came);
    if came != due {
        add(format!("its output is {came} and must be {due}"));
    }
}

fn steps(asked: &Asked, steps: &[Step], add: &mut impl FnMut(String)) {
    if steps.len() != asked.sort.steps() {
        add(format!("it has {} steps and must have {}", steps.len(), asked.sort.steps()));
    }
    for step in steps.iter().filter(|step| step.status != "completed") {
        add(format!("its step {} is {}", step.path, step.status));
    }
}

fn sequences(events: &[RunEvent], add: &mut impl FnMut(String)) {
    let mut before = 0;
    for (at, event) in events.iter().enumerate() {
        if event.streamsequence != (at + 1).to_string() {
            add(format!("its event {} has the stream sequence {}", at + 1, event.streamsequence));
            return;
        }
        match event.sequence.parse::<u64>() {
            Ok(sequence) if sequence > before => before = sequence,
            Ok(_) | Err(_) => {
                add(format!(
                    "its event {} has the global sequence {} behind {before}",
                    at + 1,
                    event.sequence
                ));
                return;
            }
        }
    }
}

/// A run ends once, at its end; each step completes once; attempts count from 1 without a gap, and each has one outcome.
fn history(events: &[RunEvent], add: &mut impl FnMut(String)) {
    let ends = events
        .iter()
        .filter(|event| matches!(event.kind.as_str(), "run.completed" | "run.failed" | "run.cancelled"));
    // What a straggler says of an attempt that is over is written down, and nothing follows from it.
    let last = events.iter().rfind(|event| event.kind != "step.result_discarded");
    if ends.count() != 1 || last.is_none_or(|event| event.kind != "run.completed") {
        add("its history does not end once, with run.completed".to_owned());
    }
    let mut completed: BTreeMap<&str, u32> = BTreeMap::new();
    let mut started: BTreeMap<&str, u64> = BTreeMap::new();
    let mut closed: BTreeSet<(&str, u64)> = BTreeSet::new();
    for event in events {
        let Some(step) = event.data["step"].as_str() else { continue };
        if event.kind == "step.completed" {
            *completed.entry(step).or_default() += 1;
        }
        // Questions and joins complete without an attempt.
        let Some(attempt) = event.data["attempt"].as_u64() else { continue };
        match event.kind.as_str() {
            "step.started" => {
                let last = started.entry(step).or_default();
                if attempt != *last + 1 {
                    add(format!("attempt {attempt} of its step {step} follows on {last}"));
                }
                *last = attempt;
            }
            "step.retrying" | "step.interrupted" | "step.failed" => {
                let is_first = closed.insert((step, attempt));
                if !is_first {
                    add(format!("attempt {attempt} of its step {step} has two outcomes"));
                }
            }
            _ => {}
        }
    }
    for (step, times) in completed.into_iter().filter(|(_, times)| *times != 1) {
        add(format!("its step {step} completed {times} times"));
    }
    for event in events.iter().filter(|event| event.kind == "run.quarantined") {
        let message = event.data["message"].as_str().unwrap_or_default();
        if !message.starts_with("gave up on ") {
            add(format!("it was set aside although its supervisor did not give up: {message}"));
        }
    }
}

/// Everything that is wrong with what was left outside, once nothing works any more: a finished write was done exactly once,
/// whatever is idempotent at least once, and nothing was done for nobody.
pub(super) fn effects(asked: &[Asked], effects: &Effects) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut due = BTreeSet::new();
    for Asked { run, sort, .. } in asked {
        for (step, exactly_once) in sort.effects() {
            let key = key(run, step);
            let times = effects.times(&key);
            if times == 0 || (*exactly_once && times != 1) {
                let promise = if *exactly_once { "exactly once" } else { "at least once" };
                let what =
                    format!("the work of its step {step} was done {times} times and must be done {promise}");
                wrong.push(Wrong { run: Some(run.clone()), what });
            }
            due.insert(key);
        }
    }
    for key in effects.keys().filter(|key| !due.contains(*key)) {
        wrong.push(Wrong {
            run: None,
            what: format!("something was done under the key {key}, which no run has"),
        });
    }
    wrong
}

/// Everything that is wrong with the list of all runs: each that was asked for is there once, and no other.
pub(super) fn list(asked: &[Asked], listed: &[String]) -> Vec<Wrong> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for run in listed {
        *times.entry(run).or_default() += 1;
    }
    let mut wrong = Vec::new();
    for Asked { run, .. } in asked {
        match times.remove(run.as_str()).unwrap_or(0) {
            1 => {}
            0 => wrong.push(Wrong { run: Some(run.clone()), what: "it was started and is lost".to_owned() }),
            times => {
                wrong.push(Wrong { run: Some(run.clone()), what: format!("it is listed {times} times") })
            }
        }
    }
    wrong.extend(
        times
            .into_keys()
            .map(|run| Wrong { run: Some(run.to_owned()), what: "nobody asked for it".to_owned() }),
    );
    wrong
}

#[cfg(test)]
mod tests;
