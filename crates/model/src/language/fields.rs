//! Fields that workflow files and agent files share.

use std::time::Duration;

use super::document::Entry;
use super::reader::{MapReader, Problems};
use crate::diagnostic::Code;
use crate::failure::{EffectClass, ErrorClass};
use crate::retry::{Backoff, RetryPolicy};

/// The words for effect classes.
pub(crate) const EFFECTS: [(&str, EffectClass); 3] =
    [("read", EffectClass::Read), ("idempotent", EffectClass::Idempotent), ("write", EffectClass::Write)];

const BACKOFFS: [(&str, Backoff); 3] =
    [("fixed", Backoff::Fixed), ("linear", Backoff::Linear), ("exponential", Backoff::Exponential)];

/// Reads `{max_attempts, backoff, initial, max}`. What is absent is as in [`RetryPolicy::NONE`].
pub(crate) fn retry(entry: &Entry, problems: &mut Problems) -> Option<RetryPolicy> {
    let map = MapReader::open(&entry.value, entry.key_span, "`retry`", problems)?;
    map.only(&[&["max_attempts", "backoff", "initial", "max"]], &[], problems);
    let before = problems.errors();
    let none = RetryPolicy::NONE;
    map.required("max_attempts", problems);
    let max_attempts = map.whole("max_attempts", 1..=1000, problems).unwrap_or(1);
    let initial = map.duration("initial", Duration::ZERO, problems);
    let max = map.duration("max", Duration::ZERO, problems);
    let policy = RetryPolicy {
        max_attempts: u32::try_from(max_attempts).unwrap_or(1),
        backoff: map.word("backoff", &BACKOFFS, &[], problems).unwrap_or(none.backoff),
        initial: initial.unwrap_or(none.initial),
        max: max.unwrap_or_else(|| none.max.max(initial.unwrap_or_default())),
    };
    if policy.initial > policy.max {
        problems.add(Code::BadValue, map.span, "`initial` is longer than `max`");
    }
    (problems.errors() == before).then_some(policy)
}

/// The words for classes of failure.
pub(crate) fn error_classes() -> Vec<(&'static str, ErrorClass)> {
    ErrorClass::ALL.iter().map(|class| (class.as_str(), *class)).collect()
}
