//! The ring: the last frames of the feed, shared by all who are up to date. Bounded in frames and in bytes.
//!
//! Every entry has a position, dense and rising, by which a reader remembers where it is; and a height, the sequence of
//! the last record up to and with it, by which somebody who comes from the journal finds the place to go on. A reader
//! whose position was dropped has been overrun. The ring knows from which sequence on it holds every record.

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};

use bytestring::ByteString;
use ghostlight_store::Record;
use uuid::Uuid;

use super::filter::RunFacts;
use super::frame;
use super::live::LiveEvent;

/// What a ring may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RingLimits {
    pub frames: usize,
    pub bytes: usize,
}

/// What stands in a ring.
#[derive(Debug)]
pub(super) enum What {
    /// A record.
    Record(Record),
    /// A live event.
    Live {
        event: LiveEvent,
        offset: u64,
        /// What is known of its run.
        facts: Option<Arc<RunFacts>>,
    },
}

/// One place in a ring.
#[derive(Debug)]
pub(super) struct Entry {
    pub what: What,
    height: u64,
    bytes: usize,
    frame: OnceLock<ByteString>,
}

impl Entry {
    /// Its frame, made when the first subscriber asks for it: nobody pays for what nobody watches.
    pub fn frame(&self, log: Uuid) -> ByteString {
        let make = || match &self.what {
            What::Record(record) => frame::of_record(log, record),
            What::Live { event, offset, facts } => {
                frame::of_live(event, *offset, facts.as_deref().map(|facts| &facts.workflow[..]))
            }
        };
        self.frame.get_or_init(make).clone()
    }
}

/// What a reader finds at its position.
#[derive(Debug)]
pub(super) enum Found {
    /// Entries from the position on; empty when it is at the end.
    Entries(Vec<Arc<Entry>>),
    /// The position was dropped.
    Overrun,
}

/// The ring.
#[derive(Debug)]
pub(super) struct Ring {
    entries: VecDeque<Arc<Entry>>,
    limits: RingLimits,
    bytes: usize,
    first_position: u64,
    head: u64,
    dropped_up_to: u64,
}

impl Ring {
    /// A ring that begins behind the record `head`.
    pub fn new(head: u64, limits: RingLimits) -> Self {
        Self { entries: VecDeque::new(), limits, bytes: 0, first_position: 0, head, dropped_up_to: head }
    }

    /// The sequence of the last record that was pushed.
    pub fn head(&self) -> u64 {
        self.head
    }

    /// The position behind the last entry.
    pub fn end(&self) -> u64 {
        self.first_position + self.entries.len() as u64
    }

    /// Whether every record after `cursor`, as far as it has been pushed, is in the ring.
    pub fn covers(&self, cursor: u64) -> bool {
        cursor >= self.dropped_up_to
    }

    /// The position of the first entry that may hold a record after `cursor`.
    pub fn position_after(&self, cursor: u64) -> u64 {
        self.first_position + self.entries.partition_point(|entry| entry.height <= cursor) as u64
    }

    /// At most `max` entries from `position` on.
    pub fn read(&self, position: u64, max: usize) -> Found {
        let Some(skipped) = position.checked_sub(self.first_position) else { return Found::Overrun };
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        Found::Entries(self.entries.iter().skip(skipped).take(max).cloned().collect())
    }

    /// Puts a record at the end. One that is there already changes nothing: a hub that begins again reads on from the
    /// ring's head, and may meet it twice.
    pub fn push_record(&mut self, record: &Record) -> bool {
        if record.sequence <= self.head {
            return false;
        }
        if record.sequence != self.head + 1 {
            self.begin_behind(record.sequence - 1);
        }
        self.head = record.sequence;
        self.push(What::Record(record.clone()), record.body.len());
        true
    }

    /// Puts a live event at the end.
    pub fn push_live(&mut self, event: LiveEvent, offset: u64, facts: Option<Arc<RunFacts>>) {
        let bytes = event.text_bytes();
        self.push(What::Live { event, offset, facts }, bytes);
    }

