//! The limits on size and time.

use std::fmt::Write;
use std::time::{Duration, Instant};

use super::*;
use crate::language::units::DURATION_MAX;
use crate::language::{EDGES_MAX, NODES_MAX};

/// A layered workflow: every node depends on up to `fan` nodes before it.
fn large(nodes: usize, fan: usize) -> String {
    let mut text = "ghostlight: 1\nname: large\nnodes:\n".to_owned();
    for node in 0..nodes {
        let parents: Vec<String> =
            (1..=fan).filter_map(|back| node.checked_sub(back)).map(|parent| format!("n{parent}")).collect();
        let input =
            if node > 0 { format!(", input: {{x: $n{}.out, y: $input.z}}", node - 1) } else { String::new() };
        let _ = writeln!(
            text,
            "  n{node}: {{type: agent_call, agent: noop, needs: [{}]{input}}}",
            parents.join(", ")
        );
    }
    text
}

/// S3-2f, S3-5h, S3-5i: 10,000 nodes and 50,000 dependencies compile at once. The bound on time is for an optimised build.
#[test]
fn ten_thousand_nodes_with_fifty_thousand_dependencies_compile() {
    let text = large(NODES_MAX, 5);
    let workflow = valid(&text);
    // The best of three: other work of the machine is none of our business.
    let took = (0..3).map(|_| {
        let started = Instant::now();
        drop(valid(&text));
        started.elapsed()
    });
    let took = took.min().unwrap();
    assert_eq!(workflow.nodes.len(), NODES_MAX);
    assert_eq!(workflow.graph.edge_count(), 5 * NODES_MAX - 15);
    assert_eq!(workflow.nodes.last().unwrap().level as usize, NODES_MAX - 1);
    println!("compiled in {took:?}");
    let limit = if cfg!(debug_assertions) { Duration::from_secs(20) } else { Duration::from_millis(200) };
    assert!(took < limit, "{took:?}");
    let plan = crate::language::plan::plan(&workflow, &crate::language::plan::Estimate::declared);
    assert_eq!((plan.width, plan.critical_path.len()), (1, NODES_MAX));
}

