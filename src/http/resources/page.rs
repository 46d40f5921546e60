//! Parts of lists.

use serde::Serialize;
use utoipa::ToSchema;

/// A part of a list, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct PageBody<T> {
    /// The rows. There may be fewer than asked for while more follow.
    pub items: Vec<T>,
    /// Where the next part begins; null at the end of the list.
    pub next_cursor: Option<String>,
}

/// A list that is given whole.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListBody<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Always null.
    pub next_cursor: Option<String>,
}

impl<T> ListBody<T> {
    /// All of it.
    #[must_use]
    pub fn of(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }
}
