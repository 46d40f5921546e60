//! The same asked of many runs at once: retried, cancelled, paused or resumed.
//!
//! Which runs these are is recorded before the first of them is asked, together with the request's key: so a request that is
//! repeated asks the same runs, whatever a filter would find by then, and each of them under a key of its own. What was done is
//! not done again; what was refused is tried again. Each run decides for itself, and what became of it is said one by one. A crash
//! in the middle leaves the rest unasked, until the request is repeated.
//!
//! Leaves to others: what a command does to a run, and the rules for it ([`crate::runs`]).

use futures::StreamExt;
use ghostlight_model::event::{BatchAccepted, Event};
use ghostlight_model::ids::RunId;
use ghostlight_model::run::{Attempted, Hazards, RunStatus, Steer, would_change};
use ghostlight_store::{Append, StreamName};
use serde_json::Value;

use crate::blocking::blocking;
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::codec;
use crate::keys::{self, Begun, Claim, KeyRefusal};
use crate::ledger::{Ledger, target_of};
use crate::runs::{Accepted, CommandError, RetryRun, RunCommand, Runs};
use crate::streams;
use crate::views::{PAGE_ROWS_MAX, Page, RunFilter, ViewError, ViewsHandle};

/// The most runs of one batch.
pub const RUNS_MAX: usize = 1_000;
/// Runs that are asked at the same time.
const AT_ONCE: usize = 16;
/// Pages that a filter may take: each looks at a bounded number of rows.
const PAGES_MAX: usize = 200;
/// Writes that are named for one run of a dry run.
const WRITES_NAMED_MAX: usize = 20;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Open a failed run again.
    Retry(RetryRun),
    /// End a run.
    Cancel {
        /// Why.
        reason: String,
        /// Without making good what was done.
        kill: bool,
    },
    /// Start nothing new in a run.
    Pause {
        /// Why.
        reason: String,
    },
    /// Let a paused run go on.
    Resume,
}

impl Action {
    /// The word as it stands in events and in the API.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Retry(_) => "retry",
            Self::Cancel { .. } => "cancel",
            Self::Pause { .. } => "pause",
            Self::Resume => "resume",
        }
    }
}

/// Of which runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Which {
    /// Of all that fit.
    Filter(Box<RunFilter>),
    /// Of these.
    Ids(Vec<RunId>),
}

/// What became of one run.
#[derive(Debug)]
pub struct Item {
    /// The run.
    pub run: RunId,
    /// What it said, or why it was refused.
    pub outcome: Result<Said, CommandError>,
}

/// What a run said.
#[derive(Debug)]
pub enum Said {
    /// It was done.
    Done(Accepted),
    /// It would be done: what a retry would do.
    WouldRetry(Summary),
    /// It would be done: the run is in this state.
    WouldDo(RunStatus),
}

/// What a retry of one of many would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The version that it would follow.
    pub version: u64,
    /// Steps that are done again.
    pub again: usize,
    /// Steps that keep their output.
    pub kept: usize,
    /// Steps that are kept although they have read what is different in the new input.
    pub stale: usize,
    /// Writes that may have happened and would be made again: the first of them.
    pub writes: Vec<Attempted>,
}

/// What a batch came to.
#[derive(Debug)]
pub struct Done {
    /// Every run, in the order in which they were found or given.
    pub items: Vec<Item>,
    /// Global sequence of the last event; 0 when nothing was stored.
    pub sequence: u64,
}

