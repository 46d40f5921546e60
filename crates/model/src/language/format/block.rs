//! Documents of YAML line by line.

use super::tree::{Child, Collection, Node, Remark};
use super::{WIDTH_MAX, flow, refusal, scalar};
use crate::diagnostic::{Diagnostic, Span};
use scalar::Place;

/// The longest key that YAML takes on a line of its own.
const KEY_CHARACTERS_MAX: usize = 1000;
/// Lines that are longer do not take part in the alignment of the comments behind them.
const ALIGNED_MAX: usize = 60;

/// One line of the result.
#[derive(Debug, Default)]
struct Line {
    text: String,
    /// The comment behind it.
    behind: Option<String>,
}

/// Writes a mapping as a document.
///
/// # Errors
/// GL0111 where a key is too long for YAML.
pub(super) fn write(root: &Node) -> Result<String, Vec<Diagnostic>> {
    let mut lines = Lines { lines: Vec::new(), too_long: None };
    match root {
        Node::Map(all) if !all.children.is_empty() => lines.map(all, 0, Kind::Document),
        Node::List(all) | Node::Map(all) => {
            lines.remarks(&all.ending, 0);
            lines.push(0, if matches!(root, Node::Map(_)) { "{}" } else { "[]" }, None);
        }
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
    match lines.too_long {
        Some(key) => {
            let message = format!(
                "a key of YAML has at most {KEY_CHARACTERS_MAX} characters, not {}",
                key.chars().count()
            );
            Err(vec![
                refusal(Span::default(), &message)
                    .help(format!("it begins with `{}`", super::document::shorten(&key))),
            ])
        }
        None => Ok(drawn(&lines.lines)),
    }
}

/// What a mapping is, as far as its looks depend on it.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// The whole document.
    Document,
    /// `nodes` at its top: each entry on a line of its own, their values in one column.
    Nodes,
    /// `edges` at its top: each on a line of its own.
    Edges,
    /// Anything else.
    Plain,
}

struct Lines {
    lines: Vec<Line>,
    /// A key that YAML cannot hold.
    too_long: Option<String>,
}

impl Lines {
    fn push(&mut self, indent: usize, text: &str, behind: Option<&str>) {
        let text = format!("{:indent$}{text}", "");
        self.lines.push(Line { text, behind: behind.map(str::to_owned) });
    }

    /// An empty line, unless there is one already or nothing above it.
    fn blank(&mut self) {
        if self.lines.last().is_some_and(|line| !line.text.is_empty()) {
            self.lines.push(Line::default());
        }
    }

    fn remarks(&mut self, remarks: &[Remark], indent: usize) {
        for remark in remarks {
            if remark.blank {
                self.blank();
            }
            self.push(indent, &remark.text, None);
        }
    }

    fn map(&mut self, all: &Collection, indent: usize, kind: Kind) {
        let keys: Vec<String> =
            all.children.iter().map(|child| scalar::key(&child.key, Place::Block)).collect();
        let column = if kind == Kind::Nodes { column(all, &keys, indent) } else { 0 };
        for (index, (child, key)) in all.children.iter().zip(&keys).enumerate() {
            self.above(child, index, indent);
            if child.key.chars().count() > KEY_CHARACTERS_MAX {
                self.too_long.get_or_insert_with(|| child.key.clone());
            }
            let inner = match child.key.as_str() {
                "nodes" if kind == Kind::Document => Kind::Nodes,
                "edges" if kind == Kind::Document => Kind::Edges,
                _ => Kind::Plain,
            };
            self.entry(child, key, indent, column, inner);
        }
        self.remarks(&all.ending, indent);
    }

    fn entry(&mut self, child: &Child, key: &str, indent: usize, column: usize, kind: Kind) {
        let padding = column.saturating_sub(key.chars().count());
        let behind = child.behind.as_deref();
        // In its column where it fits there, else right behind its key.
        for padding in [padding, 0] {
            let start = format!("{key}: {:padding$}", "");
            let left = WIDTH_MAX.saturating_sub(indent + start.chars().count());
            if kind == Kind::Plain
                && let Some(text) = one_line(&child.value, left)
            {
                self.push(indent, &format!("{start}{text}"), behind);
                return;
            }
        }
        match &child.value {
            Node::Map(all) if !all.children.is_empty() => {
                self.push(indent, &format!("{key}:"), behind);
                self.map(all, indent + 2, kind);
            }
            Node::List(all) if !all.children.is_empty() => {
                self.push(indent, &format!("{key}:"), behind);
                self.list(all, indent + 2);
            }
            Node::Text(text) => self.text(text, &format!("{key}: "), indent, behind),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Map(_) => {
                let text = flow::write(&child.value, usize::MAX).unwrap_or_default();
                self.push(indent, &format!("{key}: {text}"), behind);
            }
        }
    }

