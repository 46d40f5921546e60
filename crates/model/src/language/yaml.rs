//! YAML into the tree of a document, event by event, without recursion.
//!
//! The core schema of YAML 1.2 holds: `yes` and `on` are texts, `0o17` is a number. Tags have no meaning here and are
//! refused; aliases are replaced by what they name, within bounds; keys are scalars and are read as texts.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Number;
use serde_saphyr::granit_parser::{self, ErrorKind, Event, Marker, Options, Parser, ScalarStyle};

use super::document::{
    ALIASED_BYTES_MAX, ALIASED_VALUES_MAX, Content, DEPTH_MAX, Entries, Entry, Item, VALUES_MAX, shorten,
};
use super::hints;
use crate::diagnostic::{Code, Diagnostic, Span};

/// A collection that is being read.
struct Open {
    content: OpenContent,
    start: Marker,
    anchor: usize,
    /// Values in it so far, itself included.
    values: usize,
}

/// What has an anchor.
#[derive(Clone)]
struct Anchored {
    item: Item,
    /// Its number of values.
    values: usize,
    /// The bytes of its texts and keys.
    bytes: usize,
}

enum OpenContent {
    List(Vec<Item>),
    Map { entries: Entries, key: Option<(String, Span)> },
}

/// Reads one document.
pub(super) fn parse(text: &str, problems: &mut Vec<Diagnostic>) -> Result<Item, Box<Diagnostic>> {
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.disallow_directives = true;
    options.flow_nesting_limit = DEPTH_MAX + 2;
    options.block_nesting_limit = DEPTH_MAX + 2;
    let mut builder = Builder::new(problems);
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Box::new(scan_problem(&error)))?;
        builder.take(event, span)?;
    }
    match builder.root {
        Some(item) => Ok(item),
        None => Ok(Item { content: Content::Null, span: Span::default() }),
    }
}

struct Builder<'p> {
    open: Vec<Open>,
    root: Option<Item>,
    /// Copies of what has an anchor.
    anchors: HashMap<usize, Anchored>,
    documents: usize,
    values: usize,
    aliased: usize,
    aliased_bytes: usize,
    problems: &'p mut Vec<Diagnostic>,
}

impl<'p> Builder<'p> {
    fn new(problems: &'p mut Vec<Diagnostic>) -> Self {
        Self {
            open: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            documents: 0,
            values: 0,
            aliased: 0,
            aliased_bytes: 0,
            problems,
        }
    }

