//! Reading the views: lists, single rows, and waiting until a view has seen a write. The numbers over them: [`super::numbers`].

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ghostlight_model::ids::{ApprovalId, RunId};
use ghostlight_store::views::{ViewError as StoreViewError, ViewName, Views};
use jiff::Timestamp;
use uuid::Uuid;

use super::approvals::{self, Approvals};
use super::error::ViewError;
use super::facets;
use super::list::{self, Scan};
use super::projection::{Projection, counter_key};
use super::query::{
    self, ApprovalFilter, FILTER_LABELS_MAX, FilterId, IdPrefix, Page, PageOf, QueryError, RunFilter,
};
use super::rows::{ApprovalRow, ApprovalStatus, RunRow};
use super::runs::Runs;
use super::status::{StatusCell, ViewKind, ViewState, ViewStatus};

/// The longest that a reader waits for a view.
pub const BEHIND_WAIT_MAX: Duration = Duration::from_secs(1);

/// How far the time in a run's id may be from the time of its first event: both are read in one request. Lists by time
/// look this much further along the ids, and compare the row's own time.
const ID_TIME_SLACK_MS: i64 = 2_000;

/// How many runs a label or a parent is taken to have when an index is chosen. They are not counted: there may be as many of
/// them as runs.
const GUESS: u64 = 1_000;

impl From<StoreViewError> for ViewError {
    fn from(error: StoreViewError) -> Self {
        match error {
            StoreViewError::Unavailable { reason } => Self::Unavailable { reason },
            other => Self::Unavailable { reason: other.to_string().into() },
        }
    }
}

/// A view has not seen what the reader must see: answer 503.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the view of {view} is at sequence {cursor} and has not reached {wanted}")]
pub struct ViewBehind {
    /// Which view.
    pub view: ViewKind,
    /// Where it is.
    pub cursor: u64,
    /// Where it should be.
    pub wanted: u64,
}

/// The views, for whoever reads them. Cheap to clone. Methods that are not `async` may read a few pages from the disk.
#[derive(Clone)]
pub struct ViewsHandle {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub views: Arc<dyn Views>,
    runs: (ViewName, StatusCell),
    approvals: (ViewName, StatusCell),
}

impl Shared {
    pub fn name(&self, kind: ViewKind) -> &ViewName {
        &self.of(kind).0
    }

    pub fn status(&self, kind: ViewKind) -> &StatusCell {
        &self.of(kind).1
    }

    fn of(&self, kind: ViewKind) -> &(ViewName, StatusCell) {
        match kind {
            ViewKind::Runs => &self.runs,
            ViewKind::Approvals => &self.approvals,
        }
    }
}

impl ViewsHandle {
    /// The views in this store. Each of them answers once its [writer](ViewsHandle::write) has begun.
    #[must_use]
    pub fn new(views: Arc<dyn Views>) -> Self {
        let begin = |kind: ViewKind| {
            let name = ViewName::new(kind.as_str()).expect("names of views are plain words of our own");
            (name, StatusCell::new())
        };
        Self {
            shared: Arc::new(Shared {
                views,
                runs: begin(ViewKind::Runs),
                approvals: begin(ViewKind::Approvals),
            }),
        }
    }

    /// A page of runs, newest first.
    ///
    /// # Errors
    /// [`ViewError::Query`] for a page or filter out of bounds; the others when the view cannot answer.
    pub fn runs(&self, filter: &RunFilter, page: &Page) -> Result<PageOf<RunRow>, ViewError> {
        self.readable(ViewKind::Runs)?;
        if filter.labels.len() > FILTER_LABELS_MAX {
            return Err(QueryError::TooManyLabels { count: filter.labels.len() }.into());
        }
        let bound_to = FilterId::of_runs(filter);
        let (limit, after) = query::begin(page, bound_to)?;
        let newest = filter.until.map(|until| first_id_at(until, ID_TIME_SLACK_MS));
        let oldest = filter.since.map(|since| first_id_at(since, -ID_TIME_SLACK_MS));
        let behind = filter.begins.and_then(IdPrefix::behind);
        let scan = Scan {
            groups: self.narrowest(filter)?,
            below: after.into_iter().chain(newest).chain(behind).min(),
            oldest: oldest.into_iter().chain(filter.begins.map(IdPrefix::lowest)).max(),
            limit,
        };
        self.page::<Runs>(&scan, bound_to, |row| matches_run(filter, row))
    }

