//! What the surface may do with runs: start, command, wait. Reading them is in [`super::reading`].

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::definitions::key::Holding;
use ghostlight_model::ids::{ApprovalId, Name, RunId};
use ghostlight_model::priority::Priority;
use ghostlight_model::run::{Command, CreateRun, Rejection, child};
use ghostlight_model::selection::SELECTED_BY;
use ghostlight_model::workflow::Workflow;
use ghostlight_supervision::{SendError, StableAddr};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::child_runs::{Birth, ChildOutcome, ChildRuns, StartChild};
use super::chosen::{Chosen, Resolved};
use super::give::Give;
use super::origin::{CreateError, NewRun};
use super::partition::{Begin, Route};
use super::planner::{Admission, Admit, NotAdmitted, Planner};
use super::router::Router;
use super::services::Services;
use super::slots::AgentStatistics;
use super::words::{
    Accepted, Awaited, CommandError, Definition, RunCommand, RunNow, StartError, StartRun, Started,
};
use crate::blocking::blocking;
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::catalogue::CatalogueError;
use crate::keys::{Begun, KeyRefusal};
use crate::ledger::target_of;
use crate::streams;

/// How often a caller who lost an actor asks again, with the same command id.
const TRIES: u32 = 5;
/// Pause before asking again; doubles.
const TRY_AGAIN: Duration = Duration::from_millis(20);

/// Runs, as the surface sees them. Cheap to clone.
#[derive(Clone)]
pub struct Runs {
    pub(super) services: Arc<Services>,
    planner: StableAddr<Planner>,
    router: Router,
}

impl Runs {
    /// Runs carried by `router`, admitted by `planner`; steps start theirs through the same ones.
    #[must_use]
    pub fn new(services: Arc<Services>, planner: StableAddr<Planner>, router: Router) -> Self {
        // Weak: the services hold it, and would hold themselves.
        let of_steps =
            OfSteps { services: Arc::downgrade(&services), planner: planner.clone(), router: router.clone() };
        // A second set of runs over the same services is the same to a step.
        let _ = services.child_runs.set(Arc::new(of_steps));
        Self { services, planner, router }
    }

    /// Starts a run. Answers when its creation is durable.
    ///
    /// # Errors
    /// [`StartError`]; nothing was stored then, unless it is [`StoreError::OutcomeUnknown`].
    pub async fn start(&self, start: StartRun, caller: Caller) -> Result<Started, StartError> {
        Ok(self.begin(start, caller, None).await?.started)
    }

    /// Starts a run, and waits at most for `wait` until it has ended, if anything is given. Its own actors say how it
    /// stands then; when they have left memory meanwhile the feed is waited for, and the journal knows.
    ///
    /// # Errors
    /// As [`Runs::start`]; what goes wrong after the start is logged, and the answer says nothing of the run's state.
    pub async fn begin(
        &self,
        start: StartRun,
        caller: Caller,
        wait: Option<Duration>,
    ) -> Result<Awaited, StartError> {
        let began = tokio::time::Instant::now();
        let (end, ended) = oneshot::channel();
        let (started, created) = self.create(start, caller, wait.map(|_| end)).await?;
        let Some(wait) = wait else { return Ok(Awaited { started, now: created, waited: false }) };
        if let Ok(Ok(now)) = tokio::time::timeout(wait, ended).await {
            return Ok(Awaited { started, now: Some(Box::new(now)), waited: true });
        }
        let left = wait.saturating_sub(began.elapsed());
        let waited = match self.wait(started.run, left).await {
            Ok(has_ended) => has_ended || began.elapsed() >= wait,
            Err(error) => {
                tracing::warn!(run = %started.run, %error, "a run was started and cannot be waited for");
                false
            }
        };
        Ok(Awaited { started, now: None, waited })
    }

