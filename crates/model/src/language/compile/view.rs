//! The graph as the expressions of a workflow see it.

use std::collections::HashMap;

use crate::ids::NodeId;
use crate::language::condition::Condition;
use crate::language::draft::{Draft, DraftKind, DraftOnError, Placed};
use crate::language::edges::Edge;
use crate::language::graph::Graph;
use crate::language::names::{Access, Local, Visible};
use crate::language::reach::{Joins, Reach, ReachNode, ReachParent};
use crate::language::reader::{Problems, Suggestions};
use crate::language::schema::Schema;
use crate::language::text::Text;
use crate::workflow::{NodeIndex, Require, Taken};

/// All nodes, what stands before what, and what is sure about it.
pub(super) struct View<'v, 'd> {
    pub drafts: &'v [Draft<'d>],
    pub ids: &'v HashMap<&'d str, usize>,
    pub graph: &'v Graph,
    input: Option<&'v Schema>,
    /// Drafts in the order of the compiled nodes.
    pub order: Vec<usize>,
    /// The place of each draft in `order`.
    pub places: Vec<usize>,
    suggestions: Suggestions,
    /// `None` when cycles leave open what stands before what.
    pub reach: Option<Reach>,
}

impl<'v, 'd> View<'v, 'd> {
    pub fn new(
        drafts: &'v [Draft<'d>],
        ids: &'v HashMap<&'d str, usize>,
        edges: &[Edge<'d>],
        graph: &'v Graph,
        mut order: Vec<usize>,
        input: Option<&'v Schema>,
    ) -> Self {
        let complete = order.len() == drafts.len();
        if !complete {
            order = (0..drafts.len()).collect();
        }
        let mut places = vec![0; drafts.len()];
        for (place, draft) in order.iter().enumerate() {
            places[*draft] = place;
        }
        let reach = complete.then(|| {
            let mut nodes: Vec<ReachNode> = order.iter().map(|draft| reach_node(&drafts[*draft])).collect();
            for edge in edges {
                nodes[places[edge.to]].parents.push(ReachParent {
                    place: places[edge.from],
                    kind: edge.kind,
                    on_failure: edge.taken == Taken::OnFailure,
                });
            }
            Reach::of(nodes)
        });
        Self { drafts, ids, graph, input, order, places, suggestions: Suggestions::default(), reach }
    }

    /// The place of the node of that id.
    pub fn place_of(&self, id: &str) -> Option<NodeIndex> {
        self.ids.get(id).map(|draft| index(self.places[*draft]))
    }
}

fn reach_node(draft: &Draft<'_>) -> ReachNode {
    ReachNode {
        join: match &draft.kind {
            Some(DraftKind::Join(join)) => Some(match join.require {
                Require::Collect => Joins::Nothing,
                Require::All | Require::Any | Require::FirstSuccess | Require::Quorum(_) => Joins::One,
            }),
            _ => None,
        },
        needs_all: matches!(&draft.kind, Some(DraftKind::Join(join)) if join.require == Require::All),
        may_fail: matches!(draft.on_error, DraftOnError::Continue),
        stands_in: matches!(draft.on_error, DraftOnError::Default(_)),
        parents: Vec::new(),
    }
}

/// The index of the node at this place.
pub(super) fn index(place: usize) -> NodeIndex {
    // At most NODES_MAX nodes.
    NodeIndex(u32::try_from(place).unwrap_or(u32::MAX))
}

/// Who reads.
#[derive(Clone, Copy)]
pub(super) enum Reader {
    /// The node at this place.
    Node(usize),
    /// The condition of an edge from the parent at this place, read when the parent has ended.
    Edge(usize),
    /// The run's output.
    Output,
}

/// One reader's view.
pub(super) struct Place<'p, 'v, 'd> {
    pub view: &'p View<'v, 'd>,
    pub reader: Reader,
    /// The item or pass around the reader.
    pub locals: Vec<Local>,
}

