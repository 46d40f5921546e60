//! What others hold of supervisors and children: names that can be called from any thread.

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use tokio::sync::oneshot;

use crate::core::{ChildInfo, ChildState, Counts, Flags, SpecError, SpecInfo, SupervisorError};
use crate::inbox::Inbox;
use crate::node::{Down, Info, Node, Path, Signal};
use crate::spec::ChildSpec;
use crate::{ExitReason, Key};

pub(crate) enum Asked {
    Start(ChildSpec),
    Terminate(Whom),
    Restart(Key),
    Delete(Key),
    Which,
    WhichOne(Whom),
    GetSpec(Whom),
    Count,
}

/// Which child a call is about.
pub(crate) enum Whom {
    Key(Key),
    Life(ChildRef),
}

pub(crate) enum Reply {
    Child(ChildRef),
    Done,
    Ignored,
    Children(Vec<ChildInfo>),
    Info(ChildInfo),
    Spec(SpecInfo),
    Counts(Counts),
}

pub(crate) type CallAnswer = Result<Reply, SupervisorError>;

/// Puts the question in the inbox now; the future only waits for the answer.
pub(crate) fn ask(
    inbox: Option<&Arc<Inbox>>,
    asked: Asked,
) -> impl Future<Output = CallAnswer> + Send + 'static + use<> {
    let (tell, answer) = oneshot::channel();
    let sent = match inbox {
        Some(inbox) => inbox.call(asked, tell),
        None => Err(SupervisorError::NotRunning),
    };
    async move {
        sent?;
        answer.await.unwrap_or(Err(SupervisorError::Unanswered))
    }
}

/// The name of a supervisor, good for all its incarnations and from any thread. Cloning costs a reference count.
#[derive(Clone, Default)]
pub struct SupervisorRef(Arc<ArcSwapOption<Inbox>>);

impl SupervisorRef {
    /// A name that no supervisor bears yet.
    pub fn new() -> Self {
        SupervisorRef::default()
    }

    fn ask(&self, asked: Asked) -> impl Future<Output = CallAnswer> + Send + 'static + use<> {
        ask(self.0.load().as_ref(), asked)
    }

    /// Adds a child and starts it. Answers when it is initialised, or with [`None`] when its factory ignored the start. If
    /// the start fails the specification is dropped.
    pub fn start_child(
        &self,
        spec: ChildSpec,
    ) -> impl Future<Output = Result<Option<ChildRef>, SupervisorError>> + Send + 'static + use<> {
        child(self.ask(Asked::Start(spec)))
    }

    /// Stops a child as its specification says and answers when it has ended. The specification stays, unless the child is
    /// temporary. Counts as no restart and ends no supervisor.
    pub fn terminate_child(
        &self,
        key: &Key,
    ) -> impl Future<Output = Result<(), SupervisorError>> + Send + 'static + use<> {
        done(self.ask(Asked::Terminate(Whom::Key(key.clone()))))
    }

    /// Stops the child that leads this life. Dynamic supervisors know their children by their lives too, and those of
    /// [`Flags::simple_one_for_one`] by nothing else; under these its specification is gone afterwards.
    ///
    /// A life that is over is as good as stopped; one that waits for its restart is given up. A life of somebody else, and
    /// any life under a supervisor that is not dynamic, is [`SupervisorError::NotFound`].
    pub fn terminate_life(
        &self,
        life: &ChildRef,
    ) -> impl Future<Output = Result<(), SupervisorError>> + Send + 'static + use<> {
        done(self.ask(Asked::Terminate(Whom::Life(life.clone()))))
    }

    /// Starts a child that has a specification and no process.
    pub fn restart_child(
        &self,
        key: &Key,
    ) -> impl Future<Output = Result<Option<ChildRef>, SupervisorError>> + Send + 'static + use<> {
        child(self.ask(Asked::Restart(key.clone())))
    }

    /// Drops the specification of a child that has no process.
    pub fn delete_child(
        &self,
        key: &Key,
    ) -> impl Future<Output = Result<(), SupervisorError>> + Send + 'static + use<> {
        done(self.ask(Asked::Delete(key.clone())))
    }

    /// Lists the children, newest first.
    pub async fn which_children(&self) -> Result<Vec<ChildInfo>, SupervisorError> {
        match self.ask(Asked::Which).await? {
            Reply::Children(children) => Ok(children),
            _ => Err(SupervisorError::NotRunning),
        }
    }

    /// What one child is doing.
    pub async fn which_child(&self, key: &Key) -> Result<ChildInfo, SupervisorError> {
        info(self.ask(Asked::WhichOne(Whom::Key(key.clone())))).await
    }

    /// What the child that leads this life is doing, under a dynamic supervisor: see [`SupervisorRef::terminate_life`].
    pub async fn which_life(&self, life: &ChildRef) -> Result<ChildInfo, SupervisorError> {
        info(self.ask(Asked::WhichOne(Whom::Life(life.clone())))).await
    }

    /// How one child is treated, with all defaults filled in.
    pub async fn get_childspec(&self, key: &Key) -> Result<SpecInfo, SupervisorError> {
        spec(self.ask(Asked::GetSpec(Whom::Key(key.clone())))).await
    }

    /// How the child that leads this life is treated, under a dynamic supervisor: see [`SupervisorRef::terminate_life`].
    pub async fn get_childspec_of_life(&self, life: &ChildRef) -> Result<SpecInfo, SupervisorError> {
        spec(self.ask(Asked::GetSpec(Whom::Life(life.clone())))).await
    }

    /// Checks flags and initial children as the start of a supervisor would, without starting anything.
    pub fn check_childspecs(flags: &Flags, children: &[ChildSpec]) -> Result<(), SpecError> {
        flags.check_children(children.iter().map(|spec| (&spec.key, &spec.policy)))
    }

    /// Counts the children.
    pub async fn count_children(&self) -> Result<Counts, SupervisorError> {
        match self.ask(Asked::Count).await? {
            Reply::Counts(counts) => Ok(counts),
            _ => Err(SupervisorError::NotRunning),
        }
    }

    /// Whether a supervisor bears the name now.
    pub fn is_running(&self) -> bool {
        self.0.load().is_some()
    }

    pub(crate) fn bind(&self, inbox: Arc<Inbox>) {
        self.0.store(Some(inbox));
    }

    pub(crate) fn unbind(&self, inbox: &Arc<Inbox>) {
        let bearer = self.0.load();
        if bearer.as_ref().is_some_and(|bearer| Arc::ptr_eq(bearer, inbox)) {
            self.0.compare_and_swap(&*bearer, None);
        }
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SupervisorRef").field(&self.is_running()).finish()
    }
}

