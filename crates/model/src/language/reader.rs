//! A strict reader over the tree of a document: typed access to keys, and everything that does not fit becomes a diagnostic.
//!
//! No key is ever accepted and ignored. A key is read, or it is refused: as unknown, with the nearest known one, or as not
//! supported yet. Reading goes on after a mistake, so that one answer holds them all.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Number;

use super::document::{Content, Entry, Item, shorten};
use super::schema::{Schema, SchemaBudget};
use super::{hints, spelling, units};
use crate::diagnostic::{Code, Diagnostic, Severity, Span, in_order};
use crate::ids::Name;
use crate::priority::{NoPriority, Priority};
use crate::selection::LABELS_RESERVED;

/// The most diagnostics that one document gets; then one more says that there are others.
pub const DIAGNOSTICS_MAX: usize = 200;
/// The most bytes that all conditions of one document have.
pub const CONDITIONS_BYTES_MAX: usize = 1024 * 1024;

/// Collects diagnostics, within the bound.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Diagnostic>,
    dropped: usize,
    errors: usize,
    /// What the schemas of the document may still take.
    schemas: SchemaBudget,
    /// What its conditions have taken, in bytes.
    condition_bytes: usize,
}

impl Problems {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if diagnostic.severity == Severity::Error {
            self.errors += 1;
        }
        if self.list.len() < DIAGNOSTICS_MAX {
            self.list.push(diagnostic);
            return;
        }
        self.dropped += 1;
        // An error is worth more than a warning: it takes the place of one.
        if diagnostic.severity == Severity::Error
            && let Some(warning) = self.list.iter_mut().rfind(|kept| kept.severity != Severity::Error)
        {
            *warning = diagnostic;
        }
    }

    /// Counts a condition of so many bytes, and refuses it when all conditions of the document have more than
    /// [`CONDITIONS_BYTES_MAX`] together: reading them takes far longer than reading anything else.
    pub fn count_condition(&mut self, bytes: usize, span: Span) -> bool {
        let before = self.condition_bytes;
        self.condition_bytes = before.saturating_add(bytes);
        let fits = self.condition_bytes <= CONDITIONS_BYTES_MAX;
        if !fits && before <= CONDITIONS_BYTES_MAX {
            let message = format!(
                "the conditions of the document have more than {CONDITIONS_BYTES_MAX} bytes together"
            );
            self.add(Code::ConditionTooComplex, span, message);
        }
        fits
    }

    /// Adds one without advice.
    pub fn add(&mut self, code: Code, span: Span, message: impl Into<String>) {
        self.push(Diagnostic::new(code, span, message));
    }

    /// How many errors there were, those not kept included.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// All of them in the order of the text, with JSON pointers into `root`.
    #[must_use]
    pub fn finish(mut self, root: Option<&Item>) -> Vec<Diagnostic> {
        if self.dropped > 0 {
            let message = format!("{} more problems are not shown", self.dropped);
            let mut more = Diagnostic::new(Code::TooManyProblems, Span::default(), message);
            if self.errors == 0 {
                more.severity = Severity::Warning;
            }
            self.list.push(more);
        }
        if let Some(root) = root {
            super::document::attach_paths(root, &mut self.list);
        }
        in_order(&mut self.list);
        self.list
    }
}

/// A mapping that is being read.
#[derive(Debug, Clone, Copy)]
pub struct MapReader<'d> {
    entries: &'d [Entry],
    /// Where to point when a key is missing.
    pub span: Span,
    /// What it is, as messages call it: "a workflow", "the node".
    what: &'static str,
    /// Its own name, if it has one.
    name: Option<&'d str>,
}

