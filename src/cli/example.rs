//! An example of an input that a workflow takes: what was given, with something in the place of what is missing.

use serde_json::{Map, Value, json};

/// How deep an example goes into a schema.
const DEPTH_MAX: usize = 8;

/// The command that would have started the run.
pub(super) fn command(verb: &str, workflow: &str, schema: &Value, given: &Value) -> String {
    let input = filled(schema, Some(given), 0).to_string().replace('\'', "'\\''");
    format!("ghostlight {verb} {workflow} --input '{input}'")
}

/// A value that fits the schema as far as types and required fields say.
fn filled(schema: &Value, given: Option<&Value>, depth: usize) -> Value {
    let wanted = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    let is_mapping = wanted == Some("object") || (wanted.is_none() && schema["required"].is_array());
    if is_mapping && depth < DEPTH_MAX {
        let mut mapping = given.and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let field = filled(&schema["properties"][name], mapping.get(name), depth + 1);
            mapping.insert(name.to_owned(), field);
        }
        return Value::Object(mapping);
    }
    if let Some(given) = given.filter(|given| fits(wanted, given)) {
        return given.clone();
    }
    for known in [&schema["default"], &schema["const"], &schema["examples"][0], &schema["enum"][0]] {
        if !known.is_null() {
            return known.clone();
        }
    }
    match wanted {
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => json!({}),
        Some("null") => Value::Null,
        Some(_) | None => json!("…"),
    }
}

fn fits(wanted: Option<&str>, value: &Value) -> bool {
    match wanted {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("null") => value.is_null(),
        Some(_) | None => true,
    }
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
        let made = command("run", "w.yaml", &schema, &json!({ "name": 7, "more": [1] }));
        let (before, input) = made.split_once(" --input ").unwrap();
        assert_eq!(before, "ghostlight run w.yaml");
        let input: Value = serde_json::from_str(&input.trim_matches('\'').replace("'\\''", "'")).unwrap();
        let wanted = json!({ "name": "…", "n": 3, "mode": "fast", "on": true, "at": { "place": "it's here" }, "more": [1] });
        assert_eq!(input, wanted);
        assert_eq!(filled(&Value::Bool(true), Some(&json!({ "a": 1 })), 0), json!({ "a": 1 }));
    }
}