pub(crate) async fn child(
    answer: impl Future<Output = CallAnswer>,
) -> Result<Option<ChildRef>, SupervisorError> {
    match answer.await? {
        Reply::Child(child) => Ok(Some(child)),
        _ => Ok(None),
    }
}

async fn info(answer: impl Future<Output = CallAnswer>) -> Result<ChildInfo, SupervisorError> {
    match answer.await? {
        Reply::Info(info) => Ok(info),
        _ => Err(SupervisorError::NotRunning),
    }
}

async fn spec(answer: impl Future<Output = CallAnswer>) -> Result<SpecInfo, SupervisorError> {
    match answer.await? {
        Reply::Spec(spec) => Ok(spec),
        _ => Err(SupervisorError::NotRunning),
    }
}

pub(crate) async fn done(answer: impl Future<Output = CallAnswer>) -> Result<(), SupervisorError> {
    answer.await.map(|_| ())
}

/// One incarnation of a child: what a pid is in OTP. It never comes to mean a later incarnation.
#[derive(Clone)]
pub struct ChildRef {
    pub(crate) node: Arc<Node>,
    pub(crate) incarnation: u32,
    /// Taken along, so that it can still be read when a later life has begun.
    info: Option<Info>,
}

impl ChildRef {
    pub(crate) fn new(node: Arc<Node>, incarnation: u32) -> Self {
        let info = node.info(incarnation);
        ChildRef { node, incarnation, info }
    }

    /// What this life's factory handed back by [`StartContext::hand_back`](crate::StartContext::hand_back), if it did and it
    /// was a `T`.
    pub fn info<T: Any>(&self) -> Option<&T> {
        self.info.as_deref().and_then(|info| info.downcast_ref())
    }

    /// Where it stands in its tree.
    pub fn path(&self) -> Path {
        Path(self.node.clone())
    }

    /// Its name within its supervisor.
    pub fn key(&self) -> &Key {
        &self.node.key
    }

    /// Which life it is, from 1.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Whether this incarnation has not ended.
    pub fn is_alive(&self) -> bool {
        self.node.incarnation() == self.incarnation
            && matches!(self.node.state(), ChildState::Starting | ChildState::Running | ChildState::Stopping)
    }

    /// Calls `tell` exactly once when this incarnation ends, at once if it has. It is called on the child's thread and must
    /// be quick; to lose nothing use [`ChildRef::down`], or a channel with room.
    pub fn monitor(&self, tell: impl FnOnce(Down) + Send + 'static) {
        self.node.monitor(self.incarnation, Box::new(tell));
    }

    /// Waits for the end of this incarnation. The watch begins now, not at the first poll.
    pub fn down(&self) -> impl Future<Output = Down> + Send + 'static + use<> {
        let (tell, told) = oneshot::channel();
        self.monitor(move |down| {
            // Nobody waits any more: nothing is lost.
            let _ = tell.send(down);
        });
        let gone = Down { path: self.path(), incarnation: self.incarnation, reason: ExitReason::ArbiterLost };
        async move { told.await.unwrap_or(gone) }
    }

    /// Kills it, as a fault would: its supervisor then does what its specification says. False if it has ended.
    pub fn kill(&self) -> bool {
        self.is_alive() && self.node.signal(self.incarnation, Signal::Kill)
    }
}

impl fmt::Debug for ChildRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.path(), self.incarnation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Mail;

    /// Who asks again has to know whether anything was done.
    #[tokio::test]
    async fn what_a_supervisor_never_heard_was_not_begun_and_what_it_did_not_answer_may_have_been() {
        let inbox = Arc::new(Inbox::default());
        let restart = || Asked::Restart(Key::id("child"));
        let heard = ask(Some(&inbox), restart());
        let mail = inbox.take();
        assert!(matches!(mail, Some(Mail::Call(..))));
        let unheard = ask(Some(&inbox), restart());
        inbox.close();
        drop(mail);
        let late = ask(Some(&inbox), restart());
        let outcomes = [heard.await, unheard.await, late.await, ask(None, restart()).await];
        let [heard, others @ ..] = outcomes.map(|outcome| outcome.err().expect("nobody answers"));
        assert_eq!(heard, SupervisorError::Unanswered);
        assert!(heard.may_have_begun());
        for error in others {
            assert_eq!(error, SupervisorError::NotRunning);
            assert!(!error.may_have_begun());
        }
    }
}
