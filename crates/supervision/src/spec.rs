//! Child specifications: what to start, how to treat it, and where it lives.

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use actix::Actor;
use futures::FutureExt;
use futures::future::LocalBoxFuture;

use crate::addr::StableAddr;
use crate::context::Context;
use crate::core::{Flags, Policy, Restart, Shutdown};
use crate::handle::SupervisorRef;
use crate::start::{StartContext, StartError, Started};
use crate::{ArbiterRef, Key};

type Starting = LocalBoxFuture<'static, Result<Started, StartError>>;
type Many = dyn Fn(StartContext) -> Starting + Send + Sync;
type Once = dyn FnOnce(StartContext) -> Starting + Send;

/// What makes a child.
pub(crate) enum Factory {
    Many(Arc<Many>),
    Once(Box<Once>),
    /// A temporary child's, which was used: nothing of a start that never happens again is kept.
    Spent,
}

/// Where a child lives.
#[derive(Clone, Debug, Default)]
pub enum Placement {
    /// On the thread of its supervisor.
    #[default]
    Here,
    /// On this arbiter.
    On(ArbiterRef),
}

/// How a child is started, stopped and restarted.
pub struct ChildSpec {
    pub(crate) key: Key,
    pub(crate) policy: Policy,
    pub(crate) placement: Placement,
    pub(crate) factory: Factory,
    pub(crate) in_place: bool,
}

impl ChildSpec {
    /// A permanent worker, made by `factory` as often as needed, given 5 s to stop.
    pub fn new<F, Fut, S>(key: impl Into<Key>, factory: F) -> Self
    where
        F: Fn(StartContext) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<S, StartError>> + 'static,
        S: Into<Started>,
    {
        let factory = move |start| factory(start).map(|made| made.map(Into::into)).boxed_local();
        ChildSpec {
            key: key.into(),
            policy: Policy::WORKER,
            placement: Placement::Here,
            factory: Factory::Many(Arc::new(factory)),
            in_place: false,
        }
    }

