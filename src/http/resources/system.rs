//! What the daemon does and what it takes.

use ghostlight_actors::feed::FeedStats;
use ghostlight_actors::runs::SlotUse;
use ghostlight_store::JournalStats;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::metrics::{Process, Rates};

/// What the daemon does and what it takes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = System)]
pub struct SystemBody {
    /// The program's version.
    pub version: &'static str,
    /// Rises with every opening of the store.
    pub epoch: u64,
    /// When the daemon was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// For how long it has been up.
    pub uptime_ms: u64,
    /// How long the window is that rates and times are of: ten seconds, less after a start, 0 in the first second.
    pub window_ms: u64,
    /// The store.
    pub store: StoreBody,
    /// Feeds.
    pub feeds: FeedsBody,
    /// Runs.
    pub runs: RunsBody,
    /// Actors.
    pub actors: ActorsBody,
    /// The process.
    pub process: ProcessBody,
}

/// The store, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemStore)]
pub struct StoreBody {
    /// Whether appends are taken.
    pub available: bool,
    /// Global sequence of the last event.
    pub head: String,
    /// Commits since the start.
    pub commits: u64,
    /// Events in them.
    pub events: u64,
    /// Events of a commit, on average; null where none was made in the window.
    pub events_per_commit: Option<f64>,
    /// Commits in a second.
    pub commits_per_s: f64,
    /// Events in a second.
    pub events_per_s: f64,
    /// How long half of the commits took to be written and synced, at most; null where none was made in the window. It is up to a
    /// quarter more than was measured.
    pub sync_p50_ms: Option<f64>,
    /// How long 99 of a hundred commits took, in the same way.
    pub sync_p99_ms: Option<f64>,
    /// Appends waiting to be committed.
    pub queued: u64,
    /// What the journal takes on the disk.
    pub bytes: u64,
    /// What is free on the disk.
    pub free_bytes: u64,
    /// Segments of the journal.
    pub segments: u64,
}

/// Feeds, as operators see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemFeeds)]
pub struct FeedsBody {
    /// Feeds that are open.
    pub clients: usize,
    /// How many may be.
    pub clients_max: usize,
    /// Frames that they were given since the start.
    pub sent: u64,
    /// Times that a client was too slow and was given the journal again.
    pub lagged: usize,
    /// Feeds that were ended because their clients had stopped reading.
    pub dropped: u64,
    /// Events that the feed which is furthest behind has not got to yet.
    pub slowest_lag: u64,
}

/// Runs, as operators see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemRuns)]
pub struct RunsBody {
    /// Runs that actors carry just now; the others wait in the store.
    pub in_memory: usize,
    /// Attempts that may be made at the same time.
    pub slots: SlotsBody,
}

/// Slots, as operators see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemSlots)]
pub struct SlotsBody {
    /// In all.
    pub total: u32,
    /// Taken or kept for somebody in line.
    pub used: u32,
    /// Runs in line.
    pub waiting: u32,
}

/// Actors, as operators see them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemActors)]
pub struct ActorsBody {
    /// Actors and supervisors that are up.
    pub count: usize,
    /// Actors that were started again after an abnormal end, since the start.
    pub restarts: u64,
}

/// The process, as operators see it; null for what the system does not tell.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SystemProcess)]
pub struct ProcessBody {
    /// Resident memory.
    pub rss_bytes: Option<u64>,
    /// Processor time, user and system, since the start.
    pub cpu_seconds: Option<f64>,
    /// Threads.
    pub threads: Option<u64>,
    /// Open file descriptors.
    pub open_files: Option<u64>,
}

impl StoreBody {
    /// The store.
    #[must_use]
    pub fn of(head: u64, stats: &JournalStats, rates: Option<&Rates>, free_bytes: u64) -> Self {
        let per_commit = |rates: &Rates| rates.records as f64 / rates.commits as f64;
        let busy = rates.filter(|rates| rates.commits > 0);
        let ms = |time: std::time::Duration| time.as_micros() as f64 / 1e3;
        Self {
            available: stats.available,
            head: head.to_string(),
            commits: stats.commits,
            events: stats.records,
            events_per_commit: busy.map(per_commit),
            commits_per_s: rates.map_or(0.0, |rates| rates.per_second(rates.commits)),
            events_per_s: rates.map_or(0.0, |rates| rates.per_second(rates.records)),
            sync_p50_ms: rates.and_then(|rates| rates.p50).map(ms),
            sync_p99_ms: rates.and_then(|rates| rates.p99).map(ms),
            queued: stats.queued,
            bytes: stats.file_bytes,
            free_bytes,
            segments: stats.segments,
        }
    }
}

impl FeedsBody {
    /// Feeds.
    #[must_use]
    pub fn of(clients: usize, clients_max: usize, dropped: u64, feed: &FeedStats) -> Self {
        let FeedStats { sent, lagged, slowest_lag, .. } = *feed;
        Self { clients, clients_max, sent, lagged, dropped, slowest_lag }
    }
}

impl From<SlotUse> for SlotsBody {
    fn from(slots: SlotUse) -> Self {
        Self { total: slots.total, used: slots.used, waiting: slots.waiting }
    }
}

impl ProcessBody {
    /// The process.
    #[must_use]
    pub fn of(process: Process) -> Self {
        let Process { resident_bytes, cpu_seconds, threads, open_files } = process;
        Self { rss_bytes: resident_bytes, cpu_seconds, threads, open_files }
    }
}
