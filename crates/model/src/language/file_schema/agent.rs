//! The schema of agent files.

use serde_json::{Map, Value, json};

use super::{DIALECT, key, mapping, part, parts, whole, words};
use crate::agent::Builtin;
use crate::failure::ErrorClass;

type Keys = Vec<(&'static str, Value)>;

/// The schema of an agent file.
#[must_use]
pub fn agent() -> Value {
    let mut definitions: Map<String, Value> =
        parts::shared().into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    for (name, description, keys, required) in kinds() {
        let mut all = common();
        all.push(("kind", key(json!({ "const": name }), description, json!([name]))));
        all.extend(keys);
        let required: Vec<&str> = ["name", "kind"].into_iter().chain(required.iter().copied()).collect();
        let mut schema = mapping(all, &required);
        schema["description"] = json!(description);
        definitions.insert(name.to_owned(), schema);
    }
    definitions.insert(
        "bytes".to_owned(),
        json!({
            "description": "A size: `64KiB`, `8MiB`, or a number of bytes.",
            "anyOf": [{ "type": "string", "pattern": "^[0-9]+ *(B|KiB|MiB|GiB|KB|MB|GB)$" }, whole(1, 1 << 30)],
        }),
    );
    definitions.insert(
        "allow".to_owned(),
        json!({
            "description": "Private, loopback and link-local targets that may be reached all the same: networks, or hosts with a port.",
            "type": "array", "maxItems": 256, "items": { "type": "string", "minLength": 1 },
        }),
    );
    definitions.insert(
        "secrets".to_owned(),
        json!({
            "description": "Texts by name. `${env:NAME}` and `${file:PATH}` stand for secrets, which are read at the call and never stored.",
            "type": "object", "maxProperties": 256, "additionalProperties": { "type": "string", "maxLength": 16384 },
        }),
    );
    let classes: Vec<&str> = ErrorClass::ALL.iter().map(|class| class.as_str()).collect();
    definitions.insert(
        "class".to_owned(),
        json!({ "description": "What kind of failure it was.", "enum": classes }),
    );
    json!({
        "$schema": DIALECT,
        "title": "Ghostlight agent",
        "description": "An agent or a tool: what it offers and how it is called, as `ghostlight check` takes it.",
        "type": "object",
        "required": ["kind"],
        "oneOf": kinds().iter().map(|(name, ..)| part(name)).collect::<Vec<_>>(),
        "$defs": definitions,
    })
}

/// Keys of every kind.
fn common() -> Keys {
    let limits = mapping(
        vec![
            ("concurrency", key(whole(1, 100_000), "Attempts that may be under way at a time.", json!([4]))),
            ("output_bytes", key(part("bytes"), "The longest output.", json!(["8MiB"]))),
        ],
        &[],
    );
    let cost = mapping(
        vec![
            (
                "per_call",
                key(
                    json!({ "type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?$" }),
                    "A decimal number, in quotes.",
                    json!(["0.001"]),
                ),
            ),
            (
                "currency",
                key(
                    json!({ "type": "string", "pattern": "^[A-Z]{3}$" }),
                    "Three capital letters.",
                    json!(["USD"]),
                ),
            ),
        ],
        &["per_call", "currency"],
    );
    let mut keys = parts::head();
    keys.extend([
        ("name", key(part("name"), "The name by which workflows call it.", json!(["log-analyst"]))),
        (
            "version",
            key(
                json!({ "type": "string", "maxLength": 256 }),
                "For people; the content hash identifies.",
                json!(["1.2.0"]),
            ),
        ),
        (
            "capabilities",
            key(
                json!({ "type": "array", "maxItems": 64, "items": part("name") }),
                "What it offers; a call may name one instead of the agent.",
                json!([["log-analysis"]]),
            ),
        ),
        (
            "effect",
            key(
                part("effect"),
                "What calling it twice does. `write` when absent, `read` for built-in agents.",
                json!(["read"]),
            ),
        ),
        (
            "input_schema",
            key(
                part("schema"),
                "What an input must look like.",
                json!([{ "type": "object", "required": ["path"] }]),
            ),
        ),
        (
            "output_schema",
            key(
                part("schema"),
                "What an output must look like.",
                json!([{ "type": "object", "required": ["summary"] }]),
            ),
        ),
        (
            "timeout",
            key(part("duration"), "The longest time of one attempt; 300 s when absent.", json!(["60s"])),
        ),
        ("heartbeat", key(part("duration"), "Silence longer than this ends the attempt.", json!(["20s"]))),
        (
            "limits",
            key(limits, "How much of it may be used.", json!([{ "concurrency": 4, "output_bytes": "8MiB" }])),
        ),
        (
            "retry",
            key(
                part("retry"),
                "When a failed attempt is followed by another one; a node's own wins.",
                json!([{ "max_attempts": 3, "backoff": "exponential", "initial": "1s", "max": "30s" }]),
            ),
        ),
        ("cost", key(cost, "What a call costs.", json!([{ "per_call": "0.001", "currency": "USD" }]))),
    ]);
    keys
}

/// The kinds: name, description, own keys, and those of them that are required.
fn kinds() -> [(&'static str, &'static str, Keys, &'static [&'static str]); 3] {
    [
        (
            "command",
            "A program that reads one JSON document from stdin and writes JSON to stdout.",
            command(),
            &["command"],
        ),
        ("http", "A service that is called with the same document as a request.", http(), &["url"]),
        ("builtin", "An agent that is part of the daemon.", builtin(), &["builtin"]),
    ]
}

