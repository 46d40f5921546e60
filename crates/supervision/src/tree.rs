//! A whole tree: how it is started, looked at from any thread, and controlled by path.
//!
//! There are no global registries: a process may hold several trees, and tests do.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::child::{ReportTo, Ticket, spawn};
use crate::core::{ChildId, ChildState, Flags, Policy, Restart, SupervisorError};
use crate::handle::{Asked, ChildRef, SupervisorRef, Whom, ask, child, done};
use crate::node::{Node, Signal};
use crate::observer::{Observer, TreeEvent};
use crate::panics;
use crate::snapshot::TreeNode;
use crate::spec::ChildSpec;
use crate::{ExitReason, Key};

/// What the parts of one tree share.
pub(crate) struct Shared {
    observer: Option<Arc<dyn Observer>>,
    root: OnceLock<Arc<Node>>,
    epoch: Instant,
    live: AtomicUsize,
    serial: AtomicU64,
    random: AtomicU64,
    /// Whether faults may be made on demand.
    pub(crate) faults: AtomicBool,
}

impl Shared {
    pub(crate) fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.now().as_millis()).unwrap_or(u64::MAX)
    }

    pub(crate) fn instant(&self, at: Duration) -> Instant {
        // What is beyond the clock's range is as good as a century away.
        self.epoch.checked_add(at).unwrap_or_else(|| self.epoch + Duration::from_secs(100 * 365 * 86_400))
    }

    pub(crate) fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// SplitMix64 over a shared counter: reproducible for a seed, and good enough for jitter.
    pub(crate) fn random(&self) -> u64 {
        fastrand::Rng::with_seed(self.random.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed)).u64(..)
    }

    pub(crate) fn born(&self) {
        self.live.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn died(&self) {
        self.live.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn observe(&self, event: &TreeEvent) {
        log(event);
        if let Some(observer) = &self.observer
            && let Err(reason) = panics::catch(|| observer.observe(event))
        {
            tracing::error!(%reason, "the observer of the supervision tree panicked");
        }
    }
}

fn log(event: &TreeEvent) {
    match event {
        TreeEvent::ActorStarted { path, incarnation, .. } => {
            tracing::trace!(%path, incarnation, "actor started")
        }
        TreeEvent::ActorExited { path, incarnation, reason, verdict, .. } if reason.is_abnormal() => {
            tracing::warn!(%path, incarnation, %reason, ?verdict, "actor ended abnormally");
        }
        TreeEvent::ActorExited { path, incarnation, reason, .. } => {
            tracing::trace!(%path, incarnation, %reason, "actor ended");
        }
        TreeEvent::ActorRestarted { path, incarnation, restarts, cause, .. } => {
            tracing::info!(%path, incarnation, restarts, %cause, "actor restarted");
        }
        TreeEvent::SupervisorGaveUp { path, child, cause, restarts, .. } => {
            tracing::error!(%path, %child, %cause, restarts, "supervisor gave up");
        }
        TreeEvent::ActorStuck { path, incarnation, .. } => {
            tracing::error!(%path, incarnation, "actor does not react to a kill");
        }
        TreeEvent::ArbiterStuck { arbiter, silent_ms } => {
            tracing::error!(%arbiter, silent_ms, "arbiter is stuck")
        }
        TreeEvent::ArbiterReplaced { arbiter, silent_ms, generation } => {
            tracing::error!(%arbiter, silent_ms, generation, "a fresh thread takes the place of a stuck arbiter");
        }
        TreeEvent::ArbiterRecovered { arbiter, silent_ms } => {
            tracing::warn!(%arbiter, silent_ms, "arbiter answers again");
        }
    }
}

/// A supervision tree, running or ended. Cheap to clone, and usable from any thread.
#[derive(Clone)]
pub struct Tree {
    pub(crate) shared: Arc<Shared>,
}

/// The root of a tree that was started. Dropping this does not stop the tree.
pub struct Root {
    tree: Tree,
    supervisor: SupervisorRef,
    ended: oneshot::Receiver<ExitReason>,
    /// The answer of `ended`, which is given once.
    reason: Option<ExitReason>,
}

/// How a tree is made.
#[derive(Default)]
pub struct TreeConfig {
    /// Is told what happens.
    pub observer: Option<Arc<dyn Observer>>,
    /// Where the randomness of backoffs begins; 0 is as good as any.
    pub seed: u64,
}

impl Tree {
    /// A tree without a root yet. Installs a panic hook, once per process, that knows the place of a panic.
    pub fn new(config: TreeConfig) -> Self {
        panics::install_hook();
        let shared = Shared {
            observer: config.observer,
            root: OnceLock::new(),
            epoch: Instant::now(),
            live: AtomicUsize::new(0),
            serial: AtomicU64::new(0),
            random: AtomicU64::new(config.seed),
            faults: AtomicBool::new(false),
        };
        Tree { shared: Arc::new(shared) }
    }

    /// Starts the root supervisor on this thread (an arbiter or a `LocalSet`) and answers when its initial children are up.
    /// A tree has one root in its life; a second one is refused.
    pub async fn start(
        &self,
        name: &'static str,
        flags: Flags,
        children: impl Fn() -> Vec<ChildSpec> + Send + Sync + 'static,
    ) -> Result<Root, ExitReason> {
        let supervisor = SupervisorRef::new();
        let spec = ChildSpec::supervisor(Key::named(name), &supervisor, flags, children);
        let policy = Policy { restart: Restart::Temporary, ..Policy::SUPERVISOR };
        let node = Node::new(None, spec.key, &policy, self.shared.next_serial());
        if self.shared.root.set(node.clone()).is_err() {
            return Err(ExitReason::failed("this tree already has a root"));
        }
        node.begin(1, None);
        let (tell_started, started) = oneshot::channel();
        let (tell_ended, ended) = oneshot::channel();
        let report_to = ReportTo::Root { started: Some(tell_started), ended: Some(tell_ended) };
        let ticket = Ticket::new(node, ChildId(0), 1, self.shared.clone(), report_to);
        spawn(ticket, spec.factory, None);
        started.await.unwrap_or(Err(ExitReason::ArbiterLost))?;
        Ok(Root { tree: self.clone(), supervisor, ended, reason: None })
    }

    /// How many children and supervisors have not ended, the root included. Zero after a complete shutdown.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::Acquire)
    }

    /// The tree as it is now. Looks only at shared records: busy and blocked actors neither notice nor delay it. Children
    /// may come and go while it is taken.
    pub fn snapshot(&self) -> Option<TreeNode> {
        self.shared.root.get().map(|root| TreeNode::of(root, &self.shared))
    }

    /// The part of the tree below a path.
    pub fn snapshot_of(&self, path: &str) -> Option<TreeNode> {
        self.find(path).map(|node| TreeNode::of(&node, &self.shared))
    }

    /// The present or last incarnation of the child at a path; the empty path is the root.
    pub fn child(&self, path: &str) -> Option<ChildRef> {
        self.find(path).map(|node| ChildRef::new(node.clone(), node.incarnation()))
    }

    /// Stops a child in its order. Its specification stays unless it is temporary.
    pub async fn stop(&self, path: &str) -> Result<(), SupervisorError> {
        let (node, inbox) = self.managed(path)?;
        let by = |whom| done(ask(Some(&inbox), Asked::Terminate(whom)));
        match by(Whom::Key(node.key.clone())).await {
            Err(SupervisorError::SimpleOneForOne) => {
                by(Whom::Life(ChildRef::new(node.clone(), node.incarnation()))).await
            }
            answer => answer,
        }
    }

    /// Stops a child and starts it again, which counts as no restart. What has no second start is refused before it is
    /// stopped: a temporary child as [`SupervisorError::Temporary`], one without a name as
    /// [`SupervisorError::SimpleOneForOne`].
    pub async fn restart(&self, path: &str) -> Result<Option<ChildRef>, SupervisorError> {
        let (node, inbox) = self.managed(path)?;
        if node.restart == Restart::Temporary {
            return Err(SupervisorError::Temporary);
        }
        done(ask(Some(&inbox), Asked::Terminate(Whom::Key(node.key.clone())))).await?;
        child(ask(Some(&inbox), Asked::Restart(node.key.clone()))).await
    }

    /// Kills a child as a fault would. Its supervisor then does what its specification says.
    pub fn kill(&self, path: &str) -> Result<(), SupervisorError> {
        let child = self.child(path).ok_or(SupervisorError::NotFound)?;
        if child.kill() { Ok(()) } else { Err(SupervisorError::NotRunning) }
    }

    fn managed(&self, path: &str) -> Result<(Arc<Node>, Arc<crate::inbox::Inbox>), SupervisorError> {
        let node = self.find(path).ok_or(SupervisorError::NotFound)?;
        let inbox = node.parent().and_then(|parent| parent.inbox()).ok_or(SupervisorError::NotRunning)?;
        Ok((node, inbox))
    }

    /// Walks down the path. Keys have one or two segments; the longer one wins.
    fn find(&self, path: &str) -> Option<Arc<Node>> {
        let mut node = self.shared.root.get()?.clone();
        let mut rest = path.trim_matches('/');
        while !rest.is_empty() {
            let first = rest.find('/').unwrap_or(rest.len());
            let second = rest[first..].get(1..).map(|tail| first + 1 + tail.find('/').unwrap_or(tail.len()));
            let (child, used) = second
                .and_then(|end| node.child_named(&rest[..end]).map(|child| (child, end)))
                .or_else(|| node.child_named(&rest[..first]).map(|child| (child, first)))?;
            node = child;
            rest = rest[used..].trim_start_matches('/');
        }
        Some(node)
    }
}

impl Root {
    /// The tree.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The root supervisor.
    pub fn supervisor(&self) -> &SupervisorRef {
        &self.supervisor
    }

    /// Waits until the root has ended, by itself or by [`Root::shutdown`], and says why. Says the same when it is asked again.
    pub async fn ended(&mut self) -> ExitReason {
        if let Some(reason) = &self.reason {
            return reason.clone();
        }
        let reason = (&mut self.ended).await.unwrap_or(ExitReason::ArbiterLost);
        self.reason.insert(reason).clone()
    }

    /// Asks the root to stop; its children end in their order. [`Root::ended`] tells when.
    pub fn shutdown(&self) {
        if let Some(root) = self.tree.shared.root.get() {
            // False when it has ended already.
            root.signal(root.incarnation(), Signal::Shutdown);
        }
    }

    /// Asks the root to stop and waits until nothing is left of it.
    pub async fn stop(mut self) -> ExitReason {
        self.shutdown();
        self.ended().await
    }

    /// Whether the root runs.
    pub fn is_running(&self) -> bool {
        self.tree.shared.root.get().is_some_and(|root| root.state() == ChildState::Running)
    }
}
