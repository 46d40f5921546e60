//! A simulated house: one process with its supervision tree and the actors of its runs, the journal and the agents that outlive
//! it, and one agenda on virtual time from which everything is taken step by step.
//!
//! What is decided here is decided by the product: runs by the run machine, lives by the supervision core. What stands around
//! them, mail, timers, appends, is modelled after the actors of the daemon, as small as it can be.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use ghostlight_model::ids::{AttemptId, Ids, RunId};
use ghostlight_model::run::{AgentDirectory, Command, Run};
use ghostlight_supervision::ExitReason;
use ghostlight_supervision::core::{Event, TimerId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::agents::Outside;
use crate::carrier::{Carrier, Give, Place};
use crate::journal::Journal;
use crate::reached::Reached;
use crate::scenery::{Library, agents};
use crate::tree::{Life, LifeKey, Node, NodeId, Role, Wait};

/// Where virtual time begins: 2026-01-01T00:00:00Z.
const BEGIN: i64 = 1_767_225_600;

/// An invariant that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub invariant: String,
    /// The run concerned, if it is one.
    pub run: Option<RunId>,
    /// What was seen.
    pub detail: String,
}

/// What happens next.
#[derive(Debug)]
pub enum Action {
    /// A supervisor hears something.
    Hear(NodeId, Event<Role>),
    /// A supervisor's timer is due.
    Due(NodeId, TimerId),
    /// A child is made.
    Begin(LifeKey),
    /// A child that was asked to stop does.
    Stop(LifeKey),
    /// Something is said to a run, wherever it is.
    Give(RunId, Box<Give>),
    /// The journal syncs.
    Sync,
    /// A workflow actor hears that its append is durable.
    Committed(RunId, u64),
    /// The time that a workflow actor waits for has come.
    Clock(RunId, u64),
    /// A workflow actor has had nothing to do for a while.
    Quiet(RunId, u64),
    /// A run that is not in memory has to be carried.
    Wake(RunId),
    /// An agent answers the execution that called it, or its time is over.
    Answered(LifeKey),
    /// An execution says again what nobody has heard.
    Repeat(LifeKey),
    /// A gate's time is over.
    GateDue(LifeKey),
    /// A workflow actor learns that an attempt's actor has ended.
    Ended(RunId, AttemptId, ExitReason),
    /// From here on what does not end with the process. An agent says something by itself: late, or twice.
    Late(RunId, Box<Command>),
    /// A person does something.
    Person,
    /// Something breaks.
    Fault,
    /// The same kind of thing breaks again, so many times.
    Again(u8, u8),
}

impl Action {
    fn outlives_the_process(&self) -> bool {
        matches!(self, Self::Late(..) | Self::Person | Self::Fault | Self::Again(..))
    }
}

