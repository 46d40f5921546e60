//! A compiled workflow: what the runner and the planner work with.
//!
//! Made once per saved version by [`crate::language::compile`], shared behind an `Arc`, and never changed. Everything that
//! can be checked without running has been checked: the graph has no cycle, every node can be reached, every binding
//! and condition reads only what is upstream.

mod supervision;

use std::collections::BTreeMap;
use std::time::Duration;

use petgraph::stable_graph::StableDiGraph;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::EffectClass;
use crate::ids::{DefinitionHash, Name, NodeId};
use crate::language::binding::Bound;
use crate::language::condition::Condition;
use crate::language::schema::Schema;
use crate::language::text::Text;
use crate::retry::RetryPolicy;
use crate::selection::Selector;

pub use supervision::{RestartBackoff, RunStrategy, RunSupervision};

/// The place of a node in [`Workflow::nodes`]. Parents always stand before their children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeIndex(pub u32);

impl NodeIndex {
    /// As an index into a slice.
    #[must_use]
    pub fn at(self) -> usize {
        self.0 as usize
    }
}

/// A workflow, ready to run.
#[derive(Debug)]
pub struct Workflow {
    /// Its name.
    pub name: Name,
    /// For people.
    pub description: String,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The canonical document, as JSON with sorted keys.
    pub document: Value,
    /// What a run's input must look like.
    pub input: Option<Schema>,
    /// Default values of `$context`.
    pub context: Map<String, Value>,
    /// Labels that every run of it gets.
    pub labels: BTreeMap<String, String>,
    /// Which workflow a run of this name follows: the first that fits; this one when none does.
    pub selectors: Vec<Selector>,
    /// How the actors of one run are supervised.
    pub supervision: RunSupervision,
    /// All nodes in topological order; ties in the order of the document.
    pub nodes: Vec<Node>,
    /// Places by id.
    pub by_id: BTreeMap<NodeId, NodeIndex>,
    /// The dependencies as a graph: an edge points from parent to child.
    pub graph: StableDiGraph<NodeIndex, DependencyKind>,
    /// The run's output; without it, the outputs of the nodes that have no children, by id.
    pub output: Option<Bound>,
}

impl Workflow {
    /// The node at `index`.
    ///
    /// # Panics
    /// If `index` is of another workflow.
    #[must_use]
    pub fn node(&self, index: NodeIndex) -> &Node {
        &self.nodes[index.at()]
    }

    /// The node of that id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<NodeIndex> {
        let id = NodeId::new(id).ok()?;
        self.by_id.get(&id).copied()
    }
}

/// One node, compiled.
#[derive(Debug)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// What it does.
    pub kind: NodeKind,
    /// What it waits for, in the order of the document.
    pub parents: Vec<Dependency>,
    /// Who waits for it.
    pub children: Vec<NodeIndex>,
    /// Read when the dependencies are satisfied; false: the node is skipped.
    pub when: Option<Condition>,
    /// What an agent or tool gets; `{}` when the document is silent.
    pub input: Bound,
    /// The longest time of one attempt; the agent's own holds when shorter.
    pub timeout: Option<Duration>,
    /// The node's own policy; it wins over the agent's.
    pub retry: Option<RetryPolicy>,
    /// The node's own class; the higher of it and the agent's holds.
    pub effect: Option<EffectClass>,
    /// What a failure after all attempts does.
    pub on_error: OnError,
    /// How long it is expected to take.
    pub estimate: Option<Duration>,
    /// For people and filters.
    pub labels: BTreeMap<String, String>,
    /// For people.
    pub description: String,
    /// Length of the longest path from a start node; nodes of one level may run at the same time.
    pub level: u32,
}

/// One dependency of a node on a parent.
#[derive(Debug)]
pub struct Dependency {
    /// The parent.
    pub parent: NodeIndex,
    /// What the parent's end means for the child.
    pub kind: DependencyKind,
    /// The edge's own condition: false means that for this edge the parent counts as skipped.
    pub when: Option<Condition>,
}

/// What a parent's end means for its child: the table stands in [`crate::run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DependencyKind {
    /// The child needs the parent to complete.
    Hard,
    /// The child needs the parent to end; its value is null unless it completed.
    Soft,
    /// The child never waits for the parent.
    Optional,
}

/// What a node does.
#[derive(Debug)]
pub enum NodeKind {
    /// Calls an agent or a tool.
    Call(Call),
    /// Asks a person.
    Gate(Gate),
    /// Decides: true completes, false skips.
    Condition(Condition),
    /// Opens branches; completes at once.
    Parallel,
    /// Waits for its parents as `require` says and gathers their outputs.
    Join(Join),
}

impl NodeKind {
    /// The type as it stands in files and in the API.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Call(Call { tool: false, .. }) => "agent_call",
            Self::Call(Call { tool: true, .. }) => "tool_call",
            Self::Gate(_) => "human_gate",
            Self::Condition(_) => "condition",
            Self::Parallel => "parallel",
            Self::Join(_) => "join",
        }
    }
}

/// A call of an agent or a tool.
#[derive(Debug)]
pub struct Call {
    /// Whom to call.
    pub target: Target,
    /// Whether it stands as `tool_call` in the document.
    pub tool: bool,
}

/// Whom a call names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// This agent or tool.
    Agent(Name),
    /// The first enabled agent, by name, that offers this capability.
    Capability(Name),
}

/// A question to a person.
#[derive(Debug)]
pub struct Gate {
    /// What will be done.
    pub action: Text,
    /// What that means.
    pub impact: Option<Text>,
    /// How dangerous it is.
    pub risk: Risk,
    /// How long the question stands; none: until somebody answers.
    pub timeout: Option<Duration>,
    /// What happens when the time is over.
    pub on_timeout: OnTimeout,
    /// What changes an approver may make.
    pub form: Option<Schema>,
}

/// How dangerous an action is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Easily undone.
    Low,
    /// The default.
    Medium,
    /// Hurts when wrong.
    High,
    /// Hurts many when wrong.
    Critical,
}

/// What an approval does when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// Ends the step as rejected.
    Reject,
    /// Goes on as if approved.
    Approve,
    /// Stays open.
    Wait,
}

/// Gathering of branches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// How many parents must complete.
    pub require: Require,
}

/// How many parents of a join must complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Require {
    /// Every parent that was not skipped, and at least one.
    All,
}

/// What a failure after all attempts does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// The step fails, hard children are skipped, and the run fails unless a soft child took it.
    Fail,
    /// The step fails, its children see it as `soft`, and the run ends `completed` with `result: partial`.
    Continue,
}
