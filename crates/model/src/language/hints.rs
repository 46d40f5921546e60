//! What to write instead: words of other products, slips of YAML, and how a key is written.

use super::reader::nearest;

/// Words that other products have for what is called otherwise here.
const MEANT: &[(&str, &[&str])] = &[
    ("needs", &["depends_on", "depends", "dependencies", "requires", "after", "upstream", "run_after"]),
    ("nodes", &["steps", "tasks", "jobs", "stages", "activities", "agents", "states"]),
    ("action", &["message", "title", "prompt", "question", "text"]),
    ("when", &["if", "condition", "only_if", "run_if"]),
    ("input", &["with", "inputs", "args", "arguments", "params", "parameters", "with_items"]),
    ("output", &["outputs", "result", "returns"]),
    ("context", &["vars", "variables", "env"]),
    ("tool", &["agent", "uses", "function"]),
    ("agent", &["tool", "uses", "worker"]),
    ("type", &["kind"]),
    ("kind", &["type"]),
    ("from", &["source", "src", "start"]),
    ("to", &["target", "destination", "end", "then", "goto", "next"]),
    ("else", &["default", "otherwise"]),
    ("require", &["mode", "wait_for", "join"]),
    ("retry", &["retries", "retry_policy"]),
    ("on_error", &["on_failure", "continue_on_error", "continue_on_fail", "catch"]),
    ("continue", &["ignore", "skip", "proceed", "resume", "warn"]),
    ("fail", &["stop", "abort", "raise", "throw"]),
    ("max_attempts", &["attempts", "max_retries", "maximum_attempts", "times", "count"]),
    ("initial", &["delay", "interval", "wait", "initial_interval", "retry_delay", "min"]),
    ("max", &["maximum_interval", "max_interval", "max_delay", "max_retry_delay", "max_iterations"]),
    ("timeout", &["timeout_minutes", "start_to_close_timeout", "execution_timeout", "deadline"]),
    ("defaults", &["timeout", "retry", "on_error", "default_args"]),
    ("over", &["items", "list", "each", "foreach", "for_each", "in"]),
    ("node", &["do", "body", "step", "task", "steps", "nodes"]),
    ("until", &["exit_when", "break_when", "stop_when"]),
    ("for", &["seconds", "duration", "time", "delay"]),
    ("name", &["id", "workflow"]),
    ("ghostlight", &["version", "api_version"]),
    ("size", &["len", "length", "count"]),
    ("exists", &["any", "some"]),
    ("agent_call", &["task", "agent", "llm", "call", "activity"]),
    (
        "tool_call",
        &["tool", "function", "action", "http", "script", "code", "python", "bash", "shell", "run"],
    ),
    ("human_gate", &["approval", "gate", "manual", "human", "wait_for_approval"]),
    ("parallel", &["fork", "fan_out", "concurrent"]),
    ("join", &["merge", "gather", "fan_in", "collect"]),
    ("condition", &["if", "switch", "choice", "decision", "branch", "router"]),
    ("map", &["foreach", "for_each", "matrix", "iterate", "expand"]),
    ("loop", &["while", "repeat", "until"]),
    ("workflow", &["subworkflow", "sub_workflow", "child_workflow", "call_workflow", "subgraph"]),
    ("wait", &["sleep", "delay", "timer", "signal"]),
    ("transform", &["set", "expression", "compute", "edit_fields"]),
    ("emit", &["event", "publish", "notify"]),
];

/// The word of `known` that somebody who wrote `word` may mean: what it is called elsewhere, or the nearest one.
pub(super) fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    called_elsewhere(word, known.clone()).or_else(|| nearest(word, known))
}

fn called_elsewhere<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = snake_case(word);
    let is_it = |candidate: &&'k str| {
        *candidate == word
            || MEANT.iter().any(|(name, others)| name == candidate && others.contains(&word.as_str()))
    };
    known.into_iter().find(is_it)
}

/// `continue-on-error` and `continueOnError` as `continue_on_error`.
fn snake_case(word: &str) -> String {
    let mut snake = String::new();
    for c in word.chars().take(64) {
        if c.is_ascii_uppercase() && snake.ends_with(|c: char| c.is_ascii_lowercase()) {
            snake.push('_');
        }
        snake.push(if c == '-' { '_' } else { c.to_ascii_lowercase() });
    }
    snake
}

