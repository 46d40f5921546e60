//! What is told of types that contradict each other, and what is not.

use serde_json::{Value, json};

use super::*;
use crate::agent::{AgentDefinition, Builtin};
use crate::diagnostic::{Diagnostic, render};
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::language::KnownAgent;
use crate::language::schema::Schema;
use crate::language::tests::yaml;

/// Agents, with what they take and give; the built-in ones too.
fn agents() -> Vec<KnownAgent> {
    let agent = |name: &str, capabilities: &[&str], takes: Value, gives: Value| KnownAgent {
        name: Name::new(name).unwrap(),
        capabilities: capabilities.iter().map(|name| Name::new(name).unwrap()).collect(),
        effect: EffectClass::Read,
        input_schema: Some(Schema::compile(&takes).unwrap()),
        output_schema: Some(Schema::compile(&gives).unwrap()),
    };
    let own = [
        agent(
            "probe",
            &[],
            json!({"type": "object", "required": ["url"], "additionalProperties": false,
                "properties": {"url": {"type": "string"}, "timeout": {"type": "integer"}, "method": {"enum": ["get", "head"]}}}),
            json!({"type": "object", "required": ["healthy", "status"],
                "properties": {"healthy": {"type": "boolean"}, "status": {"type": ["integer", "null"]},
                    "level": {"enum": ["ok", "warning", "down"]},
                    "headers": {"type": "object", "additionalProperties": {"type": "string"}},
                    "checks": {"type": "array", "items": {"$ref": "#/$defs/check"}}},
                "$defs": {"check": {"type": "object", "required": ["name"], "properties": {
                    "name": {"type": "string"}, "ms": {"type": "number"},
                    "parts": {"type": "array", "items": {"$ref": "#/$defs/check"}}}}}}),
        ),
        agent("anything", &["reading"], json!({}), json!({})),
        agent(
            "reader",
            &["reading", "summing"],
            json!({"type": "object", "required": ["path"], "properties": {"path": {"type": "string"},
                "lines": {"type": "array", "items": {"type": "string"}},
                "options": {"type": "object", "required": ["depth"], "properties": {"depth": {"type": "integer"}}}}}),
            json!({"type": "object", "properties": {"summary": {"type": "string"}}}),
        ),
        agent(
            "adder",
            &["summing"],
            json!({"type": "object", "required": ["path", "n"], "properties": {"path": {"type": "string"}}}),
            json!({"oneOf": [
                {"type": "object", "required": ["sum"], "properties": {"sum": {"type": "number"}}},
                {"type": "object", "required": ["problem"], "properties": {"problem": {"type": "string"}}}]}),
        ),
    ];
    let built_in =
        Builtin::ALL.into_iter().map(|builtin| KnownAgent::from(&AgentDefinition::of_builtin(builtin)));
    own.into_iter().chain(built_in).collect()
}

fn document(nodes: &str) -> String {
    format!(
        "ghostlight: 1\nname: w\n\
         input:\n  type: object\n  required: [url, n]\n  properties:\n    url: {{type: string}}\n    n: {{type: integer}}\n    tags: {{type: array, items: {{type: string}}}}\n\
         context: {{team: sre}}\nnodes:\n{nodes}"
    )
}

fn told(text: &str) -> Vec<Diagnostic> {
    let mut compiled = yaml(text);
    assert!(compiled.workflow.is_some(), "{}", render("w.yaml", text, &compiled.diagnostics));
    compiled.diagnostics.clear();
    compiled.check_agents(Some(&agents()));
    compiled.diagnostics
}

/// Nothing is told of these nodes.
#[track_caller]
fn accepted(nodes: &str) {
    let text = document(nodes);
    let told = told(&text);
    assert!(told.is_empty(), "{}", render("w.yaml", &text, &told));
}

macro_rules! golden {
    ($($(#[$meta:meta])* $name:ident: $nodes:literal;)*) => { $($(#[$meta])* #[test] fn $name() {
        let text = document($nodes);
        let told = told(&text);
        assert!(!told.is_empty(), "nothing is told");
        insta::with_settings!({description => &text, omit_expression => true, snapshot_path => "golden", prepend_module_to_snapshot => false}, {
            insta::assert_snapshot!(stringify!($name), render("w.yaml", &text, &told));
        });
    })* };
}

