//! Decisions of the run machine, each held against what must hold: it is made twice, on a run and on its twin, which has folded
//! from the beginning what the journal keeps; every event is looked at before it is folded, and the state after it.

use std::sync::Arc;

use ghostlight_model::event::{AtHand, Event};
use ghostlight_model::ids::{Ids, RunId};
use ghostlight_model::run::invariants::{
    Change, OF_EACH_EVENT, OF_EACH_EVENT_AND_ITS_RUN, a_snapshot_reads_back, a_step_ends_once,
    an_event_follows_from_the_state_before_it, broken_by, broken_in, first_difference, nothing_is_overdue,
};
use ghostlight_model::run::{
    self, Command, Context, CreateRun, Rejection, Retry, Revision, Run, Slots, Wake, Workload, evolve,
    freeze, is_portion, thaw,
};
use ghostlight_model::workflow::Workflow;
use ghostlight_world::Bug;

use crate::house::{Action, House};
use crate::journal::Record;
use crate::scenery::{Library, Version, name};

/// A run as it is carried, and its twin: the same events, read back from what is kept, folded from the first one on over a
/// definition that was compiled by itself.
#[derive(Debug, Clone)]
pub struct Pair {
    /// What is carried.
    pub run: Run,
    /// What follows it.
    pub twin: Run,
}

/// Everything random in a decision, so that it can be made twice.
struct Chance {
    ids: Ids,
    jitter: u32,
    slots: Slots,
}

/// What a command is called.
pub fn name_of(command: &Command) -> &'static str {
    match command {
        Command::Report { .. } => "report",
        Command::Lost { .. } => "lost",
        Command::Recover => "recover",
        Command::Tick => "tick",
        Command::Answer { .. } => "answer",
        Command::Pause { .. } => "pause",
        Command::Resume => "resume",
        Command::Cancel { kill: false, .. } => "cancel",
        Command::Cancel { kill: true, .. } => "kill",
        Command::Quarantine { .. } => "quarantine",
        Command::Reconcile { .. } => "reconcile",
        Command::Retry(_) => "retry",
        Command::Signal { .. } => "signal",
        Command::Adjust { .. } => "adjust",
        Command::Inherit { .. } => "inherit",
        Command::Revise { .. } => "revise",
        Command::ChildEnded { .. } => "child_ended",
    }
}

impl House {
    fn chance(&mut self) -> Chance {
        let slots = if self.rarely(4) {
            let of_agent = ["patient", "reader", "writer"].map(|agent| (name(agent), self.rng.u32(..3)));
            Slots::Granted { of_agent: of_agent.into(), others: self.rng.bool() }
        } else {
            Slots::Unlimited
        };
        Chance { ids: self.ids(), jitter: self.rng.u32(..), slots }
    }

    fn context<'a>(&'a self, chance: &Chance, by: Option<&'a str>) -> Context<'a> {
        Context {
            now: self.now,
            epoch: self.epoch,
            agents: &self.agents,
            slots: chance.slots.clone(),
            workload: Workload::default(),
            ids: chance.ids.clone(),
            jitter: chance.jitter,
            by,
        }
    }

    /// Decides a command, and folds what comes of it.
    pub(crate) fn decide(
        &mut self,
        pair: &mut Pair,
        command: Command,
        by: Option<&'static str>,
        records: &mut Vec<Record>,
    ) -> Result<Vec<Event>, Rejection> {
        let chance = self.chance();
        let of_twin = twin_command(&self.library, &command);
        let what = name_of(&command);
        let looks_at_the_clock = matches!(command, Command::Tick);
        let events = run::decide(&pair.run, command, self.context(&chance, by));
        let again = run::decide(&pair.twin, of_twin, self.context(&chance, by));
        if events != again {
            let id = pair.run.id;
            self.violated("a_decision_on_an_equal_state_is_equal", Some(id), || {
                format!("{what}: {events:?}\n{again:?}")
            });
        }
        let events = self.fold(pair, events?, by, records)?;
        if looks_at_the_clock && !is_portion(&events) && !nothing_is_overdue(&pair.run, self.now) {
            let id = pair.run.id;
            self.violated("nothing_is_overdue", Some(id), || format!("{:?}", pair.run.steps));
        }
        Ok(events)
    }

    /// The same of the first decision of a run.
    pub(crate) fn decide_creation(
        &mut self,
        pair: &mut Pair,
        version: &Version,
        create: CreateRun,
        by: Option<&'static str>,
        records: &mut Vec<Record>,
    ) -> Result<Vec<Event>, Rejection> {
        let chance = self.chance();
        let id = pair.run.id;
        let events = run::create(id, &version.workflow, create.clone(), self.context(&chance, by));
        let again = run::create(id, &version.twin, create, self.context(&chance, by));
        if events != again {
            self.violated("a_decision_on_an_equal_state_is_equal", Some(id), || {
                format!("{events:?}\n{again:?}")
            });
        }
        self.fold(pair, events?, by, records)
    }

