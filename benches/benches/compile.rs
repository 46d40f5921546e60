//! How long a workflow document takes to become a plan; a document of 10,000 nodes is the largest that is taken.

#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use std::fmt::Write as _;

use ghostlight_benches::measure;
use ghostlight_model::language::{Format, NODES_MAX, Source, compile};

fn main() {
    let documents = [
        ("incident-response.yaml", include_str!("../../config/workflows/incident-response.yaml").to_owned()),
        ("chain of 10,000 nodes", chain(NODES_MAX)),
        ("fan-out of 9,998 nodes with a join", fan_out(NODES_MAX - 2)),
        ("10,000 nodes with 50,000 edges", layered(NODES_MAX, 5, "")),
        // What one of them costs is the difference to the document before the last, over 1,000.
        ("1,000 nodes with 5,000 edges", layered(1_000, 5, "")),
        ("the same with 1,000 bindings more", layered(1_000, 5, "input: { a: $input.x.y }")),
        ("the same with 1,000 conditions", layered(1_000, 5, "when: input.n > 3 && input.ok")),
        ("1,000 questions with plain texts", questions(1_000, "Restart the shop")),
        ("the same with 1,000 templates", questions(1_000, "Restart {{ input.service|upper }}")),
    ];
    for (name, text) in &documents {
        let source = Source { text, format: Format::Yaml };
        let compiled = compile(&source);
        assert!(compiled.workflow.is_some(), "{name}: {:#?}", compiled.diagnostics);
        measure(&format!("compile {name} ({} KiB)", text.len() >> 10), || compile(&source));
    }
}

fn chain(nodes: usize) -> String {
    let mut text = "ghostlight: 1\nname: chain\nnodes:\n".to_owned();
    for node in 0..nodes {
        let from = match node {
            0 => "input: { n: $input.n }".to_owned(),
            _ => format!("needs: [s{0}], input: $s{0}", node - 1),
        };
        let _ = writeln!(text, "  s{node}: {{ type: agent_call, agent: noop, {from} }}");
    }
    text
}

/// Every node depends on up to `fan` nodes before it.
fn layered(nodes: usize, fan: usize, fields: &str) -> String {
    let mut text = "ghostlight: 1\nname: layered\nnodes:\n".to_owned();
    for node in 0..nodes {
        let parents: Vec<String> =
            (1..=fan).filter_map(|back| node.checked_sub(back)).map(|parent| format!("n{parent}")).collect();
        let parents = parents.join(", ");
        let _ =
            writeln!(text, "  n{node}: {{ type: agent_call, agent: noop, needs: [{parents}], {fields} }}");
    }
    text
}

fn questions(nodes: usize, action: &str) -> String {
    let mut text = "ghostlight: 1\nname: questions\nnodes:\n".to_owned();
    for node in 0..nodes {
        let _ = writeln!(text, "  q{node}: {{ type: human_gate, action: \"{action}\" }}");
    }
    text
}

fn fan_out(width: usize) -> String {
    let mut text =
        "ghostlight: 1\nname: fan-out\nnodes:\n  start: { type: agent_call, agent: noop }\n".to_owned();
    for branch in 0..width {
        let _ =
            writeln!(text, "  b{branch}: {{ type: agent_call, agent: noop, needs: [start], input: $start }}");
    }
    let all: Vec<_> = (0..width).map(|branch| format!("b{branch}")).collect();
    let _ = writeln!(text, "  all: {{ type: join, needs: [{}], require: all }}", all.join(", "));
    text
}
