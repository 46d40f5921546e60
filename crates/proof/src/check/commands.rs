//! H1, H2, H8, H11: what was asked and acknowledged.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Told;
use super::facts::{Facts, Request};
use crate::history::Op;
use crate::journal::Record;

/// The kind of record that a request makes.
fn kind(op: &Op) -> Option<&'static str> {
    match op {
        Op::Start { .. } => Some("run.created"),
        Op::Decide { .. } => Some("approval.decided"),
        Op::Signal { .. } => Some("signal.received"),
        Op::Pause { .. } => Some("run.paused"),
        Op::Resume { .. } => Some("run.resumed"),
        Op::Cancel { .. } => Some("run.cancel_requested"),
        Op::Retry { .. } => Some("run.reopened"),
        Op::Reconcile { .. } => Some("step.reconciled"),
        Op::Get { .. } => None,
    }
}

/// What tells the record of a request from all others of its kind, as both sides say it.
fn nonce(op: &Op) -> Option<&str> {
    match op {
        Op::Start { nonce, .. }
        | Op::Decide { nonce, .. }
        | Op::Signal { nonce, .. }
        | Op::Pause { nonce, .. }
        | Op::Cancel { nonce, .. } => Some(nonce),
        Op::Resume { .. } | Op::Retry { .. } | Op::Reconcile { .. } | Op::Get { .. } => None,
    }
}

fn nonce_of(record: &Record) -> Option<&str> {
    let body = &record.body;
    match record.kind.as_str() {
        "run.created" => body["input"]["json"]["nonce"].as_str(),
        "approval.decided" => body["comment"]["json"].as_str(),
        "signal.received" => body["payload"]["json"]["nonce"].as_str(),
        "run.paused" => body["message"].as_str(),
        "run.cancel_requested" => body["reason"].as_str(),
        _ => None,
    }
}

/// The records that requests make, by what tells them apart.
fn made<'h>(facts: &Facts<'h>) -> HashMap<(&'h str, &'h str), Vec<&'h Record>> {
    let mut made: HashMap<_, Vec<_>> = HashMap::new();
    for record in &facts.journal.records {
        if let Some(nonce) = nonce_of(record) {
            made.entry((record.kind.as_str(), nonce)).or_default().push(record);
        }
    }
    made
}

/// Every request that was answered with success has its record, of the run and at the place that the answer said; what was
/// refused has none.
pub(super) fn nothing_acknowledged_is_lost(facts: &Facts<'_>, told: &mut Told) {
    let made = made(facts);
    let mut done: HashMap<(&str, &str), bool> = HashMap::new();
    for request in &facts.requests {
        let (Some(kind), Some(nonce)) = (kind(request.op), nonce(request.op)) else { continue };
        *done.entry((kind, nonce)).or_default() |= !request.was_refused();
    }
    for request in &facts.requests {
        let Some(kind) = kind(request.op) else { continue };
        if let Some((run, sequence)) = request.ok() {
            let run = run.or_else(|| request.op.run());
            if let Some(nonce) = nonce(request.op) {
                let records = made.get(&(kind, nonce)).map_or(&[][..], Vec::as_slice);
                told.unless(changed_nothing(facts, request, sequence) || records.len() == 1, || {
                    format!("{:?} was acknowledged and has {} records of {kind}", request.op, records.len())
                });
            }
            if sequence > 0 {
                // The last record of a request with a key is the key.
                let is_of = |record: &Record, run: &str| {
                    record.run() == Some(run)
                        || record.text("target").strip_prefix("run/default/") == Some(run)
                };
                let record = facts.record(sequence);
                told.unless(record.is_some_and(|record| run.is_none_or(|run| is_of(record, run))), || {
                    let is = record.map(|record| (&record.kind, &record.stream));
                    format!("{:?} was acknowledged with {sequence}, which is {is:?}", request.op)
                });
            }
        } else if request.was_refused()
            && let Some(nonce) = nonce(request.op)
            && done.get(&(kind, nonce)) == Some(&false)
        {
            told.unless(!made.contains_key(&(kind, nonce)), || {
                format!("{:?} was refused and was done", request.op)
            });
        }
    }
    resumed_retried_and_reconciled(facts, told);
}

/// A command that found everything as it was to be makes no record. When it was decided together with what changed something,
/// its answer names that; then the run has to have been as it was to be, before that or with it.
fn changed_nothing(facts: &Facts<'_>, request: &Request<'_>, sequence: u64) -> bool {
    if !matches!(request.op, Op::Pause { .. } | Op::Resume { .. } | Op::Cancel { .. }) {
        return sequence == 0 && matches!(request.op, Op::Retry { .. } | Op::Reconcile { .. });
    }
    let Some(named) = facts.record(sequence) else { return sequence == 0 };
    let of_run = request.op.run().and_then(|run| facts.runs.get(run)).map_or(&[][..], Vec::as_slice);
    let at_once = |record: &&&Record| record.append == named.append;
    if of_run.iter().filter(at_once).any(|record| kind(request.op) == Some(&record.kind)) {
        return false;
    }
    // How the run stood before the append, and after each record of it.
    let (mut stood, mut is_paused, mut is_cancelled) = (false, false, false);
    for record in of_run.iter().take_while(|record| record.append <= named.append) {
        let stands = |is_paused: bool, is_cancelled: bool| match request.op {
            Op::Pause { .. } => is_paused,
            Op::Resume { .. } => !is_paused,
            _ => is_cancelled,
        };
        stood |= record.append == named.append && stands(is_paused, is_cancelled);
        match record.kind.as_str() {
            "run.paused" | "run.quarantined" => is_paused = true,
            "run.resumed" => is_paused = false,
            "run.cancel_requested" => is_cancelled = true,
            _ => {}
        }
        stood |= record.append == named.append && stands(is_paused, is_cancelled);
    }
    stood
}

