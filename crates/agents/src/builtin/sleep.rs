//! `sleep`: waits, then says how long. For trying timeouts, cancels and parallel flows.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::BuiltinCall;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::parameters::{duration, parameters};
use crate::within::within;
use crate::{Agent, Answer, Call, CancelToken, Outcome, Progress, ProgressSink};

/// Far below the silence after which a watcher is told that something may be stuck.
const SIGN_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Sleep {
    with: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    #[serde(default, rename = "for", deserialize_with = "duration")]
    time: Option<Duration>,
    #[serde(default)]
    ms: Option<u64>,
}

impl Sleep {
    pub(super) fn new(call: &BuiltinCall) -> Self {
        Self { with: call.with.clone() }
    }
}

impl Agent for Sleep {
    fn call(&self, call: Call, progress: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        let parameters = parameters::<Parameters>(&self.with, &call);
        async move {
            let parameters = parameters?;
            let time = parameters.time.or(parameters.ms.map(Duration::from_millis)).unwrap_or_default();
            let sleeping = async {
                let end = Instant::now() + time;
                // Whoever watches sees that it is asleep, and not that it hangs.
                while Instant::now() + SIGN_EVERY < end {
                    tokio::time::sleep(SIGN_EVERY).await;
                    let left = end.saturating_duration_since(Instant::now());
                    let ratio = 1.0 - left.as_secs_f64() / time.as_secs_f64();
                    progress.send(Progress::Progress { ratio: Some(ratio), text: "asleep".to_owned() });
                }
                tokio::time::sleep_until(end).await;
                Ok(Answer::new(json!({"slept_ms": u64::try_from(time.as_millis()).unwrap_or(u64::MAX)})))
            };
            within(&call, &cancel, sleeping).await
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{progress_channel, testing};
    use ghostlight_model::failure::ErrorClass;

    async fn slept(input: Value) -> Result<Value, ErrorClass> {
        let sleep = Sleep { with: Map::new() };
        let outcome = sleep.call(testing::call(input), ProgressSink::discard(), CancelToken::new()).await;
        outcome.map(|answer| (*answer.output).clone()).map_err(|failure| failure.class)
    }

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_as_long_as_it_is_told_and_never_beyond_the_timeout() {
        assert_eq!(slept(json!({"for": "2s"})).await, Ok(json!({"slept_ms": 2000})));
        assert_eq!(slept(json!({"ms": 7})).await, Ok(json!({"slept_ms": 7})));
        assert_eq!(slept(Value::Null).await, Ok(json!({"slept_ms": 0})));
        assert_eq!(slept(json!({"for": "1h"})).await, Err(ErrorClass::Timeout));
        assert_eq!(slept(json!({"for": "long"})).await, Err(ErrorClass::Data));
        assert_eq!(slept(json!([1])).await, Err(ErrorClass::Data));
    }

    #[tokio::test(start_paused = true)]
    async fn it_says_once_a_second_how_far_it_is() {
        let (sink, mut said) = progress_channel();
        let sleep = Sleep { with: Map::new() };
        let outcome = sleep.call(testing::call(json!({"for": "4s"})), sink, CancelToken::new()).await;
        assert_eq!(*outcome.unwrap().output, json!({"slept_ms": 4000}));
        let mut ratios = Vec::new();
        while let Some(Progress::Progress { ratio: Some(ratio), .. }) = said.recv().await {
            ratios.push(ratio);
        }
        assert_eq!(ratios, [0.25, 0.5, 0.75]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_wakes_it() {
        let cancel = CancelToken::new();
        let sleep = Sleep { with: Map::new() };
        let sleeping =
            sleep.call(testing::call(json!({"for": "9s"})), ProgressSink::discard(), cancel.clone());
        let (outcome, ()) = tokio::join!(sleeping, async { cancel.cancel() });
        assert_eq!(outcome.unwrap_err().class, ErrorClass::Cancelled);
    }
}
