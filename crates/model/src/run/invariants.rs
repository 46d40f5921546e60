//! What holds of every run, as predicates with names: of each event against the state before it, and of each state.
//!
//! They are written from the documents and not from the decider: naive, without looking ahead, so that a mistake there is not
//! made here again. The decider asserts those of [`OF_EACH_EVENT`] in builds with debug assertions, where nothing is looked at
//! but the step concerned; laws and the simulator (`crates/simulation`) ask all of them after every event.

use jiff::Timestamp;

use super::directory::AgentDirectory;
use super::load::Load;
use super::outstanding::{Wake, next_due, outstanding, wake};
use super::place::StepAt;
use super::snapshot::{freeze, thaw};
use super::state::{AttemptEnd, Run, RunStatus, Step, StepState};
use crate::event::{Decision, Event, StepWaiting, WaitReason, event_of_no_run};
use crate::ids::StepPath;
use crate::retry::RetryPolicy;
use crate::workflow::{Aside, Dependency, DependencyKind, NodeKind, OnError, Require, Taken};

/// An event that is about to be folded into the state before it.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The state before.
    pub run: &'a Run,
    /// The event.
    pub event: &'a Event,
    /// When it was decided.
    pub at: Timestamp,
    /// Who could be called then.
    pub agents: &'a AgentDirectory,
}

/// A predicate of an event and the state before it, with its name.
pub type OfEvent = (&'static str, fn(&Change<'_>) -> bool);
/// A predicate of a state, with its name.
pub type OfState = (&'static str, fn(&Run) -> bool);

/// What holds of each event against the state before it, looking at no more than the step concerned and its parents.
pub const OF_EACH_EVENT: &[OfEvent] = &[
    ("an_event_follows_from_the_state_before_it", an_event_follows_from_the_state_before_it),
    ("a_step_ends_once", a_step_ends_once),
    ("an_attempt_ends_once", an_attempt_ends_once),
    ("attempts_count_without_gaps", attempts_count_without_gaps),
    ("a_key_stands_for_one_input", a_key_stands_for_one_input),
    ("nothing_begins_before_what_it_needs", nothing_begins_before_what_it_needs),
    ("nothing_begins_after_a_cancel", nothing_begins_after_a_cancel),
    ("nothing_begins_while_paused", nothing_begins_while_paused),
    ("times_are_waited_for", times_are_waited_for),
    ("a_decided_question_stays_decided", a_decided_question_stays_decided),
    ("retries_keep_to_their_policy", retries_keep_to_their_policy),
    ("an_ended_run_hears_of_nothing_but_a_retry", an_ended_run_hears_of_nothing_but_a_retry),
];

/// What holds of each event against the state before it, and looks at the whole run.
pub const OF_EACH_EVENT_AND_ITS_RUN: &[OfEvent] =
    &[("limits_are_kept", limits_are_kept), ("a_run_ends_when_all_of_it_has", a_run_ends_when_all_of_it_has)];

/// What holds of each state after a whole decision.
pub const OF_EACH_STATE: &[OfState] = &[
    ("an_ended_run_has_no_open_step", an_ended_run_has_no_open_step),
    ("an_ended_run_wants_nothing", an_ended_run_wants_nothing),
    ("a_run_that_goes_on_waits_for_something", a_run_that_goes_on_waits_for_something),
    ("an_open_question_is_what_its_step_waits_for", an_open_question_is_what_its_step_waits_for),
    ("attempts_are_accounted_for", attempts_are_accounted_for),
    ("what_has_ended_holds_nothing_open", what_has_ended_holds_nothing_open),
];

/// The first of these predicates that an event breaks.
#[must_use]
pub fn broken_by(of: &[OfEvent], change: &Change<'_>) -> Option<&'static str> {
    of.iter().find(|(_, holds)| !holds(change)).map(|(name, _)| *name)
}

/// The first of [`OF_EACH_STATE`] that does not hold.
#[must_use]
pub fn broken_in(run: &Run) -> Option<&'static str> {
    OF_EACH_STATE.iter().find(|(_, holds)| !holds(run)).map(|(name, _)| *name)
}

/// Where two states of one run differ: the name of the first part of them that does. None when they are the same.
#[must_use]
pub fn first_difference(one: &Run, other: &Run) -> Option<&'static str> {
    // Taken apart, so that a new field cannot be forgotten here.
    let Run {
        workflow,
        id,
        version,
        status,
        pause,
        pause_message,
        cancel_requested,
        cancel_reason,
        killed,
        input,
        context,
        labels,
        steps,
        approvals,
        signals,
        inside,
        left_out,
        bytes,
        max_parallel,
        priority,
        inherited,
        was_reprioritised,
        parent,
        created_at,
        ended_at,
        output,
        result,
        failure,
        sequence,
        planned_at,
    } = one;
    let parts = [
        ("workflow", workflow.hash == other.workflow.hash),
        ("id", *id == other.id),
        ("version", *version == other.version),
        ("status", *status == other.status),
        ("pause", *pause == other.pause),
        ("pause_message", *pause_message == other.pause_message),
        ("cancel_requested", *cancel_requested == other.cancel_requested),
        ("cancel_reason", *cancel_reason == other.cancel_reason),
        ("killed", *killed == other.killed),
        ("input", *input == other.input),
        ("context", *context == other.context),
        ("labels", *labels == other.labels),
        ("steps", *steps == other.steps),
        ("approvals", *approvals == other.approvals),
        ("signals", *signals == other.signals),
        ("inside", *inside == other.inside),
        ("left_out", *left_out == other.left_out),
        ("bytes", *bytes == other.bytes),
        ("max_parallel", *max_parallel == other.max_parallel),
        ("priority", *priority == other.priority),
        ("inherited", *inherited == other.inherited),
        ("was_reprioritised", *was_reprioritised == other.was_reprioritised),
        ("parent", *parent == other.parent),
        ("created_at", *created_at == other.created_at),
        ("ended_at", *ended_at == other.ended_at),
        ("output", *output == other.output),
        ("result", *result == other.result),
        ("failure", *failure == other.failure),
        ("sequence", *sequence == other.sequence),
        ("planned_at", *planned_at == other.planned_at),
    ];
    parts.into_iter().find(|(_, is_same)| !is_same).map(|(name, _)| name)
}