    /// A temporary worker, made once. `factory` may give away what it holds.
    pub fn once<F, Fut, S>(key: impl Into<Key>, factory: F) -> Self
    where
        F: FnOnce(StartContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<S, StartError>> + 'static,
        S: Into<Started>,
    {
        let factory = move |start| factory(start).map(|made| made.map(Into::into)).boxed_local();
        ChildSpec {
            key: key.into(),
            policy: Policy { restart: Restart::Temporary, ..Policy::WORKER },
            placement: Placement::Here,
            factory: Factory::Once(Box::new(factory)),
            in_place: false,
        }
    }

    /// A permanent actor, reached by `name`. `factory` makes the actor's value; for the finer points use [`ChildSpec::new`].
    pub fn actor<A, F, Fut>(key: impl Into<Key>, name: &StableAddr<A>, factory: F) -> Self
    where
        A: Actor<Context = Context<A>>,
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<A, StartError>> + 'static,
    {
        let name = name.clone();
        ChildSpec::new(key, move |start: StartContext| {
            let (name, making) = (name.clone(), factory());
            async move { Ok(start.actor(making.await?).at(&name)) }
        })
    }

    /// A permanent supervisor, reached by `name`, with fresh specifications of its initial children for each start.
    pub fn supervisor(
        key: impl Into<Key>,
        name: &SupervisorRef,
        flags: Flags,
        children: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static,
    ) -> Self {
        let name = name.clone();
        let mut spec = ChildSpec::new(key, move |start: StartContext| {
            std::future::ready(start.supervisor(&name, flags.clone(), children()))
        });
        spec.policy = Policy::SUPERVISOR;
        spec
    }

    /// Treats the child as a supervisor: for one made by [`ChildSpec::new`] or [`ChildSpec::once`]. It is waited for when
    /// it stops. The restart type stays.
    ///
    /// One that lives on an arbiter of its own should be given a [`ChildSpec::shutdown_timeout`] that covers its children's:
    /// waiting without limit for a thread that is blocked would take its parent along, while one past its time is
    /// killed, reported as stuck and abandoned.
    pub fn as_supervisor(mut self) -> Self {
        let Policy { restart, heartbeat_ms, .. } = self.policy;
        self.policy = Policy { restart, heartbeat_ms, ..Policy::SUPERVISOR };
        self
    }

    /// Sets when it is restarted. A child made [`once`](ChildSpec::once) stays temporary.
    pub fn restart(mut self, restart: Restart) -> Self {
        if matches!(self.factory, Factory::Many(_)) {
            self.policy.restart = restart;
        }
        self
    }

    /// Restarted after an abnormal end only.
    pub fn transient(self) -> Self {
        self.restart(Restart::Transient)
    }

    /// Never restarted.
    pub fn temporary(self) -> Self {
        self.restart(Restart::Temporary)
    }

    /// Restarts it in place: its mailbox and its address survive, and the next incarnation handles what was queued. Only who
    /// waits for the message that crashed, and for answers that were begun, is told
    /// [`SendError::Closed`](crate::SendError::Closed). The default is a fresh mailbox, as in OTP.
    ///
    /// The next incarnation is made by the factory like any other and is given nothing but the messages: no state, no futures,
    /// no timers. The restart is decided and counted like any other too: while it is waited for nothing is handled, senders
    /// find the mailbox open until it is full, and when there is no restart in the end everybody who waits is told so. Who is
    /// stopped, by hand or with its group, comes back with a fresh mailbox, and so does who was abandoned with its thread.
    ///
    /// It fits actors whose messages stand for themselves and that need nothing from before: a gate to something outside, a
    /// cache, a meter. It does not fit an actor that has a history to catch up with, such as that of a run: what queued behind
    /// a poisonous message would reach an actor that has not recovered yet, and may be poisonous as well. For a task, a
    /// supervisor and a temporary child it means nothing.
    pub fn in_place(mut self) -> Self {
        self.in_place = true;
        self
    }

    /// It owes a sign of life: if it has work and gets nowhere with it for this long, it is killed, ends as
    /// [`ExitReason::Hung`](crate::ExitReason::Hung), and is restarted as its restart type says. It is never judged early, and
    /// late by half of `time` at most. Counted in milliseconds, at least one.
    ///
    /// Work is a message that waits, sent by the stable name (or a supervisor's unread mail), and handling the next one is
    /// getting on with it. So is a turn on its thread that does not end. A task, and an actor whose long work no message
    /// shows, say it themselves by [`Alive`](crate::Alive). An actor that rests with an empty mailbox owes nothing.
    ///
    /// What waits at an await point dies at once. Code that blocks its thread cannot be killed: then the child is abandoned
    /// as stuck after the kill grace, and its next incarnation starts beside it, on a thread of its own only if it was given
    /// [one](ChildSpec::on) that is replaced. It is seen at all only from another thread than the one that is blocked.
    pub fn heartbeat(mut self, time: Duration) -> Self {
        let ms = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        self.policy.heartbeat_ms = Some(NonZeroU32::new(ms).unwrap_or(NonZeroU32::MIN));
        self
    }

    /// Sets how it is stopped.
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.policy.shutdown = shutdown;
        self
    }

    /// Sets how long it may take to stop before it is killed.
    pub fn shutdown_timeout(self, timeout: Duration) -> Self {
        self.shutdown(Shutdown::Timeout(timeout))
    }

    /// Its end may end the supervisor, as that one's [`AutoShutdown`](crate::AutoShutdown) says.
    pub fn significant(mut self) -> Self {
        self.policy.significant = true;
        self
    }

    /// Sets where it lives.
    pub fn on(mut self, arbiter: &ArbiterRef) -> Self {
        self.placement = Placement::On(arbiter.clone());
        self
    }

    /// Its key.
    pub fn key(&self) -> &Key {
        &self.key
    }
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("key", &self.key)
            .field("policy", &self.policy)
            .field("placement", &self.placement)
            .finish_non_exhaustive()
    }
}
