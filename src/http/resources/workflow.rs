//! A workflow and its versions.

use ghostlight_actors::catalogue::{Saved, WorkflowSummary, WorkflowVersion};
use ghostlight_actors::views::RunRow;
use ghostlight_model::definitions::workflow::VersionHead;
use ghostlight_model::diagnostic::Diagnostic;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::numbers::ByStatusBody;
use super::plan::PlanBody;

/// A workflow, as lists show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkflowSummary)]
pub struct WorkflowRowBody {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// The latest version.
    pub version: u64,
    /// Its hash.
    pub hash: String,
    /// When the first version was saved.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When the latest version was saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// By whom; null: from the operator's file.
    pub saved_by: Option<String>,
    /// Why, for people.
    pub message: String,
    /// Who saved the first version; null: from the operator's file.
    pub owner: Option<String>,
    /// `private` or `public`. Nobody is kept from anything by it yet.
    pub visibility: &'static str,
    /// Whether it takes no new runs.
    pub deleted: bool,
    /// How many runs it has of each status. Left out while the list of runs cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<ByStatusBody>,
    /// Its latest runs, the newest first, as many as `recent` asks for. Left out as `counts` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recent_runs: Option<Vec<RecentRunBody>>,
}

impl WorkflowRowBody {
    /// A row of the list, with the runs that it has, as far as these are known.
    #[must_use]
    pub fn of(row: &WorkflowSummary, runs: Option<RunsBody>) -> Self {
        let (counts, recent_runs) = RunsBody::apart(runs);
        Self {
            name: row.name.to_string(),
            description: row.description.clone(),
            version: row.version,
            hash: row.hash.to_string(),
            created_at: row.created_at,
            saved_at: row.saved_at,
            saved_by: row.saved_by.clone(),
            message: row.message.clone(),
            owner: row.owner.clone(),
            visibility: row.visibility.as_str(),
            deleted: row.deleted,
            counts,
            recent_runs,
        }
    }
}

/// One version of a workflow, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Workflow)]
pub struct WorkflowBody {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// This version.
    pub version: u64,
    /// The latest version.
    pub latest_version: u64,
    /// Hash of the canonical document.
    pub hash: String,
    /// What it was written in: `yaml` or `json`.
    pub format: String,
    /// The document as it was sent.
    pub source: String,
    /// The canonical document; null when this program does not accept it any more.
    pub definition: Option<Value>,
    /// The plan of it.
    pub plan: Option<PlanBody>,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// By whom; null: from the operator's file.
    pub saved_by: Option<String>,
    /// Why, for people.
    pub message: String,
    /// Who saved the first version; null: from the operator's file.
    pub owner: Option<String>,
    /// `private` or `public`. Nobody is kept from anything by it yet.
    pub visibility: &'static str,
    /// Whether the workflow takes no new runs.
    pub deleted: bool,
    /// How many runs it has of each status. Left out while the list of runs cannot tell, and where `recent` was not
    /// asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<ByStatusBody>,
    /// Its latest runs, the newest first, as many as `recent` asks for. Left out as `counts` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recent_runs: Option<Vec<RecentRunBody>>,
}

impl WorkflowBody {
    /// A version.
    #[must_use]
    pub fn of(version: &WorkflowVersion) -> Self {
        let compiled = version.compiled.as_deref();
        Self {
            name: version.name.to_string(),
            description: compiled.map(|workflow| workflow.description.clone()).unwrap_or_default(),
            version: version.version,
            latest_version: version.latest,
            hash: version.hash.to_string(),
            format: version.format.clone(),
            source: version.source.to_string(),
            definition: compiled.map(|workflow| workflow.document.clone()),
            plan: compiled.map(PlanBody::of),
            saved_at: version.saved_at,
            saved_by: version.saved_by.clone(),
            message: version.message.clone(),
            owner: version.owner.clone(),
            visibility: version.visibility.as_str(),
            deleted: version.deleted,
            counts: None,
            recent_runs: None,
        }
    }

    /// The same with the runs that the workflow has.
    #[must_use]
    pub fn with_runs(self, runs: Option<RunsBody>) -> Self {
        let (counts, recent_runs) = RunsBody::apart(runs);
        Self { counts, recent_runs, ..self }
    }
}

/// The runs of a workflow, as they are shown beside it.
#[derive(Debug, Clone)]
pub struct RunsBody {
    /// How many there are of each status.
    pub counts: ByStatusBody,
    /// The latest, the newest first.
    pub recent_runs: Vec<RecentRunBody>,
}

impl RunsBody {
    fn apart(runs: Option<Self>) -> (Option<ByStatusBody>, Option<Vec<RecentRunBody>>) {
        runs.map(|runs| (runs.counts, runs.recent_runs)).unzip()
    }
}

/// A run, as it is shown beside its workflow.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RecentRun)]
pub struct RecentRunBody {
    /// Its id.
    pub id: String,
    /// `pending`, `running`, `paused`, `completed`, `failed`, `cancelled`.
    pub status: &'static str,
    /// When it was admitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
}

impl RecentRunBody {
    /// A run of the list.
    #[must_use]
    pub fn of(row: &RunRow) -> Self {
        Self {
            id: row.id.to_string(),
            status: row.status.as_str(),
            created_at: row.created_at,
            ended_at: row.ended_at,
        }
    }
}

/// A version, without its document.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WorkflowVersion)]
pub struct VersionBody {
    /// From 1.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: String,
    /// `yaml` or `json`.
    pub format: String,
    /// When it was saved.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// By whom; null: from the operator's file.
    pub author: Option<String>,
    /// Why, for people; empty when nobody said.
    pub message: String,
    /// An older name of `at`.
    #[schema(value_type = String, format = DateTime)]
    pub saved_at: Timestamp,
    /// An older name of `author`.
    pub saved_by: Option<String>,
}

impl VersionBody {
    /// The head of a version.
    #[must_use]
    pub fn of(head: &VersionHead) -> Self {
        Self {
            version: head.version,
            hash: head.hash.to_string(),
            format: head.format.clone(),
            at: head.at,
            author: head.by.clone(),
            message: head.message.clone(),
            saved_at: head.at,
            saved_by: head.by.clone(),
        }
    }
}

/// A document was saved, or was there already.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SavedWorkflow)]
pub struct SavedBody {
    /// The workflow.
    pub name: String,
    /// The version that is this document.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: String,
    /// Whether the latest version was the same document, so that none was made.
    pub unchanged: bool,
    /// Warnings.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
}

impl SavedBody {
    /// What was saved.
    #[must_use]
    pub fn of(saved: Saved) -> Self {
        Self {
            name: saved.name.to_string(),
            version: saved.version,
            hash: saved.hash.to_string(),
            unchanged: saved.unchanged,
            diagnostics: saved.warnings,
        }
    }
}

/// What came of checking a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Validation)]
pub struct ValidationBody {
    /// Whether it could be saved.
    pub valid: bool,
    /// Errors and warnings, with their places.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
    /// The plan, when it is valid.
    pub plan: Option<PlanBody>,
}
