//! A compiled workflow: what the runner and the planner work with.
//!
//! Made once per saved version by [`crate::language::compile`], shared behind an `Arc`, and never changed. Everything that
//! can be checked without running has been checked: the graph has no cycle, every node can be reached, every binding
//! and condition reads only what is upstream.

mod kinds;
mod supervision;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use petgraph::stable_graph::StableDiGraph;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::failure::EffectClass;
use crate::ids::{DefinitionHash, Name, NodeId};
use crate::language::binding::Bound;
use crate::language::condition::Condition;
use crate::language::schema::Schema;
use crate::priority::Priority;
use crate::retry::RetryPolicy;
use crate::selection::Selector;

pub use kinds::{
    Aside, Assertion, Branch, Call, Case, ChildWorkflow, Emit, Gate, Join, Loop, Map as MapNode, Merge,
    MergeWord, NodeKind, OnParentCancel, OnReject, OnTimeout, Parallel, Require, Risk, Signal, Success,
    Target, Transform, Until, Wait,
};
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
    /// How many attempts of one run are made at the same time, unless the run says otherwise.
    pub max_parallel: Option<u32>,
    /// How urgent its runs are, unless the run says otherwise.
    pub priority: Priority,
    /// How many steps of one run may hold each resource at the same time.
    pub resources: BTreeMap<NodeId, u32>,
    /// The capabilities that its calls ask for, those inside of others and beside them included.
    pub capabilities: BTreeSet<Name>,
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
        self.by_id.get(id).copied()
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
    /// What an attempt of it holds.
    pub resources: Vec<NodeId>,
    /// What has to be true of what comes out of it.
    pub success: Option<Box<Success>>,
    /// Finds out whether an interrupted write happened.
    pub verify: Option<Box<Node>>,
    /// Makes good what it did, when the run is cancelled.
    pub compensate: Option<Box<Node>>,
    /// The `parallel` to whose branches it belongs, if that has a limit.
    pub group: Option<NodeIndex>,
    /// For people and filters.
    pub labels: BTreeMap<String, String>,
    /// For people.
    pub description: String,
    /// Length of the longest path from a start node; nodes of one level may run at the same time.
    pub level: u32,
}

impl Node {
    /// What stands beside it.
    #[must_use]
    pub fn aside(&self, aside: Aside) -> Option<&Node> {
        match aside {
            Aside::Judge => self.success.as_ref()?.judge.as_ref(),
            Aside::Verify => self.verify.as_deref(),
            Aside::Compensate => self.compensate.as_deref(),
        }
    }

    /// All that stands beside it.
    pub fn asides(&self) -> impl Iterator<Item = (Aside, &Node)> {
        Aside::ALL.into_iter().filter_map(|aside| Some((aside, self.aside(aside)?)))
    }
}

/// One dependency of a node on a parent.
#[derive(Debug)]
pub struct Dependency {
    /// The parent.
    pub parent: NodeIndex,
    /// What the parent's end means for the child.
    pub kind: DependencyKind,
    /// When it is taken at all.
    pub taken: Taken,
    /// The edge's own condition: false means that for this edge the parent counts as skipped.
    pub when: Option<Condition>,
}

/// When a dependency is taken. One that is not counts as a parent that was skipped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// When the parent completed.
    Always,
    /// When the parent chose one of these cases, counted from 0.
    Cases(Vec<u32>),
    /// When the parent failed: the node is the target of its `goto`.
    OnFailure,
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

/// What a failure after all attempts does.
#[derive(Debug, Clone, PartialEq)]
pub enum OnError {
    /// The step fails, hard children are skipped, and the run fails unless a soft child or a join took it.
    Fail,
    /// The step fails, its children see it as `soft`, and the run ends `completed` with `result: partial`.
    Continue,
    /// The step fails, and its children get this value in place of its output.
    Default(Arc<Value>),
    /// The step fails, its children are skipped, and this node is gone on with.
    Goto(NodeIndex),
    /// The run is paused; when it is resumed, the step is tried again.
    Pause,
}