#[test]
fn conditions_and_templates_on_every_node_compile_in_bounded_time() {
    let mut text = "ghostlight: 1\nname: w\nnodes:\n  start: {type: agent_call, agent: x}\n".to_owned();
    for node in 0..1000 {
        let _ = writeln!(
            text,
            "  c{node}: {{type: condition, needs: [start], when: start.value > {node} && input.ok}}"
        );
        let _ = writeln!(
            text,
            "  g{node}: {{type: human_gate, needs: [c{node}], action: \"{{{{ start.value }}}} {node}\"}}"
        );
    }
    let started = Instant::now();
    assert_eq!(valid(&text).nodes.len(), 2001);
    println!("compiled in {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn more_nodes_or_dependencies_than_allowed_are_refused() {
    assert_eq!(errors(&large(NODES_MAX + 1, 0)), ["too_many_nodes"]);
    let mut text = "ghostlight: 1\nname: w\nnodes:\n".to_owned();
    let parents: Vec<String> = (0..300).map(|node| format!("a{node}")).collect();
    for node in &parents {
        let _ = writeln!(text, "  {node}: {{type: agent_call, agent: x}}");
    }
    for node in 0..(EDGES_MAX / 300 + 1) {
        let _ = writeln!(text, "  b{node}: {{type: agent_call, agent: x, needs: [{}]}}", parents.join(", "));
    }
    assert_eq!(errors(&text), ["too_many_edges"]);
}

#[test]
fn a_text_of_more_than_sixteen_mebibytes_is_not_even_read() {
    assert_eq!(errors(&" ".repeat((16 << 20) + 1)), ["text_too_large"]);
}

#[test]
fn nesting_is_bounded_before_anything_recurses() {
    for text in [
        "[".repeat(1_000_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        (0..2000).map(|depth| " ".repeat(depth) + "a:\n").collect(),
    ] {
        let compiled = yaml(&text);
        assert!(compiled.workflow.is_none());
        assert!(
            matches!(compiled.diagnostics[0].code.name(), "too_deep" | "syntax"),
            "{:?}",
            compiled.diagnostics
        );
    }
    let deep = |depth: usize| {
        let value = "[".repeat(depth) + &"]".repeat(depth);
        format!(
            "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x, input: {{x: {value}}}}}\n"
        )
    };
    assert_eq!(errors(&deep(60)), Vec::<&str>::new());
    assert_eq!(errors(&deep(61)), ["too_deep"]);
    let aliased = format!(
        "ghostlight: 1\nname: w\ncontext: {{a: &a {0}, b: {1}*a{2}}}\nnodes: {{a: {{type: agent_call, agent: x}}}}\n",
        "[".repeat(40) + &"]".repeat(40),
        "[".repeat(40),
        "]".repeat(40)
    );
    assert_eq!(errors(&aliased), ["too_deep"]);
}

#[test]
fn aliases_within_the_bound_are_replaced_by_what_they_name() {
    let workflow = valid(
        "ghostlight: 1\nname: w\ncontext: {a: &a {x: [1, 2]}, b: *a, c: [*a, *a]}\nnodes: {a: {type: agent_call, agent: x}}\n",
    );
    assert_eq!(workflow.context["b"], workflow.context["a"]);
    assert_eq!(workflow.context["c"][1]["x"][1], 2);
    assert_eq!(
        errors("ghostlight: 1\nname: w\ncontext: {a: &a [*a]}\nnodes: {a: {type: agent_call, agent: x}}\n"),
        ["unsupported_yaml"]
    );
}

#[test]
fn texts_have_lengths() {
    let node = |fields: &str| {
        format!("ghostlight: 1\nname: w\nnodes:\n  a: {{type: human_gate, action: x, {fields}}}\n")
    };
    assert_eq!(errors(&node(&format!("description: {}", "x".repeat(16 * 1024 + 1)))), ["string_too_long"]);
    assert_eq!(errors(&node(&format!("impact: {}", "x".repeat(16 * 1024 + 1)))), ["string_too_long"]);
    assert_eq!(errors(&node(&format!("when: input.a == '{}'", "x".repeat(4096)))), ["condition_too_complex"]);
    assert_eq!(errors(&node(&format!("labels: {{a: {}}}", "x".repeat(257)))), ["string_too_long"]);
    let years = DURATION_MAX.as_secs() / 86_400;
    assert_eq!(errors(&node(&format!("timeout: {years}d"))), Vec::<&str>::new());
    assert_eq!(errors(&node(&format!("timeout: {}d", years + 1))), ["bad_duration"]);
}

#[test]
fn the_number_of_diagnostics_is_bounded_and_says_so() {
    let mut text = "ghostlight: 1\nname: w\nnodes:\n".to_owned();
    for node in 0..5000 {
        let _ = writeln!(text, "  n{node}: {{type: agent_call, agent: x, zzz: 1, needs: [m{node}]}}");
    }
    let compiled = yaml(&text);
    assert_eq!(compiled.diagnostics.len(), 201);
    assert_eq!(compiled.diagnostics[200].code.name(), "too_many_problems");
}

/// A node beside the others is worth a warning each, however many there are; and an error among them is never the one that is
/// not shown.
#[test]
fn any_number_of_warnings_refuses_nothing_and_hides_no_error() {
    let mut text = "ghostlight: 1\nname: wide\nnodes:\n".to_owned();
    for at in 0..300 {
        text += &format!("  n{at}: {{ type: agent_call, agent: noop }}\n");
    }
    let compiled = yaml(&text);
    assert!(compiled.workflow.is_some());
    let last = compiled.diagnostics.last().unwrap();
    assert_eq!((last.code.name(), last.severity), ("too_many_problems", Severity::Warning));
    text += "output: $nobody\n";
    assert_eq!(errors(&text), ["unknown_variable", "too_many_problems"]);
}
