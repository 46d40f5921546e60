//! A question to a person.

use ghostlight_actors::views::ApprovalRow;
use ghostlight_model::event::Decision;
use ghostlight_model::ids::ApprovalId;
use ghostlight_model::run::{Approval, Run};
use ghostlight_model::workflow::NodeKind;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::plan::risk_name;
use super::text_of;

/// A question, as it is shown. In lists long texts are cut.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalBody {
    /// Its id, UUIDv7.
    pub id: String,
    /// Whose.
    pub run: String,
    /// The run's workflow.
    pub workflow: Option<String>,
    /// The gate.
    pub step: String,
    /// What will be done.
    pub action: String,
    /// What that means.
    pub impact: Option<String>,
    /// Whether `action` or `impact` goes on; the single approval has them whole.
    pub cut: bool,
    /// `low`, `medium`, `high`, `critical`.
    pub risk: &'static str,
    /// Hash of what is shown: a decision names what it decided about.
    pub shown: String,
    /// `pending`, `approved`, `rejected`, `expired`, `cancelled`.
    pub status: &'static str,
    /// When it was asked.
    #[schema(value_type = String, format = DateTime)]
    pub requested_at: Timestamp,
    /// When it runs out; null: it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// What becomes of it when it has run out: `reject`, `approve`, or `wait`: it does not run out. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<&'static str>,
    /// When it was answered, ran out or was withdrawn.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// Who answered.
    pub by: Option<String>,
    /// What the person said.
    pub comment: Option<String>,
    /// Whether the person changed what will be done.
    pub changed: bool,
    /// JSON Schema of what the person may change, and has to give where it requires something; not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Value>,
}

impl ApprovalBody {
    /// An approval as lists show it.
    #[must_use]
    pub fn of_row(row: &ApprovalRow) -> Self {
        Self {
            id: row.id.to_string(),
            run: row.run.to_string(),
            workflow: row.workflow.as_ref().map(ToString::to_string),
            step: row.step.to_string(),
            action: row.action.text.clone(),
            impact: row.impact.as_ref().map(|impact| impact.text.clone()),
            cut: row.action.cut || row.impact.as_ref().is_some_and(|impact| impact.cut),
            risk: risk_name(row.risk),
            shown: row.shown.clone(),
            status: row.status.as_str(),
            requested_at: row.requested_at,
            expires_at: row.expires_at,
            decided_at: row.decided_at,
            by: row.by.clone(),
            comment: row.comment.as_ref().map(|comment| comment.text.clone()),
            changed: row.changed,
            on_timeout: None,
            form: None,
        }
    }

    /// The same with the texts of the run's own state, whole.
    #[must_use]
    pub fn completed_by(mut self, run: &Run, id: ApprovalId) -> Self {
        if let Some(approval) = run.approvals.get(&id) {
            self.action = text_of(&approval.action);
            self.impact = approval.impact.as_ref().map(text_of);
            self.cut = false;
            let node = run.find(&approval.step).map(|at| &run.node(at).kind);
            if let Some(NodeKind::Gate(gate)) = node {
                self.on_timeout = Some(gate.on_timeout.as_str());
                self.form = gate.form.as_ref().map(|form| form.document().clone());
            }
        }
        self
    }
}

/// The first decision, as a refused second one is told.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DecisionBody {
    /// `approved`, `rejected`, `expired`, `cancelled`.
    pub status: &'static str,
    /// When.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub decided_at: Option<Timestamp>,
    /// By whom.
    pub by: Option<String>,
}

/// How a question was answered.
#[must_use]
pub fn decision(approval: &Approval) -> DecisionBody {
    let decided = approval.decided.as_ref();
    DecisionBody {
        status: status(approval),
        decided_at: decided.map(|(_, at, _)| *at),
        by: decided.and_then(|(_, _, by)| by.clone()),
    }
}

/// Where a question stands, as a word.
#[must_use]
pub fn status(approval: &Approval) -> &'static str {
    match approval.decided.as_ref().map(|(decision, _, _)| decision) {
        None => "pending",
        Some(Decision::Approved) => "approved",
        Some(Decision::Rejected) => "rejected",
        Some(Decision::Expired) => "expired",
        Some(Decision::Cancelled) => "cancelled",
    }
}
