//! What a node reads of its run's input, as JSON pointers into it.

use crate::workflow::{Node, NodeKind, Transform, Until, Wait};

/// Everything that a node reads; what it does for its items or in its passes too when `with_inside` says so.
pub(super) fn reads(node: &Node, with_inside: bool) -> Vec<String> {
    let mut found = Vec::new();
    collect(node, with_inside, &mut found);
    found
}

fn collect(node: &Node, with_inside: bool, found: &mut Vec<String>) {
    node.input.input_reads(found);
    let edges = node.parents.iter().filter_map(|edge| edge.when.as_ref());
    edges.chain(&node.when).for_each(|when| when.input_reads(found));
    if let Some(success) = &node.success {
        success.assertions.iter().for_each(|assertion| assertion.that.input_reads(found));
    }
    node.asides().for_each(|(_, aside)| collect(aside, true, found));
    match &node.kind {
        NodeKind::Gate(gate) => {
            std::iter::once(&gate.action).chain(&gate.impact).for_each(|text| text.input_reads(found));
        }
        NodeKind::Condition(condition) => condition.input_reads(found),
        NodeKind::Cases(cases) => {
            cases.iter().filter_map(|case| case.when.as_ref()).for_each(|when| when.input_reads(found));
        }
        NodeKind::Map(map) => map.over.input_reads(found),
        NodeKind::Loop(repeat) => repeat.until.input_reads(found),
        NodeKind::Wait(Wait::Until(Until::Bound(bound))) | NodeKind::Transform(Transform::Value(bound)) => {
            bound.input_reads(found);
        }
        NodeKind::Emit(emit) => emit.data.input_reads(found),
        NodeKind::Transform(Transform::Expression(expression)) => expression.input_reads(found),
        NodeKind::Call(_)
        | NodeKind::Parallel(_)
        | NodeKind::Join(_)
        | NodeKind::Workflow(_)
        | NodeKind::Wait(Wait::For(_) | Wait::Until(Until::At(_)) | Wait::Signal(_)) => {}
    }
    if let (true, Some(body)) = (with_inside, node.kind.body()) {
        collect(body, true, found);
    }
}
