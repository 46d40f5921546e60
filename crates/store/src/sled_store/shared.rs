//! What the readers and the writer of a store share: its phase, its overlays, and how much waits in them.
//!
//! Locks are taken in this order: table of views, one overlay, phase. The phase is asked *after* the overlay is
//! locked: a reader who found the database not open yet must not miss rows that land meanwhile.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use super::database::{Database, Fault};
use super::keys::ViewHeader;
use super::marker::{Ended, Marker};
use super::opening::{Opened, Plan};
use super::overlay::{SnapshotOverlay, ViewOverlay};
use super::room;
use super::set_aside::SetAside;
use super::turns::Turns;
use super::{SledOptions, SledStats};
use crate::views::{Readiness, ViewError, ViewName};

pub(super) struct Shared {
    pub options: SledOptions,
    pub turns: Turns,
    pub snapshots: Mutex<SnapshotOverlay>,
    table: RwLock<Table>,
    phase: RwLock<Phase>,
    readiness: watch::Sender<Readiness>,
    flushes: watch::Sender<u64>,
    set_aside: Mutex<Option<SetAside>>,
    waiting_bytes: AtomicUsize,
    rows_written: AtomicU64,
}

enum Phase {
    Opening,
    Open { database: Database, marker: Marker },
    Failed(Arc<str>),
    Closed,
}

#[derive(Default)]
struct Table {
    /// The views that sled holds; nothing while that is not known.
    existing: Option<BTreeMap<ViewName, ViewHeader>>,
    begun: BTreeMap<ViewName, Arc<RwLock<ViewOverlay>>>,
}

impl Shared {
    pub fn new(options: SledOptions) -> Self {
        Self {
            options,
            turns: Turns::default(),
            snapshots: Mutex::default(),
            table: RwLock::default(),
            phase: RwLock::new(Phase::Opening),
            readiness: watch::Sender::new(Readiness::Opening),
            flushes: watch::Sender::new(0),
            set_aside: Mutex::default(),
            waiting_bytes: AtomicUsize::new(0),
            rows_written: AtomicU64::new(0),
        }
    }

    /// It is known what will be opened; a new database is known to be empty before it is there.
    pub fn planned(&self, plan: &Plan, set_aside: Option<SetAside>) {
        if matches!(plan, Plan::Fresh) {
            write(&self.table).existing = Some(BTreeMap::new());
        }
        if set_aside.is_some() {
            *lock(&self.set_aside) = set_aside;
        }
    }

    pub fn opened(&self, opened: Opened) {
        let Opened { database, marker, headers } = opened;
        write(&self.table).existing = Some(headers);
        *write(&self.phase) = Phase::Open { database, marker };
        self.readiness.send_replace(Readiness::Open);
    }

    /// The disk has no room, and sled takes nothing more: it is opened again when there is some.
    fn out_of_room(&self) {
        let mut phase = write(&self.phase);
        if matches!(*phase, Phase::Open { .. }) {
            tracing::warn!(
                "the disk has no room for views and snapshots: they are opened again when there is some"
            );
            *phase = Phase::Opening;
            self.readiness.send_replace(Readiness::Opening);
            self.turns.hurry();
        }
    }

    /// Forgets what waited for a database that is to be opened again: its views are begun where the database knows them.
    pub fn begin_anew(&self) {
        *write(&self.table) = Table::default();
        *lock(&self.snapshots) = SnapshotOverlay::default();
        self.waiting_bytes.store(0, Ordering::Relaxed);
    }

    /// The store can no longer be used. The first reason holds.
    pub fn fail(&self, reason: Arc<str>) {
        let mut phase = write(&self.phase);
        if matches!(*phase, Phase::Opening | Phase::Open { .. }) {
            tracing::error!(%reason, "views and snapshots are unavailable");
            *phase = Phase::Failed(reason.clone());
            self.readiness.send_replace(Readiness::Failed { reason });
        }
    }

    /// A call into the open database went wrong. Damage is noted, so that the next opening sets it aside; but what is said on a
    /// full disk is none.
    pub fn broke(&self, fault: &Fault) {
        if fault.no_room || (fault.damaged && !room::is_there(&self.options)) {
            return self.out_of_room();
        }
        let marker = match &*read(&self.phase) {
            Phase::Open { marker, .. } if fault.damaged => Some(marker.clone()),
            _ => None,
        };
        let noted = marker.map_or(Ok(()), |marker| marker.ended(Ended::Damaged).write(&self.options.dir));
        if let Err(error) = noted {
            tracing::warn!(%error, "could not note that the database is damaged");
        }
        self.fail(fault.detail.clone());
    }

