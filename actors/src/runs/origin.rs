//! How a run comes to its workflow actor: created now, or read from the journal.

use std::sync::{Arc, Mutex, PoisonError};

use ghostlight_model::run::{CreateRun, Rejection, Run};
use ghostlight_model::workflow::Workflow;
use ghostlight_store::StreamAppend;
use ghostlight_supervision::{ChildSpec, Key, StartContext, StartError, Started};
use tokio::sync::oneshot;

use super::loading;
use super::place::RunPlace;
use super::words::Accepted;
use super::workflow::WorkflowActor;
use crate::caller::{Caller, StoreError};

/// How a run comes to its actor.
pub enum Origin {
    /// It is created now.
    New(Box<NewRun>),
    /// It is in the journal.
    Stored(Box<Run>),
}

/// A run that is created.
pub struct NewRun {
    /// What it runs.
    pub workflow: Arc<Workflow>,
    /// What it is given.
    pub create: CreateRun,
    /// The part of the append that takes its idempotency key.
    pub key: Option<StreamAppend>,
    /// By whom.
    pub caller: Caller,
    /// Who waits for the answer.
    pub answer: oneshot::Sender<Result<Accepted, CreateError>>,
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

/// The specification of a run's workflow actor: made anew from the journal at each restart.
#[must_use]
pub fn spec(place: RunPlace, origin: Option<Box<NewRun>>) -> ChildSpec {
    let first = Mutex::new(origin);
    let name = place.workflow.clone();
    ChildSpec::new(Key::id("workflow"), move |start: StartContext| {
        let new = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (place, name) = (place.clone(), name.clone());
        async move {
            let origin = match new {
                Some(new) => Origin::New(new),
                None => match stored(&place).await? {
                    Some(run) => Origin::Stored(Box::new(run)),
                    // Its creation never became durable: there is nothing to carry.
                    None => return Ok(Started::ignore()),
                },
            };
            Ok(start.actor(WorkflowActor::new(place, origin)).at(&name).graceful().into())
        }
    })
    .transient()
    .significant()
}

async fn stored(place: &RunPlace) -> Result<Option<Run>, StartError> {
    let (services, id) = (place.services.clone(), place.id);
    let loaded = tokio::task::spawn_blocking(move || {
        let _touched = services.marks.mark(id);
        loading::load_state(&services, id)
    });
    let loaded = loaded.await;
    match loaded {
        Ok(Ok(run)) => Ok(run),
        Ok(Err(error)) => Err(StartError::new(error)),
        Err(panicked) => Err(StartError::new(panicked)),
    }
}
