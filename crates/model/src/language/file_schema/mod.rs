//! The JSON Schemas (2020-12) of workflow and agent files: what editors complete and check while a file is written.
//!
//! They are the one description of the two languages for programs; the reader of the files is the judge. What a schema
//! refuses, the reader refuses too; the reader knows more: what stands before what, and what expressions say. A key that is not
//! built yet is in neither.

mod agent;
mod beside;
mod nodes;
mod parts;
mod workflow;

use serde_json::{Map, Value, json};

pub use agent::agent;
pub use workflow::workflow;

/// The dialect that both are written in.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A schema as text: two spaces, keys in order, one newline at its end.
#[must_use]
pub fn text(schema: &Value) -> String {
    // Values of JSON always serialise.
    let mut text = serde_json::to_string_pretty(&sorted(schema)).unwrap_or_default();
    text.push('\n');
    text
}

/// The same with sorted keys, whatever order a map of this build keeps.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// What a key takes: `schema`, with a description and examples.
fn key(schema: Value, description: &str, examples: Value) -> Value {
    let mut schema = match schema {
        Value::Object(map) => map,
        // `true`: anything at all.
        _ => Map::new(),
    };
    schema.insert("description".to_owned(), json!(description));
    schema.insert("examples".to_owned(), examples);
    Value::Object(schema)
}

/// A mapping that has these keys and no others.
fn mapping(properties: Vec<(&str, Value)>, required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

/// A place among the definitions of the same schema.
fn part(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// One of a few words.
fn words(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// A whole number from `low` to `high`.
fn whole(low: u64, high: u64) -> Value {
    json!({ "type": "integer", "minimum": low, "maximum": high })
}

/// Exactly one of these keys.
fn one_of(keys: &[&str]) -> Value {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}

#[cfg(test)]
mod tests;
