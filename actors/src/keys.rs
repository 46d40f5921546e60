//! Idempotency keys: what is asked under a key is done once, however often and however simultaneously it is asked for.
//!
//! A key is a stream of its own. Whoever answers a request begins with [`Keys::begin`], which says whether it is the first
//! one under its key, and appends [`Claim::part`] in the same unit as what the request changes. Of any number of equal
//! requests one append is committed; the others conflict on the key's stream, and [`Keys::renew`] says what it stands for
//! now. So what a key protects is there if and only if the key is taken, whatever crashes. All verbs do it this way; a
//! request without a key reads and appends nothing more than it would without this file.
//!
//! Whether a request is being answered at this moment is no matter of the journal: it is kept in memory, and lost with the
//! requests that it concerns. Leaves to others: the rules (`ghostlight_model::definitions::key`), and how an answer is made
//! again from what a key stands for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use ghostlight_model::definitions::key::{self, Holding, KeyHistory, KeyIsReused};
use ghostlight_model::definitions::{Fact, Fold};
use ghostlight_model::event::KeyOutcome;
use ghostlight_store::{Append, AppendError, Journal, SharedJournal, StreamAppend, StreamName};
use ghostlight_world::World;
use jiff::Timestamp;

use crate::blocking::blocking;
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::{codec, streams};

/// Why a request is not answered because of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefusal {
    /// A request with this key is being answered at this moment: ask again.
    #[error("a request with this idempotency key is in progress")]
    InProgress,
    /// The key was used for another request: take a fresh one.
    #[error("this idempotency key was used for another request")]
    Reused,
}

impl From<KeyIsReused> for KeyRefusal {
    fn from(_: KeyIsReused) -> Self {
        Self::Reused
    }
}

/// What a request under a key is.
#[derive(Debug)]
pub enum Begun {
    /// The first one, which takes the key with what it changes; or one without a key.
    First(Option<Claim>),
    /// A repeated one, which is answered from what the first one came to.
    Again(Holding),
}

/// What a request under a key is, or why it is refused.
pub type Asked = Result<Result<Begun, KeyRefusal>, StoreError>;

/// The keys of all requests. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    journal: SharedJournal,
    world: World,
    under_way: Arc<Mutex<HashSet<String>>>,
}

/// A key that is free and will be taken by the request that holds this. While a clone of it lives, other requests under the
/// key are refused as in progress.
#[derive(Debug, Clone)]
pub struct Claim {
    key: IdempotencyKey,
    /// The sequence at which the key's stream was seen to be free.
    expected: u64,
    _under_way: Arc<UnderWay>,
}

#[derive(Debug)]
struct UnderWay {
    key: String,
    all: Arc<Mutex<HashSet<String>>>,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}

impl Keys {
    /// The keys in `journal`.
    #[must_use]
    pub fn new(journal: SharedJournal, world: World) -> Self {
        Self { journal, world, under_way: Arc::default() }
    }

    /// Begins to answer a request under `key`; without one it does nothing at all.
    ///
    /// # Errors
    /// [`StoreError`] when the key's stream cannot be read.
    pub async fn begin(&self, key: Option<&IdempotencyKey>) -> Asked {
        let Some(key) = key else { return Ok(Ok(Begun::First(None))) };
        // A key that is taken is answered from the journal, however many ask for it at the same time.
        match self.look(key).await? {
            Ok(Looked::Free(_)) => {}
            Ok(Looked::Held(holding)) => return Ok(Ok(Begun::Again(holding))),
            Err(refusal) => return Ok(Err(refusal)),
        }
        let Some(under_way) = self.hold(key) else { return Ok(Err(KeyRefusal::InProgress)) };
        // Whoever held it before may have finished in between: only now it is seen to be free.
        let claim = Claim { key: key.clone(), expected: 0, _under_way: Arc::new(under_way) };
        self.renew(Some(claim)).await
    }

    /// What a request under a claim is after its append was refused, or nobody knows whether it was made: somebody else may
    /// have taken the key, or an earlier attempt of the same request.
    ///
    /// # Errors
    /// [`StoreError`] when the key's stream cannot be read.
    pub async fn renew(&self, claim: Option<Claim>) -> Asked {
        let Some(claim) = claim else { return Ok(Ok(Begun::First(None))) };
        Ok(self.look(&claim.key).await?.map(|looked| match looked {
            Looked::Held(holding) => Begun::Again(holding),
            Looked::Free(expected) => Begun::First(Some(Claim { expected, ..claim })),
        }))
    }

