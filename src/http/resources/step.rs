//! A step of a run.

use ghostlight_actors::runs::RunRead;
use ghostlight_model::event::{SkipCause, WaitReason};
use ghostlight_model::ids::AttemptId;
use ghostlight_model::run::{StepAt, StepState, StepStatus, idempotency_key};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::attempt::AttemptBody;
use super::{FailureBody, UsageBody, ms_between, value_of};

/// Why a running step deserves a look.
const STUCK: &str = "stuck";

/// All steps of a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Steps)]
pub struct StepsBody {
    /// The steps, parents before children.
    pub items: Vec<StepBody>,
    /// Always null.
    pub next_cursor: Option<String>,
    /// Global sequence of the run's last event: a feed that is opened after it misses nothing.
    pub sequence: String,
}

/// A step, as lists show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Step)]
pub struct StepBody {
    /// Its place in the run.
    pub path: String,
    /// The type of its node: `agent_call`, `human_gate` ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// For people.
    pub description: String,
    /// Length of the longest path to it; steps of one level may run at the same time.
    pub level: u32,
    /// The steps it waits for.
    pub needs: Vec<String>,
    /// `pending`, `ready`, `running`, `waiting`, `retrying`, `completed`, `failed`, `skipped`, `cancelled`.
    pub status: &'static str,
    /// What it waits for: `approval`, `slot`, `reconcile`, `time`, `signal`, `child`. `stuck` while it is running and has shown no sign of life for
    /// half of the silence that will end its attempt: its agent's heartbeat, else its timeout.
    pub reason: Option<&'static str>,
    /// Who was called last.
    pub agent: Option<String>,
    /// From 1; a retry by a person raises it.
    pub iteration: u32,
    /// How many attempts have begun.
    pub attempts: u32,
    /// When its first attempt began, or it began to wait.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// From its start to its end; null while it has not ended.
    pub duration_ms: Option<u64>,
    /// When the next attempt starts.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub retry_at: Option<Timestamp>,
    /// When its attempt last showed a sign of life, or began; null when none is being made.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_sign_at: Option<Timestamp>,
    /// The question that is asked.
    pub approval: Option<String>,
    /// Until when it waits, when there is an end to it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// The run that it started, also when that has ended.
    pub child: Option<String>,
    /// How many items or passes it has; null for a step that is neither a map nor a loop.
    pub items: Option<u32>,
    /// Whether it was cancelled because another branch was faster.
    pub lost_race: bool,
    /// Whether what it did was made good, because its run was cancelled.
    pub compensated: bool,
    /// Why it failed, or how the last attempt did.
    pub error: Option<FailureBody>,
    /// Why it was skipped.
    pub skipped: Option<Value>,
    /// What its attempts used.
    pub usage: UsageBody,
}

/// A step with everything about it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = StepDetail)]
pub struct StepDetail {
    /// What lists show.
    #[serde(flatten)]
    pub step: StepBody,
    /// The key under which the outside knows its work.
    pub idempotency_key: String,
    /// What the last attempt got.
    pub input: Option<Value>,
    /// Which binding filled which part of the input. What is not listed stands in the definition itself.
    pub provenance: Vec<ProvenanceBody>,
    /// What came out.
    pub output: Option<Value>,
    /// All attempts, in order.
    pub history: Vec<AttemptBody>,
}

/// One part of an input and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Provenance)]
pub struct ProvenanceBody {
    /// JSON pointer into the input; empty when one binding fills all of it.
    pub pointer: String,
    /// The binding, as it stands in the definition that the run follows.
    pub from: String,
}

/// All steps of a run, parents before children, or those of one status.
#[must_use]
pub fn steps(read: &RunRead, status: Option<StepStatus>, now: Timestamp) -> Vec<StepBody> {
    let all =
        read.run.walk().filter(|(_, _, step)| status.is_none_or(|status| step.state.status().0 == status));
    all.map(|(at, _, _)| step(read, at, now)).collect()
}