golden! {
    /// Shows S3-2e, S3-3e, S0-1.3b.
    a_value_of_another_type_names_both_fields_and_both_types: "  a: {type: agent_call, agent: probe, input: {url: $input.n, timeout: soon, method: post}}\n  b: {type: agent_call, agent: probe, needs: [a], input: {url: $a.status}}\n";
    what_built_in_agents_never_take: "  a: {type: agent_call, agent: sleep, input: {seconds: 5}}\n  b: {type: agent_call, agent: http-probe, needs: [a], input: {uri: $input.url, timeout: 5}}\n  c: {type: agent_call, agent: fail, needs: [b], input: {class: broken, tims: 1}}\n  d: {type: agent_call, agent: log-analysis, needs: [c]}\n  e: {type: agent_call, agent: noop, needs: [d], input: {whatever: 1, healthy: $b.helthy}}\n";
    /// Shows S3-2e, S3-3e.
    a_field_that_an_agent_does_not_declare: "  a: {type: agent_call, agent: probe, input: {url: $input.ulr}}\n  b: {type: agent_call, agent: reader, needs: [a], when: a.helthy && a.level == 'ok', input: {path: $a.chekcs}}\n  c: {type: human_gate, needs: [b], action: \"Read {{ b.sumary }} of {{ a.nothing_like_it }}\"}\n";
    a_path_that_goes_on_where_nothing_is: "  a: {type: agent_call, agent: probe, input: {url: $input.url.host}}\n  b: {type: agent_call, agent: anything, needs: [a], input: {x: \"$a.healthy[0]\", y: \"$a.checks[0].nmae\", z: $a.checks.name}}\n";
    /// Shows S0-1.3b.
    fields_that_are_required_and_fields_that_are_not_taken: "  a: {type: agent_call, agent: probe, input: {ulr: $input.url}}\n  b: {type: agent_call, agent: probe, needs: [a]}\n  c: {type: agent_call, agent: reader, needs: [a], input: {path: x, options: {}}}\n";
    values_deep_inside_of_an_input: "  a: {type: agent_call, agent: reader, input: {path: x, lines: [one, $input.n, 3], options: {depth: deep}}}\n  b: {type: agent_call, agent: reader, needs: [a], input: $a}\n  c: {type: agent_call, agent: reader, needs: [a], input: $input}\n";
    what_gates_conditions_and_joins_give: "  ask: {type: human_gate, action: x}\n  a: {type: agent_call, agent: probe, needs: [ask], input: {url: $ask.changes, timeout: $ask.decision}}\n  yes: {type: condition, needs: [a], when: a.healthy}\n  b: {type: agent_call, agent: probe, needs: [yes], input: {url: $yes.value}}\n  both: {type: join, needs: [a, b], require: all}\n  c: {type: agent_call, agent: reader, needs: [both], input: {path: $both.a.helthy}}\n";
    /// Shows S3-2e.
    comparisons_that_never_hold: "  a: {type: agent_call, agent: probe, input: {url: $input.url}}\n  b: {type: condition, needs: [a], when: a.status == '200'}\n  c: {type: condition, needs: [a], when: a.level == 'wraning'}\n  d: {type: condition, needs: [a], when: a.healthy > 3}\n  e: {type: condition, needs: [a], when: \"a.checks.exists(check, check.nmae == 'db')\"}\n  f: {type: condition, needs: [a], when: a.status}\n";
    conditions_of_edges_and_the_output: "  a: {type: agent_call, agent: probe, input: {url: $input.url}}\n  b: {type: agent_call, agent: anything}\nedges: [{from: a, to: b, when: a.helthy}]\noutput: {healthy: $a.healty}\n";
    a_capability_that_several_offer: "  a: {type: agent_call, capability: summing, input: {path: 3}}\n  b: {type: agent_call, agent: anything, needs: [a], input: {x: $a.sumary, y: $a.sum, z: $a.summary}}\n";
    what_an_item_of_a_list_is: "  each: {type: map, over: $input.tags, node: {type: agent_call, agent: probe, input: {url: $item, timeout: $item, method: $index}}}\n  a: {type: agent_call, agent: probe, input: {url: x}}\n  deep: {type: map, needs: [a], over: $a.checks, node: {type: map, over: $item.parts, node: {type: human_gate, action: 'Part {{ item.nmae }} of {{ index }}?'}}}\n  lit: {type: map, over: [{n: 1}, {n: 2}], node: {type: transform, expression: 'item.m + 1'}}\n  no: {type: map, needs: [a], over: $a.healthy, node: {type: transform, value: $item}}\n";
    what_a_map_gives: "  each: {type: map, over: $input.tags, node: {type: agent_call, agent: probe, input: {url: $item}}}\n  b: {type: agent_call, agent: reader, needs: [each], input: {path: $each, lines: $each}}\n  c: {type: condition, needs: [each], when: \"each[0].helthy || each.exists(one, one.status == 'up')\"}\n  d: {type: agent_call, agent: anything, needs: [each], input: {x: $each.length, y: \"$each[0].headrs\"}}\n";
    what_a_pass_gave_and_what_a_loop_gives: "  again: {type: loop, until: last.helthy || iteration == 'three', max: 3, node: {type: agent_call, agent: probe, input: {url: $iteration, timeout: $last.level}}}\n  after: {type: agent_call, agent: probe, needs: [again], input: {url: $again.last.stats, timeout: $again.iterations, method: $again.iterations}}\n  text: {type: agent_call, agent: probe, needs: [again], input: {url: $again.iterations}}\n";
    what_transforms_give: "  made: {type: transform, value: {n: 1, url: $input.url, list: [a, b]}}\n  a: {type: agent_call, agent: probe, needs: [made], input: {url: $made.n, timeout: $made.url, method: $made.mehtod}}\n  sum: {type: transform, expression: 'size(input.url) + 1'}\n  b: {type: agent_call, agent: probe, needs: [sum], input: {url: $sum}}\n  map: {type: transform, expression: \"{'ok': input.n > 3, 'all': input.tags.map(tag, size(tag))}\"}\n  c: {type: agent_call, agent: reader, needs: [map], input: {path: $map.ok, lines: $map.all}}\n  d: {type: condition, needs: [map], when: map.okay && map.all == 3}\n  e: {type: condition, when: 'size(input.tags)'}\n";
    /// What an expression filters stays what it is.
    what_expressions_choose: "  some: {type: transform, expression: \"input.tags.filter(tag, tag != 'x')\"}\n  a: {type: agent_call, agent: probe, needs: [some], input: {url: x, timeout: \"$some[0]\"}}\n  one: {type: transform, expression: \"input.n > 1 ? input.url : 'none'\"}\n  b: {type: agent_call, agent: probe, needs: [one], input: {url: $one, timeout: $one}}\n  any: {type: transform, expression: 'input.tags.exists(tag, tag == input.url)'}\n  c: {type: agent_call, agent: probe, needs: [any], input: {url: $any}}\n";
    what_waits_events_and_children_give: "  wait: {type: wait, for: 5s}\n  paid: {type: wait, signal: {name: paid, schema: {type: object, required: [id], properties: {id: {type: integer}}}}}\n  said: {type: emit, event: report.ready}\n  a: {type: agent_call, agent: probe, needs: [wait, paid, said], input: {url: $paid.id, timeout: $wait.at, method: $said.event}}\n  b: {type: condition, needs: [paid], when: paid.di == 3}\n  child: {type: workflow, workflow: other}\n  c: {type: agent_call, agent: probe, needs: [child], input: {url: $child.whatever.it.gives}}\n  until: {type: wait, until: $paid.id, needs: [paid]}\n";
    what_a_join_merges: "  x: {type: transform, value: {n: 1, l: a, same: x}}\n  y: {type: transform, value: {n: 2, l: b, same: x}}\n  both: {type: join, require: all, needs: [x, y], merge: {n: sum, l: append}}\n  a: {type: agent_call, agent: probe, needs: [both], input: {url: $both.n, timeout: $both.l, method: $both.same}}\n  b: {type: agent_call, agent: anything, needs: [both], input: {x: $both.smae}}\n  last_one: {type: join, require: any, needs: [x, y], merge: last}\n  c: {type: agent_call, agent: probe, needs: [last_one], input: {url: $last_one.n}}\n  ways: {type: condition, cases: [{when: 'true', to: [d]}]}\n  d: {type: agent_call, agent: probe, needs: [both], input: {url: $ways.case, timeout: \"$ways.to[0]\"}}\n";
    what_an_error_is: "  a: {type: agent_call, agent: probe, input: {url: x}}\n  b: {type: agent_call, agent: probe, needs: [{node: a, kind: soft}], when: run.errors.a.class == 'timed_out', input: {url: $run.version, timeout: $run.errors.a.message}}\n  c: {type: agent_call, agent: reader, needs: [{node: a, kind: soft}], input: {path: $run.errors.a}}\n";
    a_key_of_context_without_a_default: "  a: {type: agent_call, agent: anything, input: {x: $context.tema, y: $context.region}}\n";
}

