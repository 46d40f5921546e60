//! The journal: the one place where truth is kept.
//!
//! [`Journal`] is what any backend offers, an embedded one or a database: all-or-nothing appends with expected
//! sequences, reads by stream and by global sequence, a subscription to what is committed, and the small index
//! that commands need (heads, aliases, what to wake). It speaks of no positions, paths or syncs.
//!
//! Promises, which the `conformance` suite checks of every backend: an append is answered `Ok` only when it is
//! durable; nothing is read or followed before it is durable; records of a stream are dense from 1 and the global
//! sequence is dense from 1; an append whose expectation fails changes nothing. A stream that was dropped takes nothing
//! more; of its records all but those of its last append may disappear, and with them their global sequences.

mod compact;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
mod export;
mod file;
mod follow;
pub(crate) mod frame;
mod indexing;
mod layouts;
mod manifest;
mod memory;
mod open;
mod outcomes;
mod queue;
mod read;
mod reply;
mod reserve;
mod restore;
mod salvage;
mod sealed;
mod segment;
mod shared;
pub(crate) mod tail;
mod times;
mod verify;
mod view;
mod writer;

use std::sync::Arc;

use uuid::Uuid;

pub use compact::{Compacted, Compaction};
pub use export::{WalkError, WholeAppend, WholeCommit, WholeJournal, WholePart};
pub use file::{FileJournal, JournalOptions, OpenError};
pub use follow::{Follow, FollowError, Publisher};
pub use memory::MemoryJournal;
pub use reply::{AppendFuture, AppendResult, Reply};
pub use restore::{Place, Restored};
pub use times::CommitTimes;
pub use verify::{VerifyReport, verify};

use crate::record::{Append, AppendError, Corruption, ReadError, Record, StreamHead, StreamName};

/// The most records one call reads, whatever limit is asked for.
pub const READ_RECORDS_MAX: usize = 10_000;
/// A page of records ends when its bodies reach this many bytes (it always holds at least one record).
pub const READ_BYTES_MAX: usize = 4 << 20;

/// How many of the latest appends [`Journal::outcome`] remembers.
pub const OUTCOMES_KEPT: usize = 8_192;

/// A stream that wants to be woken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Waking {
    /// When, in microseconds since the epoch; `i64::MIN` for at once.
    pub due_us: i64,
    /// Who.
    pub stream: StreamName,
}

/// What became of an append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The global sequence of its first record.
    pub first_sequence: u64,
    /// The global sequence of its last record.
    pub last_sequence: u64,
}

/// Counters since the journal was opened, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JournalStats {
    /// Commits that became durable.
    pub commits: u64,
    /// Appends in them.
    pub appends: u64,
    /// Records in them.
    pub records: u64,
    /// Bytes written for them, frames included.
    pub bytes: u64,
    /// Syncs of data that succeeded.
    pub syncs: u64,
    /// Writes or syncs that failed.
    pub faults: u64,
    /// Time spent in writing and syncing, in microseconds.
    pub sync_us: u64,
    /// How long that took of each commit.
    pub commit_times: CommitTimes,
    /// Appends refused because of their expectation.
    pub conflicts: u64,
    /// Appends waiting to be committed.
    pub queued: u64,
    /// Segments, the one being written included.
    pub segments: u64,
    /// Streams held in memory because their latest records are not in a sealed segment yet.
    pub tail_streams: u64,
    /// How many bytes its segments take on the disk; of the one being written, what is written.
    pub file_bytes: u64,
    /// How many records are in them: fewer than were ever written, once something was dropped.
    pub records_kept: u64,
    /// About how many bytes of memory the index of sealed segments takes.
    pub index_bytes: u64,
    /// Bytes that can be written although the disk is full, because they were reserved before.
    pub reserved_bytes: u64,
    /// Bytes cut off the end when it was opened, because they belonged to no commit.
    pub torn_bytes: u64,
    /// Whether appends are taken.
    pub available: bool,
}

/// How many bytes a stream takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StreamBytes {
    /// In sealed segments: a compaction takes them back once the stream is dropped.
    pub sealed: u64,
    /// In the segment that is being written: these come back later.
    pub active: u64,
}

/// A durable log of many streams. Reads block on the disk: call them from a thread that may block, or for a
/// resident stream, where they are a lookup in memory.
pub trait Journal: Send + Sync {
    /// Rises with every opening, for fencing.
    fn epoch(&self) -> u64;

    /// Which log this is; another one after a restore from a backup.
    fn log_id(&self) -> Uuid;

    /// The global sequence of the last committed record; 0 when there is none.
    fn head(&self) -> u64;

    /// Queues an append and returns at once; `reply` is answered once, when its outcome is durable or refused.
    /// Appends of one thread are decided in the order of their calls.
    fn submit(&self, append: Append, reply: Reply);

