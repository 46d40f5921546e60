//! What filters need to know of runs: their workflow and labels, from their first records. A bounded cache in front of
//! the journal, fed by the hub as runs are created.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use ghostlight_model::event::{Event, RunCreated, kind_name};
use ghostlight_model::ids::RunId;
use ghostlight_store::{Journal, ReadError, Record};

use super::filter::RunFacts;
use crate::streams;

/// How many runs are remembered.
const RUNS_MAX: usize = 8_192;

/// The cache.
#[derive(Debug, Default)]
pub(super) struct Facts {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    by_run: HashMap<RunId, Arc<RunFacts>>,
    order: VecDeque<RunId>,
}

impl Facts {
    /// What is remembered of a run.
    pub fn get(&self, run: RunId) -> Option<Arc<RunFacts>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).by_run.get(&run).cloned()
    }

    /// Remembers what the first record of a run says; other records change nothing.
    pub fn learn(&self, record: &Record) {
        let (Some(run), Some(facts)) = (streams::run_of(&record.stream), facts_in(record)) else { return };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.by_run.insert(run, Arc::new(facts)).is_none() {
            known.order.push_back(run);
        }
        if known.order.len() > RUNS_MAX
            && let Some(oldest) = known.order.pop_front()
        {
            known.by_run.remove(&oldest);
        }
    }

    /// The facts of a run from memory or else from the journal, on which it blocks. A run without a first record has no
    /// labels, and neither has one whose first record is damaged.
    pub fn find(&self, journal: &dyn Journal, run: RunId) -> Result<Arc<RunFacts>, ReadError> {
        if let Some(facts) = self.get(run) {
            return Ok(facts);
        }
        match journal.read(&streams::run(run), 1, 1) {
            Ok(records) => records.iter().for_each(|first| self.learn(first)),
            Err(ReadError::Corrupt(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(self.get(run).unwrap_or_default())
    }
}

fn facts_in(record: &Record) -> Option<RunFacts> {
    // Every record comes by here: only the one in question is read.
    if kind_name(record.kind) != Some("run.created") {
        return None;
    }
    match Event::decode(record.kind, record.version, &record.body).ok()? {
        Event::RunCreated(RunCreated { workflow, labels, .. }) => {
            Some(RunFacts { workflow: workflow.to_string(), labels })
        }
        _ => None,
    }
}
