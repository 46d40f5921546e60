//! What a run needs of others: it starts them, tells them that nobody wants them any more, and learns how they ended.
//!
//! The floor between a run's actors and whoever carries all runs, which stand above them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ghostlight_model::event::ParentStep;
use ghostlight_model::failure::Failure;
use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::priority::Priority;
use serde_json::Value;

use super::words::{CommandError, StartError};

/// A run that a step of another one starts, under an id that the step has chosen.
#[derive(Debug, Clone)]
pub struct StartChild {
    /// Its id.
    pub run: RunId,
    /// What to run.
    pub workflow: Name,
    /// Which version; the latest when it is not said.
    pub version: Option<u64>,
    /// Its input.
    pub input: Value,
    /// Added to the workflow's labels.
    pub labels: BTreeMap<String, String>,
    /// How urgent the run is that starts it.
    pub priority: Priority,
    /// Who starts it.
    pub parent: ParentStep,
}

/// Since when there is a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Birth {
    /// It was started just now, as it was asked to be.
    Now,
    /// An earlier life of whoever asks has started it.
    Before,
}

/// Its output, or why there is none.
pub type ChildOutcome = Result<Arc<Value>, Failure>;

/// Whoever carries runs, as a run sees it.
pub trait ChildRuns: Send + Sync {
    /// Starts a run, unless it was started before. Answers when it is durable.
    fn start(&self, start: StartChild) -> BoxFuture<'static, Result<Birth, StartError>>;

    /// Tells a run how urgent the run is that started it.
    fn inherit(&self, run: RunId, priority: Priority) -> BoxFuture<'static, Result<(), CommandError>>;

    /// Asks a run to end, and to make good what it did unless it is to be killed.
    fn cancel(&self, run: RunId, kill: bool) -> BoxFuture<'static, Result<(), CommandError>>;

    /// Waits at most for `patience` until a run has ended, and says how; none when it has not, or cannot be read now.
    fn end(&self, run: RunId, patience: Duration) -> BoxFuture<'static, Option<ChildOutcome>>;
}

/// What a child is told by its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Guidance {
    pub wish: ChildWish,
    /// How urgent the parent is.
    pub priority: Priority,
}

/// What a run wants of a child, more and more of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChildWish {
    /// Its output.
    Output,
    /// That it ends, and makes good what it did.
    Cancel,
    /// That it ends.
    Kill,
}
