//! Stable names: how an actor is reached across its restarts.
//!
//! A supervised actor gets a fresh mailbox with each incarnation, unless it is restarted in place. A stable name points to the
//! present one and is what others hold. It is made before the actor, so that siblings can be given each other's names.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use actix::{Actor, Addr, Handler, Message};
use arc_swap::ArcSwapOption;

use crate::context::{Context, counted};
use crate::core::ChildState;
use crate::node::{Node, Path};

/// How many messages may wait in an actor's mailbox unless its start says otherwise.
pub const MAILBOX_MAX: u32 = 1024;

/// One incarnation, as it is reached.
pub(crate) struct Live<A: Actor> {
    pub(crate) addr: Addr<A>,
    pub(crate) node: Arc<Node>,
    pub(crate) mailbox_max: u32,
    /// The life that opened the mailbox.
    pub(crate) incarnation: u32,
}

impl<A: Actor<Context = Context<A>>> Live<A> {
    /// Whether messages can be left: somebody handles them, or will. Who is stuck on a blocked thread never does.
    fn is_open(&self) -> bool {
        self.addr.connected() && !self.node.is_abandoned(self.incarnation)
    }
}

/// The name of an actor, good for all its incarnations and from any thread. Cloning costs a reference count.
pub struct StableAddr<A: Actor>(Arc<ArcSwapOption<Live<A>>>);

/// Why a message was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// Nobody is there: not started yet, between two incarnations, or ended. The message was not delivered.
    #[error("the actor is not running")]
    NotRunning,
    /// The actor ended, by a crash or a stop, before it answered. Whether it handled the message is unknown.
    #[error("the actor ended before it answered")]
    Closed,
    /// The mailbox is full. The message was not delivered.
    #[error("the actor's mailbox is full")]
    Full,
}

impl<A: Actor<Context = Context<A>>> StableAddr<A> {
    /// A name that nobody bears yet.
    pub fn new() -> Self {
        StableAddr(Arc::new(ArcSwapOption::empty()))
    }

    /// Sends a message and waits for the answer. The message is in the mailbox when this returns; dropping the future
    /// before the message's turn withdraws it.
    pub fn send<M>(&self, msg: M) -> impl Future<Output = Result<M::Result, SendError>> + Send + use<A, M>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        let request = self.with_room(|live| live.addr.send(msg));
        async move { request?.await.map_err(|_| SendError::Closed) }
    }

    /// Puts a message in the mailbox, without waiting for an answer. It may still be lost if the actor ends first.
    pub fn try_send<M>(&self, msg: M) -> Result<(), SendError>
    where
        A: Handler<M>,
        M: Message + Send + 'static,
        M::Result: Send,
    {
        self.with_room(|live| live.addr.try_send(msg))?.map_err(|_| SendError::Closed)
    }

    /// Counts one message in and sends it, if there is room and somebody to receive it.
    fn with_room<T>(&self, send: impl FnOnce(&Live<A>) -> T) -> Result<T, SendError> {
        // Borrowed: a count of references that all senders share would cost more than the message.
        let bearer = self.0.load();
        let live = bearer.as_deref().filter(|live| live.is_open()).ok_or(SendError::NotRunning)?;
        if !live.node.sent.enter(&live.node.received, live.mailbox_max) {
            return Err(SendError::Full);
        }
        Ok(counted(|| send(live)))
    }

    /// Whether somebody bears the name now. He may be gone a moment later. One that is being restarted in place bears it on.
    pub fn is_running(&self) -> bool {
        self.0.load().as_ref().is_some_and(|live| live.is_open())
    }

    /// The path of the present incarnation.
    pub fn path(&self) -> Option<Path> {
        self.0.load().as_ref().map(|live| Path(live.node.clone()))
    }

    /// The address of the present incarnation, for what actix itself wants to be given. It ends with the incarnation, and
    /// what is sent by it is neither counted nor bounded.
    pub fn current(&self) -> Option<Addr<A>> {
        self.0.load().as_ref().map(|live| live.addr.clone())
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn bind(&self, live: Arc<Live<A>>) {
        self.0.store(Some(live));
    }

    /// Gives the name to this incarnation, unless another child bears it and has not ended: then that one is the answer.
    pub(crate) fn bind_unless_taken(&self, live: &Arc<Live<A>>) -> Result<(), Path> {
        loop {
            let bearer = self.0.load();
            if let Some(bearer) = bearer.as_ref()
                && bearer.is_open()
                && bearer.node.state() != ChildState::Stopped
                && !Arc::ptr_eq(&bearer.node, &live.node)
            {
                return Err(Path(bearer.node.clone()));
            }
            let before = self.0.compare_and_swap(&*bearer, Some(live.clone()));
            // Else somebody was quicker, and may be there to stay.
            if before.as_ref().map(Arc::as_ptr) == bearer.as_ref().map(Arc::as_ptr) {
                return Ok(());
            }
        }
    }

    /// Takes the name from an incarnation that ended, unless a later one bears it already.
    pub(crate) fn unbind(&self, live: &Arc<Live<A>>) {
        let bearer = self.0.load();
        if bearer.as_ref().is_some_and(|bearer| Arc::ptr_eq(bearer, live)) {
            self.0.compare_and_swap(&*bearer, None);
        }
    }
}

impl<A: Actor<Context = Context<A>>> Default for StableAddr<A> {
    fn default() -> Self {
        StableAddr::new()
    }
}

impl<A: Actor> Clone for StableAddr<A> {
    fn clone(&self) -> Self {
        StableAddr(self.0.clone())
    }
}

impl<A: Actor> fmt::Debug for StableAddr<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.load().as_ref() {
            Some(live) => write!(f, "StableAddr({})", Path(live.node.clone())),
            None => f.write_str("StableAddr(not running)"),
        }
    }
}
