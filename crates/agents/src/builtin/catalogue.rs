//! What each built-in takes and gives. The schemas are part of the public contract.

use std::sync::LazyLock;

use ghostlight_model::agent::Builtin;
use ghostlight_model::failure::EffectClass;
use ghostlight_model::language::schema::Schema;
use serde::Serialize;
use serde_json::{Value, json};

/// One built-in, for people and for the API.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// What calling it twice does.
    pub effect: EffectClass,
    /// JSON Schema of its input, and of `with`: what the input leaves out is taken from there.
    pub input_schema: Value,
    /// JSON Schema of its output.
    pub output_schema: Value,
}

/// All built-ins, in the order of [`Builtin::ALL`].
#[must_use]
pub fn catalogue() -> Vec<Entry> {
    Builtin::ALL.into_iter().map(entry).collect()
}

/// What the output of a built-in looks like, compiled once; none where it gives back whatever it gets.
#[must_use]
pub fn output_schema(builtin: Builtin) -> Option<Schema> {
    static SCHEMAS: LazyLock<Vec<(Builtin, Option<Schema>)>> = LazyLock::new(|| {
        let compiled = |builtin| {
            let schema = entry(builtin).output_schema;
            Schema::compile(&schema).ok().filter(|_| schema != json!({}))
        };
        Builtin::ALL.into_iter().map(|builtin| (builtin, compiled(builtin))).collect()
    });
    SCHEMAS.iter().find(|(other, _)| *other == builtin).and_then(|(_, schema)| schema.clone())
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
            object(json!({"for": duration("how long"), "ms": {"type": "integer", "minimum": 0}}), &[]),
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
            object(
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
            object(
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
            object(json!({"path": {"type": "string", "description": "absolute"}}), &["path"]),
            log_output(),
        ),
    };
    Entry { name: builtin.as_str(), description, effect: EffectClass::Read, input_schema, output_schema }
}

fn object(properties: Value, required: &[&str]) -> Value {
    json!({"type": "object", "properties": properties, "required": required})
}

fn duration(description: &str) -> Value {
    json!({"type": "string", "description": description, "examples": ["2s", "500ms"]})
}

fn url() -> Value {
    json!({"type": "string", "description": "https, or what `allow` names"})
}

fn fail_input() -> Value {
    use ghostlight_model::failure::ErrorClass;
    let classes = ErrorClass::ALL.map(ErrorClass::as_str);
    object(
        json!({
            "class": {"enum": classes, "default": "transient"},
            "code": {"type": "string", "default": "told_to_fail"},
            "message": {"type": "string"},
            "happened": {"enum": ["no", "yes", "unknown"], "default": "no"},
            "times": {"type": "integer", "minimum": 0, "description": "only the first so many attempts fail"},
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
