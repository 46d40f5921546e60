//! What the writer and the readers of an open journal share.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ghostlight_world::{File, Lock, World};
use uuid::Uuid;

use super::layouts::Layouts;
use super::outcomes::Outcomes;
use super::salvage::KnownDamage;
use super::sealed::{Sealed, SegmentIndex};
use super::segment::SegmentInfo;
use super::tail::{PartAt, Tail};
use super::{JournalStats, Publisher, StreamBytes};
use crate::index::{Fingerprint, SidecarError};
use crate::record::{ReadError, StreamName};

/// Lock order: `compacting`, `deciding`, `sealing`, `replacing`, `let_go`, `state`; `outcomes`, `stats` and `layouts` are held for a
/// moment and alone.
pub(crate) struct Shared {
    pub world: World,
    pub index_dir: PathBuf,
    pub log_id: Uuid,
    pub epoch: u64,
    pub segment_bytes: u64,
    state: RwLock<State>,
    /// The global sequence of the last committed record.
    pub head: AtomicU64,
    outcomes: Mutex<KnownOutcomes>,
    stats: Mutex<JournalStats>,
    layouts: Mutex<Layouts>,
    pub publisher: Publisher,
    /// Appends are taken.
    pub available: AtomicBool,
    /// An append was answered with "unknown", and it is not settled yet whether the disk has it.
    pub in_doubt: AtomicBool,
    /// Held while sidecars are written, so that it is done by one at a time.
    sealing: Mutex<()>,
    /// Held by the writer over a commit, and by whoever takes streams out of the index that nobody may write to meanwhile.
    deciding: Mutex<()>,
    /// Held while the file of a segment is replaced, and its place in the state with it.
    replacing: Mutex<()>,
    /// How often that has happened.
    pub replaced: AtomicU64,
    /// Streams that a compaction let go, which a cut of power may bring back: nobody may write to them.
    let_go: Mutex<HashSet<StreamName>>,
    /// No more segments are compacted.
    pub closing: AtomicBool,
    /// Held over a compaction; false once no other may begin.
    compacting: Mutex<bool>,
    pub lock: Mutex<Option<Box<dyn Lock>>>,
}

pub(crate) struct State {
    pub active: Active,
    /// Oldest first.
    pub sealed: Arc<Vec<Arc<Sealed>>>,
}

/// The segment that is being written.
pub(crate) struct Active {
    pub info: Arc<SegmentInfo>,
    pub file: Arc<dyn File>,
    pub tail: Tail,
    /// Behind the last commit.
    pub end: u64,
    /// The length of its file, which is reserved on the disk.
    pub capacity: u64,
    /// What was found damaged in it when it was opened.
    pub damages: Vec<KnownDamage>,
}

/// Outcomes in memory, and how far back they were read.
pub(crate) struct KnownOutcomes {
    pub recent: Outcomes,
    /// Appends before these may have to be looked up in sealed segments: only those since the last start, and of
    /// the segment that was active then, are known without.
    pub complete: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a journal is opened with.
pub(crate) struct Opened {
    pub world: World,
    pub index_dir: PathBuf,
    pub log_id: Uuid,
    pub epoch: u64,
    pub segment_bytes: u64,
    pub state: State,
    pub head: u64,
    pub outcomes: Outcomes,
    pub torn_bytes: u64,
    pub lock: Box<dyn Lock>,
}

impl Shared {
    pub fn new(opened: Opened) -> Self {
        let complete = opened.state.sealed.is_empty();
        Self {
            world: opened.world,
            index_dir: opened.index_dir,
            log_id: opened.log_id,
            epoch: opened.epoch,
            segment_bytes: opened.segment_bytes,
            state: RwLock::new(opened.state),
            head: AtomicU64::new(opened.head),
            outcomes: Mutex::new(KnownOutcomes { recent: opened.outcomes, complete }),
            stats: Mutex::new(JournalStats { torn_bytes: opened.torn_bytes, ..JournalStats::default() }),
            layouts: Mutex::default(),
            publisher: Publisher::new(opened.head),
            available: AtomicBool::new(true),
            in_doubt: AtomicBool::new(false),
            sealing: Mutex::new(()),
            deciding: Mutex::new(()),
            replacing: Mutex::new(()),
            replaced: AtomicU64::new(0),
            let_go: Mutex::new(HashSet::new()),
            closing: AtomicBool::new(false),
            compacting: Mutex::new(true),
            lock: Mutex::new(Some(opened.lock)),
        }
    }

    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn deciding(&self) -> MutexGuard<'_, ()> {
        lock(&self.deciding)
    }

