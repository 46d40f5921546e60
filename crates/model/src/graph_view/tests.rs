//! What is drawn, and that it is well formed whatever a workflow says.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::language::spelling::visible;
use crate::language::{Format, Source, compile};
use std::sync::Arc;

const EXAMPLE: &str = include_str!("../../../../config/workflows/incident-response.yaml");

fn workflow(text: &str, format: Format) -> Arc<Workflow> {
    let compiled = compile(&Source { text, format });
    compiled.workflow.unwrap_or_else(|| panic!("{text}\n{:?}", compiled.diagnostics))
}

#[test]
fn the_documented_workflow_as_mermaid_dot_and_text() {
    let workflow = workflow(EXAMPLE, Format::Yaml);
    for format in [PictureFormat::Mermaid, PictureFormat::Dot, PictureFormat::Text] {
        insta::assert_snapshot!(format.as_str(), draw(&workflow, format));
    }
}

#[test]
fn a_picture_names_kinds_conditions_and_the_critical_path() {
    let text = "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, estimate: 9s}\n  b: {type: agent_call, agent: x}\n  c: {type: agent_call, agent: x, needs: [a, {node: b, kind: soft}], when: a.ok, estimate: 1s}\n  d: {type: agent_call, agent: x, needs: [{node: b, kind: optional}]}\nedges: [{from: c, to: d, when: c.n > 1}]\n";
    let workflow = workflow(text, Format::Yaml);
    let svg = draw(&workflow, PictureFormat::Svg);
    assert_eq!(svg.matches("class=\"edge critical\"").count(), 2, "{svg}");
    for part in [
        "class=\"edge soft\"",
        "class=\"edge optional\"",
        ">c.n &gt; 1</text>",
        "prefers-color-scheme",
        "<title>c: agent_call · x, when a.ok (on the critical path)</title>",
    ] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    let text = draw(&workflow, PictureFormat::Text);
    assert!(text.contains("<- b [optional], c [c.n > 1]"), "{text}");
    assert!(draw(&workflow, PictureFormat::Mermaid).contains("n1 -.->|\"soft\"| n2"));
    assert!(draw(&workflow, PictureFormat::Dot).contains("style=dotted"));
}

#[test]
fn the_way_that_a_failure_takes_is_drawn_unlike_the_others() {
    let text = "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x, on_error: {goto: c}}\n  b: {type: agent_call, agent: x, needs: [a]}\n  c: {type: agent_call, agent: x}\n";
    let workflow = workflow(text, Format::Yaml);
    let svg = draw(&workflow, PictureFormat::Svg);
    for part in ["class=\"edge on-error\"", "<title>a to c, on error</title>", ">on error</text>"] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    assert!(draw(&workflow, PictureFormat::Text).contains("<- a [on error]"));
    assert!(draw(&workflow, PictureFormat::Mermaid).contains("n0 -.->|\"on error\"| n"));
    assert!(draw(&workflow, PictureFormat::Dot).contains("[style=dashed, label=\"on error\"]"));
}

#[test]
fn formats_are_found_by_name() {
    for format in PictureFormat::ALL {
        assert_eq!(PictureFormat::find(format.as_str()), Some(format));
    }
    assert_eq!(PictureFormat::find("png"), None);
}

/// Edges that pass too many levels are drawn straight.
#[test]
fn a_long_chain_with_edges_over_all_of_it_is_drawn() {
    let mut text = String::from("ghostlight: 1\nname: w\nnodes:\n  n0: {type: agent_call, agent: x}\n");
    for at in 1..2_000 {
        text.push_str(
            &format!(
                "  n{at}: {{type: agent_call, agent: x, needs: [n{}, n{}]}}\n",
                at - 1,
                if at > 1 { 0 } else { at }
            )
            .replace(", n1]", "]"),
        );
    }
    let workflow = workflow(&text, Format::Yaml);
    for format in PictureFormat::ALL {
        assert!(draw(&workflow, format).len() > 40_000);
    }
}

