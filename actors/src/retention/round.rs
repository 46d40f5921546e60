//! One round of store care: find, archive, drop, take back.

use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use ghostlight_model::event::RunArchived;
use ghostlight_model::ids::RunId;
use ghostlight_model::retention::{Above, Candidate, may_drop};
use ghostlight_model::run::RunStatus;
use ghostlight_store::blobs::Swept;
use ghostlight_store::journal::{Compacted, StreamBytes};
use ghostlight_store::{Append, AppendError, Journal, ReadError, StreamAppend, Wake};
use jiff::Timestamp;

use super::{
    CareError, KEPT_OUT_MAX, Keeper, PERCENT_MIN, SWEEP_EVERY, compact, event_of, has_gone, sweep_whole,
};
use crate::archive::{ExportError, archive_runs};
use crate::blocking::blocking;
use crate::caller::{Caller, StoreError};
use crate::views::{PAGE_ROWS_MAX, Page, RunFilter, RunRow};
use crate::{codec, streams};

/// How many runs are archived and dropped together: of each a few appends are in memory.
const RUNS_AT_ONCE: usize = 32;
/// How many of the oldest runs are looked for at a time when there is not enough room.
const OLDEST: usize = 4_096;
/// How many damaged runs are remembered; further ones are tried again each time.
const DAMAGED_MAX: usize = 10_000;

const ENDED: [RunStatus; 3] = [RunStatus::Completed, RunStatus::Failed, RunStatus::Cancelled];

/// Rounds, one after the other.
pub(super) struct Rounds {
    keeper: Keeper,
    /// What a crash or an earlier life has left may have to be taken back.
    has_looked: bool,
    /// When large values were swept last, or when this began.
    swept_at: Duration,
    /// How many sweeps before now were kept out by others, one after the other.
    pub(super) kept_out: u32,
    files: u64,
    /// Runs that could not be archived because they are damaged.
    damaged: BTreeSet<RunId>,
}

/// A run that may be dropped, and where its stream stood when that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    ended_at: Timestamp,
    run: RunId,
    status_at: u8,
    expected: u64,
    route: Arc<str>,
}

impl Found {
    fn status(&self) -> RunStatus {
        ENDED[usize::from(self.status_at)]
    }
}

/// Tells blocking work to end when whoever waits for it has gone.
struct GoesOn(Arc<AtomicBool>);

impl Drop for GoesOn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

impl Rounds {
    pub fn new(keeper: Keeper) -> Self {
        let swept_at = keeper.world.clock.monotonic();
        Self { keeper, has_looked: false, swept_at, kept_out: 0, files: 0, damaged: BTreeSet::new() }
    }

    /// Drops what may be dropped, and takes back its space.
    pub async fn round(&mut self) -> Result<(), CareError> {
        let mut dropped = 0;
        // What a run started may go once the run has gone.
        let aged = loop {
            match self.drop_aged().await {
                Ok(0) => break Ok(()),
                Ok(now) => dropped += now,
                Err(error) => break Err(error),
            }
        };
        // Also after an error: what was dropped before it takes room.
        if dropped > 0 || aged.is_err() || !self.has_looked {
            let taken = self.take_back(PERCENT_MIN).await;
            aged?;
            taken?;
            self.has_looked = true;
        }
        while let Some(excess) = self.excess() {
            let found = self.find_oldest(excess).await?;
            if found.is_empty() {
                break;
            }
            for runs in found.chunks(RUNS_AT_ONCE) {
                self.drop_runs(runs).await?;
            }
            // What brings no room is not done again.
            if self.take_back(1).await?.bytes == 0 {
                break;
            }
        }
        Ok(())
    }

    /// By how many bytes the journal is larger than it should be.
    fn excess(&self) -> Option<u64> {
        let bytes = self.keeper.journal.stats().file_bytes;
        let max = self.keeper.care.journal_bytes_max?;
        bytes.checked_sub(max).filter(|excess| *excess > 0)
    }

    /// Goes once over all runs that are old enough; says how many it dropped.
    async fn drop_aged(&mut self) -> Result<usize, CareError> {
        let mut dropped = 0;
        for status in ENDED {
            let Some(age) = self.keeper.care.retention.age_of(status) else { continue };
            // Created no later than it ended.
            let now = self.keeper.world.clock.now();
            let Ok(until) = now.checked_sub(age).and_then(|until| until.checked_add(Duration::from_secs(1)))
            else {
                continue;
            };
            let filter = RunFilter { statuses: vec![status], until: Some(until), ..RunFilter::default() };
            let mut page = Page { limit: PAGE_ROWS_MAX, cursor: None };
            loop {
                let found = self.keeper.views.runs(&filter, &page)?;
                let runs = self.judge(found.items, false).await?;
                for runs in runs.chunks(RUNS_AT_ONCE) {
                    dropped += self.drop_runs(runs).await?;
                }
                if found.next.is_none() {
                    break;
                }
                page.cursor = found.next;
            }
        }
        Ok(dropped)
    }

