//! How the calls of an agent went, in numbers for people.

use std::collections::VecDeque;
use std::time::Duration;

/// Of so many calls that ended last it is known how long each took.
pub const DURATIONS_KEPT: usize = 256;

/// How the calls of an agent ended, and how long the latest of them took.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallStatistics {
    finished: u64,
    failed: u64,
    /// In milliseconds, the latest last.
    latest: VecDeque<u32>,
}

impl CallStatistics {
    /// Takes note of the end of a call that took so long.
    pub fn add(&mut self, succeeded: bool, took: Duration) {
        self.finished += 1;
        self.failed += u64::from(!succeeded);
        if self.latest.len() >= DURATIONS_KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
    }

    /// How many have ended, well or badly. Calls that somebody stopped say nothing about their agent and do not count.
    #[must_use]
    pub fn finished(&self) -> u64 {
        self.finished
    }

    /// How many of them failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failed
    }

    /// The share of those that ended well, 0 to 1; none while none has ended.
    #[must_use]
    pub fn success_rate(&self) -> Option<f64> {
        let well = self.finished.saturating_sub(self.failed);
        (self.finished > 0).then(|| well as f64 / self.finished as f64)
    }

    /// The time in milliseconds within which so many percent, 1 to 100, of the latest [`DURATIONS_KEPT`] calls ended; none while none
    /// has. It is the time of one of them (nearest rank).
    #[must_use]
    pub fn percentile_ms(&self, percent: usize) -> Option<u32> {
        let mut sorted: Vec<u32> = self.latest.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_of_calls_and_those_of_the_latest_only() {
        let mut of = CallStatistics::default();
        assert_eq!((of.success_rate(), of.percentile_ms(50)), (None, None));
        (1..=100).for_each(|ms| of.add(ms % 4 != 0, Duration::from_millis(ms)));
        assert_eq!((of.finished(), of.failed(), of.success_rate()), (100, 25, Some(0.75)));
        assert_eq!(
            (of.percentile_ms(50), of.percentile_ms(95), of.percentile_ms(100)),
            (Some(50), Some(95), Some(100))
        );
        (0..DURATIONS_KEPT).for_each(|_| of.add(true, Duration::from_secs(1)));
        assert_eq!((of.percentile_ms(1), of.percentile_ms(95)), (Some(1000), Some(1000)));
        assert_eq!((of.finished(), of.latest.len()), (100 + DURATIONS_KEPT as u64, DURATIONS_KEPT));
    }
}
