//! Reading a page: newest first along one index, with a bounded number of rows looked at.

use ghostlight_store::views::{Range, ViewName, Views};
use uuid::Uuid;

use super::error::ViewError;
use super::projection::{Projection, ROW, id_of, member_key, row_key};

/// The most rows that one page looks at. A filter that matches few of them gives a short page and a cursor.
pub(super) const SCAN_ROWS_MAX: usize = 500;
/// How many rows are read from the store at a time.
const CHUNK_ROWS: usize = 100;

/// What to read.
pub(super) struct Scan {
    /// The group to go along; none for all rows.
    pub group: Option<bytes::Bytes>,
    /// Ids below this one, exclusively: the end of the page before, or the newest id that can match.
    pub below: Option<Uuid>,
    /// The oldest id that can match.
    pub oldest: Option<Uuid>,
    /// How many rows the page has.
    pub limit: usize,
}

/// A page, and the id behind which the next one begins.
pub(super) type Found<R> = (Vec<R>, Option<Uuid>);

/// Reads the page of rows that `accept` takes.
pub(super) fn page<P: Projection>(
    views: &dyn Views,
    view: &ViewName,
    scan: &Scan,
    accept: impl Fn(&P::Row) -> bool,
) -> Result<Found<P::Row>, ViewError> {
    let prefix = scan.group.clone().unwrap_or_else(|| bytes::Bytes::from_static(&[ROW]));
    let mut after = scan.below.map(|id| member_key(&prefix, id));
    let mut items: Vec<P::Row> = Vec::with_capacity(scan.limit);
    let mut last_returned = None;
    let mut looked_at = 0;
    loop {
        let range = Range { prefix: prefix.clone(), after: after.take(), limit: CHUNK_ROWS, reverse: true };
        let chunk = views.range(view, &range)?;
        let is_last = chunk.len() < CHUNK_ROWS;
        for entry in &chunk {
            let Some(id) = id_of(&entry.key) else { continue };
            if scan.oldest.is_some_and(|oldest| id < oldest) {
                return Ok((items, None));
            }
            let row = match &scan.group {
                None => Some(decode::<P>(&entry.value)?),
                Some(_) => get::<P>(views, view, id)?,
            };
            looked_at += 1;
            // What the index said may have changed since it was read: the row decides.
            if let Some(row) = row.filter(&accept) {
                if items.len() == scan.limit {
                    return Ok((items, last_returned));
                }
                items.push(row);
                last_returned = Some(id);
            }
            if looked_at >= SCAN_ROWS_MAX {
                return Ok((items, Some(id)));
            }
        }
        match chunk.last() {
            Some(entry) if !is_last => after = Some(entry.key.clone()),
            Some(_) | None => return Ok((items, None)),
        }
    }
}

/// One row.
pub(super) fn get<P: Projection>(
    views: &dyn Views,
    view: &ViewName,
    id: Uuid,
) -> Result<Option<P::Row>, ViewError> {
    views.get(view, &row_key(id))?.map(|value| decode::<P>(&value)).transpose()
}

/// Reads a row's bytes.
pub(super) fn decode<P: Projection>(value: &[u8]) -> Result<P::Row, ViewError> {
    postcard::from_bytes(value).map_err(|_| ViewError::Damaged { view: P::KIND })
}
