//! `fail`: fails as it is told. For trying retries, fallbacks and failure paths.

use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use ghostlight_model::agent::BuiltinCall;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parameters::{duration, parameters};
use crate::{Agent, Answer, Call, CancelToken, Outcome, ProgressSink, text};

pub(super) struct Fail {
    with: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default)]
    class: Option<ErrorClass>,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    happened: Option<Happened>,
    /// Only the first so many attempts fail.
    #[serde(default)]
    times: Option<u32>,
    #[serde(default, deserialize_with = "duration")]
    retry_after: Option<Duration>,
}

impl Fail {
    pub(super) fn new(call: &BuiltinCall) -> Self {
        Self { with: call.with.clone() }
    }

    fn outcome(&self, call: &Call) -> Outcome {
        let parameters: Parameters = parameters(&self.with, call)?;
        if parameters.times.is_some_and(|times| call.attempt > times) {
            return Ok(Answer::new(json!({"attempt": call.attempt})));
        }
        let message = parameters.message.as_deref().unwrap_or("failed as it was told to");
        let failure = Failure::new(
            parameters.class.unwrap_or(ErrorClass::Transient),
            &text::one_line(parameters.code.as_deref().unwrap_or("told_to_fail"), 64),
            text::one_line(message, 2048),
            parameters.happened.unwrap_or(Happened::No),
        );
        Err(match parameters.retry_after {
            Some(wait) => failure.retry_after(wait),
            None => failure,
        })
    }
}

impl Agent for Fail {
    fn call(&self, call: Call, _: ProgressSink, _: CancelToken) -> BoxFuture<'static, Outcome> {
        ready(self.outcome(&call)).boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn it_fails_as_often_and_as_badly_as_it_is_told() {
        let fail = Fail { with: Map::from_iter([("class".to_owned(), json!("rate_limit"))]) };
        let failed = |input: Value| fail.outcome(&testing::call(input));
        let failure = failed(json!({})).unwrap_err();
        assert_eq!((failure.class, failure.happened), (ErrorClass::RateLimit, Happened::No));
        let failure =
            failed(json!({"class": "data", "happened": "unknown", "retry_after": "1s"})).unwrap_err();
        assert_eq!((failure.class, failure.happened), (ErrorClass::Data, Happened::Unknown));
        assert_eq!(failure.retry_after_ms, Some(1000));
        // The call of the tests is the second attempt.
        assert!(failed(json!({"times": 2})).is_err());
        assert_eq!(*failed(json!({"times": 1})).unwrap().output, json!({"attempt": 2}));
        assert_eq!(failed(json!({"class": "funny"})).unwrap_err().code, "input_invalid");
    }
}
