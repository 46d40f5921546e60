//! Events as records and records as events: the border between the model's words and the store's bytes.

use bytes::Bytes;
use ghostlight_model::event::{self, Attribution, BODY_VERSION, DecodeError, Event};
use ghostlight_store::{NewRecord, Record, StreamAppend, StreamName, Wake};
use jiff::Timestamp;

use crate::caller::Caller;

/// An event as it stands in the journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// What happened.
    pub event: Event,
    /// Who caused it.
    pub attribution: Attribution,
    /// When; information, never order.
    pub at: Timestamp,
}

/// The records of `events`, all of one cause and time.
#[must_use]
pub fn encode(events: &[Event], attribution: &Attribution, at: Timestamp) -> Vec<NewRecord> {
    events
        .iter()
        .map(|event| NewRecord {
            kind: event.kind(),
            version: BODY_VERSION,
            time_us: at.as_microsecond(),
            // Bodies are structs and JSON values: they have no maps with keys that are no strings.
            body: Bytes::from(event.encode(attribution).expect("an event is JSON by construction")),
        })
        .collect()
}

/// Reads a record as the event it holds.
///
/// # Errors
/// [`DecodeError`] for kinds of a newer program, and for damage.
pub fn decode(record: &Record) -> Result<Recorded, DecodeError> {
    Ok(Recorded {
        event: Event::decode(record.kind, record.version, &record.body)?,
        attribution: event::attribution(&record.body)?,
        at: time(record),
    })
}

/// When a record was made.
#[must_use]
pub fn time(record: &Record) -> Timestamp {
    Timestamp::from_microsecond(record.time_us).unwrap_or(Timestamp::MIN)
}

/// The part of an append that takes `events` to a stream of definitions.
pub(crate) fn part(
    stream: &StreamName,
    expected: u64,
    events: &[Event],
    caller: &Caller,
    now: Timestamp,
) -> StreamAppend {
    StreamAppend {
        stream: stream.clone(),
        expected,
        records: encode(events, &caller.attribution(), now),
        wake: Wake::Idle,
        route: "".into(),
        aliases: Vec::new(),
    }
}
