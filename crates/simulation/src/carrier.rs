//! Who carries a run: a model of the daemon's workflow actor. Commands wait while one append is under way, then all are decided
//! and appended as one unit; once that is durable it is the state, and what has to be going on is compared with what is living.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ghostlight_model::event::Event;
use ghostlight_model::ids::{ApprovalId, AttemptId, RunId};
use ghostlight_model::run::{self, Command, Effect, Run, Wake, is_portion, outstanding};
use ghostlight_supervision::core::Request;
use ghostlight_supervision::{ExitReason, Key};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::decisions::{Pair, name_of};
use crate::faults::POWER;
use crate::house::{Action, House};
use crate::journal::Record;
use crate::tree::{LifeKey, NodeId, Role, Wait, added};

/// A due time farther away than this is left to the timers.
const NEAR: SignedDuration = SignedDuration::from_secs(10);
/// A run that has nothing to do for so long leaves memory.
const QUIET: Duration = Duration::from_secs(2);

/// Something that is said to a run.
#[derive(Debug)]
pub struct Give {
    /// What.
    pub command: Command,
    /// Who says it; nobody when the runtime does.
    pub by: Option<&'static str>,
    /// How often it found nobody.
    pub tries: u8,
}

/// What of a run lives beside its workflow actor, and outlives it.
#[derive(Debug)]
pub struct Place {
    /// Its supervisor.
    pub node: NodeId,
    /// The actors of its attempts; none while one is being started.
    pub attempts: BTreeMap<AttemptId, Option<LifeKey>>,
    /// The questions that somebody minds.
    pub gates: BTreeSet<ApprovalId>,
}

/// An append that is under way.
#[derive(Debug)]
struct Appending {
    next: Pair,
    events: Vec<Event>,
    by_people: bool,
}

/// A workflow actor.
#[derive(Debug)]
pub struct Carrier {
    /// Which: a later life has another number.
    pub number: u64,
    life: LifeKey,
    /// The run as it is durable, and its twin.
    pub pair: Pair,
    waiting: VecDeque<Give>,
    appending: Option<Box<Appending>>,
    /// Attempts that this life has recorded and not begun yet.
    fresh: BTreeSet<AttemptId>,
    /// Attempts that were asked to stop.
    stopping: BTreeSet<AttemptId>,
    /// The runs that its steps have started, as far as this life knows.
    pub children: BTreeSet<RunId>,
    timer: Option<Timestamp>,
    ended_here: bool,
}

impl House {
    /// A run's supervisor is there.
    pub(crate) fn enter_place(&mut self, run: RunId, node: NodeId) {
        self.places.insert(run, Place { node, attempts: BTreeMap::new(), gates: BTreeSet::new() });
    }

    /// A run's supervisor is gone. One that gave up leaves its run to people.
    pub(crate) fn place_is_gone(&mut self, run: RunId, reason: &ExitReason) {
        self.places.remove(&run);
        self.coming.remove(&run);
        match reason {
            ExitReason::GaveUp { .. } | ExitReason::StartFailed { .. } => {
                let message = reason.to_string();
                self.decide_alone(run, Command::Quarantine { message });
            }
            _ => self.wake_if_needed(run),
        }
    }

    /// Something is said to a run, by the runtime or by a person.
    pub(crate) fn give(&mut self, run: RunId, command: Command, by_person: bool) {
        let after = self.moment();
        let by = by_person.then_some("someone");
        self.post(after, Action::Give(run, Box::new(Give { command, by, tries: 0 })));
    }

    /// It arrives, at whoever carries the run; who is not there is started.
    pub(crate) fn deliver(&mut self, run: RunId, give: Give) {
        if let Some(carrier) = self.carriers.get_mut(&run) {
            carrier.waiting.push_back(give);
            return self.process(run);
        }
        let is_known = self.journal.length(run) > 0;
        if !is_known || give.tries > 6 || self.root.is_none() {
            return self.reached.sometimes("fault", "answer_lost");
        }
        self.carry(run);
        let again = Give { tries: give.tries + 1, ..give };
        self.post(Duration::from_millis(150), Action::Give(run, Box::new(again)));
    }

