//! H0: that something happened.

use std::collections::BTreeMap;

use super::Told;
use super::facts::Facts;
use crate::history::{Fault, What};

/// Of so many requests of a kind at least one has to be done: else a history of refusals would pass.
const WORDS: [&str; 9] =
    ["start", "decide", "signal", "pause", "resume", "cancel", "retry", "reconcile", "get"];

/// Every kind of request was done at least once, every kind of fault happened, a fifth of what was asked was done, and somebody
/// read the feed.
pub(super) fn shows_enough(facts: &Facts<'_>, told: &mut Told) {
    let mut words: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for request in &facts.requests {
        let (done, all) = words.entry(request.op.word()).or_default();
        *done += usize::from(request.ok().is_some());
        *all += 1;
    }
    for word in WORDS {
        told.unless(words.get(word).is_some_and(|(done, _)| *done > 0), || {
            format!("no {word} was ever done")
        });
    }
    let (done, all) = words.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    told.unless(done * 5 >= all, || format!("only {done} of {all} requests were done"));
    for fault in [Fault::Kill, Fault::KillInRecovery, Fault::Stop] {
        let happened = facts.faults.iter().any(|(_, is)| *is == fault);
        told.unless(happened, || format!("{fault:?} never happened"));
    }
    let frames =
        facts.history.entries.iter().filter(|entry| matches!(entry.what, What::Frame { .. })).count();
    told.unless(frames as u64 >= facts.journal.head() / 2, || {
        format!("the readers saw {frames} of {} records", facts.journal.head())
    });
    for kind in ["step.interrupted", "step.retrying", "run.failed", "run.cancelled", "run.completed"] {
        let happened = facts.journal.records.iter().any(|record| record.kind == kind);
        told.unless(happened, || format!("no {kind} ever happened"));
    }
}
