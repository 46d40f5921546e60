//! A run read from its journal: the fold of its events, with the values that decisions need.

use std::sync::Arc;

use ghostlight_model::event::{DecodeError, Event, RunCreated};
use ghostlight_model::ids::RunId;
use ghostlight_model::payload::{BlobRef, Payload};
use ghostlight_model::run::{Run, SNAPSHOT_FORMAT, evolve, freeze, thaw};
use ghostlight_model::workflow::{RunSupervision, Workflow};
use ghostlight_store::blobs::{BadBlobId, BlobError, BlobId, Blobs};
use ghostlight_store::snapshots::Snapshot;
use ghostlight_store::{ReadError, Record};
use ghostlight_world::Bug;
use serde_json::Value;

use super::services::Services;
use super::words::{EventRead, RunRead};
use crate::codec;
use crate::streams;

/// How many records are read at once.
const PAGE: usize = 1_000;

/// Why a run could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its records could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event is of a newer program or damaged.
    #[error("event {sequence} of the run")]
    Event {
        /// Sequence within the run.
        sequence: u64,
        /// What is wrong with it.
        #[source]
        source: DecodeError,
    },
    /// The definition it follows is not there or does not compile with this program.
    #[error("the run's definition cannot be used: {0}")]
    Definition(String),
    /// A value it needs is not there.
    #[error("value {blob} of the run cannot be read: {reason}")]
    Blob {
        /// The name of the blob.
        blob: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its first event is not its creation.
    #[error("the run does not begin with its creation")]
    NoBeginning,
}

impl LoadError {
    /// Whether reading it again gives the same.
    #[must_use]
    pub fn is_for_good(&self) -> bool {
        match self {
            Self::Read(ReadError::Corrupt(_))
            | Self::Event { source: DecodeError::Malformed { .. }, .. }
            | Self::Definition(_)
            | Self::Blob { .. }
            | Self::NoBeginning => true,
            Self::Read(ReadError::Device(_) | ReadError::Unavailable)
            | Self::Event { source: DecodeError::Unknown { .. }, .. } => false,
        }
    }
}

/// How the actors of a run are supervised, as its definition says. Blocks on the disk.
///
/// # Errors
/// [`LoadError`].
pub fn supervision(services: &Services, id: RunId) -> Result<Option<RunSupervision>, LoadError> {
    Ok(workflow_of(services, id)?.map(|workflow| workflow.supervision.clone()))
}

/// Reads a run with all its events; `None` when there is none of that id. Blocks on the disk.
///
/// # Errors
/// [`LoadError`]; nothing is skipped.
pub fn load(services: &Services, id: RunId) -> Result<Option<RunRead>, LoadError> {
    let Some(workflow) = workflow_of(services, id)? else { return Ok(None) };
    let mut run = Run::new(id, workflow);
    let mut events = Vec::new();
    fold_from(services, &mut run, |event| events.push(Arc::new(event)))?;
    provide_blobs(&mut run, &*services.blobs)?;
    let sequence = events.last().map_or(0, |event: &Arc<EventRead>| event.sequence);
    Ok(Some(RunRead { run, events, sequence, silence: services.living.of(id) }))
}

/// The state of a run, from its snapshot if there is one that the journal bears out. Blocks on the disk.
///
/// # Errors
/// [`LoadError`]; nothing is skipped.
pub fn load_state(services: &Services, id: RunId) -> Result<Option<Run>, LoadError> {
    let Some(workflow) = workflow_of(services, id)? else { return Ok(None) };
    let mut run = match from_snapshot(services, id, &workflow)? {
        Some(run) => run,
        None => Run::new(id, workflow),
    };
    fold_from(services, &mut run, |_| ())?;
    provide_blobs(&mut run, &*services.blobs)?;
    Ok(Some(run))
}

/// Keeps the state of a run, as it is after its record with `chain`. Blocks on the disk; a snapshot that is not kept costs
/// time at the next start and nothing else.
pub fn keep_snapshot(services: &Services, run: &Run, chain: [u8; 32]) {
    let Some(bytes) = freeze(run) else { return };
    let snapshot =
        Snapshot { format: SNAPSHOT_FORMAT, sequence: run.sequence, chain_hash: chain, bytes: bytes.into() };
    if let Err(error) = services.snapshots.put(streams::run(run.id).as_str(), snapshot) {
        tracing::debug!(run = %run.id, %error, "a snapshot was not kept");
    }
}

fn from_snapshot(services: &Services, id: RunId, workflow: &Arc<Workflow>) -> Result<Option<Run>, LoadError> {
    let stream = streams::run(id);
    let Some(snapshot) = services.snapshots.get(stream.as_str(), SNAPSHOT_FORMAT) else { return Ok(None) };
    let record = services.journal.read(&stream, snapshot.sequence, 1)?;
    let borne_out = record.first().is_some_and(|record| record.chain == snapshot.chain_hash);
    let mut run = if borne_out { thaw(id, workflow, &snapshot.bytes) } else { None };
    if run.is_none() {
        services.snapshots.forget(stream.as_str());
    }
    if let (Some(run), true) = (&mut run, Bug::SnapshotAhead.is_planted()) {
        run.sequence += 1;
        return Ok(Some(run.clone()));
    }
    Ok(run.filter(|run| run.sequence == snapshot.sequence))
}

/// What a run was created with; `None` when there is none of that id. Blocks on the disk.
///
/// # Errors
/// [`LoadError`].
pub fn created(services: &Services, id: RunId) -> Result<Option<RunCreated>, LoadError> {
    let first = services.journal.read(&streams::run(id), 1, 1)?;
    let Some(record) = first.first() else { return Ok(None) };
    match read_event(record)?.recorded.event {
        Event::RunCreated(created) => Ok(Some(created)),
        _ => Err(LoadError::NoBeginning),
    }
}

