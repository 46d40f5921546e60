//! How a run's workflow actor is made: of a run that is created now, and after each crash of what the journal says.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghostlight_model::event::{Attribution, SystemStopped};
use ghostlight_store::{Append, AppendError, StreamAppend, Wake};
use ghostlight_supervision::{ChildSpec, Key, StartContext, StartError};

use super::loading::{self, Loaded};
use super::origin::{NewRun, Origin};
use super::place::RunPlace;
use super::quarantine::quarantine;
use super::workflow::WorkflowActor;
use crate::{codec, streams};

/// How often a run that is not in the journal is looked for again, and after which pause.
const CREATION_LOOKS: u32 = 50;
const CREATION_LOOK: Duration = Duration::from_millis(20);

/// The specification of a run's workflow actor: made anew from the journal at each restart.
#[must_use]
pub fn spec(place: RunPlace, origin: Option<Box<NewRun>>) -> ChildSpec {
    let first = Mutex::new(origin);
    let name = place.workflow.clone();
    ChildSpec::new(Key::id("workflow"), move |start: StartContext| {
        let is_restart = start.incarnation() > 1;
        let new = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (place, name) = (place.clone(), name.clone());
        async move {
            let origin = match new {
                Some(new) => Origin::New(new),
                None => match stored(&place, is_restart).await? {
                    Some(loaded) => Origin::Stored(loaded),
                    // There is nothing to carry: the first child ends in good order, and the run folds up with it.
                    None => return Ok(start.task(async { Ok::<(), String>(()) })),
                },
            };
            Ok(start.actor(WorkflowActor::new(place, origin)).at(&name).graceful().into())
        }
    })
    .transient()
    .significant()
}

/// The run as the journal says; `None` when it holds nothing of it, or what it holds cannot be carried and was set aside.
async fn stored(place: &RunPlace, is_restart: bool) -> Result<Option<Loaded>, StartError> {
    if is_restart {
        appends_are_settled(place).await;
    }
    for _ in 0..CREATION_LOOKS {
        match load(place).await {
            Ok(Some(loaded)) => return Ok(Some(loaded)),
            // Its creation may be on its way to the disk, from a life of its actor that has ended.
            Ok(None) => tokio::time::sleep(CREATION_LOOK).await,
            Err(Unloadable::ForNow(reason)) => return Err(StartError::new(reason)),
            Err(Unloadable::ForGood(reason)) => {
                tracing::error!(run = %place.id, reason, "a run cannot be read: it is set aside");
                quarantine(place.services.clone(), place.id, format!("the run cannot be read: {reason}"))
                    .await;
                return Ok(None);
            }
        }
    }
    Ok(None)
}

/// Waits until whatever an earlier life of the actor has left on its way to the journal is durable or refused. A state that
/// was read before would never learn of it: nobody tells the actor what it believes to know, and it may have nothing to append
/// for a long time. The journal answers in the order in which it was asked, and a conflict with what is not durable yet only
/// when it is: so an append that cannot succeed asks exactly this.
async fn appends_are_settled(place: &RunPlace) {
    let services = &place.services;
    for _ in 0..CREATION_LOOKS {
        let probe = StreamAppend {
            stream: streams::run(place.id),
            expected: u64::MAX,
            records: codec::encode(&[SystemStopped {}.into()], &Attribution::default(), services.now()),
            wake: Wake::Idle,
            route: "".into(),
            aliases: Vec::new(),
        };
        match services.journal.append(Append::one(services.uuid().into_bytes(), probe)).await {
            Ok(_)
            | Err(AppendError::Conflict { .. } | AppendError::Damaged { .. } | AppendError::Dropped) => {
                return;
            }
            // The store takes nothing for now; what was on its way is settled when it says so.
            Err(_) => tokio::time::sleep(CREATION_LOOK).await,
        }
    }
}

/// Why a run's state is not there.
enum Unloadable {
    /// The device or the backend is away, or a newer program wrote it.
    ForNow(String),
    /// Reading it again gives the same.
    ForGood(String),
}

async fn load(place: &RunPlace) -> Result<Option<Loaded>, Unloadable> {
    let (services, id) = (place.services.clone(), place.id);
    let loaded = tokio::task::spawn_blocking(move || {
        let _touched = services.marks.mark(id);
        loading::load_state(&services, id)
    });
    match loaded.await {
        Ok(Ok(loaded)) => Ok(loaded),
        Ok(Err(error)) if error.is_for_good() => Err(Unloadable::ForGood(error.to_string())),
        Ok(Err(error)) => Err(Unloadable::ForNow(error.to_string())),
        Err(panicked) => Err(Unloadable::ForGood(panicked.to_string())),
    }
}
