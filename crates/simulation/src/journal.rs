//! A modelled journal: appends are units, a sync makes all of them durable, and a crash keeps what is durable and a part of the
//! rest, in order. What the disk itself may do is simulated in the store.

use std::collections::BTreeMap;
use std::ops::Range;

use fastrand::Rng;
use ghostlight_model::event::{Attribution, BODY_VERSION, Event};
use ghostlight_model::ids::RunId;
use ghostlight_world::Bug;
use jiff::Timestamp;

/// One event as it is kept.
#[derive(Debug, Clone)]
pub struct Record {
    kind: u16,
    body: Vec<u8>,
    /// When it was decided.
    pub at: Timestamp,
    /// Who said so.
    pub by: Option<&'static str>,
}

impl Record {
    /// An event as it is kept.
    pub fn new(event: &Event, at: Timestamp, by: Option<&'static str>) -> Self {
        let attribution = Attribution { by: by.map(str::to_owned), ..Attribution::default() };
        let body = event.encode(&attribution).expect("the keys of maps in events are texts");
        Self { kind: event.kind(), body, at, by }
    }

    /// The event that it holds.
    pub fn event(&self) -> Event {
        Event::decode(self.kind, BODY_VERSION, &self.body).expect("an event reads back")
    }
}

/// The records of one run.
#[derive(Debug, Default)]
struct Stream {
    records: Vec<Record>,
    durable: usize,
}

/// An append that no sync has reached.
#[derive(Debug)]
struct Pending {
    run: RunId,
    ends_at: usize,
    key: Option<String>,
}

/// The stream is not where the caller believes.
#[derive(Debug)]
pub struct Conflict;

/// The journal of a house. It outlives the process; what is pending may not.
#[derive(Debug, Default)]
pub struct Journal {
    streams: BTreeMap<RunId, Stream>,
    keys: BTreeMap<String, RunId>,
    pending: Vec<Pending>,
    appends: u64,
}

impl Journal {
    /// Appends a unit to a stream that has so many events, under a key if one is given. It is not durable yet.
    pub fn append(
        &mut self,
        run: RunId,
        expected: usize,
        records: Vec<Record>,
        key: Option<String>,
    ) -> Result<(), Conflict> {
        let is_taken = key.as_ref().is_some_and(|key| self.keys.contains_key(key));
        let stream = self.streams.entry(run).or_default();
        if stream.records.len() != expected || is_taken {
            return Err(Conflict);
        }
        self.appends += 1;
        if Bug::ApplyTwice.is_planted() && self.appends.is_multiple_of(16) {
            stream.records.extend(records.iter().cloned());
        }
        stream.records.extend(records);
        let ends_at = stream.records.len();
        self.keys.extend(key.clone().map(|key| (key, run)));
        self.pending.push(Pending { run, ends_at, key });
        Ok(())
    }

    /// Makes everything durable, and answers what that was.
    pub fn sync(&mut self) -> Vec<(RunId, Option<String>)> {
        let synced = std::mem::take(&mut self.pending);
        for pending in &synced {
            if let Some(stream) = self.streams.get_mut(&pending.run) {
                stream.durable = stream.durable.max(pending.ends_at);
            }
        }
        synced.into_iter().map(|pending| (pending.run, pending.key)).collect()
    }

    /// The power goes: of what no sync has reached a part is there, the earlier before the later. Answers how much was lost.
    pub fn crash(&mut self, rng: &mut Rng) -> usize {
        let kept = rng.usize(..=self.pending.len());
        let lost = self.pending.split_off(kept);
        self.sync();
        let count = lost.len();
        for lost in lost {
            if let Some(stream) = self.streams.get_mut(&lost.run) {
                stream.records.truncate(stream.durable);
            }
            if let Some(key) = lost.key {
                self.keys.remove(&key);
            }
        }
        self.streams.retain(|_, stream| !stream.records.is_empty());
        count
    }

    /// Whether an append of this run is on its way.
    pub fn is_pending(&self, run: RunId) -> bool {
        self.pending.iter().any(|pending| pending.run == run)
    }

    /// The run that a key stands for.
    pub fn of_key(&self, key: &str) -> Option<RunId> {
        self.keys.get(key).copied()
    }

    /// The durable records of a run from a place on, from 0.
    pub fn read(&self, run: RunId, range: Range<usize>) -> &[Record] {
        let Some(stream) = self.streams.get(&run) else { return &[] };
        let end = stream.durable.min(range.end);
        stream.records.get(range.start.min(end)..end).unwrap_or_default()
    }

    /// How many durable events a run has.
    pub fn length(&self, run: RunId) -> usize {
        self.streams.get(&run).map_or(0, |stream| stream.durable)
    }

    /// All runs.
    pub fn runs(&self) -> impl Iterator<Item = RunId> {
        self.streams.iter().filter(|(_, stream)| stream.durable > 0).map(|(run, _)| *run)
    }
}
