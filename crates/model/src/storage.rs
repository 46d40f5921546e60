//! Room on the disk: how much there is, by two marks that the operator sets, and when that counts as changed.
//!
//! ```text
//! plenty  >=  warn_below  >  low  >=  refuse_below  >  short  >=  FULL_BYTES  >  full
//! ```
//!
//! Below the first mark people are told. Below the second nothing new is begun, so that what is under way has the rest. When
//! that is gone too, no attempt is begun: it could not be prepared, and its run would fail for it. It gets worse at once, and
//! better only with a margin and for a while, so that a disk which is filled and swept does not let work in and out with each
//! breath.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// With less than this no attempt is begun.
pub const FULL_BYTES: u64 = 1 << 20;
/// By which share of itself a mark has to be passed before it is better.
const MARGIN: u64 = 10;
/// How long it has to be better.
pub const BETTER_FOR: Duration = Duration::from_secs(1);

/// How much room there is. In order: the worse, the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Enough.
    #[default]
    Plenty,
    /// Somebody should look after it.
    Low,
    /// Nothing new is begun.
    Short,
    /// Nothing is begun.
    Full,
}

impl Level {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [Self::Plenty, Self::Low, Self::Short, Self::Full];

    /// The word as it stands in events and in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plenty => "plenty",
            Self::Low => "low",
            Self::Short => "short",
            Self::Full => "full",
        }
    }
}

/// How much has to be free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// So many bytes; 0 is no mark.
    Bytes(u64),
    /// So many hundredths of the disk.
    Percent(u8),
}

impl Mark {
    /// In bytes, on a disk of this size.
    #[must_use]
    pub fn bytes(self, total: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => total / 100 * u64::from(percent.min(100)),
        }
    }
}

/// The two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// Below it people are told.
    pub warn_below: Mark,
    /// Below it nothing new is begun.
    pub refuse_below: Mark,
}

impl Default for Marks {
    fn default() -> Self {
        Self { warn_below: Mark::Bytes(1 << 30), refuse_below: Mark::Bytes(256 << 20) }
    }
}

/// What there is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Free on the disk.
    pub free: u64,
    /// The whole disk.
    pub total: u64,
    /// Reserved for the journal before, beside what is free.
    pub reserved: u64,
}

/// How it stands, and since when it looks better than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    level: Level,
    better_since: Option<Duration>,
}

impl Watch {
    /// How much room there is.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Takes a look in at the time `now` of a clock that never goes back; answers the level that it changed to, if it did.
    pub fn look(&mut self, now: Duration, room: Room, marks: Marks) -> Option<Level> {
        let seen = level(room, marks, 0);
        if seen > self.level {
            *self = Self { level: seen, better_since: None };
            return Some(seen);
        }
        let better = level(room, marks, MARGIN);
        if better >= self.level {
            self.better_since = None;
            return None;
        }
        let since = *self.better_since.get_or_insert(now);
        if now.saturating_sub(since) < BETTER_FOR {
            return None;
        }
        *self = Self { level: better, better_since: None };
        Some(better)
    }
}

/// The level of this room, with each mark raised by so many hundredths of itself.
///
/// What is reserved for the journal is not used yet: it counts as free, or each new segment would make it look worse at one
/// go. Nothing but records can be written there, so that it does not make up for a disk that is full.
fn level(room: Room, marks: Marks, margin: u64) -> Level {
    let raised = |bytes: u64| bytes.saturating_add(bytes / 100 * margin);
    let unused = room.free.saturating_add(room.reserved);
    if room.free < raised(FULL_BYTES) {
        Level::Full
    } else if unused < raised(marks.refuse_below.bytes(room.total)) {
        Level::Short
    } else if unused < raised(marks.warn_below.bytes(room.total)) {
        Level::Low
    } else {
        Level::Plenty
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const MARKS: Marks = Marks { warn_below: Mark::Bytes(1_000 * MIB), refuse_below: Mark::Bytes(100 * MIB) };

    fn free(mib: u64) -> Room {
        Room { free: mib * MIB, total: 10_000 * MIB, reserved: 0 }
    }

    /// Looks at these moments, in milliseconds, at so many free MiB, and says what each look changed.
    fn watched(looks: &[(u64, u64)]) -> Vec<Option<Level>> {
        let mut watch = Watch::default();
        looks.iter().map(|(at, mib)| watch.look(Duration::from_millis(*at), free(*mib), MARKS)).collect()
    }

    /// Shows S2-5.1c.
    #[test]
    fn it_gets_worse_at_once_and_is_said_once() {
        assert_eq!(
            watched(&[(0, 2_000), (1, 999), (2, 998), (3, 99), (4, 50), (5, 0), (6, 0)]),
            [None, Some(Level::Low), None, Some(Level::Short), None, Some(Level::Full), None]
        );
        assert_eq!(watched(&[(0, 0)]), [Some(Level::Full)], "whatever lies between");
    }

    #[test]
    fn it_gets_better_with_a_margin_and_for_a_while() {
        // 100 MiB is the mark, 110 MiB is better.
        let short = (0, 50);
        assert_eq!(watched(&[short, (100, 105), (5_000, 109)])[1..], [None, None]);
        assert_eq!(
            watched(&[short, (100, 110), (600, 110), (1_100, 110)])[1..],
            [None, None, Some(Level::Low)]
        );
        // Each time that it is not better begins the while anew.
        assert_eq!(watched(&[short, (100, 200), (600, 105), (1_100, 200), (2_000, 200)])[1..], [None; 4]);
        assert_eq!(watched(&[(0, 0), (100, 5_000), (1_100, 5_000)])[1..], [None, Some(Level::Plenty)]);
    }

    #[test]
    fn a_disk_that_breathes_at_a_mark_changes_nothing_but_once() {
        let breath: Vec<(u64, u64)> = (0..1_000).map(|at| (at * 250, 99 + at % 2 * 6)).collect();
        let changes: Vec<Level> = watched(&breath).into_iter().flatten().collect();
        assert_eq!(changes, [Level::Short]);
    }

    #[test]
    fn marks_may_be_shares_of_the_disk_and_may_be_left_out() {
        let mut watch = Watch::default();
        let shares = Marks { warn_below: Mark::Percent(10), refuse_below: Mark::Percent(1) };
        assert_eq!(watch.look(Duration::ZERO, free(999), shares), Some(Level::Low));
        assert_eq!(watch.look(Duration::ZERO, free(99), shares), Some(Level::Short));
        let none = Marks { warn_below: Mark::Bytes(0), refuse_below: Mark::Bytes(0) };
        let mut watch = Watch::default();
        assert_eq!(watch.look(Duration::ZERO, free(2), none), None);
        assert_eq!(watch.look(Duration::ZERO, free(0), none), Some(Level::Full));
    }

    #[test]
    fn what_is_reserved_counts_as_free_and_does_not_make_up_for_a_full_disk() {
        let mut watch = Watch::default();
        let reserved = |free: u64| Room { free: free * MIB, total: 10_000 * MIB, reserved: 64 * MIB };
        assert_eq!(watch.look(Duration::ZERO, reserved(950), MARKS), None);
        assert_eq!(watch.look(Duration::ZERO, reserved(40), MARKS), Some(Level::Low));
        assert_eq!(watch.look(Duration::ZERO, reserved(30), MARKS), Some(Level::Short));
        assert_eq!(watch.look(Duration::ZERO, reserved(0), MARKS), Some(Level::Full));
    }
}
