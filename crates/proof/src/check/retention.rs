//! R1, R2, R4, R5: what was archived and dropped is another thing than what is lost.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Told;
use super::facts::{Facts, Found, Request};
use super::steps::ends_a_run;
use crate::history::{Op, Outcome, What};
use crate::journal::Record;

/// What a dropped run is answered with.
const ARCHIVED: &str = "run_archived";

/// The last word about a run that is dropped stands behind its end, as long after it as ended runs are kept, and nothing behind
/// it. A run that has not ended, or that failed, is never dropped.
pub(super) fn only_what_ended_long_ago_is_dropped(facts: &Facts<'_>, told: &mut Told) {
    for (run, records) in &facts.runs {
        for (at, dropped) in records.iter().enumerate().filter(|(_, record)| record.kind == "run.archived") {
            let Some(kept_us) = facts.retains else {
                told.tell(format!("{run} was dropped, and nobody said that anything is"));
                continue;
            };
            told.unless(at + 1 == records.len(), || format!("{run} goes on after it was dropped"));
            let before = records[..at].iter().rev();
            let last = before.copied().find(|it| ends_a_run(&it.kind) || it.kind == "run.reopened");
            let Some(end) = last.filter(|last| ends_a_run(&last.kind)) else {
                told.tell(format!("{run} was dropped and had not ended"));
                continue;
            };
            told.unless(end.kind != "run.failed", || format!("{run} failed, and was dropped"));
            told.unless(end.kind == format!("run.{}", dropped.text("status")), || {
                format!("{run} was dropped as {}, and is {}", dropped.text("status"), end.kind)
            });
            let waited = dropped.time_us - end.time_us;
            told.unless(waited >= i64::try_from(kept_us).unwrap_or(i64::MAX), || {
                format!("{run} was dropped {waited} us after its end, not {kept_us}")
            });
        }
    }
}

/// What is not in the journal any more, at the end or at any fault, is of a run whose last word says that it was dropped and is
/// still there. The file that this names holds all of the run, was on the disk wherever the last word was, and says the same as
/// the journal of what is in both.
pub(super) fn what_is_gone_was_archived_before(facts: &Facts<'_>, told: &mut Told) {
    let at_the_end = Found { at: u64::MAX, head: facts.left.head(), prefix: "", gone: &facts.left.gone() };
    for found in facts.found.iter().chain([&at_the_end]) {
        let is_gone = |sequence: u64| found.gone.iter().any(|(from, to)| (*from..=*to).contains(&sequence));
        for sequence in found.gone.iter().flat_map(|(from, to)| *from..=*to) {
            let end = facts.record(sequence).and_then(|record| facts.dropped.get(record.run()?));
            let was_dropped = end.is_some_and(|end| end.sequence <= found.head && !is_gone(end.sequence));
            told.unless(was_dropped, || {
                format!("the record {sequence} is gone up to {}, and its run was not dropped", found.head)
            });
        }
    }
    for (run, end) in &facts.dropped {
        let name = end.text("file");
        let Some(archive) = facts.archives.get(name) else {
            told.tell(format!("{run} was dropped, and its archive {name:?} is not there"));
            continue;
        };
        let journal = match &archive.read {
            Ok(journal) => journal,
            Err(error) => {
                told.tell(format!("{run} was dropped, and its archive {name} cannot be read: {error}"));
                continue;
            }
        };
        let in_file = chains(journal.records.iter().filter(|record| record.run() == Some(run)));
        let all = facts.runs.get(run).map_or(&[][..], Vec::as_slice);
        let before_end = chains(all.iter().copied().filter(|record| record.sequence < end.sequence));
        let is_whole = in_file.len() as u64 + 1 == end.stream_sequence && in_file == before_end;
        told.unless(is_whole, || {
            let (count, before) = (in_file.len(), end.stream_sequence - 1);
            format!("{run} was dropped after {before} records, and {name} holds {count}, or others")
        });
        let with_it = facts.found.iter().filter(|found| found.head >= end.sequence);
        for found in with_it {
            let shelf = facts.shelves.iter().find(|(at, _)| *at >= found.at);
            told.unless(shelf.is_some_and(|(_, files)| files.get(name) == Some(&archive.hash)), || {
                format!("{run} was dropped up to {}, and its archive {name} was not there then", found.head)
            });
        }
    }
    let here: HashMap<u64, &Record> =
        facts.left.records.iter().map(|record| (record.sequence, record)).collect();
    for (name, archive) in facts.archives {
        for record in archive.read.iter().flat_map(|journal| &journal.records) {
            let is = here.get(&record.sequence).copied().or_else(|| facts.record(record.sequence));
            let is_same = is.is_some_and(|is| {
                (&is.stream, is.stream_sequence, &is.kind)
                    == (&record.stream, record.stream_sequence, &record.kind)
                    && (&is.chain, &is.body_hash, is.time_us)
                        == (&record.chain, &record.body_hash, record.time_us)
            });
            told.unless(is_same, || {
                format!("{name} says another thing of the record {} than the journal", record.sequence)
            });
        }
    }
}

