//! Store care: dropping runs that ended long ago, and taking back the space that they leave.
//!
//! A task in the tree, under `core`, that looks now and then. It holds no truth: what it does next follows from the journal and
//! its lists, and a crash at any moment leaves a run that is whole or one that is dropped. A run is dropped in this order:
//! its archive is on the disk, if there is to be one; then the run's last event says so; then its records may go. The rule is
//! `ghostlight_model::retention`. Leaves to others: how segments are written anew ([`ghostlight_store::journal::Compaction`]), and
//! what an archive looks like ([`crate::archive`]).

mod round;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::event::{Event, StoreCompacted};
use ghostlight_model::ids::RunId;
use ghostlight_model::retention::{Retention, key_has_served, may_have_leapt};
use ghostlight_store::blobs::{Blobs, SweepError, Swept, sweep};
use ghostlight_store::journal::{Compacted, Compaction, READ_RECORDS_MAX};
use ghostlight_store::snapshots::Snapshots;
use ghostlight_store::{Journal, ReadError, SharedJournal, StreamName};
use ghostlight_supervision::{ChildSpec, Key, StartContext, Stopping};
use ghostlight_world::World;
use jiff::Timestamp;

use crate::archive::ExportError;
use crate::blocking::blocking;
use crate::caller::StoreError;
use crate::system::System;
use crate::views::{ViewError, ViewsHandle};

/// A segment is written anew when at least this many of a hundred bytes in it go.
const PERCENT_MIN: u64 = 25;
/// The least time between two sweeps of large values, in which whoever has put one names it.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// How many sweeps in a row may be kept out by others before somebody is told.
const KEPT_OUT_MAX: u32 = 3;
/// How long nothing is dropped when the clock may be wrong.
const CLOCK_WAIT: Duration = Duration::from_secs(3600);
/// How many of the latest records are asked for their time.
const LATEST: u64 = 100;

/// What the operator says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreCare {
    /// How long runs are kept.
    pub retention: Retention,
    /// How large the journal may be before ended runs are dropped whatever their age, the oldest first; none: as large as it gets.
    pub journal_bytes_max: Option<u64>,
    /// The folder that takes what is dropped; none: it is gone.
    pub archive: Option<PathBuf>,
    /// How often it looks.
    pub every: Duration,
}

impl StoreCare {
    /// Whether anything is ever dropped.
    #[must_use]
    pub fn drops_anything(&self) -> bool {
        self.retention != Retention::default() || self.journal_bytes_max.is_some()
    }
}

