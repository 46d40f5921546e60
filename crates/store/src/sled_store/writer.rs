//! The store's thread: opens the database, then writes the overlays to it until it is told to stop.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::database::{Database, Fault, sync_files};
use super::marker::{Ended, Marker};
use super::opening::{self, NotOpened, Opened, Plan};
use super::room;
use super::shared::{Shared, lock, write};
use super::turns::Stop;

/// Rows of dropped generations that are removed in one turn.
const SWEEP_ROWS_MAX: usize = 1000;
/// How often room is asked for, and how long a database that met the end of the disk is left alone at least.
const ROOM_AGAIN: Duration = Duration::from_millis(250);
/// How long it is left alone when it meets the end again and again although there seems to be room.
const ROOM_AGAIN_MAX: Duration = Duration::from_secs(2);

/// Starts the thread; when the system refuses, the store has failed.
pub(super) fn spawn(shared: &Arc<Shared>, plan: Plan) -> Option<JoinHandle<()>> {
    let own = shared.clone();
    let spawned = thread::Builder::new().name("ghostlight-sled".into()).spawn(move || run(&own, plan));
    spawned.map_err(|error| shared.fail(format!("could not start its thread: {error}").into())).ok()
}

fn run(shared: &Shared, plan: Plan) {
    let _last_words = LastWords(shared);
    let (mut plan, mut head, mut again) = (plan, shared.options.journal_head, ROOM_AGAIN);
    loop {
        if !room::is_there(&shared.options) && !wait_for_room(shared) {
            return;
        }
        match open(shared, plan, head) {
            Ok(opened) => {
                again = ROOM_AGAIN;
                let (database, marker) = (opened.database.clone(), opened.marker.clone());
                shared.opened(opened);
                serve(shared, database, marker);
            }
            // A database that could not be opened for want of room is as good as one that has met it.
            Err(NotOpened::NoRoom(detail)) => {
                tracing::warn!(%detail, "there is no room to open views and snapshots");
                again = (again * 2).min(ROOM_AGAIN_MAX);
            }
            Err(NotOpened::Because(reason)) => return shared.fail(reason),
        }
        if !shared.is_opening() {
            return;
        }
        shared.begin_anew();
        // Some room may be missing that nobody sees before sled does.
        if shared.turns.pause(again) {
            return;
        }
        // Where the journal is by now is not known here, and its views follow it: none can be ahead.
        (plan, head) = (Plan::Later, u64::MAX);
    }
}

/// Waits until the disk has room again; false when the store is to end before.
fn wait_for_room(shared: &Shared) -> bool {
    loop {
        if shared.turns.pause(ROOM_AGAIN) {
            return false;
        }
        if room::is_there(&shared.options) {
            return true;
        }
        // Nobody waits for a flush of what cannot be written.
        shared.turns.done(shared.turns.next(Duration::ZERO));
    }
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
fn open(shared: &Shared, plan: Plan, head: u64) -> Result<Opened, NotOpened<Arc<str>>> {
    let options = &shared.options;
    let plan = match plan {
        Plan::Later => {
            let (plan, set_aside) = opening::plan_patiently(options).map_err(NotOpened::Because)?;
            shared.planned(&plan, set_aside);
            plan
        }
        Plan::Existing(_) | Plan::Fresh => plan,
    };
    if let Plan::Existing(marker) = plan {
        let reason = match opening::open_existing(options, marker, head) {
            Ok(opened) => return Ok(opened),
            Err(NotOpened::NoRoom(detail)) => return Err(NotOpened::NoRoom(detail)),
            Err(NotOpened::Because(reason)) => reason,
        };
        let set_aside = opening::set_aside(options, reason.clone()).map_err(|error| {
            NotOpened::Because(format!("{reason}, and could not be set aside: {error}").into())
        })?;
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
        if turn.stop.is_none() && !turn.is_flush && !room::is_said(&shared.options) {
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
