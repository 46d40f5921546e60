//! The journal on files: one folder, one owner, one writer.
//!
//! On disk: `manifest.json`, `lock`, `journal/` (segments), `index/` (their sidecars, which can be deleted). Only
//! the manifest and the segments need a backup.
//!
//! Memory: the index of the segment being written (bounded by its size), and of sealed segments a few bytes per
//! stream. Reads take no lock that a sync holds.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ghostlight_world::World;
use uuid::Uuid;

use super::frame::{FLAG_CLOSED, FRAME_HEADER_BYTES};
pub use super::open::OpenError;
use super::queue::Queue;
use super::segment::{FRAME_BYTES_MAX, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES};
use super::shared::Shared;
use super::writer::Writer;
use super::{
    Compacted, Compaction, Follow, Journal, JournalStats, Outcome, Reply, Restored, StreamBytes, Waking,
    WholePart, admit, open,
};
use crate::record::{Append, AppendError, Corruption, ReadError, Record, StreamHead, StreamName};

/// The most bytes of appends in one commit, unless a single append is larger.
const COMMIT_BYTES_MAX: usize = 1 << 20;
/// The largest append.
const APPEND_BYTES_MAX: usize = 8 << 20;

/// How a journal is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalOptions {
    /// The size of a segment's file; taken as at least 4 KiB and at most 1 GiB. No append can be larger.
    pub segment_bytes: u64,
    /// Over how many partitions runs are spread. Written into a new store; an existing one keeps its own.
    pub partitions: u32,
    /// How many appends may wait.
    pub queue_appends_max: usize,
    /// How many bytes of appends may wait.
    pub queue_bytes_max: usize,
    /// Whether the journal has threads of its own. Without, it commits when [`FileJournal::drive`] is called: for
    /// simulations, where everything happens in one order.
    pub threads: bool,
    /// An epoch that the new one is at least: for a journal that goes on where another one ended.
    pub epoch_min: u64,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            partitions: 16,
            queue_appends_max: 16_384,
            queue_bytes_max: 32 << 20,
            threads: true,
            epoch_min: 0,
        }
    }
}

impl JournalOptions {
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.segment_bytes.clamp(4 << 10, SEGMENT_BYTES_MAX)
    }

    /// What one commit can hold: a segment without its header, the frame's, and its padding.
    fn commit_bytes(&self) -> usize {
        let segment = usize::try_from(self.segment_bytes()).unwrap_or(FRAME_BYTES_MAX);
        segment.min(FRAME_BYTES_MAX) - SEGMENT_HEADER_BYTES - FRAME_HEADER_BYTES - 8
    }
}

/// A journal in a folder.
pub struct FileJournal {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    partitions: u32,
    append_bytes_max: usize,
    /// Behind a lock for those who have no thread, and for the end of the one that has.
    engine: Mutex<Engine>,
}

enum Engine {
    Thread(JoinHandle<()>),
    Driven(Writer),
    Closed,
}

impl FileJournal {
    /// Opens the store in `dir`, making it when it is not there, and takes it for this process alone.
    ///
    /// # Errors
    /// [`OpenError`]; the store is unchanged then, apart from a torn tail that may be cut already.
    pub fn open(world: &World, dir: &Path, options: &JournalOptions) -> Result<Self, OpenError> {
        let (shared, writer, partitions) = open::open(world, dir, options)?;
        let commit_bytes_max = options.commit_bytes().min(COMMIT_BYTES_MAX);
        let queue =
            Arc::new(Queue::new(options.queue_appends_max, options.queue_bytes_max, commit_bytes_max));
        let engine = if options.threads {
            Engine::Thread(
                start(shared.clone(), queue.clone(), writer)
                    .map_err(|source| OpenError::Device { path: dir.to_owned(), source })?,
            )
        } else {
            Engine::Driven(writer)
        };
        let append_bytes_max = options.commit_bytes().min(APPEND_BYTES_MAX);
        Ok(Self { shared, queue, partitions, append_bytes_max, engine: Mutex::new(engine) })
    }

    /// Over how many partitions runs are spread in this store.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Makes one commit of what waits, in the caller's thread, and says whether there was anything. Does nothing
    /// for a journal with a thread of its own.
    pub fn drive(&self) -> bool {
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let Engine::Driven(writer) = &mut *engine else { return false };
        let jobs = self.queue.take_now();
        let any = !jobs.is_empty();
        if any {
            writer.commit(jobs);
        }
        any
    }

