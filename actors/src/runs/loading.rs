//! A run read from its journal: the fold of its events, with the values that decisions need.
//!
//! There is one way to do it: begin with the newest state that is known, which is a prefix of the run's stream, and fold what follows.
//! An actor begins with the snapshot, because it is made from what is on the disk alone; a read begins with what the run's actor
//! shows, when there is one.

use std::sync::Arc;

use ghostlight_model::event::{AtHand, DecodeError, Event, PlanRevised, RunCreated};
use ghostlight_model::ids::RunId;
use ghostlight_model::payload::{BlobRef, Payload};
use ghostlight_model::run::{Run, SNAPSHOT_FORMAT, evolve, freeze, thaw};
use ghostlight_model::workflow::{RunSupervision, Workflow};
use ghostlight_store::blobs::{BadBlobId, BlobError, BlobId, Blobs};
use ghostlight_store::record::CHAIN_START;
use ghostlight_store::snapshots::{SNAPSHOT_BYTES_MAX, Snapshot};
use ghostlight_store::{Journal, ReadError, Record, Wake};
use ghostlight_world::Bug;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::services::Services;
use super::words::EventRead;
use crate::codec;
use crate::streams;

/// How many records are read at once.
pub const PAGE: usize = 1_000;
/// About what a step takes in a snapshot, besides its values.
const STEP_BYTES: u64 = 256;
/// The first event of a run, which says what it follows.
const FIRST: u64 = 1;

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
    /// It was dropped.
    #[error("the run was archived at {at}")]
    Archived {
        /// When.
        at: Timestamp,
        /// The file that holds it, if there is one.
        file: Option<String>,
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
            | Self::Archived { .. }
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
    Ok(workflow_at(services, id, FIRST)?.map(|workflow| workflow.supervision.clone()))
}

/// A run as its journal says.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The fold of its events.
    pub run: Arc<Run>,
    /// Global sequence of the last one.
    pub sequence: u64,
    /// The stream's chain hash at it.
    pub chain: [u8; 32],
    /// How many events were folded: none when the state was known as it is.
    pub folded: u64,
}

/// The state of a run for its actor; `None` when there is none of that id. Blocks on the disk.
///
/// # Errors
/// [`LoadError`]; nothing is skipped.
pub fn load_state(services: &Services, id: RunId) -> Result<Option<Loaded>, LoadError> {
    load_from(services, id, None, u64::MAX)
}

/// The state of a run for whoever looks at it. Blocks on the disk.
///
/// # Errors
/// As [`load_state`].
pub fn read(services: &Services, id: RunId) -> Result<Option<Loaded>, LoadError> {
    let shown = services.present.of(id);
    let is_shown = shown.is_some();
    let known = shown.or_else(|| services.lately.of(id));
    let loaded = load_from(services, id, known.clone(), u64::MAX)?;
    if let Some(loaded) = loaded.as_ref().filter(|_| !is_shown)
        && known.is_none_or(|known| !Arc::ptr_eq(&known, &loaded.run))
    {
        services.lately.keep(&loaded.run, snapshot_kib(&loaded.run));
    }
    Ok(loaded)
}

/// The state of a run as it was after the event `at` of its stream; `None` when it has no such event. Blocks on the disk.
///
/// # Errors
/// As [`load_state`].
pub fn read_at(services: &Services, id: RunId, at: u64) -> Result<Option<Loaded>, LoadError> {
    let then = load_from(services, id, services.present.of(id), at)?;
    Ok(then.filter(|then| then.run.sequence == at))
}

