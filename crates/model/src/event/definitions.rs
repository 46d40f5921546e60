//! The bodies of events about definitions, keys, tokens, audit and the system itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::DefinitionHash;
use crate::payload::Payload;
use crate::storage::Level;

/// `workflow.saved`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkflowSaved {
    /// From 1.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The document as it was sent: its text, so that comments and order stay.
    pub source: Payload,
    /// `yaml` or `json`.
    pub format: String,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// `workflow.deleted`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowDeleted {}

/// `workflow.restored`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowRestored {
    /// Whom it is for from here on; absent: as before. Such an event may come without a deletion before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
}

/// Whom a workflow or a template is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// For its owner.
    #[default]
    Private,
    /// For everybody.
    Public,
}

impl Visibility {
    /// The word as it stands in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// `agent.saved`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentSaved {
    /// Content hash of the definition.
    pub hash: DefinitionHash,
    /// The definition as JSON, with secret references in place of secrets.
    pub definition: Payload,
    /// The file that owns it; absent when it came over the API or is built in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// `agent.enabled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEnabled {}

/// `agent.disabled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDisabled {
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// `batch.accepted`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchAccepted {
    /// What is asked of the runs: `retry`, `cancel`.
    pub action: String,
    /// Their ids, as a list, in the order in which they are asked.
    pub runs: Payload,
}

/// `key.taken`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTaken {
    /// What it stands for: a stream's name.
    pub target: String,
    /// BLAKE3 of the request that took it, as hex: the same key with another body is refused.
    pub fingerprint: String,
    /// Until when.
    pub until: Timestamp,
    /// What the request came to; absent when what it stands for says it all, as a run that was started does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<KeyOutcome>,
}

/// What the request that took a key came to: enough to answer it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyOutcome {
    /// The sequence of the target's last record when the request had been decided.
    pub at: u64,
    /// Whether the request had changed anything.
    pub changed: bool,
}

/// `key.released`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyReleased {}

/// `audit.recorded`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRecorded {
    /// What was done or tried: `agent.save`, `tree.stop`.
    pub action: String,
    /// On what.
    pub object: String,
    /// Whether it was allowed.
    pub allowed: bool,
    /// Why, or why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// `token.created`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCreated {
    /// For people.
    pub label: String,
    /// BLAKE3 of the token, as hex. The token itself is never stored.
    pub hash: String,
    /// Until when it is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// `token.revoked`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRevoked {}

/// `system.started`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemStarted {
    /// The store's epoch from here on.
    pub epoch: u64,
    /// The program's version.
    pub version: String,
    /// Whether the last stop was in good order.
    pub clean: bool,
}

/// `system.stopped`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemStopped {}

/// `actor.restarted`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRestarted {
    /// Its path in the supervision tree.
    pub path: String,
    /// Which life begins.
    pub incarnation: u64,
    /// How the last one ended.
    pub exit: String,
}

/// `supervisor.gave_up`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisorGaveUp {
    /// Its path in the supervision tree.
    pub path: String,
    /// The child that kept ending, and how.
    pub exit: String,
}

/// `view.set_aside`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewSetAside {
    /// Which one.
    pub view: String,
    /// Why.
    pub reason: String,
}

/// `store.corruption_found`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCorruptionFound {
    /// Segment and byte.
    pub place: String,
    /// What does not verify.
    pub reason: String,
    /// Whose records are hit, as far as that can be told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<String>,
}

/// `storage.changed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StorageChanged {
    /// How much room there is now.
    pub level: Level,
    /// Bytes that are free.
    pub free_bytes: u64,
}

/// `store.compacted`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCompacted {
    /// How many segments of the journal were written anew.
    pub segments: u64,
    /// How many records are gone.
    pub records: u64,
    /// By how many bytes the journal is smaller.
    pub bytes: u64,
    /// How many large values are gone, which nothing named any more.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
}
