//! Starting a child: the factory's argument and its answers.
//!
//! A factory runs on the arbiter where the child will live, does what may fail (open files, load a snapshot) and only
//! then makes the actor. So "started" means "initialised", and `!Send` actors can be supervised.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use actix::Actor;
use futures::FutureExt;
use tokio::sync::watch;

use crate::ExitReason;
use crate::addr::{MAILBOX_MAX, StableAddr};
use crate::alive::Alive;
use crate::body::{ActorBody, Body, RefusedBody, TaskBody};
use crate::context::{Context, Graceful};
use crate::core::Flags;
use crate::handle::SupervisorRef;
use crate::node::{Node, Path};
use crate::spec::ChildSpec;
use crate::supervisor::SupervisorBody;
use crate::tree::{Shared, Tree};

/// Given to a factory: who the child will be. Turned into a [`Started`] at its end.
pub struct StartContext {
    pub(crate) node: Arc<Node>,
    pub(crate) incarnation: u32,
    pub(crate) shared: Arc<Shared>,
}

/// An initialised child.
pub struct Started(pub(crate) Option<Box<dyn Body>>);

impl Started {
    /// There is nothing to run: not an error, and no child. The specification stays without a process, except that of a
    /// temporary child or under a dynamic supervisor.
    pub fn ignore() -> Self {
        Started(None)
    }
}

impl StartContext {
    /// Where the child stands in its tree.
    pub fn path(&self) -> Path {
        Path(self.node.clone())
    }

    /// How many times this specification has been started, this time included.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// The tree it belongs to.
    pub fn tree(&self) -> Tree {
        Tree { shared: self.shared.clone() }
    }

    /// By this a child that owes a sign of life gives it, see [`ChildSpec::heartbeat`].
    pub fn alive(&self) -> Alive {
        Alive::new(self.node.clone(), self.incarnation)
    }

    /// Hands something back to whoever started the child, who finds it in [`ChildRef::info`](crate::ChildRef::info): with
    /// what `start_child` and `restart_child` answer, and with the handle of a life that began by an automatic restart. What is
    /// handed back last counts; a start that fails hands back nothing.
    pub fn hand_back(&self, info: impl Any + Send + Sync) {
        self.node.hand_back(self.incarnation, Arc::new(info));
    }

    /// The child is this actor. What it answers is refined by its methods and returned from the factory.
    pub fn actor<A: Actor<Context = Context<A>>>(self, actor: A) -> ActorStart<A> {
        ActorStart {
            start: self,
            actor,
            name: None,
            exclusive: false,
            mailbox_max: MAILBOX_MAX,
            on_shutdown: None,
        }
    }

    /// The child is a future, which is dropped when the child is asked to stop. `Ok` is a normal end.
    pub fn task<E: fmt::Display>(self, future: impl Future<Output = Result<(), E>> + 'static) -> Started {
        let future = future.map(|result| result.map_err(ExitReason::failed)).boxed_local();
        Started(Some(Box::new(TaskBody { future, tell: None, asked: false })))
    }

    /// The child is a future that is told when it is to stop, and given its shutdown time to do so.
    pub fn graceful_task<E, F>(self, future: impl FnOnce(Stopping) -> F) -> Started
    where
        E: fmt::Display,
        F: Future<Output = Result<(), E>> + 'static,
    {
        let (tell, told) = watch::channel(false);
        let future = future(Stopping(told)).map(|result| result.map_err(ExitReason::failed)).boxed_local();
        Started(Some(Box::new(TaskBody { future, tell: Some(tell), asked: false })))
    }

    /// The child is a supervisor. It counts as started when all of `children` are, in order; if one of them is not, those
    /// before it are stopped and the start fails.
    pub fn supervisor(
        self,
        name: &SupervisorRef,
        flags: Flags,
        children: Vec<ChildSpec>,
    ) -> Result<Started, StartError> {
        let body = SupervisorBody::new(self, name.clone(), flags, children)?;
        Ok(Started(Some(Box::new(body))))
    }
}

/// Resolves when a [`graceful task`](StartContext::graceful_task) is asked to stop.
#[derive(Clone, Debug)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Waits for it.
    pub async fn asked(&mut self) {
        // An error means that the child's task, and with it this future, is going away: also a reason to stop.
        let _ = self.0.wait_for(|asked| *asked).await;
    }

    /// Whether it has happened.
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }
}

/// An actor about to be started. Return it from the factory.
pub struct ActorStart<A: Actor<Context = Context<A>>> {
    start: StartContext,
    actor: A,
    name: Option<StableAddr<A>>,
    exclusive: bool,
    mailbox_max: u32,
    on_shutdown: Option<fn(&mut A, &mut Context<A>)>,
}

impl<A: Actor<Context = Context<A>>> ActorStart<A> {
    /// The actor is reached by this name.
    pub fn at(mut self, name: &StableAddr<A>) -> Self {
        self.name = Some(name.clone());
        self
    }

    /// The actor is reached by this name, and the start fails when somebody else bears it, who is named in the error. An
    /// earlier life of this child is nobody else.
    pub fn register(mut self, name: &StableAddr<A>) -> Self {
        self.exclusive = true;
        self.at(name)
    }

    /// How many messages sent by its name may wait; default [`MAILBOX_MAX`].
    pub fn mailbox_max(mut self, mailbox_max: u32) -> Self {
        self.mailbox_max = mailbox_max;
        self
    }

    /// The actor is told when it is to stop, see [`Graceful`].
    pub fn graceful(mut self) -> Self
    where
        A: Graceful,
    {
        self.on_shutdown = Some(A::shutdown);
        self
    }
}

impl<A: Actor<Context = Context<A>>> From<ActorStart<A>> for Started {
    fn from(from: ActorStart<A>) -> Self {
        let ActorStart { start, actor, name, exclusive, mailbox_max, on_shutdown } = from;
        let (claimed, name) = if exclusive { (name, None) } else { (None, name) };
        let mut body = ActorBody::new(actor, start.node, start.incarnation, name, mailbox_max, on_shutdown);
        if let Some(Err(holder)) = claimed.map(|name| body.claim(name)) {
            let refused = ExitReason::failed(format_args!("the name is taken by {holder}"));
            return Started(Some(Box::new(RefusedBody(refused))));
        }
        Started(Some(Box::new(body)))
    }
}

/// Why a child could not be initialised. Made from any error by `?`, or by [`StartError::new`].
#[derive(Clone, Debug)]
pub struct StartError(pub(crate) ExitReason);

impl StartError {
    /// A start error with this text.
    pub fn new(error: impl fmt::Display) -> Self {
        StartError(ExitReason::failed(error))
    }
}

// Not an `Error` itself, so that every other error converts by `?`.
impl<E: std::error::Error> From<E> for StartError {
    fn from(error: E) -> Self {
        StartError::new(error)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
