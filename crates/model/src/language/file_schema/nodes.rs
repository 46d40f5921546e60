//! The nodes of a workflow file, one schema for each type.

use serde_json::{Value, json};

use super::workflow::{cases, on_error_name};
use super::{key, mapping, one_of, part, parts, whole, words};

type Keys = Vec<(&'static str, Value)>;

/// A type of nodes.
struct Type {
    name: &'static str,
    description: &'static str,
    /// Its own keys.
    keys: Keys,
    required: &'static [&'static str],
    /// Exactly one of these.
    one_of: &'static [&'static str],
    /// Whether it may stand inside `map` and `loop`.
    may_be_inline: bool,
}

impl Type {
    fn is_call(&self) -> bool {
        matches!(self.name, "agent_call" | "tool_call")
    }
}

/// The definitions of all nodes: `node`, `inline_node`, and each type as both.
pub(super) fn all() -> Vec<(&'static str, Value)> {
    let types = types();
    let reference = |name: &str| part(name);
    let nodes: Vec<Value> = types.iter().map(|one| reference(one.name)).collect();
    let inline: Vec<Value> =
        types.iter().filter(|one| one.may_be_inline).map(|one| reference(inline_name(one.name))).collect();
    let mut all = vec![
        (
            "node",
            json!({ "type": "object", "required": ["type"], "oneOf": nodes, "description": "A step: what it does stands in `type`." }),
        ),
        (
            "inline_node",
            json!({ "type": "object", "required": ["type"], "oneOf": inline, "description": "A step inside `map` or `loop`, without `needs` and `when`. At most four deep." }),
        ),
    ];
    all.extend(super::beside::definitions());
    for one in types {
        if one.may_be_inline {
            all.push((inline_name(one.name), schema(&one, true)));
        }
        all.push((one.name, schema(&one, false)));
    }
    all
}

fn inline_name(name: &str) -> &'static str {
    match name {
        "agent_call" => "inline_agent_call",
        "tool_call" => "inline_tool_call",
        "transform" => "inline_transform",
        "workflow" => "inline_workflow",
        "wait" => "inline_wait",
        "emit" => "inline_emit",
        "human_gate" => "inline_human_gate",
        "map" => "inline_map",
        _ => "inline_loop",
    }
}

fn schema(one: &Type, is_inline: bool) -> Value {
    let mut keys: Keys = vec![
        ("type", key(json!({ "const": one.name }), one.description, json!([one.name]))),
        (
            "on_error",
            key(
                part(on_error_name(one.is_call(), !is_inline)),
                "What a failure after all attempts does; `fail` when absent.",
                if is_inline {
                    json!(["continue", { "default": [] }])
                } else {
                    json!(["continue", { "default": [] }, { "goto": "cleanup" }])
                },
            ),
        ),
        ("estimate", key(part("duration"), "How long it is expected to take.", json!(["300ms"]))),
        ("labels", key(part("labels"), "For people and filters.", json!([{ "team": "platform" }]))),
        ("description", parts::description()),
    ];
    if !is_inline {
        keys.push((
            "needs",
            key(
                part(if one.name == "join" { "join_needs" } else { "needs" }),
                "The nodes that come before.",
                if one.name == "join" {
                    json!([["left", "right"]])
                } else {
                    json!([["detect", { "node": "metrics", "kind": "soft" }]])
                },
            ),
        ));
        if one.name != "condition" {
            keys.push((
                "when",
                key(
                    part("cel"),
                    "Read when the needs are satisfied; false: the node is skipped.",
                    json!(["!detect.healthy"]),
                ),
            ));
        }
    }
    keys.extend(one.keys.iter().cloned());
    let required: Vec<&str> = ["type"].iter().chain(one.required).copied().collect();
    let mut schema = mapping(keys, &required);
    schema["description"] = json!(one.description);
    if !one.one_of.is_empty() {
        // A condition may have both: `when` says whether its cases are looked at.
        let word = if one.name == "condition" { "anyOf" } else { "oneOf" };
        schema[word] = one_of(one.one_of);
    }
    if one.is_call() {
        schema["allOf"] = super::beside::rules();
    }
    if one.name == "human_gate" {
        schema["if"] = json!({ "required": ["on_timeout"], "properties": { "on_timeout": { "enum": ["reject", "approve"] } } });
        schema["then"] = json!({ "required": ["timeout"] });
    }
    schema
}