/// A state reads back from its snapshot as it was written.
#[must_use]
pub fn a_snapshot_reads_back(run: &Run) -> bool {
    let planned = |_| Ok::<_, ()>(Some(run.workflow.clone()));
    let thawed = freeze(run, usize::MAX).and_then(|bytes| thaw(run.id, &bytes, planned).ok().flatten());
    thawed.is_some_and(|thawed| first_difference(&thawed, run).is_none())
}

/// Once somebody has looked at the clock, nothing waits any more for a time that is over: else whoever carries the run would look
/// again and again.
#[must_use]
pub fn nothing_is_overdue(run: &Run, now: Timestamp) -> bool {
    next_due(run).is_none_or(|due| due > now)
}

/// The tables of the run machine's documentation: from which states an event leads on.
#[must_use]
pub fn an_event_follows_from_the_state_before_it(change: &Change<'_>) -> bool {
    let (run, status) = (change.run, change.run.status);
    let state = |step: &StepPath| run.workflow.locate(step).map(|at| &run.step(at).state);
    let from = |step: &StepPath, is_one: fn(&StepState) -> bool| state(step).is_some_and(is_one);
    match change.event {
        Event::RunCreated(_) => status == RunStatus::Pending,
        Event::PlanCreated(_) => status == RunStatus::Running && run.sequence == 1,
        Event::RunPaused(_) => status == RunStatus::Running,
        Event::RunResumed(_) => status == RunStatus::Paused,
        Event::RunQuarantined(_)
        | Event::RunCancelRequested(_)
        | Event::RunCancelled(_)
        | Event::RunCompleted(_)
        | Event::SignalReceived(_)
        | Event::RunFailed(_) => !status.is_terminal(),
        Event::RunReopened(_) => status == RunStatus::Failed,
        Event::PlanRevised(_) => !status.is_terminal() || status == RunStatus::Failed,
        Event::StepScheduled(body) => from(&body.step, |state| {
            matches!(state, StepState::Pending | StepState::Ready | StepState::Retrying { .. })
        }),
        Event::StepStarted(body) => from(&body.step, |state| {
            let is_waiting = matches!(state, StepState::Pending | StepState::Scheduled | StepState::Ready);
            is_waiting || matches!(state, StepState::Retrying { .. })
        }),
        Event::StepWaiting(body) => state(&body.step).is_some_and(|state| may_wait(state, body)),
        Event::StepOpened(body) => from(&body.step, |state| matches!(state, StepState::Pending)),
        Event::EventEmitted(body) => from(&body.step, |state| matches!(state, StepState::Pending)),
        Event::StepSkipped(body) => from(&body.step, |state| matches!(state, StepState::Pending)),
        Event::StepCompleted(body) => from(&body.step, |state| {
            let is_idle = matches!(state, StepState::Scheduled | StepState::Ready);
            !state.has_ended() && !is_idle && !matches!(state, StepState::Retrying { .. })
        }),
        Event::StepRetrying(body) => from(&body.step, |state| {
            let is_inside = matches!(state, StepState::Open | StepState::AwaitingChild { .. });
            !state.has_ended() && !is_inside
        }),
        Event::StepInterrupted(body) => from(&body.step, |state| matches!(state, StepState::Running { .. })),
        Event::StepReconciled(body) => {
            from(&body.step, |state| matches!(state, StepState::AwaitingReconcile { .. }))
        }
        Event::StepJudged(body) => from(&body.step, |state| {
            let has_brought = matches!(state, StepState::Running { .. } | StepState::AwaitingVerdict { .. });
            let is_asked = matches!(state, StepState::AwaitingApproval { about: Some(_), .. });
            has_brought || is_asked || matches!(state, StepState::AwaitingReconcile { .. })
        }),
        Event::StepCompensated(body) => {
            from(&body.step, |state| matches!(state, StepState::Completed { .. } | StepState::Cancelled))
        }
        Event::StepFailed(body) => from(&body.step, |state| !state.has_ended()),
        Event::StepCancelled(body) => from(&body.step, |state| !state.has_ended()),
        Event::StepResultDiscarded(body) => state(&body.step).is_some(),
        Event::ApprovalRequested(body) => !run.approvals.contains_key(&body.approval),
        Event::ApprovalDecided(body) => run.approvals.contains_key(&body.approval),
        event_of_no_run!() => false,
        Event::RunArchived(_) => status.is_terminal(),
    }
}

