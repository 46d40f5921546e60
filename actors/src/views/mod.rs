//! Views: what lists and searches read, folded from the journal and never the truth.
//!
//! Each view has one [writer](ViewsHandle::write): it reads the journal from the view's own cursor, then follows it, and folds
//! every record into rows. Rows, index entries, counters and the cursor move together, so that a crash at any moment
//! leaves a view that only has to go on. A view can be dropped and folded again at any time with the same result. A
//! record that cannot be read sets the view aside: its lists are refused, everything else goes on.
//!
//! Reading is the [`ViewsHandle`]'s: lists go newest first along the narrowest index and look at a bounded number of
//! rows per page, so that a page of a million runs costs what a page of a hundred costs. Reads never wake a run.
//!
//! Layout of a view's keys, ids being UUIDv7 so that their order is the order of creation:
//!
//! | key | value |
//! |---|---|
//! | `r` id | the row |
//! | `i` property, value, id | nothing: the row is in the group of that value |
//! | `c` `i` property, value | how many rows are in that group, or what they count in it together, big-endian |
//! | `log` | the id of the log that the view was folded from |

mod approvals;
pub(crate) mod blocking;
mod draft;
mod error;
mod facets;
mod handle;
mod list;
mod numbers;
mod projection;
mod query;
mod rows;
mod runs;
mod status;
mod writer;

#[cfg(test)]
mod number_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::ViewError;
pub use handle::{BEHIND_WAIT_MAX, ViewBehind, ViewsHandle};
pub use numbers::{HISTORY_HOURS_MAX, History, Hour, RunCounts, STATUSES};
pub use query::{
    ApprovalFilter, FILTER_LABELS_MAX, IdPrefix, PAGE_ROWS_DEFAULT, PAGE_ROWS_MAX, Page, PageOf, QueryError,
    RunFilter,
};
pub use rows::{
    ApprovalRow, ApprovalStatus, EndedSteps, Excerpt, LABELS_BYTES_MAX, LABELS_MAX, MESSAGE_BYTES_MAX,
    RunError, RunParent, RunRow, SHOWN_BYTES_MAX, WAITS, WORD_BYTES_MAX,
};
pub use status::{ViewKind, ViewState, ViewStatus};
pub use writer::{WriterEnd, WriterError};
