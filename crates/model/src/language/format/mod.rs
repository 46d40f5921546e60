//! The canonical form of a workflow or agent file: what `ghostlight fmt` writes.
//!
//! One document has one form, however it was laid out before: keys in the order of the contract, two spaces, and whatever
//! fits into [`WIDTH_MAX`] columns on one line. Comments stay, and so do blank lines between groups. The value of the
//! document, and with it the hash of the definition, never changes; formatting twice changes nothing more.
//!
//! What cannot be kept is refused with GL0111: anchors and aliases, and comments where JSON is asked for. Each result is read
//! again before it is given out, so that a mistake of the formatter is a refusal too and never a loss.

mod block;
mod comments;
mod flow;
mod json;
mod order;
mod scalar;
mod tree;

use super::Source;
use super::document::{self, Content, Format, Item};
use super::reader::Problems;
use crate::diagnostic::{Code, Diagnostic, Span, any_error};
use comments::Marks;
use tree::Node;

/// The widest line that holds a collection on it.
pub const WIDTH_MAX: usize = 120;

/// How a document is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// YAML or JSON.
    pub format: Format,
    /// Whether comments may be left out where the format has none.
    pub drop_comments: bool,
}

/// A document in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The text, with one newline at its end.
    pub text: String,
    /// How many comments were left out, as asked for.
    pub comments_dropped: usize,
}

/// Writes a document in its canonical form. Pure.
///
/// # Errors
/// Everything that is wrong with the document where it cannot be read; GL0111 where something of it could not be kept; GL0203
/// where it is no mapping.
pub fn format(source: &Source<'_>, style: Style) -> Result<Formatted, Vec<Diagnostic>> {
    let (root, mut problems) = document::parse(source.text, source.format);
    let Some(root) = root.filter(|_| !any_error(&problems)) else { return Err(located(problems, None)) };
    if !matches!(root.content, Content::Map(_)) {
        let message = format!("a document is a mapping, not {}", root.content.type_name());
        problems.push(Diagnostic::new(Code::WrongType, root.span, message));
        return Err(located(problems, Some(&root)));
    }
    if [source.format, style.format].contains(&Format::Toml) {
        return Err(vec![
            refusal(Span::default(), "TOML has no canonical form here")
                .help("only YAML and JSON are formatted"),
        ]);
    }
    let mut marks = match source.format {
        Format::Yaml => comments::read(source.text).map_err(|problem| vec![*problem])?,
        Format::Json | Format::Toml => Marks::default(),
    };
    if let (Format::Json, false, Some(first)) = (style.format, style.drop_comments, marks.comments.first()) {
        let message = format!("JSON has no comments, and the document has {}", marks.comments.len());
        return Err(vec![
            refusal(first.span(), &message).help("say `--drop-comments` to go on without them"),
        ]);
    }
    let dropped = if style.format == Format::Json { std::mem::take(&mut marks.comments).len() } else { 0 };
    let said: Vec<String> = marks.comments.iter().map(|comment| comment.text.clone()).collect();
    let mut tree = Node::read(&root, source, marks);
    order::arrange(&mut tree);
    tree.settle();
    let text = match style.format {
        Format::Json => json::write(&tree),
        Format::Yaml | Format::Toml => block::write(&tree)?,
    };
    match proves(&root, said, &text, style.format) {
        true => Ok(Formatted { text, comments_dropped: dropped }),
        false => Err(vec![
            refusal(Span::default(), "the document would not have stayed what it is")
                .help("nothing was changed; this is a mistake of the formatter, please report it"),
        ]),
    }
}

/// Whether `text` is the same document with the same comments.
fn proves(root: &Item, mut comments: Vec<String>, text: &str, format: Format) -> bool {
    let (again, problems) = document::parse(text, format);
    let mut kept: Vec<String> = match format {
        Format::Yaml => match comments::read(text) {
            Ok(marks) => marks.comments.into_iter().map(|comment| comment.text).collect(),
            Err(_) => return false,
        },
        Format::Json | Format::Toml => Vec::new(),
    };
    comments.sort_unstable();
    kept.sort_unstable();
    problems.is_empty() && kept == comments && again.is_some_and(|again| same(root, &again))
}

/// Whether two documents have the same hash.
fn same(one: &Item, other: &Item) -> bool {
    super::canonical(one).1 == super::canonical(other).1
}

fn refusal(span: Span, message: &str) -> Diagnostic {
    Diagnostic::new(Code::NotFormatted, span, message)
}

fn located(diagnostics: Vec<Diagnostic>, root: Option<&Item>) -> Vec<Diagnostic> {
    let mut problems = Problems::default();
    diagnostics.into_iter().for_each(|diagnostic| problems.push(diagnostic));
    problems.finish(root)
}

#[cfg(test)]
mod tests;
