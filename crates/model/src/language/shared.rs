//! What the nodes of a file share: named timeouts, retries and resources, and what holds for calls that do not say it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::{Content, Entry, shorten};
use super::draft::{self, DraftOnError};
use super::fields;
use super::reader::{self, MapReader, Problems, nearest, place_of, quoted};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::ids::NodeId;
use crate::retry::RetryPolicy;

/// The most that one run may hold of a resource.
const RESOURCE_MAX: u64 = 1_000;
/// The most names of one kind.
const NAMES_MAX: usize = 100;

/// What stands at the top and is meant for the nodes.
#[derive(Default)]
pub(super) struct Shared {
    timeouts: BTreeMap<String, Duration>,
    retries: BTreeMap<String, RetryPolicy>,
    /// How many steps of one run may hold each.
    pub limits: BTreeMap<NodeId, u32>,
    pub defaults: Defaults,
}

/// What holds for calls that do not say it.
#[derive(Default)]
pub(super) struct Defaults {
    pub timeout: Option<Duration>,
    pub retry: Option<RetryPolicy>,
    pub estimate: Option<Duration>,
    pub on_error: Option<DraftOnError<'static>>,
}

/// Reads `timeouts`, `retries`, `resources` and `defaults`.
pub(super) fn read(top: &MapReader<'_>, problems: &mut Problems) -> Shared {
    let mut shared = Shared::default();
    for (entry, map) in named(top, "timeouts", problems) {
        let timeout = map.duration(&entry.key, Duration::from_millis(1), problems);
        shared.timeouts.extend(timeout.map(|timeout| (entry.key.clone(), timeout)));
    }
    for (entry, _) in named(top, "retries", problems) {
        let retry = fields::retry(entry, problems);
        shared.retries.extend(retry.map(|retry| (entry.key.clone(), retry)));
    }
    for (entry, map) in named(top, "resources", problems) {
        let limit = map.whole(&entry.key, 1..=RESOURCE_MAX, problems);
        let limit = limit.and_then(|limit| u32::try_from(limit).ok());
        shared.limits.extend(NodeId::new(&entry.key).ok().zip(limit));
    }
    if let Some(entry) = top.entry("defaults")
        && let Some(map) = MapReader::open(&entry.value, entry.key_span, "`defaults`", problems)
    {
        map.only(&[&["timeout", "retry", "estimate", "on_error"]], &[], problems);
        shared.defaults = Defaults {
            timeout: shared.timeout(&map, problems),
            retry: shared.retry(&map, problems),
            estimate: map.duration("estimate", Duration::ZERO, problems),
            on_error: map.entry("on_error").and_then(|entry| default_on_error(entry, problems)),
        };
    }
    shared
}

fn default_on_error(entry: &Entry, problems: &mut Problems) -> Option<DraftOnError<'static>> {
    Some(match draft::on_error(entry, problems) {
        DraftOnError::Fail => DraftOnError::Fail,
        DraftOnError::Continue => DraftOnError::Continue,
        DraftOnError::Pause => DraftOnError::Pause,
        DraftOnError::Default(value) => DraftOnError::Default(value),
        DraftOnError::Goto((_, span)) => {
            let message = "`goto` cannot be the default: it is the way of one node";
            problems.push(Diagnostic::new(Code::BadValue, span, message).help("write it at the node"));
            return None;
        }
    })
}

/// The entries of a mapping of names, those with bad names told and left out.
fn named<'d>(
    top: &MapReader<'d>,
    key: &'static str,
    problems: &mut Problems,
) -> Vec<(&'d Entry, MapReader<'d>)> {
    let Some(entry) = top.entry(key) else { return Vec::new() };
    let what = match key {
        "timeouts" => "`timeouts`",
        "retries" => "`retries`",
        _ => "`resources`",
    };
    let Some(map) = MapReader::open(&entry.value, entry.key_span, what, problems) else {
        return Vec::new();
    };
    if map.entries().len() > NAMES_MAX {
        let message = format!("`{key}` has {} names; at most {NAMES_MAX} are allowed", map.entries().len());
        problems.add(Code::BadValue, entry.key_span, message);
        return Vec::new();
    }
    let mut good = Vec::new();
    for entry in map.entries() {
        if NodeId::new(&entry.key).is_ok() {
            good.push((entry, map));
            continue;
        }
        let message = format!("`{}` cannot be a name here", shorten(&entry.key));
        let help = "it is made like the id of a node: lowercase letters, digits and `_`";
        problems.push(Diagnostic::new(Code::BadName, entry.key_span, message).help(help));
    }
    good
}

impl Shared {
    /// The `timeout` of a node: a duration, or the name of one.
    pub fn timeout(&self, map: &MapReader<'_>, problems: &mut Problems) -> Option<Duration> {
        match name_in(map, "timeout") {
            Some((name, span)) => found(&self.timeouts, "timeouts", name, span, problems).copied(),
            None => map.duration("timeout", Duration::from_millis(1), problems),
        }
    }

    /// The `retry` of a node: a policy, or the name of one.
    pub fn retry(&self, map: &MapReader<'_>, problems: &mut Problems) -> Option<RetryPolicy> {
        match name_in(map, "retry") {
            Some((name, span)) => found(&self.retries, "retries", name, span, problems).cloned(),
            None => map.entry("retry").and_then(|entry| fields::retry(entry, problems)),
        }
    }

    /// What a node holds while an attempt of it is made.
    pub fn resources(&self, map: &MapReader<'_>, problems: &mut Problems) -> Vec<NodeId> {
        let Some(entry) = map.entry("resources") else { return Vec::new() };
        let limits: BTreeMap<String, NodeId> =
            self.limits.keys().map(|name| (name.to_string(), name.clone())).collect();
        let mut held: Vec<NodeId> = Vec::new();
        for (name, span) in reader::texts(entry, problems) {
            held.extend(found(&limits, "resources", name, span, problems).cloned());
        }
        held.sort_unstable();
        held.dedup();
        held
    }
}

/// The text at this key, if it looks like a name.
fn name_in<'d>(map: &MapReader<'d>, key: &str) -> Option<(&'d str, Span)> {
    let entry = map.entry(key)?;
    match &entry.value.content {
        Content::Text(text) if NodeId::new(text).is_ok() => {
            Some((text, place_of(&entry.value, entry.key_span)))
        }
        _ => None,
    }
}

fn found<'s, T>(
    known: &'s BTreeMap<String, T>,
    key: &str,
    name: &str,
    span: Span,
    problems: &mut Problems,
) -> Option<&'s T> {
    let found = known.get(name);
    if found.is_none() {
        let message = format!("`{key}` has no `{}`", shorten(name));
        let diagnostic = Diagnostic::new(Code::UnknownName, span, message);
        let names = known.keys().map(String::as_str);
        problems.push(match nearest(name, names.clone()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => {
                diagnostic.help(format!("declare it at the top: `{key}: {{{name}: ...}}`"))
            }
            None => diagnostic.help(format!("it has {}", quoted(names))),
        });
    }
    found
}