    fn take(&mut self, event: Event<'_>, span: granit_parser::Span) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(unsupported(
                        place(span),
                        "a file holds one document, and here begins a second one",
                    ));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let span = place(span);
                if self.wants_key() {
                    if anchor != 0 {
                        let item = Item { content: Content::Text(text.to_string()), span };
                        self.remember(anchor, &item, 1)?;
                    }
                    self.set_key(text.into_owned(), span);
                } else {
                    let item = Item { content: scalar(text, style, span)?, span };
                    self.remember(anchor, &item, 1)?;
                    self.add(item, 1)?;
                }
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.begin(OpenContent::List(Vec::new()), span, anchor)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let content = OpenContent::Map { entries: Entries::default(), key: None };
                self.begin(content, span, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
            Event::Alias(anchor) => self.alias(anchor, place(span))?,
            _ => {}
        }
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { content: OpenContent::Map { key: None, .. }, .. }))
    }

    fn set_key(&mut self, text: String, span: Span) {
        if let Some(Open { content: OpenContent::Map { key, .. }, .. }) = self.open.last_mut() {
            *key = Some((text, span));
        }
    }

    fn begin(
        &mut self,
        content: OpenContent,
        span: granit_parser::Span,
        anchor: usize,
    ) -> Result<(), Box<Diagnostic>> {
        if self.wants_key() {
            let problem = unsupported(place(span), "a key must be a word, not a list or a mapping");
            return Err(Box::new(problem.help("a template stands in quotes: `\"{{ input.service }}\"`")));
        }
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(place(span)));
        }
        self.open.push(Open { content, start: span.start, anchor, values: 1 });
        Ok(())
    }

    fn end(&mut self, span: granit_parser::Span) -> Result<(), Box<Diagnostic>> {
        let Some(Open { content, start, anchor, values }) = self.open.pop() else { return Ok(()) };
        let span = place(granit_parser::Span::new(start, span.end));
        let content = match content {
            OpenContent::List(items) => Content::List(items),
            OpenContent::Map { entries, .. } => Content::Map(entries.finish()),
        };
        let item = Item { content, span };
        self.remember(anchor, &item, values)?;
        // Its values were counted one by one when they were added.
        self.values -= values - 1;
        self.add(item, values)
    }

    /// Puts a value where it belongs.
    fn add(&mut self, item: Item, values: usize) -> Result<(), Box<Diagnostic>> {
        self.values += values;
        if self.values > VALUES_MAX {
            let message = format!("the document has more than {VALUES_MAX} values");
            return Err(Box::new(Diagnostic::new(Code::TooManyValues, item.span, message)));
        }
        match self.open.last_mut() {
            None => self.root = Some(item),
            Some(open) => {
                open.values += values;
                match &mut open.content {
                    OpenContent::List(items) => items.push(item),
                    OpenContent::Map { entries, key } => {
                        if let Some((key, key_span)) = key.take() {
                            entries.add(Entry { key, key_span, value: item }, self.problems);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn remember(&mut self, anchor: usize, item: &Item, values: usize) -> Result<(), Box<Diagnostic>> {
        if anchor == 0 {
            return Ok(());
        }
        let bytes = bytes(item);
        self.count_aliased(values, bytes, item.span)?;
        self.anchors.insert(anchor, Anchored { item: item.clone(), values, bytes });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        let Some(anchored) = self.anchors.get(&anchor) else {
            return Err(unsupported(span, "an alias stands inside of what it names"));
        };
        let (values, bytes) = (anchored.values, anchored.bytes);
        self.count_aliased(values, bytes, span)?;
        // Copied only now that it is known to be small enough.
        let Some(Anchored { item, .. }) = self.anchors.get(&anchor).cloned() else { return Ok(()) };
        if self.wants_key() {
            let Content::Text(text) = item.content else {
                return Err(unsupported(span, "a key must be a word"));
            };
            self.set_key(text, span);
            return Ok(());
        }
        if self.open.len() + depth(&item) > DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.add(item, values)
    }

    fn count_aliased(&mut self, values: usize, bytes: usize, span: Span) -> Result<(), Box<Diagnostic>> {
        self.aliased = self.aliased.saturating_add(values);
        self.aliased_bytes = self.aliased_bytes.saturating_add(bytes);
        if self.aliased_bytes > ALIASED_BYTES_MAX {
            let message =
                format!("anchors and aliases would repeat texts of more than {ALIASED_BYTES_MAX} bytes");
            return Err(Box::new(Diagnostic::new(Code::TooManyAliases, span, message)));
        }
        if self.aliased > ALIASED_VALUES_MAX {
            let message = format!("anchors and aliases would repeat more than {ALIASED_VALUES_MAX} values");
            return Err(Box::new(Diagnostic::new(Code::TooManyAliases, span, message)));
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, span: granit_parser::Span) {
        if tagged {
            let message = "tags of YAML have no meaning here";
            let help = "write the value without the tag; a text that begins with `!` stands in quotes";
            self.problems.push(Diagnostic::new(Code::UnsupportedYaml, place(span), message).help(help));
        }
    }
}

/// Levels of nesting: 0 for a scalar. The tree is at most [`DEPTH_MAX`] deep.
fn depth(item: &Item) -> usize {
    match &item.content {
        Content::List(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Content::Map(entries) => 1 + entries.iter().map(|entry| depth(&entry.value)).max().unwrap_or(0),
        Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => 0,
    }
}

/// The bytes of all texts and keys.
fn bytes(item: &Item) -> usize {
    match &item.content {
        Content::Text(text) => text.len(),
        Content::List(items) => items.iter().map(bytes).sum(),
        Content::Map(entries) => entries.iter().map(|entry| entry.key.len() + bytes(&entry.value)).sum(),
        Content::Null | Content::Bool(_) | Content::Number(_) => 0,
    }
}

/// A scalar by the core schema.
fn scalar(text: Cow<'_, str>, style: ScalarStyle, span: Span) -> Result<Content, Box<Diagnostic>> {
    if style != ScalarStyle::Plain {
        return Ok(Content::Text(text.into_owned()));
    }
    Ok(match &*text {
        "" | "~" | "null" | "Null" | "NULL" => Content::Null,
        "true" | "True" | "TRUE" => Content::Bool(true),
        "false" | "False" | "FALSE" => Content::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "-.inf" | ".nan" | ".NaN" | ".NAN" => {
            let message = format!("`{text}` has no form in JSON");
            let problem = Diagnostic::new(Code::UnsupportedYaml, span, message);
            return Err(Box::new(problem.help("write a number, or put it in quotes if it is a text")));
        }
        _ => match number(&text) {
            Some(Ok(number)) => Content::Number(number),
            Some(Err(())) => {
                let message = format!("the number `{}` is out of range", shorten(&text));
                return Err(Box::new(Diagnostic::new(Code::BadValue, span, message)));
            }
            None => Content::Text(text.into_owned()),
        },
    })
}

/// Whether a word without quotes is a text.
pub(super) fn reads_as_text(text: &str) -> bool {
    matches!(scalar(Cow::Borrowed(text), ScalarStyle::Plain, Span::default()), Ok(Content::Text(_)))
}

/// A number by the core schema, if the text has the shape of one.
fn number(text: &str) -> Option<Result<Number, ()>> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shaped = digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|exponent| {
            let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
            !exponent.is_empty() && digits(exponent)
        });
    if !shaped {
        return None;
    }
    // What JSON can read too is read by the same code, so that both formats give the same number.
    if let Ok(number) = serde_json::from_str::<Number>(text) {
        return Some(Ok(number));
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if !mantissa.contains('.') && exponent.is_none() {
        if let Ok(whole) = plain.parse::<i64>() {
            return Some(Ok(whole.into()));
        }
        if let Ok(whole) = plain.parse::<u64>() {
            return Some(Ok(whole.into()));
        }
    }
    Some(plain.parse::<f64>().ok().and_then(Number::from_f64).ok_or(()))
}

fn radix(digits: &str, radix: u32) -> Option<Result<Number, ()>> {
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return None;
    }
    Some(u64::from_str_radix(digits, radix).map(Number::from).map_err(|_| ()))
}

pub(super) fn place(span: granit_parser::Span) -> Span {
    let line = |mark: Marker| u32::try_from(mark.line()).unwrap_or(u32::MAX);
    let column = |mark: Marker| u32::try_from(mark.col() + 1).unwrap_or(u32::MAX);
    Span {
        line: line(span.start),
        column: column(span.start),
        end_line: line(span.end),
        end_column: column(span.end),
    }
}

pub(super) fn scan_problem(error: &granit_parser::ScanError) -> Diagnostic {
    let at = *error.marker();
    let span = place(granit_parser::Span::empty(at));
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => *too_deep(span),
        _ => {
            let info = error.info();
            let problem =
                Diagnostic::new(Code::Syntax, span, format!("this is not YAML: {}", shorten(&info)));
            match hints::yaml(&info) {
                Some(hint) => problem.help(hint),
                None => problem,
            }
        }
    }
}

fn too_deep(span: Span) -> Box<Diagnostic> {
    let message = format!("mappings and lists are nested deeper than {DEPTH_MAX} levels");
    Box::new(Diagnostic::new(Code::TooDeep, span, message))
}

fn unsupported(span: Span, message: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Code::UnsupportedYaml, span, message))
}
