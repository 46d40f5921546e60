//! The shell of a supervisor: turns the core's commands into effects, and what happens into events.
//!
//! Not an actix actor: a run has one of these, and it needs neither a mailbox nor handlers, only an inbox, timers and
//! children. Its child's task (`child`) treats it like any other child.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as TaskContext, Poll};

use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::body::Body;
use crate::child::{ReportTo, Ticket, spawn};
use crate::core::{
    Answer, CallId, ChildId, ChildState, Command, Event, Flags, Moment, Notice, Request, Restart, Spec,
    Supervisor, SupervisorError, Target, TimerId, Verdict,
};
use crate::handle::{Asked, CallAnswer, ChildRef, Reply, SupervisorRef, Whom};
use crate::inbox::{Inbox, Mail};
use crate::node::{Node, Path, Signal};
use crate::observer::TreeEvent;
use crate::spec::{ChildSpec, Factory, Placement};
use crate::start::{StartContext, StartError};
use crate::tree::Shared;
use crate::{ArbiterRef, ExitReason};

/// How many events a supervisor takes in before it lets its arbiter breathe.
const EVENTS_PER_TURN: u32 = 256;

/// What the shell keeps for a child.
struct Slot {
    node: Arc<Node>,
    factory: Factory,
    placement: Placement,
    /// Which of the threads that fill its place its present life was started on.
    generation: u32,
}

pub(crate) struct SupervisorBody {
    core: Supervisor<Slot>,
    node: Arc<Node>,
    inbox: Arc<Inbox>,
    /// The places whose loss is told to this supervisor: those where it has started children.
    places: Vec<ArbiterRef>,
    name: SupervisorRef,
    shared: Arc<Shared>,
    timers: BTreeSet<TimerId>,
    alarm: Option<Pin<Box<Sleep>>>,
    calls: BTreeMap<CallId, oneshot::Sender<CallAnswer>>,
    next_call: u64,
    commands: Vec<Command>,
    booted: bool,
    ready: bool,
    exit: Option<ExitReason>,
}

impl SupervisorBody {
    pub(crate) fn new(
        start: StartContext,
        name: SupervisorRef,
        flags: Flags,
        children: Vec<ChildSpec>,
    ) -> Result<Self, StartError> {
        let StartContext { node, shared, .. } = start;
        let specs = children.into_iter().map(|spec| slot(&node, &shared, spec)).collect();
        let core = Supervisor::new(flags, specs)?;
        let inbox = Arc::new(Inbox::default());
        node.found_family(inbox.clone());
        for (_, _, slot) in core.payloads() {
            node.adopt(slot.node.clone());
        }
        name.bind(inbox.clone());
        Ok(SupervisorBody {
            core,
            node,
            inbox,
            places: Vec::new(),
            name,
            shared,
            timers: BTreeSet::new(),
            alarm: None,
            calls: BTreeMap::new(),
            next_call: 0,
            commands: Vec::new(),
            booted: false,
            ready: false,
            exit: None,
        })
    }

    /// Before a child's timer is heard, the core is told how the child is doing, if it owes a sign of life.
    fn feel_pulse(&mut self, child: ChildId) {
        let felt =
            self.core.payload(child).and_then(|slot| Some((slot.node.incarnation(), slot.node.pulse()?)));
        if let Some((incarnation, pulse)) = felt {
            self.decide(Event::Pulse { child, incarnation, pulse });
        }
    }

    fn hear(&mut self, mail: Mail) {
        if let Some(heart) = self.node.heart() {
            heart.beat();
        }
        let event = match mail {
            Mail::Started { child, incarnation } => Event::Started { child, incarnation },
            Mail::Ignored { child, incarnation } => {
                if let Some(slot) = self.core.payload(child) {
                    slot.node.drop_legacy();
                }
                Event::Ignored { child, incarnation }
            }
            Mail::StartFailed { child, incarnation, reason } => {
                Event::StartFailed { child, incarnation, reason }
            }
            Mail::Exited { child, incarnation, reason } => Event::Exited { child, incarnation, reason },
            Mail::Call(asked, answer) => {
                let call = CallId(self.next_call);
                self.next_call += 1;
                self.calls.insert(call, answer);
                Event::Call(call, self.request(asked))
            }
            Mail::ThreadLost { arbiter, generation } => Event::Lost(self.living_on(&arbiter, generation)),
        };
        self.decide(event);
    }

    /// Who was started at a place before that generation of it.
    fn living_on(&self, place: &ArbiterRef, generation: u32) -> Vec<(ChildId, u32)> {
        let there = |slot: &Slot| matches!(&slot.placement, Placement::On(arbiter) if arbiter.is_same(place));
        let children = self.core.payloads();
        let lost = children.filter(|(_, _, slot)| there(slot) && slot.generation < generation);
        lost.map(|(id, _, slot)| (id, slot.node.incarnation())).collect()
    }

