//! Commands to a run, and what comes of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::advance::Draft;
use super::directory::AgentDirectory;
use super::evolve::interrupted;
use super::place::StepAt;
use super::race::{is_loser, losers};
use super::revise;
use super::state::{Approval, AttemptEnd, Run, RunStatus, StepState, StepStatus};
use crate::event::{
    ApprovalDecided, Decision, Event, ParentStep, PauseReason, PlanCreated, PlanRevised, RunCancelRequested,
    RunCreated, RunPaused, RunQuarantined, RunReopened, RunResumed, SignalReceived, StepCancelled,
    StepCompleted, StepFailed, StepInterrupted, StepReconciled, StepResultDiscarded, StepRetrying,
    StepWaiting, Usage, WaitReason,
};
use crate::failure::{EffectClass, ErrorClass, Failure, Happened};
use crate::ids::{ApprovalId, AttemptId, Ids, Name, RunId, StepPath};
use crate::language::schema::{Schema, SchemaViolation};
use crate::payload::Payload;
use crate::retry::{Backoff, RetryPolicy};
use crate::workflow::{NodeKind, OnError, OnTimeout, Workflow};

/// An attempt that is cut off again and again, whatever its class, is given up after this many losses.
pub const LOSSES_MAX: usize = 100;
/// How long a step waits whose attempts are lost one after another although the process goes on.
const LOSSES: RetryPolicy =
    RetryPolicy { max_attempts: u32::MAX, backoff: Backoff::Exponential, ..RetryPolicy::NONE };
/// Why an attempt of an earlier life of the process was lost.
const PROCESS_ENDED: &str = "process_ended";

/// What a decision may know of the world.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// The store's epoch.
    pub epoch: u64,
    /// Who can be called.
    pub agents: &'a AgentDirectory,
    /// How many attempts may start.
    pub slots: Slots,
    /// Fresh ids.
    pub ids: Ids,
    /// A random number, for the jitter of waits.
    pub jitter: u32,
    /// Who gave the command; absent when the runtime acts by itself.
    pub by: Option<&'a str>,
}

/// How many attempts a decision may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// As many as it likes: the caller looks at how many it took and asks again when that is too many.
    Unlimited,
    /// So many in all, and so many of the agents that have a limit of their own.
    Granted {
        /// In all.
        total: u32,
        /// Of these agents; an agent that is not named has no limit of its own.
        of_agent: BTreeMap<Name, u32>,
    },
}

impl Slots {
    /// Takes a slot for a call of `agent`; false when there is none.
    pub(super) fn take(&mut self, agent: &Name) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Granted { total, of_agent } => {
                let free = *total > 0 && of_agent.get(agent).is_none_or(|own| *own > 0);
                if free {
                    *total -= 1;
                    if let Some(own) = of_agent.get_mut(agent) {
                        *own -= 1;
                    }
                }
                free
            }
        }
    }
}

/// Everything a run is given at its start.
#[derive(Debug, Clone)]
pub struct CreateRun {
    /// Version of the workflow; 0 for a definition that comes with the run.
    pub version: u64,
    /// The definition, when it comes with the run.
    pub document: Option<Value>,
    /// The run's input.
    pub input: Value,
    /// The step of another run that starts it.
    pub parent: Option<ParentStep>,
    /// Merged over the workflow's default context.
    pub context: serde_json::Map<String, Value>,
    /// Added to the workflow's labels.
    pub labels: BTreeMap<String, String>,
    /// The idempotency key it was started with.
    pub key: Option<String>,
    /// The longest expected way through the plan, in milliseconds.
    pub makespan_ms: u64,
}

