//! What has been applied and is not yet written: it is read before sled, and handed to the writer as a flight.
//!
//! While a flight is under way its rows stay readable here, so a reader who holds the overlay's lock sees each row
//! exactly once, whether the flight has landed or not. Rows of one key that arrive between two flights coalesce.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::keys::ViewHeader;
use super::merge::Source;
use crate::snapshots::Snapshot;
use crate::views::ViewBatch;

/// What an entry of an ordered map costs beyond its key and value, roughly.
pub(super) const ENTRY_OVERHEAD_BYTES: usize = 96;

type Rows = BTreeMap<Bytes, Option<Bytes>>;

/// The unwritten changes of one view.
pub(super) struct ViewOverlay {
    header: ViewHeader,
    /// The generation whose header sled has; nothing for a view that was never written.
    landed: Option<u32>,
    dirty: bool,
    pending: Rows,
    pending_bytes: usize,
    flight: Option<Arc<ViewFlight>>,
    may_have_stale_rows: bool,
}

/// Changes of one view that are being written together.
pub(super) struct ViewFlight {
    pub header: ViewHeader,
    pub rows: Rows,
    /// What landing it gives back.
    pub bytes: usize,
}

impl ViewOverlay {
    /// A view that sled holds.
    pub fn of_existing(header: ViewHeader) -> Self {
        Self { landed: Some(header.generation), may_have_stale_rows: true, ..Self::of_new(header.format) }
            .with_header(header)
    }

    /// A view that sled has never held.
    pub fn of_new(format: u32) -> Self {
        Self {
            header: ViewHeader { format, generation: 1, cursor: 0 },
            landed: None,
            dirty: false,
            pending: Rows::new(),
            pending_bytes: 0,
            flight: None,
            may_have_stale_rows: false,
        }
    }

    fn with_header(self, header: ViewHeader) -> Self {
        Self { header, ..self }
    }

    pub fn header(&self) -> ViewHeader {
        self.header
    }

    /// Takes a batch that was checked; returns the bytes it adds and the bytes it replaces.
    pub fn apply(&mut self, batch: ViewBatch) -> (usize, usize) {
        let (mut added, mut replaced) = (0, 0);
        self.header.cursor = batch.cursor();
        self.dirty = true;
        for (key, value) in batch.into_changes() {
            let key_bytes = key.len();
            added += cost(key_bytes, value.as_ref());
            if let Some(old) = self.pending.insert(key, value) {
                replaced += cost(key_bytes, old.as_ref());
            }
        }
        self.pending_bytes = (self.pending_bytes + added).saturating_sub(replaced);
        (added, replaced)
    }

    /// Drops all rows: the next generation begins. Returns the bytes given back.
    pub fn reset(&mut self, format: u32) -> usize {
        let generation = self.header.generation.wrapping_add(1);
        self.header = ViewHeader { format, generation, cursor: 0 };
        self.dirty = true;
        self.pending.clear();
        std::mem::take(&mut self.pending_bytes)
    }

    /// What is known here of a row: its value, or that it was removed; nothing when sled has to be asked.
    pub fn get(&self, key: &[u8]) -> Option<Option<Bytes>> {
        let in_flight = || self.current_flight().and_then(|flight| flight.rows.get(key));
        self.pending.get(key).or_else(in_flight).cloned()
    }

    /// The rows within `bounds`, the newest source first. The lower bound must not be above the upper one.
    pub fn sources<E: 'static>(
        &self,
        bounds: &(Bound<Bytes>, Bound<Bytes>),
        reverse: bool,
    ) -> Vec<Source<'_, E>> {
        let layers = [Some(&self.pending), self.current_flight().map(|flight| &flight.rows)];
        layers.into_iter().flatten().map(|rows| source(rows, bounds, reverse)).collect()
    }

    /// A flight of another generation holds rows that were dropped since.
    fn current_flight(&self) -> Option<&ViewFlight> {
        self.flight.as_deref().filter(|flight| flight.header.generation == self.header.generation)
    }

    /// Hands over what waits to be written. Only one flight is under way at a time.
    pub fn take_flight(&mut self) -> Option<Arc<ViewFlight>> {
        if !self.dirty || self.flight.is_some() {
            return None;
        }
        self.dirty = false;
        let rows = std::mem::take(&mut self.pending);
        let bytes = std::mem::take(&mut self.pending_bytes);
        let flight = Arc::new(ViewFlight { header: self.header, rows, bytes });
        self.flight = Some(flight.clone());
        Some(flight)
    }

    /// The flight is written: sled can be asked for its rows.
    pub fn landed(&mut self) {
        let Some(flight) = self.flight.take() else { return };
        let generation = flight.header.generation;
        self.may_have_stale_rows |= self.landed.is_some_and(|before| before != generation);
        self.landed = Some(generation);
    }

    /// The generation below which sled may hold rows that nobody can read any more.
    pub fn stale_below(&self) -> Option<u32> {
        self.landed.filter(|_| self.may_have_stale_rows)
    }

    /// No rows of generations below `generation` are left.
    pub fn swept(&mut self, generation: u32) {
        self.may_have_stale_rows &= self.landed != Some(generation);
    }
}