impl<'d> MapReader<'d> {
    /// A reader of `item`, which must be a mapping. `span` is where to point when a key is missing.
    pub fn open(item: &'d Item, span: Span, what: &'static str, problems: &mut Problems) -> Option<Self> {
        match &item.content {
            Content::Map(entries) => Some(Self { entries, span, what, name: None }),
            other => {
                let message = format!("{what} is a mapping, not {}", other.type_name());
                let problem = Diagnostic::new(Code::WrongType, place_of(item, span), message);
                let key = if what == "an edge" { "edges" } else { what.trim_matches('`') };
                problems.push(match hints::example(key) {
                    Some(example) => problem.help(format!("write it like {example}")),
                    None => problem,
                });
                None
            }
        }
    }

    /// The same, pointing elsewhere when a key is missing.
    #[must_use]
    pub fn pointing_at(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The same, which messages call by its name.
    #[must_use]
    pub fn named(self, what: &'static str, name: &'d str) -> Self {
        Self { what, name: Some(name), ..self }
    }

    fn what(&self) -> String {
        match self.name {
            Some(name) => format!("{} `{}`", self.what, shorten(name)),
            None => self.what.to_owned(),
        }
    }

    /// All entries, in the order of the text.
    #[must_use]
    pub fn entries(&self) -> &'d [Entry] {
        self.entries
    }

