//! A subscription to what is committed: whole commits, in order, shared and not copied.
//!
//! Each follower has a queue of its own, bounded in commits and bytes. One that falls behind loses its queue, not
//! the journal its pace: it is told once where it has to read on ([`FollowError::Lagged`]), then goes on live.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use thiserror::Error;

use crate::record::{CommitBatch, Record};

/// How many commits wait for a follower before it is told that it lags.
const QUEUED_COMMITS_MAX: usize = 1_024;
/// How many bytes of records wait for a follower before it is told that it lags.
const QUEUED_BYTES_MAX: usize = 8 << 20;

/// Why there is no next commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FollowError {
    /// The follower was too slow. Read from the last sequence it has up to `resume_after` by
    /// [`read_all`](crate::Journal::read_all); the next commit of this subscription begins right after it.
    #[error("the follower lags: read up to sequence {resume_after}, then go on")]
    Lagged {
        /// The last sequence that was dropped.
        resume_after: u64,
    },
    /// The journal is closed and everything committed was delivered.
    #[error("the journal is closed")]
    Closed,
}

/// The sending side, which a backend holds.
#[derive(Default)]
pub struct Publisher {
    followers: Mutex<Followers>,
}

#[derive(Default)]
struct Followers {
    list: Vec<Arc<Mutex<Queue>>>,
    head: u64,
    closed: bool,
}

#[derive(Default)]
struct Queue {
    commits: VecDeque<(Arc<CommitBatch>, usize)>,
    bytes: usize,
    lagged: Option<u64>,
    closed: bool,
    waker: Option<Waker>,
}

/// The receiving side. Dropping it ends the subscription.
pub struct Follow {
    queue: Arc<Mutex<Queue>>,
    start: u64,
}

