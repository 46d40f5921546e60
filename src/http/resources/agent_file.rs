//! What became of a file of the operator.

use ghostlight_actors::definition_files::{FileOutcome, FileReport};
use ghostlight_model::diagnostic::Diagnostic;
use serde::Serialize;
use utoipa::ToSchema;

/// What became of a file with an agent when it was read again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgentFile)]
pub struct AgentFileBody {
    /// Its name within the folder.
    pub file: String,
    /// `added`, `changed`, `removed`, `unchanged`, `refused`.
    pub outcome: &'static str,
    /// The agent that it defines, or did; null when it was refused.
    pub agent: Option<String>,
    /// Why it was refused.
    pub reason: Option<String>,
    /// Errors and warnings, each with its line and column.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
}

impl AgentFileBody {
    /// What became of one file.
    #[must_use]
    pub fn of(report: FileReport) -> Self {
        let (outcome, agent, reason) = match report.outcome {
            FileOutcome::Added(name) => ("added", Some(name), None),
            FileOutcome::Saved(name) => ("changed", Some(name), None),
            FileOutcome::Removed(name) => ("removed", Some(name), None),
            FileOutcome::Unchanged(name) => ("unchanged", Some(name), None),
            FileOutcome::Refused(reason) => ("refused", None, Some(reason)),
        };
        Self {
            file: report.file,
            outcome,
            agent: agent.map(|name| name.to_string()),
            reason,
            diagnostics: report.diagnostics,
        }
    }
}
