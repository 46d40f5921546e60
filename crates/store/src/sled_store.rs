//! Views and snapshots on sled: what lists, searches and quick wake-ups need, and nothing that must not be lost.
//!
//! [`SledStore::open`] returns at once. A thread of its own opens the database, verifies it and then is its only
//! writer. In front of it stands an overlay in memory: a batch that was applied can be read at once; its rows are
//! written, coalesced, every [`SledOptions::flush_interval`]. The overlay is bounded: when the writer lags, further
//! batches are refused until there is room.
//!
//! sled is never believed without evidence. Its recovery may panic, or succeed and be empty; what it calls flushed
//! does not survive a power cut. So a marker beside the database says how it was left, and what does not open, does
//! not verify, or was open when the machine went down is **set aside** and begun afresh ([`SledStore::set_aside`]).
//! After a killed process the database is sound and a little behind; its cursors say how far.
//!
//! sled takes nothing more once it met the end of the disk. So nothing is written while there is little room, and when the
//! end was met all the same the database is opened again as soon as there is room; until then the store is opening. Whatever
//! sled says meanwhile is not taken for damage.
//!
//! Leaves to others: rebuilding views from the journal, recording that they were set aside, and opening the store
//! again when it has failed ([`Readiness::Failed`]).

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use ghostlight_world::{Files, RealFiles};
use tokio::sync::watch;
use uuid::Uuid;

use crate::snapshots::Snapshots;
use crate::views::{Readiness, Views};

mod database;
mod keys;
mod marker;
mod merge;
mod opening;
mod overlay;
mod room;
mod set_aside;
mod shared;
mod snapshots;
#[cfg(test)]
mod tests;
mod turns;
mod views;
mod writer;

pub use set_aside::{SET_ASIDE_MAX, SetAside, SetAsideReason};

use shared::Shared;
use turns::Stop;

/// How a store is opened.
#[derive(Clone)]
pub struct SledOptions {
    /// The folder of the database. Databases that are set aside are kept beside it.
    pub dir: PathBuf,
    /// The journal's log id: rows that were made from another journal are not believed.
    pub log: Uuid,
    /// The global sequence of the last event in the journal: no view may be ahead of it.
    pub journal_head: u64,
    /// The time of day in milliseconds since 1970, which names what is set aside.
    pub now_unix_ms: u64,
    /// What tells this boot of the machine from others. Unknown means: never trust a database that was not closed.
    pub boot: Option<String>,
    /// sled's page cache, 16 to 64 MiB; the process takes one to two and a half times as much.
    pub cache_bytes: u64,
    /// How often the overlay is written, 10 ms to 10 s.
    pub flush_interval: Duration,
    /// How long to wait for a database that is in use, at most 10 s.
    pub lock_patience: Duration,
    /// The most bytes of rows that may wait to be written, and once more for snapshots; at least 64 KiB. One snapshot that is larger
    /// may wait beside them.
    pub overlay_bytes_max: usize,
    /// Who is asked for room; sled itself knows the real disk only.
    pub files: Arc<dyn Files>,
}

impl SledOptions {
    /// The defaults: 8 MiB of cache, written every 250 ms, at most 16 MiB waiting, and the machine's own boot id.
    pub fn new(dir: impl Into<PathBuf>, log: Uuid, journal_head: u64, now_unix_ms: u64) -> Self {
        Self {
            dir: dir.into(),
            log,
            journal_head,
            now_unix_ms,
            boot: marker::current_boot(),
            cache_bytes: 8 * 1024 * 1024,
            flush_interval: Duration::from_millis(250),
            lock_patience: Duration::from_secs(2),
            overlay_bytes_max: 16 * 1024 * 1024,
            files: Arc::new(RealFiles),
        }
    }

    fn clamped(mut self) -> Self {
        self.cache_bytes = self.cache_bytes.clamp(16 * 1024 * 1024, 64 * 1024 * 1024);
        self.flush_interval = self.flush_interval.clamp(Duration::from_millis(10), Duration::from_secs(10));
        self.lock_patience = self.lock_patience.min(Duration::from_secs(10));
        self.overlay_bytes_max = self.overlay_bytes_max.max(64 * 1024);
        self
    }
}

/// Views and snapshots in one sled database.
///
/// Dropping it abandons what waits to be written, as a crash would; [`SledStore::close`] writes it.
pub struct SledStore {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// How a store is doing, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SledStats {
    /// Bytes of rows that wait to be written.
    pub waiting_bytes: usize,
    /// Bytes of snapshots that wait to be written.
    pub waiting_snapshot_bytes: usize,
    /// How often the overlay was written.
    pub flushes: u64,
    /// How many rows were written or removed in all.
    pub rows_written: u64,
}

impl SledStore {
    /// Opens or creates the database in the background and returns at once; renaming a database that cannot be
    /// believed, and syncing that, is all it waits for. Whether it worked is told by [`SledStore::readiness`].
    pub fn open(options: SledOptions) -> Self {
        let options = options.clamped();
        let planned = opening::plan(&options);
        let shared = Arc::new(Shared::new(options));
        let thread = match planned {
            Ok((plan, set_aside)) => {
                shared.planned(&plan, set_aside);
                writer::spawn(&shared, plan)
            }
            Err(reason) => {
                shared.fail(reason);
                None
            }
        };
        Self { shared, thread: Mutex::new(thread) }
    }

    /// The views; they may outlive the store and are unavailable then.
    pub fn views(&self) -> Arc<dyn Views> {
        Arc::new(views::SledViews(self.shared.clone()))
    }

    /// The snapshots; they may outlive the store and forget everything then.
    pub fn snapshots(&self) -> Arc<dyn Snapshots> {
        Arc::new(snapshots::SledSnapshots(self.shared.clone()))
    }

    /// Whether the store can be used; the receiver is told of every change. Await
    /// `wait_for(|now| *now != Readiness::Opening)` where the outcome of opening matters.
    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.shared.readiness()
    }

    /// The database that this opening has set aside, if any; final once the store is no longer opening. The daemon
    /// records it (`view.set_aside`).
    pub fn set_aside(&self) -> Option<SetAside> {
        self.shared.set_aside()
    }

    /// How the store is doing.
    pub fn stats(&self) -> SledStats {
        self.shared.stats()
    }

    /// Writes what waits and hands it to the system, where it survives this process. Blocking, at first for as long
    /// as the database takes to open; returns at once when the store has failed or is closed.
    pub fn flush(&self) {
        self.shared.turns.flush();
    }

    /// Writes what waits, closes the database, and syncs its files, so that it is believed whatever happens to the
    /// machine. Blocking, at first for as long as the database takes to open. Closing twice is harmless.
    pub fn close(&self) {
        self.stop(Stop::Close);
    }

    fn stop(&self, stop: Stop) {
        self.shared.turns.stop(stop);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The thread catches its own panics; joining it cannot tell more than the readiness does.
        let _ = thread.map(JoinHandle::join);
        self.shared.closed();
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.stop(Stop::Abandon);
    }
}
