//! Which step of a run: a node, inside of maps and loops which items or passes, and what stands beside a call.

use std::sync::Arc;

use super::state::{Run, Step};
use crate::ids::StepPath;
use crate::workflow::{Aside, Node, NodeIndex, NodeKind, Workflow};

/// Items in items; the language allows no more.
const DEPTH_MAX: usize = crate::language::NESTING_MAX;
/// The most items of a map.
pub const MAP_ITEMS_MAX: usize = 10_000;
/// The most items and passes of one run, those inside of others included: maps in maps multiply.
pub const INSIDE_MAX: usize = 100_000;

/// Which step of a run. Copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepAt {
    /// The outermost node.
    pub node: NodeIndex,
    depth: u8,
    /// Places from 0, of items and of passes alike.
    items: [u32; DEPTH_MAX],
    /// What stands beside the call that the rest names.
    beside: Option<Aside>,
}

impl From<NodeIndex> for StepAt {
    fn from(node: NodeIndex) -> Self {
        Self { node, depth: 0, items: [0; DEPTH_MAX], beside: None }
    }
}

impl StepAt {
    /// The places of the items and passes it stands in, from the outermost one.
    #[must_use]
    pub fn items(&self) -> &[u32] {
        self.items.get(..usize::from(self.depth)).unwrap_or_default()
    }

    /// The item or pass of this place inside of it. A node that is as deep as the language allows has none: then this is itself.
    #[must_use]
    pub fn inside(mut self, item: u32) -> Self {
        if let Some(place) = self.items.get_mut(usize::from(self.depth)) {
            *place = item;
            self.depth += 1;
        }
        self
    }

    /// What it stands in, and its place there; none for a node of the workflow itself.
    #[must_use]
    pub fn outside(mut self) -> Option<(Self, u32)> {
        self.depth = self.depth.checked_sub(1)?;
        let place = std::mem::take(self.items.get_mut(usize::from(self.depth))?);
        Some((self, place))
    }

    /// Whether it begins with something else: it stands inside of a map or a loop, or beside a call.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.depth > 0 || self.beside.is_some()
    }

    /// What stands beside this call.
    #[must_use]
    pub fn beside(mut self, aside: Aside) -> Self {
        self.beside = Some(aside);
        self
    }

    /// What it is, if it stands beside a call.
    #[must_use]
    pub fn aside(&self) -> Option<Aside> {
        self.beside
    }

    /// The step beside which it stands; itself when it stands beside none.
    #[must_use]
    pub fn call(mut self) -> Self {
        self.beside = None;
        self
    }
}

impl Workflow {
    /// The node that a step is of.
    ///
    /// # Panics
    /// If the step is of another workflow.
    #[must_use]
    pub fn node_at(&self, at: StepAt) -> &Node {
        let node = self.node(at.node);
        let node = at.items().iter().fold(node, |node, _| node.kind.body().unwrap_or(node));
        at.aside().and_then(|aside| node.aside(aside)).unwrap_or(node)
    }

    /// The path of a step: `each.2`, `restart.verify`. Items count from 0, passes from 1.
    #[must_use]
    pub fn path_at(&self, at: StepAt) -> StepPath {
        let mut node = self.node(at.node);
        if !at.is_inside() {
            return StepPath::from(&node.id);
        }
        let mut path = node.id.to_string();
        for item in at.items() {
            let number = if matches!(node.kind, NodeKind::Loop(_)) { item + 1 } else { *item };
            path.push('.');
            path.push_str(&number.to_string());
            node = node.kind.body().unwrap_or(node);
        }
        if let Some(aside) = at.aside() {
            path.push('.');
            path.push_str(aside.as_str());
        }
        // A node's id, a few numbers and a word are a path.
        StepPath::new(&path).unwrap_or_else(|_| StepPath::from(&self.node(at.node).id))
    }

    /// Which step a path names, as far as the definition says: whether a run has got so far is another question.
    #[must_use]
    pub fn locate(&self, path: &StepPath) -> Option<StepAt> {
        let mut parts = path.as_str().split('.');
        let index = self.find(parts.next()?)?;
        let (mut at, mut node) = (StepAt::from(index), self.node(index));
        for part in parts {
            // Nothing stands beside what stands beside a call, nor inside of it.
            if at.aside().is_some() {
                return None;
            }
            if let Some(aside) = Aside::ALL.into_iter().find(|aside| aside.as_str() == part) {
                node = node.aside(aside)?;
                at = at.beside(aside);
                continue;
            }
            // `007` is no other name of `7`.
            let number: u32 = part.parse().ok().filter(|number: &u32| number.to_string() == part)?;
            let place = match &node.kind {
                NodeKind::Map(_) if (number as usize) < MAP_ITEMS_MAX => number,
                NodeKind::Loop(repeat) if (1..=repeat.max).contains(&number) => number - 1,
                _ => return None,
            };
            node = node.kind.body()?;
            at = at.inside(place);
        }
        Some(at)
    }
}

impl Run {
    /// Every step with its node, what stands inside of it or beside it behind it.
    pub fn walk(&self) -> Walk<'_> {
        Walk { run: self, next: 0, inside: Vec::new(), beside: Vec::new() }
    }
}

/// Goes through all steps of a run.
#[derive(Debug)]
pub struct Walk<'r> {
    run: &'r Run,
    next: u32,
    inside: Vec<Inside<'r>>,
    /// What stands beside the step that came last, the last one first.
    beside: Vec<(StepAt, &'r Node, &'r Step)>,
}

#[derive(Debug)]
struct Inside<'r> {
    at: StepAt,
    body: &'r Node,
    items: &'r [Arc<Step>],
    next: u32,
}

impl<'r> Iterator for Walk<'r> {
    type Item = (StepAt, &'r Node, &'r Step);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(found) = self.beside.pop() {
            return Some(found);
        }
        let found = loop {
            let Some(inside) = self.inside.last_mut() else {
                let index = NodeIndex(self.next);
                let step = self.run.steps.get(index.at())?;
                self.next += 1;
                break (StepAt::from(index), self.run.workflow.node(index), &**step);
            };
            if let Some(step) = inside.items.get(inside.next as usize) {
                let at = inside.at.inside(inside.next);
                inside.next += 1;
                break (at, inside.body, &**step);
            }
            self.inside.pop();
        };
        let (at, node, step) = found;
        if let (false, Some(body)) = (step.items.is_empty(), node.kind.body()) {
            self.inside.push(Inside { at, body, items: &step.items, next: 0 });
        }
        let beside = step.beside.iter().rev();
        self.beside.extend(
            beside.filter_map(|(aside, step)| Some((at.beside(*aside), node.aside(*aside)?, &**step))),
        );
        Some(found)
    }
}
