//! The context of a supervised actor.
//!
//! Like `actix::Context`, and beyond it: an actor can say why it ends ([`Context::fail`]), knows its path, is told of
//! a shutdown in time ([`Graceful`]), its messages are counted, and a flood of them cannot keep it from
//! hearing that it is to stop. With `body` and `runner` the only file that touches what actix exports under `dev` for
//! library authors; the minor version of actix is pinned by the lock file.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::dev::{Envelope, EnvelopeProxy, MessageResponse, ToEnvelope};
use actix::{
    Actor, ActorContext, ActorFuture, ActorState, Addr, AsyncContext, Handler, Message, SpawnHandle,
};
use tokio::sync::oneshot;

use crate::ExitReason;
use crate::addr::Live;
use crate::alive::Alive;
use crate::node::{Node, Path};
use crate::runner::BoxedWork;

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
    live: Arc<Live<A>>,
    /// Futures that hold up everything else; the latest is polled first.
    pub(crate) waits: Vec<BoxedWork<A>>,
    pub(crate) items: Vec<Work<A>>,
    pub(crate) cancelled: Vec<SpawnHandle>,
    pub(crate) current: SpawnHandle,
    last_handle: SpawnHandle,
    exit: Option<Box<ExitReason>>,
    on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
    incarnation: u32,
    messages_left: u16,
    state: ActorState,
    shutdown_due: bool,
    asked_to_stop: bool,
    /// Its `started` hook has returned.
    pub(crate) has_started: bool,
}

/// A future of an actor, and the handle by which it can be cancelled.
pub(crate) struct Work<A: Actor> {
    pub(crate) handle: SpawnHandle,
    pub(crate) future: BoxedWork<A>,
}

impl<A: Actor<Context = Self>> Context<A> {
    pub(crate) fn new(
        live: Arc<Live<A>>,
        incarnation: u32,
        on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
    ) -> Self {
        Context {
            live,
            waits: Vec::new(),
            items: Vec::new(),
            cancelled: Vec::new(),
            current: SpawnHandle::default(),
            // The default means no handle at all.
            last_handle: SpawnHandle::default(),
            exit: None,
            on_shutdown,
            incarnation,
            messages_left: MESSAGES_PER_TURN,
            state: ActorState::Started,
            shutdown_due: false,
            asked_to_stop: false,
            has_started: false,
        }
    }

    /// True once: when the actor is to be told that it has started.
    pub(crate) fn begin(&mut self) -> bool {
        let first = self.state == ActorState::Started;
        if first {
            self.state = ActorState::Running;
        }
        first
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.state.stopping()
    }

    pub(crate) fn is_terminated(&self) -> bool {
        self.state == ActorState::Stopped
    }

    pub(crate) fn terminated(&mut self) {
        self.state = ActorState::Stopped;
    }

    /// The actor did not agree to stop.
    pub(crate) fn go_on(&mut self) {
        self.exit = None;
        self.state = ActorState::Running;
    }

    /// The handle of the future that is being polled.
    pub fn handle(&self) -> SpawnHandle {
        self.current
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

    /// By this the actor, and futures it hands it to, say that they get on with work that no message shows. Has a meaning for
    /// an actor that owes a sign of life, see [`ChildSpec::heartbeat`](crate::ChildSpec::heartbeat).
    pub fn alive(&self) -> Alive {
        Alive::new(self.node().clone(), self.incarnation)
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
    }

    /// Between two messages is the time to tell a graceful actor of its shutdown.
    pub(crate) fn tell_shutdown(&mut self, actor: &mut A) {
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

impl<A: Actor<Context = Self>> ActorContext for Context<A> {
    fn stop(&mut self) {
        if self.state.alive() {
            self.state = ActorState::Stopping;
        }
    }

    fn terminate(&mut self) {
        self.state = ActorState::Stopped;
    }

    fn state(&self) -> ActorState {
        self.state
    }
}

impl<A: Actor<Context = Self>> AsyncContext<A> for Context<A> {
    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.last_handle = self.last_handle.next();
        self.items.push(Work { handle: self.last_handle, future: Box::pin(future) });
        self.last_handle
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<A, Output = ()> + 'static,
    {
        self.waits.push(Box::pin(future));
    }

    // actix asks this before each message; a used-up turn pauses the mailbox, and the body polls the actor again.
    fn waiting(&self) -> bool {
        self.messages_left == 0 || !self.waits.is_empty() || self.is_ending()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.cancelled.push(handle);
        true
    }

    fn address(&self) -> Addr<A> {
        self.live.addr.clone()
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
        // Only the actor's own thread counts here, so nothing has to be locked for it.
        if self.counted {
            node.received.leave();
        }
        node.handled.store(node.handled.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        ctx.messages_left = ctx.messages_left.saturating_sub(1);
        ctx.tell_shutdown(actor);
        if ctx.is_ending() {
            return;
        }
        // As in actix: a caller who went away takes an unhandled question with him.
        let tx = self.tx.take();
        if tx.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return;
        }
        #[cfg(feature = "chaos")]
        ctx.node().block();
        if let Some(msg) = self.msg.take() {
            actor.handle(msg, ctx).handle(ctx, tx);
        }
    }
}
