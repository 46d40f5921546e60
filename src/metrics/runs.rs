//! How many runs were started and how they ended, counted from the journal as it is committed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghostlight_model::event::kind_name;
use ghostlight_store::{FollowError, Record, SharedJournal};

use super::text::Page;

/// The most workflows that are counted by name; the others are counted together as `other`.
const WORKFLOWS_MAX: usize = 200;
/// The name that stands for the workflows beyond [`WORKFLOWS_MAX`]. No workflow can have it.
const OTHERS: &str = "_other";
/// How long commits gather before they are counted.
const GATHER: Duration = Duration::from_millis(100);
/// How many records are read at once when some were missed.
const PAGE: usize = 1_000;

/// The counts.
#[derive(Debug, Default)]
pub struct RunCounts {
    by_workflow: Mutex<BTreeMap<String, Counts>>,
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
    /// Counts what is committed from now on, until the journal is closed. The counts are behind by [`GATHER`] at most.
    pub async fn follow(&self, journal: &SharedJournal) {
        let mut follow = journal.follow();
        let mut seen = follow.start();
        loop {
            let next = match follow.try_next() {
                Some(next) => next,
                None => {
                    // One look at many commits costs less than many looks at one.
                    tokio::time::sleep(GATHER).await;
                    follow.next().await
                }
            };
            match next {
                Ok(batch) => {
                    batch
                        .records
                        .iter()
                        .filter(|record| record.sequence > seen)
                        .for_each(|record| self.count(record));
                    seen = seen.max(batch.last_sequence);
                }
                Err(FollowError::Lagged { resume_after }) => {
                    seen = self.catch_up(journal, seen, resume_after).await;
                }
                Err(FollowError::Closed) => return,
            }
        }
    }

    async fn catch_up(&self, journal: &SharedJournal, mut seen: u64, until: u64) -> u64 {
        while seen < until {
            let journal = journal.clone();
            let read = tokio::task::spawn_blocking(move || journal.read_all(seen, PAGE)).await;
            match read {
                Ok(Ok(records)) if !records.is_empty() => {
                    records
                        .iter()
                        .filter(|record| record.sequence <= until)
                        .for_each(|record| self.count(record));
                    seen = records.last().map_or(until, |record| record.sequence);
                }
                // Measurements are not worth more tries than this.
                Ok(Ok(_) | Err(_)) | Err(_) => return until,
            }
        }
        until
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
