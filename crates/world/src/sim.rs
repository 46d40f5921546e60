//! A world that runs on a seed: virtual time, repeatable randomness, and a disk that can be cut off.

mod disk;
mod files;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use crate::{Clock, Random, World};
pub use files::{Fault, SimFiles};

/// The three simulated parts, kept typed so that a test can turn their screws, and as a [`World`].
#[derive(Clone)]
pub struct SimWorld {
    /// Virtual time.
    pub clock: Arc<SimClock>,
    /// Randomness from the seed.
    pub random: Arc<SimRandom>,
    /// The disk.
    pub files: Arc<SimFiles>,
}

impl SimWorld {
    /// A world in which everything follows from `seed` and from the order of the calls.
    pub fn new(seed: u64) -> Self {
        Self {
            clock: Arc::new(SimClock::new()),
            random: Arc::new(SimRandom::new(seed)),
            files: Arc::new(SimFiles::new(seed)),
        }
    }

    /// The same parts behind the traits.
    pub fn world(&self) -> World {
        World { clock: self.clock.clone(), random: self.random.clone(), files: self.files.clone() }
    }
}

/// A clock that stands still until it is told to go on.
#[derive(Debug)]
pub struct SimClock {
    wall_us: Mutex<i64>,
    monotonic_us: AtomicU64,
}

/// 2026-01-01T00:00:00Z, where every simulation begins.
const BEGIN_US: i64 = 1_767_225_600_000_000;

impl SimClock {
    /// A clock at the beginning of 2026.
    pub fn new() -> Self {
        Self { wall_us: Mutex::new(BEGIN_US), monotonic_us: AtomicU64::new(0) }
    }

    /// Lets time pass, on both clocks.
    pub fn advance(&self, by: Duration) {
        let micros = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.monotonic_us.fetch_add(micros, Ordering::SeqCst);
        self.jump(i64::try_from(micros).unwrap_or(i64::MAX));
    }

    /// Turns the wall clock alone, forward or back, as an administrator or NTP does.
    pub fn jump(&self, by_us: i64) {
        let mut wall = self.wall_us.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *wall = wall.saturating_add(by_us);
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let wall = *self.wall_us.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Timestamp::from_microsecond(wall).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_us.load(Ordering::SeqCst))
    }
}

/// Randomness that repeats itself from a seed. Never for secrets.
#[derive(Debug)]
pub struct SimRandom(Mutex<fastrand::Rng>);

impl SimRandom {
    /// A generator whose every answer follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }
}

impl Random for SimRandom {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_turns_the_wall_and_not_the_monotonic_clock() {
        let clock = SimClock::new();
        clock.advance(Duration::from_secs(2));
        clock.jump(-3_600_000_000);
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
        assert_eq!(clock.now_us(), BEGIN_US + 2_000_000 - 3_600_000_000);
    }
}
