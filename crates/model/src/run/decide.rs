//! Commands to a run, and what comes of them.

use std::sync::Arc;

use ghostlight_world::Bug;
use serde_json::{Value, json};

use super::advance::Draft;
use super::attempts::{lost, recover, report};
use super::command::{Command, Context, CreateRun, Rejection, SIGNALS_BYTES_MAX, SIGNALS_MAX};
use super::place::StepAt;
use super::state::{Approval, Run, RunStatus, Step, StepState};
use super::{retry, revise};
use crate::event::{
    ApprovalDecided, AtHand, Decision, Event, PauseReason, PlanCreated, PlanRevised, RunCancelRequested,
    RunCreated, RunPaused, RunQuarantined, RunResumed, SignalReceived, StepCancelled, StepCompleted,
    StepFailed, StepReconciled, Usage,
};
use crate::failure::{ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, Name, RunId, StepPath};
use crate::language::schema::{Schema, SchemaViolation};
use crate::payload::Payload;
use crate::priority::Priority;
use crate::workflow::{NodeKind, OnTimeout, Workflow};

/// The first events of a run: it is created, its plan is made, and what needs nobody starts at once.
///
/// # Errors
/// [`Rejection::Invalid`] when the input does not fit the workflow's schema.
pub fn create(
    id: RunId,
    workflow: &Arc<Workflow>,
    create: CreateRun,
    context: Context<'_>,
) -> Result<Vec<Event>, Rejection> {
    if let Some(schema) = &workflow.input {
        schema
            .validate(&create.input)
            .map_err(|violations| Rejection::Invalid { what: "input", violations })?;
    }
    let priority = first_priority(&create, workflow);
    let mut values = workflow.context.clone();
    values.extend(create.context);
    let mut labels = workflow.labels.clone();
    labels.extend(create.labels);
    let mut draft = Draft::new(Run::new(id, workflow.clone()), context);
    draft.emit(RunCreated {
        workflow: workflow.name.clone(),
        version: create.version,
        definition: workflow.hash,
        document: create.document.map(Payload::inline),
        input: Payload::inline(create.input),
        context: (!values.is_empty()).then(|| Payload::inline(Value::Object(values))),
        labels,
        key: create.key,
        parent: create.parent,
        priority,
    });
    draft.emit(PlanCreated { definition: workflow.hash, makespan_ms: create.makespan_ms });
    draft.advance();
    Ok(draft.into_events())
}

/// How urgent a run is when it is created.
#[must_use]
pub fn first_priority(create: &CreateRun, workflow: &Workflow) -> Priority {
    match (create.priority, &create.parent) {
        (Some(handed_on), Some(_)) => handed_on.max(workflow.priority),
        (own, _) => own.unwrap_or(workflow.priority),
    }
}

/// What comes of `command`. An empty list means that it changes nothing, and is right.
///
/// # Errors
/// A [`Rejection`] when the state does not allow it; nothing has happened then.
pub fn decide(run: &Run, command: Command, context: Context<'_>) -> Result<Vec<Event>, Rejection> {
    let mut draft = Draft::new(run.clone(), context);
    match command {
        Command::Report { attempt, outcome, usage } => report(&mut draft, &attempt, outcome, usage)?,
        Command::Lost { attempt, reason, began } => lost(&mut draft, &attempt, &reason, began)?,
        Command::Recover => recover(&mut draft),
        Command::Tick => expire(&mut draft),
        Command::Answer { approval, approve, comment, changes } => {
            answer(&mut draft, approval, approve, comment, changes)?;
        }
        Command::Pause { reason, message } => {
            if would_change(run, Steer::Pause)? {
                draft.emit(RunPaused { reason, message });
            }
        }
        Command::Resume => {
            if would_change(run, Steer::Resume)? {
                draft.emit(RunResumed {});
            }
        }
        Command::Cancel { reason, kill } => {
            if would_change(run, Steer::Cancel { kill })? {
                draft.emit(RunCancelRequested { reason, kill });
            }
        }
        Command::Quarantine { message } => match (run.status, run.pause) {
            (_, Some(PauseReason::Quarantined)) => {}
            (status, _) if status.is_terminal() => return Err(Rejection::RunIs { status }),
            _ => draft.emit(RunQuarantined { message }),
        },
        Command::Reconcile { step, attempt, happened, output } => {
            reconcile(&mut draft, &step, attempt, happened, output)?;
        }
        Command::Retry(retry) => retry::reopen(&mut draft, *retry)?,
        Command::Signal { name, payload } => signal(&mut draft, name, payload)?,
        Command::Adjust { .. } if run.status.is_terminal() => {
            return Err(Rejection::RunIs { status: run.status });
        }
        Command::Adjust { max_parallel, priority } => adjust(&mut draft, max_parallel, priority),
        Command::Inherit { .. } if run.status.is_terminal() => {}
        Command::Inherit { priority } => inherit(&mut draft, priority),
        Command::Revise { next, reason } => revise(&mut draft, next, reason)?,
        Command::ChildEnded { step, child, outcome, usage } => {
            child_ended(&mut draft, &step, child, outcome, usage);
        }
    }
    draft.advance();
    Ok(draft.into_events())
}

