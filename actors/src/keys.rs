//! Idempotency keys: the same key starts one thing, however often and however simultaneously it is asked for.
//!
//! A key is a stream of its own. Whoever does something under a key looks it up, and appends [`take`] in the same unit
//! as what the key protects: of any number of equal requests one append is committed; the others conflict, look the key
//! up again, and find what it stands for. Whether a request is being answered at this moment is no matter of the
//! journal: who plans knows it.

use ghostlight_model::definitions::key::{Holding, KEY_KEPT, KeyHistory};
use ghostlight_model::definitions::{Fact, Fold};
use ghostlight_model::event::{Event, KeyReleased, KeyTaken};
use ghostlight_store::{Journal, StreamAppend, StreamName};
use jiff::Timestamp;

use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::ledger;
use crate::{codec, streams};

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyState {
    /// Nothing, ever.
    Free,
    /// Something.
    Taken {
        /// The name of a stream, as it was given to [`take`].
        target: String,
        /// Of the request that took it: another fingerprint under the same key is a mistake of the caller.
        fingerprint: String,
        /// When the key becomes free again.
        until: Timestamp,
        /// Sequence of the key's stream.
        sequence: u64,
    },
    /// Nothing any more; it may be taken again.
    Expired {
        /// Sequence of the key's stream: what taking it expects.
        sequence: u64,
    },
}

/// What `key` stands for at `now`. Blocks on the disk, briefly: only the last record of the key's stream counts.
///
/// # Errors
/// [`StoreError`] when the key's stream cannot be read.
pub fn lookup(journal: &dyn Journal, key: &str, now: Timestamp) -> Result<KeyState, StoreError> {
    let stream = streams::key(key);
    let Some(head) = journal.head_of(&stream).map_err(|error| StoreError::of_read(&error))? else {
        return Ok(KeyState::Free);
    };
    let last = journal.read(&stream, head.sequence, 1).map_err(|error| StoreError::of_read(&error))?;
    let Some(record) = last.first() else {
        // The head says that there is a record: the stream went past its retention, so the key did too.
        return Ok(KeyState::Expired { sequence: head.sequence });
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
    let sequence = history.stream_sequence();
    Ok(match history.holding(now) {
        None => KeyState::Expired { sequence },
        Some(Holding { target, fingerprint, until }) => KeyState::Taken {
            target: target.clone(),
            fingerprint: fingerprint.clone(),
            until: *until,
            sequence,
        },
    })
}

/// The part of an append that takes `key` for `target` from `now` on, for a day. To be appended together with the
/// records of `target`. Blocks on the disk as [`lookup`] does. When the key is taken already, or taken before the append
/// is decided, the append ends in a conflict on the key's stream: look the key up again.
///
/// # Errors
/// [`StoreError`] when the key's stream cannot be read.
pub fn take(
    journal: &dyn Journal,
    key: &IdempotencyKey,
    target: &StreamName,
    caller: &Caller,
    now: Timestamp,
) -> Result<StreamAppend, StoreError> {
    let expected = match lookup(journal, &key.key, now)? {
        KeyState::Free => 0,
        KeyState::Expired { sequence } => sequence,
        // The place before it was taken: an expectation that cannot hold any more.
        KeyState::Taken { sequence, .. } => sequence.saturating_sub(1),
    };
    let until = now.checked_add(KEY_KEPT).unwrap_or(Timestamp::MAX);
    let target = target.as_str().to_owned();
    let taken = Event::from(KeyTaken { target, fingerprint: key.fingerprint.clone(), until });
    Ok(ledger::part(&streams::key(&key.key), expected, &[taken], caller, now))
}

/// The part of an append that frees a key before its time. `None` when it is free.
#[must_use]
pub fn release(key: &str, state: &KeyState, now: Timestamp, caller: &Caller) -> Option<StreamAppend> {
    match state {
        KeyState::Free | KeyState::Expired { .. } => None,
        KeyState::Taken { sequence, .. } => {
            let released = Event::from(KeyReleased {});
            Some(ledger::part(&streams::key(key), *sequence, &[released], caller, now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ledger, local};
    use ghostlight_model::ids::RunId;
    use ghostlight_store::{Append, AppendError};
    use uuid::Uuid;

    fn key() -> IdempotencyKey {
        IdempotencyKey { key: "order-1".into(), fingerprint: "f".into() }
    }

    fn target(number: u128) -> StreamName {
        streams::run(RunId(Uuid::from_u128(number)))
    }

    /// The key and what it protects, as one unit.
    fn unit(ledger: &ledger::Ledger, number: u128) -> Append {
        let now = ledger.world.clock.now();
        let taken = take(&*ledger.journal, &key(), &target(number), &local(), now).unwrap();
        let protected = ledger::part(&target(number), 0, &[KeyReleased {}.into()], &local(), now);
        Append { id: ledger.append_id(), parts: vec![protected, taken] }
    }

    #[tokio::test]
    async fn of_64_equal_takes_exactly_one_wins_and_the_others_change_nothing() {
        let (ledger, _) = ledger();
        // All looked the key up while it was free.
        let units: Vec<Append> = (0..64).map(|number| unit(&ledger, number)).collect();
        let answers =
            futures::future::join_all(units.into_iter().map(|unit| ledger.journal.append(unit))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let conflict = |answer: &Result<_, AppendError>| matches!(answer, Err(AppendError::Conflict { stream, .. }) if *stream == streams::key("order-1"));
        assert_eq!(answers.iter().filter(|answer| conflict(answer)).count(), 63);
        assert_eq!(ledger.streams("run/").unwrap().len(), 1);
        let KeyState::Taken { target, .. } =
            lookup(&*ledger.journal, "order-1", ledger.world.clock.now()).unwrap()
        else {
            panic!("the key is taken");
        };
        assert_eq!(target, ledger.streams("run/").unwrap()[0].as_str());
    }

    #[tokio::test]
    async fn a_taken_key_is_not_taken_again_until_its_day_is_over() {
        let (ledger, sim) = ledger();
        assert_eq!(lookup(&*ledger.journal, "order-1", ledger.world.clock.now()).unwrap(), KeyState::Free);
        ledger.journal.append(unit(&ledger, 1)).await.unwrap();
        sim.clock.advance(KEY_KEPT - std::time::Duration::from_secs(1));
        assert!(matches!(ledger.journal.append(unit(&ledger, 2)).await, Err(AppendError::Conflict { .. })));
        sim.clock.advance(std::time::Duration::from_secs(1));
        let now = ledger.world.clock.now();
        assert_eq!(lookup(&*ledger.journal, "order-1", now).unwrap(), KeyState::Expired { sequence: 1 });
        ledger.journal.append(unit(&ledger, 2)).await.unwrap();
        let state = lookup(&*ledger.journal, "order-1", now).unwrap();
        assert!(matches!(&state, KeyState::Taken { target: taken, .. } if taken == target(2).as_str()));

        let freed = release("order-1", &state, now, &local()).unwrap();
        ledger.journal.append(Append::one(ledger.append_id(), freed)).await.unwrap();
        let state = lookup(&*ledger.journal, "order-1", now).unwrap();
        assert_eq!(state, KeyState::Expired { sequence: 3 });
        assert!(release("order-1", &state, now, &local()).is_none());
    }
}
