//! What is asked of runs and what is answered: the words between the surface and the actors that carry runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::{ApprovalId, Name, RunId, StepPath};
use ghostlight_model::priority::Priority;
use ghostlight_model::run::{Rejection, Retry, Run, RunStatus};
use ghostlight_model::selection::SelectionError;
use ghostlight_model::workflow::Workflow;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::caller::{IdempotencyKey, StoreError};
use crate::codec::Recorded;
use crate::keys::KeyRefusal;

/// Which definition a run follows.
#[derive(Debug, Clone)]
pub enum Definition {
    /// A saved workflow, by name; its latest version unless one is named.
    Saved {
        /// The name.
        name: Name,
        /// The version.
        version: Option<u64>,
    },
    /// A definition that comes with the run and is saved nowhere else.
    Own {
        /// The document as text.
        source: String,
        /// `yaml` or `json`.
        format: ghostlight_model::language::Format,
    },
}

/// A run to start.
#[derive(Debug, Clone)]
pub struct StartRun {
    /// What to run.
    pub definition: Definition,
    /// Its input.
    pub input: Value,
    /// Merged over the workflow's default context.
    pub context: Map<String, Value>,
    /// Added to the workflow's labels.
    pub labels: BTreeMap<String, String>,
    /// How urgent it is; as its workflow says when it is not said.
    pub priority: Option<Priority>,
    /// The same key and request start one run, however often they come.
    pub key: Option<IdempotencyKey>,
}

/// A run that was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Its id.
    pub run: RunId,
    /// Whether an earlier request with the same key had started it.
    pub replayed: bool,
    /// The global sequence of the last event of the start.
    pub sequence: u64,
}

/// A run as its actors know it: what its journal says, without reading it.
#[derive(Debug, Clone)]
pub struct RunNow {
    /// The state after its last event.
    pub run: Arc<Run>,
    /// Global sequence of the last event.
    pub sequence: u64,
}

/// A run that was started, and what became of it while its caller waited.
#[derive(Debug)]
pub struct Awaited {
    /// The start.
    pub started: Started,
    /// The run as it is now, when its actors have said it; else its journal knows.
    pub now: Option<Box<RunNow>>,
    /// Whether the wait is over as asked: the run has ended, or all of the time has passed.
    pub waited: bool,
}

/// Why a run was not started.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StartError {
    /// There is no such workflow.
    #[error("there is no workflow `{0}`")]
    UnknownWorkflow(Name),
    /// The workflow has no such version.
    #[error("workflow `{0}` has no version {1}")]
    UnknownVersion(Name, u64),
    /// The workflow is deleted and takes no new runs.
    #[error("workflow `{0}` is deleted")]
    DeletedWorkflow(Name),
    /// The selectors of the workflow lead to none that could be run.
    #[error(transparent)]
    Selection(SelectionError),
    /// The run's own definition cannot be used.
    #[error("the definition has errors")]
    Definition(Vec<Diagnostic>),
    /// The input does not fit.
    #[error(transparent)]
    Rejected(Rejection),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// No new work is taken: the daemon is going down, or too much is queued.
    #[error("no new runs are taken: {0}")]
    NotAdmitted(&'static str),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a caller can ask of a run.
#[derive(Debug, Clone)]
pub enum RunCommand {
    /// End it.
    Cancel {
        /// Why.
        reason: String,
        /// Without making good what was done.
        kill: bool,
    },
    /// Start nothing new.
    Pause {
        /// Why.
        reason: String,
    },
    /// Go on; releases a quarantined run too.
    Resume,
    /// Open a failed run again, from the steps that failed.
    Retry(Retry),
    /// Say whether an interrupted write happened.
    Reconcile {
        /// Which step.
        step: StepPath,
        /// Which attempt of it; the one that waits when it is not said.
        attempt: Option<u32>,
        /// Whether it happened.
        happened: bool,
        /// Its output, when it did.
        output: Option<Value>,
    },
    /// Answer a question.
    Answer {
        /// Which.
        approval: ApprovalId,
        /// Yes or no.
        approve: bool,
        /// What the person says.
        comment: Option<String>,
        /// What the person changes.
        changes: Option<Value>,
    },
    /// Send it a signal.
    Signal {
        /// Which.
        name: Name,
        /// What it says.
        payload: Value,
    },
    /// Go on with another definition, as far as nothing of it has begun.
    Revise {
        /// The definition.
        next: Arc<Workflow>,
        /// Why.
        reason: String,
    },
    /// Change limits; what is not said stays.
    Adjust {
        /// How many attempts are made at the same time, from 1.
        max_parallel: Option<u32>,
        /// How urgent the run is.
        priority: Option<Priority>,
    },
    /// Be as urgent as the run whose step started it.
    Inherit {
        /// Its priority.
        priority: Priority,
    },
}

/// A command was taken and is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// The run.
    pub run: RunId,
    /// Where the run stands after it.
    pub status: RunStatus,
    /// The global sequence of the last event of it; 0 when it changed nothing.
    pub sequence: u64,
}

/// Why a command to a run was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommandError {
    /// There is no such run.
    #[error("there is no run `{0}`")]
    UnknownRun(RunId),
    /// There is no such approval.
    #[error("there is no approval `{0}`")]
    UnknownApproval(ApprovalId),
    /// The run's state does not allow it.
    #[error(transparent)]
    Rejected(Rejection),
    /// The version that it is to go on with cannot be had.
    #[error(transparent)]
    Version(Box<StartError>),
    /// The run's actors keep crashing or cannot be started: it is being set aside.
    #[error("the run cannot be carried at this moment: {0}")]
    NotCarried(String),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One event of a run, with its places in the journal.
#[derive(Debug, Clone)]
pub struct EventRead {
    /// Global sequence.
    pub sequence: u64,
    /// Sequence within the run.
    pub stream_sequence: u64,
    /// When; information, never order.
    pub at: Timestamp,
    /// The event.
    pub recorded: Recorded,
}
