//! What is measured, and how it is written for Prometheus: base units, `_total` for what only rises, and no label whose
//! values anybody outside can make up without bound.
//!
//! Runs and how they ended are counted from the journal as it is committed ([`Metrics::follow`]); requests as they are
//! answered; everything else is asked for when somebody collects.

mod process;
mod requests;
mod runs;
mod strikes;
mod text;
mod window;

use std::convert::Infallible;
use std::sync::Arc;

use ghostlight_actors::runtime::Ghostlight;
use ghostlight_actors::storage::StorageNow;
use ghostlight_actors::tree_log::TreeCounts;
use ghostlight_model::storage::Level;
use ghostlight_supervision::Fault;

use requests::Requests;
use runs::RunCounts;
use strikes::Strikes;
use text::Page;
use window::Window;

pub use process::Process;
pub use window::Rates;

/// What is measured. Cheap to clone.
#[derive(Clone, Default)]
pub struct Metrics {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    requests: Requests,
    runs: RunCounts,
    strikes: Strikes,
    window: Window,
}

impl Metrics {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A request of this route (its pattern, never its path) was answered.
    pub fn request(&self, route: &str, status: u16, took: std::time::Duration) {
        self.shared.requests.count(route, status, took);
    }

    /// A fault was made to an actor on demand.
    pub fn struck(&self, fault: Fault) {
        self.shared.strikes.count(fault);
    }

    /// Counts runs from the journal until it is closed.
    pub async fn follow(&self, ghostlight: &Ghostlight) {
        self.shared.runs.follow(&ghostlight.journal).await;
    }

    /// Looks at the counters of the journal each second, for as long as it is polled.
    pub async fn watch(&self, ghostlight: &Ghostlight) -> Infallible {
        loop {
            self.shared.window.look(ghostlight.world().clock.monotonic(), &ghostlight.journal.stats());
            tokio::time::sleep(window::LOOK_EVERY).await;
        }
    }

    /// How fast the journal is just now; none in the first second.
    #[must_use]
    pub fn rates(&self) -> Option<Rates> {
        self.shared.window.rates()
    }

    /// Waits, for a bounded time, until what was committed by now is counted.
    pub async fn up_to_date(&self, ghostlight: &Ghostlight) {
        self.shared.runs.up_to(ghostlight.journal.head()).await;
    }

    /// All measurements. Reads the views, which may read the disk.
    #[must_use]
    pub fn render(&self, ghostlight: &Ghostlight, feeds: usize) -> String {
        let mut page = Page::default();
        page.gauge(
            "ghostlight_build_info",
            "The running program.",
            &[("version", env!("CARGO_PKG_VERSION"))],
            1.0,
        );
        self.shared.runs.write(&mut page);
        self.shared.requests.write(&mut page);
        self.shared.strikes.write(&mut page);
        state(&mut page, ghostlight, feeds);
        journal(&mut page, ghostlight);
        storage(&mut page, &ghostlight.storage.now());
        process::write(&mut page);
        page.finish()
    }
}

fn state(page: &mut Page, ghostlight: &Ghostlight, feeds: usize) {
    page.gauge(
        "ghostlight_ready",
        "Whether requests can be answered.",
        &[],
        f64::from(u8::from(ghostlight.is_ready())),
    );
    if let Ok(counts) = ghostlight.views.run_counts(None) {
        for (status, count) in &counts.by_status {
            page.gauge("ghostlight_runs", "Runs by status.", &[("status", *status)], *count as f64);
        }
    }
    if let Ok(pending) = ghostlight.views.pending_approvals() {
        page.gauge("ghostlight_approvals_pending", "Questions that wait for a person.", &[], pending as f64);
    }
    page.gauge(
        "ghostlight_clock_not_followed_seconds",
        "By how much the machine's clock was set forward; times here go on as before until that has stood for ten minutes.",
        &[],
        ghostlight.world().clock.not_followed().as_secs_f64(),
    );
    let slots = ghostlight.runs.slots();
    page.gauge(
        "ghostlight_slots_total",
        "Attempts that may run at the same time.",
        &[],
        f64::from(slots.total),
    );
    page.gauge("ghostlight_slots_used", "Attempts that run.", &[], f64::from(slots.used));
    page.gauge("ghostlight_slots_waiting", "Runs that wait for a slot.", &[], f64::from(slots.waiting));
    let tree = ghostlight.tree_log.counts();
    lives(page, &tree);
    page.counter(
        "ghostlight_actor_restarts_total",
        "Actors started again after an abnormal end.",
        &[],
        tree.restarted,
    );
    page.counter(
        "ghostlight_actor_abnormal_exits_total",
        "Actors that ended abnormally.",
        &[],
        tree.exited_abnormally,
    );
    page.counter(
        "ghostlight_supervisors_gave_up_total",
        "Supervisors that reached their restart intensity.",
        &[],
        tree.gave_up,
    );
    page.gauge(
        "ghostlight_actors",
        "Actors and supervisors that are up.",
        &[],
        ghostlight.tree.live() as f64,
    );
    page.gauge("ghostlight_feed_clients", "Feeds that are open.", &[], feeds as f64);
    let feed = ghostlight.feed.stats();
    page.counter("ghostlight_feed_sent_total", "Frames that feeds were given.", &[], feed.sent);
    page.gauge(
        "ghostlight_feed_slowest_lag_events",
        "Events that the feed which is furthest behind has not got to yet.",
        &[],
        feed.slowest_lag as f64,
    );
    page.counter(
        "ghostlight_feed_lagged_total",
        "Times that a client was too slow and read the journal again.",
        &[],
        feed.lagged as u64,
    );
    for (view, status) in ghostlight.views.cursors() {
        let behind = ghostlight.journal.head().saturating_sub(status.cursor);
        page.gauge(
            "ghostlight_view_lag_events",
            "Events that a list has not seen yet.",
            &[("view", view.as_str())],
            behind as f64,
        );
    }
}

