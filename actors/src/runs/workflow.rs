//! The workflow actor: owns the stream of one run and is its only writer.
//!
//! Started by the run's own supervisor as its first, significant, transient child; when it ends normally the run's actors
//! fold up. It carries the run machine of the model: commands wait while one append is under way, then all are decided
//! one after another and appended as one unit; only after the commit does anybody hear of it, and only then is what has
//! to be going on compared with what is living. After a crash it is made anew from the journal and adopts the attempts
//! that are still living; what is lost is the commands that waited, whose callers ask again.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorContext, ActorFutureExt, AsyncContext, Handler, Message, SpawnHandle, WrapFuture};
use ghostlight_model::event::{Event, KeyOutcome};
use ghostlight_model::ids::{AttemptId, RunId};
use ghostlight_model::run::{self, AgentDirectory, Command, Run, Slots, Workload, decide};
use ghostlight_store::record::CHAIN_START;
use ghostlight_store::{AppendError, Committed, StreamAppend};
use ghostlight_supervision::{Context, Graceful};
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};

use super::child_runs::Guidance;
use super::give::{Answer, Give};
use super::loading;
use super::origin::{CreateError, NewRun, Origin};
use super::place::RunPlace;
use super::present::Presence;
use super::services::Services;
use super::slots::SlotGuard;
use super::unit::{Reply, Unit, encode, fold, is_portion, move_large_values};
use super::words::{Accepted, CommandError, RunNow};
use crate::caller::{Caller, StoreError};
use crate::keys::{self, Claim};
use crate::streams;

/// How many commands may wait for one run. More are refused as busy.
const QUEUE_MAX: usize = 1_024;
/// With so many events a unit is large enough: nothing more is decided into it. One decision starts at most 64 attempts, so
/// that what is small on its own never shares an append that is too large, even if every value is as large as an event takes.
const EVENTS_ENOUGH: usize = 48;
/// Ids of commands that are remembered, so that one that is asked twice is done once.
const DECIDED_KEPT: usize = 1_024;
/// The least events between two snapshots of the state, and which share of all events there are at least.
const SNAPSHOT_EVERY: u64 = 64;
const SNAPSHOT_SHARE: u64 = 4;
/// Pause before the store is asked again after it took nothing.
const STORE_RETRY: Duration = Duration::from_millis(500);

/// Asks whether the run may leave memory; true: it has stopped taking commands and ends.
#[derive(Message)]
#[rtype(result = "bool")]
pub struct Drain;

/// The daemon goes down and its time is over: every attempt is stopped, and what it says is recorded.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CutOff;

/// The daemon goes down: start nothing new.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StartNothing;

/// The actor.
pub struct WorkflowActor {
    pub(super) place: RunPlace,
    /// The run as committed.
    pub(super) run: Arc<Run>,
    /// Where that is shown to those who read it.
    presence: Presence,
    /// The stream's chain hash at its last event.
    chain: [u8; 32],
    new: Option<Box<NewRun>>,
    /// Who started the run and waits for its end.
    starter: Option<oneshot::Sender<RunNow>>,
    pub(super) waiting: VecDeque<Give>,
    /// An append is under way.
    pub(super) appending: bool,
    /// Sequence of the last snapshot that was kept.
    snapshot_at: u64,
    /// Attempts decided but not yet started have their slots here.
    pub(super) slots: Vec<SlotGuard>,
    pub(super) start_nothing: bool,
    /// Attempts that this life of the actor has recorded as started and not yet begun. Only these are begun: any other
    /// one that is under way and has no actor was cut off.
    pub(super) fresh: BTreeSet<AttemptId>,
    /// Attempts whose actors this life of the actor watches, or is starting.
    pub(super) watched: BTreeSet<AttemptId>,
    /// Attempts that have reported, as long as that is not recorded.
    pub(super) reported: BTreeSet<AttemptId>,
    /// Attempts that were asked to stop.
    pub(super) stopping: BTreeSet<AttemptId>,
    /// Runs that steps of this one wait for, and how each is told that nobody wants it any more.
    pub(super) children: BTreeMap<RunId, watch::Sender<Guidance>>,
    /// The run waits, or may wait, in line for slots.
    pub(super) in_line: Cell<bool>,
    /// The time that a timer of ours stands for, when it has just gone off.
    pub(super) elapsed: Option<Timestamp>,
    /// Ids of the latest commands that were decided.
    decided: VecDeque<String>,
    /// The run ended in this life of its actor, which then has nothing left to do.
    pub(super) ended_here: bool,
    draining: bool,
    pub(super) timer: Option<(Timestamp, SpawnHandle)>,
    pub(super) quiet: Option<SpawnHandle>,
}