    /// The entry of that key. A key whose value is null counts as absent only where the caller says so.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&'d Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The place of a key's value.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<Span> {
        self.entry(key).map(|entry| place_of(&entry.value, entry.key_span))
    }

    /// Refuses every key that is neither in `known` nor, as a word of later versions, in `later`.
    pub fn only(&self, known: &[&[&str]], later: &[&str], problems: &mut Problems) {
        for entry in self.entries {
            let key = entry.key.as_str();
            if known.iter().any(|group| group.contains(&key)) {
                continue;
            }
            if later.contains(&key) {
                not_supported_yet(&format!("the key `{key}`"), entry.key_span, problems);
                continue;
            }
            let message = format!("{} has no key `{}`", self.what(), shorten(key));
            let candidates = known.iter().flat_map(|group| group.iter().copied());
            let help = hints::key(key, candidates.clone())
                .unwrap_or_else(|| format!("it has {}", quoted(candidates)));
            problems.push(Diagnostic::new(Code::UnknownKey, entry.key_span, message).help(help));
        }
    }

    /// The entry of a key that must be there.
    pub fn required(&self, key: &str, problems: &mut Problems) -> Option<&'d Entry> {
        let entry = self.entry(key);
        if entry.is_none() {
            let message = format!("{} needs the key `{key}`", self.what());
            let problem = Diagnostic::new(Code::MissingKey, self.span, message);
            let glued = self.entries.iter().find(|entry| entry.key.starts_with(&format!("{key}:")));
            problems.push(match (glued, hints::example(key)) {
                (Some(_), _) => problem.help(format!("a space stands behind the colon: `{key}: …`")),
                (None, Some(example)) => problem.help(format!("write it like {example}")),
                (None, None) => problem,
            });
        }
        entry
    }

    /// A text.
    pub fn text(&self, key: &str, bytes_max: usize, problems: &mut Problems) -> Option<(&'d str, Span)> {
        self.entry(key).and_then(|entry| text(entry, bytes_max, problems))
    }

    /// A text for people; empty when absent.
    pub fn description(&self, problems: &mut Problems) -> String {
        self.text("description", 16 * 1024, problems).map_or_else(String::new, |(text, _)| text.to_owned())
    }

    /// A duration of at least `min`.
    pub fn duration(&self, key: &str, min: Duration, problems: &mut Problems) -> Option<Duration> {
        if let Some(entry) = self.entry(key).filter(|entry| entry.value.as_text().is_none()) {
            let value = &entry.value.content;
            let message = format!("`{key}` is a duration, not {}", value.type_name());
            let help = match value {
                Content::Number(number) if number.as_u64().is_some_and(|number| number > 0) => {
                    format!("write it with its unit: `{number}s`, `{number}m`")
                }
                _ => "write a duration with its unit: `30s`, `15m`, `1h30m`".to_owned(),
            };
            let place = place_of(&entry.value, entry.key_span);
            problems.push(Diagnostic::new(Code::WrongType, place, message).help(help));
            return None;
        }
        let (text, span) = self.text(key, 256, problems)?;
        match units::duration(text) {
            Some(duration) if duration >= min => Some(duration),
            Some(_) => {
                problems.add(
                    Code::BadValue,
                    span,
                    format!("`{key}` must be longer than `{}`", shorten(text)),
                );
                None
            }
            None => {
                let message = format!("`{}` is not a duration", shorten(text));
                let help = "write it like `500ms`, `15m`, `1h30m`, or as ISO 8601: `PT15M`";
                problems.push(Diagnostic::new(Code::BadDuration, span, message).help(help));
                None
            }
        }
    }

    /// A whole number within `range`.
    pub fn whole(
        &self,
        key: &str,
        range: std::ops::RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<u64> {
        let entry = self.entry(key)?;
        let Content::Number(number) = &entry.value.content else {
            wrong_type(entry, "a whole number", problems);
            return None;
        };
        let whole = number.as_u64().filter(|whole| range.contains(whole));
        if whole.is_none() {
            let (low, high) = (range.start(), range.end());
            let message = format!("`{key}` is a whole number from {low} to {high}, not {}", shown(number));
            problems.add(Code::BadValue, place_of(&entry.value, entry.key_span), message);
        }
        whole
    }

    /// How urgent runs are; ordinary when nothing is said.
    pub fn priority(&self, problems: &mut Problems) -> Priority {
        let Some(entry) = self.entry("priority") else { return Priority::default() };
        let Content::Number(number) = &entry.value.content else {
            wrong_type(entry, "a whole number", problems);
            return Priority::default();
        };
        let priority = number.as_i64().and_then(|number| Priority::try_from(number).ok());
        priority.unwrap_or_else(|| {
            let message = format!("{NoPriority}, not {}", shown(number));
            problems.add(Code::BadValue, place_of(&entry.value, entry.key_span), message);
            Priority::default()
        })
    }

    /// One of a few words.
    pub fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&str, T)],
        later: &[&str],
        problems: &mut Problems,
    ) -> Option<T> {
        let (text, span) = self.text(key, 4096, problems)?;
        word(text, span, &format!("`{key}`"), words, later, problems)
    }

    /// A name of a workflow or an agent.
    pub fn name(&self, key: &str, problems: &mut Problems) -> Option<Name> {
        let (text, span) = self.text(key, 4096, problems)?;
        name(text, span, problems)
    }

    /// A JSON Schema.
    pub fn schema(&self, key: &str, problems: &mut Problems) -> Option<Schema> {
        let entry = self.entry(key)?;
        let document = entry.value.to_value();
        if let Err(reason) = problems.schemas.take(&document) {
            let message = format!("the JSON Schema in `{key}` is too much: {reason}");
            problems.add(Code::SchemaTooComplex, place_of(&entry.value, entry.key_span), message);
            return None;
        }
        match Schema::compile(&document) {
            Ok(schema) => Some(schema),
            Err(error) => {
                let place = place_of(entry.value.nearest(&error.path), entry.key_span);
                let message = format!("the JSON Schema in `{key}` does not compile: {}", error.message);
                problems.add(Code::BadSchema, place, message);
                None
            }
        }
    }

    /// Labels: at most 64, texts of at most 256 bytes.
    pub fn labels(&self, problems: &mut Problems) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::new();
        let Some(entry) = self.entry("labels") else { return labels };
        let Some(map) = MapReader::open(&entry.value, entry.key_span, "`labels`", problems) else {
            return labels;
        };
        if map.entries.len() > 64 {
            problems.add(Code::BadValue, entry.key_span, "there are more than 64 labels");
            return labels;
        }
        for entry in map.entries {
            if entry.key.is_empty() || entry.key.len() > 63 {
                problems.add(Code::StringTooLong, entry.key_span, "the name of a label has 1 to 63 bytes");
            } else if entry.key.starts_with(LABELS_RESERVED) {
                let message = format!("the label `{}` is one that only Ghostlight sets", shorten(&entry.key));
                let help =
                    format!("labels that begin with `{LABELS_RESERVED}` are its own: give it another name");
                problems.push(Diagnostic::new(Code::ReservedLabel, entry.key_span, message).help(help));
            } else if let Some((text, _)) = text(entry, 256, problems) {
                labels.insert(entry.key.clone(), text.to_owned());
            }
        }
        labels
    }
}