fn may_wait(state: &StepState, waiting: &StepWaiting) -> bool {
    let has_worked = matches!(state, StepState::Running { .. } | StepState::AwaitingReconcile { .. });
    match waiting.reason {
        WaitReason::Approval if waiting.attempt.is_some() => {
            has_worked || matches!(state, StepState::AwaitingVerdict { .. })
        }
        WaitReason::Approval | WaitReason::Time | WaitReason::Signal | WaitReason::Child => {
            matches!(state, StepState::Pending)
        }
        WaitReason::Verdict => has_worked,
        WaitReason::Reconcile => {
            let was_cut_off = matches!(state, StepState::Ready | StepState::Retrying { .. });
            was_cut_off || matches!(state, StepState::Running { .. })
        }
        WaitReason::Slot => false,
    }
}

/// A step that has ended does not end again.
#[must_use]
pub fn a_step_ends_once(change: &Change<'_>) -> bool {
    let ends = match change.event {
        Event::StepCompleted(body) => &body.step,
        Event::StepFailed(body) => &body.step,
        Event::StepSkipped(body) => &body.step,
        Event::StepCancelled(body) => &body.step,
        _ => return true,
    };
    step_of(change.run, ends).is_some_and(|(_, step)| !step.state.has_ended())
}

/// What is said of a step under way is said of its attempt, and of an attempt that was begun; a late result is recorded once, and
/// never of an attempt whose own result was taken.
#[must_use]
pub fn an_attempt_ends_once(change: &Change<'_>) -> bool {
    let (path, named) = match change.event {
        Event::StepCompleted(body) => (&body.step, body.attempt),
        Event::StepFailed(body) => (&body.step, body.attempt),
        Event::StepCancelled(body) => (&body.step, body.attempt),
        Event::StepRetrying(body) => (&body.step, Some(body.attempt)),
        Event::StepInterrupted(body) => (&body.step, Some(body.attempt)),
        Event::StepWaiting(body) => (&body.step, body.attempt),
        Event::StepResultDiscarded(body) => {
            let Some((_, step)) = step_of(change.run, &body.step) else { return false };
            let was_taken = step.ends.get(&body.attempt) == Some(&AttemptEnd::Reported);
            let is_new = !was_taken && !step.discarded.contains(&body.attempt);
            let is_over = under_way(step) != Some(body.attempt);
            return is_new && is_over && (1..=step.attempts).contains(&body.attempt);
        }
        _ => return true,
    };
    let Some((_, step)) = step_of(change.run, path) else { return false };
    match under_way(step) {
        Some(number) => named == Some(number),
        None => named.is_none_or(|number| number <= step.attempts),
    }
}

