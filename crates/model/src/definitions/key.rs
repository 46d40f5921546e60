//! An idempotency key or unique name: free, taken until a time, or free again.
//!
//! | the key | a request takes it | the request that took it comes again | another request comes |
//! |---|---|---|---|
//! | is free, or its time is over | taken | taken | taken |
//! | is taken | | answered from what it stands for | refused as [`KeyIsReused`] |

use std::time::Duration;

use jiff::Timestamp;

use super::{Fact, Fold};
use crate::event::{Event, KeyOutcome, KeyReleased, KeyTaken};

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
    /// What the request came to, when the target alone does not say it.
    pub outcome: Option<KeyOutcome>,
}

/// What is known of one key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyHistory {
    holding: Option<Holding>,
    stream_sequence: u64,
}

/// The key was taken by a request with another fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key was used for another request")]
pub struct KeyIsReused;

impl KeyHistory {
    /// A key whose records are gone up to `stream_sequence`: it went past its retention, and stands for nothing.
    #[must_use]
    pub fn forgotten(stream_sequence: u64) -> Self {
        Self { holding: None, stream_sequence }
    }

    /// What the key stands for at `now`. The end of the time is the first moment at which it is free.
    #[must_use]
    pub fn holding(&self, now: Timestamp) -> Option<&Holding> {
        self.holding.as_ref().filter(|holding| now < holding.until)
    }

    /// What a request of this fingerprint is to be answered from; none: it is the first one under this key.
    ///
    /// # Errors
    /// [`KeyIsReused`] when the key stands for another request.
    pub fn asked(&self, fingerprint: &str, now: Timestamp) -> Result<Option<&Holding>, KeyIsReused> {
        match self.holding(now) {
            Some(holding) if holding.fingerprint != fingerprint => Err(KeyIsReused),
            holding => Ok(holding),
        }
    }

    /// Frees the key before its time; nothing when it is free.
    #[must_use]
    pub fn release(&self, now: Timestamp) -> Option<Event> {
        self.holding(now).map(|_| KeyReleased {}.into())
    }
}

/// A key is taken from `now` on, for [`KEY_KEPT`]. That it is free is seen by whoever appends this: at the place in the
/// key's stream at which it was looked up.
#[must_use]
pub fn take(target: &str, fingerprint: &str, outcome: Option<KeyOutcome>, now: Timestamp) -> Event {
    let until = now.checked_add(KEY_KEPT).unwrap_or(Timestamp::MAX);
    KeyTaken { target: target.to_owned(), fingerprint: fingerprint.to_owned(), until, outcome }.into()
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
                    outcome: taken.outcome,
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

    const OUTCOME: KeyOutcome = KeyOutcome { at: 7, changed: true };

    #[test]
    fn a_key_is_taken_once_and_free_again_after_a_day_or_when_released() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut key = KeyHistory::default();
        apply(&mut key, &[take("run/default/a", "f", None, start)], None);

        let end = start.checked_add(KEY_KEPT).unwrap();
        let last = end.checked_sub(Duration::from_nanos(1)).unwrap();
        assert_eq!(key.holding(last).unwrap().target, "run/default/a");
        assert!(key.holding(end).is_none());
        assert!(key.release(end).is_none());

        let released = key.release(start).unwrap();
        apply(&mut key, &[released], None);
        assert_eq!(key.asked("g", start), Ok(None));
        assert_eq!((key.stream_sequence(), KeyHistory::forgotten(2)), (2, key));
    }

    #[test]
    fn the_request_that_took_a_key_is_told_from_another_until_the_key_is_free() {
        let start = Timestamp::from_second(1_800_000_000).unwrap();
        let mut key = KeyHistory::default();
        assert_eq!(key.asked("f", start), Ok(None));
        apply(&mut key, &[take("workflow/default/a", "f", Some(OUTCOME), start)], None);
        assert_eq!(key.asked("f", start).unwrap().unwrap().outcome, Some(OUTCOME));
        assert_eq!(key.asked("g", start), Err(KeyIsReused));
        let end = start.checked_add(KEY_KEPT).unwrap();
        assert_eq!((key.asked("f", end), key.asked("g", end)), (Ok(None), Ok(None)));
    }
}
