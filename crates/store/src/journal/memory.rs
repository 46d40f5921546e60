//! A journal in memory: the same trait, the same rules, nothing durable. For tests of everything above.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::outcomes::Outcomes;
use super::{
    Follow, Journal, JournalStats, Outcome, Publisher, READ_BYTES_MAX, READ_RECORDS_MAX, Reply, Waking,
    WholePart, admit,
};
use crate::record::{
    Append, AppendError, CHAIN_START, CommitBatch, Committed, Corruption, ReadError, Record, StreamHead,
    StreamName, Wake, chain_hash,
};

const APPEND_BYTES_MAX: usize = 8 << 20;

/// A journal that lives as long as the value. Every append is a commit of its own, decided in the caller's thread.
pub struct MemoryJournal {
    log_id: Uuid,
    state: Mutex<State>,
    publisher: Publisher,
}

#[derive(Default)]
struct State {
    records: Vec<Record>,
    streams: BTreeMap<StreamName, Stream>,
    aliases: HashMap<[u8; 16], StreamName>,
    outcomes: Outcomes,
    stats: JournalStats,
    closed: bool,
    /// Up to which record what a stream holds does not verify.
    damaged: BTreeMap<StreamName, u64>,
}

struct Stream {
    head: StreamHead,
    /// Indexes into `State::records`.
    records: Vec<usize>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self { log_id: Uuid::new_v4(), state: Mutex::default(), publisher: Publisher::default() }
    }

    /// From here on nothing verifies of what the stream holds by now.
    pub fn damage(&self, stream: &StreamName) {
        let mut state = self.state();
        let last = state.streams.get(stream).map_or(0, |stream| stream.head.sequence);
        state.damaged.insert(stream.clone(), last);
    }

    /// The same, and nothing can follow on it.
    pub fn damage_beyond_proof(&self, stream: &StreamName) {
        self.damage(stream);
        if let Some(stream) = self.state().streams.get_mut(stream) {
            stream.head.is_in_doubt = true;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, append: &Append) -> Result<Committed, AppendError> {
        // The lock is held over the publication, so that followers see commits in their order.
        let mut state = self.state();
        if state.closed {
            return Err(AppendError::Unavailable);
        }
        state.check(append).inspect_err(|_| state.stats.conflicts += 1)?;
        let batch = Arc::new(state.apply(append));
        self.publisher.publish(&batch);
        let count = batch.records.len();
        Ok(Committed::new(batch, 0..count))
    }
}

impl Default for MemoryJournal {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    /// What is read of a record that does not verify.
    fn verified(&self, record: &Record) -> Result<(), ReadError> {
        match self.damaged.get(&record.stream) {
            Some(last) if record.stream_sequence <= *last => Err(Corruption {
                segment: 1,
                offset: record.sequence,
                reason: "the checksum of the records does not match",
                streams: vec![record.stream.clone()],
            }
            .into()),
            _ => Ok(()),
        }
    }

    fn check(&self, append: &Append) -> Result<(), AppendError> {
        for part in &append.parts {
            if self.streams.get(&part.stream).is_some_and(|stream| stream.head.wake == Wake::Dropped) {
                return Err(AppendError::Dropped);
            }
            if self.streams.get(&part.stream).is_some_and(|stream| stream.head.is_in_doubt) {
                return Err(AppendError::Damaged { stream: part.stream.clone() });
            }
            let actual = self.streams.get(&part.stream).map_or(0, |stream| stream.head.sequence);
            if actual != part.expected {
                let (stream, expected) = (part.stream.clone(), part.expected);
                return Err(AppendError::Conflict { stream, expected, actual });
            }
        }
        Ok(())
    }

    fn apply(&mut self, append: &Append) -> CommitBatch {
        let first = self.records.len();
        for part in &append.parts {
            let stream = self.streams.entry(part.stream.clone()).or_insert_with(|| Stream {
                head: StreamHead {
                    sequence: 0,
                    chain: CHAIN_START,
                    wake: part.wake,
                    route: part.route.clone(),
                    is_in_doubt: false,
                },
                records: Vec::new(),
            });
            stream.head.wake = part.wake;
            stream.head.route = part.route.clone();
            for new in &part.records {
                let sequence = self.records.len() as u64 + 1;
                let head = &mut stream.head;
                head.sequence += 1;
                head.chain = chain_hash(
                    &head.chain,
                    &part.stream,
                    head.sequence,
                    sequence,
                    new.time_us,
                    new.kind,
                    &new.body,
                );
                stream.records.push(self.records.len());
                self.records.push(Record {
                    sequence,
                    stream: part.stream.clone(),
                    stream_sequence: head.sequence,
                    time_us: new.time_us,
                    kind: new.kind,
                    version: new.version,
                    route: part.route.clone(),
                    chain: head.chain,
                    body: new.body.clone(),
                });
            }
            for alias in &part.aliases {
                self.aliases.insert(*alias, part.stream.clone());
            }
        }
        let (first_sequence, last_sequence) = (first as u64 + 1, self.records.len() as u64);
        self.outcomes.insert(append.id, Outcome { first_sequence, last_sequence });
        self.stats.commits += 1;
        self.stats.appends += 1;
        self.stats.records += last_sequence + 1 - first_sequence;
        self.stats.bytes += append.size_bytes() as u64;
        CommitBatch { epoch: 1, first_sequence, last_sequence, records: self.records[first..].to_vec() }
    }
}