    /// The runs that ended first, of all that may be dropped when there is not enough room: as many as take `excess`, of those whose
    /// space can come back now. None when all of them together do not take that much: then what is kept anyway is larger than the
    /// journal may be, and dropping them would not help.
    async fn find_oldest(&self, excess: u64) -> Result<Vec<Found>, CareError> {
        let (mut oldest, mut in_all, mut records) = (BinaryHeap::new(), 0_u64, 0_u64);
        for status in ENDED {
            let filter = RunFilter { statuses: vec![status], ..RunFilter::default() };
            let mut page = Page { limit: PAGE_ROWS_MAX, cursor: None };
            loop {
                let found = self.keeper.views.runs(&filter, &page)?;
                let judged = self.judge(found.items, true).await?;
                for (run, bytes) in self.measure(judged).await? {
                    records = records.saturating_add(run.expected);
                    in_all = in_all.saturating_add(bytes.sealed).saturating_add(bytes.active);
                    if bytes.sealed > 0 {
                        oldest.push((run, bytes.sealed));
                    }
                    if oldest.len() > OLDEST {
                        oldest.pop();
                    }
                }
                if found.next.is_none() {
                    break;
                }
                page.cursor = found.next;
            }
        }
        // Frames take room beside the records in them: by its records alone a run takes too little.
        let stats = self.keeper.journal.stats();
        let bytes_each = stats.file_bytes / stats.records_kept.max(1);
        let in_all = in_all.max(records.saturating_mul(bytes_each));
        if in_all < excess {
            tracing::warn!(
                excess,
                of_ended_runs = in_all,
                "the journal is larger than `retention.journal_bytes_max` by more than ended runs take: none is dropped for it"
            );
            return Ok(Vec::new());
        }
        let mut missing = excess;
        let enough = oldest.into_sorted_vec().into_iter().map_while(|(run, bytes)| {
            let is_needed = missing > 0;
            missing = missing.saturating_sub(bytes);
            is_needed.then_some(run)
        });
        Ok(enough.collect())
    }

    /// How many bytes each of these runs takes.
    async fn measure(&self, runs: Vec<Found>) -> Result<Vec<(Found, StreamBytes)>, CareError> {
        let journal = self.keeper.journal.clone();
        let measured = move || {
            let measure = |run: Found| Ok((run.clone(), journal.bytes_of(&streams::run(run.run))?));
            runs.into_iter().map(measure).collect::<Result<Vec<_>, ReadError>>()
        };
        Ok(blocking(measured).await??)
    }

    /// Those of these runs that may be dropped. A list may lag behind: where a stream stands is asked of the journal.
    async fn judge(&self, rows: Vec<RunRow>, needs_room: bool) -> Result<Vec<Found>, CareError> {
        let keeper = self.keeper.clone();
        let judged = move || {
            let now = keeper.world.clock.now();
            let mut all = Vec::new();
            for row in rows {
                let above = match &row.parent {
                    None => Above::Nothing,
                    Some(parent) => above(&*keeper.journal, parent.run)?,
                };
                let run = Candidate { status: row.status, ended_at: row.ended_at, above };
                if may_drop(&run, &keeper.care.retention, needs_room, now).is_err() {
                    continue;
                }
                let head = keeper.journal.head_of(&streams::run(row.id))?;
                let head =
                    head.filter(|head| head.wake == Wake::Done && head.sequence == row.stream_sequence);
                let Some(head) = head.filter(|_| !(keeper.is_present)(row.id)) else { continue };
                let status_at = ENDED.iter().position(|status| *status == row.status);
                let (Some(status_at), Some(ended_at)) = (status_at, row.ended_at) else { continue };
                all.push(Found {
                    ended_at,
                    run: row.id,
                    status_at: u8::try_from(status_at).unwrap_or_default(),
                    expected: head.sequence,
                    route: head.route,
                });
            }
            Ok::<_, ReadError>(all)
        };
        let mut all = blocking(judged).await??;
        all.retain(|found| !self.damaged.contains(&found.run));
        Ok(all)
    }

