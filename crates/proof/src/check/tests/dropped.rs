//! The same for what was dropped. The good history is that of the daemon that was killed, carried on as a daemon does that archives
//! and drops what completed or was cancelled, takes back most of the space, and is killed once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{GOOD, Good, Spoiled, Way, all_are_rejected};
use crate::history::{Entry, Fault, Op, Outcome, What};
use crate::journal::{Archive, Journal, Record, digest};

static DROPPED: LazyLock<Good> = LazyLock::new(dropped);

/// How long runs are kept, and how long after their end these were dropped.
const KEPT_US: u64 = 1_000_000;
const AFTER_US: i64 = 5_000_000;
/// So many of the last records are not taken back yet.
const NOT_TAKEN_BACK: u64 = 100;

fn dropped() -> Good {
    let Good { mut history, mut journal, .. } = GOOD.clone();
    history.entries.insert(0, Entry { at: 0, what: What::Retains { ended_us: KEPT_US } });
    let farewell = journal.records.pop().unwrap();
    let gone = journal.clone();
    let runs = gone.runs();
    let ends_well = |records: &&Vec<&Record>| {
        records.iter().any(|record| matches!(record.kind.as_str(), "run.completed" | "run.cancelled"))
    };
    let leaving: Vec<&str> =
        runs.iter().filter(|(_, records)| ends_well(records)).map(|(run, _)| *run).collect();
    let mut good = Good { history, journal, archives: BTreeMap::new() };
    for (number, leaving) in leaving.chunks(leaving.len().div_ceil(3)).enumerate() {
        let file = format!("runs-{number}.jsonl");
        let is_in = |record: &&Record| record.run().is_some_and(|run| leaving.contains(&run));
        let records = gone.records.iter().filter(is_in).cloned().collect();
        let archive = Archive { hash: format!("hash {number}"), read: Ok(Journal { records }) };
        good.archives.insert(file.clone(), archive);
        for run in leaving {
            let last = runs[run].last().unwrap();
            let status = runs[run].iter().find_map(|record| match record.kind.as_str() {
                "run.completed" => Some("completed"),
                "run.cancelled" => Some("cancelled"),
                _ => None,
            });
            good.write(last, "run.archived", &json!({ "status": status, "file": file }));
        }
    }
    let store = gone.records.iter().rfind(|record| record.stream == farewell.stream).unwrap();
    good.write(store, "store.compacted", &json!({ "records": 100 }));
    good.show_new_records();
    let head = good.journal.head();
    good.journal.records.retain(|record| {
        let is_leaving = record.run().is_some_and(|run| leaving.contains(&run));
        !is_leaving || record.kind == "run.archived" || record.sequence > head - NOT_TAKEN_BACK
    });
    good.go_on(&leaving);
    let mut last = farewell;
    (last.sequence, last.stream_sequence, last.append) = (head + 1, last.stream_sequence + 1, u64::MAX);
    good.journal.records.push(last);
    good
}

impl Good {
    /// A record that follows on another one of its stream.
    fn write(&mut self, after: &Record, kind: &str, body: &Value) {
        let last = self.journal.records.last().unwrap();
        let record = Record {
            sequence: last.sequence + 1,
            stream: after.stream.clone(),
            stream_sequence: after.stream_sequence + 1,
            append: last.append + 1,
            epoch: last.epoch,
            time_us: last.time_us.max(after.time_us + AFTER_US),
            kind: kind.to_owned(),
            chain: format!("{kind} {}", after.chain),
            before: Some(after.chain.clone()),
            body: body.clone(),
            body_hash: digest(body),
        };
        self.journal.records.push(record);
    }

    fn push(&mut self, what: What) {
        let at = self.history.entries.last().unwrap().at + 1;
        self.history.entries.push(Entry { at, what });
    }

    /// Shows all readers what they have not seen.
    fn show_new_records(&mut self) {
        let mut seen: BTreeMap<u32, u64> = BTreeMap::new();
        for entry in &self.history.entries {
            if let What::Frame { reader, sequence, .. } = entry.what {
                seen.insert(reader, sequence);
            }
        }
        for (reader, seen) in seen {
            for record in self.journal.records.clone().into_iter().filter(|record| record.sequence > seen) {
                self.push(frame(reader, &record));
            }
        }
    }

