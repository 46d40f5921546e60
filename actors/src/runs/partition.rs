//! A partition: the runs of one share of all run ids, on one worker arbiter.
//!
//! Its router is the only way to a run's actors: it starts them when something is to be done, passes commands on, lets
//! idle runs leave memory and takes them back when somebody asks, and sets aside the runs whose supervisor gives up. It
//! holds no truth: after a crash it finds the runs that are living where it left them. When the runs themselves were lost,
//! with their supervisor or with a thread that was blocked, it makes them anew from the journal.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use actix::{Actor, ActorFutureExt, AsyncContext, Handler, Message, WrapFuture};
use ghostlight_model::ids::RunId;
use ghostlight_model::run::Command;
use ghostlight_model::workflow::RunSupervision;
use ghostlight_store::Wake;
use ghostlight_supervision::{
    ChildRef, ChildSpec, Context, Down, ExitReason, Flags, Key, SendError, StableAddr, StartContext,
    SupervisorRef,
};

use super::carrying;
use super::give::{Answer, Give};
use super::loading;
use super::origin::NewRun;
use super::place::{Residents, RunPlace};
use super::quarantine::quarantine;
use super::reading;
use super::services::Services;
use super::supervision;
use super::timers::{DueSoon, Timers, due_soon};
use super::words::CommandError;
use super::workflow::{CutOff, Drain, StartNothing, WorkflowActor};
use crate::blocking::blocking;
use crate::caller::StoreError;
use crate::streams;

/// How many commands wait for one run that is being started. More are refused as busy.
const WAITING_MAX: usize = 1_024;

/// A run of this partition leaves memory if it may.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Idle {
    /// Which run.
    pub run: RunId,
}

/// A command to a run of this partition.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Route {
    /// Which run.
    pub run: RunId,
    /// What is wanted.
    pub give: Give,
}

/// A new run for this partition.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Begin {
    /// Its id.
    pub run: RunId,
    /// All about it.
    pub new: Box<NewRun>,
}

/// A run of this partition was under way: it is taken into memory, unless it is there.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Revive {
    /// Which run.
    pub run: RunId,
}

/// The daemon goes down and its time is over: all attempts are stopped.
#[derive(Message)]
#[rtype(result = "()")]
pub struct EndAttempts;

/// The daemon goes down: the runs start nothing new. Answers how many attempts are living.
#[derive(Message)]
#[rtype(result = "usize")]
pub struct Quiesce;

/// The runs of a partition that are in memory. Outlives the router, so that a new one finds them, and the supervisor of the
/// runs, so that the next one takes them back.
#[derive(Clone, Default)]
pub struct RunTable {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    /// Those that live under the present life of their supervisor.
    entries: Entries,
    /// Those that were left behind by a life before it, with the commands that waited for them.
    left: Vec<(RunId, VecDeque<Give>)>,
}

/// What the routers of one life of the runs' supervisor share. A router that is stuck on a blocked thread keeps to its own, and
/// can do nothing to those that came after it.
type Entries = Arc<Mutex<HashMap<RunId, Entry>>>;

struct Entry {
    state: EntryState,
    workflow: StableAddr<WorkflowActor>,
    residents: Arc<Residents>,
}

enum EntryState {
    /// Its actors are being started, or stopped to leave memory; these wait.
    Between(VecDeque<Give>),
    Live(ChildRef),
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    // Entries are put and taken whole.
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RunTable {
    fn entries(&self) -> Entries {
        lock(&self.shared).entries.clone()
    }

    /// The supervisor of the runs starts: those that lived under it before are dead, or stuck on a blocked thread.
    fn begin_anew(&self) {
        let mut shared = lock(&self.shared);
        let before = std::mem::take(&mut shared.entries);
        let before = match before.try_lock() {
            Ok(mut entries) => std::mem::take(&mut *entries),
            Err(TryLockError::Poisoned(poisoned)) => std::mem::take(&mut *poisoned.into_inner()),
            // Its router is stuck while it looks at them: the timers find those that have something to do.
            Err(TryLockError::WouldBlock) => return,
        };
        shared.left.extend(before.into_iter().map(|(id, entry)| match entry.state {
            EntryState::Between(waiting) => (id, waiting),
            EntryState::Live(_) => (id, VecDeque::new()),
        }));
    }

    fn take_left(&self) -> Vec<(RunId, VecDeque<Give>)> {
        std::mem::take(&mut lock(&self.shared).left)
    }

    /// How many runs are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.entries()).len()
    }

