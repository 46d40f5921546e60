//! What can be asked of a run, what a decision may know of the world, and why something is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::choice::Workload;
use super::directory::AgentDirectory;
use super::retry::{Attempted, Retry};
use super::state::{Approval, RunStatus, StepStatus};
use crate::event::{ParentStep, PauseReason, Usage};
use crate::failure::Failure;
use crate::ids::{ApprovalId, AttemptId, Ids, Name, RunId, StepPath};
use crate::language::schema::SchemaViolation;
use crate::priority::Priority;
use crate::workflow::Workflow;

/// What a decision may know of the world.
#[derive(Debug)]
pub struct Context<'a> {
    /// The time.
    pub now: Timestamp,
    /// The store's epoch.
    pub epoch: u64,
    /// Who can be called.
    pub agents: &'a AgentDirectory,
    /// How many attempts may start.
    pub slots: Slots,
    /// How busy the agents are that offer what this run asks for.
    pub workload: Workload,
    /// Fresh ids.
    pub ids: Ids,
    /// A random number, for the jitter of waits.
    pub jitter: u32,
    /// Who gave the command; absent when the runtime acts by itself.
    pub by: Option<&'a str>,
}

/// How many attempts a decision may start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slots {
    /// As many as it likes: the caller looks at how many it took and asks again when that is too many.
    Unlimited,
    /// So many of each of these agents.
    Granted {
        /// How many calls of each may start.
        of_agent: BTreeMap<Name, u32>,
        /// Whether calls of all others may start, as many as the decision likes; else none.
        others: bool,
    },
}

impl Slots {
    /// Takes a slot for a call of `agent`; false when there is none.
    pub(super) fn take(&mut self, agent: &Name) -> bool {
        match self {
            Self::Unlimited => true,
            Self::Granted { of_agent, others } => match of_agent.get_mut(agent) {
                Some(own) => {
                    let free = *own > 0;
                    *own = own.saturating_sub(1);
                    free
                }
                None => *others,
            },
        }
    }
}

/// Everything a run is given at its start.
#[derive(Debug, Clone)]
pub struct CreateRun {
    /// Version of the workflow; 0 for a definition that comes with the run.
    pub version: u64,
    /// The definition, when it comes with the run.
    pub document: Option<Value>,
    /// The run's input.
    pub input: Value,
    /// The step of another run that starts it.
    pub parent: Option<ParentStep>,
    /// Merged over the workflow's default context.
    pub context: serde_json::Map<String, Value>,
    /// Added to the workflow's labels.
    pub labels: BTreeMap<String, String>,
    /// The idempotency key it was started with.
    pub key: Option<String>,
    /// How urgent it is; as its workflow says when it is not said here. A child is never less urgent than its workflow says.
    pub priority: Option<Priority>,
    /// The longest expected way through the plan, in milliseconds.
    pub makespan_ms: u64,
}

/// What somebody wants of a run.
#[derive(Debug, Clone)]
pub enum Command {
    /// An attempt reports its end.
    Report {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        outcome: Result<Arc<Value>, Failure>,
        /// What it used.
        usage: Usage,
    },
    /// An attempt ended without a report: its actor is gone.
    Lost {
        /// Which attempt.
        attempt: AttemptId,
        /// How its actor ended.
        reason: String,
        /// Whether the agent may have been called.
        began: bool,
    },
    /// The store was opened anew: attempts of older epochs did not survive.
    Recover,
    /// Look at the clock: expire what is over, start what is due.
    Tick,
    /// A person answers.
    Answer {
        /// Which question.
        approval: ApprovalId,
        /// Yes or no.
        approve: bool,
        /// What the person says.
        comment: Option<String>,
        /// What the person changes.
        changes: Option<Value>,
    },
    /// Start nothing new.
    Pause {
        /// Why.
        reason: PauseReason,
        /// More about it.
        message: String,
    },
    /// Go on.
    Resume,
    /// End the run.
    Cancel {
        /// Why.
        reason: String,
        /// Without making good what was done.
        kill: bool,
    },
    /// Set it aside, because its actors keep crashing.
    Quarantine {
        /// What kept happening.
        message: String,
    },
    /// A person says whether an interrupted write happened.
    Reconcile {
        /// Which step.
        step: StepPath,
        /// Which attempt of it, so that what is said late is not taken for the next one.
        attempt: Option<u32>,
        /// Whether it happened.
        happened: bool,
        /// Its output, when it did.
        output: Option<Value>,
    },
    /// Open a failed run again, from the steps that failed.
    Retry(Box<Retry>),
    /// Somebody sends a signal.
    Signal {
        /// Its name.
        name: Name,
        /// What it says.
        payload: Value,
    },
    /// What holds from now on; what is not said stays.
    Adjust {
        /// How many attempts are made at the same time, from 1.
        max_parallel: Option<u32>,
        /// How urgent the run is.
        priority: Option<Priority>,
    },
    /// The run whose step started it is as urgent as this now.
    Inherit {
        /// Its priority.
        priority: Priority,
    },
    /// Go on with another definition, as far as nothing of it has begun.
    Revise {
        /// The definition. Compiled by whoever asks: a large one takes longer than a decision may.
        next: Arc<Workflow>,
        /// Why, for people.
        reason: String,
    },
    /// A run that a step started has ended, or could not be started.
    ChildEnded {
        /// Which step.
        step: StepPath,
        /// Which run.
        child: RunId,
        /// Its output, or why there is none.
        outcome: Result<Arc<Value>, Failure>,
        /// What it used.
        usage: Usage,
    },
}

