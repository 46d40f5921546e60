//! Numbers over the list of runs: how many there are of each kind, and what happened in each hour.
//!
//! They are read from counters that move with the rows ([`super::facets`]), so that a million runs cost what a hundred cost, and a
//! number never says anything else than a walk through the list would. Only what no counter knows, labels, is counted run by
//! run, up to a bound.

use std::collections::BTreeMap;

use ghostlight_model::event::{PauseReason, WaitReason};
use ghostlight_model::ids::Name;
use ghostlight_model::run::RunStatus;
use ghostlight_store::views::Range;
use jiff::Timestamp;

use super::error::ViewError;
use super::facets::{self, HOUR_S, Happened};
use super::handle::{ViewsHandle, count_of};
use super::query::{PAGE_ROWS_MAX, Page, RunFilter};
use super::rows::{RunRow, WAITS};
use super::status::ViewKind;

/// The most hours of one history: a week.
pub const HISTORY_HOURS_MAX: u16 = 168;
/// How many pages of the list are counted run by run: 10,000 runs are looked at, at least.
const PAGES_COUNTED_MAX: usize = 50;
/// How often counters are read again because the view went on meanwhile.
const STEADY_TRIES: usize = 4;
/// All statuses, in the order in which the API names them.
pub const STATUSES: [RunStatus; 6] = [
    RunStatus::Pending,
    RunStatus::Running,
    RunStatus::Paused,
    RunStatus::Completed,
    RunStatus::Failed,
    RunStatus::Cancelled,
];

/// How many runs there are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// By the name of their status; every status is there.
    pub by_status: BTreeMap<&'static str, u64>,
    /// Runs with a step that waits for this, in the order of [`WAITS`]; a run that waits for several counts for each.
    pub waiting: [u64; WAITS.len()],
    /// Answers of people that they wait for.
    pub waiting_approvals: u64,
    /// Runs that were set aside.
    pub quarantined: u64,
    /// The global sequence up to which events are in the numbers.
    pub sequence: u64,
    /// Whether there may be more than was looked at.
    pub partial: bool,
}

/// What happened in an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hour {
    /// Runs that were admitted.
    pub started: u64,
    /// Runs that ended with their output.
    pub completed: u64,
    /// Runs that ended without.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
}

/// What happened in some hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// When the first of the hours begins.
    pub begins: Timestamp,
    /// One after another, those in which nothing happened too.
    pub hours: Vec<Hour>,
    /// The global sequence up to which events are in it.
    pub sequence: u64,
}

impl RunCounts {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_status.values().sum()
    }

    /// Runs with a step that waits for this, which is one of [`WAITS`].
    #[must_use]
    pub fn waiting_for(&self, wait: WaitReason) -> u64 {
        let of = WAITS.into_iter().zip(self.waiting).find(|(reason, _)| *reason == wait);
        of.map_or(0, |(_, count)| count)
    }

    fn empty() -> Self {
        let by_status = STATUSES.into_iter().map(|status| (status.as_str(), 0)).collect();
        Self { by_status, ..Self::default() }
    }

    fn count(&mut self, row: &RunRow) {
        *self.by_status.entry(row.status.as_str()).or_default() += 1;
        for (count, wait) in self.waiting.iter_mut().zip(WAITS) {
            *count += u64::from(row.waits_for(wait));
        }
        self.waiting_approvals += u64::from(row.waiting_approvals);
        self.quarantined += u64::from(row.reason == Some(PauseReason::Quarantined));
    }
}

impl ViewsHandle {
    /// How many runs there are, of a workflow or in all: a few lookups, however many there are.
    ///
    /// # Errors
    /// When the view cannot answer.
    pub fn run_counts(&self, workflow: Option<&Name>) -> Result<RunCounts, ViewError> {
        self.readable(ViewKind::Runs)?;
        let (counts, sequence) = self.as_of(|| self.read_counts(workflow))?;
        Ok(RunCounts { sequence, ..counts })
    }