    fn request(&self, asked: Asked) -> Request<Slot> {
        match asked {
            Asked::Start(mut spec) => {
                if self.core.flags().anonymous {
                    spec.key = spec.key.numbered(self.shared.next_serial());
                }
                Request::Start(slot(&self.node, &self.shared, spec))
            }
            Asked::Terminate(whom) => Request::Terminate(self.target(whom)),
            Asked::Restart(key) => Request::Restart(key),
            Asked::Delete(key) => Request::Delete(key),
            Asked::Which => Request::Which,
            Asked::WhichOne(whom) => Request::WhichOne(self.target(whom)),
            Asked::GetSpec(whom) => Request::GetSpec(self.target(whom)),
            Asked::Count => Request::Count,
        }
    }

    fn target(&self, whom: Whom) -> Target {
        let life = match whom {
            Whom::Key(key) => return Target::Key(key),
            Whom::Life(life) => life,
        };
        // A child of the same name may be another one's, or a later one of ours.
        let same = |id: &ChildId| self.core.payload(*id).is_some_and(|s| Arc::ptr_eq(&s.node, &life.node));
        match self.core.find(life.key()).filter(same) {
            Some(id) => Target::Child(id, life.incarnation),
            None => Target::Stranger { alive: life.is_alive() },
        }
    }

    fn decide(&mut self, event: Event<Slot>) {
        let moment = Moment { now: self.shared.now(), random: self.shared.random() };
        let mut commands = std::mem::take(&mut self.commands);
        self.core.decide(event, moment, &mut commands);
        for command in commands.drain(..) {
            self.perform(command);
        }
        self.commands = commands;
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Start(child, incarnation) => self.start(child, incarnation),
            Command::Stop(child, incarnation) => self.signal(child, incarnation, Signal::Shutdown),
            Command::Kill(child, incarnation) => self.signal(child, incarnation, Signal::Kill),
            Command::KillHung(child, incarnation, reason) => {
                if let Some(slot) = self.core.payload(child) {
                    slot.node.kill_for(incarnation, reason);
                }
            }
            Command::Abandon(child, incarnation, reason) => self.abandon(child, incarnation, &reason),
            Command::Arm(timer) => {
                self.timers.insert(timer);
            }
            Command::Disarm(timer) => {
                self.timers.remove(&timer);
                self.call_off(timer.child());
            }
            Command::Forget(child) => {
                if let Some(slot) = self.core.payload(child) {
                    slot.node.drop_estate();
                    self.node.disown(&slot.node);
                }
            }
            Command::Reply(call, answer) => self.reply(call, answer),
            Command::Ready => self.ready = true,
            Command::Notice(notice) => self.tell(notice),
            Command::Exit(reason) => self.exit = Some(reason),
        }
    }

    fn start(&mut self, child: ChildId, incarnation: u32) {
        let restartable = self.core.policy(child).is_some_and(|policy| policy.restart != Restart::Temporary);
        let Some(slot) = self.core.payload_mut(child) else { return };
        let factory = match (&slot.factory, restartable) {
            (Factory::Many(factory), true) => Factory::Many(factory.clone()),
            (Factory::Many(_) | Factory::Once(_) | Factory::Spent, _) => {
                std::mem::replace(&mut slot.factory, Factory::Spent)
            }
        };
        let (arbiter, thread) = match &slot.placement {
            Placement::Here => (self.node.arbiter(), None),
            Placement::On(arbiter) => {
                if !self.places.iter().any(|place| place.is_same(arbiter)) {
                    arbiter.tell_of_loss(&self.inbox);
                    self.places.push(arbiter.clone());
                }
                let thread = arbiter.thread();
                slot.generation = thread.generation;
                (Some(arbiter.name().clone()), Some(thread))
            }
        };
        slot.node.begin(incarnation, arbiter);
        self.node.adopt(slot.node.clone());
        let report_to = ReportTo::Supervisor(self.inbox.clone());
        let ticket = Ticket::new(slot.node.clone(), child, incarnation, self.shared.clone(), report_to);
        spawn(ticket, factory, thread.as_deref());
    }

    /// A child that waited for its restart does not any more.
    fn call_off(&self, child: ChildId) {
        if let Some(slot) = self.core.payload(child)
            && slot.node.state() == ChildState::Restarting
        {
            slot.node.set_state(ChildState::Stopped);
            slot.node.drop_legacy();
        }
    }

    fn signal(&mut self, child: ChildId, incarnation: u32, signal: Signal) {
        if let Some(slot) = self.core.payload(child) {
            // False means that it ended in this moment; its report is on the way.
            slot.node.signal(incarnation, signal);
        }
    }

    /// A child whose thread is blocked is dead to everybody from now on: its monitors have waited long enough.
    fn abandon(&self, child: ChildId, incarnation: u32, reason: &ExitReason) {
        let Some(slot) = self.core.payload(child) else { return };
        slot.node.abandon(incarnation);
        slot.node.end(incarnation, reason);
    }

    fn reply(&mut self, call: CallId, answer: Result<Answer, SupervisorError>) {
        let Some(tell) = self.calls.remove(&call) else { return };
        self.inbox.answered();
        let reply = answer.map(|answer| match answer {
            Answer::Started(child, incarnation) => match self.core.payload(child) {
                Some(slot) => Reply::Child(ChildRef::new(slot.node.clone(), incarnation)),
                None => Reply::Ignored,
            },
            Answer::Ignored => Reply::Ignored,
            Answer::Terminated | Answer::Deleted => Reply::Done,
            Answer::Children(children) => Reply::Children(children),
            Answer::Child(info) => Reply::Info(info),
            Answer::Spec(spec) => Reply::Spec(spec),
            Answer::Counts(counts) => Reply::Counts(counts),
        });
        // A caller that went away does not need the answer.
        let _ = tell.send(reply);
    }

    fn tell(&mut self, notice: Notice) {
        let node_of = |child: ChildId| self.core.payload(child).map(|slot| slot.node.clone());
        let event = match notice {
            Notice::Started { child, incarnation, cause } => {
                let Some(node) = node_of(child) else { return };
                let (kind, arbiter) = (node.kind, node.arbiter());
                match cause {
                    None => TreeEvent::ActorStarted { path: Path(node), actor: kind, incarnation, arbiter },
                    Some(cause) => {
                        let restarts = node.restarts.fetch_add(1, Ordering::Relaxed) + 1;
                        TreeEvent::ActorRestarted {
                            path: Path(node),
                            actor: kind,
                            incarnation,
                            restarts,
                            cause,
                            arbiter,
                        }
                    }
                }
            }
            Notice::Exited { child, incarnation, reason, verdict, starting } => {
                let Some(node) = node_of(child) else { return };
                match verdict {
                    Verdict::Restart { .. } => node.set_state(ChildState::Restarting),
                    _ => node.drop_legacy(),
                }
                let (kind, arbiter) = (node.kind, node.arbiter());
                TreeEvent::ActorExited {
                    path: Path(node),
                    actor: kind,
                    incarnation,
                    reason,
                    verdict,
                    starting,
                    arbiter,
                }
            }
            Notice::GaveUp { child, cause, restarts } => {
                let Some(node) = node_of(child) else { return };
                let intensity = self.core.flags().intensity;
                TreeEvent::SupervisorGaveUp {
                    path: Path(self.node.clone()),
                    child: Path(node),
                    cause,
                    restarts,
                    max_restarts: intensity.max_restarts,
                    period_ms: u64::try_from(intensity.period.as_millis()).unwrap_or(u64::MAX),
                }
            }
            Notice::Stuck { child, incarnation, reason } => {
                let Some(node) = node_of(child) else { return };
                self.abandon(child, incarnation, &reason);
                let arbiter = node.arbiter();
                TreeEvent::ActorStuck { path: Path(node), incarnation, arbiter }
            }
        };
        self.shared.observe(&event);
    }

    /// The next timer that is due, if any; else the alarm is set for the next one.
    fn due(&mut self, cx: &mut TaskContext<'_>) -> Option<TimerId> {
        loop {
            let &timer = self.timers.first()?;
            if self.shared.now() >= timer.at() {
                self.timers.pop_first();
                return Some(timer);
            }
            let deadline = self.shared.instant(timer.at());
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            if alarm.as_mut().poll(cx).is_pending() {
                return None;
            }
        }
    }
}

