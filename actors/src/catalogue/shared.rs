//! Compiled workflows, shared by content hash: all runs of one definition hold the same value, whatever its version is
//! called.
//!
//! What is in use stays found for as long as somebody holds it; beyond that the latest [`KEPT_MAX`] stay, so that a
//! workflow between two runs is not compiled again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ghostlight_model::ids::DefinitionHash;
use ghostlight_model::workflow::Workflow;

/// Compiled workflows that are kept although nobody uses them.
pub const KEPT_MAX: usize = 256;

/// The shared compiled workflows.
#[derive(Default)]
pub struct SharedWorkflows {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    all: HashMap<DefinitionHash, Weak<Workflow>>,
    /// The kept ones with the time of their last use, counted in uses.
    kept: HashMap<DefinitionHash, (u64, Arc<Workflow>)>,
    uses: u64,
}

impl SharedWorkflows {
    /// The compiled form of that hash, when somebody has it or it was used lately.
    pub fn get(&self, hash: &DefinitionHash) -> Option<Arc<Workflow>> {
        let mut inner = self.lock();
        let workflow = inner.all.get(hash)?.upgrade()?;
        inner.keep(*hash, &workflow);
        Some(workflow)
    }

    /// Shares `workflow` as the compiled form of `hash`, and returns the one that is shared: of two that were compiled
    /// at the same time, the first.
    pub fn share(&self, hash: DefinitionHash, workflow: Arc<Workflow>) -> Arc<Workflow> {
        let mut inner = self.lock();
        let shared = match inner.all.get(&hash).and_then(Weak::upgrade) {
            Some(first) => first,
            None => {
                inner.all.insert(hash, Arc::downgrade(&workflow));
                workflow
            }
        };
        inner.keep(hash, &shared);
        shared
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn keep(&mut self, hash: DefinitionHash, workflow: &Arc<Workflow>) {
        self.uses += 1;
        self.kept.insert(hash, (self.uses, workflow.clone()));
        if self.kept.len() <= KEPT_MAX {
            return;
        }
        let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(hash, _)| *hash);
        if let Some(oldest) = oldest {
            self.kept.remove(&oldest);
        }
        // One pass over all now and then, so that forgotten ones do not pile up: at most as many as are alive stay.
        if self.all.len() > 2 * KEPT_MAX && self.uses.is_multiple_of(KEPT_MAX as u64) {
            self.all.retain(|_, weak| weak.strong_count() > 0);
        }
    }
}