fn cost(key_bytes: usize, value: Option<&Bytes>) -> usize {
    ENTRY_OVERHEAD_BYTES + key_bytes + value.map_or(0, Bytes::len)
}

fn source<'a, E: 'static>(
    rows: &'a Rows,
    bounds: &(Bound<Bytes>, Bound<Bytes>),
    reverse: bool,
) -> Source<'a, E> {
    let rows = rows.range(bounds.clone()).map(|(key, value)| Ok((key.clone(), value.clone())));
    if reverse { Box::new(rows.rev()) } else { Box::new(rows) }
}

/// Snapshots to write, or to remove (`None`), by stream.
pub(super) type SnapshotChanges = BTreeMap<String, Option<Snapshot>>;

/// The unwritten snapshots.
#[derive(Default)]
pub(super) struct SnapshotOverlay {
    pending: SnapshotChanges,
    pending_bytes: usize,
    flight: Option<Arc<SnapshotChanges>>,
    flight_bytes: usize,
}

impl SnapshotOverlay {
    /// Everything that waits here, in bytes.
    pub fn bytes(&self) -> usize {
        self.pending_bytes + self.flight_bytes
    }

    pub fn put(&mut self, stream: &str, change: Option<Snapshot>) {
        let cost =
            |change: &Option<Snapshot>| cost(stream.len(), change.as_ref().map(|snapshot| &snapshot.bytes));
        self.pending_bytes += cost(&change);
        if let Some(old) = self.pending.insert(stream.to_owned(), change) {
            self.pending_bytes = self.pending_bytes.saturating_sub(cost(&old));
        }
    }

    /// What is known here of a stream's snapshot; nothing when sled has to be asked.
    pub fn get(&self, stream: &str) -> Option<Option<Snapshot>> {
        let in_flight = || self.flight.as_ref().and_then(|flight| flight.get(stream));
        self.pending.get(stream).or_else(in_flight).cloned()
    }

    pub fn take_flight(&mut self) -> Option<Arc<SnapshotChanges>> {
        if self.pending.is_empty() || self.flight.is_some() {
            return None;
        }
        let flight = Arc::new(std::mem::take(&mut self.pending));
        self.flight_bytes = std::mem::take(&mut self.pending_bytes);
        self.flight = Some(flight.clone());
        Some(flight)
    }

    pub fn landed(&mut self) {
        self.flight = None;
        self.flight_bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay_with_a_row_in_flight() -> ViewOverlay {
        let mut overlay = ViewOverlay::of_new(1);
        let mut batch = ViewBatch::new(0, 1);
        batch.put("a", "1");
        overlay.apply(batch);
        assert!(overlay.take_flight().is_some());
        overlay
    }

    #[test]
    fn rows_in_flight_are_read_until_they_land() {
        let mut overlay = overlay_with_a_row_in_flight();
        assert_eq!(overlay.get(b"a"), Some(Some(Bytes::from("1"))));
        overlay.landed();
        assert_eq!(overlay.get(b"a"), None);
    }

    #[test]
    fn rows_in_flight_are_gone_once_the_view_is_reset() {
        let mut overlay = overlay_with_a_row_in_flight();
        overlay.reset(1);
        assert_eq!(overlay.get(b"a"), None);
        let everything = (Bound::Unbounded, Bound::Unbounded);
        let left = overlay.sources::<()>(&everything, false).into_iter().flatten().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_reset_during_a_flight_is_written_by_the_next_one_and_the_old_rows_are_swept() {
        let mut overlay = overlay_with_a_row_in_flight();
        overlay.reset(2);
        assert!(overlay.take_flight().is_none(), "one flight at a time");
        overlay.landed();
        assert_eq!(overlay.stale_below(), None, "the header that sled has still names these rows");
        let next = overlay.take_flight().map(|flight| flight.header);
        assert_eq!(next, Some(ViewHeader { format: 2, generation: 2, cursor: 0 }));
        overlay.landed();
        assert_eq!(overlay.stale_below(), Some(2));
        overlay.swept(2);
        assert_eq!(overlay.stale_below(), None);
    }
}