#[test]
fn what_fits_or_may_fit_is_accepted() {
    accepted("  a: {type: agent_call, agent: probe, input: {url: $input.url, timeout: 3.0, method: get}}\n");
    // Of a number nobody knows whether it is whole, and of what may be null whether it is.
    accepted(
        "  a: {type: agent_call, agent: probe, input: {url: $input.url}}\n  b: {type: agent_call, agent: probe, needs: [a], input: {url: $a.level, timeout: \"$a.checks[0].ms\"}}\n  c: {type: agent_call, agent: probe, needs: [{node: b, kind: soft}], input: {url: x, timeout: $b.status}}\n",
    );
    // Without a schema nothing is known, and `additionalProperties` says that other fields may be there.
    accepted(
        "  a: {type: agent_call, agent: anything, input: {x: 1}}\n  b: {type: agent_call, agent: probe, needs: [a], when: a.x.y > 3, input: {url: $a.deep.path, timeout: \"$a.list[3]\"}}\n",
    );
    accepted(
        "  a: {type: agent_call, agent: probe, input: {url: x}}\n  b: {type: agent_call, agent: reader, needs: [a], input: {path: $a.headers.server, more: 1}}\n",
    );
    // A field that is read to see whether it is there.
    accepted(
        "  a: {type: agent_call, agent: probe, input: {url: x}}\n  b: {type: condition, needs: [a], when: has(a.unknown) || a.status == null || a.status < 2.5}\n",
    );
    // Of several agents, one that takes it is enough.
    accepted("  a: {type: agent_call, capability: reading, input: {whatever: 1}}\n");
}