/// The text of an entry.
pub fn text<'d>(entry: &'d Entry, bytes_max: usize, problems: &mut Problems) -> Option<(&'d str, Span)> {
    let Content::Text(text) = &entry.value.content else {
        let help = match &entry.value.content {
            Content::Null => None,
            Content::Number(_)
                if matches!(entry.key.as_str(), "timeout" | "estimate" | "period" | "initial" | "max") =>
            {
                Some("a duration has a unit: `30s`, `15m`, `1h30m`")
            }
            Content::Bool(_) | Content::Number(_) => Some("put it in quotes"),
            Content::List(_) | Content::Map(_) | Content::Text(_) => {
                Some("quote it if it is meant as a text with brackets or braces")
            }
        };
        let message = format!("`{}` is a text, not {}", shorten(&entry.key), entry.value.content.type_name());
        let diagnostic = Diagnostic::new(Code::WrongType, place_of(&entry.value, entry.key_span), message);
        problems.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        return None;
    };
    if text.len() > bytes_max {
        let message =
            format!("`{}` has {} bytes; at most {bytes_max} are allowed", shorten(&entry.key), text.len());
        problems.add(Code::StringTooLong, entry.value.span, message);
        return None;
    }
    Some((text, place_of(&entry.value, entry.key_span)))
}

/// The texts of a list.
pub fn texts<'d>(entry: &'d Entry, problems: &mut Problems) -> Vec<(&'d str, Span)> {
    let Content::List(items) = &entry.value.content else {
        match (&entry.value.content, entry.key.as_str()) {
            // The way of an edge has the same word, and takes one.
            (Content::Text(text), "to") => {
                let message = "`to` of a case is a list, not a text";
                problems.push(
                    Diagnostic::new(Code::WrongType, place_of(&entry.value, entry.key_span), message)
                        .help(format!("write `to: [{}]`", shorten(text))),
                );
            }
            _ => wrong_type(entry, "a list", problems),
        }
        return Vec::new();
    };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match &item.content {
            Content::Text(text) => texts.push((text.as_str(), item.span)),
            other => {
                let message =
                    format!("`{}` is a list of texts, and this is {}", entry.key, other.type_name());
                problems.add(Code::WrongType, place_of(item, entry.key_span), message);
            }
        }
    }
    texts
}

/// One of a few words; `what` is what the message calls it.
pub fn word<T: Copy>(
    text: &str,
    span: Span,
    what: &str,
    words: &[(&str, T)],
    later: &[&str],
    problems: &mut Problems,
) -> Option<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    if later.contains(&text) {
        not_supported_yet(&format!("`{text}` for {what}"), span, problems);
        return None;
    }
    let candidates = words.iter().map(|(word, _)| *word);
    let message = format!("{what} cannot be `{}`", shorten(text));
    let help = match hints::meant(text, candidates.clone()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it is one of {}", quoted(candidates)),
    };
    problems.push(Diagnostic::new(Code::BadValue, span, message).help(help));
    None
}

/// A name of a workflow or an agent.
pub fn name(text: &str, span: Span, problems: &mut Problems) -> Option<Name> {
    match Name::new(text) {
        Ok(name) => Some(name),
        Err(_) => {
            if let Some(unseen) = spelling::unseen_in_name(text, span) {
                problems.push(unseen);
                return None;
            }
            let message = format!("`{}` is not a name", shorten(text));
            let help =
                "a name begins with a lowercase letter and has at most 63 lowercase letters, digits and `-`";
            let file = [".yaml", ".yml", ".json", ".toml"].into_iter().find_map(|end| text.strip_suffix(end));
            let help = match hints::name_like(file.unwrap_or(text), '-').or(file.map(str::to_owned)) {
                Some(name) => format!("write `{name}`: {help}"),
                None => help.to_owned(),
            };
            problems.push(Diagnostic::new(Code::BadName, span, message).help(help));
            None
        }
    }
}

