//! The nodes of a workflow file as they stand there: shape and types checked, names and expressions not looked at yet.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Content, Entry, Item, shorten};
use super::fields::{self, EFFECTS};
use super::reader::{self, MapReader, Problems, not_supported_yet, place_of};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::ids::{Name, NodeId};
use crate::language::schema::Schema;
use crate::retry::RetryPolicy;
use crate::workflow::{Call, DependencyKind, OnError, OnTimeout, Require, Risk, Target};

/// A text of the document and its place.
pub(super) type Placed<'d> = (&'d str, Span);

/// A node before names are resolved.
pub(super) struct Draft<'d> {
    /// The key as written; other nodes may name it even when it is no valid id.
    pub key: &'d str,
    pub key_span: Span,
    pub id: Option<NodeId>,
    /// `None`: the node is broken, and its diagnostics say how.
    pub kind: Option<DraftKind<'d>>,
    pub needs: Vec<Need<'d>>,
    pub when: Option<Placed<'d>>,
    pub input: Option<&'d Item>,
    pub timeout: Option<Duration>,
    pub retry: Option<RetryPolicy>,
    /// With the place of its word.
    pub effect: Option<(EffectClass, Span)>,
    pub on_error: OnError,
    pub estimate: Option<Duration>,
    pub labels: BTreeMap<String, String>,
    pub description: String,
}

/// What a node does, before its expressions are compiled.
pub(super) enum DraftKind<'d> {
    Call { call: Call, target_span: Span },
    Gate(DraftGate<'d>),
    Condition(Placed<'d>),
    Parallel { branches: Vec<Vec<Placed<'d>>> },
    Join(Require),
}

pub(super) struct DraftGate<'d> {
    pub action: Placed<'d>,
    pub impact: Option<Placed<'d>>,
    pub risk: Risk,
    pub on_timeout: OnTimeout,
    pub form: Option<Schema>,
}

/// A parent as `needs` names it.
pub(super) struct Need<'d> {
    pub node: Placed<'d>,
    pub kind: DependencyKind,
}

#[derive(Clone, Copy, PartialEq)]
enum Type {
    AgentCall,
    ToolCall,
    Gate,
    Condition,
    Parallel,
    Join,
}

const TYPES: [(&str, Type); 6] = [
    ("agent_call", Type::AgentCall),
    ("tool_call", Type::ToolCall),
    ("human_gate", Type::Gate),
    ("condition", Type::Condition),
    ("parallel", Type::Parallel),
    ("join", Type::Join),
];
const LATER_TYPES: [&str; 6] = ["map", "loop", "workflow", "wait", "emit", "transform"];

const COMMON: [&str; 11] = [
    "type",
    "needs",
    "when",
    "input",
    "timeout",
    "retry",
    "effect",
    "on_error",
    "estimate",
    "labels",
    "description",
];
const LATER: [&str; 5] = ["fallbacks", "cache", "success", "compensate", "verify"];

pub(super) const KINDS: [(&str, DependencyKind); 3] =
    [("hard", DependencyKind::Hard), ("soft", DependencyKind::Soft), ("optional", DependencyKind::Optional)];

/// Words that stand for something else in bindings and conditions, and the reserved words of CEL.
const RESERVED: [&str; 28] = [
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

/// The longest template; checked again where it is compiled.
const TEMPLATE_BYTES_MAX: usize = super::text::TEMPLATE_BYTES_MAX;
/// A condition that is longer gets its own message where it is compiled.
const CONDITION_BYTES_MAX: usize = 64 * 1024;

/// Reads one entry of `nodes`.
pub(super) fn read<'d>(entry: &'d Entry, problems: &mut Problems) -> Draft<'d> {
    let mut draft = Draft {
        key: &entry.key,
        key_span: entry.key_span,
        id: id(entry, problems),
        kind: None,
        needs: Vec::new(),
        when: None,
        input: None,
        timeout: None,
        retry: None,
        effect: None,
        on_error: OnError::Fail,
        estimate: None,
        labels: BTreeMap::new(),
        description: String::new(),
    };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "a node", problems) else { return draft };
    // The place of a missing key is that of the node's id, in every layout.
    let map = map.pointing_at(entry.key_span).named("the node", &entry.key);
    draft.needs = map.entry("needs").map_or_else(Vec::new, |entry| needs(entry, problems));
    let kind = match map.required("type", problems) {
        Some(_) => map.word("type", &TYPES, &LATER_TYPES, problems),
        None => None,
    };
    // Of a node whose type is not known nothing else can be said.
    let Some(kind) = kind else { return draft };
    check_keys(&map, kind, problems);
    draft.when = map.text("when", CONDITION_BYTES_MAX, problems);
    draft.input = map.entry("input").map(|entry| &entry.value);
    if let Some(entry) = map.entry("input")
        && !matches!(entry.value.content, Content::Map(_) | Content::Text(_))
    {
        reader::wrong_type(entry, "a mapping or one binding", problems);
    }
    draft.timeout = map.duration("timeout", Duration::from_millis(1), problems);
    draft.retry = map.entry("retry").and_then(|entry| fields::retry(entry, problems));
    draft.effect = map.word("effect", &EFFECTS, &[], problems).zip(map.place("effect"));
    draft.on_error = on_error(&map, problems);
    draft.estimate = map.duration("estimate", Duration::ZERO, problems);
    draft.labels = map.labels(problems);
    draft.description = map.description(problems);
    draft.kind = self::kind(&map, kind, &mut draft.when, problems);
    draft
}