/// Attempts of a step count from 1 without gaps over all its life, and each is of the iteration that the step is in.
#[must_use]
pub fn attempts_count_without_gaps(change: &Change<'_>) -> bool {
    let Event::StepStarted(started) = change.event else { return true };
    step_of(change.run, &started.step)
        .is_some_and(|(_, step)| started.attempt == step.attempts + 1 && started.iteration == step.iteration)
}

/// All attempts of one iteration, which is what an idempotency key names, are given the same input.
#[must_use]
pub fn a_key_stands_for_one_input(change: &Change<'_>) -> bool {
    let Event::StepStarted(started) = change.event else { return true };
    step_of(change.run, &started.step)
        .is_some_and(|(_, step)| step.input.as_ref().is_none_or(|input| *input == started.input))
}

/// A step begins when those that it needs have ended as it needs them: hard ones well, joins as many as they ask for.
#[must_use]
pub fn nothing_begins_before_what_it_needs(change: &Change<'_>) -> bool {
    let Some(path) = begins(change.event) else { return true };
    let Some((at, step)) = step_of(change.run, path) else { return false };
    if at.is_inside() || !matches!(step.state, StepState::Pending) {
        return true;
    }
    let (run, node) = (change.run, change.run.node(at));
    let end = |edge: &Dependency| &run.step(edge.parent).state;
    let is_good = |edge: &Dependency| match end(edge) {
        StepState::Completed { .. } => edge.taken != Taken::OnFailure,
        StepState::Failed { .. } => {
            let goes_on = matches!(run.node(edge.parent).on_error, OnError::Continue | OnError::Default(_));
            goes_on || edge.taken == Taken::OnFailure
        }
        _ => false,
    };
    let good = node.parents.iter().filter(|edge| is_good(edge)).count();
    let have_all_ended = || node.parents.iter().all(|edge| end(edge).has_ended());
    match &node.kind {
        NodeKind::Join(join) => match join.require {
            Require::All => good > 0 && have_all_ended(),
            Require::Any | Require::FirstSuccess => good > 0,
            Require::Quorum(wanted) => good >= wanted as usize,
            Require::Collect => have_all_ended(),
        },
        _ => node.parents.iter().all(|edge| match edge.kind {
            DependencyKind::Hard => is_good(edge),
            DependencyKind::Soft => end(edge).has_ended(),
            DependencyKind::Optional => true,
        }),
    }
}