/// Begins with `known`, else with the snapshot, as far as they are not later than `until`, else with the first event; and folds what
/// follows, up to the event `until`.
fn load_from(
    services: &Services,
    id: RunId,
    known: Option<Arc<Run>>,
    until: u64,
) -> Result<Option<Loaded>, LoadError> {
    if let Some(archived) = archived(&*services.journal, id)? {
        services.lately.forget(id);
        return Err(archived);
    }
    let known = known.filter(|run| run.sequence <= until);
    let begun = match &known {
        Some(run) => run.clone(),
        None => match from_snapshot(services, id)?.filter(|run| run.sequence <= until) {
            Some(run) => Arc::new(run),
            None => match workflow_at(services, id, FIRST)? {
                Some(workflow) => Arc::new(Run::new(id, workflow)),
                None => return Ok(None),
            },
        },
    };
    let mut loaded = fold_from(services, begun, until)?;
    // What an actor shows, or was read before, has its values.
    if known.is_none_or(|known| !Arc::ptr_eq(&known, &loaded.run)) {
        provide_blobs(&mut loaded.run, &*services.blobs)?;
    }
    Ok(Some(loaded))
}

/// What stands for a run that was dropped; none when it was not, or there is none of that id. Blocks on the disk, and for most runs on
/// nothing.
///
/// # Errors
/// [`LoadError`] when its head cannot be read.
pub fn archived(journal: &dyn Journal, id: RunId) -> Result<Option<LoadError>, LoadError> {
    let stream = streams::run(id);
    let Some(head) = journal.head_of(&stream)?.filter(|head| head.wake == Wake::Dropped) else {
        return Ok(None);
    };
    let last = journal.read(&stream, head.sequence, 1)?;
    let Some(record) = last.first() else { return Ok(None) };
    let event = read_event(record)?.recorded;
    let file = if let Event::RunArchived(archived) = event.event { archived.file } else { None };
    Ok(Some(LoadError::Archived { at: event.at, file }))
}

/// Room for the snapshots that are made at the same time, in KiB.
const SNAPSHOT_ROOM_KIB: usize = 2 * SNAPSHOT_BYTES_MAX / 1024;

/// Room for the snapshots of all runs.
#[must_use]
pub fn snapshot_room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(SNAPSHOT_ROOM_KIB))
}

/// About what the snapshot of a run takes, in KiB.
#[must_use]
pub fn snapshot_kib(run: &Run) -> u32 {
    let steps = (run.steps.len() + run.inside) as u64 * STEP_BYTES;
    let kib = (run.bytes.saturating_add(steps) / 1024).clamp(1, SNAPSHOT_BYTES_MAX as u64 / 1024);
    u32::try_from(kib).unwrap_or(u32::MAX)
}

/// Keeps the state of a run, as it is after its record with `chain`. Blocks on the disk; a snapshot that is not kept costs
/// time at the next start, and when the run is read, and nothing else.
pub fn keep_snapshot(services: &Services, run: &Run, chain: [u8; 32]) {
    let Some(bytes) = freeze(run, SNAPSHOT_BYTES_MAX) else { return };
    let snapshot =
        Snapshot { format: SNAPSHOT_FORMAT, sequence: run.sequence, chain_hash: chain, bytes: bytes.into() };
    if let Err(error) = services.snapshots.put(streams::run(run.id).as_str(), snapshot) {
        tracing::debug!(run = %run.id, %error, "a snapshot was not kept");
    }
}

fn from_snapshot(services: &Services, id: RunId) -> Result<Option<Run>, LoadError> {
    let stream = streams::run(id);
    let Some(snapshot) = services.snapshots.get(stream.as_str(), SNAPSHOT_FORMAT) else { return Ok(None) };
    let record = services.journal.read(&stream, snapshot.sequence, 1)?;
    let borne_out = record.first().is_some_and(|record| record.chain == snapshot.chain_hash);
    let run = match borne_out {
        true => thaw(id, &snapshot.bytes, |planned_at| workflow_at(services, id, planned_at))?,
        false => None,
    };
    let run = run.filter(|run| run.sequence == snapshot.sequence).map(|run| {
        match Bug::SnapshotAhead.is_planted() {
            true => Run { sequence: run.sequence + 1, ..run },
            false => run,
        }
    });
    if run.is_none() {
        services.snapshots.forget(stream.as_str());
    }
    Ok(run)
}

