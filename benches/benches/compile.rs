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
