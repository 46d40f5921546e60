//! A world for the core: children that obey, crash, refuse and hang as told, on a clock that only moves when asked.

mod exits;
mod groups;
mod heartbeat;
mod limits;
mod lost;
mod otp;
mod properties;
mod requests;
mod stopping;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::*;
use crate::{ExitReason, Key};

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn crash() -> ExitReason {
    ExitReason::failed("crash")
}

type Name = String;

/// How a child starts when it is next asked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Up,
    Fails,
    Ignores,
    /// Says nothing until told.
    Hangs,
}

pub(super) struct World {
    pub(super) core: Supervisor<Name>,
    pub(super) now: Duration,
    timers: BTreeSet<TimerId>,
    /// Children with a process.
    pub(super) live: BTreeMap<Name, (ChildId, u32)>,
    dead: BTreeSet<(ChildId, u32)>,
    /// `+a` started, `-a` asked to stop, `!a` killed, `~a` forgotten.
    pub(super) log: Vec<String>,
    queue: VecDeque<Event<Name>>,
    /// What comes at a child's next starts; up when nothing is said.
    pub(super) outcomes: BTreeMap<Name, VecDeque<Outcome>>,
    /// Children that do not stop when asked.
    pub(super) stubborn: BTreeSet<Name>,
    /// Children that do not even die.
    pub(super) stuck: BTreeSet<Name>,
    /// What children that owe a sign of life look like; at rest when nothing is said.
    pub(super) pulses: BTreeMap<Name, Pulse>,
    next_call: u64,
    pub(super) answers: BTreeMap<u64, Result<Answer, SupervisorError>>,
    pub(super) notices: Vec<Notice>,
    /// How children ended, in that order.
    pub(super) ends: Vec<(Name, ExitReason)>,
    pub(super) ready: bool,
    pub(super) exit: Option<ExitReason>,
    /// How much the supervisor had to say: its work, in commands.
    pub(super) commands: usize,
    /// When a restart was made, that is a start that nobody asked for.
    pub(super) restarts: Vec<Duration>,
    counts_restarts: bool,
    witness: Witness,
}

/// No test leaves a child behind, whatever it is about.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.end();
        }
    }
}

pub(super) fn spec(name: &str, policy: Policy) -> Spec<Name> {
    Spec { key: Key::id(name), policy, payload: name.into() }
}

pub(super) fn worker(name: &str) -> Spec<Name> {
    spec(name, Policy::WORKER)
}

pub(super) fn with(name: &str, restart: Restart) -> Spec<Name> {
    spec(name, Policy { restart, ..Policy::WORKER })
}

impl World {
    /// A supervisor that has started its children.
    pub(super) fn boot(flags: Flags, specs: Vec<Spec<Name>>) -> Self {
        let mut world = World::new(flags, specs);
        world.hear(Event::Boot);
        world.settle();
        world
    }

    pub(super) fn new(flags: Flags, specs: Vec<Spec<Name>>) -> Self {
        World {
            core: Supervisor::new(flags, specs).expect("good specs"),
            now: ms(1_000_000),
            timers: BTreeSet::new(),
            live: BTreeMap::new(),
            dead: BTreeSet::new(),
            log: Vec::new(),
            queue: VecDeque::new(),
            outcomes: BTreeMap::new(),
            stubborn: BTreeSet::new(),
            stuck: BTreeSet::new(),
            pulses: BTreeMap::new(),
            next_call: 0,
            answers: BTreeMap::new(),
            notices: Vec::new(),
            ends: Vec::new(),
            ready: false,
            exit: None,
            commands: 0,
            restarts: Vec::new(),
            counts_restarts: false,
            witness: Witness::default(),
        }
    }

    pub(super) fn hear(&mut self, event: Event<Name>) {
        self.queue.push_back(event);
    }

    /// Lets everything happen that happens without time passing.
    pub(super) fn settle(&mut self) {
        for _ in 0..100_000 {
            if let Some(event) = self.queue.pop_front() {
                self.decide(event);
            } else if let Some(&timer) = self.timers.first().filter(|timer| timer.at() <= self.now) {
                self.timers.remove(&timer);
                self.feel_pulse(timer.child());
                self.decide(Event::Timer(timer));
            } else {
                return;
            }
        }
        panic!("the supervisor does not come to rest");
    }

    fn feel_pulse(&mut self, child: ChildId) {
        let Some(name) = self.core.payload(child).cloned() else { return };
        if let Some(&(child, incarnation)) = self.live.get(&name) {
            let pulse = self.pulses.get(&name).copied().unwrap_or_default();
            self.decide(Event::Pulse { child, incarnation, pulse });
        }
    }

