//! `http-probe`: asks an address whether it is well. With `tcp://host:port` it only connects.
//!
//! An unreachable target is an answer, `healthy: false`, and not a failed step. A target that is not allowed is a failure.

use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::{AllowEntry, BuiltinCall};
use ghostlight_model::failure::{ErrorClass, Failure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parameters::{duration, parameters};
use crate::http::{Egress, Target, request_failure};
use crate::within::within;
use crate::{Agent, Answer, Call, CancelToken, Environment, Outcome, ProgressSink};

/// How long the target may take, when nobody says.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct HttpProbe {
    allow: Vec<AllowEntry>,
    with: Map<String, Value>,
    egress: Egress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    url: String,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Duration>,
}

impl HttpProbe {
    pub(super) fn new(call: &BuiltinCall, env: &Environment) -> Self {
        Self { allow: call.allow.clone(), with: call.with.clone(), egress: env.egress.clone() }
    }
}

impl Agent for HttpProbe {
    fn call(&self, call: Call, _: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        let (allow, egress) = (self.allow.clone(), self.egress.clone());
        let parameters = parameters::<Parameters>(&self.with, &call);
        async move {
            let parameters = parameters?;
            let target = Target::with_tcp(&parameters.url, &allow)?;
            // A target that takes all the time of the attempt is not well; the attempt itself has not failed.
            let patience = parameters.timeout.unwrap_or(PATIENCE).min(call.timeout.mul_f64(0.9));
            within(&call, &cancel, probe(&egress, &target, patience, &call)).await
        }
        .boxed()
    }
}

async fn probe(egress: &Egress, target: &Target, patience: Duration, call: &Call) -> Outcome {
    let started = Instant::now();
    let asked = tokio::time::timeout(patience, ask(egress, target, call)).await;
    let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (status, error) = match asked {
        Ok(Ok(status)) => {
            (status, status.filter(|status| !is_well(*status)).map(|status| format!("http_{status}")))
        }
        Ok(Err(failure)) if failure.class == ErrorClass::Configuration && failure.code != "tls_failed" => {
            return Err(failure);
        }
        Ok(Err(failure)) => (None, Some(failure.code)),
        Err(_) => (None, Some("timeout".to_owned())),
    };
    let healthy = error.is_none();
    Ok(Answer::new(json!({"healthy": healthy, "status": status, "latency_ms": latency_ms, "error": error})))
}

fn is_well(status: u16) -> bool {
    (200..300).contains(&status)
}

/// The status of the target; none when it was only connected to.
async fn ask(egress: &Egress, target: &Target, call: &Call) -> Result<Option<u16>, Failure> {
    if target.is_tcp() {
        target.connect().await?;
        return Ok(None);
    }
    let sent = egress.client(target)?.get(target.url().clone()).send().await;
    let response = sent.map_err(|error| request_failure(&error, call.unsure()))?;
    target.check_peer(response.remote_addr())?;
    Ok(Some(response.status().as_u16()))
}