/// Why a round ended before its time. What it did stays done; the next one goes on.
#[derive(Debug, thiserror::Error)]
pub enum CareError {
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Read(#[from] ReadError),
    /// The list of runs is not there.
    #[error("the list of runs cannot be read")]
    View(#[from] ViewError),
    /// An archive cannot be written: nothing is dropped.
    #[error("runs cannot be archived")]
    Archive(#[from] ExportError),
    /// The store does not take that runs are dropped.
    #[error("the store cannot be written")]
    Store(#[from] StoreError),
    /// Large values cannot be swept.
    #[error("large values cannot be swept")]
    Sweep(#[from] SweepError),
}

/// What store care works with.
#[derive(Clone)]
pub struct Keeper {
    /// What the operator says.
    pub care: Arc<StoreCare>,
    /// The truth.
    pub journal: SharedJournal,
    /// Large values.
    pub blobs: Arc<dyn Blobs>,
    /// States of runs.
    pub snapshots: Arc<dyn Snapshots>,
    /// Lists.
    pub views: ViewsHandle,
    /// Where it is said what was done.
    pub system: System,
    /// Whether a run is in memory at this moment.
    pub is_present: Arc<dyn Fn(RunId) -> bool + Send + Sync>,
    /// Time and randomness.
    pub world: World,
}

/// The specification of the task; none where everything is kept.
pub fn spec(keeper: &Keeper) -> Option<ChildSpec> {
    if !keeper.care.drops_anything() {
        return None;
    }
    let keeper = keeper.clone();
    Some(ChildSpec::new(Key::named("retention"), move |start: StartContext| {
        let keeper = keeper.clone();
        let keep = move |mut stopping: Stopping| async move {
            let mut rounds = round::Rounds::new(keeper.clone());
            let mut wait = first_wait(&keeper).await;
            loop {
                tokio::select! {
                    () = stopping.asked() => return Ok::<(), String>(()),
                    () = tokio::time::sleep(wait) => {}
                }
                wait = keeper.care.every;
                tokio::select! {
                    () = stopping.asked() => return Ok(()),
                    done = rounds.round() => if let Err(error) = done {
                        let cause = std::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(%error, cause, "store care ended before its time");
                    }
                }
            }
        };
        std::future::ready(Ok(start.graceful_task(keep)))
    }))
}

/// How long the first round waits: a clock that is wrong when the machine starts makes everything old, and is to be corrected first.
async fn first_wait(keeper: &Keeper) -> Duration {
    let (journal, every) = (keeper.journal.clone(), keeper.care.every);
    let looked = move || journal.read_all(journal.head().saturating_sub(LATEST), READ_RECORDS_MAX);
    let now = keeper.world.clock.now();
    let has_leapt = match blocking(looked).await {
        Ok(Ok(records)) => {
            let times = records.iter().rev().map(|record| Timestamp::from_microsecond(record.time_us));
            may_have_leapt(now, times.filter_map(Result::ok))
        }
        // What cannot be read says nothing against it.
        Ok(Err(_)) | Err(_) => true,
    };
    if !has_leapt {
        return every;
    }
    let wait = every.max(CLOCK_WAIT);
    tracing::warn!(%now, ?wait, "the clock is more than a day ahead of the newest events: nothing is dropped yet");
    wait
}

/// Takes back the space of what was dropped. `percent_min` as in [`Compaction`]. Blocks, for as long as it takes to look through the whole
/// journal.
///
/// # Errors
/// [`ReadError`] when the journal cannot be read or written; what was done stays done.
pub fn compact(
    journal: &dyn Journal,
    percent_min: u64,
    now: Timestamp,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> Result<Compacted, ReadError> {
    let expired = |stream: &StreamName, time_us: i64| {
        let written_at = Timestamp::from_microsecond(time_us).unwrap_or(Timestamp::MAX);
        stream.kind() == "key" && key_has_served(written_at, now)
    };
    journal.compact(&Compaction { expired: &expired, percent_min, goes_on })
}

/// The same by hand: whatever can be taken back, and large values that nothing names. What came of the sweep is told apart: what was
/// compacted before is to be noted whatever that is.
///
/// # Errors
/// As [`compact`].
pub fn compact_all(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    now: Timestamp,
) -> Result<(Compacted, Result<Swept, SweepError>), ReadError> {
    let compacted = compact(journal, 0, now, &|| true)?;
    Ok((compacted, sweep_whole(journal, blobs, &|| true)))
}

/// Sweeps, unless anything in the journal is damaged: what that named stays with it.
fn sweep_whole(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    goes_on: &dyn Fn() -> bool,
) -> Result<Swept, SweepError> {
    match sweep(journal, blobs, goes_on) {
        Err(SweepError::Read(ReadError::Corrupt(corruption))) => {
            tracing::warn!(%corruption, "large values are not swept: a damaged record may name them");
            Ok(Swept::default())
        }
        swept => swept,
    }
}

/// Whether anything was taken back, so that it is worth writing.
#[must_use]
pub fn has_gone(compacted: &Compacted, swept: &Swept) -> bool {
    compacted.segments > 0 || swept.blobs > 0
}

/// What is written of it.
#[must_use]
pub fn event_of(compacted: &Compacted, swept: Swept) -> Event {
    StoreCompacted {
        segments: compacted.segments,
        records: compacted.records,
        bytes: compacted.bytes,
        blobs: swept.blobs,
        blob_bytes: swept.bytes,
    }
    .into()
}
