//! Bindings: JSON in which some strings stand for values that are known only while a run goes on.

use serde_json::Value;

use crate::workflow::NodeIndex;

/// What bindings, conditions and templates may read while a run goes on.
pub trait Scope {
    /// The run's input.
    fn input(&self) -> &Value;

    /// The workflow's default context with the run's own merged over it: an object.
    fn context(&self) -> &Value;

    /// The output of a node, or `None` when it has none: skipped, failed, cancelled or not ended.
    fn output(&self, node: NodeIndex) -> Option<&Value>;
}

/// A JSON value with bindings in it, compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A value without any binding in it.
    Literal(Value),
}

/// Why a binding gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The path leads to nothing, and nothing declared that it may.
    #[error("binding `{binding}` found no value: {reason}")]
    Missing {
        /// The binding as it stands in the document.
        binding: String,
        /// How far the path led.
        reason: String,
    },
    /// The value would be larger than [`RESOLVED_BYTES_MAX`].
    #[error("the bound value is larger than {RESOLVED_BYTES_MAX} bytes")]
    TooLarge,
}

/// Bound on the JSON text of a resolved value.
pub const RESOLVED_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Bound {
    /// The value with every binding replaced by what it names.
    ///
    /// # Errors
    /// [`BindingError::Missing`] when a path leads to nothing, [`BindingError::TooLarge`] when the value would be
    /// larger than [`RESOLVED_BYTES_MAX`].
    pub fn resolve(&self, _scope: &dyn Scope) -> Result<Value, BindingError> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
        }
    }
}
