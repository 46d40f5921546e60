//! When the writer writes: at its interval, when asked, and once more before it ends.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The conversation between those who want something written and the one thread that writes.
#[derive(Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Flushes asked for, and how many of them are answered.
    asked: u64,
    done: u64,
    hurry: bool,
    stop: Option<Stop>,
    gone: bool,
}

/// How the writer is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Everything written, closed and synced.
    Close,
    /// As it is.
    Abandon,
}

/// One turn of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// To be given back to [`Turns::done`].
    pub asked: u64,
    /// Whether this turn answers a flush.
    pub is_flush: bool,
    pub stop: Option<Stop>,
}

impl Turns {
    /// The writer waits for its next turn, at most `interval`.
    pub fn next(&self, interval: Duration) -> Turn {
        let idle = |state: &mut State| state.asked == state.done && !state.hurry && state.stop.is_none();
        let waited = self.changed.wait_timeout_while(self.state(), interval, idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        Turn { asked: state.asked, is_flush: state.asked != state.done, stop: state.stop }
    }

    /// The writer waits, whoever hurries it; answers whether it is to end.
    pub fn pause(&self, time: Duration) -> bool {
        let stays = |state: &mut State| state.stop.is_none();
        let waited = self.changed.wait_timeout_while(self.state(), time, stays);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.stop.is_some()
    }

    /// The writer has written what waited at the beginning of this turn.
    pub fn done(&self, turn: Turn) {
        self.state().done = turn.asked;
        self.changed.notify_all();
    }

    /// The writer has ended, in whatever way.
    pub fn gone(&self) {
        self.state().gone = true;
        self.changed.notify_all();
    }

    /// Waits until everything that is applied now is written, or the writer has ended.
    pub fn flush(&self) {
        let mut state = self.state();
        state.asked += 1;
        let mine = state.asked;
        self.changed.notify_all();
        let unanswered = |state: &mut State| state.done < mine && !state.gone;
        drop(self.changed.wait_while(state, unanswered));
    }

    /// Asks for a turn before the interval is over, and does not wait for it.
    pub fn hurry(&self) {
        let mut state = self.state();
        if !state.hurry {
            state.hurry = true;
            self.changed.notify_all();
        }
    }

    /// Asks the writer to end. The first way that was asked for holds.
    pub fn stop(&self, stop: Stop) {
        self.state().stop.get_or_insert(stop);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
