//! [`Views`] on the overlay and sled. The rules stand in [`crate::views`].

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use sled::IVec;
use tokio::sync::watch;

use super::database::{Database, Fault, guarded};
use super::keys;
use super::merge::{Source, merge};
use super::overlay::{ENTRY_OVERHEAD_BYTES, ViewOverlay};
use super::shared::{Shared, read, write};
use crate::views::{Range, Readiness, Row, ViewBatch, ViewError, ViewName, Views, successor};

pub(super) struct SledViews(pub Arc<Shared>);

impl Views for SledViews {
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, ViewError> {
        let overlay = self.0.begin(view, format)?;
        let mut overlay = write(&overlay);
        if overlay.header().format != format {
            self.0.waits(0, overlay.reset(format));
        }
        Ok(overlay.header().cursor)
    }

    fn cursor(&self, view: &ViewName) -> Result<u64, ViewError> {
        let overlay = self.0.begun(view)?;
        self.0.database()?;
        Ok(read(&overlay).header().cursor)
    }

    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        let overlay = self.0.begun(view)?;
        let overlay = read(&overlay);
        let database = self.0.database()?;
        match (overlay.get(key), database) {
            (Some(known), _) => Ok(known),
            (None, None) => Ok(None),
            (None, Some(database)) => {
                let key = keys::view_row(view, overlay.header().generation, key);
                let found = self.0.call(guarded(|| database.views.get(key)))?;
                Ok(found.map(|value| Bytes::copy_from_slice(&value)))
            }
        }
    }

    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, ViewError> {
        let overlay = self.0.begun(view)?;
        let overlay = read(&overlay);
        let database = self.0.database()?;
        match range.bounds() {
            None => Ok(Vec::new()),
            Some(bounds) => self.0.call(merged(&overlay, database.as_ref(), view, range, &bounds)),
        }
    }

    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), ViewError> {
        let overlay = self.0.begun(view)?;
        let mut overlay = write(&overlay);
        self.0.database()?;
        batch.check(overlay.header().cursor)?;
        self.0.admit(batch.bytes() + batch.len() * ENTRY_OVERHEAD_BYTES)?;
        let (added, replaced) = overlay.apply(batch);
        self.0.waits(added, replaced);
        Ok(())
    }

    fn reset(&self, view: &ViewName) -> Result<(), ViewError> {
        let overlay = self.0.begun(view)?;
        let mut overlay = write(&overlay);
        self.0.database()?;
        let format = overlay.header().format;
        self.0.waits(0, overlay.reset(format));
        Ok(())
    }

    fn readiness(&self) -> watch::Receiver<Readiness> {
        self.0.readiness()
    }

    fn room(&self) -> watch::Receiver<u64> {
        self.0.room()
    }
}

/// The rows of the overlay over those of the database.
fn merged(
    overlay: &ViewOverlay,
    database: Option<&Database>,
    view: &ViewName,
    range: &Range,
    bounds: &(Bound<Bytes>, Bound<Bytes>),
) -> Result<Vec<Row>, Fault> {
    guarded(|| {
        let mut sources = overlay.sources(bounds, range.reverse);
        let rows = keys::view_rows(view, overlay.header().generation);
        sources.extend(database.map(|database| stored(database, &rows, range.reverse, bounds)));
        merge(sources, range.reverse, range.limit_clamped())
    })
}

/// The rows in the database whose keys begin with `rows`, without that beginning.
fn stored<'a>(
    database: &Database,
    rows: &[u8],
    reverse: bool,
    (lower, upper): &(Bound<Bytes>, Bound<Bytes>),
) -> Source<'a, sled::Error> {
    let within = |key: &Bytes| [rows, key].concat();
    let lower = lower.as_ref().map(within);
    let upper = match upper.as_ref().map(within) {
        Bound::Unbounded => successor(rows).map_or(Bound::Unbounded, |end| Bound::Excluded(end.to_vec())),
        bound => bound,
    };
    let beginning = rows.len();
    let item = move |entry: sled::Result<(IVec, IVec)>| {
        let (key, value) = entry?;
        Ok((Bytes::copy_from_slice(&key[beginning..]), Some(Bytes::copy_from_slice(&value))))
    };
    let entries = database.views.range::<Vec<u8>, _>((lower, upper));
    if reverse { Box::new(entries.rev().map(item)) } else { Box::new(entries.map(item)) }
}
