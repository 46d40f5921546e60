//! The context of a supervised actor.
//!
//! Like `actix::Context`, and beyond it: an actor can say why it ends ([`Context::fail`]), knows its path, is told of
//! a shutdown in time ([`Graceful`]), its messages are counted, and a flood of them cannot keep it from
//! hearing that it is to stop. The only file, with `body`, that touches what actix exports under `dev` for library
//! authors; the minor version of actix is pinned by the lock file.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::dev::{
    AsyncContextParts, ContextParts, Envelope, EnvelopeProxy, Mailbox, MessageResponse, ToEnvelope,
};
use actix::{
    Actor, ActorContext, ActorFuture, ActorState, Addr, AsyncContext, Handler, Message, SpawnHandle,
};
use tokio::sync::oneshot;

use crate::ExitReason;
use crate::addr::Live;
use crate::node::{Node, Path};

/// How many messages an actor handles before it lets its arbiter breathe.
const MESSAGES_PER_TURN: u16 = 128;

/// An actor that wants to do something before it stops, such as finishing what it has begun.
///
/// Without this, an actor that is asked to stop does so before its next message. With it, [`Graceful::shutdown`] is
/// called between two messages (after a `ctx.wait` future, if one is pending), and the actor stops itself by
/// `ctx.stop()` when it is done. If that takes longer than the shutdown time of its specification, it is killed.
pub trait Graceful: Actor<Context = Context<Self>> {
    /// The supervisor asks the actor to stop.
    fn shutdown(&mut self, ctx: &mut Context<Self>);
}

/// The context of a supervised actor: `type Context = ghostlight_supervision::Context<Self>`.
pub struct Context<A: Actor<Context = Self>> {
    parts: ContextParts<A>,
    live: Arc<Live<A>>,
    incarnation: u32,
    exit: Option<Box<ExitReason>>,
    on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
    shutdown_due: bool,
    asked_to_stop: bool,
    messages_left: u16,
}

impl<A: Actor<Context = Self>> Context<A> {
    pub(crate) fn new(
        mailbox: &Mailbox<A>,
        live: Arc<Live<A>>,
        incarnation: u32,
        on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
    ) -> Self {
        Context {
            parts: ContextParts::new(mailbox.sender_producer()),
            live,
            incarnation,
            exit: None,
            on_shutdown,
            shutdown_due: false,
            asked_to_stop: false,
            messages_left: MESSAGES_PER_TURN,
        }
    }

    fn node(&self) -> &Arc<Node> {
        &self.live.node
    }

    /// Stops the actor because of an error: an abnormal end, answered by a restart if the specification says so.
    pub fn fail(&mut self, error: impl std::fmt::Display) {
        self.exit(ExitReason::failed(error));
    }

    /// Stops the actor with a reason of its choice. The first reason stays.
    pub fn exit(&mut self, reason: ExitReason) {
        self.exit.get_or_insert_with(|| Box::new(reason));
        self.stop();
    }

    /// Whether the supervisor has asked the actor to stop.
    pub fn is_shutting_down(&self) -> bool {
        self.asked_to_stop
    }

    /// Where the actor stands in its tree.
    pub fn path(&self) -> Path {
        Path(self.node().clone())
    }

    /// How many times the actor has been started by this specification, this time included.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    pub(crate) fn begin_turn(&mut self) {
        self.messages_left = MESSAGES_PER_TURN;
    }

    pub(crate) fn turn_is_used_up(&self) -> bool {
        self.messages_left == 0
    }

    /// The supervisor asks; the actor is told now or between two messages.
    pub(crate) fn ask_to_stop(&mut self) {
        self.asked_to_stop = true;
        if self.on_shutdown.is_none() {
            return self.stop();
        }
        self.shutdown_due = true;
        // Reaches an actor with an empty mailbox; one with a full mailbox is told before its next message.
        self.spawn(Tell);
    }

    fn tell_shutdown(&mut self, actor: &mut A) {
        if std::mem::take(&mut self.shutdown_due)
            && let Some(shutdown) = self.on_shutdown
        {
            shutdown(actor, self);
        }
    }

    /// Why the actor ended, now that it has.
    pub(crate) fn exit_reason(&mut self) -> ExitReason {
        let otherwise = if self.asked_to_stop { ExitReason::SHUTDOWN } else { ExitReason::Normal };
        self.exit.take().map_or(otherwise, |reason| *reason)
    }
}

struct Tell;

impl<A: Actor<Context = Context<A>>> ActorFuture<A> for Tell {
    type Output = ();

    fn poll(
        self: std::pin::Pin<&mut Self>,
        actor: &mut A,
        ctx: &mut Context<A>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        ctx.tell_shutdown(actor);
        std::task::Poll::Ready(())
    }
}

impl<A: Actor<Context = Self>> ActorContext for Context<A> {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl<A: Actor<Context = Self>> AsyncContext<A> for Context<A> {
    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.spawn(future)
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.parts.wait(future);
    }

    // actix asks this before each message; a used-up turn pauses the mailbox, and the body polls the actor again.
    fn waiting(&self) -> bool {
        self.messages_left == 0 || self.parts.waiting()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }

    fn address(&self) -> Addr<A> {
        self.parts.address()
    }
}

impl<A: Actor<Context = Self>> AsyncContextParts<A> for Context<A> {
    fn parts(&mut self) -> &mut ContextParts<A> {
        &mut self.parts
    }
}

thread_local! {
    /// Whether the message being packed was counted by a stable name. `ToEnvelope::pack` has no other way to know.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `send`, which packs one message that is counted in the actor's queue.
pub(crate) fn counted<T>(send: impl FnOnce() -> T) -> T {
    COUNTED.set(true);
    let sent = send();
    COUNTED.set(false);
    sent
}

impl<A, M> ToEnvelope<A, M> for Context<A>
where
    A: Actor<Context = Self> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn pack(msg: M, tx: Option<oneshot::Sender<M::Result>>) -> Envelope<A> {
        Envelope::with_proxy(Box::new(Letter { msg: Some(msg), tx, counted: COUNTED.get() }))
    }
}

struct Letter<M: Message> {
    msg: Option<M>,
    tx: Option<oneshot::Sender<M::Result>>,
    counted: bool,
}

impl<A, M> EnvelopeProxy<A> for Letter<M>
where
    A: Actor<Context = Context<A>> + Handler<M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    fn handle(&mut self, actor: &mut A, ctx: &mut Context<A>) {
        let node = ctx.node();
        if self.counted {
            let _ = node
                .queued
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |queued| queued.checked_sub(1));
        }
        node.handled.fetch_add(1, Ordering::Relaxed);
        ctx.messages_left = ctx.messages_left.saturating_sub(1);
        ctx.tell_shutdown(actor);
        if !ctx.state().alive() || ctx.state() == ActorState::Stopping {
            return;
        }
        // As in actix: a caller who went away takes an unhandled question with him.
        let tx = self.tx.take();
        if tx.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return;
        }
        if let Some(msg) = self.msg.take() {
            actor.handle(msg, ctx).handle(ctx, tx);
        }
    }
}
