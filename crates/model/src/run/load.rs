//! How much of a run is going on at the same time, and how much may.

use std::collections::BTreeMap;

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
        let group = run.workflow.node(at.node).group;
        let group_limit = group.and_then(|group| match run.workflow.node(group).kind {
            NodeKind::Parallel(parallel) => parallel.max_parallel,
            _ => None,
        });
        let in_group = group.and_then(|group| self.groups.get(&group).copied()).unwrap_or(0);
        run.max_parallel.is_none_or(|max| self.total < max)
            && group_limit.is_none_or(|max| in_group < max)
            && node.resources.iter().all(|resource| {
                let held = self.held.get(resource).copied().unwrap_or(0);
                run.workflow.resources.get(resource).is_none_or(|max| held < *max)
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