#[test]
fn what_is_asked_of_an_output_and_what_stands_beside_a_call_is_checked_too() {
    let text = document(
        "  a:\n    type: agent_call\n    agent: probe\n    input: {url: $input.url}\n    effect: write\n\
         \x20   success: {assertions: [output.healthy, output.helthy], judge: {type: agent_call, agent: reader, input: {path: $output.status}}}\n\
         \x20   verify: {type: agent_call, agent: reader, input: {path: $key}}\n\
         \x20   compensate: {type: agent_call, agent: reader, input: {path: $output.level}}\n",
    );
    let places: Vec<(String, &str)> =
        told(&text).into_iter().map(|one| (one.path.clone(), one.code.name())).collect();
    assert_eq!(
        places,
        [
            ("/nodes/a/success/assertions/1".to_owned(), "undeclared_field"),
            ("/nodes/a/success/judge/input/path".to_owned(), "type_mismatch"),
        ]
    );
}

/// Shows S3-2a: all that is wrong is told at once, names and types too.
#[test]
fn a_mistake_in_one_node_does_not_hide_the_names_and_types_of_others() {
    let text = document(
        "  a: {type: agent_call, agent: prope, input: {url: $input.url}}\n\
         \x20 bad: {type: agent_call, agent: reeder, needs: [a], input: {path: $a.level, lines: $nobody.x}, timeot: 5s}\n\
         \x20 b: {type: agent_call, agent: probe, needs: [a, bad], input: {url: $input.n, timeout: $bad.summary}}\n\
         \x20 both: {type: join, require: all, needs: [b, bad]}\n\
         \x20 c: {type: agent_call, agent: reader, needs: [both], when: both.b.helthy, input: {path: $both.bad.anything}}\n\
         \x20 d: {type: agent_call, capability: sumning, needs: [nobody]}\n\
         edges: [{from: b, to: c, when: b.level == 'wraning'}]\noutput: {x: $b.stauts}\n",
    );
    let mut compiled = yaml(&text);
    assert!(compiled.workflow.is_none());
    compiled.check_agents(Some(&agents()));
    insta::assert_snapshot!(render("w.yaml", &text, &compiled.diagnostics));
}

#[test]
fn names_and_types_are_told_of_a_document_with_a_cycle_or_without_a_name() {
    let nodes = "nodes:\n  a: {type: agent_call, agent: prope, needs: [b]}\n  b: {type: agent_call, agent: probe, needs: [a], input: {url: 3}}\n";
    let told = |text: String| {
        let mut compiled = yaml(&text);
        compiled.check_agents(Some(&agents()));
        compiled.diagnostics.into_iter().map(|one| one.code.name()).collect::<Vec<_>>()
    };
    assert_eq!(told(format!("ghostlight: 1\nname: w\n{nodes}")), ["unknown_agent", "cycle", "type_mismatch"]);
    assert_eq!(
        told(format!("ghostlight: 1\n{}", nodes.replace(", needs: [b]", ""))),
        ["missing_key", "unknown_agent", "type_mismatch"]
    );
}

