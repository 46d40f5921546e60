//! What the nodes of a workflow file do: the keys of each type.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{
    Around, CONDITION_BYTES_MAX, Draft, DraftBranch, DraftKind, Placed, TEMPLATE_BYTES_MAX, Type, inline,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::ids::{Name, NodeId};
use crate::language::document::{Content, Entry, Item, shorten};
use crate::language::reader::{self, MapReader, Problems, place_of};
use crate::language::schema::Schema;
use crate::workflow::{
    Call, ChildWorkflow, Join, Merge, MergeWord, OnParentCancel, OnTimeout, Require, Risk, Signal, Target,
};

/// The most attempts, or items, that may be under way at the same time.
pub(in crate::language) const PARALLEL_MAX: u64 = 10_000;
/// The most passes of a loop.
const PASSES_MAX: u64 = 1_000;
/// The most cases of a condition.
const CASES_MAX: usize = 100;
/// The longest name of an event.
const EVENT_BYTES_MAX: usize = 63;

pub(in crate::language) struct DraftGate<'d> {
    pub action: Placed<'d>,
    pub impact: Option<Placed<'d>>,
    pub risk: Risk,
    pub on_timeout: OnTimeout,
    pub form: Option<Schema>,
}

/// A case of a condition, before names are resolved.
pub(in crate::language) struct DraftCase<'d> {
    pub when: Option<Placed<'d>>,
    pub to: Vec<Placed<'d>>,
}

/// Reads what a node of this type does.
pub(super) fn read<'d>(
    map: &MapReader<'d>,
    kind: Type,
    draft: &mut Draft<'d>,
    around: &Around<'_>,
    problems: &mut Problems,
) -> Option<DraftKind<'d>> {
    match kind {
        Type::AgentCall => call(map, "agent", false, problems),
        Type::ToolCall => {
            map.required("effect", problems);
            call(map, "tool", true, problems)
        }
        Type::Gate => gate(map, problems),
        Type::Condition => condition(map, draft, problems),
        Type::Parallel => {
            let max_parallel = max_parallel(map, problems);
            branches(map, problems).map(|branches| DraftKind::Parallel { branches, max_parallel })
        }
        Type::Join => {
            map.required("require", problems);
            let merge = map.entry("merge").and_then(|entry| merge(map, entry, problems));
            require(map, problems).map(|require| DraftKind::Join(Join { require, merge }))
        }
        Type::Map => {
            let over = map.required("over", problems);
            let body = inline(map, draft.key, around, problems);
            let max_parallel = max_parallel(map, problems);
            let over = over.and_then(|entry| list(entry, problems))?;
            Some(DraftKind::Map { over, max_parallel, body: Box::new(body?) })
        }
        Type::Loop => {
            map.required("until", problems);
            map.required("max", problems);
            let until = map.text("until", CONDITION_BYTES_MAX, problems);
            let max = map.whole("max", 1..=PASSES_MAX, problems);
            let body = inline(map, draft.key, around, problems);
            Some(DraftKind::Loop { until: until?, max: narrow(max?), body: Box::new(body?) })
        }
        Type::Workflow => child(map, problems),
        Type::Wait => wait(map, problems),
        Type::Emit => emit(map, problems),
        Type::Transform => transform(map, problems),
    }
}

/// Within the bounds that were checked.
fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(in crate::language) fn max_parallel(map: &MapReader<'_>, problems: &mut Problems) -> Option<u32> {
    map.whole("max_parallel", 1..=PARALLEL_MAX, problems).map(narrow)
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

/// A `when`, or `cases`.
fn condition<'d>(
    map: &MapReader<'d>,
    draft: &mut Draft<'d>,
    problems: &mut Problems,
) -> Option<DraftKind<'d>> {
    let Some(entry) = map.entry("cases") else {
        if map.entry("when").is_none() {
            let message = "a condition needs `when`, or `cases` with their targets";
            problems.add(Code::MissingKey, map.span, message);
        }
        return draft.when.take().map(DraftKind::Condition);
    };
    let Content::List(items) = &entry.value.content else {
        reader::wrong_type(entry, "a list of cases", problems);
        return None;
    };
    if items.is_empty() || items.len() > CASES_MAX {
        let message = format!("a condition has 1 to {CASES_MAX} cases, not {}", items.len());
        problems.add(Code::BadValue, place_of(&entry.value, entry.key_span), message);
        return None;
    }
    let cases = items.iter().enumerate().filter_map(|(at, item)| {
        let is_last = at + 1 == items.len();
        case(item, entry, is_last, problems)
    });
    Some(DraftKind::Cases(cases.collect()))
}

