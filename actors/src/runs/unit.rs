//! A decision on its way to the journal: what was decided, for whom, and what the run is after it.

use std::sync::Arc;

use ghostlight_model::event::{Attribution, Event};
use ghostlight_model::ids::Name;
use ghostlight_model::run::{self, Rejection, Run, evolve};
use ghostlight_store::blobs::BlobError;
use ghostlight_store::{Append, AppendError, NewRecord, StreamAppend, Wake};
use ghostlight_world::is_full;
use jiff::Timestamp;

use super::give::Answer;
use super::loading;
use super::place::RunPlace;
use super::services::Services;
use super::slots::SlotGuard;
use crate::{codec, streams};

/// What a caller is told once the unit is durable.
pub(super) enum Reply {
    /// It was done.
    Done,
    /// It changed nothing, and is right.
    Nothing,
    /// It was refused.
    Refused(Rejection),
}

/// A decision that is being appended.
pub(super) struct Unit {
    pub(super) events: Vec<(Vec<Event>, Attribution)>,
    /// Who waits, and for what. Refusals too are told after the commit: they may rest on what is decided before them.
    pub(super) answers: Vec<(Answer, Reply)>,
    pub(super) next: Run,
    pub(super) slots: Vec<SlotGuard>,
    /// Whose attempts have ended in it and hold their slots a moment longer, if that matters to a choice.
    pub(super) over: Vec<Name>,
    pub(super) at: Timestamp,
}

impl Unit {
    /// How many events it holds.
    pub(super) fn event_count(&self) -> usize {
        self.events.iter().map(|(events, _)| events.len()).sum()
    }
}

/// Moves large values of the unit to blobs, on a thread that may block; does nothing when there are none. The state after
/// the unit is then folded again from `base`, so that it is what a replay gives.
///
/// # Errors
/// As what the append itself would be refused.
pub(super) async fn move_large_values(
    unit: &mut Unit,
    base: &Run,
    services: &Arc<Services>,
) -> Result<(), AppendError> {
    if !unit.events.iter_mut().any(|(events, _)| loading::has_large(events)) {
        return Ok(());
    }
    let mut events = std::mem::take(&mut unit.events);
    let blobs = services.blobs.clone();
    let moved = tokio::task::spawn_blocking(move || {
        let result = events.iter_mut().try_for_each(|(events, _)| loading::externalise(events, &*blobs));
        (events, result)
    });
    let (events, result) = moved.await.map_err(|_| AppendError::Unavailable)?;
    unit.events = events;
    result.map_err(|error| refused_blob(&error))?;
    let mut next = base.clone();
    unit.events.iter().for_each(|(events, by)| fold(&mut next, events, unit.at, by));
    unit.next = next;
    Ok(())
}

fn refused_blob(error: &BlobError) -> AppendError {
    let whole = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    match error {
        BlobError::TooLarge { bytes, max } => {
            AppendError::TooLarge { bytes: whole(*bytes), bytes_max: whole(*max) }
        }
        BlobError::Io { source, .. } if is_full(source) => AppendError::Full,
        BlobError::NotFound { .. } | BlobError::Corrupt { .. } | BlobError::Io { .. } => {
            tracing::error!(%error, "a large value could not be kept");
            AppendError::Unavailable
        }
    }
}

/// Whether one of the decisions stopped at its bound, and the next one goes on where it stopped.
pub(super) fn is_portion(unit: &Unit) -> bool {
    unit.events.iter().any(|(events, _)| run::is_portion(events))
}

/// The append of a unit: the events of the run, and the idempotency key that it was asked under. A unit that changes
/// nothing has a key, and is that alone.
pub(super) fn encode(unit: &Unit, place: &RunPlace, expected: u64, key: Option<StreamAppend>) -> Append {
    let records: Vec<NewRecord> =
        unit.events.iter().flat_map(|(events, by)| codec::encode(events, by, unit.at)).collect();
    let aliases = unit
        .events
        .iter()
        .flat_map(|(events, _)| events)
        .filter_map(|event| match event {
            Event::ApprovalRequested(asked) => Some(asked.approval.0.into_bytes()),
            _ => None,
        })
        .collect();
    let goes_on = is_portion(unit) && !unit.next.status.is_terminal();
    let wake = match run::wake(&unit.next) {
        // What follows is not in the journal yet: whoever opens the store after a crash has to go on with it.
        _ if goes_on => Wake::Now,
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
    let part = Some(part).filter(|part| !part.records.is_empty());
    Append { id, parts: part.into_iter().chain(key).collect() }
}

/// Folds events of one cause into a run.
pub(super) fn fold(run: &mut Run, events: &[Event], at: Timestamp, by: &Attribution) {
    events.iter().for_each(|event| evolve(run, event, at, by.by.as_deref()));
}