fn types() -> Vec<Type> {
    vec![
        Type {
            name: "agent_call",
            description: "Calls an agent.",
            keys: call(("agent", "The agent to call.", "http-probe")),
            required: &[],
            one_of: &["agent", "capability"],
            may_be_inline: true,
        },
        Type {
            name: "tool_call",
            description: "Calls a tool: an agent without a conversation, whose effect is declared.",
            keys: call(("tool", "The tool to call.", "service-restart")),
            required: &["effect"],
            one_of: &["tool", "capability"],
            may_be_inline: true,
        },
        Type {
            name: "human_gate",
            description: "Asks a person. Its output: `{decision, comment, changes, by, at}`.",
            keys: gate(),
            required: &["action"],
            one_of: &[],
            may_be_inline: true,
        },
        Type {
            name: "condition",
            description: "Decides: false skips what follows. With `cases` the first true one wins.",
            keys: vec![
                (
                    "when",
                    key(
                        part("cel"),
                        "True: the step completes with `{value: true}`. False: it is skipped.",
                        json!(["!detect.healthy"]),
                    ),
                ),
                (
                    "cases",
                    key(
                        cases(),
                        "The first that is true wins.",
                        json!([[{ "when": "detect.latency_ms > 500", "to": ["restart"] }, { "else": true, "to": ["report"] }]]),
                    ),
                ),
            ],
            required: &[],
            one_of: &["when", "cases"],
            may_be_inline: false,
        },
        Type {
            name: "parallel",
            description: "Opens branches of nodes; the nodes of a branch follow each other.",
            keys: vec![
                (
                    "branches",
                    key(
                        json!({
                            "type": "object", "minProperties": 1, "propertyNames": { "pattern": "^[a-z][a-z0-9_]{0,62}$" },
                            "additionalProperties": { "type": "array", "minItems": 1, "items": part("id") },
                        }),
                        "Ids of nodes by the name of their branch.",
                        json!([{ "fast": ["a", "b"], "slow": ["c"] }]),
                    ),
                ),
                max_parallel("How many of its nodes are under way at a time."),
            ],
            required: &["branches"],
            one_of: &[],
            may_be_inline: false,
        },
        Type {
            name: "join",
            description: "Waits for its parents and gathers their outputs by id.",
            keys: vec![
                (
                    "require",
                    key(
                        json!({ "oneOf": [
                    words(&["all", "any", "first_success", "collect"]),
                    mapping(vec![("quorum", key(whole(1, 10_000), "So many must complete.", json!([2])))], &["quorum"]),
                ] }),
                        "How many parents must complete.",
                        json!(["all", { "quorum": 2 }]),
                    ),
                ),
                (
                    "merge",
                    key(
                        json!({ "anyOf": [merge_word(), { "type": "object", "additionalProperties": merge_word() }] }),
                        "How outputs become one, in the order of `needs`: for the whole, or key by key.",
                        json!(["deep_merge", { "items": "append" }]),
                    ),
                ),
            ],
            required: &["require"],
            one_of: &[],
            may_be_inline: false,
        },
        Type {
            name: "map",
            description: "Does one node for each item of a list. Its output: the list of outputs, in order.",
            keys: vec![
                (
                    "over",
                    key(
                        json!({ "anyOf": [part("binding"), { "type": "array", "maxItems": 10_000 }] }),
                        "The list: at most 10,000 items. Inside: `$item` and `$index`.",
                        json!(["$search.items"]),
                    ),
                ),
                ("node", inline("What is done with each item.")),
                max_parallel("How many items are under way at a time."),
            ],
            required: &["over", "node"],
            one_of: &[],
            may_be_inline: true,
        },
        Type {
            name: "loop",
            description: "Does one node again until a condition holds. Its output: `{iterations, last}`.",
            keys: vec![
                (
                    "node",
                    inline(
                        "What is done in each pass. Inside: `$last` and `$iteration`, which counts from 1.",
                    ),
                ),
                (
                    "until",
                    key(
                        part("cel"),
                        "Read after each pass, over `last` and `iteration`: true ends the loop.",
                        json!(["last.done"]),
                    ),
                ),
                ("max", key(whole(1, 1000), "The most passes.", json!([10]))),
            ],
            required: &["node", "until", "max"],
            one_of: &[],
            may_be_inline: true,
        },
        Type {
            name: "workflow",
            description: "Runs another workflow. Its output: that run's output.",
            keys: vec![
                ("workflow", key(part("name"), "The workflow to run.", json!(["verify-service"]))),
                ("version", key(whole(1, u64::MAX), "Its version; the latest when absent.", json!([2]))),
                input("The child's input."),
                (
                    "on_parent_cancel",
                    key(
                        words(&["cancel", "abandon"]),
                        "What becomes of the child when its parent is cancelled; `cancel` when absent.",
                        json!(["abandon"]),
                    ),
                ),
            ],
            required: &["workflow"],
            one_of: &[],
            may_be_inline: true,
        },
        Type {
            name: "wait",
            description: "Waits for a time or a signal. Its output: `{at}`, or the signal's payload.",
            keys: vec![
                ("for", key(part("span"), "So long.", json!(["10s"]))),
                (
                    "until",
                    key(
                        json!({ "type": "string", "pattern": "^(\\$[a-z]|[+-]?[0-9])", "maxLength": 1024 }),
                        "Until this time (RFC 3339), or what a binding gives.",
                        json!(["2030-01-01T00:00:00Z", "$input.at"]),
                    ),
                ),
                (
                    "signal",
                    key(
                        mapping(
                            vec![
                                (
                                    "name",
                                    key(
                                        part("name"),
                                        "Its name, as it is sent to the run.",
                                        json!(["deployed"]),
                                    ),
                                ),
                                (
                                    "schema",
                                    key(
                                        part("schema"),
                                        "What its payload must look like.",
                                        json!([{ "type": "object" }]),
                                    ),
                                ),
                                (
                                    "timeout",
                                    key(
                                        part("span"),
                                        "The longest wait; then the step fails with class `timeout`.",
                                        json!(["1h"]),
                                    ),
                                ),
                            ],
                            &["name"],
                        ),
                        "Until this signal comes.",
                        json!([{ "name": "deployed", "timeout": "1h" }]),
                    ),
                ),
            ],
            required: &[],
            one_of: &["for", "until", "signal"],
            may_be_inline: true,
        },
        Type {
            name: "emit",
            description: "Writes an event into the journal and the feed.",
            keys: vec![
                (
                    "event",
                    key(
                        json!({ "type": "string", "pattern": "^[a-z][a-z0-9_.-]{0,62}$" }),
                        "The name of the event.",
                        json!(["shop.healed"]),
                    ),
                ),
                (
                    "data",
                    key(
                        json!(true),
                        "What it says, with bindings.",
                        json!([{ "service": "$input.service" }]),
                    ),
                ),
            ],
            required: &["event"],
            one_of: &[],
            may_be_inline: true,
        },
        Type {
            name: "transform",
            description: "Makes a value out of others, without calling anybody.",
            keys: vec![
                ("value", key(json!(true), "The value, with bindings.", json!([{ "name": "$input.name" }]))),
                (
                    "expression",
                    key(
                        json!({ "type": "string", "minLength": 1, "maxLength": 4096 }),
                        "A CEL expression that gives any value.",
                        json!(["detect.latency_ms * 2"]),
                    ),
                ),
            ],
            required: &[],
            one_of: &["value", "expression"],
            may_be_inline: true,
        },
    ]
}