/// What to write instead of a key that is not known at its place.
pub(super) fn key<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<String> {
    if word == "<<" {
        return Some("YAML 1.2 has no merge keys: write the keys out".to_owned());
    }
    let did_you_mean = |name: &str| format!("did you mean `{name}`?");
    called_elsewhere(word, known.clone())
        .map(did_you_mean)
        .or_else(|| without_counterpart(&snake_case(word)).map(str::to_owned))
        .or_else(|| nearest(word, known).map(did_you_mean))
}

/// How to say what other products have a key for, and this language has none.
fn without_counterpart(word: &str) -> Option<&'static str> {
    Some(match word {
        "strategy" | "matrix" => {
            "a node of type `map` does the same for each item of a list: `over: $input.list`"
        }
        "trigger_rule" => {
            "say it where the node is needed: `needs: [{ node: check, kind: soft }]`; or by the `require` of a `join`"
        }
        "schedule" | "cron" | "on" | "trigger" | "triggers" => {
            "runs are started from outside: `ghostlight runs start NAME`, or `POST /api/v1/workflows/NAME/runs`"
        }
        "start" | "start_at" | "entry_point" | "entrypoint" | "end" => {
            "nodes without `needs` begin, and the run ends with its last nodes: leave it out"
        }
        "runs_on" | "image" | "container" => {
            "agents run where the daemon does, as their files say: leave it out"
        }
        "env" | "environment" => {
            "values for an agent stand in `input`; variables of its process in `env` of its own file"
        }
        "secrets" => {
            "secrets stand in the file of the agent that needs them, as `${env:NAME}` or `${file:PATH}`"
        }
        "while" => "write `until`, which says when it ends, with the opposite condition",
        "then" | "else" => {
            "a condition with ways has `cases: [{ when: input.n > 3, to: [a] }, { else: true, to: [b] }]`"
        }
        "model" | "prompt" | "temperature" | "messages" => {
            "what an agent is asked stands in `input`; its model is the matter of its own file"
        }
        "next" | "goto" => {
            "say it at the node that follows: `needs: [check]`, or with `chain: [check, restart]`"
        }
        "finally" => "`needs: [{ node: check, kind: soft }]` starts a node whatever became of `check`",
        _ => return None,
    })
}

/// What to do about a function of other products.
pub(super) fn function(name: &str) -> Option<&'static str> {
    matches!(name, "always" | "failure" | "success" | "cancelled").then_some(
        "say it by the dependency: `needs: [a]` waits for success, `needs: [{ node: a, kind: soft }]` starts whatever became of \
         `a`; how it failed is `run.errors.a`",
    )
}

/// What to do about the id of a node that other products have and this language does not.
pub(super) fn node_id(id: &str) -> Option<&'static str> {
    matches!(id, "START" | "END" | "__start__" | "__end__" | "start" | "end")
        .then_some("leave this edge out: nodes without `needs` begin, and the run ends with its last nodes")
}

/// How a key is written.
pub(super) fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "type" => {
            "`type: agent_call`; others are `tool_call`, `human_gate`, `condition`, `parallel`, `join`, `map`, `loop`, `workflow`, \
             `wait`, `emit` and `transform`"
        }
        "name" => "`name: incident-response`",
        "nodes" => "`nodes: { check: { type: agent_call, agent: http-probe } }`: the ids are the keys",
        "needs" => "`needs: [check]`, or `needs: [{node: check, kind: soft}]`",
        "action" => "`action: \"Restart {{ input.service }}\"`: what is asked",
        "effect" => "`effect: read`, `idempotent` or `write`: what calling it twice does",
        "require" => "`require: all`",
        "branches" => "`branches: { left: [a, b], right: [c] }`: each branch has a name",
        "when" => "`when: \"check.healthy && input.n > 3\"`",
        "until" => "`until: last.score >= 80`",
        "over" => "`over: $input.urls`",
        "cases" => "`cases: [{ when: input.n > 3, to: [a] }, { else: true, to: [b] }]`",
        "signal" => "`signal: { name: order-paid }`",
        "input" => "`input: { url: $input.health_url }`, or one binding: `input: $check`",
        "retry" => "`retry: { max_attempts: 3, backoff: exponential, initial: 1s, max: 30s }`",
        "retries" => "`retries: { patient: { max_attempts: 5 } }`, which calls name: `retry: patient`",
        "timeouts" => "`timeouts: { long: 1h }`, which calls name: `timeout: long`",
        "defaults" => "`defaults: { timeout: 5m, retry: { max_attempts: 3 } }`, for all calls",
        "resources" => "`resources: { gpu: 2 }`, of which calls hold some: `resources: [gpu]`",
        "max_attempts" => "`max_attempts: 3`",
        "timeout" | "estimate" | "period" | "initial" => "a duration with its unit: `30s`, `15m`, `1h30m`",
        "max" => "`max: 5` passes in a loop; a duration like `max: 30s` in `retry`",
        "labels" => "`labels: { team: platform }`",
        "to" => "`to: [restart]` in a case; `edges: [{ from: check, to: restart }]`",
        "from" | "edges" => "`edges: [{ from: check, to: restart }]`",
        "chain" => "`chain: [a, b, c]`, or several: `chain: [[a, b], [a, c]]`",
        "node" => {
            "`node: { type: agent_call, agent: writer }` in a map or a loop; `needs: [{ node: check, kind: soft }]`"
        }
        "event" => "`event: order.paid`",
        "agent" => "`agent: http-probe`",
        "tool" => "`tool: deploy`",
        _ => return None,
    })
}