#[test]
fn what_maps_loops_and_transforms_may_give_is_accepted() {
    // An item that may fail is null, and what stands for one is of any type.
    accepted(
        "  each: {type: map, over: $input.tags, node: {type: agent_call, agent: probe, on_error: continue, input: {url: $item}}}\n  b: {type: transform, needs: [each], expression: 'each.filter(one, one != null && one.healthy).map(one, one.status)'}\n  c: {type: agent_call, agent: probe, needs: [b], input: {url: x, timeout: \"$b[0]\"}}\n",
    );
    accepted(
        "  each: {type: map, over: $input.tags, node: {type: agent_call, agent: probe, on_error: {default: none}, input: {url: $item}}}\n  b: {type: agent_call, agent: reader, needs: [each], input: {path: \"$each[0]\", lines: $each}}\n",
    );
    // Of what nobody declares nothing is known, and no more of what is made of it.
    accepted(
        "  x: {type: agent_call, agent: anything}\n  each: {type: map, needs: [x], over: $x.rows, node: {type: agent_call, agent: probe, input: {url: $item.url, timeout: $index}}}\n  sum: {type: transform, needs: [x], expression: 'x.n + x.m'}\n  b: {type: agent_call, agent: probe, needs: [sum], input: {url: $sum}}\n  c: {type: agent_call, agent: probe, needs: [sum], input: {url: x, timeout: $sum}}\n",
    );
    accepted(
        "  again: {type: loop, until: last == null || last.healthy, max: 3, node: {type: agent_call, agent: probe, on_error: continue, input: {url: x, timeout: $iteration}}}\n  b: {type: condition, needs: [again], when: again.last == null || again.iterations > 2}\n",
    );
    accepted(
        "  count: {type: loop, until: last > 3, max: 5, node: {type: transform, expression: 'last == null ? 1 : last + iteration'}}\n",
    );
    accepted(
        "  x: {type: agent_call, agent: anything}\n  y: {type: transform, value: {n: 2}}\n  both: {type: join, require: all, needs: [x, y], merge: deep_merge}\n  b: {type: agent_call, agent: probe, needs: [both], input: {url: $both.n, timeout: $both.whatever}}\n",
    );
}

/// Shows S3-2a: what an agent declares of itself again and again is followed once.
#[test]
fn a_schema_that_refers_to_itself_ends() {
    let tree = json!({"$ref": "#/$defs/a", "$defs": {
        "a": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}, "a": {"$ref": "#/$defs/a"}}},
        "b": {"type": "object", "properties": {"b": {"$ref": "#/$defs/b"}, "a": {"$ref": "#/$defs/a"}, "n": {"type": "integer"}}}}});
    let found = Type::of_schema(&tree);
    let step = |from: &Type, key: &str| from.step(&Step::Key(key.into()));
    let b = step(&found, "b").unwrap();
    assert_eq!(step(&b, "n").unwrap().kinds, Kinds::INTEGER);
    assert_eq!(step(&b, "c"), Err(Stop::Undeclared));
    assert!(step(&step(&b, "b").unwrap(), "c").is_ok(), "beyond that nothing is known");
}