    /// Has a run created; answers with its state, when it was created now.
    async fn create(
        &self,
        start: StartRun,
        caller: Caller,
        end: Option<oneshot::Sender<RunNow>>,
    ) -> Result<(Started, Option<Box<RunNow>>), StartError> {
        let key = match self.services.keys.begin(start.key.as_ref()).await?? {
            Begun::First(claim) => claim,
            Begun::Again(holding) => return Ok((self.started_before(&holding).await?, None)),
        };
        self.services.storage.admit()?;
        let Chosen { resolved, selection } = self.choose(&start).await?;
        let admission = self.admit(&resolved.workflow).await?;
        let run = RunId(self.services.uuid());
        let mut labels = selection.labels;
        labels.extend(selection.by.map(|by| (SELECTED_BY.to_owned(), by.to_string())));
        let create = CreateRun {
            version: resolved.version,
            document: resolved.document,
            input: selection.input,
            context: selection.context,
            labels,
            key: start.key.as_ref().map(|key| key.key.clone()),
            parent: None,
            priority: start.priority,
            makespan_ms: admission.makespan_ms,
        };
        let (answer, answered) = oneshot::channel();
        let new = NewRun { workflow: resolved.workflow, create, key: key.clone(), caller, answer, end };
        self.bring_to_life(run, new)?;
        match answered.await {
            Ok(Ok(now)) => {
                let started = Started { run, replayed: false, sequence: now.sequence };
                Ok((started, Some(Box::new(now))))
            }
            Ok(Err(CreateError::Rejected(rejection))) => Err(StartError::Rejected(rejection)),
            Ok(Err(CreateError::Store(error))) => Err(StartError::Store(error)),
            Ok(Err(CreateError::KeyTaken)) => match self.services.keys.renew(key).await?? {
                Begun::Again(holding) => Ok((self.started_before(&holding).await?, None)),
                Begun::First(_) => Err(StartError::Store(StoreError::Busy)),
            },
            // The actor ended before it answered: the journal knows whether the run was created.
            Err(_) => match self.head(run).await? {
                Some(sequence) => Ok((Started { run, replayed: false, sequence }, None)),
                None => Err(StartError::Store(StoreError::Unavailable)),
            },
        }
    }

    fn bring_to_life(&self, run: RunId, new: NewRun) -> Result<(), StartError> {
        let sent = self.router.of(run).try_send(Begin { run, new: Box::new(new) });
        sent.map_err(|error| match error {
            SendError::Full => StartError::Store(StoreError::Busy),
            SendError::NotRunning | SendError::Closed => StartError::Store(StoreError::Unavailable),
        })
    }

    /// Starts a run for a step of another one, unless it was started before. Answers when it is durable.
    ///
    /// # Errors
    /// As [`Runs::start`].
    async fn start_child(&self, start: &StartChild) -> Result<Birth, StartError> {
        if self.head(start.run).await?.is_some() {
            return Ok(Birth::Before);
        }
        let definition = Definition::Saved { name: start.workflow.clone(), version: start.version };
        let resolved = self.resolve(&definition).await?;
        let admission = self.admit(&resolved.workflow).await?;
        let create = CreateRun {
            version: resolved.version,
            document: None,
            input: start.input.clone(),
            context: serde_json::Map::new(),
            labels: start.labels.clone(),
            key: None,
            parent: Some(start.parent.clone()),
            priority: Some(start.priority),
            makespan_ms: admission.makespan_ms,
        };
        let (answer, answered) = oneshot::channel();
        let caller = Caller::runtime();
        let new = NewRun { workflow: resolved.workflow, create, key: None, caller, answer, end: None };
        self.bring_to_life(start.run, new)?;
        match answered.await {
            Ok(Ok(_)) => Ok(Birth::Now),
            Ok(Err(CreateError::Rejected(rejection))) => Err(StartError::Rejected(rejection)),
            // Who was quicker is an earlier life of the same step.
            Ok(Err(CreateError::Store(_) | CreateError::KeyTaken)) | Err(_) => {
                match self.head(start.run).await? {
                    Some(_) => Ok(Birth::Before),
                    None => Err(StartError::Store(StoreError::Unavailable)),
                }
            }
        }
    }

    /// The run that an earlier request with the same key has started.
    async fn started_before(&self, holding: &Holding) -> Result<Started, StartError> {
        let run = streams::run_of(&target_of(holding)?).ok_or(KeyRefusal::Reused)?;
        let sequence = self.head(run).await?.unwrap_or(0);
        Ok(Started { run, replayed: true, sequence })
    }

    async fn admit(&self, workflow: &Arc<Workflow>) -> Result<Admission, StartError> {
        match self.planner.send(Admit { workflow: workflow.clone() }).await {
            Ok(Ok(admission)) => Ok(admission),
            Ok(Err(NotAdmitted::Full)) => Err(StartError::NotAdmitted("too many starts are under way")),
            Ok(Err(NotAdmitted::Draining)) => Err(StartError::NotAdmitted("the daemon is going down")),
            Err(SendError::Full) => Err(StartError::NotAdmitted("too many starts are waiting")),
            Err(SendError::NotRunning | SendError::Closed) => Err(StartError::Store(StoreError::Unavailable)),
        }
    }

