//! A value from outside: an input, an output, a message, a rendered text.
//!
//! Small values stand inline in the event. Larger ones stand as a reference to a content-addressed blob; who holds the
//! state fetches the value before a decision needs it, so that deciding stays a pure function.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Values whose JSON text is longer than this many bytes go to a blob.
pub const INLINE_BYTES_MAX: usize = 64 * 1024;

/// The name of a blob: BLAKE3 of its bytes in hex, and its length.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlobRef {
    /// BLAKE3 of the JSON text, as 64 hex digits.
    pub blob: String,
    /// Length of the JSON text in bytes.
    pub bytes: u64,
}

/// A value from outside, inline or by reference.
#[derive(Debug, Clone)]
pub enum Payload {
    /// The value itself.
    Inline(Arc<Value>),
    /// A reference, and the value once somebody has fetched it.
    Blob(BlobRef, Option<Arc<Value>>),
}

impl Payload {
    /// A payload that holds the value itself, whatever its size.
    #[must_use]
    pub fn inline(value: Value) -> Self {
        Self::Inline(Arc::new(value))
    }

    /// The value, unless it is a blob that nobody has fetched.
    #[must_use]
    pub fn value(&self) -> Option<&Arc<Value>> {
        match self {
            Self::Inline(value) | Self::Blob(_, Some(value)) => Some(value),
            Self::Blob(_, None) => None,
        }
    }

    /// Length of its JSON text in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Blob(blob, _) => blob.bytes,
            Self::Inline(value) => {
                let mut counted = Counted(0);
                // Values of JSON always serialise.
                let _ = serde_json::to_writer(&mut counted, value);
                counted.0
            }
        }
    }

    /// Gives it the value of its blob, if it is this one and nobody has fetched it yet.
    pub fn provide(&mut self, blob: &BlobRef, value: &Arc<Value>) {
        if self.missing() == Some(blob) {
            *self = Self::Blob(blob.clone(), Some(value.clone()));
        }
    }

    /// The reference whose value is still to be fetched.
    #[must_use]
    pub fn missing(&self) -> Option<&BlobRef> {
        match self {
            Self::Blob(blob, None) => Some(blob),
            Self::Inline(_) | Self::Blob(_, Some(_)) => None,
        }
    }
}

/// Counts what is written to it.
struct Counted(u64);

impl std::io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Inline(a), Self::Inline(b)) => a == b,
            (Self::Blob(a, _), Self::Blob(b, _)) => a == b,
            (Self::Inline(_), Self::Blob(..)) | (Self::Blob(..), Self::Inline(_)) => false,
        }
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        Self::inline(value)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum WireRef<'a> {
    Json(&'a Value),
    #[serde(untagged)]
    Blob(&'a BlobRef),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Wire {
    Json { json: Value },
    Blob(BlobRef),
}

impl Serialize for Payload {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inline(value) => WireRef::Json(value).serialize(serializer),
            Self::Blob(blob, _) => WireRef::Blob(blob).serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Wire::deserialize(deserializer)? {
            Wire::Json { json } => Self::inline(json),
            Wire::Blob(blob) => Self::Blob(blob, None),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn inline_values_and_references_are_told_apart_whatever_the_value_looks_like() {
        let tricky = Payload::inline(json!({"blob": "00", "bytes": 1}));
        let text = serde_json::to_string(&tricky).unwrap();
        assert_eq!(text, r#"{"json":{"blob":"00","bytes":1}}"#);
        assert_eq!(serde_json::from_str::<Payload>(&text).unwrap(), tricky);

        let reference = Payload::Blob(BlobRef { blob: "ab".into(), bytes: 70_000 }, None);
        let text = serde_json::to_string(&reference).unwrap();
        assert_eq!(text, r#"{"blob":"ab","bytes":70000}"#);
        assert_eq!(serde_json::from_str::<Payload>(&text).unwrap(), reference);
    }

    #[test]
    fn a_null_stays_a_null() {
        let text = serde_json::to_string(&Payload::inline(Value::Null)).unwrap();
        assert_eq!(serde_json::from_str::<Payload>(&text).unwrap(), Payload::inline(Value::Null));
    }
}