/// One step.
#[must_use]
pub fn step(read: &RunRead, at: StepAt, now: Timestamp) -> StepBody {
    let run = &read.run;
    let (node, step) = (run.node(at), run.step(at));
    let (status, reason) = step.state.status();
    let silence = run.attempt(at).and_then(|attempt| {
        read.silence.get(&AttemptId { step: run.path(at), number: attempt.number }).copied()
    });
    let needs = node.parents.iter().map(|parent| run.workflow.node(parent.parent).id.to_string());
    StepBody {
        path: run.path(at).to_string(),
        kind: node.kind.type_name(),
        description: node.description.clone(),
        level: node.level,
        needs: needs.collect(),
        status: status.as_str(),
        reason: reason.map(wait_reason).or(silence.filter(|silence| silence.is_stuck()).map(|_| STUCK)),
        agent: step.agent.as_ref().map(ToString::to_string),
        iteration: step.iteration,
        attempts: step.attempts,
        started_at: step.started_at,
        ended_at: step.ended_at,
        duration_ms: step.started_at.zip(step.ended_at).map(|(start, end)| ms_between(start, end)),
        retry_at: match &step.state {
            StepState::Retrying { retry_at, .. } => Some(*retry_at),
            _ => None,
        },
        last_sign_at: silence.and_then(|silence| now.checked_sub(silence.lasts).ok()),
        approval: match &step.state {
            StepState::AwaitingApproval { approval, .. } => Some(approval.to_string()),
            _ => None,
        },
        until: match &step.state {
            StepState::AwaitingTime { until } => Some(*until),
            StepState::AwaitingSignal { until } => *until,
            _ => None,
        },
        child: step.child.as_ref().map(|child| child.run.to_string()),
        items: node.kind.body().map(|_| u32::try_from(step.items.len()).unwrap_or(u32::MAX)),
        lost_race: step.lost_race,
        compensated: step.compensated,
        error: match &step.state {
            StepState::Failed { failure }
            | StepState::Retrying { failure, .. }
            | StepState::AwaitingReconcile { failure, .. } => Some(FailureBody::of(failure)),
            _ => None,
        },
        skipped: match &step.state {
            StepState::Skipped { cause } => Some(skip_cause(cause)),
            _ => None,
        },
        usage: step.usage.into(),
    }
}

/// One step with everything about it: `history` are its attempts.
#[must_use]
pub fn detail(read: &RunRead, at: StepAt, history: Vec<AttemptBody>, now: Timestamp) -> StepDetail {
    let (path, own) = (read.run.path(at), read.run.step(at));
    StepDetail {
        step: step(read, at, now),
        idempotency_key: idempotency_key(read.run.id, &path, own.iteration),
        input: own.input.as_ref().map(value_of),
        provenance: provenance(read, at),
        output: match &own.state {
            StepState::Completed { output } => Some(value_of(output)),
            _ => None,
        },
        history,
    }
}

/// Where the input comes from: nowhere as long as there is none. A run is pinned to its definition, so this is computed and
/// not stored.
fn provenance(read: &RunRead, at: StepAt) -> Vec<ProvenanceBody> {
    if read.run.step(at).input.is_none() {
        return Vec::new();
    }
    let parts = read.run.node(at).input.provenance();
    parts.into_iter().map(|part| ProvenanceBody { pointer: part.pointer, from: part.from }).collect()
}

/// The status of that name.
#[must_use]
pub fn status_named(name: &str) -> Option<StepStatus> {
    ALL.into_iter().find(|status| status.as_str() == name)
}

const ALL: [StepStatus; 9] = [
    StepStatus::Pending,
    StepStatus::Ready,
    StepStatus::Running,
    StepStatus::Waiting,
    StepStatus::Retrying,
    StepStatus::Completed,
    StepStatus::Failed,
    StepStatus::Skipped,
    StepStatus::Cancelled,
];

/// The names of all statuses, for messages.
#[must_use]
pub fn status_names() -> String {
    ALL.map(StepStatus::as_str).join(", ")
}

/// What a step waits for, as a word.
#[must_use]
pub fn wait_reason(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Approval => "approval",
        WaitReason::Slot => "slot",
        WaitReason::Reconcile => "reconcile",
        WaitReason::Time => "time",
        WaitReason::Signal => "signal",
        WaitReason::Child => "child",
        WaitReason::Verdict => "verdict",
    }
}

fn skip_cause(cause: &SkipCause) -> Value {
    match cause {
        SkipCause::Condition { condition } => json!({ "because": "condition", "condition": condition }),
        SkipCause::Failed { chain } => json!({ "because": "failed", "chain": chain }),
        SkipCause::Skipped { chain } => json!({ "because": "skipped", "chain": chain }),
    }
}