    pub(super) async fn resolve(&self, definition: &Definition) -> Result<Resolved, StartError> {
        match definition.clone() {
            Definition::Saved { name, version } => {
                let catalogue = self.services.catalogue.clone();
                let found = match catalogue.runnable_at_hand(&name, version) {
                    Some(found) => found,
                    None => {
                        let wanted = name.clone();
                        blocking(move || catalogue.runnable(&wanted, version)).await?
                    }
                };
                match found {
                    Ok((workflow, version)) => Ok(Resolved { workflow, version, document: None }),
                    Err(CatalogueError::Unknown) => Err(StartError::UnknownWorkflow(name)),
                    Err(CatalogueError::UnknownVersion(version)) => {
                        Err(StartError::UnknownVersion(name, version))
                    }
                    Err(CatalogueError::Deleted) => Err(StartError::DeletedWorkflow(name)),
                    Err(CatalogueError::Unusable(diagnostics)) => Err(StartError::Definition(diagnostics)),
                    Err(CatalogueError::Store(error)) => Err(StartError::Store(error)),
                }
            }
            Definition::Own { source, format } => {
                let checked = self.services.catalogue.check(source, format).await?;
                match checked.workflow {
                    Some(workflow) => {
                        let document = Some(workflow.document.clone());
                        Ok(Resolved { workflow, version: 0, document })
                    }
                    None => Err(StartError::Definition(checked.diagnostics)),
                }
            }
        }
    }

    /// Gives a command to a run, once under a key. Answers when it is durable.
    ///
    /// # Errors
    /// [`CommandError`]; nothing has changed then, unless it is [`StoreError::OutcomeUnknown`].
    pub async fn command(
        &self,
        run: RunId,
        command: RunCommand,
        key: Option<IdempotencyKey>,
        caller: Caller,
    ) -> Result<Accepted, CommandError> {
        let mut claim = match self.services.keys.begin(key.as_ref()).await?? {
            Begun::First(claim) => claim,
            Begun::Again(holding) => return self.done_before(&holding).await,
        };
        if matches!(command, RunCommand::Retry(_)) {
            self.services.storage.admit()?;
        }
        let mut wait = TRY_AGAIN;
        let mut asked = false;
        for _ in 0..TRIES {
            if asked && key.is_some() {
                claim = match self.services.keys.renew(claim).await?? {
                    Begun::First(claim) => claim,
                    Begun::Again(holding) => return self.done_before(&holding).await,
                };
            } else if asked && let Some(accepted) = self.already_done(run, &caller).await? {
                return Ok(accepted);
            }
            let (answer, answered) = oneshot::channel();
            let give = Give {
                command: machine_command(command.clone()),
                caller: caller.clone(),
                key: claim.clone(),
                answer: Some(answer),
                slot: None,
            };
            match self.router.route(Route { run, give }) {
                Ok(()) => match answered.await {
                    Ok(Err(CommandError::NotCarried(_))) => {}
                    Ok(result) => return self.only_running(run, result).await,
                    // Lost on the way: it may have been decided, so the journal is asked before it is given again.
                    Err(_) => asked = true,
                },
                Err(SendError::Full) => return Err(CommandError::Store(StoreError::Busy)),
                Err(SendError::NotRunning | SendError::Closed) => {}
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        match self.read(run).await {
            // Nobody will carry it, however often that is asked.
            Err(damaged @ StoreError::Damaged(_)) => Err(damaged.into()),
            _ => Err(CommandError::NotCarried("its actors did not answer".to_owned())),
        }
    }

    /// What the command came to that took this key before; none when no command has. For commands that are looked at before they are
    /// given: a repeated one is answered as it was, whatever has changed since.
    ///
    /// # Errors
    /// [`CommandError`]: the key stands for something else, or cannot be read.
    pub async fn given_before(&self, key: Option<&IdempotencyKey>) -> Result<Option<Accepted>, CommandError> {
        match self.services.keys.begin(key).await?? {
            Begun::First(_) => Ok(None),
            Begun::Again(holding) => self.done_before(&holding).await.map(Some),
        }
    }

    /// A run that ended while a command was on its way is no longer carried by anybody: its state answers.
    async fn only_running(
        &self,
        run: RunId,
        result: Result<Accepted, CommandError>,
    ) -> Result<Accepted, CommandError> {
        match result {
            Err(CommandError::Rejected(Rejection::UnknownApproval(approval))) => {
                Err(CommandError::UnknownApproval(approval))
            }
            Err(CommandError::UnknownRun(_)) => Err(CommandError::UnknownRun(run)),
            other => other,
        }
    }

    /// What the command that took a key came to.
    async fn done_before(&self, holding: &Holding) -> Result<Accepted, CommandError> {
        let run = streams::run_of(&target_of(holding)?).ok_or(KeyRefusal::Reused)?;
        let outcome = holding.outcome.ok_or(KeyRefusal::Reused)?;
        let then = self.read_at(run, outcome.at).await?.ok_or(CommandError::UnknownRun(run))?;
        let sequence = if outcome.changed { then.sequence } else { 0 };
        Ok(Accepted { run, status: then.run.status, sequence })
    }

    /// Answers a question, wherever its run is.
    ///
    /// # Errors
    /// As [`Runs::command`].
    pub async fn answer(
        &self,
        approval: ApprovalId,
        approve: bool,
        comment: Option<String>,
        changes: Option<serde_json::Value>,
        key: Option<IdempotencyKey>,
        caller: Caller,
    ) -> Result<Accepted, CommandError> {
        let services = self.services.clone();
        let found = blocking(move || services.journal.by_alias(approval.0.into_bytes())).await?;
        let stream = found.map_err(|error| CommandError::Store(StoreError::of_read(&error)))?;
        let run = stream.as_ref().and_then(streams::run_of).ok_or(CommandError::UnknownApproval(approval))?;
        self.command(run, RunCommand::Answer { approval, approve, comment, changes }, key, caller).await
    }

    /// Waits until the run has ended, at most for `timeout`; answers whether it has.
    ///
    /// # Errors
    /// [`StoreError`] when its journal cannot be read.
    pub async fn wait(&self, run: RunId, timeout: Duration) -> Result<bool, StoreError> {
        self.services.feed.wait_for_end(run, timeout).await
    }

    /// How the calls of an agent go, of all runs, and since when they are counted.
    #[must_use]
    pub fn statistics(&self, agent: &Name) -> (AgentStatistics, Timestamp) {
        let statistics = self.services.slots.statistics(agent);
        let opened_at = self.services.opened_at;
        let since = opened_at.checked_add(statistics.counted_after).unwrap_or(opened_at);
        (statistics, since)
    }

    /// How many runs are in memory; the others wait in the store.
    #[must_use]
    pub fn in_memory(&self) -> usize {
        self.services.present.count()
    }

    /// How the slots are used.
    #[must_use]
    pub fn slots(&self) -> super::slots::SlotUse {
        self.services.slots.usage()
    }
}

/// The runs, as steps see them.
struct OfSteps {
    services: Weak<Services>,
    planner: StableAddr<Planner>,
    router: Router,
}

impl OfSteps {
    /// None when the program is going down.
    fn runs(&self) -> Option<Runs> {
        let services = self.services.upgrade()?;
        Some(Runs { services, planner: self.planner.clone(), router: self.router.clone() })
    }
}

impl ChildRuns for OfSteps {
    fn start(&self, start: StartChild) -> BoxFuture<'static, Result<Birth, StartError>> {
        let runs = self.runs();
        async move {
            match runs {
                Some(runs) => runs.start_child(&start).await,
                None => Err(StartError::Store(StoreError::Unavailable)),
            }
        }
        .boxed()
    }

    fn cancel(&self, run: RunId, kill: bool) -> BoxFuture<'static, Result<(), CommandError>> {
        let runs = self.runs();
        async move {
            let runs = runs.ok_or(CommandError::Store(StoreError::Unavailable))?;
            let reason = "its parent is being cancelled, or can do without it".to_owned();
            runs.command(run, RunCommand::Cancel { reason, kill }, None, Caller::runtime()).await.map(|_| ())
        }
        .boxed()
    }