/// What a person asks of a run as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steer {
    /// Start nothing new.
    Pause,
    /// Go on.
    Resume,
    /// End.
    Cancel {
        /// Without making good what was done.
        kill: bool,
    },
}

/// Whether a run would change if it was asked so; [`decide`] follows it, and so does who only looks.
///
/// # Errors
/// The [`Rejection`] that asking would meet.
pub fn would_change(run: &Run, steer: Steer) -> Result<bool, Rejection> {
    match (steer, run.status) {
        (Steer::Pause, RunStatus::Running) if !run.cancel_requested => Ok(true),
        (Steer::Resume, RunStatus::Paused) => Ok(true),
        (Steer::Pause, RunStatus::Paused)
        | (Steer::Resume, RunStatus::Running)
        | (Steer::Cancel { .. }, RunStatus::Cancelled) => Ok(false),
        (Steer::Cancel { kill }, status) if !status.is_terminal() => {
            Ok(!run.cancel_requested || (kill && !run.killed))
        }
        (_, status) => Err(Rejection::RunIs { status }),
    }
}

/// Changes limits, as far as they are otherwise now.
fn adjust(draft: &mut Draft<'_>, max_parallel: Option<u32>, priority: Option<Priority>) {
    let max_parallel = max_parallel.filter(|max| draft.run.max_parallel != Some(*max));
    let priority = priority.filter(|priority| draft.run.priority != *priority);
    if max_parallel.is_some() || priority.is_some() {
        draft.emit(PlanRevised { max_parallel, priority, ..PlanRevised::default() });
    }
}

/// The run above says how urgent it is. It may have said so before: after a crash it does not know whether it had, and what
/// somebody said of this run since holds.
fn inherit(draft: &mut Draft<'_>, priority: Priority) {
    let priority = priority.max(draft.run.workflow.priority);
    if draft.run.inherited != Some(priority) {
        draft.emit(PlanRevised { priority: Some(priority), inherited: true, ..PlanRevised::default() });
    }
}

fn signal(draft: &mut Draft<'_>, name: Name, payload: Value) -> Result<(), Rejection> {
    let status = draft.run.status;
    if status.is_terminal() || draft.run.cancel_requested {
        return Err(Rejection::RunIs { status });
    }
    let waits: Vec<_> = draft.run.waits_for_signals().filter(|wait| wait.name == name).collect();
    if waits.is_empty() {
        let mut known: Vec<Name> = draft.run.waits_for_signals().map(|wait| wait.name.clone()).collect();
        known.sort_unstable();
        known.dedup();
        return Err(Rejection::UnknownSignal { name, known });
    }
    // What one of them takes is good.
    let fits = |schema: &Schema| schema.validate(&payload);
    let mut verdicts = waits.iter().map(|wait| wait.schema.as_ref().map_or(Ok(()), fits));
    if let Some(Err(violations)) = verdicts.clone().find(Result::is_err)
        && !verdicts.any(|verdict| verdict.is_ok())
    {
        return Err(Rejection::Invalid { what: "payload", violations });
    }
    let bytes = |payload: &Value| payload.to_string().len();
    let held = draft.run.signals.iter().filter_map(|signal| signal.payload.value());
    let total = held.map(|payload| bytes(payload)).sum::<usize>() + bytes(&payload);
    if draft.run.signals.len() >= SIGNALS_MAX || total > SIGNALS_BYTES_MAX {
        return Err(Rejection::TooManySignals);
    }
    draft.emit(SignalReceived { name, payload: Payload::inline(payload) });
    Ok(())
}

