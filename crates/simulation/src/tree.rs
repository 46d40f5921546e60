//! The supervision tree of the house: each supervisor is the product's core, and its shell is modelled here. Children are made,
//! come up or do not, end by themselves or when they are asked, and their supervisors hear of it later.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::time::Duration;

use ghostlight_model::ids::{ApprovalId, AttemptId, RunId};
use ghostlight_model::workflow::RunStrategy;
use ghostlight_supervision::core::{
    Answer, CallId, ChildId, Command, Event, Moment, Notice, Pulse, Request, Spec, Supervisor,
    SupervisorError, Target, TimerId, Verdict, Witness,
};
use ghostlight_supervision::{AutoShutdown, Backoff, ExitReason, Flags, Key, Policy, Restart, Shutdown};
use jiff::Timestamp;

use crate::agents::Calling;
use crate::house::{Action, House};

/// A supervisor of the process.
pub type NodeId = u32;

/// One life of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LifeKey {
    /// Its supervisor.
    pub node: NodeId,
    /// The child.
    pub child: ChildId,
    /// Which life.
    pub incarnation: u32,
}

/// What a child is there for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// The top.
    Root,
    /// What all runs need.
    Core,
    /// Wakes runs.
    Timers,
    /// What carries runs.
    Partition,
    /// The supervisor of the runs' supervisors.
    Runs,
    /// Knows which run is where; when it comes up anew it has those carried that need it.
    Router,
    /// The supervisor of a run.
    Run(RunId),
    /// Carries a run.
    Workflow(RunId),
    /// Makes an attempt.
    Execution(RunId, AttemptId),
    /// Minds a question.
    Gate(RunId, ApprovalId),
}

impl Role {
    /// The run that it is of.
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Run(run) | Self::Workflow(run) | Self::Execution(run, _) | Self::Gate(run, _) => Some(*run),
            Self::Root | Self::Core | Self::Timers | Self::Partition | Self::Runs | Self::Router => None,
        }
    }

    fn is_supervisor(&self) -> bool {
        matches!(self, Self::Root | Self::Core | Self::Partition | Self::Runs | Self::Run(_))
    }
}

/// A supervisor.
pub struct Node {
    core: Supervisor<Role>,
    /// What it is there for.
    pub role: Role,
    life: Option<LifeKey>,
    timers: BTreeSet<TimerId>,
    witness: Witness,
}

/// A child with a process.
#[derive(Debug)]
pub struct Life {
    /// What it is there for.
    pub role: Role,
    /// Whether it has come up.
    pub is_up: bool,
    /// Its own supervisor, if it is one.
    pub(crate) node: Option<NodeId>,
    /// When the last thing that it said of itself arrives: it is heard in order.
    heard_at: Timestamp,
    /// It does not stop when it is asked.
    pub(crate) is_stubborn: bool,
    /// It does not even die.
    pub(crate) is_stuck: bool,
    /// It has work and gets nowhere.
    pub(crate) hangs: bool,
    /// The call of an agent, of an execution.
    pub calling: Option<Box<Calling>>,
}

/// What is done about the answer of a supervisor.
#[derive(Debug)]
pub enum Wait {
    /// An attempt that could not be started is lost.
    Attempt(RunId, AttemptId),
    /// A run whose supervisor could not be started is tried again.
    Run(RunId),
    /// Nothing.
    Nothing,
}

impl House {
    /// The process begins: its tree is started.
    pub(crate) fn boot(&mut self) {
        self.epoch += 1;
        let flags = Flags::rest_for_one().intensity(0, Duration::from_secs(5));
        let specs = vec![
            supervisor("core", Role::Core, Restart::Permanent),
            supervisor("partition", Role::Partition, Restart::Permanent),
        ];
        self.root = self.open(Role::Root, None, flags, specs);
    }

    fn open(
        &mut self,
        role: Role,
        life: Option<LifeKey>,
        flags: Flags,
        specs: Vec<Spec<Role>>,
    ) -> Option<NodeId> {
        let core = match Supervisor::new(flags, specs) {
            Ok(core) => core,
            Err(error) => {
                self.violated("specifications_are_good", role.run(), || error.to_string());
                return None;
            }
        };
        self.next_node += 1;
        let id = self.next_node;
        let node = Node { core, role, life, timers: BTreeSet::new(), witness: Witness::default() };
        self.nodes.insert(id, node);
        self.hear(id, Event::Boot);
        Some(id)
    }