fn chains<'r>(records: impl Iterator<Item = &'r Record>) -> Vec<(u64, &'r str)> {
    records.map(|record| (record.stream_sequence, record.chain.as_str())).collect()
}

/// Since when each dropped run was known to be so: somebody was told, or it was found in the journal after a fault.
fn known_since<'h>(facts: &Facts<'h>) -> BTreeMap<&'h str, u64> {
    let mut known: BTreeMap<&str, u64> = BTreeMap::new();
    for (run, end) in &facts.dropped {
        let found = facts.found.iter().find(|found| found.head >= end.sequence);
        known.extend(found.map(|found| (*run, found.at)));
    }
    for request in facts.requests.iter().filter(|request| is_archived(request)) {
        if let (Some(run), Some(returned)) = (run_of(facts, request), request.returned) {
            let since = known.entry(run).or_insert(returned);
            *since = returned.min(*since);
        }
    }
    known
}

fn is_archived(request: &Request<'_>) -> bool {
    matches!(request.outcome, Outcome::Refused { status: 410, code } if code == ARCHIVED)
}

/// The run that a request is about; that of a start or a decision is found in the journal.
fn run_of<'h>(facts: &Facts<'h>, request: &Request<'h>) -> Option<&'h str> {
    let begun_by = |nonce: &str| {
        let is_it = |records: &&Vec<&'h Record>| {
            records.first().is_some_and(|first| first.body["input"]["json"]["nonce"] == nonce)
        };
        facts.runs.values().find(is_it)?.first()?.run()
    };
    let asked_in = |approval: &str| {
        let is_it =
            |record: &&Record| record.kind == "approval.requested" && record.text("approval") == approval;
        facts.journal.records.iter().find(is_it)?.run()
    };
    match request.op {
        Op::Start { nonce, .. } => begun_by(nonce),
        Op::Decide { approval, .. } => asked_in(approval),
        op => op.run(),
    }
}

/// Who is told that a run was archived can rely on it, and from then on everybody who asks for the run is told so. A run that was
/// acknowledged is never unknown.
pub(super) fn what_was_dropped_is_known_as_such(facts: &Facts<'_>, told: &mut Told) {
    let known = known_since(facts);
    // Since when somebody knew that there is such a run.
    let mut acknowledged: BTreeMap<&str, u64> = BTreeMap::new();
    for request in &facts.requests {
        if let (Some((run, _)), Some(returned)) = (request.ok(), request.returned)
            && let Some(run) = run.or_else(|| request.op.run())
        {
            let since = acknowledged.entry(run).or_insert(returned);
            *since = returned.min(*since);
        }
    }
    for request in &facts.requests {
        if is_archived(request) {
            let head = facts.head_after(request.returned.unwrap_or(u64::MAX));
            let end = run_of(facts, request).and_then(|run| facts.dropped.get(run));
            told.unless(end.is_some_and(|end| end.sequence <= head), || {
                format!("{:?} was told that the run is archived, and it is not", request.op)
            });
            continue;
        }
        if let (Outcome::Refused { code, .. }, Some(run)) = (request.outcome, request.op.run()) {
            let is_lost = code == "unknown_run"
                && acknowledged.get(run).is_some_and(|returned| *returned <= request.invoked);
            told.unless(!is_lost, || format!("{:?} was told that there is no such run", request.op));
        }
        // Only who asks later can have known.
        let run = match request.op {
            Op::Start { key: None, .. } => None,
            _ if known.values().all(|since| *since > request.invoked) => None,
            _ => run_of(facts, request),
        };
        let was_known = run.and_then(|run| known.get(run)).is_some_and(|since| *since <= request.invoked);
        let may_be = match request.outcome {
            Outcome::Unknown => true,
            // A question may be unknown with its run.
            Outcome::Refused { .. } => request.op.run().is_none(),
            Outcome::Ok { .. } => false,
        };
        told.unless(!was_known || may_be, || {
            format!("{:?} was answered with {:?} after the run was dropped", request.op, request.outcome)
        });
    }
}

/// Lists show every run that was never dropped, and neither a run that was known to be dropped nor its questions.
pub(super) fn lists_show_what_is_kept(facts: &Facts<'_>, told: &mut Told) {
    let known = known_since(facts);
    for entry in &facts.history.entries {
        let What::Listed { runs, asked } = &entry.what else { continue };
        for run in runs.iter().chain(asked) {
            told.unless(facts.runs.contains_key(run.as_str()), || {
                format!("{run} is listed, and there is none")
            });
            let is_known = known.get(run.as_str()).is_some_and(|since| *since <= entry.at);
            told.unless(!is_known, || format!("{run} is listed, and was dropped"));
        }
        let listed: BTreeSet<&str> = runs.iter().map(String::as_str).collect();
        for run in facts.runs.keys().filter(|run| !facts.dropped.contains_key(**run)) {
            told.unless(listed.contains(run), || format!("{run} is kept, and not listed"));
        }
    }
}
