//! The schema of workflow files.

use serde_json::{Map, Value, json};

use super::{DIALECT, key, mapping, nodes, one_of, part, parts, whole, words};
use crate::priority::Priority;

/// Words of the language that are no ids of nodes.
pub(super) const RESERVED: [&str; 28] = [
    "input",
    "context",
    "run",
    "item",
    "index",
    "last",
    "iteration",
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// The schema of a workflow file.
#[must_use]
pub fn workflow() -> Value {
    let mut properties = parts::head();
    properties.extend([
        ("name", key(part("name"), "The name under which it is saved.", json!(["incident-response"]))),
        ("input", key(part("schema"), "What a run's input must look like.", json!([{ "type": "object", "required": ["service"] }]))),
        ("context", key(json!({ "type": "object" }), "Default values of `$context`; a run's own are merged over them.", json!([{ "region": "eu" }]))),
        ("defaults", key(defaults(), "What calls of this file do that do not say it themselves.", json!([{ "timeout": "2m" }]))),
        ("retries", key(named(part("retry")), "Retry policies by name; a node writes `retry: patient`.", json!([{ "patient": { "max_attempts": 5, "initial": "1s", "max": "1m" } }]))),
        ("timeouts", key(named(part("span")), "Durations by name; a node writes `timeout: long`.", json!([{ "long": "10m" }]))),
        ("resources", key(json!({
            "type": "object", "maxProperties": 100, "propertyNames": part("word"), "additionalProperties": whole(1, 1000),
        }), "How many steps of one run may hold each resource at a time; a call names what it holds: `resources: [gpu]`.", json!([{ "gpu": 2 }]))),
        ("max_parallel", key(whole(1, 10_000), "How many attempts of one run there are at a time.", json!([8]))),
        ("priority", key(json!({ "type": "integer", "minimum": Priority::MIN, "maximum": Priority::MAX }), "How urgent its runs are: the greater, the sooner their steps get slots. 0 is ordinary; a start may say another.", json!([50]))),
        ("supervision", key(supervision(), "How the actors of one run are supervised.", json!([{ "strategy": "one_for_one", "max_restarts": 3, "period": "5s" }]))),
        ("selectors", key(json!({ "type": "array", "maxItems": 64, "items": selector() }), "Which workflow and version a run gets, by its labels and input: the first that is true.", json!([[{ "when": "input.tier == 'gold'", "version": 3 }]]))),
        ("nodes", key(json!({
            "type": "object", "minProperties": 1, "maxProperties": 10_000,
            "propertyNames": { "$ref": "#/$defs/id" }, "additionalProperties": part("node"),
        }), "The steps by id.", json!([{ "detect": { "type": "agent_call", "agent": "http-probe" } }]))),
        ("chain", key(json!({ "anyOf": [{ "type": "array", "items": part("id") }, { "type": "array", "items": { "type": "array", "items": part("id") } }] }), "Short for `needs`: each node of a list depends on the one before it. One list, or several.", json!([["a", "b", "c"], [["a", "b"], ["a", "c"]]]))),
        ("edges", key(json!({ "type": "array", "items": edge() }), "The long form of `needs` and `when`.", json!([[{ "from": "verify", "to": "rollback", "when": "!verify.healthy" }]]))),
        ("output", key(json!(true), "The run's output, with bindings. Without it: the outputs of the nodes that nobody waits for.", json!([{ "healthy": "$verify.healthy" }]))),
    ]);
    let mut schema = mapping(properties, &["name", "nodes"]);
    schema["$schema"] = json!(DIALECT);
    schema["title"] = json!("Ghostlight workflow");
    schema["description"] = json!("A workflow of agents, tools and people, as `ghostlight check` takes it.");
    schema["$defs"] = Value::Object(definitions());
    schema
}

fn definitions() -> Map<String, Value> {
    let mut all = parts::shared();
    all.extend([
        ("id", json!({
            "type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$", "not": { "enum": RESERVED },
            "description": "A lowercase letter, then at most 62 lowercase letters, digits and `_`; no word of the language.",
        })),
        ("word", json!({
            "type": "string", "pattern": "^[a-z][a-z0-9_]{0,62}$",
            "description": "A lowercase letter, then at most 62 lowercase letters, digits and `_`.",
        })),
        ("span", json!({
            "allOf": [part("duration")], "not": { "type": "string", "pattern": "^P?(T?0+(\\.0+)?[A-Za-z]+)+$" },
            "description": "A duration that is longer than nothing.",
        })),
        ("cel", json!({
            "type": "string", "minLength": 1, "maxLength": 4096,
            "description": "A CEL expression that gives true or false, over `input`, `context`, `run` and what stands before.",
        })),
        ("template", json!({
            "type": "string", "maxLength": 16384,
            "description": "Text with `{{ … }}` over `input`, `context`, `run` and what stands before (MiniJinja).",
        })),
        ("binding", json!({
            "type": "string", "pattern": "^\\$[a-z]",
            "description": "`$input`, `$context`, `$run.id`, `$run.errors.node` or `$node`, with or without a path: `$findings.logs[0]`.",
        })),
        ("arguments", json!({
            "anyOf": [{ "type": "object" }, part("binding")],
            "description": "A mapping with bindings in it, or one binding.",
        })),
        ("timeout", json!({
            "anyOf": [part("span"), part("word")],
            "description": "A duration, or one of `timeouts` by name.",
        })),
        ("policy", json!({
            "anyOf": [part("retry"), part("word")],
            "description": "A retry policy, or one of `retries` by name.",
        })),
        ("needs", needs(kind())),
        ("join_needs", needs(key(words(&["hard"]), "A join counts its parents: by `require`, not by kinds.", json!(["hard"])))),
    ]);
    for (is_call, may_lead) in [(true, true), (true, false), (false, true), (false, false)] {
        all.push((on_error_name(is_call, may_lead), on_error(is_call, may_lead)));
    }
    all.extend(nodes::all());
    all.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

fn needs(kind: Value) -> Value {
    let parent = mapping(
        vec![("node", key(part("id"), "The parent.", json!(["metrics"]))), ("kind", kind)],
        &["node"],
    );
    json!({
        "type": "array", "items": { "anyOf": [part("id"), parent] }, "uniqueItems": true,
        "description": "The nodes that come before.",
    })
}

fn named(schema: Value) -> Value {
    json!({ "type": "object", "maxProperties": 100, "propertyNames": part("word"), "additionalProperties": schema })
}

fn defaults() -> Value {
    mapping(
        vec![
            ("timeout", key(part("timeout"), "The longest time of one attempt.", json!(["2m"]))),
            (
                "retry",
                key(
                    part("policy"),
                    "When a failed attempt is followed by another one.",
                    json!([{ "max_attempts": 3 }]),
                ),
            ),
            (
                "on_error",
                key(
                    part(on_error_name(true, false)),
                    "What a failure after all attempts does.",
                    json!(["continue"]),
                ),
            ),
            ("estimate", key(part("duration"), "How long a call is expected to take.", json!(["1s"]))),
        ],
        &[],
    )
}

fn supervision() -> Value {
    let backoff = mapping(
        vec![
            ("initial", key(part("span"), "The wait before the first restart.", json!(["100ms"]))),
            ("max", key(part("span"), "The longest wait.", json!(["1s"]))),
        ],
        &["initial", "max"],
    );
    let mut all = mapping(
        vec![
            (
                "strategy",
                key(
                    words(&["one_for_one", "one_for_all", "rest_for_one"]),
                    "Which actors are started again when one crashes. Refused with GL0507 where it would cut off a write.",
                    json!(["one_for_one"]),
                ),
            ),
            (
                "max_restarts",
                key(
                    whole(0, 1000),
                    "Restarts within `period`; one more and the run is set aside.",
                    json!([3]),
                ),
            ),
            ("period", key(part("span"), "The time in which restarts are counted.", json!(["5s"]))),
            (
                "backoff",
                key(
                    backoff,
                    "The wait before a restart, doubled after each crash.",
                    json!([{ "initial": "100ms", "max": "1s" }]),
                ),
            ),
        ],
        &[],
    );
    all["if"] = json!({ "required": ["max_restarts"], "properties": { "max_restarts": { "const": 0 } } });
    all["then"] = json!({ "not": { "required": ["backoff"] } });
    all
}

fn selector() -> Value {
    mapping(
        vec![
            (
                "when",
                key(
                    part("cel"),
                    "When it is taken: CEL over `labels` and `input`.",
                    json!(["labels.env == 'prod'"]),
                ),
            ),
            (
                "workflow",
                key(
                    part("name"),
                    "The workflow to run; this one when absent.",
                    json!(["incident-response-gold"]),
                ),
            ),
            ("version", key(whole(1, u64::MAX), "Its version; the latest when absent.", json!([3]))),
            (
                "input",
                key(
                    json!({ "type": "object" }),
                    "What is merged over the run's input.",
                    json!([{ "careful": true }]),
                ),
            ),
            (
                "context",
                key(
                    json!({ "type": "object" }),
                    "What is merged over the run's context.",
                    json!([{ "region": "eu" }]),
                ),
            ),
        ],
        &["when"],
    )
}

fn edge() -> Value {
    mapping(
        vec![
            ("from", key(part("id"), "The parent.", json!(["verify"]))),
            ("to", key(part("id"), "The child.", json!(["rollback"]))),
            ("kind", kind()),
            (
                "when",
                key(
                    part("cel"),
                    "False: for this edge the parent counts as skipped.",
                    json!(["!verify.healthy"]),
                ),
            ),
        ],
        &["from", "to"],
    )
}

fn kind() -> Value {
    key(
        words(&["hard", "soft", "optional"]),
        "`hard` (the default): the parent must complete. `soft`: it must end; its value is null unless it completed. `optional`: nobody waits for it.",
        json!(["soft"]),
    )
}

/// The definition of [`on_error`].
pub(super) fn on_error_name(is_call: bool, may_lead: bool) -> &'static str {
    match (is_call, may_lead) {
        (true, true) => "on_error_of_call",
        (true, false) => "inline_on_error_of_call",
        (false, true) => "on_error",
        (false, false) => "inline_on_error",
    }
}

/// What a failure does: a call can be made again, and what stands inside of a node leads nowhere else.
fn on_error(is_call: bool, may_lead: bool) -> Value {
    let default =
        key(json!(true), "The step counts as completed, with this value.", json!([{ "items": [] }]));
    let goto = key(part("id"), "The run goes on there.", json!(["cleanup"]));
    let mut ways = vec![
        words(if is_call { &["fail", "continue", "pause"] } else { &["fail", "continue"] }),
        mapping(vec![("default", default)], &["default"]),
    ];
    if may_lead {
        ways.push(mapping(vec![("goto", goto)], &["goto"]));
    }
    json!({ "oneOf": ways, "description": "What a failure after all attempts does." })
}

/// The cases of a `condition`.
pub(super) fn cases() -> Value {
    let to = || {
        key(
            json!({ "type": "array", "items": part("id") }),
            "What comes next; the targets of the others are skipped.",
            json!([["restart"]]),
        )
    };
    let case = mapping(
        vec![
            ("when", key(part("cel"), "When this case is taken.", json!(["detect.latency_ms > 500"]))),
            ("else", key(json!({ "const": true }), "Taken when no other case is.", json!([true]))),
            ("to", to()),
        ],
        &["to"],
    );
    let mut case = case;
    case["oneOf"] = one_of(&["when", "else"]);
    json!({ "type": "array", "minItems": 1, "maxItems": 100, "items": case })
}