impl WorkflowActor {
    /// The actor of `origin`.
    #[must_use]
    pub fn new(place: RunPlace, origin: Origin) -> Self {
        let presence = place.services.present.enter(place.id);
        // What had to be folded stands in no snapshot yet.
        let folded = if let Origin::Stored(loaded) = &origin { loaded.folded } else { 0 };
        let (run, chain, new) = match origin {
            Origin::New(new) => (Arc::new(Run::new(place.id, new.workflow.clone())), CHAIN_START, Some(new)),
            Origin::Stored(loaded) => {
                presence.show(&loaded.run);
                (loaded.run, loaded.chain, None)
            }
        };
        let snapshot_at = run.sequence.saturating_sub(folded);
        Self {
            place,
            run,
            presence,
            chain,
            new,
            starter: None,
            waiting: VecDeque::new(),
            appending: false,
            snapshot_at,
            slots: Vec::new(),
            start_nothing: false,
            fresh: BTreeSet::new(),
            watched: BTreeSet::new(),
            reported: BTreeSet::new(),
            stopping: BTreeSet::new(),
            children: BTreeMap::new(),
            // An earlier life may have left it in line.
            in_line: Cell::new(true),
            elapsed: None,
            decided: VecDeque::new(),
            ended_here: false,
            draining: false,
            timer: None,
            quiet: None,
        }
    }

    pub(super) fn services(&self) -> &Services {
        &self.place.services
    }

    /// Appends the creation of the run: its events and its key are one unit.
    fn create(&mut self, new: NewRun, ctx: &mut Context<Self>) {
        let at = self.services().now();
        let directory = self.services().agents.directory();
        let priority = run::first_priority(&new.create, &new.workflow);
        let made = self.with_slots((&new.workflow, &[]), priority, None, &directory, |slots, workload| {
            let context = self.context(at, &directory, (slots, workload), new.caller.subject.as_deref());
            run::create(self.place.id, &new.workflow, new.create.clone(), context)
        });
        let (events, slots) = match made {
            Ok(made) => made,
            Err(rejection) => {
                let _ = new.answer.send(Err(CreateError::Rejected(rejection)));
                return ctx.stop();
            }
        };
        let attribution = new.caller.attribution();
        let mut next = Run::clone(&self.run);
        fold(&mut next, &events, at, &attribution);
        let events = vec![(events, attribution)];
        let unit = Unit { events, answers: Vec::new(), next, slots, over: Vec::new(), at };
        let (answer, claim) = (new.answer, new.key);
        self.starter = new.end;
        let stream = streams::run(self.place.id);
        let key = claim.as_ref().map(|claim| claim.part(&stream, None, &new.caller, at));
        self.append(unit, key, ctx, move |actor, unit, result, ctx| match result {
            Ok(committed) => {
                let sequence = actor.adopt(unit, &committed);
                let _ = answer.send(Ok(RunNow { run: actor.run.clone(), sequence }));
                actor.tell_starter(sequence);
                actor.settle(ctx);
            }
            Err(error) => {
                let reason = match error {
                    error if keys::is_conflict(&error) => CreateError::KeyTaken,
                    error => CreateError::Store(StoreError::of_append(&error)),
                };
                let _ = answer.send(Err(reason));
                actor.services().slots.leave(actor.place.id);
                // Nothing of the run is in the journal, or nobody knows: whoever asks again finds out.
                ctx.stop();
            }
        });
    }

