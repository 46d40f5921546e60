//! What to write instead: words of other products, slips of YAML, and how a key is written.

use super::reader::nearest;

/// Words that other products have for what is called otherwise here.
const MEANT: &[(&str, &[&str])] = &[
    ("needs", &["depends_on", "dependsOn", "depends", "dependencies", "requires", "after", "upstream"]),
    ("nodes", &["steps", "tasks", "jobs", "stages", "activities", "agents"]),
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
    ("to", &["target", "destination", "end"]),
    ("require", &["mode", "wait_for", "join"]),
    ("retry", &["retries", "retry_policy"]),
    ("on_error", &["on_failure", "continue_on_error", "catch"]),
    ("max_attempts", &["attempts", "max_retries", "times", "count"]),
    ("name", &["id", "workflow"]),
    ("ghostlight", &["version", "apiVersion"]),
    ("size", &["len", "length", "count"]),
    ("exists", &["any", "some"]),
    ("agent_call", &["task", "agent", "llm", "call", "activity"]),
    ("tool_call", &["tool", "function", "action", "http", "script"]),
    ("human_gate", &["approval", "gate", "manual", "human", "wait_for_approval"]),
    ("parallel", &["fork", "fan_out", "concurrent"]),
    ("join", &["merge", "gather", "fan_in", "collect"]),
    ("condition", &["if", "switch", "choice", "decision"]),
];

/// The word of `known` that somebody who wrote `word` may mean: the nearest one, or what it is called elsewhere.
pub(super) fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> Option<&'k str> {
    let elsewhere = |candidate: &&'k str| {
        let is_it = |(name, others): &(&str, &[&str])| name == candidate && others.contains(&word);
        MEANT.iter().any(is_it)
    };
    known.clone().into_iter().find(elsewhere).or_else(|| nearest(word, known))
}

/// How a key is written.
pub(super) fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "type" => {
            "`type: agent_call`; others are `tool_call`, `human_gate`, `condition`, `parallel` and `join`"
        }
        "name" => "`name: incident-response`",
        "nodes" => "`nodes: { check: { type: agent_call, agent: http-probe } }`: the ids are the keys",
        "needs" => "`needs: [check]`, or `needs: [{node: check, kind: soft}]`",
        "action" => "`action: \"Restart {{ input.service }}\"`: what is asked",
        "effect" => "`effect: read`, `idempotent` or `write`: what calling it twice does",
        "require" => "`require: all`",
        "branches" => "`branches: { left: [a, b], right: [c] }`: each branch has a name",
        "when" => "`when: \"check.healthy && input.n > 3\"`",
        "input" => "`input: { url: $input.health_url }`, or one binding: `input: $check`",
        "retry" => "`retry: { max_attempts: 3, backoff: exponential, initial: 1s, max: 30s }`",
        "max_attempts" => "`max_attempts: 3`",
        "timeout" | "estimate" | "period" | "initial" => "a duration with its unit: `30s`, `15m`, `1h30m`",
        "max" => "`max: 5` passes in a loop; a duration like `max: 30s` in `retry`",
        "labels" => "`labels: { team: platform }`",
        "from" | "to" | "edges" => "`edges: [{ from: check, to: restart }]`",
        "chain" => "`chain: [a, b, c]`, or several: `chain: [[a, b], [a, c]]`",
        "node" => "`needs: [{node: check, kind: soft}]`",
        _ => return None,
    })
}

/// What may be wrong with a condition that is no CEL.
pub(super) fn condition(text: &str) -> Option<&'static str> {
    let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let has = |word: &str| words.contains(&word);
    if text.contains("{{") || text.contains("{%") {
        return Some("a condition is no template: leave out the braces");
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
    fn a_name_is_made_of_what_was_meant_to_be_one() {
        assert_eq!(name_like("My Workflow", '-').as_deref(), Some("my-workflow"));
        assert_eq!(name_like("log-analysis", '_').as_deref(), Some("log_analysis"));
        assert_eq!(name_like("1st", '_').as_deref(), Some("st"));
        assert_eq!(name_like("größe", '_'), None);
        assert_eq!(name_like("--", '_'), None);
    }
}
