//! The picture of a tree, for people and for tests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde::Serialize;

use crate::ExitReason;
use crate::core::{ChildState, Kind, Restart};
use crate::node::{Node, Path};
use crate::tree::Shared;

/// One supervisor or child, and what is below it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TreeNode {
    /// Where it stands; the root has its own name.
    pub path: String,
    /// Worker or supervisor.
    pub kind: Kind,
    /// Its restart type.
    pub restart: Restart,
    /// What it is doing.
    pub state: ChildState,
    /// Which life of it, from 1.
    pub incarnation: u32,
    /// How often it was restarted by its supervisor.
    pub restarts: u32,
    /// How its last life ended, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<ExitReason>,
    /// Messages waiting that were sent by its stable name; of a supervisor, reports and calls. Absent for what is not up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<u32>,
    /// Messages handled in this life.
    pub handled: u64,
    /// The arbiter it lives on; absent for the thread of the root.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arbiter: Option<Arc<str>>,
    /// How long it has been up, in milliseconds; 0 for what is not up.
    pub uptime_ms: u64,
    /// In the order of their specification.
    pub children: Vec<TreeNode>,
}

impl TreeNode {
    pub(crate) fn of(node: &Arc<Node>, shared: &Shared) -> Self {
        let state = node.state();
        let up = matches!(state, ChildState::Running | ChildState::Stopping);
        let since = node.up_since_ms.load(Ordering::Relaxed);
        let mut picture = TreeNode {
            path: Path(node.clone()).to_string(),
            kind: node.kind,
            restart: node.restart,
            state,
            incarnation: node.incarnation(),
            restarts: node.restarts.load(Ordering::Relaxed),
            last_exit: node.last_exit(),
            mailbox: ((up && node.kind == Kind::Worker) || node.has_legacy()).then(|| node.waiting()),
            handled: node.handled.load(Ordering::Relaxed),
            arbiter: node.arbiter(),
            uptime_ms: if up { shared.now_ms().saturating_sub(since) } else { 0 },
            children: node.children().iter().map(|child| TreeNode::of(child, shared)).collect(),
        };
        if up && node.kind == Kind::Supervisor {
            picture.mailbox = node.inbox().map(|inbox| inbox.len());
        }
        picture
    }

    /// This node and all below it, parents before children.
    pub fn flatten(&self) -> Vec<&TreeNode> {
        let mut nodes = vec![self];
        let mut next = 0;
        while next < nodes.len() {
            let node = nodes[next];
            nodes.splice(next + 1..next + 1, node.children.iter());
            next += 1;
        }
        nodes
    }
}
