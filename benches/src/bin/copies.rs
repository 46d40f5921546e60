//! Writes copies of one stored run under ids of their own, so that a store with a million waiting runs takes seconds to
//! make instead of hours.
//!
//! ```text
//! copies DATA RUN APPROVAL COUNT
//! ```
//!
//! The copies are the very records that the daemon wrote for `RUN`, in the same appends with the same routes, aliases and
//! due times; only the run's id and the id of the approval that it waits for differ. They go through the journal as all
//! appends do, in full commits. Prints some of the copies, scattered over all, as `run approval`, and in the end how many
//! bytes the journal wrote for them all, as `bytes N`.

use std::sync::Arc;

use anyhow::{Context, ensure};
use ghostlight_store::{
    Append, AppendFuture, FileJournal, Journal, JournalOptions, NewRecord, Record, StreamAppend, StreamName,
    Wake,
};
use ghostlight_world::World;
use uuid::Uuid;

/// How many runs are on their way at the same time.
const BATCH: u64 = 1_000;
/// About how many copies are printed.
const PRINTED: u64 = 100;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, run, approval, count] = arguments.as_slice() else {
        anyhow::bail!("usage: copies DATA RUN APPROVAL COUNT")
    };
    let (run, approval): (Uuid, Uuid) = (run.parse()?, approval.parse()?);
    let count: u64 = count.parse().context("the number of copies")?;

    let world = World::real();
    let journal =
        FileJournal::open(&world, data.as_ref(), &JournalOptions::default()).context("open the store")?;
    let pattern = Pattern::of(&journal, run, approval)?;
    let mut on_the_way: Vec<AppendFuture> = Vec::new();
    for number in 0..count {
        let (run, approval) = (world.uuid_v7(), world.uuid_v7());
        // Appends of one thread are decided in the order of their calls, so that those of a run need not wait for each other.
        on_the_way.extend(
            pattern.copy(run, approval, || world.uuid_v7())?.into_iter().map(|append| journal.append(append)),
        );
        if number % (count / PRINTED).max(1) == 0 {
            println!("{run} {approval}");
        }
        if (number + 1) % BATCH == 0 || number + 1 == count {
            for append in on_the_way.drain(..) {
                append.wait().context("write a copy")?;
            }
        }
    }
    println!("bytes {}", journal.stats().bytes);
    journal.close();
    Ok(())
}

/// The run that is copied.
struct Pattern {
    run: String,
    approval: String,
    /// Its records, append by append.
    appends: Vec<Vec<Record>>,
    wake: Wake,
    route: Arc<str>,
}

impl Pattern {
    fn of(journal: &FileJournal, run: Uuid, approval: Uuid) -> anyhow::Result<Self> {
        let stream = stream_of(run)?;
        let head = journal.head_of(&stream)?.context("there is no such run")?;
        let mut appends: Vec<Vec<Record>> = Vec::new();
        for record in journal.read(&stream, 1, 1_000)? {
            // What was decided together was decided at one time, and follows one another without a gap.
            let together =
                |last: &Record| last.time_us == record.time_us && last.sequence + 1 == record.sequence;
            match appends.last_mut() {
                Some(append) if append.last().is_some_and(together) => append.push(record),
                Some(_) | None => appends.push(vec![record]),
            }
        }
        let pattern = Self {
            run: run.to_string(),
            approval: approval.to_string(),
            appends,
            wake: head.wake,
            route: head.route,
        };
        let asks = pattern.appends.iter().flatten().any(|record| pattern.asks(record));
        ensure!(asks, "the run does not wait for this approval");
        Ok(pattern)
    }

    fn asks(&self, record: &Record) -> bool {
        record.body.windows(self.approval.len()).any(|window| window == self.approval.as_bytes())
    }

    fn copy(&self, run: Uuid, approval: Uuid, id: impl Fn() -> Uuid) -> anyhow::Result<Vec<Append>> {
        let (run_text, approval_text) = (run.to_string(), approval.to_string());
        let stream = stream_of(run)?;
        let mut is_alias_given = false;
        let mut expected = 0;
        let mut copies = Vec::with_capacity(self.appends.len());
        for (number, records) in self.appends.iter().enumerate() {
            let is_last = number + 1 == self.appends.len();
            let asks = !is_alias_given && records.iter().any(|record| self.asks(record));
            is_alias_given |= asks;
            let part = StreamAppend {
                stream: stream.clone(),
                expected,
                records: records
                    .iter()
                    .map(|record| NewRecord {
                        kind: record.kind,
                        version: record.version,
                        time_us: record.time_us,
                        body: self.body(&record.body, &run_text, &approval_text).into(),
                    })
                    .collect(),
                wake: if is_last { self.wake } else { Wake::Now },
                route: self.route.clone(),
                aliases: if asks { vec![approval.into_bytes()] } else { Vec::new() },
            };
            expected += records.len() as u64;
            copies.push(Append::one(id().into_bytes(), part));
        }
        Ok(copies)
    }

    /// The body with the ids of the copy.
    fn body(&self, body: &[u8], run: &str, approval: &str) -> Vec<u8> {
        let mut copy = body.to_vec();
        for (from, to) in [(&self.run, run), (&self.approval, approval)] {
            let (from, to) = (from.as_bytes(), to.as_bytes());
            let mut at = 0;
            while let Some(found) = copy[at..].windows(from.len()).position(|window| window == from) {
                copy[at + found..at + found + to.len()].copy_from_slice(to);
                at += found + to.len();
            }
        }
        copy
    }
}

fn stream_of(run: Uuid) -> anyhow::Result<StreamName> {
    Ok(StreamName::new("run", "default", &run.to_string())?)
}
