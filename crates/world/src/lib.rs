//! The world outside a program, as small traits: [`Clock`], [`Random`] and [`Files`].
//!
//! Everything above this floor asks these traits for the time, for randomness and for the disk. The real ones
//! ([`RealClock`], [`RealRandom`], [`RealFiles`]) are thin; the simulated ones ([`sim`]) run on a seed, so that
//! a failure found once is found again: virtual time, and a disk that loses, tears and reorders what was not
//! synced.
//!
//! This crate knows nothing else: no journal, no actor, no async runtime.

mod clock;
mod files;
mod full_disk;
mod planted;
mod random;
mod real_files;
pub mod sim;

use std::sync::Arc;

pub use clock::{Clock, RealClock};
pub use files::{File, Files, Lock, OpenMode, Space};
pub use full_disk::is_full;
pub use planted::Bug;
pub use random::{Random, RealRandom, uuid_v7};
pub use real_files::RealFiles;

/// The three traits in one value that is cheap to clone and to hand down.
#[derive(Clone)]
pub struct World {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness, for ids, salts and jitter.
    pub random: Arc<dyn Random>,
    /// The disk.
    pub files: Arc<dyn Files>,
}

impl World {
    /// The operating system's clock, randomness and files.
    pub fn real() -> Self {
        Self { clock: Arc::new(RealClock::new()), random: Arc::new(RealRandom), files: Arc::new(RealFiles) }
    }

    /// A fresh id that sorts by time: see [`uuid_v7`].
    pub fn uuid_v7(&self) -> uuid::Uuid {
        uuid_v7(&*self.clock, &*self.random)
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("World")
    }
}
