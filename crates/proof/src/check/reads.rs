//! H4 and H12: what clients were told of the state of a run.

use std::collections::HashMap;

use super::Told;
use super::facts::Facts;
use crate::history::{Op, Outcome};
use crate::journal::Record;

/// The status after a record, when it changes it.
fn status_after(record: &Record) -> Option<&'static str> {
    match record.kind.as_str() {
        "run.created" => Some("pending"),
        "plan.created" | "run.resumed" | "run.reopened" => Some("running"),
        "run.paused" | "run.quarantined" => Some("paused"),
        "run.completed" => Some("completed"),
        "run.failed" => Some("failed"),
        "run.cancelled" => Some("cancelled"),
        _ => None,
    }
}

/// The statuses of a run: from which global sequence on it has which.
fn statuses(records: &[&Record]) -> Vec<(u64, &'static str)> {
    let mut statuses: Vec<(u64, &'static str)> = Vec::new();
    for record in records {
        if let Some(status) = status_after(record)
            && statuses.last().is_none_or(|(_, last)| *last != status)
        {
            statuses.push((record.sequence, status));
        }
    }
    statuses
}

/// Every look at a run shows a state that it had: one that holds all that was acknowledged before, that is not older than
/// what the same client saw before, and that was durable when it was shown.
pub(super) fn answers_fit_the_journal(facts: &Facts<'_>, told: &mut Told) {
    let statuses: HashMap<&str, Vec<(u64, &'static str)>> =
        facts.runs.iter().map(|(run, records)| (*run, statuses(records))).collect();
    // What was acknowledged about each run: when, and with which sequence.
    let mut acknowledged: HashMap<&str, Vec<(u64, u64)>> = HashMap::new();
    for request in &facts.requests {
        if let (Some((run, sequence)), Some(returned)) = (request.ok(), request.returned)
            && let Some(run) = run.or_else(|| request.op.run())
        {
            acknowledged.entry(run).or_default().push((returned, sequence));
        }
    }
    let mut seen: HashMap<(u32, &str), u64> = HashMap::new();
    for request in &facts.requests {
        let (Op::Get { run }, Outcome::Ok { status: Some(status), .. }) = (request.op, request.outcome)
        else {
            continue;
        };
        let Some(statuses) = statuses.get(run.as_str()) else {
            told.tell(format!("{run} was seen, and there is no such run"));
            continue;
        };
        let before = acknowledged.get(run.as_str()).into_iter().flatten();
        let before =
            before.filter(|(returned, _)| *returned <= request.invoked).map(|(_, sequence)| *sequence).max();
        let seen = seen.entry((request.client, run)).or_default();
        let least = before.unwrap_or(0).max(*seen);
        let most = facts.head_after(request.returned.unwrap_or(u64::MAX));
        // A status holds from its sequence up to the next one; it fits when some moment from `least` to `most` has it.
        let ends = statuses.iter().skip(1).map(|(from, _)| from - 1).chain([u64::MAX]);
        let fitting = statuses
            .iter()
            .zip(ends)
            .find(|((from, is), end)| is == status && *end >= least && *from <= most)
            .map(|((from, _), _)| *from);
        match fitting {
            Some(from) => *seen = least.max(from),
            None => told.tell(format!(
                "client {} saw {run} {status}; between {least} and {most} it never was: {statuses:?}",
                request.client
            )),
        }
    }
}