/// Nothing begins in a run that is being cancelled but finding out what its writes did and making good what it has done; in one
/// that is killed nothing does.
#[must_use]
pub fn nothing_begins_after_a_cancel(change: &Change<'_>) -> bool {
    let Some(path) = begins(change.event).filter(|_| change.run.cancel_requested) else { return true };
    let is_completed = matches!(change.event, Event::StepCompleted(_));
    let aside = change.run.workflow.locate(path).and_then(|at| at.aside());
    is_completed || (!change.run.killed && matches!(aside, Some(Aside::Verify | Aside::Compensate)))
}

/// Nothing begins in a run that is paused.
#[must_use]
pub fn nothing_begins_while_paused(change: &Change<'_>) -> bool {
    let is_completed = matches!(change.event, Event::StepCompleted(_));
    !change.run.is_held() || is_completed || begins(change.event).is_none()
}

/// Nothing that waits for a time goes on before it, and no question is answered once its time is over.
#[must_use]
pub fn times_are_waited_for(change: &Change<'_>) -> bool {
    let (run, now) = (change.run, change.at);
    let path = match change.event {
        Event::StepStarted(body) => &body.step,
        Event::StepScheduled(body) => &body.step,
        Event::StepCompleted(body) => &body.step,
        Event::ApprovalDecided(body) => {
            let expires_at = run.approvals.get(&body.approval).and_then(|asked| asked.expires_at);
            return match body.decision {
                Decision::Approved | Decision::Rejected => expires_at.is_none_or(|at| at > now),
                Decision::Expired => expires_at.is_some_and(|at| at <= now),
                Decision::Cancelled => true,
            };
        }
        _ => return true,
    };
    step_of(run, path).is_some_and(|(_, step)| match &step.state {
        StepState::Retrying { retry_at, .. } => *retry_at <= now,
        StepState::AwaitingTime { until } => *until <= now,
        _ => true,
    })
}

/// A question has one decision.
#[must_use]
pub fn a_decided_question_stays_decided(change: &Change<'_>) -> bool {
    let Event::ApprovalDecided(body) = change.event else { return true };
    change.run.approvals.get(&body.approval).is_some_and(|asked| asked.decided.is_none())
}

/// No more attempts fail than the policy of the step allows, and nothing is done anew more often than it says; where a failure
/// pauses the run, a person says how often.
#[must_use]
pub fn retries_keep_to_their_policy(change: &Change<'_>) -> bool {
    let Event::StepRetrying(retrying) = change.event else { return true };
    let Some((at, step)) = step_of(change.run, &retrying.step) else { return false };
    let node = change.run.node(at);
    if node.on_error == OnError::Pause {
        return true;
    }
    if retrying.redo {
        return node.success.as_ref().is_some_and(|success| step.redone < success.redo);
    }
    let of_agent = step.agent.as_ref().and_then(|agent| change.agents.get(agent)?.retry.as_ref());
    let policy = node.retry.as_ref().or(of_agent).unwrap_or(&RetryPolicy::NONE);
    step.failed + 1 < policy.max_attempts
}

/// A run that has ended hears of nothing any more; a failed one may be opened again.
#[must_use]
pub fn an_ended_run_hears_of_nothing_but_a_retry(change: &Change<'_>) -> bool {
    let is_retry = matches!(change.event, Event::RunReopened(_) | Event::PlanRevised(_));
    !change.run.status.is_terminal() || (is_retry && change.run.status == RunStatus::Failed)
}

/// No attempt begins beyond the limits of the run, of its `parallel` and of the resources that it holds.
#[must_use]
pub fn limits_are_kept(change: &Change<'_>) -> bool {
    let Event::StepStarted(started) = change.event else { return true };
    let Some(at) = change.run.workflow.locate(&started.step) else { return false };
    Load::of(change.run).is_none_or(|load| load.has_room(change.run, at, change.run.node(at)))
}

/// A run ends when nothing of it is open any more.
#[must_use]
pub fn a_run_ends_when_all_of_it_has(change: &Change<'_>) -> bool {
    let ends = matches!(change.event, Event::RunCompleted(_) | Event::RunFailed(_) | Event::RunCancelled(_));
    !ends || change.run.walk().all(|(_, _, step)| step.state.has_ended())
}

