//! Folding an event into the state of a run. Total: an event that does not fit changes nothing but the sequence, because
//! the journal is the truth and refusing to read it would help nobody; [`super::decide()`] is where things are refused.

use std::sync::Arc;

use jiff::Timestamp;

use super::state::{Approval, Attempt, AttemptEnd, Run, RunStatus, Step, StepState};
use crate::event::{Decision, Event, PauseReason, StepStarted, WaitReason};
use crate::failure::Happened;
use crate::ids::StepPath;

/// Folds `event`, recorded at `at` by `by`, into `run`.
pub fn evolve(run: &mut Run, event: &Event, at: Timestamp, by: Option<&str>) {
    run.sequence += 1;
    match event {
        Event::RunCreated(created) => {
            run.status = RunStatus::Running;
            run.version = created.version;
            run.input = created.input.clone();
            if let Some(context) = &created.context {
                run.context = context.clone();
            }
            run.labels = Arc::new(created.labels.clone());
            run.created_at = Some(at);
        }
        Event::RunPaused(paused) => pause(run, paused.reason),
        Event::RunQuarantined(_) => pause(run, PauseReason::Quarantined),
        Event::RunResumed(_) => {
            run.status = RunStatus::Running;
            run.pause = None;
        }
        Event::RunCancelRequested(_) => run.cancel_requested = true,
        Event::RunCancelled(_) => end(run, RunStatus::Cancelled, at),
        Event::RunFailed(failed) => {
            run.failure = Some((failed.step.clone(), failed.failure.clone()));
            end(run, RunStatus::Failed, at);
        }
        Event::RunCompleted(completed) => {
            run.output = Some(completed.output.clone());
            run.result = Some(completed.result);
            end(run, RunStatus::Completed, at);
        }
        Event::RunReopened(reopened) => {
            run.status = RunStatus::Running;
            run.ended_at = None;
            run.failure = None;
            for path in &reopened.steps {
                change(run, path, at, |step| {
                    step.state = StepState::Pending;
                    step.iteration += 1;
                    step.failed = 0;
                    // Losses are counted within an iteration.
                    step.ends.retain(|_, end| *end == AttemptEnd::Reported);
                    step.input = None;
                    step.ended_at = None;
                });
            }
        }
        Event::StepScheduled(scheduled) => set(run, &scheduled.step, at, StepState::Scheduled),
        Event::StepStarted(started) => start(run, started, at),
        Event::StepWaiting(waiting) => match (waiting.reason, waiting.attempt, waiting.approval) {
            (WaitReason::Approval, _, Some(approval)) => {
                set(run, &waiting.step, at, StepState::AwaitingApproval { approval });
            }
            (WaitReason::Reconcile, Some(attempt), _) => {
                let failure = waiting.failure.clone().unwrap_or_else(interrupted);
                change(run, &waiting.step, at, |step| {
                    step.ends.entry(attempt).or_insert(AttemptEnd::Reported);
                    step.state = StepState::AwaitingReconcile { attempt, failure };
                });
            }
            (WaitReason::Slot, _, _) => set(run, &waiting.step, at, StepState::Scheduled),
            (WaitReason::Approval, _, None) | (WaitReason::Reconcile, None, _) => {}
        },
        Event::StepRetrying(retrying) => change(run, &retrying.step, at, |step| {
            step.failed += 1;
            step.usage.add(retrying.usage);
            step.ends.insert(retrying.attempt, AttemptEnd::Reported);
            step.state =
                StepState::Retrying { retry_at: retrying.retry_at, failure: retrying.failure.clone() };
        }),
        Event::StepInterrupted(lost) => change(run, &lost.step, at, |step| {
            step.ends.insert(lost.attempt, AttemptEnd::Lost);
            step.state = match lost.retry_at {
                Some(retry_at) => StepState::Retrying { retry_at, failure: interrupted() },
                None => StepState::Ready,
            };
        }),
        Event::StepReconciled(reconciled) => {
            if reconciled.happened == Happened::No {
                set(run, &reconciled.step, at, StepState::Ready);
            }
        }
        Event::StepCompleted(completed) => finish(run, &completed.step, at, |step| {
            report(step, completed.attempt);
            step.usage.add(completed.usage);
            step.state = StepState::Completed { output: completed.output.clone() };
        }),
        Event::StepFailed(failed) => finish(run, &failed.step, at, |step| {
            report(step, failed.attempt);
            step.usage.add(failed.usage);
            step.state = StepState::Failed { failure: failed.failure.clone() };
        }),
        Event::StepSkipped(skipped) => finish(run, &skipped.step, at, |step| {
            step.state = StepState::Skipped { cause: skipped.why.clone() };
        }),
        Event::StepCancelled(cancelled) => finish(run, &cancelled.step, at, |step| {
            report(step, cancelled.attempt);
            step.state = StepState::Cancelled;
        }),
        Event::StepResultDiscarded(discarded) => {
            change(run, &discarded.step, at, |step| step.discarded.push(discarded.attempt));
        }
        Event::ApprovalRequested(asked) => {
            let approval = Approval {
                step: asked.step.clone(),
                action: asked.action.clone(),
                impact: asked.impact.clone(),
                risk: asked.risk,
                shown: asked.shown.clone(),
                requested_at: at,
                expires_at: asked.expires_at,
                decided: None,
            };
            run.approvals.insert(asked.approval, Arc::new(approval));
        }
        Event::ApprovalDecided(decided) => {
            if let Some(approval) = run.approvals.get_mut(&decided.approval) {
                let person = match decided.decision {
                    Decision::Approved | Decision::Rejected => by.map(str::to_owned),
                    Decision::Expired | Decision::Cancelled => None,
                };
                Arc::make_mut(approval).decided = Some((decided.decision, at, person));
            }
        }
        // The plan names only what is in the definition already.
        Event::PlanCreated(_) => {}
        // Not events of a run's stream.
        Event::WorkflowSaved(_)
        | Event::WorkflowDeleted(_)
        | Event::WorkflowRestored(_)
        | Event::AgentSaved(_)
        | Event::AgentEnabled(_)
        | Event::AgentDisabled(_)
        | Event::KeyTaken(_)
        | Event::KeyReleased(_)
        | Event::AuditRecorded(_)
        | Event::TokenCreated(_)
        | Event::TokenRevoked(_)
        | Event::SystemStarted(_)
        | Event::SystemStopped(_)
        | Event::ActorRestarted(_)
        | Event::SupervisorGaveUp(_)
        | Event::ViewSetAside(_)
        | Event::StoreCorruptionFound(_) => {}
    }
}

