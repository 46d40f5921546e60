//! A branch of a `parallel`.

use std::collections::BTreeMap;

use ghostlight_model::run::{BranchNow, Run, branches};
use serde::Serialize;
use utoipa::ToSchema;

/// Where a branch of a `parallel` stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Branch)]
pub struct BranchBody {
    /// The step that opens it.
    pub parallel: String,
    /// Its name.
    pub name: String,
    /// Its steps, one after another, as the file lists them.
    pub steps: Vec<String>,
    /// How many of them there are of each status.
    pub counts: BTreeMap<&'static str, u32>,
    /// Whether all of them have ended.
    pub done: bool,
}

impl BranchBody {
    /// All branches of a run, those of the first `parallel` first.
    #[must_use]
    pub fn all(run: &Run) -> Vec<Self> {
        let path = |node| run.path(node).to_string();
        let body = |now: BranchNow<'_>| Self {
            parallel: path(now.parallel),
            name: now.branch.name.to_string(),
            steps: now.branch.nodes.iter().map(|node| path(*node)).collect(),
            counts: now.counts.into_iter().map(|(status, count)| (status.as_str(), count)).collect(),
            done: now.done,
        };
        branches(run).map(body).collect()
    }
}
