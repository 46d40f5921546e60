//! The supervision tree.

use ghostlight_supervision::TreeNode;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One supervisor or child, and what is below it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TreeNode)]
pub struct TreeBody {
    /// Where it stands.
    pub path: String,
    /// `worker` or `supervisor`.
    pub kind: Value,
    /// `permanent`, `transient` or `temporary`.
    pub restart: Value,
    /// What it is doing.
    pub state: Value,
    /// Which life of it, from 1.
    pub incarnation: u32,
    /// How often it was restarted.
    pub restarts: u32,
    /// How its last life ended.
    pub last_exit: Option<Value>,
    /// Messages waiting.
    pub mailbox: Option<u32>,
    /// Messages handled in this life.
    pub handled: u64,
    /// The arbiter it lives on.
    pub arbiter: Option<String>,
    /// How long it has been up.
    pub uptime_ms: u64,
    /// In the order of their specification.
    #[schema(no_recursion)]
    pub children: Vec<TreeBody>,
}

impl TreeBody {
    /// A picture of the tree.
    #[must_use]
    pub fn of(node: &TreeNode) -> Self {
        Self {
            path: node.path.clone(),
            kind: word(&node.kind),
            restart: word(&node.restart),
            state: word(&node.state),
            incarnation: node.incarnation,
            restarts: node.restarts,
            last_exit: node.last_exit.as_ref().map(word),
            mailbox: node.mailbox,
            handled: node.handled,
            arbiter: node.arbiter.as_deref().map(str::to_owned),
            uptime_ms: node.uptime_ms,
            children: node.children.iter().map(Self::of).collect(),
        }
    }
}

/// These are words and small objects by construction.
fn word(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
