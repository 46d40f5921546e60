//! A document as a tree in which every value and every key knows its place in the text.
//!
//! YAML, JSON and TOML give the same tree. Reading is bounded before anything recurses: size of the text, depth, number of
//! values, and what aliases repeat. Keys keep their order; duplicate keys are reported and the first one stays.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::reader::DIAGNOSTICS_MAX;
use super::{encoding, json, spelling, toml, yaml};
use crate::diagnostic::{Code, Diagnostic, Span};

/// The longest text in bytes.
pub const TEXT_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The deepest nesting of mappings and lists.
pub const DEPTH_MAX: usize = 64;
/// The most values, those that aliases repeat included.
pub const VALUES_MAX: usize = 2_000_000;
/// The most values that aliases may repeat.
pub const ALIASED_VALUES_MAX: usize = 100_000;
/// The most bytes of texts that aliases may repeat.
pub const ALIASED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// YAML 1.2.
    Yaml,
    /// JSON.
    Json,
    /// TOML; for agent definitions only.
    Toml,
}

impl Format {
    /// The format that a file's name speaks of.
    #[must_use]
    pub fn of_file(name: &str) -> Option<Self> {
        match name.rsplit_once('.')?.1 {
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "toml" => Some(Self::Toml),
            _ => None,
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// What it is.
    pub content: Content,
    /// Where it stands.
    pub span: Span,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A number as JSON has it.
    Number(Number),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Item>),
    /// A mapping, in the order of the text, without duplicate keys.
    Map(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub key_span: Span,
    /// The value.
    pub value: Item,
}

impl Content {
    /// The type, as messages call it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

impl Item {
    /// The value alone, with sorted keys.
    #[must_use]
    pub fn to_value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(flag) => Value::Bool(*flag),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => Value::Array(items.iter().map(Self::to_value).collect()),
            Content::Map(entries) => {
                // Sorted here, because a map of serde_json keeps the order of insertion when any crate of the build asks for it.
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
                let pairs = sorted.into_iter().map(|entry| (entry.key.clone(), entry.value.to_value()));
                Value::Object(pairs.collect::<Map<_, _>>())
            }
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of a mapping.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.content {
            Content::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The place of the value behind a JSON pointer, or of the deepest one on the way to it; that of its key where it has no
    /// extent.
    #[must_use]
    pub fn place_nearest(&self, pointer: &str) -> Span {
        let (mut here, mut place) = (self, self.span);
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &here.content {
                Content::Map(entries) => entries
                    .iter()
                    .find(|entry| entry.key == segment)
                    .map(|entry| (&entry.value, super::reader::place_of(&entry.value, entry.key_span))),
                Content::List(items) => {
                    segment.parse::<usize>().ok().and_then(|at| items.get(at)).map(|item| (item, item.span))
                }
                Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => None,
            };
            match next {
                Some((item, span)) => (here, place) = (item, span),
                None => return place,
            }
        }
        place
    }

    /// The value behind a JSON pointer, or the deepest one on the way to it.
    #[must_use]
    pub fn nearest(&self, pointer: &str) -> &Self {
        let mut here = self;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &here.content {
                Content::Map(entries) => entries.iter().find(|e| e.key == segment).map(|e| &e.value),
                Content::List(items) => segment.parse::<usize>().ok().and_then(|at| items.get(at)),
                _ => None,
            };
            match next {
                Some(item) => here = item,
                None => return here,
            }
        }
        here
    }
}

/// Reads `text`. `None` when there is no usable tree; the diagnostics say why.
#[must_use]
pub fn parse(text: &str, format: Format) -> (Option<Item>, Vec<Diagnostic>) {
    if text.len() > TEXT_BYTES_MAX {
        return (None, vec![encoding::too_large(text.len())]);
    }
    let text = encoding::without_mark(text);
    if let Some(zero) = encoding::check_zero(text) {
        return (None, vec![zero]);
    }
    let mut problems = Vec::new();
    let tree = match format {
        Format::Yaml => yaml::parse(text, &mut problems),
        Format::Json => json::parse(text, &mut problems),
        Format::Toml => toml::parse(text, &mut problems),
    };
    match tree {
        Ok(item) => {
            spelling::check(&item, &mut problems);
            (Some(item), problems)
        }
        Err(fatal) => {
            problems.push(*fatal);
            (None, problems)
        }
    }
}

/// The entries of a mapping while it is read.
#[derive(Default)]
pub(super) struct Entries {
    list: Vec<Entry>,
    /// Places of the keys; empty while the mapping is small, where looking through the list is quicker.
    places: HashMap<String, usize>,
}

impl Entries {
    /// From so many entries on keys are hashed.
    const SMALL_MAX: usize = 24;

    /// Adds an entry, or reports it when its key is already there.
    pub fn add(&mut self, entry: Entry, problems: &mut Vec<Diagnostic>) {
        if let Some(first) = self.find(&entry.key) {
            // One more than are shown, so that it is said that there are others.
            if problems.len() > DIAGNOSTICS_MAX {
                return;
            }
            let message = format!("the key `{}` stands here for the second time", shorten(&entry.key));
            let help = format!("the first one is in line {}", first.key_span.line);
            problems.push(Diagnostic::new(Code::DuplicateKey, entry.key_span, message).help(help));
            return;
        }
        if self.list.len() == Self::SMALL_MAX {
            self.places =
                self.list.iter().enumerate().map(|(place, entry)| (entry.key.clone(), place)).collect();
        }
        if self.list.len() >= Self::SMALL_MAX {
            self.places.insert(entry.key.clone(), self.list.len());
        }
        self.list.push(entry);
    }

    fn find(&self, key: &str) -> Option<&Entry> {
        if self.list.len() <= Self::SMALL_MAX {
            self.list.iter().find(|entry| entry.key == key)
        } else {
            self.places.get(key).map(|place| &self.list[*place])
        }
    }

    /// The entries, in the order of the text.
    pub fn finish(self) -> Vec<Entry> {
        self.list
    }
}

/// Fills in the JSON pointers of `diagnostics` from their places in the tree, in one walk.
pub fn attach_paths(root: &Item, diagnostics: &mut [Diagnostic]) {
    let mut wanted: HashMap<Span, Vec<usize>> = HashMap::new();
    for (index, diagnostic) in diagnostics.iter().enumerate() {
        if diagnostic.path.is_empty() && diagnostic.line > 0 {
            wanted.entry(diagnostic.span()).or_default().push(index);
        }
    }
    if !wanted.is_empty() {
        walk(root, &mut String::new(), &mut wanted, diagnostics);
    }
}

fn walk(
    item: &Item,
    path: &mut String,
    wanted: &mut HashMap<Span, Vec<usize>>,
    diagnostics: &mut [Diagnostic],
) {
    settle(item.span, path, wanted, diagnostics);
    let length = path.len();
    match &item.content {
        Content::Map(entries) => {
            for entry in entries {
                path.push('/');
                path.push_str(&entry.key.replace('~', "~0").replace('/', "~1"));
                settle(entry.key_span, path, wanted, diagnostics);
                walk(&entry.value, path, wanted, diagnostics);
                path.truncate(length);
            }
        }
        Content::List(items) => {
            for (index, item) in items.iter().enumerate() {
                path.push('/');
                path.push_str(&index.to_string());
                walk(item, path, wanted, diagnostics);
                path.truncate(length);
            }
        }
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => {}
    }
}

fn settle(span: Span, path: &str, wanted: &mut HashMap<Span, Vec<usize>>, diagnostics: &mut [Diagnostic]) {
    for index in wanted.remove(&span).unwrap_or_default() {
        path.clone_into(&mut diagnostics[index].path);
    }
}

/// A text as messages quote it: at most 80 characters.
#[must_use]
pub fn shorten(text: &str) -> String {
    if text.chars().nth(80).is_none() {
        return text.to_owned();
    }
    text.chars().take(79).chain(['…']).collect()
}
