//! How attempts end: by their report, late or in time, or cut off.

use std::sync::Arc;

use serde_json::Value;

use super::advance::Draft;
use super::asides::is_unwanted;
use super::command::Rejection;
use super::evolve::interrupted;
use super::place::StepAt;
use super::race::losers;
use super::state::{AttemptEnd, RunStatus};
use crate::event::{
    PauseReason, RunPaused, StepCancelled, StepFailed, StepInterrupted, StepResultDiscarded, StepRetrying,
    StepWaiting, Usage, WaitReason,
};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::AttemptId;
use crate::language::schema::SchemaViolation;
use crate::payload::Payload;
use crate::retry::{Backoff, RetryPolicy};
use crate::workflow::OnError;

/// An attempt that is cut off again and again, whatever its class, is given up after this many losses.
pub const LOSSES_MAX: usize = 100;
/// How long a step waits whose attempts are lost one after another although the process goes on.
const LOSSES: RetryPolicy =
    RetryPolicy { max_attempts: u32::MAX, backoff: Backoff::Exponential, ..RetryPolicy::NONE };
/// Why an attempt of an earlier life of the process was lost.
const PROCESS_ENDED: &str = "process_ended";

pub(super) fn report(
    draft: &mut Draft<'_>,
    id: &AttemptId,
    outcome: Result<Arc<Value>, Failure>,
    usage: Usage,
) -> Result<(), Rejection> {
    let index = draft.find(&id.step)?;
    if !draft.run.is_outstanding(id) {
        return late_report(draft, index, id, outcome);
    }
    let step = id.step.clone();
    let attempt = Some(id.number);
    match outcome.and_then(|output| fits(draft, index, output)) {
        Ok(output) => draft.bring(index, id.number, output, usage),
        // Before its run ends somebody finds out whether it happened.
        Err(failure) if draft.is_unwanted(index) && draft.is_to_be_verified(index, &failure) => {
            draft.emit(StepWaiting {
                attempt,
                failure: Some(failure),
                usage,
                ..StepWaiting::new(step, WaitReason::Reconcile)
            });
        }
        Err(failure) if draft.is_unwanted(index) => {
            let lost_race = !draft.run.cancel_requested && index.aside().is_none();
            let happened = Some(failure.happened);
            draft.emit(StepCancelled { step, attempt, happened, lost_race, usage });
        }
        // Somebody stopped the attempt although nobody cancelled the run: the daemon is going down.
        Err(failure) if failure.class == ErrorClass::Cancelled => {
            let began = failure.happened != Happened::No;
            return lost(draft, id, "stopped", began);
        }
        Err(failure) => failed(draft, index, id, failure, usage),
    }
    Ok(())
}

/// A report of an attempt that is not outstanding: said again, or too late.
fn late_report(
    draft: &mut Draft<'_>,
    index: StepAt,
    id: &AttemptId,
    outcome: Result<Arc<Value>, Failure>,
) -> Result<(), Rejection> {
    let step = draft.run.step(index);
    if id.number == 0 || id.number > step.attempts {
        return Err(Rejection::UnknownAttempt(id.clone()));
    }
    let said_before =
        step.ends.get(&id.number) == Some(&AttemptEnd::Reported) || step.discarded.contains(&id.number);
    if !said_before && !draft.run.status.is_terminal() {
        let (output, failure) = match outcome {
            Ok(output) => (Some(Payload::Inline(output)), None),
            Err(failure) => (None, Some(failure)),
        };
        draft.emit(StepResultDiscarded { step: id.step.clone(), attempt: id.number, output, failure });
    }
    Ok(())
}

/// The output, if it is what the agent's definition promises.
fn fits(draft: &Draft<'_>, index: StepAt, output: Arc<Value>) -> Result<Arc<Value>, Failure> {
    let schema = draft.run.attempt(index).and_then(|attempt| {
        let entry = draft.context.agents.get(&attempt.agent)?;
        (entry.version == attempt.agent_version).then_some(entry.output_schema.as_ref()).flatten()
    });
    match schema.map(|schema| schema.validate(&output)) {
        Some(Err(violations)) => Err(Failure::new(
            ErrorClass::Data,
            "output_schema_mismatch",
            format!("the output does not fit the agent's output_schema: {}", join_violations(&violations)),
            Happened::Yes,
        )),
        Some(Ok(())) | None => Ok(output),
    }
}

/// The first few violations as one sentence.
pub(super) fn join_violations(violations: &[SchemaViolation]) -> String {
    let texts: Vec<String> = violations
        .iter()
        .take(5)
        .map(|violation| {
            let path = if violation.path.is_empty() { "/" } else { &violation.path };
            format!("{path}: {}", violation.message)
        })
        .collect();
    texts.join("; ")
}

fn failed(draft: &mut Draft<'_>, index: StepAt, id: &AttemptId, failure: Failure, usage: Usage) {
    let run = &draft.run;
    let Some(running) = run.attempt(index) else { return };
    let step = id.step.clone();
    if !running.effect.may_run_again(failure.happened) {
        match failure.happened {
            Happened::Unknown => draft.emit(StepWaiting {
                attempt: Some(id.number),
                failure: Some(failure),
                usage,
                ..StepWaiting::new(step, WaitReason::Reconcile)
            }),
            Happened::Yes | Happened::No => {
                draft.emit(StepFailed { step, attempt: Some(id.number), failure, usage });
            }
        }
        return;
    }
    retry_or_fail(draft, index, id.number, failure, usage);
}

