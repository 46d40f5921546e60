//! How two versions of a workflow differ, by its structure and not by its text: nodes, edges and the keys at the top.
//!
//! Works on canonical documents, so that comments, the order of keys and the format make no difference. Promises: a
//! document does not differ from itself; what differs between two, applied to the first, gives the second. Bounded: past
//! [`CHANGES_MAX`] single values what differs is told as a whole, node by node and key by key.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

/// How many single values are told apart before a node or a key is told as a whole.
pub const CHANGES_MAX: usize = 10_000;

/// What differs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Diff {
    /// The nodes.
    pub nodes: NodesDiff,
    /// The edges, however they are written.
    pub edges: EdgesDiff,
    /// The keys at the top, `nodes` left out.
    pub top: Vec<ValueChange>,
}

/// What differs among the nodes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct NodesDiff {
    /// Those that are new, by id.
    pub added: Vec<WholeNode>,
    /// Those that are gone, by id.
    pub removed: Vec<WholeNode>,
    /// Those that have another id and the same body.
    pub renamed: Vec<Renamed>,
    /// Those that are in both and differ.
    pub changed: Vec<NodeChange>,
}

/// A node that is only in one of the two.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WholeNode {
    /// Its id.
    pub id: String,
    /// Its body.
    pub node: Value,
}

/// A node with another id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Renamed {
    /// Its id in the first.
    pub from: String,
    /// Its id in the second.
    pub to: String,
}

/// A node that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeChange {
    /// Its id.
    pub id: String,
    /// Its values that differ.
    pub changes: Vec<ValueChange>,
}

/// A value that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueChange {
    /// JSON pointer into both documents.
    pub path: String,
    /// The value in the first; none: it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// The value in the second; none: it is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
}

/// What differs among the edges. They follow from `needs`, `edges`, `chain` and `branches`, whose values are compared above.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct EdgesDiff {
    /// Those that are new.
    pub added: Vec<WrittenEdge>,
    /// Those that are gone.
    pub removed: Vec<WrittenEdge>,
}

/// An edge as a document says it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct WrittenEdge {
    /// The parent.
    pub from: String,
    /// The child.
    pub to: String,
    /// `hard`, `soft`, `optional`.
    pub kind: String,
    /// Its condition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

impl Diff {
    /// Whether the two are the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The second document, made of the first. What does not fit the first is left out.
    #[must_use]
    pub fn apply(&self, first: &Value) -> Value {
        let mut document = first.clone();
        for change in &self.top {
            set(&mut document, change);
        }
        if let Some(nodes) = document.get_mut("nodes").and_then(Value::as_object_mut) {
            for removed in &self.nodes.removed {
                nodes.remove(&removed.id);
            }
            // Two may have taken each other's id: all are taken out before any is put back.
            let moved: Vec<_> = self.nodes.renamed.iter().map(|r| (&r.to, nodes.remove(&r.from))).collect();
            nodes.extend(moved.into_iter().filter_map(|(id, node)| Some((id.clone(), node?))));
            nodes.extend(self.nodes.added.iter().map(|added| (added.id.clone(), added.node.clone())));
        }
        for change in self.nodes.changed.iter().flat_map(|node| &node.changes) {
            set(&mut document, change);
        }
        document
    }
}

/// What differs between two canonical documents.
#[must_use]
pub fn diff(from: &Value, to: &Value) -> Diff {
    let mut budget = CHANGES_MAX;
    let (first, second) = (nodes_of(from), nodes_of(to));
    // `nodes` that are no mapping are a key like any other.
    let (first, second) = match (first, second) {
        (Some(first), Some(second)) => (first, second),
        _ => {
            let mut top = Vec::new();
            compare("", from, to, &mut budget, &mut top);
            return Diff { top, ..Diff::default() };
        }
    };
    let top = top_changes(from, to, &mut budget);
    let nodes = nodes_diff(first, second, &mut budget);
    let (before, after) = (edges_of(from), edges_of(to));
    let edges = EdgesDiff {
        added: after.difference(&before).cloned().collect(),
        removed: before.difference(&after).cloned().collect(),
    };
    Diff { nodes, edges, top }
}

fn nodes_of(document: &Value) -> Option<&Map<String, Value>> {
    document.get("nodes")?.as_object()
}

fn top_changes(from: &Value, to: &Value, budget: &mut usize) -> Vec<ValueChange> {
    let keys = |document: &Value| -> BTreeSet<String> {
        document.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default()
    };
    let mut changes = Vec::new();
    for key in keys(from).union(&keys(to)).filter(|key| *key != "nodes") {
        entry(&format!("/{}", escaped(key)), from.get(key), to.get(key), budget, &mut changes);
    }
    changes
}

