//! One attempt: a request, and what its answer means.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ghostlight_model::agent::{AgentDefinition, HttpCall, HttpMethod, SecretText, StatusRule};
use ghostlight_model::event::Usage;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::Egress;
use super::body::{next_piece, read_body, silent};
use super::egress::Target;
use super::failure::request_failure;
use super::status::meaning;
use crate::protocol::{
    AnswerReader, Broken, Final, Framing, Reported, broken_failure, http_document, parse_bounded,
    parse_wait_text, reported_failure,
};
use crate::secret::{Redactor, resolve_all};
use crate::within::within;
use crate::{Answer, Call, CancelToken, Environment, Outcome, Progress, ProgressSink, SecretSource};

/// How much of the body of a refusal is read for its reasons.
const PROBLEM_BYTES_MAX: usize = 64 * 1024;
/// How long a refusal may take to give its reasons.
const PROBLEM_PATIENCE: Duration = Duration::from_secs(5);
/// Headers that belong to the connection: a definition that set them could split the request in two.
const FORBIDDEN: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a definition says about its request, worked out once.
pub(super) struct Plan {
    target: Target,
    method: Method,
    headers: BTreeMap<String, SecretText>,
    rules: Vec<StatusRule>,
    bytes_max: usize,
    secrets: Arc<dyn SecretSource>,
    egress: Egress,
}

impl Plan {
    /// The plan of `definition`, or what is wrong with it.
    pub(super) fn new(
        definition: &AgentDefinition,
        http: &HttpCall,
        env: &Environment,
    ) -> Result<Self, String> {
        let target = Target::new(&http.url, &http.allow).map_err(|error| format!("`url`: {error}"))?;
        if let Some(name) =
            http.headers.keys().find(|name| FORBIDDEN.contains(&name.to_ascii_lowercase().as_str()))
        {
            return Err(format!("the header `{name}` belongs to the connection and cannot be set"));
        }
        let bytes_max = http.response_bytes_max.min(definition.limits.output_bytes_max.unwrap_or(u64::MAX));
        Ok(Self {
            target,
            method: match http.method {
                HttpMethod::Get => Method::GET,
                HttpMethod::Post => Method::POST,
                HttpMethod::Put => Method::PUT,
                HttpMethod::Patch => Method::PATCH,
                HttpMethod::Delete => Method::DELETE,
            },
            headers: http.headers.clone(),
            rules: http.errors.clone(),
            bytes_max: usize::try_from(bytes_max).unwrap_or(usize::MAX),
            secrets: env.secrets.clone(),
            egress: env.egress.clone(),
        })
    }

    /// The headers of the request: the definition's, and over them those of the protocol.
    fn headers(&self, call: &Call) -> Result<(HeaderMap, Redactor), Failure> {
        let resolved = resolve_all(&self.headers, &*self.secrets)?;
        let mut headers = HeaderMap::new();
        for (name, value) in &resolved.texts {
            let invalid = || {
                let message = format!("the header `{name}` has a name or value that cannot be sent");
                Failure::new(ErrorClass::Configuration, "header_invalid", message, Happened::No)
            };
            let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid())?;
            let mut value = HeaderValue::from_str(value.expose_secret()).map_err(|_| invalid())?;
            value.set_sensitive(true);
            headers.insert(header, value);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let accepted = "application/json, application/x-ndjson, application/problem+json";
        headers.insert(header::ACCEPT, HeaderValue::from_static(accepted));
        headers.insert("ghostlight-protocol", HeaderValue::from_static("1"));
        let ours =
            [("idempotency-key", Some(&call.idempotency_key)), ("traceparent", call.traceparent.as_ref())];
        for (name, value) in ours {
            if let Some(value) = value.and_then(|value| HeaderValue::from_str(value).ok()) {
                headers.insert(name, value);
            }
        }
        Ok((headers, resolved.redactor))
    }
}