/// What a run follows, by its first event.
fn workflow_of(services: &Services, id: RunId) -> Result<Option<Arc<Workflow>>, LoadError> {
    created(services, id)?.map(|created| definition(services, &created)).transpose()
}

/// Folds what a run has not seen.
fn fold_from(services: &Services, run: &mut Run, mut tell: impl FnMut(EventRead)) -> Result<(), LoadError> {
    let stream = streams::run(run.id);
    loop {
        let page = services.journal.read(&stream, run.sequence + 1, PAGE)?;
        for record in &page {
            let mut event = read_event(record)?;
            // What a run goes on with has to be there when it is folded.
            if let Event::PlanRevised(revised) = &mut event.recorded.event
                && let Some(document) = &mut revised.document
                && let Some(reference) = document.missing().cloned()
            {
                document.provide(&reference, &get(&reference, &*services.blobs)?);
            }
            evolve(run, &event.recorded.event, event.at, event.recorded.attribution.by.as_deref());
            // A plan that this program does not understand must not be passed over in silence.
            if let Event::PlanRevised(revised) = &event.recorded.event
                && revised.definition.is_some_and(|definition| definition != run.workflow.hash)
            {
                let message = "a later plan of it does not compile with this program".to_owned();
                return Err(LoadError::Definition(message));
            }
            tell(event);
        }
        // A page may be short because its bodies are long; only an empty one is the end.
        if page.is_empty() {
            return Ok(());
        }
    }
}

fn read_event(record: &Record) -> Result<EventRead, LoadError> {
    let recorded = codec::decode(record)
        .map_err(|source| LoadError::Event { sequence: record.stream_sequence, source })?;
    Ok(EventRead {
        sequence: record.sequence,
        stream_sequence: record.stream_sequence,
        at: recorded.at,
        recorded,
    })
}

fn definition(services: &Services, created: &RunCreated) -> Result<Arc<Workflow>, LoadError> {
    let Some(document) = &created.document else {
        return services
            .catalogue
            .compiled(&created.workflow, created.version)
            .map_err(|error| LoadError::Definition(error.to_string()));
    };
    let document = fetch(document, &*services.blobs)?;
    services
        .catalogue
        .compile_document(&document, Some(created.definition))
        .map_err(|error| LoadError::Definition(error.to_string()))
}

fn provide_blobs(run: &mut Run, blobs: &dyn Blobs) -> Result<(), LoadError> {
    for missing in run.missing_blobs() {
        let value = get(&missing, blobs)?;
        run.provide_blob(&missing, &value);
    }
    Ok(())
}

/// The value of a payload, from the blobs if need be. Blocks on the disk.
///
/// # Errors
/// [`LoadError::Blob`].
pub fn fetch(payload: &Payload, blobs: &dyn Blobs) -> Result<Arc<Value>, LoadError> {
    match payload {
        Payload::Inline(value) | Payload::Blob(_, Some(value)) => Ok(value.clone()),
        Payload::Blob(reference, None) => get(reference, blobs),
    }
}

fn get(reference: &BlobRef, blobs: &dyn Blobs) -> Result<Arc<Value>, LoadError> {
    let failed = |reason: String| LoadError::Blob { blob: reference.blob.clone(), reason };
    let id: BlobId = reference.blob.parse().map_err(|error: BadBlobId| failed(error.to_string()))?;
    let bytes = blobs.get(&id).map_err(|error| failed(error.to_string()))?;
    let value = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
    Ok(Arc::new(value))
}

/// Moves every value that is too large for an event to a blob. Blocks on the disk when there is one.
///
/// # Errors
/// What the blobs say.
pub fn externalise(events: &mut [Event], blobs: &dyn Blobs) -> Result<(), BlobError> {
    for payload in events.iter_mut().flat_map(Event::payloads_mut) {
        let Payload::Inline(value) = &*payload else { continue };
        if !is_large(value) {
            continue;
        }
        let text = value.to_string();
        let id = blobs.put(text.as_bytes())?;
        let reference = BlobRef { blob: id.to_string(), bytes: text.len() as u64 };
        *payload = Payload::Blob(reference, Some(value.clone()));
    }
    Ok(())
}

/// Whether any value in `events` is too large for an event.
#[must_use]
pub fn has_large(events: &mut [Event]) -> bool {
    events
        .iter_mut()
        .flat_map(Event::payloads_mut)
        .any(|payload| matches!(&*payload, Payload::Inline(value) if is_large(value)))
}

fn is_large(value: &Value) -> bool {
    let mut left = ghostlight_model::payload::INLINE_BYTES_MAX;
    !fits_in(value, &mut left)
}

/// Whether the JSON text of `value` fits in `left` bytes, which it uses up; stops counting at the limit. Escapes are
/// counted as they are written at their longest for quotes and control characters.
fn fits_in(value: &Value, left: &mut usize) -> bool {
    let mut spend = |bytes: usize| match left.checked_sub(bytes) {
        Some(rest) => {
            *left = rest;
            true
        }
        None => false,
    };
    match value {
        Value::Null | Value::Bool(_) => spend(5),
        Value::Number(_) => spend(20),
        Value::String(text) => spend(text.len() + 2),
        Value::Array(items) => spend(2 + items.len()) && items.iter().all(|item| fits_in(item, left)),
        Value::Object(fields) => {
            spend(2 + fields.len() * 4)
                && fields.iter().all(|(key, item)| {
                    let key_fits = left.checked_sub(key.len()).map(|rest| *left = rest).is_some();
                    key_fits && fits_in(item, left)
                })
        }
    }
}