    /// A workflow actor begins with what the journal says, and asks what became of what was under way.
    pub(crate) fn workflow_is_up(&mut self, run: RunId, life: LifeKey) {
        let Some(pair) = self.load(run) else { return };
        self.next_carrier += 1;
        let is_over = pair.run.status.is_terminal();
        let carrier = Carrier {
            number: self.next_carrier,
            life,
            pair,
            waiting: VecDeque::new(),
            appending: None,
            fresh: BTreeSet::new(),
            stopping: BTreeSet::new(),
            children: BTreeSet::new(),
            timer: None,
            ended_here: false,
        };
        let number = carrier.number;
        self.carriers.insert(run, carrier);
        if is_over {
            return self.post(QUIET, Action::Quiet(run, number));
        }
        self.give_itself(run, Command::Recover);
        self.give_itself(run, Command::Tick);
        self.process(run);
    }

    fn give_itself(&mut self, run: RunId, command: Command) {
        if let Some(carrier) = self.carriers.get_mut(&run) {
            carrier.waiting.push_back(Give { command, by: None, tries: 0 });
        }
    }

    pub(crate) fn carrier_is_gone(&mut self, run: RunId) {
        self.carriers.remove(&run);
    }

    pub(crate) fn is_appending(&self, run: RunId) -> bool {
        self.carriers.get(&run).is_some_and(|carrier| carrier.appending.is_some())
    }

