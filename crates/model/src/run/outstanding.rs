//! What has to be going on in the world while a run is in its state. Whoever carries the run compares this with what is
//! living, starts what is missing and stops what is not wanted; doing it twice is harmless.

use jiff::Timestamp;

use super::asides::is_unwanted;
use super::place::StepAt;
use super::race::losers;
use super::state::{Run, StepState};
use crate::event::ChildRun;
use crate::ids::{ApprovalId, AttemptId, StepPath};
use crate::payload::Payload;

/// Something that has to be going on, with its stable key.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// This attempt is being made.
    Attempt {
        /// Which.
        id: AttemptId,
        /// Of which step.
        at: StepAt,
    },
    /// This attempt is being asked to stop.
    StopAttempt {
        /// Which.
        id: AttemptId,
    },
    /// Somebody is being asked.
    Gate {
        /// What.
        approval: ApprovalId,
        /// When it runs out.
        expires_at: Option<Timestamp>,
    },
    /// This run exists and is watched, because a step waits for its end.
    Child {
        /// The step.
        step: StepPath,
        /// The run.
        child: ChildRun,
        /// What it is given.
        input: Option<Payload>,
    },
    /// This run is being asked to end.
    StopChild {
        /// The step.
        step: StepPath,
        /// The run.
        child: ChildRun,
        /// Whether without making anything good.
        kill: bool,
    },
    /// So many steps wait for a slot.
    Slots(u32),
    /// The run is looked at again at this time.
    WakeAt(Timestamp),
}

/// What a restart of the process should do about the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// Nothing, ever: it has ended.
    Done,
    /// Nothing, until somebody says something to it.
    Idle,
    /// Carry it at once.
    Now,
    /// Carry it at this time.
    At(Timestamp),
}

/// Everything that has to be going on.
#[must_use]
pub fn outstanding(run: &Run) -> Vec<Effect> {
    if run.status.is_terminal() {
        return Vec::new();
    }
    let mut effects = Vec::new();
    let mut scheduled = 0;
    let lost = losers(run);
    for (at, _, step) in run.walk() {
        let is_unwanted = is_unwanted(run, &lost, at);
        match &step.state {
            StepState::Running { attempt } => {
                let id = AttemptId { step: run.path(at), number: attempt.number };
                effects.push(if is_unwanted {
                    Effect::StopAttempt { id }
                } else {
                    Effect::Attempt { id, at }
                });
            }
            StepState::AwaitingChild { child } => {
                let (step, child, input) = (run.path(at), child.clone(), step.input.clone());
                effects.push(if is_unwanted {
                    Effect::StopChild { step, child, kill: run.killed }
                } else {
                    Effect::Child { step, child, input }
                });
            }
            StepState::AwaitingApproval { approval, .. } => {
                let expires_at = run.approvals.get(approval).and_then(|open| open.expires_at);
                effects.push(Effect::Gate { approval: *approval, expires_at });
            }
            StepState::Scheduled if !run.is_held() => scheduled += 1,
            StepState::Scheduled
            | StepState::Pending
            | StepState::Ready
            | StepState::Open
            | StepState::AwaitingTime { .. }
            | StepState::AwaitingSignal { .. }
            | StepState::AwaitingVerdict { .. }
            | StepState::AwaitingReconcile { .. }
            | StepState::Retrying { .. }
            | StepState::Completed { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Cancelled => {}
        }
    }
    if scheduled > 0 {
        effects.push(Effect::Slots(scheduled));
    }
    effects.extend(next_due(run).map(Effect::WakeAt));
    effects
}

/// The next time at which the clock alone changes something.
#[must_use]
pub fn next_due(run: &Run) -> Option<Timestamp> {
    if run.status.is_terminal() {
        return None;
    }
    let paused = run.is_held();
    run.walk()
        .filter_map(|(_, _, step)| match &step.state {
            StepState::Retrying { retry_at, .. } if !paused => Some(*retry_at),
            StepState::AwaitingTime { until } if !paused => Some(*until),
            StepState::AwaitingSignal { until } if !paused => *until,
            StepState::AwaitingApproval { approval, .. } => {
                run.approvals.get(approval).and_then(|open| open.expires_at)
            }
            _ => None,
        })
        .min()
}

/// What a restart of the process should do about the run.
#[must_use]
pub fn wake(run: &Run) -> Wake {
    if run.status.is_terminal() {
        return Wake::Done;
    }
    let busy = run.walk().any(|(_, _, step)| match &step.state {
        // Whether a child has ended meanwhile is for whoever carries the run to find out.
        StepState::Running { .. } | StepState::AwaitingChild { .. } => true,
        StepState::Scheduled | StepState::Ready => !run.is_held(),
        _ => false,
    });
    if busy {
        return Wake::Now;
    }
    next_due(run).map_or(Wake::Idle, Wake::At)
}