#[test]
fn a_schema_of_any_size_is_looked_at_in_bounded_time() {
    let mut defs = serde_json::Map::new();
    for n in 0..60 {
        let refs: serde_json::Map<_, _> =
            (0..60).map(|m| (format!("p{m}"), json!({"$ref": format!("#/$defs/d{m}")}))).collect();
        defs.insert(format!("d{n}"), json!({"type": "object", "properties": refs}));
    }
    let started = std::time::Instant::now();
    let found = Type::of_schema(&json!({"$ref": "#/$defs/d0", "$defs": defs}));
    assert!(found.field("p59").is_ok());
    let _ = fit(&found, &found);
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

/// A chain of joins, each of which holds the one before twice, is a graph and not a tree.
#[test]
fn joins_of_joins_take_no_more_time_than_there_are_edges() {
    let mut text = "  n0: {type: agent_call, agent: probe, input: {url: x}}\n".to_owned();
    for n in 1..40 {
        let other = n + 100;
        let before = if n == 1 { "n0".to_owned() } else { format!("n{}, n{}", n - 1, n + 99) };
        text += &format!("  n{n}: {{type: join, require: all, needs: [{before}]}}\n");
        text += &format!("  n{other}: {{type: join, require: all, needs: [{before}]}}\n");
    }
    text += "  end: {type: agent_call, agent: reader, needs: [n39, n139], input: {path: x, lines: [$n39, $n139], options: $n39}}\n";
    let text = document(&text);
    assert_eq!(told(&text).len(), 3, "{}", render("w.yaml", &text, &told(&text)));
}

fn typed(schema: Value) -> Arc<Type> {
    Type::of_schema(&schema)
}

#[test]
fn kinds_follow_types_constants_and_combinations() {
    for (schema, shown) in [
        (json!({}), "anything"),
        (json!(true), "anything"),
        (json!(false), "nothing"),
        (json!({"type": "number"}), "number"),
        (json!({"type": ["integer", "null"]}), "integer | null"),
        (json!({"const": 1.0}), "integer"),
        (json!({"enum": ["a", 1.5, null]}), "string | number | null"),
        (json!({"anyOf": [{"type": "string"}, {"type": "boolean"}]}), "string | boolean"),
        (json!({"allOf": [{"type": ["string", "null"]}, {"type": ["string", "integer"]}]}), "string"),
        (
            json!({"oneOf": [{"type": "object"}, {"$ref": "#/$defs/x"}], "$defs": {"x": {"type": "array"}}}),
            "object | array",
        ),
        (json!({"not": {"type": "string"}}), "anything"),
        (json!({"if": {"type": "string"}, "then": {"type": "string"}}), "anything"),
    ] {
        assert_eq!(typed(schema.clone()).kinds.to_string(), shown, "{schema}");
    }
}

/// What a schema takes is never told to be a mistake: a value that fits a schema has a type that fits its type.
/// Shows S3-2e.
#[test]
fn a_value_that_fits_a_schema_is_never_told_to_be_of_another_type() {
    let schemas = [
        json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}, "b": {"enum": ["x", null, 2]}}, "additionalProperties": false}),
        json!({"type": "object", "patternProperties": {"^x": {"type": "string"}}, "additionalProperties": false}),
        json!({"allOf": [{"required": ["a"]}, {"properties": {"b": {"type": "boolean"}}}], "additionalProperties": {"type": "number"}}),
        json!({"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "object", "required": ["a"]}, {"const": "x"}]}),
        json!({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}),
        json!({"type": ["array", "null"], "prefixItems": [{"type": "string"}], "items": {"type": "integer"}}),
        json!({"$ref": "#/$defs/t", "$defs": {"t": {"type": ["object", "integer"], "properties": {"a": {"$ref": "#/$defs/t"}}}}}),
        json!({"if": {"required": ["a"]}, "then": {"properties": {"a": {"type": "integer"}}}, "properties": {"b": {"not": {"type": "string"}}}}),
        json!({"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "object", "additionalProperties": {"type": "integer"}}]}}),
        json!({"dependentSchemas": {"a": {"required": ["b"]}}, "unevaluatedProperties": false, "properties": {"a": true, "b": {"type": "number"}}}),
    ];
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut fits, mut told) = (0, 0);
    for schema in &schemas {
        let (compiled, found) = (Schema::compile(schema).unwrap(), typed(schema.clone()));
        for _ in 0..3_000 {
            let value = any_value(&mut rng, 3);
            let misfits = fit(&Type::of_value(&value), &found);
            if compiled.validate(&value).is_ok() {
                fits += 1;
                assert_eq!(misfits, [], "{schema} takes {value}");
            } else {
                told += u32::from(!misfits.is_empty());
            }
        }
    }
    assert!(fits > 1_000 && told > 1_000, "{fits} fit, {told} of the others were told");
}

fn any_value(rng: &mut fastrand::Rng, depth: u32) -> Value {
    let keys = ["a", "b", "x", "x1"];
    match rng.u32(0..if depth == 0 { 6 } else { 10 }) {
        0 => Value::Null,
        1 => json!(rng.bool()),
        2 => json!(rng.i64(0..3)),
        3 => json!(rng.f64()),
        4 => json!(keys[rng.usize(0..4)]),
        5 => json!(2.0),
        6 => (0..rng.usize(0..3)).map(|_| any_value(rng, depth - 1)).collect(),
        _ => (0..rng.usize(0..3))
            .map(|_| (keys[rng.usize(0..4)].to_owned(), any_value(rng, depth - 1)))
            .collect(),
    }
}
