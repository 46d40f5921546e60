//! JSON Schemas (2020-12): what an input, an output or a form must look like.
//!
//! Nothing is ever fetched: a `$ref` leads to a place in the same schema or is refused. Patterns run in linear time. A schema that
//! leads back to itself without going deeper into the value, or that fans out without bound, is refused when it is compiled.

use std::collections::HashMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::shorten;

/// The most violations that are reported at once.
pub const VIOLATIONS_MAX: usize = 20;
/// The longest schema, as JSON text.
pub const SCHEMA_BYTES_MAX: usize = 256 * 1024;
/// The most subschemas that may look at one and the same value.
pub(crate) const FAN_OUT_MAX: u64 = 10_000;
/// The most memory that one pattern may take when it is compiled.
pub const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// The most patterns of all schemas of one document.
pub const PATTERNS_MAX: usize = 200;
/// The most bytes of all schemas of one document, as JSON text.
pub const SCHEMAS_BYTES_MAX: usize = 1024 * 1024;
const MESSAGE_CHARACTERS_MAX: usize = 1024;

/// A JSON Schema, compiled.
#[derive(Clone)]
pub struct Schema {
    document: Arc<Value>,
    validator: Arc<jsonschema::Validator>,
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.document).finish()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.document == other.document
    }
}

impl Eq for Schema {}

/// One place where a value does not fit its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaViolation {
    /// JSON pointer into the value.
    pub path: String,
    /// What is wrong there, at most 1,024 characters.
    pub message: String,
}

/// Why a schema does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the schema does not compile: {message}")]
pub struct SchemaError {
    /// JSON pointer into the schema.
    pub path: String,
    /// What is wrong there, at most 1,024 characters.
    pub message: String,
}

impl Schema {
    /// Compiles `document`.
    ///
    /// # Errors
    /// [`SchemaError`] names the place in the schema.
    pub fn compile(document: &Value) -> Result<Self, SchemaError> {
        let refuse = |path: &str, message: String| SchemaError { path: path.to_owned(), message };
        if !document.is_object() && !document.is_boolean() {
            return Err(refuse("", "a schema is a mapping or true or false".to_owned()));
        }
        if document.to_string().len() > SCHEMA_BYTES_MAX {
            return Err(refuse("", format!("it is longer than {SCHEMA_BYTES_MAX} bytes")));
        }
        check_references(document, document, &mut String::new())?;
        check_fan_out(document)?;
        // The library is trusted to return errors; a panic in it must not end whoever saved the document.
        let built = catch_unwind(AssertUnwindSafe(|| {
            jsonschema::options()
                .with_draft(jsonschema::Draft::Draft202012)
                .offline()
                .with_pattern_options(
                    jsonschema::PatternOptions::regex()
                        .size_limit(PATTERN_BYTES_MAX)
                        .dfa_size_limit(PATTERN_BYTES_MAX),
                )
                .build(document)
                .map_err(|error| refuse(error.instance_path().as_str(), cut(&error.to_string())))
        }));
        let validator = built.unwrap_or_else(|_| Err(refuse("", "it cannot be understood".to_owned())))?;
        Ok(Self { document: Arc::new(document.clone()), validator: Arc::new(validator) })
    }

    /// The schema as it stands in the document.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Checks `value`. Messages do not quote the value, because it may hold what nobody else should read.
    ///
    /// # Errors
    /// The first violations, at most [`VIOLATIONS_MAX`].
    pub fn validate(&self, value: &Value) -> Result<(), Vec<SchemaViolation>> {
        let checked = catch_unwind(AssertUnwindSafe(|| {
            if self.validator.is_valid(value) {
                return Vec::new();
            }
            let errors = self.validator.iter_errors(value).take(VIOLATIONS_MAX);
            errors
                .map(|error| SchemaViolation {
                    path: error.instance_path().as_str().to_owned(),
                    message: cut(&error.masked_with("the value").to_string()),
                })
                .collect()
        }));
        let violations = checked.unwrap_or_else(|_| {
            vec![SchemaViolation {
                path: String::new(),
                message: "the schema could not be applied".to_owned(),
            }]
        });
        if violations.is_empty() { Ok(()) } else { Err(violations) }
    }

    /// Whether the schema declares the value behind `path` without requiring it and each mapping on the way to it.
    pub(crate) fn declares_optional(&self, path: &[&str]) -> bool {
        let mut here = &*self.document;
        let mut optional = false;
        for key in path {
            let Some(next) = here.get("properties").and_then(|properties| properties.get(*key)) else {
                return false;
            };
            let required = here.get("required").and_then(Value::as_array);
            optional |= !required.is_some_and(|required| required.iter().any(|name| name == key));
            here = next;
        }
        optional
    }
}

/// What the schemas of one document may take together. Compiled they are many times as large as their text.
#[derive(Debug, Default)]
pub(super) struct SchemaBudget {
    bytes: usize,
    patterns: usize,
}

