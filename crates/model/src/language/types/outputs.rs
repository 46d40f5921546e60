//! What each node gives when it completes.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use super::agents::Agents;
use super::condition;
use super::reading::Reading;
use super::{Fields, Kinds, Rest, Type};
use crate::workflow::{
    Dependency, Loop, MapNode, Merge, MergeWord, Node, NodeKind, OnError, Transform, Wait,
};

/// The type of the output of a node, as it is read from where it stands.
pub(super) fn output(node: &Node, reading: &Reading<'_>, agents: &Agents) -> Arc<Type> {
    let text = || Type::kind(Kinds::STRING);
    if let OnError::Default(_) = node.on_error {
        // What stands for it may be of any type.
        return Type::any();
    }
    match &node.kind {
        NodeKind::Call(call) => agents.gives(&call.target),
        NodeKind::Gate(gate) => {
            let changes = gate.form.as_ref().map_or_else(Type::any, |form| Type::of_schema(form.document()));
            Type::mapping([
                ("decision", Type::of_value(&Value::from("approved")), true),
                ("comment", text().or_null(), true),
                ("changes", changes.or_null(), true),
                ("by", text().or_null(), true),
                ("at", text(), true),
            ])
        }
        NodeKind::Condition(_) => Type::mapping([("value", Type::of_value(&Value::Bool(true)), true)]),
        NodeKind::Cases(_) => Type::mapping([
            ("case", Type::kind(Kinds::INTEGER), true),
            ("to", Type::list_of(Some(text())), true),
        ]),
        NodeKind::Parallel(_) => Type::mapping([]),
        NodeKind::Map(map) => Type::list_of(Some(of_each(map, reading, agents))),
        NodeKind::Loop(repeat) => {
            let iterations = Type::kind(Kinds::INTEGER);
            Type::mapping([
                ("iterations", iterations, true),
                ("last", of_pass(repeat, reading, agents), true),
            ])
        }
        NodeKind::Wait(Wait::For(_) | Wait::Until(_)) => Type::mapping([("at", text(), true)]),
        NodeKind::Wait(Wait::Signal(signal)) => {
            signal.schema.as_ref().map_or_else(Type::any, |schema| Type::of_schema(schema.document()))
        }
        NodeKind::Emit(emit) => {
            Type::mapping([("event", Type::of_value(&Value::from(emit.event.as_str())), true)])
        }
        NodeKind::Transform(Transform::Value(bound)) => reading.bound(bound, "", &mut |_, _| {}),
        NodeKind::Transform(Transform::Expression(expression)) => condition::infer(expression, reading).0,
        // The catalogue knows what another workflow gives, and may know another version of it by the time it is started.
        NodeKind::Workflow(_) => Type::any(),
        NodeKind::Join(join) => {
            let given = node.parents.iter().map(|Dependency { parent, .. }| reading.output_of(*parent));
            match &join.merge {
                Some(rule) => merged(rule, &given.collect::<Vec<_>>()),
                // Parents that were skipped are absent, and those that failed and may are null.
                None => {
                    let fields = node.parents.iter().zip(given).map(|(edge, given)| {
                        let parent = reading.outline().node(edge.parent)?;
                        Some((parent.id.as_str(), given.or_null(), false))
                    });
                    // A parent with errors leaves open what is joined.
                    fields.collect::<Option<Vec<_>>>().map_or_else(Type::any, Type::mapping)
                }
            }
        }
    }
}

/// What the node of a map gives for one item.
fn of_each(map: &MapNode, reading: &Reading<'_>, agents: &Agents) -> Arc<Type> {
    of_body(&map.body, &reading.in_map(map), agents)
}

/// What the node of a loop gives in one pass. What the pass before gave is left open: it is what is asked for.
pub(super) fn of_pass(repeat: &Loop, reading: &Reading<'_>, agents: &Agents) -> Arc<Type> {
    of_body(&repeat.body, &reading.in_loop(Type::any()), agents)
}

fn of_body(body: &Node, inside: &Reading<'_>, agents: &Agents) -> Arc<Type> {
    let gives = output(body, inside, agents);
    // Whoever reads a node that may fail knows it; inside of a list nobody does.
    if body.on_error == OnError::Continue { gives.or_null() } else { gives }
}

/// What becomes of the outputs of a join's parents, any of which may be missing.
fn merged(rule: &Merge, given: &[Arc<Type>]) -> Arc<Type> {
    let are_mappings = given.iter().all(|one| one.kinds == Kinds::OBJECT);
    match rule {
        Merge::Whole(word) if !are_mappings => {
            let kinds = match word {
                MergeWord::Append => Kinds::ARRAY,
                MergeWord::Sum => Kinds::NUMBER,
                MergeWord::Error | MergeWord::First | MergeWord::Last | MergeWord::DeepMerge => {
                    given.iter().fold(Kinds::NONE, |all, one| all.union(one.kinds))
                }
            };
            // Of mappings it makes one, and of nothing an empty one.
            Type::kind(kinds.union(Kinds::OBJECT))
        }
        // Whoever is no mapping fails the join where keys are named.
        Merge::Keys(words) if !are_mappings && words.is_empty() => Type::any(),
        Merge::Whole(_) | Merge::Keys(_) => {
            let word = |key: &str| match rule {
                Merge::Whole(word) => *word,
                Merge::Keys(words) => words.get(key).copied().unwrap_or(MergeWord::Error),
            };
            let Some(all) = Type::join_all(given.iter().cloned()) else { return Type::mapping([]) };
            let Some(fields) = &all.fields else { return Type::kind(Kinds::OBJECT) };
            let known = fields.known.iter().map(|(key, field)| (key.clone(), joined(word(key), field)));
            let rest = match &fields.rest {
                // A word may make something else of it.
                Rest::Of(_) => Rest::Open,
                rest => rest.clone(),
            };
            let fields = Fields { known: known.collect(), required: BTreeSet::new(), rest };
            Arc::new(Type { fields: Some(Arc::new(fields)), ..Type::of_kinds(Kinds::OBJECT) })
        }
    }
}

/// What a word makes of one value or several ones of that type.
fn joined(word: MergeWord, one: &Arc<Type>) -> Arc<Type> {
    match word {
        MergeWord::Error | MergeWord::First | MergeWord::Last => one.clone(),
        MergeWord::Append => Type::kind(Kinds::ARRAY),
        MergeWord::Sum if one.kinds.has(Kinds::FRACTION) => Type::kind(Kinds::NUMBER),
        MergeWord::Sum => Type::kind(Kinds::INTEGER),
        MergeWord::DeepMerge => Type::kind(one.kinds),
    }
}
