//! A document as it is laid out: values with the comments and blank lines that belong to them.
//!
//! A comment on lines of its own belongs to what stands below it, or ends the innermost collection that is indented as far
//! as it is. A comment behind something belongs to that.

use std::cell::Cell;
use std::collections::HashSet;

use super::super::Source;
use super::super::document::{Content, Entry, Format, Item};
use super::comments::{Comment, Marks, Waiting};
use crate::diagnostic::Span;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    /// As it was written, where both formats read that as the same number.
    Number(String),
    Text(String),
    List(Collection),
    Map(Collection),
}

/// What a list or a mapping holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Collection {
    pub children: Vec<Child>,
    /// Comments behind the last child.
    pub ending: Vec<Remark>,
}

/// One element of a list, or one entry of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Child {
    /// Empty in lists.
    pub key: String,
    pub value: Node,
    /// Comments above it.
    pub above: Vec<Remark>,
    /// Whether a blank line stands between it and what is above it.
    pub blank: bool,
    /// The comment behind it, in the same line.
    pub behind: Option<String>,
}

/// A comment on a line of its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Remark {
    pub text: String,
    /// Whether a blank line stands above it.
    pub blank: bool,
}

impl Node {
    /// Whether it has comments or blank lines in it, which need lines of their own.
    pub fn is_spaced(&self) -> bool {
        let (Self::List(all) | Self::Map(all)) = self else { return false };
        let child = |(index, child): (usize, &Child)| {
            let blank = child.blank && index > 0;
            blank || child.behind.is_some() || !child.above.is_empty() || child.value.is_spaced()
        };
        !all.ending.is_empty() || all.children.iter().enumerate().any(child)
    }

    /// Moves comments that would stand between a dash and what it begins: a list or mapping in a list begins behind the dash, so
    /// what stands above its first child stands above the dash.
    pub fn settle(&mut self) {
        let is_list = matches!(self, Self::List(_));
        let (Self::List(all) | Self::Map(all)) = self else { return };
        for child in &mut all.children {
            child.value.settle();
            if let (true, Self::List(inner) | Self::Map(inner)) = (is_list, &mut child.value)
                && let Some(first) = inner.children.first_mut()
            {
                child.above.append(&mut first.above);
            }
        }
    }

    /// The tree of `root`, with the comments where they belong.
    pub fn read(root: &Item, source: &Source<'_>, marks: Marks) -> Self {
        let lines: Vec<&str> = source.text.lines().collect();
        let mut reader = Reader {
            lines,
            format: source.format,
            waiting: Waiting::new(marks.comments),
            text_blocks: marks.text_blocks,
            cursor: Cell::new((0, 1, 0)),
        };
        let written = reader.written(root);
        let mut node = reader.node(root, written, (u32::MAX, u32::MAX));
        if let Self::Map(all) = &mut node {
            let rest = reader.waiting.before(u32::MAX, u32::MAX);
            all.ending.extend(rest.into_iter().map(|comment| reader.remark(comment)));
        }
        node
    }
}

struct Reader<'t> {
    lines: Vec<&'t str>,
    format: Format,
    waiting: Waiting,
    text_blocks: HashSet<(u32, u32)>,
    /// The last place that was looked up: line, column, and byte of the line. Places are looked up from left to right, and a
    /// document may be one long line.
    cursor: Cell<(u32, u32, usize)>,
}

/// How a value is written.
#[derive(Clone, Copy, PartialEq)]
enum Written {
    /// Between brackets or braces.
    Flow,
    /// A list or mapping without them.
    Block,
    /// A text below its sign.
    TextBlock,
    /// Not at all.
    Nothing,
    /// One word, in quotes or without.
    Word,
}

