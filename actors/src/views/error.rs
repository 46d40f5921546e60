//! Why a list or a row cannot be read.

use std::sync::Arc;

use super::query::QueryError;
use super::status::ViewKind;

/// Why a list or a row cannot be read, by what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// The question is wrong.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The view is not open yet: ask again in a moment.
    #[error("the view of {view} is still opening")]
    Opening {
        /// Which one.
        view: ViewKind,
    },
    /// The view cannot be folded any further: it stays away until it is rebuilt.
    #[error("the view of {view} is set aside: {reason}")]
    SetAside {
        /// Which one.
        view: ViewKind,
        /// Why.
        reason: Arc<str>,
    },
    /// A row does not read: its writer rebuilds the view when it meets it.
    #[error("a row of the view of {view} is damaged")]
    Damaged {
        /// Which one.
        view: ViewKind,
    },
    /// The store of views is broken or closed.
    #[error("the views are not available: {reason}")]
    Unavailable {
        /// Why.
        reason: Arc<str>,
    },
}
