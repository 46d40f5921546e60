//! Waiting for the end of a run: who waits is found by the run's id, and told once. No scan, no polling.
//!
//! A waiter is entered first and the journal read then, so that an end in between is seen by one of the two. The hub
//! shows records when it comes to them, so it may tell of an end that the journal has already been read beyond: of a run
//! that was opened again since. Each is therefore told how far into the run the end stands.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ghostlight_model::event::kind_name;
use ghostlight_model::ids::RunId;
use ghostlight_store::{Journal, ReadError, Record, StreamName};
use tokio::sync::oneshot;

use crate::streams;

/// How many may wait at the same time.
const WAITERS_MAX: usize = 16_384;
/// How many records of a run are read at a time when its end is looked for.
const PAGE_RECORDS: u64 = 64;

/// Who waits for which run.
#[derive(Debug, Default)]
pub(super) struct Ends {
    waiting: Mutex<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_run: HashMap<RunId, Vec<oneshot::Sender<u64>>>,
    count: usize,
    /// Nobody waits any more: the daemon goes down.
    closed: bool,
}

/// One who waits. Dropping it, as a client that goes away does, leaves nothing behind.
pub(super) struct Waiter<'a> {
    ends: &'a Ends,
    run: RunId,
    told: oneshot::Receiver<u64>,
}

impl Waiter<'_> {
    /// Waits; answers which record of the run ended it, or none when everybody was let go.
    pub async fn end(&mut self) -> Option<u64> {
        (&mut self.told).await.ok()
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.told.close();
        self.ends.forget_the_gone(self.run);
    }
}

impl Ends {
    /// Enters a waiter; none when there are as many as there may be.
    pub fn enter(&self, run: RunId) -> Option<Waiter<'_>> {
        let mut waiting = self.lock();
        if waiting.closed || waiting.count >= WAITERS_MAX {
            return None;
        }
        let (sender, told) = oneshot::channel();
        waiting.count += 1;
        waiting.by_run.entry(run).or_default().push(sender);
        Some(Waiter { ends: self, run, told })
    }

    fn forget_the_gone(&self, run: RunId) {
        let mut waiting = self.lock();
        let Some(of_run) = waiting.by_run.get_mut(&run) else { return };
        let before = of_run.len();
        of_run.retain(|sender| !sender.is_closed());
        let (gone, is_empty) = (before - of_run.len(), of_run.is_empty());
        waiting.count -= gone;
        if is_empty {
            waiting.by_run.remove(&run);
        }
    }

    /// Tells all who wait for a run which of its records ended it.
    pub fn tell(&self, run: RunId, sequence: u64) {
        let mut waiting = self.lock();
        let senders = waiting.by_run.remove(&run).unwrap_or_default();
        waiting.count -= senders.len();
        drop(waiting);
        // Who has gone in the meantime does not need to know.
        for sender in senders {
            let _ = sender.send(sequence);
        }
    }

    /// Lets everybody go without an answer, and nobody enter any more.
    pub fn release_all(&self) {
        *self.lock() = Waiting { closed: true, ..Waiting::default() };
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.lock().count == 0
    }

    #[cfg(test)]
    pub fn count(&self) -> usize {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run that ends with this record.
pub(super) fn ended_by(record: &Record) -> Option<RunId> {
    if is_end(record.kind) == Some(true) { streams::run_of(&record.stream) } else { None }
}

/// Whether a kind ends a run or makes it live on; none when it says nothing about that.
fn is_end(kind: u16) -> Option<bool> {
    match kind_name(kind)? {
        "run.completed" | "run.failed" | "run.cancelled" | "run.archived" => Some(true),
        // A result of an attempt that nobody waits for any more may come after the end.
        "step.result_discarded" => None,
        _ => Some(false),
    }
}

/// How a run stands in the journal.
pub(super) struct Standing {
    /// Whether it has ended. A run that does not exist has not.
    pub ended: bool,
    /// Its last record, 0 without one.
    pub head: u64,
}

/// Whether a run has ended, from the end of its stream backwards.
pub(super) fn standing(journal: &dyn Journal, run: RunId) -> Result<Standing, ReadError> {
    let stream = streams::run(run);
    let head = journal.head_of(&stream)?.map_or(0, |head| head.sequence);
    let mut behind = head + 1;
    while behind > 1 {
        let from = behind.saturating_sub(PAGE_RECORDS).max(1);
        let kinds = kinds_between(journal, &stream, from, behind)?;
        if let Some(answer) = kinds.into_iter().rev().find_map(is_end) {
            return Ok(Standing { ended: answer, head });
        }
        behind = from;
    }
    Ok(Standing { ended: false, head })
}

/// The kinds of the records from `from` to before `behind`. One read may give fewer than asked for.
fn kinds_between(
    journal: &dyn Journal,
    stream: &StreamName,
    from: u64,
    behind: u64,
) -> Result<Vec<u16>, ReadError> {
    let mut kinds = Vec::new();
    let mut next = from;
    while next < behind {
        let limit = usize::try_from(behind - next).unwrap_or(usize::MAX);
        let page = journal.read(stream, next, limit)?;
        let Some(last) = page.last() else { break };
        next = last.stream_sequence + 1;
        kinds.extend(page.iter().map(|record| record.kind));
    }
    Ok(kinds)
}
