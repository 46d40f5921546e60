//! Conditions: CEL expressions that say yes or no.

use std::fmt;
use std::sync::Arc;

use super::Scope;

/// A CEL expression, compiled.
#[derive(Clone)]
pub struct Condition {
    text: Arc<str>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.text).finish()
    }
}

/// Why a condition gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConditionError {
    /// The expression met a value it cannot work with.
    #[error("condition `{text}` could not be evaluated: {reason}")]
    Failed {
        /// The expression.
        text: String,
        /// What went wrong, at most 1 KiB.
        reason: String,
    },
    /// The expression gave something else than true or false.
    #[error("condition `{text}` gave {found} instead of true or false")]
    NotABool {
        /// The expression.
        text: String,
        /// The type of what it gave.
        found: String,
    },
}

impl Condition {
    /// The expression as it stands in the document.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The answer.
    ///
    /// # Errors
    /// [`ConditionError`] when the values at hand do not fit the expression.
    pub fn evaluate(&self, _scope: &dyn Scope) -> Result<bool, ConditionError> {
        Err(ConditionError::Failed { text: self.text.to_string(), reason: "not compiled".to_owned() })
    }
}
