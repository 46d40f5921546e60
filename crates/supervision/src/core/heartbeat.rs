//! The sign of life that a child may owe: an addition to OTP, which does not notice a child that hangs.
//!
//! The shell tells a child's [`Pulse`] before each of its timers; here it is judged. A child is hung when it had work, and got
//! nowhere with it, for its whole heartbeat. It is looked at twice per heartbeat and its time runs from the first look that
//! found it so: it is never judged early, and late by half its time at most. Who is hung is killed, and its end is answered like
//! any other; if it does not even die within the kill grace it is abandoned, and its end is answered nevertheless.

use std::time::Duration;

use super::Supervisor;
use super::child::State;
use super::event::{Command, TimerId};
use super::roster::ChildId;
use crate::ExitReason;

/// What can be seen of a child's work from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// Whether it has anything to do.
    pub working: bool,
    /// Changes whenever it gets on.
    pub progress: u64,
}

/// What is known of a running child that owes a sign of life.
#[derive(Debug)]
pub(super) struct Heart {
    pub(super) timer: TimerId,
    /// The last pulse that was told.
    told: Pulse,
    /// What of it was known at the last look.
    progress: u64,
    /// When it was first seen to have work and to get nowhere.
    still_since: Option<Duration>,
}

impl Heart {
    /// Looks at the last pulse; answers for how long the child has had work and got nowhere.
    fn look(&mut self, now: Duration) -> Duration {
        let moved = std::mem::replace(&mut self.progress, self.told.progress) != self.told.progress;
        if moved || !self.told.working {
            self.still_since = None;
        }
        match self.told.working {
            true => now.saturating_sub(*self.still_since.get_or_insert(now)),
            false => Duration::ZERO,
        }
    }
}

/// A hair is enough where half of it would be nothing: a timer that is due at once would never let time pass.
fn look_after(heartbeat: Duration) -> Duration {
    (heartbeat / 2).max(Duration::from_millis(1))
}

impl<P> Supervisor<P> {
    /// The child is up: from now on it is looked at, if it owes a sign of life.
    pub(super) fn watch_heart(&mut self, id: ChildId) {
        let heartbeat = self.roster.get(id).and_then(|(_, child)| child.policy.heartbeat());
        let Some(heartbeat) = heartbeat else { return };
        let timer = self.new_timer(id, look_after(heartbeat));
        if let Some(child) = self.roster.get_mut(id) {
            child.heart =
                Some(Box::new(Heart { timer, told: Pulse::default(), progress: 0, still_since: None }));
            self.command(Command::Arm(timer));
        }
    }

    /// The child ends, one way or another, and owes nothing any more.
    pub(super) fn rest_heart(&mut self, id: ChildId) {
        let heart = self.roster.get_mut(id).and_then(|child| child.heart.take());
        if let Some(heart) = heart {
            self.command(Command::Disarm(heart.timer));
        }
    }

    pub(super) fn pulse(&mut self, id: ChildId, incarnation: u32, pulse: Pulse) {
        if let Some(heart) = self.living(id, incarnation).and_then(|child| child.heart.as_mut()) {
            heart.told = pulse;
        }
    }

    /// Time for a look. False if this was no timer of a heart.
    pub(super) fn look_due(&mut self, fired: TimerId) -> bool {
        let (id, now) = (fired.child, self.moment.now);
        let Some(child) = self.roster.get_mut(id) else { return false };
        let (Some(heartbeat), Some(heart)) = (child.policy.heartbeat(), child.heart.as_mut()) else {
            return false;
        };
        if heart.timer != fired {
            return false;
        }
        let still = heart.look(now);
        if still >= heartbeat {
            child.heart = None;
            self.kill_hung(id, still);
            return true;
        }
        let timer = self.new_timer(id, look_after(heartbeat));
        if let Some(heart) = self.roster.get_mut(id).and_then(|child| child.heart.as_mut()) {
            heart.timer = timer;
            self.command(Command::Arm(timer));
        }
        true
    }

    fn kill_hung(&mut self, id: ChildId, still: Duration) {
        let grace = self.new_timer(id, self.flags.kill_grace);
        let silent_ms = u64::try_from(still.as_millis()).unwrap_or(u64::MAX);
        let reason = ExitReason::Hung { silent_ms };
        let Some(child) = self.roster.get_mut(id) else { return };
        debug_assert!(matches!(child.state, State::Running), "only who is up is looked at");
        child.state = State::hung(grace, reason.clone());
        let incarnation = child.incarnation;
        self.command(Command::KillHung(id, incarnation, reason));
        self.command(Command::Arm(grace));
    }
}
