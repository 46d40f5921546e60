//! What a template becomes, and everything that can be wrong with one.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;

const TEMPLATE: &str = "ghostlight: 1
name: probe
description: Looks at ${param.service}
parameters:
  type: object
  properties:
    service: { type: string, examples: [shop] }
    urls: { type: array, items: { type: string }, default: [a, b] }
    tries: { type: integer, minimum: 1, default: 3 }
nodes:
  look:
    type: agent_call
    agent: noop
    input: { urls: '${param.urls}', note: '${param.service}: ${param.tries}' }
    retry: { max_attempts: '${param.tries}' }
";

fn yaml(text: &str) -> ReadTemplate {
    read(&Source { text, format: Format::Yaml })
}

fn template(text: &str) -> Template {
    let read = yaml(text);
    read.template.unwrap_or_else(|| panic!("{:?}", read.diagnostics))
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn values(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn told(diagnostics: &[Diagnostic]) -> Vec<(&'static str, &str, u32)> {
    diagnostics.iter().map(|d| (d.code.name(), d.path.as_str(), d.line)).collect()
}

/// Shows S0-5.3d, S2-5.3d.
#[test]
fn a_template_with_its_values_is_a_workflow_that_compiles() {
    let template = template(TEMPLATE);
    let made = template.instantiate(&name("probe-shop"), &values(json!({ "service": "shop", "tries": 5 })));
    assert_eq!(told(&made.diagnostics), []);
    let workflow = made.workflow.unwrap();
    assert_eq!((workflow.name.as_str(), workflow.description.as_str()), ("probe-shop", "Looks at shop"));
    let node = &workflow.document["nodes"]["look"];
    assert_eq!(node["input"], json!({ "urls": ["a", "b"], "note": "shop: 5" }));
    assert_eq!(node["retry"]["max_attempts"], 5);
    assert!(workflow.document.get("parameters").is_none());
}

/// Shows S2-5.3d.
#[test]
fn values_that_are_missing_unknown_or_do_not_fit_are_all_told_with_their_places() {
    let template = template(TEMPLATE);
    let made = template.instantiate(&name("x"), &values(json!({ "servise": "shop" })));
    assert!(made.workflow.is_none());
    assert_eq!(
        told(&made.diagnostics),
        [("unknown_parameter", "/parameters", 5), ("parameter_value", "/parameters/properties/service", 7)]
    );
    assert_eq!(made.diagnostics[0].help.as_deref(), Some("did you mean `service`?"));
    let made = template.instantiate(&name("x"), &values(json!({ "service": 1, "tries": 0 })));
    let mut lines: Vec<_> = told(&made.diagnostics).into_iter().map(|(code, _, line)| (code, line)).collect();
    lines.sort_unstable();
    assert_eq!(lines, [("parameter_value", 7), ("parameter_value", 9)]);
    // The language objects to what came of a value: the place is where its placeholder stands.
    let text = TEMPLATE.replace("minimum: 1, ", "");
    let made = self::template(&text).instantiate(&name("x"), &values(json!({ "service": "s", "tries": 0 })));
    assert_eq!(told(&made.diagnostics), [("bad_value", "/nodes/look/retry/max_attempts", 15)]);
}

#[test]
fn everything_that_is_wrong_with_a_template_is_told_at_once() {
    let text = "ghostlight: 1
name: bad
parameters:
  type: object
  properties:
    Bad: { type: string }
    list: { type: array }
    unused: { type: string }
    n: { type: integer, default: x }
nodes:
  a: { type: agent_call, agent: '${param.lst}', input: { a: 'x ${param.list}', b: '${param.}', '${param.n}': 1, c: '${param.n}' } }
";
    let read = yaml(text);
    assert!(read.template.is_none());
    let codes: Vec<_> = read.diagnostics.iter().map(|d| (d.code.name(), d.line)).collect();
    assert_eq!(
        codes,
        [
            ("bad_parameters", 6),
            ("unused_parameter", 8),
            ("bad_parameters", 9),
            ("unknown_parameter", 11),
            ("parameter_in_text", 11),
            ("bad_placeholder", 11),
            ("bad_placeholder", 11)
        ]
    );
    for (parameters, code) in [
        ("3", "bad_parameters"),
        ("{type: array}", "bad_parameters"),
        ("{type: object}", "bad_parameters"),
        ("{type: object, properties: {a: {type: strange}}}", "bad_schema"),
    ] {
        let text = format!(
            "ghostlight: 1\nname: x\nparameters: {parameters}\nnodes: {{a: {{type: agent_call, agent: '${{param.a}}'}}}}\n"
        );
        let read = yaml(&text);
        assert!(
            read.template.is_none() && read.diagnostics.iter().any(|d| d.code.name() == code),
            "{parameters}: {:?}",
            read.diagnostics
        );
    }
    let missing = yaml("ghostlight: 1\nname: x\nnodes: {}\n");
    assert_eq!(missing.diagnostics[0].code, Code::MissingKey);
}

/// A template that can be tried is tried: it is not saved when what it makes does not compile.
#[test]
fn a_template_whose_samples_make_no_workflow_is_refused() {
    let read = yaml(&TEMPLATE.replace("agent: noop", "agnet: noop"));
    assert!(read.template.is_none());
    assert!(
        told(&read.diagnostics).contains(&("unknown_key", "/nodes/look/agnet", 13)),
        "{:?}",
        read.diagnostics
    );
    assert!(
        yaml(&TEMPLATE.replace("agent: noop", "agnet: noop").replace(", examples: [shop]", ""))
            .template
            .is_some()
    );
}

#[test]
fn a_value_that_would_fill_memory_is_refused_before_it_is_put_in_place() {
    let inputs: String = (0..200).map(|n| format!("k{n}: '${{param.service}}', ")).collect();
    let text = TEMPLATE.replace("input: { ", &format!("input: {{ {inputs}"));
    let made = template(&text).instantiate(&name("x"), &values(json!({ "service": "y".repeat(100_000) })));
    assert_eq!(told(&made.diagnostics), [("text_too_large", "", 5)]);
}

#[test]
fn a_document_is_written_as_people_read_it_and_reads_the_same() {
    let template = template(TEMPLATE);
    let made = template.instantiate(&name("w"), &values(json!({ "service": "it's: a #shop" })));
    let document = made.workflow.unwrap().document.clone();
    let (text, format) = written(&document);
    assert_eq!(
        (format, language::canonical_document(&Source { text: &text, format })),
        (Format::Yaml, Some(document))
    );
    assert!(text.starts_with("ghostlight: 1\nname: w\ndescription: "), "{text}");
}

fn workflow() -> Value {
    let text = "ghostlight: 1\nname: w\nlabels: {team: a}\nnodes:\n  a: {type: agent_call, agent: noop, input: {n: 1, list: [1, {deep: true}], nothing: null, half: 0.5}}\n";
    language::compile(&Source { text, format: Format::Yaml }).workflow.unwrap().document.clone()
}

/// Shows S0-5.3d.
#[test]
fn any_workflow_becomes_a_template_whose_defaults_make_it_again() {
    let pointers = [
        ("team", "/labels/team"),
        ("n", "/nodes/a/input/n"),
        ("list", "/nodes/a/input/list"),
        ("nothing", "/nodes/a/input/nothing"),
        ("half", "/nodes/a/input/half"),
    ];
    let parameters = pointers.map(|(name, pointer)| (name.to_owned(), pointer.to_owned())).into();
    let made = from_workflow(&workflow(), &name("t"), &parameters).unwrap();
    assert_eq!(made["parameters"]["properties"]["n"], json!({ "type": "integer", "default": 1 }));
    let text = made.to_string();
    let read = read(&Source { text: &text, format: Format::Json });
    let again = read.template.unwrap().instantiate(&name("w"), &Map::new());
    assert_eq!(again.workflow.unwrap().document, workflow());
}

#[test]
fn pointers_to_nothing_to_each_other_or_to_what_must_stay_are_all_refused() {
    let parameters: BTreeMap<String, String> = [
        ("a", "/nodes/a/input"),
        ("b", "/nodes/a/input/n"),
        ("c", "/nodes/z"),
        ("d", "/name"),
        ("E", "/labels/team"),
    ]
    .map(|(name, pointer)| (name.to_owned(), pointer.to_owned()))
    .into();
    let problems = from_workflow(&workflow(), &name("t"), &parameters).unwrap_err();
    let mut told: Vec<_> = problems.iter().map(|d| (d.code.name(), d.path.as_str())).collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ("bad_parameters", "/labels/team"),
            ("bad_pointer", "/name"),
            ("bad_pointer", "/nodes/a/input/n"),
            ("bad_pointer", "/nodes/z")
        ]
    );
    assert_eq!(
        from_workflow(&workflow(), &name("t"), &BTreeMap::new()).unwrap_err()[0].code,
        Code::BadParameters
    );
}

proptest! {
    /// Whatever a template says, reading it and filling it in ends without a panic.
    #[test]
    fn no_text_makes_reading_or_filling_a_template_panic(cut in 0..TEMPLATE.len(), put in "[$}{a: \n]{0,6}", service in ".{0,8}") {
        let text = format!("{}{put}{}", &TEMPLATE[..cut], &TEMPLATE[cut..]);
        if let Some(template) = yaml(&text).template {
            let made = template.instantiate(&name("x"), &values(json!({ "service": service })));
            prop_assert_eq!(made.workflow.is_none(), any_error(&made.diagnostics));
        }
    }
}