    /// Monotonic time, as supervisors know it.
    fn monotonic(&self) -> Duration {
        Duration::try_from(self.now.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
    }

    /// A supervisor hears something, and what it says is done.
    pub(crate) fn hear(&mut self, id: NodeId, event: Event<Role>) {
        let moment = Moment { now: self.monotonic(), random: self.rng.u64(..) };
        let Some(node) = self.nodes.get_mut(&id) else {
            if let Event::Call(call, _) = event {
                self.replied(call, Err(SupervisorError::NotRunning));
            }
            return;
        };
        if let Event::Call(call, _) = &event {
            self.heard.insert(call.0);
        }
        let may_restart = Witness::may_restart(&event);
        let was_lost = matches!(event, Event::Lost(_));
        node.witness.hear(&event);
        let mut commands = Vec::new();
        node.core.decide(event, moment, &mut commands);
        let broken = node.witness.judge(&node.core, may_restart, &commands, moment.now);
        let run = node.role.run();
        let roles: Vec<Option<Role>> = commands.iter().map(|command| named_by(&node.core, command)).collect();
        if let Some(broken) = broken {
            self.violated(broken, run, || format!("{commands:?}"));
        }
        if was_lost {
            self.reached.sometimes("fault", "arbiter_lost");
        }
        for (command, role) in commands.into_iter().zip(roles) {
            self.perform(id, command, role);
        }
    }

    fn perform(&mut self, node: NodeId, command: Command, role: Option<Role>) {
        match command {
            Command::Start(child, incarnation) => {
                let key = LifeKey { node, child, incarnation };
                let Some(role) = role else { return };
                let (is_stubborn, is_stuck) = (self.rarely(40), self.rarely(80));
                let can_be_stuck = !role.is_supervisor();
                let life = Life {
                    role,
                    is_up: false,
                    node: None,
                    heard_at: self.now,
                    is_stubborn: is_stubborn && can_be_stuck,
                    is_stuck: is_stuck && can_be_stuck,
                    hangs: false,
                    calling: None,
                };
                self.lives.insert(key, life);
                let after = self.moment();
                self.post(after, Action::Begin(key));
            }
            Command::Stop(child, incarnation) => {
                let after = self.moment();
                self.post(after, Action::Stop(LifeKey { node, child, incarnation }));
            }
            Command::Kill(child, incarnation) => {
                self.reached.sometimes("fault", "killed");
                self.kill(LifeKey { node, child, incarnation }, ExitReason::Killed);
            }
            Command::KillHung(child, incarnation, reason) => {
                self.reached.sometimes("fault", "hung");
                self.kill(LifeKey { node, child, incarnation }, reason);
            }
            Command::Abandon(child, incarnation, reason) => {
                let key = LifeKey { node, child, incarnation };
                let run = self.lives.get(&key).filter(|life| matches!(life.role, Role::Run(_)));
                let run = run.and_then(|life| life.role.run());
                self.bury(key);
                run.into_iter().for_each(|run| self.place_is_gone(run, &reason));
            }
            Command::Arm(timer) => {
                let after = timer.at().saturating_sub(self.monotonic());
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.timers.insert(timer);
                }
                self.post(after, Action::Due(node, timer));
            }
            Command::Disarm(timer) => {
                if let Some(node) = self.nodes.get_mut(&node) {
                    node.timers.remove(&timer);
                }
            }
            Command::Forget(_) => {}
            Command::Reply(call, answer) => self.replied(call, answer),
            Command::Ready => self.is_ready(node),
            Command::Notice(notice) => self.told_of(node, notice),
            Command::Exit(reason) => self.close(node, reason),
        }
    }

    fn told_of(&mut self, node: NodeId, notice: Notice) {
        match notice {
            Notice::Started { .. } => {}
            Notice::Exited { verdict, .. } => {
                let is_group = self.nodes.get(&node).is_some_and(|node| {
                    node.core.flags().strategy != ghostlight_supervision::Strategy::OneForOne
                });
                let what = match verdict {
                    Verdict::Restart { delay } => {
                        if is_group {
                            self.reached.sometimes("supervision", "group_restart");
                        }
                        if delay > Duration::ZERO {
                            self.reached.sometimes("supervision", "delayed_restart");
                        }
                        "restart"
                    }
                    Verdict::Temporary => "temporary",
                    Verdict::Finished => "finished",
                    Verdict::Terminated => "terminated",
                    Verdict::Sibling => "sibling",
                    Verdict::ShuttingDown => "shutting_down",
                    Verdict::IntensityReached => "intensity_reached",
                    Verdict::StartFailed => "start_failed",
                };
                self.reached.sometimes("supervision", what);
            }
            Notice::GaveUp { .. } => self.reached.sometimes("fault", "gave_up"),
            Notice::Stuck { child, incarnation, .. } => {
                self.reached.sometimes("supervision", "stuck");
                self.bury(LifeKey { node, child, incarnation });
            }
        }
    }