    /// One run; none when the view has not seen it.
    ///
    /// # Errors
    /// When the view cannot answer.
    pub fn run(&self, id: RunId) -> Result<Option<RunRow>, ViewError> {
        self.readable(ViewKind::Runs)?;
        list::get::<Runs>(&*self.shared.views, self.shared.name(ViewKind::Runs), id.0)
    }

    /// A page of approvals, newest first.
    ///
    /// # Errors
    /// As for [`ViewsHandle::runs`].
    pub fn approvals(&self, filter: &ApprovalFilter, page: &Page) -> Result<PageOf<ApprovalRow>, ViewError> {
        self.readable(ViewKind::Approvals)?;
        let bound_to = FilterId::of_approvals(filter);
        let (limit, below) = query::begin(page, bound_to)?;
        let group = match (filter.run, filter.status) {
            (Some(run), _) => Some(approvals::by_run(run)),
            (None, Some(status)) => Some(approvals::by_status(status)),
            (None, None) => None,
        };
        let scan = Scan { groups: group.into_iter().collect(), below, oldest: None, limit };
        self.page::<Approvals>(&scan, bound_to, |row| {
            filter.status.is_none_or(|status| row.status == status)
                && filter.run.is_none_or(|run| row.run == run)
                && filter.risk.is_none_or(|risk| row.risk == risk)
        })
    }

    /// One approval; none when the view has not seen it.
    ///
    /// # Errors
    /// When the view cannot answer.
    pub fn approval(&self, id: ApprovalId) -> Result<Option<ApprovalRow>, ViewError> {
        self.readable(ViewKind::Approvals)?;
        list::get::<Approvals>(&*self.shared.views, self.shared.name(ViewKind::Approvals), id.0)
    }

    /// How many people's answers are waited for.
    ///
    /// # Errors
    /// When the view cannot answer.
    pub fn pending_approvals(&self) -> Result<u64, ViewError> {
        self.readable(ViewKind::Approvals)?;
        self.count(ViewKind::Approvals, &approvals::by_status(ApprovalStatus::Pending))
    }

    /// Where each view stands.
    #[must_use]
    pub fn cursors(&self) -> Vec<(ViewKind, ViewStatus)> {
        ViewKind::ALL.into_iter().map(|kind| (kind, self.shared.status(kind).get())).collect()
    }

    /// Waits until `view` has seen everything up to the global `sequence`, so that a reader finds every write that was
    /// answered before it asked. Waits at most `timeout`, and never more than [`BEHIND_WAIT_MAX`].
    ///
    /// # Errors
    /// [`ViewBehind`] when the view has not got there in time, at once when it is set aside.
    pub async fn at_least(&self, view: ViewKind, sequence: u64, timeout: Duration) -> Result<(), ViewBehind> {
        let cell = self.shared.status(view);
        cell.hurry_to(sequence);
        let mut status = cell.watch();
        let is_decided = |status: &ViewStatus| {
            status.cursor >= sequence
                || matches!(status.state, ViewState::SetAside { .. } | ViewState::Stopped)
        };
        // Whether it was reached, is set aside or the time is over, the cursor says it.
        drop(tokio::time::timeout(timeout.min(BEHIND_WAIT_MAX), status.wait_for(is_decided)).await);
        let cursor = cell.get().cursor;
        if cursor >= sequence { Ok(()) } else { Err(ViewBehind { view, cursor, wanted: sequence }) }
    }

