//! Text for people and prompts: MiniJinja templates, strict, with fuel and without loaders.

use std::fmt;
use std::sync::Arc;

use super::Scope;

/// Bound on a rendered text.
pub const RENDERED_BYTES_MAX: usize = 64 * 1024;

/// A template, compiled.
#[derive(Clone)]
pub struct Text {
    source: Arc<str>,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Text").field(&self.source).finish()
    }
}

/// Why a text could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The template met a value it cannot work with, or one that is not there.
    #[error("the text could not be rendered: {reason}")]
    Failed {
        /// What went wrong, at most 1 KiB.
        reason: String,
    },
    /// The template took too many steps.
    #[error("the text takes too many steps to render")]
    OutOfFuel,
    /// The text would be longer than [`RENDERED_BYTES_MAX`].
    #[error("the rendered text is longer than {RENDERED_BYTES_MAX} bytes")]
    TooLong,
}

impl Text {
    /// The template as it stands in the document.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The text with the values of `scope` filled in.
    ///
    /// # Errors
    /// [`TextError`] says whether a value, the steps or the length was at fault.
    pub fn render(&self, _scope: &dyn Scope) -> Result<String, TextError> {
        Err(TextError::Failed { reason: "not compiled".to_owned() })
    }
}
