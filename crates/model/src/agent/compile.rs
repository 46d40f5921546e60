//! From the text of an agent definition file to an [`AgentDefinition`], or to everything that is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use super::kinds;
use super::{AgentDefinition, AgentKind, Cost, Limits};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::EffectClass;
use crate::ids::Name;
use crate::language::deep_stack;
use crate::language::document::{self, Content, Entry, shorten};
use crate::language::fields::{self, EFFECTS};
use crate::language::reader::{self, MapReader, Problems, not_supported_yet};
use crate::language::{Source, canonical, units};

/// The most capabilities of one agent.
const CAPABILITIES_MAX: usize = 64;

/// What became of a document.
#[derive(Debug)]
pub struct CompiledAgent {
    /// The agent, unless there is an error.
    pub agent: Option<Arc<AgentDefinition>>,
    /// Everything that is wrong with the document, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

const KEYS: [&str; 15] = [
    "ghostlight",
    "name",
    "version",
    "kind",
    "description",
    "capabilities",
    "effect",
    "input_schema",
    "output_schema",
    "timeout",
    "heartbeat",
    "limits",
    "retry",
    "cost",
    "labels",
];
const LATER: [&str; 4] = ["fallbacks", "cache", "health", "resources"];
const LATER_KINDS: [&str; 3] = ["llm", "mcp", "a2a"];

#[derive(Clone, Copy)]
enum Kind {
    Command,
    Http,
    Builtin,
}

/// Compiles an agent definition file. Pure: the same text gives the same answer. Never panics, and bounded in time and memory.
#[must_use]
pub fn compile(source: &Source<'_>) -> CompiledAgent {
    deep_stack::run(|| compile_here(source)).unwrap_or_else(|failed| {
        let problem = Diagnostic::new(Code::CompilerFailed, Span::default(), failed.to_string());
        CompiledAgent { agent: None, diagnostics: vec![problem] }
    })
}

fn compile_here(source: &Source<'_>) -> CompiledAgent {
    let mut problems = Problems::default();
    let (root, read) = document::parse(source.text, source.format);
    read.into_iter().for_each(|problem| problems.push(problem));
    let Some(root) = root else { return CompiledAgent { agent: None, diagnostics: problems.finish(None) } };
    let start = Span { line: 1, column: 1, end_line: 1, end_column: 2 };
    let agent = MapReader::open(&root, start, "an agent", &mut problems).and_then(|map| {
        let map = map.pointing_at(map.entries().first().map_or(start, |entry| entry.key_span));
        read_agent(&map, &mut problems)
    });
    let agent = agent.filter(|_| problems.errors() == 0).map(|mut agent| {
        (agent.document, agent.hash) = canonical(&root);
        Arc::new(agent)
    });
    CompiledAgent { agent, diagnostics: problems.finish(Some(&root)) }
}

fn read_agent(map: &MapReader<'_>, problems: &mut Problems) -> Option<AgentDefinition> {
    const KINDS: [(&str, Kind); 3] =
        [("command", Kind::Command), ("http", Kind::Http), ("builtin", Kind::Builtin)];
    reader::language_version(map, problems);
    map.required("name", problems);
    map.required("kind", problems);
    let kind = map.word("kind", &KINDS, &LATER_KINDS, problems);
    let name = map.name("name", problems);
    // Of an agent whose kind is not known nothing else can be said.
    let kind = kind?;
    let own = match kind {
        Kind::Command => kinds::COMMAND_KEYS,
        Kind::Http => kinds::HTTP_KEYS,
        Kind::Builtin => kinds::BUILTIN_KEYS,
    };
    map.only(&[&KEYS, own], &LATER, problems);
    let called = match kind {
        Kind::Command => kinds::command(map, problems).map(AgentKind::Command),
        Kind::Http => kinds::http(map, problems).map(AgentKind::Http),
        Kind::Builtin => kinds::builtin(map, problems).map(AgentKind::Builtin),
    };
    let default_effect = match kind {
        Kind::Builtin => EffectClass::Read,
        Kind::Command | Kind::Http => EffectClass::Write,
    };
    let definition = AgentDefinition {
        // The canonical document and its hash are filled in when everything is known to be right.
        hash: crate::ids::DefinitionHash::of(&[]),
        document: serde_json::Value::Null,
        version: map.text("version", 256, problems).map(|(text, _)| text.to_owned()),
        description: map.description(problems),
        capabilities: capabilities(map, problems),
        effect: map.word("effect", &EFFECTS, &[], problems).unwrap_or(default_effect),
        input_schema: map.schema("input_schema", problems),
        output_schema: map.schema("output_schema", problems),
        timeout: map.duration("timeout", Duration::from_millis(1), problems),
        heartbeat: map.duration("heartbeat", Duration::from_millis(1), problems),
        limits: limits(map, problems),
        retry: map.entry("retry").and_then(|entry| fields::retry(entry, problems)),
        cost: map.entry("cost").and_then(|entry| cost(entry, problems)),
        labels: map.labels(problems),
        name: name?,
        kind: called?,
    };
    Some(definition)
}

fn capabilities(map: &MapReader<'_>, problems: &mut Problems) -> Vec<Name> {
    let Some(entry) = map.entry("capabilities") else { return Vec::new() };
    let texts = reader::texts(entry, problems);
    if texts.len() > CAPABILITIES_MAX {
        problems.add(
            Code::BadValue,
            entry.key_span,
            format!("there are more than {CAPABILITIES_MAX} capabilities"),
        );
        return Vec::new();
    }
    texts.into_iter().filter_map(|(text, span)| reader::name(text, span, problems)).collect()
}

fn limits(map: &MapReader<'_>, problems: &mut Problems) -> Limits {
    let mut limits = Limits::default();
    let Some(entry) = map.entry("limits") else { return limits };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "`limits`", problems) else {
        return limits;
    };
    map.only(&[&["concurrency", "output_bytes"]], &["rate", "tokens_per_minute"], problems);
    limits.concurrency =
        map.whole("concurrency", 1..=100_000, problems).and_then(|limit| u32::try_from(limit).ok());
    limits.output_bytes_max = map.entry("output_bytes").and_then(|entry| bytes(entry, problems));
    limits
}

