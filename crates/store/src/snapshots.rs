//! Snapshots: the state of a stream at a sequence, so that waking it need not read all of its events.
//!
//! A snapshot is a cache. Promises: what [`Snapshots::get`] returns was put by someone under this stream and this
//! format, whole. Does not promise that anything put is found again: a stream without a snapshot is replayed from
//! its first event. Leaves to others: comparing the chain hash with the journal, and what the bytes mean.

use bytes::Bytes;

#[cfg(test)]
pub(crate) mod conformance;
mod memory;

pub use memory::MemorySnapshots;

/// The largest snapshot that is kept: 32 MiB, which is the state of a run of some 100,000 steps.
pub const SNAPSHOT_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The longest name of a stream that has snapshots, in bytes.
pub const SNAPSHOT_STREAM_BYTES_MAX: usize = 400;

/// Where snapshots are kept. Methods may block on the disk for a few pages (never on a sync).
pub trait Snapshots: Send + Sync {
    /// Keeps `snapshot` as the only one of `stream`, if it can. A [`NotKept`] needs no reaction.
    fn put(&self, stream: &str, snapshot: Snapshot) -> Result<(), NotKept>;

    /// The stream's snapshot, if one of this format is there and whole.
    fn get(&self, stream: &str, format: u32) -> Option<Snapshot>;

    /// Drops the stream's snapshot, if one is there: it was found to disagree with the journal.
    fn forget(&self, stream: &str);
}

/// The state of a stream at a sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Number of the layout of `bytes`; a snapshot of another format is as good as none.
    pub format: u32,
    /// The stream sequence of the last event in it.
    pub sequence: u64,
    /// The chain hash of that event: what ties the snapshot to this journal.
    pub chain_hash: [u8; 32],
    /// The state.
    pub bytes: Bytes,
}

/// Why a snapshot was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotKept {
    /// It exceeds [`SNAPSHOT_BYTES_MAX`], or its stream's name [`SNAPSHOT_STREAM_BYTES_MAX`].
    #[error("the snapshot is too large to be kept")]
    TooLarge,
    /// Too many snapshots wait to be written.
    #[error("too many snapshots wait to be written")]
    Lagging,
    /// The backend is broken or closed.
    #[error("the store of snapshots is unavailable")]
    Unavailable,
}

/// What every backend checks before it takes a snapshot.
pub(crate) fn check(stream: &str, snapshot: &Snapshot) -> Result<(), NotKept> {
    let fits = snapshot.bytes.len() <= SNAPSHOT_BYTES_MAX && stream.len() <= SNAPSHOT_STREAM_BYTES_MAX;
    if fits { Ok(()) } else { Err(NotKept::TooLarge) }
}
