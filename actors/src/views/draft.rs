//! Folding a stretch of records into one batch: rows, their index entries and the counters, which move together.
//!
//! Rows are read once, folded in memory, and compared with what they were: what differs is written. So a run that went
//! through ten events in one stretch costs one row.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ghostlight_store::Record;
use ghostlight_store::views::{Range, ViewBatch, ViewName, Views};
use uuid::Uuid;

use super::error::ViewError;
use super::handle::count_of;
use super::list;
use super::projection::{Fact, Interest, Projection, counter_key, id_of, member_key, row_key};
use crate::codec;

/// How many rows one batch changes at most. A row with all its index entries is some 8 KiB, so that a batch stays far
/// below what a store of views takes.
const ROWS_MAX: usize = 256;
/// How many rows one record takes out at most.
const DROPPED_MAX: usize = 2_000;

/// A record that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Poison {
    /// Its sequence.
    pub sequence: u64,
    /// Why.
    pub reason: String,
}

/// A stretch of records, folded.
#[derive(Debug)]
pub(super) struct Folded {
    /// What to apply. Its cursor says how far it got.
    pub batch: ViewBatch,
    /// The record behind that cursor, if it is one that cannot be folded.
    pub poison: Option<Poison>,
}

/// A row as it was, and as it is now.
struct Change<R> {
    before: Option<R>,
    now: Option<R>,
}

/// The rows of a stretch of records.
struct Draft<'a, P: Projection> {
    views: &'a dyn Views,
    view: &'a ViewName,
    rows: BTreeMap<Uuid, Change<P::Row>>,
}

/// Folds the records after `cursor`, as many as one batch takes. The first of them must follow on the cursor.
pub(super) fn fold<P: Projection>(
    views: &dyn Views,
    view: &ViewName,
    cursor: u64,
    records: &[Record],
) -> Result<Folded, ViewError> {
    let mut draft = Draft::<P> { views, view, rows: BTreeMap::new() };
    let mut reached = cursor;
    let mut poison = None;
    for record in records.iter().filter(|record| record.sequence > cursor) {
        if draft.rows.len() >= ROWS_MAX {
            break;
        }
        match draft.take(record)? {
            Ok(()) => reached = record.sequence,
            Err(found) => {
                poison = Some(found);
                break;
            }
        }
    }
    Ok(Folded { batch: draft.into_batch(cursor, reached)?, poison })
}

impl<P: Projection> Draft<'_, P> {
    fn take(&mut self, record: &Record) -> Result<Result<(), Poison>, ViewError> {
        if let Some(group) = P::dropped(record) {
            self.drop_group(&group)?;
        }
        let at = codec::time(record);
        match P::interest(record) {
            Interest::None => {}
            Interest::Envelope => self.fold(&Fact { record, event: None, by: None, at })?,
            Interest::Body => match codec::decode(record) {
                Ok(recorded) => {
                    let by = recorded.attribution.by.as_deref();
                    self.fold(&Fact { record, event: Some(&recorded.event), by, at })?;
                }
                Err(error) => {
                    let reason = format!("{} of {}: {error}", record.stream_sequence, record.stream);
                    return Ok(Err(Poison { sequence: record.sequence, reason }));
                }
            },
        }
        Ok(Ok(()))
    }

    fn fold(&mut self, fact: &Fact<'_>) -> Result<(), ViewError> {
        let Some(id) = P::subject(fact) else { return Ok(()) };
        if !self.rows.contains_key(&id) {
            let row = list::get::<P>(self.views, self.view, id)?;
            self.rows.insert(id, Change { before: row.clone(), now: row });
        }
        if let Some(row) = self.rows.get_mut(&id) {
            row.now = P::fold(row.now.take(), fact);
        }
        Ok(())
    }

    /// Takes the rows of a group out, as many as one batch takes; the others stay until the view is folded anew.
    fn drop_group(&mut self, group: &Bytes) -> Result<(), ViewError> {
        let range = Range { prefix: group.clone(), after: None, limit: DROPPED_MAX, reverse: false };
        let stored = self.views.range(self.view, &range)?;
        for id in stored.iter().filter_map(|entry| id_of(&entry.key)) {
            if !self.rows.contains_key(&id) {
                let row = list::get::<P>(self.views, self.view, id)?;
                self.rows.insert(id, Change { before: row.clone(), now: row });
            }
        }
        for change in self.rows.values_mut() {
            if change.now.as_ref().is_some_and(|row| P::groups(row).contains(group)) {
                change.now = None;
            }
        }
        Ok(())
    }

    fn into_batch(self, cursor: u64, reached: u64) -> Result<ViewBatch, ViewError> {
        let mut batch = ViewBatch::new(cursor, reached);
        let mut counts: BTreeMap<Bytes, i64> = BTreeMap::new();
        for (id, Change { before, now }) in self.rows {
            if before == now {
                continue;
            }
            match &now {
                Some(row) => batch.put(row_key(id), encode::<P>(row)?),
                None => batch.delete(row_key(id)),
            };
            let (were, are) = (keys(before.as_ref(), P::groups), keys(now.as_ref(), P::groups));
            for group in were.difference(&are) {
                batch.delete(member_key(group, id));
            }
            for group in are.difference(&were) {
                batch.put(member_key(group, id), Bytes::new());
            }
            for (group, by) in before.as_ref().map(P::counted).unwrap_or_default() {
                *counts.entry(group).or_default() -= i64::from(by);
            }
            for (group, by) in now.as_ref().map(P::counted).unwrap_or_default() {
                *counts.entry(group).or_default() += i64::from(by);
            }
        }
        for (group, change) in counts.into_iter().filter(|(_, change)| *change != 0) {
            let key = counter_key(&group);
            let count = self.views.get(self.view, &key)?.map_or(0, |value| count_of(&value));
            match count.saturating_add_signed(change) {
                0 => batch.delete(key),
                count => batch.put(key, Bytes::copy_from_slice(&count.to_be_bytes())),
            };
        }
        Ok(batch)
    }
}

fn keys<R>(row: Option<&R>, of: impl Fn(&R) -> Vec<Bytes>) -> BTreeSet<Bytes> {
    row.map(of).unwrap_or_default().into_iter().collect()
}

fn encode<P: Projection>(row: &P::Row) -> Result<Vec<u8>, ViewError> {
    postcard::to_stdvec(row).map_err(|_| ViewError::Damaged { view: P::KIND })
}
