//! Who can be called right now: what a decision needs to know of agents, as one immutable value that is swapped whole
//! when an agent is saved, enabled or disabled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::choice::{Workload, least_busy};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::{DefinitionHash, Name};
use crate::language::schema::Schema;
use crate::retry::RetryPolicy;
use crate::workflow::Target;

/// What a decision needs to know of one agent.
#[derive(Debug)]
pub struct AgentEntry {
    /// Its name.
    pub name: Name,
    /// Content hash of its definition.
    pub version: DefinitionHash,
    /// Whether it may be called.
    pub enabled: bool,
    /// What calling it twice does.
    pub effect: EffectClass,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Silence longer than this ends an attempt.
    pub heartbeat: Option<Duration>,
    /// Its retry policy; a node's own wins.
    pub retry: Option<RetryPolicy>,
    /// What it offers.
    pub capabilities: BTreeSet<Name>,
    /// What its input must look like.
    pub input_schema: Option<Schema>,
    /// What its output must look like.
    pub output_schema: Option<Schema>,
    /// Attempts that may run at the same time.
    pub concurrency: Option<u32>,
}

/// All agents by name.
#[derive(Debug, Default)]
pub struct AgentDirectory {
    entries: BTreeMap<Name, Arc<AgentEntry>>,
    /// The enabled agents that offer each capability, by name.
    capable: BTreeMap<Name, Vec<Arc<AgentEntry>>>,
}

impl AgentDirectory {
    /// A directory of these agents.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = AgentEntry>) -> Self {
        let entries: BTreeMap<Name, Arc<AgentEntry>> =
            entries.into_iter().map(|entry| (entry.name.clone(), Arc::new(entry))).collect();
        let mut capable: BTreeMap<Name, Vec<Arc<AgentEntry>>> = BTreeMap::new();
        for entry in entries.values().filter(|entry| entry.enabled) {
            for capability in &entry.capabilities {
                capable.entry(capability.clone()).or_default().push(entry.clone());
            }
        }
        Self { entries, capable }
    }

    /// The enabled agents that offer a capability, by name.
    #[must_use]
    pub fn capable(&self, capability: &Name) -> &[Arc<AgentEntry>] {
        self.capable.get(capability).map_or(&[], Vec::as_slice)
    }

    /// The agent of that name, enabled or not.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<&Arc<AgentEntry>> {
        self.entries.get(name)
    }

    /// All agents, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<AgentEntry>> {
        self.entries.values()
    }

    /// The agent that a node names, or the least busy of those that offer what it asks for: `choice.rs` has the rule.
    /// `keeps_to` is who alone may be asked, because it knows the key under which an earlier attempt called it.
    ///
    /// # Errors
    /// A failure of class `capability`: nobody of that name, disabled, or nobody who can.
    pub fn resolve(
        &self,
        target: &Target,
        workload: &Workload,
        keeps_to: Option<&Name>,
    ) -> Result<&Arc<AgentEntry>, Failure> {
        match target {
            Target::Agent(name) => self.named(name),
            Target::Capability(capability) => {
                if let Some(name) = keeps_to {
                    return self.named(name);
                }
                least_busy(self.capable(capability), workload).ok_or_else(|| {
                    nobody("capability_unknown", format!("no enabled agent offers `{capability}`"))
                })
            }
        }
    }

    fn named(&self, name: &Name) -> Result<&Arc<AgentEntry>, Failure> {
        match self.entries.get(name) {
            Some(entry) if entry.enabled => Ok(entry),
            Some(_) => Err(nobody("agent_disabled", format!("agent `{name}` is disabled"))),
            None => Err(nobody("agent_unknown", format!("there is no agent `{name}`"))),
        }
    }
}

fn nobody(code: &str, message: String) -> Failure {
    Failure::new(ErrorClass::Capability, code, message, Happened::No)
}
