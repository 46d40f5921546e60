//! What the canonical form looks like, and what holds for every document.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::language::compile;
use crate::language::spelling;

#[track_caller]
fn yaml(text: &str) -> String {
    formatted(text, Format::Yaml, Format::Yaml)
}

#[track_caller]
fn formatted(text: &str, from: Format, to: Format) -> String {
    match written(text, from, to) {
        Ok(text) => text,
        Err(problems) => panic!("{text}\n{}", crate::diagnostic::render("w.yaml", text, &problems)),
    }
}

fn written(text: &str, from: Format, to: Format) -> Result<String, Vec<Diagnostic>> {
    let formatted = format(&Source { text, format: from }, Style { format: to, drop_comments: false })?;
    assert_eq!(formatted.comments_dropped, 0);
    Ok(formatted.text)
}

#[track_caller]
fn refused(text: &str, code: Code) {
    let problems = written(text, Format::Yaml, Format::Yaml).unwrap_err();
    assert_eq!(problems.iter().map(|problem| problem.code).collect::<Vec<_>>(), [code], "{problems:?}");
}

const SHIPPED: [(&str, &str); 3] = [
    ("incident-response", include_str!("../../../../../config/workflows/incident-response.yaml")),
    ("demo-incident", include_str!("../../../../../config/workflows/demo-incident.yaml")),
    ("service-monitor", include_str!("../../../../../config/workflows/service-monitor.yaml")),
];

#[test]
fn the_shipped_workflows_keep_their_hash_and_every_comment() {
    for (name, text) in SHIPPED {
        let hash = |text: &str| compile(&Source { text, format: Format::Yaml }).workflow.unwrap().hash;
        let canonical = yaml(text);
        assert_eq!(hash(text), hash(&canonical), "{name}");
        assert_eq!(text.matches('#').count(), canonical.matches('#').count(), "{name}");
        assert_eq!(yaml(&canonical), canonical, "{name}");
    }
}

