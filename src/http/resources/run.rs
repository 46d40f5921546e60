//! A run.

use std::collections::BTreeMap;

use ghostlight_actors::runs::{Accepted, Preview};
use ghostlight_actors::views::RunRow;
use ghostlight_model::event::{PauseReason, RunResult, WaitReason};
use ghostlight_model::language::schema::SchemaViolation;
use ghostlight_model::run::{Run, RunStatus, StepState, not_compensated};
use ghostlight_model::selection::{Matched, SELECTED_BY, SelectedBy, Tried};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::branch::BranchBody;
use super::plan::PlanBody;
use super::step::wait_reason;
use super::{FailureBody, UsageBody, value_of};
use crate::http::problem::Violation;

/// A run. In lists without `input`, `output` and `branches`, and with long texts cut.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Run)]
pub struct RunBody {
    /// Its id, UUIDv7.
    pub id: String,
    /// The name of its workflow.
    pub workflow: String,
    /// The workflow's version; 0 for a definition that came with the run.
    pub version: u64,
    /// Hash of the definition it follows.
    pub definition_hash: String,
    /// `pending`, `running`, `paused`, `completed`, `failed`, `cancelled`.
    pub status: &'static str,
    /// Why it is paused: `operator`, `budget`, `credential`, `quarantined`, `storage`, `validation`.
    pub reason: Option<&'static str>,
    /// More about why it is paused, for people; null in lists.
    pub pause_message: Option<String>,
    /// Whether somebody asked to cancel it.
    pub cancel_requested: bool,
    /// Why somebody asked, for people; null when nothing was said, and in lists.
    pub cancel_reason: Option<String>,
    /// What it was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Value>,
    /// What came out; null while nothing has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<Value>,
    /// `complete` or `partial`, once it has completed.
    pub result: Option<&'static str>,
    /// Why it failed.
    pub error: Option<FailureBody>,
    /// Where the branches of its `parallel` nodes stand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branches: Option<Vec<BranchBody>>,
    /// How urgent it is: the greater, the sooner its steps get slots; −100 to 100, 0 for an ordinary run.
    pub priority: i64,
    /// Labels of the workflow and of the run.
    pub labels: BTreeMap<String, String>,
    /// Which selector chose its workflow; null when none did. Stands in the label `ghostlight.selected_by` too.
    pub selected_by: Option<SelectedByBody>,
    /// When it was admitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When its first attempt began or its first question was asked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// The run whose step started it.
    pub parent: Option<String>,
    /// The step of that run.
    pub parent_step: Option<String>,
    /// How many attempts are made at the same time; null: as many as there are slots. Null in lists.
    pub max_parallel: Option<u32>,
    /// The steps of a cancelled run whose effect happened, or may have, and that nothing made good although they say how; only
    /// when it is read alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_compensated: Option<Vec<String>>,
    /// The run it was forked from; null until runs can be forked.
    pub forked_from: Option<String>,
    /// How many people's answers it waits for.
    pub waiting_approvals: u32,
    /// What its steps wait for beside answers: `reconcile`, `signal`, `child`, `time`.
    pub waits_for: Vec<&'static str>,
    /// What its attempts used.
    pub usage: UsageBody,
    /// Global sequence of its last event.
    pub sequence: String,
}

impl RunBody {
    /// A run after its event of this global sequence.
    #[must_use]
    pub fn of(run: &Run, sequence: u64) -> Self {
        Self {
            id: run.id.to_string(),
            workflow: run.workflow.name.to_string(),
            version: run.version,
            definition_hash: run.workflow.hash.to_string(),
            status: run.status.as_str(),
            reason: run.pause.map(pause_reason),
            pause_message: run.pause_message.as_deref().map(str::to_owned),
            cancel_requested: run.cancel_requested,
            cancel_reason: run.cancel_reason.as_deref().map(str::to_owned),
            input: Some(value_of(&run.input)),
            output: Some(run.output.as_ref().map_or(Value::Null, value_of)),
            result: run.result.map(result),
            error: run.failure.as_ref().map(|(step, failure)| FailureBody {
                step: step.as_ref().map(ToString::to_string),
                ..FailureBody::of(failure)
            }),
            branches: Some(BranchBody::all(run)),
            priority: run.priority.into(),
            selected_by: SelectedByBody::of(&run.labels),
            labels: (*run.labels).clone(),
            created_at: run.created_at,
            started_at: started_at(run),
            ended_at: run.ended_at,
            parent: run.parent.as_ref().map(|parent| parent.run.to_string()),
            parent_step: run.parent.as_ref().map(|parent| parent.step.to_string()),
            max_parallel: run.max_parallel,
            not_compensated: (run.status == RunStatus::Cancelled)
                .then(|| not_compensated(run).iter().map(ToString::to_string).collect()),
            forked_from: None,
            waiting_approvals: waiting_approvals(run),
            waits_for: waits_for(run),
            usage: run.usage().into(),
            sequence: sequence.to_string(),
        }
    }

    /// A run as lists show it.
    #[must_use]
    pub fn of_row(row: &RunRow) -> Self {
        Self {
            id: row.id.to_string(),
            workflow: row.workflow.to_string(),
            version: row.version,
            definition_hash: row.definition.to_string(),
            status: row.status.as_str(),
            reason: row.reason.map(pause_reason),
            pause_message: None,
            cancel_requested: row.cancel_requested,
            cancel_reason: None,
            input: None,
            output: None,
            result: row.result.map(result),
            error: row.error.as_ref().map(|error| FailureBody {
                step: error.step.as_ref().map(ToString::to_string),
                class: error.class.as_str(),
                code: error.code.clone(),
                message: error.message.text.clone(),
                happened: None,
                retry_after_ms: None,
            }),
            branches: None,
            priority: row.priority.into(),
            selected_by: SelectedByBody::of(&row.labels),
            labels: row.labels.clone(),
            created_at: Some(row.created_at),
            started_at: row.started_at,
            ended_at: row.ended_at,
            parent: row.parent.as_ref().map(|parent| parent.run.to_string()),
            parent_step: row.parent.as_ref().map(|parent| parent.step.to_string()),
            max_parallel: None,
            not_compensated: None,
            forked_from: None,
            waiting_approvals: row.waiting_approvals,
            waits_for: row.waits_beside_answers().into_iter().map(wait_reason).collect(),
            usage: row.usage().into(),
            sequence: row.sequence.to_string(),
        }
    }
}

