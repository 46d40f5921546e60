//! What a start follows.

use std::sync::Arc;

use ghostlight_model::selection::Selection;
use ghostlight_model::workflow::Workflow;

/// A definition that is ready to run.
pub(super) struct Resolved {
    pub workflow: Arc<Workflow>,
    pub version: u64,
    pub document: Option<serde_json::Value>,
}

/// What a start follows, and how that was found.
pub(super) struct Chosen {
    pub resolved: Resolved,
    pub selection: Selection,
}
