//! When a failed attempt is followed by another one, and after how long.

use std::time::Duration;

use ghostlight_world::Bug;
use serde::{Deserialize, Serialize};

/// How the wait grows from attempt to attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Always `initial`.
    Fixed,
    /// `initial` times the number of failed attempts.
    Linear,
    /// `initial` doubled after each failed attempt.
    Exponential,
}

/// How often and how soon a step is tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; at least 1.
    pub max_attempts: u32,
    /// How the wait grows.
    pub backoff: Backoff,
    /// The first wait.
    pub initial: Duration,
    /// The longest wait.
    pub max: Duration,
}

impl RetryPolicy {
    /// One attempt and no other: what holds when neither the node nor the agent says.
    pub const NONE: Self = Self {
        max_attempts: 1,
        backoff: Backoff::Exponential,
        initial: Duration::from_secs(1),
        max: Duration::from_secs(30),
    };

    /// The wait before the attempt that follows `failed` failed ones (from 1), or `None` when they are used up.
    ///
    /// `jitter` is a random number in 0..=u32::MAX: the wait is drawn evenly from its upper half, so that callers who
    /// failed together do not come back together and none comes back at once. A wait that the callee asked for
    /// (`retry_after`) is a lower bound, kept within an hour.
    #[must_use]
    pub fn wait(&self, failed: u32, retry_after: Option<Duration>, jitter: u32) -> Option<Duration> {
        const ASKED_MAX: Duration = Duration::from_secs(3600);
        if failed >= self.max_attempts && !Bug::RetryForever.is_planted() {
            return None;
        }
        let factor = match self.backoff {
            Backoff::Fixed => 1,
            Backoff::Linear => failed.max(1),
            Backoff::Exponential => 1u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX),
        };
        let full = self.initial.saturating_mul(factor).min(self.max);
        let half = full / 2;
        let drawn = half + half.mul_f64(f64::from(jitter) / f64::from(u32::MAX));
        Some(drawn.max(retry_after.map_or(Duration::ZERO, |asked| asked.min(ASKED_MAX))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(backoff: Backoff) -> RetryPolicy {
        RetryPolicy { max_attempts: 5, backoff, initial: Duration::from_secs(1), max: Duration::from_secs(6) }
    }

    fn longest(backoff: Backoff) -> Vec<u64> {
        (1..5)
            .map(|failed| policy(backoff).wait(failed, None, u32::MAX).unwrap().as_millis() as u64)
            .collect()
    }

    /// Shows S3-3b.
    #[test]
    fn the_wait_grows_as_the_backoff_says_and_stops_at_the_maximum() {
        assert_eq!(longest(Backoff::Fixed), [1000, 1000, 1000, 1000]);
        assert_eq!(longest(Backoff::Linear), [1000, 2000, 3000, 4000]);
        assert_eq!(longest(Backoff::Exponential), [1000, 2000, 4000, 6000]);
    }

    #[test]
    fn jitter_takes_at_most_half_of_the_wait() {
        assert_eq!(policy(Backoff::Fixed).wait(1, None, 0), Some(Duration::from_millis(500)));
    }

    #[test]
    fn attempts_are_used_up() {
        assert_eq!(policy(Backoff::Fixed).wait(5, None, 0), None);
        assert_eq!(RetryPolicy::NONE.wait(1, None, 0), None);
    }

    /// Shows S3-3b.
    #[test]
    fn the_callee_may_ask_for_more_time_but_not_for_ever() {
        let wait = |asked| policy(Backoff::Fixed).wait(1, Some(Duration::from_secs(asked)), 0).unwrap();
        assert_eq!(wait(20), Duration::from_secs(20));
        assert_eq!(wait(1_000_000_000), Duration::from_secs(3600));
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let wild = RetryPolicy {
            max_attempts: u32::MAX,
            backoff: Backoff::Exponential,
            initial: Duration::MAX,
            max: Duration::MAX,
        };
        assert!(wild.wait(u32::MAX - 1, None, u32::MAX).is_some());
    }
}