fn call((target, description, example): (&'static str, &str, &str)) -> Keys {
    let mut keys = vec![
        (target, key(part("name"), description, json!([example]))),
        (
            "capability",
            key(
                part("name"),
                "Whom to call instead: the least busy enabled agent that offers this.",
                json!(["log-analysis"]),
            ),
        ),
        input("What is sent."),
        (
            "effect",
            key(part("effect"), "At least this; the agent's own holds when it is higher.", json!(["write"])),
        ),
        timeout(),
        (
            "retry",
            key(
                part("policy"),
                "When a failed attempt is followed by another one; it wins over the agent's.",
                json!([{ "max_attempts": 3, "backoff": "exponential", "initial": "1s", "max": "30s" }, "patient"]),
            ),
        ),
        (
            "resources",
            key(
                json!({ "type": "array", "items": part("word") }),
                "What it holds while it is under way, by the names in `resources` at the top.",
                json!([["gpu"]]),
            ),
        ),
    ];
    keys.extend(super::beside::keys());
    keys
}

fn gate() -> Keys {
    vec![
        ("action", key(part("template"), "What will be done.", json!(["Restart {{ input.service }}"]))),
        ("impact", key(part("template"), "What that means.", json!(["{{ findings.logs.summary }}"]))),
        (
            "risk",
            key(
                words(&["low", "medium", "high", "critical"]),
                "How dangerous it is; `medium` when absent.",
                json!(["high"]),
            ),
        ),
        (
            "timeout",
            key(
                part("timeout"),
                "How long the question stands; without it until somebody answers.",
                json!(["15m"]),
            ),
        ),
        (
            "on_timeout",
            key(
                words(&["reject", "approve", "wait"]),
                "What happens then; `reject` when absent.",
                json!(["reject"]),
            ),
        ),
        (
            "form",
            key(
                part("schema"),
                "What changes an approver may make.",
                json!([{ "type": "object", "properties": { "replicas": { "type": "integer" } } }]),
            ),
        ),
    ]
}

fn input(description: &str) -> (&'static str, Value) {
    ("input", key(part("arguments"), description, json!([{ "url": "$input.health_url" }, "$input"])))
}

fn timeout() -> (&'static str, Value) {
    ("timeout", key(part("timeout"), "The longest time of one attempt.", json!(["30s", "long"])))
}

fn max_parallel(description: &str) -> (&'static str, Value) {
    ("max_parallel", key(whole(1, 10_000), description, json!([4])))
}

fn inline(description: &str) -> Value {
    key(
        part("inline_node"),
        description,
        json!([{ "type": "agent_call", "agent": "fetch", "input": { "url": "$item" } }]),
    )
}

fn merge_word() -> Value {
    words(&["error", "first", "last", "append", "sum", "deep_merge"])
}
