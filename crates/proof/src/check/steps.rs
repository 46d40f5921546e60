//! H5, H7, H9, H13, and that everything ends: what the steps of each run did.

use std::collections::{BTreeMap, BTreeSet};

use super::Told;
use super::facts::Facts;
use crate::journal::Record;
use crate::shapes::{ATTEMPTS_MAX, Does, Shape, shape};

pub(super) fn ends_a_run(kind: &str) -> bool {
    matches!(kind, "run.completed" | "run.failed" | "run.cancelled")
}

fn ends_a_step(kind: &str) -> bool {
    matches!(kind, "step.completed" | "step.failed" | "step.skipped" | "step.cancelled")
}

fn shape_of(records: &[&Record]) -> Option<&'static Shape> {
    shape(records.first()?.text("workflow"))
}

/// A run ends once, unless it is opened again, and so does each of its steps; attempts count from 1 and are not more than
/// they may be; nothing happens in a run that has ended.
pub(super) fn everything_ends_once(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        told.unless(records.first().is_some_and(|record| record.kind == "run.created"), || {
            format!("{run} does not begin with its creation")
        });
        let mut ended = None;
        let mut steps: BTreeSet<&str> = BTreeSet::new();
        let mut attempts: BTreeMap<&str, u64> = BTreeMap::new();
        let mut tries: BTreeMap<(&str, u64), u64> = BTreeMap::new();
        let mut iterations: BTreeMap<&str, u64> = BTreeMap::new();
        for record in records {
            let (kind, step) = (record.kind.as_str(), record.step());
            let place = || format!("the record {} ({kind} {step}) of {run}", record.sequence);
            if kind == "run.reopened" {
                told.unless(ended == Some("run.failed"), || format!("{} opens what did not fail", place()));
                ended = None;
                for step in
                    record.body["steps"].as_array().into_iter().flatten().filter_map(|step| step.as_str())
                {
                    steps.remove(step);
                }
                continue;
            }
            let may_follow = matches!(kind, "step.result_discarded" | "run.archived");
            told.unless(ended.is_none() || may_follow, || format!("{} stands after the end", place()));
            if ends_a_run(kind) {
                ended = Some(kind);
            }
            if ends_a_step(kind) {
                told.unless(steps.insert(step), || format!("{} ends it once more", place()));
            }
            match kind {
                "step.started" => {
                    told.unless(!steps.contains(step), || format!("{} begins what has ended", place()));
                    let last = attempts.entry(step).or_default();
                    *last += 1;
                    told.unless(record.number("attempt") == *last, || {
                        format!("{} is not attempt {last}", place())
                    });
                    iterations.insert(step, record.number("iteration"));
                }
                "step.retrying" | "step.failed" if record.body["attempt"].is_u64() => {
                    let iteration = iterations.get(step).copied().unwrap_or_default();
                    let failures = tries.entry((step, iteration)).or_default();
                    *failures += 1;
                    told.unless(*failures <= ATTEMPTS_MAX, || {
                        format!("{} is failure {failures}, and {ATTEMPTS_MAX} attempts are allowed", place())
                    });
                }
                _ => {}
            }
        }
    }
}

