//! Changing the plan of a run: which changes it takes, and what becomes of its steps.
//!
//! Only what has not begun may change, and when a failed run is opened again what begins again. A node that has begun stays as it is, with what stands before it: else its step would
//! follow a definition that it was not made by.

use std::sync::Arc;

use serde_json::Value;

use super::state::{Run, Step, StepState};
use crate::event::{AtHand, PlanRevised};
use crate::ids::NodeId;
use crate::language::schema::SchemaViolation;
use crate::language::{self, Format, Source};
use crate::priority::Priority;
use crate::workflow::{Dependency, NodeIndex, Workflow};

/// What of a definition may be otherwise while a run goes on: the rest holds for the whole run.
pub(super) const MAY_CHANGE: [&str; 9] =
    ["nodes", "edges", "chain", "output", "max_parallel", "priority", "resources", "description", "labels"];
/// And when a failed run is opened again: what has finished does not read these any more, and the input is looked at again.
pub(super) const MAY_CHANGE_ANEW: [&str; 14] = [
    "nodes",
    "edges",
    "chain",
    "output",
    "max_parallel",
    "priority",
    "resources",
    "description",
    "labels",
    "input",
    "defaults",
    "timeouts",
    "retries",
    "selectors",
];

/// Whether a step forbids that its node is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It has not begun, or begins again.
    Free,
    /// It has begun.
    Begun,
    /// It begins again, and something inside of it is kept.
    HoldsOutputs,
}

impl Stand {
    /// Of a step that goes on.
    pub(super) fn of(step: &Step) -> Self {
        let has_begun = !matches!(step.state, StepState::Pending) || step.attempts > 0;
        if has_begun { Self::Begun } else { Self::Free }
    }

    fn why(self) -> &'static str {
        match self {
            Self::Free | Self::Begun => "this step has begun",
            Self::HoldsOutputs => "this step has done items or passes that are kept",
        }
    }
}

/// What a run follows after this event; none where that stays as it was, and when this program cannot compile it.
pub(super) fn plan(revised: &PlanRevised) -> Option<Arc<Workflow>> {
    if let AtHand(Some(plan)) = &revised.plan {
        return Some(plan.clone());
    }
    let text = revised.document.as_ref()?.value()?.to_string();
    language::compile(&Source { text: &text, format: Format::Json }).workflow
}

/// Whether two definitions have the same node of this id.
pub(super) fn is_same_node(old: &Workflow, next: &Workflow, id: &NodeId) -> bool {
    old.document["nodes"].get(id.as_str()) == next.document["nodes"].get(id.as_str())
}

/// Everything that forbids the run to go on with `next`, when these keys may be otherwise and its steps stand as `stand` says.
pub(super) fn problems(
    run: &Run,
    next: &Workflow,
    may_change: &[&str],
    stand: impl Fn(NodeIndex, &Step) -> Stand,
) -> Vec<SchemaViolation> {
    let old = &run.workflow;
    let mut problems = Vec::new();
    let mut refuse = |path: String, message: String| problems.push(SchemaViolation { path, message });
    let keys = |document: &Value| -> Vec<String> {
        document.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    };
    let mut all = keys(&old.document);
    all.extend(keys(&next.document));
    all.sort_unstable();
    all.dedup();
    for key in all.iter().filter(|key| !may_change.contains(&key.as_str())) {
        if old.document.get(key) != next.document.get(key) {
            let message = "this holds for the whole run and cannot be changed";
            refuse(format!("/{key}"), message.to_owned());
        }
    }
    for id in next.by_id.keys().filter(|id| run.left_out.contains_key(*id)) {
        let why = "a step of this id had begun and was left out; give what is done now another id";
        refuse(format!("/nodes/{id}"), why.to_owned());
    }
    for (index, id, step) in run.iter() {
        let stand = stand(index, step);
        if stand == Stand::Free {
            continue;
        }
        let (path, why) = (format!("/nodes/{id}"), stand.why());
        match next.by_id.get(id) {
            None => refuse(path, format!("{why} and cannot be left out")),
            Some(_) if !is_same_node(old, next, id) => refuse(path, format!("{why} and cannot be changed")),
            Some(there) if ways(old, index) != ways(next, *there) => {
                refuse(path, format!("{why}, and what stands before it cannot be changed"));
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

/// How urgent a run is with another definition: as that says, unless the run's own is another than its file's. A child is never
/// less urgent than it was, nor than its file says.
pub(super) fn priority(run: &Run, next: &Workflow) -> Option<Priority> {
    let is_of_file = run.priority == run.workflow.priority;
    let then = match run.parent {
        Some(_) => run.priority.max(next.priority),
        None if is_of_file => next.priority,
        None => run.priority,
    };
    (then != run.priority).then_some(then)
}

/// Goes on with another definition: steps stay with their nodes, new ones have not begun.
pub(super) fn adopt(run: &mut Run, next: Arc<Workflow>) {
    let step = |id| run.workflow.by_id.get(id).and_then(|index| run.steps.get(index.at())).cloned();
    let steps = next.nodes.iter().map(|node| step(&node.id).unwrap_or_default()).collect();
    let is_left_out = |id| !next.by_id.contains_key(id);
    let left_out = run.workflow.nodes.iter().zip(&run.steps);
    let left_out = left_out.filter(|(node, step)| is_left_out(&node.id) && step.has_done_something());
    let left_out: Vec<_> = left_out.map(|(node, step)| (node.id.clone(), step.clone())).collect();
    run.left_out.extend(left_out);
    run.steps = steps;
    // The file's own limit, unless somebody changed it for this run.
    if run.max_parallel == run.workflow.max_parallel {
        run.max_parallel = next.max_parallel;
    }
    run.workflow = next;
}
