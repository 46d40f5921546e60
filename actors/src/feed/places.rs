//! Where subscriptions are, for whoever wants to know how far the slowest is behind.
//!
//! Each notes its place when it is given something and when it waits, which is no more than a store into memory. One that is not
//! asked for anything, because its client takes nothing, stays where it was.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places of all subscriptions. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    taken: Arc<Mutex<Taken>>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    reached: BTreeMap<u64, Arc<AtomicU64>>,
}

/// The place of one subscription; it is gone when this is dropped.
pub(super) struct PlaceOf {
    number: u64,
    reached: Arc<AtomicU64>,
    all: Places,
}

impl Places {
    /// A place at this sequence.
    pub fn enter(&self, reached: u64) -> PlaceOf {
        let mut taken = self.lock();
        let (number, reached) = (taken.next, Arc::new(AtomicU64::new(reached)));
        taken.next += 1;
        taken.reached.insert(number, reached.clone());
        PlaceOf { number, reached, all: self.clone() }
    }

    /// How far the one that is furthest behind is behind `head`.
    pub fn slowest_lag(&self, head: u64) -> u64 {
        let slowest = self.lock().reached.values().map(|reached| reached.load(Ordering::Relaxed)).min();
        slowest.map_or(0, |reached| head.saturating_sub(reached))
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PlaceOf {
    /// It is here now.
    pub fn note(&self, reached: u64) {
        self.reached.store(reached, Ordering::Relaxed);
    }
}

impl Drop for PlaceOf {
    fn drop(&mut self) {
        self.all.lock().reached.remove(&self.number);
    }
}