impl Place<'_, '_, '_> {
    /// Compiles a condition.
    pub fn condition(&self, (text, span): Placed<'_>, problems: &mut Problems) -> Option<Condition> {
        if !problems.count_condition(text.len(), span) {
            return None;
        }
        match Condition::compile(text, self) {
            Ok(condition) => Some(condition),
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| problems.push(refusal.at(span)));
                None
            }
        }
    }

    /// Compiles a template.
    pub fn template(&self, (text, span): Placed<'_>, problems: &mut Problems) -> Option<Text> {
        match Text::compile(text, self) {
            Ok(text) => Some(text),
            Err(refusals) => {
                refusals.into_iter().for_each(|refusal| problems.push(refusal.at(span)));
                None
            }
        }
    }
}

impl Visible for Place<'_, '_, '_> {
    fn find(&self, id: &str) -> Option<NodeIndex> {
        self.view.place_of(id)
    }

    fn access(&self, node: NodeIndex) -> Access {
        let Some(reach) = &self.view.reach else { return Access::Certain };
        let node = node.at();
        let reader = match self.reader {
            Reader::Output => return Access::Nullable,
            Reader::Edge(parent) if parent == node => return Access::Certain,
            Reader::Edge(place) | Reader::Node(place) => place,
        };
        if reach.is_certain(node, reader) {
            Access::Certain
        } else if reach.is_nullable(node, reader) {
            Access::Nullable
        } else if reach.is_upstream(node, reader) {
            Access::MaySkip
        } else if node == reader {
            Access::Itself
        } else if reach.is_upstream(reader, node) {
            Access::Downstream
        } else {
            Access::NotUpstream
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.view.drafts.iter().map(|draft| draft.key).collect()
    }

    fn suggest(&self, word: &str) -> Option<&str> {
        let locals = self.locals.iter().map(|local| local.as_str());
        let known =
            self.view.drafts.iter().map(|draft| draft.key).chain(["input", "context", "run"]).chain(locals);
        self.view.suggestions.nearest(word, known)
    }

    fn fields(&self, node: NodeIndex) -> Option<Vec<&str>> {
        let draft = self.view.order[node.at()];
        match self.view.drafts[draft].kind.as_ref()? {
            DraftKind::Gate(_) => Some(vec!["decision", "comment", "changes", "by", "at"]),
            DraftKind::Condition(_) => Some(vec!["value"]),
            DraftKind::Cases(_) => Some(vec!["case", "to"]),
            DraftKind::Join(join) if join.merge.is_none() => {
                let parents = &self.view.graph.parents[draft];
                Some(parents.iter().map(|parent| self.view.drafts[*parent].key).collect())
            }
            DraftKind::Loop { .. } => Some(vec!["iterations", "last"]),
            DraftKind::For(_) | DraftKind::Until(_) => Some(vec!["at"]),
            DraftKind::Emit { .. } => Some(vec!["event"]),
            DraftKind::Call { .. }
            | DraftKind::Parallel { .. }
            | DraftKind::Join(_)
            | DraftKind::Map { .. }
            | DraftKind::Workflow(_)
            | DraftKind::Signal(_)
            | DraftKind::Value(_)
            | DraftKind::Expression(_) => None,
        }
    }

    fn locals(&self) -> &[Local] {
        &self.locals
    }

    fn may_have_failed(&self, node: NodeIndex) -> bool {
        let Some(reach) = &self.view.reach else { return true };
        match self.reader {
            Reader::Node(place) => reach.may_have_failed(node.at(), place),
            Reader::Edge(parent) => reach.may_have_failed_after(node.at(), parent),
            Reader::Output => reach.may_have_failed_at_the_end(node.at()),
        }
    }

    fn input_optional(&self, path: &[&str]) -> bool {
        self.view.input.is_some_and(|schema| schema.declares_optional(path))
    }
}

/// Where the document names the target of a call in a node.
pub(super) fn pointer_of(id: &NodeId, depth: usize) -> String {
    format!("/nodes/{id}{}", "/node".repeat(depth))
}
