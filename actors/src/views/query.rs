//! What may be asked of a list: filters, pages, and the opaque cursor that ties one page to the next.
//!
//! A cursor is the place where the last page ended, bound to the filter it was made for: with another filter it would
//! silently skip or repeat rows, so it is refused.

use ghostlight_model::event::{PauseReason, WaitReason};
use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::run::RunStatus;
use ghostlight_model::workflow::Risk;
use jiff::Timestamp;
use uuid::Uuid;

use super::rows::ApprovalStatus;

/// The most rows of a page.
pub const PAGE_ROWS_MAX: u16 = 200;
/// The rows of a page when nobody says.
pub const PAGE_ROWS_DEFAULT: u16 = 50;
/// The most labels that one filter may name.
pub const FILTER_LABELS_MAX: usize = 8;

/// Which runs. All conditions given must hold; of a condition with several values, one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Of one of these statuses; empty: of any.
    pub statuses: Vec<RunStatus>,
    /// With a step that waits for one of these, which are of [`WAITS`](super::WAITS); empty: whatever they wait for.
    pub waits_for: Vec<WaitReason>,
    /// Paused for one of these reasons; empty: paused or not.
    pub reasons: Vec<PauseReason>,
    /// Started by a step of this run.
    pub parent: Option<RunId>,
    /// Whose id begins so.
    pub begins: Option<IdPrefix>,
    /// Of this workflow.
    pub workflow: Option<Name>,
    /// With all these labels, key and value; at most [`FILTER_LABELS_MAX`].
    pub labels: Vec<(String, String)>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
}

/// The beginning of ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdPrefix {
    lowest: u128,
    highest: u128,
}

impl IdPrefix {
    /// Reads 1 to 32 hexadecimal digits, with hyphens or without; none for anything else.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '-').collect();
        let is_one = (1..=32).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let number = u128::from_str_radix(&digits, 16).ok().filter(|_| is_one)?;
        // Of one digit at least, so that it is not moved out of the id.
        let open_bits = 4 * (32 - digits.len());
        let lowest = number << open_bits;
        Some(Self { lowest, highest: lowest | ((1 << open_bits) - 1) })
    }

    /// Whether this id begins so.
    #[must_use]
    pub fn holds(self, id: Uuid) -> bool {
        (self.lowest..=self.highest).contains(&id.as_u128())
    }

    /// The lowest id that begins so.
    pub(super) fn lowest(self) -> Uuid {
        Uuid::from_u128(self.lowest)
    }

    /// The lowest id behind all that begin so; none when these are the highest that there are.
    pub(super) fn behind(self) -> Option<Uuid> {
        self.highest.checked_add(1).map(Uuid::from_u128)
    }
}

/// Which approvals. All conditions given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// Of this status.
    pub status: Option<ApprovalStatus>,
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this risk.
    pub risk: Option<Risk>,
}

/// Which part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many rows, 1 to [`PAGE_ROWS_MAX`].
    pub limit: u16,
    /// [`PageOf::next`] of the page before.
    pub cursor: Option<String>,
}

impl Default for Page {
    fn default() -> Self {
        Self { limit: PAGE_ROWS_DEFAULT, cursor: None }
    }
}

/// Part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The rows. There may be fewer than asked for, even none, while more follow: one page reads only so much.
    pub items: Vec<T>,
    /// Where the next page begins; none at the end of the list.
    pub next: Option<String>,
}

/// Why a page cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// No cursor of ours.
    #[error("the cursor is not one that this server gave")]
    CursorMalformed,
    /// A cursor of a list with another filter.
    #[error("the cursor belongs to a list with another filter")]
    CursorOfAnotherFilter,
    /// Not 1 to [`PAGE_ROWS_MAX`].
    #[error("a page has 1 to {PAGE_ROWS_MAX} rows, not {limit}")]
    LimitOutOfRange {
        /// What was asked for.
        limit: u16,
    },
    /// More than [`FILTER_LABELS_MAX`].
    #[error("a filter names at most {FILTER_LABELS_MAX} labels, not {count}")]
    TooManyLabels {
        /// How many were named.
        count: usize,
    },
}

/// What a cursor is bound to: the first eight bytes of the hash over the list's name and its filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FilterId([u8; 8]);