fn case<'d>(item: &'d Item, cases: &Entry, is_last: bool, problems: &mut Problems) -> Option<DraftCase<'d>> {
    let map = MapReader::open(item, cases.key_span, "a case", problems)?.pointing_at(item.span);
    map.only(&[&["when", "else", "to"]], &[], problems);
    let when = map.text("when", CONDITION_BYTES_MAX, problems);
    match (map.entry("when"), map.entry("else")) {
        (Some(_), None) => {}
        (None, Some(entry)) => {
            if !matches!(entry.value.content, Content::Bool(true)) {
                problems.add(Code::BadValue, place_of(&entry.value, entry.key_span), "write `else: true`");
            }
            if !is_last {
                let message = "the cases behind an `else` are never looked at";
                problems.push(
                    Diagnostic::new(Code::BadValue, entry.key_span, message).help("put the `else` last"),
                );
            }
        }
        (None, None) => {
            problems.add(Code::MissingKey, item.span, "a case needs a `when`, or `else: true`");
        }
        (Some(_), Some(second)) => {
            problems.add(Code::BadValue, second.key_span, "a case has a `when` or an `else`, not both");
        }
    }
    let to = map.required("to", problems)?;
    Some(DraftCase { when, to: reader::texts(to, problems) })
}

fn branches<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<Vec<DraftBranch<'d>>> {
    let entry = map.required("branches", problems)?;
    let branches = MapReader::open(&entry.value, entry.key_span, "`branches`", problems)?;
    if branches.entries().is_empty() {
        problems.add(Code::BadValue, entry.key_span, "a `parallel` has at least one branch");
    }
    let mut read = Vec::new();
    for branch in branches.entries() {
        let name = NodeId::new(&branch.key).ok();
        if name.is_none() {
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
        read.push(DraftBranch { name, nodes });
    }
    Some(read)
}

fn require(map: &MapReader<'_>, problems: &mut Problems) -> Option<Require> {
    const WORDS: [(&str, Require); 4] = [
        ("all", Require::All),
        ("any", Require::Any),
        ("first_success", Require::FirstSuccess),
        ("collect", Require::Collect),
    ];
    let entry = map.entry("require")?;
    if !matches!(entry.value.content, Content::Map(_)) {
        return map.word("require", &WORDS, &[], problems);
    }
    let own = MapReader::open(&entry.value, entry.key_span, "`require`", problems)?;
    own.only(&[&["quorum"]], &[], problems);
    own.required("quorum", problems);
    own.whole("quorum", 1..=PARALLEL_MAX, problems).map(|n| Require::Quorum(narrow(n)))
}

const MERGES: [(&str, MergeWord); 6] = [
    ("error", MergeWord::Error),
    ("first", MergeWord::First),
    ("last", MergeWord::Last),
    ("append", MergeWord::Append),
    ("sum", MergeWord::Sum),
    ("deep_merge", MergeWord::DeepMerge),
];

fn merge(map: &MapReader<'_>, entry: &Entry, problems: &mut Problems) -> Option<Merge> {
    if !matches!(entry.value.content, Content::Map(_)) {
        return map.word("merge", &MERGES, &[], problems).map(Merge::Whole);
    }
    let own = MapReader::open(&entry.value, entry.key_span, "`merge`", problems)?;
    let words = own.entries().iter().filter_map(|entry| {
        own.word(&entry.key, &MERGES, &[], problems).map(|word| (entry.key.clone(), word))
    });
    Some(Merge::Keys(words.collect::<BTreeMap<_, _>>()))
}

