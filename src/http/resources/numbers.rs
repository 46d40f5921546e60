//! Numbers over the list of runs.

use std::time::Duration;

use ghostlight_actors::views::{History, RunCounts};
use ghostlight_model::event::WaitReason;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// How long a bucket is.
const BUCKET: Duration = Duration::from_secs(3_600);

/// How many runs there are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunCounts)]
pub struct RunCountsBody {
    /// All of them.
    pub total: u64,
    /// By status.
    pub by_status: ByStatusBody,
    /// Answers of people that they wait for; a run may wait for several.
    pub waiting_approvals: u64,
    /// Runs with a step that waits for this. A run that waits for several counts for each.
    pub waiting: WaitingBody,
    /// Runs that were set aside because their actors kept crashing: paused with reason `quarantined`.
    pub quarantined: u64,
    /// Global sequence up to which events are in the numbers.
    pub sequence: String,
    /// Whether counting was stopped after 10,000 runs, so that there may be more.
    pub partial: bool,
}

/// Runs by status.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RunsByStatus)]
pub struct ByStatusBody {
    /// Created, nothing decided yet.
    pub pending: u64,
    /// Under way.
    pub running: u64,
    /// Nothing new starts until they are resumed.
    pub paused: u64,
    /// Ended with their output.
    pub completed: u64,
    /// Ended without.
    pub failed: u64,
    /// Ended because somebody asked.
    pub cancelled: u64,
}

/// Runs by what they wait for.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunsWaiting)]
pub struct WaitingBody {
    /// A person's answer.
    pub approval: u64,
    /// Somebody to say whether a write happened.
    pub reconcile: u64,
    /// A signal.
    pub signal: u64,
    /// The end of a run that they started.
    pub child: u64,
    /// A time.
    pub time: u64,
}

impl RunCountsBody {
    /// Numbers.
    #[must_use]
    pub fn of(counts: &RunCounts) -> Self {
        Self {
            total: counts.total(),
            by_status: ByStatusBody::of(counts),
            waiting_approvals: counts.waiting_approvals,
            waiting: WaitingBody {
                approval: counts.waiting_for(WaitReason::Approval),
                reconcile: counts.waiting_for(WaitReason::Reconcile),
                signal: counts.waiting_for(WaitReason::Signal),
                child: counts.waiting_for(WaitReason::Child),
                time: counts.waiting_for(WaitReason::Time),
            },
            quarantined: counts.quarantined,
            sequence: counts.sequence.to_string(),
            partial: counts.partial,
        }
    }
}

impl ByStatusBody {
    /// The numbers by status alone.
    #[must_use]
    pub fn of(counts: &RunCounts) -> Self {
        let of = |status: &str| counts.by_status.get(status).copied().unwrap_or(0);
        Self {
            pending: of("pending"),
            running: of("running"),
            paused: of("paused"),
            completed: of("completed"),
            failed: of("failed"),
            cancelled: of("cancelled"),
        }
    }
}

/// What happened in some hours.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunHistory)]
pub struct HistoryBody {
    /// How long a bucket is.
    pub bucket_ms: u64,
    /// One after another, the oldest first, those in which nothing happened too. The last one is not over yet.
    pub buckets: Vec<BucketBody>,
    /// Global sequence up to which events are in the numbers.
    pub sequence: String,
}

/// What happened in an hour.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunHistoryBucket)]
pub struct BucketBody {
    /// When it begins: a full hour of UTC.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Runs that were created.
    pub started: u64,
    /// Runs that ended with their output.
    pub completed: u64,
    /// Runs that ended without.
    pub failed: u64,
    /// Runs that were cancelled.
    pub cancelled: u64,
}

impl HistoryBody {
    /// What happened.
    #[must_use]
    pub fn of(history: History) -> Self {
        let begins = std::iter::successors(Some(history.begins), |at| at.checked_add(BUCKET).ok());
        let buckets = begins.zip(history.hours).map(|(at, hour)| BucketBody {
            at,
            started: hour.started,
            completed: hour.completed,
            failed: hour.failed,
            cancelled: hour.cancelled,
        });
        Self {
            bucket_ms: u64::try_from(BUCKET.as_millis()).unwrap_or(u64::MAX),
            buckets: buckets.collect(),
            sequence: history.sequence.to_string(),
        }
    }
}
