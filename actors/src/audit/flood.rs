//! How many refusals are worth a record of their own: a pure decision, so that nobody can fill the disk by being refused.
//!
//! Of each kind of refusal (who, what) the first few in a minute are recorded as they come, and all kinds together
//! only so many; the rest is counted and becomes one record per kind when the minute is over. The kinds that are counted
//! are bounded too: what comes beyond them is counted together.

use std::collections::BTreeMap;
use std::time::Duration;

/// The time over which refusals are counted.
pub const WINDOW: Duration = Duration::from_secs(60);
/// Refusals of one kind that are recorded one by one in a window.
pub const EACH_MAX: u32 = 10;
/// Refusals of all kinds that are recorded one by one in a window.
pub const TOGETHER_MAX: u32 = 100;
/// Kinds that are counted on their own.
pub const KINDS_MAX: usize = 200;

/// Who was refused what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind {
    /// The action.
    pub action: String,
    /// The subject; none: nobody that is known.
    pub subject: Option<String>,
}

/// Refusals that were counted and not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Of which kind; none: of those beyond [`KINDS_MAX`].
    pub kind: Option<Kind>,
    /// How many.
    pub count: u64,
}

/// The counts of the current window.
#[derive(Debug, Default)]
pub struct Flood {
    began: Duration,
    recorded: u32,
    kinds: BTreeMap<Kind, Count>,
    beyond: u64,
}

#[derive(Debug, Default)]
struct Count {
    recorded: u32,
    held: u64,
}

impl Flood {
    /// Whether a refusal at `now` (a monotonic time) is recorded on its own. It is counted otherwise.
    pub fn admits(&mut self, kind: Kind, now: Duration) -> bool {
        if self.kinds.is_empty() && self.beyond == 0 {
            self.began = now;
        }
        if self.kinds.len() >= KINDS_MAX && !self.kinds.contains_key(&kind) {
            self.beyond += 1;
            return false;
        }
        let count = self.kinds.entry(kind).or_default();
        let admitted = count.recorded < EACH_MAX && self.recorded < TOGETHER_MAX;
        if admitted {
            count.recorded += 1;
            self.recorded += 1;
        } else {
            count.held += 1;
        }
        admitted
    }

    /// What was counted, when the window is over at `now` or `at_once` asks for it; a new window begins.
    pub fn over(&mut self, now: Duration, at_once: bool) -> Vec<Held> {
        if !at_once && now.saturating_sub(self.began) < WINDOW {
            return Vec::new();
        }
        self.began = now;
        self.recorded = 0;
        let beyond = std::mem::take(&mut self.beyond);
        std::mem::take(&mut self.kinds)
            .into_iter()
            .map(|(kind, count)| Held { kind: Some(kind), count: count.held })
            .chain([Held { kind: None, count: beyond }])
            .filter(|held| held.count > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(subject: &str) -> Kind {
        Kind { action: "login".into(), subject: Some(subject.into()) }
    }

    #[test]
    fn the_first_refusals_of_a_kind_are_recorded_and_the_rest_is_counted() {
        let mut flood = Flood::default();
        let admitted = (0..1000).filter(|_| flood.admits(kind("a"), Duration::ZERO)).count();
        assert_eq!(admitted, EACH_MAX as usize);
        assert!(flood.over(WINDOW - Duration::from_millis(1), false).is_empty());
        assert_eq!(flood.over(WINDOW, false), [Held { kind: Some(kind("a")), count: 990 }]);
        assert!(flood.over(WINDOW * 3, false).is_empty(), "nothing is told twice");
        assert!(flood.admits(kind("a"), WINDOW * 3), "a new window has begun");
    }

    #[test]
    fn many_kinds_are_bounded_together_in_records_and_in_memory() {
        let mut flood = Flood::default();
        let subjects = 10_000;
        let admitted = (0..subjects).filter(|n| flood.admits(kind(&n.to_string()), Duration::ZERO)).count();
        assert_eq!(admitted, TOGETHER_MAX as usize);
        let held = flood.over(Duration::ZERO, true);
        assert!(held.len() <= KINDS_MAX + 1);
        let counted: u64 = held.iter().map(|held| held.count).sum();
        assert_eq!(counted + admitted as u64, subjects, "none is lost");
    }
}
