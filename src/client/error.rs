//! Why a request was not answered as hoped, by what the caller can do.

use std::time::Duration;

use serde_json::Value;

/// Why there is no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be asked.
    #[error("`{server}` is no address of a daemon: {reason}")]
    Address {
        /// What was given.
        server: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nobody answers there.
    #[error("no daemon answers at {server}: {reason}")]
    Unreached {
        /// Where.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The answer took too long.
    #[error("the daemon at {server} did not answer within {} s", patience.as_secs())]
    TooSlow {
        /// Where.
        server: String,
        /// How long was waited.
        patience: Duration,
    },
    /// Something answered that is not a daemon of ours, or one of another time.
    #[error("{server} answered strangely: {what}")]
    Strange {
        /// Where.
        server: String,
        /// What it said.
        what: String,
    },
    /// The daemon said no.
    #[error("{}", .0.detail)]
    Refused(Box<Problem>),
}

/// A refusal (RFC 9457).
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The HTTP status.
    pub status: u16,
    /// The stable word for programs.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// What to do about it.
    pub help: Option<String>,
    /// What is wrong with a document.
    pub diagnostics: Vec<Value>,
    /// What does not fit a schema.
    pub violations: Vec<Value>,
    /// Where the thing stands that refused.
    pub state: Option<Value>,
}

impl Problem {
    pub(super) fn of(status: u16, body: Value) -> Self {
        let text = |key: &str| body[key].as_str().map(str::to_owned);
        let list = |key: &str| body[key].as_array().cloned().unwrap_or_default();
        Self {
            status,
            code: text("code").unwrap_or_else(|| "unknown".to_owned()),
            detail: text("detail").or_else(|| text("title")).unwrap_or_else(|| format!("status {status}")),
            help: text("help"),
            diagnostics: list("diagnostics"),
            violations: list("violations"),
            state: body.get("state").cloned(),
        }
    }
}

impl ClientError {
    /// The problem, when the daemon said no.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Address { .. } | Self::Unreached { .. } | Self::TooSlow { .. } | Self::Strange { .. } => {
                None
            }
        }
    }
}
