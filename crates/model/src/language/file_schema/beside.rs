//! What stands beside a call in a workflow file: `success`, `verify`, `compensate`.

use serde_json::{Value, json};

use super::{key, mapping, part, whole, words};

/// What calls refer to: `success`, and the call that stands beside another one.
pub(super) fn definitions() -> [(&'static str, Value); 2] {
    [("success", success()), ("beside_call", beside_call())]
}

/// What a call beside another one may have of the keys of a call.
fn beside_call() -> Value {
    let target = |example: &str| key(part("name"), "Whom to call.", json!([example]));
    let mut call = mapping(
        vec![
            ("type", key(words(&["agent_call", "tool_call"]), "What it is: a call.", json!(["agent_call"]))),
            ("agent", target("critic")),
            ("tool", target("refund")),
            ("capability", target("review")),
            (
                "input",
                key(
                    part("arguments"),
                    "What is sent. `$output` is what came out of the call, `$key` its idempotency key.",
                    json!([{ "text": "$output.text" }]),
                ),
            ),
            ("effect", key(part("effect"), "At least this.", json!(["write"]))),
            ("timeout", key(part("timeout"), "The longest time of one attempt.", json!(["30s"]))),
            (
                "retry",
                key(
                    part("policy"),
                    "When a failed attempt is followed by another one.",
                    json!([{ "max_attempts": 3 }]),
                ),
            ),
            (
                "resources",
                key(
                    json!({ "type": "array", "items": { "type": "string", "pattern": "^[a-z][a-z0-9_-]{0,62}$" }, "uniqueItems": true }),
                    "What it holds while it is under way.",
                    json!([["gpu"]]),
                ),
            ),
            ("estimate", key(part("duration"), "How long it is expected to take.", json!(["300ms"]))),
            ("labels", key(part("labels"), "For people and filters.", json!([{ "team": "platform" }]))),
            ("description", super::parts::description()),
        ],
        &["type"],
    );
    call["description"] = json!("A call that stands beside another one.");
    call["oneOf"] = json!([
        { "properties": { "type": { "const": "agent_call" } }, "oneOf": [{ "required": ["agent"] }, { "required": ["capability"] }], "not": { "required": ["tool"] } },
        { "properties": { "type": { "const": "tool_call" } }, "required": ["effect"], "oneOf": [{ "required": ["tool"] }, { "required": ["capability"] }], "not": { "required": ["agent"] } },
    ]);
    call
}

/// The keys of calls for what stands beside them.
pub(super) fn keys() -> Vec<(&'static str, Value)> {
    vec![
        (
            "success",
            key(
                part("success"),
                "What has to be true of what comes out: then, and only then, the step completes.",
                json!([{ "assertions": ["output.score >= 70"], "redo": 1, "on_reject": "escalate" }]),
            ),
        ),
        (
            "verify",
            key(
                part("beside_call"),
                "Called when nobody knows whether the write happened. It answers `{happened, output}`.",
                json!([{ "type": "agent_call", "agent": "payments", "input": { "key": "$key" } }]),
            ),
        ),
        (
            "compensate",
            key(
                part("beside_call"),
                "Called when the run is cancelled, to make good what this call did.",
                json!([{ "type": "tool_call", "tool": "refund", "effect": "write", "input": { "payment": "$output.id" } }]),
            ),
        ),
    ]
}

/// What an effect has to do with what stands beside the call.
pub(super) fn rules() -> Value {
    let is =
        |effects: &[&str]| json!({ "required": ["effect"], "properties": { "effect": { "enum": effects } } });
    let without = |key: &str| json!({ "not": { "required": [key] } });
    json!([
        { "if": is(&["read"]), "then": without("compensate") },
        { "if": is(&["read", "idempotent"]), "then": without("verify") },
        { "if": is(&["write"]), "then": { "properties": { "success": without("redo") } } },
    ])
}

fn success() -> Value {
    let assertion = mapping(
        vec![
            (
                "that",
                key(part("cel"), "What must hold; it reads `output`.", json!(["size(output.text) > 3"])),
            ),
            (
                "message",
                key(
                    json!({ "type": "string", "minLength": 1, "maxLength": 1024 }),
                    "What it means when it does not hold.",
                    json!(["too short"]),
                ),
            ),
        ],
        &["that"],
    );
    let mut success = mapping(
        vec![
            ("schema", key(part("schema"), "What the output must look like.", json!([{ "type": "object" }]))),
            (
                "assertions",
                key(
                    json!({ "type": "array", "minItems": 1, "maxItems": 50, "items": { "anyOf": [part("cel"), assertion] } }),
                    "Conditions over `output`; all must hold.",
                    json!([["output.score >= 70"]]),
                ),
            ),
            (
                "judge",
                key(
                    part("beside_call"),
                    "Who says whether it is good enough: it answers `{passed, reason}`.",
                    json!([{ "type": "agent_call", "agent": "critic", "input": { "text": "$output.text" } }]),
                ),
            ),
            ("redo", key(whole(0, 10), "How often it is done again when it is not.", json!([2]))),
            (
                "on_reject",
                key(
                    words(&["fail", "escalate"]),
                    "What becomes of the step then: it fails, or a person decides.",
                    json!(["escalate"]),
                ),
            ),
        ],
        &[],
    );
    success["anyOf"] = super::one_of(&["schema", "assertions", "judge"]);
    success
}