/// What may be made again is made again as its policy says; else the step fails.
pub(super) fn retry_or_fail(
    draft: &mut Draft<'_>,
    index: StepAt,
    attempt: u32,
    failure: Failure,
    usage: Usage,
) {
    let run = &draft.run;
    let step = run.path(index);
    let agent = run.step(index).agent.as_ref();
    let of_agent = agent.and_then(|agent| draft.context.agents.get(agent)?.retry.as_ref());
    let policy = run.node(index).retry.as_ref().or(of_agent).unwrap_or(&RetryPolicy::NONE);
    let asked = failure.retry_after_ms.map(std::time::Duration::from_millis);
    let wait = policy.wait(run.step(index).failed + 1, asked, draft.context.jitter);
    match wait.filter(|_| failure.class.retryable()) {
        Some(wait) => {
            let retry_at = draft.after(wait);
            draft.emit(StepRetrying { step, attempt, failure, retry_at, redo: false, usage });
        }
        None if run.node(index).on_error == OnError::Pause => {
            draft.pause_for(index, attempt, failure, false, usage);
        }
        None => draft.emit(StepFailed { step, attempt: Some(attempt), failure, usage }),
    }
}

impl Draft<'_> {
    /// `on_error: pause`: the run waits until somebody lets the step be tried again.
    pub(super) fn pause_for(&mut self, at: StepAt, attempt: u32, failure: Failure, redo: bool, usage: Usage) {
        let step = self.run.path(at);
        let message = format!("step `{step}` failed: {}", failure.message);
        let retry_at = self.context.now;
        self.emit(StepRetrying { step, attempt, failure, retry_at, redo, usage });
        if self.run.status == RunStatus::Running {
            self.emit(RunPaused { reason: PauseReason::Operator, message });
        }
    }

    /// Whether `verify` says what became of a write that was stopped because its run is cancelled.
    fn is_to_be_verified(&self, at: StepAt, failure: &Failure) -> bool {
        let is_write = self.run.attempt(at).is_some_and(|attempt| attempt.effect == EffectClass::Write);
        let asks = self.run.cancel_requested && !self.run.killed && self.run.node(at).verify.is_some();
        asks && is_write && failure.happened == Happened::Unknown
    }

    /// Whether nobody waits for the step any more.
    pub(super) fn is_unwanted(&self, at: StepAt) -> bool {
        is_unwanted(&self.run, &losers(&self.run), at)
    }
}

pub(super) fn lost(
    draft: &mut Draft<'_>,
    id: &AttemptId,
    reason: &str,
    began: bool,
) -> Result<(), Rejection> {
    let index = draft.find(&id.step)?;
    if !draft.run.is_outstanding(id) {
        return Ok(());
    }
    let Some(effect) = draft.run.attempt(index).map(|attempt| attempt.effect) else { return Ok(()) };
    let ends = &draft.run.step(index).ends;
    let losses = 1 + ends.values().filter(|end| **end == AttemptEnd::Lost).count();
    let losses_before = ends.values().rev().take_while(|end| **end == AttemptEnd::Lost).count();
    // The first loss may be an accident. A step that keeps ending its actors must not keep the processors busy with that.
    let waits = losses_before > 0 && reason != PROCESS_ENDED && losses < LOSSES_MAX;
    let wait = LOSSES.wait(u32::try_from(losses_before).unwrap_or(u32::MAX), None, draft.context.jitter);
    let retry_at = wait.filter(|_| waits).map(|wait| draft.after(wait));
    let (step, attempt) = (id.step.clone(), id.number);
    draft.emit(StepInterrupted { step, attempt, reason: reason.to_owned(), retry_at });
    if losses >= LOSSES_MAX {
        let failure = Failure::new(
            ErrorClass::AgentBug,
            "interrupted_too_often",
            format!("{losses} attempts were cut off before they could report"),
            if began { Happened::Unknown } else { Happened::No },
        );
        draft.emit(StepFailed {
            step: id.step.clone(),
            attempt: Some(id.number),
            failure,
            usage: Usage::default(),
        });
    } else if began
        && effect == EffectClass::Write
        && (!draft.is_unwanted(index)
            || (draft.run.cancel_requested && draft.run.node(index).verify.is_some()))
    {
        draft.emit(StepWaiting {
            attempt: Some(id.number),
            failure: Some(interrupted()),
            ..StepWaiting::new(id.step.clone(), WaitReason::Reconcile)
        });
    }
    Ok(())
}

pub(super) fn recover(draft: &mut Draft<'_>) {
    let epoch = draft.context.epoch;
    let left: Vec<AttemptId> = draft
        .run
        .walk()
        .filter_map(|(at, _, _)| {
            let attempt = draft.run.attempt(at)?;
            (attempt.epoch < epoch).then(|| AttemptId { step: draft.run.path(at), number: attempt.number })
        })
        .collect();
    for id in left {
        // The step is of this run, so it is found.
        let _ = lost(draft, &id, PROCESS_ENDED, true);
    }
}
