//! Access tokens: made once, shown once, known afterwards by their hash alone.
//!
//! Each token is a stream in the journal; the map from hash to token lives in memory and is folded again at each start.
//! A token has 178 random bits, so a fast hash is enough to store it by: there is nothing to guess.
//!
//! Promises: a token is accepted only after its creation is durable, and no more once its revocation is; what is wrong
//! is refused in the same time whether it is nearly right or not at all. Leaves to others: what a subject may do.

mod text;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use ghostlight_model::definitions::Fold;
use ghostlight_model::definitions::token::{TokenFacts, TokenRejection, TokenState};
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use crate::caller::{Caller, StoreError};
use crate::ledger::{ChangeError, Ledger, blocking};
use crate::streams;

pub use text::{PREFIX, TOKEN_BYTES};

/// How many tokens may be accepted at the same time. A limit against a runaway script, not against use.
pub const TOKENS_MAX: usize = 10_000;

/// What is known of a token; never the token itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its id: the subject of what is done with it is `token:<id>`.
    pub id: String,
    /// Label, times, and the hash.
    pub facts: TokenFacts,
}

impl TokenInfo {
    /// The subject that stands in events: `token:<id>`.
    #[must_use]
    pub fn subject(&self) -> String {
        format!("token:{}", self.id)
    }
}

/// A token that was just made.
#[derive(Clone)]
pub struct NewToken {
    /// The token: shown to its owner now and never again.
    pub text: String,
    /// What stays.
    pub info: TokenInfo,
    /// Global sequence of its creation.
    pub sequence: u64,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("info", &self.info).finish_non_exhaustive()
    }
}

/// Why a token was not made or revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The rule says no: unknown id, bad label, expiry in the past.
    #[error(transparent)]
    Rejected(#[from] TokenRejection),
    /// There are [`TOKENS_MAX`] tokens: revoke some.
    #[error("there are {TOKENS_MAX} tokens already")]
    TooMany,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Ledger,
    any: AtomicBool,
    index: RwLock<Index>,
}

#[derive(Default)]
struct Index {
    by_id: BTreeMap<String, TokenState>,
    /// Tokens that are not revoked, by the first eight bytes of their hash. Two with the same beginning would be a
    /// collision of 64 bits among ten thousand; the list is there so that even then both work.
    by_hash: HashMap<u64, Vec<(blake3::Hash, String)>>,
    /// Whether there are tokens that could not be read.
    has_damaged: bool,
}

impl Tokens {
    /// Reads all tokens from the journal. One whose records are damaged is not accepted, and without any other nobody is: it
    /// may be what protects the daemon. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub fn open(ledger: Ledger) -> Result<Self, StoreError> {
        let mut index = Index::default();
        for stream in ledger.streams("token/default/")? {
            match ledger.fold_unless_damaged::<TokenState>(&stream)? {
                Some(state) => index.put(stream.id(), state),
                None => index.has_damaged = true,
            }
        }
        let any = AtomicBool::new(index.any());
        Ok(Self { shared: Arc::new(Shared { ledger, any, index: RwLock::new(index) }) })
    }

    /// Makes a token for people. It is accepted once this returns.
    ///
    /// # Errors
    /// [`TokenError`].
    pub async fn create(
        &self,
        label: &str,
        expires_at: Option<Timestamp>,
        caller: &Caller,
    ) -> Result<NewToken, TokenError> {
        let ledger = &self.shared.ledger;
        if self.read().live() >= TOKENS_MAX {
            return Err(TokenError::TooMany);
        }
        let text = text::generate(&*ledger.world.random);
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        let id = ledger.world.uuid_v7().to_string();
        let changed = ledger
            .change(&streams::token(&id), TokenState::default(), caller, |state, now| {
                state.create(label, hash.clone(), expires_at, now).map(|event| vec![event])
            })
            .await
            .map_err(refusal)?;
        let info = self.put(&id, changed.state).ok_or(StoreError::Unavailable)?;
        Ok(NewToken { text, info, sequence: changed.sequence.unwrap_or_default() })
    }

    /// The token that this text is, if it is accepted now. Texts without the right checksum are refused before anything
    /// is looked up; the rest is compared in constant time.
    #[must_use]
    pub fn verify(&self, text: &str) -> Option<TokenInfo> {
        if !text::is_well_formed(text) {
            return None;
        }
        let hash = blake3::hash(text.as_bytes());
        let now = self.shared.ledger.world.clock.now();
        let index = self.read();
        let candidates = index.by_hash.get(&beginning(&hash))?;
        // Every candidate is compared, so that the time does not tell which one it was.
        let found = candidates.iter().fold(None, |found, (known, id)| {
            if bool::from(known.as_bytes().ct_eq(hash.as_bytes())) { Some(id) } else { found }
        })?;
        index.info(found).filter(|info| info.facts.is_accepted(now))
    }

    /// Whether there is a token that is not revoked: then loopback needs one too. An expired one counts, so that the
    /// mere passing of time opens nothing; revoking the last token is somebody's decision.
    #[must_use]
    pub fn any(&self) -> bool {
        self.shared.any.load(Ordering::Acquire)
    }

    /// All tokens, revoked ones included, the newest first.
    #[must_use]
    pub fn list(&self) -> Vec<TokenInfo> {
        let index = self.read();
        // Ids are UUIDv7: their order is the order of creation.
        index.by_id.keys().rev().filter_map(|id| index.info(id)).collect()
    }

    /// The token of that id, revoked or not.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<TokenInfo> {
        self.read().info(id)
    }

    /// Revokes a token: when this returns it is not accepted any more, and never will be. Revoking it again changes
    /// nothing. Answers with the token and the global sequence of the revocation, if there was one.
    ///
    /// # Errors
    /// [`TokenError::Rejected`] when there is no such token, [`TokenError::Store`].
    pub async fn revoke(&self, id: &str, caller: &Caller) -> Result<(TokenInfo, Option<u64>), TokenError> {
        let state = self.read().by_id.get(id).cloned().ok_or(TokenRejection::NotFound)?;
        let stream = streams::token(id);
        let changed = self
            .shared
            .ledger
            .change(&stream, state, caller, |state, _| Ok(state.revoke()?.into_iter().collect()))
            .await;
        let changed = match changed {
            Ok(changed) => changed,
            Err(error) => {
                // It may have been written although nobody knows: what the journal says holds.
                let ledger = self.shared.ledger.clone();
                if let Ok(state) = blocking(move || ledger.fold(&stream)).await {
                    self.put(id, state);
                }
                return Err(refusal(error));
            }
        };
        let info = self.put(id, changed.state).ok_or(TokenRejection::NotFound)?;
        Ok((info, changed.sequence))
    }

    fn put(&self, id: &str, state: TokenState) -> Option<TokenInfo> {
        let mut index = self.shared.index.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        index.put(id, state);
        self.shared.any.store(index.any(), Ordering::Release);
        index.info(id)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Index> {
        self.shared.index.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Index {
    fn put(&mut self, id: &str, state: TokenState) {
        let Some(facts) = state.facts() else { return };
        // A hash that is none was written by nobody of ours; such a token is listed and never accepted.
        if let Ok(hash) = blake3::Hash::from_hex(&facts.hash) {
            let same_beginning = self.by_hash.entry(beginning(&hash)).or_default();
            same_beginning.retain(|(_, other)| other != id);
            if facts.revoked_at.is_none() {
                same_beginning.push((hash, id.to_owned()));
            }
            if same_beginning.is_empty() {
                self.by_hash.remove(&beginning(&hash));
            }
        }
        // Of two states of one token the one that has seen more holds: two revocations may end in any order.
        let known = self.by_id.get(id).map_or(0, Fold::stream_sequence);
        if Fold::stream_sequence(&state) >= known {
            self.by_id.insert(id.to_owned(), state);
        }
    }

    fn info(&self, id: &str) -> Option<TokenInfo> {
        let facts = self.by_id.get(id)?.facts()?.clone();
        Some(TokenInfo { id: id.to_owned(), facts })
    }

    fn live(&self) -> usize {
        self.by_hash.values().map(Vec::len).sum()
    }

    fn any(&self) -> bool {
        self.has_damaged || !self.by_hash.is_empty()
    }
}

fn beginning(hash: &blake3::Hash) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&hash.as_bytes()[..8]);
    u64::from_le_bytes(first)
}