fn id(entry: &Entry, problems: &mut Problems) -> Option<NodeId> {
    if RESERVED.contains(&entry.key.as_str()) {
        let message = format!("`{}` is a word of the language and cannot be the id of a node", entry.key);
        problems.add(Code::ReservedId, entry.key_span, message);
        return None;
    }
    match NodeId::new(&entry.key) {
        Ok(id) => Some(id),
        Err(_) => {
            if let Some(unseen) = super::spelling::unseen_in_name(&entry.key, entry.key_span) {
                problems.push(unseen);
                return None;
            }
            let message = format!("`{}` cannot be the id of a node", shorten(&entry.key));
            let help =
                "an id begins with a lowercase letter and has at most 63 lowercase letters, digits and `_`";
            let help = super::hints::name_like(&entry.key, '_')
                .map_or(help.to_owned(), |name| format!("write `{name}`: {help}"));
            problems.push(Diagnostic::new(Code::BadName, entry.key_span, message).help(help));
            None
        }
    }
}

fn check_keys(map: &MapReader<'_>, kind: Type, problems: &mut Problems) {
    let (own, later): (&[&str], &[&str]) = match kind {
        Type::AgentCall => (&["agent", "capability"], &[]),
        Type::ToolCall => (&["tool", "capability"], &[]),
        Type::Gate => (&["action", "impact", "risk", "on_timeout", "form"], &[]),
        Type::Condition => (&[], &["cases"]),
        Type::Parallel => (&["branches"], &["max_parallel"]),
        Type::Join => (&["require"], &["merge"]),
    };
    let later: Vec<&str> = LATER.iter().chain(later).copied().collect();
    map.only(&[&COMMON, own], &later, problems);
    let meaningless: &[&str] = match kind {
        Type::AgentCall | Type::ToolCall => &[],
        Type::Gate => &["input", "retry", "effect"],
        Type::Condition | Type::Parallel | Type::Join => &["input", "retry", "effect", "timeout"],
    };
    for key in meaningless {
        if let Some(entry) = map.entry(key) {
            let name = TYPES.iter().find(|(_, other)| *other == kind).map_or("", |(name, _)| name);
            let message = format!("`{key}` means nothing for a `{name}`");
            problems.add(Code::KeyNotForType, entry.key_span, message);
        }
    }
}

fn kind<'d>(
    map: &MapReader<'d>,
    kind: Type,
    when: &mut Option<Placed<'d>>,
    problems: &mut Problems,
) -> Option<DraftKind<'d>> {
    match kind {
        Type::AgentCall => call(map, "agent", false, problems),
        Type::ToolCall => {
            map.required("effect", problems);
            call(map, "tool", true, problems)
        }
        Type::Gate => gate(map, problems),
        Type::Condition => {
            if map.entry("cases").is_none() {
                map.required("when", problems);
            }
            when.take().map(DraftKind::Condition)
        }
        Type::Parallel => branches(map, problems).map(|branches| DraftKind::Parallel { branches }),
        Type::Join => {
            map.required("require", problems);
            require(map, problems).map(DraftKind::Join)
        }
    }
}

fn call<'d>(map: &MapReader<'d>, key: &str, tool: bool, problems: &mut Problems) -> Option<DraftKind<'d>> {
    let (key, target): (&str, fn(Name) -> Target) = match (map.entry(key), map.entry("capability")) {
        (Some(_), None) => (key, Target::Agent),
        (None, Some(_)) => ("capability", Target::Capability),
        (None, None) => {
            let message = format!("a call needs `{key}` or `capability`, to say whom to call");
            problems.add(Code::MissingKey, map.span, message);
            return None;
        }
        (Some(_), Some(second)) => {
            let message = format!("a call names its `{key}` or a `capability`, not both");
            problems.add(Code::BadValue, second.key_span, message);
            return None;
        }
    };
    let entry = map.entry(key)?;
    let target = target(map.name(key, problems)?);
    let target_span = place_of(&entry.value, entry.key_span);
    Some(DraftKind::Call { call: Call { target, tool }, target_span })
}

