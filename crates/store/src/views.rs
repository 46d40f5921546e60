//! Views: ordered rows that lists and searches read, folded from the journal and never the truth.
//!
//! A view is a namespace of rows (key bytes to small value bytes, in the order of the keys) and a **cursor**, the
//! global sequence of the last event folded into them. Promises: rows and cursor move together, so that a view is
//! never ahead of or behind its rows, whatever crashes; a batch that does not follow on the cursor is refused; a
//! view of another format number is dropped and begins again at 0. Leaves to others: the folding, and following
//! the journal from the cursor that [`Views::begin`] returns.

use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

#[cfg(test)]
pub(crate) mod conformance;
mod memory;

pub use memory::MemoryViews;

/// The longest key of a row, in bytes.
pub const ROW_KEY_BYTES_MAX: usize = 512;
/// The largest value of a row, in bytes. sled moves pages of large values out of its log into files that it never
/// syncs; rows of this size stay far below that.
pub const ROW_VALUE_BYTES_MAX: usize = 4096;
/// The most bytes of keys and values in one batch.
pub const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The most rows that one [`Views::range`] returns; longer lists are read page by page.
pub const RANGE_ROWS_MAX: usize = 1000;
/// The longest name of a view, in bytes.
pub const VIEW_NAME_BYTES_MAX: usize = 64;

/// Where the rows of views are kept.
///
/// Methods may block on the disk for a page or two (never on a sync). One writer a view is expected; any number of
/// readers.
pub trait Views: Send + Sync {
    /// Begins to use a view whose rows have the layout `format`, and returns its cursor: the caller folds the
    /// events after it. Rows of another format are dropped and the cursor is 0. Errors: [`ViewError::Opening`]
    /// (await [`Views::readiness`] and ask again), [`ViewError::Unavailable`].
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, ViewError>;

    /// The global sequence up to which events are folded into the view. Errors: [`ViewError::NotBegun`],
    /// [`ViewError::Unavailable`].
    fn cursor(&self, view: &ViewName) -> Result<u64, ViewError>;

    /// One row. Errors as for [`Views::cursor`].
    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, ViewError>;

    /// Rows in the order of their keys (or against it), a page at a time. Errors as for [`Views::cursor`].
    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, ViewError>;

    /// Applies a batch: its rows and its cursor, or nothing. It can be read when this returns, and is durable when
    /// the backend pleases. Errors: [`ViewError::Conflict`] when the batch does not follow on the view's cursor,
    /// [`ViewError::Lagging`], [`ViewError::TooLarge`], and as for [`Views::cursor`].
    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), ViewError>;

    /// Drops all rows of the view and sets its cursor to 0. Errors as for [`Views::cursor`].
    fn reset(&self, view: &ViewName) -> Result<(), ViewError>;

    /// Whether the backend can be used; the receiver is told of every change.
    fn readiness(&self) -> watch::Receiver<Readiness>;

    /// Changes each time room may have been made for batches that were refused as [`ViewError::Lagging`].
    fn room(&self) -> watch::Receiver<u64>;
}

/// Whether a backend can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// It is opening in the background: views that are known to be empty can be used, others not yet.
    Opening,
    /// It is open.
    Open,
    /// It could not be opened, or broke later. Open it again; until then lists cannot be answered.
    Failed {
        /// What happened, for the log.
        reason: Arc<str>,
    },
    /// It was closed.
    Closed,
}

/// The name of a view: 1 to [`VIEW_NAME_BYTES_MAX`] of the characters `a-z`, `0-9`, `_`, `-` and `.`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ViewName(Arc<str>);

impl ViewName {
    /// Checks and takes a name. Errors: [`BadViewName`].
    pub fn new(name: &str) -> Result<Self, BadViewName> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
        if name.is_empty() || name.len() > VIEW_NAME_BYTES_MAX || !name.bytes().all(allowed) {
            return Err(BadViewName { name: name.chars().take(VIEW_NAME_BYTES_MAX).collect() });
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ViewName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that is no name of a view.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no name of a view: 1 to 64 of a-z, 0-9, '_', '-' and '.'")]
pub struct BadViewName {
    /// The text, shortened.
    pub name: String,
}

/// One row of a view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its key, without the view's name.
    pub key: Bytes,
    /// Its value.
    pub value: Bytes,
}

/// Which rows to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Range {
    /// Only keys that begin with these bytes; empty for all.
    pub prefix: Bytes,
    /// Only keys strictly beyond this one in the direction of reading: the last key of the page before.
    pub after: Option<Bytes>,
    /// The most rows to return; more than [`RANGE_ROWS_MAX`] are never returned.
    pub limit: usize,
    /// From the highest key downwards.
    pub reverse: bool,
}

impl Range {
    /// The limits of this range in key order, or nothing when no key can lie in it. The lower limit is never above
    /// the upper one, as ordered maps demand.
    pub(crate) fn bounds(&self) -> Option<(Bound<Bytes>, Bound<Bytes>)> {
        let end = successor(&self.prefix);
        let mut lower = Bound::Included(self.prefix.clone());
        let mut upper = end.clone().map_or(Bound::Unbounded, Bound::Excluded);
        match &self.after {
            None => {}
            Some(after) if self.reverse => {
                if *after <= self.prefix {
                    return None;
                }
                if end.is_none_or(|end| *after < end) {
                    upper = Bound::Excluded(after.clone());
                }
            }
            Some(after) => {
                if end.is_some_and(|end| *after >= end) {
                    return None;
                }
                if *after >= self.prefix {
                    lower = Bound::Excluded(after.clone());
                }
            }
        }
        Some((lower, upper))
    }

