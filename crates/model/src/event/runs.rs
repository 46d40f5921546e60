//! The bodies of events about a run as a whole.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::at_hand::AtHand;
use crate::failure::Failure;
use crate::ids::{DefinitionHash, Name, RunId, StepPath};
use crate::payload::Payload;
use crate::priority::Priority;
use crate::run::RunStatus;

/// `run.created`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCreated {
    /// The workflow's name.
    pub workflow: Name,
    /// Its version; 0 for a definition that came with the run.
    pub version: u64,
    /// Hash of the definition that holds for the whole run.
    pub definition: DefinitionHash,
    /// The definition itself, when it came with the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Payload>,
    /// What the run was given.
    pub input: Payload,
    /// The workflow's default context with the run's own merged over it; absent when both are empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Payload>,
    /// Labels of the workflow and of the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The idempotency key it was started with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The step of another run that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ParentStep>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Priority::is_ordinary")]
    pub priority: Priority,
}

/// The step of a run that started another run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentStep {
    /// The run.
    pub run: RunId,
    /// The step.
    pub step: StepPath,
    /// The run at the top, which no step started.
    pub root: RunId,
    /// How many runs stand above the one that was started: 1 for a child, 2 for a grandchild.
    pub generation: u32,
}

/// `plan.revised`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanRevised {
    /// Hash of the definition that holds from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definition: Option<DefinitionHash>,
    /// The version of the workflow that it is; none when it is no saved one, or that stayed as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// That definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<Payload>,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// How many attempts are made at the same time from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_parallel: Option<u32>,
    /// How urgent it is from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Whether the run whose step started it said so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// That definition, compiled.
    #[serde(skip)]
    pub plan: AtHand,
}

/// `plan.created`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCreated {
    /// Hash of the definition that it follows.
    pub definition: DefinitionHash,
    /// The longest expected way through it, in milliseconds.
    pub makespan_ms: u64,
}

/// Why a run is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Somebody asked.
    Operator,
    /// A budget is used up.
    Budget,
    /// A secret was refused.
    Credential,
    /// Its actors kept crashing.
    Quarantined,
    /// The store could not take its events.
    Storage,
    /// A validation rule says so.
    Validation,
}

/// `run.paused`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPaused {
    /// Why.
    pub reason: PauseReason,
    /// More about it, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// `run.resumed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunResumed {}

/// `run.cancel_requested`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelRequested {
    /// Why, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether nothing is compensated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kill: bool,
}

/// `run.cancelled`
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCancelled {
    /// The steps that did, or may have done, what their `compensate` was to make good, and that nothing made good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_compensated: Vec<StepPath>,
}

/// `run.failed`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailed {
    /// The first failed step, in the order of the plan; absent when it is the run's output that cannot be made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepPath>,
    /// Its failure.
    pub failure: Failure,
}

/// Whether a completed run has everything it set out for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    /// Everything is there.
    Complete,
    /// Some steps failed, or were skipped because of a failure.
    Partial,
}

/// `run.completed`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunCompleted {
    /// The run's output.
    pub output: Payload,
    /// Whether everything is there.
    pub result: RunResult,
    /// The steps that are not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<StepPath>,
}

/// `run.reopened`
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RunReopened {
    /// The steps that are done again, each with a new iteration.
    pub steps: Vec<StepPath>,
    /// Those of them whose items or passes are made anew; the others keep theirs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub anew: Vec<StepPath>,
    /// The run's input from now on, when it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<Payload>,
}

/// `run.quarantined`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunQuarantined {
    /// What kept happening.
    pub message: String,
}

/// `run.archived`: the last event of a run, which stays when all others are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunArchived {
    /// How it had ended.
    pub status: RunStatus,
    /// The file in the folder of archives that holds it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// `signal.received`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SignalReceived {
    /// Its name.
    pub name: Name,
    /// What it says.
    pub payload: Payload,
}
