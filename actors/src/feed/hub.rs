//! The hub: follows the journal, puts every record into the ring, and tells who waits for the end of a run.
//!
//! [`FeedHandle::follow`] is the loop that a supervised actor carries. What it fills outlives it: after a crash a new
//! loop reads on from the ring's head, and subscribers notice nothing but a pause. Only what is durable reaches a
//! follower of the journal, so nothing is shown before it is true. Live events are put into the ring by whoever makes
//! them; they cost a short lock, and never wait: the ring is bounded.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ghostlight_model::ids::{RunId, StepPath};
use ghostlight_store::{FollowError, ReadError, Record, SharedJournal};
use tokio::sync::{Notify, Semaphore, watch};
use uuid::Uuid;

use super::attempts::Attempts;
use super::ends::{Ends, ended_by, has_ended};
use super::facts::Facts;
use super::frame::Outline;
use super::item::{FeedError, FeedRequest};
use super::live::LiveEvent;
use super::ring::{Ring, RingLimits};
use super::subscription::Subscription;
use crate::caller::StoreError;
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

/// How a feed is doing, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedStats {
    /// Subscriptions.
    pub subscriptions: usize,
    /// The sequence of the last record that was shown.
    pub head: u64,
    /// How often a subscriber was too slow, since the start.
    pub lagged: usize,
}

/// The feed, for whoever subscribes to it or has something to show. Cheap to clone.
#[derive(Clone)]
pub struct FeedHandle {
    shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub journal: SharedJournal,
    pub log: Uuid,
    pub facts: Facts,
    pub replays: Arc<Semaphore>,
    pub lagged: AtomicUsize,
    limits: FeedLimits,
    state: Mutex<State>,
    /// Tells of records, and of the feed's closing.
    news: watch::Sender<News>,
    /// Tells of live events, apart: there may be many, and most watchers do not want them.
    live_news: watch::Sender<u64>,
    ends: Ends,
    subscriptions: AtomicUsize,
    /// Tells the hub that there is somebody now.
    somebody: Notify,
}

/// What subscribers wait for.
#[derive(Debug, Clone, Default)]
pub(super) struct News {
    /// The ring's head.
    pub head: u64,
    /// Why the feed is closing, once it is.
    pub closing: Option<Arc<str>>,
}

pub(super) struct State {
    pub ring: Ring,
    pub attempts: Attempts,
}

impl FeedHandle {
    /// A feed of this journal, from its head on.
    #[must_use]
    pub fn new(journal: SharedJournal, limits: FeedLimits) -> Self {
        let head = journal.head();
        let ring =
            Ring::new(head, RingLimits { frames: limits.ring_frames.max(1), bytes: limits.ring_bytes });
        Self {
            shared: Arc::new(Shared {
                log: journal.log_id(),
                journal,
                facts: Facts::default(),
                replays: Arc::new(Semaphore::new(limits.replays.max(1))),
                lagged: AtomicUsize::new(0),
                limits,
                state: Mutex::new(State { ring, attempts: Attempts::default() }),
                news: watch::Sender::default(),
                live_news: watch::Sender::default(),
                ends: Ends::default(),
                subscriptions: AtomicUsize::new(0),
                somebody: Notify::new(),
            }),
        }
    }

    /// Follows the journal until it is closed. One loop at a time; a second one would do no harm and no good.
    ///
    /// # Errors
    /// When what was committed cannot be read: begin again later.
    pub async fn follow(&self) -> Result<(), ReadError> {
        let shared = &self.shared;
        let mut follow = shared.journal.follow();
        shared.read_up_to(follow.start()).await?;
        loop {
            let next = match follow.try_next() {
                Some(next) => next,
                None => {
                    shared.gather().await;
                    follow.next().await
                }
            };
            match next {
                Ok(batch) => {
                    // A commit that does not join the ring's head cannot come; if it did, the journal has what lies between.
                    shared.read_up_to(batch.first_sequence.saturating_sub(1)).await?;
                    shared.show(&batch.records);
                }
                Err(FollowError::Lagged { resume_after }) => shared.read_up_to(resume_after).await?,
                Err(FollowError::Closed) => {
                    self.close("the journal is closed");
                    return Ok(());
                }
            }
        }
    }