    /// Decides all commands that wait, one after another, and appends what comes of them as one unit.
    pub(super) fn process(&mut self, ctx: &mut Context<Self>) {
        if self.appending || self.waiting.is_empty() {
            return;
        }
        let _touched = self.services().marks.mark(self.place.id);
        let mut gives = self.next_gives();
        // A short wait is over when its time has passed, whatever became of the wall clock meanwhile.
        let elapsed = if self.waiting.is_empty() { self.elapsed.take() } else { self.elapsed };
        let at = self.services().now().max(elapsed.unwrap_or(Timestamp::MIN));
        let directory = self.services().agents.directory();
        let mut unit = Unit {
            events: Vec::new(),
            answers: Vec::new(),
            next: Run::clone(&self.run),
            slots: Vec::new(),
            over: Vec::new(),
            at,
        };
        let mut key = None;
        while unit.event_count() < EVENTS_ENOUGH
            && let Some(mut give) = gives.pop_front()
        {
            let answer = give.answer.take();
            let claim = give.key.take().map(|claim| (claim, give.caller.clone()));
            // Under a key the journal says whether a command was given before, and for how long that counts.
            let reply = if claim.is_none() && self.is_repeated(&give, &unit) {
                Reply::Nothing
            } else {
                self.decide_one(give, &directory, &mut unit)
            };
            key = claim.filter(|_| !matches!(reply, Reply::Refused(_)));
            unit.answers.extend(answer.map(|answer| (answer, reply)));
        }
        // What is left follows at once, in an append of its own.
        gives.into_iter().rev().for_each(|give| self.waiting.push_front(give));
        if unit.events.is_empty() && key.is_none() {
            self.answer(unit.answers, 0);
            return self.settle(ctx);
        }
        let taken = key.as_ref().map(|(claim, caller)| self.take_key(claim, caller, &unit));
        self.append(unit, taken, ctx, move |actor, unit, result, ctx| {
            match result {
                Ok(committed) => actor.committed(unit, &committed, ctx),
                Err(error) if keys::is_conflict(&error) => actor.key_was_taken(unit, ctx),
                Err(error) => actor.refused(unit, &error, ctx),
            }
            // Only when its answer is on its way is the key no longer in progress.
            drop(key);
        });
    }

    /// The commands that are decided next: all that wait, up to one with a key. That one is decided alone, so that nothing
    /// else is refused with it when its key turns out to be taken.
    fn next_gives(&mut self) -> VecDeque<Give> {
        match self.waiting.iter().position(|give| give.key.is_some()) {
            None => std::mem::take(&mut self.waiting),
            Some(keyed) => self.waiting.drain(..keyed.max(1)).collect(),
        }
    }

    fn take_key(&self, claim: &Claim, caller: &Caller, unit: &Unit) -> StreamAppend {
        let outcome = KeyOutcome { at: unit.next.sequence, changed: !unit.events.is_empty() };
        claim.part(&streams::run(self.place.id), Some(outcome), caller, unit.at)
    }

    /// Somebody else took the key of a command, and nothing was written. Its answer is dropped: whoever waits for it looks
    /// up what the key stands for now.
    fn key_was_taken(&mut self, unit: Unit, ctx: &mut Context<Self>) {
        drop(unit);
        self.settle(ctx);
    }

    /// Whether a command of this id was decided before: somebody asked again because the answer was lost.
    fn is_repeated(&self, give: &Give, unit: &Unit) -> bool {
        let Some(id) = &give.caller.command else { return false };
        let in_unit = unit.events.iter().any(|(_, by)| by.cause.as_ref() == Some(id));
        in_unit || self.decided.contains(id)
    }

    fn decide_one(&self, mut give: Give, directory: &AgentDirectory, unit: &mut Unit) -> Reply {
        let by = give.caller.subject.clone();
        let own = give.slot.take();
        let was_own = own.as_ref().map(|slot| slot.agent().clone());
        unit.over.extend(was_own.clone());
        if !unit.next.workflow.capabilities.is_empty()
            && let Command::Lost { attempt, .. } = &give.command
        {
            let ended = unit.next.find(&attempt.step).and_then(|at| unit.next.attempt(at));
            unit.over.extend(ended.filter(|it| it.number == attempt.number).map(|it| it.agent.clone()));
        }
        let decided = self.with_slots(
            (&unit.next.workflow, &unit.over),
            unit.next.priority,
            own,
            directory,
            |slots, workload| {
                let context = self.context(unit.at, directory, (slots, workload), by.as_deref());
                decide(&unit.next, give.command.clone(), context)
            },
        );
        // Its slot is free again by now, or that of what follows.
        was_own.and_then(|_| unit.over.pop());
        match decided {
            Err(rejection) => Reply::Refused(rejection),
            Ok((events, slots)) => {
                unit.slots.extend(slots);
                if events.is_empty() {
                    return Reply::Nothing;
                }
                let attribution = give.caller.attribution();
                fold(&mut unit.next, &events, unit.at, &attribution);
                unit.events.push((events, attribution));
                Reply::Done
            }
        }
    }