impl Reader<'_> {
    /// Reads a value. `limit` is where the next thing behind it begins.
    fn node(&mut self, item: &Item, written: Written, limit: (u32, u32)) -> Node {
        match &item.content {
            Content::Null => Node::Null,
            Content::Bool(flag) => Node::Bool(*flag),
            Content::Number(number) => {
                let written = self.text(item.span);
                // Only what JSON reads too is kept as it is written: `0x1F` and `+1` have no form there.
                let is_kept =
                    serde_json::from_str::<serde_json::Number>(written).is_ok_and(|same| same == *number);
                Node::Number(if is_kept { written.to_owned() } else { number.to_string() })
            }
            Content::Text(text) => Node::Text(text.clone()),
            Content::List(items) => {
                let last = end(item, written).unwrap_or(limit);
                let mut children = Vec::with_capacity(items.len());
                for (index, element) in items.iter().enumerate() {
                    let next = items.get(index + 1).map_or(last, |next| self.start(next));
                    children.push(self.child(None, element, next));
                }
                Node::List(self.ended(children, item, written, limit))
            }
            Content::Map(entries) => {
                let last = end(item, written).unwrap_or(limit);
                let mut children = Vec::with_capacity(entries.len());
                for (index, entry) in entries.iter().enumerate() {
                    let next = entries
                        .get(index + 1)
                        .map_or(last, |next| (next.key_span.line, next.key_span.column));
                    children.push(self.child(Some(entry), &entry.value, next));
                }
                Node::Map(self.ended(children, item, written, limit))
            }
        }
    }

    fn child(&mut self, entry: Option<&Entry>, item: &Item, limit: (u32, u32)) -> Child {
        let own = self.start(item);
        let at = entry.map_or(own, |entry| (entry.key_span.line, entry.key_span.column));
        let above = self.waiting.before(at.0, at.1);
        let mut above: Vec<Remark> = above.into_iter().map(|comment| self.remark(comment)).collect();
        let blank = self.stands_apart(at.0, at.1);
        let written = self.written(item);
        let mut behind = None;
        // `key: # about it`, and the value below.
        if entry.is_some() && own.0 > at.0 {
            behind = self.waiting.in_line(at.0);
        }
        if matches!(written, Written::Flow | Written::TextBlock | Written::Word) {
            // What stands between a key and its value, on lines of its own.
            for comment in self.waiting.before(own.0, own.1) {
                above.push(self.remark(comment));
            }
        }
        if self.opens_line(item, written)
            && let Some(comment) = self.waiting.in_line(own.0)
        {
            put(&mut behind, comment, &mut above);
        }
        let mut value = self.node(item, written, limit);
        // What is empty has no lines of its own to put a comment on.
        if let Node::List(all) | Node::Map(all) = &mut value
            && all.children.is_empty()
        {
            above.append(&mut all.ending);
        }
        let last = match written {
            Written::Flow | Written::Word => item.span.end_line,
            Written::Nothing | Written::TextBlock | Written::Block => at.0,
        };
        // The next thing may stand in that line too, and the comment behind it.
        if written != Written::Block
            && limit.0 != last
            && let Some(comment) = self.waiting.in_line(last)
        {
            put(&mut behind, comment, &mut above);
        }
        let key = entry.map(|entry| entry.key.clone()).unwrap_or_default();
        Child { key, value, above, blank, behind: behind.map(|comment| comment.text) }
    }

    /// The collection with the comments that end it.
    fn ended(
        &mut self,
        children: Vec<Child>,
        item: &Item,
        written: Written,
        limit: (u32, u32),
    ) -> Collection {
        let mut ending = Vec::new();
        if written == Written::Flow {
            ending =
                end(item, written).map_or_else(Vec::new, |(line, column)| self.waiting.before(line, column));
        } else {
            while let Some(comment) = self.waiting.indented(item.span.column, limit) {
                ending.push(comment);
            }
        }
        let ending = ending.into_iter().map(|comment| self.remark(comment)).collect();
        Collection { children, ending }
    }

    /// Whether what follows the first sign of a value in its line can only be a comment.
    fn opens_line(&self, item: &Item, written: Written) -> bool {
        let first = match (&item.content, written) {
            (_, Written::TextBlock) => return true,
            (Content::Map(entries), Written::Flow) => entries.first().map(|entry| entry.key_span),
            (Content::List(items), Written::Flow) => items.first().map(|item| item.span),
            _ => None,
        };
        first.is_some_and(|first| first.line > item.span.line)
    }

    fn remark(&self, comment: Comment) -> Remark {
        Remark { blank: self.stands_apart(comment.line, comment.column), text: comment.text }
    }

    /// Whether something is the first of its line, and the line above is empty.
    fn stands_apart(&self, line: u32, column: u32) -> bool {
        let Some(at) = (line as usize).checked_sub(2) else { return false };
        let is_apart = self.lines.get(at).is_some_and(|above| above.trim().is_empty());
        let before = |line: &&str| {
            line.chars().take(column.saturating_sub(1) as usize).all(|c| c.is_whitespace() || c == '-')
        };
        is_apart && self.lines.get(at + 1).is_some_and(before)
    }

    fn written(&self, item: &Item) -> Written {
        let begins = |signs: &[char]| self.text(item.span).starts_with(signs);
        match item.content {
            Content::List(_) | Content::Map(_) if self.format == Format::Json => Written::Flow,
            Content::List(_) if begins(&['[']) => Written::Flow,
            Content::Map(_) if begins(&['{']) => Written::Flow,
            Content::List(_) | Content::Map(_) => Written::Block,
            Content::Text(_) if self.text_blocks.contains(&(item.span.line, item.span.column)) => {
                Written::TextBlock
            }
            Content::Null if self.format == Format::Yaml && !begins(&['~', 'n', 'N']) => Written::Nothing,
            Content::Null | Content::Bool(_) | Content::Number(_) | Content::Text(_) => Written::Word,
        }
    }

    /// Where a value begins. A text below a sign begins with that sign, and its place is that of its first line.
    fn start(&self, item: &Item) -> (u32, u32) {
        let place = (item.span.line, item.span.column);
        if !self.text_blocks.contains(&place) {
            return place;
        }
        // Lines between the sign and the text are empty.
        let above = self.lines.iter().take((place.0 as usize).saturating_sub(1));
        let Some((at, line)) = above.enumerate().rfind(|(_, line)| !line.trim().is_empty()) else {
            return place;
        };
        let dashes = line.chars().take_while(|c| c.is_whitespace() || *c == '-').count();
        (u32::try_from(at + 1).unwrap_or(u32::MAX), u32::try_from(dashes + 1).unwrap_or(u32::MAX))
    }

    /// What stands in the first line of a place.
    fn text(&self, span: Span) -> &str {
        let Some(line) = (span.line as usize).checked_sub(1).and_then(|at| self.lines.get(at)) else {
            return "";
        };
        let start = self.byte(line, span.line, span.column);
        let rest = line.get(start..).unwrap_or_default();
        if span.end_line != span.line {
            return rest;
        }
        let length = span.end_column.saturating_sub(span.column) as usize;
        let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
        rest.get(..end).unwrap_or_default()
    }

    /// The byte of a column.
    fn byte(&self, line: &str, number: u32, column: u32) -> usize {
        let (known, from, byte) = self.cursor.get();
        let (from, byte) = if known == number && from <= column { (from, byte) } else { (1, 0) };
        let rest = line.get(byte..).unwrap_or_default();
        let skipped = rest.char_indices().nth((column.saturating_sub(from)) as usize);
        let found = byte + skipped.map_or(rest.len(), |(at, _)| at);
        self.cursor.set((number, column, found));
        found
    }
}

/// Puts a comment behind something; where there is one already, above it.
fn put(behind: &mut Option<Comment>, comment: Comment, above: &mut Vec<Remark>) {
    match behind {
        None => *behind = Some(comment),
        Some(_) => above.push(Remark { text: comment.text, blank: false }),
    }
}

/// Where the bracket stands that closes a collection.
fn end(item: &Item, written: Written) -> Option<(u32, u32)> {
    let is_closed = written == Written::Flow;
    is_closed.then(|| (item.span.end_line, item.span.end_column.saturating_sub(1)))
}
