//! H0: that something happened.

use std::collections::BTreeMap;

use super::Told;
use super::facts::Facts;
use crate::history::{Fault, Op, Outcome, What};

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
    if facts.retains.is_some() {
        dropping_shows_enough(facts, told);
    }
    for kind in ["step.interrupted", "step.retrying", "run.failed", "run.cancelled", "run.completed"] {
        let happened = facts.journal.records.iter().any(|record| record.kind == kind);
        told.unless(happened, || format!("no {kind} ever happened"));
    }
}

/// Runs were dropped while the daemon was killed again and again, space was taken back, and people came by what is gone.
fn dropping_shows_enough(facts: &Facts<'_>, told: &mut Told) {
    let was_dropped =
        facts.found.iter().any(|found| facts.dropped.values().any(|end| end.sequence <= found.head));
    told.unless(was_dropped, || "nothing was dropped between two faults".to_owned());
    let taken_back =
        facts.left.records.iter().filter(|it| it.kind == "store.compacted" && it.number("records") > 0);
    told.unless(taken_back.count() > 0, || "no space was ever taken back".to_owned());
    let is_told = |op: fn(&Op) -> bool| {
        let archived =
            |outcome: &Outcome| matches!(outcome, Outcome::Refused { code, .. } if code == "run_archived");
        facts.requests.iter().any(|request| op(request.op) && archived(request.outcome))
    };
    told.unless(is_told(|op| matches!(op, Op::Get { .. })), || {
        "nobody looked for what was dropped".to_owned()
    });
    told.unless(is_told(|op| matches!(op, Op::Start { .. })), || {
        "no key of a run that was dropped was used again".to_owned()
    });
    let entries = &facts.history.entries;
    told.unless(entries.iter().any(|entry| matches!(entry.what, What::Gap { .. })), || {
        "no reader came by what is gone".to_owned()
    });
    told.unless(entries.iter().any(|entry| matches!(entry.what, What::Listed { .. })), || {
        "nobody looked at the lists".to_owned()
    });
}