/// What a run was created with; `None` when there is none of that id. Blocks on the disk.
///
/// # Errors
/// [`LoadError`].
pub fn created(services: &Services, id: RunId) -> Result<Option<RunCreated>, LoadError> {
    let first = services.journal.read(&streams::run(id), FIRST, 1)?;
    let Some(record) = first.first() else { return Ok(None) };
    match read_event(record)?.recorded.event {
        Event::RunCreated(created) => Ok(Some(created)),
        _ => Err(LoadError::NoBeginning),
    }
}

/// What a run follows, by the event of its stream that says so; none when it has no such event.
fn workflow_at(services: &Services, id: RunId, planned_at: u64) -> Result<Option<Arc<Workflow>>, LoadError> {
    let found = services.journal.read(&streams::run(id), planned_at, 1)?;
    let Some(record) = found.first() else { return Ok(None) };
    match read_event(record)?.recorded.event {
        Event::RunCreated(created) => definition(services, &created).map(Some),
        _ if planned_at == FIRST => Err(LoadError::NoBeginning),
        Event::PlanRevised(mut revised) => plan(services, &mut revised).map(|()| revised.plan.0),
        _ => Ok(None),
    }
}

/// Gives a change of the plan its document, and what that compiles to: compiled once for all who follow the same definition.
fn plan(services: &Services, revised: &mut PlanRevised) -> Result<(), LoadError> {
    let Some(document) = &mut revised.document else { return Ok(()) };
    if let Some(reference) = document.missing().cloned() {
        document.provide(&reference, &get(&reference, &*services.blobs)?);
    }
    let document = fetch(document, &*services.blobs)?;
    let compiled = services.catalogue.compile_document(&document, revised.definition);
    // A plan that this program does not understand must not be passed over in silence.
    let compiled = compiled.map_err(|error| LoadError::Definition(error.to_string()))?;
    if revised.definition.is_some_and(|definition| definition != compiled.hash) {
        let message = "a later plan of it compiles to another one with this program".to_owned();
        return Err(LoadError::Definition(message));
    }
    revised.plan = AtHand(Some(compiled));
    Ok(())
}

/// Folds what a run has not seen, up to the event `until` of its stream. What has nothing to fold is not copied.
fn fold_from(services: &Services, mut run: Arc<Run>, until: u64) -> Result<Loaded, LoadError> {
    let stream = streams::run(run.id);
    let begun_at = run.sequence;
    // The last event that is folded already says where it stands in the journal.
    let (mut sequence, mut chain) = (0, CHAIN_START);
    let mut from = begun_at.max(FIRST);
    while from <= until {
        let left = usize::try_from(until - from).unwrap_or(usize::MAX).saturating_add(1);
        let page = services.journal.read(&stream, from, PAGE.min(left))?;
        // A page may be short because its bodies are long; only an empty one is the end.
        let Some(last) = page.last() else { break };
        (sequence, chain, from) = (last.sequence, last.chain, last.stream_sequence + 1);
        for record in page.iter().filter(|record| record.stream_sequence > begun_at) {
            let mut event = read_event(record)?;
            // What a run goes on with has to be there when it is folded.
            if let Event::PlanRevised(revised) = &mut event.recorded.event {
                plan(services, revised)?;
            }
            let by = event.recorded.attribution.by.as_deref();
            evolve(Arc::make_mut(&mut run), &event.recorded.event, event.at, by);
        }
    }
    let folded = run.sequence - begun_at;
    Ok(Loaded { run, sequence, chain, folded })
}

/// A record of a run as the event that it holds.
///
/// # Errors
/// [`LoadError::Event`].
pub fn read_event(record: &Record) -> Result<EventRead, LoadError> {
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

fn provide_blobs(run: &mut Arc<Run>, blobs: &dyn Blobs) -> Result<(), LoadError> {
    for missing in run.missing_blobs() {
        let value = get(&missing, blobs)?;
        Arc::make_mut(run).provide_blob(&missing, &value);
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