#[test]
fn keys_stand_in_the_order_of_the_contract_and_nodes_on_one_line_where_they_fit() {
    let text = "nodes:\n  second:\n    needs: [a]\n    agent: x\n    type: agent_call\n    retry: {max: 3s, initial: 1s, max_attempts: 2}\n  a: {agent: x,   type: agent_call}\n\
                edges: [{to: second, from: a, when: 'a.x'}]\nname: w\noutput: $a\nghostlight: 1\n";
    insta::assert_snapshot!(yaml(text), @r"
    ghostlight: 1
    name: w
    nodes:
      second: { type: agent_call, agent: x, needs: [a], retry: { max_attempts: 2, initial: 1s, max: 3s } }
      a:      { type: agent_call, agent: x }
    edges:
      - { from: a, to: second, when: a.x }
    output: $a
    ");
}

#[test]
fn what_does_not_fit_into_a_line_is_written_line_by_line() {
    let long = "x ".repeat(70);
    let text = format!(
        "name: w\ndescription: {long}\nnodes:\n  a: {{type: human_gate, action: 'Say {{{{ input.x }}}}', impact: {long}}}\n  b: {{type: join, needs: [a]}}\n"
    );
    insta::assert_snapshot!(yaml(&text), @r#"
    name: w
    description: >-
      x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x
      x x x x x x x x x x x
    nodes:
      a:
        type: human_gate
        action: "Say {{ input.x }}"
        impact: >-
          x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x
          x x x x x x x x x x x x x
      b: { type: join, needs: [a] }
    "#);
}

#[test]
fn comments_stay_with_what_they_are_about_and_groups_stay_apart() {
    let text = "# About the file.\n# More.\n\n# The name.\nname: w    # behind\nghostlight: 1 # the version\n\n\n\nnodes: # ids\n    # above a\n    a: # about a\n      type: agent_call # its type\n      agent: x\n      # ends a\n    # ends the nodes\n\n    # alone\n\n    b: {type: agent_call, # inside\n        agent: x} # behind b\n# above the output\noutput: $a\n# at the end\n";
    insta::assert_snapshot!(yaml(text), @r"
    # About the file.
    # More.
    ghostlight: 1  # the version

    # The name.
    name: w  # behind

    nodes:  # ids
      # above a
      a:  # about a
        type: agent_call  # its type
        agent: x
        # ends a
      # ends the nodes

      # alone

      b:  # behind b
        type: agent_call  # inside
        agent: x
    # above the output
    output: $a
    # at the end
    ");
}

#[test]
fn quotes_stand_only_where_they_are_needed() {
    let text = "a: [\"plain\", \"\", 'it''s', \"say \\\"x\\\"\", \"1\", \"true\", 'null', 'no', \"a: b\", \"a:b\", \"a #b\", \"a#b\", '- a', '-a', '!x', \"http://x/y?z=1&a=%20\", '$x.y', \"a, b\", '{{ x }}', \"tab\\t\", \" x\", \"1.2.3\", '.5', '0x1f', '~', '<<']\nb: \"a, b\"\n'c d': \"1\"\n\"1\": x\n";
    insta::assert_snapshot!(yaml(text), @r#"
    a:
      - plain
      - ""
      - it's
      - say "x"
      - "1"
      - "true"
      - "null"
      - "no"
      - "a: b"
      - a:b
      - "a #b"
      - a#b
      - "- a"
      - -a
      - "!x"
      - http://x/y?z=1&a=%20
      - $x.y
      - a, b
      - "{{ x }}"
      - "tab\t"
      - " x"
      - 1.2.3
      - ".5"
      - "0x1f"
      - "~"
      - "<<"
    b: a, b
    c d: "1"
    1: x
    "#);
}

#[test]
fn texts_of_several_lines_stand_as_they_are() {
    let text = "a: \"one\\n  two\\n\\nthree\"\nb: |\n  x\n  # no comment\n\n\nc: [\"x\\ny\\n\", 1]\nd: \"x\\n\\n\"\ne: \" x\\ny\"\n";
    insta::assert_snapshot!(yaml(text), @r#"
    a: |-
      one
        two

      three
    b: |
      x
      # no comment

    c:
      - |
        x
        y
      - 1
    d: "x\n\n"
    e: " x\ny"
    "#);
}

#[test]
fn lists_in_lists_and_mappings_in_lists_keep_their_shape_and_comments() {
    let text =
        "x:\n- # one\n  a: 1\n  b: [ 1, # in\n    2 ]\n# two\n- - 1 # behind\n  - 2\n-\n  - {}\n  # end\n";
    insta::assert_snapshot!(yaml(text), @r"
    x:
      # one
      - a: 1
        b:
          - 1  # in
          - 2
      # two
      - - 1  # behind
        - 2
      - - {}
        # end
    ");
}

#[test]
fn anchors_and_aliases_are_refused_and_not_lost() {
    refused("a: &x 1\nb: *x\n", Code::NotFormatted);
    refused("a: &x 1\n", Code::NotFormatted);
}

#[test]
fn what_cannot_be_read_is_refused_with_what_is_wrong() {
    refused("a: [\n", Code::Syntax);
    refused("a: 1\na: 2\n", Code::DuplicateKey);
    refused("a: !!str 1\n", Code::UnsupportedYaml);
    refused("- a\n", Code::WrongType);
    refused("", Code::WrongType);
    let toml = written("a = 1\n", Format::Toml, Format::Yaml).unwrap_err();
    assert_eq!(toml[0].code, Code::NotFormatted);
    let key = format!("? {}\n: 1\n", "k".repeat(2000));
    refused(&key, Code::NotFormatted);
}

#[test]
fn comments_keep_a_document_from_becoming_json_unless_they_are_to_be_dropped() {
    let text = "name: w # the name\nnodes: {}\n";
    let problems = written(text, Format::Yaml, Format::Json).unwrap_err();
    assert_eq!((problems[0].code, problems[0].line, problems[0].column), (Code::NotFormatted, 1, 9));
    let style = Style { format: Format::Json, drop_comments: true };
    let dropped = format(&Source { text, format: Format::Yaml }, style).unwrap();
    assert_eq!(dropped.comments_dropped, 1);
    insta::assert_snapshot!(dropped.text, @r#"
    {
      "name": "w",
      "nodes": {}
    }
    "#);
}

#[test]
fn json_has_the_same_layout() {
    let text = "name: w\n\nnodes:\n  a: {type: agent_call, agent: x, input: {n: 1.50, h: 0x1F, l: [1, 'ä', null]}}\nedges: [{from: a, to: b}]\n";
    insta::assert_snapshot!(formatted(text, Format::Yaml, Format::Json), @r#"
    {
      "name": "w",

      "nodes": {
        "a": { "type": "agent_call", "agent": "x", "input": { "n": 1.50, "h": 31, "l": [1, "ä", null] } }
      },
      "edges": [
        { "from": "a", "to": "b" }
      ]
    }
    "#);
}

/// One line of sixteen mebibytes is formatted in linear time.
#[test]
fn a_long_line_takes_no_longer_than_many_short_ones() {
    let list = vec!["{a: [1, x], b: 2}"; 15_000].join(", ");
    let text = format!("name: w\nx: [{list}]\n");
    assert!(yaml(&text).lines().count() > 15_000);
}

/// Writes a value in a random layout, with comments and blank lines wherever they may stand.
struct Messy {
    random: fastrand::Rng,
    out: String,
    comments: usize,
    with_comments: bool,
}

impl Messy {
    fn comment(&mut self) -> String {
        self.comments += 1;
        format!("# c{}{}", self.comments, ["", " x: y", " - {", " \"'"][self.random.usize(..4)])
    }

    fn chance(&mut self, one_in: usize) -> bool {
        self.random.usize(..one_in) == 0
    }

    fn between(&mut self, indent: usize) {
        while self.chance(4) {
            if self.with_comments && self.chance(2) {
                let comment = self.comment();
                self.out.push_str(&format!("{:indent$}{comment}\n", ""));
            } else {
                self.out.push('\n');
            }
        }
    }

    fn end_of_line(&mut self) {
        if self.with_comments && self.chance(5) {
            let comment = self.comment();
            self.out.push_str(&format!("  {comment}"));
        }
        self.out.push('\n');
    }

    fn flow(&mut self, value: &Value, indent: usize) {
        let space = |messy: &mut Self| {
            if messy.chance(8) {
                messy.end_of_line();
                messy.between(indent + 1);
                messy.out.push_str(&" ".repeat(indent + 1));
            }
        };
        match value {
            Value::Array(items) => {
                self.out.push('[');
                for item in items {
                    space(self);
                    self.flow(item, indent);
                    self.out.push(',');
                }
                space(self);
                self.out.push(']');
            }
            Value::Object(map) => {
                self.out.push('{');
                for (key, value) in map {
                    space(self);
                    self.out.push_str(&format!("{}: ", scalar::quoted(key)));
                    self.flow(value, indent);
                    self.out.push(',');
                }
                space(self);
                self.out.push('}');
            }
            Value::String(text) if self.random.bool() => {
                self.out.push_str(&scalar::text(text, scalar::Place::Flow))
            }
            Value::String(text) => self.out.push_str(&scalar::quoted(text)),
            _ => self.out.push_str(&value.to_string()),
        }
    }

    /// A value behind `key:` or `-`.
    fn value(&mut self, value: &Value, indent: usize) {
        let step = self.random.usize(1..4);
        let is_empty = value.as_object().is_some_and(serde_json::Map::is_empty)
            || value.as_array().is_some_and(Vec::is_empty);
        match value {
            Value::Object(map) if !is_empty && self.random.bool() => {
                self.end_of_line();
                self.map(map, indent + step);
            }
            Value::Array(items) if !is_empty && self.random.bool() => {
                self.end_of_line();
                for item in items {
                    self.between(indent + step);
                    self.out.push_str(&format!("{:width$}-", "", width = indent + step));
                    self.value(item, indent + step);
                }
                self.between(indent + step);
            }
            Value::String(text) if scalar::literal(text).is_some() && self.random.bool() => {
                let block = scalar::literal(text).unwrap();
                self.out.push_str(&format!(" {}", block.sign));
                self.end_of_line();
                for line in block.lines {
                    self.out.push_str(&format!("{:width$}{line}\n", "", width = indent + step));
                }
            }
            Value::Null if self.random.bool() => self.end_of_line(),
            _ => {
                self.out.push(' ');
                self.flow(value, indent);
                self.end_of_line();
            }
        }
    }

    fn map(&mut self, map: &serde_json::Map<String, Value>, indent: usize) {
        for (key, value) in map {
            self.between(indent);
            self.out.push_str(&format!("{:indent$}{}:", "", scalar::quoted(key)));
            self.value(value, indent);
        }
        self.between(indent);
    }
}

fn messy(value: &Value, seed: u64, with_comments: bool) -> String {
    let mut messy =
        Messy { random: fastrand::Rng::with_seed(seed), out: String::new(), comments: 0, with_comments };
    messy.map(value.as_object().unwrap(), 0);
    messy.out
}

/// Without the characters that no document may have.
fn visible(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(spelling::visible(&text)),
        Value::Array(items) => items.into_iter().map(visible).collect(),
        Value::Object(map) => {
            map.into_iter().map(|(key, value)| (spelling::visible(&key), visible(value))).collect()
        }
        other => other,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,8}",
        "[ a#:,\\[\\]{}&*!|>'\"%@`?~=<.\\-\\\\]{0,6}",
        "[a-c]{1,3}( [a-c]{1,9}){0,30}",
        "([a-c #\\-:]{0,6}\n){0,3}[a-c]{0,3}",
        "[\u{0}-\u{20}\u{7f}-\u{a0}\u{2028}\u{feff}\u{fffe}a]{0,4}",
        Just("yes".to_owned()),
        Just("1e3".to_owned()),
        Just("$input.a".to_owned()),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        let key =
            prop_oneof!["type|needs|when|input|agent|retry|max|initial|node|a|b|description", text.clone(),];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(key, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Documents of the language's own shape, with anything at all in them.
fn any_document() -> impl Strategy<Value = Value> {
    let key =
        "ghostlight|name|nodes|edges|chain|output|input|description|kind|supervision|selectors|\\PC{1,5}";
    proptest::collection::btree_map(key, any_value(), 0..6)
        .prop_map(|map| visible(Value::Object(map.into_iter().collect())))
}

fn value_of(text: &str, format: Format) -> Value {
    let (root, problems) = document::parse(text, format);
    assert!(problems.is_empty(), "{text}\n{problems:?}");
    root.unwrap().to_value()
}

fn comments_of(text: &str) -> Vec<String> {
    let mut comments: Vec<String> =
        comments::read(text).unwrap().comments.into_iter().map(|one| one.text).collect();
    comments.sort();
    comments
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn formatting_changes_no_value_and_no_comment_and_twice_is_once(value in any_document(), seed in any::<u64>()) {
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        let text = messy(&value, seed, true);
        let (before, problems) = document::parse(&text, Format::Yaml);
        prop_assert!(problems.is_empty(), "{}\n{:?}", text, problems);
        let canonical = yaml(&text);
        prop_assert_eq!(before.unwrap().to_value(), value_of(&canonical, Format::Yaml), "{}", canonical);
        prop_assert_eq!(comments_of(&text), comments_of(&canonical));
        let again = yaml(&canonical);
        prop_assert_eq!(&again, &canonical, "from\n{}", text);
    }

    #[test]
    fn yaml_and_json_turn_into_each_other_and_back_without_loss(value in any_document(), seed in any::<u64>()) {
        if value.as_object().is_some_and(serde_json::Map::is_empty) {
            return Ok(());
        }
        let canonical = yaml(&messy(&value, seed, false));
        let json = formatted(&canonical, Format::Yaml, Format::Json);
        prop_assert_eq!(value_of(&json, Format::Json), value_of(&canonical, Format::Yaml));
        prop_assert_eq!(&formatted(&json, Format::Json, Format::Json), &json);
        prop_assert_eq!(&formatted(&json, Format::Json, Format::Yaml), &canonical, "{}", json);
    }

    #[test]
    fn no_text_makes_the_formatter_panic_or_lose_something(text in "([a-c]|: |\n|  |- |\\[|\\]|\\{|\\}|, |# x|\"|'|\\||>|\\?|&a |\\*a|1|\t){0,40}") {
        if let Ok(canonical) = written(&text, Format::Yaml, Format::Yaml) {
            prop_assert_eq!(value_of(&text, Format::Yaml), value_of(&canonical, Format::Yaml));
            prop_assert_eq!(comments_of(&text), comments_of(&canonical), "{}\n=>\n{}", text, canonical);
            let again = written(&canonical, Format::Yaml, Format::Yaml);
            prop_assert_eq!(again, Ok(canonical), "from\n{}", text);
        } else if let Err(problems) = written(&text, Format::Yaml, Format::Yaml) {
            // What is refused is refused for its own sake.
            let is_mistake = problems.iter().any(|one| one.message.contains("would not have stayed"));
            prop_assert!(!is_mistake, "{}", text);
        }
    }
}

#[test]
fn an_empty_mapping_is_a_document_too() {
    assert_eq!(yaml("{}"), "{}\n");
    assert_eq!(yaml("# x\n{}\n# y\n"), "# x\n# y\n{}\n");
    assert_eq!(value_of(&yaml("{a: {}}"), Format::Yaml), json!({"a": {}}));
}