fn revise(draft: &mut Draft<'_>, next: Arc<Workflow>, reason: String) -> Result<(), Rejection> {
    let status = draft.run.status;
    if status.is_terminal() || draft.run.cancel_requested {
        return Err(Rejection::RunIs { status });
    }
    if next.hash == draft.run.workflow.hash {
        return Ok(());
    }
    let stand = |_, step: &Step| revise::Stand::of(step);
    let violations = revise::problems(&draft.run, &next, &revise::MAY_CHANGE, stand);
    if !violations.is_empty() {
        return Err(Rejection::NotEditable { violations });
    }
    draft.emit(PlanRevised {
        definition: Some(next.hash),
        document: Some(Payload::inline(next.document.clone())),
        reason,
        priority: revise::priority(&draft.run, &next),
        plan: AtHand(Some(next)),
        ..PlanRevised::default()
    });
    Ok(())
}

fn child_ended(
    draft: &mut Draft<'_>,
    step: &StepPath,
    run: RunId,
    outcome: Result<Arc<Value>, Failure>,
    usage: Usage,
) {
    let Some(at) = draft.run.find(step) else { return };
    let is_awaited =
        matches!(&draft.run.step(at).state, StepState::AwaitingChild { child } if child.run == run);
    // Said again, or nobody waits for it any more.
    if !is_awaited {
        return;
    }
    let step = step.clone();
    match outcome {
        Ok(output) => draft.emit(StepCompleted {
            step,
            attempt: None,
            output: Payload::Inline(output),
            signal: None,
            usage,
        }),
        Err(failure) if draft.is_unwanted(at) => {
            let (happened, lost_race) = (Some(failure.happened), !draft.run.cancel_requested);
            draft.emit(StepCancelled { step, attempt: None, happened, lost_race, usage });
        }
        Err(failure) => draft.emit(StepFailed { step, attempt: None, failure, usage }),
    }
}

fn expire(draft: &mut Draft<'_>) {
    let now = draft.context.now;
    let over: Vec<ApprovalId> = draft
        .run
        .approvals
        .iter()
        .filter(|(_, approval)| approval.decided.is_none() && approval.expires_at.is_some_and(|at| at <= now))
        .map(|(id, _)| *id)
        .collect();
    for id in over {
        let Some(approval) = draft.run.approvals.get(&id).cloned() else { continue };
        let on_timeout = draft.run.find(&approval.step).map(|at| &draft.run.node(at).kind);
        let approves =
            matches!(on_timeout, Some(NodeKind::Gate(gate)) if gate.on_timeout == OnTimeout::Approve);
        close(draft, id, &approval, Decision::Expired, approves, None, None);
    }
}

fn answer(
    draft: &mut Draft<'_>,
    id: ApprovalId,
    approve: bool,
    comment: Option<String>,
    changes: Option<Value>,
) -> Result<(), Rejection> {
    let approval = draft.run.approvals.get(&id).cloned().ok_or(Rejection::UnknownApproval(id))?;
    if approval.decided.is_some() && !Bug::DoubleApproval.is_planted() {
        return Err(Rejection::AlreadyDecided { approval: Box::new((*approval).clone()) });
    }
    if let Some(over) = approval.expires_at.filter(|at| *at <= draft.context.now) {
        let mut expired = (*approval).clone();
        expired.decided = Some((Decision::Expired, over, None));
        return Err(Rejection::AlreadyDecided { approval: Box::new(expired) });
    }
    let violations = match &changes {
        Some(changes) => permitted(draft, &approval, changes),
        None if approve => needs_none(draft, &approval),
        None => Ok(()),
    };
    violations.map_err(|violations| Rejection::Invalid { what: "changes", violations })?;
    let decision = if approve { Decision::Approved } else { Decision::Rejected };
    close(draft, id, &approval, decision, approve, comment, changes);
    Ok(())
}

