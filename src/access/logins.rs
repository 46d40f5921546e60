//! Who has logged in from a browser: each login is a random text that only its cookie has, and is known here by its hash.
//!
//! A login stands for the token that it was made with, as long as that is accepted and for [`LOGIN_LASTS`] at most. Logins live
//! in memory: a restart of the daemon ends them all. A browser sends a cookie whoever asks it to, so the cookie alone
//! changes nothing: a change brings a word besides, which only our own pages can read. It follows from the text of the
//! cookie, and is not kept.

use std::collections::HashMap;
use std::time::Duration;

use ghostlight_world::Random;
use jiff::Timestamp;

/// How long a login lasts.
pub const LOGIN_LASTS: Duration = Duration::from_secs(8 * 60 * 60);
/// The most logins at the same time: one more ends the oldest.
pub const LOGINS_MAX: usize = 1_000;
/// Tells the word of a login from whatever else may once be derived from its text.
const CSRF_CONTEXT: &str = "ghostlight 2026-11 csrf of a login";

/// Names a login without opening anything: the hash of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoginId(blake3::Hash);

/// Somebody who has logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Which login it is.
    pub id: LoginId,
    /// The id of the token that it was made with.
    pub token: String,
    /// From when on it opens nothing.
    pub ends_at: Timestamp,
}

/// All logins.
#[derive(Debug, Default)]
pub struct Logins {
    open: HashMap<LoginId, Numbered>,
    opened: u64,
}

#[derive(Debug)]
struct Numbered {
    login: Login,
    /// Rises from login to login.
    number: u64,
}

impl LoginId {
    /// The id of the login with this text, whether there is one or not.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(blake3::hash(text.as_bytes()))
    }
}

impl Logins {
    /// A login with a fresh text, by a token that was accepted.
    pub fn open(&mut self, text: &str, token: &str, now: Timestamp) -> Login {
        self.open.retain(|_, known| now < known.login.ends_at);
        if self.open.len() >= LOGINS_MAX
            && let Some(oldest) = self.open.values().min_by_key(|known| known.number)
        {
            let oldest = oldest.login.id;
            self.open.remove(&oldest);
        }
        let ends_at = now.checked_add(LOGIN_LASTS).unwrap_or(Timestamp::MAX);
        let login = Login { id: LoginId::of(text), token: token.to_owned(), ends_at };
        self.opened += 1;
        self.open.insert(login.id, Numbered { login: login.clone(), number: self.opened });
        login
    }

    /// The login, as long as it lasts.
    #[must_use]
    pub fn get(&self, id: LoginId, now: Timestamp) -> Option<&Login> {
        self.open.get(&id).map(|known| &known.login).filter(|login| now < login.ends_at)
    }

    /// Ends a login.
    pub fn close(&mut self, id: LoginId) {
        self.open.remove(&id);
    }
}

/// A text for a login: 256 random bits.
#[must_use]
pub fn fresh(random: &dyn Random) -> String {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    blake3::Hash::from(bytes).to_hex().to_string()
}

/// The word that a change brings besides the cookie.
#[must_use]
pub fn csrf(text: &str) -> String {
    csrf_hash(text).to_hex().to_string()
}

/// Whether `given` is that word. How much of it is right does not show in the time.
#[must_use]
pub fn is_csrf(text: &str, given: &str) -> bool {
    blake3::Hash::from_hex(given).is_ok_and(|given| given == csrf_hash(text))
}

fn csrf_hash(text: &str) -> blake3::Hash {
    blake3::derive_key(CSRF_CONTEXT, text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn token<'l>(logins: &'l Logins, text: &str, now: Timestamp) -> Option<&'l str> {
        logins.get(LoginId::of(text), now).map(|login| login.token.as_str())
    }

    #[test]
    fn a_login_stands_for_its_token_until_it_is_closed() {
        let mut logins = Logins::default();
        let login = logins.open("one", "token-1", at(0));
        logins.open("two", "token-2", at(0));
        assert_eq!(token(&logins, "one", at(1)), Some("token-1"));
        assert_eq!(token(&logins, "three", at(1)), None);
        logins.close(login.id);
        assert_eq!(token(&logins, "one", at(1)), None);
        assert_eq!(token(&logins, "two", at(1)), Some("token-2"));
    }

    #[test]
    fn a_login_ends_after_eight_hours_and_is_forgotten_when_the_next_one_begins() {
        let mut logins = Logins::default();
        logins.open("one", "token", at(0));
        assert_eq!(token(&logins, "one", at(8 * 3600 - 1)), Some("token"));
        assert_eq!(token(&logins, "one", at(8 * 3600)), None);
        logins.open("two", "token", at(8 * 3600));
        assert_eq!(logins.open.len(), 1);
    }

    #[test]
    fn one_login_more_than_there_may_be_ends_the_oldest_and_no_other() {
        let mut logins = Logins::default();
        for n in 0..=LOGINS_MAX {
            logins.open(&n.to_string(), "token", at(0));
        }
        assert_eq!(logins.open.len(), LOGINS_MAX);
        assert_eq!(token(&logins, "0", at(0)), None);
        assert_eq!(token(&logins, "1", at(0)), Some("token"));
        assert_eq!(token(&logins, &LOGINS_MAX.to_string(), at(0)), Some("token"));
    }

    #[test]
    fn the_word_of_a_login_is_its_own_and_neither_its_text_nor_its_id() {
        let word = csrf("one");
        assert!(is_csrf("one", &word));
        assert!(!is_csrf("two", &word));
        assert_ne!(word, blake3::hash(b"one").to_hex().to_string());
        for wrong in ["", "one", &word[1..], &format!("{word}0"), &"0".repeat(64), "ä"] {
            assert!(!is_csrf("one", wrong), "{wrong}");
        }
    }

    #[test]
    fn no_text_is_made_twice_and_each_has_256_bits() {
        let random = ghostlight_world::RealRandom;
        let (one, two) = (fresh(&random), fresh(&random));
        assert_ne!(one, two);
        assert_eq!(one.len(), 64);
    }
}