/// Ends a page where its bytes or its number reach the bound.
fn page<'a>(records: impl Iterator<Item = &'a Record>, limit: usize) -> Vec<Record> {
    let mut bytes = 0;
    records
        .take(limit.min(READ_RECORDS_MAX))
        .take_while(|record| {
            let room = bytes < READ_BYTES_MAX;
            bytes += record.body.len();
            room
        })
        .cloned()
        .collect()
}

fn index(sequence: u64) -> usize {
    usize::try_from(sequence).unwrap_or(usize::MAX)
}

impl Journal for MemoryJournal {
    fn epoch(&self) -> u64 {
        1
    }

    fn log_id(&self) -> Uuid {
        self.log_id
    }

    fn head(&self) -> u64 {
        self.state().records.len() as u64
    }

    fn submit(&self, append: Append, reply: Reply) {
        reply.answer(admit(&append, APPEND_BYTES_MAX).and_then(|()| self.commit(&append)));
    }

    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        let state = self.state();
        let Some(stream) = state.streams.get(stream) else { return Ok(Vec::new()) };
        let indexes = stream.records.get(index(from.max(1) - 1)..).unwrap_or_default();
        let records = page(indexes.iter().map(|index| &state.records[*index]), limit);
        records.iter().try_for_each(|record| state.verified(record))?;
        Ok(records)
    }

    fn read_parts(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<WholePart>, ReadError> {
        let wake = self.head_of(stream)?.map_or(Wake::Idle, |head| head.wake);
        let mut chain_before = match from {
            0 | 1 => CHAIN_START,
            from => self.read(stream, from - 1, 1)?.first().map_or(CHAIN_START, |record| record.chain),
        };
        // It does not remember which records came together: each counts as an append of its own.
        let part = |record: Record| WholePart {
            wake,
            aliases: Vec::new(),
            chain_before: std::mem::replace(&mut chain_before, record.chain),
            records: vec![record],
        };
        Ok(self.read(stream, from, limit)?.into_iter().map(part).collect())
    }

    fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        let state = self.state();
        let mut records = page(state.records.get(index(after)..).unwrap_or_default().iter(), limit);
        if let Some((at, Err(error))) =
            records.iter().map(|record| state.verified(record)).enumerate().find(|(_, read)| read.is_err())
        {
            // What stands before it is read; whoever goes on from there meets it.
            if at == 0 {
                return Err(error);
            }
            records.truncate(at);
        }
        Ok(records)
    }

    fn follow(&self) -> Follow {
        self.publisher.follow()
    }

    fn head_of(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        Ok(self.state().streams.get(stream).map(|stream| stream.head.clone()))
    }

    fn by_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError> {
        Ok(self.state().aliases.get(&alias).cloned())
    }

    fn waking(&self, until_us: i64, after: Option<&Waking>, limit: usize) -> Result<Vec<Waking>, ReadError> {
        let state = self.state();
        let due = state.streams.iter().filter_map(|(name, stream)| {
            let due_us = stream.head.wake.due_us().filter(|due| *due <= until_us)?;
            Some(Waking { due_us, stream: name.clone() })
                .filter(|waking| after.is_none_or(|after| waking > after))
        });
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        due.truncate(limit.min(READ_RECORDS_MAX));
        Ok(due)
    }

    fn streams(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError> {
        let state = self.state();
        let names = state.streams.keys().filter(|name| name.as_str().starts_with(prefix));
        let names = names.filter(|name| after.is_none_or(|after| *name > after));
        Ok(names.take(limit.min(READ_RECORDS_MAX)).cloned().collect())
    }

    fn outcome(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError> {
        Ok(self.state().outcomes.get(&append_id))
    }

    fn stats(&self) -> JournalStats {
        let state = self.state();
        JournalStats { available: !state.closed, tail_streams: state.streams.len() as u64, ..state.stats }
    }

    fn close(&self) {
        self.state().closed = true;
        self.publisher.close();
    }
}
