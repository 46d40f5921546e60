//! Snapshots in memory: for tests and simulations of what is built on snapshots.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{NotKept, Snapshot, Snapshots, check};

/// [`Snapshots`] in a map, which grows with the number of streams.
#[derive(Default)]
pub struct MemorySnapshots {
    kept: Mutex<BTreeMap<String, Snapshot>>,
}

impl MemorySnapshots {
    /// A backend without snapshots.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Snapshot>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Snapshots for MemorySnapshots {
    fn put(&self, stream: &str, snapshot: Snapshot) -> Result<(), NotKept> {
        check(stream, &snapshot)?;
        self.kept().insert(stream.to_owned(), snapshot);
        Ok(())
    }

    fn get(&self, stream: &str, format: u32) -> Option<Snapshot> {
        self.kept().get(stream).filter(|snapshot| snapshot.format == format).cloned()
    }

    fn forget(&self, stream: &str) {
        self.kept().remove(stream);
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn snapshots_in_memory_conform() {
        crate::snapshots::conformance::check_all(super::MemorySnapshots::new, |_| {});
    }
}