/// The house.
pub struct House {
    pub(crate) rng: Rng,
    /// Virtual time.
    pub now: Timestamp,
    agenda: BTreeMap<(Timestamp, u64), Action>,
    posted: u64,
    /// Faults have stopped, and everybody does what is expected of them.
    pub is_calm: bool,
    /// The next append is interrupted.
    pub(crate) power_fails_with_an_append: bool,
    /// The process was asked to go down.
    pub(crate) is_going_down: bool,
    pub(crate) library: Library,
    pub(crate) agents: Arc<AgentDirectory>,
    pub(crate) journal: Journal,
    pub(crate) is_syncing: bool,
    pub(crate) snapshots: BTreeMap<RunId, Vec<u8>>,
    /// The newest state of each run that was durable when anybody looked: what people see.
    pub(crate) shown: BTreeMap<RunId, Run>,
    /// How many events of a run somebody was told are there.
    pub(crate) told: BTreeMap<RunId, u64>,
    /// What was started under a key, and answered.
    pub(crate) told_keys: BTreeMap<String, RunId>,
    pub(crate) epoch: u64,
    // The process.
    pub(crate) nodes: BTreeMap<NodeId, Node>,
    pub(crate) root: Option<NodeId>,
    pub(crate) next_node: NodeId,
    pub(crate) next_call: u64,
    pub(crate) waits: BTreeMap<u64, (NodeId, Wait)>,
    /// Which of these calls their supervisors have heard.
    pub(crate) heard: BTreeSet<u64>,
    pub(crate) lives: BTreeMap<LifeKey, Life>,
    pub(crate) carriers: BTreeMap<RunId, Carrier>,
    pub(crate) next_carrier: u64,
    pub(crate) places: BTreeMap<RunId, Place>,
    /// Runs whose supervisors are being started.
    pub(crate) coming: BTreeSet<RunId>,
    // Those outside.
    pub(crate) outside: Outside,
    pub(crate) next_run: u64,
    pub(crate) next_key: u64,
    /// What was seen.
    pub reached: Reached,
    /// What happened, when somebody wants to know.
    pub trace: Option<Vec<(Option<RunId>, String)>>,
    /// The run that the step under way is about.
    pub stepping: Option<RunId>,
    /// The first thing that was wrong.
    pub violation: Option<Violation>,
    /// How many steps were made.
    pub steps: u64,
}

impl House {
    /// A house in which everything follows from `seed`.
    pub fn new(seed: u64, is_traced: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let library = Library::new(&mut rng);
        let agents = agents(true, &mut rng);
        let mut house = Self {
            now: Timestamp::from_second(BEGIN).unwrap_or(Timestamp::UNIX_EPOCH),
            rng,
            agenda: BTreeMap::new(),
            posted: 0,
            is_calm: false,
            power_fails_with_an_append: false,
            is_going_down: false,
            library,
            agents,
            journal: Journal::default(),
            is_syncing: false,
            snapshots: BTreeMap::new(),
            shown: BTreeMap::new(),
            told: BTreeMap::new(),
            told_keys: BTreeMap::new(),
            epoch: 0,
            nodes: BTreeMap::new(),
            root: None,
            next_node: 0,
            next_call: 0,
            waits: BTreeMap::new(),
            heard: BTreeSet::new(),
            lives: BTreeMap::new(),
            carriers: BTreeMap::new(),
            next_carrier: 0,
            places: BTreeMap::new(),
            coming: BTreeSet::new(),
            outside: Outside::default(),
            next_run: 0,
            next_key: 0,
            reached: Reached::default(),
            trace: is_traced.then(Vec::new),
            stepping: None,
            violation: None,
            steps: 0,
        };
        house.boot();
        house.post(Duration::ZERO, Action::Person);
        house.post(Duration::from_secs(1), Action::Fault);
        house
    }

    /// Does what comes next. False when nothing does, or something is wrong.
    pub fn step(&mut self) -> bool {
        let Some(((at, _), action)) = self.agenda.pop_first() else { return false };
        self.now = self.now.max(at);
        self.steps += 1;
        self.stepping = self.concerned(&action);
        let run = self.stepping;
        self.note(run, |_| format!("{action:?}").chars().take(300).collect());
        match action {
            Action::Hear(node, event) => self.hear(node, event),
            Action::Due(node, timer) => self.timer_due(node, timer),
            Action::Begin(life) => self.begin(life),
            Action::Stop(life) => self.stop_life(life),
            Action::Give(run, give) => self.deliver(run, *give),
            Action::Sync => self.sync(),
            Action::Committed(run, carrier) => self.committed(run, carrier),
            Action::Clock(run, carrier) => self.clock(run, carrier),
            Action::Quiet(run, carrier) => self.leave_when_quiet(run, carrier),
            Action::Wake(run) => self.wake_run(run),
            Action::Answered(life) => self.answered(life),
            Action::Repeat(life) => self.repeat(life),
            Action::GateDue(life) => self.gate_due(life),
            Action::Ended(run, attempt, reason) => self.attempt_ended(run, attempt, &reason),
            Action::Late(run, command) => self.late(run, *command),
            Action::Person => self.person(),
            Action::Fault => self.fault(),
            Action::Again(kind, times) => self.breaks_again(kind, times),
        }
        self.violation.is_none()
    }