    fn page<P: Projection>(
        &self,
        scan: &Scan,
        bound_to: FilterId,
        accept: impl Fn(&P::Row) -> bool,
    ) -> Result<PageOf<P::Row>, ViewError> {
        let (items, next) = list::page::<P>(&*self.shared.views, self.shared.name(P::KIND), scan, accept)?;
        Ok(PageOf { items, next: next.map(|last| query::cursor(bound_to, last)) })
    }

    /// The groups with the fewest runs that hold all runs of the filter together; none when only the list of all does.
    fn narrowest(&self, filter: &RunFilter) -> Result<Vec<Bytes>, ViewError> {
        let counted: [Vec<Bytes>; 4] = [
            filter.statuses.iter().map(|status| facets::by_status(*status)).collect(),
            filter.waits_for.iter().map(|wait| facets::by_wait(*wait)).collect(),
            filter.reasons.iter().map(|reason| facets::by_reason(*reason)).collect(),
            filter.workflow.iter().map(facets::by_workflow).collect(),
        ];
        let mut candidates = Vec::with_capacity(6);
        for groups in counted.into_iter().filter(|groups| !groups.is_empty()) {
            let mut runs = 0_u64;
            for group in &groups {
                runs = runs.saturating_add(self.count(ViewKind::Runs, group)?);
            }
            candidates.push((runs, groups));
        }
        let parent = filter.parent.map(facets::by_parent);
        let label = filter.labels.first().map(|(key, value)| facets::by_label(key, value));
        candidates.extend(parent.into_iter().chain(label).map(|group| (GUESS, vec![group])));
        let fewest = candidates.into_iter().min_by_key(|(runs, _)| *runs);
        Ok(fewest.map(|(_, groups)| groups).unwrap_or_default())
    }

    pub(super) fn count(&self, kind: ViewKind, group: &[u8]) -> Result<u64, ViewError> {
        let value = self.shared.views.get(self.shared.name(kind), &counter_key(group))?;
        Ok(value.map_or(0, |value| count_of(&value)))
    }

    pub(super) fn readable(&self, view: ViewKind) -> Result<(), ViewError> {
        match self.shared.status(view).get().state {
            ViewState::Opening => Err(ViewError::Opening { view }),
            ViewState::SetAside { reason, .. } => Err(ViewError::SetAside { view, reason }),
            ViewState::CatchingUp { .. } | ViewState::Live | ViewState::Stopped => Ok(()),
        }
    }
}

/// A counter's value.
pub(super) fn count_of(value: &[u8]) -> u64 {
    <[u8; 8]>::try_from(value).map_or(0, u64::from_be_bytes)
}

fn matches_run(filter: &RunFilter, row: &RunRow) -> bool {
    (filter.statuses.is_empty() || filter.statuses.contains(&row.status))
        && (filter.waits_for.is_empty() || filter.waits_for.iter().any(|wait| row.waits_for(*wait)))
        && (filter.reasons.is_empty() || row.reason.is_some_and(|reason| filter.reasons.contains(&reason)))
        && filter.parent.is_none_or(|parent| row.parent.as_ref().is_some_and(|above| above.run == parent))
        && filter.begins.is_none_or(|begins| begins.holds(row.id.0))
        && filter.workflow.as_ref().is_none_or(|workflow| row.workflow == *workflow)
        && filter.labels.iter().all(|(key, value)| row.labels.get(key) == Some(value))
        && filter.since.is_none_or(|since| row.created_at >= since)
        && filter.until.is_none_or(|until| row.created_at < until)
}

/// The lowest UUIDv7 of a time, moved by `slack_ms`.
fn first_id_at(time: Timestamp, slack_ms: i64) -> Uuid {
    let ms = u64::try_from(time.as_millisecond().saturating_add(slack_ms)).unwrap_or(0);
    // The time has 48 bits.
    Uuid::from_u128(u128::from(ms.min((1 << 48) - 1)) << 80)
}
