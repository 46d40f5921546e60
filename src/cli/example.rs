//! An example of an input that a workflow takes: what was given, with something in the place of what is missing or wrong.

use ghostlight_model::language::schema::Schema;
use serde_json::{Map, Value, json};

/// How deep an example goes into a schema.
const DEPTH_MAX: usize = 8;
/// The most items of a list, and characters of a text, that an example has because its schema asks for them.
const FILLED_MAX: u64 = 100;

/// The command that would have started the run; none where no input is known that the schema takes.
pub(super) fn command(verb: &str, workflow: &str, schema: &Value, given: &Value) -> Option<String> {
    let compiled = Schema::compile(schema).ok()?;
    // What was given may contradict the schema in a way that no part of it shows.
    let examples = [filled(schema, Some(given), 0), filled(schema, None, 0)];
    let input = examples.into_iter().find(|input| compiled.validate(input).is_ok())?;
    let input = input.to_string().replace('\'', "'\\''");
    Some(format!("ghostlight {verb} {workflow} --input '{input}'"))
}

/// A value that fits the schema as far as its own words say: what is given where it fits, something else where not.
fn filled(schema: &Value, given: Option<&Value>, depth: usize) -> Value {
    let wanted = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    let describes_mapping = schema["required"].is_array() || schema["properties"].is_object();
    let is_mapping = wanted == Some("object") || (wanted.is_none() && describes_mapping);
    if is_mapping && depth < DEPTH_MAX {
        return mapping(schema, given.and_then(Value::as_object), depth);
    }
    if let Some(given) = given.filter(|given| fits(schema, given)) {
        return given.clone();
    }
    for known in [&schema["default"], &schema["const"], &schema["examples"][0], &schema["enum"][0]] {
        if !known.is_null() {
            return known.clone();
        }
    }
    let at_least = |word: &str| schema[word].as_u64().unwrap_or(0).min(FILLED_MAX);
    match wanted {
        Some("integer" | "number") => number(schema),
        Some("boolean") => json!(true),
        Some("array") => {
            (0..at_least("minItems")).map(|_| filled(&schema["items"], None, depth + 1)).collect()
        }
        Some("object") => json!({}),
        Some("null") => Value::Null,
        Some(_) | None => json!("…".repeat(usize::try_from(at_least("minLength").max(1)).unwrap_or(1))),
    }
}

/// What is given, with what is required, and without what is never taken.
fn mapping(schema: &Value, given: Option<&Map<String, Value>>, depth: usize) -> Value {
    let is_open = schema["additionalProperties"] != json!(false);
    let is_taken = |name: &String| is_open || schema["properties"].get(name).is_some();
    let mut mapping = Map::new();
    for (name, value) in given.into_iter().flatten().filter(|(name, _)| is_taken(name)) {
        let value = match schema["properties"].get(name) {
            Some(field) => filled(field, Some(value), depth + 1),
            None => value.clone(),
        };
        mapping.insert(name.clone(), value);
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !mapping.contains_key(name) {
            mapping.insert(name.to_owned(), filled(&schema["properties"][name], None, depth + 1));
        }
    }
    Value::Object(mapping)
}

fn number(schema: &Value) -> Value {
    match (&schema["minimum"], schema["exclusiveMinimum"].as_i64()) {
        (minimum @ Value::Number(_), _) => minimum.clone(),
        (_, Some(minimum)) => json!(minimum.saturating_add(1)),
        (_, None) => schema.get("maximum").cloned().unwrap_or(json!(1)),
    }
}

/// Whether a schema that may be part of another one takes the value. One that refers to the whole is left to the whole.
fn fits(schema: &Value, value: &Value) -> bool {
    Schema::compile(schema).map_or(true, |schema| schema.validate(value).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_does_not_fit_is_filled_by_what_the_schema_says_and_the_rest_stays() {
        let schema = json!({
            "type": "object", "required": ["name", "n", "mode", "on", "at"],
            "properties": {
                "name": { "type": "string" },
                "n": { "type": "integer", "minimum": 3 },
                "mode": { "enum": ["fast", "slow"] },
                "on": { "type": "boolean" },
                "at": { "type": "object", "required": ["place"], "properties": { "place": { "examples": ["it's here"] } } },
            },
        });
        let made = command("run", "w.yaml", &schema, &json!({ "name": 7, "more": [1] })).unwrap();
        let (before, input) = made.split_once(" --input ").unwrap();
        assert_eq!(before, "ghostlight run w.yaml");
        let input: Value = serde_json::from_str(&input.trim_matches('\'').replace("'\\''", "'")).unwrap();
        let wanted = json!({ "name": "…", "n": 3, "mode": "fast", "on": true, "at": { "place": "it's here" }, "more": [1] });
        assert_eq!(input, wanted);
        assert_eq!(filled(&Value::Bool(true), Some(&json!({ "a": 1 })), 0), json!({ "a": 1 }));
    }

    #[test]
    fn an_example_is_always_taken_by_the_schema_and_there_is_none_where_none_is_known() {
        let cases = [
            // A field that nobody requires, of a wrong type; one that is never taken; one that is too small.
            (json!({"properties": {"n": {"type": "integer"}}}), json!({"n": "three"})),
            (
                json!({"type": "object", "properties": {"n": {"type": "integer"}}, "additionalProperties": false}),
                json!({"m": 1}),
            ),
            (
                json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}}),
                json!({"n": 2}),
            ),
            (
                json!({"type": "object", "required": ["l"], "properties": {"l": {"type": "array", "minItems": 2, "items": {"type": "string", "minLength": 3}}}}),
                json!({"l": "x"}),
            ),
            (
                json!({"type": "object", "properties": {"m": {"enum": ["fast"]}, "at": {"type": ["string", "null"]}}}),
                json!({"m": "slow", "at": 1}),
            ),
        ];
        for (schema, given) in cases {
            let made = command("run", "w.yaml", &schema, &given).unwrap();
            let input: Value = serde_json::from_str(made.split('\'').nth(1).unwrap()).unwrap();
            assert_eq!(Schema::compile(&schema).unwrap().validate(&input), Ok(()), "{made}");
        }
        let unknown = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string", "pattern": "^[A-Z]{3}$"}}});
        assert_eq!(command("run", "w.yaml", &unknown, &json!({"id": 1})), None);
        assert!(command("run", "w.yaml", &unknown, &json!({"id": "ABC", "n": 1})).unwrap().contains("ABC"));
    }
}
