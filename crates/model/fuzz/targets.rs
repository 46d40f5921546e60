//! What is fuzzed: plain functions over bytes that panic when a promise is broken.
//!
//! `crates/model/tests/fuzz.rs` runs them over the corpus and over mutations of it, on stable Rust and as ordinary tests.
//! `fuzz_targets/` hands them to libFuzzer (`cargo fuzz run compile`), for who has it.

use ghostlight_model::diagnostic::{Code, any_error, render};
use ghostlight_model::event::{BODY_VERSION, Event, attribution};
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::Name;
use ghostlight_model::language::encoding::decode;
use ghostlight_model::language::plan::{Estimate, plan};
use ghostlight_model::language::schema::Schema;
use ghostlight_model::language::{Compiled, Format, KnownAgent, Scope, Source, compile};
use ghostlight_model::workflow::{NodeIndex, NodeKind, Workflow};
use serde_json::{Value, json};

/// Any bytes as a document, in both formats.
pub fn fuzz_compile(bytes: &[u8]) {
    let Ok(text) = decode(bytes) else { return };
    for format in [Format::Yaml, Format::Json] {
        let compiled = compile(&Source { text, format });
        if let Some(workflow) = &compiled.workflow {
            check_workflow(workflow);
        }
        check(text, compiled);
    }
}

/// What holds for every document.
fn check(text: &str, mut compiled: Compiled) {
    assert_eq!(compiled.workflow.is_none(), any_error(&compiled.diagnostics));
    compiled.check_agents(Some(&agents()));
    assert!(compiled.workflow.is_none() || !any_error(&compiled.diagnostics));
    let lines = text.lines().count() + 2;
    for diagnostic in &compiled.diagnostics {
        assert_ne!(diagnostic.code, Code::CompilerFailed, "{}", diagnostic.message);
        assert!(diagnostic.line as usize <= lines, "{diagnostic:?}");
        assert!(diagnostic.message.len() < 8_192 && !diagnostic.message.is_empty(), "{diagnostic:?}");
    }
    let drawn = render("w", text, &compiled.diagnostics);
    assert!(!drawn.contains('\u{1b}') && !drawn.contains('\u{202e}'));
}

/// What holds for every document that compiles.
fn check_workflow(workflow: &Workflow) {
    // The canonical form is a document too, and it is the same one.
    let canonical = workflow.document.to_string();
    let again = compile(&Source { text: &canonical, format: Format::Json });
    let again = again.workflow.unwrap_or_else(|| panic!("{}", render("w", &canonical, &again.diagnostics)));
    assert_eq!(again.hash, workflow.hash);
    for (place, node) in workflow.nodes.iter().enumerate() {
        assert!(node.parents.iter().all(|dependency| dependency.parent.at() < place));
    }
    let plan = plan(workflow, &Estimate::declared);
    assert!(plan.makespans.iter().all(|makespan| makespan.ms >= plan.makespan_ms));
    assert!(plan.makespans.is_sorted_by(|fewer, more| fewer.ms >= more.ms) || plan.nodes.len() > 9);
}

fn agents() -> [KnownAgent; 2] {
    let agent = |name: &str, takes: &Value, gives: &Value| KnownAgent {
        name: Name::new(name).expect("a name"),
        capabilities: vec![Name::new("any").expect("a name")],
        effect: EffectClass::Read,
        input_schema: Schema::compile(takes).ok(),
        output_schema: Schema::compile(gives).ok(),
    };
    let tree = json!({"type": "object", "additionalProperties": false, "required": ["x"],
        "properties": {"x": {"type": ["string", "integer"]}, "y": {"$ref": "#"}, "l": {"items": {"enum": ["a", 1]}}}});
    [agent("x", &tree, &tree), agent("noop", &json!({}), &json!({"anyOf": [tree, {"type": "array"}]}))]
}

/// The first line is an expression, the rest a value for it.
fn split(bytes: &[u8]) -> Option<(&str, Value)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (expression, value) = text.split_once('\n').unwrap_or((text, ""));
    Some((expression, serde_json::from_str(value).unwrap_or(Value::Null)))
}

struct Values(Value, Value);

impl Scope for Values {
    fn input(&self) -> &Value {
        &self.0
    }

