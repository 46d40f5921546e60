//! Delays between restarts: an addition to OTP, which has none.
//!
//! The delay before attempt n is `min(max, base * 2^(n-1))`, shortened by a random share of up to `jitter`, so that
//! neighbours that failed together do not come back together. A child that ran quietly for `reset_after` begins at n = 1.

use std::time::Duration;

use serde::Serialize;

/// How long to wait before restarts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Backoff {
    /// The delay before the first restart; zero turns backoff off.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
    /// The share, 0 to 1, of a delay that is random.
    pub jitter: f64,
    /// How long a child has to run before its next failure counts as its first.
    pub reset_after: Duration,
}

impl Backoff {
    /// No delays: the intensity is the only brake, as in OTP.
    pub const OFF: Backoff =
        Backoff { base: Duration::ZERO, max: Duration::ZERO, jitter: 0.0, reset_after: Duration::ZERO };

    /// Delays doubling from `base` to `max`, half of each random, forgotten after `max` of quiet.
    pub const fn exponential(base: Duration, max: Duration) -> Self {
        Backoff { base, max, jitter: 0.5, reset_after: max }
    }

    /// Whether restarts are not delayed at all.
    pub fn is_off(&self) -> bool {
        self.base.is_zero()
    }

    /// The delay before attempt `attempt` (from 1), given 64 random bits.
    pub fn delay(&self, attempt: u32, random: u64) -> Duration {
        let nominal = self.nominal(attempt);
        // 53 bits are what an f64 holds exactly: a share in [0, 1).
        let share = (random >> 11) as f64 / (1u64 << 53) as f64;
        nominal.mul_f64(1.0 - self.jitter.clamp(0.0, 1.0) * share)
    }

    fn nominal(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.max)
    }

    /// The longest that `attempts` restarts in a row can be delayed in all.
    pub fn sum(&self, attempts: u32) -> Duration {
        // After 32 doublings every delay is the longest one.
        let distinct = attempts.min(32);
        let doubling: Duration = (1..=distinct).map(|attempt| self.nominal(attempt)).sum();
        doubling.saturating_add(self.max.saturating_mul(attempts - distinct))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn delays_double_up_to_the_longest() {
        let backoff = Backoff { jitter: 0.0, ..Backoff::exponential(SECOND, 5 * SECOND) };
        let delays: Vec<_> = (1..=5).map(|n| backoff.delay(n, u64::MAX).as_secs()).collect();
        assert_eq!(delays, [1, 2, 4, 5, 5]);
        assert_eq!(backoff.sum(5), 17 * SECOND);
        assert_eq!(backoff.delay(u32::MAX, 0), 5 * SECOND);
    }

    #[test]
    fn jitter_only_ever_shortens_a_delay() {
        let backoff = Backoff::exponential(SECOND, 5 * SECOND);
        assert_eq!(backoff.delay(1, 0), SECOND);
        let shortest = backoff.delay(1, u64::MAX);
        assert!(shortest >= SECOND / 2 && shortest < SECOND, "{shortest:?}");
    }
}