fn command() -> Keys {
    let sandbox =
        mapping(vec![("level", key(words(&["none"]), "How far it is locked in.", json!(["none"])))], &[]);
    vec![
        (
            "command",
            key(
                json!({ "type": "array", "minItems": 1, "maxItems": 256, "items": { "type": "string", "maxLength": 16384 } }),
                "Its words: first an absolute path, or `ghostlight` for the running binary. No shell splits them; a word that begins with `./` is relative to this file.",
                json!([["/usr/bin/python3", "./log_analyst.py"]]),
            ),
        ),
        (
            "dir",
            key(
                json!({ "type": "string", "pattern": "^/" }),
                "The working folder; a fresh empty one per attempt when absent.",
                json!(["/srv/agents"]),
            ),
        ),
        (
            "env",
            key(
                part("secrets"),
                "Environment variables besides HOME, TMPDIR, LANG and TZ.",
                json!([{ "API_KEY": "${env:LOG_API_KEY}" }]),
            ),
        ),
        (
            "sandbox",
            key(sandbox, "How far it is locked in; `none` when absent.", json!([{ "level": "none" }])),
        ),
        (
            "exit_codes",
            key(
                json!({ "type": "object", "maxProperties": 256, "propertyNames": { "pattern": "^[0-9]{1,3}$" }, "additionalProperties": part("class") }),
                "Classes of failure by exit status, 1 to 255.",
                json!([{ "75": "transient", "78": "configuration" }]),
            ),
        ),
    ]
}

fn http() -> Keys {
    let response = mapping(
        vec![("bytes", key(part("bytes"), "The longest answer; 8 MiB when absent.", json!(["64KiB"])))],
        &[],
    );
    let rule = mapping(
        vec![
            ("status", key(whole(100, 599), "The status of the answer.", json!([409]))),
            ("class", key(part("class"), "What kind of failure that is.", json!(["data"]))),
            (
                "retry_safe",
                key(json!({ "type": "boolean" }), "Whether the server did nothing then.", json!([true])),
            ),
        ],
        &["status", "class"],
    );
    vec![
        (
            "url",
            key(
                json!({ "type": "string", "pattern": "^https?://", "maxLength": 4096 }),
                "The address. Plain http only to targets that `allow` names.",
                json!(["https://example.com/agent"]),
            ),
        ),
        (
            "method",
            key(
                words(&["GET", "POST", "PUT", "PATCH", "DELETE"]),
                "The method; POST when absent.",
                json!(["POST"]),
            ),
        ),
        (
            "headers",
            key(
                part("secrets"),
                "Headers besides those of the protocol.",
                json!([{ "Authorization": "Bearer ${file:/run/secrets/token}" }]),
            ),
        ),
        (
            "allow",
            key(
                part("allow"),
                "Private, loopback and link-local targets that may be reached all the same.",
                json!([["10.0.0.0/8", "db.internal:8080"]]),
            ),
        ),
        ("response", key(response, "Bounds of an answer.", json!([{ "bytes": "64KiB" }]))),
        (
            "errors",
            key(
                json!({ "type": "array", "maxItems": 256, "items": rule }),
                "What a status means when it is not 2xx.",
                json!([[{ "status": 409, "class": "data", "retry_safe": true }]]),
            ),
        ),
    ]
}

fn builtin() -> Keys {
    let names: Vec<&str> = Builtin::ALL.iter().map(|builtin| builtin.as_str()).collect();
    vec![
        ("builtin", key(words(&names), "Which one.", json!(["http-probe"]))),
        (
            "allow",
            key(
                part("allow"),
                "For `http-probe` and `metrics`: private, loopback and link-local targets that may be reached.",
                json!([["127.0.0.0/8", "[::1]/128"]]),
            ),
        ),
        (
            "read",
            key(
                json!({ "type": "array", "maxItems": 256, "items": { "type": "string", "pattern": "^/" } }),
                "For `log-analysis`: the folders that it may read; nothing outside.",
                json!([["/var/log"]]),
            ),
        ),
        ("with", key(json!({ "type": "object" }), "Its parameters.", json!([{ "seconds": 1 }]))),
    ]
}