    pub fn replacing(&self) -> MutexGuard<'_, ()> {
        lock(&self.replacing)
    }

    pub fn compacting(&self) -> MutexGuard<'_, bool> {
        lock(&self.compacting)
    }

    /// Ends a compaction that is under way, after the segment it is at, and takes no other: the files are somebody else's soon.
    pub fn end_compactions(&self) {
        self.closing.store(true, Ordering::Release);
        *self.compacting() = false;
    }

    /// Keeps streams from being written to whose end is not durable.
    pub fn hold_back(&self, streams: &HashSet<StreamName>) {
        lock(&self.let_go).extend(streams.iter().cloned());
    }

    /// Whether a stream is held back. Then the folder is synced once more: if that works, what was let go is gone for good.
    pub fn is_held_back(&self, stream: &StreamName) -> bool {
        let mut let_go = lock(&self.let_go);
        if !let_go.contains(stream) {
            return false;
        }
        let folder = self.state().active.info.path.parent().map(Path::to_owned);
        match folder.map_or(Ok(()), |folder| self.world.files.sync_dir(&folder)) {
            Ok(()) => {
                let_go.clear();
                false
            }
            Err(error) => {
                tracing::error!(%error, "the folder of the journal cannot be synced: streams that were let go are not written to");
                true
            }
        }
    }

    pub fn sealing(&self) -> MutexGuard<'_, ()> {
        lock(&self.sealing)
    }

    pub fn layouts(&self) -> MutexGuard<'_, Layouts> {
        lock(&self.layouts)
    }

    pub fn outcomes(&self) -> MutexGuard<'_, KnownOutcomes> {
        lock(&self.outcomes)
    }

    pub fn count(&self, change: impl FnOnce(&mut JournalStats)) {
        change(&mut lock(&self.stats));
    }

    pub fn stats(&self) -> JournalStats {
        let (segments, tail_streams, written, reserved_bytes, records, sealed) = {
            let state = self.state();
            let Active { info, tail, end, capacity, .. } = &state.active;
            let segments = state.sealed.len() as u64 + 1;
            let records = (self.head.load(Ordering::Acquire) + 1).saturating_sub(info.first_sequence);
            let (streams, reserved) = (tail.stream_count() as u64, capacity.saturating_sub(*end));
            (segments, streams, *end, reserved, records, state.sealed.clone())
        };
        let index_bytes = sealed.iter().map(|sealed| sealed.memory_bytes()).sum();
        let records_kept = sealed.iter().map(|sealed| sealed.record_count()).sum::<u64>() + records;
        let file_bytes = sealed.iter().map(|sealed| sealed.file_bytes).sum::<u64>() + written;
        let available = self.available.load(Ordering::Acquire);
        JournalStats {
            segments,
            tail_streams,
            index_bytes,
            file_bytes,
            records_kept,
            reserved_bytes,
            available,
            ..*lock(&self.stats)
        }
    }

    /// Asks the index of a sealed segment, which is built again when its sidecar turns out to be damaged. Not to be called with the
    /// state locked.
    pub fn ask<T>(
        &self,
        sealed: &Sealed,
        question: impl Fn(&SegmentIndex) -> Result<T, SidecarError>,
    ) -> Result<T, ReadError> {
        if let Some(answer) = sealed.ask_as_is(&question)? {
            return Ok(answer);
        }
        let all = self.state().sealed.clone();
        let older = all.partition_point(|other| other.info.number < sealed.info.number);
        sealed.ask(&*self.world.files, &all[..older], question)
    }

    /// How many bytes a stream takes, by the indexes alone.
    pub fn bytes_of(&self, stream: &StreamName) -> Result<StreamBytes, ReadError> {
        let sum = |parts: &[PartAt]| parts.iter().map(|part| u64::from(part.len)).sum::<u64>();
        let (active, segments) = {
            let state = self.state();
            (sum(&state.active.tail.parts(stream, 0, usize::MAX)), state.sealed.clone())
        };
        let key = Fingerprint::of(stream.as_str().as_bytes());
        let mut sealed = 0;
        for segment in segments.iter() {
            let found = self.ask(segment, |index| index.parts(stream, key, 0, usize::MAX))?;
            sealed += found.map_or(0, |(_, parts)| sum(&parts));
        }
        Ok(StreamBytes { sealed, active })
    }

    /// Writes the sidecars that are still missing, oldest first.
    pub fn write_indexes(&self) -> std::io::Result<()> {
        let _one_at_a_time = lock(&self.sealing);
        let sealed = self.state().sealed.clone();
        sealed.iter().try_for_each(|sealed| sealed.write_index(&*self.world.files))
    }

    /// How many sealed segments have their index in memory.
    pub fn indexes_in_memory(&self) -> usize {
        self.state().sealed.iter().rev().filter(|sealed| sealed.is_in_memory()).count()
    }
}
