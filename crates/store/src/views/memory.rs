//! Views in memory: for tests and simulations of what is built on views, and the model that the sled
//! implementation is compared with.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::watch;

use super::{Range, Readiness, Row, ViewBatch, ViewError, ViewName, Views};

/// [`Views`] in maps.
pub struct MemoryViews {
    views: Mutex<BTreeMap<ViewName, View>>,
    readiness: watch::Sender<Readiness>,
    room: watch::Sender<u64>,
}

#[derive(Default)]
struct View {
    format: u32,
    cursor: u64,
    rows: BTreeMap<Bytes, Bytes>,
}

impl MemoryViews {
    /// A backend without views.
    pub fn new() -> Self {
        let (readiness, room) = (watch::Sender::new(Readiness::Open), watch::Sender::new(0));
        Self { views: Mutex::default(), readiness, room }
    }

    fn views(&self) -> MutexGuard<'_, BTreeMap<ViewName, View>> {
        self.views.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, view: &ViewName, act: impl FnOnce(&mut View) -> T) -> Result<T, ViewError> {
        self.views().get_mut(view).map(act).ok_or_else(|| ViewError::NotBegun { view: view.clone() })
    }
}

impl Default for MemoryViews {
    fn default() -> Self {
        Self::new()
    }
}

impl Views for MemoryViews {
    fn begin(&self, view: &ViewName, format: u32) -> Result<u64, ViewError> {
        let mut views = self.views();
        let known = views.entry(view.clone()).or_default();
        if known.format != format {
            *known = View { format, ..View::default() };
        }
        Ok(known.cursor)
    }

    fn cursor(&self, view: &ViewName) -> Result<u64, ViewError> {
        self.with(view, |view| view.cursor)
    }

    fn get(&self, view: &ViewName, key: &[u8]) -> Result<Option<Bytes>, ViewError> {
        self.with(view, |view| view.rows.get(key).cloned())
    }

    fn range(&self, view: &ViewName, range: &Range) -> Result<Vec<Row>, ViewError> {
        self.with(view, |view| {
            let Some(bounds) = range.bounds() else { return Vec::new() };
            let rows =
                view.rows.range(bounds).map(|(key, value)| Row { key: key.clone(), value: value.clone() });
            if range.reverse {
                rows.rev().take(range.limit_clamped()).collect()
            } else {
                rows.take(range.limit_clamped()).collect()
            }
        })
    }

    fn apply(&self, view: &ViewName, batch: ViewBatch) -> Result<(), ViewError> {
        self.with(view, |view| {
            batch.check(view.cursor)?;
            view.cursor = batch.cursor();
            for (key, value) in batch.into_changes() {
                match value {
                    Some(value) => view.rows.insert(key, value),
                    None => view.rows.remove(&key),
                };
            }
            Ok(())
        })?
    }

    fn reset(&self, view: &ViewName) -> Result<(), ViewError> {
        self.with(view, |view| *view = View { format: view.format, ..View::default() })
    }

    fn readiness(&self) -> watch::Receiver<Readiness> {
        self.readiness.subscribe()
    }

    fn room(&self) -> watch::Receiver<u64> {
        self.room.subscribe()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn views_in_memory_conform() {
        crate::views::conformance::check_all(super::MemoryViews::new);
    }
}