fn refusal(error: ChangeError<TokenRejection>) -> TokenError {
    match error {
        ChangeError::Rejected(rejection) => rejection.into(),
        ChangeError::Store(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ledger, local};
    use std::time::Duration;

    #[tokio::test]
    async fn a_token_is_accepted_over_a_restart_until_it_is_revoked() {
        let (ledger, _) = ledger();
        let tokens = Tokens::open(ledger.clone()).unwrap();
        assert!(!tokens.any());
        let made = tokens.create("ci", None, &local()).await.unwrap();
        assert!(tokens.any());
        assert_eq!(tokens.verify(&made.text), Some(made.info.clone()));
        assert!(!format!("{made:?}").contains(&made.text));

        let again = Tokens::open(ledger.clone()).unwrap();
        assert_eq!(again.verify(&made.text), Some(made.info.clone()));
        assert_eq!(again.list(), std::slice::from_ref(&made.info));
        let (revoked, sequence) = again.revoke(&made.info.id, &local()).await.unwrap();
        assert!(revoked.facts.revoked_at.is_some());
        assert_eq!(sequence, Some(ledger.journal.head()));
        assert_eq!(again.verify(&made.text), None);
        assert!(!again.any());
        assert_eq!(again.revoke(&made.info.id, &local()).await.unwrap().1, None);
        assert_eq!(Tokens::open(ledger).unwrap().verify(&made.text), None);
    }

    #[tokio::test]
    async fn an_expired_token_is_refused_and_keeps_the_door_closed() {
        let (ledger, sim) = ledger();
        let tokens = Tokens::open(ledger.clone()).unwrap();
        let expires_at = ledger.world.clock.now().checked_add(Duration::from_secs(60)).unwrap();
        let made = tokens.create("short", Some(expires_at), &local()).await.unwrap();
        sim.clock.advance(Duration::from_secs(60));
        assert_eq!(tokens.verify(&made.text), None);
        assert!(tokens.any());
    }

    #[tokio::test]
    async fn neither_a_stranger_nor_the_stored_hash_is_accepted() {
        let (ledger, _) = ledger();
        let tokens = Tokens::open(ledger.clone()).unwrap();
        let made = tokens.create("ci", None, &local()).await.unwrap();
        let stranger = text::generate(&*ledger.world.random);
        assert_eq!(tokens.verify(&stranger), None);
        assert_eq!(tokens.verify(&made.info.facts.hash), None);
        assert_eq!(tokens.revoke("nobody", &local()).await, Err(TokenRejection::NotFound.into()));
        let stored = ledger.journal.read_all(0, 100).unwrap();
        let holds = |body: &[u8]| body.windows(made.text.len()).any(|part| part == made.text.as_bytes());
        assert!(stored.iter().all(|record| !holds(&record.body)));
    }
}
