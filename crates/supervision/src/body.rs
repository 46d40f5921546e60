//! What a child's task runs once the child is initialised: an actor, a future, or a supervisor.

use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use actix::Actor;
use actix::dev::{Mailbox, channel};
use futures::future::LocalBoxFuture;
use tokio::sync::watch;

use crate::ExitReason;
use crate::addr::{Live, StableAddr};
use crate::context::Context;
use crate::node::{Node, Path};
use crate::runner::Runner;

/// A child in its prime. All calls come from the child's task, within its catch of panics. Dropping it runs no hooks: it may be
/// broken.
pub(crate) trait Body {
    /// Lives on; answers with the reason when it is over.
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<ExitReason>;
    /// Whether it counts as started.
    fn is_ready(&self) -> bool {
        true
    }
    /// Whether it had come up before a turn that panicked: then its end is an end, and no failed start.
    fn had_come_up(&self) -> bool {
        false
    }
    /// The supervisor asks it to stop.
    fn stop(&mut self);
    /// It is over, and was not told to stop: what can outlive it is left to the next life, the rest is dropped.
    fn retire(self: Box<Self>);
}

/// What of an actor can outlive it: its mailbox with what waits in it, its address, and its hold on its name. Dropping it
/// lets go of the name and tells everybody who waits.
pub(crate) struct Seat<A: Actor<Context = Context<A>>> {
    pub(crate) mailbox: Mailbox<A>,
    live: Arc<Live<A>>,
    name: Option<StableAddr<A>>,
}

impl<A: Actor<Context = Context<A>>> Seat<A> {
    fn new(node: Arc<Node>, incarnation: u32, name: Option<StableAddr<A>>, mailbox_max: u32) -> Self {
        // Unbounded on actix's side: its bound adds a slot per sender and parks senders without waking them. Ours
        // counts what comes by the stable name.
        let (sender, receiver) = channel::channel(0);
        let mailbox = Mailbox::new(receiver);
        let live = Arc::new(Live { addr: actix::Addr::new(sender), node, mailbox_max, incarnation });
        if let Some(name) = &name {
            name.bind(live.clone());
        }
        Seat { mailbox, live, name }
    }

    /// The seat of the life before, if it was left for this one. It is found by the name it is given now, else as before.
    fn inherited(node: &Node, incarnation: u32, name: Option<&StableAddr<A>>) -> Option<Self> {
        let mut seat = *node.inherit(incarnation)?.downcast::<Seat<A>>().ok()?;
        if let Some(name) = name {
            name.bind(seat.live.clone());
            seat.rename(name.clone());
        }
        Some(seat)
    }

    /// It bears this name now, and no other one.
    fn rename(&mut self, name: StableAddr<A>) {
        if let Some(former) = self.name.replace(name.clone())
            && !former.is_same(&name)
        {
            former.unbind(&self.live);
        }
    }
}

impl<A: Actor<Context = Context<A>>> Drop for Seat<A> {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            name.unbind(&self.live);
        }
    }
}

pub(crate) struct ActorBody<A: Actor<Context = Context<A>>>(Runner<A>);

impl<A: Actor<Context = Context<A>>> ActorBody<A> {
    pub(crate) fn new(
        actor: A,
        node: Arc<Node>,
        incarnation: u32,
        name: Option<StableAddr<A>>,
        mailbox_max: u32,
        on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
    ) -> Self {
        let seat = Seat::inherited(&node, incarnation, name.as_ref())
            .unwrap_or_else(|| Seat::new(node, incarnation, name, mailbox_max));
        let ctx = Context::new(seat.live.clone(), incarnation, on_shutdown);
        ActorBody(Runner::new(actor, ctx, seat))
    }

    /// Takes a name that nobody else may bear. Answers with who does.
    pub(crate) fn claim(&mut self, name: StableAddr<A>) -> Result<(), Path> {
        let seat = &mut self.0.seat;
        name.bind_unless_taken(&seat.live)?;
        seat.rename(name);
        Ok(())
    }
}

impl<A: Actor<Context = Context<A>>> Body for ActorBody<A> {
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        let runner = &mut self.0;
        runner.ctx.begin_turn();
        match runner.poll(cx) {
            Poll::Ready(()) => Poll::Ready(runner.ctx.exit_reason()),
            Poll::Pending => {
                if runner.ctx.turn_is_used_up() {
                    cx.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    fn had_come_up(&self) -> bool {
        self.0.ctx.has_started
    }

    fn stop(&mut self) {
        self.0.ctx.ask_to_stop();
    }

    fn retire(self: Box<Self>) {
        let Runner { seat, actor, ctx } = self.0;
        let node = seat.live.node.clone();
        // Before the actor is dropped: a destructor that panics must not cost the messages.
        drop(node.leave(ctx.incarnation(), seat));
        drop(actor);
    }
}

/// A child that never comes up, because of what was found out last.
pub(crate) struct RefusedBody(pub(crate) ExitReason);

impl Body for RefusedBody {
    fn poll(&mut self, _: &mut TaskContext<'_>) -> Poll<ExitReason> {
        Poll::Ready(self.0.clone())
    }

    fn is_ready(&self) -> bool {
        false
    }

    fn stop(&mut self) {}

    fn retire(self: Box<Self>) {}
}

/// A child that is a plain future. It sees a shutdown through its [`Stopping`](crate::Stopping), or is dropped.
pub(crate) struct TaskBody {
    pub(crate) future: LocalBoxFuture<'static, Result<(), ExitReason>>,
    /// Present when the future wants to be told instead of dropped.
    pub(crate) tell: Option<watch::Sender<bool>>,
    pub(crate) asked: bool,
}

impl Body for TaskBody {
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        if self.asked && self.tell.is_none() {
            return Poll::Ready(ExitReason::SHUTDOWN);
        }
        self.future.as_mut().poll(cx).map(|result| match result {
            Ok(()) if self.asked => ExitReason::SHUTDOWN,
            Ok(()) => ExitReason::Normal,
            Err(reason) => reason,
        })
    }

    fn stop(&mut self) {
        self.asked = true;
        if let Some(tell) = &self.tell {
            tell.send_replace(true);
        }
    }

    fn retire(self: Box<Self>) {}
}