/// What stands for the failure of an attempt that could not report one.
pub(super) fn interrupted() -> crate::failure::Failure {
    crate::failure::Failure::new(
        crate::failure::ErrorClass::Unknown,
        "interrupted",
        "the attempt was cut off before it could report",
        Happened::Unknown,
    )
}

fn pause(run: &mut Run, reason: PauseReason) {
    run.status = RunStatus::Paused;
    run.pause = Some(reason);
}

fn end(run: &mut Run, status: RunStatus, at: Timestamp) {
    run.status = status;
    run.pause = None;
    run.ended_at = Some(at);
}

fn start(run: &mut Run, started: &StepStarted, at: Timestamp) {
    change(run, &started.step, at, |step| {
        step.attempts = started.attempt;
        step.started_at = step.started_at.or(Some(at));
        step.agent = Some(started.agent.clone());
        step.input = Some(started.input.clone());
        step.state = StepState::Running {
            attempt: Box::new(Attempt {
                number: started.attempt,
                iteration: started.iteration,
                epoch: started.epoch,
                agent: started.agent.clone(),
                agent_version: started.agent_version,
                effect: started.effect,
                input: started.input.clone(),
                timeout_ms: started.timeout_ms,
                started_at: at,
            }),
        };
    });
}

fn report(step: &mut Step, attempt: Option<u32>) {
    if let Some(number) = attempt {
        step.ends.entry(number).or_insert(AttemptEnd::Reported);
    }
}

fn set(run: &mut Run, path: &StepPath, at: Timestamp, state: StepState) {
    change(run, path, at, |step| {
        step.started_at = step.started_at.or(Some(at));
        step.state = state;
    });
}

fn finish(run: &mut Run, path: &StepPath, at: Timestamp, apply: impl FnOnce(&mut Step)) {
    change(run, path, at, |step| {
        step.ended_at = Some(at);
        apply(step);
    });
}

fn change(run: &mut Run, path: &StepPath, at: Timestamp, apply: impl FnOnce(&mut Step)) {
    if let Some(index) = run.find(path) {
        let step = Arc::make_mut(&mut run.steps[index.at()]);
        step.since = Some(at);
        apply(step);
    }
}
