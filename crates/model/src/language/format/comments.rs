//! What a tree of values does not say about a YAML text: comments, and which texts stand below a sign. Also what of YAML the
//! formatter could not keep.

use std::collections::{HashSet, VecDeque};

use serde_saphyr::granit_parser::{Event, Options, Parser, ScalarStyle};

use super::super::yaml::{place, scan_problem};
use crate::diagnostic::{Diagnostic, Span};

/// One comment.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    /// From `#` to the end of the line, without white space at its end.
    pub text: String,
    /// Where it stands.
    pub line: u32,
    /// The column of `#`.
    pub column: u32,
}

impl Comment {
    /// Where it stands.
    pub fn span(&self) -> Span {
        let length = u32::try_from(self.text.chars().count()).unwrap_or(u32::MAX);
        let (line, column) = (self.line, self.column);
        Span { line, column, end_line: line, end_column: column.saturating_add(length) }
    }
}

/// What a text has besides its values.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// All comments in the order of the text.
    pub comments: Vec<Comment>,
    /// Where texts begin that stand below `|` or `>`.
    pub text_blocks: HashSet<(u32, u32)>,
}

/// Reads the marks of a text.
///
/// # Errors
/// The first anchor or alias: what it says twice or once would have to be written otherwise.
pub(super) fn read(text: &str) -> Result<Marks, Box<Diagnostic>> {
    let mut options = Options::default();
    options.set_emit_comments(true);
    options.emit_anchor_events = true;
    options.disallow_directives = true;
    // The text is bounded, and so is the number of its comments.
    options.max_buffered_comment_events = usize::MAX;
    let mut marks = Marks::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Box::new(scan_problem(&error)))?;
        match event {
            Event::Comment(text, _) => {
                let Span { line, column, .. } = place(span);
                marks.comments.push(Comment { text: format!("#{}", text.trim_end()), line, column });
            }
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                let Span { line, column, .. } = place(span);
                marks.text_blocks.insert((line, column));
            }
            Event::Anchor(..) | Event::Alias(_) => {
                let problem =
                    super::refusal(place(span), "anchors and aliases cannot be kept in the canonical form");
                return Err(Box::new(problem.help("write out what the alias stands for")));
            }
            _ => {}
        }
    }
    marks.comments.sort_by_key(|comment| (comment.line, comment.column));
    Ok(marks)
}

/// Comments that wait for the place they belong to.
#[derive(Debug, Default)]
pub(super) struct Waiting(VecDeque<Comment>);

impl Waiting {
    pub fn new(comments: Vec<Comment>) -> Self {
        Self(comments.into())
    }

    /// Those that stand before a place.
    pub fn before(&mut self, line: u32, column: u32) -> Vec<Comment> {
        let count = self.0.iter().take_while(|one| (one.line, one.column) < (line, column)).count();
        self.0.drain(..count).collect()
    }

    /// The next one, if it stands before a place and at least as far to the right as `column`.
    pub fn indented(&mut self, column: u32, limit: (u32, u32)) -> Option<Comment> {
        let next = self.0.front()?;
        let fits = next.column >= column && (next.line, next.column) < limit;
        if fits { self.0.pop_front() } else { None }
    }

    /// The next one, if it stands in this line.
    pub fn in_line(&mut self, line: u32) -> Option<Comment> {
        if self.0.front()?.line == line { self.0.pop_front() } else { None }
    }
}
