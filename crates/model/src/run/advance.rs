//! What follows by itself: which steps are ready, which are skipped, what starts, and when the run has ended.

use std::time::Duration;

use ghostlight_world::Bug;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::asides::{is_busy_beside, not_compensated};
use super::command::{Context, Rejection};
use super::evolve::evolve;
use super::invariants::{Change, OF_EACH_EVENT, broken_by};
use super::judge::{Verdict, judge, taken_failures};
use super::load::Load;
use super::place::StepAt;
use super::race::{is_loser, losers};
use super::scope::RunScope;
use super::state::{Run, StepState};
use crate::event::{
    ApprovalDecided, Decision, Event, RunCancelled, RunCompleted, RunFailed, RunResult, SkipCause,
    StepCancelled, StepCompleted, StepFailed, StepSkipped, Usage,
};
use crate::failure::{ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, NodeId, StepPath};
use crate::payload::{INLINE_BYTES_MAX, Payload};
use crate::workflow::{Aside, Node, NodeIndex, NodeKind, OnError, OnParentCancel, Require, Wait};

/// Attempts and runs that one decision starts at most, so that its events fit into one append whatever their inputs are. Whoever
/// carries the run decides again right after.
pub const STARTS_AT_ONCE: usize = 64;
/// Questions that one decision asks at most.
pub const QUESTIONS_AT_ONCE: usize = 128;
/// After so many events a decision begins nothing more.
const EVENTS_AT_ONCE: usize = 1_000;
/// And after values of so many bytes: an append holds twice as much.
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

/// Whether a decision stopped at one of its bounds, and the next one goes on where it stopped.
#[must_use]
pub fn is_portion(events: &[Event]) -> bool {
    let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
    let starts = count(|event| match event {
        Event::StepStarted(_) => true,
        Event::StepWaiting(waiting) => waiting.child.is_some(),
        _ => false,
    });
    starts >= STARTS_AT_ONCE
        || count(|event| matches!(event, Event::ApprovalRequested(_))) >= QUESTIONS_AT_ONCE
        || events.len() >= EVENTS_AT_ONCE
        || events.iter().map(recorded_bytes).sum::<usize>() >= BYTES_AT_ONCE
}

/// What the values of an event take in its record. Large ones stand beside it.
fn recorded_bytes(event: &Event) -> usize {
    let bytes = |payload: &Payload| usize::try_from(payload.bytes()).unwrap_or(usize::MAX);
    event.payloads().map(|payload| bytes(payload).min(INLINE_BYTES_MAX)).sum()
}

