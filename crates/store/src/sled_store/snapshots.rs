//! [`Snapshots`] on the overlay and sled. The rules stand in [`crate::snapshots`].

use std::sync::Arc;

use super::shared::{Shared, lock};
use crate::snapshots::{NotKept, SNAPSHOT_STREAM_BYTES_MAX, Snapshot, Snapshots, check};

/// A snapshot may be replaced between reading its header and its chunks; then it is read again.
const READS_MAX: usize = 3;

pub(super) struct SledSnapshots(pub Arc<Shared>);

impl Snapshots for SledSnapshots {
    fn put(&self, stream: &str, snapshot: Snapshot) -> Result<(), NotKept> {
        check(stream, &snapshot)?;
        self.0.database().map_err(|_| NotKept::Unavailable)?;
        let mut overlay = lock(&self.0.snapshots);
        let max = self.0.options.overlay_bytes_max;
        let bytes = overlay.bytes() + snapshot.bytes.len();
        // One that is larger than all that may wait is taken beside what does: else it would find no room as long as there is traffic.
        let alone = if snapshot.bytes.len() > max { max } else { 0 };
        if overlay.bytes() > alone && bytes > max {
            self.0.turns.hurry();
            return Err(NotKept::Lagging);
        }
        overlay.put(stream, Some(snapshot));
        if bytes > max / 2 {
            self.0.turns.hurry();
        }
        Ok(())
    }

    fn get(&self, stream: &str, format: u32) -> Option<Snapshot> {
        let database = self.0.database().ok()?;
        let known = lock(&self.0.snapshots).get(stream);
        if let Some(known) = known {
            return known.filter(|snapshot| snapshot.format == format);
        }
        let database = database?;
        let read = || self.0.call(database.read_snapshot(stream, format)).ok().flatten();
        (0..READS_MAX).find_map(|_| read())
    }

    fn forget(&self, stream: &str) {
        // No such snapshot was ever taken. Forgetting is not refused for want of room: it takes little of it.
        if stream.len() <= SNAPSHOT_STREAM_BYTES_MAX && self.0.database().is_ok() {
            lock(&self.0.snapshots).put(stream, None);
        }
    }
}
