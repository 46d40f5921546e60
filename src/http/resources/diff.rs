//! How two versions differ.

use ghostlight_model::definitions::diff::Diff;
use serde::Serialize;
use utoipa::ToSchema;

/// How one version of a workflow differs from another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowDiff)]
pub struct DiffBody {
    /// The workflow.
    pub workflow: String,
    /// The version it is compared with.
    pub from: u64,
    /// The version that is compared.
    pub to: u64,
    /// Whether both are the same document.
    pub identical: bool,
    /// `added` and `removed` (`{id, node}`), `renamed` (`{from, to}`: another id, the same body), and `changed`
    /// (`{id, changes: [{path, from, to}]}` with JSON pointers into the documents; what is not there has no value).
    #[schema(value_type = Object)]
    pub nodes: serde_json::Value,
    /// `added` and `removed`: `{from, to, kind, when}`.
    #[schema(value_type = Object)]
    pub edges: serde_json::Value,
    /// The keys at the top that differ, beside `nodes`: `{path, from, to}`.
    #[schema(value_type = Vec<Object>)]
    pub top: serde_json::Value,
}

impl DiffBody {
    /// What differs from version `from` to version `to`.
    #[must_use]
    pub fn of(workflow: String, from: u64, to: u64, diff: &Diff) -> Self {
        // Maps of these types have texts as keys, so that writing them cannot fail.
        let value = |part: serde_json::Result<serde_json::Value>| part.unwrap_or_default();
        Self {
            workflow,
            from,
            to,
            identical: diff.is_empty(),
            nodes: value(serde_json::to_value(&diff.nodes)),
            edges: value(serde_json::to_value(&diff.edges)),
            top: value(serde_json::to_value(&diff.top)),
        }
    }
}