    /// Whether no run is in memory.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The router.
pub struct Partition {
    services: Arc<Services>,
    timers: StableAddr<Timers>,
    name: StableAddr<Partition>,
    runs: SupervisorRef,
    table: RunTable,
    entries: Entries,
}

/// The specifications of a partition's children, in start order: its runs, and the router before them.
#[must_use]
pub fn specs(
    services: &Arc<Services>,
    timers: &StableAddr<Timers>,
    name: &StableAddr<Partition>,
    table: &RunTable,
) -> Vec<ChildSpec> {
    let runs = SupervisorRef::new();
    let (services, timers, table, router) = (services.clone(), timers.clone(), table.clone(), name.clone());
    let (of_runs, of_table) = (runs.clone(), table.clone());
    let no_runs_yet = move || {
        of_table.begin_anew();
        Vec::new()
    };
    vec![
        ChildSpec::supervisor(Key::id("runs"), &runs, Flags::dynamic(), no_runs_yet),
        ChildSpec::actor(Key::id("router"), name, move || {
            let partition = Partition {
                services: services.clone(),
                timers: timers.clone(),
                name: router.clone(),
                runs: of_runs.clone(),
                table: table.clone(),
                entries: table.entries(),
            };
            std::future::ready(Ok(partition))
        }),
    ]
}

impl Partition {
    /// Brings a run's actors to life: its supervisor, and the workflow actor that decides about the rest.
    fn start(&mut self, id: RunId, new: Option<Box<NewRun>>, ctx: &mut Context<Self>) {
        let place = RunPlace {
            id,
            services: self.services.clone(),
            supervisor: SupervisorRef::new(),
            workflow: StableAddr::new(),
            partition: self.name.clone(),
            residents: Arc::default(),
        };
        let mut table = lock(&self.entries);
        let entry = table.entry(id).or_insert_with(|| Entry {
            state: EntryState::Between(VecDeque::new()),
            workflow: place.workflow.clone(),
            residents: place.residents.clone(),
        });
        entry.workflow = place.workflow.clone();
        entry.residents = place.residents.clone();
        drop(table);
        let starting = self.runs.start_child(run_spec(place, new));
        let started =
            starting.into_actor(self).map(move |started, actor, ctx: &mut Context<Self>| match started {
                Ok(Some(child)) => actor.started_run(id, child, ctx),
                Ok(None) => actor.not_started(id, "there is nothing to run"),
                Err(error) => actor.not_started(id, &error.to_string()),
            });
        ctx.spawn(started);
    }

    fn started_run(&mut self, id: RunId, child: ChildRef, ctx: &mut Context<Self>) {
        self.watch(id, &child, ctx);
        let mut table = lock(&self.entries);
        let Some(entry) = table.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.state, EntryState::Live(child));
        let workflow = entry.workflow.clone();
        drop(table);
        if let EntryState::Between(waiting) = before {
            waiting.into_iter().for_each(|give| self.pass_on(id, &workflow, give));
        }
    }

    /// The run could not be started: whoever waits is told, and asks again if he likes.
    fn not_started(&mut self, id: RunId, reason: &str) {
        let entry = lock(&self.entries).remove(&id);
        let Some(Entry { state: EntryState::Between(waiting), .. }) = entry else { return };
        self.services.slots.leave(id);
        tracing::warn!(run = %id, reason, "a run could not be started");
        for answer in waiting.into_iter().filter_map(|give| give.answer) {
            let _ = answer.send(Err(CommandError::NotCarried(reason.to_owned())));
        }
    }

    fn watch(&self, id: RunId, child: &ChildRef, ctx: &mut Context<Self>) {
        let down = child.down().into_actor(self).map(move |down, actor, ctx: &mut Context<Self>| {
            actor.ended(id, &down, ctx);
        });
        ctx.spawn(down);
    }

    /// A run's supervisor has ended: because the run has, to leave memory, or because its actors kept crashing.
    fn ended(&mut self, id: RunId, down: &Down, ctx: &mut Context<Self>) {
        if !self.runs.is_running() {
            // It went down with the supervisor of all runs, and that was not its fault: the next one takes it back.
            return;
        }
        let waiting = match lock(&self.entries).remove(&id) {
            Some(Entry { state: EntryState::Between(waiting), .. }) => waiting,
            Some(Entry { state: EntryState::Live(_), .. }) | None => VecDeque::new(),
        };
        if matches!(down.reason, ExitReason::GaveUp { .. }) || down.reason.is_abnormal() {
            tracing::error!(run = %id, reason = %down.reason, "the actors of a run kept ending: it is set aside");
            let work = quarantine(self.services.clone(), id, down.reason.to_string());
            ctx.spawn(work.into_actor(self).map(|(), _, _| ()));
        }
        self.services.slots.leave(id);
        self.mind_due_time(id);
        for give in waiting {
            self.route(id, give, ctx);
        }
    }