    pub(crate) fn limit_clamped(&self) -> usize {
        self.limit.min(RANGE_ROWS_MAX)
    }
}

/// The first key above every key that begins with `prefix`; nothing when there is none (all bytes are 255).
pub(crate) fn successor(prefix: &[u8]) -> Option<Bytes> {
    let last_raisable = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut key = prefix[..=last_raisable].to_vec();
    key[last_raisable] += 1;
    Some(Bytes::from(key))
}

/// Changes of a view that are made together: rows written and removed, and the cursor they lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewBatch {
    follows: u64,
    cursor: u64,
    bytes: usize,
    changes: Vec<(Bytes, Option<Bytes>)>,
}

impl ViewBatch {
    /// An empty batch that takes the view from the cursor `follows` to `cursor` (not below it: a lower one is taken
    /// as `follows`).
    pub fn new(follows: u64, cursor: u64) -> Self {
        Self { follows, cursor: cursor.max(follows), bytes: 0, changes: Vec::new() }
    }

    /// Writes a row. A later change of the same key in this batch replaces it.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> &mut Self {
        self.push(key.into(), Some(value.into()))
    }

    /// Removes a row, if it is there.
    pub fn delete(&mut self, key: impl Into<Bytes>) -> &mut Self {
        self.push(key.into(), None)
    }

    /// The bytes of all keys and values in the batch.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many changes are in the batch.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether it changes no row (and only moves the cursor).
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The cursor the view must have before.
    pub fn follows(&self) -> u64 {
        self.follows
    }

    /// The cursor the view has after.
    pub fn cursor(&self) -> u64 {
        self.cursor
    }

    pub(crate) fn into_changes(self) -> Vec<(Bytes, Option<Bytes>)> {
        self.changes
    }

    fn push(&mut self, key: Bytes, value: Option<Bytes>) -> &mut Self {
        self.bytes += key.len() + value.as_ref().map_or(0, Bytes::len);
        self.changes.push((key, value));
        self
    }

    /// What every backend checks before it takes the batch. `actual` is the view's cursor.
    pub(crate) fn check(&self, actual: u64) -> Result<(), ViewError> {
        if self.follows != actual {
            return Err(ViewError::Conflict { actual });
        }
        within("batch", self.bytes, BATCH_BYTES_MAX)?;
        for (key, value) in &self.changes {
            within("key", key.len(), ROW_KEY_BYTES_MAX)?;
            within("value", value.as_ref().map_or(0, Bytes::len), ROW_VALUE_BYTES_MAX)?;
        }
        Ok(())
    }
}

fn within(what: &'static str, bytes: usize, max: usize) -> Result<(), ViewError> {
    if bytes > max { Err(ViewError::TooLarge { what, bytes, max }) } else { Ok(()) }
}

/// Why a view could not be read or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// What the view holds is not known yet: await the backend's readiness and ask again.
    #[error("the store of views is still opening")]
    Opening,
    /// The backend is broken or closed: answer that lists are unavailable.
    #[error("the store of views is unavailable: {reason}")]
    Unavailable {
        /// What happened, for the log.
        reason: Arc<str>,
    },
    /// The view was not begun: a bug of the caller.
    #[error("the view {view} was not begun")]
    NotBegun {
        /// The view.
        view: ViewName,
    },
    /// The batch does not follow on the view: fold again from `actual`.
    #[error("the batch does not follow on the view, whose cursor is {actual}")]
    Conflict {
        /// The view's cursor.
        actual: u64,
    },
    /// Too much waits to be written: await [`Views::room`] and apply the batch again.
    #[error("{waiting_bytes} bytes wait to be written to the views")]
    Lagging {
        /// How much waits.
        waiting_bytes: usize,
    },
    /// A key, value or batch exceeds its limit; nothing was applied.
    #[error("a {what} of {bytes} bytes exceeds the limit of {max} bytes")]
    TooLarge {
        /// `key`, `value` or `batch`.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_successor_of_a_prefix_skips_bytes_that_cannot_be_raised() {
        assert_eq!(successor(b"ab").as_deref(), Some(&b"ac"[..]));
        assert_eq!(successor(b"a\xff\xff").as_deref(), Some(&b"b"[..]));
        assert_eq!(successor(b"\xff"), None);
        assert_eq!(successor(b""), None);
    }

    #[test]
    fn a_name_of_a_view_has_one_plain_alphabet() {
        for good in ["runs", "runs.by-state", "a", "v2_0"] {
            assert_eq!(ViewName::new(good).map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Runs", "a\0b", "a/b", &"x".repeat(65)] {
            assert!(ViewName::new(bad).is_err(), "{bad:?}");
        }
    }

    fn short_key() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0u8, 1, 254, 255]), 0..4)
    }

    proptest! {
        /// The bounds hold exactly the keys that the words of `Range` describe, and are always legal for a map.
        #[test]
        fn the_bounds_of_a_range_hold_exactly_its_keys(
            prefix in short_key(), after in prop::option::of(short_key()), key in short_key(), reverse: bool,
        ) {
            let described = key.starts_with(&prefix)
                && after.as_ref().is_none_or(|after| if reverse { key < *after } else { key > *after });
            let range = Range { prefix: prefix.into(), after: after.map(Bytes::from), limit: 1, reverse };
            let map = std::collections::BTreeMap::from([(Bytes::from(key), ())]);
            let found = range.bounds().is_some_and(|bounds| map.range(bounds).next().is_some());
            prop_assert_eq!(found, described);
        }
    }
}