/// Which selector chose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = SelectedBy)]
pub struct SelectedByBody {
    /// The workflow whose selector it is.
    pub workflow: String,
    /// Its version.
    pub version: u64,
    /// Which one of its selectors, from 1.
    pub rule: usize,
}

impl SelectedByBody {
    fn of(labels: &BTreeMap<String, String>) -> Option<Self> {
        let by: SelectedBy = labels.get(SELECTED_BY)?.parse().ok()?;
        Some(Self { workflow: by.workflow.to_string(), version: by.version, rule: by.rule })
    }
}

/// What a start would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DryRun)]
pub struct DryRunBody {
    /// What it would follow, and why.
    pub selected: SelectedBody,
    /// Whether the input fits.
    pub valid: bool,
    /// What of it does not.
    pub violations: Vec<Violation>,
    /// The input that the run would be given.
    pub input: Value,
    /// The plan of the workflow that was chosen.
    pub plan: PlanBody,
}

/// What a start would follow.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Selected)]
pub struct SelectedBody {
    /// The workflow.
    pub workflow: String,
    /// Its version; 0 for a definition that comes with the run.
    pub version: u64,
    /// The selector that chose it, from 1; null: none did.
    pub rule: Option<usize>,
    /// Every selector that was tried, in order.
    pub why: Vec<TriedBody>,
}

/// A selector that was tried.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TriedSelector)]
pub struct TriedBody {
    /// Whose it is.
    pub workflow: String,
    /// Which one, from 1.
    pub rule: usize,
    /// Its condition.
    pub when: String,
    /// Whether it fitted.
    pub matched: bool,
    /// Why it could not be evaluated; it did not fit then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl DryRunBody {
    /// What a start would do.
    #[must_use]
    pub fn of(preview: &Preview) -> Self {
        let tried = |tried: &Tried| TriedBody {
            workflow: tried.workflow.to_string(),
            rule: tried.rule,
            when: tried.when.clone(),
            matched: tried.matched == Matched::Yes,
            error: match &tried.matched {
                Matched::Error(reason) => Some(reason.clone()),
                Matched::Yes | Matched::No => None,
            },
        };
        let violation =
            |it: &SchemaViolation| Violation { path: it.path.clone(), message: it.message.clone() };
        Self {
            selected: SelectedBody {
                workflow: preview.workflow.name.to_string(),
                version: preview.version,
                rule: preview.selection.by.as_ref().map(|by| by.rule),
                why: preview.selection.tried.iter().map(tried).collect(),
            },
            valid: preview.violations.is_empty(),
            violations: preview.violations.iter().map(violation).collect(),
            input: preview.selection.input.clone(),
            plan: PlanBody::of(&preview.workflow),
        }
    }
}

/// A command to a run was taken.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Accepted)]
pub struct AcceptedBody {
    /// The run.
    pub run: String,
    /// Where it stands after it.
    pub status: &'static str,
    /// Global sequence of the last event of the command; "0" when it changed nothing.
    pub sequence: String,
}

impl AcceptedBody {
    /// What a command came to.
    #[must_use]
    pub fn of(accepted: &Accepted) -> Self {
        Self {
            run: accepted.run.to_string(),
            status: accepted.status.as_str(),
            sequence: accepted.sequence.to_string(),
        }
    }
}

/// Why a run is paused, as a word.
#[must_use]
pub fn pause_reason(reason: PauseReason) -> &'static str {
    match reason {
        PauseReason::Operator => "operator",
        PauseReason::Budget => "budget",
        PauseReason::Credential => "credential",
        PauseReason::Quarantined => "quarantined",
        PauseReason::Storage => "storage",
        PauseReason::Validation => "validation",
    }
}

fn result(result: RunResult) -> &'static str {
    match result {
        RunResult::Complete => "complete",
        RunResult::Partial => "partial",
    }
}

fn started_at(run: &Run) -> Option<Timestamp> {
    run.walk().filter_map(|(_, _, step)| step.started_at).min()
}

fn waiting_approvals(run: &Run) -> u32 {
    let waiting = run.walk().filter(|(_, _, step)| matches!(step.state, StepState::AwaitingApproval { .. }));
    u32::try_from(waiting.count()).unwrap_or(u32::MAX)
}

/// In the order in which lists have them.
fn waits_for(run: &Run) -> Vec<&'static str> {
    let any = |waits: fn(&StepState) -> bool| run.walk().any(|(_, _, step)| waits(&step.state));
    let all = [
        (WaitReason::Reconcile, any(|state| matches!(state, StepState::AwaitingReconcile { .. }))),
        (WaitReason::Signal, any(|state| matches!(state, StepState::AwaitingSignal { .. }))),
        (WaitReason::Child, any(|state| matches!(state, StepState::AwaitingChild { .. }))),
        (WaitReason::Time, any(|state| matches!(state, StepState::AwaitingTime { .. }))),
    ];
    all.into_iter().filter(|(_, waits)| *waits).map(|(reason, _)| wait_reason(reason)).collect()
}
