//! What is asked of the agent registry and what it answers.

use std::path::PathBuf;
use std::sync::Arc;

use ghostlight_model::agent::AgentDefinition;
use ghostlight_model::definitions::ETag;
use ghostlight_model::definitions::agent::{AgentRejection, AgentVersionHead, DisabledBy};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::{DefinitionHash, Name};

use crate::caller::StoreError;
use crate::keys::KeyRefusal;

/// How the registry is set up.
#[derive(Debug, Clone)]
pub struct AgentSettings {
    /// The folder of the operator's files; none: there are no files.
    pub folder: Option<PathBuf>,
    /// Whether agents may be granted commands, private targets and files over the API.
    pub allow_api_command: bool,
}

/// Whose an agent is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagedBy {
    /// This file's, until it is gone.
    File(String),
    /// Whoever saves it over the API.
    Api,
    /// The program's.
    BuiltIn,
}

/// What is known of an agent.
#[derive(Debug, Clone)]
pub struct AgentInfo {
    /// Its name.
    pub name: Name,
    /// Its current definition; none when this program does not accept the document any more.
    pub definition: Option<Arc<AgentDefinition>>,
    /// Why it is not called; none: it may be called.
    pub disabled: Option<DisabledBy>,
    /// Whose it is.
    pub managed_by: ManagedBy,
    /// Its versions, the newest first; a built-in one that was never anything else has none.
    pub versions: Vec<AgentVersionHead>,
    /// Global sequence of its last change; 0 when there is none.
    pub sequence: u64,
}

impl AgentInfo {
    /// Names its current version; none for a built-in agent that was never anything else.
    #[must_use]
    pub fn etag(&self) -> Option<ETag> {
        self.versions.first().map(|latest| ETag { hash: latest.hash, version: latest.number })
    }

    /// Whether it may be called.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.disabled.is_none()
    }

    /// How it is called: `command`, `http`, `builtin`.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        self.definition.as_ref().map(|definition| definition.kind.name())
    }
}

/// A definition was saved, or was there already.
#[derive(Debug, Clone, PartialEq)]
pub struct SavedAgent {
    /// The agent.
    pub name: Name,
    /// Content hash of the definition.
    pub hash: DefinitionHash,
    /// Its version, from 1.
    pub version: u64,
    /// Whether the latest version was the same, so that none was made.
    pub unchanged: bool,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
    /// Global sequence of the agent's last change.
    pub sequence: u64,
}

impl SavedAgent {
    /// Names the version.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag { hash: self.hash, version: self.version }
    }
}

/// Why an agent was not changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AgentError {
    /// The definition has errors; warnings are among them too.
    #[error("the agent's definition has errors")]
    Invalid(Vec<Diagnostic>),
    /// The definition has another name than the place it was sent to.
    #[error("the definition is named `{found}`, not `{expected}`")]
    NameMismatch {
        /// Where it was sent to.
        expected: Name,
        /// What it calls itself.
        found: Name,
    },
    /// A file owns the agent: change the file.
    #[error("agent `{name}` is defined by the file `{file}`")]
    ManagedByFile {
        /// The agent.
        name: Name,
        /// The file.
        file: String,
    },
    /// The agent is part of the program; only a file may say otherwise.
    #[error("agent `{0}` is built in; only a file in the operator's folder may define it otherwise")]
    BuiltIn(Name),
    /// The definition asks for what only the operator's files grant.
    #[error("{0} is granted by the operator's files only, unless `agents.allow_api_command` is on")]
    NotGranted(&'static str),
    /// There is no agent of that name.
    #[error("there is no agent `{0}`")]
    Unknown(Name),
    /// The current version is another one than the caller saw.
    #[error("the agent is not at the version that was expected")]
    PreconditionFailed {
        /// The current version; none: nobody has saved one.
        current: Option<ETag>,
    },
    /// Its file is gone: put it back, or save the agent over the API.
    #[error("agent `{0}` has no definition any more: its file was removed")]
    FileIsGone(Name),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AgentError {
    pub(super) fn of(name: &Name, rejection: AgentRejection) -> Self {
        match rejection {
            AgentRejection::NotFound => Self::Unknown(name.clone()),
            AgentRejection::ManagedByFile { file } => Self::ManagedByFile { name: name.clone(), file },
            AgentRejection::FileIsGone => Self::FileIsGone(name.clone()),
        }
    }
}