    fn answer(&self, answers: Vec<(Answer, Reply)>, sequence: u64) {
        for (answer, reply) in answers {
            let _ = answer.send(match reply {
                Reply::Done => Ok(self.accepted(sequence)),
                Reply::Nothing => Ok(self.accepted(0)),
                Reply::Refused(rejection) => Err(CommandError::Rejected(rejection)),
            });
        }
    }

    fn context<'a>(
        &self,
        now: Timestamp,
        agents: &'a AgentDirectory,
        (slots, workload): (Slots, Workload),
        by: Option<&'a str>,
    ) -> run::Context<'a> {
        let services = self.services();
        run::Context {
            now,
            epoch: services.journal.epoch(),
            agents,
            slots,
            workload,
            ids: services.ids(),
            jitter: services.jitter(),
            by,
        }
    }

    /// Appends a unit and calls `then` with the answer. Commands wait until it is there.
    fn append(
        &mut self,
        mut unit: Unit,
        key: Option<StreamAppend>,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, Unit, Result<Committed, AppendError>, &mut Context<Self>) + 'static,
    ) {
        self.appending = true;
        let place = self.place.clone();
        let base = self.run.clone();
        let work = async move {
            if let Err(error) = move_large_values(&mut unit, &base, &place.services).await {
                return (unit, Err(error));
            }
            let append = encode(&unit, &place, base.sequence, key);
            let result = place.services.journal.append(append).await;
            (unit, result)
        };
        let done = work.into_actor(self).map(|(unit, result), actor, ctx: &mut Context<Self>| {
            actor.appending = false;
            then(actor, unit, result, ctx);
        });
        ctx.spawn(done);
    }

    /// The unit is durable: it is the state now, and everybody may see it. Answers with the global sequence of its last event; 0
    /// when it has none.
    fn adopt(&mut self, unit: Unit, committed: &Committed) -> u64 {
        self.ended_here |= unit.next.status.is_terminal() && !self.run.status.is_terminal();
        if is_portion(&unit) {
            self.give_itself(Command::Tick);
        }
        for (events, by) in &unit.events {
            self.fresh.extend(events.iter().filter_map(|event| match event {
                Event::StepStarted(started) => {
                    Some(AttemptId { step: started.step.clone(), number: started.attempt })
                }
                _ => None,
            }));
            self.decided.extend(by.cause.clone());
        }
        let over = self.decided.len().saturating_sub(DECIDED_KEPT);
        self.decided.drain(..over);
        self.run = Arc::new(unit.next);
        self.presence.show(&self.run);
        self.slots.extend(unit.slots);
        // The last record may be that of a key, which is no part of the run.
        let of_run = committed.records().iter().rfind(|record| record.stream.kind() == "run");
        self.chain = of_run.map_or(self.chain, |last| last.chain);
        of_run.map_or(0, |last| last.sequence)
    }

    fn committed(&mut self, mut unit: Unit, committed: &Committed, ctx: &mut Context<Self>) {
        let answers = std::mem::take(&mut unit.answers);
        let sequence = self.adopt(unit, committed);
        self.tell_starter(sequence);
        // The longer a run is, the longer takes a snapshot of it: so they come as seldom as they are dear.
        let is_over = self.run.status.is_terminal();
        self.keep_snapshot(if is_over { 0 } else { self.snapshot_at / SNAPSHOT_SHARE });
        self.answer(answers, sequence);
        self.settle(ctx);
    }

    /// Tells whoever started the run and waits that it has ended.
    fn tell_starter(&mut self, sequence: u64) {
        if self.run.status.is_terminal()
            && let Some(starter) = self.starter.take().filter(|starter| !starter.is_closed())
        {
            let _ = starter.send(RunNow { run: self.run.clone(), sequence });
        }
    }

    /// Keeps the state, beside the arbiter, when so many events or more have come since it was kept last, so that a long history need
    /// not be folded whenever the run is started or read.
    fn keep_snapshot(&mut self, events: u64) {
        if self.run.sequence < self.snapshot_at + events.max(SNAPSHOT_EVERY) {
            return;
        }
        // Each holds all of a state as bytes. Whoever finds no room tries again after the next commit.
        let room =
            self.services().snapshot_room.clone().try_acquire_many_owned(loading::snapshot_kib(&self.run));
        let Ok(room) = room else { return };
        self.snapshot_at = self.run.sequence;
        let (services, run, chain) = (self.place.services.clone(), self.run.clone(), self.chain);
        tokio::task::spawn_blocking(move || {
            loading::keep_snapshot(&services, &run, chain);
            drop(room);
        });
    }

    fn accepted(&self, sequence: u64) -> Accepted {
        Accepted { run: self.place.id, status: self.run.status, sequence }
    }

    /// The store did not take a unit. What people asked is answered so; what the runtime itself has to say is said
    /// again after a while.
    fn refused(&mut self, unit: Unit, error: &AppendError, ctx: &mut Context<Self>) {
        match error {
            // Somebody else wrote, or nobody knows what was written, or what was is damaged: the journal knows. Answers that are dropped make
            // their callers look there, and ask again.
            AppendError::Conflict { .. }
            | AppendError::Dropped
            | AppendError::Damaged { .. }
            | AppendError::OutcomeUnknown
            | AppendError::Fenced => {
                drop(unit);
                ctx.fail(error);
            }
            AppendError::Full
            | AppendError::Busy
            | AppendError::Unavailable
            | AppendError::TooLarge { .. }
            | AppendError::Invalid(_) => {
                let reason = StoreError::of_append(error);
                for (answer, _) in unit.answers {
                    let _ = answer.send(Err(CommandError::Store(reason.clone())));
                }
                tracing::warn!(run = %self.place.id, %error, "the store did not take a decision");
                // Reports are repeated by those who made them; the clock is asked again.
                ctx.run_later(STORE_RETRY, |actor, ctx| {
                    actor.give_itself(Command::Tick);
                    actor.process(ctx);
                });
            }
        }
    }
}