    /// Makes one commit of appends of another journal, each record with the sequence that it had there, and answers with the
    /// chain hashes behind their parts. For a journal without a thread of its own, into which nothing else is written.
    ///
    /// # Errors
    /// [`AppendError`]; nothing was written.
    pub fn restore(&self, appends: &[Restored]) -> Result<Vec<[u8; 32]>, AppendError> {
        for restored in appends {
            admit(&restored.append, self.append_bytes_max)?;
        }
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        let Engine::Driven(writer) = &mut *engine else { return Err(AppendError::Unavailable) };
        writer.restore(appends)
    }
}

/// Starts the journal's thread, which commits until the queue is closed and empty.
fn start(shared: Arc<Shared>, queue: Arc<Queue>, mut writer: Writer) -> std::io::Result<JoinHandle<()>> {
    let run = move || {
        let finished = catch_unwind(AssertUnwindSafe(|| {
            while let Some(jobs) = queue.take() {
                writer.commit(jobs);
            }
            end(&mut writer);
        }));
        if finished.is_err() {
            tracing::error!("the journal's thread has panicked: nothing more is taken");
        }
        shared.available.store(false, Ordering::Release);
        // Whoever waits for an answer must not wait for ever.
        queue.abandon();
        shared.publisher.close();
    };
    std::thread::Builder::new().name("journal".into()).spawn(run)
}

/// The orderly end: a last frame, so that damage to the commits before it cannot pass for a torn tail.
fn end(writer: &mut Writer) {
    if let Err(error) = writer.mark(FLAG_CLOSED) {
        tracing::warn!(%error, "the journal could not be closed with a mark");
    }
    writer.finish();
}

impl Journal for FileJournal {
    fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    fn log_id(&self) -> Uuid {
        self.shared.log_id
    }

    fn head(&self) -> u64 {
        self.shared.head.load(Ordering::Acquire)
    }

    fn submit(&self, append: Append, reply: Reply) {
        match admit(&append, self.append_bytes_max) {
            Ok(()) => self.queue.push(append, reply),
            Err(refusal) => reply.answer(Err(refusal)),
        }
    }

    fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.shared.read(stream, from, limit)
    }

    fn read_parts(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<WholePart>, ReadError> {
        self.shared.read_parts(stream, from, limit)
    }

    fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.shared.read_all(after, limit)
    }

    fn damages(&self) -> Vec<Corruption> {
        self.shared.outcomes().recent.damages.clone()
    }

    fn damage_behind(&self, after: u64) -> Result<Option<u64>, ReadError> {
        self.shared.damage_behind(after)
    }

    fn follow(&self) -> Follow {
        self.shared.publisher.follow()
    }

    fn head_of(&self, stream: &StreamName) -> Result<Option<StreamHead>, ReadError> {
        Ok(self.shared.entry(stream)?.map(|entry| entry.head()))
    }

    fn by_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError> {
        self.shared.by_alias(alias)
    }

    fn waking(&self, until_us: i64, after: Option<&Waking>, limit: usize) -> Result<Vec<Waking>, ReadError> {
        self.shared.waking(until_us, after, limit)
    }

    fn streams(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError> {
        self.shared.names(prefix, after, limit)
    }

    fn outcome(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError> {
        self.shared.outcome(append_id)
    }

    fn compact(&self, how: &Compaction<'_>) -> Result<Compacted, ReadError> {
        self.shared.compact(how)
    }

    fn bytes_of(&self, stream: &StreamName) -> Result<StreamBytes, ReadError> {
        self.shared.bytes_of(stream)
    }

    fn stats(&self) -> JournalStats {
        JournalStats { queued: self.queue.len() as u64, ..self.shared.stats() }
    }

    fn close(&self) {
        self.queue.close();
        let mut engine = self.engine.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *engine, Engine::Closed) {
            // The last owner may let go inside a callback, on the journal's own thread, which ends soon after.
            Engine::Thread(thread) if thread.thread().id() == std::thread::current().id() => return,
            // Its panics were caught and reported inside.
            Engine::Thread(thread) => drop(thread.join()),
            Engine::Driven(mut writer) => {
                loop {
                    let jobs = self.queue.take_now();
                    if jobs.is_empty() {
                        break;
                    }
                    writer.commit(jobs);
                }
                end(&mut writer);
                self.shared.available.store(false, Ordering::Release);
                self.shared.publisher.close();
            }
            Engine::Closed => return,
        }
        self.shared.end_compactions();
        // From here on another process may open the store; reads here go on working.
        drop(self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod compact_tests;
#[cfg(test)]
#[path = "compact_trouble_tests.rs"]
mod compact_trouble_tests;
#[cfg(test)]
#[path = "damage_later_tests.rs"]
mod damage_later_tests;
#[cfg(test)]
#[path = "damage_tests.rs"]
mod damage_tests;
#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