    /// Archives these runs, if there is a folder for it, and drops them. Says how many were dropped: what somebody has written to
    /// meanwhile is kept.
    async fn drop_runs(&mut self, runs: &[Found]) -> Result<usize, CareError> {
        let Some(first) = runs.first() else { return Ok(0) };
        let now = self.keeper.world.clock.now();
        let file = match self.archive(first, runs, now).await {
            Ok(file) => file,
            Err(CareError::Archive(error)) if error.is_damage() => {
                if runs.len() == 1 {
                    self.keep(first.run, &error);
                    return Ok(0);
                }
                // The others go without the one that is damaged.
                let mut dropped = 0;
                for run in runs {
                    dropped += Box::pin(self.drop_runs(std::slice::from_ref(run))).await?;
                }
                return Ok(dropped);
            }
            Err(error) => return Err(error),
        };
        let answers = runs.iter().map(|found| self.append_end(found, file.clone(), now));
        let answers = join_all(answers.collect::<Vec<_>>()).await;
        let mut dropped = 0;
        for (found, answer) in runs.iter().zip(answers) {
            match answer {
                Ok(_) => {
                    dropped += 1;
                    self.keeper.snapshots.forget(streams::run(found.run).as_str());
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(StoreError::of_append(&error).into()),
            }
        }
        tracing::info!(runs = dropped, file, "runs were dropped");
        Ok(dropped)
    }

    /// Writes these runs into a file, if there is a folder for it; says how it is called.
    async fn archive(
        &mut self,
        first: &Found,
        runs: &[Found],
        now: Timestamp,
    ) -> Result<Option<String>, CareError> {
        let Some(folder) = self.keeper.care.archive.clone() else { return Ok(None) };
        self.files += 1;
        let at = now.strftime("%Y%m%dT%H%M%S");
        // Runs begin at different times, so that no two files have one name, in no two lives of the daemon.
        let name = format!("runs-{at}-{}-{}.jsonl", self.files, first.run);
        let ids: Vec<_> = runs.iter().map(|found| found.run).collect();
        let (keeper, of_file) = (self.keeper.clone(), name.clone());
        let archived = move || archive_runs(&*keeper.journal, &*keeper.blobs, &ids, &folder, &of_file);
        blocking(archived).await??;
        Ok(Some(name))
    }

    /// Notes that a run cannot be archived, so that it is left alone until the next start.
    fn keep(&mut self, run: RunId, error: &ExportError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(%run, %error, cause, "a run is damaged, cannot be archived and is kept");
        if self.damaged.len() < DAMAGED_MAX {
            self.damaged.insert(run);
        }
    }

    fn append_end(
        &self,
        found: &Found,
        file: Option<String>,
        now: Timestamp,
    ) -> ghostlight_store::AppendFuture {
        let event = RunArchived { status: found.status(), file }.into();
        let part = StreamAppend {
            stream: streams::run(found.run),
            expected: found.expected,
            records: codec::encode(&[event], &Caller::runtime().attribution(), now),
            wake: Wake::Dropped,
            route: found.route.clone(),
            aliases: Vec::new(),
        };
        self.keeper.journal.append(Append::one(self.keeper.world.uuid_v7().into_bytes(), part))
    }

    /// Takes back the space of what was dropped, and says so in the journal.
    pub(super) async fn take_back(&mut self, percent_min: u64) -> Result<Compacted, CareError> {
        let goes_on = GoesOn(Arc::new(AtomicBool::new(true)));
        let (keeper, flag) = (self.keeper.clone(), goes_on.0.clone());
        let now = self.keeper.world.clock.now();
        let monotonic = self.keeper.world.clock.monotonic();
        let sweeps = monotonic.saturating_sub(self.swept_at) >= SWEEP_EVERY;
        if sweeps {
            self.swept_at = monotonic;
        }
        let taken = blocking(move || {
            let goes_on = || flag.load(Ordering::Relaxed);
            let compacted = compact(&*keeper.journal, percent_min, now, &goes_on)?;
            let swept = sweeps.then(|| sweep_whole(&*keeper.journal, &*keeper.blobs, &goes_on));
            Ok::<_, CareError>((compacted, swept))
        });
        let (compacted, swept) = taken.await??;
        // What was compacted is noted whatever became of the sweep.
        let (swept, failure) = match swept.transpose() {
            Ok(swept) => (swept, None),
            Err(error) => (None, Some(error)),
        };
        if let Some(swept) = &swept {
            self.count_kept_out(swept);
        }
        let swept = swept.unwrap_or_default();
        if has_gone(&compacted, &swept) {
            tracing::info!(?compacted, ?swept, "the store was compacted");
            self.keeper.system.note(event_of(&compacted, swept)).await?;
        }
        failure.map_or(Ok(compacted), |error| Err(error.into()))
    }

    /// An export that nobody reads on holds the large values for as long as it lives: that may go on for ever, so somebody has to know.
    fn count_kept_out(&mut self, swept: &Swept) {
        self.kept_out = if swept.was_kept_out { self.kept_out.saturating_add(1) } else { 0 };
        if self.kept_out >= KEPT_OUT_MAX {
            tracing::warn!(
                sweeps = self.kept_out,
                "large values that nothing names were not removed: an export of this store is still running, or the locks in \
                 its folder `blobs` cannot be opened; end the export, or give the locks to the daemon's user"
            );
        }
    }
}

/// What has become of the run above another one. One that is not there was never part of this store.
fn above(journal: &dyn Journal, run: RunId) -> Result<Above, ReadError> {
    let head = journal.head_of(&streams::run(run))?;
    Ok(if head.is_some_and(|head| head.wake != Wake::Dropped) { Above::Kept } else { Above::Dropped })
}