    /// Frees a key before its time: what was announced under it was not done after all.
    ///
    /// # Errors
    /// [`StoreError`]; the key then stays taken until its time is over.
    pub async fn release(&self, claim: &Claim, caller: &Caller) -> Result<(), StoreError> {
        let (keys, key) = (self.clone(), claim.key.key.clone());
        let history = blocking(move || lookup(&*keys.journal, &key)).await??;
        let Some(part) = release(&claim.key.key, &history, self.world.clock.now(), caller) else {
            return Ok(());
        };
        match self.journal.append(Append::one(self.world.uuid_v7().into_bytes(), part)).await {
            // Somebody else released it.
            Ok(_) | Err(AppendError::Conflict { .. }) => Ok(()),
            Err(error) => Err(StoreError::of_append(&error)),
        }
    }

    fn hold(&self, key: &IdempotencyKey) -> Option<UnderWay> {
        let is_first = self.under_way.lock().unwrap_or_else(PoisonError::into_inner).insert(key.key.clone());
        is_first.then(|| UnderWay { key: key.key.clone(), all: self.under_way.clone() })
    }

    async fn look(&self, key: &IdempotencyKey) -> Result<Result<Looked, KeyRefusal>, StoreError> {
        let (journal, name) = (self.journal.clone(), key.key.clone());
        let history = blocking(move || lookup(&*journal, &name)).await??;
        Ok(match history.asked(&key.fingerprint, self.world.clock.now()) {
            Ok(None) => Ok(Looked::Free(history.stream_sequence())),
            Ok(Some(holding)) => Ok(Looked::Held(holding.clone())),
            Err(reused) => Err(reused.into()),
        })
    }
}

enum Looked {
    /// At this sequence of the key's stream.
    Free(u64),
    Held(Holding),
}

impl Claim {
    /// The part of an append that takes the key for `target` from `now` on, for a day. To be appended together with what
    /// the request changes, or alone when it changes nothing. When somebody else has taken the key since, the append ends
    /// in a conflict on the key's stream, and nothing of it is written: see [`is_conflict`].
    #[must_use]
    pub fn part(
        &self,
        target: &StreamName,
        outcome: Option<KeyOutcome>,
        caller: &Caller,
        now: Timestamp,
    ) -> StreamAppend {
        let taken = key::take(target.as_str(), &self.key.fingerprint, outcome, now);
        codec::part(&streams::key(&self.key.key), self.expected, &[taken], caller, now)
    }
}

/// Whether an append was refused because its key had been taken.
#[must_use]
pub fn is_conflict(error: &AppendError) -> bool {
    matches!(error, AppendError::Conflict { stream, .. } if stream.kind() == "key")
}

/// What is known of `key`. Blocks on the disk, briefly: only the last record of the key's stream counts.
///
/// # Errors
/// [`StoreError`] when the key's stream cannot be read.
pub fn lookup(journal: &dyn Journal, key: &str) -> Result<KeyHistory, StoreError> {
    let stream = streams::key(key);
    let Some(head) = journal.head_of(&stream).map_err(|error| StoreError::of_read(&error))? else {
        return Ok(KeyHistory::default());
    };
    let last = journal.read(&stream, head.sequence, 1).map_err(|error| StoreError::of_read(&error))?;
    let Some(record) = last.first() else {
        // The head says that there is a record: the stream went past its retention, so the key did too.
        return Ok(KeyHistory::forgotten(head.sequence));
    };
    let recorded = codec::decode(record).map_err(|error| StoreError::Damaged(error.to_string()))?;
    let mut history = KeyHistory::default();
    history.evolve(Fact {
        event: &recorded.event,
        at: recorded.at,
        by: recorded.attribution.by.as_deref(),
        stream_sequence: record.stream_sequence,
        sequence: record.sequence,
    });
    Ok(history)
}

