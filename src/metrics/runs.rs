//! How many runs were started and how they ended, counted from the journal as it is committed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use ghostlight_model::event::kind_name;
use ghostlight_store::{FollowError, Record, SharedJournal};
use tokio::sync::Notify;

use super::text::Page;

/// The most workflows that are counted by name; the others are counted together as `other`.
const WORKFLOWS_MAX: usize = 200;
/// The name that stands for the workflows beyond [`WORKFLOWS_MAX`]. No workflow can have it.
const OTHERS: &str = "_other";
/// How long commits gather before they are counted while nobody collects.
const GATHER: Duration = Duration::from_millis(100);
/// How long somebody who collects waits for what is committed to be counted.
const COLLECT_WAIT: Duration = Duration::from_secs(1);
/// How many records are read at once when some were missed.
const PAGE: usize = 1_000;

/// The counts.
#[derive(Debug, Default)]
pub struct RunCounts {
    by_workflow: Mutex<BTreeMap<String, Counts>>,
    /// The sequence up to which everything is counted; not there before anybody counted.
    seen: OnceLock<AtomicU64>,
    /// Somebody collects: nothing is gathered any longer.
    wanted: Notify,
    /// Something was counted.
    counted: Notify,
}

#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    started: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    retries: u64,
}

impl RunCounts {
    /// Counts what is committed from now on, until the journal is closed, behind by [`GATHER`] at most, and by nothing that was
    /// committed before somebody collected. Whoever counts after somebody else goes on where that one was.
    pub async fn follow(&self, journal: &SharedJournal) {
        let mut follow = journal.follow();
        let start = follow.start();
        let seen = self.seen.get_or_init(|| AtomicU64::new(start));
        self.catch_up(journal, seen, start).await;
        self.counted.notify_waiters();
        loop {
            let next = match follow.try_next() {
                Some(next) => next,
                None => {
                    // One look at many commits costs less than many looks at one.
                    let _ = tokio::time::timeout(GATHER, self.wanted.notified()).await;
                    follow.next().await
                }
            };
            match next {
                Ok(batch) => {
                    self.count_unseen(seen, &batch.records, batch.last_sequence);
                    seen.fetch_max(batch.last_sequence, Ordering::Relaxed);
                    self.counted.notify_waiters();
                }
                Err(FollowError::Lagged { resume_after }) => {
                    self.catch_up(journal, seen, resume_after).await;
                    self.counted.notify_waiters();
                }
                Err(FollowError::Closed) => return,
            }
        }
    }

    /// Waits until everything up to this sequence is counted: who starts a run and then collects finds it. Whoever would wait
    /// for longer than [`COLLECT_WAIT`] gets the counts as they are.
    pub async fn up_to(&self, sequence: u64) {
        let counting = async {
            loop {
                let counted = self.counted.notified();
                tokio::pin!(counted);
                // Listens before it looks, so that what is counted in between is not missed.
                counted.as_mut().enable();
                let seen = self.seen.get().map_or(0, |seen| seen.load(Ordering::Relaxed));
                if seen >= sequence {
                    return;
                }
                self.wanted.notify_one();
                counted.await;
            }
        };
        let _ = tokio::time::timeout(COLLECT_WAIT, counting).await;
    }

    async fn catch_up(&self, journal: &SharedJournal, seen: &AtomicU64, until: u64) {
        loop {
            let after = seen.load(Ordering::Relaxed);
            if after >= until {
                return;
            }
            let journal = journal.clone();
            let read = tokio::task::spawn_blocking(move || journal.read_all(after, PAGE)).await;
            match read {
                Ok(Ok(records)) if !records.is_empty() => self.count_unseen(seen, &records, until),
                // Measurements are not worth more tries than this.
                Ok(Ok(_) | Err(_)) | Err(_) => {
                    seen.fetch_max(until, Ordering::Relaxed);
                }
            }
        }
    }

    /// A record counts as seen before it is counted: a crash in between may lose one, and never counts one twice.
    fn count_unseen(&self, seen: &AtomicU64, records: &[Record], until: u64) {
        for record in records {
            let is_due = record.sequence <= until;
            if is_due && seen.fetch_max(record.sequence, Ordering::Relaxed) < record.sequence {
                self.count(record);
            }
        }
    }

    fn count(&self, record: &Record) {
        if record.stream.kind() != "run" {
            return;
        }
        let Some(name) = kind_name(record.kind) else { return };
        let add: fn(&mut Counts) -> &mut u64 = match name {
            "run.created" => |counts| &mut counts.started,
            "run.completed" => |counts| &mut counts.completed,
            "run.failed" => |counts| &mut counts.failed,
            "run.cancelled" => |counts| &mut counts.cancelled,
            "step.retrying" => |counts| &mut counts.retries,
            _ => return,
        };
        let mut all = self.by_workflow.lock().unwrap_or_else(PoisonError::into_inner);
        let has_room = all.len() < WORKFLOWS_MAX || all.contains_key(&*record.route);
        let workflow = if has_room { &*record.route } else { OTHERS };
        *add(all.entry(workflow.to_owned()).or_default()) += 1;
    }

    /// Writes them.
    pub fn write(&self, page: &mut Page) {
        let all = self.by_workflow.lock().unwrap_or_else(PoisonError::into_inner);
        for (workflow, counts) in all.iter() {
            let labels = [("workflow", workflow.as_str())];
            page.counter(
                "ghostlight_runs_started_total",
                "Runs that were admitted.",
                &labels,
                counts.started,
            );
        }
        for (workflow, counts) in all.iter() {
            let ended =
                [("completed", counts.completed), ("failed", counts.failed), ("cancelled", counts.cancelled)];
            for (status, count) in ended {
                let labels = [("workflow", workflow.as_str()), ("status", status)];
                page.counter("ghostlight_runs_finished_total", "Runs that ended.", &labels, count);
            }
        }
        for (workflow, counts) in all.iter() {
            let labels = [("workflow", workflow.as_str())];
            page.counter(
                "ghostlight_step_retries_total",
                "Attempts that failed and are made again.",
                &labels,
                counts.retries,
            );
        }
    }
}
