//! Changing the plan of a live run: which changes it takes, and what becomes of its steps.
//!
//! Only what has not begun may change. A node that has begun stays as it is, with what stands before it: else its step would
//! follow a definition that it was not made by.

use std::sync::Arc;

use serde_json::Value;

use super::state::{Run, StepState};
use crate::event::{AtHand, PlanRevised};
use crate::language::schema::SchemaViolation;
use crate::language::{self, Format, Source};
use crate::workflow::{Dependency, NodeIndex, Workflow};

/// What of a definition may be otherwise: the rest holds for the whole run.
const MAY_CHANGE: [&str; 8] =
    ["nodes", "edges", "chain", "output", "max_parallel", "resources", "description", "labels"];

/// What a run follows after this event; none where that stays as it was, and when this program cannot compile it.
pub(super) fn plan(revised: &PlanRevised) -> Option<Arc<Workflow>> {
    if let AtHand(Some(plan)) = &revised.plan {
        return Some(plan.clone());
    }
    let text = revised.document.as_ref()?.value()?.to_string();
    language::compile(&Source { text: &text, format: Format::Json }).workflow
}

/// Everything that forbids the run to go on with `next`.
pub(super) fn problems(run: &Run, next: &Workflow) -> Vec<SchemaViolation> {
    let old = &run.workflow;
    let mut problems = Vec::new();
    let mut refuse = |path: String, message: &str| {
        problems.push(SchemaViolation { path, message: message.to_owned() });
    };
    let keys = |document: &Value| -> Vec<String> {
        document.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = keys(&old.document);
    all.extend(keys(&next.document));
    all.sort_unstable();
    all.dedup();
    for key in all.iter().filter(|key| !MAY_CHANGE.contains(&key.as_str())) {
        if old.document.get(key) != next.document.get(key) {
            refuse(format!("/{key}"), "this holds for the whole run and cannot be changed");
        }
    }
    for (index, id, step) in run.iter() {
        let has_begun = !matches!(step.state, StepState::Pending) || step.attempts > 0;
        if !has_begun {
            continue;
        }
        let path = format!("/nodes/{id}");
        match next.by_id.get(id) {
            None => refuse(path, "this step has begun and cannot be left out"),
            Some(_) if old.document["nodes"].get(id.as_str()) != next.document["nodes"].get(id.as_str()) => {
                refuse(path, "this step has begun and cannot be changed");
            }
            Some(there) if ways(old, index) != ways(next, *there) => {
                refuse(path, "this step has begun, and what stands before it cannot be changed");
            }
            Some(_) => {}
        }
    }
    problems
}

/// What stands before a node, in words that do not depend on where nodes stand in a list.
fn ways(workflow: &Workflow, index: NodeIndex) -> Vec<String> {
    let way = |edge: &Dependency| {
        let when = edge.when.as_ref().map_or("", |when| when.text());
        format!("{} {:?} {:?} {when}", workflow.node(edge.parent).id, edge.kind, edge.taken)
    };
    let mut ways: Vec<String> = workflow.node(index).parents.iter().map(way).collect();
    ways.sort_unstable();
    ways
}

/// Goes on with another definition: steps stay with their nodes, new ones have not begun.
pub(super) fn adopt(run: &mut Run, next: Arc<Workflow>) {
    let step = |id| run.workflow.by_id.get(id).and_then(|index| run.steps.get(index.at())).cloned();
    run.steps = next.nodes.iter().map(|node| step(&node.id).unwrap_or_default()).collect();
    // The file's own limit, unless somebody changed it for this run.
    if run.max_parallel == run.workflow.max_parallel {
        run.max_parallel = next.max_parallel;
    }
    run.workflow = next;
}
