//! The queue in front of the writer: bounded, and drained a commit at a time.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::reply::Reply;
use crate::record::{Append, AppendError};

/// The most records one commit takes, unless a single append has more.
const COMMIT_RECORDS_MAX: usize = 1_024;

/// How often the writer steps back for others before a commit, at most.
const YIELDS_MAX: usize = 16;

/// An append that waits.
pub(crate) struct Job {
    pub append: Append,
    pub reply: Reply,
    pub bytes: usize,
}

pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    appends_max: usize,
    bytes_max: usize,
    commit_bytes_max: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Job>,
    bytes: usize,
    /// How many appends the commit before took.
    last_taken: usize,
    closed: bool,
}

impl Queue {
    /// Takes at most `appends_max` appends of together `bytes_max` bytes, and gives out commits of at most
    /// `commit_bytes_max` bytes.
    pub fn new(appends_max: usize, bytes_max: usize, commit_bytes_max: usize) -> Self {
        Self { waiting: Mutex::default(), changed: Condvar::new(), appends_max, bytes_max, commit_bytes_max }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an append, or answers it at once when there is no room. Never waits.
    pub fn push(&self, append: Append, reply: Reply) {
        let bytes = append.size_bytes();
        let refusal = {
            let mut waiting = self.waiting();
            // An append larger than the whole queue passes when it is alone.
            let full = waiting.jobs.len() >= self.appends_max
                || (waiting.bytes + bytes > self.bytes_max && !waiting.jobs.is_empty());
            if !waiting.closed && !full {
                waiting.bytes += bytes;
                waiting.jobs.push_back(Job { append, reply, bytes });
                // The writer looks again after each commit; it sleeps only in front of an empty queue.
                if waiting.jobs.len() == 1 {
                    self.changed.notify_one();
                }
                return;
            }
            if waiting.closed { AppendError::Unavailable } else { AppendError::Busy }
        };
        reply.answer(Err(refusal));
    }

    /// The appends of the next commit, in order. Waits for one; `None` when the queue is closed and empty.
    ///
    /// When several are at work, it first lets others have this processor for as long as they add to the queue by that:
    /// where processors are short more appends then share one sync, and where they are not nobody waits. One who works
    /// alone is never made to wait.
    pub fn take(&self) -> Option<Vec<Job>> {
        let mut waiting = self.waiting();
        while waiting.jobs.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let yields_max = if waiting.jobs.len() + waiting.last_taken > 2 { YIELDS_MAX } else { 0 };
        for _ in 0..yields_max {
            let before = waiting.jobs.len();
            drop(waiting);
            std::thread::yield_now();
            waiting = self.waiting();
            if waiting.jobs.len() == before {
                break;
            }
        }
        Some(self.next_commit(&mut waiting))
    }

    /// As [`Queue::take`], but empty when nothing waits.
    pub fn take_now(&self) -> Vec<Job> {
        self.next_commit(&mut self.waiting())
    }

    fn next_commit(&self, waiting: &mut Waiting) -> Vec<Job> {
        let (mut records, mut bytes, mut count) = (0, 0, 0);
        for job in &waiting.jobs {
            records += job.append.record_count();
            bytes += job.bytes;
            if count > 0 && (records > COMMIT_RECORDS_MAX || bytes > self.commit_bytes_max) {
                break;
            }
            count += 1;
        }
        let jobs: Vec<_> = waiting.jobs.drain(..count).collect();
        waiting.bytes -= jobs.iter().map(|job| job.bytes).sum::<usize>();
        waiting.last_taken = count;
        jobs
    }

    pub fn len(&self) -> usize {
        self.waiting().jobs.len()
    }

    /// Takes nothing more; what waits is still given out.
    pub fn close(&self) {
        self.waiting().closed = true;
        self.changed.notify_all();
    }

    /// Closes, and refuses what waits: nobody is left to write it.
    pub fn abandon(&self) {
        self.close();
        let jobs = std::mem::take(&mut self.waiting().jobs);
        jobs.into_iter().for_each(|job| job.reply.answer(Err(AppendError::Unavailable)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{NewRecord, StreamAppend, StreamName, Wake};

    fn append(records: usize, bytes: usize) -> Append {
        let record = NewRecord { kind: 1, version: 1, time_us: 0, body: vec![0; bytes].into() };
        let part = StreamAppend {
            stream: StreamName::new("run", "n", "a").expect("valid"),
            expected: 0,
            records: vec![record; records],
            wake: Wake::Idle,
            route: "".into(),
            aliases: Vec::new(),
        };
        Append::one([0; 16], part)
    }

    #[test]
    fn a_commit_ends_at_its_records_or_bytes_but_holds_at_least_one_append() {
        let queue = Queue::new(100, usize::MAX, 10_000);
        for (records, bytes) in [(600, 0), (500, 0), (1, 5_000), (1, 5_000), (1, 20_000)] {
            queue.push(append(records, bytes), Reply::future().0);
        }
        let sizes: Vec<_> = (0..6).map(|_| queue.take_now().len()).collect();
        assert_eq!(sizes, [1, 1, 1, 1, 1, 0], "600 and 500 records, then bytes, are too much together");
    }

    #[test]
    fn a_full_queue_says_busy_and_a_closed_one_unavailable() {
        let queue = Queue::new(1, usize::MAX, 1 << 20);
        let (reply, waits) = Reply::future();
        queue.push(append(1, 1), reply);
        let (reply, refused) = Reply::future();
        queue.push(append(1, 1), reply);
        assert_eq!(refused.wait(), Err(AppendError::Busy));
        queue.abandon();
        assert_eq!(waits.wait(), Err(AppendError::Unavailable));
        let (reply, refused) = Reply::future();
        queue.push(append(1, 1), reply);
        assert_eq!(refused.wait(), Err(AppendError::Unavailable));
        assert!(queue.take().is_none());
    }
}
