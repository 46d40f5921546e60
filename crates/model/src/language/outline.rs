//! A document as far as it was understood: what its names and types can be checked by.
//!
//! Agents are known later than the text, and a mistake in one node is no reason to be silent about another. So what is checked
//! against agents reads an outline, which there is of every document whose nodes could be counted, with or without errors.

use serde_json::{Map, Value};

use super::binding::Bound;
use super::document::{Content, Item};
use super::schema::Schema;
use crate::ids::Name;
use crate::workflow::{Node, NodeIndex, RunStrategy, Workflow};

/// A view of a workflow, or of what was understood of one.
pub(super) struct Outline<'o> {
    /// The nodes, by index; parents first, unless there is a cycle. None where a node has errors of its own: nothing is known of
    /// what it reads and gives.
    nodes: Vec<Option<&'o Node>>,
    /// Its own name, when it has one.
    pub name: Option<&'o Name>,
    /// What a run takes, when that is declared and was understood.
    pub input: Option<&'o Schema>,
    /// The defaults.
    pub context: &'o Map<String, Value>,
    /// What the run gives, when that is written and was understood.
    pub output: Option<&'o Bound>,
    pub strategy: RunStrategy,
    edges: Edges<'o>,
}

/// The long form of dependencies, as it is kept or as it was read.
enum Edges<'o> {
    Kept(&'o Value),
    Read(&'o Item),
}

impl<'o> Outline<'o> {
    pub fn of(workflow: &'o Workflow) -> Self {
        Self {
            nodes: workflow.nodes.iter().map(Some).collect(),
            name: Some(&workflow.name),
            input: workflow.input.as_ref(),
            context: &workflow.context,
            output: workflow.output.as_ref(),
            strategy: workflow.supervision.strategy,
            edges: Edges::Kept(&workflow.document["edges"]),
        }
    }

    /// All nodes, by index.
    pub fn nodes(&self) -> &[Option<&'o Node>] {
        &self.nodes
    }

    /// The nodes that are known.
    pub fn known(&self) -> impl Iterator<Item = &'o Node> + '_ {
        self.nodes.iter().flatten().copied()
    }

    pub fn node(&self, node: NodeIndex) -> Option<&'o Node> {
        self.nodes.get(node.at()).copied().flatten()
    }

    /// Where in the long form that dependency stands.
    pub fn edge(&self, from: &str, to: &str) -> Option<usize> {
        match self.edges {
            Edges::Kept(edges) => {
                edges.as_array()?.iter().position(|edge| edge["from"] == *from && edge["to"] == *to)
            }
            Edges::Read(root) => {
                let end = |edge: &Item, key: &str| edge.entry(key)?.value.as_text().map(str::to_owned);
                let Content::List(edges) = &root.entry("edges")?.value.content else { return None };
                edges.iter().position(|edge| {
                    end(edge, "from").as_deref() == Some(from) && end(edge, "to").as_deref() == Some(to)
                })
            }
        }
    }
}

/// What was understood of a document with errors.
#[derive(Debug)]
pub(super) struct Fragment {
    /// The nodes without errors, by index.
    pub nodes: Vec<Option<Node>>,
    pub name: Option<Name>,
    pub input: Option<Schema>,
    pub context: Map<String, Value>,
    pub output: Option<Bound>,
    pub strategy: RunStrategy,
}

impl Fragment {
    pub fn outline<'o>(&'o self, root: &'o Item) -> Outline<'o> {
        Outline {
            nodes: self.nodes.iter().map(Option::as_ref).collect(),
            name: self.name.as_ref(),
            input: self.input.as_ref(),
            context: &self.context,
            output: self.output.as_ref(),
            strategy: self.strategy,
            edges: Edges::Read(root),
        }
    }
}
