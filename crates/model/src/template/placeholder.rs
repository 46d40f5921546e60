//! `${param.name}`: finding placeholders in texts, and putting values in their place.

use serde_json::{Map, Value};

use crate::ids::NodeId;

/// How a placeholder begins.
pub const BEGIN: &str = "${param.";

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'t> {
    /// What stands there as it is.
    Text(&'t str),
    /// The value of this parameter.
    Parameter(&'t str),
    /// What begins like a placeholder and is none.
    Broken(&'t str),
}

/// The parts of a text; an empty text has none.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        if at > 0 {
            pieces.push(Piece::Text(&rest[..at]));
        }
        let behind = &rest[at + BEGIN.len()..];
        let name = behind.split_once('}').filter(|(name, _)| NodeId::new(name).is_ok());
        match name {
            Some((name, after)) => {
                pieces.push(Piece::Parameter(name));
                rest = after;
            }
            None => {
                pieces.push(Piece::Broken(&rest[at..]));
                return pieces;
            }
        }
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Calls `found` with the name of each placeholder below `value`.
pub fn each(value: &Value, found: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => {
            for piece in pieces(text) {
                if let Piece::Parameter(name) = piece {
                    found(name);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, found)),
        Value::Object(map) => map.values().for_each(|value| each(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The value with all placeholders filled in; one without a value stays.
pub fn filled(value: &Value, values: &Map<String, Value>) -> Value {
    match value {
        Value::String(text) => filled_text(text, values),
        Value::Array(items) => items.iter().map(|item| filled(item, values)).collect(),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), filled(value, values))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn filled_text(text: &str, values: &Map<String, Value>) -> Value {
    let pieces = pieces(text);
    if let [Piece::Parameter(name)] = pieces[..] {
        return values.get(name).cloned().unwrap_or_else(|| Value::String(text.to_owned()));
    }
    let mut whole = String::with_capacity(text.len());
    for piece in pieces {
        match piece {
            Piece::Text(text) | Piece::Broken(text) => whole.push_str(text),
            Piece::Parameter(name) => match values.get(name) {
                Some(Value::String(text)) => whole.push_str(text),
                Some(other) => whole.push_str(&other.to_string()),
                None => whole.push_str(&format!("{BEGIN}{name}}}")),
            },
        }
    }
    Value::String(whole)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_text_falls_into_what_stands_there_and_what_stands_for_values() {
        use Piece::{Broken, Parameter, Text};
        let cases: [(&str, &[Piece<'_>]); 6] = [
            ("", &[]),
            ("plain ${env:X}", &[Text("plain ${env:X}")]),
            ("${param.a}", &[Parameter("a")]),
            ("x ${param.a}${param.b_2} y", &[Text("x "), Parameter("a"), Parameter("b_2"), Text(" y")]),
            ("ok ${param.A}", &[Text("ok "), Broken("${param.A}")]),
            ("${param.a", &[Broken("${param.a")]),
        ];
        for (text, expected) in cases {
            assert_eq!(pieces(text), expected, "{text}");
        }
    }

    #[test]
    fn a_whole_text_becomes_the_value_and_inside_a_text_a_scalar_is_written_out() {
        let values = json!({ "list": [1], "n": 5, "yes": true, "t": "x ${param.n}" });
        let document =
            json!({ "a": "${param.list}", "b": ["${param.n}", "n=${param.n}, ${param.yes}, ${param.t}"] });
        let expected = json!({ "a": [1], "b": [5, "n=5, true, x ${param.n}"] });
        assert_eq!(filled(&document, values.as_object().unwrap()), expected, "a value is never looked into");
    }
}