    /// The daemon is killed, and found as it is now; it comes back, and people ask for what is gone and what is not.
    fn go_on(&mut self, leaving: &[&str]) {
        let hashes = |archive: &Archive| archive.hash.clone();
        let files = self.archives.iter().map(|(name, archive)| (name.clone(), hashes(archive))).collect();
        let (head, gone) = (self.journal.head(), self.journal.gone());
        self.push(What::Nemesis { fault: Fault::Kill });
        self.push(What::Found { head, prefix: self.journal.prefix(head, &gone), gone: gone.clone() });
        self.push(What::Shelf { files });
        let refused = || Outcome::Refused { status: 410, code: "run_archived".to_owned() };
        let mut id = 1_000_000;
        let mut ask = |good: &mut Self, op: Op, outcome: Outcome| {
            id += 1;
            good.push(What::Invoke { id, client: 50, op });
            good.push(What::Return { id, outcome });
        };
        for run in leaving {
            ask(self, Op::Get { run: (*run).to_owned() }, refused());
        }
        for op in self.keyed(leaving) {
            ask(self, op, refused());
        }
        let runs: BTreeSet<String> = GOOD.journal.runs().into_keys().map(str::to_owned).collect();
        let kept: Vec<String> = runs.into_iter().filter(|run| !leaving.contains(&run.as_str())).collect();
        for run in &kept {
            let outcome =
                Outcome::Ok { run: Some(run.clone()), sequence: 0, status: Some("failed".to_owned()) };
            ask(self, Op::Get { run: run.clone() }, outcome);
        }
        self.push(What::Listed { runs: kept.clone(), asked: Vec::new() });
        // Somebody reads it all from the beginning.
        let late = 7;
        self.push(What::Open { reader: late, after: 0 });
        let mut seen = 0;
        for record in self.journal.records.clone() {
            if record.sequence > seen + 1 {
                self.push(What::Gap { reader: late, from: seen, to: record.sequence - 1 });
            }
            seen = record.sequence;
            self.push(frame(late, &record));
        }
    }

    /// The starts under a key that were answered with one of these runs.
    fn keyed(&self, leaving: &[&str]) -> Vec<Op> {
        let mut starts: BTreeMap<u64, Op> = BTreeMap::new();
        let mut keyed = Vec::new();
        for entry in &self.history.entries {
            match &entry.what {
                What::Invoke { id, op: op @ Op::Start { key: Some(_), .. }, .. } => {
                    starts.insert(*id, op.clone());
                }
                What::Return { id, outcome: Outcome::Ok { run: Some(run), .. } }
                    if leaving.contains(&run.as_str()) =>
                {
                    keyed.extend(starts.remove(id));
                }
                _ => {}
            }
        }
        keyed
    }
}

fn frame(reader: u32, record: &Record) -> What {
    let (kind, body) = (record.kind.clone(), record.body_hash.clone());
    What::Frame { reader, sequence: record.sequence, kind, body }
}

impl Spoiled {
    /// The place of the last word about a run that was dropped; its run; the name of its archive.
    fn dropped(&mut self) -> Option<(usize, String, String)> {
        let at = self.of_kind("run.archived")?;
        let end = &self.journal.records[at];
        Some((at, end.run()?.to_owned(), end.text("file").to_owned()))
    }

    fn in_file(&mut self, file: &str) -> &mut Vec<Record> {
        &mut self.archives.get_mut(file).unwrap().read.as_mut().unwrap().records
    }

    /// Changes the end of a run in its archive, and in the journal if it is still there.
    fn change_end(&mut self, run: &str, file: &str, change: impl Fn(&mut Record)) {
        let is_end = |record: &&mut Record| {
            record.run() == Some(run) && matches!(record.kind.as_str(), "run.completed" | "run.cancelled")
        };
        let here = self.journal.records.iter_mut().filter(is_end);
        here.for_each(&change);
        self.in_file(file).iter_mut().filter(is_end).for_each(change);
    }

    /// The answer to a request of whoever asks when all is over.
    fn late_answer(&mut self, fits: impl Fn(&Op, &Outcome) -> bool) -> Option<&mut Outcome> {
        let mut asked: BTreeMap<u64, Op> = BTreeMap::new();
        let mut places = Vec::new();
        for (at, entry) in self.history.entries.iter().enumerate() {
            match &entry.what {
                What::Invoke { id, client: 50, op } => drop(asked.insert(*id, op.clone())),
                What::Return { id, outcome } if asked.get(id).is_some_and(|op| fits(op, outcome)) => {
                    places.push(at);
                }
                _ => {}
            }
        }
        let at = self.random.choice(places)?;
        match self.what(at) {
            What::Return { outcome, .. } => Some(outcome),
            _ => None,
        }
    }

    fn listed(&mut self) -> Option<(&mut Vec<String>, &mut Vec<String>)> {
        self.history.entries.iter_mut().find_map(|entry| match &mut entry.what {
            What::Listed { runs, asked } => Some((runs, asked)),
            _ => None,
        })
    }

