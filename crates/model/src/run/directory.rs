//! Who can be called right now: what a decision needs to know of agents, as one immutable value that is swapped whole
//! when an agent is saved, enabled or disabled.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

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
}

impl AgentDirectory {
    /// A directory of these agents.
    #[must_use]
    pub fn new(entries: impl IntoIterator<Item = AgentEntry>) -> Self {
        Self { entries: entries.into_iter().map(|entry| (entry.name.clone(), Arc::new(entry))).collect() }
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

    /// The agent that a node names, or the first enabled one by name that offers what it asks for.
    ///
    /// # Errors
    /// A failure of class `capability`: nobody of that name, disabled, or nobody who can.
    pub fn resolve(&self, target: &Target) -> Result<&Arc<AgentEntry>, Failure> {
        match target {
            Target::Agent(name) => match self.entries.get(name) {
                Some(entry) if entry.enabled => Ok(entry),
                Some(_) => Err(nobody("agent_disabled", format!("agent `{name}` is disabled"))),
                None => Err(nobody("agent_unknown", format!("there is no agent `{name}`"))),
            },
            Target::Capability(capability) => self
                .entries
                .values()
                .find(|entry| entry.enabled && entry.capabilities.contains(capability))
                .ok_or_else(|| {
                    nobody("capability_unknown", format!("no enabled agent offers `{capability}`"))
                }),
        }
    }
}

fn nobody(code: &str, message: String) -> Failure {
    Failure::new(ErrorClass::Capability, code, message, Happened::No)
}
