//! What has to be going on in the world while a run is in its state. Whoever carries the run compares this with what is
//! living, starts what is missing and stops what is not wanted; doing it twice is harmless.

use jiff::Timestamp;

use super::state::{Run, RunStatus, StepState};
use crate::ids::{ApprovalId, AttemptId};
use crate::workflow::NodeIndex;

/// Something that has to be going on, with its stable key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// This attempt is being made.
    Attempt {
        /// Which.
        id: AttemptId,
        /// Of which node.
        index: NodeIndex,
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
    for (index, _, step) in run.iter() {
        match &step.state {
            StepState::Running { attempt } => {
                let id = AttemptId { step: run.path(index), number: attempt.number };
                effects.push(if run.cancel_requested {
                    Effect::StopAttempt { id }
                } else {
                    Effect::Attempt { id, index }
                });
            }
            StepState::AwaitingApproval { approval } => {
                let expires_at = run.approvals.get(approval).and_then(|open| open.expires_at);
                effects.push(Effect::Gate { approval: *approval, expires_at });
            }
            StepState::Scheduled if run.status == RunStatus::Running => scheduled += 1,
            StepState::Scheduled
            | StepState::Pending
            | StepState::Ready
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
    let paused = run.status == RunStatus::Paused;
    run.steps
        .iter()
        .filter_map(|step| match &step.state {
            StepState::Retrying { retry_at, .. } if !paused => Some(*retry_at),
            StepState::AwaitingApproval { approval } => {
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
    let busy = run.steps.iter().any(|step| match &step.state {
        StepState::Running { .. } => true,
        StepState::Scheduled | StepState::Ready => run.status == RunStatus::Running,
        _ => false,
    });
    if busy {
        return Wake::Now;
    }
    next_due(run).map_or(Wake::Idle, Wake::At)
}
