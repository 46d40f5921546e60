//! The plan of a workflow: levels, critical path and estimates, without running anything.

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::visit::EdgeRef;
use serde::{Deserialize, Serialize};

use super::makespan::{self, Task};
use crate::failure::EffectClass;
use crate::ids::DefinitionHash;
use crate::workflow::{Node, NodeIndex, NodeKind, Risk, Target, Workflow};

/// What one node is expected to take.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// Half of the times it takes at most this long, in milliseconds.
    pub p50_ms: u64,
    /// Nine of ten times it takes at most this long, in milliseconds.
    pub p90_ms: u64,
    /// Tokens of language models.
    pub tokens: u64,
    /// Money, as a decimal number; none: not known.
    pub cost: Option<String>,
}

impl Estimate {
    /// The estimate that stands in the document itself, or zero.
    #[must_use]
    pub fn declared(node: &Node) -> Self {
        let milliseconds =
            node.estimate.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        Self { p50_ms: milliseconds, p90_ms: milliseconds, ..Self::default() }
    }
}

/// The plan of a workflow, as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Which definition it is of.
    pub definition_hash: DefinitionHash,
    /// All nodes, parents before children.
    pub nodes: Vec<PlannedNode>,
    /// Ids by level; nodes of one level may run at the same time.
    pub levels: Vec<Vec<String>>,
    /// The chain of nodes that takes longest, from its first to its last.
    pub critical_path: Vec<String>,
    /// How long the critical path takes, by its `p50_ms`.
    pub makespan_ms: u64,
    /// How long all of it takes with one slot, two, and so on up to `width`, at most 16: exact up to nine nodes, beyond at most
    /// twice the best.
    #[serde(default)]
    pub makespans: Vec<Makespan>,
    /// The most nodes of one level.
    pub width: usize,
    /// The highest risk of a gate; at least `medium` when a node is declared to `write`.
    pub risk: Risk,
}

/// How long a plan takes with so many slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Makespan {
    /// How many calls go on at the same time.
    pub slots: usize,
    /// How long it takes, by `p50_ms`.
    pub ms: u64,
}

/// One node of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedNode {
    /// Its id.
    pub id: String,
    /// Length of the longest path from a start node.
    pub level: u32,
    /// Its parents, in the order of the document.
    pub needs: Vec<String>,
    /// What it is expected to take.
    pub estimate: Estimate,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// The agent or tool it names; none where it names a capability or calls nobody.
    pub agent: Option<String>,
}

/// Plans a workflow. `estimates` says what each node is expected to take. Linear in nodes and dependencies, but for the order of what waits for a slot.
#[must_use]
pub fn plan(workflow: &Workflow, estimates: &dyn Fn(&Node) -> Estimate) -> Plan {
    let estimated: Vec<Estimate> = workflow.nodes.iter().map(estimates).collect();
    let (path, makespan_ms) = critical_path(workflow, &estimated);
    let mut critical = vec![false; workflow.nodes.len()];
    path.iter().for_each(|index| critical[index.at()] = true);
    let id = |index: &NodeIndex| workflow.node(*index).id.to_string();

    let mut levels: Vec<Vec<String>> = Vec::new();
    for node in &workflow.nodes {
        let level = node.level as usize;
        if levels.len() <= level {
            levels.resize_with(level + 1, Vec::new);
        }
        levels[level].push(node.id.to_string());
    }
    let width = levels.iter().map(Vec::len).max().unwrap_or(0);
    let makespans = makespans(workflow, &estimated, width);
    let nodes =
        workflow.nodes.iter().zip(estimated).enumerate().map(|(index, (node, estimate))| PlannedNode {
            id: node.id.to_string(),
            level: node.level,
            needs: node.parents.iter().map(|dependency| id(&dependency.parent)).collect(),
            estimate,
            critical: critical[index],
            agent: agent(node),
        });
    Plan {
        definition_hash: workflow.hash,
        nodes: nodes.collect(),
        width,
        levels,
        critical_path: path.iter().map(id).collect(),
        makespan_ms,
        makespans,
        risk: risk(workflow),
    }
}

/// The makespan for each number of slots that can matter. Only calls hold slots: a question to a person waits without one.
fn makespans(workflow: &Workflow, estimates: &[Estimate], width: usize) -> Vec<Makespan> {
    let tasks: Vec<Task> = workflow
        .nodes
        .iter()
        .zip(estimates)
        .map(|(node, estimate)| Task {
            ms: estimate.p50_ms,
            holds_slot: matches!(node.kind, NodeKind::Call(_)),
            parents: node.parents.iter().map(|dependency| dependency.parent.at()).collect(),
        })
        .collect();
    let slots = 1..=width.min(makespan::SLOTS_MAX);
    slots.map(|slots| Makespan { slots, ms: makespan::makespan(&tasks, slots) }).collect()
}

/// The longest chain by `p50_ms`. Among chains that take equally long the one of more nodes, then the first one.
fn critical_path(workflow: &Workflow, estimates: &[Estimate]) -> (Vec<NodeIndex>, u64) {
    let graph = &workflow.graph;
    // The compiler made sure that there is no cycle.
    let order = toposort(graph, None).unwrap_or_default();
    let mut finish = vec![0_u64; workflow.nodes.len()];
    let mut before: Vec<Option<NodeIndex>> = vec![None; workflow.nodes.len()];
    for at in order {
        let index = graph[at];
        let mut longest: Option<(u64, NodeIndex)> = None;
        for edge in graph.edges_directed(at, Direction::Incoming) {
            let parent = graph[edge.source()];
            let ends = finish[parent.at()];
            let depth = |node: NodeIndex| workflow.node(node).level;
            let better = |(other, node): (u64, NodeIndex)| {
                let (mine, best) = ((ends, depth(parent)), (other, depth(node)));
                mine > best || (mine == best && parent < node)
            };
            if longest.is_none_or(better) {
                longest = Some((finish[parent.at()], parent));
            }
        }
        before[index.at()] = longest.map(|(_, parent)| parent);
        let start = longest.map_or(0, |(finish, _)| finish);
        finish[index.at()] = start.saturating_add(estimates[index.at()].p50_ms);
    }
    // The end of a chain is a node that nobody waits for; among equals the one that stands deepest, then first.
    let sinks =
        (0..).map(NodeIndex).zip(&finish).filter(|(index, _)| workflow.node(*index).children.is_empty());
    let last = sinks
        .max_by_key(|(index, finish)| (**finish, workflow.node(*index).level, std::cmp::Reverse(*index)));
    let Some((last, makespan)) = last else { return (Vec::new(), 0) };
    let mut path = vec![last];
    let mut here = last;
    while let Some(parent) = before[here.at()] {
        path.push(parent);
        here = parent;
    }
    path.reverse();
    (path, *makespan)
}

/// What is done in the end: by the node itself, or for each item or in each pass.
fn innermost(node: &Node) -> &Node {
    std::iter::successors(Some(node), |node| node.kind.body()).last().unwrap_or(node)
}

fn agent(node: &Node) -> Option<String> {
    match &innermost(node).kind {
        NodeKind::Call(call) => match &call.target {
            Target::Agent(name) => Some(name.to_string()),
            Target::Capability(_) => None,
        },
        _ => None,
    }
}

fn risk(workflow: &Workflow) -> Risk {
    let of = |node: &Node| match &node.kind {
        NodeKind::Gate(gate) => gate.risk,
        NodeKind::Call(_) if node.effect == Some(EffectClass::Write) => Risk::Medium,
        _ => Risk::Low,
    };
    workflow.nodes.iter().map(innermost).map(of).max().unwrap_or(Risk::Low)
}
