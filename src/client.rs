//! A client of our own HTTP API: what every verb but `serve`, `check` and the shop speaks through.
//!
//! Answers are read into types that know what the verbs need and pass over what they do not know, so that a newer daemon
//! can be asked by an older binary. The answer as it was sent stays beside them ([`Answer::body`]), for `--output json`.
//!
//! Every request has a deadline. A request that starts something carries an `Idempotency-Key`, so that it can be sent
//! again. Leaves to others: how answers are shown, and what an error means for the exit code of a verb.

mod definitions;
mod error;
mod feed;
mod next;
mod resources;

use std::time::Duration;

use reqwest::{Method, RequestBuilder};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use url::Url;

pub use definitions::Shelf;
pub use error::{ClientError, Problem};
pub use feed::{Feed, FeedOptions, Frame};
pub use next::NextStep;
pub use resources::{
    Accepted, Agent, AgentFile, AgentStatistics, Approval, Attempted, Batch, BatchItem, Branch, Failure,
    Hazards, Import, ImportItem, Made, NewToken, Page, Run, RunEvent, Saved, Step, Token, TreeNode, Version,
    Workflow,
};

/// How long an answer may take.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Speaks to one daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
}

/// An answer: what the verbs need of it, and all of it.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// What the verbs need.
    pub value: T,
    /// The body as it was sent.
    pub body: Value,
}

/// What a run is started from.
#[derive(Debug, Clone)]
pub enum StartFrom {
    /// A saved workflow.
    Workflow(String),
    /// A document that comes with the run, as a JSON value.
    Definition(Value),
}

/// What a run is given at its start.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Its input.
    pub input: Value,
    /// What stands in its context over the workflow's defaults; null: nothing.
    pub context: Value,
    /// Its labels, as a mapping; null: none.
    pub labels: Value,
    /// Which version of a saved workflow it follows; none: the latest.
    pub version: Option<u64>,
    /// How urgent it is; none: as the workflow says.
    pub priority: Option<i64>,
}

/// A document of the workflow language, as it is sent.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its text.
    pub text: String,
    /// Whether it is JSON; else it is YAML.
    pub is_json: bool,
}

