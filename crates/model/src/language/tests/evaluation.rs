//! Bindings, conditions and templates against values.

use super::*;
use crate::language::binding::BindingError;
use crate::language::condition::{Condition, ConditionError};
use crate::language::text::{RENDERED_BYTES_MAX, Text, TextError};
use crate::workflow::NodeKind;
use serde_json::json;

/// Compiles one condition over the run's input.
fn condition(text: &str) -> Result<Condition, Vec<&'static str>> {
    let text = serde_json::to_string(text).unwrap();
    let document = format!("ghostlight: 1\nname: w\nnodes:\n  a: {{type: condition, when: {text}}}\n");
    match yaml(&document).workflow {
        Some(workflow) => match &workflow.nodes[0].kind {
            NodeKind::Condition(condition) => Ok(condition.clone()),
            _ => panic!(),
        },
        None => Err(errors(&document)),
    }
}

fn holds(text: &str, input: Value) -> Result<bool, ConditionError> {
    let values = Values { input, context: json!({}), ..Values::default() };
    condition(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).evaluate(&values)
}

fn template(text: &str) -> Result<Text, Vec<&'static str>> {
    let text = serde_json::to_string(text).unwrap();
    let document = format!("ghostlight: 1\nname: w\nnodes:\n  a: {{type: human_gate, action: {text}}}\n");
    match yaml(&document).workflow {
        Some(workflow) => match &workflow.nodes[0].kind {
            NodeKind::Gate(gate) => Ok(gate.action.clone()),
            _ => panic!(),
        },
        None => Err(errors(&document)),
    }
}

fn rendered(text: &str, input: Value) -> Result<String, TextError> {
    let values = Values { input, context: json!({"team": "sre"}), ..Values::default() };
    template(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}")).render(&values)
}

fn binding(value: &str, schema: &str) -> std::sync::Arc<Workflow> {
    valid(&format!(
        "ghostlight: 1\nname: w\ninput: {schema}\ncontext: {{team: sre}}\nnodes:\n  a: {{type: agent_call, agent: noop, input: {value}}}\n"
    ))
}

fn bound(value: &str, input: Value) -> Result<Value, BindingError> {
    let workflow = binding(value, "{}");
    workflow.nodes[0].input.resolve(&Values::of(&workflow, input, &[]))
}

/// Shows S3-2e, S3-3e, S3-5g.
#[test]
fn a_binding_takes_the_value_behind_its_path_whatever_its_type() {
    let input = json!({"a": [{"b-c": 1}, null], "t": "x"});
    assert_eq!(
        bound("{x: \"$input.a[0].b-c\", y: [$input.t, $context.team, plain], z: 1}", input.clone()).unwrap(),
        json!({"x": 1, "y": ["x", "sre", "plain"], "z": 1})
    );
    assert_eq!(bound("$input", input.clone()).unwrap(), input);
    assert_eq!(
        bound("{x: $$input.t, y: $$, z: \"costs $5\"}", input).unwrap(),
        json!({"x": "$input.t", "y": "$", "z": "costs $5"})
    );
}

#[test]
fn a_path_that_leads_to_nothing_is_an_error_that_says_how_far_it_led() {
    let error = bound("{x: \"$input.a[3]\"}", json!({"a": [1]})).unwrap_err();
    assert_eq!(error.to_string(), "binding `$input.a[3]` found no value: the list has no item 3");
    assert!(matches!(bound("{x: $input.a.b}", json!({"a": 1})), Err(BindingError::Missing { .. })));
}

/// Shows S3-3e.
#[test]
fn what_the_input_schema_declares_and_does_not_require_is_null_when_absent() {
    let workflow = binding("{x: $input.a, y: $input.b}", "{required: [a], properties: {a: {}, b: {}}}");
    let resolve = |input| workflow.nodes[0].input.resolve(&Values::of(&workflow, input, &[]));
    assert_eq!(resolve(json!({"a": 1})).unwrap(), json!({"x": 1, "y": null}));
    assert!(resolve(json!({"b": 1})).is_err());
}

