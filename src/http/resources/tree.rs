//! The supervision tree.

use ghostlight_supervision::{ExitReason, TreeNode};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// The arbiter of what lives on the daemon's first thread, which has no name of its own.
const MAIN: &str = "main";

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
    /// `running`, `starting`, `stopping`, `restarting` or `stopped`.
    pub state: Value,
    /// Which life of it, from 1.
    pub incarnation: u32,
    /// How often its supervisor restarted it because it had crashed; `incarnation` counts lives that somebody asked for too.
    pub restarts: u32,
    /// How its last life ended: `{kind, text}` and what else belongs to that kind. Null before any did.
    pub last_exit: Option<Value>,
    /// Messages waiting; of a supervisor, reports of its children and calls. Null for what is not up.
    pub mailbox: Option<u32>,
    /// Messages handled in this life.
    pub handled: u64,
    /// The arbiter it lives on, `main` for the first thread. Null before its first life.
    pub arbiter: Option<String>,
    /// How long it has been up; 0 for what is not.
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
            last_exit: node.last_exit.as_ref().map(exit),
            mailbox: node.mailbox,
            handled: node.handled,
            arbiter: (node.incarnation > 0).then(|| node.arbiter.as_deref().unwrap_or(MAIN).to_owned()),
            uptime_ms: node.uptime_ms,
            children: node.children.iter().map(Self::of).collect(),
        }
    }
}

/// A reason with its text: programs read the one, people the other.
fn exit(reason: &ExitReason) -> Value {
    let mut shown = word(reason);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("text".to_owned(), Value::String(reason.to_string()));
    }
    shown
}

/// These are words and small objects by construction.
fn word(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