#[test]
fn nodes_of_one_row_do_not_overlap() {
    let many: String = (0..30)
        .map(|at| format!("  n{at}: {{type: agent_call, agent: agent-{}, needs: [a]}}\n", "x".repeat(at)))
        .collect();
    let text = format!(
        "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x}}\n{many}  z: {{type: join, require: all, needs: [n1, n7, n20]}}\n"
    );
    let picture = Picture::of(&workflow(&text, Format::Yaml));
    let widths: Vec<f64> = picture.nodes.iter().map(|node| 40.0 + node.detail.len() as f64).collect();
    let places = layout::layout(&picture, &widths, 0.0);
    let mut row: Vec<(f64, f64)> = (1..31).map(|at| (places.nodes[at].0, widths[at])).collect();
    row.sort_by(|a, b| a.0.total_cmp(&b.0));
    for pair in row.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= (pair[0].1 + pair[1].1) / 2.0 + layout::GAP - 0.01, "{pair:?}");
    }
    for ((x, y), width) in places.nodes.iter().zip(&widths) {
        assert!(x - width / 2.0 >= 0.0 && x + width / 2.0 <= places.width && *y <= places.height);
    }
}

/// Whether a text is one element of XML with everything in it closed; enough of XML for what is written here.
fn is_xml(text: &str) -> bool {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text.trim_end();
    while let Some(at) = rest.find('<') {
        if !is_character_data(&rest[..at]) || (open.is_empty() && at > 0) {
            return false;
        }
        let Some(end) = rest[at..].find('>').map(|end| at + end) else { return false };
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
            if open.is_empty() {
                return rest.is_empty();
            }
            continue;
        }
        let body = tag.strip_suffix('/').unwrap_or(tag);
        if body.contains('<') || !body.matches('"').count().is_multiple_of(2) || !is_character_data(body) {
            return false;
        }
        if !tag.ends_with('/') {
            open.push(body.split_whitespace().next().unwrap_or_default());
        }
    }
    false
}

fn is_character_data(text: &str) -> bool {
    let entities = ["amp;", "lt;", "gt;", "quot;"];
    let is_allowed =
        |c: char| matches!(c, '\t' | '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    text.split('&').skip(1).all(|after| entities.iter().any(|entity| after.starts_with(entity)))
        && text.chars().all(is_allowed)
}

/// Whether quotes are closed in each line, outside of escapes.
fn quotes_are_closed(line: &str) -> bool {
    let mut inside = false;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if inside => _ = characters.next(),
            '"' => inside = !inside,
            _ => {}
        }
    }
    !inside
}

fn is_mermaid(line: &str) -> bool {
    let starts = ["flowchart TD", "  accTitle: ", "  accDescr: ", "  classDef critical ", "  class n", "  n"];
    let quoted: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    let harmless = |text: &str| {
        !text.replace("<br/>", "").contains(['<', '>', '{', '}', '[', ']', '|', '`', '&', '\\', '%'])
    };
    starts.iter().any(|start| line.starts_with(start))
        && line.matches('"').count().is_multiple_of(2)
        && quoted.iter().all(|text| harmless(text))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_picture_is_well_formed_whatever_the_workflow_says(
        description in any::<String>(),
        action in "[^{}%#$]{1,60}",
        literal in "[^'\\\\\n\r]{0,30}",
        id in "[a-z][a-z0-9_]{0,62}|end|graph|class|subgraph|style",
        label in "\\PC{0,20}",
    ) {
        let [description, action, literal, label] = [description, action, literal, label].map(|text| visible(&text));
        let document = json!({
            "ghostlight": 1, "name": "w", "description": description,
            "nodes": {
                id.clone(): {"type": "agent_call", "agent": "x", "description": label},
                "zz_gate": {"type": "human_gate", "action": action, "needs": [{"node": id.clone(), "kind": "soft"}]},
                "zz_if": {"type": "condition", "needs": ["zz_gate"], "when": format!("input.x == '{literal}'")},
                "zz_end": {"type": "join", "require": "all", "needs": ["zz_if"]},
            },
            "edges": [{"from": "zz_gate", "to": "zz_end", "when": format!("zz_gate.by != '{literal}'")}],
        });
        let compiled = compile(&Source { text: &document.to_string(), format: Format::Json });
        prop_assume!(compiled.workflow.is_some());
        let workflow = compiled.workflow.unwrap();
        let svg = draw(&workflow, PictureFormat::Svg);
        prop_assert!(is_xml(&svg), "{}", svg);
        for line in draw(&workflow, PictureFormat::Mermaid).lines() {
            prop_assert!(is_mermaid(line), "{}", line);
        }
        let dot = draw(&workflow, PictureFormat::Dot);
        prop_assert!(dot.lines().all(quotes_are_closed), "{}", dot);
        prop_assert_eq!(dot.lines().filter(|line| line.starts_with("  n") && line.ends_with("];")).count(), 4 + 1 + 4);
        let text = draw(&workflow, PictureFormat::Text);
        prop_assert!(text.lines().all(|line| !line.chars().any(char::is_control)));
    }
}