    fn decide(&mut self, event: Event<Name>) {
        assert!(self.exit.is_none() || !matches!(event, Event::Boot), "nothing begins after the end");
        self.counts_restarts =
            matches!(event, Event::Exited { .. } | Event::StartFailed { .. } | Event::Timer(_)) && self.ready;
        let mut commands = Vec::new();
        let may_restart = Witness::may_restart(&event);
        self.witness.hear(&event);
        self.core.decide(event, Moment { now: self.now, random: 0 }, &mut commands);
        let broken = self.witness.judge(&self.core, may_restart, &commands, self.now);
        assert_eq!(broken, None, "{commands:?}");
        self.commands += commands.len();
        for command in commands {
            self.perform(command);
        }
    }

    pub(super) fn name(&self, id: ChildId) -> Name {
        self.core.payload(id).expect("a command names a known child").clone()
    }

    fn perform(&mut self, command: Command) {
        let only_answers = matches!(command, Command::Reply(..));
        assert!(self.exit.is_none() || only_answers, "nothing is done after the end: {command:?}");
        match command {
            Command::Start(id, incarnation) => self.start(id, incarnation),
            Command::Stop(id, incarnation) => {
                let name = self.name(id);
                // One that has just died is asked in vain; the report of its end is under way.
                if self.live.get(&name) != Some(&(id, incarnation)) {
                    return assert!(self.dead.contains(&(id, incarnation)), "{name} never lived");
                }
                self.log.push(format!("-{name}"));
                if !self.stubborn.contains(&name) && !self.stuck.contains(&name) {
                    self.die(&name, ExitReason::SHUTDOWN);
                }
            }
            Command::Kill(..) | Command::KillHung(..) => {
                let (id, incarnation, reason) = match command {
                    Command::KillHung(id, incarnation, reason) => (id, incarnation, reason),
                    Command::Kill(id, incarnation) => (id, incarnation, ExitReason::Killed),
                    _ => return,
                };
                let name = self.name(id);
                if self.live.get(&name) != Some(&(id, incarnation)) {
                    return assert!(self.dead.contains(&(id, incarnation)), "{name} never lived");
                }
                self.log.push(format!("!{name}"));
                if !self.stuck.contains(&name) {
                    self.die(&name, reason);
                }
            }
            Command::Abandon(id, incarnation, _) => {
                let name = self.name(id);
                assert_eq!(self.live.remove(&name), Some((id, incarnation)), "only the living are abandoned");
                self.dead.insert((id, incarnation));
                self.log.push(format!("?{name}"));
            }
            Command::Arm(timer) => assert!(self.timers.insert(timer)),
            Command::Disarm(timer) => {
                self.timers.remove(&timer);
            }
            Command::Forget(id) => {
                let name = self.name(id);
                assert!(
                    !self.live.contains_key(&name) || self.stuck.contains(&name),
                    "the living are not forgotten"
                );
                self.log.push(format!("~{name}"));
            }
            Command::Reply(call, answer) => {
                assert!(self.answers.insert(call.0, answer).is_none(), "answered twice")
            }
            Command::Ready => self.ready = true,
            Command::Notice(Notice::Stuck { child, .. }) => {
                let name = self.name(child);
                self.live.remove(&name);
                self.log.push(format!("?{name}"));
            }
            Command::Notice(notice) => {
                if let Notice::Exited { child, reason, .. } = &notice {
                    self.ends.push((self.name(*child), reason.clone()));
                }
                self.notices.push(notice);
            }
            Command::Exit(reason) => self.exit = Some(reason),
        }
    }

    fn start(&mut self, child: ChildId, incarnation: u32) {
        let name = self.name(child);
        assert!(!self.live.contains_key(&name), "two live incarnations of {name}");
        if self.counts_restarts {
            self.restarts.push(self.now);
        }
        self.log.push(format!("+{name}"));
        self.live.insert(name.clone(), (child, incarnation));
        let outcome = self.outcomes.get_mut(&name).and_then(VecDeque::pop_front).unwrap_or(Outcome::Up);
        let report = match outcome {
            Outcome::Hangs => return,
            Outcome::Up => Event::Started { child, incarnation },
            Outcome::Ignores => Event::Ignored { child, incarnation },
            Outcome::Fails => Event::StartFailed { child, incarnation, reason: crash() },
        };
        if outcome != Outcome::Up {
            self.live.remove(&name);
            self.dead.insert((child, incarnation));
        }
        self.hear(report);
    }

    /// A child's process ends; the supervisor will hear of it.
    pub(super) fn die(&mut self, name: &str, reason: ExitReason) {
        let (child, incarnation) = self.live.remove(name).unwrap_or_else(|| panic!("{name} is not alive"));
        self.dead.insert((child, incarnation));
        self.hear(Event::Exited { child, incarnation, reason });
    }

