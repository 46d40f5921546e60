//! Retention: which runs may be dropped, and when an idempotency key has served its time.
//!
//! Dropped is what has ended long enough ago, as the operator says for each way of ending. While the journal is larger than it
//! should be, how long ago it was does not matter. Whatever is said, these are kept: what has not ended, and what a run started
//! that is kept itself. Definitions, agents, tokens and the audit are no runs, and nothing here is ever asked of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::definitions::key::KEY_KEPT;
use crate::run::RunStatus;

/// How much longer than it stands for something a key is kept: clocks are turned back now and then.
const KEY_SLACK: Duration = Duration::from_secs(3600);

/// A clock that goes ahead by more than this at once may be wrong.
const LEAP: Duration = Duration::from_secs(24 * 3600);
/// In how much time a clock that is wrong is corrected.
const SETTLED: SignedDuration = SignedDuration::from_hours(1);

/// How long runs are kept after their end; none: for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// Those that brought their result.
    pub completed: Option<Duration>,
    /// Those that failed. They can be opened again as long as they are kept.
    pub failed: Option<Duration>,
    /// Those that somebody cancelled.
    pub cancelled: Option<Duration>,
}

/// The run above a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Above {
    /// There is none: no step started it.
    Nothing,
    /// It is kept.
    Kept,
    /// It was dropped.
    Dropped,
}

/// A run, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Where it stands.
    pub status: RunStatus,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// The run that started it.
    pub above: Above,
}

/// Why a run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It has not ended.
    NotEnded,
    /// The run that started it is kept.
    UnderARunThatIsKept,
    /// Runs that ended like it are kept for ever.
    ForEver,
    /// It ended not long enough ago.
    Until(Timestamp),
}

impl Retention {
    /// How long a run that ended in this way is kept.
    #[must_use]
    pub fn age_of(&self, status: RunStatus) -> Option<Duration> {
        match status {
            RunStatus::Completed => self.completed,
            RunStatus::Failed => self.failed,
            RunStatus::Cancelled => self.cancelled,
            RunStatus::Pending | RunStatus::Running | RunStatus::Paused => None,
        }
    }
}

/// Whether a run may be dropped now. `needs_room` says that the journal is larger than it should be.
///
/// # Errors
/// [`Kept`]: why not.
pub fn may_drop(
    run: &Candidate,
    retention: &Retention,
    needs_room: bool,
    now: Timestamp,
) -> Result<(), Kept> {
    let ended_at = run.ended_at.filter(|_| run.status.is_terminal()).ok_or(Kept::NotEnded)?;
    if run.above == Above::Kept {
        return Err(Kept::UnderARunThatIsKept);
    }
    if needs_room {
        return Ok(());
    }
    let age = retention.age_of(run.status).ok_or(Kept::ForEver)?;
    // A time that no calendar has is for ever.
    let until = ended_at.checked_add(age).map_err(|_| Kept::ForEver)?;
    if now >= until { Ok(()) } else { Err(Kept::Until(until)) }
}

/// Whether the clock may have been set ahead, by what the latest records say, the newest first: somewhere between now and an hour ago
/// nothing was written for more than a day, if the clock is right. Either nobody was there, or it is wrong. What is an hour old was
/// written when there had been time to correct it.
#[must_use]
pub fn may_have_leapt(now: Timestamp, written_at: impl IntoIterator<Item = Timestamp>) -> bool {
    let mut later = now;
    for time in written_at {
        if later.duration_since(time).unsigned_abs() > LEAP && time < later {
            return true;
        }
        if now.duration_since(time) >= SETTLED {
            return false;
        }
        later = later.min(time);
    }
    false
}

