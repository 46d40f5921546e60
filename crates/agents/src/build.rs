//! From a definition to something that can be called.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ghostlight_model::agent::{AgentDefinition, AgentKind};

use crate::builtin;
use crate::command::Command;
use crate::http::{Egress, Http};
use crate::{Agent, SecretSource};

/// What agents need of the daemon. Made once and shared.
#[derive(Clone)]
pub struct Environment {
    /// Where secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// The running binary: what the word `ghostlight` means as the first of a command.
    pub binary: PathBuf,
    /// The folder of the agent files: what `./` means at the beginning of a word of a command.
    pub agents_dir: PathBuf,
    /// Where a file per living process group is kept, so that a later start finds what a crash left.
    pub running_dir: PathBuf,
    /// Where the fresh folder of each attempt is made.
    pub scratch_dir: PathBuf,
    /// The way out to the network.
    pub egress: Egress,
    /// What holds when a definition does not say.
    pub limits: Limits,
}

/// Bounds of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest output in bytes, when the definition sets none.
    pub output_bytes_max: u64,
    /// How long a cancelled process may take to end by itself.
    pub cancel_grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { output_bytes_max: 8 * 1024 * 1024, cancel_grace: Duration::from_secs(5) }
    }
}

/// A definition that cannot be called on this machine, or whose parameters do not fit its built-in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The definition itself is to be changed.
    #[error("agent `{agent}`: {message}")]
    Definition {
        /// Which agent.
        agent: String,
        /// What is wrong.
        message: String,
    },
}

/// An agent that calls as `definition` says.
///
/// # Errors
/// [`BuildError`] when no call could ever succeed.
pub fn build(definition: &AgentDefinition, env: &Environment) -> Result<Arc<dyn Agent>, BuildError> {
    let wrong = |message: String| BuildError::Definition { agent: definition.name.to_string(), message };
    match &definition.kind {
        AgentKind::Builtin(call) => Ok(builtin::build(call, env)),
        AgentKind::Command(call) => {
            let command = Command::new(definition, call, env).map_err(wrong)?;
            Ok(Arc::new(command))
        }
        AgentKind::Http(call) => {
            let http = Http::new(definition, call, env).map_err(wrong)?;
            Ok(Arc::new(http))
        }
    }
}
