//! Names and ids: small, cheap to clone, and each of its own type so that none is taken for another.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A name or id that does not have the required shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} `{text}` must match {pattern}")]
pub struct InvalidId {
    /// What was being named: "name", "node id", "step path" ...
    pub what: &'static str,
    /// The offending text, cut to 100 characters.
    pub text: String,
    /// The pattern that holds.
    pub pattern: &'static str,
}

impl InvalidId {
    fn new(what: &'static str, text: &str, pattern: &'static str) -> Self {
        Self { what, text: text.chars().take(100).collect(), pattern }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the shape of `text`.
            ///
            /// # Errors
            /// [`InvalidId`] names the pattern that holds.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                if $check(text) { Ok(Self(text.into())) } else { Err(InvalidId::new($what, text, $pattern)) }
            }

            /// The text itself.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(&text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.to_string()
            }
        }

        // In the same order as the text, so that maps are looked up by it.
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }
    };
}

text_id!(
    /// The name of a workflow or an agent: `[a-z][a-z0-9-]{0,62}`.
    Name, "name", "[a-z][a-z0-9-]{0,62}", is_name
);
text_id!(
    /// The id of a node in a workflow: `[a-z][a-z0-9_]{0,62}`.
    NodeId, "node id", "[a-z][a-z0-9_]{0,62}", is_node_id
);
text_id!(
    /// Where a step stands in its run: `verify`, `each.2.fetch`. A node id, then an item or pass number or a node id inside it.
    StepPath, "step path", "node(.number|.node)*", is_step_path
);

fn is_name(text: &str) -> bool {
    starts_with_letter(text, 63)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_node_id(text: &str) -> bool {
    starts_with_letter(text, 63)
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn starts_with_letter(text: &str, length_max: usize) -> bool {
    text.len() <= length_max && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

fn is_step_path(text: &str) -> bool {
    let mut parts = text.split('.');
    text.len() <= 512
        && parts.next().is_some_and(is_node_id)
        && parts.all(|part| {
            is_node_id(part)
                || (!part.is_empty() && part.len() <= 9 && part.bytes().all(|b| b.is_ascii_digit()))
        })
}

impl StepPath {
    /// Whether it names what stands beside a step, as `restart.verify` does, and not an item or a pass.
    #[must_use]
    pub fn is_aside(&self) -> bool {
        let last = self.0.rsplit_once('.').map(|(_, last)| last);
        last.is_some_and(|last| !last.starts_with(|c: char| c.is_ascii_digit()))
    }
}

impl From<&NodeId> for StepPath {
    fn from(node: &NodeId) -> Self {
        Self(node.0.clone())
    }
}

/// One try of a step. Prints as `verify@2`; attempts count from 1 over the life of the step.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId {
    /// The step that is tried.
    pub step: StepPath,
    /// Which try this is, from 1; never starts again.
    pub number: u32,
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.step, self.number)
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> String {
        id.to_string()
    }
}

impl TryFrom<String> for AttemptId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let invalid = || InvalidId::new("attempt", &text, "step@number");
        let (step, number) = text.split_once('@').ok_or_else(invalid)?;
        let number = number.parse().map_err(|_| invalid())?;
        Ok(Self { step: StepPath::new(step)?, number })
    }
}

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id!(
    /// A run: UUIDv7, so that newer ones sort later.
    RunId
);
uuid_id!(
    /// A request for a person's decision, inside a run: UUIDv7.
    ApprovalId
);

/// The content hash of a definition: BLAKE3 over its canonical form, printed as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DefinitionHash([u8; 32]);

impl DefinitionHash {
    /// Hashes the canonical bytes of a definition.
    #[must_use]
    pub fn of(canonical: &[u8]) -> Self {
        Self(*blake3::hash(canonical).as_bytes())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(blake3::Hash::from(self.0).to_hex().as_str())
    }
}

impl fmt::Debug for DefinitionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.12}", self.to_string())
    }
}

impl From<DefinitionHash> for String {
    fn from(hash: DefinitionHash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for DefinitionHash {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        blake3::Hash::from_hex(&text)
            .map(|hash| Self(*hash.as_bytes()))
            .map_err(|_| InvalidId::new("hash", &text, "64 hex digits"))
    }
}

/// Fresh ids for one decision. The caller supplies one random UUIDv7; the ids of a decision count up from it, so that a
/// decision is a function of its arguments and its ids keep the order in which they were made.
#[derive(Debug, Clone)]
pub struct Ids {
    base: u128,
    used: u128,
}

impl Ids {
    /// Ids that count up from `base`, a fresh UUIDv7.
    #[must_use]
    pub fn from_base(base: Uuid) -> Self {
        Self { base: base.as_u128(), used: 0 }
    }

    /// The next id. The count goes into the low 62 bits, so version, variant and time of the base stay.
    pub fn fresh(&mut self) -> Uuid {
        const RANDOM_BITS: u128 = (1 << 62) - 1;
        let random = (self.base.wrapping_add(self.used)) & RANDOM_BITS;
        self.used += 1;
        Uuid::from_u128((self.base & !RANDOM_BITS) | random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_node_ids_have_their_own_alphabet() {
        assert!(Name::new("http-probe").is_ok());
        assert!(NodeId::new("http_probe").is_ok());
        for bad in ["", "9a", "A", "a b", "a_b", "ä", &"a".repeat(64)] {
            assert!(Name::new(bad).is_err(), "{bad}");
        }
        assert!(NodeId::new("a-b").is_err());
    }

    #[test]
    fn an_attempt_reads_back_as_it_prints() {
        let id = AttemptId { step: StepPath::new("each.2.fetch").unwrap(), number: 3 };
        assert_eq!(id.to_string(), "each.2.fetch@3");
        assert_eq!(AttemptId::try_from(id.to_string()).unwrap(), id);
        assert!(AttemptId::try_from("verify".to_owned()).is_err());
        assert!(AttemptId::try_from("verify@x".to_owned()).is_err());
    }

    #[test]
    fn ids_of_a_decision_are_distinct_ordered_and_stay_version_7() {
        let mut ids = Ids::from_base(Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0001));
        let (a, b) = (ids.fresh(), ids.fresh());
        assert!(a < b);
        assert_eq!(b.get_version_num(), 7);
    }
}