    /// Decides what waits, and appends what comes of it.
    fn process(&mut self, id: RunId) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        if carrier.appending.is_some() || carrier.waiting.is_empty() {
            return;
        }
        let gives = std::mem::take(&mut carrier.waiting);
        let expected = carrier.pair.run.sequence;
        let mut next = carrier.pair.clone();
        let (mut events, mut records, mut by_people) = (Vec::new(), Vec::new(), false);
        for give in gives {
            let name = name_of(&give.command);
            let command = self.as_it_is_now(&next.run, give.command);
            match self.decide(&mut next, command, give.by, &mut records) {
                Ok(new) if new.is_empty() => self.reached.sometimes("without_effect", name),
                Ok(new) => {
                    self.reached.sometimes("accepted", name);
                    by_people |= give.by.is_some();
                    events.extend(new);
                }
                Err(_) => self.reached.sometimes("refused", name),
            }
        }
        if events.is_empty() {
            return self.settle(id);
        }
        if !self.append(id, expected, records, None) {
            return self.fail_carrier(id, "the stream is not where it was");
        }
        if let Some(carrier) = self.carriers.get_mut(&id) {
            carrier.appending = Some(Box::new(Appending { next, events, by_people }));
        }
    }

    /// Appends a unit; a sync follows soon.
    pub(crate) fn append(
        &mut self,
        run: RunId,
        expected: u64,
        records: Vec<Record>,
        key: Option<String>,
    ) -> bool {
        let expected = usize::try_from(expected).unwrap_or(usize::MAX);
        if self.journal.append(run, expected, records, key).is_err() {
            self.reached.sometimes("fault", "conflict");
            return false;
        }
        if !self.is_syncing {
            self.is_syncing = true;
            let after = self.moment();
            self.post(after, Action::Sync);
        }
        if std::mem::take(&mut self.power_fails_with_an_append) {
            self.post(Duration::ZERO, Action::Again(POWER, 1));
        }
        true
    }

    fn fail_carrier(&mut self, run: RunId, why: &str) {
        if let Some(life) = self.carriers.get(&run).map(|carrier| carrier.life) {
            self.end_life(life, ExitReason::failed(why));
        }
    }

    /// Everything that was appended is durable now; who waits for that hears of it later.
    pub(crate) fn sync(&mut self) {
        self.is_syncing = false;
        for (run, key) in self.journal.sync() {
            self.told_keys.extend(key.map(|key| (key, run)));
            // What nobody carries is seen as soon as it is there.
            if !self.carriers.contains_key(&run) {
                self.recall(run);
            }
        }
        let waiting = self.carriers.iter().filter(|(_, carrier)| carrier.appending.is_some());
        let waiting: Vec<(RunId, u64)> = waiting.map(|(run, carrier)| (*run, carrier.number)).collect();
        for (run, number) in waiting {
            let after = self.moment();
            self.post(after, Action::Committed(run, number));
        }
    }

    /// A workflow actor hears that its unit is durable: it is the state now.
    pub(crate) fn committed(&mut self, id: RunId, number: u64) {
        if self.journal.is_pending(id) {
            // A later sync is meant.
            return;
        }
        let Some(carrier) = self.carriers.get_mut(&id).filter(|carrier| carrier.number == number) else {
            return;
        };
        let Some(appended) = carrier.appending.take() else { return };
        carrier.pair = appended.next;
        let is_over = carrier.pair.run.status.is_terminal();
        let (kept, decided) = (self.journal.length(id) as u64, carrier.pair.run.sequence);
        if kept != decided {
            self.violated("what_is_kept_is_what_was_decided", Some(id), || {
                format!("{kept} events, not {decided}")
            });
            return;
        }
        carrier.ended_here |= is_over;
        for event in &appended.events {
            if let Event::StepStarted(started) = event {
                carrier.fresh.insert(AttemptId { step: started.step.clone(), number: started.attempt });
            }
        }
        if is_portion(&appended.events) {
            self.give_itself(id, Command::Tick);
        }
        let Some(now) = self.carriers.get(&id).map(|carrier| carrier.pair.run.clone()) else { return };
        if appended.by_people {
            self.told.insert(id, now.sequence);
        }
        self.show(now);
        if self.rng.u8(..16) == 0 {
            self.keep_snapshot(id);
        }
        self.settle(id);
    }

    /// Compares what has to be going on with what is living.
    fn settle(&mut self, id: RunId) {
        let Some(carrier) = self.carriers.get(&id) else { return };
        if !carrier.waiting.is_empty() {
            self.reconcile(id);
            return self.process(id);
        }
        if carrier.ended_here {
            let life = carrier.life;
            return self.end_life(life, ExitReason::Normal);
        }
        self.reconcile(id);
        if let Some(number) =
            self.carriers.get(&id).filter(|carrier| self.is_quiet(carrier)).map(|it| it.number)
        {
            self.post(QUIET, Action::Quiet(id, number));
        }
    }

    fn reconcile(&mut self, id: RunId) {
        let Some(carrier) = self.carriers.get(&id) else { return };
        let run = carrier.pair.run.clone();
        let mut due = None;
        for effect in outstanding(&run) {
            self.reached.sometimes("effect", effect_name(&effect));
            match effect {
                Effect::Attempt { id: attempt, .. } => self.ensure_attempt(id, attempt),
                Effect::StopAttempt { id: attempt } => self.stop_attempt(id, attempt),
                Effect::Gate { approval, .. } => self.ensure_gate(id, approval),
                Effect::Child { step, child, input } => {
                    let input = input
                        .as_ref()
                        .and_then(|input| input.value())
                        .map_or(Value::Null, |it| Value::clone(it));
                    self.ensure_child(&run, &step, child.run, Some((child.workflow, child.version, input)));
                }
                Effect::StopChild { step, child, kill } => {
                    self.ensure_child(&run, &step, child.run, None);
                    self.give(child.run, Command::Cancel { reason: String::new(), kill }, false);
                }
                Effect::Slots(_) => due = self.now.checked_add(SignedDuration::from_secs(5)).ok().or(due),
                Effect::WakeAt(at) => due = due.into_iter().chain([at]).min(),
            }
        }
        self.end_answered_gates(&run);
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        carrier.fresh.retain(|attempt| run.is_outstanding(attempt));
        if carrier.timer != due {
            carrier.timer = due;
            let number = carrier.number;
            // A far time is left to the timers once the run has left memory.
            due.into_iter().for_each(|at| self.post_at(at, Action::Clock(id, number)));
        }
    }

    /// The time has come that a workflow actor waits for.
    pub(crate) fn clock(&mut self, id: RunId, number: u64) {
        let now = self.now;
        let Some(carrier) = self.carriers.get_mut(&id).filter(|carrier| carrier.number == number) else {
            return;
        };
        if carrier.timer.is_some_and(|at| at <= now) {
            carrier.timer = None;
            self.give_itself(id, Command::Tick);
        }
        self.process(id);
    }

    fn is_quiet(&self, carrier: &Carrier) -> bool {
        let id = carrier.pair.run.id;
        let is_passive = match run::wake(&carrier.pair.run) {
            Wake::Done | Wake::Idle => true,
            Wake::Now => false,
            Wake::At(at) => at.duration_since(self.now) > NEAR,
        };
        let is_alone = self.places.get(&id).is_none_or(|place| place.attempts.is_empty());
        is_passive && is_alone && carrier.waiting.is_empty() && carrier.appending.is_none()
    }

    /// A run that has nothing to do leaves memory; the timers know when it is due.
    pub(crate) fn leave_when_quiet(&mut self, id: RunId, number: u64) {
        let quiet =
            self.carriers.get(&id).filter(|carrier| carrier.number == number && self.is_quiet(carrier));
        let Some((life, wake)) = quiet.map(|carrier| (carrier.life, run::wake(&carrier.pair.run))) else {
            return;
        };
        self.reached.sometimes("load", "left_memory");
        self.keep_snapshot(id);
        self.end_life(life, ExitReason::Normal);
        if let Wake::At(at) = wake {
            self.post_at(at, Action::Wake(id));
        }
    }

    /// A run that is not in memory is carried, if there is a reason.
    pub(crate) fn wake_run(&mut self, run: RunId) {
        let is_wanted = self.shown.get(&run).is_some_and(|shown| !shown.status.is_terminal());
        if is_wanted && !self.places.contains_key(&run) && self.root.is_some() {
            self.reached.sometimes("load", "woken");
            self.carry(run);
        }
    }

    fn ensure_attempt(&mut self, run: RunId, attempt: AttemptId) {
        let known = self.places.get(&run).and_then(|place| place.attempts.get(&attempt).copied());
        let Some(carrier) = self.carriers.get_mut(&run) else { return };
        match known {
            None if carrier.fresh.remove(&attempt) => {
                let (key, role) = (execution_key(&attempt), Role::Execution(run, attempt.clone()));
                let Some(place) = self.places.get_mut(&run) else { return };
                place.attempts.insert(attempt.clone(), None);
                let node = place.node;
                self.call(node, Request::Start(added(key, role)), Wait::Attempt(run, attempt));
            }
            None => self.lost(run, attempt, "its actor is gone", true),
            Some(Some(_)) => {
                if !carrier.fresh.contains(&attempt) {
                    self.reached.sometimes("load", "adopted_attempt");
                }
            }
            Some(None) => {}
        }
    }

    fn stop_attempt(&mut self, run: RunId, attempt: AttemptId) {
        let is_known = self.places.get(&run).is_some_and(|place| place.attempts.contains_key(&attempt));
        let Some(carrier) = self.carriers.get_mut(&run) else { return };
        if is_known {
            if carrier.stopping.insert(attempt.clone()) {
                self.terminate(run, &execution_key(&attempt));
            }
            return;
        }
        let began = !carrier.fresh.remove(&attempt);
        self.lost(run, attempt, "its actor ended", began);
    }

    /// An attempt's actor is gone. If the attempt is still outstanding it did not report.
    fn lost(&mut self, run: RunId, attempt: AttemptId, reason: &str, began: bool) {
        let Some(carrier) = self.carriers.get_mut(&run) else { return };
        let said = carrier.waiting.iter().any(|give| match &give.command {
            Command::Report { attempt: of, .. } | Command::Lost { attempt: of, .. } => *of == attempt,
            _ => false,
        });
        if carrier.pair.run.is_outstanding(&attempt) && !said {
            self.give_itself(run, Command::Lost { attempt, reason: reason.to_owned(), began });
            // Not at once: who compares goes on with its comparison first.
            if let Some(number) = self.carriers.get(&run).map(|carrier| carrier.number) {
                self.post(Duration::ZERO, Action::Clock(run, number));
            }
        }
    }

    /// The supervisor did not start an attempt's actor, or cut it off while it started.
    pub(crate) fn attempt_not_started(&mut self, run: RunId, attempt: AttemptId, began: bool) {
        if let Some(place) = self.places.get_mut(&run) {
            place.attempts.remove(&attempt);
        }
        self.lost(run, attempt, "its actor did not start", began);
    }

    /// An attempt's actor has ended.
    pub(crate) fn attempt_ended(&mut self, run: RunId, attempt: AttemptId, reason: &ExitReason) {
        if let Some(carrier) = self.carriers.get_mut(&run) {
            carrier.stopping.remove(&attempt);
        }
        self.lost(run, attempt, &reason.to_string(), true);
        if let Some(number) = self.carriers.get(&run).map(|carrier| carrier.number) {
            self.post(QUIET, Action::Quiet(run, number));
        }
    }

    fn ensure_gate(&mut self, run: RunId, approval: ApprovalId) {
        let Some(place) = self.places.get_mut(&run) else { return };
        if place.gates.insert(approval) {
            let node = place.node;
            self.call(
                node,
                Request::Start(added(gate_key(approval), Role::Gate(run, approval))),
                Wait::Nothing,
            );
        }
    }

    fn end_answered_gates(&mut self, run: &Run) {
        let Some(place) = self.places.get_mut(&run.id) else { return };
        let is_open =
            |approval: &ApprovalId| run.approvals.get(approval).is_some_and(|it| it.decided.is_none());
        let over: Vec<ApprovalId> =
            place.gates.iter().filter(|approval| !is_open(approval)).copied().collect();
        let node = place.node;
        for approval in over {
            place.gates.remove(&approval);
        }
        let gone: Vec<ApprovalId> =
            run.approvals.keys().filter(|approval| !is_open(approval)).copied().collect();
        for approval in gone.into_iter().rev().take(1) {
            self.terminate(run.id, &gate_key(approval));
            self.call(node, Request::Delete(gate_key(approval)), Wait::Nothing);
        }
    }

    pub(crate) fn gate_is_up(&mut self, run: RunId, approval: ApprovalId, life: LifeKey) {
        let asked = self.shown.get(&run).and_then(|run| run.approvals.get(&approval));
        if let Some(at) = asked.and_then(|asked| asked.expires_at) {
            self.post_at(at, Action::GateDue(life));
        }
    }

    /// The time of a question is over: the run decides what that means.
    pub(crate) fn gate_due(&mut self, life: LifeKey) {
        let Some(Role::Gate(run, _)) = self.lives.get(&life).map(|life| life.role.clone()) else { return };
        self.give(run, Command::Tick, false);
        self.end_life(life, ExitReason::Normal);
    }

    pub(crate) fn gate_is_gone(&mut self, run: RunId, approval: ApprovalId) {
        if let Some(place) = self.places.get_mut(&run) {
            place.gates.remove(&approval);
        }
    }
}

/// What an execution is called by its supervisor.
pub fn execution_key(attempt: &AttemptId) -> Key {
    Key::new("executions", attempt.to_string())
}

fn gate_key(approval: ApprovalId) -> Key {
    Key::new("gates", approval.to_string())
}

fn effect_name(effect: &Effect) -> &'static str {
    match effect {
        Effect::Attempt { .. } => "attempt",
        Effect::StopAttempt { .. } => "stop_attempt",
        Effect::Gate { .. } => "gate",
        Effect::Child { .. } => "child",
        Effect::StopChild { .. } => "stop_child",
        Effect::Slots(_) => "slots",
        Effect::WakeAt(_) => "wake_at",
    }
}
