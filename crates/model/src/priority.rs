//! How urgent a run is among others.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How urgent a run is: the greater, the sooner its steps get slots. Ordinary runs have 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Priority(i8);

/// A number that is no priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoPriority;

impl Priority {
    /// That of a run of which nobody says anything.
    pub const ORDINARY: Self = Self(0);
    /// The least.
    pub const MIN: i64 = -100;
    /// The greatest.
    pub const MAX: i64 = 100;

    /// Whether it is that of an ordinary run.
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        *self == Self::ORDINARY
    }
}

impl fmt::Display for NoPriority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a priority is a whole number from {} to {}", Priority::MIN, Priority::MAX)
    }
}

impl std::error::Error for NoPriority {}

impl TryFrom<i64> for Priority {
    type Error = NoPriority;

    fn try_from(number: i64) -> Result<Self, NoPriority> {
        let fits = (Self::MIN..=Self::MAX).contains(&number);
        i8::try_from(number).ok().filter(|_| fits).map(Self).ok_or(NoPriority)
    }
}

impl From<Priority> for i64 {
    fn from(priority: Priority) -> Self {
        priority.0.into()
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