/// What may be wrong with a condition that is no CEL.
pub(super) fn condition(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let has = |word: &str| words.contains(&word);
    if text.contains("{{") || text.contains("{%") {
        return Some(
            "a condition is no template: leave out the braces, and `$`; a node is read by its id alone: `check.healthy`",
        );
    }
    if text.contains('$') {
        return Some("a condition is no binding: write `check.healthy` without the `$`");
    }
    if text.contains("===") || text.contains("!==") {
        return Some("write `==` and `!=`");
    }
    if has("and") || has("or") || has("not") || has("AND") || has("OR") || has("NOT") {
        return Some("write `&&`, `||` and `!`");
    }
    let single = text.replace("==", "").replace("!=", "").replace("<=", "").replace(">=", "");
    single.contains('=').then_some("write `==` to compare")
}

/// A name as it could be written: with `separator` between words.
pub(super) fn name_like(text: &str, separator: char) -> Option<String> {
    let mut name = String::new();
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_lowercase() || (c.is_ascii_digit() && !name.is_empty()) => name.push(c),
            ' ' | '-' | '_' | '.' if !name.is_empty() && !name.ends_with(separator) => name.push(separator),
            ' ' | '-' | '_' | '.' | '0'..='9' => {}
            _ => return None,
        }
    }
    let name = name.trim_end_matches(separator);
    (!name.is_empty() && name.len() <= 63 && name != text).then(|| name.to_owned())
}

/// What to do about a text that is no YAML, by what its reader says.
pub(super) fn yaml(info: &str) -> Option<&'static str> {
    Some(match info {
        info if info.contains("tab") => "indent with spaces",
        info if info.contains("flow mapping") || info.contains("flow sequence") => {
            "inside of `{ }` and `[ ]`, a text with a bracket, a brace, a comma or `#` in it stands in quotes: `\"$input.list[0]\"`"
        }
        info if info.contains("unknown anchor") => {
            "an anchor (`&name`) stands before the alias that repeats it (`*name`)"
        }
        info if info.contains("quote") || info.contains("quoted scalar") => {
            "end the text with the quote that it begins with"
        }
        info if info.contains("expected key") || info.contains("block mapping") => {
            "keys of one mapping stand in the same column"
        }
        info if info.contains("mapping values") => "a text with a colon and a space in it stands in quotes",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_other_products_are_known_where_their_counterpart_is() {
        assert_eq!(meant("depends_on", ["needs", "when"]), Some("needs"));
        assert_eq!(meant("depends_on", ["from", "to"]), None);
        assert_eq!(meant("neds", ["needs", "when"]), Some("needs"));
        assert_eq!(meant("agent", ["tool", "needs"]), Some("tool"));
    }

    #[test]
    fn keys_are_known_however_their_words_are_joined_and_those_without_a_counterpart_are_explained() {
        assert_eq!(meant("continueOnError", ["needs", "on_error"]), Some("on_error"));
        assert_eq!(meant("timeout-minutes", ["needs", "timeout"]), Some("timeout"));
        assert_eq!(key("then", ["when", "to"]).as_deref(), Some("did you mean `to`?"));
        assert!(key("then", ["when", "cases"]).unwrap().contains("cases: ["));
        assert!(key("matrix", ["max", "over"]).unwrap().contains("`map`"));
        assert_eq!(key("colour", ["needs", "when"]), None);
    }

    #[test]
    fn a_name_is_made_of_what_was_meant_to_be_one() {
        assert_eq!(name_like("My Workflow", '-').as_deref(), Some("my-workflow"));
        assert_eq!(name_like("log-analysis", '_').as_deref(), Some("log_analysis"));
        assert_eq!(name_like("1st", '_').as_deref(), Some("st"));
        assert_eq!(name_like("größe", '_'), None);
        assert_eq!(name_like("--", '_'), None);
    }
}
