//! Streams that a handle decides about: read, fold, decide, append with the expected sequence, and again when somebody
//! else was faster.
//!
//! Promises: what is answered as changed is durable; two callers who decide about one stream at the same time both see a
//! state that includes what the other did, or one of them is refused by the rule; what is decided under an idempotency key
//! is decided once, and answered again from the state that it left. Leaves to others: the rules
//! (`ghostlight_model::definitions`) and what is kept in memory.

use std::sync::Arc;

use ghostlight_model::definitions::key::Holding;
use ghostlight_model::definitions::{Fact, Fold};
use ghostlight_model::event::{Event, KeyOutcome};
use ghostlight_model::payload::{BlobRef, INLINE_BYTES_MAX, Payload};
use ghostlight_store::blobs::{BlobError, BlobId, Blobs};
use ghostlight_store::{Append, AppendError, Record, SharedJournal, StreamName};
use ghostlight_world::{World, is_full};
use jiff::Timestamp;
use serde_json::Value;

use crate::caller::{Caller, StoreError};
use crate::codec;
use crate::keys::{self, Begun, Claim, KeyRefusal, Keys};
use crate::storage::Storage;
use crate::streams;

/// How often a decision is made again because somebody else wrote in between. Each conflict means that another writer
/// got through, so this many in a row say that the stream is fought over.
const TRIES_MAX: u32 = 128;
/// How many records are read at once.
const PAGE: usize = 1_000;

/// The journal, the blobs and the world, as everything on the side of definitions uses them. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    /// The truth.
    pub journal: SharedJournal,
    /// Values too large for an event.
    pub blobs: Arc<dyn Blobs>,
    /// Time and randomness.
    pub world: World,
    /// What was asked under idempotency keys.
    pub keys: Keys,
    /// Room on the disk.
    pub storage: Storage,
}

/// Why nothing was changed.
#[derive(Debug)]
pub(crate) enum ChangeError<R> {
    /// The rule says no.
    Rejected(R),
    /// The store did not take it.
    Store(StoreError),
}

/// What a change came to.
#[derive(Debug)]
pub(crate) struct Changed<S> {
    /// The state after it.
    pub state: S,
    /// Global sequence of its last record; none when nothing had to be changed.
    pub sequence: Option<u64>,
    /// Whether an earlier request under the same key had made it: the state is then the one that it left, and others may
    /// have changed it since.
    pub is_again: bool,
}

/// Why a decision was not appended.
enum NotAppended<S, R> {
    Change(ChangeError<R>),
    /// Its key was taken in between; this is the state that it was decided in.
    KeyTaken(S),
}

impl<S, R> From<StoreError> for NotAppended<S, R> {
    fn from(error: StoreError) -> Self {
        Self::Change(ChangeError::Store(error))
    }
}

impl Ledger {
    /// A ledger over these.
    #[must_use]
    pub fn new(journal: SharedJournal, blobs: Arc<dyn Blobs>, world: World) -> Self {
        let keys = Keys::new(journal.clone(), world.clone());
        Self { journal, blobs, world, keys, storage: Storage::unwatched() }
    }

    /// The same, which takes no definitions and batches when there is too little room.
    #[must_use]
    pub fn with_storage(self, storage: Storage) -> Self {
        Self { storage, ..self }
    }

    /// The fold of a stream; the default when it does not exist. Blocks on the disk.
    pub(crate) fn fold<S: Fold>(&self, stream: &StreamName) -> Result<S, StoreError> {
        let mut state = S::default();
        self.catch_up(stream, &mut state)?;
        Ok(state)
    }

