//! What the parents of a step say about it.

use super::scope::RunScope;
use super::state::{Run, StepState};
use crate::event::SkipCause;
use crate::ids::StepPath;
use crate::workflow::{Dependency, DependencyKind, Join, Node, NodeKind, OnError, Require, Taken};

/// How many steps a cause names at most: the one at the root, and the last ones of the way from there. Else a long chain that is
/// skipped would be written out for each of its steps.
const CHAIN_MAX: usize = 8;

/// What the parents of a step say.
pub(super) enum Verdict {
    Wait,
    Go,
    Skip(SkipCause),
    Cancel,
}

/// What one parent says.
pub(super) enum ParentEnd {
    Open,
    Satisfied,
    /// Skipped by a condition at the root.
    Skipped(SkipCause),
    Failed(SkipCause),
    Cancelled,
}

/// Whether a step may start, as its parents have ended.
pub(super) fn judge(run: &Run, node: &Node) -> Verdict {
    match &node.kind {
        NodeKind::Join(join) => judge_join(run, node, join),
        _ => judge_dependencies(run, node),
    }
}

fn judge_dependencies(run: &Run, node: &Node) -> Verdict {
    let mut verdict = Verdict::Go;
    for dependency in &node.parents {
        let end = match dependency.kind {
            DependencyKind::Optional => continue,
            DependencyKind::Hard | DependencyKind::Soft => parent_end(run, dependency),
        };
        let soft = dependency.kind == DependencyKind::Soft;
        match end {
            ParentEnd::Open => return Verdict::Wait,
            ParentEnd::Satisfied => {}
            ParentEnd::Skipped(_) | ParentEnd::Failed(_) | ParentEnd::Cancelled if soft => {}
            // The first parent in the order of the document gives the cause, a failure before a condition.
            ParentEnd::Failed(cause) => match verdict {
                Verdict::Skip(SkipCause::Failed { .. }) => {}
                _ => verdict = Verdict::Skip(cause),
            },
            ParentEnd::Skipped(cause) => {
                if matches!(verdict, Verdict::Go) {
                    verdict = Verdict::Skip(cause);
                }
            }
            ParentEnd::Cancelled => {
                if matches!(verdict, Verdict::Go) {
                    verdict = Verdict::Cancel;
                }
            }
        }
    }
    verdict
}

/// A join counts. Those that need not wait for all parents are judged as soon as it is clear how it ends.
fn judge_join(run: &Run, node: &Node, join: &Join) -> Verdict {
    let (mut open, mut completed) = (0, 0);
    let mut failed = None;
    let mut skipped = None;
    let mut cancelled = false;
    for dependency in &node.parents {
        match parent_end(run, dependency) {
            ParentEnd::Open => open += 1,
            ParentEnd::Satisfied => completed += 1,
            ParentEnd::Failed(cause) => failed = failed.or(Some(cause)),
            ParentEnd::Skipped(cause) => skipped = skipped.or(Some(cause)),
            ParentEnd::Cancelled => cancelled = true,
        }
    }
    let wanted = match join.require {
        Require::All if open > 0 => return Verdict::Wait,
        Require::All => {
            return match (failed, cancelled, completed, skipped) {
                (Some(cause), ..) => Verdict::Skip(cause),
                (None, true, ..) => Verdict::Cancel,
                (None, false, 0, Some(cause)) => Verdict::Skip(cause),
                (None, false, ..) => Verdict::Go,
            };
        }
        Require::Collect if open > 0 => return Verdict::Wait,
        Require::Collect => return Verdict::Go,
        Require::Any | Require::FirstSuccess => 1,
        Require::Quorum(wanted) => wanted,
    };
    if completed >= wanted {
        return Verdict::Go;
    }
    if completed + open >= wanted {
        return Verdict::Wait;
    }
    match (failed, cancelled, skipped) {
        (Some(cause), ..) => Verdict::Skip(cause),
        (None, true, _) => Verdict::Cancel,
        (None, false, Some(cause)) => Verdict::Skip(cause),
        // Fewer parents than it wants, which the compiler refuses.
        (None, false, None) => Verdict::Skip(SkipCause::Skipped { chain: Vec::new() }),
    }
}