impl Client {
    /// A client of the daemon at `server` (`http://127.0.0.1:7070`).
    ///
    /// # Errors
    /// [`ClientError::Address`] when `server` is no address of HTTP.
    pub fn new(server: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let address = |reason: String| ClientError::Address { server: server.to_owned(), reason };
        let with_scheme = if server.contains("://") { server.to_owned() } else { format!("http://{server}") };
        let base = Url::parse(&with_scheme).map_err(|error| address(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(address("it must begin with http:// or https://".to_owned()));
        }
        // The daemon is asked directly: a proxy of the environment is for the outside.
        // The client wants a provider of TLS even for plain HTTP; the first one installed stays.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| address(error.to_string()))?;
        Ok(Self { http, base, token: token.map(str::to_owned) })
    }

    /// The daemon's address.
    #[must_use]
    pub fn server(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether a daemon answers there.
    pub async fn is_reached(&self) -> bool {
        let asked = self.http.get(self.address("healthz", &[])).timeout(CONNECT_PATIENCE).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// Starts a run.
    pub async fn start_run(&self, from: &StartFrom, given: &Given) -> Result<Answer<Run>, ClientError> {
        self.start_run_as(&uuid::Uuid::new_v4().to_string(), from, given).await
    }

    /// The same under a key of the caller's: however often it is asked, it starts one run.
    pub async fn start_run_as(
        &self,
        key: &str,
        from: &StartFrom,
        given: &Given,
    ) -> Result<Answer<Run>, ClientError> {
        let (path, mut body) = match from {
            StartFrom::Workflow(name) => (format!("workflows/{name}/runs"), json!({})),
            StartFrom::Definition(definition) => ("runs".to_owned(), json!({ "definition": definition })),
        };
        body["input"] = given.input.clone();
        for (name, value) in [("labels", &given.labels), ("context", &given.context)] {
            if !value.is_null() {
                body[name] = value.clone();
            }
        }
        if let Some(version) = given.version {
            body["version"] = json!(version);
        }
        if let Some(priority) = given.priority {
            body["priority"] = json!(priority);
        }
        let request = self.request(Method::POST, &path, &[]).header("idempotency-key", key);
        self.answer(request.json(&body)).await
    }

    /// One run.
    pub async fn run(&self, id: &str) -> Result<Answer<Run>, ClientError> {
        self.get(&format!("runs/{id}"), &[]).await
    }

    /// One run, when it has ended or so many seconds are over.
    pub async fn run_within(&self, id: &str, seconds: u64) -> Result<Answer<Run>, ClientError> {
        self.get(&format!("runs/{id}"), &[("wait", seconds.to_string())]).await
    }

    /// One page of a run's events, those after a global sequence.
    pub async fn events(&self, id: &str, after: &str) -> Result<Answer<Page<RunEvent>>, ClientError> {
        let query = [("after", after.to_owned()), ("limit", "1000".to_owned())];
        self.get(&format!("runs/{id}/events"), &query).await
    }

    /// The steps of a run.
    pub async fn steps(&self, id: &str) -> Result<Answer<Page<Step>>, ClientError> {
        self.get(&format!("runs/{id}/steps"), &[]).await
    }

    /// One page of runs.
    pub async fn runs(&self, query: &[(&str, String)]) -> Result<Answer<Page<Run>>, ClientError> {
        self.get("runs", query).await
    }

    /// Cancels, pauses, resumes or retries a run.
    pub async fn command(&self, id: &str, verb: &str, body: &Value) -> Result<Answer<Accepted>, ClientError> {
        self.post(&format!("runs/{id}/{verb}"), body).await
    }

    /// What a retry of a run would do, or the retry itself, as the body says.
    pub async fn retry(&self, id: &str, body: &Value) -> Result<Answer<Value>, ClientError> {
        self.post(&format!("runs/{id}/retry"), body).await
    }

    /// Asks the same of many runs, once, however often it is sent.
    pub async fn batch(&self, body: &Value) -> Result<Answer<Batch>, ClientError> {
        let request = self.request(Method::POST, "batches", &[]);
        let request = request.header("idempotency-key", uuid::Uuid::new_v4().to_string());
        self.answer(request.json(body)).await
    }

    /// Changes the limits of a live run.
    pub async fn adjust_run(&self, id: &str, body: &Value) -> Result<Answer<Accepted>, ClientError> {
        self.patch(&format!("runs/{id}"), body).await
    }

    /// Lets a live run go on with another definition.
    pub async fn edit_run(
        &self,
        id: &str,
        document: &Document,
        reason: &str,
    ) -> Result<Answer<Accepted>, ClientError> {
        let media_type = if document.is_json { "application/json" } else { "application/yaml" };
        let query = [("reason", reason.to_owned())];
        let request = self.request(Method::POST, &format!("runs/{id}/plan/edits"), &query);
        self.answer(request.header("content-type", media_type).body(document.text.clone())).await
    }

    /// What each step of a run waits for.
    pub async fn next(&self, id: &str) -> Result<Answer<Page<NextStep>>, ClientError> {
        self.get(&format!("runs/{id}/next"), &[]).await
    }

    /// One page of approvals.
    pub async fn approvals(&self, query: &[(&str, String)]) -> Result<Answer<Page<Approval>>, ClientError> {
        self.get("approvals", query).await
    }

    /// One approval.
    pub async fn approval(&self, id: &str) -> Result<Answer<Approval>, ClientError> {
        self.get(&format!("approvals/{id}"), &[]).await
    }

    /// Answers an approval.
    pub async fn decide(
        &self,
        id: &str,
        approve: bool,
        comment: Option<&str>,
        changes: Option<&Value>,
    ) -> Result<Answer<Value>, ClientError> {
        let verb = if approve { "approve" } else { "reject" };
        let mut body = json!({});
        if let Some(comment) = comment {
            body["comment"] = json!(comment);
        }
        if let Some(changes) = changes {
            body["changes"] = changes.clone();
        }
        self.post(&format!("approvals/{id}/{verb}"), &body).await
    }

    /// All agents.
    pub async fn agents(&self) -> Result<Answer<Page<Agent>>, ClientError> {
        self.get("agents", &[]).await
    }

    /// One agent.
    pub async fn agent(&self, name: &str) -> Result<Answer<Agent>, ClientError> {
        self.get(&format!("agents/{name}"), &[]).await
    }

    /// Has all files of agents read again; tells what became of each.
    pub async fn reload_agents(&self) -> Result<Answer<Page<AgentFile>>, ClientError> {
        self.post("agents/reload", &json!({})).await
    }

    /// Has the files of agents read again; tells of one agent.
    pub async fn reload_agent(&self, name: &str) -> Result<Answer<Agent>, ClientError> {
        self.post(&format!("agents/{name}/reload"), &json!({})).await
    }

    /// What a start of a saved workflow would do.
    pub async fn dry_run(
        &self,
        name: &str,
        input: Option<&Value>,
        labels: &Value,
    ) -> Result<Value, ClientError> {
        let mut body = json!({ "dry_run": true, "labels": labels });
        if let Some(input) = input {
            body["input"] = input.clone();
        }
        self.send(self.request(Method::POST, &format!("workflows/{name}/runs"), &[]).json(&body)).await
    }

    /// The supervision tree.
    pub async fn tree(&self) -> Result<Answer<TreeNode>, ClientError> {
        self.get("tree", &[]).await
    }

    /// All measurements, in the text format of Prometheus.
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let request = self.authorised(self.http.get(self.address("metrics", &[]))).timeout(ANSWER_PATIENCE);
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let status = answer.status();
        let bytes = self.body(answer).await?;
        if !status.is_success() {
            let problem = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            return Err(ClientError::Refused(Box::new(Problem::of(status.as_u16(), problem))));
        }
        String::from_utf8(bytes).map_err(|_| self.strange("measurements that are no text".to_owned()))
    }

    /// Makes a fault to an actor.
    pub async fn strike(&self, path: &str, kind: &str, reason: &str) -> Result<(), ClientError> {
        let body = json!({ "path": path, "kind": kind, "reason": reason });
        self.send(self.request(Method::POST, "tree/chaos", &[]).json(&body)).await.map(drop)
    }

    /// All tokens.
    pub async fn tokens(&self) -> Result<Answer<Page<Token>>, ClientError> {
        self.get("tokens", &[]).await
    }

    /// Makes a token.
    pub async fn create_token(&self, body: &Value) -> Result<Answer<NewToken>, ClientError> {
        self.post("tokens", body).await
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, id: &str) -> Result<(), ClientError> {
        self.send(self.request(Method::DELETE, &format!("tokens/{id}"), &[])).await.map(drop)
    }

    /// What happens, as it happens: everything, or one run.
    #[must_use]
    pub fn feed(&self, options: FeedOptions) -> Feed {
        Feed::new(self.clone(), options)
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Answer<T>, ClientError> {
        self.answer(self.request(Method::GET, path, query)).await
    }

    async fn patch<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, ClientError> {
        self.answer(self.request(Method::PATCH, path, &[]).json(body)).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<Answer<T>, ClientError> {
        self.answer(self.request(Method::POST, path, &[]).json(body)).await
    }

    /// A request to a path below the API's base, without a deadline.
    fn open(&self, method: Method, path: &str, query: &[(&str, String)]) -> RequestBuilder {
        self.authorised(self.http.request(method, self.address(&format!("api/v1/{path}"), query)))
    }

    fn authorised(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, String)]) -> RequestBuilder {
        self.open(method, path, query).timeout(ANSWER_PATIENCE)
    }

    /// The address of a path. Segments are encoded, so that no name leads elsewhere.
    fn address(&self, path: &str, query: &[(&str, String)]) -> Url {
        let mut address = self.base.clone();
        if let Ok(mut segments) = address.path_segments_mut() {
            segments.pop_if_empty().extend(path.split('/'));
        }
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        address
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<Answer<T>, ClientError> {
        let body = self.send(request).await?;
        let value = T::deserialize(&body)
            .map_err(|error| self.strange(format!("an answer has another shape: {error}")))?;
        Ok(Answer { value, body })
    }

    async fn send(&self, request: RequestBuilder) -> Result<Value, ClientError> {
        let answer = request.send().await.map_err(|error| self.failed(&error))?;
        let status = answer.status();
        let bytes = self.body(answer).await?;
        let value = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match value {
            Ok(value) if status.is_success() => Ok(value),
            Ok(value) => Err(ClientError::Refused(Box::new(Problem::of(status.as_u16(), value)))),
            Err(_) => Err(self.strange(format!("status {status} without JSON; is it a Ghostlight daemon?"))),
        }
    }

    async fn body(&self, mut answer: reqwest::Response) -> Result<Vec<u8>, ClientError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| self.failed(&error))? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(self.strange("an answer is larger than 64 MiB".to_owned()));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    fn failed(&self, error: &reqwest::Error) -> ClientError {
        let server = self.server().to_owned();
        if error.is_timeout() && !error.is_connect() {
            return ClientError::TooSlow { server, patience: ANSWER_PATIENCE };
        }
        ClientError::Unreached { server, reason: innermost(error) }
    }

    fn strange(&self, what: String) -> ClientError {
        ClientError::Strange { server: self.server().to_owned(), what }
    }
}

/// What the system said, without the layers around it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_leave_out_the_scheme_and_must_be_of_http() {
        let server = |text: &str| Client::new(text, None).map(|client| client.server().to_owned());
        assert_eq!(server("127.0.0.1:7070").unwrap(), "http://127.0.0.1:7070");
        assert_eq!(server("https://flows.example/base/").unwrap(), "https://flows.example/base");
        for wrong in ["ftp://x", "http://", "http://[", ""] {
            assert!(matches!(server(wrong), Err(ClientError::Address { .. })), "{wrong}");
        }
    }

    #[test]
    fn names_cannot_lead_to_another_address() {
        let client = Client::new("http://h/base", None).unwrap();
        let address = client.address("api/v1/agents/a?b#c", &[("q", "x y&z".to_owned())]);
        assert_eq!(address.as_str(), "http://h/base/api/v1/agents/a%3Fb%23c?q=x+y%26z");
    }
}
