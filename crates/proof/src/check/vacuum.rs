//! H0: that something happened.

use std::collections::BTreeMap;

use super::Told;
use super::facts::Facts;
use crate::history::{Fault, What};

/// Of so many requests of a kind at least one has to be done: else a history of refusals would pass.
const WORDS: [&str; 9] =
    ["start", "decide", "signal", "pause", "resume", "cancel", "retry", "reconcile", "get"];

/// So many requests have to be done for each time that the daemon was there.
const DONE_IN_A_LIFE: usize = 5;

/// Every kind of request was done at least once, every kind of fault happened, a fifth of what was answered was done, several
/// requests in each life of the daemon, and somebody read the feed. How much nobody answered says how long nobody was there.
pub(super) fn shows_enough(facts: &Facts<'_>, told: &mut Told) {
    let mut words: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for request in &facts.requests {
        let (done, all) = words.entry(request.op.word()).or_default();
        *done += usize::from(request.ok().is_some());
        *all += usize::from(request.ok().is_some() || request.was_refused());
    }
    for word in WORDS {
        told.unless(words.get(word).is_some_and(|(done, _)| *done > 0), || {
            format!("no {word} was ever done")
        });
    }
    let (done, all) = words.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    told.unless(done * 5 >= all, || format!("only {done} of {all} requests that were answered were done"));
    let lives = facts.faults.iter().filter(|(_, is)| *is == Fault::Ready).count();
    told.unless(done >= lives * DONE_IN_A_LIFE, || {
        format!("only {done} requests were done in {lives} lives")
    });
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