/// What nothing tells apart is counted: no run has fewer records than were acknowledged, nor more than were asked for.
fn resumed_retried_and_reconciled(facts: &Facts<'_>, told: &mut Told) {
    let mut asked: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for request in &facts.requests {
        let (Some(kind), Some(run), None) = (kind(request.op), request.op.run(), nonce(request.op)) else {
            continue;
        };
        let (acknowledged, possible) = asked.entry((run, kind)).or_default();
        *acknowledged +=
            usize::from(request.ok().is_some_and(|(_, sequence)| !changed_nothing(facts, request, sequence)));
        *possible += usize::from(!request.was_refused());
    }
    for ((run, kind), (acknowledged, possible)) in asked {
        let of_run = facts.runs.get(run).map_or(&[][..], Vec::as_slice);
        let found = of_run.iter().filter(|record| record.kind == kind).count();
        told.unless((acknowledged..=possible).contains(&found), || {
            format!("{run} has {found} of {kind}; {acknowledged} were acknowledged, {possible} asked for")
        });
    }
}

/// Every record that only somebody's request can make was asked for.
pub(super) fn nothing_is_invented(facts: &Facts<'_>, told: &mut Told) {
    let asked: BTreeSet<(&str, &str)> =
        facts.requests.iter().filter_map(|request| Some((kind(request.op)?, nonce(request.op)?))).collect();
    let runs: BTreeSet<(&str, &str)> =
        facts.requests.iter().filter_map(|request| Some((kind(request.op)?, request.op.run()?))).collect();
    for record in &facts.journal.records {
        let kind = record.kind.as_str();
        match kind {
            // A run that keeps crashing its actors is paused by nobody.
            "run.paused" if record.text("reason") != "operator" => {}
            "run.created" | "signal.received" | "run.cancel_requested" | "run.paused" => {
                let nonce = nonce_of(record).unwrap_or_default();
                told.unless(asked.contains(&(kind, nonce)), || {
                    format!("nobody asked for the record {} of {kind} with {nonce:?}", record.sequence)
                });
            }
            "approval.decided" if matches!(record.text("decision"), "approved" | "rejected") => {
                let nonce = nonce_of(record).unwrap_or_default();
                told.unless(asked.contains(&(kind, nonce)), || {
                    format!("nobody decided as the record {} says, with {nonce:?}", record.sequence)
                });
            }
            "run.resumed" | "run.reopened" | "step.reconciled" => {
                let run = record.run().unwrap_or_default();
                told.unless(runs.contains(&(kind, run)), || {
                    format!("nobody asked for the record {} of {kind} in {run}", record.sequence)
                });
            }
            _ => {}
        }
    }
}

/// A question has one decision, after it was asked, and it is the one that was acknowledged.
pub(super) fn no_question_is_decided_twice(facts: &Facts<'_>, told: &mut Told) {
    let (mut asked, mut decided) = (BTreeMap::new(), BTreeMap::new());
    for record in &facts.journal.records {
        let approval = record.text("approval");
        match record.kind.as_str() {
            "approval.requested" => {
                let before = asked.insert(approval, record.sequence);
                told.unless(before.is_none(), || format!("{approval} was asked twice"));
            }
            "approval.decided" => {
                told.unless(asked.contains_key(approval), || {
                    format!("{approval} was decided and never asked")
                });
                let before = decided.insert(approval, (record.text("decision"), nonce_of(record)));
                told.unless(before.is_none(), || format!("{approval} was decided twice"));
            }
            _ => {}
        }
    }
    for request in &facts.requests {
        let (Op::Decide { approval, approve, nonce }, Some(_)) = (request.op, request.ok()) else { continue };
        let decision = if *approve { "approved" } else { "rejected" };
        let is = decided.get(approval.as_str());
        told.unless(is == Some(&(decision, Some(nonce.as_str()))), || {
            format!("{approval} was acknowledged as {decision} by {nonce}, and is {is:?}")
        });
    }
}

/// All starts under one key are one run, and each start without one has its own.
pub(super) fn a_key_starts_one_run(facts: &Facts<'_>, told: &mut Told) {
    let mut keys: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    let mut runs: HashMap<&str, BTreeSet<&str>> = HashMap::new();
    for request in &facts.requests {
        let (Op::Start { nonce, key, .. }, Some((Some(run), _))) = (request.op, request.ok()) else {
            continue;
        };
        if let Some(key) = key {
            keys.entry(key).or_default().insert(run);
        }
        runs.entry(run).or_default().insert(nonce);
    }
    for (key, of_key) in &keys {
        told.unless(of_key.len() == 1, || format!("the key {key} was answered with {of_key:?}"));
    }
    for (run, nonces) in &runs {
        told.unless(nonces.len() == 1, || format!("{run} was answered to {nonces:?}"));
    }
    let mut created: HashMap<&str, usize> = HashMap::new();
    for record in facts.journal.records.iter().filter(|record| record.kind == "run.created") {
        *created.entry(nonce_of(record).unwrap_or_default()).or_default() += 1;
    }
    for (nonce, count) in created {
        told.unless(count == 1, || format!("{nonce} started {count} runs"));
    }
}