#[test]
fn a_soft_parent_that_gave_nothing_is_null_in_bindings_and_conditions() {
    let workflow = valid(
        "ghostlight: 1\nname: w\nnodes:\n  a: {type: agent_call, agent: x}\n  b: {type: agent_call, agent: y, needs: [{node: a, kind: soft}], when: a == null, input: {v: $a.deep.path}}\n",
    );
    let node = workflow.node(workflow.find("b").unwrap());
    let values = Values::of(&workflow, json!({}), &[]);
    assert_eq!(node.input.resolve(&values).unwrap(), json!({"v": null}));
    assert_eq!(node.when.as_ref().unwrap().evaluate(&values), Ok(true));
}

#[test]
fn a_value_that_is_too_large_is_not_copied() {
    let large = json!({"a": "x".repeat(6 << 20)});
    assert_eq!(bound("{x: [$input.a, $input.a, $input.a]}", large), Err(BindingError::TooLarge));
}

/// Shows S3-3i.
#[test]
fn conditions_speak_cel() {
    let input = json!({"n": 3, "f": 2.5, "s": "abc", "l": [1, 2, 3], "m": {"k": {"x": true}}, "none": null, "big": u64::MAX});
    for (text, answer) in [
        ("input.n > 2 && input.f < 3.0", true),
        ("input.n == 3.0", true),
        ("input.f > 2", true),
        ("input.big > 10u", true),
        ("input.s.startsWith('a') && input.s.contains(\"b\") && input.s.matches('^a.c$')", true),
        ("size(input.l) == 3 && input.l[1] == 2", true),
        ("2 in input.l", true),
        ("input.l.all(x, x > 0) && input.l.exists(x, x == 2)", true),
        ("input.l.filter(x, x > 1).map(x, x * 2) == [4, 6]", true),
        ("has(input.m.k) && !has(input.missing)", true),
        ("input.m.k.x ? false : true", false),
        ("input.none == null", true),
        ("input.m['k'].x", true),
    ] {
        assert_eq!(holds(text, input.clone()), Ok(answer), "{text}");
    }
}

#[test]
fn a_condition_over_values_that_do_not_fit_is_an_error_and_no_panic() {
    for text in [
        "input.missing > 1",
        "input > 1",
        "input.l[99]",
        "1 / input.zero == 1",
        "input.n + 9223372036854775807 > 0",
        "-input.min > 0",
        "int(input.s) > 1",
    ] {
        let result = holds(text, json!({"n": 1, "l": [], "zero": 0, "s": "x", "min": i64::MIN}));
        assert!(matches!(result, Err(ConditionError::Failed { .. })), "{text}: {result:?}");
    }
    assert!(matches!(holds("input.n", json!({"n": 1})), Err(ConditionError::NotABool { .. })));
}

/// The bounds on what a condition may cost.
#[test]
fn conditions_beyond_the_bounds_are_refused() {
    let long = format!("input.a == '{}'", "x".repeat(4096));
    let deep = "(".repeat(50) + "true" + &")".repeat(50);
    let wide = vec!["input.a"; 150].join(" == ");
    let sums = vec!["input.a"; 40].join(" + ") + " == ''";
    let bangs = "!".repeat(4000) + "true";
    let dots = "input".to_owned() + &".a".repeat(2000);
    let minus = "-".repeat(4000) + "1 == 1";
    let ternary = "true ? ".repeat(300) + "true" + &" : true".repeat(300);
    let words = "1 in ".repeat(500) + "[1]";
    for text in [
        long.as_str(),
        &deep,
        &wide,
        &sums,
        &bangs,
        &dots,
        &minus,
        &ternary,
        &words,
        "input.l.all(x, input.l.all(y, y == x))",
        "input.l.map(x, input.big) == []",
        "input.l.map(x, [x, input.big]) == []",
        "input.s.matches(input.pattern)",
        "input.l.all(x, x.matches('a'))",
    ] {
        assert_eq!(condition(text).map(|_| ()), Err(vec!["condition_too_complex"]), "{:.60}", text);
    }
}

