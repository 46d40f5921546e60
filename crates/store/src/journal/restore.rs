//! What a journal is made of again: appends of another one, with the places that their records had there.

use crate::record::Append;

/// An append of another journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// The append.
    pub append: Append,
    /// A place for each of its parts.
    pub places: Vec<Place>,
}

/// Where a part of an append stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The global sequence of its first record; the others follow on it.
    pub sequence: u64,
    /// The stream's chain hash before it, where records before it may be missing because the stream was dropped.
    pub chain_before: Option<[u8; 32]>,
}