    fn replied(&mut self, call: CallId, answer: Result<Answer, SupervisorError>) {
        self.heard.remove(&call.0);
        match (self.waits.remove(&call.0).map(|(_, wait)| wait), answer) {
            (Some(Wait::Attempt(run, attempt)), Err(error)) => {
                self.attempt_not_started(run, attempt, error.may_have_begun());
            }
            (Some(Wait::Run(run)), Err(SupervisorError::AlreadyStarted)) => _ = self.coming.remove(&run),
            (Some(Wait::Run(run)), Err(_)) => {
                self.coming.remove(&run);
                self.post(Duration::from_millis(200), Action::Wake(run));
            }
            _ => {}
        }
    }

    /// Asks a supervisor for something.
    pub(crate) fn call(&mut self, node: NodeId, request: Request<Role>, wait: Wait) {
        self.next_call += 1;
        let call = self.next_call;
        self.waits.insert(call, (node, wait));
        let after = self.moment();
        self.post(after, Action::Hear(node, Event::Call(CallId(call), request)));
    }

    /// Has a run's supervisor started, with the run's workflow actor.
    pub(crate) fn carry(&mut self, run: RunId) {
        let node = self.nodes.iter().find(|(_, node)| node.role == Role::Runs).map(|(id, _)| *id);
        let Some(node) = node.filter(|_| !self.places.contains_key(&run)) else { return };
        if self.coming.insert(run) {
            let spec = supervisor("", Role::Run(run), Restart::Temporary);
            let spec = Spec { key: Key::id(run.to_string()), ..spec };
            self.call(node, Request::Start(spec), Wait::Run(run));
        }
    }

    /// Has something ended that a run's supervisor has as a child.
    pub(crate) fn terminate(&mut self, run: RunId, key: &Key) {
        if let Some(node) = self.places.get(&run).map(|place| place.node) {
            self.call(node, Request::Terminate(Target::Key(key.clone())), Wait::Nothing);
        }
    }

    /// A child is made: it comes up, or not.
    pub(crate) fn begin(&mut self, key: LifeKey) {
        let fresh = self.lives.get(&key).filter(|life| !life.is_up && life.node.is_none());
        let Some(role) = fresh.map(|life| life.role.clone()) else { return };
        let is_vital = matches!(role, Role::Core | Role::Partition | Role::Runs);
        if !is_vital && self.rarely(30) {
            self.reached.sometimes("fault", "start_failed");
            self.lives.remove(&key);
            let LifeKey { node, child, incarnation } = key;
            let reason = ExitReason::failed("it does not come up");
            return self.tell(key, Event::StartFailed { child, incarnation, reason }, node);
        }
        if !is_vital && self.rarely(200) {
            // It says nothing, until it is stopped or somebody waits no longer: a fault.
            self.reached.sometimes("fault", "start_hung");
            return;
        }
        if role.is_supervisor() {
            let opened = match &role {
                Role::Core => self.open(
                    role,
                    Some(key),
                    Flags::one_for_one(),
                    vec![worker("timers", Role::Timers, Restart::Permanent)],
                ),
                Role::Partition => {
                    let specs = vec![
                        supervisor("runs", Role::Runs, Restart::Permanent),
                        worker("router", Role::Router, Restart::Permanent),
                    ];
                    self.open(role, Some(key), Flags::rest_for_one(), specs)
                }
                Role::Runs => self.open(role, Some(key), Flags::dynamic(), Vec::new()),
                Role::Run(run) => self.open_run(*run, key),
                _ => None,
            };
            if let Some(life) = self.lives.get_mut(&key) {
                life.node = opened;
            }
            return;
        }
        if let Some(life) = self.lives.get_mut(&key) {
            life.is_up = true;
        }
        self.tell_of(key, |child, incarnation| Event::Started { child, incarnation });
        self.is_up(key, role);
    }

