//! The database itself: a handful of fixed trees in one sled, with every call into sled guarded.
//!
//! sled panics where it should return an error (recovery of a damaged log above all), so nothing here is called
//! but through [`guarded`], which makes a [`Fault`] of both.

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ghostlight_world::is_full;
use sled::{Batch, Db, Tree};

use super::keys::{self, SnapshotHeader};
use super::overlay::{SnapshotChanges, ViewFlight};
use crate::snapshots::Snapshot;
use crate::views::ViewName;

/// How often sled itself writes and syncs what it buffers.
const SLED_FLUSH_MS: u64 = 250;
const META: &str = "meta";
const VIEWS: &str = "views";
const SNAPSHOTS: &str = "snapshots";

/// The open database. Its clones are handles of the same one.
#[derive(Clone)]
pub(super) struct Database {
    db: Db,
    pub meta: Tree,
    pub views: Tree,
    pub snapshots: Tree,
}

/// sled returned an error or panicked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub detail: Arc<str>,
    /// Opening it again will not help: the database is damaged.
    pub damaged: bool,
    /// The disk has no room: opening it again helps when there is some.
    pub no_room: bool,
}

impl Fault {
    /// What the disk said beside sled.
    pub fn of_io(error: &io::Error) -> Self {
        Self { detail: error.to_string().into(), damaged: false, no_room: is_full(error) }
    }
}

/// Calls into sled.
pub(super) fn guarded<T>(call: impl FnOnce() -> sled::Result<T>) -> Result<T, Fault> {
    // Unwind safety: after a panic the database is not used again, and the overlay is not touched in here.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Fault::of_io(&error)),
        Ok(Err(error)) => Err(Fault { detail: error.to_string().into(), damaged: true, no_room: false }),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            Err(Fault { detail: format!("sled panicked: {text}").into(), damaged: true, no_room: false })
        }
    }
}

impl Database {
    /// Opens or creates it in `dir`. Blocking, seconds for a large one that was killed.
    pub fn open(dir: &Path, cache_bytes: u64) -> Result<Self, Fault> {
        guarded(|| {
            let config = sled::Config::new().path(dir).cache_capacity(cache_bytes);
            let db = config.flush_every_ms(Some(SLED_FLUSH_MS)).open()?;
            let (meta, views) = (db.open_tree(META)?, db.open_tree(VIEWS)?);
            let snapshots = db.open_tree(SNAPSHOTS)?;
            Ok(Self { db, meta, views, snapshots })
        })
    }

    /// Hands everything written to the system: it then survives the process, not a power cut.
    pub fn flush(&self) -> Result<(), Fault> {
        guarded(|| self.db.flush().map(drop))
    }

    /// Writes the rows of a flight and the cursor they lead to, as one batch.
    pub fn write_view(&self, view: &ViewName, flight: &ViewFlight) -> Result<(), Fault> {
        let mut batch = Batch::default();
        batch.insert(keys::view_header(view), &flight.header.encode());
        for (key, value) in &flight.rows {
            let key = keys::view_row(view, flight.header.generation, key);
            match value {
                Some(value) => batch.insert(key, &value[..]),
                None => batch.remove(key),
            }
        }
        guarded(|| self.views.apply_batch(batch))
    }

    /// Removes up to `limit` rows of generations of `view` below `generation`; returns how many there were.
    pub fn sweep_view(&self, view: &ViewName, generation: u32, limit: usize) -> Result<usize, Fault> {
        guarded(|| {
            let stale = keys::view_rows(view, 0)..keys::view_rows(view, generation);
            let mut batch = Batch::default();
            let mut found = 0;
            for key in self.views.range(stale).keys().take(limit) {
                batch.remove(key?);
                found += 1;
            }
            if found > 0 {
                self.views.apply_batch(batch)?;
            }
            Ok(found)
        })
    }

    /// Writes and removes snapshots, each with all of its chunks in one batch.
    pub fn write_snapshots(&self, changes: &SnapshotChanges) -> Result<(), Fault> {
        changes.iter().try_for_each(|(stream, change)| self.write_snapshot(stream, change.as_ref()))
    }

    fn write_snapshot(&self, stream: &str, change: Option<&Snapshot>) -> Result<(), Fault> {
        guarded(|| {
            let header_key = keys::snapshot_header(stream);
            let before = self.snapshots.get(&header_key)?;
            let before = before.as_deref().and_then(SnapshotHeader::decode);
            let chunks_before = before.map_or(0, |(header, _)| header.chunks());
            let mut batch = Batch::default();
            let mut chunks = 0;
            if let Some(snapshot) = change {
                let header = SnapshotHeader::of(snapshot);
                chunks = header.chunks();
                batch.insert(header_key, header.encode(snapshot));
                for (number, chunk) in (0..chunks).zip(snapshot.bytes.chunks(keys::VALUE_BYTES_MAX)) {
                    batch.insert(keys::snapshot_chunk(stream, number), chunk);
                }
            } else {
                batch.remove(header_key);
            }
            for surplus in chunks..chunks_before {
                batch.remove(keys::snapshot_chunk(stream, surplus));
            }
            self.snapshots.apply_batch(batch)
        })
    }

    /// The snapshot of a stream, if it is whole and of this format.
    pub fn read_snapshot(&self, stream: &str, format: u32) -> Result<Option<Snapshot>, Fault> {
        guarded(|| {
            let Some(value) = self.snapshots.get(keys::snapshot_header(stream))? else { return Ok(None) };
            let Some((header, inline)) = SnapshotHeader::decode(&value) else { return Ok(None) };
            if header.format() != format {
                return Ok(None);
            }
            let mut bytes = inline.to_vec();
            for number in 0..header.chunks() {
                // A chunk that is missing shows in the length.
                if let Some(chunk) = self.snapshots.get(keys::snapshot_chunk(stream, number))? {
                    bytes.extend_from_slice(&chunk);
                }
            }
            Ok(header.with_bytes(bytes))
        })
    }
}

/// Whether another process has the database in `dir` open.
pub(super) fn in_use(dir: &Path) -> io::Result<bool> {
    let file = match File::open(dir.join("db")) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Syncs every file below `dir`, which sled does for some of its files only. Blocking.
pub(super) fn sync_files(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_files(&entry.path())?;
        } else {
            File::open(entry.path())?.sync_all()?;
        }
    }
    crate::atomic_file::sync_dir(dir)
}
