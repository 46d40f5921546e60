//! What each step of a run waits for, as people ask it: why does nothing happen?

use jiff::Timestamp;

use super::judge::{ParentEnd, Verdict, judge, parent_end};
use super::load::Load;
use super::place::StepAt;
use super::state::{Run, StepState, StepStatus};
use crate::event::ChildRun;
use crate::ids::{ApprovalId, Name, NodeId, StepPath};
use crate::workflow::{Aside, DependencyKind, NodeKind, Wait};

/// A step that has not ended, and what it waits for.
#[derive(Debug, Clone, PartialEq)]
pub struct NextStep {
    /// The step.
    pub step: StepPath,
    /// Where it stands.
    pub status: StepStatus,
    /// What for.
    pub waits: Waits,
}

/// A parent that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitedFor {
    /// The step.
    pub step: StepPath,
    /// Where it stands.
    pub status: StepStatus,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// What a step waits for.
#[derive(Debug, Clone, PartialEq)]
pub enum Waits {
    /// For these steps.
    Steps(Vec<WaitedFor>),
    /// For room: so many attempts of the run, of its `parallel`, or of a resource are being made.
    Limit(Limit),
    /// For a slot of the daemon or of its agent.
    Slot,
    /// For the end of its attempt, its items or its passes.
    Work,
    /// For this time.
    Until(Timestamp),
    /// For this signal, at most so long.
    Signal {
        /// Its name.
        name: Name,
        /// How long.
        until: Option<Timestamp>,
    },
    /// For a person.
    Approval(ApprovalId),
    /// For somebody to say whether a write happened.
    Reconcile,
    /// For the end of this run.
    Child(ChildRun),
    /// For the run to be resumed.
    Resume,
    /// For nothing: it begins with the next decision.
    Nothing,
}

/// A limit that is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Limit {
    /// That of the run.
    Run(u32),
    /// That of the `parallel` it belongs to.
    Parallel(StepPath, u32),
    /// That of a resource.
    Resource(NodeId, u32),
}

/// Every step that has not ended and what it waits for, parents before children. Items that have not begun are left out.
#[must_use]
pub fn next(run: &Run) -> Vec<NextStep> {
    if run.status.is_terminal() {
        return Vec::new();
    }
    let load = Load::of(run);
    let open = run.walk().filter(|(at, _, step)| match step.state {
        StepState::Pending => !at.is_inside(),
        _ => !step.state.has_ended(),
    });
    let described = open.map(|(at, _, step)| NextStep {
        step: run.path(at),
        status: step.state.status().0,
        waits: waits(run, at, load.as_ref()),
    });
    described.collect()
}

fn waits(run: &Run, at: StepAt, load: Option<&Load>) -> Waits {
    let paused = run.is_held();
    match &run.step(at).state {
        StepState::Pending => pending(run, at, load, paused),
        StepState::Running { .. } | StepState::Open => Waits::Work,
        StepState::AwaitingApproval { approval, .. } => Waits::Approval(*approval),
        StepState::AwaitingVerdict { .. } => {
            let judge = at.beside(Aside::Judge);
            let asked = run.step(judge);
            let status = asked.state.status().0;
            Waits::Steps(vec![WaitedFor { step: run.path(judge), status, since: asked.since }])
        }
        StepState::AwaitingReconcile { .. } => Waits::Reconcile,
        StepState::AwaitingChild { child } => Waits::Child(child.clone()),
        _ if paused => Waits::Resume,
        StepState::Scheduled => match room(run, at, load) {
            Waits::Nothing => Waits::Slot,
            limit => limit,
        },
        StepState::AwaitingTime { until } | StepState::Retrying { retry_at: until, .. } => {
            Waits::Until(*until)
        }
        StepState::AwaitingSignal { until } => match &run.node(at).kind {
            NodeKind::Wait(Wait::Signal(signal)) => {
                Waits::Signal { name: signal.name.clone(), until: *until }
            }
            _ => Waits::Nothing,
        },
        StepState::Ready => room(run, at, load),
        StepState::Completed { .. }
        | StepState::Failed { .. }
        | StepState::Skipped { .. }
        | StepState::Cancelled => Waits::Nothing,
    }
}

fn pending(run: &Run, at: StepAt, load: Option<&Load>, paused: bool) -> Waits {
    let node = run.node(at);
    if matches!(judge(run, node), Verdict::Wait) {
        let open = node.parents.iter().filter(|edge| {
            edge.kind != DependencyKind::Optional && matches!(parent_end(run, edge), ParentEnd::Open)
        });
        let waited_for = open.map(|edge| {
            let parent = run.step(edge.parent);
            let status = parent.state.status().0;
            WaitedFor { step: run.path(edge.parent), status, since: parent.since }
        });
        return Waits::Steps(waited_for.collect());
    }
    if paused { Waits::Resume } else { room(run, at, load) }
}

fn room(run: &Run, at: StepAt, load: Option<&Load>) -> Waits {
    load.and_then(|load| load.reached(run, at, run.node(at))).map_or(Waits::Nothing, Waits::Limit)
}
