//! JSON from outside, with a bound on what it becomes in memory.
//!
//! Eight megabytes of `[0,0,0,…]` are four million values of tens of bytes each. The bytes are bounded by whoever reads
//! them; the number of values is bounded here, before any of them is made. Depth is bounded by `serde_json` (128).

use serde_json::Value;

/// The most values that one document may hold.
const VALUES_MAX: usize = 250_000;

/// Why a text is no value for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// No JSON, not UTF-8, or nested too deep.
    #[error("{0}")]
    Syntax(String),
    /// More values than we hold.
    #[error("it holds more than {VALUES_MAX} values")]
    TooMany,
}

/// The value that `text` is, with nothing but white space around it.
pub(crate) fn parse_bounded(text: &[u8]) -> Result<Value, JsonError> {
    if holds_too_many(text) {
        return Err(JsonError::TooMany);
    }
    serde_json::from_slice(text).map_err(|error| JsonError::Syntax(error.to_string()))
}

/// Whether `text`, if it is JSON, has more than [`VALUES_MAX`] values: each but the first follows a `,`, `[` or `{`.
pub(crate) fn holds_too_many(text: &[u8]) -> bool {
    if text.len() <= VALUES_MAX {
        return false;
    }
    let (mut values, mut in_string, mut escaped) = (0, false, false);
    for byte in text {
        match (in_string, byte) {
            (true, _) if escaped => escaped = false,
            (true, b'\\') => escaped = true,
            (_, b'"') => in_string = !in_string,
            (false, b',' | b'[' | b'{') => values += 1,
            (true | false, _) => {}
        }
    }
    values > VALUES_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_values_are_refused_before_they_are_made_and_long_texts_are_not() {
        let numbers = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert_eq!(parse_bounded(numbers.as_bytes()), Err(JsonError::TooMany));
        let text = format!("\"{}\"", ",[{".repeat(VALUES_MAX));
        assert!(parse_bounded(text.as_bytes()).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        assert!(matches!(parse_bounded(deep.as_bytes()), Err(JsonError::Syntax(_))));
    }
}
