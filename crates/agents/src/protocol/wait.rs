//! How long a callee asks us to wait: `2s`, `1m 30s`, `PT2S`, or a number of seconds.

use std::time::Duration;

use serde_json::Value;

/// Longer wishes are cut to this.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

/// The wait that `value` names, at most a day; `None` when it names none.
pub(crate) fn parse_wait(value: &Value) -> Option<Duration> {
    match value {
        Value::String(text) => parse_wait_text(text),
        Value::Number(seconds) => from_seconds(seconds.as_f64()?),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The wait that a text names, at most a day.
pub(crate) fn parse_wait_text(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    if let Ok(seconds) = text.parse::<f64>() {
        return from_seconds(seconds);
    }
    let wait = text.parse::<jiff::SignedDuration>().ok()?;
    Duration::try_from(wait).ok().map(|wait| wait.min(WAIT_MAX))
}

fn from_seconds(seconds: f64) -> Option<Duration> {
    if seconds.is_nan() || seconds < 0.0 {
        return None;
    }
    Some(Duration::try_from_secs_f64(seconds).map_or(WAIT_MAX, |wait| wait.min(WAIT_MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_wait_is_a_duration_or_seconds_and_never_longer_than_a_day() {
        for (value, wait) in [
            (json!("2s"), Some(Duration::from_secs(2))),
            (json!("500ms"), Some(Duration::from_millis(500))),
            (json!("PT1M"), Some(Duration::from_secs(60))),
            (json!("3"), Some(Duration::from_secs(3))),
            (json!(1.5), Some(Duration::from_millis(1500))),
            (json!(1e300), Some(WAIT_MAX)),
            (json!("999999h"), Some(WAIT_MAX)),
            (json!("-2s"), None),
            (json!(-1), None),
            (json!("NaN"), None),
            (json!("soon"), None),
            (json!(null), None),
        ] {
            assert_eq!(parse_wait(&value), wait, "{value}");
        }
    }
}