    /// [`Journal::submit`] as a future, which any executor may poll and which may be dropped without harm.
    fn append(&self, append: Append) -> AppendFuture {
        let (reply, future) = Reply::future();
        self.submit(append, reply);
        future
    }

    /// The records of a stream from stream sequence `from` (counted from 1) on, at most `limit`, and never more
    /// than [`READ_RECORDS_MAX`] or [`READ_BYTES_MAX`]. Empty says that there are no more.
    ///
    /// # Errors
    /// [`ReadError::Corrupt`] when a record, its checksum or its chain is damaged; nothing is skipped.
    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, ReadError>;

    /// The same with what each append said of the stream, at most `limit` appends.
    ///
    /// # Errors
    /// As [`Journal::read`].
    fn read_parts(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<WholePart>, ReadError>;

    /// The records of all streams after global sequence `after`, bounded and ended as in [`Journal::read`]. A page ends before
    /// what is damaged; the next one is the error, and [`Journal::damage_behind`] says how far that goes.
    ///
    /// # Errors
    /// As [`Journal::read`].
    fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Record>, ReadError>;

    /// What was found damaged when it was opened, as far as it was looked at then: in what was written last.
    fn damages(&self) -> Vec<Corruption> {
        Vec::new()
    }

    /// The last of the global sequences directly behind `after` whose records are damaged: who goes on behind them with
    /// [`Journal::read_all`] misses these, and knows it. None when what follows on `after` can be read. A backend that has no
    /// such damage never has any.
    ///
    /// # Errors
    /// As [`Journal::read`], also where nobody can tell how many records are damaged.
    fn damage_behind(&self, _after: u64) -> Result<Option<u64>, ReadError> {
        Ok(None)
    }

    /// Subscribes to everything committed after [`Follow::start`].
    fn follow(&self) -> Follow;

    /// Where a stream stands; `None` when it does not exist.
    ///
    /// # Errors
    /// [`ReadError`] when the index cannot be read or rebuilt.
    fn head_of(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError>;

    /// The stream that has this alias.
    ///
    /// # Errors
    /// As [`Journal::head_of`].
    fn by_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError>;

    /// The streams that are due at `until_us` or before, by due time and then name, after the cursor `after` (the
    /// last of the page before), at most `limit` and never more than [`READ_RECORDS_MAX`].
    ///
    /// # Errors
    /// As [`Journal::head_of`].
    fn waking(&self, until_us: i64, after: Option<&Waking>, limit: usize) -> Result<Vec<Waking>, ReadError>;

    /// The streams whose name begins with `prefix`, by name, after the cursor `after`, bounded as in
    /// [`Journal::waking`].
    ///
    /// # Errors
    /// As [`Journal::head_of`].
    fn streams(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError>;

    /// What became of an append whose answer was lost. `None` says that it was not committed and never will be,
    /// provided that no more than [`OUTCOMES_KEPT`] appends were committed since, and that none of its streams was dropped and
    /// compacted: nobody drops a stream whose last append he does not know.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] while the journal itself does not know: ask again. [`ReadError::Corrupt`] for an append that is not
    /// known, where commits are damaged in which it could be: while the journal is open that had [`Journal::damages`] at its opening,
    /// and where a damaged segment has to be looked through. Appends since the opening cannot be in one, and it is said of these
    /// too: by its id nobody can tell when an append was submitted. Who is answered so has to look into the stream.
    fn outcome(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError>;

    /// Takes back the space of streams that were dropped. Blocks, for as long as it takes to look through the whole journal; commits
    /// and reads go on meanwhile. A backend that has nothing to take back does nothing.
    ///
    /// # Errors
    /// As [`Journal::read`]. A segment that is damaged is left as it is, which is no error. What was done before stays done.
    fn compact(&self, _how: &Compaction<'_>) -> Result<Compacted, ReadError> {
        Ok(Compacted::default())
    }

    /// How many bytes of what [`JournalStats::file_bytes`] counts a stream takes. A backend that has nothing to take back says 0.
    ///
    /// # Errors
    /// As [`Journal::head_of`].
    fn bytes_of(&self, _stream: &StreamName) -> Result<StreamBytes, ReadError> {
        Ok(StreamBytes::default())
    }

    /// Counters for metrics.
    fn stats(&self) -> JournalStats;

    /// Commits what is queued, then takes nothing more; a second call does nothing. Reads go on working.
    fn close(&self);
}

/// A journal as everybody holds it.
pub type SharedJournal = Arc<dyn Journal>;

/// Checks that every backend makes before it queues.
pub(crate) fn admit(append: &Append, bytes_max: usize) -> Result<(), AppendError> {
    append.validate()?;
    let bytes = append.size_bytes();
    if bytes > bytes_max { Err(AppendError::TooLarge { bytes, bytes_max }) } else { Ok(()) }
}

#[cfg(test)]
mod simulation_tests;