    /// Whether anybody watches live events: what is costly to make need not be made for nobody.
    #[must_use]
    pub fn is_watched(&self) -> bool {
        self.shared.live_news.receiver_count() > 0
    }

    /// Shows a live event to those who watch. When nobody does, only the text so far is kept: the ring is for records then.
    pub fn live(&self, event: LiveEvent) {
        let facts = event.run().and_then(|run| self.shared.facts.get(run));
        let mut state = self.shared.lock();
        let offset = state.attempts.offset_of(&event);
        if !self.is_watched() {
            return;
        }
        state.ring.push_live(event, offset, facts);
        let end = state.ring.end();
        drop(state);
        self.shared.live_news.send_if_modified(|told| {
            let is_news = end > *told;
            *told = end.max(*told);
            is_news
        });
    }

    /// Begins a subscription. It needs no loop of its own: whoever polls it drives it.
    ///
    /// # Errors
    /// [`FeedError`] when there are too many, or the feed is closing.
    pub fn subscribe(&self, request: FeedRequest) -> Result<Subscription, FeedError> {
        if let Some(reason) = self.shared.news.borrow().closing.clone() {
            return Err(FeedError::Closing { reason });
        }
        let max = self.shared.limits.subscriptions;
        if self.shared.subscriptions.fetch_add(1, Ordering::Relaxed) >= max {
            self.shared.subscriptions.fetch_sub(1, Ordering::Relaxed);
            return Err(FeedError::TooMany { max });
        }
        self.shared.somebody.notify_one();
        Ok(Subscription::begin(self.shared.clone(), request))
    }

    /// Waits until the run has ended, at most for `timeout`; answers whether it has. An end before the call counts, as
    /// long as the run was not opened again. With too many waiters it answers at once whether it has ended yet.
    ///
    /// # Errors
    /// [`StoreError`] when the run's stream cannot be read.
    pub async fn wait_for_end(&self, run: RunId, timeout: Duration) -> Result<bool, StoreError> {
        let entered = self.shared.ends.enter(run);
        self.shared.somebody.notify_one();
        let journal = self.shared.journal.clone();
        let ended = blocking(move || has_ended(&*journal, run)).await;
        if ended.map_err(|error| StoreError::of_read(&error))? {
            return Ok(true);
        }
        match entered {
            Some(mut waiter) => Ok(tokio::time::timeout(timeout, waiter.end()).await.unwrap_or(false)),
            None => Ok(false),
        }
    }

    /// Ends all subscriptions, each after what it has not read yet of the ring, and lets go of who waits. For good.
    pub fn close(&self, reason: &str) {
        self.shared.news.send_modify(|news| {
            news.closing.get_or_insert_with(|| reason.into());
        });
        self.shared.ends.release_all();
    }

    /// How the feed is doing.
    #[must_use]
    pub fn stats(&self) -> FeedStats {
        FeedStats {
            subscriptions: self.shared.subscriptions.load(Ordering::Relaxed),
            head: self.shared.lock().ring.head(),
            lagged: self.shared.lagged.load(Ordering::Relaxed),
        }
    }

    #[cfg(test)]
    pub(super) fn waiters(&self) -> usize {
        self.shared.ends.count()
    }
}

impl Shared {
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
    async fn gather(&self) {
        let is_over = async {
            while self.subscriptions.load(Ordering::Acquire) == 0 && self.ends.is_empty() {
                self.somebody.notified().await;
            }
        };
        // Whichever of the two it was, the hub goes on.
        let _ = tokio::time::timeout(GATHER, is_over).await;
    }

    /// Shows what was committed after the ring's head, up to `last`, from the journal.
    async fn read_up_to(&self, last: u64) -> Result<(), ReadError> {
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

    fn show(&self, records: &[Record]) {
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
                ended.push(run);
            }
        }
        let head = state.ring.head();
        drop(state);
        self.news.send_if_modified(|news| {
            let is_news = head > news.head;
            news.head = head.max(news.head);
            is_news
        });
        ended.into_iter().for_each(|run| self.ends.tell(run));
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
