//! `metrics`: reads a Prometheus page and says what in it looks like trouble.

mod findings;
mod page;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::{AllowEntry, BuiltinCall};
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::parameters::parameters;
use crate::http::{Egress, Target, read_body, request_failure};
use crate::within::within;
use crate::{Agent, Answer, Call, CancelToken, Environment, Outcome, ProgressSink};
use page::{Sample, parse};

/// The longest page in bytes.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The most series that are given back.
const SERIES_MAX: usize = 200;
/// The most names that may be asked for.
const NAMES_MAX: usize = 100;

pub(super) struct Metrics {
    allow: Vec<AllowEntry>,
    with: Map<String, Value>,
    egress: Egress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    url: String,
    #[serde(default)]
    names: Vec<String>,
}

impl Metrics {
    pub(super) fn new(call: &BuiltinCall, env: &Environment) -> Self {
        Self { allow: call.allow.clone(), with: call.with.clone(), egress: env.egress.clone() }
    }
}

impl Agent for Metrics {
    fn call(&self, call: Call, _: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        let (allow, egress) = (self.allow.clone(), self.egress.clone());
        let parameters = parameters::<Parameters>(&self.with, &call);
        async move {
            let mut parameters = parameters?;
            parameters.names.truncate(NAMES_MAX);
            let target = Target::new(&parameters.url, &allow)?;
            let work = async {
                let page = fetch(&egress, &target, &call).await?;
                let reading = tokio::task::spawn_blocking(move || report(&page, &parameters.names));
                let interrupted = |_| failed("analysis_interrupted", "reading the page was interrupted");
                Ok(Answer::new(reading.await.map_err(interrupted)?))
            };
            within(&call, &cancel, work).await
        }
        .boxed()
    }
}

fn failed(code: &str, message: &str) -> Failure {
    Failure::new(ErrorClass::Transient, code, message, Happened::No)
}

async fn fetch(egress: &Egress, target: &Target, call: &Call) -> Result<String, Failure> {
    let sent = egress.client(target)?.get(target.url().clone()).send().await;
    let mut response = sent.map_err(|error| request_failure(&error, call.unsure()))?;
    target.check_peer(response.remote_addr())?;
    let status = response.status();
    if !status.is_success() {
        return Err(failed(
            &format!("http_{}", status.as_u16()),
            &format!("the server answered {}", status.as_u16()),
        ));
    }
    let body =
        read_body(&mut response, PAGE_BYTES_MAX, None, call.unsure(), &ProgressSink::discard()).await?;
    if body.is_cut {
        let message = format!("the page is longer than {PAGE_BYTES_MAX} bytes");
        return Err(Failure::new(ErrorClass::Budget, "output_too_long", message, Happened::No));
    }
    Ok(String::from_utf8_lossy(&body.bytes).into_owned())
}

/// The output for a page. Pure.
fn report(page: &str, names: &[String]) -> Value {
    let samples = parse(page);
    let findings = findings::find(&samples);
    let summary = findings::summary(&findings, samples.len());
    let wanted = samples.iter().filter(|sample| is_wanted(sample, names));
    let metrics: Vec<Value> = wanted.take(SERIES_MAX).map(Sample::to_json).collect();
    json!({"samples": samples.len(), "metrics": metrics, "findings": findings, "summary": summary})
}

fn is_wanted(sample: &Sample, names: &[String]) -> bool {
    names.is_empty()
        || names.iter().any(|name| match name.strip_suffix('*') {
            Some(prefix) => sample.name.starts_with(prefix),
            None => sample.name == *name,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{status=\"200\",path=\"/a\"} 58
http_requests_total{status=\"500\",path=\"/a\"} 40 1700000000000
http_requests_total{status=\"503\",path=\"/a\"} 2
# TYPE db_pool_in_use gauge
db_pool_in_use 10
db_pool_size 10
cache_in_use{shard=\"a\"} 1
cache_size{shard=\"a\"} 10
up{job=\"api\"} 1
request_seconds{quantile=\"0.99\"} 2.5
garbage line
nan_gauge NaN
";

    #[test]
    fn a_sick_service_is_described_in_one_sentence() {
        let output = report(PAGE, &["db_*".into(), "up".into()]);
        assert_eq!(output["samples"], 10);
        let kinds: Vec<&str> =
            output["findings"].as_array().unwrap().iter().map(|f| f["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["saturated", "server_errors", "slow"]);
        let names: Vec<&str> =
            output["metrics"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["db_pool_in_use", "db_pool_size", "up"]);
        assert_eq!(
            output["summary"],
            "db_pool_in_use is at its limit: 10 of 10; http_requests_total: 42 of 100 (42.0 %) ended with a server error; \
             request_seconds: quantile 0.99 is 2.5 s"
        );
    }

    #[test]
    fn a_healthy_page_has_no_findings() {
        let output = report("up 1\nhttp_requests_total{status=\"200\"} 5\n", &[]);
        assert_eq!(output["findings"], json!([]));
        assert_eq!(output["summary"], "no sign of trouble in 2 samples");
        assert_eq!(report("", &[])["summary"], "the page has no samples");
    }
}
