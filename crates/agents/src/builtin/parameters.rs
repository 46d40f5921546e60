//! Parameters of a built-in: what the definition sets under `with`, and over it the input.

use std::time::Duration;

use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde_json::{Map, Value};

use crate::Call;
use crate::protocol::parse_wait_text;

/// The parameters of one call, as the built-in wants them.
///
/// # Errors
/// Class `data` when they do not fit; nothing has happened.
pub(super) fn parameters<T: DeserializeOwned>(with: &Map<String, Value>, call: &Call) -> Result<T, Failure> {
    let mut all = with.clone();
    match &*call.input {
        Value::Object(input) => all.extend(input.iter().map(|(name, value)| (name.clone(), value.clone()))),
        Value::Null => {}
        _ => return Err(invalid("the input must be an object")),
    }
    serde_json::from_value(Value::Object(all)).map_err(|error| invalid(&error.to_string()))
}

fn invalid(message: &str) -> Failure {
    Failure::new(ErrorClass::Data, "input_invalid", message, Happened::No)
}

/// Reads a duration: `2s`, `PT2S`, `500ms`.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    parse_wait_text(&text).map(Some).ok_or_else(|| D::Error::custom("not a duration such as `2s` or `500ms`"))
}
