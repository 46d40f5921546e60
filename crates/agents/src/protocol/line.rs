//! One typed line of an answer.

use std::time::Duration;

use ghostlight_model::event::Usage;
use ghostlight_model::failure::{ErrorClass, Happened};
use serde::Deserialize;
use serde_json::Value;

use super::json::holds_too_many;
use super::wait::parse_wait;
use super::{Broken, Final};
use crate::{Progress, text};

/// Texts for people are cut to this.
const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A failure as the callee reports it. Nothing in it is believed to be well-formed text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reported {
    /// None when the callee named none that we know.
    pub(crate) class: Option<ErrorClass>,
    /// Empty when there was none.
    pub(crate) code: String,
    /// Empty when there was none.
    pub(crate) message: String,
    /// None when the callee did not say.
    pub(crate) happened: Option<Happened>,
    /// None when the callee did not say.
    pub(crate) retry_after: Option<Duration>,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Line {
    Progress(Progress),
    Final(Final),
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Wire {
    Progress {
        #[serde(default)]
        ratio: Option<f64>,
        #[serde(default)]
        text: String,
    },
    Token {
        text: String,
    },
    Message {
        #[serde(default)]
        role: String,
        content: Value,
    },
    Usage {
        #[serde(default)]
        input_tokens: u64,
        #[serde(default)]
        output_tokens: u64,
    },
    Result {
        output: Value,
    },
    Error(WireError),
}

/// What an `error` line and a problem document have in common. Wrong types of single fields lose the field, never the error.
#[derive(Deserialize)]
struct WireError {
    #[serde(default)]
    class: Value,
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    detail: Value,
    #[serde(default)]
    title: Value,
    #[serde(default)]
    happened: Value,
    #[serde(default)]
    retry_after: Value,
}

impl From<WireError> for Reported {
    fn from(wire: WireError) -> Self {
        let message =
            [&wire.message, &wire.detail, &wire.title].into_iter().find_map(Value::as_str).unwrap_or("");
        Self {
            class: serde_json::from_value(wire.class).ok(),
            code: wire.code.as_str().map(code).unwrap_or_default(),
            message: text::one_line(message, 2048),
            happened: serde_json::from_value(wire.happened).ok(),
            retry_after: parse_wait(&wire.retry_after),
        }
    }
}

/// A code for programs: snake_case letters and digits, at most 64; whatever else stands in it is dropped.
fn code(text: &str) -> String {
    let kept = text.chars().map(|c| if c == '-' { '_' } else { c.to_ascii_lowercase() });
    kept.filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(64).collect()
}

impl Reported {
    /// What a problem document (RFC 9457) says with our extensions; `None` when it is no JSON object.
    pub(crate) fn from_problem(body: &[u8]) -> Option<Self> {
        if holds_too_many(body) {
            return None;
        }
        serde_json::from_slice::<WireError>(body).ok().map(Self::from)
    }
}

/// Whether a line is an object with a `type` of the protocol: then the answer is made of such lines.
pub(super) fn is_typed(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct TypeOnly {
        #[serde(rename = "type")]
        kind: String,
    }
    serde_json::from_slice::<TypeOnly>(line).is_ok_and(|line| {
        matches!(line.kind.as_str(), "progress" | "token" | "message" | "usage" | "result" | "error")
    })
}

/// What `line` says, in an answer that is made of typed lines.
pub(super) fn parse(line: &[u8]) -> Result<Line, Broken> {
    if holds_too_many(line) {
        return Err(Broken::TooComplex);
    }
    let wire: Wire = serde_json::from_slice(line).map_err(|error| Broken::Line(error.to_string()))?;
    Ok(match wire {
        Wire::Progress { ratio, text } => Line::Progress(Progress::Progress {
            ratio: ratio.filter(|ratio| ratio.is_finite()).map(|ratio| ratio.clamp(0.0, 1.0)),
            text: text::one_line(&text, TEXT_BYTES_MAX),
        }),
        Wire::Token { text } => Line::Progress(Progress::Token(text::lines(&text, TEXT_BYTES_MAX))),
        Wire::Message { role, content } => Line::Progress(Progress::Message {
            role: text::one_line(&role, 64),
            content: match content {
                Value::String(content) => text::lines(&content, TEXT_BYTES_MAX),
                other => text::lines(&other.to_string(), TEXT_BYTES_MAX),
            },
        }),
        Wire::Usage { input_tokens, output_tokens } => {
            Line::Progress(Progress::Usage(Usage { input_tokens, output_tokens }))
        }
        Wire::Result { output } => Line::Final(Final::Output(output)),
        Wire::Error(error) => Line::Final(Final::Error(error.into())),
    })
}