/// Makes one attempt.
pub(super) async fn run(plan: Arc<Plan>, call: Call, progress: ProgressSink, cancel: CancelToken) -> Outcome {
    if cancel.is_cancelled() {
        return Err(Failure::new(
            ErrorClass::Cancelled,
            "cancelled",
            "cancelled before the request",
            Happened::No,
        ));
    }
    let (headers, redactor) = {
        let (plan, call) = (plan.clone(), call.clone());
        // A secret may stand in a file.
        let resolved = tokio::task::spawn_blocking(move || plan.headers(&call)).await;
        let interrupted = |_| {
            Failure::new(
                ErrorClass::Transient,
                "attempt_not_prepared",
                "preparing was interrupted",
                Happened::No,
            )
        };
        resolved.map_err(interrupted)??
    };
    let mut exchange = Exchange {
        plan: &plan,
        call: &call,
        progress: &progress,
        redactor: &redactor,
        usage: Usage::default(),
    };
    let judged = within(&call, &cancel, exchange.answer(headers)).await;
    let usage = exchange.usage;
    match judged {
        Ok(mut output) => {
            redactor.value(&mut output);
            Ok(Answer { output: Arc::new(output), usage })
        }
        Err(mut failure) => {
            redactor.string(&mut failure.message);
            Err(failure)
        }
    }
}

struct Exchange<'a> {
    plan: &'a Plan,
    call: &'a Call,
    progress: &'a ProgressSink,
    redactor: &'a Redactor,
    usage: Usage,
}

impl Exchange<'_> {
    async fn answer(&mut self, headers: HeaderMap) -> Result<Value, Failure> {
        let mut response = self.send(headers).await?;
        self.plan.target.check_peer(response.remote_addr()).map_err(|error| {
            let mut failure = Failure::from(error);
            failure.happened = self.call.unsure();
            failure
        })?;
        let status = response.status();
        let kind = content_type(&response);
        if !status.is_success() || kind == "application/problem+json" {
            return Err(self.refusal(response, status, &kind).await);
        }
        if response.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(self.bug("response_encoded", "the answer is compressed although nobody asked for it"));
        }
        if response.content_length().is_some_and(|length| length > self.plan.bytes_max as u64) {
            return Err(self.too_long());
        }
        if kind == "application/x-ndjson" {
            return self.lines(&mut response).await;
        }
        let body = read_body(
            &mut response,
            self.plan.bytes_max,
            self.call.heartbeat,
            self.call.unsure(),
            self.progress,
        )
        .await?;
        if body.is_cut {
            return Err(self.too_long());
        }
        self.value(status, &body.bytes)
    }

    async fn send(&self, headers: HeaderMap) -> Result<Response, Failure> {
        let client = self.plan.egress.client(&self.plan.target)?;
        let mut request =
            client.request(self.plan.method.clone(), self.plan.target.url().clone()).headers(headers);
        // A body has no meaning in a GET (RFC 9110, 9.3.1).
        if self.plan.method != Method::GET {
            request = request.body(reqwest::Body::from(http_document(self.call)));
        }
        let unsure = self.call.unsure();
        let sent = match self.call.heartbeat {
            Some(silence) => {
                tokio::time::timeout(silence, request.send()).await.map_err(|_| silent(silence, unsure))?
            }
            None => request.send().await,
        };
        sent.map_err(|error| request_failure(&error, unsure))
    }

    /// The value of a body that was read whole.
    fn value(&self, status: StatusCode, bytes: &[u8]) -> Result<Value, Failure> {
        if bytes.trim_ascii().is_empty() {
            return match status {
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT => Ok(Value::Null),
                _ => Err(broken_failure(&Broken::Nothing, self.call)),
            };
        }
        parse_bounded(bytes)
            .map_err(|error| self.bug("output_not_json", &format!("the answer is no JSON value: {error}")))
    }

    /// The output of a stream of typed lines; it ends with the first result or error.
    async fn lines(&mut self, response: &mut Response) -> Result<Value, Failure> {
        let mut reader = AnswerReader::new(Framing::Lines, self.plan.bytes_max);
        let (progress, redactor) = (self.progress, self.redactor);
        let usage = &mut self.usage;
        let mut report = |mut said: Progress| {
            redactor.progress(&mut said);
            if let Progress::Usage(used) = &said {
                usage.add(*used);
            }
            progress.send(said);
        };
        while !reader.is_answered() {
            let piece: Option<Bytes> = next_piece(response, self.call.heartbeat, self.call.unsure()).await?;
            let Some(piece) = piece else { break };
            progress.alive();
            reader.push(&piece, &mut report).map_err(|broken| broken_failure(&broken, self.call))?;
        }
        match reader.finish(&mut report).map_err(|broken| broken_failure(&broken, self.call))? {
            Final::Output(output) => Ok(output),
            Final::Error(reported) => Err(reported_failure(reported, self.call)),
        }
    }

    /// What an answer means that is no output.
    async fn refusal(&self, mut response: Response, status: StatusCode, kind: &str) -> Failure {
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(retry_after);
        let reported = if kind.starts_with("application/") && kind.ends_with("json") {
            // What its reasons are is worth a moment, and no more.
            let body = read_body(&mut response, PROBLEM_BYTES_MAX, None, self.call.unsure(), self.progress);
            let body = tokio::time::timeout(PROBLEM_PATIENCE, body).await;
            body.ok().and_then(Result::ok).and_then(|body| Reported::from_problem(&body.bytes))
        } else {
            None
        };
        let mut failure =
            judge(status, reported, kind == "application/problem+json", &self.plan.rules, self.call);
        if failure.retry_after_ms.is_none()
            && let Some(wait) = retry_after
        {
            failure = failure.retry_after(wait);
        }
        failure
    }

    fn bug(&self, code: &str, message: &str) -> Failure {
        Failure::new(ErrorClass::AgentBug, code, message, self.call.unsure())
    }

    fn too_long(&self) -> Failure {
        broken_failure(&Broken::TooLong { limit: self.plan.bytes_max }, self.call)
    }
}