    fn list(&mut self, all: &Collection, indent: usize) {
        for (index, child) in all.children.iter().enumerate() {
            self.above(child, index, indent);
            self.element(child, indent);
        }
        self.remarks(&all.ending, indent);
    }

    fn element(&mut self, child: &Child, indent: usize) {
        let behind = child.behind.as_deref();
        let left = WIDTH_MAX.saturating_sub(indent + 2);
        if let Some(text) = one_line(&child.value, left) {
            self.push(indent, &format!("- {text}"), behind);
            return;
        }
        match &child.value {
            Node::List(all) | Node::Map(all) if !all.children.is_empty() => {
                // The dash has no line of its own, so what stood behind it goes above.
                if let Some(behind) = behind {
                    self.push(indent, behind, None);
                }
                let from = self.lines.len();
                match child.value {
                    Node::Map(_) => self.map(all, indent + 2, Kind::Plain),
                    _ => self.list(all, indent + 2),
                }
                self.dash(from, indent);
            }
            Node::Text(text) => self.text(text, "- ", indent, behind),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::List(_) | Node::Map(_) => {
                let text = flow::write(&child.value, usize::MAX).unwrap_or_default();
                self.push(indent, &format!("- {text}"), behind);
            }
        }
    }

    /// Puts the dash of an element before its first line. Comments that came to stand above that line stand above the dash.
    fn dash(&mut self, from: usize, indent: usize) {
        for line in self.lines.iter_mut().skip(from) {
            let text = line.text.trim_start();
            if !text.is_empty() && !text.starts_with('#') {
                line.text.replace_range(indent..indent + 2, "- ");
                return;
            }
            line.text = if text.is_empty() { String::new() } else { format!("{:indent$}{text}", "") };
        }
    }

    /// A text that is too long for its line, or has several.
    fn text(&mut self, text: &str, start: &str, indent: usize, behind: Option<&str>) {
        let width = WIDTH_MAX.saturating_sub(indent + 2);
        let Some(block) = scalar::literal(text).or_else(|| scalar::folded(text, width)) else {
            self.push(indent, &format!("{start}{}", scalar::text(text, Place::Block)), behind);
            return;
        };
        self.push(indent, &format!("{start}{}", block.sign), behind);
        for line in &block.lines {
            if line.is_empty() { self.lines.push(Line::default()) } else { self.push(indent + 2, line, None) }
        }
    }

    fn above(&mut self, child: &Child, index: usize, indent: usize) {
        match child.above.split_first() {
            // What comes first in a collection has nothing there to stand apart from.
            Some((first, others)) if index == 0 => {
                self.push(indent, &first.text, None);
                self.remarks(others, indent);
            }
            Some(_) => self.remarks(&child.above, indent),
            None => {}
        }
        if child.blank && (index > 0 || !child.above.is_empty()) {
            self.blank();
        }
    }
}

/// A value that fits on the rest of a line.
fn one_line(node: &Node, left: usize) -> Option<String> {
    match node {
        Node::Text(text) => {
            let text = if text.contains('\n') && scalar::literal(text).is_some() {
                return None;
            } else {
                scalar::text(text, Place::Block)
            };
            (text.chars().count() <= left).then_some(text)
        }
        _ => flow::write(node, left),
    }
}

/// The width of the keys whose values stand on the same line, where they fit there at all.
fn column(all: &Collection, keys: &[String], indent: usize) -> usize {
    let fits = |(child, key): (&Child, &String)| {
        let length = key.chars().count();
        let left = WIDTH_MAX.saturating_sub(indent + length + 2);
        one_line(&child.value, left).map(|_| length)
    };
    all.children.iter().zip(keys).filter_map(fits).max().unwrap_or(0)
}

/// The text of the lines, with the comments behind neighbouring lines in one column.
fn drawn(lines: &[Line]) -> String {
    let length = |line: &Line| line.text.chars().count();
    let indent = |line: &Line| line.text.len() - line.text.trim_start().len();
    let takes_part = |line: &Line| line.behind.is_some() && length(line) <= ALIGNED_MAX;
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let group = lines[at..]
            .iter()
            .take_while(|line| takes_part(line) && indent(line) == indent(&lines[at]))
            .count()
            .max(1);
        let column = lines[at..at + group].iter().map(length).max().unwrap_or(0);
        for line in &lines[at..at + group] {
            out.push_str(&line.text);
            if let Some(behind) = &line.behind {
                let padding = column - length(line) + 2;
                out.push_str(&format!("{:padding$}{behind}", ""));
            }
            out.push('\n');
        }
        at += group;
    }
    out
}