    /// Puts something on the agenda.
    pub(crate) fn post(&mut self, after: Duration, action: Action) {
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        let at = self.now.checked_add(after).unwrap_or(Timestamp::MAX);
        self.post_at(at, action);
    }

    /// The same, at a time.
    pub(crate) fn post_at(&mut self, at: Timestamp, action: Action) {
        self.posted += 1;
        self.agenda.insert((at.max(self.now), self.posted), action);
    }

    /// How long mail takes, and whatever else takes a moment.
    pub(crate) fn moment(&mut self) -> Duration {
        Duration::from_micros(match self.rng.u8(..8) {
            0 => 0,
            1..=5 => self.rng.u64(..2_000),
            6 => self.rng.u64(..50_000),
            _ => self.rng.u64(..800_000),
        })
    }

    /// True once in so many times, and never when all is calm.
    pub(crate) fn rarely(&mut self, one_in: u32) -> bool {
        !self.is_calm && self.rng.u32(..one_in) == 0
    }

    /// Fresh ids for a decision.
    pub(crate) fn ids(&mut self) -> Ids {
        let random = u128::from(self.rng.u64(..)) & ((1 << 62) - 1);
        Ids::from_base(Uuid::from_u128((0x0198_0c00_0000_7000_u128 << 64) | (2 << 62) | random))
    }

    /// Everything of the process is gone. Answers whether anything was lost that nobody had been told of.
    pub(crate) fn end_process(&mut self, with_the_power: bool) -> usize {
        let lost = if with_the_power {
            self.journal.crash(&mut self.rng)
        } else {
            self.journal.sync();
            0
        };
        self.agenda.retain(|_, action| action.outlives_the_process());
        self.is_syncing = false;
        self.nodes.clear();
        self.root = None;
        self.waits.clear();
        self.heard.clear();
        self.lives.clear();
        self.carriers.clear();
        self.places.clear();
        self.coming.clear();
        lost
    }

    /// Something does not hold. The first counts.
    pub(crate) fn violated(&mut self, invariant: &str, run: Option<RunId>, detail: impl FnOnce() -> String) {
        if self.violation.is_none() {
            self.violation = Some(Violation { invariant: invariant.to_owned(), run, detail: detail() });
        }
    }

    /// Writes down what happens, if somebody wants to know.
    pub(crate) fn note(&mut self, run: Option<RunId>, text: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let text = format!("{} {}", self.now, text(self));
            self.trace.iter_mut().for_each(|trace| trace.push((run, text.clone())));
        }
    }

    /// The run that something is about.
    fn concerned(&self, action: &Action) -> Option<RunId> {
        match action {
            Action::Give(run, _)
            | Action::Committed(run, _)
            | Action::Clock(run, _)
            | Action::Quiet(run, _)
            | Action::Wake(run)
            | Action::Ended(run, ..)
            | Action::Late(run, _) => Some(*run),
            Action::Begin(life)
            | Action::Stop(life)
            | Action::Answered(life)
            | Action::Repeat(life)
            | Action::GateDue(life) => self.lives.get(life).and_then(|life| life.role.run()),
            Action::Hear(node, _) | Action::Due(node, _) => {
                self.nodes.get(node).and_then(|node| node.role.run())
            }
            Action::Sync | Action::Person | Action::Fault | Action::Again(..) => None,
        }
    }

    /// Nothing breaks any more, and everybody does what is expected.
    pub fn calm_down(&mut self) {
        self.is_calm = true;
        self.power_fails_with_an_append = false;
        self.agents = agents(true, &mut self.rng);
        self.heal();
    }
}
