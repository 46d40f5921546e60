//! How a run comes to its workflow actor: created now, or read from the journal.

use std::sync::Arc;

use ghostlight_model::run::{CreateRun, Rejection};
use ghostlight_model::workflow::Workflow;
use tokio::sync::oneshot;

use super::loading::Loaded;
use super::words::RunNow;
use crate::caller::{Caller, StoreError};
use crate::keys::Claim;

/// How a run comes to its actor.
pub enum Origin {
    /// It is created now.
    New(Box<NewRun>),
    /// It is in the journal.
    Stored(Loaded),
}

/// A run that is created.
pub struct NewRun {
    /// What it runs.
    pub workflow: Arc<Workflow>,
    /// What it is given.
    pub create: CreateRun,
    /// Its idempotency key, taken in the same append.
    pub key: Option<Claim>,
    /// By whom.
    pub caller: Caller,
    /// Who waits for the answer.
    pub answer: oneshot::Sender<Result<RunNow, CreateError>>,
    /// Who waits for the end. It is dropped when the run leaves memory before that.
    pub end: Option<oneshot::Sender<RunNow>>,
}

/// Why a run was not created.
#[derive(Debug, Clone)]
pub enum CreateError {
    /// The input does not fit.
    Rejected(Rejection),
    /// Another request with the same key was faster.
    KeyTaken,
    /// The store did not take it.
    Store(StoreError),
}
