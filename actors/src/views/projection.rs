//! What one view is made of: which records it reads, how it folds them into a row, and by which keys the row is found.
//!
//! A projection is pure and total: any event on any row gives a row and never fails, because the journal is the truth
//! and refusing to read it would help nobody. Index entries and counters are functions of the row, so that a change of
//! the row tells what to add and what to remove.

use bytes::Bytes;
use ghostlight_model::event::Event;
use ghostlight_store::Record;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::status::ViewKind;

/// First byte of the keys of rows.
pub(super) const ROW: u8 = b'r';
/// First byte of the keys of index entries.
const INDEX: u8 = b'i';
/// First byte of the keys of counters.
const COUNTER: u8 = b'c';
/// The key of the row that names the log which the view was folded from.
pub(super) const LOG_KEY: &[u8] = b"log";

/// What a projection wants of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    /// Nothing.
    None,
    /// Its envelope.
    Envelope,
    /// Its body as well.
    Body,
}

/// A record as a fold sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fact<'a> {
    /// The envelope.
    pub record: &'a Record,
    /// The body, when the projection wanted it.
    pub event: Option<&'a Event>,
    /// Who caused it, when the body was read.
    pub by: Option<&'a str>,
    /// When.
    pub at: Timestamp,
}

/// One view.
pub(super) trait Projection: Send + Sync + 'static {
    /// What lists show.
    type Row: Clone + PartialEq + Serialize + DeserializeOwned + Send;
    /// Which view it is.
    const KIND: ViewKind;
    /// The number of the layout of rows and keys: a view of another number is dropped and folded again.
    const FORMAT: u32;

    /// What the fold needs of this record.
    fn interest(record: &Record) -> Interest;
    /// The row that the record is about.
    fn subject(fact: &Fact<'_>) -> Option<Uuid>;
    /// A group whose rows all go with this record.
    fn dropped(_record: &Record) -> Option<Bytes> {
        None
    }
    /// The row after the record.
    fn fold(row: Option<Self::Row>, fact: &Fact<'_>) -> Option<Self::Row>;
    /// The groups that list the row: prefixes of index keys, without the row's id.
    fn groups(row: &Self::Row) -> Vec<Bytes>;
    /// The groups that count the row, and how much it counts in each.
    fn counted(row: &Self::Row) -> Vec<(Bytes, u32)>;
}

/// The key of a row.
pub(super) fn row_key(id: Uuid) -> Bytes {
    member_key(&[ROW], id)
}

/// The key of a row's entry in a group.
pub(super) fn member_key(group: &[u8], id: Uuid) -> Bytes {
    let mut key = Vec::with_capacity(group.len() + 16);
    key.extend_from_slice(group);
    key.extend_from_slice(id.as_bytes());
    key.into()
}

/// The id at the end of a key of a row or of an index entry.
pub(super) fn id_of(key: &[u8]) -> Option<Uuid> {
    let tail = key.len().checked_sub(16)?;
    Uuid::from_slice(&key[tail..]).ok()
}

/// A group of rows that share `value` in the property `tag`. Values are of a fixed length for each tag, or end with a
/// byte that they cannot hold, so that no group is the beginning of another.
pub(super) fn group(tag: u8, value: &[u8]) -> Bytes {
    [&[INDEX, tag], value].concat().into()
}

/// The key under which a group is counted.
pub(super) fn counter_key(group: &[u8]) -> Bytes {
    [&[COUNTER], group].concat().into()
}
