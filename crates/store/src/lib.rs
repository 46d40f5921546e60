//! The store: a journal that is the truth, and beside it what can be rebuilt from it.
//!
//! - [`journal`]: all-or-nothing appends over streams, reads, followers, and the index that commands need. On
//!   files, and in memory for tests.
//! - [`blobs`]: large values by their hash. [`snapshots`] and [`views`]: caches, which may be lost at any time.
//!
//! A body is bytes here: this crate knows no event, no run and no actor.

mod atomic_file;
pub mod blobs;
mod index;
pub mod journal;
pub mod record;
pub mod sled_store;
pub mod snapshots;
pub mod views;

pub use journal::{
    AppendFuture, AppendResult, FileJournal, Follow, FollowError, Journal, JournalOptions, JournalStats,
    MemoryJournal, OpenError, Outcome, Reply, SharedJournal, VerifyReport, Waking, verify,
};
pub use record::{
    Append, AppendError, CommitBatch, Committed, Corruption, InvalidStreamName, NewRecord, ReadError, Record,
    StreamAppend, StreamHead, StreamName, Wake,
};
