//! What holds for every document and every value.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const EXAMPLE: &str = include_str!("../../../../../config/workflows/incident-response.yaml");

/// Pieces that documents are made of, so that mutations stay close to the language.
const PIECES: [&str; 40] = [
    "nodes:",
    "needs: [",
    "]",
    "{",
    "}",
    "type: join",
    "type: agent_call",
    "$input",
    "$",
    "$$",
    "{{",
    "}}",
    "{%",
    "%}",
    "\n",
    "  ",
    "- ",
    "&a ",
    "*a",
    "!!str ",
    "when: ",
    "detect",
    "findings",
    "'",
    "\"",
    ": ",
    ",",
    "null",
    "1e999",
    "0x",
    "-",
    "\u{feff}",
    "\u{85}",
    "ä",
    "😀",
    "#",
    "|\n",
    ">\n",
    "?",
    "edges: [{from: detect, to: detect}]",
];

fn nearest_char(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

/// The example with a few pieces cut out and put in.
fn mutated() -> impl Strategy<Value = String> {
    let change = (0..EXAMPLE.len(), 0_usize..40, 0..PIECES.len());
    proptest::collection::vec(change, 1..6).prop_map(|changes| {
        let mut text = EXAMPLE.to_owned();
        for (at, cut, piece) in changes {
            let (start, end) = (nearest_char(&text, at), nearest_char(&text, at + cut));
            text.replace_range(start..end, PIECES[piece]);
        }
        text
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        Just(json!("$input.a")),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-d]|\\PC{0,4}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Where a document is well formed, every place in its diagnostics is one in its text.
fn check(text: &str, format: Format) {
    let compiled = compile(&Source { text, format });
    assert_eq!(compiled.workflow.is_none(), crate::diagnostic::any_error(&compiled.diagnostics));
    assert!(compiled.diagnostics.iter().all(|d| d.code != crate::diagnostic::Code::CompilerFailed), "{text}");
    let _ = render("w", text, &compiled.diagnostics);
    let again = compile(&Source { text, format });
    assert_eq!(compiled.diagnostics, again.diagnostics);
    assert_eq!(compiled.workflow.map(|w| w.hash), again.workflow.map(|w| w.hash));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_makes_the_compiler_panic(text in "\\PC{0,200}") {
        check(&text, Format::Yaml);
        check(&text, Format::Json);
    }

    #[test]
    fn no_bytes_of_yaml_make_the_compiler_panic(text in "[\\[\\]{}:,\\-?#&*!|>'\"%@` \n\ta0~.$]{0,80}") {
        check(&text, Format::Yaml);
        check(&text, Format::Json);
        check(&text, Format::Toml);
    }

    #[test]
    fn no_mutation_of_a_valid_document_makes_the_compiler_panic(text in mutated()) {
        check(&text, Format::Yaml);
    }

    /// S3-2e: the resolver gives a value or an error, whatever the path and the values are.
    #[test]
    fn the_resolver_never_panics(path in "(\\.[a-d]|\\[[0-9]{1,9}\\]|\\.\\PC{1,3}){0,6}", value in any_json(), output in any_json()) {
        let document = json!({
            "ghostlight": 1, "name": "w",
            "nodes": {
                "a": {"type": "agent_call", "agent": "x"},
                "b": {"type": "agent_call", "agent": "x", "needs": [{"node": "a", "kind": "soft"}], "input": {"x": format!("$input{path}"), "y": format!("$a{path}")}},
            },
        });
        let compiled = compile(&Source { text: &document.to_string(), format: Format::Json });
        if let Some(workflow) = compiled.workflow {
            let values = Values::of(&workflow, value, &[("a", output)]);
            let _ = workflow.nodes[1].input.resolve(&values);
        }
    }

    /// A node never reads what it does not name: literals come back as they are.
    #[test]
    fn values_without_bindings_come_back_as_they_are(value in any_json()) {
        let document = json!({"ghostlight": 1, "name": "w", "nodes": {"a": {"type": "agent_call", "agent": "x", "input": {"x": value}}}});
        let compiled = compile(&Source { text: &document.to_string(), format: Format::Json });
        if let Some(workflow) = compiled.workflow
            && !document.to_string().contains('$')
        {
            prop_assert_eq!(workflow.nodes[0].input.resolve(&Values::default()).unwrap(), json!({"x": value}));
        }
    }

    #[test]
    fn conditions_give_an_answer_or_an_error(
        text in "(input|a|context|[0-9]{1,3}|'x'|true|\\.a|\\.b|\\[0\\]|\\(|\\)| ?(==|&&|\\|\\||<|\\+|-|\\*|/|%|in|\\?|:) ?|!|size\\(|,|has\\(|\\.all\\(x, ){1,12}",
        value in any_json(),
    ) {
        let document = json!({"ghostlight": 1, "name": "w", "nodes": {"n": {"type": "condition", "when": text}}});
        let compiled = compile(&Source { text: &document.to_string(), format: Format::Json });
        if let Some(workflow) = compiled.workflow
            && let crate::workflow::NodeKind::Condition(condition) = &workflow.nodes[0].kind
        {
            let _ = condition.evaluate(&Values { input: value, context: json!({}), ..Values::default() });
        }
    }

    #[test]
    fn templates_give_a_text_or_an_error(
        text in "(\\{\\{|\\}\\}|\\{%|%\\}| |input|\\.a|\\[0\\]|if |for x in |endif|endfor|else|\\|upper|\\|join|~|'x'|\\|sort|\\|round|\\|int| is defined|not |x){1,14}",
        value in any_json(),
    ) {
        let document = json!({"ghostlight": 1, "name": "w", "nodes": {"n": {"type": "human_gate", "action": text}}});
        let compiled = compile(&Source { text: &document.to_string(), format: Format::Json });
        if let Some(workflow) = compiled.workflow
            && let crate::workflow::NodeKind::Gate(gate) = &workflow.nodes[0].kind
        {
            let _ = gate.action.render(&Values { input: value, context: json!({}), ..Values::default() });
        }
    }

    /// S3-2h: the hash is that of the value, not of its form.
    #[test]
    fn json_and_yaml_of_one_value_have_the_same_tree(value in any_json()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let (json_tree, _) = crate::language::document::parse(&text, Format::Json);
        prop_assert_eq!(json_tree.unwrap().to_value(), value);
    }
}