    fn open_run(&mut self, run: RunId, key: LifeKey) -> Option<NodeId> {
        self.coming.remove(&run);
        let workflow = self.shown.get(&run).map(|run| run.workflow.clone())?;
        let supervision = &workflow.supervision;
        let flags = match supervision.strategy {
            RunStrategy::OneForOne => Flags::one_for_one(),
            RunStrategy::OneForAll => Flags::one_for_all(),
            RunStrategy::RestForOne => Flags::rest_for_one(),
        };
        let backoff = supervision
            .backoff
            .map_or(Backoff::OFF, |backoff| Backoff::exponential(backoff.initial, backoff.max));
        let flags = flags
            .intensity(supervision.max_restarts, supervision.period)
            .backoff(backoff)
            .auto_shutdown(AutoShutdown::AnySignificant);
        let carrier = worker("workflow", Role::Workflow(run), Restart::Transient);
        let policy = Policy { significant: true, ..carrier.policy.clone() };
        // The node's number is that of the place, which has to be there before anything comes up.
        self.enter_place(run, self.next_node + 1);
        self.open(Role::Run(run), Some(key), flags, vec![Spec { policy, ..carrier }])
    }

    fn is_up(&mut self, key: LifeKey, role: Role) {
        match role {
            Role::Timers | Role::Router => self.wake_what_needs_it(),
            Role::Workflow(run) => self.workflow_is_up(run, key),
            Role::Execution(run, attempt) => self.execution_is_up(run, attempt, key),
            Role::Gate(run, approval) => self.gate_is_up(run, approval, key),
            Role::Root | Role::Core | Role::Partition | Role::Runs | Role::Run(_) => {}
        }
    }

    fn is_ready(&mut self, node: NodeId) {
        let Some(key) = self.nodes.get(&node).and_then(|node| node.life) else { return };
        if let Some(life) = self.lives.get_mut(&key) {
            life.is_up = true;
        }
        self.tell_of(key, |child, incarnation| Event::Started { child, incarnation });
    }

    /// A supervisor has ended in good order.
    fn close(&mut self, id: NodeId, reason: ExitReason) {
        let Some(node) = self.nodes.remove(&id) else { return };
        self.leave_unanswered(id);
        if let Some(key) = node.life {
            self.lives.remove(&key);
            if let Role::Run(run) = node.role {
                self.place_is_gone(run, &reason);
            }
            let LifeKey { node, child, incarnation } = key;
            return self.tell(key, Event::Exited { child, incarnation, reason }, node);
        }
        // The process goes down, and begins anew.
        self.root = None;
        let left = self.lives.len();
        if left > 0 {
            self.violated("nothing_outlives_the_root", None, || format!("{left} children are left"));
        }
        if !self.is_going_down {
            self.reached.sometimes("fault", "root_gave_up");
            self.end_process(false);
            self.recall_all();
            self.boot();
        }
    }

    /// A child that was asked to stop does, unless it is stubborn.
    pub(crate) fn stop_life(&mut self, key: LifeKey) {
        let Some(life) = self.lives.get(&key) else { return };
        if life.is_stubborn || life.is_stuck {
            return self.reached.sometimes("fault", "stop_ignored");
        }
        match (life.node, life.role.clone()) {
            (Some(node), _) => self.hear(node, Event::Shutdown(ExitReason::SHUTDOWN)),
            (None, Role::Execution(run, attempt)) => {
                self.stop_call(run, attempt, key);
                self.end_life(key, ExitReason::SHUTDOWN);
            }
            // An append that is under way is waited for.
            (None, Role::Workflow(run)) if self.is_appending(run) => {
                self.post(Duration::from_millis(5), Action::Stop(key));
            }
            (None, _) => self.end_life(key, ExitReason::SHUTDOWN),
        }
    }

    fn kill(&mut self, key: LifeKey, reason: ExitReason) {
        if self.lives.get(&key).is_some_and(|life| !life.is_stuck) {
            self.end_life(key, reason);
        }
    }

