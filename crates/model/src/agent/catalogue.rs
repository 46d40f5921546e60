//! What each built-in takes and gives. The schemas are part of the public contract.
//!
//! They are what the daemon promises of an agent that is built in, unless its file has schemas of its own.

use std::sync::LazyLock;

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Builtin;
use crate::failure::EffectClass;
use crate::language::schema::Schema;

/// One built-in, for people and for the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What calling it twice does.
    pub effect: EffectClass,
    /// JSON Schema of its input. `with` of its file has the same fields and needs none: what the input leaves out is taken from there.
    pub input_schema: Value,
    /// JSON Schema of its output.
    pub output_schema: Value,
}

/// All built-ins, in the order of [`Builtin::ALL`].
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    Builtin::ALL.into_iter().map(entry).collect()
}

/// The schemas of one built-in, compiled; none where it takes or gives anything.
struct Promise {
    takes: Option<Schema>,
    gives: Option<Schema>,
}

/// What a built-in promises, compiled once.
fn promise(builtin: Builtin) -> Option<&'static Promise> {
    static PROMISES: LazyLock<Vec<(Builtin, Promise)>> = LazyLock::new(|| {
        let promise = |builtin| {
            let entry = entry(builtin);
            Promise { takes: compiled(&entry.input_schema), gives: compiled(&entry.output_schema) }
        };
        Builtin::ALL.into_iter().map(|builtin| (builtin, promise(builtin))).collect()
    });
    PROMISES.iter().find(|(other, _)| *other == builtin).map(|(_, promise)| promise)
}

fn compiled(schema: &Value) -> Option<Schema> {
    Schema::compile(schema).ok().filter(|_| *schema != json!({}))
}

/// What the input of a built-in must look like where its file sets `with`: what stands there need not be given.
pub(super) fn takes(builtin: Builtin, with: &Map<String, Value>) -> Option<Schema> {
    if with.is_empty() {
        return promise(builtin)?.takes.clone();
    }
    let mut schema = entry(builtin).input_schema;
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| field.as_str().is_none_or(|field| !with.contains_key(field)));
    }
    compiled(&schema)
}

/// What the output of a built-in looks like.
pub(super) fn gives(builtin: Builtin) -> Option<Schema> {
    promise(builtin)?.gives.clone()
}

/// One built-in. None of them changes anything.
#[must_use]
pub fn entry(builtin: Builtin) -> Entry {
    let (description, input_schema, output_schema) = match builtin {
        Builtin::Noop => {
            ("Returns its input, with `n` plus one where there is a number `n`.", json!({}), json!({}))
        }
        Builtin::Sleep => (
            "Waits for a time.",
            closed(
                json!({
                    "for": duration("how long"),
                    "ms": {"type": ["integer", "null"], "minimum": 0, "description": "how long, where `for` is not given"},
                }),
                &[],
            ),
            object(json!({"slept_ms": {"type": "integer"}}), &["slept_ms"]),
        ),
        Builtin::Fail => (
            "Fails as it is told: always, or only in the first `times` attempts of the step.",
            fail_input(),
            object(json!({"attempt": {"type": "integer"}}), &["attempt"]),
        ),
        Builtin::HttpProbe => (
            "Asks an address whether it is well: 2xx is healthy. `tcp://host:port` is only connected to. \
             An unreachable target is `healthy: false`, not a failure.",
            closed(
                json!({"url": url(), "timeout": duration("how long the target may take, 5s by default")}),
                &["url"],
            ),
            object(
                json!({
                    "healthy": {"type": "boolean"},
                    "status": {"type": ["integer", "null"]},
                    "latency_ms": {"type": "integer"},
                    "error": {"type": ["string", "null"], "description": "http_500, connection_refused, timeout ..."},
                }),
                &["healthy", "status", "latency_ms", "error"],
            ),
        ),
        Builtin::Metrics => (
            "Reads a Prometheus page and says what in it looks like trouble: server errors, errors counted, \
             resources at their limit, targets that are down, slow quantiles.",
            closed(
                json!({
                    "url": url(),
                    "names": {
                        "type": "array", "items": {"type": "string"}, "maxItems": 100,
                        "description": "which metrics to give back; `*` at the end stands for any rest",
                    },
                }),
                &["url"],
            ),
            metrics_output(),
        ),
        Builtin::LogAnalysis => (
            "Reads the end of a log file (4 MiB), groups its lines into templates, and names the error that is new.",
            closed(json!({"path": {"type": "string", "description": "absolute"}}), &["path"]),
            log_output(),
        ),
    };
    Entry { name: builtin.as_str(), description, effect: EffectClass::Read, input_schema, output_schema }
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}

