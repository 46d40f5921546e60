//! Joins with `require: first_success`: who has lost.

use super::state::{Run, StepState};
use crate::workflow::{NodeIndex, NodeKind, Require};

/// The nodes whose steps nobody waits for any more, because every way from them ends in a join that another branch has won. By
/// place; empty when there is no such join, so that asking costs nothing.
pub(super) fn losers(run: &Run) -> Vec<bool> {
    let nodes = &run.workflow.nodes;
    let is_won = |index: NodeIndex| match &run.workflow.node(index).kind {
        NodeKind::Join(join) if join.require == Require::FirstSuccess => {
            matches!(run.step(index).state, StepState::Completed { .. })
        }
        _ => false,
    };
    let all = || (0..).take(nodes.len()).map(NodeIndex);
    if !all().any(is_won) {
        return Vec::new();
    }
    let won: Vec<bool> = all().map(is_won).collect();
    let mut needless = vec![false; nodes.len()];
    // Children stand behind their parents.
    for (place, node) in nodes.iter().enumerate().rev() {
        let is_over = |child: &NodeIndex| won[child.at()] || needless[child.at()];
        needless[place] = !node.children.is_empty() && node.children.iter().all(is_over);
    }
    needless
}

/// Whether the step of this node has lost.
pub(super) fn is_loser(losers: &[bool], node: NodeIndex) -> bool {
    losers.get(node.at()).copied().unwrap_or(false)
}
