//! The lists of workflows and of templates: those changed last come first.

use std::sync::Arc;

use ghostlight_model::definitions::workflow::{VersionHead, WorkflowState};
use ghostlight_model::ids::Name;

use super::words::{ListError, WorkflowFilter, WorkflowSummary};
use super::{Catalogue, Shelf};
use crate::ledger::blocking;
use crate::views::{PAGE_ROWS_MAX, Page, PageOf, QueryError};

impl Catalogue {
    /// A page of workflows, those changed last first. A workflow that is changed between two pages may appear on both.
    ///
    /// # Errors
    /// [`ListError`].
    pub async fn list(
        &self,
        filter: WorkflowFilter,
        page: Page,
    ) -> Result<PageOf<WorkflowSummary>, ListError> {
        let (rows, next) = self.inner.shelf.rows(&filter, &page)?;
        let inner = self.inner.clone();
        // Descriptions stand in the documents, which may have to be read.
        let items = blocking(move || {
            let described = rows.iter().filter_map(|(name, state)| {
                // A list is not refused because one document cannot be read: it is shown without its description.
                let description = inner.compiled(name, state.latest()?).map(|it| it.description.clone());
                summary(name, state, description.unwrap_or_default())
            });
            Ok(described.collect())
        });
        Ok(PageOf { items: items.await?, next })
    }
}

impl Shelf {
    /// A page of names and what is known of them, and where the next page begins.
    pub(crate) fn rows(
        &self,
        filter: &WorkflowFilter,
        page: &Page,
    ) -> Result<(Rows, Option<String>), QueryError> {
        if page.limit == 0 || page.limit > PAGE_ROWS_MAX {
            return Err(QueryError::LimitOutOfRange { limit: page.limit });
        }
        let bound_to = bound_to(self.kind().word(), filter);
        let before = page.cursor.as_deref().map(|cursor| place(cursor, bound_to)).transpose()?;
        let q = filter.q.as_deref().unwrap_or_default().to_lowercase();
        let wanted = |(name, state): &(Name, Arc<WorkflowState>)| {
            let shown = filter.with_deleted || !state.is_deleted();
            shown
                && filter.visibility.takes(state)
                && name.as_str().contains(&q)
                && before.is_none_or(|before| state.sequence() < before)
        };
        let mut rows: Rows = self.all().into_iter().filter(wanted).collect();
        rows.sort_by_key(|(_, state)| std::cmp::Reverse(state.sequence()));
        let more = rows.len() > usize::from(page.limit);
        rows.truncate(usize::from(page.limit));
        let last = rows.last().filter(|_| more).map(|(_, state)| state.sequence());
        Ok((rows, last.map(|sequence| format!("1{bound_to:016x}{sequence:016x}"))))
    }
}

impl Shelf {
    /// A page of the heads of all versions of one name, the newest first; `None` when there is none of that name.
    pub(crate) fn versions(
        &self,
        name: &Name,
        page: &Page,
    ) -> Result<Option<PageOf<VersionHead>>, QueryError> {
        if page.limit == 0 || page.limit > PAGE_ROWS_MAX {
            return Err(QueryError::LimitOutOfRange { limit: page.limit });
        }
        let Some(state) = self.state(name) else { return Ok(None) };
        let bound_to = hash_of(&format!("versions of {} {name}", self.kind().word()));
        let before = page.cursor.as_deref().map(|cursor| place(cursor, bound_to)).transpose()?;
        let older = state.versions().iter().rev().filter(|head| before.is_none_or(|it| head.version < it));
        let items: Vec<VersionHead> = older.take(usize::from(page.limit)).cloned().collect();
        let last = items.last().map(|head| head.version).filter(|version| *version > 1);
        Ok(Some(PageOf { items, next: last.map(|version| format!("1{bound_to:016x}{version:016x}")) }))
    }
}

pub(crate) type Rows = Vec<(Name, Arc<WorkflowState>)>;

pub(crate) fn summary(name: &Name, state: &WorkflowState, description: String) -> Option<WorkflowSummary> {
    let (first, latest) = (state.versions().first()?, state.latest()?);
    Some(WorkflowSummary {
        name: name.clone(),
        description,
        version: latest.version,
        hash: latest.hash,
        created_at: first.at,
        saved_at: latest.at,
        saved_by: latest.by.clone(),
        message: latest.message.clone(),
        owner: state.owner().map(str::to_owned),
        visibility: state.visibility(),
        deleted: state.is_deleted(),
    })
}

/// What a cursor is bound to: the first eight bytes of the hash over the filter.
fn bound_to(word: &str, filter: &WorkflowFilter) -> u64 {
    hash_of(&format!("{word}s {filter:?}"))
}

fn hash_of(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_be_bytes(first)
}

/// The sequence before which the page begins.
fn place(cursor: &str, bound_to: u64) -> Result<u64, QueryError> {
    let digits = cursor
        .strip_prefix('1')
        .filter(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()));
    let (filter, sequence) = digits.ok_or(QueryError::CursorMalformed)?.split_at(16);
    let number = |text| u64::from_str_radix(text, 16).map_err(|_| QueryError::CursorMalformed);
    if number(filter)? == bound_to { number(sequence) } else { Err(QueryError::CursorOfAnotherFilter) }
}
