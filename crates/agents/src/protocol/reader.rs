//! Reads an answer piece by piece: one JSON value, or typed lines; the first line decides.
//!
//! Never holds more than the limit of the answer, whatever is pushed, and after the first `result` or `error` line nothing
//! at all. Pure: bytes in, words out.

use serde_json::Value;

use super::json::JsonError;
use super::line::{self, Line};
use super::{Reported, parse_bounded};
use crate::Progress;

/// How an answer ends.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Final {
    /// With an output.
    Output(Value),
    /// With a failure that the callee reports.
    Error(Reported),
}

/// An answer that does not follow the protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    /// More bytes than the limit.
    #[error("the output is longer than {limit} bytes")]
    TooLong {
        /// The limit.
        limit: usize,
    },
    /// More values than we hold.
    #[error("the output holds too many values")]
    TooComplex,
    /// A later line that is no JSON, has an unknown type, or not the fields of its type.
    #[error("a line of the output does not follow the protocol: {0}")]
    Line(String),
    /// The whole is neither one JSON value nor typed lines.
    #[error("the output is neither one JSON value nor lines of the protocol: {0}")]
    NotJson(String),
    /// The answer ended without a result.
    #[error("the output ended without a result")]
    Nothing,
}

/// How the pieces hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Nobody knows yet: the first line decides.
    Undecided,
    /// One JSON value.
    Value,
    /// Typed lines.
    Lines,
}

/// The state of reading one answer.
#[derive(Debug)]
pub(crate) struct AnswerReader {
    framing: Framing,
    /// What has not been understood yet: the current line, or the whole value.
    pending: Vec<u8>,
    /// How much of `pending` has been understood and will go with the end of the piece.
    start: usize,
    /// Up to where `pending` is known to have no line end after `start`.
    searched: usize,
    /// All bytes so far.
    bytes: usize,
    limit: usize,
    answer: Option<Final>,
}

impl AnswerReader {
    /// A reader of an answer of at most `limit` bytes.
    pub(crate) fn new(framing: Framing, limit: usize) -> Self {
        Self { framing, pending: Vec::new(), start: 0, searched: 0, bytes: 0, limit, answer: None }
    }

    /// How the answer is framed, as far as is known.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// Whether a `result` or `error` line has come: it is final, and nothing after it counts.
    pub(crate) fn is_answered(&self) -> bool {
        self.answer.is_some()
    }

