//! An idempotency key or unique name: free, taken until a time, or free again.

use std::time::Duration;

use jiff::Timestamp;

use super::{Fact, Fold};
use crate::event::{Event, KeyReleased, KeyTaken};

/// How long a key stands for what it was taken for.
pub const KEY_KEPT: Duration = Duration::from_secs(24 * 3600);

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holding {
    /// The name of a stream.
    pub target: String,
    /// BLAKE3 of the request that took it, as hex.
    pub fingerprint: String,
    /// Until when.
    pub until: Timestamp,
}

/// What is known of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHistory {
    holding: Option<Holding>,
    stream_sequence: u64,
}

/// A key that stands for something else at this time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key is taken")]
pub struct KeyIsTaken(pub Holding);

impl KeyHistory {
    /// What the key stands for at `now`. The end of the time is the first moment at which it is free.
    #[must_use]
    pub fn holding(&self, now: Timestamp) -> Option<&Holding> {
        self.holding.as_ref().filter(|holding| now < holding.until)
    }

    /// Takes the key for `target` from `now` on, for [`KEY_KEPT`].
    ///
    /// # Errors
    /// [`KeyIsTaken`] with what it stands for.
    pub fn take(&self, target: &str, fingerprint: &str, now: Timestamp) -> Result<Event, KeyIsTaken> {
        if let Some(holding) = self.holding(now) {
            return Err(KeyIsTaken(holding.clone()));
        }
        let until = now.checked_add(KEY_KEPT).unwrap_or(Timestamp::MAX);
        Ok(KeyTaken { target: target.to_owned(), fingerprint: fingerprint.to_owned(), until }.into())
    }

    /// Frees the key before its time; nothing when it is free.
    #[must_use]
    pub fn release(&self, now: Timestamp) -> Option<Event> {
        self.holding(now).map(|_| KeyReleased {}.into())
    }
}

impl Fold for KeyHistory {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.stream_sequence = fact.stream_sequence;
        match fact.event {
            Event::KeyTaken(taken) => {
                self.holding = Some(Holding {
                    target: taken.target.clone(),
                    fingerprint: taken.fingerprint.clone(),
                    until: taken.until,
                });
            }
            Event::KeyReleased(_) => self.holding = None,
            // A stream of a key holds nothing else.
            _ => {}
        }
    }

    fn stream_sequence(&self) -> u64 {
        self.stream_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::testing::apply;

    #[test]
    fn a_key_is_taken_once_and_free_again_after_a_day_or_when_released() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut key = KeyHistory::default();
        let taken = key.take("run/default/a", "f", start).unwrap();
        apply(&mut key, &[taken], None);

        let last = start.checked_add(KEY_KEPT).unwrap().checked_sub(Duration::from_nanos(1)).unwrap();
        let refused = key.take("run/default/b", "g", last).unwrap_err();
        assert_eq!(refused.0.target, "run/default/a");
        let end = start.checked_add(KEY_KEPT).unwrap();
        assert!(key.holding(end).is_none());
        assert!(key.take("run/default/b", "g", end).is_ok());
        assert!(key.release(end).is_none());

        let released = key.release(start).unwrap();
        apply(&mut key, &[released], None);
        assert!(key.take("run/default/b", "g", start).is_ok());
        assert_eq!(key.stream_sequence(), 2);
    }
}