fn nodes_diff(from: &Map<String, Value>, to: &Map<String, Value>, budget: &mut usize) -> NodesDiff {
    let whole = |(id, node): (&String, &Value)| WholeNode { id: id.clone(), node: node.clone() };
    let mut removed: Vec<WholeNode> =
        from.iter().filter(|(id, _)| !to.contains_key(*id)).map(whole).collect();
    let mut added: Vec<WholeNode> = to.iter().filter(|(id, _)| !from.contains_key(*id)).map(whole).collect();
    removed.sort_by(|a, b| a.id.cmp(&b.id));
    added.sort_by(|a, b| a.id.cmp(&b.id));
    let renamed = take_renamed(&mut removed, &mut added);
    let mut changed = Vec::new();
    for (id, before) in from {
        let Some(after) = to.get(id).filter(|after| *after != before) else { continue };
        let mut changes = Vec::new();
        compare(&format!("/nodes/{}", escaped(id)), before, after, budget, &mut changes);
        changed.push(NodeChange { id: id.clone(), changes });
    }
    changed.sort_by(|a, b| a.id.cmp(&b.id));
    NodesDiff { added, removed, renamed, changed }
}

/// Takes out of both lists what has the same body: of several equal ones, the first with the first.
fn take_renamed(removed: &mut Vec<WholeNode>, added: &mut Vec<WholeNode>) -> Vec<Renamed> {
    let mut by_body: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in added.iter().rev() {
        by_body.entry(node.node.to_string()).or_default().push(node.id.clone());
    }
    let mut renamed = Vec::new();
    removed.retain(|node| match by_body.get_mut(&node.node.to_string()).and_then(Vec::pop) {
        Some(to) => {
            renamed.push(Renamed { from: node.id.clone(), to });
            false
        }
        None => true,
    });
    let taken: BTreeSet<&str> = renamed.iter().map(|renamed| renamed.to.as_str()).collect();
    added.retain(|node| !taken.contains(node.id.as_str()));
    renamed
}

fn entry(
    path: &str,
    from: Option<&Value>,
    to: Option<&Value>,
    budget: &mut usize,
    changes: &mut Vec<ValueChange>,
) {
    match (from, to) {
        (Some(from), Some(to)) => compare(path, from, to, budget, changes),
        _ => changes.push(ValueChange { path: path.to_owned(), from: from.cloned(), to: to.cloned() }),
    }
}

/// Documents are nested at most 64 levels deep, so that the recursion is bounded.
fn compare(path: &str, from: &Value, to: &Value, budget: &mut usize, changes: &mut Vec<ValueChange>) {
    if from == to {
        return;
    }
    match (from, to) {
        (Value::Object(before), Value::Object(after)) if enough(before.len() + after.len(), budget) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let path = format!("{path}/{}", escaped(key));
                entry(&path, before.get(key), after.get(key), budget, changes);
            }
        }
        (Value::Array(before), Value::Array(after))
            if before.len() == after.len() && enough(before.len(), budget) =>
        {
            for (index, (before, after)) in before.iter().zip(after).enumerate() {
                compare(&format!("{path}/{index}"), before, after, budget, changes);
            }
        }
        _ => {
            let (from, to) = (Some(from.clone()), Some(to.clone()));
            changes.push(ValueChange { path: path.to_owned(), from, to });
        }
    }
}

