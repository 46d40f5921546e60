//! The task that looks at the room on the disk, often, and records when it changes.
//!
//! Of the core, permanent. It stands above both whom it serves: what it sees is asked by everybody who writes
//! ([`crate::storage`]), and what it records is written like everything else ([`crate::system`]), so that neither has to know it.
//! A crash loses nothing: what was seen is shared, and the next look sees the rest.

use std::time::Duration;

use ghostlight_model::event::StorageChanged;
use ghostlight_supervision::{ChildSpec, Key, StartContext, Stopping};

use crate::blocking::blocking;
use crate::storage::{Place, Storage};
use crate::system::System;

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The specification of the task.
#[must_use]
pub fn spec(storage: &Storage, place: &Place, system: &System) -> ChildSpec {
    let (storage, place, system) = (storage.clone(), place.clone(), system.clone());
    ChildSpec::new(Key::named("storage"), move |start: StartContext| {
        let (storage, place, system) = (storage.clone(), place.clone(), system.clone());
        std::future::ready(Ok(start.graceful_task(move |stopping| watch(storage, place, system, stopping))))
    })
}

async fn watch(storage: Storage, place: Place, system: System, mut stopping: Stopping) -> Result<(), String> {
    loop {
        tokio::select! {
            () = stopping.asked() => return Ok(()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        let (looking, place) = (storage.clone(), place.clone());
        let looked = blocking(move || looking.look(&place)).await;
        if let Some(level) = looked.map_err(|error| error.to_string())? {
            let changed = StorageChanged { level, free_bytes: storage.now().room.free };
            // What cannot be written down for want of room was said in the log, and is seen by whoever asks.
            if let Err(error) = system.note(changed.into()).await {
                tracing::debug!(%error, "a change of the room on the disk could not be recorded");
            }
        }
    }
}