/// How often actors came and went, whatever the reason.
fn lives(page: &mut Page, tree: &TreeCounts) {
    page.counter(
        "ghostlight_actor_starts_total",
        "Actors that came up, by their first start or by hand.",
        &[],
        tree.started,
    );
    let ends = [("normal", tree.finished), ("shutdown", tree.stopped), ("abnormal", tree.exited_abnormally)];
    for (class, count) in ends {
        page.counter(
            "ghostlight_actor_exits_total",
            "Actors that ended, by the class of their reason.",
            &[("class", class)],
            count,
        );
    }
    page.counter("ghostlight_actor_stuck_total", "Actors and threads that did not react.", &[], tree.stuck);
    page.counter(
        "ghostlight_actor_unrecorded_total",
        "Abnormal ends that could not be recorded, because too many waited.",
        &[],
        tree.unrecorded,
    );
}

fn journal(page: &mut Page, ghostlight: &Ghostlight) {
    let stats = ghostlight.journal.stats();
    page.counter("ghostlight_journal_commits_total", "Commits that became durable.", &[], stats.commits);
    page.counter("ghostlight_journal_appends_total", "Appends in them.", &[], stats.appends);
    page.counter("ghostlight_journal_records_total", "Records in them.", &[], stats.records);
    page.counter("ghostlight_journal_bytes_total", "Bytes written for them.", &[], stats.bytes);
    page.counter("ghostlight_journal_syncs_total", "Syncs of data that succeeded.", &[], stats.syncs);
    page.counter("ghostlight_journal_faults_total", "Writes or syncs that failed.", &[], stats.faults);
    page.counter(
        "ghostlight_journal_conflicts_total",
        "Appends refused because of their expectation.",
        &[],
        stats.conflicts,
    );
    page.counter_f64(
        "ghostlight_journal_sync_seconds_total",
        "Time spent in writing and syncing.",
        &[],
        stats.sync_us as f64 / 1e6,
    );
    page.gauge("ghostlight_journal_queued", "Appends waiting to be committed.", &[], stats.queued as f64);
    page.gauge("ghostlight_journal_segments", "Segments.", &[], stats.segments as f64);
    page.gauge(
        "ghostlight_journal_head",
        "Global sequence of the last record.",
        &[],
        ghostlight.journal.head() as f64,
    );
    page.gauge(
        "ghostlight_journal_available",
        "Whether appends are taken.",
        &[],
        f64::from(u8::from(stats.available)),
    );
    page.gauge(
        "ghostlight_journal_damaged_places",
        "Places of the journal that were found damaged since the start.",
        &[],
        ghostlight.damages.found().places.len() as f64,
    );
}

fn storage(page: &mut Page, now: &StorageNow) {
    for level in Level::ALL {
        page.gauge(
            "ghostlight_storage_level",
            "How much room there is on the disk: 1 for the level that it is at.",
            &[("level", level.as_str())],
            f64::from(u8::from(now.level == level)),
        );
    }
    page.gauge(
        "ghostlight_storage_free_bytes",
        "Free on the disk of the data folder.",
        &[],
        now.room.free as f64,
    );
    page.gauge(
        "ghostlight_storage_size_bytes",
        "Size of the disk of the data folder.",
        &[],
        now.room.total as f64,
    );
    page.gauge(
        "ghostlight_storage_reserved_bytes",
        "Reserved for the journal, beside what is free.",
        &[],
        now.room.reserved as f64,
    );
    page.gauge(
        "ghostlight_storage_refuse_below_bytes",
        "With less than this nothing new is begun.",
        &[],
        now.refuse_below as f64,
    );
}