impl Actor for WorkflowActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.new.take() {
            Some(new) => self.create(*new, ctx),
            // Somebody has something to ask of a run that has ended: it answers, and leaves again.
            None if self.run.status.is_terminal() => self.watch_for_quiet(ctx),
            None => {
                self.give_itself(Command::Recover);
                self.give_itself(Command::Tick);
                self.process(ctx);
            }
        }
    }
}

impl Graceful for WorkflowActor {
    fn shutdown(&mut self, ctx: &mut Context<Self>) {
        // Its attempts were stopped before it and have reported; what they said is appended or under way.
        self.start_nothing = true;
        self.stop_when_idle(ctx);
    }
}

impl WorkflowActor {
    fn stop_when_idle(&mut self, ctx: &mut Context<Self>) {
        if !self.appending && self.waiting.is_empty() {
            return ctx.stop();
        }
        ctx.run_later(Duration::from_millis(5), Self::stop_when_idle);
    }
}

impl Handler<Give> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, give: Give, ctx: &mut Self::Context) {
        if self.waiting.len() >= QUEUE_MAX || self.draining {
            if let Some(answer) = give.answer {
                let _ = answer.send(Err(CommandError::Store(StoreError::Busy)));
            }
            return;
        }
        if let Command::Report { attempt, .. } = &give.command {
            self.reported.insert(attempt.clone());
        }
        self.waiting.push_back(give);
        self.process(ctx);
    }
}

impl Handler<Drain> for WorkflowActor {
    type Result = bool;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> bool {
        self.draining = self.is_quiet();
        if self.draining {
            self.keep_snapshot(0);
            ctx.stop();
        } else {
            self.watch_for_quiet(ctx);
        }
        self.draining
    }
}

impl Handler<CutOff> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: CutOff, ctx: &mut Self::Context) {
        self.start_nothing = true;
        self.stop_all_attempts(ctx);
    }
}

impl Handler<StartNothing> for WorkflowActor {
    type Result = ();

    fn handle(&mut self, _: StartNothing, _: &mut Self::Context) {
        self.start_nothing = true;
    }
}
