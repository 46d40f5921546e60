//! Why an attempt failed, in the words that decide what happens next.

pub mod codes;

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of failure it was. The class chooses the recovery: `transient`, `rate_limit` and `timeout` are worth another
/// try by default; the others repeat with the same result until something is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// A passing trouble of the network or the callee.
    Transient,
    /// The callee asked us to slow down.
    RateLimit,
    /// No answer, or no sign of life, in the time given.
    Timeout,
    /// The input or output does not fit what was declared.
    Data,
    /// The definition, the agent's file or the machine is not set up for this call.
    Configuration,
    /// A secret or permission was refused.
    Credential,
    /// The agent cannot do what was asked, or none is enabled that can.
    Capability,
    /// The agent broke its protocol.
    AgentBug,
    /// A person said no, or did not answer in time.
    Rejected,
    /// A limit of money, tokens or size.
    Budget,
    /// The work was cancelled.
    Cancelled,
    /// Nobody can tell.
    Unknown,
}

impl ErrorClass {
    /// Whether another try is worth it when the definition does not say.
    #[must_use]
    pub fn retryable(self) -> bool {
        match self {
            Self::Transient | Self::RateLimit | Self::Timeout | Self::Unknown => true,
            Self::Data
            | Self::Configuration
            | Self::Credential
            | Self::Capability
            | Self::AgentBug
            | Self::Rejected
            | Self::Budget
            | Self::Cancelled => false,
        }
    }

    /// The name as it stands in events and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimit => "rate_limit",
            Self::Timeout => "timeout",
            Self::Data => "data",
            Self::Configuration => "configuration",
            Self::Credential => "credential",
            Self::Capability => "capability",
            Self::AgentBug => "agent_bug",
            Self::Rejected => "rejected",
            Self::Budget => "budget",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// All classes, in the order of their declaration.
    pub const ALL: [Self; 12] = [
        Self::Transient,
        Self::RateLimit,
        Self::Timeout,
        Self::Data,
        Self::Configuration,
        Self::Credential,
        Self::Capability,
        Self::AgentBug,
        Self::Rejected,
        Self::Budget,
        Self::Cancelled,
        Self::Unknown,
    ];
}

/// Whether a failed attempt had its effect in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Refused before anything was done: safe to try again.
    No,
    /// Done, although the attempt failed afterwards.
    Yes,
    /// It may or may not have happened.
    Unknown,
}

/// What calling an operation twice does. Ordered: a node may raise the class of its agent, never lower it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectClass {
    /// Changes nothing.
    Read,
    /// Changes something, and the same once or twice under the same key.
    Idempotent,
    /// Changes something each time. The class of whatever does not say otherwise.
    Write,
}

impl EffectClass {
    /// Whether an attempt that ended with `happened` may be followed by another one without asking anyone.
    #[must_use]
    pub fn may_run_again(self, happened: Happened) -> bool {
        match (self, happened) {
            (Self::Read | Self::Idempotent, _) | (Self::Write, Happened::No) => true,
            (Self::Write, Happened::Yes | Happened::Unknown) => false,
        }
    }
}

/// One failed attempt: what the caller of an agent reports, and what events, the API and people see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Chooses the recovery.
    pub class: ErrorClass,
    /// Stable snake_case word for programs: `connection_refused`, `output_schema_mismatch`.
    pub code: String,
    /// One lowercase sentence for people, without secrets, at most 4 KiB.
    pub message: String,
    /// Whether the call had its effect.
    pub happened: Happened,
    /// How long the callee asked us to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Failure {
    /// A failure whose message is cut to 4 KiB.
    #[must_use]
    pub fn new(class: ErrorClass, code: &str, message: impl Into<String>, happened: Happened) -> Self {
        let mut message = message.into();
        if message.len() > 4096 {
            let cut = (0..=4096).rev().find(|at| message.is_char_boundary(*at)).unwrap_or(0);
            message.truncate(cut);
        }
        Self { class, code: code.to_owned(), message, happened, retry_after_ms: None }
    }

    /// The same with the wait that the callee asked for.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_write_that_may_have_happened_is_never_run_again_unasked() {
        use EffectClass::{Idempotent, Read, Write};
        for happened in [Happened::No, Happened::Yes, Happened::Unknown] {
            assert!(Read.may_run_again(happened));
            assert!(Idempotent.may_run_again(happened));
        }
        assert!(Write.may_run_again(Happened::No));
        assert!(!Write.may_run_again(Happened::Unknown));
        assert!(!Write.may_run_again(Happened::Yes));
    }

    #[test]
    fn names_of_classes_are_their_serialised_form() {
        for class in ErrorClass::ALL {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let failure = Failure::new(ErrorClass::Data, "x", "ä".repeat(4000), Happened::No);
        assert!(failure.message.len() <= 4096);
    }
}