    fn context(&self) -> &Value {
        &self.1
    }

    fn output(&self, node: NodeIndex) -> Option<&Value> {
        (node.at() == 0).then_some(&self.0)
    }
}

fn with_node(fields: Value) -> Option<std::sync::Arc<Workflow>> {
    let first = json!({"type": "agent_call", "agent": "x", "input": {"x": 1}});
    let document = json!({"ghostlight": 1, "name": "w", "context": {"team": "sre"}, "nodes": {"first": first, "second": fields}});
    let text = document.to_string();
    let compiled = compile(&Source { text: &text, format: Format::Json });
    let workflow = compiled.workflow.clone();
    check(&text, compiled);
    if let Some(workflow) = &workflow {
        check_workflow(workflow);
    }
    workflow
}

/// A text as a binding, and a value that it is followed in.
pub fn fuzz_bindings(bytes: &[u8]) {
    let Some((binding, value)) = split(bytes) else { return };
    let input = json!({"whole": binding, "list": [binding, {"~/": binding}], "plain": 1});
    let Some(workflow) =
        with_node(json!({"type": "agent_call", "agent": "noop", "needs": ["first"], "input": input}))
    else {
        return;
    };
    let bound = &workflow.nodes[1].input;
    let provenance = bound.provenance();
    assert!(provenance.is_empty() || provenance.len() == 3, "{provenance:?}");
    if let Ok(resolved) = bound.resolve(&Values(value, json!({"team": "sre"}))) {
        for part in provenance {
            assert!(resolved.pointer(&part.pointer).is_some(), "{part:?} in {resolved}");
        }
        assert_eq!(resolved["plain"], 1);
    }
}

/// A text as a condition, and a value that it is evaluated over.
pub fn fuzz_conditions(bytes: &[u8]) {
    let Some((condition, value)) = split(bytes) else { return };
    let Some(workflow) = with_node(json!({"type": "condition", "needs": ["first"], "when": condition}))
    else {
        return;
    };
    let NodeKind::Condition(condition) = &workflow.nodes[1].kind else { panic!("another node") };
    let values = Values(value, json!({}));
    let answer = condition.evaluate(&values);
    assert_eq!(answer, condition.evaluate(&values), "the answer depends on the values only");
    let gave_up = answer.is_err_and(|error| error.to_string().contains("gave up"));
    assert!(!gave_up, "the library panicked over {condition:?}");
}

/// A text as a template, and a value that it is rendered with.
pub fn fuzz_templates(bytes: &[u8]) {
    let Some((template, value)) = split(bytes) else { return };
    let Some(workflow) = with_node(json!({"type": "human_gate", "needs": ["first"], "action": template}))
    else {
        return;
    };
    let NodeKind::Gate(gate) = &workflow.nodes[1].kind else { panic!("another node") };
    let values = Values(value, json!({}));
    let text = gate.action.render(&values);
    assert_eq!(text, gate.action.render(&values), "the text depends on the values only");
    assert!(text.is_ok_and(|text| text.len() <= 65_536) || gate.action.render(&values).is_err());
    let gave_up = gate.action.render(&values).is_err_and(|error| error.to_string().contains("gave up"));
    assert!(!gave_up, "the library panicked over {:?}", gate.action);
}

/// A record of the journal: its kind in the first line, behind it its body. What can be read is written as the same again.
pub fn fuzz_records(bytes: &[u8]) {
    let Some(at) = bytes.iter().position(|byte| *byte == b'\n') else { return };
    let Some(kind) = std::str::from_utf8(&bytes[..at]).ok().and_then(|kind| kind.parse().ok()) else {
        return;
    };
    let body = &bytes[at + 1..];
    let (Ok(event), Ok(caused)) = (Event::decode(kind, BODY_VERSION, body), attribution(body)) else {
        return;
    };
    assert_eq!(event.kind(), kind);
    let written = event.encode(&caused).expect("what was read can be written");
    let again = Event::decode(kind, BODY_VERSION, &written);
    let shown = || String::from_utf8_lossy(&written).into_owned();
    assert_eq!(again.unwrap_or_else(|error| panic!("{error}: {}", shown())), event);
    assert_eq!(attribution(&written).unwrap_or_else(|error| panic!("{error}: {}", shown())), caused);
}
