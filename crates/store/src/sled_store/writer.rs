//! The store's thread: opens the database, then writes the overlays to it until it is told to stop.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use ghostlight_world::{Files, RealFiles};

use super::database::{Database, Fault, sync_files};
use super::marker::{Ended, Marker};
use super::opening::{self, Opened, Plan};
use super::shared::{Shared, lock, write};
use super::turns::Stop;

/// Rows of dropped generations that are removed in one turn.
const SWEEP_ROWS_MAX: usize = 1000;
/// With less room than this on the disk nothing is written: what waits stays in memory, which is bounded.
const ROOM_BYTES_MIN: u64 = 8 << 20;

/// Starts the thread; when the system refuses, the store has failed.
pub(super) fn spawn(shared: &Arc<Shared>, plan: Plan) -> Option<JoinHandle<()>> {
    let own = shared.clone();
    let spawned = thread::Builder::new().name("ghostlight-sled".into()).spawn(move || run(&own, plan));
    spawned.map_err(|error| shared.fail(format!("could not start its thread: {error}").into())).ok()
}

fn run(shared: &Shared, plan: Plan) {
    let _last_words = LastWords(shared);
    let (mut plan, mut head) = (plan, shared.options.journal_head);
    loop {
        if !has_room(shared) && !wait_for_room(shared) {
            return;
        }
        match open(shared, plan, head) {
            Ok(opened) => {
                let (database, marker) = (opened.database.clone(), opened.marker.clone());
                shared.opened(opened);
                serve(shared, database, marker);
            }
            // A database that could not be begun for want of room is as good as one that has met it.
            Err(reason) if has_room(shared) => return shared.fail(reason),
            Err(_) => {}
        }
        if !shared.is_opening() {
            return;
        }
        shared.begin_anew();
        // Where the journal is by now is not known here, and its views follow it: none can be ahead.
        (plan, head) = (Plan::Later, u64::MAX);
    }
}

/// Waits until the disk has room again; false when the store is to end before.
fn wait_for_room(shared: &Shared) -> bool {
    loop {
        let turn = shared.turns.next(shared.options.flush_interval);
        if turn.stop.is_some() {
            return false;
        }
        if has_room(shared) {
            return true;
        }
        // Nobody waits for a flush of what cannot be written.
        shared.turns.done(turn);
    }
}

/// Whether the disk has so much room that sled will not meet its end: it takes nothing more once it did.
fn has_room(shared: &Shared) -> bool {
    let dir = shared.options.dir.parent().unwrap_or(&shared.options.dir);
    // A system that does not tell is taken to have room.
    RealFiles.space(dir).map_or(true, |space| space.free >= ROOM_BYTES_MIN)
}

/// Whatever ends the thread, nobody goes on waiting for it.
struct LastWords<'a>(&'a Shared);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail("its thread panicked".into());
        }
        self.0.turns.gone();
    }
}

/// Opens what was planned; an existing database that does not open or verify is set aside for a new one.
fn open(shared: &Shared, plan: Plan, head: u64) -> Result<Opened, Arc<str>> {
    let options = &shared.options;
    let plan = match plan {
        Plan::Later => {
            let (plan, set_aside) = opening::plan_patiently(options)?;
            shared.planned(&plan, set_aside);
            plan
        }
        Plan::Existing(_) | Plan::Fresh => plan,
    };
    if let Plan::Existing(marker) = plan {
        let reason = match opening::open_existing(options, marker, head) {
            Ok(opened) => return Ok(opened),
            Err(reason) => reason,
        };
        let set_aside = opening::set_aside(options, reason.clone());
        let set_aside =
            set_aside.map_err(|error| format!("{reason}, and could not be set aside: {error}"))?;
        shared.planned(&Plan::Fresh, Some(set_aside));
    }
    opening::open_fresh(options)
}

fn serve(shared: &Shared, database: Database, marker: Marker) {
    loop {
        let turn = shared.turns.next(shared.options.flush_interval);
        if turn.stop == Some(Stop::Abandon) {
            return;
        }
        // A reader may have met damage, or the end of the disk; and again while this turn was written.
        let is_open = || matches!(shared.database(), Ok(Some(_)));
        if !is_open() {
            return;
        }
        if turn.stop.is_none() && !turn.is_flush && !has_room(shared) {
            // What waits can be read where it is.
            continue;
        }
        let written = write_all(shared, &database)
            .and_then(|()| if turn.is_flush { database.flush() } else { Ok(()) })
            .and_then(|()| if turn.stop.is_none() { sweep(shared, &database) } else { Ok(()) });
        if let Err(fault) = written {
            return shared.broke(&fault);
        }
        if !is_open() {
            return;
        }
        if turn.stop == Some(Stop::Close) {
            return close(shared, database, marker);
        }
        shared.flushed();
        shared.turns.done(turn);
    }
}

/// Writes everything that waits, one flight a view.
fn write_all(shared: &Shared, database: &Database) -> Result<(), Fault> {
    for (view, overlay) in shared.all_begun() {
        // No lock is held while sled writes: readers find the flight's rows in the overlay.
        let Some(flight) = write(&overlay).take_flight() else { continue };
        database.write_view(&view, &flight)?;
        write(&overlay).landed();
        shared.waits(0, flight.bytes);
        shared.wrote_rows(flight.rows.len());
    }
    let flight = lock(&shared.snapshots).take_flight();
    if let Some(flight) = flight {
        database.write_snapshots(&flight)?;
        lock(&shared.snapshots).landed();
    }
    Ok(())
}

/// Removes some rows of generations that were dropped.
fn sweep(shared: &Shared, database: &Database) -> Result<(), Fault> {
    for (view, overlay) in shared.all_begun() {
        let Some(generation) = write(&overlay).stale_below() else { continue };
        if database.sweep_view(&view, generation, SWEEP_ROWS_MAX)? < SWEEP_ROWS_MAX {
            write(&overlay).swept(generation);
        }
    }
    Ok(())
}

/// Leaves a database that may be believed after anything.
fn close(shared: &Shared, database: Database, marker: Marker) {
    // From here on nobody is given the database any more, and nothing is applied.
    shared.closed();
    let written = write_all(shared, &database).and_then(|()| database.flush());
    drop(database);
    if let Err(fault) = written {
        tracing::warn!(detail = %fault.detail, "views and snapshots were not closed cleanly");
        return;
    }
    // sled's own flush does not reach the disk; only what is synced may be called clean.
    let synced = sync_files(&shared.sled_dir());
    if let Err(error) = synced.and_then(|()| marker.ended(Ended::Clean).write(&shared.options.dir)) {
        tracing::warn!(%error, "views and snapshots were not closed cleanly");
    }
}