fn slot(parent: &Arc<Node>, shared: &Shared, spec: ChildSpec) -> Spec<Slot> {
    let ChildSpec { key, policy, placement, factory, in_place } = spec;
    let node = Node::new(Some(parent.clone()), key.clone(), &policy, shared.next_serial());
    if in_place && policy.restart != Restart::Temporary {
        node.keep_legacies();
    }
    Spec { key, policy, payload: Slot { node, factory, placement, generation: 0 } }
}

impl Body for SupervisorBody {
    fn poll(&mut self, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        if !std::mem::replace(&mut self.booted, true) {
            self.decide(Event::Boot);
        }
        self.inbox.listen(cx.waker());
        for _ in 0..EVENTS_PER_TURN {
            if let Some(reason) = self.exit.take() {
                return Poll::Ready(reason);
            }
            if let Some(mail) = self.inbox.take() {
                self.node.handled.fetch_add(1, Ordering::Relaxed);
                self.hear(mail);
            } else if let Some(timer) = self.due(cx) {
                self.feel_pulse(timer.child());
                self.decide(Event::Timer(timer));
            } else {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn stop(&mut self) {
        self.decide(Event::Shutdown(ExitReason::SHUTDOWN));
    }

    fn retire(self: Box<Self>) {}
}

impl Drop for SupervisorBody {
    /// Who dies with children takes them along: nobody would ever stop them.
    fn drop(&mut self) {
        self.name.unbind(&self.inbox);
        self.inbox.close();
        for (_, _, slot) in self.core.payloads() {
            slot.node.drop_estate();
            slot.node.signal(slot.node.incarnation(), Signal::Kill);
        }
    }
}