/// A list that is written out, or a binding.
fn list<'d>(entry: &'d Entry, problems: &mut Problems) -> Option<&'d Item> {
    match &entry.value.content {
        Content::List(_) => Some(&entry.value),
        Content::Text(text) if text.starts_with('$') && !text.starts_with("$$") => Some(&entry.value),
        _ => {
            reader::wrong_type(entry, "a list, or a binding that gives one", problems);
            None
        }
    }
}

fn child<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    const WORDS: [(&str, OnParentCancel); 2] =
        [("cancel", OnParentCancel::Cancel), ("abandon", OnParentCancel::Abandon)];
    map.required("workflow", problems);
    let version = map.whole("version", 1..=u64::MAX, problems);
    let on_parent_cancel =
        map.word("on_parent_cancel", &WORDS, &[], problems).unwrap_or(OnParentCancel::Cancel);
    let workflow = map.name("workflow", problems)?;
    Some(DraftKind::Workflow(ChildWorkflow { workflow, version, on_parent_cancel }))
}

fn wait<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    let given: Vec<&Entry> =
        ["for", "until", "signal"].into_iter().filter_map(|key| map.entry(key)).collect();
    match given[..] {
        [] => {
            let message = "a `wait` needs one of `for`, `until` and `signal`";
            problems.add(Code::MissingKey, map.span, message);
            None
        }
        [_, second, ..] => {
            let message = "a `wait` has one of `for`, `until` and `signal`";
            problems.add(Code::BadValue, second.key_span, message);
            None
        }
        [only] => match only.key.as_str() {
            "for" => map.duration("for", Duration::from_millis(1), problems).map(DraftKind::For),
            "until" => map.text("until", 1024, problems).map(DraftKind::Until),
            _ => signal(map, problems),
        },
    }
}

fn signal<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    let entry = map.entry("signal")?;
    let own = MapReader::open(&entry.value, entry.key_span, "`signal`", problems)?;
    let own = own.pointing_at(entry.key_span);
    own.only(&[&["name", "schema", "timeout"]], &[], problems);
    own.required("name", problems);
    let schema = own.schema("schema", problems);
    let timeout = own.duration("timeout", Duration::from_millis(1), problems);
    let name = own.name("name", problems)?;
    Some(DraftKind::Signal(Signal { name, schema, timeout }))
}

fn emit<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    map.required("event", problems);
    let data = map.entry("data").map(|entry| &entry.value);
    let (event, span) = map.text("event", 1024, problems)?;
    let is_name = event.len() <= EVENT_BYTES_MAX
        && event.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
        && event.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b));
    if !is_name {
        let message = format!("`{}` cannot be the name of an event", shorten(event));
        let help = "it begins with a lowercase letter and has at most 63 lowercase letters, digits, `.`, `_` and `-`";
        problems.push(Diagnostic::new(Code::BadName, span, message).help(help));
        return None;
    }
    Some(DraftKind::Emit { event: event.to_owned(), data })
}

fn transform<'d>(map: &MapReader<'d>, problems: &mut Problems) -> Option<DraftKind<'d>> {
    match (map.entry("value"), map.entry("expression")) {
        (Some(value), None) => Some(DraftKind::Value(&value.value)),
        (None, Some(_)) => map.text("expression", CONDITION_BYTES_MAX, problems).map(DraftKind::Expression),
        (None, None) => {
            let message = "a `transform` needs a `value` with bindings, or a CEL `expression`";
            problems.add(Code::MissingKey, map.span, message);
            None
        }
        (Some(_), Some(second)) => {
            let message = "a `transform` has a `value` or an `expression`, not both";
            problems.add(Code::BadValue, second.key_span, message);
            None
        }
    }
}