/// What the end of a parent means for the child of this dependency.
pub(super) fn parent_end(run: &Run, dependency: &Dependency) -> ParentEnd {
    let parent = dependency.parent;
    let path = run.path(parent);
    let follow = |chain: &[StepPath]| {
        let mut chain = chain.to_vec();
        if chain.len() >= CHAIN_MAX {
            // The one at the root and those that are near are what people ask for.
            chain.remove(1);
        }
        chain.push(path.clone());
        chain
    };
    match &run.step(parent).state {
        StepState::Completed { .. } => completed_end(run, dependency, path),
        StepState::Failed { .. } if dependency.taken == Taken::OnFailure => edge_end(run, dependency, path),
        StepState::Failed { .. } => match run.node(parent).on_error {
            OnError::Continue | OnError::Default(_) => completed_end(run, dependency, path),
            OnError::Fail | OnError::Goto(_) | OnError::Pause => {
                ParentEnd::Failed(SkipCause::Failed { chain: vec![path] })
            }
        },
        StepState::Skipped { cause } => match cause {
            SkipCause::Failed { chain } => ParentEnd::Failed(SkipCause::Failed { chain: follow(chain) }),
            SkipCause::Skipped { chain } => ParentEnd::Skipped(SkipCause::Skipped { chain: follow(chain) }),
            SkipCause::Condition { .. } => ParentEnd::Skipped(SkipCause::Skipped { chain: vec![path] }),
        },
        StepState::Cancelled => ParentEnd::Cancelled,
        StepState::Pending
        | StepState::Scheduled
        | StepState::Ready
        | StepState::Running { .. }
        | StepState::Open
        | StepState::AwaitingTime { .. }
        | StepState::AwaitingSignal { .. }
        | StepState::AwaitingChild { .. }
        | StepState::AwaitingApproval { .. }
        | StepState::AwaitingVerdict { .. }
        | StepState::AwaitingReconcile { .. }
        | StepState::Retrying { .. } => ParentEnd::Open,
    }
}

/// The parent is there; the way from it may not be the one that it takes.
fn completed_end(run: &Run, dependency: &Dependency, parent: StepPath) -> ParentEnd {
    let not_taken = |condition: String| ParentEnd::Skipped(SkipCause::Condition { condition });
    match &dependency.taken {
        Taken::Always => edge_end(run, dependency, parent),
        Taken::OnFailure => not_taken(format!("{parent} failed")),
        Taken::Cases(cases) => {
            let chosen = RunScope::of(run).output_of(dependency.parent.into());
            let chosen = chosen.and_then(|output| output.get("case")?.as_u64());
            match chosen {
                Some(chosen) if cases.iter().any(|case| u64::from(*case) == chosen) => {
                    edge_end(run, dependency, parent)
                }
                _ => not_taken(format!("{parent} leads here")),
            }
        }
    }
}

/// The edge may have a condition of its own. One that cannot be read counts as false, with the reason in the cause: a broken
/// condition must not open a way.
fn edge_end(run: &Run, dependency: &Dependency, parent: StepPath) -> ParentEnd {
    let Some(condition) = &dependency.when else { return ParentEnd::Satisfied };
    match condition.evaluate(&RunScope::of(run)) {
        Ok(true) => ParentEnd::Satisfied,
        Ok(false) => ParentEnd::Skipped(SkipCause::Condition { condition: condition.text().to_owned() }),
        Err(error) => ParentEnd::Skipped(SkipCause::Condition {
            condition: format!("{} ({error}, after {parent})", condition.text()),
        }),
    }
}

/// The nodes whose failure, if they fail, does not fail the run, because somebody took it: a soft child that began, or a join that
/// can do without and completed; or such a child of one that was skipped because of it. By place.
pub(super) fn taken_failures(run: &Run) -> Vec<bool> {
    let nodes = &run.workflow.nodes;
    let mut taken = vec![false; nodes.len()];
    // Children stand behind their parents.
    for (place, node) in nodes.iter().enumerate().rev() {
        taken[place] = node.children.iter().any(|child| {
            let state = &run.step(*child).state;
            let child_node = run.workflow.node(*child);
            if let StepState::Skipped { cause } = state {
                return cause.is_failure() && taken[child.at()];
            }
            let can_do_without = match &child_node.kind {
                NodeKind::Join(join) => {
                    join.require != Require::All && matches!(state, StepState::Completed { .. })
                }
                _ => false,
            };
            let mut edges = child_node.parents.iter().filter(|edge| edge.parent.at() == place);
            edges.any(|edge| can_do_without || edge.kind == DependencyKind::Soft)
        });
    }
    taken
}