/// A mapping without other fields: one that means nothing here was meant to mean something.
fn closed(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

/// What may be left out may be null too, so that an optional field of a run's input can be passed on.
fn duration(description: &str) -> Value {
    json!({"type": ["string", "null"], "description": description, "examples": ["2s", "500ms"]})
}

fn url() -> Value {
    json!({"type": "string", "description": "https, or what `allow` names"})
}

fn fail_input() -> Value {
    use crate::failure::ErrorClass;
    let classes: Vec<Value> =
        ErrorClass::ALL.map(|class| Value::from(class.as_str())).into_iter().chain([Value::Null]).collect();
    closed(
        json!({
            "class": {"enum": classes, "default": "transient"},
            "code": {"type": ["string", "null"], "default": "told_to_fail"},
            "message": {"type": ["string", "null"]},
            "happened": {"enum": ["no", "yes", "unknown", null], "default": "no"},
            "times": {"type": ["integer", "null"], "minimum": 0, "description": "only the first so many attempts fail"},
            "retry_after": duration("the wait to ask for"),
        }),
        &[],
    )
}

fn metrics_output() -> Value {
    let labels = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let series = object(
        json!({"name": {"type": "string"}, "labels": labels, "value": {"type": ["number", "null"]}}),
        &["name", "labels", "value"],
    );
    let finding = object(
        json!({
            "kind": {"enum": ["down", "saturated", "server_errors", "errors", "slow"]},
            "severity": {"enum": ["critical", "warning", "info"]},
            "metric": {"type": "string"},
            "labels": labels,
            "value": {"type": ["number", "null"]},
            "detail": {"type": "string"},
        }),
        &["kind", "severity", "metric", "labels", "value", "detail"],
    );
    object(
        json!({
            "samples": {"type": "integer"},
            "metrics": {"type": "array", "items": series, "maxItems": 200},
            "findings": {"type": "array", "items": finding, "maxItems": 50},
            "summary": {"type": "string"},
        }),
        &["samples", "metrics", "findings", "summary"],
    )
}

fn log_output() -> Value {
    let template = object(
        json!({
            "template": {"type": "string"},
            "count": {"type": "integer"},
            "level": {"enum": ["error", "warning", "info", "debug", "unknown"]},
            "first_seen_line": {"type": "integer"},
            "last_seen_line": {"type": "integer"},
            "sample": {"type": "string"},
        }),
        &["template", "count", "level", "first_seen_line", "last_seen_line", "sample"],
    );
    object(
        json!({
            "lines": {"type": "integer"},
            "is_cut": {"type": "boolean", "description": "only the end of the file was read; lines count from there"},
            "templates": {"type": "array", "items": template, "maxItems": 50},
            "new_error": {"oneOf": [{"type": "null"}, template]},
            "summary": {"type": "string"},
        }),
        &["lines", "is_cut", "templates", "new_error", "summary"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_is_described_once_by_schemas_that_compile() {
        let catalogue = catalogue();
        assert_eq!(catalogue.len(), Builtin::ALL.len());
        for entry in catalogue {
            assert!(Builtin::find(entry.name).is_some());
            assert!(entry.description.ends_with('.'), "{}", entry.name);
            assert!(entry.input_schema.is_object() && entry.output_schema.is_object());
            assert!(serde_json::to_value(&entry).is_ok());
        }
    }
}