    fn fold(
        &mut self,
        pair: &mut Pair,
        events: Vec<Event>,
        by: Option<&'static str>,
        records: &mut Vec<Record>,
    ) -> Result<Vec<Event>, Rejection> {
        let (id, at) = (pair.run.id, self.now);
        for event in &events {
            self.reached.sometimes("event", event.name());
            let change = Change { run: &pair.run, event, at, agents: &self.agents };
            let broken =
                broken_by(OF_EACH_EVENT, &change).or_else(|| broken_by(OF_EACH_EVENT_AND_ITS_RUN, &change));
            if let Some(broken) = broken {
                self.violated(broken, Some(id), || format!("{event:?}"));
            }
            evolve(&mut pair.run, event, at, by);
            let record = Record::new(event, at, by);
            fold_record(&self.library, &mut pair.twin, &record, true);
            records.push(record);
            self.note(Some(id), |_| short(event));
            self.note_end(&pair.run, event);
        }
        if let Some(difference) = first_difference(&pair.run, &pair.twin) {
            self.violated("what_is_carried_is_the_fold_of_what_is_kept", Some(id), || difference.to_owned());
        }
        if !events.is_empty()
            && !is_portion(&events)
            && let Some(broken) = broken_in(&pair.run)
        {
            self.violated(broken, Some(id), || format!("{:?}", pair.run.steps));
        }
        if self.rng.u8(..32) == 0 && !a_snapshot_reads_back(&pair.run) {
            self.violated("a_snapshot_reads_back", Some(id), String::new);
        }
        Ok(events)
    }

    fn note_end(&mut self, run: &Run, event: &Event) {
        let what = match event {
            Event::RunCompleted(body) if !body.missing.is_empty() => "partial",
            Event::RunCompleted(_) => "completed",
            Event::RunFailed(_) => "failed",
            Event::RunCancelled(_) if run.killed => "killed",
            Event::RunCancelled(_) => "cancelled",
            Event::StepCompensated(_) => "made_good",
            Event::RunReopened(_) => "retried",
            Event::PlanRevised(body) if body.definition.is_some() => "edited",
            _ => return,
        };
        self.reached.sometimes("run", what);
    }

    /// The state of a run as the journal says: sometimes from a snapshot, always the same as from the first event.
    pub(crate) fn load(&mut self, id: RunId) -> Option<Pair> {
        let (run, twin) = (self.fold_from_zero(id, false)?, self.fold_from_zero(id, true)?);
        self.reached.sometimes("load", "fold");
        self.is_a_history(id, &twin);
        if let Some(told) = self.told.get(&id).filter(|told| **told > run.sequence).copied() {
            self.violated("what_was_told_is_there", Some(id), || {
                format!("{told} events, now {}", run.sequence)
            });
        }
        if let Some(thawed) = self.thawed(id) {
            self.reached.sometimes("load", "snapshot");
            if let Some(difference) = first_difference(&thawed, &run) {
                self.violated("a_snapshot_and_what_follows_are_the_fold", Some(id), || difference.to_owned());
            }
            let twin_again = first_difference(&twin, &thawed);
            self.show(thawed.clone());
            return twin_again.is_none().then_some(Pair { run: thawed, twin });
        }
        self.show(run.clone());
        Some(Pair { run, twin })
    }

    /// What is kept of a run follows the tables too, event by event.
    fn is_a_history(&mut self, id: RunId, twin: &Run) {
        let records = self.journal.read(id, 0..usize::MAX);
        let Some(Event::RunCreated(created)) = records.first().map(Record::event) else { return };
        let Some(version) = self.library.get(&created.workflow, created.version) else { return };
        let mut run = Run::new(id, version.twin.clone());
        let mut broken = None;
        for record in records {
            let event = record.event();
            let change = Change { run: &run, event: &event, at: record.at, agents: &self.agents };
            if !an_event_follows_from_the_state_before_it(&change) || !a_step_ends_once(&change) {
                broken =
                    Some(format!("{event:?} cannot come after {} events of {}", run.sequence, twin.sequence));
                break;
            }
            fold_record(&self.library, &mut run, record, true);
        }
        if let Some(broken) = broken {
            self.violated("what_is_kept_is_a_history", Some(id), || broken);
        }
    }

    fn fold_from_zero(&self, id: RunId, is_twin: bool) -> Option<Run> {
        let records = self.journal.read(id, 0..usize::MAX);
        let Event::RunCreated(created) = records.first()?.event() else { return None };
        let version = self.library.get(&created.workflow, created.version)?;
        let workflow = if is_twin { &version.twin } else { &version.workflow };
        let mut run = Run::new(id, workflow.clone());
        records.iter().for_each(|record| fold_record(&self.library, &mut run, record, is_twin));
        Some(run)
    }

    fn thawed(&self, id: RunId) -> Option<Run> {
        let bytes = self.snapshots.get(&id)?;
        let planned = |at: u64| Ok::<_, ()>(self.planned(id, at));
        let mut run = thaw(id, bytes, planned).ok().flatten()?;
        let from = usize::try_from(run.sequence).ok()?;
        self.journal.read(id, from..usize::MAX).iter().for_each(|record| {
            fold_record(&self.library, &mut run, record, false);
        });
        Some(run)
    }

