//! What workflow and agent files share.

use serde_json::{Value, json};

use super::{key, mapping, part, whole, words};

/// Names of workflows, agents and capabilities.
const NAME: &str = "^[a-z][a-z0-9-]{0,62}$";
/// A number and a unit, several times; or ISO 8601.
const DURATION: &str = "^(([0-9]+(\\.[0-9]+)?(d|h|m|s|ms))+|P[0-9]+(\\.[0-9]+)?D|P([0-9]+(\\.[0-9]+)?D)?T([0-9]+(\\.[0-9]+)?[HMS])+)$";

/// The definitions that both schemas refer to.
pub(super) fn shared() -> Vec<(&'static str, Value)> {
    vec![
        (
            "name",
            json!({
                "type": "string", "pattern": NAME,
                "description": "A lowercase letter, then at most 62 lowercase letters, digits and `-`.",
            }),
        ),
        (
            "duration",
            json!({
                "type": "string", "pattern": DURATION, "maxLength": 64,
                "description": "Like `500ms`, `15m`, `1h30m`, or as ISO 8601: `PT15M`. At most ten years.",
            }),
        ),
        (
            "schema",
            json!({
                "type": ["object", "boolean"],
                "description": "A JSON Schema (2020-12). Nothing is fetched: a `$ref` leads to a place in the same schema.",
            }),
        ),
        (
            "labels",
            json!({
                "type": "object", "maxProperties": 64,
                "propertyNames": { "minLength": 1, "maxLength": 63, "not": { "pattern": "^ghostlight\\." } },
                "additionalProperties": { "type": "string", "maxLength": 256 },
                "description": "At most 64 texts by name; names that begin with `ghostlight.` are its own.",
            }),
        ),
        (
            "effect",
            json!({
                "enum": ["read", "idempotent", "write"],
                "description": "What calling it twice does: nothing (`read`), the same as once (`idempotent`), or more (`write`).",
            }),
        ),
        ("retry", retry()),
    ]
}

/// `{max_attempts, backoff, initial, max}`.
fn retry() -> Value {
    let mut retry = mapping(
        vec![
            ("max_attempts", key(whole(1, 1000), "How many attempts there are in all.", json!([3]))),
            (
                "backoff",
                key(
                    words(&["fixed", "linear", "exponential"]),
                    "How the wait between attempts grows.",
                    json!(["exponential"]),
                ),
            ),
            ("initial", key(part("duration"), "The wait before the second attempt.", json!(["1s"]))),
            ("max", key(part("duration"), "The longest wait.", json!(["30s"]))),
        ],
        &["max_attempts"],
    );
    retry["description"] = json!("When a failed attempt is followed by another one.");
    retry
}

/// Keys at the top of both.
pub(super) fn head() -> Vec<(&'static str, Value)> {
    vec![
        (
            "ghostlight",
            key(
                json!({ "const": 1 }),
                "The version of the language. A file without it is read as 1, with a warning.",
                json!([1]),
            ),
        ),
        ("description", description()),
        ("labels", key(part("labels"), "For people and filters.", json!([{ "team": "platform" }]))),
    ]
}

/// Text for people.
pub(super) fn description() -> Value {
    key(
        json!({ "type": "string", "maxLength": 16384 }),
        "What it is for, in words for people.",
        json!(["Detect, investigate, remediate, verify"]),
    )
}