/// Whether nobody misses a key that was last written to at this time.
#[must_use]
pub fn key_has_served(written_at: Timestamp, now: Timestamp) -> bool {
    written_at.checked_add(KEY_KEPT + KEY_SLACK).is_ok_and(|until| now >= until)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    const STATUSES: [RunStatus; 6] = [
        RunStatus::Pending,
        RunStatus::Running,
        RunStatus::Paused,
        RunStatus::Completed,
        RunStatus::Failed,
        RunStatus::Cancelled,
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_clock_that_is_a_day_ahead_of_the_newest_records_is_not_believed() {
        let (minute, hour, day) = (60, 3_600, 24 * 3_600);
        let now = 1_000 * day;
        let leapt = |ago: &[i64]| may_have_leapt(at(now), ago.iter().map(|ago| at(now - ago)));
        assert!(!leapt(&[]), "nothing is there that could be lost");
        assert!(!leapt(&[minute, hour, 30 * day]), "somebody was there an hour ago");
        assert!(!leapt(&[20 * hour]));
        assert!(!leapt(&[1, 2, 3]), "all of it is new");
        assert!(leapt(&[30 * day]));
        assert!(leapt(&[1, 30 * day]), "what this start wrote itself says nothing");
        assert!(
            leapt(&[1, minute, 2 * minute, 30 * day]),
            "nor what a start before it wrote by the same clock"
        );
        assert!(!leapt(&[-500 * day, minute, 2 * hour]), "a record of the future does not count");
    }

    fn run() -> impl Strategy<Value = Candidate> {
        let status = prop::sample::select(&STATUSES[..]);
        let above = prop::sample::select(&[Above::Nothing, Above::Kept, Above::Dropped][..]);
        let ended_at = prop::option::of(0..2_000i64);
        (status, above, ended_at).prop_map(|(status, above, ended_at)| Candidate {
            status,
            ended_at: ended_at.map(at),
            above,
        })
    }

    fn retention() -> impl Strategy<Value = Retention> {
        let age = || prop::option::of((0..2_000u64).prop_map(Duration::from_secs));
        (age(), age(), age()).prop_map(|(completed, failed, cancelled)| Retention {
            completed,
            failed,
            cancelled,
        })
    }

    proptest! {
        #[test]
        fn what_has_not_ended_and_what_is_under_a_run_that_is_kept_is_never_dropped(
            run in run(), retention in retention(), needs_room: bool, now in 0..5_000i64
        ) {
            if may_drop(&run, &retention, needs_room, at(now)).is_ok() {
                prop_assert!(run.status.is_terminal() && run.ended_at.is_some());
                prop_assert!(run.above != Above::Kept);
            }
        }

        #[test]
        fn nothing_is_dropped_before_its_time_unless_room_is_needed(
            run in run(), retention in retention(), now in 0..5_000i64
        ) {
            let dropped = may_drop(&run, &retention, false, at(now)).is_ok();
            let age = retention.age_of(run.status).map(|age| i64::try_from(age.as_secs()).unwrap());
            let is_old = run.ended_at.zip(age).is_some_and(|(ended_at, age)| ended_at.as_second() + age <= now);
            prop_assert_eq!(dropped, is_old && run.status.is_terminal() && run.above != Above::Kept);
            prop_assert!(may_drop(&run, &Retention::default(), false, at(now)).is_err(), "nobody said anything");
        }

        #[test]
        fn what_may_be_dropped_may_be_dropped_later_too(
            run in run(), retention in retention(), needs_room: bool, now in 0..5_000i64, later in 0..5_000i64
        ) {
            let judged = |now| may_drop(&run, &retention, needs_room, at(now));
            match judged(now) {
                Ok(()) => prop_assert_eq!(judged(now + later), Ok(())),
                Err(Kept::Until(until)) => {
                    prop_assert!(until > at(now));
                    prop_assert_eq!(may_drop(&run, &retention, needs_room, until), Ok(()));
                }
                Err(kept) => prop_assert_eq!(judged(now + later), Err(kept)),
            }
        }

        #[test]
        fn a_key_is_kept_for_at_least_a_day(written_at in 0..1_000_000i64, later in 0..200_000i64) {
            if key_has_served(at(written_at), at(written_at + later)) {
                prop_assert!(later > 24 * 3600);
            }
            prop_assert!(!key_has_served(at(written_at + later), at(written_at)), "the clock was turned back");
        }
    }

    #[test]
    fn a_run_that_ended_beyond_all_calendars_is_kept() {
        let ended_at = Some(Timestamp::MAX);
        let run = Candidate { status: RunStatus::Failed, ended_at, above: Above::Nothing };
        let retention = Retention { failed: Some(Duration::MAX), ..Retention::default() };
        assert_eq!(may_drop(&run, &retention, false, at(0)), Err(Kept::ForEver));
        assert!(key_has_served(at(0), at(25 * 3600)));
    }
}
