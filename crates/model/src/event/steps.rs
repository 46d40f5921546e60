//! The bodies of events about the steps of a run, and about the questions they ask.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::{EffectClass, Failure, Happened};
use crate::ids::{ApprovalId, DefinitionHash, Name, RunId, StepPath};
use crate::payload::Payload;
use crate::workflow::Risk;

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// `step.scheduled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepScheduled {
    /// Which step.
    pub step: StepPath,
}

/// `step.started`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStarted {
    /// Which step.
    pub step: StepPath,
    /// Which attempt, from 1 over the life of the step.
    pub attempt: u32,
    /// From 1; a re-run or a retry by a person raises it. Part of the idempotency key.
    pub iteration: u32,
    /// The store's epoch: an attempt of an older one did not survive its process.
    pub epoch: u64,
    /// Who is called.
    pub agent: Name,
    /// Content hash of the agent's definition.
    pub agent_version: DefinitionHash,
    /// What calling twice does.
    pub effect: EffectClass,
    /// What the agent gets.
    pub input: Payload,
    /// Longest time of the attempt.
    pub timeout_ms: u64,
}

/// Why a step waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitReason {
    /// For a person's decision.
    Approval,
    /// For a slot to run in.
    Slot,
    /// For somebody to say whether a write happened.
    Reconcile,
    /// For a time.
    Time,
    /// For a signal.
    Signal,
    /// For the end of a run that it started.
    Child,
    /// For somebody to say whether what came out is good enough.
    Verdict,
}

/// A run that a step started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildRun {
    /// The run.
    pub run: RunId,
    /// Its workflow.
    pub workflow: Name,
    /// Its version; the latest at the start when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
}

/// `step.waiting`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepWaiting {
    /// Which step.
    pub step: StepPath,
    /// What for.
    pub reason: WaitReason,
    /// The attempt whose effect is unknown, when that is what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How that attempt ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// The approval, when that is what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalId>,
    /// Until when, when there is an end to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The name of the signal, when that is what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<Name>,
    /// The run, when that is what it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub child: Option<ChildRun>,
    /// What that run is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
    /// What came out of the attempt, when somebody has to say whether it is good enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Payload>,
    /// What that attempt used.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
}

impl StepWaiting {
    /// A step waits; for what is to be said.
    #[must_use]
    pub fn new(step: StepPath, reason: WaitReason) -> Self {
        Self {
            step,
            reason,
            attempt: None,
            failure: None,
            approval: None,
            until: None,
            signal: None,
            child: None,
            input: None,
            output: None,
            usage: Usage::default(),
        }
    }
}

/// `step.judged`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepJudged {
    /// Which step.
    pub step: StepPath,
    /// The attempt whose output was judged.
    pub attempt: u32,
    /// Whether it is what the step was to bring.
    pub passed: bool,
    /// A list of `{criterion, passed, detail}`: what was asked of the output, and how it stood.
    pub evidence: Payload,
}

/// `step.compensated`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCompensated {
    /// The step whose effect was made good.
    pub step: StepPath,
}

/// `step.opened`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepOpened {
    /// Which step.
    pub step: StepPath,
    /// How many items it has; absent for a loop, whose passes are made one after another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u32>,
    /// The list that it goes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
}

/// `event.emitted`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventEmitted {
    /// The step that says it.
    pub step: StepPath,
    /// Its name.
    pub event: String,
    /// What it says.
    pub data: Payload,
}

/// What an attempt used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens read by a model.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input_tokens: u64,
    /// Tokens written by a model.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_tokens: u64,
}

impl Usage {
    /// Whether nothing was used.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another attempt used.
    pub fn add(&mut self, other: Self) {
        self.input_tokens = self.input_tokens.saturating_add(other.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(other.output_tokens);
    }
}

/// `step.retrying`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepRetrying {
    /// Which step.
    pub step: StepPath,
    /// The attempt that failed.
    pub attempt: u32,
    /// How it failed.
    pub failure: Failure,
    /// When the next attempt may start.
    pub retry_at: Timestamp,
    /// Whether the next attempt is new work under a new key, because what came out was not good enough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redo: bool,
    /// What the attempt used.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
}

/// `step.interrupted`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepInterrupted {
    /// Which step.
    pub step: StepPath,
    /// The attempt that was cut off.
    pub attempt: u32,
    /// What ended it: `process_ended`, or the exit of its actor.
    pub reason: String,
    /// When the step is tried again; at once when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
}

/// `step.reconciled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReconciled {
    /// Which step.
    pub step: StepPath,
    /// The attempt in question.
    pub attempt: u32,
    /// Whether its effect happened: yes or no.
    pub happened: Happened,
}

/// `step.completed`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCompleted {
    /// Which step.
    pub step: StepPath,
    /// The attempt that did it; absent for steps that call nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What came out.
    pub output: Payload,
    /// Which of the signals that wait to be taken it took, by its place among them, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<u32>,
    /// What the attempt used.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
}

/// `step.failed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepFailed {
    /// Which step.
    pub step: StepPath,
    /// The last attempt; absent when none could be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Why.
    pub failure: Failure,
    /// What the attempt used.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
}

/// Why a step was skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "because")]
pub enum SkipCause {
    /// Its own condition, or that of all its edges, was false.
    Condition {
        /// The condition's text.
        condition: String,
    },
    /// A step it depends on failed.
    Failed {
        /// The way from the failed step to the parent: the failed step first.
        chain: Vec<StepPath>,
    },
    /// The steps it depends on were skipped by conditions.
    Skipped {
        /// The way from the step whose condition was false to the parent.
        chain: Vec<StepPath>,
    },
}

impl SkipCause {
    /// Whether a failure is at the root of it.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::Failed { .. } => true,
            Self::Condition { .. } | Self::Skipped { .. } => false,
        }
    }
}

/// `step.skipped`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSkipped {
    /// Which step.
    pub step: StepPath,
    /// Why.
    pub why: SkipCause,
}

/// `step.cancelled`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCancelled {
    /// Which step.
    pub step: StepPath,
    /// The attempt that was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Whether the attempt had its effect; absent when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub happened: Option<Happened>,
    /// Whether another branch was faster, and its result is what counts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost_race: bool,
    /// What the attempt used.
    #[serde(default, skip_serializing_if = "Usage::is_nothing")]
    pub usage: Usage,
}

/// `step.result_discarded`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepResultDiscarded {
    /// Which step.
    pub step: StepPath,
    /// The attempt it came from.
    pub attempt: u32,
    /// What it said, when it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Payload>,
    /// How it failed, when it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// `approval.requested`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalRequested {
    /// The approval.
    pub approval: ApprovalId,
    /// The gate.
    pub step: StepPath,
    /// What will be done, as shown.
    pub action: Payload,
    /// What that means, as shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<Payload>,
    /// How dangerous it is.
    pub risk: Risk,
    /// BLAKE3 over what is shown, as hex: a decision names what it decided about.
    pub shown: String,
    /// When it runs out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Yes.
    Approved,
    /// No.
    Rejected,
    /// Nobody answered in time.
    Expired,
    /// The run was cancelled.
    Cancelled,
}

/// `approval.decided`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDecided {
    /// The approval.
    pub approval: ApprovalId,
    /// The gate.
    pub step: StepPath,
    /// How it ended.
    pub decision: Decision,
    /// What the person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<Payload>,
    /// What the person changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Payload>,
    /// Hash of what was shown.
    pub shown: String,
}
