//! Opening: decide from the marker whether the database may be believed, open it, verify it, or set it aside.
//!
//! [`plan`] is quick and runs before anything is served, so that views of a database that does not exist (any
//! more) can be used at once. [`open_existing`] and [`open_fresh`] may take seconds and run on the store's own thread.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use ghostlight_world::is_full;
use uuid::Uuid;

use super::SledOptions;
use super::database::{Database, Fault, guarded, in_use};
use super::keys::{self, ViewHeader};
use super::marker::{Ended, Marker};
use super::room;
use super::set_aside::{SetAside, SetAsideReason, move_aside, remove_oldest};
use crate::atomic_file::sync_dir;
use crate::views::ViewName;

const DATABASE_KEY: &[u8] = b"database";
const SLED_DIR: &str = "db";
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// What is to be opened.
pub(super) enum Plan {
    /// The database that is there.
    Existing(Marker),
    /// A new one.
    Fresh,
    /// To be decided when whoever has it open lets go of it.
    Later,
}

/// A verified database.
pub(super) struct Opened {
    pub database: Database,
    pub marker: Marker,
    pub headers: BTreeMap<ViewName, ViewHeader>,
}

/// Why a database was not opened.
pub(super) enum NotOpened<Why> {
    /// The disk took no more: it is opened when there is room.
    NoRoom(Arc<str>),
    /// Something that room does not mend.
    Because(Why),
}

/// The folder that belongs to sled.
pub(super) fn sled_dir(dir: &Path) -> PathBuf {
    dir.join(SLED_DIR)
}

/// Decides what to open, and moves away what must not be. Errors are for the log: nothing can be opened then.
pub(super) fn plan(options: &SledOptions) -> Result<(Plan, Option<SetAside>), Arc<str>> {
    let dir = &options.dir;
    let failed = |error: io::Error| Arc::from(format!("could not look at {}: {error}", dir.display()));
    if in_use(&sled_dir(dir)).map_err(failed)? {
        return Ok((Plan::Later, None));
    }
    let reason = match Marker::read(dir).map_err(failed)? {
        // Nothing was ever kept in a database whose beginning was cut short.
        None if !sled_dir(dir).exists() => return Ok((Plan::Fresh, None)),
        Some(marker) if marker.is_beginning() => {
            fs::remove_dir_all(dir).map_err(failed)?;
            return Ok((Plan::Fresh, None));
        }
        None => SetAsideReason::NoMarker,
        Some(marker) => match marker.believable(options.log, options.boot.as_deref()) {
            Ok(()) => return Ok((Plan::Existing(marker), None)),
            Err(reason) => reason,
        },
    };
    let set_aside = set_aside(options, reason).map_err(failed)?;
    Ok((Plan::Fresh, Some(set_aside)))
}

/// As [`plan`], but waits for a database that is in use. sled's helper threads hold its file a moment longer than
/// the last handle lives, so that a store closed and opened again in one process meets itself. Blocking.
pub(super) fn plan_patiently(options: &SledOptions) -> Result<(Plan, Option<SetAside>), Arc<str>> {
    let tries = options.lock_patience.div_duration_f64(LOOK_AGAIN).ceil() as u32;
    for _ in 0..tries {
        match plan(options)? {
            (Plan::Later, _) => thread::sleep(LOOK_AGAIN),
            planned => return Ok(planned),
        }
    }
    match plan(options)? {
        (Plan::Later, _) => Err(format!("{} is in use by another process", options.dir.display()).into()),
        planned => Ok(planned),
    }
}

/// Moves the database away. What may take long, removing older ones, is left to [`open_fresh`].
pub(super) fn set_aside(options: &SledOptions, reason: SetAsideReason) -> io::Result<SetAside> {
    let moved_to = move_aside(&options.dir, options.now_unix_ms)?;
    tracing::warn!(%reason, moved_to = %moved_to.display(), "views and snapshots are set aside and begun afresh");
    Ok(SetAside { reason, moved_to })
}

/// Opens what is there and verifies it: no view may be ahead of `head`. When room does not mend it, the error is why it must
/// be set aside.
pub(super) fn open_existing(
    options: &SledOptions,
    marker: Marker,
    head: u64,
) -> Result<Opened, NotOpened<SetAsideReason>> {
    let broken =
        |fault: Fault| not_opened(options, fault.no_room, SetAsideReason::Damaged { detail: fault.detail });
    let marker = marker.reopened(options.boot.clone());
    // Before sled writes: should the machine go down now, the database must not be believed.
    marker.write(&options.dir).map_err(|error| broken(Fault::of_io(&error)))?;
    let database = Database::open(&sled_dir(&options.dir), options.cache_bytes).map_err(broken)?;
    let id = guarded(|| database.meta.get(DATABASE_KEY)).map_err(broken)?;
    if id.as_deref() != Some(marker.database.as_bytes()) {
        return Err(not_opened(options, false, SetAsideReason::Emptied));
    }
    let headers = read_headers(&database).map_err(broken)?;
    match headers.iter().find(|(_, header)| header.cursor > head) {
        Some((view, ViewHeader { cursor, .. })) => Err(NotOpened::Because(SetAsideReason::AheadOfJournal {
            view: view.to_string(),
            cursor: *cursor,
            head,
        })),
        None => Ok(Opened { database, marker, headers }),
    }
}

/// What `why` comes to: nothing that is said on a full disk is believed.
fn not_opened<Why: ToString>(options: &SledOptions, no_room: bool, why: Why) -> NotOpened<Why> {
    if no_room || !room::is_there(options) {
        NotOpened::NoRoom(why.to_string().into())
    } else {
        NotOpened::Because(why)
    }
}

/// Begins a new database.
pub(super) fn open_fresh(options: &SledOptions) -> Result<Opened, NotOpened<Arc<str>>> {
    let broken = |fault: Fault| not_opened(options, fault.no_room, fault.detail);
    let failed = |error: io::Error| {
        let detail = format!("could not begin {}: {error}", options.dir.display());
        not_opened(options, is_full(&error), detail.into())
    };
    fs::create_dir_all(&options.dir).map_err(failed)?;
    options.dir.parent().map_or(Ok(()), sync_dir).map_err(failed)?;
    let marker = Marker::new(Uuid::new_v4(), options.log, options.boot.clone());
    marker.clone().ended(Ended::Beginning).write(&options.dir).map_err(failed)?;
    let database = Database::open(&sled_dir(&options.dir), options.cache_bytes).map_err(broken)?;
    guarded(|| database.meta.insert(DATABASE_KEY, marker.database.as_bytes())).map_err(broken)?;
    database.flush().map_err(broken)?;
    marker.write(&options.dir).map_err(failed)?;
    if let Err(error) = remove_oldest(&options.dir) {
        tracing::warn!(%error, "could not remove what was set aside long ago");
    }
    Ok(Opened { database, marker, headers: BTreeMap::new() })
}

fn read_headers(database: &Database) -> Result<BTreeMap<ViewName, ViewHeader>, Fault> {
    let undecodable = || sled::Error::Unsupported("a header of a view cannot be decoded".into());
    guarded(|| {
        let decode = |entry: sled::Result<(sled::IVec, sled::IVec)>| {
            let (key, value) = entry?;
            let view = keys::view_of_header(&key).ok_or_else(undecodable)?;
            Ok((view, ViewHeader::decode(&value).ok_or_else(undecodable)?))
        };
        database.views.scan_prefix(keys::VIEW_HEADERS).map(decode).collect()
    })
}
