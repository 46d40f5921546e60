//! The list of workflows: those changed last come first.

use std::sync::{Arc, PoisonError};

use ghostlight_model::definitions::workflow::WorkflowState;
use ghostlight_model::ids::Name;

use super::words::{ListError, WorkflowFilter, WorkflowSummary};
use super::{Catalogue, Inner};
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
        let (rows, next) = self.rows(&filter, &page)?;
        let inner = self.inner.clone();
        // Descriptions stand in the documents, which may have to be read.
        let items = blocking(move || {
            Ok(rows.iter().filter_map(|(name, state)| inner.summary(name, state)).collect())
        });
        Ok(PageOf { items: items.await?, next })
    }

    fn rows(&self, filter: &WorkflowFilter, page: &Page) -> Result<(Rows, Option<String>), QueryError> {
        if page.limit == 0 || page.limit > PAGE_ROWS_MAX {
            return Err(QueryError::LimitOutOfRange { limit: page.limit });
        }
        let bound_to = bound_to(filter);
        let before = page.cursor.as_deref().map(|cursor| place(cursor, bound_to)).transpose()?;
        let q = filter.q.as_deref().unwrap_or_default().to_lowercase();
        let mut rows: Rows = {
            let heads = self.inner.heads.read().unwrap_or_else(PoisonError::into_inner);
            let wanted = |(name, state): &(&Name, &Arc<WorkflowState>)| {
                let shown = filter.with_deleted || !state.is_deleted();
                shown && name.as_str().contains(&q) && before.is_none_or(|before| state.sequence() < before)
            };
            heads.iter().filter(wanted).map(|(name, state)| (name.clone(), state.clone())).collect()
        };
        rows.sort_by_key(|(_, state)| std::cmp::Reverse(state.sequence()));
        let more = rows.len() > usize::from(page.limit);
        rows.truncate(usize::from(page.limit));
        let last = rows.last().filter(|_| more).map(|(_, state)| state.sequence());
        Ok((rows, last.map(|sequence| format!("1{bound_to:016x}{sequence:016x}"))))
    }
}

type Rows = Vec<(Name, Arc<WorkflowState>)>;

impl Inner {
    fn summary(&self, name: &Name, state: &WorkflowState) -> Option<WorkflowSummary> {
        let (first, latest) = (state.versions().first()?, state.latest()?);
        // A list is not refused because one document cannot be read: it is shown without its description.
        let description = self.compiled(name, latest).map(|workflow| workflow.description.clone());
        Some(WorkflowSummary {
            name: name.clone(),
            description: description.unwrap_or_default(),
            version: latest.version,
            hash: latest.hash,
            created_at: first.at,
            saved_at: latest.at,
            saved_by: latest.by.clone(),
            deleted: state.is_deleted(),
        })
    }
}

/// What a cursor is bound to: the first eight bytes of the hash over the filter.
fn bound_to(filter: &WorkflowFilter) -> u64 {
    let hash = blake3::hash(format!("workflows {filter:?}").as_bytes());
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