/// A decision in the making: a copy of the run that looks ahead, and the events so far.
pub(super) struct Draft<'a> {
    pub(super) run: Run,
    pub(super) context: Context<'a>,
    events: Vec<Event>,
    /// What their values take.
    bytes: usize,
    pub(super) started: usize,
    pub(super) asked: usize,
    /// What goes on at the same time, if the run has a limit for that.
    pub(super) load: Option<Load>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(run: Run, context: Context<'a>) -> Self {
        Self { run, context, events: Vec::new(), bytes: 0, started: 0, asked: 0, load: None }
    }

    pub(super) fn emit(&mut self, event: impl Into<Event>) {
        let event = event.into();
        self.bytes += recorded_bytes(&event);
        debug_assert_eq!(self.broken_by(&event), None, "{event:?}");
        evolve(&mut self.run, &event, self.context.now, self.context.by);
        self.events.push(event);
    }

    /// The invariant that an event breaks. A bug that was planted is left to those who look for it from outside.
    fn broken_by(&self, event: &Event) -> Option<&'static str> {
        let Context { now: at, agents, .. } = self.context;
        let change = Change { run: &self.run, event, at, agents };
        if Bug::planted().is_some() { None } else { broken_by(OF_EACH_EVENT, &change) }
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// Whether the rest is left to the next decision.
    pub(super) fn is_full(&self) -> bool {
        self.is_long() || self.started >= STARTS_AT_ONCE
    }

    /// Whether nothing more is recorded.
    pub(super) fn is_long(&self) -> bool {
        self.events.len() >= EVENTS_AT_ONCE || self.bytes >= BYTES_AT_ONCE
    }

    pub(super) fn find(&self, step: &StepPath) -> Result<StepAt, Rejection> {
        self.run.find(step).ok_or_else(|| Rejection::UnknownStep(step.clone()))
    }

    /// The time after `wait`; the end of time when that is beyond it.
    pub(super) fn after(&self, wait: Duration) -> Timestamp {
        jiff::SignedDuration::try_from(wait)
            .ok()
            .and_then(|wait| self.context.now.checked_add(wait).ok())
            .unwrap_or(Timestamp::MAX)
    }

    /// Does everything that follows without asking anyone. One pass is enough: parents stand before their children.
    pub(super) fn advance(&mut self) {
        if self.run.status.is_terminal() {
            return;
        }
        let workflow = self.run.workflow.clone();
        let nodes = || (0..).map(NodeIndex).zip(&workflow.nodes);
        if self.run.cancel_requested {
            // What is found out and made good keeps within the limits of the run too.
            self.load = Load::of(&self.run);
            let mut over = true;
            for (index, node) in nodes() {
                over &= self.wind_down(index.into(), node, false);
            }
            // What waits beside a call that has ended does not wait for the others to end.
            self.tidy_beside();
            over = over && self.compensate();
            if over {
                let not_compensated = not_compensated(&self.run);
                self.emit(RunCancelled { not_compensated });
            }
            return;
        }
        if self.run.is_held() {
            return;
        }
        self.tidy_beside();
        self.load = Load::of(&self.run);
        // A race that is won stops those who lost it before anything else of them begins.
        for (index, node) in nodes() {
            if let NodeKind::Join(join) = &node.kind
                && join.require == Require::FirstSuccess
            {
                self.step_on(index.into(), node);
            }
        }
        let lost = losers(&self.run);
        for (index, node) in nodes() {
            // The next decision goes on from here; one that has paused the run has come to its end.
            if self.is_long() || self.run.is_held() {
                return;
            }
            if !is_loser(&lost, index) {
                self.step_on(index.into(), node);
            }
        }
        let lost = losers(&self.run);
        for (index, node) in nodes().filter(|(index, _)| is_loser(&lost, *index)) {
            self.wind_down(index.into(), node, true);
        }
        if self.run.steps.iter().all(|step| step.state.has_ended()) && !is_busy_beside(&self.run) {
            self.conclude();
        }
    }

    /// Does what a step does next, if its time has come.
    pub(super) fn step_on(&mut self, at: StepAt, node: &Node) {
        // A failure in this very decision may have paused the run.
        if self.run.is_held() {
            return;
        }
        let now = self.context.now;
        match &self.run.step(at).state {
            // What stands inside begins with its item or pass.
            StepState::Pending if at.is_inside() => self.begin(at, node),
            StepState::Pending => match judge(&self.run, node) {
                Verdict::Wait => {}
                Verdict::Go => self.begin(at, node),
                Verdict::Skip(cause) => self.skip(at, cause),
                Verdict::Cancel => self.cancel(at, false),
            },
            StepState::Scheduled | StepState::Ready => {
                self.start(at, node);
            }
            StepState::Retrying { retry_at, .. } if *retry_at <= now => {
                self.start(at, node);
            }
            StepState::Open => self.go_inside(at, node),
            StepState::AwaitingTime { until } if *until <= now => {
                let output = json!({ "at": until.to_string() });
                self.complete(at, output);
            }
            StepState::AwaitingSignal { until } => {
                let until = *until;
                if let NodeKind::Wait(Wait::Signal(signal)) = &node.kind {
                    self.listen(at, signal, until);
                }
            }
            StepState::AwaitingVerdict { .. } => self.judge_output(at, node),
            StepState::AwaitingReconcile { .. } => self.verify_write(at, node),
            StepState::Retrying { .. }
            | StepState::Running { .. }
            | StepState::AwaitingTime { .. }
            | StepState::AwaitingChild { .. }
            | StepState::AwaitingApproval { .. }
            | StepState::Completed { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Cancelled => {}
        }
    }

    /// Whatever is not under way ends now, whatever is gets its time to stop. True when the step has ended.
    pub(super) fn wind_down(&mut self, at: StepAt, node: &Node, lost_race: bool) -> bool {
        if self.is_long() && !self.run.step(at).state.has_ended() {
            return false;
        }
        match &self.run.step(at).state {
            StepState::Completed { .. }
            | StepState::Failed { .. }
            | StepState::Skipped { .. }
            | StepState::Cancelled => return self.is_alone(at),
            StepState::Running { .. } => return false,
            StepState::AwaitingChild { .. } => {
                if let NodeKind::Workflow(child) = &node.kind
                    && child.on_parent_cancel == OnParentCancel::Cancel
                {
                    return false;
                }
            }
            // It ends with what it stands in.
            StepState::Pending if at.is_inside() => return true,
            StepState::AwaitingApproval { approval, .. } => {
                let approval = *approval;
                self.withdraw(approval, at);
            }
            StepState::Open => {
                let items = self.run.step(at).items.len();
                let mut over = true;
                if let Some(body) = node.kind.body() {
                    for item in (0..).take(items) {
                        over &= self.wind_down(at.inside(item), body, lost_race);
                    }
                }
                if !over {
                    return false;
                }
            }
            StepState::Pending
            | StepState::Scheduled
            | StepState::Ready
            | StepState::AwaitingTime { .. }
            | StepState::AwaitingSignal { .. }
            | StepState::AwaitingVerdict { .. }
            | StepState::AwaitingReconcile { .. }
            | StepState::Retrying { .. } => {}
        }
        if !self.verify_cancelled(at, node) || !self.is_alone(at) {
            return false;
        }
        if !self.run.step(at).state.has_ended() {
            self.cancel(at, lost_race);
        }
        true
    }

    /// Whether nothing that stands beside this step is under way. What is made good comes later, when everything has ended.
    fn is_alone(&self, at: StepAt) -> bool {
        let beside = self.run.step(at).beside.iter();
        let mut asked = beside.filter(|(aside, _)| **aside != Aside::Compensate);
        asked.all(|(_, step)| !matches!(step.state, StepState::Running { .. }))
    }

    fn withdraw(&mut self, approval: ApprovalId, at: StepAt) {
        let shown = self.run.approvals.get(&approval).map(|open| open.shown.clone()).unwrap_or_default();
        let step = self.run.path(at);
        self.emit(ApprovalDecided {
            approval,
            step,
            decision: Decision::Cancelled,
            comment: None,
            changes: None,
            shown,
        });
    }

    pub(super) fn cancel(&mut self, at: StepAt, lost_race: bool) {
        let step = self.run.path(at);
        let (attempt, happened) = match &self.run.step(at).state {
            StepState::AwaitingReconcile { attempt, .. } => (Some(*attempt), Some(Happened::Unknown)),
            StepState::AwaitingVerdict { made } | StepState::AwaitingApproval { about: Some(made), .. } => {
                (Some(made.attempt), Some(Happened::Yes))
            }
            _ => (None, None),
        };
        self.emit(StepCancelled { step, attempt, happened, lost_race, usage: Usage::default() });
    }

    pub(super) fn skip(&mut self, at: StepAt, cause: SkipCause) {
        let step = self.run.path(at);
        self.emit(StepSkipped { step, why: cause });
    }

    pub(super) fn fail(&mut self, at: StepAt, failure: Failure) {
        let step = self.run.path(at);
        self.emit(StepFailed { step, attempt: None, failure, usage: Usage::default() });
    }

    pub(super) fn complete(&mut self, at: StepAt, output: Value) {
        self.complete_with(at, Payload::inline(output));
    }

    pub(super) fn complete_with(&mut self, at: StepAt, output: Payload) {
        let step = self.run.path(at);
        self.emit(StepCompleted { step, attempt: None, output, signal: None, usage: Usage::default() });
    }

    /// Every step has ended, and so has the run.
    fn conclude(&mut self) {
        let taken = taken_failures(&self.run);
        let fatal = self.run.iter().find_map(|(index, _, step)| match &step.state {
            StepState::Failed { failure } if !taken[index.at()] => {
                match self.run.workflow.node(index).on_error {
                    OnError::Fail | OnError::Pause => Some((self.run.path(index), failure.clone())),
                    OnError::Continue | OnError::Default(_) | OnError::Goto(_) => None,
                }
            }
            _ => None,
        });
        if let Some((step, failure)) = fatal {
            return self.emit(RunFailed { step: Some(step), failure });
        }
        let missing = self.run.left_undone();
        match self.output() {
            Ok(output) => {
                let result = if missing.is_empty() { RunResult::Complete } else { RunResult::Partial };
                self.emit(RunCompleted { output: Payload::inline(output), result, missing });
            }
            Err(failure) => self.emit(RunFailed { step: None, failure }),
        }
    }

    fn output(&self) -> Result<Value, Failure> {
        let scope = RunScope::of(&self.run);
        if let Some(output) = &self.run.workflow.output {
            return output.resolve(&scope).map_err(|error| {
                let message = format!("the run's output cannot be made: {error}");
                Failure::new(ErrorClass::Data, "output_failed", message, Happened::No)
            });
        }
        let ends = self.run.iter().filter(|(index, _, _)| self.run.workflow.node(*index).children.is_empty());
        let outputs: Vec<(&NodeId, &Value)> =
            ends.filter_map(|(index, id, _)| Some((id, scope.output_of(index.into())?))).collect();
        self.fits_together(outputs.iter().map(|(_, output)| *output))?;
        let outputs = outputs.into_iter().map(|(id, output)| (id.to_string(), output.clone()));
        Ok(Value::Object(outputs.collect::<Map<_, _>>()))
    }
}
