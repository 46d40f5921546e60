//! What the API shows: types of their own, converted by hand from what the model and the views hold.
//!
//! The API, the disk and the model change at different speeds, so none of their types stands in an answer. Sequences are
//! decimal strings, durations milliseconds (`*_ms`), times RFC 3339.

pub mod agent;
pub mod agent_file;
pub mod approval;
pub mod attempt;
pub mod batch;
pub mod branch;
pub mod bundle;
pub mod diff;
pub mod event;
pub mod hazard;
pub mod next;
pub mod numbers;
pub mod page;
pub mod plan;
pub mod presence;
pub mod revision;
pub mod run;
pub mod status;
pub mod step;
pub mod system;
pub mod template;
pub mod timeline;
pub mod token;
pub mod tree;
pub mod workflow;

use std::time::Duration;

use ghostlight_model::failure::{Failure, Happened};
use ghostlight_model::payload::Payload;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A value from outside: itself, or the name of the blob that holds it when it is large and was not fetched.
#[must_use]
pub fn value_of(payload: &Payload) -> Value {
    match payload {
        Payload::Inline(value) | Payload::Blob(_, Some(value)) => (**value).clone(),
        Payload::Blob(blob, None) => json!({ "blob": blob.blob, "bytes": blob.bytes }),
    }
}

/// A value as people read it: a text as it is, anything else as JSON.
#[must_use]
pub fn text_of(payload: &Payload) -> String {
    match value_of(payload) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

/// Whole milliseconds from `start` to `end`; 0 when they are in the wrong order.
#[must_use]
pub fn ms_between(start: Timestamp, end: Timestamp) -> u64 {
    let between = Duration::try_from(end.duration_since(start)).unwrap_or_default();
    u64::try_from(between.as_millis()).unwrap_or(u64::MAX)
}

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FailureBody {
    /// The step, when it is a run that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Chooses the recovery: `transient`, `timeout`, `data` ...
    pub class: &'static str,
    /// A word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Whether the call had its effect: `no`, `yes`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub happened: Option<&'static str>,
    /// How long the callee asked to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl FailureBody {
    /// The failure of an attempt or step.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        Self {
            step: None,
            class: failure.class.as_str(),
            code: failure.code.clone(),
            message: failure.message.clone(),
            happened: Some(happened(failure.happened)),
            retry_after_ms: failure.retry_after_ms,
        }
    }
}

/// Whether a call had its effect, as a word.
#[must_use]
pub fn happened(happened: Happened) -> &'static str {
    match happened {
        Happened::No => "no",
        Happened::Yes => "yes",
        Happened::Unknown => "unknown",
    }
}

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct UsageBody {
    /// Tokens read by models.
    pub input_tokens: u64,
    /// Tokens written by models.
    pub output_tokens: u64,
}

impl From<ghostlight_model::event::Usage> for UsageBody {
    fn from(usage: ghostlight_model::event::Usage) -> Self {
        Self { input_tokens: usage.input_tokens, output_tokens: usage.output_tokens }
    }
}