    /// How many runs fit a filter, counted one by one and no more than a bounded number of them.
    ///
    /// # Errors
    /// As for [`ViewsHandle::runs`].
    pub fn count_runs(&self, filter: &RunFilter) -> Result<RunCounts, ViewError> {
        let cursor = self.shared.views.cursor(self.shared.name(ViewKind::Runs))?;
        let mut counts = RunCounts { sequence: cursor, ..RunCounts::empty() };
        let mut page = Page { limit: PAGE_ROWS_MAX, cursor: None };
        for _ in 0..PAGES_COUNTED_MAX {
            let found = self.runs(filter, &page)?;
            found.items.iter().for_each(|row| counts.count(row));
            if found.next.is_none() {
                return Ok(counts);
            }
            page.cursor = found.next;
        }
        Ok(RunCounts { partial: true, ..counts })
    }

    /// What happened in the hour of `now` and those before it, `hours` in all and [`HISTORY_HOURS_MAX`] at most: runs that were
    /// admitted by when they were, and runs that ended by when they did. A run that was opened again has not ended; one that
    /// was dropped is as if it had not been.
    ///
    /// # Errors
    /// When the view cannot answer.
    pub fn history(&self, workflow: Option<&Name>, hours: u16, now: Timestamp) -> Result<History, ViewError> {
        self.readable(ViewKind::Runs)?;
        let hours = u32::from(hours.clamp(1, HISTORY_HOURS_MAX));
        let first = facets::hour_of(now).saturating_sub(hours - 1);
        let (hours, sequence) = self.as_of(|| self.read_hours(workflow, first, hours))?;
        let begins = Timestamp::from_second(i64::from(first) * HOUR_S).unwrap_or(Timestamp::UNIX_EPOCH);
        Ok(History { begins, hours, sequence })
    }

    fn read_counts(&self, workflow: Option<&Name>) -> Result<RunCounts, ViewError> {
        let count = |facet: bytes::Bytes| {
            let group = workflow.map_or(facet.clone(), |workflow| facets::within(workflow, &facet));
            self.count(ViewKind::Runs, &group)
        };
        let mut counts = RunCounts::default();
        for status in STATUSES {
            counts.by_status.insert(status.as_str(), count(facets::by_status(status))?);
        }
        for (waiting, wait) in counts.waiting.iter_mut().zip(WAITS) {
            *waiting = count(facets::by_wait(wait))?;
        }
        counts.waiting_approvals = count(facets::questions())?;
        counts.quarantined = count(facets::by_reason(PauseReason::Quarantined))?;
        Ok(counts)
    }

    fn read_hours(&self, workflow: Option<&Name>, first: u32, hours: u32) -> Result<Vec<Hour>, ViewError> {
        let prefix = facets::hours_prefix(workflow);
        // The keys of an hour are longer than this, and so behind it.
        let after = [&prefix[..], &first.to_be_bytes()].concat().into();
        let limit = usize::try_from(hours).unwrap_or(0) * Happened::ALL.len();
        let range = Range { prefix, after: Some(after), limit, reverse: false };
        let mut found = vec![Hour::default(); usize::try_from(hours).unwrap_or(0)];
        for entry in self.shared.views.range(self.shared.name(ViewKind::Runs), &range)? {
            let Some((hour, happened)) = facets::hour_in(&entry.key) else { continue };
            // Behind the last are those of a clock that was set back.
            let at = hour.checked_sub(first).and_then(|at| usize::try_from(at).ok());
            if let Some(hour) = at.and_then(|at| found.get_mut(at)) {
                *hour.of(happened) = count_of(&entry.value);
            }
        }
        Ok(found)
    }

    /// What `read` finds, and the sequence that the view was at while it looked. Where the view goes on each time, the last one,
    /// and the sequence that it had reached before.
    fn as_of<T>(&self, read: impl Fn() -> Result<T, ViewError>) -> Result<(T, u64), ViewError> {
        let cursor = || self.shared.views.cursor(self.shared.name(ViewKind::Runs));
        let mut before = cursor()?;
        for _ in 1..STEADY_TRIES {
            let found = read()?;
            let after = cursor()?;
            if after == before {
                return Ok((found, before));
            }
            before = after;
        }
        Ok((read()?, before))
    }
}

impl Hour {
    fn of(&mut self, happened: Happened) -> &mut u64 {
        match happened {
            Happened::Started => &mut self.started,
            Happened::Completed => &mut self.completed,
            Happened::Failed => &mut self.failed,
            Happened::Cancelled => &mut self.cancelled,
        }
    }
}
