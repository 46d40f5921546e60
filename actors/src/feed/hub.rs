//! The hub: follows the journal, puts every record into the ring, and tells who waits for the end of a run.
//!
//! [`FeedHandle::follow`] is the loop that a supervised actor carries. What it fills outlives it: after a crash a new
//! loop reads on from the ring's head, and subscribers notice nothing but a pause. Only what is durable reaches a
//! follower of the journal, so nothing is shown before it is true. Live events are put into the ring by whoever makes
//! them; they cost a short lock, and never wait: the ring is bounded.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ghostlight_model::ids::RunId;
use ghostlight_store::{FollowError, ReadError, SharedJournal};

use super::ends::{Standing, standing};
use super::item::{FeedError, FeedRequest};
use super::live::LiveEvent;
use super::shared::{FeedLimits, Shared};
use super::subscription::Subscription;
use crate::caller::StoreError;
use crate::views::blocking::blocking;

/// How a feed is doing, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedStats {
    /// Subscriptions.
    pub subscriptions: usize,
    /// The sequence of the last record that was shown.
    pub head: u64,
    /// How often a subscriber was too slow, since the start.
    pub lagged: usize,
    /// Frames that were given out, since the start.
    pub sent: u64,
    /// How many records the subscriber that is furthest behind has not got to yet.
    pub slowest_lag: u64,
}

/// The feed, for whoever subscribes to it or has something to show. Cheap to clone.
#[derive(Clone)]
pub struct FeedHandle {
    shared: Arc<Shared>,
}

impl FeedHandle {
    /// A feed of this journal, from its head on.
    #[must_use]
    pub fn new(journal: SharedJournal, limits: FeedLimits) -> Self {
        Self { shared: Arc::new(Shared::new(journal, limits)) }
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
        let until = tokio::time::Instant::now() + timeout;
        loop {
            let entered = self.shared.ends.enter(run);
            self.shared.somebody.notify_one();
            let journal = self.shared.journal.clone();
            let standing = blocking(move || standing(&*journal, run)).await;
            let Standing { ended, head } = standing.map_err(|error| StoreError::of_read(&error))?;
            if ended {
                return Ok(true);
            }
            let Some(mut waiter) = entered else { return Ok(false) };
            match tokio::time::timeout_at(until, waiter.end()).await {
                Ok(Some(end)) if end > head => return Ok(true),
                // An end that the run has lived on from; the hub came to it only now.
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(false),
            }
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
            sent: self.shared.sent.load(Ordering::Relaxed),
            slowest_lag: self.shared.places.slowest_lag(self.shared.journal.head()),
        }
    }

    #[cfg(test)]
    pub(super) fn waiters(&self) -> usize {
        self.shared.ends.count()
    }
}