    /// A child ends, with all that stands below it, and its supervisor will hear of it.
    pub(crate) fn end_life(&mut self, key: LifeKey, reason: ExitReason) {
        if !self.lives.contains_key(&key) {
            return;
        }
        let role = self.lives.get(&key).map(|life| life.role.clone());
        let heard_at = self.lives.get(&key).map_or(self.now, |life| life.heard_at);
        self.bury(key);
        if let Some(Role::Run(run)) = role {
            self.place_is_gone(run, &reason);
        }
        let at = self.now.max(heard_at);
        let LifeKey { node, child, incarnation } = key;
        self.post_at(at, Action::Hear(node, Event::Exited { child, incarnation, reason }));
    }

    /// A child and all that stands below it is there no more.
    fn bury(&mut self, key: LifeKey) {
        let Some(life) = self.lives.remove(&key) else { return };
        if let Some(node) = life.node {
            self.nodes.remove(&node);
            let below: Vec<LifeKey> = self.lives.keys().filter(|life| life.node == node).copied().collect();
            below.into_iter().for_each(|life| self.bury(life));
            self.leave_unanswered(node);
        }
        match life.role {
            Role::Workflow(run) => self.carrier_is_gone(run),
            Role::Execution(run, attempt) => self.execution_is_gone(run, attempt, key),
            Role::Gate(run, approval) => self.gate_is_gone(run, approval),
            Role::Run(run) => _ = self.places.remove(&run),
            Role::Root | Role::Core | Role::Timers | Role::Partition | Role::Runs | Role::Router => {}
        }
    }

    /// Who waits for an answer of a supervisor that is gone hears that, and whether it had heard what it was asked.
    fn leave_unanswered(&mut self, node: NodeId) {
        let asked: Vec<u64> =
            self.waits.iter().filter(|(_, (of, _))| *of == node).map(|(call, _)| *call).collect();
        for call in asked {
            let error = match self.heard.contains(&call) {
                true => SupervisorError::Unanswered,
                false => SupervisorError::NotRunning,
            };
            self.replied(CallId(call), Err(error));
        }
    }

    /// A life says something of itself, after what it said before.
    fn tell_of(&mut self, key: LifeKey, event: impl FnOnce(ChildId, u32) -> Event<Role>) {
        let LifeKey { node, child, incarnation } = key;
        self.tell(key, event(child, incarnation), node);
    }

    fn tell(&mut self, key: LifeKey, event: Event<Role>, node: NodeId) {
        let after = self.moment();
        let after = jiff::SignedDuration::try_from(after).unwrap_or_default();
        let mut at = self.now.checked_add(after).unwrap_or(self.now);
        if let Some(life) = self.lives.get_mut(&key) {
            at = at.max(life.heard_at);
            life.heard_at = at;
        }
        self.post_at(at, Action::Hear(node, event));
    }

    /// A supervisor's timer: before it the pulse of the child is told.
    pub(crate) fn timer_due(&mut self, id: NodeId, timer: TimerId) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        if !node.timers.remove(&timer) {
            return;
        }
        let child = timer.child();
        let living = self.lives.iter().find(|(key, life)| key.node == id && key.child == child && life.is_up);
        if let Some((key, life)) = living {
            let pulse = Pulse { working: life.hangs, progress: u64::from(!life.hangs) };
            let incarnation = key.incarnation;
            self.hear(id, Event::Pulse { child, incarnation, pulse });
        }
        self.hear(id, Event::Timer(timer));
    }
}

/// The child that a command is about. Asked before it is done: then it may be forgotten.
fn named_by(core: &Supervisor<Role>, command: &Command) -> Option<Role> {
    match command {
        Command::Start(child, _) => core.payload(*child).cloned(),
        _ => None,
    }
}

fn worker(key: &'static str, role: Role, restart: Restart) -> Spec<Role> {
    let heartbeat_ms = matches!(role, Role::Timers).then(|| NonZeroU32::new(4_000)).flatten();
    Spec { key: Key::named(key), policy: Policy { restart, heartbeat_ms, ..Policy::WORKER }, payload: role }
}

fn supervisor(key: &'static str, role: Role, restart: Restart) -> Spec<Role> {
    Spec { key: Key::named(key), policy: Policy { restart, ..Policy::SUPERVISOR }, payload: role }
}

/// A child of a run's supervisor that is started while the run goes on.
pub fn added(key: Key, role: Role) -> Spec<Role> {
    let restart = if matches!(role, Role::Gate(..)) { Restart::Transient } else { Restart::Temporary };
    let shutdown = Shutdown::Timeout(Duration::from_secs(5));
    Spec { key, policy: Policy { restart, shutdown, ..Policy::WORKER }, payload: role }
}
