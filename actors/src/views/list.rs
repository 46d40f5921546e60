//! Reading a page: newest first along one index, or along several at once, with a bounded number of rows looked at.

use std::collections::VecDeque;

use bytes::Bytes;
use ghostlight_store::views::{Range, Row, ViewName, Views};
use uuid::Uuid;

use super::error::ViewError;
use super::projection::{Projection, ROW, id_of, member_key, row_key};

/// The most rows that one page looks at. A filter that matches few of them gives a short page and a cursor.
pub(super) const SCAN_ROWS_MAX: usize = 500;
/// How many rows are read from the store at a time.
const CHUNK_ROWS: usize = 100;

/// What to read.
pub(super) struct Scan {
    /// The groups to go along, each row of any of them once; none for all rows.
    pub groups: Vec<Bytes>,
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
    let mut walk = Walk::along(views, view, scan);
    let mut items: Vec<P::Row> = Vec::with_capacity(scan.limit);
    let mut last_returned = None;
    let mut looked_at = 0;
    while let Some((id, value)) = walk.next()? {
        if scan.oldest.is_some_and(|oldest| id < oldest) {
            return Ok((items, None));
        }
        let row = match scan.groups.is_empty() {
            true => Some(decode::<P>(&value)?),
            false => get::<P>(views, view, id)?,
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
    Ok((items, None))
}

/// The way along the groups of a scan: ids in falling order, each once, with what stands under its key.
struct Walk<'a> {
    views: &'a dyn Views,
    view: &'a ViewName,
    lanes: Vec<Lane>,
}

/// The way along one group.
struct Lane {
    prefix: Bytes,
    /// The last key that was read, or where to begin.
    after: Option<Bytes>,
    read: VecDeque<(Uuid, Bytes)>,
    is_at_end: bool,
}

impl<'a> Walk<'a> {
    fn along(views: &'a dyn Views, view: &'a ViewName, scan: &Scan) -> Self {
        let all = Bytes::from_static(&[ROW]);
        let prefixes = if scan.groups.is_empty() { vec![all] } else { scan.groups.clone() };
        let lane = |prefix: Bytes| Lane {
            after: scan.below.map(|id| member_key(&prefix, id)),
            prefix,
            read: VecDeque::new(),
            is_at_end: false,
        };
        Self { views, view, lanes: prefixes.into_iter().map(lane).collect() }
    }

    fn next(&mut self) -> Result<Option<(Uuid, Bytes)>, ViewError> {
        for lane in &mut self.lanes {
            lane.fill(self.views, self.view)?;
        }
        let heads = self.lanes.iter().filter_map(|lane| lane.read.front());
        let Some(newest) = heads.map(|(id, _)| *id).max() else { return Ok(None) };
        // A row may be in several groups.
        let mut found = None;
        for lane in &mut self.lanes {
            if lane.read.front().is_some_and(|(id, _)| *id == newest) {
                found = lane.read.pop_front();
            }
        }
        Ok(found)
    }
}

impl Lane {
    /// Reads on when nothing is left of what was read.
    fn fill(&mut self, views: &dyn Views, view: &ViewName) -> Result<(), ViewError> {
        while self.read.is_empty() && !self.is_at_end {
            let (prefix, after) = (self.prefix.clone(), self.after.take());
            let chunk = views.range(view, &Range { prefix, after, limit: CHUNK_ROWS, reverse: true })?;
            self.is_at_end = chunk.len() < CHUNK_ROWS;
            self.after = chunk.last().map(|entry| entry.key.clone());
            self.read.extend(chunk.into_iter().filter_map(|Row { key, value }| Some((id_of(&key)?, value))));
        }
        Ok(())
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