/// The bounds are low enough for the stack of an ordinary thread, also without optimisation.
#[test]
fn the_deepest_conditions_that_are_allowed_are_evaluated() {
    let families: [fn(usize) -> String; 12] = [
        |n| "input".to_owned() + &".a".repeat(n),
        |n| "!".repeat(n) + "true",
        |n| "-".repeat(n) + "1 == 1",
        |n| "(".repeat(n) + "true" + &")".repeat(n),
        |n| "[".repeat(n) + "1" + &"]".repeat(n) + " == []",
        |n| "{1:".repeat(n) + "1" + &"}".repeat(n) + " == {}",
        |n| vec!["1"; n].join(" - ") + " == 0",
        |n| vec!["true"; n].join(" && "),
        |n| "false ? true : ".repeat(n) + "true",
        |n| "input".to_owned() + &"[0]".repeat(n),
        |n| "size(".repeat(n) + "'a'" + &")".repeat(n) + " == 1",
        |n| "'a'.contains(".repeat(n) + "'a'" + &")".repeat(n),
    ];
    for family in families {
        let mut longest = 0;
        for n in [2, 4, 8, 12, 16, 20, 22, 24, 32, 64, 95, 150, 190] {
            if let Ok(condition) = condition(&family(n)) {
                let _ = condition.evaluate(&Values {
                    input: json!({"a": 1}),
                    context: json!({}),
                    ..Values::default()
                });
                longest = n;
            }
        }
        assert!(longest >= 8, "{}", family(8));
    }
}

#[test]
fn words_of_the_type_system_can_be_ids_of_nodes() {
    let workflow = valid(
        "ghostlight: 1\nname: w\nnodes:\n  string: {type: agent_call, agent: x}\n  map: {type: agent_call, agent: x}\n  c: {type: condition, needs: [string, map], when: string.ok && map.n == 1 && string(map.n) == '1'}\n",
    );
    let values =
        Values::of(&workflow, json!({}), &[("string", json!({"ok": true})), ("map", json!({"n": 1}))]);
    let NodeKind::Condition(condition) = &workflow.nodes[2].kind else { panic!() };
    assert_eq!(condition.evaluate(&values), Ok(true));
}

#[test]
fn templates_that_are_nested_without_end_are_refused() {
    for text in [
        "{{ ".to_owned() + &"(".repeat(15_000) + " }}",
        "{{ ".to_owned() + &"[".repeat(15_000) + " }}",
        "{{ ".to_owned() + &"not ".repeat(4000) + "x }}",
        "{{ ".to_owned() + &"-".repeat(15_000) + "1 }}",
        "{{ ".to_owned() + &"{1:".repeat(5000) + " }}",
        "{% if input %}".repeat(1000) + &"{% endif %}".repeat(100),
        "{% if input %}".repeat(600) + &"{% endif %}".repeat(600),
        "{{ input".to_owned() + &".a".repeat(8000) + " }}",
        "{{ input".to_owned() + &"[0]".repeat(5000) + " }}",
        "{{ 1".to_owned() + &" if 1 else 1".repeat(1300) + " }}",
        "{{ 1".to_owned() + &" - 1".repeat(4000) + " }}",
        "{{ 1".to_owned() + &" == 1".repeat(3200) + " }}",
        "{{ 1".to_owned() + &" and 1".repeat(2600) + " }}",
        "{{ 1".to_owned() + &"|abs".repeat(4000) + " }}",
        "{{ 1".to_owned() + &" ** 1".repeat(10) + " }}",
    ] {
        if let Ok(template) = template(&text) {
            let _ = template.render(&Values {
                input: json!({}),
                context: json!({}),
                outputs: Vec::new(),
                ..Values::default()
            });
        }
    }
}

#[test]
fn conditions_that_are_no_cel_are_refused() {
    for text in [
        "",
        "a b",
        "input.",
        "1 +",
        "foo(1)",
        "input.l.all(x)",
        "'abc",
        "input.s.matches('(')",
        "${x}",
        "T{a: 1}",
        "input.?a",
        "b'x' == b'y' && bytes('x') == b'x'",
        "\u{a0}",
        "input.s.matches('(((a{1000}){1000}){1000})')",
        "has(input)",
        "input.l.map(input, true)",
    ] {
        assert_eq!(condition(text).map(|_| ()), Err(vec!["bad_condition"]), "{text}");
    }
}