    /// A run that left memory is woken by the timers; they read the index now and then, so a time before the next
    /// reading is told to them.
    fn mind_due_time(&self, run: RunId) {
        let Ok(Some(head)) = self.services.journal.head_of(&streams::run(run)) else { return };
        if let Some(due_us) = due_soon(&head, self.services.now())
            && let Err(error) = self.timers.try_send(DueSoon { run, due_us })
        {
            tracing::warn!(%run, %error, "the timers could not be told of a due time; they read it later");
        }
    }

    fn route(&mut self, id: RunId, give: Give, ctx: &mut Context<Self>) {
        let mut table = lock(&self.entries);
        match table.get_mut(&id) {
            Some(Entry { state: EntryState::Live(_), workflow, .. }) => {
                let workflow = workflow.clone();
                drop(table);
                self.pass_on(id, &workflow, give);
            }
            Some(Entry { state: EntryState::Between(waiting), .. }) => {
                if waiting.len() < WAITING_MAX {
                    waiting.push_back(give);
                } else {
                    refuse(give.answer, CommandError::Store(StoreError::Busy));
                }
            }
            None => {
                drop(table);
                self.activate(id, give, ctx);
            }
        }
    }

    /// Takes a run back into memory for a command. Its head in the index says whether there is anything to take.
    fn activate(&mut self, id: RunId, give: Give, ctx: &mut Context<Self>) {
        match self.services.journal.head_of(&streams::run(id)) {
            Ok(None) => refuse(give.answer, CommandError::UnknownRun(id)),
            Err(error) => refuse(give.answer, CommandError::Store(StoreError::of_read(&error))),
            Ok(Some(head)) if head.wake == Wake::Dropped => {
                let refusal = match loading::archived(&*self.services.journal, id) {
                    Ok(Some(error)) | Err(error) => reading::unreadable(&error),
                    Ok(None) => StoreError::Busy,
                };
                refuse(give.answer, CommandError::Store(refusal));
            }
            Ok(Some(_)) => {
                let entry = Entry {
                    state: EntryState::Between(VecDeque::from([give])),
                    workflow: StableAddr::new(),
                    residents: Arc::default(),
                };
                lock(&self.entries).insert(id, entry);
                self.start(id, None, ctx);
            }
        }
    }

    fn pass_on(&self, id: RunId, workflow: &StableAddr<WorkflowActor>, give: Give) {
        // The command is in the mailbox, or refused, when this returns; its answer has a way of its own.
        if let Err((error, give)) = try_give(workflow, give) {
            let reason = match error {
                SendError::Full => CommandError::Store(StoreError::Busy),
                SendError::NotRunning | SendError::Closed => {
                    CommandError::NotCarried(format!("run {id} is between two incarnations"))
                }
            };
            refuse(give, reason);
        }
    }
}

fn try_give(workflow: &StableAddr<WorkflowActor>, mut give: Give) -> Result<(), (SendError, Option<Answer>)> {
    if !workflow.is_running() {
        return Err((SendError::NotRunning, give.answer.take()));
    }
    // From here on an answer that is lost tells its caller so by being dropped.
    workflow.try_send(give).map_err(|error| (error, None))
}

fn refuse(answer: Option<Answer>, reason: CommandError) {
    if let Some(answer) = answer {
        let _ = answer.send(Err(reason));
    }
}

/// The specification of a run: its own supervisor, which folds up when the workflow actor ends normally.
fn run_spec(place: RunPlace, new: Option<Box<NewRun>>) -> ChildSpec {
    let key = Key::id(place.id.to_string());
    ChildSpec::once(key, move |start: StartContext| async move {
        let said = match &new {
            Some(new) => new.workflow.supervision.clone(),
            None => stored_supervision(&place).await,
        };
        let name = place.supervisor.clone();
        start.supervisor(&name, supervision::flags(&said), vec![carrying::spec(place, new)])
    })
    .as_supervisor()
}

/// What the run's definition says; the default when it cannot be read, which the workflow actor then meets and reports.
async fn stored_supervision(place: &RunPlace) -> RunSupervision {
    let (services, id) = (place.services.clone(), place.id);
    let read = blocking(move || loading::supervision(&services, id)).await;
    read.ok().and_then(Result::ok).flatten().unwrap_or_default()
}

