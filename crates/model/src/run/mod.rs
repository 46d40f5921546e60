//! The run machine: what may happen to a run, as pure functions.
//!
//! * [`decide()`] turns a command into events, or refuses it;
//! * [`evolve()`] folds an event into the state; replay is `evolve` alone;
//! * [`outstanding()`] says what has to be going on in the world while the state is what it is.
//!
//! A decision contains everything that follows from it without asking anyone: a result, the steps that become ready by
//! it, and the end of the run are one list of events, appended as one unit.
//!
//! # A run
//!
//! | from | event | to |
//! |---|---|---|
//! | (nothing) | `run.created` | `running` |
//! | `running` | `run.paused`, `run.quarantined` | `paused` |
//! | `paused` | `run.resumed` | `running` |
//! | `running`, `paused` | `run.cancel_requested` | the same, and nothing starts any more |
//! | `running`, `paused` | `run.cancelled` | `cancelled` |
//! | `running` | `run.completed`, `run.failed` | `completed`, `failed` |
//! | `failed` | `run.reopened` | `running` |
//!
//! # A step
//!
//! | from | event | to |
//! |---|---|---|
//! | `pending` | `step.scheduled` | `waiting` (slot) |
//! | `pending`, `waiting` (slot), `retrying`, `ready` | `step.started` | `running` |
//! | `pending` | `step.waiting` (approval), after `approval.requested` | `waiting` (approval) |
//! | `pending` | `step.waiting` (time, signal, child) | `waiting` (the same) |
//! | `pending` | `step.opened` (map, loop) | `running`, with items or passes that are steps of their own |
//! | `pending`, `running`, `waiting` | `step.completed` | `completed` |
//! | `pending`, `running`, `waiting`, `ready` | `step.failed` | `failed` |
//! | `running` | `step.retrying` | `retrying` |
//! | `running` | `step.interrupted` | `ready` |
//! | `running`, `ready`, `retrying` | `step.waiting` (reconcile) | `waiting` (reconcile) |
//! | `running`, `waiting` (reconcile) | `step.waiting` (verdict) | `waiting` (verdict) |
//! | `running`, `waiting` (verdict, reconcile) | `step.waiting` (approval), after `approval.requested` | `waiting` (approval) |
//! | `waiting` (verdict) | `step.completed`, `step.failed`, `step.retrying` | `completed`, `failed`, `retrying` |
//! | `waiting` (reconcile) | `step.reconciled` (it did not happen) | `ready` |
//! | `pending` | `step.skipped` | `skipped` |
//! | any that has not ended | `step.cancelled` | `cancelled` |
//! | `failed`, `skipped`, `cancelled` | `run.reopened` naming it | `pending`; `running` if it has items, which keep what is done, unless it begins anew |
//!
//! # A dependency
//!
//! What a parent's end means for its child; a child is judged when all its parents but optional ones have ended, so that
//! the order in which they ended does not show in the result.
//!
//! | parent ended | `hard` | `soft` | `optional` |
//! |---|---|---|---|
//! | completed | satisfied | satisfied | its output is used if it is there |
//! | failed | child skipped | satisfied, null | null |
//! | failed with `on_error: continue` | satisfied, null | satisfied, null | null |
//! | skipped | child skipped | satisfied, null | null |
//! | cancelled | child cancelled | satisfied, null | null |
//!
//! A parent that failed with `on_error: {default: value}` counts as completed with that value; one with `{goto: node}` satisfies
//! that node and is a failure for all others. An edge whose case was not chosen, or whose `goto` was not needed, counts as
//! one from a parent that a condition skipped.
//!
//! # A join
//!
//! | `require` | completes when | ends without when |
//! |---|---|---|
//! | `all` | all have ended, every one that was not skipped completed, and at least one did | one failed or was cancelled, or all were skipped |
//! | `any`, `first_success` | one completed | all have ended and none completed |
//! | `quorum: n` | n completed | fewer than n can still complete |
//! | `collect` | all have ended | never |
//!
//! With `first_success` the others are cancelled with everything that only they needed, once one completed; with `any` and
//! `quorum` they go on. A failure that a join other than `all`, or a `soft` child, takes does not fail the run.
//!
//! # Beside
//!
//! A call may have others beside it, each a step of its own that begins when its call asks for it: `node.judge` while the call
//! waits for a verdict, `node.verify` while it waits for `reconcile`, `node.compensate` once the run is cancelled and everything
//! else of it has ended. Compensations are made one after another, that of the step first that ended last.
//!
//! # Inside
//!
//! The items of a map and the passes of a loop are steps `node.0`, `node.1` and begin and end as others do. Items are siblings: one
//! that fails does not stop the others, and the map fails when all have ended; passes follow each other.

mod advance;
mod asides;
mod attempts;
mod begin;
pub mod child;
mod choice;
mod command;
mod decide;
mod directory;
mod evolve;
mod inside;
pub mod invariants;
mod judge;
mod load;
pub mod merge;
mod next;
mod outstanding;
mod place;
mod progress;
mod race;
mod reads;
mod retry;
mod revise;
mod scope;
mod snapshot;
mod state;
mod statistics;
mod status;
mod traces;
mod values;

#[cfg(test)]
mod tests;

pub use advance::{QUESTIONS_AT_ONCE, STARTS_AT_ONCE, is_portion};
pub use asides::not_compensated;
pub use begin::{GENERATIONS_MAX, RUN_BYTES_MAX};
pub use choice::{Scorecard, Standing, Workload};
pub use command::{Command, Context, CreateRun, Rejection, SIGNALS_BYTES_MAX, SIGNALS_MAX, Slots};
pub use decide::{Steer, create, decide, first_priority, would_change};
pub use directory::{AgentDirectory, AgentEntry};
pub use evolve::evolve;
pub use next::{Limit, NextStep, WaitedFor, Waits, next};
pub use outstanding::{Effect, Wake, next_due, outstanding, wake};
pub use place::{INSIDE_MAX, MAP_ITEMS_MAX, StepAt, Walk};
pub use progress::{BranchNow, Counts, ESTIMATE_DEFAULT, Progress, branches, estimate, progress};
pub use retry::{Attempted, Hazards, Retry, Revision, hazards};
pub use snapshot::{SNAPSHOT_FORMAT, freeze, thaw};
pub use state::{
    Approval, Attempt, AttemptEnd, Made, ReceivedSignal, Run, RunStatus, Step, StepState, StepStatus,
    idempotency_key,
};
pub use statistics::{CallStatistics, DURATIONS_KEPT};