impl FilterId {
    pub fn of_runs(filter: &RunFilter) -> Self {
        // The text of a filter is the same in every process of one version, which is as long as a cursor need live.
        Self::of(&format!("runs {filter:?}"))
    }

    pub fn of_approvals(filter: &ApprovalFilter) -> Self {
        Self::of(&format!("approvals {filter:?}"))
    }

    fn of(text: &str) -> Self {
        let hash = blake3::hash(text.as_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&hash.as_bytes()[..8]);
        Self(id)
    }
}

/// The cursor behind the row `last`: version, filter, id, in hex.
pub(super) fn cursor(filter: FilterId, last: Uuid) -> String {
    format!("1{:016x}{:032x}", u64::from_be_bytes(filter.0), last.as_u128())
}

/// The row behind which the page begins.
pub(super) fn last_of(cursor: &str, filter: FilterId) -> Result<Uuid, QueryError> {
    let digits = |from: usize, to: usize| {
        let part = cursor.get(from..to).filter(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()));
        part.ok_or(QueryError::CursorMalformed)
    };
    if cursor.len() != 49 || !cursor.starts_with('1') {
        return Err(QueryError::CursorMalformed);
    }
    let bound_to = u64::from_str_radix(digits(1, 17)?, 16).map_err(|_| QueryError::CursorMalformed)?;
    let last = u128::from_str_radix(digits(17, 49)?, 16).map_err(|_| QueryError::CursorMalformed)?;
    if bound_to != u64::from_be_bytes(filter.0) {
        return Err(QueryError::CursorOfAnotherFilter);
    }
    Ok(Uuid::from_u128(last))
}

/// Checks a page and reads its cursor.
pub(super) fn begin(page: &Page, filter: FilterId) -> Result<(usize, Option<Uuid>), QueryError> {
    if page.limit == 0 || page.limit > PAGE_ROWS_MAX {
        return Err(QueryError::LimitOutOfRange { limit: page.limit });
    }
    let after = page.cursor.as_deref().map(|cursor| last_of(cursor, filter)).transpose()?;
    Ok((usize::from(page.limit), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_is_bound_to_its_filter() {
        let running =
            FilterId::of_runs(&RunFilter { statuses: vec![RunStatus::Running], ..RunFilter::default() });
        let all = FilterId::of_runs(&RunFilter::default());
        let last = Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0001);
        let text = cursor(running, last);
        assert_eq!(last_of(&text, running), Ok(last));
        assert_eq!(last_of(&text, all), Err(QueryError::CursorOfAnotherFilter));
        let of_approvals = FilterId::of_approvals(&ApprovalFilter::default());
        assert_eq!(last_of(&text, of_approvals), Err(QueryError::CursorOfAnotherFilter));
    }

    #[test]
    fn whatever_else_stands_for_a_cursor_is_refused() {
        let all = FilterId::of_runs(&RunFilter::default());
        let bad = [
            "",
            "1",
            "ä",
            &"ä".repeat(25),
            &"+".repeat(49),
            &format!("1+{}", "0".repeat(47)),
            &"2".repeat(49),
        ];
        for text in bad {
            assert_eq!(last_of(text, all), Err(QueryError::CursorMalformed), "{text}");
        }
    }

    #[test]
    fn the_beginning_of_an_id_holds_all_ids_that_begin_so() {
        let id = Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0001);
        let all = id.to_string();
        for length in 1..=all.len() {
            let prefix = IdPrefix::read(&all[..length]).unwrap();
            assert!(prefix.holds(id), "{length}");
        }
        let prefix = IdPrefix::read("01980C0").unwrap();
        assert_eq!(prefix.lowest(), Uuid::from_u128(0x0198_0c00 << 96));
        assert_eq!(prefix.behind(), Some(Uuid::from_u128(0x0198_0c10 << 96)));
        assert_eq!(IdPrefix::read("f").unwrap().behind(), None);
        for none in ["", "-", "x", "+1", "01980c00-0000-7000-8000-0000000000011", "é"] {
            assert_eq!(IdPrefix::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_page_has_1_to_200_rows() {
        let all = FilterId::of_runs(&RunFilter::default());
        for limit in [0, 201] {
            let page = Page { limit, cursor: None };
            assert_eq!(begin(&page, all), Err(QueryError::LimitOutOfRange { limit }));
        }
        assert_eq!(begin(&Page::default(), all), Ok((50, None)));
    }
}