/// Wakes a thread that waits.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Publisher {
    /// For a journal whose last committed sequence is `head`.
    pub fn new(head: u64) -> Self {
        Self { followers: Mutex::new(Followers { head, ..Followers::default() }) }
    }

    /// A subscription that begins right after the last published commit.
    pub fn follow(&self) -> Follow {
        let mut followers = lock(&self.followers);
        let queue = Arc::new(Mutex::new(Queue { closed: followers.closed, ..Queue::default() }));
        if !followers.closed {
            followers.list.push(queue.clone());
        }
        Follow { queue, start: followers.head }
    }

    /// Hands a durable commit to all followers. Never waits for one.
    pub fn publish(&self, batch: &Arc<CommitBatch>) {
        let mut followers = lock(&self.followers);
        followers.head = batch.last_sequence;
        if followers.list.is_empty() {
            return;
        }
        let bytes = batch.records.iter().map(record_bytes).sum();
        // A follower that was dropped leaves its queue to us alone.
        followers.list.retain(|queue| Arc::strong_count(queue) > 1);
        for queue in &followers.list {
            let mut queue = lock(queue);
            queue.push(batch, bytes);
            let waker = queue.waker.take();
            drop(queue);
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// Ends all subscriptions after what was published.
    pub fn close(&self) {
        let mut followers = lock(&self.followers);
        followers.closed = true;
        for queue in followers.list.drain(..) {
            let mut queue = lock(&queue);
            queue.closed = true;
            let waker = queue.waker.take();
            drop(queue);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

fn record_bytes(record: &Record) -> usize {
    record.body.len() + size_of::<Record>()
}

impl Queue {
    fn push(&mut self, batch: &Arc<CommitBatch>, bytes: usize) {
        let full = self.commits.len() >= QUEUED_COMMITS_MAX || self.bytes + bytes > QUEUED_BYTES_MAX;
        // A single large commit is delivered to a follower that keeps up.
        if self.lagged.is_some() || (full && !self.commits.is_empty()) {
            self.commits.clear();
            self.bytes = 0;
            self.lagged = Some(batch.last_sequence);
            return;
        }
        self.bytes += bytes;
        self.commits.push_back((batch.clone(), bytes));
    }

    fn next(&mut self) -> Option<Result<Arc<CommitBatch>, FollowError>> {
        if let Some(resume_after) = self.lagged.take() {
            return Some(Err(FollowError::Lagged { resume_after }));
        }
        if let Some((batch, bytes)) = self.commits.pop_front() {
            self.bytes -= bytes;
            return Some(Ok(batch));
        }
        self.closed.then_some(Err(FollowError::Closed))
    }
}

impl Follow {
    /// Where the subscription begins: what is up to this sequence must be read, all after it will be delivered. It may
    /// lie a commit behind [`head`](crate::Journal::head), since writers are answered before followers.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// Whether so much waits that whoever lets commits gather should take them now, before the oldest are dropped.
    pub fn is_filling(&self) -> bool {
        let queue = lock(&self.queue);
        queue.commits.len() >= QUEUED_COMMITS_MAX / 2 || queue.bytes >= QUEUED_BYTES_MAX / 2
    }

    /// The next commit, or `None` when it is not there yet.
    ///
    /// # Errors
    /// [`FollowError`]; after `Lagged` the subscription goes on.
    pub fn try_next(&mut self) -> Option<Result<Arc<CommitBatch>, FollowError>> {
        lock(&self.queue).next()
    }

    /// Polls for the next commit.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Arc<CommitBatch>, FollowError>> {
        let mut queue = lock(&self.queue);
        if let Some(next) = queue.next() {
            return Poll::Ready(next);
        }
        queue.waker = Some(context.waker().clone());
        Poll::Pending
    }

    /// Waits for the next commit, on any executor. Dropping the future loses nothing.
    ///
    /// # Errors
    /// As [`Follow::try_next`].
    pub async fn next(&mut self) -> Result<Arc<CommitBatch>, FollowError> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// Waits for the next commit on this thread, which must not be one that drives futures.
    ///
    /// # Errors
    /// As [`Follow::try_next`].
    pub fn wait(&mut self) -> Result<Arc<CommitBatch>, FollowError> {
        let waker = Waker::from(Arc::new(Unpark(thread::current())));
        loop {
            match self.poll_next(&mut Context::from_waker(&waker)) {
                Poll::Ready(next) => return next,
                Poll::Pending => thread::park(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(first: u64, count: u64) -> Arc<CommitBatch> {
        Arc::new(CommitBatch {
            epoch: 1,
            first_sequence: first,
            last_sequence: first + count - 1,
            records: Vec::new(),
        })
    }

    #[test]
    fn a_follower_sees_every_commit_after_its_start_in_order() {
        let publisher = Publisher::new(4);
        publisher.publish(&batch(5, 1));
        let mut follow = publisher.follow();
        assert_eq!(follow.start(), 5);
        publisher.publish(&batch(6, 2));
        publisher.publish(&batch(8, 1));
        let mut next = || follow.try_next().map(|next| next.map(|batch| batch.first_sequence));
        assert_eq!(next(), Some(Ok(6)));
        assert_eq!(next(), Some(Ok(8)));
        assert_eq!(next(), None);
        publisher.close();
        assert_eq!(next(), Some(Err(FollowError::Closed)));
        assert!(publisher.follow().try_next().is_some_and(|next| next.is_err()));
    }

    #[test]
    fn a_follower_that_lags_is_told_how_far_to_read_and_goes_on() {
        let publisher = Publisher::new(0);
        let mut follow = publisher.follow();
        let last = QUEUED_COMMITS_MAX as u64 + 5;
        for sequence in 1..=last {
            publisher.publish(&batch(sequence, 1));
        }
        assert_eq!(follow.try_next(), Some(Err(FollowError::Lagged { resume_after: last })));
        assert_eq!(follow.try_next(), None);
        publisher.publish(&batch(last + 1, 1));
        assert!(follow.try_next().is_some_and(|next| next.is_ok()));
    }

    #[test]
    fn a_dropped_follower_is_forgotten() {
        let publisher = Publisher::new(0);
        drop(publisher.follow());
        publisher.publish(&batch(1, 1));
        assert!(lock(&publisher.followers).list.is_empty());
    }
}