#[test]
fn a_comprehension_goes_through_at_most_ten_thousand_items() {
    let list = |items: usize| json!({"l": (0..items).collect::<Vec<_>>()});
    let started = std::time::Instant::now();
    for text in [
        "input.l.all(x, x >= 0)",
        "input.l.map(x, x + 1).exists(x, x == 1)",
        "size(input.l.filter(x, x > 1)) > 1",
    ] {
        assert_eq!(holds(text, list(10_000)), Ok(true), "{text}");
        assert!(matches!(holds(text, list(10_001)), Err(ConditionError::Failed { .. })), "{text}");
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn texts_are_templates_with_filters_choices_and_repetition() {
    let input = json!({"s": "shop", "l": ["a", "b"], "m": {"x": 1.5}, "none": null, "html": "<b>"});
    for (text, shown) in [
        ("plain {text}", "plain {text}"),
        ("{{ input.s|upper }} of {{ context.team }}", "SHOP of sre"),
        (
            "{% for x in input.l %}{{ loop.index }}{{ x }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "1a, 2b",
        ),
        ("{{ input.l|join('+') }} {{ input.l|length }}", "a+b 2"),
        ("{{ input.m|tojson }} {{ input.m.x }}", "{\"x\": 1.5} 1.5"),
        ("{{ input.missing|default('-') }}{% if input.missing is defined %}no{% endif %}", "-"),
        ("{{ input.html }}", "<b>"),
    ] {
        assert_eq!(rendered(text, input.clone()).as_deref(), Ok(shown), "{text}");
    }
}

#[test]
fn a_text_that_reads_what_is_not_there_is_an_error() {
    let missing = |text, input| rendered(text, input).unwrap_err().to_string();
    assert!(missing("{{ input.missing }}", json!({})).contains("`input.missing` is not there"));
    assert!(
        missing("{{ input.c }} {{ input.a.b }}", json!({"a": 1, "c": 2}))
            .contains("`input.a.b` is not there")
    );
}

#[test]
fn texts_are_bounded_in_steps_and_length() {
    let input = json!({"big": "x".repeat(RENDERED_BYTES_MAX + 100), "l": (0..1000).collect::<Vec<_>>()});
    assert_eq!(rendered("{{ input.big }}", input.clone()), Err(TextError::TooLong));
    assert_eq!(
        rendered(
            "{% for a in input.l %}{% for b in input.l %}{% if a %}{% endif %}{% endfor %}{% endfor %}",
            input.clone()
        ),
        Err(TextError::OutOfFuel)
    );
    assert!(rendered("{{ input.l|join(input.big) }}", input).is_err());
    assert_eq!(template("{{ ('x' * 1000000000)|length }}").map(|_| ()), Err(vec!["template_too_complex"]));
}

#[test]
fn templates_have_no_statements_that_grow_or_load() {
    for text in [
        "{% set x = 1 %}",
        "{% include 'x' %}",
        "{% macro f() %}{% endmacro %}",
        "{%- import 'x' as y %}",
        "{% filter upper %}x{% endfilter %}",
        "{{ input.a",
        "{% if %}",
        "{{ input.a|nosuchfilter }}",
        "{% for x in input.l %}",
        "{{ range(10) }}",
        "{% with a = 1 %}{% endwith %}",
    ] {
        assert!(template(text).is_err(), "{text}");
    }
    assert_eq!(
        template(&("{{ input.a".to_owned() + &" ~ input.a".repeat(40) + " }}")).map(|_| ()),
        Err(vec!["template_too_complex"])
    );
    assert_eq!(template("{{ nobody.x }}").map(|_| ()), Err(vec!["unknown_variable"]));
}

const ERRORS: &str = "ghostlight: 1
name: w
nodes:
  a: {type: agent_call, agent: x}
  b:
    type: human_gate
    needs: [{node: a, kind: soft}]
    when: run.errors.a.class == 'timeout' || run.errors['a'] != null && run.workflow == 'w' && run.version == 3
    action: \"{% if run.errors.a %}{{ run.errors.a.message }}{% else %}fine{% endif %} in {{ run.id }}\"
    impact: \"{{ run.errors.a.code }}\"
output: {whole: $run.errors.a, class: $run.errors.a.class, list: [$run.errors.a.happened, $run.version]}
";

/// The error of a node, and what a run says of itself, mean the same in bindings, conditions and templates.
#[test]
fn how_a_node_failed_is_read_by_path_and_is_null_where_it_did_not() {
    let workflow = valid(ERRORS);
    let failure = |class, code| {
        crate::failure::Failure::new(class, code, "it broke", crate::failure::Happened::Unknown)
    };
    let read = |failure: Option<crate::failure::Failure>| {
        let errors = failure.map(|failure| (workflow.find("a").unwrap(), failure)).into_iter().collect();
        let values = Values { errors, version: Some(3), ..Values::default() };
        let gate = workflow.node(workflow.find("b").unwrap());
        let NodeKind::Gate(texts) = &gate.kind else { panic!() };
        (
            gate.when.as_ref().unwrap().evaluate(&values).unwrap(),
            texts.action.render(&values).unwrap(),
            texts.impact.as_ref().unwrap().render(&values).unwrap(),
            workflow.output.as_ref().unwrap().resolve(&values).unwrap(),
        )
    };
    let class = crate::failure::ErrorClass::Timeout;
    let whole = json!({"class": "timeout", "code": "slow", "message": "it broke", "happened": "unknown"});
    let output = json!({"whole": whole, "class": "timeout", "list": ["unknown", 3]});
    assert_eq!(
        read(Some(failure(class, "slow"))),
        (true, "it broke in 7".to_owned(), "slow".to_owned(), output)
    );
    let output = json!({"whole": null, "class": null, "list": [null, 3]});
    assert_eq!(read(None), (false, "fine in 7".to_owned(), "None".to_owned(), output));
}

/// Who may read whose error follows from how a failure can lead to the reader.
#[test]
fn an_error_is_readable_wherever_a_failure_can_lead() {
    let reads = |nodes: &str, reader: &str| {
        errors(&format!(
            "ghostlight: 1\nname: w\nnodes:\n  a: {{type: agent_call, agent: x{nodes}\n  r: {{type: transform, value: $run.errors.a.class, {reader}}}\n"
        ))
    };
    let call = "type: agent_call, agent: x";
    for (nodes, reader) in [
        ("}".to_owned(), "needs: [{node: a, kind: soft}]"),
        ("}".to_owned(), "needs: [{node: a, kind: optional}]"),
        (", on_error: continue}".to_owned(), "needs: [a]"),
        (", on_error: {default: 1}}".to_owned(), "needs: [a]"),
        (", on_error: {goto: r}}".to_owned(), "labels: {}"),
        (format!("}}\n  b: {{{call}, needs: [a]}}"), "needs: [{node: b, kind: soft}]"),
        (format!("}}\n  b: {{{call}, needs: [{{node: a, kind: soft}}]}}"), "needs: [b]"),
        (format!("}}\n  b: {{{call}}}\n  j: {{type: join, require: collect, needs: [a, b]}}"), "needs: [j]"),
        (format!("}}\n  b: {{{call}}}\n  j: {{type: join, require: any, needs: [a, b]}}"), "needs: [j]"),
        (
            format!("}}\n  b: {{{call}}}\n  j: {{type: join, require: {{quorum: 1}}, needs: [a, b]}}"),
            "needs: [j]",
        ),
        (
            format!(
                ", on_error: continue}}\n  b: {{{call}}}\n  j: {{type: join, require: all, needs: [a, b]}}"
            ),
            "needs: [j]",
        ),
    ] {
        assert_eq!(reads(&nodes, reader), [""; 0], "{nodes} {reader}");
    }
    for (nodes, reader) in [
        ("}".to_owned(), "needs: [a]"),
        (", on_error: pause}".to_owned(), "needs: [a]"),
        (format!("}}\n  b: {{{call}, needs: [a]}}"), "needs: [a, {node: b, kind: soft}]"),
        (format!("}}\n  b: {{{call}}}\n  j: {{type: join, require: all, needs: [a, b]}}"), "needs: [j]"),
    ] {
        assert_eq!(reads(&nodes, reader), ["no_error"], "{nodes} {reader}");
    }
    // An edge is looked at when its parent has ended and goes on.
    let edge = |more: &str| {
        errors(&format!(
            "ghostlight: 1\nname: w\nnodes:\n  a: {{{call}{more}}}\n  b: {{{call}}}\nedges: [{{from: a, to: b, when: run.errors.a == null}}]\n"
        ))
    };
    assert_eq!((edge(", on_error: continue"), edge("")), (vec![], vec!["no_error"]));
}
