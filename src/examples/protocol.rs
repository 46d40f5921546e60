//! The command protocol, version 1, as far as an example needs it: one document in, one line out.

use std::io::{self, Read, Write};
use std::process::ExitCode;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const PROTOCOL: u64 = 1;
const DOCUMENT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// Why there is no answer, in the protocol's words. Nothing has happened: the examples change nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum AgentError {
    /// The input cannot be worked with.
    #[error("{0}")]
    Data(String),
    /// The input is fine, and this agent has no answer to it.
    #[error("{0}")]
    Capability(String),
    /// The agent is set up in a way that cannot work.
    #[error("{0}")]
    Configuration(String),
}

impl AgentError {
    /// The protocol's `error` line.
    fn line(&self) -> Value {
        let (class, code) = match self {
            Self::Data(_) => ("data", "example.bad_input"),
            Self::Capability(_) => ("capability", "example.no_answer"),
            Self::Configuration(_) => ("configuration", "example.set_up_wrong"),
        };
        let message = self.to_string();
        json!({ "type": "error", "class": class, "code": code, "message": message, "happened": "no" })
    }
}

/// What is needed of the protocol's document; everything else in it is passed over.
#[derive(Debug, Deserialize)]
struct Document<I> {
    protocol: u64,
    input: I,
}

/// Reads the document from stdin, calls the agent, and writes what came of it to stdout.
pub(super) fn serve<I: DeserializeOwned, O: Serialize>(
    agent: impl FnOnce(I) -> Result<O, AgentError>,
) -> ExitCode {
    let mut document = Vec::new();
    let read = io::stdin().lock().take(DOCUMENT_BYTES_MAX + 1).read_to_end(&mut document);
    let answered = match read {
        Ok(_) => input(&document).and_then(agent),
        Err(error) => Err(AgentError::Data(format!("the input cannot be read: {error}"))),
    };
    let (line, status) = match answered {
        Ok(output) => (json!({ "type": "result", "output": output }), ExitCode::SUCCESS),
        Err(error) => (error.line(), ExitCode::FAILURE),
    };
    let mut stdout = io::stdout().lock();
    // Nobody is left to tell when stdout is closed.
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    status
}

fn input<I: DeserializeOwned>(document: &[u8]) -> Result<I, AgentError> {
    if document.len() as u64 > DOCUMENT_BYTES_MAX {
        return Err(AgentError::Data(format!("the input has more than {DOCUMENT_BYTES_MAX} bytes")));
    }
    let document: Document<I> = serde_json::from_slice(document)
        .map_err(|error| AgentError::Data(format!("the input does not fit this agent: {error}")))?;
    match document.protocol {
        PROTOCOL => Ok(document.input),
        other => Err(AgentError::Data(format!(
            "this agent speaks version {PROTOCOL} of the command protocol, not {other}"
        ))),
    }
}

/// Refuses a text that is empty or has more than `max` characters.
pub(super) fn bounded<'t>(what: &str, text: &'t str, max: usize) -> Result<&'t str, AgentError> {
    let text = text.trim();
    let length = text.chars().count();
    match length {
        0 => Err(AgentError::Data(format!("{what} is empty"))),
        _ if length > max => {
            Err(AgentError::Data(format!("{what} has {length} characters; at most {max} are taken")))
        }
        _ => Ok(text),
    }
}

/// Refuses a list of fewer than `min` or more than `max` items.
pub(super) fn counted(what: &str, length: usize, min: usize, max: usize) -> Result<(), AgentError> {
    if (min..=max).contains(&length) {
        return Ok(());
    }
    Err(AgentError::Data(format!("{what}: {length} were given; {min} to {max} are taken")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_in_words() {
        let said = |document: &str| input::<Vec<u32>>(document.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(said(r#"{"protocol":1,"run":"x","input":[1,2]}"#), Ok(vec![1, 2]));
        for (document, says) in [
            ("{", "does not fit this agent"),
            (r#"{"protocol":1,"input":["x"]}"#, "expected u32"),
            (r#"{"protocol":2,"input":[]}"#, "version 1 of the command protocol, not 2"),
            (r#"{"input":[]}"#, "missing field `protocol`"),
        ] {
            let error = said(document).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
        let long = format!(r#"{{"protocol":1,"input":[{}]}}"#, "1,".repeat(3_000_000));
        assert!(said(&long).unwrap_err().contains("more than 4194304 bytes"));
    }

    #[test]
    fn an_error_says_that_nothing_has_happened() {
        let line = AgentError::Capability("nobody knows".to_owned()).line();
        let said = json!({
            "type": "error", "class": "capability", "code": "example.no_answer",
            "message": "nobody knows", "happened": "no",
        });
        assert_eq!(line, said);
    }

    #[test]
    fn texts_and_lists_have_bounds() {
        assert_eq!(bounded("topic", " x ", 3), Ok("x"));
        assert_eq!(bounded("topic", " ", 3).unwrap_err().to_string(), "topic is empty");
        let error = bounded("topic", "four", 3).unwrap_err();
        assert_eq!(error.to_string(), "topic has 4 characters; at most 3 are taken");
        assert_eq!(counted("facts", 2, 1, 2), Ok(()));
        assert_eq!(
            counted("facts", 0, 1, 2).unwrap_err().to_string(),
            "facts: 0 were given; 1 to 2 are taken"
        );
    }
}
