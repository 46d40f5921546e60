//! What is wrong with a document, where, and what to do about it.
//!
//! A diagnostic is a value: it serialises as the API and `check --output json` show it, and [`render()`] draws it for a
//! terminal. Every code and its meaning stands in one table, [`Code`].

mod code;
mod pages;
mod render;

use serde::{Deserialize, Serialize};

pub use code::Code;
pub use render::render;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, and somebody should look at it.
    Warning,
}

impl Severity {
    /// The word as it stands in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A range of a text. Lines and columns count from 1, columns in characters; the end is exclusive. All zero: no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// Line of the first character.
    pub line: u32,
    /// Column of the first character.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
}

/// One thing that is wrong with a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which rule was broken; [`Code::meaning`] explains it.
    pub code: Code,
    /// One lowercase sentence.
    pub message: String,
    /// JSON pointer into the document.
    pub path: String,
    /// Line of the first character, from 1; 0 when there is no place in a text.
    pub line: u32,
    /// Column of the first character, from 1.
    pub column: u32,
    /// Line of the end.
    pub end_line: u32,
    /// Column after the last character.
    pub end_column: u32,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// A diagnostic of the code's own severity, at `span`.
    #[must_use]
    pub fn new(code: Code, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity(),
            code,
            message: message.into(),
            path: String::new(),
            line: span.line,
            column: span.column,
            end_line: span.end_line,
            end_column: span.end_column,
            help: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Where it is.
    #[must_use]
    pub fn span(&self) -> Span {
        Span { line: self.line, column: self.column, end_line: self.end_line, end_column: self.end_column }
    }
}

/// Puts them in the order of the text; what has no place comes last.
pub fn in_order(diagnostics: &mut [Diagnostic]) {
    diagnostics.sort_by_key(|d| (d.line == 0, d.line, d.column, d.code));
}

/// Whether any of `diagnostics` is an error.
#[must_use]
pub fn any_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}
