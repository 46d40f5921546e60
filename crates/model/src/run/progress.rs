//! How far a run is and how long it may still take, from the estimates of its nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::state::{Run, StepStatus};
use crate::workflow::{Branch, Node, NodeIndex, NodeKind, Wait};

/// Expected duration of a call that declares none. A stated prior, until there is history.
pub const ESTIMATE_DEFAULT: Duration = Duration::from_secs(1);

/// Steps by status.
pub type Counts = BTreeMap<StepStatus, u32>;

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The share of the expected work that is done, 0 to 1.
    pub ratio: f64,
    /// Steps by status.
    pub counts: Counts,
    /// The longest expected way through what is left; none when the run has ended or waits for a person.
    pub remaining: Option<Duration>,
}

/// The expected duration of a node: its own estimate, or the prior. What calls nobody takes no time, and a person's
/// answer is not estimated.
#[must_use]
pub fn estimate(node: &Node) -> Duration {
    match node.kind {
        NodeKind::Call(_) | NodeKind::Workflow(_) => node.estimate.unwrap_or(ESTIMATE_DEFAULT),
        NodeKind::Map(_) | NodeKind::Loop(_) => {
            // How many items or passes there will be is not known: once through what stands inside.
            node.estimate.unwrap_or_else(|| node.kind.body().map_or(Duration::ZERO, estimate))
        }
        NodeKind::Wait(Wait::For(time)) => node.estimate.unwrap_or(time),
        NodeKind::Gate(_) | NodeKind::Wait(_) => node.estimate.unwrap_or(Duration::ZERO),
        NodeKind::Condition(_)
        | NodeKind::Cases(_)
        | NodeKind::Parallel(_)
        | NodeKind::Join(_)
        | NodeKind::Emit(_)
        | NodeKind::Transform(_) => Duration::ZERO,
    }
}

/// How far `run` is at `now`.
#[must_use]
pub fn progress(run: &Run, now: Timestamp) -> Progress {
    let mut counts = Counts::new();
    let (mut done, mut total) = (0.0, 0.0);
    let mut waits_for_person = false;
    // The longest way from each node to the end is found from the last node backwards: children stand behind.
    let mut way = vec![Duration::ZERO; run.steps.len()];
    for (at, node) in run.workflow.nodes.iter().enumerate().rev() {
        let step = &run.steps[at];
        let (status, _) = step.state.status();
        *counts.entry(status).or_default() += 1;
        let expected = estimate(node);
        let weight = expected.as_secs_f64().max(0.001);
        total += weight;
        let left = if step.state.has_ended() {
            done += weight;
            Duration::ZERO
        } else {
            waits_for_person |= status == StepStatus::Waiting;
            let spent = match status {
                StepStatus::Running => step.since.map_or(Duration::ZERO, |since| elapsed(since, now)),
                _ => Duration::ZERO,
            };
            // A running step never counts as done before it says so.
            done += weight * (spent.as_secs_f64() / expected.as_secs_f64().max(0.001)).min(0.9);
            expected.saturating_sub(spent)
        };
        let behind = node.children.iter().map(|child| way[child.at()]).max().unwrap_or_default();
        way[at] = left + behind;
    }
    let ended = run.status.is_terminal();
    Progress {
        ratio: if ended { 1.0 } else { (done / f64::max(total, 0.001)).clamp(0.0, 1.0) },
        counts,
        remaining: (!ended && !waits_for_person).then(|| way.iter().copied().max().unwrap_or_default()),
    }
}

/// Where one branch of a `parallel` stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchNow<'r> {
    /// The `parallel`.
    pub parallel: NodeIndex,
    /// The branch.
    pub branch: &'r Branch,
    /// Its steps by status.
    pub counts: Counts,
    /// Whether all of them have ended.
    pub done: bool,
}

/// Every branch of every `parallel` of `run`, parents before children, in the order of the document.
pub fn branches(run: &Run) -> impl Iterator<Item = BranchNow<'_>> {
    let all = (0..).map(NodeIndex).zip(&run.workflow.nodes).filter_map(|(index, node)| match &node.kind {
        NodeKind::Parallel(parallel) => Some((index, parallel)),
        _ => None,
    });
    all.flat_map(|(index, parallel)| parallel.branches.iter().map(move |branch| (index, branch))).map(
        |(parallel, branch)| {
            let mut counts = Counts::new();
            for node in &branch.nodes {
                *counts.entry(run.step(*node).state.status().0).or_default() += 1;
            }
            let done = branch.nodes.iter().all(|node| run.step(*node).state.has_ended());
            BranchNow { parallel, branch, counts, done }
        },
    )
}

fn elapsed(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}