    /// A start that hung fails at last.
    pub(super) fn fail_start(&mut self, name: &str, reason: ExitReason) {
        let (child, incarnation) = self.live.remove(name).unwrap_or_else(|| panic!("{name} is not starting"));
        self.dead.insert((child, incarnation));
        self.hear(Event::StartFailed { child, incarnation, reason });
        self.settle();
    }

    pub(super) fn exit(&mut self, name: &str, reason: ExitReason) {
        self.die(name, reason);
        self.settle();
    }

    pub(super) fn crash(&mut self, name: &str) {
        self.exit(name, crash());
    }

    pub(super) fn next_starts(&mut self, name: &str, outcomes: &[Outcome]) {
        self.outcomes.insert(name.into(), outcomes.iter().copied().collect());
    }

    pub(super) fn ask(&mut self, request: Request<Name>) -> u64 {
        self.next_call += 1;
        self.hear(Event::Call(CallId(self.next_call), request));
        self.next_call
    }

    /// Asks and answers what is answered without time passing.
    pub(super) fn call(&mut self, request: Request<Name>) -> Option<Result<Answer, SupervisorError>> {
        let call = self.ask(request);
        self.settle();
        self.answers.get(&call).cloned()
    }

    pub(super) fn terminate(&mut self, name: &str) -> Option<Result<Answer, SupervisorError>> {
        self.call(Request::Terminate(Key::id(name).into()))
    }

    /// The handle of a child's present life.
    pub(super) fn life(&self, name: &str) -> Target {
        let (child, incarnation) = self.live[name];
        Target::Child(child, incarnation)
    }

    pub(super) fn restart(&mut self, name: &str) -> Option<Result<Answer, SupervisorError>> {
        self.call(Request::Restart(Key::id(name)))
    }

    pub(super) fn delete(&mut self, name: &str) -> Option<Result<Answer, SupervisorError>> {
        self.call(Request::Delete(Key::id(name)))
    }

    pub(super) fn add(&mut self, spec: Spec<Name>) -> Option<Result<Answer, SupervisorError>> {
        self.call(Request::Start(spec))
    }

    pub(super) fn shutdown(&mut self) {
        self.hear(Event::Shutdown(ExitReason::SHUTDOWN));
        self.settle();
    }

    /// Lets time pass, with every timer at its time.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(timer) = self.timers.first().filter(|timer| timer.at() <= until) {
            self.now = self.now.max(timer.at());
            self.settle();
        }
        self.now = until;
        self.settle();
    }

    /// What was done since this was last asked.
    pub(super) fn done(&mut self) -> String {
        std::mem::take(&mut self.log).join(" ")
    }

    /// The children with their states, newest first.
    pub(super) fn which(&mut self) -> String {
        let Some(Ok(Answer::Children(children))) = self.call(Request::Which) else { panic!("no list") };
        let print = |child: &ChildInfo| format!("{}:{:?}", child.key, child.state).to_lowercase();
        children.iter().map(print).collect::<Vec<_>>().join(" ")
    }

    /// What one child is doing.
    pub(super) fn which_one(&mut self, target: impl Into<Target>) -> Result<String, SupervisorError> {
        match self.call(Request::WhichOne(target.into())).expect("looking never waits") {
            Ok(Answer::Child(child)) => Ok(format!("{}:{:?}", child.key, child.state).to_lowercase()),
            Ok(answer) => panic!("{answer:?}"),
            Err(error) => Err(error),
        }
    }

    /// Stops the supervisor, if it has not ended, and proves that nothing is left: no child, no timer, no call.
    pub(super) fn end(&mut self) {
        self.shutdown();
        self.pass(Duration::from_secs(86_400));
        self.assert_nothing_is_left();
    }

    /// The supervisor ended by itself, and nothing is left.
    pub(super) fn assert_nothing_is_left(&self) {
        assert!(self.exit.is_some(), "it ends");
        assert!(self.live.is_empty(), "still alive: {:?}", self.live);
        assert!(self.timers.is_empty(), "still armed: {:?}", self.timers);
        assert_eq!(self.core.payloads().count(), 0, "still specified");
        let open = (1..=self.next_call).find(|call| !self.answers.contains_key(call));
        assert_eq!(open, None, "every call is answered");
    }

    pub(super) fn counts(&mut self) -> Counts {
        let Some(Ok(Answer::Counts(counts))) = self.call(Request::Count) else { panic!("no counts") };
        counts
    }

    pub(super) fn assert_gave_up_on(&self, name: &str) {
        assert!(self.live.is_empty(), "still alive: {:?}", self.live);
        match &self.exit {
            Some(ExitReason::GaveUp { child, .. }) => assert_eq!(&**child, name),
            other => panic!("did not give up: {other:?}"),
        }
    }
}
