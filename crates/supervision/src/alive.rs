//! The sign of life that a child owes: what of its work can be seen from outside, and how it can say more.
//!
//! Whether a child gets on is seen without its help: messages wait or do not, the count of those that it handled moves or
//! does not, and a turn on its thread comes to an end or does not. What cannot be seen it says itself, by an [`Alive`]. The core
//! judges (`core::heartbeat`); nothing is counted for children that owe nothing.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::ExitReason;
use crate::core::Pulse;
use crate::node::Node;

/// The counters of a child that owes a sign of life.
#[derive(Default)]
pub(crate) struct Heart {
    /// Odd while the child has the thread.
    turns: AtomicU64,
    beats: AtomicU64,
    owes: AtomicBool,
    /// Why the present life is killed.
    sentence: Mutex<Option<ExitReason>>,
}

impl Heart {
    /// The child gets the thread, or gives it back.
    pub(crate) fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// A new life has the thread not yet, whatever became of an abandoned one, and owes nothing.
    pub(crate) fn begin(&self) {
        self.owes.store(false, Ordering::Relaxed);
        *self.sentence.lock().unwrap_or_else(PoisonError::into_inner) = None;
        // Even again: the turn of an abandoned life is not one of this.
        self.turns.fetch_update(Ordering::AcqRel, Ordering::Acquire, |turns| Some((turns | 1) + 1)).ok();
    }

    pub(crate) fn condemn(&self, reason: ExitReason) {
        *self.sentence.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    pub(crate) fn sentence(&self) -> Option<ExitReason> {
        self.sentence.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What can be seen now, given how many messages wait and how many were handled.
    pub(crate) fn pulse(&self, something_waits: bool, handled: u64) -> Pulse {
        let turns = self.turns.load(Ordering::Acquire);
        let has_work = something_waits || self.owes.load(Ordering::Relaxed);
        let beats = self.beats.load(Ordering::Relaxed).wrapping_add(handled);
        // With work to do only work done counts. Without, it is enough that the thread comes back from each turn. The two
        // counts never look alike, so a change from one to the other is taken for progress.
        let progress = if has_work { beats.wrapping_mul(2) } else { turns.wrapping_mul(2) | 1 };
        Pulse { working: has_work || turns % 2 == 1, progress }
    }
}

/// By this a child with a [`heartbeat`](crate::ChildSpec::heartbeat) says that it gets on, where its messages do not show it: a
/// task, or an actor's long work. Cheap to clone, and usable from any thread. Ends with its incarnation.
#[derive(Clone)]
pub struct Alive {
    node: Arc<Node>,
    incarnation: u32,
}

impl Alive {
    pub(crate) fn new(node: Arc<Node>, incarnation: u32) -> Self {
        Alive { node, incarnation }
    }

    fn heart(&self) -> Option<&Heart> {
        self.node.heart().filter(|_| self.node.incarnation() == self.incarnation)
    }

    /// A sign of life. From now on the next one is owed within the heartbeat, until [`Alive::rest`].
    pub fn beat(&self) {
        if let Some(heart) = self.heart() {
            heart.beat();
            heart.owes.store(true, Ordering::Relaxed);
        }
    }

    /// Nothing is under way: no sign of life is owed until the next one is given.
    pub fn rest(&self) {
        if let Some(heart) = self.heart() {
            heart.owes.store(false, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Alive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alive").field(&crate::Path(self.node.clone())).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_work_to_do_only_work_done_is_progress() {
        let heart = Heart::default();
        let before = heart.pulse(true, 7);
        heart.turn();
        heart.turn();
        assert_eq!(heart.pulse(true, 7), before, "turns alone are none");
        assert_ne!(heart.pulse(true, 8).progress, before.progress);
        heart.beat();
        assert_ne!(heart.pulse(true, 7).progress, before.progress);
    }

    #[test]
    fn without_work_it_is_enough_that_the_thread_comes_back() {
        let heart = Heart::default();
        assert!(!heart.pulse(false, 7).working);
        heart.turn();
        let inside = heart.pulse(false, 7);
        assert!(inside.working, "a turn that does not end is seen without a message that waits");
        assert_eq!(heart.pulse(false, 7), inside);
        heart.turn();
        assert!(!heart.pulse(false, 7).working);
        heart.turn();
        assert_ne!(heart.pulse(false, 7).progress, inside.progress, "the next turn is another one");
        heart.begin();
        assert!(!heart.pulse(false, 7).working, "a new life is in no turn");
    }
}