/// No step of a run that has ended is open.
#[must_use]
pub fn an_ended_run_has_no_open_step(run: &Run) -> bool {
    !run.status.is_terminal() || run.walk().all(|(_, _, step)| step.state.has_ended())
}

/// A run that has ended wants nothing of the world, now or later.
#[must_use]
pub fn an_ended_run_wants_nothing(run: &Run) -> bool {
    !run.status.is_terminal() || (outstanding(run).is_empty() && wake(run) == Wake::Done)
}

/// A run that goes on has something that will take it further: the world, the clock, or a person. It does not stop in the middle.
#[must_use]
pub fn a_run_that_goes_on_waits_for_something(run: &Run) -> bool {
    let goes_on = !run.status.is_terminal() && !run.is_held();
    let waits_for_people = || {
        run.walk().any(|(_, _, step)| {
            matches!(step.state, StepState::AwaitingSignal { .. } | StepState::AwaitingReconcile { .. })
        })
    };
    !goes_on || !outstanding(run).is_empty() || waits_for_people()
}

/// Each question that is open is what one step waits for, and a step waits for no question that is decided.
#[must_use]
pub fn an_open_question_is_what_its_step_waits_for(run: &Run) -> bool {
    let open = run.approvals.values().filter(|asked| asked.decided.is_none()).count();
    let awaited = run.walk().filter_map(|(at, _, step)| match &step.state {
        StepState::AwaitingApproval { approval, .. } => Some((at, *approval)),
        _ => None,
    });
    let mut asked = 0;
    for (at, approval) in awaited {
        let question = run.approvals.get(&approval);
        if question.is_none_or(|question| question.decided.is_some() || question.step != run.path(at)) {
            return false;
        }
        asked += 1;
    }
    asked == open
}

/// The attempt under way is the last that was begun and has not ended; no end is of an attempt that was not begun, and of all
/// attempts no more than the policy allows have failed.
#[must_use]
pub fn attempts_are_accounted_for(run: &Run) -> bool {
    run.walk().all(|(_, _, step)| {
        let is_begun = |number: &u32| (1..=step.attempts).contains(number);
        let is_last = |number| number == step.attempts && !step.ends.contains_key(&number);
        under_way(step).is_none_or(is_last)
            && step.ends.keys().filter(|number| **number != 0).all(is_begun)
            && step.discarded.iter().all(is_begun)
            && step.iteration >= 1
    })
}

/// What stands inside of a step that has ended has ended too.
#[must_use]
pub fn what_has_ended_holds_nothing_open(run: &Run) -> bool {
    let is_over = |step: &Step| step.items.iter().all(|item| item.state.has_ended());
    run.walk().all(|(_, _, step)| !step.state.has_ended() || is_over(step))
}

/// The step that begins by this event: it is begun, opened, asked for, or completed in one go.
fn begins(event: &Event) -> Option<&StepPath> {
    match event {
        Event::StepScheduled(body) => Some(&body.step),
        Event::StepStarted(body) => Some(&body.step),
        Event::StepOpened(body) => Some(&body.step),
        Event::EventEmitted(body) => Some(&body.step),
        Event::StepWaiting(body) => match body.reason {
            WaitReason::Reconcile | WaitReason::Verdict => None,
            WaitReason::Approval => body.attempt.is_none().then_some(&body.step),
            WaitReason::Slot | WaitReason::Time | WaitReason::Signal | WaitReason::Child => Some(&body.step),
        },
        Event::StepCompleted(body) => Some(&body.step),
        _ => None,
    }
}

fn step_of<'r>(run: &'r Run, path: &StepPath) -> Option<(StepAt, &'r Step)> {
    run.workflow.locate(path).map(|at| (at, run.step(at)))
}

/// The attempt that is being made.
fn under_way(step: &Step) -> Option<u32> {
    match &step.state {
        StepState::Running { attempt } => Some(attempt.number),
        _ => None,
    }
}
