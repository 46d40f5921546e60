//! Two clocks in one trait: the wall for what people read and for deadlines of days, and a monotonic one for
//! measuring and for waiting inside the process, which no administrator can turn back.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The time. Cheap to ask; never blocks, never fails.
pub trait Clock: Send + Sync {
    /// The wall clock in UTC. It may jump in both directions; never order events by it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment of this process. It never goes back.
    fn monotonic(&self) -> Duration;

    /// The wall clock in whole microseconds since the epoch, as the journal writes it.
    fn now_us(&self) -> i64 {
        self.now().as_microsecond()
    }
}

/// The operating system's clocks.
#[derive(Debug, Clone, Copy)]
pub struct RealClock {
    started: Instant,
}

impl RealClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let clock = RealClock::new();
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }
}