fn permitted(draft: &Draft<'_>, approval: &Approval, changes: &Value) -> Result<(), Vec<SchemaViolation>> {
    let node = draft.run.find(&approval.step).map(|index| draft.run.node(index));
    let nothing =
        |message: &str| Err(vec![SchemaViolation { path: String::new(), message: message.to_owned() }]);
    match node.map(|node| &node.kind) {
        Some(NodeKind::Gate(gate)) => match &gate.form {
            Some(form) => form.validate(changes),
            None => nothing("the gate has no form, so nothing may be changed"),
        },
        _ => nothing("what came out can be accepted or not, and not be changed"),
    }
}

/// Whether a yes may come without changes: a form that requires something says what the run is to go on with.
fn needs_none(draft: &Draft<'_>, approval: &Approval) -> Result<(), Vec<SchemaViolation>> {
    let node = draft.run.find(&approval.step).map(|index| draft.run.node(index));
    match node.map(|node| &node.kind) {
        Some(NodeKind::Gate(gate)) => gate.form.as_ref().map_or(Ok(()), |form| form.validate(&json!({}))),
        _ => Ok(()),
    }
}

/// Records the end of a question and what it means for the gate.
fn close(
    draft: &mut Draft<'_>,
    id: ApprovalId,
    approval: &Approval,
    decision: Decision,
    passes: bool,
    comment: Option<String>,
    changes: Option<Value>,
) {
    let step = approval.step.clone();
    draft.emit(ApprovalDecided {
        approval: id,
        step: step.clone(),
        decision,
        comment: comment.clone().map(|text| Payload::inline(Value::String(text))),
        changes: changes.clone().map(Payload::inline),
        shown: approval.shown.clone(),
    });
    let at = draft.run.find(&step);
    let state = at.map(|at| &draft.run.step(at).state);
    if let (Some(at), Some(StepState::AwaitingApproval { about: Some(made), .. })) = (at, state) {
        let made = (**made).clone();
        return draft.accept(at, made, passes, comment.as_deref());
    }
    if passes {
        let output = json!({
            "decision": "approved",
            "comment": comment,
            "changes": changes,
            "by": draft.context.by,
            "at": draft.context.now.to_string(),
        });
        draft.emit(StepCompleted {
            step,
            attempt: None,
            output: Payload::inline(output),
            signal: None,
            usage: Usage::default(),
        });
    } else {
        let (code, message) = match decision {
            Decision::Expired => ("approval_expired", "nobody answered in time".to_owned()),
            _ => ("approval_rejected", comment.unwrap_or_else(|| "a person said no".to_owned())),
        };
        let failure = Failure::new(ErrorClass::Rejected, code, message, Happened::No);
        draft.emit(StepFailed { step, attempt: None, failure, usage: Usage::default() });
    }
}

fn reconcile(
    draft: &mut Draft<'_>,
    step: &StepPath,
    said: Option<u32>,
    happened: bool,
    output: Option<Value>,
) -> Result<(), Rejection> {
    let index = draft.find(step)?;
    let StepState::AwaitingReconcile { attempt, .. } = draft.run.step(index).state else {
        let (status, _) = draft.run.step(index).state.status();
        return Err(Rejection::StepIs { step: step.clone(), status });
    };
    if let Some(said) = said.filter(|said| *said != attempt) {
        return Err(Rejection::OtherAttempt { step: step.clone(), said, waits: attempt });
    }
    let output = match happened {
        true => fits_schema(draft, index, output.unwrap_or(Value::Null))?,
        // What did not happen has none, whatever stands beside.
        false => Value::Null,
    };
    let says = if happened { Happened::Yes } else { Happened::No };
    draft.emit(StepReconciled { step: step.clone(), attempt, happened: says });
    if happened {
        let output = Payload::inline(output);
        draft.emit(StepCompleted {
            step: step.clone(),
            attempt: Some(attempt),
            output,
            signal: None,
            usage: Usage::default(),
        });
    }
    Ok(())
}

/// What a person says came out has to be what the agent's definition promises, like what the agent says.
fn fits_schema(draft: &Draft<'_>, at: StepAt, output: Value) -> Result<Value, Rejection> {
    let agent = draft.run.step(at).agent.as_ref().and_then(|agent| draft.context.agents.get(agent));
    match agent.and_then(|agent| agent.output_schema.as_ref()).map(|schema| schema.validate(&output)) {
        Some(Err(violations)) => Err(Rejection::Invalid { what: "output", violations }),
        Some(Ok(())) | None => Ok(output),
    }
}