    /// What a run follows, by the event that says so.
    fn planned(&self, id: RunId, at: u64) -> Option<Arc<Workflow>> {
        let at = usize::try_from(at).ok()?.checked_sub(1)?;
        match self.journal.read(id, at..at + 1).first()?.event() {
            Event::RunCreated(created) => {
                Some(self.library.get(&created.workflow, created.version)?.workflow.clone())
            }
            Event::PlanRevised(revised) => self.library.own(revised.definition?).cloned(),
            _ => None,
        }
    }

    /// Keeps the state of a run that is carried.
    pub(crate) fn keep_snapshot(&mut self, id: RunId) {
        let bytes = self.carriers.get(&id).and_then(|carrier| freeze(&carrier.pair.run, usize::MAX));
        self.snapshots.extend(bytes.map(|bytes| (id, bytes)));
    }

    /// People see a state.
    pub(crate) fn show(&mut self, run: Run) {
        let id = run.id;
        let before = self.shown.insert(id, run).map(|before| (before.sequence, before.status.is_terminal()));
        let Some(now) = self.shown.get(&id) else { return };
        let (sequence, has_ended) = (now.sequence, now.status.is_terminal());
        if let Some((seen, _)) = before.filter(|(seen, _)| *seen > sequence) {
            self.violated("nobody_sees_an_older_state", Some(id), || format!("{sequence} after {seen}"));
        }
        if has_ended && before.is_none_or(|(_, had_ended)| !had_ended) {
            self.tell_parent(id);
        }
    }

    /// After the process has ended: people see what the journal says, which may be more than anybody had heard.
    pub(crate) fn recall_all(&mut self) {
        let runs: Vec<RunId> = self.journal.runs().collect();
        runs.into_iter().for_each(|run| self.recall(run));
        let lost: Vec<&String> = self
            .told_keys
            .iter()
            .filter(|(key, run)| self.journal.of_key(key) != Some(**run))
            .map(|(key, _)| key)
            .collect();
        if let Some(key) = lost.first().map(|key| (*key).clone()) {
            self.violated("a_key_starts_one_run", None, || format!("{key} stands for something else now"));
        }
    }

    /// The same of one run.
    pub(crate) fn recall(&mut self, id: RunId) {
        let seen = self.shown.get(&id).map_or(0, |run| run.sequence);
        if self.journal.length(id) as u64 != seen
            && let Some(run) = self.fold_from_zero(id, false)
        {
            self.show(run);
        }
    }

    /// Who begins to wake runs has those carried that were under way, and later those that are due.
    pub(crate) fn wake_what_needs_it(&mut self) {
        let runs: Vec<RunId> = self.shown.keys().copied().collect();
        runs.into_iter().for_each(|run| self.wake_if_needed(run));
    }

    /// The same of one run.
    pub(crate) fn wake_if_needed(&mut self, id: RunId) {
        let Some(run) = self.shown.get(&id) else { return };
        match run::wake(run) {
            Wake::Now => {
                let after = self.moment();
                self.post(after, Action::Wake(id));
            }
            Wake::At(_) if Bug::LostTimer.is_planted() => {}
            Wake::At(at) => self.post_at(at, Action::Wake(id)),
            // What is over, and what waits for people.
            Wake::Done | Wake::Idle => {}
        }
    }

    /// A run that has not ended.
    pub fn unfinished(&self) -> Option<&Run> {
        self.shown.values().find(|run| !run.status.is_terminal())
    }

    /// Whether this one has not.
    pub fn is_unfinished(&self, id: RunId) -> bool {
        self.shown.get(&id).is_some_and(|run| !run.status.is_terminal())
    }

    /// How a run stands, for people.
    pub fn describe(&self, id: RunId) -> String {
        let Some(run) = self.shown.get(&id) else { return String::new() };
        let steps = run.walk().map(|(at, _, step)| format!("{}: {:?}", run.path(at), step.state));
        format!("{} {:?}\n{}", run.workflow.name, run.status, steps.collect::<Vec<_>>().join("\n"))
    }
}

fn fold_record(library: &Library, run: &mut Run, record: &Record, is_twin: bool) {
    let mut event = record.event();
    if let Event::PlanRevised(revised) = &mut event
        && let Some(definition) = revised.definition
    {
        let plan = if is_twin { library.twin(definition) } else { library.own(definition) };
        revised.plan = AtHand(plan.cloned());
    }
    evolve(run, &event, record.at, record.by);
}

/// The command as it is given to a twin: with definitions that were compiled by themselves.
fn twin_command(library: &Library, command: &Command) -> Command {
    let twin = |next: &Arc<Workflow>| library.twin(next.hash).unwrap_or(next).clone();
    match command {
        Command::Revise { next, reason } => Command::Revise { next: twin(next), reason: reason.clone() },
        Command::Retry(retry) => {
            let revision = retry.revision.as_ref();
            let revision =
                revision.map(|revision| Revision { version: revision.version, next: twin(&revision.next) });
            Command::Retry(Box::new(Retry { revision, ..Retry::clone(retry) }))
        }
        other => other.clone(),
    }
}

fn short(event: &Event) -> String {
    format!("{} {event:?}", event.name()).chars().take(400).collect()
}