/// What somebody wants of a run.
#[derive(Debug, Clone)]
pub enum Command {
    /// An attempt reports its end.
    Report {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: Result<Arc<Value>, Failure>,
        /// What it used.
        usage: Usage,
    },
    /// An attempt ended without a report: its actor is gone.
    Lost {
        /// Which attempt.
        attempt: AttemptId,
        /// How its actor ended.
        reason: String,
        /// Whether the agent may have been called.
        began: bool,
    },
    /// The store was opened anew: attempts of older epochs did not survive.
    Recover,
    /// Look at the clock: expire what is over, start what is due.
    Tick,
    /// A person answers.
    Answer {
        /// Which question.
        approval: ApprovalId,
        /// Yes or no.
        approve: bool,
        /// What the person says.
        comment: Option<String>,
        /// What the person changes.
        changes: Option<Value>,
    },
    /// Start nothing new.
    Pause {
        /// Why.
        reason: PauseReason,
        /// More about it.
        message: String,
    },
    /// Go on.
    Resume,
    /// End the run.
    Cancel {
        /// Why.
        reason: String,
    },
    /// Set it aside, because its actors keep crashing.
    Quarantine {
        /// What kept happening.
        message: String,
    },
    /// A person says whether an interrupted write happened.
    Reconcile {
        /// Which step.
        step: StepPath,
        /// Whether it happened.
        happened: bool,
        /// Its output, when it did.
        output: Option<Value>,
    },
    /// Open a failed run again, from the steps that failed.
    Retry,
    /// Somebody sends a signal.
    Signal {
        /// Its name.
        name: Name,
        /// What it says.
        payload: Value,
    },
    /// So many attempts are made at the same time from now on.
    Adjust {
        /// How many, from 1.
        max_parallel: u32,
    },
    /// Go on with another definition, as far as nothing of it has begun.
    Revise {
        /// The definition, as JSON.
        document: Value,
        /// Why, for people.
        reason: String,
    },
    /// A run that a step started has ended, or could not be started.
    ChildEnded {
        /// Which step.
        step: StepPath,
        /// Which run.
        child: RunId,
        /// Its output, or why there is none.
        outcome: Result<Arc<Value>, Failure>,
        /// What it used.
        usage: Usage,
    },
}

/// Signals that wait to be taken, in one run.
pub const SIGNALS_MAX: usize = 1_000;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// Not in this state of the run.
    #[error("the run is {}", status.as_str())]
    RunIs {
        /// Its state.
        status: RunStatus,
    },
    /// Not in this state of the step.
    #[error("step `{step}` is {}", status.as_str())]
    StepIs {
        /// Which step.
        step: StepPath,
        /// Its state.
        status: StepStatus,
    },
    /// The question was answered before.
    #[error("the approval was decided before")]
    AlreadyDecided {
        /// The first decision, and all about it.
        approval: Box<Approval>,
    },
    /// There is no such step.
    #[error("there is no step `{0}` in this run")]
    UnknownStep(StepPath),
    /// No step of the workflow waits for such a signal.
    #[error("no step of this workflow waits for the signal `{name}`")]
    UnknownSignal {
        /// The name that was given.
        name: Name,
        /// The signals for which steps wait.
        known: Vec<Name>,
    },
    /// The plan cannot be changed like that.
    #[error("the plan of a live run cannot be changed like that")]
    NotEditable {
        /// What of it has begun, or holds for the whole run.
        violations: Vec<SchemaViolation>,
    },
    /// More signals than [`SIGNALS_MAX`] wait to be taken.
    #[error("{SIGNALS_MAX} signals wait to be taken already")]
    TooManySignals,
    /// There is no such attempt.
    #[error("there is no attempt `{0}` in this run")]
    UnknownAttempt(AttemptId),
    /// There is no such approval.
    #[error("there is no approval `{0}` in this run")]
    UnknownApproval(ApprovalId),
    /// A value that does not fit its schema.
    #[error("{what} does not fit its schema")]
    Invalid {
        /// `input`, `changes` or `output`.
        what: &'static str,
        /// Where and why.
        violations: Vec<SchemaViolation>,
    },
}

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
    });
    draft.emit(PlanCreated { definition: workflow.hash, makespan_ms: create.makespan_ms });
    draft.advance();
    Ok(draft.into_events())
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
        Command::Pause { reason, message } => match run.status {
            RunStatus::Running if !run.cancel_requested => draft.emit(RunPaused { reason, message }),
            RunStatus::Paused => {}
            status => return Err(Rejection::RunIs { status }),
        },
        Command::Resume => match run.status {
            RunStatus::Paused => draft.emit(RunResumed {}),
            RunStatus::Running => {}
            status => return Err(Rejection::RunIs { status }),
        },
        Command::Cancel { reason } => match run.status {
            RunStatus::Cancelled => {}
            status if status.is_terminal() => return Err(Rejection::RunIs { status }),
            _ if run.cancel_requested => {}
            _ => draft.emit(RunCancelRequested { reason }),
        },
        Command::Quarantine { message } => match (run.status, run.pause) {
            (_, Some(PauseReason::Quarantined)) => {}
            (status, _) if status.is_terminal() => return Err(Rejection::RunIs { status }),
            _ => draft.emit(RunQuarantined { message }),
        },
        Command::Reconcile { step, happened, output } => reconcile(&mut draft, &step, happened, output)?,
        Command::Retry => reopen(&mut draft)?,
        Command::Signal { name, payload } => signal(&mut draft, name, payload)?,
        Command::Adjust { max_parallel } => match run.status {
            status if status.is_terminal() => return Err(Rejection::RunIs { status }),
            _ if run.max_parallel == Some(max_parallel) => {}
            _ => draft.emit(PlanRevised { max_parallel: Some(max_parallel), ..PlanRevised::default() }),
        },
        Command::Revise { document, reason } => revise(&mut draft, document, reason)?,
        Command::ChildEnded { step, child, outcome, usage } => {
            child_ended(&mut draft, &step, child, outcome, usage);
        }
    }
    draft.advance();
    Ok(draft.into_events())
}