    fn inherit(&self, run: RunId, priority: Priority) -> BoxFuture<'static, Result<(), CommandError>> {
        let runs = self.runs();
        async move {
            let runs = runs.ok_or(CommandError::Store(StoreError::Unavailable))?;
            runs.command(run, RunCommand::Inherit { priority }, None, Caller::runtime()).await.map(|_| ())
        }
        .boxed()
    }

    fn end(&self, run: RunId, patience: Duration) -> BoxFuture<'static, Option<ChildOutcome>> {
        let runs = self.runs();
        async move {
            let runs = runs?;
            if !runs.wait(run, patience).await.ok()? {
                return None;
            }
            let read = runs.read(run).await.ok()??;
            match child::outcome(&read.run)? {
                Ok(_) => runs.output(&read).await.ok().map(Ok),
                Err(failure) => Some(Err(failure)),
            }
        }
        .boxed()
    }
}

fn machine_command(command: RunCommand) -> Command {
    match command {
        RunCommand::Cancel { reason, kill } => Command::Cancel { reason, kill },
        RunCommand::Pause { reason } => {
            Command::Pause { reason: ghostlight_model::event::PauseReason::Operator, message: reason }
        }
        RunCommand::Resume => Command::Resume,
        RunCommand::Retry(retry) => Command::Retry(Box::new(retry)),
        RunCommand::Reconcile { step, attempt, happened, output } => {
            Command::Reconcile { step, attempt, happened, output }
        }
        RunCommand::Answer { approval, approve, comment, changes } => {
            Command::Answer { approval, approve, comment, changes }
        }
        RunCommand::Signal { name, payload } => Command::Signal { name, payload },
        RunCommand::Revise { next, reason } => Command::Revise { next, reason },
        RunCommand::Adjust { max_parallel, priority } => Command::Adjust { max_parallel, priority },
        RunCommand::Inherit { priority } => Command::Inherit { priority },
    }
}