/// The failure of a refusal: the definition's table first, then what a problem document says, then the status. Only a
/// problem document may speak about class and effect; from any other JSON only texts are taken.
fn judge(
    status: StatusCode,
    reported: Option<Reported>,
    is_problem: bool,
    rules: &[StatusRule],
    call: &Call,
) -> Failure {
    let meaning = meaning(status.as_u16(), rules, call.unsure());
    let said = |wanted: bool| if wanted { reported.as_ref() } else { None };
    let class = said(is_problem && !meaning.is_ruled).and_then(|said| said.class).unwrap_or(meaning.class);
    let happened =
        said(is_problem && !meaning.is_ruled).and_then(|said| said.happened).unwrap_or(meaning.happened);
    let code = match said(is_problem) {
        Some(said) if !said.code.is_empty() => said.code.clone(),
        Some(_) | None => format!("http_{}", status.as_u16()),
    };
    let message = match said(true) {
        Some(said) if !said.message.is_empty() => {
            format!("the server answered {}: {}", status.as_u16(), said.message)
        }
        Some(_) | None => format!("the server answered {}", status.as_u16()),
    };
    let failure = Failure::new(class, &code, message, happened);
    match said(is_problem).and_then(|said| said.retry_after) {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

/// The media type of an answer without its parameters, lowercase; empty when there is none.
fn content_type(response: &Response) -> String {
    let value =
        response.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    value.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// The wait of a `Retry-After` header: seconds, or a date (RFC 9110, 10.2.3) as seen from now.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?;
    if let Some(wait) = parse_wait_text(text) {
        return Some(wait);
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = date.duration_since(jiff::Timestamp::now()).as_secs().clamp(0, 24 * 3600);
    Some(Duration::from_secs(seconds.unsigned_abs()))
}