    /// What lies between is not kept by the journal any more: no reader may pass over it unnoticed.
    fn begin_behind(&mut self, sequence: u64) {
        self.first_position = self.end();
        self.entries.clear();
        self.bytes = 0;
        self.dropped_up_to = sequence;
    }

    fn push(&mut self, what: What, text_bytes: usize) {
        // What is kept is the record and, once somebody watches, its frame: about twice the text, and the envelopes.
        let bytes = 2 * text_bytes + 768;
        self.entries.push_back(Arc::new(Entry { what, height: self.head, bytes, frame: OnceLock::new() }));
        self.bytes += bytes;
        while self.entries.len() > self.limits.frames
            || (self.bytes > self.limits.bytes && self.entries.len() > 1)
        {
            let Some(dropped) = self.entries.pop_front() else { break };
            self.first_position += 1;
            self.bytes -= dropped.bytes;
            // A live event shares its height with the record before it, which was dropped earlier.
            self.dropped_up_to = dropped.height;
        }
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_model::ids::{AttemptId, RunId, StepPath};

    use super::*;
    use crate::streams;

    fn record(sequence: u64) -> Record {
        Record {
            sequence,
            stream: streams::system(),
            stream_sequence: sequence,
            time_us: 0,
            kind: 120,
            version: 1,
            route: Arc::from(""),
            chain: [0; 32],
            body: bytes::Bytes::from_static(b"{}"),
        }
    }

    fn live() -> LiveEvent {
        let attempt = AttemptId { step: StepPath::new("write").unwrap(), number: 1 };
        LiveEvent::token(RunId(Uuid::from_u128(1)), attempt, "x".into())
    }

    fn entries(found: Found) -> Vec<Option<u64>> {
        let Found::Entries(entries) = found else { panic!("overrun") };
        let sequence = |entry: &Arc<Entry>| match &entry.what {
            What::Record(record) => Some(record.sequence),
            What::Live { .. } => None,
        };
        entries.iter().map(sequence).collect()
    }

    #[test]
    fn a_reader_from_the_journal_finds_its_place() {
        let mut ring = Ring::new(4, RingLimits { frames: 10, bytes: 1 << 20 });
        ring.push_record(&record(5));
        ring.push_live(live(), 0, None);
        ring.push_record(&record(6));
        assert!(!ring.covers(3));
        assert!(ring.covers(4));
        assert_eq!(entries(ring.read(ring.position_after(4), 9)), [Some(5), None, Some(6)]);
        assert_eq!(entries(ring.read(ring.position_after(5), 9)), [Some(6)]);
        assert_eq!(entries(ring.read(ring.position_after(99), 9)), []);
        assert_eq!(ring.position_after(99), ring.end());
    }

    #[test]
    fn a_full_ring_drops_the_oldest_and_knows_what_it_still_holds() {
        let mut ring = Ring::new(0, RingLimits { frames: 2, bytes: 1 << 20 });
        assert!((1..=5).all(|sequence| ring.push_record(&record(sequence))));
        assert!(matches!(ring.read(0, 9), Found::Overrun));
        assert!(!ring.covers(2));
        assert!(ring.covers(3));
        assert_eq!(entries(ring.read(ring.position_after(3), 9)), [Some(4), Some(5)]);
        let mut ring = Ring::new(0, RingLimits { frames: 100, bytes: 2_000 });
        assert!((1..=5).all(|sequence| ring.push_record(&record(sequence))));
        assert!(ring.covers(3) && !ring.covers(2));
    }

    #[test]
    fn a_hole_in_the_journal_is_not_passed_over() {
        let mut ring = Ring::new(0, RingLimits { frames: 9, bytes: 1 << 20 });
        ring.push_record(&record(1));
        ring.push_record(&record(5));
        assert!(!ring.covers(1) && ring.covers(4));
        assert!(matches!(ring.read(0, 9), Found::Overrun));
    }

    #[test]
    fn a_record_that_is_there_changes_nothing() {
        let mut ring = Ring::new(0, RingLimits { frames: 9, bytes: 1 << 20 });
        assert!(ring.push_record(&record(1)));
        assert!(!ring.push_record(&record(1)));
        assert_eq!((ring.head(), ring.end()), (1, 1));
    }
}
