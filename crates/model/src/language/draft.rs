//! The nodes of a workflow file as they stand there: shape and types checked, names and expressions not looked at yet.

mod beside;
mod kinds;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::document::{Content, Entry, Item, shorten};
use super::fields::EFFECTS;
use super::reader::{self, MapReader, Problems, place_of};
use super::shared::Shared;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::ids::NodeId;
use crate::retry::RetryPolicy;
use crate::workflow::{Aside, Call, ChildWorkflow, DependencyKind, Join, Signal};

pub(super) use beside::DraftSuccess;
pub(super) use kinds::{DraftCase, DraftGate, max_parallel};

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
    pub on_error: DraftOnError<'d>,
    pub success: Option<DraftSuccess<'d>>,
    /// What stands beside the call, the judge of its success included.
    pub beside: Vec<(Aside, Draft<'d>)>,
    pub resources: Vec<NodeId>,
    pub estimate: Option<Duration>,
    pub labels: BTreeMap<String, String>,
    pub description: String,
}

/// One branch of a `parallel`.
pub(super) struct DraftBranch<'d> {
    pub name: Option<NodeId>,
    pub nodes: Vec<Placed<'d>>,
}

/// What a node does, before its expressions are compiled.
pub(super) enum DraftKind<'d> {
    Call { call: Call, target_span: Span },
    Gate(DraftGate<'d>),
    Condition(Placed<'d>),
    Cases(Vec<DraftCase<'d>>),
    Parallel { branches: Vec<DraftBranch<'d>>, max_parallel: Option<u32> },
    Join(Join),
    Map { over: &'d Item, max_parallel: Option<u32>, body: Box<Draft<'d>> },
    Loop { until: Placed<'d>, max: u32, body: Box<Draft<'d>> },
    Workflow(ChildWorkflow),
    For(Duration),
    Until(Placed<'d>),
    Signal(Signal),
    Emit { event: String, data: Option<&'d Item> },
    Value(&'d Item),
    Expression(Placed<'d>),
}

impl<'d> DraftKind<'d> {
    /// The node that is done for each item or pass.
    pub fn body(&self) -> Option<&Draft<'d>> {
        match self {
            Self::Map { body, .. } | Self::Loop { body, .. } => Some(body),
            _ => None,
        }
    }
}

/// What a failure does, before names are resolved.
#[derive(Clone)]
pub(super) enum DraftOnError<'d> {
    Fail,
    Continue,
    Default(Arc<Value>),
    Goto(Placed<'d>),
    Pause,
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
    Map,
    Loop,
    Workflow,
    Wait,
    Emit,
    Transform,
}

const TYPES: [(&str, Type); 12] = [
    ("agent_call", Type::AgentCall),
    ("tool_call", Type::ToolCall),
    ("human_gate", Type::Gate),
    ("condition", Type::Condition),
    ("parallel", Type::Parallel),
    ("join", Type::Join),
    ("map", Type::Map),
    ("loop", Type::Loop),
    ("workflow", Type::Workflow),
    ("wait", Type::Wait),
    ("emit", Type::Emit),
    ("transform", Type::Transform),
];

const COMMON: [&str; 15] = [
    "type",
    "needs",
    "when",
    "input",
    "timeout",
    "retry",
    "effect",
    "on_error",
    "estimate",
    "resources",
    "success",
    "verify",
    "compensate",
    "labels",
    "description",
];
const LATER: [&str; 2] = ["fallbacks", "cache"];

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

/// Maps and loops in maps and loops.
pub const NESTING_MAX: usize = 4;

/// Reads one entry of `nodes`.
pub(super) fn read<'d>(entry: &'d Entry, shared: &Shared, problems: &mut Problems) -> Draft<'d> {
    let id = id(entry, problems);
    let mut draft = Draft::new(&entry.key, entry.key_span, id);
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "a node", problems) else { return draft };
    // The place of a missing key is that of the node's id, in every layout.
    let map = map.pointing_at(entry.key_span).named("the node", &entry.key);
    draft.needs = map.entry("needs").map_or_else(Vec::new, |entry| needs(entry, problems));
    draft.read_body(&map, &Around { shared, depth: 0, beside: None }, problems);
    draft
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Around<'s> {
    shared: &'s Shared,
    /// In how many maps and loops.
    depth: usize,
    /// Beside a call, as what.
    beside: Option<Aside>,
}

/// Reads the node that a map or a loop does for each item or pass.
fn inline<'d>(
    parent: &MapReader<'d>,
    key: &'d str,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<Draft<'d>> {
    let entry = parent.required("node", problems)?;
    if around.depth >= NESTING_MAX {
        let message = format!("maps and loops are nested deeper than {NESTING_MAX} levels");
        problems.push(
            Diagnostic::new(Code::TooDeep, entry.key_span, message)
                .help("put the inner part into a workflow of its own, and call it with `type: workflow`"),
        );
        return None;
    }
    let map = MapReader::open(&entry.value, entry.key_span, "`node`", problems)?;
    let map = map.pointing_at(entry.key_span).named("the inner node of", key);
    for (word, help) in [
        ("needs", "it starts with its item or pass; what it reads stands before the node around it"),
        ("when", "put the condition on the node around it, or make the choice in a workflow of its own"),
    ] {
        if let Some(entry) = map.entry(word) {
            let message = format!("`{word}` means nothing inside of a node");
            problems.push(Diagnostic::new(Code::KeyNotForType, entry.key_span, message).help(help));
        }
    }
    let mut draft = Draft::new(key, entry.key_span, NodeId::new(key).ok());
    let around = Around { depth: around.depth + 1, ..*around };
    draft.read_body(&map, &around, problems);
    Some(draft)
}

impl<'d> Draft<'d> {
    fn new(key: &'d str, key_span: Span, id: Option<NodeId>) -> Self {
        Self {
            key,
            key_span,
            id,
            kind: None,
            needs: Vec::new(),
            when: None,
            input: None,
            timeout: None,
            retry: None,
            effect: None,
            on_error: DraftOnError::Fail,
            success: None,
            beside: Vec::new(),
            resources: Vec::new(),
            estimate: None,
            labels: BTreeMap::new(),
            description: String::new(),
        }
    }

    /// Everything but the id and the needs.
    fn read_body(&mut self, map: &MapReader<'d>, around: &Around<'_>, problems: &mut Problems) {
        let kind = match map.required("type", problems) {
            Some(_) => map.word("type", &TYPES, &[], problems),
            None => None,
        };
        // Of a node whose type is not known nothing else can be said.
        let Some(kind) = kind else { return };
        if around.depth > 0 && matches!(kind, Type::Condition | Type::Parallel | Type::Join) {
            let span = map.place("type").unwrap_or(map.span);
            let message = format!("a `{}` cannot stand inside of a node", kind.name());
            problems.push(Diagnostic::new(Code::KeyNotForType, span, message).help(
                "what belongs together for each item goes into a workflow of its own: `type: workflow`",
            ));
            return;
        }
        if let (Some(aside), false) = (around.beside, matches!(kind, Type::AgentCall | Type::ToolCall)) {
            let span = map.place("type").unwrap_or(map.span);
            let message = format!("`{}` is a call, not a `{}`", aside.as_str(), kind.name());
            problems.push(Diagnostic::new(Code::KeyNotForType, span, message).help(
                "use `agent_call` or `tool_call`; what takes several steps goes behind an agent of its own",
            ));
            return;
        }
        check_keys(map, kind, problems);
        let shared = around.shared;
        self.when = map.text("when", CONDITION_BYTES_MAX, problems);
        self.input = map.entry("input").map(|entry| &entry.value);
        if let Some(entry) = map.entry("input")
            && !matches!(entry.value.content, Content::Map(_) | Content::Text(_))
        {
            reader::wrong_type(entry, "a mapping or one binding", problems);
        }
        let is_call = matches!(kind, Type::AgentCall | Type::ToolCall);
        let defaults = is_call.then_some(&shared.defaults);
        self.timeout = shared.timeout(map, problems).or_else(|| defaults?.timeout);
        self.retry = shared.retry(map, problems).or_else(|| defaults?.retry.clone());
        self.effect = map.word("effect", &EFFECTS, &[], problems).zip(map.place("effect"));
        self.resources = shared.resources(map, problems);
        self.estimate = map.duration("estimate", Duration::ZERO, problems).or_else(|| defaults?.estimate);
        self.labels = map.labels(problems);
        self.description = map.description(problems);
        self.on_error = match map.entry("on_error") {
            // It was told that this means nothing there.
            _ if around.beside.is_some() => DraftOnError::Fail,
            Some(entry) => on_error(entry, problems),
            None => match defaults.and_then(|defaults| defaults.on_error.clone()) {
                Some(value) => value,
                None => DraftOnError::Fail,
            },
        };
        self.check_on_error(map, is_call, around, problems);
        if is_call && around.beside.is_none() {
            beside::read(map, self, around, problems);
        }
        self.kind = kinds::read(map, kind, self, around, problems);
    }

    fn check_on_error(
        &self,
        map: &MapReader<'d>,
        is_call: bool,
        around: &Around<'_>,
        problems: &mut Problems,
    ) {
        let span = map.place("on_error").unwrap_or(map.span);
        match self.on_error {
            DraftOnError::Pause if !is_call => {
                let message = "`on_error: pause` is for calls, which can be made again";
                problems.push(
                    Diagnostic::new(Code::BadValue, span, message)
                        .help("use `fail`, `continue`, a `default` or a `goto`"),
                );
            }
            DraftOnError::Goto(_) if around.depth > 0 => {
                let message = "`goto` leads nowhere from inside of a node";
                problems.push(
                    Diagnostic::new(Code::BadValue, span, message).help("put it on the node around it"),
                );
            }
            _ => {}
        }
    }
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

impl Type {
    fn name(self) -> &'static str {
        TYPES.iter().find(|(_, other)| *other == self).map_or("", |(name, _)| name)
    }

    /// The keys that only this type has.
    fn own(self) -> &'static [&'static str] {
        match self {
            Self::AgentCall => &["agent", "capability"],
            Self::ToolCall => &["tool", "capability"],
            Self::Gate => &["action", "impact", "risk", "on_timeout", "form"],
            Self::Condition => &["cases"],
            Self::Parallel => &["branches", "max_parallel"],
            Self::Join => &["require", "merge"],
            Self::Map => &["over", "node", "max_parallel"],
            Self::Loop => &["until", "max", "node"],
            Self::Workflow => &["workflow", "version", "on_parent_cancel"],
            Self::Wait => &["for", "until", "signal"],
            Self::Emit => &["event", "data"],
            Self::Transform => &["value", "expression"],
        }
    }

    /// The common keys that mean nothing for this type.
    fn meaningless(self) -> &'static [&'static str] {
        match self {
            Self::AgentCall | Self::ToolCall => &[],
            Self::Gate => &["input", "retry", "effect", "resources", "success", "verify", "compensate"],
            Self::Workflow => &["retry", "effect", "timeout", "resources", "success", "verify", "compensate"],
            Self::Condition
            | Self::Parallel
            | Self::Join
            | Self::Map
            | Self::Loop
            | Self::Wait
            | Self::Emit
            | Self::Transform => {
                &["input", "retry", "effect", "timeout", "resources", "success", "verify", "compensate"]
            }
        }
    }
}

fn check_keys(map: &MapReader<'_>, kind: Type, problems: &mut Problems) {
    map.only(&[&COMMON, kind.own()], &LATER, problems);
    for key in kind.meaningless() {
        if let Some(entry) = map.entry(key) {
            let message = format!("`{key}` means nothing for a `{}`", kind.name());
            problems.add(Code::KeyNotForType, entry.key_span, message);
        }
    }
}

/// All that `on_error` may be.
const ON_ERROR_FORMS: &str =
    "`fail`, `continue`, `pause` until somebody resumes the run, `{ default: value }` or `{ goto: node }`";

/// Reads `on_error`: a word, `{default: value}` or `{goto: node}`.
pub(super) fn on_error<'d>(entry: &'d Entry, problems: &mut Problems) -> DraftOnError<'d> {
    const WORDS: [(&str, DraftOnError<'static>); 3] =
        [("fail", DraftOnError::Fail), ("continue", DraftOnError::Continue), ("pause", DraftOnError::Pause)];
    let entries = match &entry.value.content {
        Content::Map(entries) => entries,
        Content::Text(word) => match WORDS.iter().find(|(known, _)| known == word) {
            Some((_, word)) => return word.clone(),
            None => {
                let message = format!("`on_error` cannot be `{}`", shorten(word));
                let meant = super::hints::meant(word, WORDS.iter().map(|(known, _)| *known));
                let meant = meant.map(|word| format!("did you mean `{word}`? ")).unwrap_or_default();
                let help = format!("{meant}it is {ON_ERROR_FORMS}");
                problems.push(Diagnostic::new(Code::BadValue, entry.value.span, message).help(help));
                return DraftOnError::Fail;
            }
        },
        other => {
            let message = format!("`on_error` is a word or a mapping, not {}", other.type_name());
            let place = place_of(&entry.value, entry.key_span);
            problems.push(
                Diagnostic::new(Code::WrongType, place, message).help(format!("it is {ON_ERROR_FORMS}")),
            );
            return DraftOnError::Fail;
        }
    };
    let Some(own) = MapReader::open(&entry.value, entry.key_span, "`on_error`", problems) else {
        return DraftOnError::Fail;
    };
    own.only(&[&["default", "goto"]], &[], problems);
    match (own.entry("default"), own.entry("goto")) {
        (Some(default), None) => DraftOnError::Default(Arc::new(default.value.to_value())),
        (None, Some(_)) => match own.text("goto", 4096, problems) {
            Some(target) => DraftOnError::Goto(target),
            None => DraftOnError::Fail,
        },
        (Some(_), Some(second)) => {
            problems.add(Code::BadValue, second.key_span, "`on_error` has a `default` or a `goto`, not both");
            DraftOnError::Fail
        }
        (None, None) => {
            if entries.is_empty() {
                let message = "`on_error` says neither `default` nor `goto`";
                let place = place_of(&entry.value, entry.key_span);
                problems.push(
                    Diagnostic::new(Code::MissingKey, place, message).help(format!("it is {ON_ERROR_FORMS}")),
                );
            }
            DraftOnError::Fail
        }
    }
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
