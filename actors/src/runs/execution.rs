//! The execution actor: makes one attempt of one step by one agent.
//!
//! Started by the workflow actor under the run's supervisor, temporary: whether the work is done again is a decision of the
//! workflow, from the journal. It shows progress on the feed, holds its slot, and reports the outcome to the workflow's
//! stable name until it is acknowledged. When it crashes, the attempt was not reported and the workflow records it as lost.

use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, WrapFuture};
use ghostlight_agents::{
    Agent, Call, CancelToken, Outcome, Progress, ProgressReceiver, end_leftovers, progress_channel,
};
use ghostlight_model::event::Usage;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use ghostlight_model::ids::AttemptId;
use ghostlight_model::payload::Payload;
use ghostlight_model::run::{Attempt, Command, Run, StepAt, idempotency_key};
use ghostlight_model::workflow::RunSupervision;
use ghostlight_supervision::{ChildSpec, Context, Graceful, Key, StartContext};
use ghostlight_world::Bug;
use serde_json::Value;
use tokio::sync::oneshot;

use super::give::Give;
use super::place::RunPlace;
use super::signs::Entered;
use super::slots::SlotGuard;
use super::supervision::patience_when_stopped;
use super::words::CommandError;
use crate::caller::StoreError;
use crate::feed::LiveEvent;

/// How long a cancelled agent has to end by itself, and its report to be taken.
const STOP_TIME: Duration = Duration::from_secs(8);
/// Pause before a report that was not taken is repeated; doubles up to the maximum.
const REPORT_RETRY: Duration = Duration::from_millis(20);
const REPORT_RETRY_MAX: Duration = Duration::from_secs(2);
/// How long a report waits for a workflow that is gone while the daemon goes down.
const GONE_PATIENCE: Duration = Duration::from_secs(1);

/// Whom to call and with what, or why not.
pub type Prepared = Result<(Arc<dyn Agent>, Call), Failure>;

/// The actor.
pub struct Execution {
    place: RunPlace,
    id: AttemptId,
    call: Option<Prepared>,
    cancel: CancelToken,
    /// How long it reports to a workflow that is not there, once it was told to stop.
    patience: Duration,
    /// Held until the workflow decides about its outcome, which may go on in it.
    slot: Option<SlotGuard>,
    /// Its signs of life can be seen while its agent works.
    shown: Option<Entered>,
}

/// The key of an attempt's actor under its run's supervisor.
#[must_use]
pub fn key(id: &AttemptId) -> Key {
    Key::new("executions", id.to_string())
}

/// What the agent of `attempt` is given, or why it cannot be called.
pub fn call(run: &Run, at: StepAt, id: &AttemptId, attempt: &Attempt, place: &RunPlace) -> Prepared {
    let services = &place.services;
    let agent = services.agents.callable(&attempt.agent, &attempt.agent_version)?;
    let entry = services.agents.directory().get(&attempt.agent).cloned();
    let timeout = Duration::from_millis(attempt.timeout_ms);
    let left = jiff::SignedDuration::try_from(timeout).unwrap_or(jiff::SignedDuration::MAX);
    let present = |payload: &Payload, what: &str| {
        let message = format!("the {what} of the attempt is not in memory");
        let missing = Failure::new(ErrorClass::Configuration, "value_missing", message, Happened::No);
        payload.value().cloned().ok_or(missing)
    };
    let call = Call {
        run: run.id,
        workflow: run.workflow.name.clone(),
        step: run.path(at),
        attempt: id.number,
        idempotency_key: match Bug::KeyChanges.is_planted() {
            true => idempotency_key(run.id, &id.step, id.number),
            false => idempotency_key(run.id, &id.step, attempt.iteration),
        },
        effect: attempt.effect,
        deadline: services.now().checked_add(left).unwrap_or(jiff::Timestamp::MAX),
        timeout,
        heartbeat: entry.and_then(|entry| entry.heartbeat),
        input: present(&attempt.input, "input")?,
        context: present(&run.context, "context")?,
        traceparent: None,
    };
    Ok((agent, call))
}

/// The specification of an attempt's actor.
pub fn spec(
    place: &RunPlace,
    id: &AttemptId,
    call: Prepared,
    slot: Option<SlotGuard>,
    supervision: &RunSupervision,
) -> ChildSpec {
    let (place, attempt) = (place.clone(), id.clone());
    let patience = patience_when_stopped(supervision);
    ChildSpec::once(key(id), move |start: StartContext| {
        let cancel = CancelToken::new();
        let actor = Execution { place, id: attempt, call: Some(call), cancel, patience, slot, shown: None };
        std::future::ready(Ok(start.actor(actor).graceful()))
    })
    .shutdown_timeout(STOP_TIME)
}

impl Execution {
    fn begin(&mut self, ctx: &mut Context<Self>) {
        match self.call.take() {
            Some(Ok((agent, call))) => {
                self.slot.iter_mut().for_each(SlotGuard::begin);
                let (sink, progress) = progress_channel();
                let (place, cancel) = (self.place.clone(), self.cancel.clone());
                let silence = call.heartbeat.unwrap_or(call.timeout);
                let outcome = async move {
                    bury_earlier_attempts(&place, &call).await?;
                    agent.call(call, sink, cancel).await
                };
                let living = &self.place.services.living;
                self.shown = Some(living.enter(self.place.id, self.id.clone(), progress.signs(), silence));
                let show = show(progress, self.place.clone(), self.id.clone());
                // The agent's future and its progress end together: the sink goes with the agent.
                let both = async move { futures::join!(outcome, show) };
                let done = both.into_actor(self).map(|(outcome, usage), actor, ctx: &mut Context<Self>| {
                    actor.shown = None;
                    actor.report(outcome, usage, ctx);
                });
                ctx.spawn(done);
            }
            Some(Err(failure)) => self.report(Err(failure), Usage::default(), ctx),
            None => ctx.stop(),
        }
    }