impl Actor for Partition {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // After a crash of the router: the runs live on. One that has ended meanwhile is told at once by the watch.
        let mut living = Vec::new();
        let mut between = Vec::new();
        for (id, entry) in lock(&self.entries).iter() {
            match &entry.state {
                EntryState::Live(child) => living.push((*id, child.clone())),
                EntryState::Between(_) => between.push(*id),
            }
        }
        living.iter().for_each(|(id, child)| self.watch(*id, child, ctx));
        between.into_iter().for_each(|id| self.begin_again(id, ctx));
        self.table.take_left().into_iter().for_each(|(id, waiting)| self.take_back(id, waiting, ctx));
    }
}

impl Partition {
    /// A run was being started or stopped when the router crashed: it is stopped for good, and then taken back for those
    /// who wait and for whatever it has to do.
    fn begin_again(&mut self, id: RunId, ctx: &mut Context<Self>) {
        let ended = self.runs.terminate_child(&Key::id(id.to_string()));
        let again = ended.into_actor(self).map(move |_, actor, ctx: &mut Context<Self>| {
            let entry = lock(&actor.entries).remove(&id);
            actor.revive(id, ctx);
            if let Some(Entry { state: EntryState::Between(waiting), .. }) = entry {
                waiting.into_iter().for_each(|give| actor.route(id, give, ctx));
            }
        });
        ctx.spawn(again);
    }

    /// A run lost its actors together with the supervisor of all runs, or with their thread: it is made anew from the journal.
    /// What its old actors may still be at cannot harm it: their appends expect a state that is over, and are refused.
    fn take_back(&mut self, id: RunId, waiting: VecDeque<Give>, ctx: &mut Context<Self>) {
        self.services.slots.leave(id);
        self.revive(id, ctx);
        waiting.into_iter().for_each(|give| self.route(id, give, ctx));
    }

    /// Takes a run back into memory, if it is not there, to look at the clock.
    fn revive(&mut self, id: RunId, ctx: &mut Context<Self>) {
        if !lock(&self.entries).contains_key(&id) {
            let give = Give::by_runtime(Command::Tick);
            self.activate(id, give, ctx);
        }
    }
}

impl Handler<Revive> for Partition {
    type Result = ();

    fn handle(&mut self, revive: Revive, ctx: &mut Self::Context) {
        self.revive(revive.run, ctx);
    }
}

impl Handler<EndAttempts> for Partition {
    type Result = ();

    fn handle(&mut self, _: EndAttempts, _: &mut Self::Context) {
        for entry in lock(&self.entries).values() {
            // One that is between two lives starts nothing any more.
            let _ = entry.workflow.try_send(CutOff);
        }
    }
}

impl Handler<Route> for Partition {
    type Result = ();

    fn handle(&mut self, route: Route, ctx: &mut Self::Context) {
        self.route(route.run, route.give, ctx);
    }
}

impl Handler<Begin> for Partition {
    type Result = ();

    fn handle(&mut self, begin: Begin, ctx: &mut Self::Context) {
        self.start(begin.run, Some(begin.new), ctx);
    }
}

impl Handler<Idle> for Partition {
    type Result = ();

    fn handle(&mut self, idle: Idle, ctx: &mut Self::Context) {
        let id = idle.run;
        let mut table = lock(&self.entries);
        let Some(entry) = table.get_mut(&id) else { return };
        let EntryState::Live(child) = &entry.state else { return };
        let (child, workflow) = (child.clone(), entry.workflow.clone());
        entry.state = EntryState::Between(VecDeque::new());
        drop(table);
        // Routing has stopped; what comes now waits here, and either goes on to the actor or wakes the run again.
        let asked =
            workflow.send(Drain).into_actor(self).map(move |drained, actor, ctx: &mut Context<Self>| {
                if drained != Ok(true) && child.is_alive() {
                    actor.stays(id, child, ctx);
                }
            });
        ctx.spawn(asked);
    }
}

impl Partition {
    /// The run has something to do after all.
    fn stays(&mut self, id: RunId, child: ChildRef, _: &mut Context<Self>) {
        let mut table = lock(&self.entries);
        let Some(entry) = table.get_mut(&id) else { return };
        let before = std::mem::replace(&mut entry.state, EntryState::Live(child));
        let workflow = entry.workflow.clone();
        drop(table);
        if let EntryState::Between(waiting) = before {
            waiting.into_iter().for_each(|give| self.pass_on(id, &workflow, give));
        }
    }
}

impl Handler<Quiesce> for Partition {
    type Result = usize;

    fn handle(&mut self, _: Quiesce, _: &mut Self::Context) -> usize {
        let table = lock(&self.entries);
        table
            .values()
            .map(|entry| {
                // A full mailbox is no loss: the daemon asks again until its deadline.
                let _ = entry.workflow.try_send(StartNothing);
                entry.residents.living()
            })
            .sum()
    }
}
