//! The compiled form of a workflow as a document for people and programs: what became of what the file says.
//!
//! Nodes stand in the order in which they are worked through. Each parent says where it comes from, so that it shows what
//! `chain`, `branches` and `cases` were short for; each binding stands with its place in the node.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use crate::language::plan::{Estimate, plan};
use crate::workflow::{DependencyKind, Workflow};

/// The compiled form: `{name, hash, description, nodes, output, plan}`. Pure.
#[must_use]
pub fn compiled(workflow: &Workflow) -> Value {
    let origins = origins(&workflow.document);
    let nodes: Vec<Value> = workflow
        .nodes
        .iter()
        .map(|node| {
            let own = &workflow.document["nodes"][node.id.as_str()];
            let parents: Vec<Value> = node
                .parents
                .iter()
                .map(|parent| {
                    let id = workflow.node(parent.parent).id.to_string();
                    let from = origins.get(&(id.clone(), node.id.to_string()));
                    json!({
                        "node": id,
                        "kind": kind(parent.kind),
                        "when": parent.when.as_ref().map(|when| when.text()),
                        "from": from.map_or("needs", String::as_str),
                    })
                })
                .collect();
            let children: Vec<&str> =
                node.children.iter().map(|child| workflow.node(*child).id.as_str()).collect();
            let bindings = bindings(own);
            let mut reads: Vec<&str> =
                bindings.iter().filter_map(|binding| binding["reads"].as_str()).collect();
            reads.dedup();
            json!({
                "id": node.id.as_str(),
                "level": node.level,
                "type": node.kind.type_name(),
                "parents": parents,
                "children": children,
                "when": node.when.as_ref().map(|when| when.text()),
                "reads": reads,
                "bindings": bindings,
            })
        })
        .collect();
    let plan = plan(workflow, &Estimate::declared);
    json!({
        "name": workflow.name.as_str(),
        "hash": workflow.hash.to_string(),
        "description": workflow.description,
        "nodes": nodes,
        "output": workflow.document.get("output"),
        // A plan is made of texts and numbers, which always serialise.
        "plan": serde_json::to_value(&plan).unwrap_or(Value::Null),
    })
}

fn kind(kind: DependencyKind) -> &'static str {
    match kind {
        DependencyKind::Hard => "hard",
        DependencyKind::Soft => "soft",
        DependencyKind::Optional => "optional",
    }
}

/// Where each dependency that is not in `needs` is written, by parent and child.
fn origins(document: &Value) -> HashMap<(String, String), String> {
    let mut origins = HashMap::new();
    let mut add = |from: &str, to: &str, origin: String| {
        origins.entry((from.to_owned(), to.to_owned())).or_insert(origin);
    };
    for chain in chains(document) {
        for pair in chain.windows(2) {
            add(pair[0], pair[1], "chain".to_owned());
        }
    }
    for edge in document["edges"].as_array().into_iter().flatten() {
        if let (Some(from), Some(to)) = (edge["from"].as_str(), edge["to"].as_str()) {
            add(from, to, "edges".to_owned());
        }
    }
    for (id, node) in document["nodes"].as_object().into_iter().flatten() {
        for (branch, nodes) in node["branches"].as_object().into_iter().flatten() {
            let nodes: Vec<&str> = std::iter::once(id.as_str()).chain(ids(nodes)).collect();
            for pair in nodes.windows(2) {
                add(pair[0], pair[1], format!("branch {branch} of {id}"));
            }
        }
        for case in node["cases"].as_array().into_iter().flatten() {
            for to in ids(&case["to"]) {
                add(id, to, format!("cases of {id}"));
            }
        }
        if let Some(to) = node["on_error"]["goto"].as_str() {
            add(id, to, format!("on_error of {id}"));
        }
    }
    origins
}

/// The chains of a document: one that is written without a list around it too.
pub(crate) fn chains(document: &Value) -> Vec<Vec<&str>> {
    let chain = &document["chain"];
    match chain.as_array() {
        Some(all) if all.iter().all(Value::is_string) => vec![ids(chain)],
        Some(all) => all.iter().map(ids).collect(),
        None => Vec::new(),
    }
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// The bindings of a node with their places in it, as JSON pointers.
fn bindings(node: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    // Schemas and words are never bound, so that a text like `$ref` in them is none.
    let bound = ["input", "data", "value", "over", "until", "node", "fallbacks"];
    for (key, value) in
        node.as_object().unwrap_or(&Map::new()).iter().filter(|(key, _)| bound.contains(&key.as_str()))
    {
        collect(value, &mut format!("/{key}"), &mut found);
    }
    found
}

fn collect(value: &Value, path: &mut String, found: &mut Vec<Value>) {
    let length = path.len();
    match value {
        Value::String(text) if text.starts_with('$') && !text.starts_with("$$") => {
            found.push(json!({ "at": path, "reads": text }));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                path.push_str(&format!("/{at}"));
                collect(item, path, found);
                path.truncate(length);
            }
        }
        Value::Object(map) => {
            for (key, value) in map {
                path.push_str(&format!("/{}", key.replace('~', "~0").replace('/', "~1")));
                collect(value, path, found);
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Format, Source, compile};

    #[test]
    fn the_compiled_form_shows_what_chain_branches_and_edges_were_short_for() {
        let text = "ghostlight: 1\nname: w\nchain: [[b, c]]\nnodes:\n  fan: {type: parallel, branches: {left: [a, b]}}\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: x, input: {n: $a.n, l: [$input.x, $$y]}}\n  c: {type: agent_call, agent: x, needs: [{node: a, kind: soft}]}\nedges: [{from: fan, to: c, when: 1 < 2}]\noutput: $c\n";
        let workflow = compile(&Source { text, format: Format::Yaml }).workflow.unwrap();
        let shown = compiled(&workflow);
        let ids: Vec<_> = shown["nodes"].as_array().unwrap().iter().map(|node| &node["id"]).collect();
        assert_eq!(ids, ["fan", "a", "b", "c"]);
        assert_eq!(shown["nodes"][1]["parents"][0]["from"], "branch left of fan");
        assert_eq!(
            shown["nodes"][2]["bindings"],
            json!([{"at": "/input/l/0", "reads": "$input.x"}, {"at": "/input/n", "reads": "$a.n"}])
        );
        let parents = json!([
            {"node": "a", "kind": "soft", "when": null, "from": "needs"},
            {"node": "b", "kind": "hard", "when": null, "from": "chain"},
            {"node": "fan", "kind": "hard", "when": "1 < 2", "from": "edges"},
        ]);
        assert_eq!(shown["nodes"][3]["parents"], parents);
        assert_eq!((&shown["nodes"][3]["level"], &shown["output"]), (&json!(3), &json!("$c")));
        assert_eq!(shown["plan"]["levels"][0], json!(["fan"]));
    }
}
