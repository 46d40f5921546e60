//! An access token: created once, accepted until it expires or is revoked.

use jiff::Timestamp;

use super::{Fact, Fold};
use crate::event::{Event, TokenCreated, TokenRevoked};

/// The longest label, in characters.
pub const LABEL_CHARS_MAX: usize = 200;

/// What is known of one token; never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFacts {
    /// For people.
    pub label: String,
    /// BLAKE3 of the token, as hex.
    pub hash: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: Option<String>,
    /// From when on it is not accepted.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl TokenFacts {
    /// Whether it is accepted at `now`.
    #[must_use]
    pub fn is_accepted(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

/// The history of one token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenState {
    facts: Option<TokenFacts>,
    stream_sequence: u64,
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRejection {
    /// There is no such token.
    #[error("there is no such token")]
    NotFound,
    /// A token of this id exists.
    #[error("the token exists already")]
    Exists,
    /// The label is empty, too long or not printable.
    #[error("a label has 1 to {LABEL_CHARS_MAX} printable characters")]
    BadLabel,
    /// It would never be accepted.
    #[error("the token would expire before it is made")]
    ExpiresInThePast,
}

impl TokenState {
    /// The token, revoked or not; none when it was never made.
    #[must_use]
    pub fn facts(&self) -> Option<&TokenFacts> {
        self.facts.as_ref()
    }

    /// Makes the token.
    ///
    /// # Errors
    /// [`TokenRejection::Exists`], [`TokenRejection::BadLabel`], [`TokenRejection::ExpiresInThePast`].
    pub fn create(
        &self,
        label: &str,
        hash: String,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Event, TokenRejection> {
        let label = label.trim();
        let printable = !label.is_empty() && !label.chars().any(char::is_control);
        if self.facts.is_some() {
            Err(TokenRejection::Exists)
        } else if !printable || label.chars().count() > LABEL_CHARS_MAX {
            Err(TokenRejection::BadLabel)
        } else if expires_at.is_some_and(|expires_at| expires_at <= now) {
            Err(TokenRejection::ExpiresInThePast)
        } else {
            Ok(TokenCreated { label: label.to_owned(), hash, expires_at }.into())
        }
    }

    /// Revokes it; nothing when it is revoked already.
    ///
    /// # Errors
    /// [`TokenRejection::NotFound`].
    pub fn revoke(&self) -> Result<Option<Event>, TokenRejection> {
        let facts = self.facts.as_ref().ok_or(TokenRejection::NotFound)?;
        Ok(facts.revoked_at.is_none().then(|| TokenRevoked {}.into()))
    }
}

impl Fold for TokenState {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.stream_sequence = fact.stream_sequence;
        match fact.event {
            Event::TokenCreated(created) => {
                self.facts = Some(TokenFacts {
                    label: created.label.clone(),
                    hash: created.hash.clone(),
                    created_at: fact.at,
                    created_by: fact.by.map(str::to_owned),
                    expires_at: created.expires_at,
                    revoked_at: None,
                });
            }
            Event::TokenRevoked(_) => {
                if let Some(facts) = &mut self.facts {
                    facts.revoked_at = Some(fact.at);
                }
            }
            // A stream of a token holds nothing else.
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
    fn a_token_is_accepted_until_it_expires_or_is_revoked() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let expires_at = Timestamp::from_second(1_800_000_060).unwrap();
        let mut token = TokenState::default();
        let created = token.create(" ci ", "00".into(), Some(expires_at), now).unwrap();
        apply(&mut token, &[created], Some("local"));
        assert_eq!(token.facts().unwrap().label, "ci");
        assert!(token.facts().unwrap().is_accepted(now));
        assert!(!token.facts().unwrap().is_accepted(expires_at));

        let revoked = token.revoke().unwrap().unwrap();
        apply(&mut token, &[revoked], None);
        assert!(!token.facts().unwrap().is_accepted(now));
        assert_eq!(token.revoke(), Ok(None));
        assert_eq!(token.create("again", "00".into(), None, now), Err(TokenRejection::Exists));
    }

    #[test]
    fn a_token_without_a_usable_label_or_future_is_not_made() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let none = TokenState::default();
        for label in ["", "  ", "a\nb", &"x".repeat(LABEL_CHARS_MAX + 1)] {
            assert_eq!(none.create(label, "00".into(), None, now), Err(TokenRejection::BadLabel));
        }
        assert_eq!(none.create("a", "00".into(), Some(now), now), Err(TokenRejection::ExpiresInThePast));
        assert_eq!(none.revoke(), Err(TokenRejection::NotFound));
    }
}
