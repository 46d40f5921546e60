//! A decision on its way to the journal: what was decided, for whom, and what the run is after it.

use std::sync::Arc;

use ghostlight_model::event::{Attribution, Event};
use ghostlight_model::run::{self, Run, evolve};
use ghostlight_store::{Append, StreamAppend, Wake};
use jiff::Timestamp;

use super::loading;
use super::place::RunPlace;
use super::services::Services;
use super::slots::SlotGuard;
use super::workflow::Answer;
use crate::{codec, streams};

/// A decision that is being appended.
pub(super) struct Unit {
    pub(super) events: Vec<(Vec<Event>, Attribution)>,
    /// Who waits, and whether the command changed nothing.
    pub(super) answers: Vec<(Answer, bool)>,
    pub(super) next: Run,
    pub(super) slots: Vec<SlotGuard>,
    pub(super) at: Timestamp,
}

/// Moves large values of the unit to blobs, on a thread that may block; does nothing when there are none.
pub(super) async fn move_large_values(unit: &mut Unit, services: &Arc<Services>) -> Result<(), String> {
    if !unit.events.iter_mut().any(|(events, _)| loading::has_large(events)) {
        return Ok(());
    }
    let mut events = std::mem::take(&mut unit.events);
    let blobs = services.blobs.clone();
    let moved = tokio::task::spawn_blocking(move || {
        let result = events.iter_mut().try_for_each(|(events, _)| loading::externalise(events, &*blobs));
        (events, result)
    });
    let (events, result) = moved.await.map_err(|error| error.to_string())?;
    unit.events = events;
    result.map_err(|error| error.to_string())
}

/// The append of a unit: the events of the run, and its idempotency key.
pub(super) fn encode(unit: &Unit, place: &RunPlace, expected: u64, key: Option<StreamAppend>) -> Append {
    let records = unit.events.iter().flat_map(|(events, by)| codec::encode(events, by, unit.at)).collect();
    let aliases = unit
        .events
        .iter()
        .flat_map(|(events, _)| events)
        .filter_map(|event| match event {
            Event::ApprovalRequested(asked) => Some(asked.approval.0.into_bytes()),
            _ => None,
        })
        .collect();
    let wake = match run::wake(&unit.next) {
        run::Wake::Done => Wake::Done,
        run::Wake::Idle => Wake::Idle,
        run::Wake::Now => Wake::Now,
        run::Wake::At(at) => Wake::At(at.as_microsecond()),
    };
    let part = StreamAppend {
        stream: streams::run(place.id),
        expected,
        records,
        wake,
        route: unit.next.workflow.name.as_str().into(),
        aliases,
    };
    let id = place.services.uuid().into_bytes();
    Append { id, parts: std::iter::once(part).chain(key).collect() }
}

/// Folds events of one cause into a run.
pub(super) fn fold(run: &mut Run, events: &[Event], at: Timestamp, by: &Attribution) {
    events.iter().for_each(|event| evolve(run, event, at, by.by.as_deref()));
}