    /// The fold of a stream; none when its records do not verify. Who reads the streams of all of one kind goes on with the
    /// others then: the journal's [`Damages`](crate::damage::Damages) have told of it. Blocks on the disk.
    pub(crate) fn fold_unless_damaged<S: Fold>(&self, stream: &StreamName) -> Result<Option<S>, StoreError> {
        match self.fold(stream) {
            Ok(state) => Ok(Some(state)),
            Err(StoreError::Damaged(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The stream of the daemon's own that goes by this name: another one for this epoch, when its last record is damaged so that
    /// nothing can follow on it; and how many records it has. Blocks on the disk.
    pub(crate) fn own_stream(&self, stream: StreamName) -> Result<(StreamName, u64), StoreError> {
        let head_of =
            |stream: &StreamName| self.journal.head_of(stream).map_err(|error| StoreError::of_read(&error));
        match head_of(&stream)? {
            Some(head) if head.is_in_doubt => {
                let instead = streams::instead_of(&stream, self.journal.epoch());
                let sequence = head_of(&instead)?.map_or(0, |head| head.sequence);
                Ok((instead, sequence))
            }
            head => Ok((stream, head.map_or(0, |head| head.sequence))),
        }
    }

    /// Folds the records of a stream that `state` has not seen. Blocks on the disk.
    pub(crate) fn catch_up<S: Fold>(&self, stream: &StreamName, state: &mut S) -> Result<(), StoreError> {
        loop {
            let from = state.stream_sequence() + 1;
            let page = self.journal.read(stream, from, PAGE).map_err(|error| StoreError::of_read(&error))?;
            if page.is_empty() {
                return Ok(());
            }
            take_in(state, &page)?;
        }
    }

    /// One record of a stream, as the event it holds. Blocks on the disk.
    pub(crate) fn event(&self, stream: &StreamName, sequence: u64) -> Result<Option<Event>, StoreError> {
        let page = self.journal.read(stream, sequence, 1).map_err(|error| StoreError::of_read(&error))?;
        page.first().map(|record| decoded(record).map(|recorded| recorded.event)).transpose()
    }

    /// All streams whose name begins with `prefix`. Blocks on the disk.
    pub(crate) fn streams(&self, prefix: &str) -> Result<Vec<StreamName>, StoreError> {
        let mut all: Vec<StreamName> = Vec::new();
        loop {
            let page = self
                .journal
                .streams(prefix, all.last(), PAGE)
                .map_err(|error| StoreError::of_read(&error))?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Decides about a stream, beginning with what is known of it in `state`, and appends what was decided. `decide` is
    /// asked again after each conflict, with what was written in between folded in.
    pub(crate) async fn change<S, R>(
        &self,
        stream: &StreamName,
        state: S,
        caller: &Caller,
        mut decide: impl FnMut(&S, Timestamp) -> Result<Vec<Event>, R>,
    ) -> Result<Changed<S>, ChangeError<R>>
    where
        S: Fold + Send + 'static,
    {
        match self.decided(stream, state, None, caller, &mut decide).await {
            Ok(changed) => Ok(changed),
            Err(NotAppended::Change(error)) => Err(error),
            // Without a key none is taken.
            Err(NotAppended::KeyTaken(_)) => Err(ChangeError::Store(StoreError::Busy)),
        }
    }

    /// The same, once under a key: it is taken in the append of what was decided, or alone when there is nothing to change.
    /// When it turns out to be taken, the answer is what the first request came to. Without a claim it is
    /// [`Ledger::change`].
    pub(crate) async fn change_once<S, R>(
        &self,
        stream: &StreamName,
        mut state: S,
        mut claim: Option<Claim>,
        caller: &Caller,
        mut decide: impl FnMut(&S, Timestamp) -> Result<Vec<Event>, R>,
    ) -> Result<Changed<S>, ChangeError<R>>
    where
        S: Fold + Send + 'static,
        R: From<KeyRefusal>,
    {
        for _ in 0..TRIES_MAX {
            state = match self.decided(stream, state, claim.as_ref(), caller, &mut decide).await {
                Ok(changed) => return Ok(changed),
                Err(NotAppended::Change(error)) => return Err(error),
                Err(NotAppended::KeyTaken(state)) => state,
            };
            match self.keys.renew(claim).await.map_err(ChangeError::Store)? {
                Ok(Begun::Again(holding)) => {
                    return self.changed_before(holding).await.map_err(ChangeError::Store);
                }
                Ok(Begun::First(renewed)) => claim = renewed,
                Err(refusal) => return Err(ChangeError::Rejected(refusal.into())),
            }
        }
        Err(ChangeError::Store(StoreError::Busy))
    }

    /// What the request that took a key came to: the state as it left it.
    pub(crate) async fn changed_before<S>(&self, holding: Holding) -> Result<Changed<S>, StoreError>
    where
        S: Fold + Send + 'static,
    {
        let ledger = self.clone();
        blocking(move || ledger.fold_before(&holding)).await
    }

    /// Blocks on the disk.
    fn fold_before<S: Fold>(&self, holding: &Holding) -> Result<Changed<S>, StoreError> {
        let stream = target_of(holding)?;
        let KeyOutcome { at, changed } = holding.outcome.ok_or_else(|| no_outcome(holding))?;
        let (mut state, mut sequence) = (S::default(), 0);
        while state.stream_sequence() < at {
            let from = state.stream_sequence() + 1;
            let wanted = usize::try_from(at - state.stream_sequence()).map_or(PAGE, |left| left.min(PAGE));
            let page =
                self.journal.read(&stream, from, wanted).map_err(|error| StoreError::of_read(&error))?;
            let last = page.last().ok_or_else(|| no_outcome(holding))?;
            sequence = last.sequence;
            take_in(&mut state, &page)?;
        }
        Ok(Changed { state, sequence: changed.then_some(sequence), is_again: true })
    }

    /// One decision about a stream and its append, as often as others write to it in between.
    async fn decided<S, R>(
        &self,
        stream: &StreamName,
        mut state: S,
        claim: Option<&Claim>,
        caller: &Caller,
        decide: &mut impl FnMut(&S, Timestamp) -> Result<Vec<Event>, R>,
    ) -> Result<Changed<S>, NotAppended<S, R>>
    where
        S: Fold + Send + 'static,
    {
        for _ in 0..TRIES_MAX {
            let now = self.world.clock.now();
            let events = decide(&state, now)
                .map_err(|rejection| NotAppended::Change(ChangeError::Rejected(rejection)))?;
            if events.is_empty() && claim.is_none() {
                return Ok(Changed { state, sequence: None, is_again: false });
            }
            if events.iter().any(is_save) {
                self.storage.admit()?;
            }
            let append = self.unit(stream, state.stream_sequence(), &events, claim, caller, now);
            match self.journal.append(append).await {
                Ok(committed) => {
                    let of_stream = committed.records().get(..events.len()).unwrap_or_default();
                    take_in(&mut state, of_stream)?;
                    let sequence = of_stream.last().map(|record| record.sequence);
                    return Ok(Changed { state, sequence, is_again: false });
                }
                Err(error) if keys::is_conflict(&error) => return Err(NotAppended::KeyTaken(state)),
                Err(AppendError::Conflict { .. }) => {
                    let (ledger, stream) = (self.clone(), stream.clone());
                    state = blocking(move || {
                        ledger.catch_up(&stream, &mut state)?;
                        Ok(state)
                    })
                    .await?;
                }
                Err(error) => return Err(StoreError::of_append(&error).into()),
            }
        }
        Err(StoreError::Busy.into())
    }

    /// What was decided, and after it the key that it was decided under: one append.
    fn unit(
        &self,
        stream: &StreamName,
        expected: u64,
        events: &[Event],
        claim: Option<&Claim>,
        caller: &Caller,
        now: Timestamp,
    ) -> Append {
        let changed = (!events.is_empty()).then(|| codec::part(stream, expected, events, caller, now));
        let outcome = KeyOutcome { at: expected + events.len() as u64, changed: changed.is_some() };
        let taken = claim.map(|claim| claim.part(stream, Some(outcome), caller, now));
        Append { id: self.append_id(), parts: changed.into_iter().chain(taken).collect() }
    }

    /// A fresh id of an append.
    pub(crate) fn append_id(&self) -> [u8; 16] {
        self.world.uuid_v7().into_bytes()
    }

    /// The value as it stands in an event: itself, or a blob when it is large. Blocks on the disk when it is.
    pub(crate) fn keep(&self, value: Value) -> Result<Payload, StoreError> {
        let text = value.to_string();
        if text.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::inline(value));
        }
        // Blobs of what is refused later would fill the disk all the same.
        self.storage.admit()?;
        let id = self.blobs.put(text.as_bytes()).map_err(|error| of_blob(&error))?;
        Ok(Payload::Blob(BlobRef { blob: id.to_string(), bytes: text.len() as u64 }, Some(Arc::new(value))))
    }

    /// The value of a payload. Blocks on the disk when it is a blob.
    pub(crate) fn fetch(&self, payload: &Payload) -> Result<Arc<Value>, StoreError> {
        match payload {
            Payload::Inline(value) | Payload::Blob(_, Some(value)) => Ok(value.clone()),
            Payload::Blob(reference, None) => {
                let damaged = || StoreError::Damaged(format!("blob {} cannot be read", reference.blob));
                let id: BlobId = reference.blob.parse().map_err(|_| damaged())?;
                let bytes = self.blobs.get(&id).map_err(|error| of_blob(&error))?;
                serde_json::from_slice(&bytes).map(Arc::new).map_err(|_| damaged())
            }
        }
    }
}

/// Runs what blocks beside the arbiter.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    crate::blocking::blocking(work).await?
}

/// Whether it makes a definition larger. Deleting, disabling and the like take next to nothing.
fn is_save(event: &Event) -> bool {
    matches!(event, Event::WorkflowSaved(_) | Event::AgentSaved(_))
}

/// The stream that a key stands for.
pub(crate) fn target_of(holding: &Holding) -> Result<StreamName, StoreError> {
    StreamName::parse(&holding.target).map_err(|_| no_outcome(holding))
}

fn no_outcome(holding: &Holding) -> StoreError {
    StoreError::Damaged(format!("a key stands for {} and does not say for what of it", holding.target))
}

fn take_in<S: Fold>(state: &mut S, records: &[Record]) -> Result<(), StoreError> {
    for record in records {
        let recorded = decoded(record)?;
        state.evolve(Fact {
            event: &recorded.event,
            at: recorded.at,
            by: recorded.attribution.by.as_deref(),
            stream_sequence: record.stream_sequence,
            sequence: record.sequence,
        });
    }
    Ok(())
}

fn decoded(record: &Record) -> Result<codec::Recorded, StoreError> {
    codec::decode(record).map_err(|error| {
        StoreError::Damaged(format!("record {} of {}: {error}", record.stream_sequence, record.stream))
    })
}

fn of_blob(error: &BlobError) -> StoreError {
    match error {
        BlobError::TooLarge { bytes, max } => StoreError::TooLarge {
            bytes: usize::try_from(*bytes).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(*max).unwrap_or(usize::MAX),
        },
        BlobError::NotFound { .. } | BlobError::Corrupt { .. } => StoreError::Damaged(error.to_string()),
        BlobError::Io { source, .. } if is_full(source) => StoreError::Full,
        BlobError::Io { .. } => StoreError::Unavailable,
    }
}