    /// Takes the next piece; `report` gets the progress in it.
    pub(crate) fn push(&mut self, piece: &[u8], mut report: impl FnMut(Progress)) -> Result<(), Broken> {
        if self.is_answered() {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(piece.len());
        if self.bytes > self.limit {
            self.forget();
            return Err(Broken::TooLong { limit: self.limit });
        }
        self.pending.extend_from_slice(piece);
        while self.framing != Framing::Value && !self.is_answered() {
            let Some(end) = self.line_end() else { break };
            self.line(end, &mut report)?;
        }
        if self.is_answered() {
            self.forget();
        }
        // Once a piece, not once a line: a piece of many short lines is moved once.
        self.pending.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        Ok(())
    }

    fn forget(&mut self) {
        self.pending = Vec::new();
        self.start = 0;
        self.searched = 0;
    }

    /// Where the next line of `pending` ends.
    fn line_end(&mut self) -> Option<usize> {
        let found = self.pending[self.searched..].iter().position(|byte| *byte == b'\n');
        match found {
            Some(at) => Some(self.searched + at),
            None => {
                self.searched = self.pending.len();
                None
            }
        }
    }

    /// Understands the line that ends before `end`, and steps over it unless it turns out to be the beginning of one value.
    fn line(&mut self, end: usize, report: &mut impl FnMut(Progress)) -> Result<(), Broken> {
        let line = self.pending[self.start..end].trim_ascii();
        if !line.is_empty() {
            if self.framing == Framing::Undecided {
                self.framing = if line::is_typed(line) { Framing::Lines } else { Framing::Value };
            }
            if self.framing == Framing::Value {
                return Ok(());
            }
            match line::parse(line)? {
                Line::Progress(progress) => report(progress),
                Line::Final(answer) => self.answer = Some(answer),
            }
        }
        self.start = (end + 1).min(self.pending.len());
        self.searched = self.start;
        Ok(())
    }

    /// The answer, when nothing more will come.
    pub(crate) fn finish(mut self, mut report: impl FnMut(Progress)) -> Result<Final, Broken> {
        if self.answer.is_none() && self.framing != Framing::Value {
            self.line(self.pending.len(), &mut report)?;
        }
        if let Some(answer) = self.answer {
            return Ok(answer);
        }
        let rest = self.pending[self.start..].trim_ascii();
        if rest.is_empty() {
            return Err(Broken::Nothing);
        }
        match parse_bounded(rest) {
            Ok(value) => Ok(Final::Output(value)),
            Err(JsonError::TooMany) => Err(Broken::TooComplex),
            Err(JsonError::Syntax(message)) => Err(Broken::NotJson(message)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghostlight_model::event::Usage;
    use ghostlight_model::failure::{ErrorClass, Happened};
    use proptest::prelude::*;
    use serde_json::json;
    use std::time::Duration;

    const LIMIT: usize = 4096;

    fn read(text: &[u8], piece: usize) -> (Vec<Progress>, Result<Final, Broken>) {
        let mut reader = AnswerReader::new(Framing::Undecided, LIMIT);
        let mut progress = Vec::new();
        for piece in text.chunks(piece.max(1)) {
            let pushed = reader.push(piece, |p| progress.push(p));
            assert!(reader.pending.len() <= LIMIT);
            if let Err(broken) = pushed {
                return (progress, Err(broken));
            }
        }
        let end = reader.finish(|p| progress.push(p));
        (progress, end)
    }

    fn check(text: &str, expect: Result<Final, Broken>) {
        for piece in [1, 7, 100_000] {
            assert_eq!(read(text.as_bytes(), piece).1, expect, "{text} in pieces of {piece}");
        }
    }

    fn output(value: Value) -> Result<Final, Broken> {
        Ok(Final::Output(value))
    }

    #[test]
    fn one_value_is_the_output_however_it_is_laid_out() {
        check("{\"a\":1}", output(json!({"a": 1})));
        check("\n\n{\n  \"a\": 1\n}\n\n", output(json!({"a": 1})));
        check("null", output(Value::Null));
        check("{\"type\":\"invoice\"}\n", output(json!({"type": "invoice"})));
        check("[\n{\"type\":\"result\"}\n]", output(json!([{"type": "result"}])));
    }

    #[test]
    fn typed_lines_end_with_the_first_result_or_error() {
        check("{\"type\":\"result\",\"output\":1}", output(json!(1)));
        check(
            "{\"type\":\"progress\",\"ratio\":0.4}\r\n\n{\"type\":\"result\",\"output\":1}\n{\"type\":\"result\",\"output\":2}\nnoise",
            output(json!(1)),
        );
        check(
            "{\"type\":\"error\",\"class\":\"rate_limit\",\"code\":\"slow-down\",\"message\":\"no\",\"happened\":\"no\",\"retry_after\":\"2s\"}\n",
            Ok(Final::Error(Reported {
                class: Some(ErrorClass::RateLimit),
                code: "slow_down".into(),
                message: "no".into(),
                happened: Some(Happened::No),
                retry_after: Some(Duration::from_secs(2)),
            })),
        );
        check(
            "{\"type\":\"error\",\"class\":\"weird\",\"message\":7}\n",
            Ok(Final::Error(Reported {
                class: None,
                code: String::new(),
                message: String::new(),
                happened: None,
                retry_after: None,
            })),
        );
    }

    #[test]
    fn what_is_neither_is_broken() {
        assert!(matches!(read(b"<html>", 3).1, Err(Broken::NotJson(_))));
        assert!(matches!(read(b"\xff\xfe\x00", 3).1, Err(Broken::NotJson(_))));
        assert!(matches!(read(b"1\n2\n", 3).1, Err(Broken::NotJson(_))));
        check("", Err(Broken::Nothing));
        check("\n \n", Err(Broken::Nothing));
        check("{\"type\":\"progress\"}\n", Err(Broken::Nothing));
        for later in
            ["noise", "{\"type\":\"invoice\"}", "{}", "[]", "{\"type\":\"result\"}", "{\"type\":\"token\"}"]
        {
            let text = format!("{{\"type\":\"progress\"}}\n{later}\n");
            assert!(matches!(read(text.as_bytes(), 5).1, Err(Broken::Line(_))), "{later}");
        }
        let long = "x".repeat(LIMIT + 1);
        check(&long, Err(Broken::TooLong { limit: LIMIT }));
    }

    #[test]
    fn progress_is_reported_clean_and_in_order() {
        let text = "{\"type\":\"token\",\"text\":\"a\\u001b[1m\"}\n{\"type\":\"usage\",\"input_tokens\":3}\n\
                    {\"type\":\"message\",\"role\":\"assistant\",\"content\":{\"x\":1}}\n{\"type\":\"progress\",\"ratio\":7}";
        let (progress, end) = read(text.as_bytes(), 11);
        assert_eq!(end, Err(Broken::Nothing));
        assert_eq!(
            progress,
            [
                Progress::Token("a[1m".into()),
                Progress::Usage(Usage { input_tokens: 3, output_tokens: 0 }),
                Progress::Message { role: "assistant".into(), content: "{\"x\":1}".into() },
                Progress::Progress { ratio: Some(1.0), text: String::new() },
            ]
        );
    }

    fn fragment() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..64),
            Just(b"\n".to_vec()),
            Just(b"{\"type\":\"progress\"}\n".to_vec()),
            Just(b"{\"type\":\"result\",\"output\":[1]}".to_vec()),
            Just(b"{\"type\":\"error\",\"class\":3}\n".to_vec()),
            Just(b"{\"a\":\n".to_vec()),
            Just(vec![b'['; 3000]),
            Just(vec![b' '; 2000]),
        ]
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_hold_more_than_its_limit(
            fragments in proptest::collection::vec(fragment(), 0..12), piece in 1usize..200
        ) {
            let text = fragments.concat();
            let (_, end) = read(&text, piece);
            // The way in which the bytes were cut into pieces changes nothing, unless the limit was hit on the way.
            if text.len() <= LIMIT {
                prop_assert_eq!(end, read(&text, usize::MAX).1);
            }
        }
    }
}
