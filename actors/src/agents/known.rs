//! One agent as the registry holds it: its history, and what its current version says.

use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::agent::AgentDefinition;
use ghostlight_model::definitions::agent::AgentState;
use ghostlight_model::ids::Name;
use ghostlight_model::run::AgentEntry;

use super::words::{AgentInfo, ManagedBy};

/// The longest time of an attempt when the definition does not say. Long enough for a model that thinks, short enough
/// that a hanging agent is noticed.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(300);

/// One agent.
pub struct Known {
    /// Its history.
    pub state: AgentState,
    /// What its latest version says; none when there is none, or this program does not accept it.
    pub definition: Option<Arc<AgentDefinition>>,
    /// What the program says, when it is built in.
    pub builtin: Option<Arc<AgentDefinition>>,
}

impl Known {
    /// What holds now: a file's word over the program's, and the program's over an older program's.
    pub fn current(&self) -> Option<&Arc<AgentDefinition>> {
        match &self.builtin {
            Some(builtin) if self.state.managing_file().is_none() => Some(builtin),
            Some(_) | None => self.definition.as_ref(),
        }
    }

    /// Its line in the directory; none when there is no definition that could be called.
    pub fn entry(&self, name: &Name) -> Option<AgentEntry> {
        let definition = self.current()?;
        Some(AgentEntry {
            name: name.clone(),
            version: definition.hash,
            enabled: self.state.disabled().is_none(),
            effect: definition.effect,
            timeout: definition.timeout.unwrap_or(TIMEOUT_DEFAULT),
            heartbeat: definition.heartbeat,
            retry: definition.retry.clone(),
            capabilities: definition.capabilities.iter().cloned().collect(),
            input_schema: definition.takes(),
            output_schema: definition.gives(),
            concurrency: definition.limits.concurrency,
        })
    }

    /// What people are told of it.
    pub fn info(&self, name: &Name) -> AgentInfo {
        let managed_by = match (self.state.managing_file(), &self.builtin) {
            (Some(file), _) => ManagedBy::File(file.to_owned()),
            (None, Some(_)) => ManagedBy::BuiltIn,
            (None, None) => ManagedBy::Api,
        };
        AgentInfo {
            name: name.clone(),
            definition: self.current().cloned(),
            disabled: self.state.disabled(),
            managed_by,
            versions: self.state.versions().iter().rev().cloned().collect(),
            sequence: self.state.sequence(),
        }
    }
}
