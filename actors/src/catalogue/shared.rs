//! Compiled workflows, shared by content hash: all runs of one definition hold the same value, whatever its version is
//! called.
//!
//! What is in use stays found for as long as somebody holds it; beyond that those used last stay, bounded in number and
//! in nodes, so that a workflow between two runs is not compiled again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ghostlight_model::ids::DefinitionHash;
use ghostlight_model::workflow::Workflow;

/// Compiled workflows that are kept although nobody uses them.
pub const KEPT_MAX: usize = 256;
/// The nodes of all kept workflows together.
pub const KEPT_NODES_MAX: usize = 100_000;

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
        let mut nodes: usize = self.kept.values().map(|(_, workflow)| workflow.nodes.len()).sum();
        while self.kept.len() > KEPT_MAX || (nodes > KEPT_NODES_MAX && self.kept.len() > 1) {
            let oldest = self.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(hash, _)| *hash);
            let Some((_, forgotten)) = oldest.and_then(|oldest| self.kept.remove(&oldest)) else { break };
            nodes -= forgotten.nodes.len();
        }
        // One pass over all now and then, so that forgotten ones do not pile up: at most as many as are alive stay.
        if self.all.len() > 2 * KEPT_MAX && self.uses.is_multiple_of(KEPT_MAX as u64) {
            self.all.retain(|_, weak| weak.strong_count() > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghostlight_model::language::{Format, Source, compile};

    fn workflow(number: usize) -> Arc<Workflow> {
        let text =
            format!("ghostlight: 1\nname: w{number}\nnodes:\n  a: {{ type: agent_call, agent: noop }}\n");
        compile(&Source { text: &text, format: Format::Yaml }).workflow.unwrap()
    }

    #[test]
    fn what_is_in_use_stays_found_and_what_is_not_is_bounded() {
        let shared = SharedWorkflows::default();
        let held = workflow(0);
        shared.share(held.hash, held.clone());
        for number in 1..=3 * KEPT_MAX {
            let workflow = workflow(number);
            shared.share(workflow.hash, workflow);
        }
        assert!(Arc::ptr_eq(&shared.get(&held.hash).unwrap(), &held));
        assert!(shared.get(&workflow(1).hash).is_none());
        assert!(shared.get(&workflow(3 * KEPT_MAX).hash).is_some());
        let inner = shared.lock();
        assert_eq!(inner.kept.len(), KEPT_MAX);
        assert!(inner.all.len() <= 3 * KEPT_MAX);
    }
}