/// The part of an append that frees a key before its time. `None` when it is free.
#[must_use]
pub fn release(key: &str, history: &KeyHistory, now: Timestamp, caller: &Caller) -> Option<StreamAppend> {
    let released = history.release(now)?;
    Some(codec::part(&streams::key(key), history.stream_sequence(), &[released], caller, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;
    use crate::testing::{ledger, local};
    use ghostlight_model::definitions::key::KEY_KEPT;
    use ghostlight_model::event::KeyReleased;
    use ghostlight_model::ids::RunId;
    use uuid::Uuid;

    fn key(fingerprint: &str) -> IdempotencyKey {
        IdempotencyKey { key: "order-1".into(), fingerprint: fingerprint.into() }
    }

    fn target(number: u128) -> StreamName {
        streams::run(RunId(Uuid::from_u128(number)))
    }

    async fn claim(ledger: &Ledger) -> Claim {
        match ledger.keys.begin(Some(&key("f"))).await.unwrap().unwrap() {
            Begun::First(Some(claim)) => claim,
            other => panic!("{other:?}"),
        }
    }

    /// The key and what it protects, as one unit.
    fn unit(ledger: &Ledger, claim: &Claim, number: u128) -> Append {
        let now = ledger.world.clock.now();
        let taken = claim.part(&target(number), None, &local(), now);
        let protected = codec::part(&target(number), 0, &[KeyReleased {}.into()], &local(), now);
        Append { id: ledger.append_id(), parts: vec![protected, taken] }
    }

    fn held(ledger: &Ledger) -> Option<String> {
        let history = lookup(&*ledger.journal, "order-1").unwrap();
        history.holding(ledger.world.clock.now()).map(|holding| holding.target.clone())
    }

    #[tokio::test]
    async fn of_64_equal_takes_exactly_one_wins_and_the_others_change_nothing() {
        let (ledger, _) = ledger();
        // All looked the key up while it was free.
        let claim = claim(&ledger).await;
        let units: Vec<Append> = (0..64).map(|number| unit(&ledger, &claim, number)).collect();
        let answers =
            futures::future::join_all(units.into_iter().map(|unit| ledger.journal.append(unit))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let conflicts = answers.iter().filter(|answer| answer.as_ref().is_err_and(is_conflict));
        assert_eq!(conflicts.count(), 63);
        let runs = ledger.streams("run/").unwrap();
        assert_eq!((runs.len(), held(&ledger)), (1, Some(runs[0].as_str().to_owned())));
    }

    #[tokio::test]
    async fn a_taken_key_is_not_taken_again_until_its_day_is_over_or_it_is_released() {
        let (ledger, sim) = ledger();
        let first = claim(&ledger).await;
        ledger.journal.append(unit(&ledger, &first, 1)).await.unwrap();
        sim.clock.advance(KEY_KEPT - std::time::Duration::from_secs(1));
        assert!(is_conflict(&ledger.journal.append(unit(&ledger, &first, 2)).await.unwrap_err()));
        let again = ledger.keys.renew(Some(first)).await.unwrap().unwrap();
        assert!(matches!(again, Begun::Again(holding) if holding.target == target(1).as_str()));
        sim.clock.advance(std::time::Duration::from_secs(1));
        let second = claim(&ledger).await;
        ledger.journal.append(unit(&ledger, &second, 2)).await.unwrap();
        assert_eq!(held(&ledger).as_deref(), Some(target(2).as_str()));

        for _ in 0..2 {
            ledger.keys.release(&second, &local()).await.unwrap();
            assert_eq!(held(&ledger), None);
        }
        assert_eq!(lookup(&*ledger.journal, "order-1").unwrap().stream_sequence(), 3);
    }

    #[tokio::test]
    async fn while_a_request_is_answered_another_one_under_its_key_is_in_progress() {
        let (ledger, _) = ledger();
        let first = claim(&ledger).await;
        let other = ledger.keys.begin(Some(&key("g"))).await.unwrap();
        assert_eq!(other.unwrap_err(), KeyRefusal::InProgress);
        let clone = first.clone();
        drop(first);
        assert_eq!(ledger.keys.begin(Some(&key("f"))).await.unwrap().unwrap_err(), KeyRefusal::InProgress);
        ledger.journal.append(unit(&ledger, &clone, 1)).await.unwrap();
        // It is taken: equal requests need not wait for the first one's answer.
        assert!(matches!(ledger.keys.begin(Some(&key("f"))).await, Ok(Ok(Begun::Again(_)))));
        drop(clone);
        let other = ledger.keys.begin(Some(&key("g"))).await.unwrap();
        assert_eq!(other.unwrap_err(), KeyRefusal::Reused);
    }

    #[tokio::test]
    async fn a_request_that_was_refused_leaves_its_key_free() {
        let (ledger, _) = ledger();
        drop(claim(&ledger).await);
        let other = ledger.keys.begin(Some(&key("g"))).await;
        assert!(matches!(other, Ok(Ok(Begun::First(Some(_))))));
        assert_eq!(ledger.journal.head(), 0);
    }

    #[tokio::test]
    async fn without_a_key_nothing_is_read() {
        let (ledger, _) = ledger();
        ledger.journal.close();
        assert!(matches!(ledger.keys.begin(None).await, Ok(Ok(Begun::First(None)))));
        assert!(matches!(ledger.keys.renew(None).await, Ok(Ok(Begun::First(None)))));
    }
}