/// Why a batch was not begun. Nothing was done then.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// More than [`RUNS_MAX`].
    #[error("a batch has at most {RUNS_MAX} runs, and these are more")]
    TooManyRuns,
    /// The filter fits few of many: looking for them would take too long.
    #[error("the filter has looked at more runs than one batch may")]
    TooManyRows,
    /// A filter that leaves out nothing.
    #[error("a filter that fits every run is not taken")]
    Everything,
    /// The list of runs says no.
    #[error(transparent)]
    View(#[from] ViewError),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Asks many runs. Cheap to clone.
#[derive(Clone)]
pub struct Batches {
    ledger: Ledger,
    runs: Runs,
    views: ViewsHandle,
}

impl Batches {
    /// Over these runs and lists of them.
    #[must_use]
    pub fn new(ledger: Ledger, runs: Runs, views: ViewsHandle) -> Self {
        Self { ledger, runs, views }
    }

    /// What would become of each run. Stores nothing and looks at no key.
    ///
    /// # Errors
    /// [`BatchError`].
    pub async fn preview(&self, action: &Action, which: Which) -> Result<Done, BatchError> {
        let runs = self.select(which).await?;
        let asked =
            runs.into_iter().map(|run| async move { Item { run, outcome: self.would(run, action).await } });
        Ok(Done { items: futures::stream::iter(asked).buffered(AT_ONCE).collect().await, sequence: 0 })
    }

    /// Asks each run, once under a key. Answers when all have said what became of it.
    ///
    /// # Errors
    /// [`BatchError`]; nothing has changed then, unless it is [`StoreError::OutcomeUnknown`].
    pub async fn ask(
        &self,
        action: &Action,
        which: Which,
        key: Option<IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Done, BatchError> {
        // Held until the end: a request under the same key that comes meanwhile finds the runs that are asked here.
        let claim = match self.ledger.keys.begin(key.as_ref()).await?? {
            Begun::First(claim) => claim,
            Begun::Again(holding) => {
                let (runs, sequence) = self.recorded(target_of(&holding)?).await?;
                return Ok(self.ask_each(action, runs, key.as_ref(), caller, sequence).await);
            }
        };
        if matches!(action, Action::Retry(_)) {
            self.ledger.storage.admit()?;
        }
        let runs = self.select(which).await?;
        let (runs, sequence) = self.record(action, runs, claim.clone(), caller).await?;
        Ok(self.ask_each(action, runs, key.as_ref(), caller, sequence).await)
    }

    /// The runs that are meant, each once.
    async fn select(&self, which: Which) -> Result<Vec<RunId>, BatchError> {
        match which {
            Which::Ids(mut ids) => {
                let mut seen = std::collections::BTreeSet::new();
                ids.retain(|id| seen.insert(*id));
                if ids.len() > RUNS_MAX { Err(BatchError::TooManyRuns) } else { Ok(ids) }
            }
            Which::Filter(filter) if *filter == RunFilter::default() => Err(BatchError::Everything),
            Which::Filter(filter) => {
                let views = self.views.clone();
                blocking(move || found(&views, &filter)).await?
            }
        }
    }

    /// Records which runs are asked, with the key. When another request under it was faster, those that it has recorded.
    async fn record(
        &self,
        action: &Action,
        runs: Vec<RunId>,
        claim: Option<Claim>,
        caller: &Caller,
    ) -> Result<(Vec<RunId>, u64), BatchError> {
        let ids: Value = runs.iter().map(|run| Value::String(run.to_string())).collect();
        let (ledger, name) = (self.ledger.clone(), action.as_str().to_owned());
        let runs_kept = blocking(move || ledger.keep(ids)).await??;
        let accepted = Event::from(BatchAccepted { action: name, runs: runs_kept });
        let now = self.ledger.world.clock.now();
        let stream = streams::batch(&self.ledger.world.uuid_v7().to_string());
        let part = codec::part(&stream, 0, &[accepted], caller, now);
        let taken = claim.as_ref().map(|claim| claim.part(&stream, None, caller, now));
        let append =
            Append { id: self.ledger.append_id(), parts: std::iter::once(part).chain(taken).collect() };
        match self.ledger.journal.append(append).await {
            Ok(committed) => Ok((runs, committed.first_sequence())),
            Err(error) if keys::is_conflict(&error) => match self.ledger.keys.renew(claim).await?? {
                Begun::Again(holding) => self.recorded(target_of(&holding)?).await,
                Begun::First(_) => Err(StoreError::Busy.into()),
            },
            Err(error) => Err(StoreError::of_append(&error).into()),
        }
    }

    /// The runs of a batch that was recorded before.
    async fn recorded(&self, stream: StreamName) -> Result<(Vec<RunId>, u64), BatchError> {
        if stream.kind() != "batch" {
            return Err(KeyRefusal::Reused.into());
        }
        let ledger = self.ledger.clone();
        let read = move || {
            let damaged = || StoreError::Damaged(format!("{stream} does not say which runs were asked"));
            let records = ledger.journal.read(&stream, 1, 1).map_err(|error| StoreError::of_read(&error))?;
            let record = records.first().ok_or_else(damaged)?;
            let recorded = codec::decode(record).map_err(|error| StoreError::Damaged(error.to_string()))?;
            let Event::BatchAccepted(accepted) = recorded.event else { return Err(damaged()) };
            let runs = ledger.fetch(&accepted.runs)?;
            let id = |run: &Value| run.as_str().and_then(|run| run.parse().ok()).ok_or_else(damaged);
            let runs: Result<Vec<RunId>, _> = runs.as_array().ok_or_else(damaged)?.iter().map(id).collect();
            Ok((runs?, record.sequence))
        };
        Ok(blocking(read).await??)
    }

    async fn ask_each(
        &self,
        action: &Action,
        runs: Vec<RunId>,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
        recorded: u64,
    ) -> Done {
        let asked = runs.into_iter().map(|run| async move {
            let key = key.map(|key| own_key(key, recorded, run));
            Item { run, outcome: self.give(run, action, key, caller).await.map(Said::Done) }
        });
        let items: Vec<Item> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
        let last = items.iter().filter_map(|item| match &item.outcome {
            Ok(Said::Done(accepted)) => Some(accepted.sequence),
            _ => None,
        });
        let sequence = last.fold(recorded, u64::max);
        Done { items, sequence }
    }

    async fn give(
        &self,
        run: RunId,
        action: &Action,
        key: Option<IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Accepted, CommandError> {
        let command = match action {
            Action::Retry(retry) => return self.runs.retry(run, retry.clone(), key, caller.clone()).await,
            Action::Cancel { reason, kill } => RunCommand::Cancel { reason: reason.clone(), kill: *kill },
            Action::Pause { reason } => RunCommand::Pause { reason: reason.clone() },
            Action::Resume => RunCommand::Resume,
        };
        self.runs.command(run, command, key, caller.clone()).await
    }

    async fn would(&self, run: RunId, action: &Action) -> Result<Said, CommandError> {
        let steer = match action {
            Action::Retry(retry) => {
                let hazards = self.runs.hazards(run, retry.clone()).await?;
                if let Some(refusal) = hazards.refusal().filter(|_| !retry.acknowledge_writes) {
                    return Err(CommandError::Rejected(refusal));
                }
                return Ok(Said::WouldRetry(Summary::of(&hazards)));
            }
            Action::Cancel { kill, .. } => Steer::Cancel { kill: *kill },
            Action::Pause { .. } => Steer::Pause,
            Action::Resume => Steer::Resume,
        };
        let run = self.runs.read(run).await?.ok_or(CommandError::UnknownRun(run))?.run;
        would_change(&run, steer).map_err(CommandError::Rejected)?;
        Ok(Said::WouldDo(run.status))
    }
}

impl Summary {
    fn of(hazards: &Hazards) -> Self {
        Self {
            version: hazards.version,
            again: hazards.again.len(),
            kept: hazards.kept.len(),
            stale: hazards.stale.len(),
            writes: hazards.writes().take(WRITES_NAMED_MAX).cloned().collect(),
        }
    }
}

/// The key of one run's part of the batch that was recorded with this global sequence: a later batch under the same words, when
/// these are free again, asks anew. Callers' keys have at most 255 characters, so its own holds their hash.
fn own_key(key: &IdempotencyKey, recorded: u64, run: RunId) -> IdempotencyKey {
    let key_hash = blake3::hash(key.key.as_bytes()).to_hex();
    IdempotencyKey { key: format!("batch:{key_hash}:{recorded}:{run}"), fingerprint: key.fingerprint.clone() }
}

fn found(views: &ViewsHandle, filter: &RunFilter) -> Result<Vec<RunId>, BatchError> {
    let mut runs = Vec::new();
    let mut cursor = None;
    for _ in 0..PAGES_MAX {
        let page = views.runs(filter, &Page { limit: PAGE_ROWS_MAX, cursor })?;
        runs.extend(page.items.iter().map(|row| row.id));
        if runs.len() > RUNS_MAX {
            return Err(BatchError::TooManyRuns);
        }
        cursor = page.next;
        if cursor.is_none() {
            return Ok(runs);
        }
    }
    Err(BatchError::TooManyRows)
}
