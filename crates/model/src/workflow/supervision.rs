//! How the actors of one run are supervised, as its workflow file says.
//!
//! The words are OTP's. What supervises is another crate, which this one does not know: whoever starts a run's supervisor
//! translates. What both have to agree on (whether a backoff leaves room for its restarts) is checked here, where a
//! document is read, so that no run fails to start because of what its file says.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How the actors of one run are supervised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSupervision {
    /// Which actors of the run are restarted when one crashes.
    #[serde(default)]
    pub strategy: RunStrategy,
    /// Restarts allowed within `period`; 0: the first crash sets the run aside.
    pub max_restarts: u32,
    /// The window in which restarts are counted.
    pub period: Duration,
    /// The waits before restarts; none: they are made at once.
    #[serde(default)]
    pub backoff: Option<RestartBackoff>,
}

impl Default for RunSupervision {
    fn default() -> Self {
        Self {
            strategy: RunStrategy::OneForOne,
            max_restarts: 3,
            period: Duration::from_secs(5),
            backoff: None,
        }
    }
}

/// Which actors of a run are restarted when one crashes: OTP's strategies. The workflow actor is the oldest child of a
/// run's supervisor, its gates and attempts follow in the order in which they were begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStrategy {
    /// The one that crashed. Attempts go on when the workflow actor crashes, and it adopts them.
    #[default]
    OneForOne,
    /// All of them: attempts under way are ended too, and made again as their class allows.
    OneForAll,
    /// The one that crashed and all that were begun after it.
    RestForOne,
}

impl RunStrategy {
    /// The word as it stands in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OneForOne => "one_for_one",
            Self::OneForAll => "one_for_all",
            Self::RestForOne => "rest_for_one",
        }
    }

    /// Whether the crash of one actor ends attempts that are under way in others.
    #[must_use]
    pub fn ends_siblings(self) -> bool {
        match self {
            Self::OneForOne => false,
            Self::OneForAll | Self::RestForOne => true,
        }
    }
}

/// The waits before restarts: `initial`, doubled after each crash up to `max`. Up to half of each wait is left out at
/// random, and an actor that has lived quietly for `max` begins with `initial` again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestartBackoff {
    /// The wait before the first restart; longer than zero.
    pub initial: Duration,
    /// The longest wait; not shorter than `initial`.
    pub max: Duration,
}

impl RestartBackoff {
    /// The longest that so many restarts in a row wait in all.
    #[must_use]
    pub fn sum(&self, restarts: u32) -> Duration {
        let mut wait = self.initial.min(self.max);
        let mut sum = Duration::ZERO;
        for made in 0..restarts {
            if wait == self.max {
                // Every further wait is the longest one.
                return sum.saturating_add(self.max.saturating_mul(restarts - made));
            }
            sum = sum.saturating_add(wait);
            wait = wait.saturating_mul(2).min(self.max);
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_double_up_to_the_longest_and_their_sum_does_not_overflow() {
        let second = Duration::from_secs(1);
        let backoff = RestartBackoff { initial: second, max: 5 * second };
        let sums: Vec<u64> = (0..=5).map(|restarts| backoff.sum(restarts).as_secs()).collect();
        assert_eq!(sums, [0, 1, 3, 7, 12, 17]);
        let fixed = RestartBackoff { initial: second, max: second };
        assert_eq!(fixed.sum(1000), 1000 * second);
        let wild = RestartBackoff { initial: Duration::MAX, max: Duration::MAX };
        assert_eq!(wild.sum(u32::MAX), Duration::MAX);
    }
}