/// A step begins when all that it needs has completed, and its question was answered with yes.
pub(super) fn nothing_starts_before_what_it_needs(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        let Some(shape) = shape_of(records) else { continue };
        let mut completed: BTreeSet<&str> = BTreeSet::new();
        // What was said to the question that a step asked last.
        let mut decisions: BTreeMap<&str, &str> = BTreeMap::new();
        for record in records {
            let (kind, step) = (record.kind.as_str(), record.step());
            let begins = matches!(kind, "step.started" | "step.waiting" | "approval.requested")
                || (kind == "step.completed"
                    && shape.step(step).is_some_and(|step| step.does == Does::Joins));
            if begins && let Some(step) = shape.step(step) {
                let missing: Vec<&str> =
                    step.needs.iter().map(String::as_str).filter(|need| !completed.contains(need)).collect();
                told.unless(missing.is_empty(), || {
                    format!("the record {} of {run} begins {} without {missing:?}", record.sequence, step.id)
                });
            }
            match kind {
                "step.completed" => {
                    let does = shape.step(step).map(|step| step.does);
                    told.unless(does.is_some(), || {
                        format!("{run} has a step {step}, which is not in {}", shape.name)
                    });
                    let decision = decisions.get(step);
                    told.unless(does != Some(Does::Asks) || decision == Some(&"approved"), || {
                        format!(
                            "{step} of {run} completed with {}, decided was {decision:?}",
                            record.sequence
                        )
                    });
                    completed.insert(step);
                }
                "approval.requested" => drop(decisions.remove(step)),
                "approval.decided" => drop(decisions.insert(step, record.text("decision"))),
                _ => {}
            }
        }
        if records.iter().any(|record| record.kind == "run.completed") {
            let missing: Vec<&str> = shape
                .steps
                .iter()
                .map(|step| step.id.as_str())
                .filter(|step| !completed.contains(step))
                .collect();
            told.unless(missing.is_empty(), || format!("{run} completed without {missing:?}"));
        }
    }
}

/// Behind the request to cancel a run nothing of it begins.
pub(super) fn nothing_starts_after_a_cancel(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        let mut cancelled = false;
        for record in records {
            cancelled |= record.kind == "run.cancel_requested";
            let begins = matches!(record.kind.as_str(), "step.started" | "step.scheduled" | "step.waiting");
            told.unless(!(cancelled && begins), || {
                let (kind, step) = (&record.kind, record.step());
                format!("the record {} of {run} ({kind} {step}) stands after its cancel", record.sequence)
            });
        }
    }
}

/// A wait ends once and never early.
pub(super) fn times_are_waited_for(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        let Some(shape) = shape_of(records) else { continue };
        let mut began: BTreeMap<&str, i64> = BTreeMap::new();
        for record in records {
            let step = record.step();
            let Some(Does::Sleeps(ms)) = shape.step(step).map(|step| step.does) else { continue };
            match record.kind.as_str() {
                "step.waiting" => {
                    began.entry(step).or_insert(record.time_us);
                }
                "step.completed" => {
                    let waited = began.get(step).map(|began| record.time_us - began);
                    // Times in the journal are those of the system's clock, due times have milliseconds.
                    let wanted = i64::try_from(ms * 1_000).unwrap_or(i64::MAX) - 1_000;
                    told.unless(waited.is_some_and(|waited| waited >= wanted), || {
                        format!("{step} of {run} waited {waited:?} us, not {ms} ms")
                    });
                }
                _ => {}
            }
        }
    }
}

/// When nothing is done to the daemon any more, every run ends, and what has ended is dropped if it is not to be kept.
pub(super) fn everything_ends(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        let last =
            records.iter().rev().find(|record| ends_a_run(&record.kind) || record.kind == "run.reopened");
        told.unless(last.is_some_and(|last| ends_a_run(&last.kind)), || {
            let last = records.last().map(|record| (&record.kind, record.step().to_owned()));
            format!("{run} has not ended; the last of it is {last:?}")
        });
        let mut open: BTreeSet<&str> = BTreeSet::new();
        for record in records {
            if record.kind == "step.started" {
                open.insert(record.step());
            } else if ends_a_step(&record.kind) {
                open.remove(record.step());
            }
        }
        told.unless(open.is_empty(), || format!("{run} has ended, and {open:?} has not"));
        let may_go = last.is_some_and(|last| matches!(last.kind.as_str(), "run.completed" | "run.cancelled"));
        told.unless(facts.retains.is_none() || !may_go || facts.dropped.contains_key(run), || {
            format!("{run} ended long ago and was not dropped")
        });
    }
}