    fn report(&mut self, outcome: Outcome, usage: Usage, ctx: &mut Context<Self>) {
        let stopped = self.cancel.is_cancelled();
        let outcome = outcome.map(|answer| answer.output).map_err(|failure| match failure.class {
            // Cancelled is what we say; an agent that says so by itself has simply failed.
            ErrorClass::Cancelled if !stopped => Failure { class: ErrorClass::Unknown, ..failure },
            _ => failure,
        });
        if let Some(slot) = &mut self.slot {
            match &outcome {
                Err(failure) if failure.class == ErrorClass::Cancelled => slot.stopped(),
                outcome => slot.end(outcome.is_ok()),
            }
        }
        let (place, cancel, patience) = (self.place.clone(), self.cancel.clone(), self.patience);
        let is_for_nothing = move |unheard: Duration| {
            // When the daemon goes down and the workflow is gone, nobody will listen: the next start finds the attempt
            // cut off. So does the workflow that comes after this attempt, when the attempt was told to stop.
            (place.services.is_draining() && unheard >= GONE_PATIENCE)
                || (cancel.is_cancelled() && unheard >= patience)
        };
        let (place, id, slot) = (self.place.clone(), self.id.clone(), self.slot.take());
        let report = repeat_report(place, id, outcome, usage, slot, is_for_nothing);
        ctx.spawn(report.into_actor(self).map(|(), _, ctx: &mut Context<Self>| ctx.stop()));
    }
}

/// Before a step runs again, what an earlier attempt of it may have left running has to be dead.
async fn bury_earlier_attempts(place: &RunPlace, call: &Call) -> Result<(), Failure> {
    if call.attempt == 1 {
        return Ok(());
    }
    let (running, run, step) = (place.services.running.clone(), call.run, call.step.clone());
    let ended = tokio::task::spawn_blocking(move || end_leftovers(&running, run, &step)).await;
    let undead = match ended {
        Ok(Ok(swept)) if swept.undead == 0 => return Ok(()),
        Ok(Ok(_)) => "they would not end".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    let message = format!("processes of an earlier attempt are still alive: {undead}");
    Err(Failure::new(ErrorClass::Transient, "earlier_attempt_alive", message, Happened::No))
}

/// Reports until the workflow has taken it, durably, or has said that it never will; or until reporting `is_for_nothing`,
/// which is asked with the time that no workflow was there.
async fn repeat_report(
    place: RunPlace,
    attempt: AttemptId,
    outcome: Result<Arc<Value>, Failure>,
    usage: Usage,
    mut slot: Option<SlotGuard>,
    is_for_nothing: impl Fn(Duration) -> bool,
) {
    let mut wait = REPORT_RETRY;
    let mut unheard = Duration::ZERO;
    loop {
        let (answer, answered) = oneshot::channel();
        let command = Command::Report { attempt: attempt.clone(), outcome: outcome.clone(), usage };
        let give = Give { answer: Some(answer), slot: slot.take(), ..Give::by_runtime(command) };
        if place.workflow.send(give).await.is_ok() {
            match answered.await {
                Ok(Ok(_)) => return,
                Ok(Err(CommandError::Store(StoreError::TooLarge { bytes, bytes_max })))
                    if outcome.is_ok() =>
                {
                    let outcome = Err(too_large(bytes, bytes_max));
                    return Box::pin(repeat_report(place, attempt, outcome, usage, None, is_for_nothing))
                        .await;
                }
                Ok(Err(CommandError::Rejected(rejection))) => {
                    tracing::warn!(run = %place.id, %attempt, %rejection, "a report was refused");
                    return;
                }
                Ok(Err(_)) | Err(_) => {}
            }
        }
        if !place.workflow.is_running() {
            if is_for_nothing(unheard) {
                return;
            }
            unheard += wait;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(REPORT_RETRY_MAX);
    }
}

fn too_large(bytes: usize, bytes_max: usize) -> Failure {
    let message = format!("the output of {bytes} bytes is over the store's limit of {bytes_max}");
    Failure::new(ErrorClass::Budget, "output_too_large", message, Happened::Yes)
}

/// Shows progress on the feed, and adds up what was used.
async fn show(mut progress: ProgressReceiver, place: RunPlace, attempt: AttemptId) -> Usage {
    let mut total = Usage::default();
    while let Some(report) = progress.recv().await {
        match report {
            Progress::Usage(usage) => total.add(usage),
            Progress::Progress { ratio, text } => {
                place.services.feed.live(LiveEvent::progress(place.id, attempt.clone(), ratio, text));
            }
            Progress::Token(text) => {
                place.services.feed.live(LiveEvent::token(place.id, attempt.clone(), text))
            }
            Progress::Message { .. } | Progress::Started { .. } => {}
            Progress::StderrTail(text) => {
                tracing::debug!(run = %place.id, %attempt, stderr = %text, "an agent wrote to stderr");
            }
        }
    }
    total
}

impl Actor for Execution {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.begin(ctx);
    }
}

impl Graceful for Execution {
    fn shutdown(&mut self, _: &mut Context<Self>) {
        // The outcome, whatever it is, is reported before the actor ends.
        self.cancel.cancel();
    }
}