/// A size: a whole number of bytes or a text like `8MiB`, from 1 byte to 1 GiB.
pub(super) fn bytes(entry: &Entry, problems: &mut Problems) -> Option<u64> {
    let size = match &entry.value.content {
        Content::Number(number) => number.as_u64(),
        Content::Text(text) => units::bytes(text),
        Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) => None,
    };
    let size = size.filter(|size| (1..=1 << 30).contains(size));
    if size.is_none() {
        let span = reader::place_of(&entry.value, entry.key_span);
        let message = format!("`{}` is a size from 1 byte to 1 GiB", shorten(&entry.key));
        problems.push(Diagnostic::new(Code::BadValue, span, message).help("write it like `64KiB` or `8MiB`"));
    }
    size
}

fn cost(entry: &Entry, problems: &mut Problems) -> Option<Cost> {
    let map = MapReader::open(&entry.value, entry.key_span, "`cost`", problems)?;
    map.only(&[&["per_call", "currency"]], &[], problems);
    map.required("per_call", problems);
    map.required("currency", problems);
    let (per_call, per_call_span) = map.text("per_call", 64, problems)?;
    let (currency, currency_span) = map.text("currency", 64, problems)?;
    let (whole, fraction) = per_call.split_once('.').unwrap_or((per_call, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        problems.add(
            Code::BadValue,
            per_call_span,
            "`per_call` is a decimal number in quotes, like `\"0.001\"`",
        );
        return None;
    }
    if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_uppercase()) {
        problems.add(Code::BadValue, currency_span, "`currency` has three capital letters, like `USD`");
        return None;
    }
    Some(Cost { per_call: per_call.to_owned(), currency: currency.to_owned() })
}

/// Reads `sandbox`, of which only `level: none` exists so far.
pub(super) fn sandbox(map: &MapReader<'_>, problems: &mut Problems) {
    let Some(entry) = map.entry("sandbox") else { return };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, "`sandbox`", problems) else { return };
    map.only(&[&["level"]], &["read", "write", "connect"], problems);
    if let Some((level, span)) = map.text("level", 64, problems) {
        match level {
            "none" => {}
            "partial" | "full" => not_supported_yet(&format!("the sandbox level `{level}`"), span, problems),
            _ => problems.add(Code::BadValue, span, format!("`level` cannot be `{}`", shorten(level))),
        }
    }
}
