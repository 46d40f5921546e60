//! How the outputs of a join's parents become one value. A function of the outputs in the order of `needs`: when each came
//! does not show in it.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use crate::workflow::{Merge, MergeWord};

/// Two values that cannot become one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} of `{parent}` cannot be merged by `{word}`: {why}")]
pub struct MergeError {
    /// The key, or the whole output.
    pub what: String,
    /// The parent whose value did not fit.
    pub parent: String,
    /// The word.
    pub word: &'static str,
    /// Why not.
    pub why: &'static str,
}

/// Merges the outputs of parents, which come with their ids. Without any, the result is an empty mapping.
///
/// # Errors
/// [`MergeError`] when two values do not fit together.
pub fn merge(rule: &Merge, outputs: &[(String, &Value)]) -> Result<Value, MergeError> {
    let nothing = BTreeMap::new();
    let (whole, keys) = match rule {
        Merge::Whole(word) => (*word, &nothing),
        Merge::Keys(words) => (MergeWord::Error, words),
    };
    let are_mappings = outputs.iter().all(|(_, output)| output.is_object());
    if !are_mappings && keys.is_empty() {
        let mut merged: Option<Value> = None;
        for (parent, output) in outputs {
            merged = Some(joined(merged, output, whole, "the output", parent)?);
        }
        return Ok(merged.unwrap_or(Value::Object(Map::new())));
    }
    let mut merged = Map::new();
    for (parent, output) in outputs {
        let Value::Object(fields) = output else {
            let (what, word) = ("the output".to_owned(), name(whole));
            let why = "it is no mapping, and `merge` names keys";
            return Err(MergeError { what, parent: parent.clone(), word, why });
        };
        for (key, value) in fields {
            let word = keys.get(key).copied().unwrap_or(whole);
            let value = joined(merged.remove(key), value, word, &format!("the key `{key}`"), parent)?;
            merged.insert(key.clone(), value);
        }
    }
    Ok(Value::Object(merged))
}

fn joined(
    before: Option<Value>,
    value: &Value,
    word: MergeWord,
    what: &str,
    parent: &str,
) -> Result<Value, MergeError> {
    let refused =
        |why| MergeError { what: what.to_owned(), parent: parent.to_owned(), word: name(word), why };
    let Some(before) = before else {
        return match word {
            // One value is a list as well, so that the shape does not depend on how many there are.
            MergeWord::Append if !value.is_array() => Ok(Value::Array(vec![value.clone()])),
            MergeWord::Sum if !value.is_number() => Err(refused("it is no number")),
            _ => Ok(value.clone()),
        };
    };
    match word {
        MergeWord::Error if before == *value => Ok(before),
        MergeWord::Error => Err(refused("another parent gave another value")),
        MergeWord::First => Ok(before),
        MergeWord::Last => Ok(value.clone()),
        MergeWord::Append => Ok(appended(before, value)),
        MergeWord::Sum => match (&before, value) {
            (Value::Number(a), Value::Number(b)) => {
                sum(a, b).map(Value::Number).ok_or_else(|| refused("the sum is out of range"))
            }
            _ => Err(refused("it is no number")),
        },
        MergeWord::DeepMerge => Ok(deep(before, value)),
    }
}

fn appended(before: Value, value: &Value) -> Value {
    let mut list = match before {
        Value::Array(list) => list,
        other => vec![other],
    };
    match value {
        Value::Array(more) => list.extend(more.iter().cloned()),
        other => list.push(other.clone()),
    }
    Value::Array(list)
}

/// Whole numbers stay whole while they fit.
fn sum(a: &Number, b: &Number) -> Option<Number> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64())
        && let Some(sum) = a.checked_add(b)
    {
        return Some(sum.into());
    }
    Number::from_f64(a.as_f64()? + b.as_f64()?)
}

fn deep(before: Value, value: &Value) -> Value {
    match (before, value) {
        (Value::Object(mut merged), Value::Object(fields)) => {
            for (key, value) in fields {
                let value = match merged.remove(key) {
                    Some(before) => deep(before, value),
                    None => value.clone(),
                };
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (_, value) => value.clone(),
    }
}

fn name(word: MergeWord) -> &'static str {
    match word {
        MergeWord::Error => "error",
        MergeWord::First => "first",
        MergeWord::Last => "last",
        MergeWord::Append => "append",
        MergeWord::Sum => "sum",
        MergeWord::DeepMerge => "deep_merge",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(word: MergeWord, outputs: &[Value]) -> Result<Value, MergeError> {
        let named: Vec<(String, &Value)> =
            outputs.iter().enumerate().map(|(at, output)| (format!("p{at}"), output)).collect();
        merge(&Merge::Whole(word), &named)
    }

    #[test]
    fn each_word_does_what_its_name_says() {
        let outputs = [json!({"n": 1, "l": [1], "m": {"a": 1}}), json!({"n": 2, "l": [2], "m": {"b": 2}})];
        let first = json!({"n": 1, "l": [1], "m": {"a": 1}});
        let last = json!({"n": 2, "l": [2], "m": {"b": 2}});
        assert_eq!(of(MergeWord::First, &outputs).unwrap(), first);
        assert_eq!(of(MergeWord::Last, &outputs).unwrap(), last);
        assert_eq!(of(MergeWord::DeepMerge, &outputs).unwrap()["m"], json!({"a": 1, "b": 2}));
        assert_eq!(of(MergeWord::Append, &outputs).unwrap()["l"], json!([1, 2]));
        assert_eq!(of(MergeWord::Append, &outputs).unwrap()["n"], json!([1, 2]));
        assert_eq!(of(MergeWord::Sum, &[json!({"n": 1}), json!({"n": 2.5})]).unwrap(), json!({"n": 3.5}));
        let error = of(MergeWord::Error, &outputs).unwrap_err();
        assert_eq!((error.parent.as_str(), error.what.as_str()), ("p1", "the key `l`"));
        assert_eq!(
            of(MergeWord::Error, &[json!({"a": 1}), json!({"a": 1, "b": 2})]).unwrap(),
            json!({"a": 1, "b": 2})
        );
    }

    #[test]
    fn outputs_that_are_no_mappings_are_merged_whole() {
        assert_eq!(of(MergeWord::Append, &[json!([1]), json!(2)]).unwrap(), json!([1, 2]));
        assert_eq!(of(MergeWord::Sum, &[json!(1), json!(2)]).unwrap(), json!(3));
        assert_eq!(of(MergeWord::Sum, &[json!(1), json!("2")]).unwrap_err().why, "it is no number");
        assert_eq!(of(MergeWord::Append, &[]).unwrap(), json!({}));
    }

    #[test]
    fn keys_have_their_own_words_and_the_others_must_agree() {
        let words = BTreeMap::from([("n".to_owned(), MergeWord::Sum)]);
        let (a, b) = (json!({"n": 1, "x": 1}), json!({"n": 2, "x": 2}));
        let error = merge(&Merge::Keys(words.clone()), &[("a".into(), &a), ("b".into(), &b)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key `x` of `b` cannot be merged by `error`: another parent gave another value"
        );
        let b = json!({"n": 2, "y": 2});
        let merged = merge(&Merge::Keys(words), &[("a".into(), &a), ("b".into(), &b)]).unwrap();
        assert_eq!(merged, json!({"n": 3, "x": 1, "y": 2}));
    }
}
