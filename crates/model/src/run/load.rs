//! How much of a run is going on at the same time, and how much may.

use std::collections::BTreeMap;

use super::next::Limit;
use super::place::StepAt;
use super::state::{Run, StepState};
use crate::ids::NodeId;
use crate::workflow::{Node, NodeIndex, NodeKind};

/// The attempts that are being made: in all, of each `parallel`, and of each holder of a resource.
#[derive(Debug, Default)]
pub(super) struct Load {
    total: u32,
    groups: BTreeMap<NodeIndex, u32>,
    held: BTreeMap<NodeId, u32>,
}

impl Load {
    /// Counts a run's; nothing when the run has no limit, which most have not.
    pub fn of(run: &Run) -> Option<Self> {
        let has_limit = run.max_parallel.is_some()
            || !run.workflow.resources.is_empty()
            || run.workflow.nodes.iter().any(|node| node.group.is_some());
        has_limit.then(|| {
            let mut load = Self::default();
            for (at, node, step) in run.walk() {
                if let StepState::Running { .. } = step.state {
                    load.add(run, at, node);
                }
            }
            load
        })
    }

    /// Whether there is room for one more attempt of this node: for all that it needs at once, so that two attempts never wait
    /// for each other.
    pub fn has_room(&self, run: &Run, at: StepAt, node: &Node) -> bool {
        self.reached(run, at, node).is_none()
    }

    /// The limit that leaves no room for one more attempt of this node.
    pub fn reached(&self, run: &Run, at: StepAt, node: &Node) -> Option<Limit> {
        if let Some(max) = run.max_parallel.filter(|max| self.total >= *max) {
            return Some(Limit::Run(max));
        }
        if let Some(group) = run.workflow.node(at.node).group
            && let NodeKind::Parallel(parallel) = &run.workflow.node(group).kind
            && let Some(max) = parallel.max_parallel
            && self.groups.get(&group).copied().unwrap_or(0) >= max
        {
            return Some(Limit::Parallel(run.path(group), max));
        }
        node.resources.iter().find_map(|resource| {
            let max = *run.workflow.resources.get(resource)?;
            let held = self.held.get(resource).copied().unwrap_or(0);
            (held >= max).then(|| Limit::Resource(resource.clone(), max))
        })
    }

    /// Counts one more.
    pub fn add(&mut self, run: &Run, at: StepAt, node: &Node) {
        self.total += 1;
        if let Some(group) = run.workflow.node(at.node).group {
            *self.groups.entry(group).or_default() += 1;
        }
        for resource in &node.resources {
            *self.held.entry(resource.clone()).or_default() += 1;
        }
    }
}