impl SchemaBudget {
    /// Counts a schema; the error says which bound it is beyond.
    pub fn take(&mut self, document: &Value) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(document.to_string().len());
        self.patterns = self.patterns.saturating_add(patterns(document));
        if self.bytes > SCHEMAS_BYTES_MAX {
            return Err(format!(
                "all schemas of the document have more than {SCHEMAS_BYTES_MAX} bytes together"
            ));
        }
        if self.patterns > PATTERNS_MAX {
            return Err(format!(
                "all schemas of the document have more than {PATTERNS_MAX} patterns together"
            ));
        }
        Ok(())
    }
}

/// How many patterns a schema has, counted rather too high.
fn patterns(here: &Value) -> usize {
    match here {
        Value::Object(map) => {
            let own = map.iter().map(|(key, value)| match (key.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(map)) => map.len(),
                _ => 0,
            });
            own.sum::<usize>() + map.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn cut(message: &str) -> String {
    message.chars().take(MESSAGE_CHARACTERS_MAX).collect()
}

/// Every reference must lead to a place in the same document.
fn check_references(here: &Value, root: &Value, path: &mut String) -> Result<(), SchemaError> {
    let length = path.len();
    match here {
        Value::Object(map) => {
            for (key, value) in map {
                path.push('/');
                path.push_str(&key.replace('~', "~0").replace('/', "~1"));
                if let ("$ref", Value::String(target)) = (key.as_str(), value)
                    && locate(root, target).is_none()
                {
                    let message =
                        format!("`$ref: {}` does not lead to a place in the same schema", shorten(target));
                    return Err(SchemaError { path: path.clone(), message });
                }
                if matches!(
                    key.as_str(),
                    "$dynamicRef" | "$recursiveRef" | "$id" | "$anchor" | "$dynamicAnchor"
                ) && value.is_string()
                {
                    let message =
                        format!("`{key}` is not supported; use `$ref` with a pointer like `#/$defs/name`");
                    return Err(SchemaError { path: path.clone(), message });
                }
                check_references(value, root, path)?;
                path.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                check_references(item, root, path)?;
                path.truncate(length);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

/// The place that `#` or `#/pointer` names.
fn locate<'v>(root: &'v Value, target: &str) -> Option<&'v Value> {
    let pointer = target.strip_prefix('#')?;
    if pointer.contains('%') {
        return None;
    }
    root.pointer(pointer)
}

/// The most references and combinators in a row, which validating follows by recursion.
pub(crate) const IN_A_ROW_MAX: usize = 100;

/// Bounds what validating one value costs, following references and combinators but not going deeper into the value.
fn check_fan_out(document: &Value) -> Result<(), SchemaError> {
    let mut counted = HashMap::new();
    let mut places = vec![(String::new(), document)];
    while let Some((path, schema)) = places.pop() {
        count_fan_out(schema, document, &path, 0, &mut counted)?;
        // Every mapping is looked at, schema or not: that can only be too strict for what nobody validates with.
        match schema {
            Value::Object(map) => {
                let pointer = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                places.extend(map.iter().map(|(key, value)| (pointer(key), value)));
            }
            Value::Array(items) => {
                places
                    .extend(items.iter().enumerate().map(|(index, item)| (format!("{path}/{index}"), item)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    Ok(())
}

/// How many subschemas look at the value that `schema` looks at. `counted` holds what is known by address; `None` while
/// a schema is being counted.
fn count_fan_out<'v>(
    schema: &'v Value,
    root: &'v Value,
    path: &str,
    depth: usize,
    counted: &mut HashMap<*const Value, Option<u64>>,
) -> Result<u64, SchemaError> {
    let refuse = |message: &str| SchemaError { path: path.to_owned(), message: message.to_owned() };
    let Value::Object(map) = schema else { return Ok(1) };
    match counted.get(&std::ptr::from_ref(schema)) {
        Some(Some(count)) => return Ok(*count),
        Some(None) => return Err(refuse("it leads back to itself without going deeper into the value")),
        None if depth > IN_A_ROW_MAX => return Err(refuse("too many references follow each other")),
        None => {}
    }
    counted.insert(std::ptr::from_ref(schema), None);
    let mut count: u64 = 1;
    for (key, value) in map {
        let same_value: Vec<&Value> = match (key.as_str(), value) {
            ("$ref", Value::String(target)) => locate(root, target).into_iter().collect(),
            ("allOf" | "anyOf" | "oneOf", Value::Array(items)) => items.iter().collect(),
            ("not" | "if" | "then" | "else", _) => vec![value],
            ("dependentSchemas", Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        };
        for next in same_value {
            count = count.saturating_add(count_fan_out(next, root, path, depth + 1, counted)?);
        }
    }
    if count > FAN_OUT_MAX {
        return Err(refuse("too many subschemas look at the same value"));
    }
    counted.insert(std::ptr::from_ref(schema), Some(count));
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_that_does_not_fit_is_told_where_and_why_without_being_quoted() {
        let schema = Schema::compile(
            &json!({"type": "object", "required": ["a"], "properties": {"b": {"type": "integer"}}}),
        )
        .unwrap();
        assert_eq!(schema.validate(&json!({"a": 1, "b": 2})), Ok(()));
        let violations = schema.validate(&json!({"b": "hunter2"})).unwrap_err();
        assert_eq!(violations.iter().map(|v| v.path.as_str()).collect::<Vec<_>>(), ["", "/b"]);
        assert!(violations.iter().all(|violation| !violation.message.contains("hunter2")));
    }

    #[test]
    fn the_number_of_violations_is_bounded() {
        let schema = Schema::compile(&json!({"items": {"type": "integer"}})).unwrap();
        let value: Value = (0..10_000).map(|_| json!("x")).collect();
        assert_eq!(schema.validate(&value).unwrap_err().len(), VIOLATIONS_MAX);
    }

    #[test]
    fn nothing_outside_of_the_schema_is_ever_referred_to() {
        for target in
            ["https://example.com/x.json", "file:///etc/passwd", "other.json", "#/$defs/none", "#anchor"]
        {
            assert!(Schema::compile(&json!({"$ref": target})).is_err(), "{target}");
        }
    }

    #[test]
    fn a_schema_that_does_not_end_is_refused() {
        for schema in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$defs": {"a": {"anyOf": [{"$ref": "#/$defs/b"}]}, "b": {"not": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}),
            json!({"properties": {"x": {"allOf": [{"$ref": "#/properties/x"}]}}}),
        ] {
            assert!(Schema::compile(&schema).is_err(), "{schema}");
        }
        let tree =
            Schema::compile(&json!({"type": "object", "properties": {"child": {"$ref": "#"}}})).unwrap();
        assert!(tree.validate(&json!({"child": {"child": {}}})).is_ok());
        assert!(tree.validate(&json!({"child": {"child": 1}})).is_err());
    }

    #[test]
    fn a_schema_that_doubles_at_each_step_is_refused() {
        let mut defs = serde_json::Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            defs.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        defs.insert("d40".into(), json!({"type": "object"}));
        assert!(Schema::compile(&json!({"$defs": defs, "$ref": "#/$defs/d0"})).is_err());
    }

    #[test]
    fn a_long_chain_of_references_is_refused_and_a_wide_schema_is_not() {
        let chain: serde_json::Map<_, _> = (0..3000)
            .map(|n| (format!("d{n}"), json!({"$ref": format!("#/$defs/d{}", (n + 1).min(2999))})))
            .collect();
        assert!(Schema::compile(&json!({"$defs": chain, "$ref": "#/$defs/d0"})).is_err());
        let wide: serde_json::Map<_, _> =
            (0..5000).map(|n| (format!("p{n}"), json!({"type": "string"}))).collect();
        assert!(Schema::compile(&json!({"properties": wide})).is_ok());
    }

    #[test]
    fn patterns_that_backtrack_or_explode_are_refused() {
        assert!(Schema::compile(&json!({"pattern": "(a)\\1"})).is_err());
        assert!(Schema::compile(&json!({"pattern": "((((a{100}){100}){100}){100})"})).is_err());
        assert!(Schema::compile(&json!({"pattern": "^[a-z]+$"})).is_ok());
    }

    #[test]
    fn the_deepest_schemas_and_values_that_are_allowed_fit_an_ordinary_stack() {
        let mut schema = json!({"type": "integer"});
        let mut value = json!(1);
        for _ in 0..30 {
            schema = json!({"type": "object", "properties": {"a": {"allOf": [{"items": schema}]}}});
            value = json!({"a": [value]});
        }
        assert_eq!(Schema::compile(&schema).unwrap().validate(&value), Ok(()));
        let mut nots = json!({"type": "integer"});
        for _ in 0..98 {
            nots = json!({"not": nots});
        }
        assert!(Schema::compile(&nots).unwrap().validate(&json!(1)).is_ok());
        let tree = Schema::compile(&json!({"items": {"$ref": "#"}, "type": "array"})).unwrap();
        let deep = (0..120).fold(json!([]), |inner, _| json!([inner]));
        assert_eq!(tree.validate(&deep), Ok(()));
    }

    #[test]
    fn what_is_declared_and_not_required_is_optional() {
        let schema = Schema::compile(&json!({
            "required": ["a"], "properties": {"a": {"properties": {"c": {}}}, "b": {}}
        }))
        .unwrap();
        assert!(!schema.declares_optional(&["a"]));
        assert!(schema.declares_optional(&["b"]));
        assert!(schema.declares_optional(&["a", "c"]));
        assert!(!schema.declares_optional(&["d"]));
        assert!(!schema.declares_optional(&[]));
    }
}