    fn shelf(&mut self) -> Option<&mut BTreeMap<String, String>> {
        self.history.entries.iter_mut().rev().find_map(|entry| match &mut entry.what {
            What::Shelf { files } => Some(files),
            _ => None,
        })
    }
}

fn is_get(op: &Op) -> bool {
    matches!(op, Op::Get { .. })
}

pub(super) const WAYS: &[Way] = &[
    ("no space was ever taken back", "H0", |spoiled| {
        let at = spoiled.of_kind("store.compacted")?;
        spoiled.journal.records[at].body["records"] = json!(0);
        Some(())
    }),
    ("nobody looked for what was dropped", "H0", |spoiled| {
        while let Some(answer) =
            spoiled.late_answer(|op, outcome| is_get(op) && matches!(outcome, Outcome::Refused { .. }))
        {
            *answer = Outcome::Unknown;
        }
        Some(())
    }),
    ("a compaction takes what was to stay", "H3", |spoiled| {
        let at = spoiled.record(|record| record.kind == "run.failed")?;
        spoiled.journal.records.remove(at);
        Some(())
    }),
    ("a compaction takes the key of a run with it", "H3", |spoiled| {
        let at = spoiled.record(|record| record.stream.starts_with("key/"))?;
        spoiled.journal.records.remove(at);
        Some(())
    }),
    ("a reader is told of a gap where something is kept", "H10", |spoiled| {
        let kept = spoiled.record(|record| record.kind == "run.failed")?;
        let sequence = spoiled.journal.records[kept].sequence;
        let at = spoiled.entry(
            |what| matches!(what, What::Frame { reader: 7, sequence: shown, .. } if *shown == sequence),
        )?;
        *spoiled.what(at) = What::Gap { reader: 7, from: sequence - 1, to: sequence };
        Some(())
    }),
    ("a reader is told of a gap that it has seen", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Gap { from: 1.., .. }))?;
        if let What::Gap { from, .. } = spoiled.what(at) {
            *from -= 1;
        }
        Some(())
    }),
    ("a reader is not told of a gap", "H10", |spoiled| {
        let at = spoiled.entry(|what| matches!(what, What::Gap { .. }))?;
        spoiled.history.entries.remove(at);
        Some(())
    }),
    ("a run is dropped that goes on", "R1", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        spoiled.change_end(&run, &file, |end| end.kind = "step.scheduled".to_owned());
        Some(())
    }),
    ("a run is dropped that is to be kept", "R1", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        spoiled.change_end(&run, &file, |end| end.kind = "run.failed".to_owned());
        Some(())
    }),
    ("a run is dropped before its time", "R1", |spoiled| {
        let (at, ..) = spoiled.dropped()?;
        spoiled.journal.records[at].time_us -= AFTER_US * 100;
        Some(())
    }),
    ("a run goes on after it was dropped", "R1", |spoiled| {
        let (at, ..) = spoiled.dropped()?;
        let mut more = spoiled.journal.records[at].clone();
        let last = spoiled.journal.records.last()?;
        (more.sequence, more.kind) = (last.sequence + 1, "run.reopened".to_owned());
        spoiled.journal.records.push(more);
        Some(())
    }),
    ("runs are dropped and nobody said so", "R1", |spoiled| {
        spoiled.history.entries.retain(|entry| !matches!(entry.what, What::Retains { .. }));
        Some(())
    }),
    ("the archive of a dropped run is not there", "R2", |spoiled| {
        let (.., file) = spoiled.dropped()?;
        spoiled.archives.remove(&file);
        Some(())
    }),
    ("the archive of a dropped run is damaged", "R2", |spoiled| {
        let (.., file) = spoiled.dropped()?;
        spoiled.archives.get_mut(&file)?.read = Err("the archive was changed".to_owned());
        Some(())
    }),
    ("an archive lacks a record", "R2", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        let records = spoiled.in_file(&file).clone();
        let of_run = records.iter().enumerate().filter(|(_, record)| record.run() == Some(run.as_str()));
        let places: Vec<usize> = of_run.map(|(at, _)| at).collect();
        let at = spoiled.random.choice(places)?;
        spoiled.in_file(&file).remove(at);
        Some(())
    }),
    ("an archive says something else than the journal", "R2", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        let sequence = spoiled.journal.records.iter().find(|it| it.run() == Some(run.as_str()))?.sequence;
        spoiled.in_file(&file).iter_mut().find(|it| it.sequence == sequence)?.body_hash.push('0');
        Some(())
    }),
    ("a run is dropped before its archive is durable", "R2", |spoiled| {
        let (.., file) = spoiled.dropped()?;
        spoiled.shelf()?.remove(&file).map(drop)
    }),
    ("an archive was another one when its run was dropped", "R2", |spoiled| {
        let (.., file) = spoiled.dropped()?;
        spoiled.shelf()?.get_mut(&file)?.push('0');
        Some(())
    }),
    ("what an archive holds is taken of a run that is not dropped", "R2", |spoiled| {
        let (.., file) = spoiled.dropped()?;
        let at = spoiled.record(|record| record.kind == "run.failed")?;
        let record = spoiled.journal.records.remove(at);
        spoiled.in_file(&file).push(record);
        Some(())
    }),
    ("the last word about a dropped run is taken too", "R2", |spoiled| {
        let (at, ..) = spoiled.dropped()?;
        spoiled.journal.records.remove(at);
        Some(())
    }),
    ("records were gone before their run was dropped", "R2", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        let first = spoiled.in_file(&file).iter().find(|it| it.run() == Some(run.as_str()))?.sequence;
        let at = spoiled.entry(|what| matches!(what, What::Found { gone, .. } if gone.is_empty()))?;
        if let What::Found { head, gone, .. } = spoiled.what(at) {
            *gone = vec![(first, first)];
            (*head >= first).then_some(())
        } else {
            None
        }
    }),
    ("the last word does not follow on the run", "R3", |spoiled| {
        let (at, ..) = spoiled.dropped()?;
        spoiled.journal.records[at].before = Some("another one".to_owned());
        Some(())
    }),
    ("the chain of an archived run is another one", "R3", |spoiled| {
        let (_, run, file) = spoiled.dropped()?;
        let is_of = |record: &&mut Record| record.run() == Some(run.as_str());
        let kept = spoiled
            .journal
            .records
            .iter()
            .any(|it| it.run() == Some(run.as_str()) && it.kind != "run.archived");
        spoiled.in_file(&file).iter_mut().rfind(is_of)?.chain.push('0');
        (!kept).then_some(())
    }),
    ("a dropped run is shown", "R4", |spoiled| {
        let answer = spoiled.late_answer(|op, it| is_get(op) && matches!(it, Outcome::Refused { .. }))?;
        *answer = Outcome::Ok { run: None, sequence: 0, status: Some("completed".to_owned()) };
        Some(())
    }),
    ("a dropped run is unknown", "R4", |spoiled| {
        let answer = spoiled.late_answer(|op, it| is_get(op) && matches!(it, Outcome::Refused { .. }))?;
        *answer = Outcome::Refused { status: 404, code: "unknown_run".to_owned() };
        Some(())
    }),
    ("a kept run is unknown", "R4", |spoiled| {
        let answer = spoiled.late_answer(|op, it| is_get(op) && matches!(it, Outcome::Ok { .. }))?;
        *answer = Outcome::Refused { status: 404, code: "unknown_run".to_owned() };
        Some(())
    }),
    ("a kept run is said to be archived", "R4", |spoiled| {
        let answer = spoiled.late_answer(|op, it| is_get(op) && matches!(it, Outcome::Ok { .. }))?;
        *answer = Outcome::Refused { status: 410, code: "run_archived".to_owned() };
        Some(())
    }),
    ("the key of a dropped run starts another one", "R4", |spoiled| {
        let answer = spoiled.late_answer(|op, _| matches!(op, Op::Start { .. }))?;
        *answer = Outcome::Ok { run: Some("another".to_owned()), sequence: 0, status: None };
        Some(())
    }),
    ("a list shows a dropped run", "R5", |spoiled| {
        let (_, run, _) = spoiled.dropped()?;
        spoiled.listed()?.0.push(run);
        Some(())
    }),
    ("a list shows a question of a dropped run", "R5", |spoiled| {
        let (_, run, _) = spoiled.dropped()?;
        spoiled.listed()?.1.push(run);
        Some(())
    }),
    ("a list lacks a run that is kept", "R5", |spoiled| spoiled.listed()?.0.pop().map(drop)),
    ("what has ended is never dropped", "live", |spoiled| {
        let (at, run, file) = spoiled.dropped()?;
        spoiled.journal.records.remove(at);
        let of_run = spoiled.in_file(&file).iter().filter(|it| it.run() == Some(run.as_str())).cloned();
        let all: BTreeMap<u64, Record> = of_run
            .collect::<Vec<_>>()
            .into_iter()
            .chain(spoiled.journal.records.drain(..))
            .map(|record| (record.sequence, record))
            .collect();
        spoiled.journal.records = all.into_values().collect();
        Some(())
    }),
];

#[test]
fn a_good_history_in_which_runs_are_dropped_is_accepted() {
    let violations = DROPPED.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(DROPPED.archives.len() == 3 && DROPPED.journal.gone().len() > 10);
}

#[test]
fn every_way_of_spoiling_what_is_dropped_is_rejected_by_its_rule() {
    all_are_rejected(&DROPPED, WAYS);
}
