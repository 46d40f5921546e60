//! Folding an event into the state of a run. Total: an event that does not fit changes nothing but the sequence, because
//! the journal is the truth and refusing to read it would help nobody; [`super::decide()`] is where things are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::place::StepAt;
use super::revise;
use super::state::{Approval, Attempt, AttemptEnd, Made, ReceivedSignal, Run, RunStatus, Step, StepState};
use crate::event::{
    Decision, Event, PauseReason, SkipCause, StepStarted, StepWaiting, WaitReason, event_of_no_run,
};
use crate::failure::{EffectClass, Happened};
use crate::ids::StepPath;
use crate::payload::Payload;
use crate::workflow::{Aside, NodeKind, Wait};

/// Folds `event`, recorded at `at` by `by`, into `run`.
pub fn evolve(run: &mut Run, event: &Event, at: Timestamp, by: Option<&str>) {
    run.sequence += 1;
    run.bytes += taken_in(run, event);
    match event {
        Event::RunCreated(created) => {
            run.status = RunStatus::Running;
            run.version = created.version;
            run.input = created.input.clone();
            if let Some(context) = &created.context {
                run.context = context.clone();
            }
            run.labels = Arc::new(created.labels.clone());
            run.parent.clone_from(&created.parent);
            run.priority = created.priority;
            run.inherited = created.parent.as_ref().map(|_| created.priority);
            run.created_at = Some(at);
        }
        Event::RunPaused(paused) => pause(run, paused.reason, &paused.message),
        Event::RunQuarantined(quarantined) => pause(run, PauseReason::Quarantined, &quarantined.message),
        // It is what it was; what it was is gone.
        Event::RunArchived(_) => {}
        Event::RunResumed(_) => {
            run.status = RunStatus::Running;
            not_paused(run);
        }
        Event::RunCancelRequested(requested) => {
            run.cancel_requested = true;
            // Who asks again, to kill it, may have no more to say.
            run.cancel_reason = said(&requested.reason).or_else(|| run.cancel_reason.take());
            run.killed |= requested.kill;
        }
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
            if let Some(input) = &reopened.input {
                run.input = input.clone();
            }
            let from_the_beginning: BTreeSet<&StepPath> = reopened.anew.iter().collect();
            for path in &reopened.steps {
                change(run, path, at, if from_the_beginning.contains(path) { anew } else { again });
            }
        }
        Event::StepScheduled(scheduled) => set(run, &scheduled.step, at, StepState::Scheduled),
        Event::StepStarted(started) => start(run, started, at),
        Event::StepWaiting(waiting) => wait(run, waiting, at),
        Event::StepOpened(opened) => {
            let items = opened.items.unwrap_or(0);
            let mut fresh = 0;
            change(run, &opened.step, at, |step| {
                step.started_at = step.started_at.or(Some(at));
                step.input.clone_from(&opened.input);
                let before = step.former.len();
                step.items = (0..items).map(|item| step.former.remove(&item).unwrap_or_default()).collect();
                fresh = items as usize - (before - step.former.len());
                step.state = StepState::Open;
            });
            run.inside += fresh;
        }
        Event::SignalReceived(signal) => run
            .signals
            .push(Arc::new(ReceivedSignal { name: signal.name.clone(), payload: signal.payload.clone() })),
        Event::PlanRevised(revised) => {
            run.max_parallel = revised.max_parallel.or(run.max_parallel);
            if let Some(priority) = revised.priority {
                run.was_reprioritised |= priority != run.priority;
                run.priority = priority;
                if revised.inherited {
                    run.inherited = Some(priority);
                }
            }
            run.version = revised.version.unwrap_or(run.version);
            if let Some(next) = revise::plan(revised) {
                revise::adopt(run, next);
                run.planned_at = run.sequence;
            }
        }
        Event::StepCompensated(compensated) => {
            change(run, &compensated.step, at, |step| step.compensated = true);
        }
        // For those who listen; the step that says it, or is judged, goes on with an event of its own.
        Event::EventEmitted(_) | Event::StepJudged(_) => {}
        Event::StepRetrying(retrying) => change(run, &retrying.step, at, |step| {
            learn(step, retrying.failure.happened);
            step.failed += 1;
            step.usage.add(retrying.usage);
            step.ends.insert(retrying.attempt, AttemptEnd::Reported);
            if retrying.redo {
                // New work under a new key, and with attempts of its own; the input stays.
                step.iteration += 1;
                step.redone += 1;
                step.failed = 0;
            }
            step.state =
                StepState::Retrying { retry_at: retrying.retry_at, failure: retrying.failure.clone() };
        }),
        Event::StepInterrupted(lost) => change(run, &lost.step, at, |step| {
            step.ends.insert(lost.attempt, AttemptEnd::Lost);
            // What became of a write is said by what follows.
            if step.effect == Some(EffectClass::Idempotent) {
                learn(step, Happened::Unknown);
            }
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
        Event::StepCompleted(completed) => {
            match completed.signal {
                Some(place) if (place as usize) < run.signals.len() => {
                    run.signals.remove(place as usize);
                }
                Some(_) => {}
                None if run.signals.is_empty() => {}
                None => take_signal(run, &completed.step),
            }
            finish(run, &completed.step, at, |step| {
                report(step, completed.attempt);
                step.usage.add(completed.usage);
                step.state = StepState::Completed { output: completed.output.clone() };
            });
        }
        Event::StepFailed(failed) => {
            let path = &failed.step;
            finish(run, path, at, |step| {
                report(step, failed.attempt);
                step.usage.add(failed.usage);
                learn(step, failed.failure.happened);
                step.state = StepState::Failed { failure: failed.failure.clone() };
                end_inside(
                    step,
                    at,
                    &StepState::Skipped { cause: SkipCause::Failed { chain: vec![path.clone()] } },
                );
            });
        }
        Event::StepSkipped(skipped) => finish(run, &skipped.step, at, |step| {
            step.state = StepState::Skipped { cause: skipped.why.clone() };
        }),
        Event::StepCancelled(cancelled) => finish(run, &cancelled.step, at, |step| {
            report(step, cancelled.attempt);
            step.usage.add(cancelled.usage);
            step.lost_race = cancelled.lost_race;
            // Of what only reads nobody asks whether it happened.
            let only_reads = match &step.state {
                StepState::Running { attempt } => attempt.effect != EffectClass::Write,
                _ => false,
            };
            step.happened = cancelled.happened.filter(|_| !only_reads);
            if let Some(happened) = cancelled.happened {
                learn(step, happened);
            }
            step.state = StepState::Cancelled;
            end_inside(step, at, &StepState::Cancelled);
        }),
        Event::StepResultDiscarded(discarded) => {
            discard(run, &discarded.step, at, discarded.attempt);
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
        event_of_no_run!() => {}
    }
}

/// What the run takes into memory by this event, in bytes of JSON. All attempts of an iteration have one input.
fn taken_in(run: &Run, event: &Event) -> u64 {
    let all = |event: &Event| event.payloads().map(Payload::bytes).sum();
    match event {
        Event::StepStarted(started) => {
            let has_input = run.find(&started.step).is_some_and(|at| run.step(at).input.is_some());
            if has_input { 0 } else { started.input.bytes() }
        }
        Event::StepCompleted(_) | Event::StepOpened(_) | Event::StepWaiting(_) => all(event),
        _ => 0,
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

fn pause(run: &mut Run, reason: PauseReason, message: &str) {
    run.status = RunStatus::Paused;
    run.pause = Some(reason);
    run.pause_message = said(message);
}

fn not_paused(run: &mut Run) {
    run.pause = None;
    run.pause_message = None;
}

fn said(text: &str) -> Option<Arc<str>> {
    (!text.is_empty()).then(|| text.into())
}

fn end(run: &mut Run, status: RunStatus, at: Timestamp) {
    run.status = status;
    not_paused(run);
    run.ended_at = Some(at);
}

fn start(run: &mut Run, started: &StepStarted, at: Timestamp) {
    change(run, &started.step, at, |step| {
        step.attempts = started.attempt;
        step.started_at = step.started_at.or(Some(at));
        step.agent = Some(started.agent.clone());
        step.effect = step.effect.max(Some(started.effect));
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

/// An attempt, or a run that the step started, has ended without an output: what is known of its effect.
fn learn(step: &mut Step, happened: Happened) {
    // Of a run nobody says what it does: it counts as what does not say, unless it did no more than read.
    if matches!(step.state, StepState::AwaitingChild { .. }) && happened != Happened::No {
        step.effect = Some(EffectClass::Write);
    }
    if step.effect.is_none_or(|effect| effect == EffectClass::Read) {
        return;
    }
    step.known = match (step.known, happened) {
        (Some(Happened::Unknown), _) | (_, Happened::Unknown) => Some(Happened::Unknown),
        (Some(Happened::Yes), _) | (_, Happened::Yes) => Some(Happened::Yes),
        (Some(Happened::No) | None, Happened::No) => Some(Happened::No),
    };
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
    if let Some(place) = run.workflow.locate(path)
        && let Some(step) = step_mut(run, place)
    {
        step.since = Some(at);
        apply(step);
    }
}

/// A result came too late. The step stays where it is, with what is done or with what was done before; none comes to be by it.
fn discard(run: &mut Run, path: &StepPath, at: Timestamp, attempt: u32) {
    let Some(place) = run.workflow.locate(path) else { return };
    let Some(mut step) = run.steps.get_mut(place.node.at()).map(Arc::make_mut) else { return };
    for item in place.items() {
        let inside = match step.items.get_mut(*item as usize) {
            Some(inside) => Some(inside),
            None => step.former.get_mut(item),
        };
        let Some(inside) = inside else { return };
        step = Arc::make_mut(inside);
    }
    if let Some(aside) = place.aside() {
        let Some(beside) = step.beside.get_mut(&aside) else { return };
        step = Arc::make_mut(beside);
    }
    step.since = Some(at);
    step.discarded.push(attempt);
}

/// A step, and what stands beside it, begins anew.
fn again(step: &mut Step) {
    step.iteration += 1;
    step.failed = 0;
    step.redone = 0;
    step.happened = None;
    // Losses are counted within an iteration.
    step.ends.retain(|_, end| *end == AttemptEnd::Reported);
    step.ended_at = None;
    // What has items keeps those that are done.
    if step.items.is_empty() {
        step.state = StepState::Pending;
        step.input = None;
        step.child = None;
    } else {
        step.state = StepState::Open;
    }
}

/// A step begins anew with all that stands inside of it.
fn anew(step: &mut Step) {
    for (place, mut item) in (0..).zip(std::mem::take(&mut step.items)) {
        anew(Arc::make_mut(&mut item));
        step.former.insert(place, item);
    }
    again(step);
}

/// The step at this place, to be changed. The next pass of a loop comes to be by this, and what stands beside a call; a map has
/// the items it was opened with.
fn step_mut(run: &mut Run, place: StepAt) -> Option<&mut Step> {
    let workflow = run.workflow.clone();
    let mut node = workflow.node(place.node);
    let mut step = Arc::make_mut(run.steps.get_mut(place.node.at())?);
    for item in place.items() {
        let at = *item as usize;
        if matches!(node.kind, NodeKind::Loop(_)) && at == step.items.len() {
            let former = step.former.remove(item);
            run.inside += usize::from(former.is_none());
            step.items.push(former.unwrap_or_default());
        }
        step = Arc::make_mut(step.items.get_mut(at)?);
        node = node.kind.body()?;
    }
    match place.aside() {
        None => Some(step),
        Some(aside) => Some(Arc::make_mut(step.beside.entry(aside).or_default())),
    }
}

/// What had not begun inside of a step that ends never will.
fn end_inside(step: &mut Step, at: Timestamp, state: &StepState) {
    for item in step.items.iter_mut().filter(|item| !item.state.has_ended()) {
        let item = Arc::make_mut(item);
        item.state = state.clone();
        item.ended_at = Some(at);
        end_inside(item, at, state);
    }
}

fn wait(run: &mut Run, waiting: &StepWaiting, at: Timestamp) {
    let state = match waiting.reason {
        WaitReason::Slot => Some(StepState::Scheduled),
        WaitReason::Time => waiting.until.map(|until| StepState::AwaitingTime { until }),
        WaitReason::Signal => Some(StepState::AwaitingSignal { until: waiting.until }),
        WaitReason::Approval => {
            waiting.approval.map(|approval| StepState::AwaitingApproval { approval, about: made(waiting) })
        }
        WaitReason::Verdict => made(waiting).map(|made| StepState::AwaitingVerdict { made }),
        WaitReason::Child => waiting.child.clone().map(|child| StepState::AwaitingChild { child }),
        WaitReason::Reconcile => waiting.attempt.map(|attempt| StepState::AwaitingReconcile {
            attempt,
            failure: waiting.failure.clone().unwrap_or_else(interrupted),
        }),
    };
    let Some(state) = state else { return };
    change(run, &waiting.step, at, |step| {
        match &state {
            StepState::AwaitingChild { child } => step.child = Some(child.clone()),
            StepState::AwaitingReconcile { attempt, .. } => {
                step.ends.entry(*attempt).or_insert(AttemptEnd::Reported);
                step.usage.add(waiting.usage);
                ask_again(step, Aside::Verify);
            }
            StepState::AwaitingVerdict { made } => {
                step.ends.entry(made.attempt).or_insert(AttemptEnd::Reported);
                step.usage.add(waiting.usage);
                ask_again(step, Aside::Judge);
            }
            StepState::AwaitingApproval { about: Some(made), .. } => {
                step.ends.entry(made.attempt).or_insert(AttemptEnd::Reported);
                step.usage.add(waiting.usage);
            }
            _ => step.started_at = step.started_at.or(Some(at)),
        }
        if waiting.input.is_some() {
            step.input.clone_from(&waiting.input);
        }
        step.state = state;
    });
}

/// What came out of the attempt about which somebody is asked.
fn made(waiting: &StepWaiting) -> Option<Box<Made>> {
    let (attempt, output) = (waiting.attempt?, waiting.output.clone()?);
    Some(Box::new(Made { attempt, output }))
}

/// What was asked about an earlier attempt is asked about this one too.
fn ask_again(step: &mut Step, aside: Aside) {
    if let Some(asked) = step.beside.get_mut(&aside) {
        again(Arc::make_mut(asked));
    }
}

/// A wait for a signal that is over has taken the first one that it could take: how records tell it that do not say which.
fn take_signal(run: &mut Run, path: &StepPath) {
    let workflow = run.workflow.clone();
    if let Some(at) = workflow.locate(path)
        && let NodeKind::Wait(Wait::Signal(signal)) = &workflow.node_at(at).kind
        && let Some(place) = run.signal_for(signal)
    {
        run.signals.remove(place);
    }
}