fn report(
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
        Ok(output) => draft.emit(StepCompleted { step, attempt, output: Payload::Inline(output), usage }),
        Err(failure) if is_unwanted(draft, index) => {
            let (happened, lost_race) = (Some(failure.happened), !draft.run.cancel_requested);
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
                ..StepWaiting::new(step, WaitReason::Reconcile)
            }),
            Happened::Yes | Happened::No => {
                draft.emit(StepFailed { step, attempt: Some(id.number), failure, usage });
            }
        }
        return;
    }
    let of_agent = draft.context.agents.get(&running.agent).and_then(|entry| entry.retry.as_ref());
    let policy = run.node(index).retry.as_ref().or(of_agent).unwrap_or(&RetryPolicy::NONE);
    let asked = failure.retry_after_ms.map(std::time::Duration::from_millis);
    let wait = policy.wait(run.step(index).failed + 1, asked, draft.context.jitter);
    match wait.filter(|_| failure.class.retryable()) {
        Some(wait) => {
            let retry_at = draft.after(wait);
            draft.emit(StepRetrying { step, attempt: id.number, failure, retry_at, usage });
        }
        None if run.node(index).on_error == OnError::Pause => {
            let message = format!("step `{step}` failed: {}", failure.message);
            let retry_at = draft.context.now;
            draft.emit(StepRetrying { step, attempt: id.number, failure, retry_at, usage });
            if draft.run.status == RunStatus::Running {
                draft.emit(RunPaused { reason: PauseReason::Operator, message });
            }
        }
        None => draft.emit(StepFailed { step, attempt: Some(id.number), failure, usage }),
    }
}

/// Whether nobody waits for the step any more: the run is being cancelled, or another branch has won.
fn is_unwanted(draft: &Draft<'_>, at: StepAt) -> bool {
    draft.run.cancel_requested || is_loser(&losers(&draft.run), at.node)
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
    if draft.run.signals.len() >= SIGNALS_MAX {
        return Err(Rejection::TooManySignals);
    }
    draft.emit(SignalReceived { name, payload: Payload::inline(payload) });
    Ok(())
}

