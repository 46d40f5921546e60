//! How many messages wait for an actor, counted without a number that both sides write.
//!
//! A message costs tens of nanoseconds; a line of the cache that sender and receiver take from each other costs as much
//! again. So senders count what they let in, the actor counts what it took out, and senders look at that only when what they
//! last saw of it leaves no room. The rings of Disruptor and of most single-producer queues do the same.

use std::sync::atomic::{AtomicU32, Ordering};

/// The senders' side.
#[derive(Default)]
pub(crate) struct Sent {
    /// Wraps around.
    sent: AtomicU32,
    /// What the senders last saw of [`Received`].
    passed: AtomicU32,
}

/// The actor's side: only the thread it lives on writes it.
#[derive(Default)]
pub(crate) struct Received(AtomicU32);

impl Sent {
    /// Counts one message in, if fewer than `max` wait. Whoever was let in sends it.
    pub(crate) fn enter(&self, received: &Received, max: u32) -> bool {
        let before = self.sent.fetch_add(1, Ordering::Relaxed);
        if between(self.passed.load(Ordering::Relaxed), before) < max {
            return true;
        }
        let passed = received.0.load(Ordering::Relaxed);
        self.passed.store(passed, Ordering::Relaxed);
        let has_room = between(passed, before) < max;
        if !has_room {
            self.sent.fetch_sub(1, Ordering::Relaxed);
        }
        has_room
    }

    /// How many wait.
    pub(crate) fn waiting(&self, received: &Received) -> u32 {
        between(received.0.load(Ordering::Relaxed), self.sent.load(Ordering::Relaxed))
    }

    /// Nothing waits: a mailbox was opened.
    pub(crate) fn reset(&self, received: &Received) {
        let sent = self.sent.load(Ordering::Relaxed);
        received.0.store(sent, Ordering::Relaxed);
        self.passed.store(sent, Ordering::Relaxed);
    }
}

impl Received {
    /// Counts one message out.
    pub(crate) fn leave(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }
}

/// A life that was abandoned may have counted out what nobody counted in; then nothing waits.
fn between(received: u32, sent: u32) -> u32 {
    u32::try_from(sent.wrapping_sub(received).cast_signed()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(sent: &Sent, received: &Received, max: u32) -> u32 {
        (0..).take_while(|_| sent.enter(received, max)).count().try_into().unwrap()
    }

    #[test]
    fn as_many_are_let_in_as_there_is_room_and_one_more_for_each_that_left() {
        let (sent, received) = (Sent::default(), Received::default());
        assert_eq!((fill(&sent, &received, 3), sent.waiting(&received)), (3, 3));
        received.leave();
        received.leave();
        assert_eq!((fill(&sent, &received, 3), sent.waiting(&received)), (2, 3));
        sent.reset(&received);
        assert_eq!((sent.waiting(&received), fill(&sent, &received, 3)), (0, 3));
    }

    #[test]
    fn the_counts_may_wrap_around() {
        let (sent, received) = (Sent::default(), Received::default());
        sent.sent.store(u32::MAX - 1, Ordering::Relaxed);
        sent.reset(&received);
        assert_eq!((fill(&sent, &received, 5), sent.waiting(&received)), (5, 5));
        (0..5).for_each(|_| received.leave());
        assert_eq!((sent.waiting(&received), fill(&sent, &received, 5)), (0, 5));
    }

    #[test]
    fn what_nobody_counted_in_takes_no_room_from_others() {
        let (sent, received) = (Sent::default(), Received::default());
        received.leave();
        assert_eq!(sent.waiting(&received), 0);
        assert_eq!(fill(&sent, &received, 2), 3);
    }

    #[test]
    fn senders_of_two_threads_never_let_in_more_than_fit() {
        let (sent, received) = (Sent::default(), Received::default());
        let let_in: u32 = std::thread::scope(|scope| {
            let sender = || scope.spawn(|| (0..10_000).filter(|_| sent.enter(&received, 1_000)).count());
            [sender(), sender()].map(|one| u32::try_from(one.join().unwrap()).unwrap()).into_iter().sum()
        });
        assert_eq!((let_in, sent.waiting(&received)), (1_000, 1_000));
    }
}
