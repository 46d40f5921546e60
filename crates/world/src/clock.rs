//! Two clocks in one trait: the wall for what people read and for deadlines of days, and a monotonic one for
//! measuring and for waiting inside the process, which no administrator can turn back.
//!
//! The wall is read once and then goes on by itself. It follows a clock that is slowed down or hurried, as NTP does all the
//! time, and it does not follow one that is set: a deadline of an hour stays an hour, whatever somebody does to the machine's
//! clock meanwhile. What was set and has stood for ten minutes is the truth, as of a machine that was wrong before or that was
//! frozen from outside, and is followed. Time in which the machine slept has passed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

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

    /// By how much the machine's clock was set forward since the start, without being followed.
    fn not_followed(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
}

/// The operating system's clocks.
#[derive(Debug)]
pub struct RealClock {
    started: Instant,
    steady: Mutex<Steady>,
}

impl RealClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self { started: Instant::now(), steady: Mutex::new(Steady::new(Timestamp::now(), passed())) }
    }

    fn look<T>(&self, answer: impl FnOnce(&mut Steady) -> T) -> T {
        answer(&mut self.steady.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        // Read under the lock: else a thread that was held up between reading and looking would pass for a set clock.
        self.look(|steady| steady.look(Timestamp::now(), passed()))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn not_followed(&self) -> SignedDuration {
        self.look(|steady| steady.not_followed)
    }
}

/// A wall clock that follows another one except where that is set.
#[derive(Debug)]
struct Steady {
    /// What it said at the last look, and what had passed by then.
    said: Timestamp,
    at: Duration,
    not_followed: SignedDuration,
    /// When the other clock was set last.
    set_at: Duration,
}

/// No machine that runs this has lived before.
const NEVER_RIGHT: Timestamp = Timestamp::constant(1_735_689_600, 0);

/// A clock that was set so long ago, and not set again since, is right.
const STANDS: Duration = Duration::from_secs(600);

/// A clock that between two looks went on by so much more or less than time has passed was set.
const SET: SignedDuration = SignedDuration::from_millis(500);

impl Steady {
    fn new(wall: Timestamp, passed: Duration) -> Self {
        Self { said: wall, at: passed, not_followed: SignedDuration::ZERO, set_at: passed }
    }

    /// The time, when the other clock says `wall`, and so much has `passed` since some fixed moment.
    fn look(&mut self, wall: Timestamp, passed: Duration) -> Timestamp {
        let since = SignedDuration::try_from(passed.saturating_sub(self.at)).unwrap_or(SignedDuration::MAX);
        let expected = self.said.saturating_add(since).unwrap_or(self.said);
        let off = wall.duration_since(expected).saturating_sub(self.not_followed);
        // A clock that was never right, as of a machine that has just started without one, is followed to where it gets.
        let said = if off.abs() > SET && self.said < NEVER_RIGHT {
            self.not_followed = SignedDuration::ZERO;
            wall
        } else if off.abs() > SET {
            self.not_followed = self.not_followed.saturating_add(off);
            self.set_at = passed;
            expected
        } else if !self.not_followed.is_zero() && passed.saturating_sub(self.set_at) >= STANDS {
            self.not_followed = SignedDuration::ZERO;
            wall
        } else {
            expected.saturating_add(off).unwrap_or(expected)
        };
        (self.said, self.at) = (said, passed);
        said
    }
}

/// What has passed since the machine was started, its sleep included.
#[cfg(target_os = "linux")]
fn passed() -> Duration {
    let passed = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::try_from(passed).unwrap_or_default()
}

#[cfg(not(target_os = "linux"))]
fn passed() -> Duration {
    static STARTED: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    STARTED.get_or_init(Instant::now).elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn wall(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    /// What is said at these looks: at each, what the other clock says and what has passed, in seconds.
    fn said(looks: &[(i64, u64)]) -> Vec<i64> {
        let mut steady = Steady::new(wall(0), Duration::ZERO);
        let says = |(at, passed): &(i64, u64)| steady.look(wall(*at), Duration::from_secs(*passed));
        looks.iter().map(says).map(|said| said.duration_since(wall(0)).as_secs()).collect()
    }

    #[test]
    fn the_monotonic_clock_never_goes_back() {
        let clock = RealClock::new();
        let first = clock.monotonic();
        assert!(clock.monotonic() >= first);
    }

    #[test]
    fn the_real_clock_says_what_the_machine_says() {
        let clock = RealClock::new();
        let off = clock.now().duration_since(Timestamp::now());
        assert!(off.abs() < SignedDuration::from_secs(1), "{off}");
        assert_eq!(clock.not_followed(), SignedDuration::ZERO);
    }

    /// P13.
    #[test]
    fn a_clock_that_is_set_is_not_followed() {
        let ten_years = 10 * 365 * 86_400;
        for set in [3_600, -3_600, ten_years] {
            assert_eq!(said(&[(1, 1), (2 + set, 2), (3 + set, 3), (500 + set, 500)]), [1, 2, 3, 500]);
        }
        // Set twice, and back.
        assert_eq!(said(&[(3_601, 1), (7_202, 2), (3, 3)]), [1, 2, 3]);
    }

    #[test]
    fn a_clock_that_was_set_and_stays_so_is_right_after_ten_minutes() {
        assert_eq!(said(&[(3_601, 1), (4_200, 600), (4_202, 602), (4_203, 603)]), [1, 600, 4_202, 4_203]);
        assert_eq!(said(&[(-3_599, 1), (-2_999, 601), (-2_998, 602)]), [1, -2_999, -2_998]);
        // Set again in between: ten minutes from then on.
        assert_eq!(said(&[(3_601, 1), (7_800, 600), (7_802, 602), (8_400, 1_200)]), [1, 600, 602, 8_400]);
    }

    #[test]
    fn a_clock_that_was_never_right_is_followed_at_once() {
        let mut steady = Steady::new(Timestamp::UNIX_EPOCH, Duration::ZERO);
        assert_eq!(steady.look(wall(0), Duration::from_secs(20)), wall(0));
        assert_eq!(steady.not_followed, SignedDuration::ZERO);
        assert_eq!(steady.look(wall(3_601), Duration::from_secs(21)), wall(1));
    }

    #[test]
    fn it_is_known_by_how_much_it_was_not_followed() {
        let mut steady = Steady::new(wall(0), Duration::ZERO);
        let _ = steady.look(wall(3_600), Duration::ZERO);
        assert_eq!(steady.not_followed, HOUR);
        let _ = steady.look(wall(0), Duration::ZERO);
        assert_eq!(steady.not_followed, SignedDuration::ZERO);
    }

    /// NTP corrects by slowing down and hurrying, at most 500 millionths.
    #[test]
    fn a_clock_that_is_hurried_is_followed() {
        let mut steady = Steady::new(wall(0), Duration::ZERO);
        let mut other = wall(0);
        for second in 1..=86_400 {
            other += SignedDuration::from_micros(1_000_500);
            let said = steady.look(other, Duration::from_secs(second));
            assert_eq!(said, other);
        }
    }
}
