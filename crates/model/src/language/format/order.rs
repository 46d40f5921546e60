//! The order of keys: that of the contract for the top of a document and for its nodes, as written everywhere else.

use super::tree::{Child, Collection, Node, Remark};

/// The top of a workflow file.
const WORKFLOW: &[&str] = &[
    "ghostlight",
    "name",
    "description",
    "labels",
    "input",
    "context",
    "defaults",
    "retries",
    "timeouts",
    "resources",
    "max_parallel",
    "concurrency",
    "priority",
    "budget",
    "supervision",
    "validate",
    "selectors",
    "expose",
    "nodes",
    "chain",
    "edges",
    "output",
];
/// A node, inline ones included.
const NODE: &[&str] = &[
    "type",
    "description",
    "agent",
    "tool",
    "capability",
    "workflow",
    "version",
    "event",
    "for",
    "signal",
    "needs",
    "when",
    "cases",
    "require",
    "merge",
    "over",
    "until",
    "max",
    "max_parallel",
    "branches",
    "risk",
    "effect",
    "input",
    "data",
    "value",
    "expression",
    "timeout",
    "on_timeout",
    "on_parent_cancel",
    "action",
    "impact",
    "form",
    "retry",
    "on_error",
    "resources",
    "estimate",
    "fallbacks",
    "cache",
    "success",
    "verify",
    "compensate",
    "labels",
    "node",
];
/// An agent file.
const AGENT: &[&str] = &[
    "ghostlight",
    "name",
    "version",
    "kind",
    "builtin",
    "provider",
    "model",
    "description",
    "capabilities",
    "effect",
    "input_schema",
    "output_schema",
    "timeout",
    "heartbeat",
    "limits",
    "retry",
    "fallbacks",
    "cost",
    "cache",
    "health",
    "labels",
    "url",
    "card",
    "skill",
    "method",
    "headers",
    "base_url",
    "api_key",
    "command",
    "dir",
    "env",
    "sandbox",
    "resources",
    "exit_codes",
    "allow",
    "read",
    "with",
    "response",
    "errors",
    "tools",
    "system",
    "prompt",
    "max_turns",
    "repair",
    "temperature",
    "max_tokens",
];
const RETRY: &[&str] = &["max_attempts", "backoff", "initial", "max"];
const EDGE: &[&str] = &["from", "to", "kind", "when"];
const NEED: &[&str] = &["node", "kind"];
const SUPERVISION: &[&str] = &["strategy", "max_restarts", "period", "backoff"];
const SIGNAL: &[&str] = &["name", "schema", "timeout"];
const CASE: &[&str] = &["when", "else", "to"];
const SELECTOR: &[&str] = &["when", "workflow", "version", "input", "context"];

/// Puts the keys of a document in order. Comments and blank lines go with what they belong to; what stands at the head of the
/// file stays there.
pub(super) fn arrange(root: &mut Node) {
    let Node::Map(all) = root else { return };
    let has = |key: &str| all.children.iter().any(|child| child.key == key);
    let is_agent = has("kind") && !has("nodes");
    let head = take_head(all);
    sort(all, if is_agent { AGENT } else { WORKFLOW });
    for child in &mut all.children {
        match child.key.as_str() {
            "retry" if is_agent => of(&mut child.value, RETRY),
            _ if is_agent => {}
            "nodes" => each(&mut child.value, node),
            "edges" => each(&mut child.value, |edge| of(edge, EDGE)),
            "retries" => each(&mut child.value, |retry| of(retry, RETRY)),
            "selectors" => each(&mut child.value, |selector| of(selector, SELECTOR)),
            "supervision" => of(&mut child.value, SUPERVISION),
            "defaults" => node(&mut child.value),
            _ => {}
        }
    }
    if let Some(first) = all.children.first_mut() {
        first.above.splice(0..0, head.remarks);
        first.blank = head.blank;
    }
}

/// What stands at the head of a file.
struct Head {
    remarks: Vec<Remark>,
    /// Whether a blank line follows.
    blank: bool,
}

/// The comments at the head of the file: those before its first blank line, or all above the first key.
fn take_head(all: &mut Collection) -> Head {
    let Some(first) = all.children.first_mut() else { return Head { remarks: Vec::new(), blank: false } };
    let blank = std::mem::take(&mut first.blank) && !first.above.is_empty();
    let end = match first.above.iter().skip(1).position(|remark| remark.blank) {
        Some(at) if !blank => at + 1,
        Some(_) | None => first.above.len(),
    };
    Head { remarks: first.above.drain(..end).collect(), blank }
}

fn node(node: &mut Node) {
    of(node, NODE);
    let Node::Map(all) = node else { return };
    for child in &mut all.children {
        match child.key.as_str() {
            "node" | "compensate" | "verify" => self::node(&mut child.value),
            "retry" => of(&mut child.value, RETRY),
            "needs" => each(&mut child.value, |need| of(need, NEED)),
            "cases" => each(&mut child.value, |case| of(case, CASE)),
            "signal" => of(&mut child.value, SIGNAL),
            _ => {}
        }
    }
}

fn each(node: &mut Node, change: impl Fn(&mut Node)) {
    if let Node::List(all) | Node::Map(all) = node {
        all.children.iter_mut().for_each(|child| change(&mut child.value));
    }
}

fn of(node: &mut Node, keys: &[&str]) {
    if let Node::Map(all) = node {
        sort(all, keys);
    }
}

fn sort(all: &mut Collection, keys: &[&str]) {
    let place = |child: &Child| keys.iter().position(|key| *key == child.key).unwrap_or(keys.len());
    all.children.sort_by_key(place);
}
