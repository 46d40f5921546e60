//! Reading what clients send, strictly: nothing unknown is ignored, and the nearest known word is named.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::problem::{Code, Problem};

/// The most words that are named instead of an unknown one.
const NEAREST_MAX: usize = 3;

/// Reads a JSON document as `T`, which must refuse unknown fields.
///
/// # Errors
/// [`Code::UnknownField`] with the nearest known field, [`Code::BadJson`] for anything else.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // A list would be read as the fields in their order, which is nobody's intention.
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        return Err(Problem::new(Code::BadJson, "an object is expected, not a list"));
    }
    any(bytes)
}

/// As [`json`], where a list may stand too: for values that are handed on as they are.
///
/// # Errors
/// As [`json`].
pub fn any<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let text = error.to_string();
        match unknown_word(&text) {
            Some(detail) => Problem::new(Code::UnknownField, detail),
            None => Problem::new(Code::BadJson, text),
        }
    })
}

/// For an object inside of a document that [`json`] reads: there, too, a list is none. Absent and null are none.
///
/// # Errors
/// What serde says of a value that does not fit.
pub fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let object: Option<Map<String, Value>> = Deserialize::deserialize(from)?;
    object.map(|object| T::deserialize(Value::Object(object)).map_err(D::Error::custom)).transpose()
}

/// Reads a query string as `T`, which must refuse unknown parameters. An empty string is an empty query.
///
/// # Errors
/// [`Code::BadQuery`] with the nearest known parameter.
pub fn query<T: DeserializeOwned>(text: &str) -> Result<T, Problem> {
    match actix_web::web::Query::<T>::from_query(text) {
        Ok(query) => Ok(query.into_inner()),
        Err(error) => {
            let text = match &error {
                actix_web::error::QueryPayloadError::Deserialize(inner) => inner.to_string(),
                other => other.to_string(),
            };
            let detail = unknown_word(&text).unwrap_or(text);
            Err(Problem::new(Code::BadQuery, detail))
        }
    }
}

/// Refuses whatever stands in the query of an address that takes none.
///
/// # Errors
/// [`Code::BadQuery`].
pub fn no_query(text: &str) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    query::<Nothing>(text).map(|Nothing {}| ())
}

/// The word of `known` that is nearest to `word`, if any is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    near.min()
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3))
        .map(|(_, candidate)| candidate)
}

/// The few words of `known` that are near to `word`, the nearest first.
#[must_use]
pub fn nearest_few<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let near = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate));
    let mut near: Vec<(usize, &str)> =
        near.filter(|(distance, candidate)| *distance <= 1.max(candidate.len() / 3)).collect();
    near.sort_unstable();
    near.into_iter().take(NEAREST_MAX).map(|(_, candidate)| candidate).collect()
}

/// serde says which word it does not know and which it does: the same with the nearest one. None when the text says
/// something else.
fn unknown_word(text: &str) -> Option<String> {
    let quoted: Vec<&str> = text.split('`').skip(1).step_by(2).collect();
    let (first, known) = quoted.split_first()?;
    if !text.starts_with("unknown field") {
        return None;
    }
    let word: String = first.chars().take(100).collect();
    Some(match nearest(&word, known.iter().copied()) {
        Some(near) => format!("`{word}` is not known here; did you mean `{near}`?"),
        None if known.is_empty() => format!("`{word}` is not known here, and nothing else is"),
        None => format!("`{word}` is not known here; known are: {}", known.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(default)]
        limit: Option<u16>,
        #[serde(default)]
        cursor: Option<String>,
    }

    #[test]
    fn an_unknown_field_is_refused_with_the_nearest_known_one() {
        let problem = json::<Sample>(br#"{"limmit": 1}"#).unwrap_err();
        assert_eq!(problem.code(), Code::UnknownField);
        assert!(problem.detail().contains("did you mean `limit`?"), "{problem}");
        let problem = json::<Sample>(br#"{"something_else": 1}"#).unwrap_err();
        assert!(problem.detail().contains("known are: limit, cursor"), "{problem}");
    }

    #[test]
    fn an_unknown_parameter_is_refused_with_the_nearest_known_one() {
        let problem = query::<Sample>("curser=a").unwrap_err();
        assert_eq!(problem.code(), Code::BadQuery);
        assert!(problem.detail().contains("did you mean `cursor`?"), "{problem}");
        assert_eq!(query::<Sample>("").unwrap(), Sample { limit: None, cursor: None });
        assert_eq!(query::<Sample>("limit=x").unwrap_err().code(), Code::BadQuery);
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default, deserialize_with = "object")]
        sample: Option<Sample>,
    }

    #[test]
    fn a_list_is_not_read_as_the_fields_of_an_object_inside_of_another_one_neither() {
        for list in [&br#"{"sample": []}"#[..], br#"{"sample": [1]}"#, br#"{"sample": [1, "a"]}"#] {
            assert_eq!(json::<Outer>(list).unwrap_err().code(), Code::BadJson, "{list:?}");
        }
        let sample = Some(Sample { limit: Some(1), cursor: None });
        assert_eq!(json::<Outer>(br#"{"sample": {"limit": 1}}"#).unwrap(), Outer { sample });
        assert_eq!(json::<Outer>(br#"{"sample": null}"#).unwrap(), Outer { sample: None });
        assert_eq!(json::<Outer>(b"{}").unwrap(), Outer { sample: None });
        let problem = json::<Outer>(br#"{"sample": {"limmit": 1}}"#).unwrap_err();
        assert!(problem.detail().contains("did you mean `limit`?"), "{problem}");
    }

    #[test]
    fn what_is_no_json_or_does_not_fit_is_refused_with_its_place() {
        for bad in [&b""[..], b"{", b"[]", b"nonsense", b"{\"limit\": \"x\"}", b"{} {}", b"\xff"] {
            assert_eq!(json::<Sample>(bad).unwrap_err().code(), Code::BadJson, "{bad:?}");
        }
    }
}