fn revise(draft: &mut Draft<'_>, document: Value, reason: String) -> Result<(), Rejection> {
    let status = draft.run.status;
    if status.is_terminal() || draft.run.cancel_requested {
        return Err(Rejection::RunIs { status });
    }
    let Some(next) = revise::compile(&document) else {
        let message = "the definition does not compile".to_owned();
        return Err(Rejection::NotEditable {
            violations: vec![SchemaViolation { path: String::new(), message }],
        });
    };
    if next.hash == draft.run.workflow.hash {
        return Ok(());
    }
    let violations = revise::problems(&draft.run, &next);
    if !violations.is_empty() {
        return Err(Rejection::NotEditable { violations });
    }
    let definition = Some(next.hash);
    draft.emit(PlanRevised {
        definition,
        document: Some(Payload::inline(document)),
        reason,
        max_parallel: None,
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
        Ok(output) => {
            draft.emit(StepCompleted { step, attempt: None, output: Payload::Inline(output), usage })
        }
        Err(failure) if is_unwanted(draft, at) => {
            let (happened, lost_race) = (Some(failure.happened), !draft.run.cancel_requested);
            draft.emit(StepCancelled { step, attempt: None, happened, lost_race, usage });
        }
        Err(failure) => draft.emit(StepFailed { step, attempt: None, failure, usage }),
    }
}

fn lost(draft: &mut Draft<'_>, id: &AttemptId, reason: &str, began: bool) -> Result<(), Rejection> {
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
    } else if began && effect == EffectClass::Write && !is_unwanted(draft, index) {
        draft.emit(StepWaiting {
            attempt: Some(id.number),
            failure: Some(interrupted()),
            ..StepWaiting::new(id.step.clone(), WaitReason::Reconcile)
        });
    }
    Ok(())
}

fn recover(draft: &mut Draft<'_>) {
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
    if approval.decided.is_some() {
        return Err(Rejection::AlreadyDecided { approval: Box::new((*approval).clone()) });
    }
    if let Some(over) = approval.expires_at.filter(|at| *at <= draft.context.now) {
        let mut expired = (*approval).clone();
        expired.decided = Some((Decision::Expired, over, None));
        return Err(Rejection::AlreadyDecided { approval: Box::new(expired) });
    }
    if let Some(changes) = &changes {
        permitted(draft, &approval, changes)
            .map_err(|violations| Rejection::Invalid { what: "changes", violations })?;
    }
    let decision = if approve { Decision::Approved } else { Decision::Rejected };
    close(draft, id, &approval, decision, approve, comment, changes);
    Ok(())
}

fn permitted(draft: &Draft<'_>, approval: &Approval, changes: &Value) -> Result<(), Vec<SchemaViolation>> {
    let node = draft.run.find(&approval.step).map(|index| draft.run.node(index));
    match node.map(|node| &node.kind) {
        Some(NodeKind::Gate(gate)) => match &gate.form {
            Some(form) => form.validate(changes),
            None => Err(vec![SchemaViolation {
                path: String::new(),
                message: "the gate has no form, so nothing may be changed".to_owned(),
            }]),
        },
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
    happened: bool,
    output: Option<Value>,
) -> Result<(), Rejection> {
    let index = draft.find(step)?;
    let StepState::AwaitingReconcile { attempt, .. } = draft.run.step(index).state else {
        let (status, _) = draft.run.step(index).state.status();
        return Err(Rejection::StepIs { step: step.clone(), status });
    };
    let says = if happened { Happened::Yes } else { Happened::No };
    draft.emit(StepReconciled { step: step.clone(), attempt, happened: says });
    if happened {
        let output = Payload::inline(output.unwrap_or(Value::Null));
        draft.emit(StepCompleted {
            step: step.clone(),
            attempt: Some(attempt),
            output,
            usage: Usage::default(),
        });
    }
    Ok(())
}

fn reopen(draft: &mut Draft<'_>) -> Result<(), Rejection> {
    if draft.run.status != RunStatus::Failed {
        return Err(Rejection::RunIs { status: draft.run.status });
    }
    let again = draft.run.left_undone();
    draft.emit(RunReopened { steps: again });
    Ok(())
}
