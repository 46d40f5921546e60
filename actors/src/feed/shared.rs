//! What the hub fills and subscriptions read: the ring, what is known of runs, and the news of it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghostlight_model::ids::StepPath;
use ghostlight_store::{ReadError, Record, SharedJournal};
use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

use super::attempts::Attempts;
use super::ends::{Ends, ended_by};
use super::facts::Facts;
use super::frame::Outline;
use super::places::Places;
use super::ring::{Ring, RingLimits};
use crate::streams;
use crate::views::blocking::blocking;

/// How many records the hub reads at a time when it has to catch up.
const PAGE_RECORDS: usize = 1_000;
/// How long commits gather before they are shown to nobody: one look at many costs less than many looks at one.
const GATHER: Duration = Duration::from_millis(50);

/// What a feed may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// How many frames the ring keeps for those who are nearly up to date.
    pub ring_frames: usize,
    /// How many bytes, about.
    pub ring_bytes: usize,
    /// How many subscriptions there may be.
    pub subscriptions: usize,
    /// How many of them read the journal at the same time.
    pub replays: usize,
}

impl Default for FeedLimits {
    fn default() -> Self {
        Self { ring_frames: 8_192, ring_bytes: 16 << 20, subscriptions: 10_000, replays: 8 }
    }
}

/// One value per feed.
pub(super) struct Shared {
    pub journal: SharedJournal,
    pub log: Uuid,
    pub facts: Facts,
    pub replays: Arc<Semaphore>,
    pub lagged: AtomicUsize,
    pub sent: AtomicU64,
    /// Where each subscription is.
    pub places: Places,
    pub limits: FeedLimits,
    state: Mutex<State>,
    /// Tells of records, and of the feed's closing.
    pub news: watch::Sender<News>,
    /// Tells of live events, apart: there may be many, and most watchers do not want them.
    pub live_news: watch::Sender<u64>,
    pub ends: Ends,
    pub subscriptions: AtomicUsize,
    /// Tells the hub that there is somebody now.
    pub somebody: Notify,
}

/// What subscribers wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    /// The ring's head.
    pub head: u64,
    /// Why the feed is closing, once it is.
    pub closing: Option<Arc<str>>,
}

/// What is changed under one lock.
pub(super) struct State {
    pub ring: Ring,
    pub attempts: Attempts,
}

impl Shared {
    /// What a feed of this journal shares, from the journal's head on.
    pub fn new(journal: SharedJournal, limits: FeedLimits) -> Self {
        let head = journal.head();
        let ring =
            Ring::new(head, RingLimits { frames: limits.ring_frames.max(1), bytes: limits.ring_bytes });
        Self {
            log: journal.log_id(),
            journal,
            facts: Facts::default(),
            replays: Arc::new(Semaphore::new(limits.replays.max(1))),
            lagged: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
            places: Places::default(),
            limits,
            state: Mutex::new(State { ring, attempts: Attempts::default() }),
            news: watch::Sender::default(),
            live_news: watch::Sender::default(),
            ends: Ends::default(),
            subscriptions: AtomicUsize::new(0),
            somebody: Notify::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn news(&self) -> watch::Receiver<News> {
        self.news.subscribe()
    }

    pub fn live_news(&self) -> watch::Receiver<u64> {
        self.live_news.subscribe()
    }

    /// A subscription has ended.
    pub fn leave(&self) {
        self.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }

    /// Lets commits gather for as long as nobody watches or waits.
    pub async fn gather(&self) {
        let is_over = async {
            while self.subscriptions.load(Ordering::Acquire) == 0 && self.ends.is_empty() {
                self.somebody.notified().await;
            }
        };
        // Whichever of the two it was, the hub goes on.
        let _ = tokio::time::timeout(GATHER, is_over).await;
    }

    /// Shows what was committed after the ring's head, up to `last`, from the journal.
    pub async fn read_up_to(&self, last: u64) -> Result<(), ReadError> {
        loop {
            let head = self.lock().ring.head();
            if head >= last {
                return Ok(());
            }
            let journal = self.journal.clone();
            let page = blocking(move || journal.read_all(head, PAGE_RECORDS)).await?;
            if page.is_empty() {
                // What is older than the journal keeps is not shown; the ring goes on with what comes.
                return Ok(());
            }
            self.show(&page);
        }
    }

    /// Puts records into the ring, and tells those who wait for them.
    pub fn show(&self, records: &[Record]) {
        // Before they are shown: who filters by the facts of a run finds them in memory.
        records.iter().for_each(|record| self.facts.learn(record));
        let mut ended = Vec::new();
        let mut state = self.lock();
        for record in records {
            if !state.ring.push_record(record) {
                continue;
            }
            state.forget_ended_attempt(record);
            if let Some(run) = ended_by(record) {
                state.attempts.end_run(run);
                ended.push((run, record.stream_sequence));
            }
        }
        let head = state.ring.head();
        drop(state);
        self.news.send_if_modified(|news| {
            let is_news = head > news.head;
            news.head = head.max(news.head);
            is_news
        });
        ended.into_iter().for_each(|(run, sequence)| self.ends.tell(run, sequence));
    }
}

impl State {
    /// A body is read only when text of the run's attempts is kept.
    fn forget_ended_attempt(&mut self, record: &Record) {
        let Some(run) = streams::run_of(&record.stream).filter(|run| self.attempts.has(*run)) else { return };
        let ends_an_attempt = matches!(
            ghostlight_model::event::kind_name(record.kind),
            Some(
                "step.retrying"
                    | "step.interrupted"
                    | "step.waiting"
                    | "step.completed"
                    | "step.failed"
                    | "step.cancelled"
            )
        );
        if !ends_an_attempt {
            return;
        }
        let body = std::str::from_utf8(&record.body).ok();
        let Some(outline) = body.and_then(|body| Outline::of(record.kind, body)) else { return };
        let step = outline.step.and_then(|step| StepPath::new(&step).ok());
        if let (Some(step), Some(number)) = (step, outline.attempt) {
            self.attempts.end(run, &step, number);
        }
    }
}