/// Says that a value has the wrong type.
pub fn wrong_type(entry: &Entry, wanted: &str, problems: &mut Problems) {
    let message = format!("`{}` is {wanted}, not {}", shorten(&entry.key), entry.value.content.type_name());
    let problem = Diagnostic::new(Code::WrongType, place_of(&entry.value, entry.key_span), message);
    problems.push(match hints::example(&entry.key) {
        Some(example) => problem.help(format!("write it like {example}")),
        None => problem,
    });
}

/// Says that a word belongs to the language and to a later version of Ghostlight.
pub fn not_supported_yet(what: &str, span: Span, problems: &mut Problems) {
    let message = format!("{what} is not supported yet");
    let help = "it is part of the language and comes with a later version of Ghostlight";
    problems.push(Diagnostic::new(Code::NotSupportedYet, span, message).help(help));
}

/// Reads `ghostlight: 1`, which may be absent with a warning.
pub fn language_version(map: &MapReader<'_>, problems: &mut Problems) {
    let Some(entry) = map.entry("ghostlight") else {
        let message =
            "the document does not say in which version of the language it is written; it is read as 1";
        let problem = Diagnostic::new(Code::NoLanguageVersion, map.span, message);
        problems.push(problem.help("begin it with `ghostlight: 1`"));
        return;
    };
    let place = place_of(&entry.value, entry.key_span);
    match &entry.value.content {
        Content::Number(number) if number.as_u64() == Some(1) => {}
        Content::Number(number) if number.as_u64().is_some_and(|version| version > 1) => {
            let message =
                format!("this is version {number} of the language, and this Ghostlight reads version 1");
            problems.push(
                Diagnostic::new(Code::NewerLanguage, place, message)
                    .help("use a newer version of Ghostlight"),
            );
        }
        Content::Number(_)
        | Content::Null
        | Content::Bool(_)
        | Content::Text(_)
        | Content::List(_)
        | Content::Map(_) => {
            problems.add(Code::BadValue, place, "the version of the language is the number 1");
        }
    }
}

/// The place of a value; that of its key when the value has no extent (a null that is not written).
#[must_use]
pub fn place_of(item: &Item, key_span: Span) -> Span {
    let span = item.span;
    let empty = (span.line, span.column) == (span.end_line, span.end_column);
    if empty { key_span } else { span }
}

/// The candidate that is most like `word`, if any is like it at all.
#[must_use]
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > 100 {
        return None;
    }
    let mut best = None;
    for candidate in candidates {
        let similarity = strsim::jaro_winkler(word, candidate);
        let close = similarity > 0.8 || strsim::damerau_levenshtein(word, candidate) <= 1 + word.len() / 5;
        if close && best.is_none_or(|(other, _)| similarity > other) {
            best = Some((similarity, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Looks for similar words within a bound: in a document that is wrong everywhere, each look goes through all of its ids.
#[derive(Debug)]
pub struct Suggestions {
    comparisons_left: Cell<usize>,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { comparisons_left: Cell::new(100_000) }
    }
}

impl Suggestions {
    /// As [`nearest`], or `None` when too many words have been compared already.
    pub fn nearest<'a>(&self, word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        let left = self.comparisons_left.get();
        let mut compared = 0;
        let found = nearest(word, candidates.into_iter().take(left).inspect(|_| compared += 1));
        self.comparisons_left.set(left - compared);
        found
    }
}

/// Words in backquotes, at most twenty of them.
#[must_use]
pub fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words: Vec<String> = words.into_iter().take(21).map(|word| format!("`{word}`")).collect();
    if words.len() > 20 {
        words[20] = "…".to_owned();
    }
    words.join(", ")
}

fn shown(number: &Number) -> String {
    shorten(&number.to_string())
}