/// Signals that wait to be taken, in one run.
pub const SIGNALS_MAX: usize = 1_000;
/// What they say in all, in bytes of JSON: a run holds them in memory.
pub const SIGNALS_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// Not in this state of the run.
    #[error("the run is {}", status.as_str())]
    RunIs {
        /// Its state.
        status: RunStatus,
    },
    /// Not in this state of the step.
    #[error("step `{step}` is {}", status.as_str())]
    StepIs {
        /// Which step.
        step: StepPath,
        /// Its state.
        status: StepStatus,
    },
    /// What was said of an attempt came when another one waits.
    #[error("attempt {waits} of step `{step}` waits to be reconciled, not attempt {said}")]
    OtherAttempt {
        /// Which step.
        step: StepPath,
        /// The attempt that was named.
        said: u32,
        /// The one that waits.
        waits: u32,
    },
    /// The question was answered before.
    #[error("the approval was decided before")]
    AlreadyDecided {
        /// The first decision, and all about it.
        approval: Box<Approval>,
    },
    /// There is no such step.
    #[error("there is no step `{0}` in this run")]
    UnknownStep(StepPath),
    /// No step of the workflow waits for such a signal.
    #[error("no step of this workflow waits for the signal `{name}`")]
    UnknownSignal {
        /// The name that was given.
        name: Name,
        /// The signals for which steps wait.
        known: Vec<Name>,
    },
    /// The plan cannot be changed like that.
    #[error("the plan of the run cannot be changed like that")]
    NotEditable {
        /// What of it has begun, or holds for the whole run.
        violations: Vec<SchemaViolation>,
    },
    /// Writes would be made again that may have happened.
    #[error("{} that may have happened would be made again", writes_of(writes, *count))]
    WouldWriteAgain {
        /// The first hundred of them.
        writes: Vec<Attempted>,
        /// How many there are.
        count: usize,
    },
    /// More signals than [`SIGNALS_MAX`], or of more than [`SIGNALS_BYTES_MAX`], would wait to be taken.
    #[error("at most {SIGNALS_MAX} signals of {SIGNALS_BYTES_MAX} bytes in all wait to be taken")]
    TooManySignals,
    /// There is no such attempt.
    #[error("there is no attempt `{0}` in this run")]
    UnknownAttempt(AttemptId),
    /// There is no such approval.
    #[error("there is no approval `{0}` in this run")]
    UnknownApproval(ApprovalId),
    /// A value that does not fit its schema.
    #[error("{what} does not fit its schema")]
    Invalid {
        /// `input`, `changes` or `output`.
        what: &'static str,
        /// Where and why.
        violations: Vec<SchemaViolation>,
    },
}

/// The first of them, and how many more there are.
fn writes_of(writes: &[Attempted], count: usize) -> String {
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        1 => " and one more write".to_owned(),
        more => format!(" and {more} more writes"),
    };
    let first =
        writes.first().map_or_else(String::new, |write| format!("the write of step `{}`", write.step));
    first + &more
}