fn gate<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    const RISKS: [(&str, Risk); 4] =
        [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High), ("critical", Risk::Critical)];
    const ON_TIMEOUT: [(&str, OnTimeout); 3] =
        [("reject", OnTimeout::Reject), ("approve", OnTimeout::Approve), ("wait", OnTimeout::Wait)];
    map.required("action", problems);
    let risk = map.word("risk", &RISKS, &[], problems).unwrap_or(Risk::Medium);
    let on_timeout =
        map.word("on_timeout", &ON_TIMEOUT, &["escalate"], problems).unwrap_or(OnTimeout::Reject);
    if let (Some(entry), None) = (map.entry("on_timeout"), map.entry("timeout"))
        && on_timeout != OnTimeout::Wait
    {
        let message = "`on_timeout` means nothing without a `timeout`: the gate waits for ever";
        problems.add(Code::MissingKey, entry.key_span, message);
    }
    let impact = map.text("impact", TEMPLATE_BYTES_MAX, problems);
    let form = map.schema("form", problems);
    let action = map.text("action", TEMPLATE_BYTES_MAX, problems)?;
    Some(DraftKind::Gate(DraftGate { action, impact, risk, on_timeout, form }))
}

fn branches<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<Vec<Vec<Placed<'d>>>> {
    let entry = map.required("branches", problems)?;
    let branches = MapReader::open(&entry.value, entry.key_span, "`branches`", problems)?;
    if branches.entries().is_empty() {
        problems.add(Code::BadValue, entry.key_span, "a `parallel` has at least one branch");
    }
    let mut read = Vec::new();
    for branch in branches.entries() {
        if NodeId::new(&branch.key).is_err() {
            let message = format!("`{}` cannot be the name of a branch", shorten(&branch.key));
            let help = "it is made like the id of a node: lowercase letters, digits and `_`";
            problems.push(Diagnostic::new(Code::BadName, branch.key_span, message).help(help));
        }
        let before = problems.errors();
        let nodes = reader::texts(branch, problems);
        if nodes.is_empty() && problems.errors() == before {
            problems.add(
                Code::BadValue,
                branch.key_span,
                format!("the branch `{}` has no nodes", shorten(&branch.key)),
            );
        }
        read.push(nodes);
    }
    Some(read)
}

fn require(map: &MapReader<'_>, problems: &mut Problems) -> Option<Require> {
    let entry = map.entry("require")?;
    if let Content::Map(entries) = &entry.value.content
        && entries.iter().any(|entry| entry.key == "quorum")
    {
        not_supported_yet("`quorum` for `require`", entry.value.span, problems);
        return None;
    }
    map.word("require", &[("all", Require::All)], &["any", "first_success", "collect"], problems)
}

fn on_error(map: &MapReader<'_>, problems: &mut Problems) -> OnError {
    const WORDS: [(&str, OnError); 2] = [("fail", OnError::Fail), ("continue", OnError::Continue)];
    let Some(entry) = map.entry("on_error") else { return OnError::Fail };
    if let Content::Map(entries) = &entry.value.content
        && let Some(known) = entries.iter().find(|entry| matches!(entry.key.as_str(), "default" | "goto"))
    {
        not_supported_yet(&format!("`{}` for `on_error`", known.key), known.key_span, problems);
        return OnError::Fail;
    }
    map.word("on_error", &WORDS, &["pause"], problems).unwrap_or(OnError::Fail)
}

fn needs<'d>(entry: &'d Entry, problems: &mut Problems) -> Vec<Need<'d>> {
    let Content::List(items) = &entry.value.content else {
        let message = format!("`needs` is a list, not {}", entry.value.content.type_name());
        let diagnostic = Diagnostic::new(Code::WrongType, place_of(&entry.value, entry.key_span), message);
        problems.push(match entry.value.as_text() {
            Some(id) => diagnostic.help(format!("write `needs: [{}]`", shorten(id))),
            None => diagnostic,
        });
        return Vec::new();
    };
    items.iter().filter_map(|item| need(item, entry.key_span, problems)).collect()
}

fn need<'d>(item: &'d Item, key_span: Span, problems: &mut Problems) -> Option<Need<'d>> {
    if let Content::Text(id) = &item.content {
        return Some(Need { node: (id, item.span), kind: DependencyKind::Hard });
    }
    let map = MapReader::open(item, key_span, "an element of `needs`", problems)?;
    map.only(&[&["node", "kind"]], &[], problems);
    map.required("node", problems);
    let kind = map.word("kind", &KINDS, &[], problems).unwrap_or(DependencyKind::Hard);
    map.text("node", 4096, problems).map(|node| Need { node, kind })
}
