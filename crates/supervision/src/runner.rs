//! What runs an actor: its messages, its futures and its hooks, in actix's order.
//!
//! In place of actix's own `ContextFut`, whose two lists of everything cost twice the room of an idle actor, and which polls an
//! actor once more when it is dropped, hooks included, even if it has just panicked. This one is dropped without a word.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use actix::{Actor, Running};

use crate::body::Seat;
use crate::context::{Context, Work};

pub(crate) struct Runner<A: Actor<Context = Context<A>>> {
    // First, so that nobody finds the actor any more when it is dropped.
    pub(crate) seat: Seat<A>,
    pub(crate) actor: A,
    pub(crate) ctx: Context<A>,
}

impl<A: Actor<Context = Context<A>>> Runner<A> {
    pub(crate) fn new(actor: A, ctx: Context<A>, seat: Seat<A>) -> Self {
        Runner { seat, actor, ctx }
    }

    /// Lives on, until the actor has stopped.
    pub(crate) fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        if self.ctx.begin() {
            self.actor.started(&mut self.ctx);
            self.ctx.has_started = true;
        }
        loop {
            ready!(self.poll_waits(cx));
            if !self.ctx.is_ending() {
                self.ctx.tell_shutdown(&mut self.actor);
                self.seat.mailbox.poll(&mut self.actor, &mut self.ctx, cx);
            }
            if self.poll_items(cx) && !self.ctx.is_ending() {
                continue;
            }
            if !self.ctx.is_ending() {
                // With a wait begun by the last item there is something left to poll.
                if self.ctx.waits.is_empty() {
                    return Poll::Pending;
                }
            } else if self.end() {
                return Poll::Ready(());
            }
        }
    }

    /// While a future of `ctx.wait` is pending nothing else moves; the latest comes first. A stop ends the waiting.
    fn poll_waits(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        while !self.ctx.is_ending() {
            let Some(mut wait) = self.ctx.waits.pop() else { break };
            let older = self.ctx.waits.len();
            if wait.as_mut().poll(&mut self.actor, &mut self.ctx, cx).is_ready() {
                continue;
            }
            // What it began to wait for in this poll comes before it.
            let newest = self.ctx.waits.len() == older;
            self.ctx.waits.insert(older, wait);
            if newest && !self.ctx.is_ending() {
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// Polls the futures of `ctx.spawn`. True when there is more to do at once: futures that are new, or a wait.
    fn poll_items(&mut self, cx: &mut TaskContext<'_>) -> bool {
        let mut items = std::mem::take(&mut self.ctx.items);
        let mut again = false;
        let mut index = 0;
        while index < items.len() && !self.ctx.is_ending() && self.ctx.waits.is_empty() {
            let Work { handle, future } = &mut items[index];
            self.ctx.current = *handle;
            match future.as_mut().poll(&mut self.actor, &mut self.ctx, cx) {
                Poll::Ready(()) => drop(items.swap_remove(index)),
                Poll::Pending => index += 1,
            }
            index = self.drop_cancelled(&mut items, index);
            if !self.ctx.waits.is_empty() && index < items.len() {
                // It waits before its neighbours were polled: they come first next time.
                items.rotate_left(index);
                again = true;
            }
        }
        // Those cancelled by a message or a hook, before any item was polled.
        self.drop_cancelled(&mut items, index);
        self.ctx.current = Default::default();
        again |= !self.ctx.items.is_empty();
        items.append(&mut self.ctx.items);
        self.ctx.items = items;
        again
    }

    /// Drops what was cancelled. Answers where the item at `index` is now.
    fn drop_cancelled(&mut self, items: &mut Vec<Work<A>>, mut index: usize) -> usize {
        for cancelled in std::mem::take(&mut self.ctx.cancelled) {
            self.ctx.items.retain(|item| item.handle != cancelled);
            if let Some(place) = items.iter().position(|item| item.handle == cancelled) {
                items.remove(place);
                index -= usize::from(place < index);
            }
        }
        index
    }

    /// Asks the actor whether it agrees to stop; true when it has.
    fn end(&mut self) -> bool {
        if !self.ctx.is_terminated() && self.actor.stopping(&mut self.ctx) == Running::Continue {
            self.ctx.go_on();
            return false;
        }
        self.ctx.terminated();
        self.actor.stopped(&mut self.ctx);
        true
    }
}

/// An actor's future, boxed.
pub(crate) type BoxedWork<A> = Pin<Box<dyn actix::ActorFuture<A, Output = ()>>>;