/// Whether so many values may be compared one by one.
fn enough(wanted: usize, budget: &mut usize) -> bool {
    match budget.checked_sub(wanted) {
        Some(left) => {
            *budget = left;
            true
        }
        None => false,
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn set(document: &mut Value, change: &ValueChange) {
    let Some((parent, last)) = change.path.rsplit_once('/') else {
        // The empty pointer is the document itself.
        if let Some(to) = &change.to {
            document.clone_from(to);
        }
        return;
    };
    let last = last.replace("~1", "/").replace("~0", "~");
    match (document.pointer_mut(parent), &change.to) {
        (Some(Value::Object(map)), Some(to)) => {
            map.insert(last, to.clone());
        }
        (Some(Value::Object(map)), None) => {
            map.remove(&last);
        }
        (Some(Value::Array(items)), Some(to)) => {
            if let Some(item) = last.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                item.clone_from(to);
            }
        }
        _ => {}
    }
}

/// The edges of a document, as it says them.
fn edges_of(document: &Value) -> BTreeSet<WrittenEdge> {
    let mut edges = BTreeSet::new();
    let list =
        |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    for (id, node) in nodes_of(document).into_iter().flatten() {
        for need in list(node, "needs") {
            let from = need.as_str().or_else(|| need.get("node")?.as_str());
            edges.extend(from.map(|from| edge(from, id, &need)));
        }
        for branch in node.get("branches").and_then(Value::as_object).into_iter().flat_map(Map::values) {
            edges.extend(pairs(std::iter::once(id.as_str()).chain(texts(branch))));
        }
    }
    for chain in crate::compiled_view::chains(document) {
        edges.extend(pairs(chain.into_iter()));
    }
    for written in list(document, "edges") {
        let end = |key: &str| written.get(key).and_then(Value::as_str);
        if let (Some(from), Some(to)) = (end("from"), end("to")) {
            edges.insert(edge(from, to, &written));
        }
    }
    edges
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn pairs<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<WrittenEdge> {
    let ids: Vec<&str> = ids.collect();
    ids.windows(2).map(|pair| edge(pair[0], pair[1], &Value::Null)).collect()
}

/// An edge with the kind and condition that stand beside it.
fn edge(from: &str, to: &str, beside: &Value) -> WrittenEdge {
    let text = |key: &str| beside.get(key).and_then(Value::as_str).map(str::to_owned);
    WrittenEdge {
        from: from.to_owned(),
        to: to.to_owned(),
        kind: text("kind").unwrap_or_else(|| "hard".to_owned()),
        when: text("when"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn shown(from: Value, to: Value) -> Value {
        let diff = diff(&from, &to);
        assert_eq!(diff.apply(&from), to);
        serde_json::to_value(diff).unwrap()
    }

    /// Shows S3-1a, S3-1b, S3-1c.
    #[test]
    fn a_diff_tells_nodes_edges_and_keys_apart_with_pointers_and_values() {
        let from = json!({ "name": "w", "labels": { "team": "a" }, "nodes": {
            "a": { "type": "agent_call", "agent": "x", "input": { "n": 1, "list": [1, 2] } },
            "b": { "type": "agent_call", "agent": "y", "needs": ["a"] },
            "gone": { "type": "wait", "for": "1s" },
        } });
        let to = json!({ "name": "w", "labels": { "team": "b" }, "description": "d", "nodes": {
            "a": { "type": "agent_call", "agent": "x", "input": { "n": 2, "list": [1, 2, 3] } },
            "b": { "type": "agent_call", "agent": "y", "needs": [{ "node": "a", "kind": "soft" }] },
            "new": { "type": "emit", "event": "e" },
        } });
        let diff = shown(from, to);
        assert_eq!(diff["nodes"]["added"][0]["id"], "new");
        assert_eq!(diff["nodes"]["removed"][0]["id"], "gone");
        assert_eq!(
            diff["nodes"]["changed"][0]["changes"],
            json!([{ "path": "/nodes/a/input/list", "from": [1, 2], "to": [1, 2, 3] },
                   { "path": "/nodes/a/input/n", "from": 1, "to": 2 }])
        );
        assert_eq!(diff["edges"]["added"], json!([{ "from": "a", "to": "b", "kind": "soft" }]));
        assert_eq!(diff["edges"]["removed"], json!([{ "from": "a", "to": "b", "kind": "hard" }]));
        assert_eq!(
            diff["top"],
            json!([{ "path": "/description", "to": "d" }, { "path": "/labels/team", "from": "a", "to": "b" }])
        );
    }

    #[test]
    fn a_node_with_another_id_and_the_same_body_was_renamed_even_when_two_swap() {
        let call = |agent: &str| json!({ "type": "agent_call", "agent": agent });
        let diff = shown(
            json!({ "nodes": { "a": call("x"), "b": call("y") } }),
            json!({ "nodes": { "c": call("x"), "b": call("y") } }),
        );
        assert_eq!(diff["nodes"]["renamed"], json!([{ "from": "a", "to": "c" }]));
        assert_eq!((&diff["nodes"]["added"], &diff["nodes"]["removed"]), (&json!([]), &json!([])));
        shown(json!({ "nodes": { "a": 1, "b": 1, "c": 1 } }), json!({ "nodes": { "d": 1, "e": 1 } }));
        shown(json!({ "nodes": { "a": 1, "b": 2 } }), json!({ "nodes": { "a": 2, "b": 1 } }));
    }

    #[test]
    fn past_the_bound_what_differs_is_told_as_a_whole() {
        let list = |first: usize| Value::Array((first..first + 9_000).map(Value::from).collect());
        let document = |first| json!({ "nodes": { "a": list(first), "b": list(first) } });
        let diff = diff(&document(0), &document(1));
        let counts: Vec<usize> = diff.nodes.changed.iter().map(|node| node.changes.len()).collect();
        assert_eq!(counts, [9_000, 1]);
        assert_eq!(diff.apply(&document(0)), document(1));
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (0..4_i64).prop_map(Value::from),
            "[ab/~]{0,2}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[ab/~]{0,2}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn document() -> impl Strategy<Value = Value> {
        (prop::collection::btree_map("[a-d]", value(), 0..5), value(), value())
            .prop_map(|(nodes, top, edges)| json!({ "nodes": nodes, "top": top, "edges": edges }))
    }

    proptest! {
        /// Shows S3-1c.
        #[test]
        fn a_document_does_not_differ_from_itself(document in document()) {
            prop_assert!(diff(&document, &document).is_empty());
        }

        /// Shows S3-1c.
        #[test]
        fn what_differs_applied_to_the_first_gives_the_second(a in prop_oneof![document(), value()], b in prop_oneof![document(), value()]) {
            prop_assert_eq!(diff(&a, &b).apply(&a), b);
        }
    }
}