    /// The store is closed, unless it failed before; what was not written is dropped with the overlays.
    pub fn closed(&self) {
        let mut phase = write(&self.phase);
        if !matches!(*phase, Phase::Failed(_) | Phase::Closed) {
            *phase = Phase::Closed;
            self.readiness.send_replace(Readiness::Closed);
        }
    }

    /// The database; nothing while it is opening. Errors: [`ViewError::Unavailable`].
    pub fn database(&self) -> Result<Option<Database>, ViewError> {
        match &*read(&self.phase) {
            Phase::Opening => Ok(None),
            Phase::Open { database, .. } => Ok(Some(database.clone())),
            Phase::Failed(reason) => Err(ViewError::Unavailable { reason: reason.clone() }),
            Phase::Closed => Err(ViewError::Unavailable { reason: "it is closed".into() }),
        }
    }

    /// Calls into the database; a fault ends the store.
    pub fn call<T>(&self, called: Result<T, Fault>) -> Result<T, ViewError> {
        called.map_err(|fault| {
            self.broke(&fault);
            ViewError::Unavailable { reason: fault.detail }
        })
    }

    /// Whether the database is not open, and may yet be.
    pub fn is_opening(&self) -> bool {
        matches!(*read(&self.phase), Phase::Opening)
    }

    /// The overlay of a view, which begins now if it was not begun yet; new views get the format.
    pub fn begin(&self, view: &ViewName, format: u32) -> Result<Arc<RwLock<ViewOverlay>>, ViewError> {
        self.database()?;
        let Table { existing, begun } = &mut *write(&self.table);
        match begun.entry(view.clone()) {
            Entry::Occupied(entry) => Ok(entry.get().clone()),
            Entry::Vacant(entry) => {
                let existing = existing.as_ref().ok_or(ViewError::Opening)?.get(view);
                let overlay = existing
                    .map_or_else(|| ViewOverlay::of_new(format), |header| ViewOverlay::of_existing(*header));
                Ok(entry.insert(Arc::new(RwLock::new(overlay))).clone())
            }
        }
    }

    pub fn begun(&self, view: &ViewName) -> Result<Arc<RwLock<ViewOverlay>>, ViewError> {
        let begun = read(&self.table).begun.get(view).cloned();
        begun.ok_or_else(|| ViewError::NotBegun { view: view.clone() })
    }

    pub fn all_begun(&self) -> Vec<(ViewName, Arc<RwLock<ViewOverlay>>)> {
        read(&self.table).begun.iter().map(|(view, overlay)| (view.clone(), overlay.clone())).collect()
    }

    /// Whether `bytes` more may wait. A batch that finds nothing waiting is always taken, so that none waits for ever.
    pub fn admit(&self, bytes: usize) -> Result<(), ViewError> {
        let waiting_bytes = self.waiting_bytes.load(Ordering::Relaxed);
        let max = self.options.overlay_bytes_max;
        if waiting_bytes.saturating_add(bytes) > max / 2 {
            self.turns.hurry();
        }
        if waiting_bytes > 0 && waiting_bytes.saturating_add(bytes) > max {
            return Err(ViewError::Lagging { waiting_bytes });
        }
        Ok(())
    }

    pub fn waits(&self, added: usize, given_back: usize) {
        self.waiting_bytes.fetch_add(added, Ordering::Relaxed);
        self.waiting_bytes.fetch_sub(given_back, Ordering::Relaxed);
    }

    pub fn wrote_rows(&self, rows: usize) {
        self.rows_written.fetch_add(rows as u64, Ordering::Relaxed);
    }

    /// A turn of the writer is over: whoever waits for room looks again.
    pub fn flushed(&self) {
        self.flushes.send_modify(|flushes| *flushes += 1);
    }

    pub fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    pub fn room(&self) -> watch::Receiver<u64> {
        self.flushes.subscribe()
    }

    pub fn set_aside(&self) -> Option<SetAside> {
        lock(&self.set_aside).clone()
    }

    pub fn stats(&self) -> SledStats {
        SledStats {
            waiting_bytes: self.waiting_bytes.load(Ordering::Relaxed),
            waiting_snapshot_bytes: lock(&self.snapshots).bytes(),
            flushes: *self.flushes.borrow(),
            rows_written: self.rows_written.load(Ordering::Relaxed),
        }
    }

    pub fn sled_dir(&self) -> PathBuf {
        super::opening::sled_dir(&self.options.dir)
    }
}

// A thread that panicked while it held a lock has left values, not invariants, behind: each change under these
// locks is a single assignment or is repeated by its caller.

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
