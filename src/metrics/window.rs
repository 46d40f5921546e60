//! How fast the journal is just now: what was counted in the last ten seconds, from a look at its counters each second.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghostlight_store::JournalStats;
use ghostlight_store::journal::CommitTimes;

/// How often it looks.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many looks are remembered: ten seconds lie between the first and the last of them.
const LOOKS_MAX: usize = 11;

/// The latest looks at the counters.
#[derive(Debug, Default)]
pub struct Window {
    looks: Mutex<VecDeque<Look>>,
}

/// What the counters were.
#[derive(Debug, Clone, Copy)]
struct Look {
    at: Duration,
    commits: u64,
    records: u64,
    times: CommitTimes,
}

/// What happened in the window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// How long the window is: less than ten seconds just after a start.
    pub window: Duration,
    /// Commits in it.
    pub commits: u64,
    /// Records in it.
    pub records: u64,
    /// How long half of the commits took at most.
    pub p50: Option<Duration>,
    /// How long 99 of a hundred took at most.
    pub p99: Option<Duration>,
}

impl Window {
    /// Remembers what the counters are at this moment.
    pub fn look(&self, at: Duration, stats: &JournalStats) {
        let look = Look { at, commits: stats.commits, records: stats.records, times: stats.commit_times };
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if looks.len() >= LOOKS_MAX {
            looks.pop_front();
        }
        looks.push_back(look);
    }

    /// What happened between the first look that is remembered and the last; none before there are two.
    #[must_use]
    pub fn rates(&self) -> Option<Rates> {
        let looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, last) = (looks.front()?, looks.back()?);
        let window = last.at.checked_sub(first.at).filter(|window| !window.is_zero())?;
        let times = last.times.since(&first.times);
        Some(Rates {
            window,
            commits: last.commits.saturating_sub(first.commits),
            records: last.records.saturating_sub(first.records),
            p50: times.percentile(50),
            p99: times.percentile(99),
        })
    }
}

impl Rates {
    /// So many in a second, of a count of the window.
    #[must_use]
    pub fn per_second(&self, count: u64) -> f64 {
        count as f64 / self.window.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_ten_seconds_and_of_nothing_before() {
        let (window, mut stats) = (Window::default(), JournalStats::default());
        assert_eq!(window.rates(), None);
        for second in 0..30_u64 {
            window.look(Duration::from_secs(second), &stats);
            // Long ones at first, then short ones.
            let (commits, took_ms) = if second < 10 { (1, 500) } else { (20, 1) };
            stats.commits += commits;
            stats.records += 3 * commits;
            (0..commits).for_each(|_| stats.commit_times.count(Duration::from_millis(took_ms)));
        }
        let rates = window.rates().unwrap();
        assert_eq!((rates.window, rates.commits, rates.records), (Duration::from_secs(10), 200, 600));
        assert_eq!((rates.per_second(rates.commits), rates.p99), (20.0, Some(Duration::from_micros(1_023))));
    }

    #[test]
    fn a_window_in_which_nothing_was_committed_has_no_times() {
        let window = Window::default();
        for second in 5..8 {
            window.look(Duration::from_secs(second), &JournalStats::default());
        }
        let rates = window.rates().unwrap();
        assert_eq!((rates.window, rates.commits, rates.p50), (Duration::from_secs(2), 0, None));
    }
}
