//! Who asks, under which key, and what the store may answer: words that every command shares.

use ghostlight_model::event::Attribution;
use ghostlight_store::{AppendError, ReadError};
use jiff::Timestamp;

/// Who gave a command and which one it was. Stands in every event that follows from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The subject: `local`, `token:<id>`; none when the runtime acts by itself.
    pub subject: Option<String>,
    /// Id of the command.
    pub command: Option<String>,
    /// W3C `traceparent` of the request.
    pub trace: Option<String>,
}

impl Caller {
    /// The runtime itself.
    #[must_use]
    pub fn runtime() -> Self {
        Self::default()
    }

    /// As it stands in events.
    #[must_use]
    pub fn attribution(&self) -> Attribution {
        Attribution { cause: self.command.clone(), by: self.subject.clone(), trace: self.trace.clone() }
    }
}

/// An idempotency key as the caller sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// The key, 1 to 255 printable characters.
    pub key: String,
    /// BLAKE3 over method, path and body, as hex: the same key with another request is refused.
    pub fingerprint: String,
}

/// Why the store did not do as asked, by what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full: nothing was written; it works again when there is space.
    #[error("the store's disk is full")]
    Full,
    /// So little room is left on the disk that nothing new is begun; nothing was written.
    #[error("so little room is left on the store's disk that nothing new is begun")]
    Short,
    /// Too much is queued: try again a little later.
    #[error("the store's queue is full")]
    Busy,
    /// The store takes nothing for now.
    #[error("the store is not available")]
    Unavailable,
    /// Nobody knows whether it was written: ask again with the same key.
    #[error("the outcome of the write is not known")]
    OutcomeUnknown,
    /// A record does not verify.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Larger than the store can take.
    #[error("the write of {bytes} bytes is over the limit of {bytes_max}")]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        bytes_max: usize,
    },
    /// The run was dropped, and what it was is gone from here.
    #[error("the run was archived at {at}{}", file.as_ref().map(|file| format!(", in {file}")).unwrap_or_default())]
    RunArchived {
        /// When.
        at: Timestamp,
        /// The file in the folder of archives that holds it, if there is one.
        file: Option<String>,
    },
}

impl StoreError {
    /// What an append's refusal means to a caller. A conflict is no answer for a caller: whoever appends reads the
    /// stream and decides again, so it stands for a store that is too busy.
    #[must_use]
    pub fn of_append(error: &AppendError) -> Self {
        match error {
            AppendError::Full => Self::Full,
            AppendError::Busy | AppendError::Conflict { .. } => Self::Busy,
            AppendError::Fenced
            | AppendError::Unavailable
            | AppendError::Dropped
            | AppendError::Invalid(_) => Self::Unavailable,
            AppendError::OutcomeUnknown => Self::OutcomeUnknown,
            AppendError::Damaged { .. } => Self::Damaged(error.to_string()),
            AppendError::TooLarge { bytes, bytes_max } => {
                Self::TooLarge { bytes: *bytes, bytes_max: *bytes_max }
            }
        }
    }

    /// Whether it is a single object that cannot be read, and others can.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }

    /// What a failed read means to a caller.
    #[must_use]
    pub fn of_read(error: &ReadError) -> Self {
        match error {
            ReadError::Corrupt(corruption) => Self::Damaged(corruption.to_string()),
            ReadError::Device(_) | ReadError::Unavailable => Self::Unavailable,
        }
    }
}
