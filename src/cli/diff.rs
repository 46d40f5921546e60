//! How two versions of a workflow differ, as people read it: one line for each value, with a sign that says the same
//! without the colour.

use owo_colors::OwoColorize;
use serde_json::Value;

use crate::output::{plain, shortened};

/// How much of a value is shown.
const SHOWN_MAX: usize = 100;

/// A diff as the daemon answers it.
pub(super) fn drawn(diff: &Value) -> String {
    let mut lines = vec![
        format!("{} version {} → version {}", text(&diff["workflow"]), diff["from"], diff["to"])
            .bold()
            .to_string(),
    ];
    if diff["identical"] == true {
        lines.push("both are the same".to_owned());
        return lines.join("\n");
    }
    for change in list(&diff["top"]) {
        lines.push(changed("", change));
    }
    let nodes = &diff["nodes"];
    for node in list(&nodes["renamed"]) {
        lines.push(format!(
            "{} node {} is called {} now",
            "»".cyan(),
            text(&node["from"]),
            text(&node["to"])
        ));
    }
    for node in list(&nodes["removed"]) {
        lines.push(format!("- node {}: {}", text(&node["id"]), value(&node["node"])).red().to_string());
    }
    for node in list(&nodes["added"]) {
        lines.push(format!("+ node {}: {}", text(&node["id"]), value(&node["node"])).green().to_string());
    }
    for node in list(&nodes["changed"]) {
        lines.push(format!("{} node {}", "~".yellow(), text(&node["id"])));
        lines.extend(list(&node["changes"]).map(|change| changed("  ", change)));
    }
    for edge in list(&diff["edges"]["removed"]) {
        lines.push(format!("- edge {}", written(edge)).red().to_string());
    }
    for edge in list(&diff["edges"]["added"]) {
        lines.push(format!("+ edge {}", written(edge)).green().to_string());
    }
    lines.join("\n")
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn value(value: &Value) -> String {
    shortened(&value.to_string(), SHOWN_MAX)
}

fn changed(indent: &str, change: &Value) -> String {
    let path = text(&change["path"]);
    match (change.get("from"), change.get("to")) {
        (None, Some(to)) => format!("{indent}+ {path}: {}", value(to)).green().to_string(),
        (Some(from), None) => format!("{indent}- {path}: {}", value(from)).red().to_string(),
        (from, to) => {
            let (from, to) = (from.unwrap_or(&Value::Null), to.unwrap_or(&Value::Null));
            format!("{indent}{} {path}: {} → {}", "~".yellow(), value(from).red(), value(to).green())
        }
    }
}

fn written(edge: &Value) -> String {
    let mut line = format!("{} → {}", text(&edge["from"]), text(&edge["to"]));
    if edge["kind"] != "hard" {
        line.push_str(&format!(" ({})", text(&edge["kind"])));
    }
    if let Some(when) = edge["when"].as_str() {
        line.push_str(&format!(" when {}", shortened(when, SHOWN_MAX)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_diff_says_with_signs_what_it_says_with_colours() {
        let diff = json!({ "workflow": "w", "from": 1, "to": 2, "identical": false,
            "top": [{ "path": "/description", "to": "d\u{1b}[2J" }],
            "nodes": { "renamed": [{ "from": "a", "to": "b" }], "added": [{ "id": "n", "node": { "type": "emit" } }],
                "removed": [], "changed": [{ "id": "c", "changes": [{ "path": "/nodes/c/agent", "from": "x", "to": "y" }] }] },
            "edges": { "added": [{ "from": "b", "to": "c", "kind": "soft", "when": "b.ok" }], "removed": [] } });
        let seen = anstream::adapter::strip_str(&drawn(&diff)).to_string();
        let expected = "w version 1 → version 2\n+ /description: \"d\\u001b[2J\"\n» node a is called b now\n\
                        + node n: {\"type\":\"emit\"}\n~ node c\n  ~ /nodes/c/agent: \"x\" → \"y\"\n\
                        + edge b → c (soft) when b.ok";
        assert_eq!(seen, expected);
        let same = drawn(&json!({ "workflow": "w", "from": 1, "to": 1, "identical": true }));
        assert!(same.ends_with("both are the same"));
    }
}
