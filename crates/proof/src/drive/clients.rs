//! Clients that ask for this and that, one thing at a time, whatever happens to the daemon.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::agents::Effects;
use super::log::Log;
use crate::history::{Op, Outcome};
use crate::shapes::SHAPES;

/// How many of the latest runs are done something to.
const RECENT: usize = 60;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What makes the runs of a history large in which space is to be taken back.
const PADDING_BYTES: usize = 16 << 10;

/// What a run is for us that was dropped.
const ARCHIVED: &str = "archived";

/// What all clients share. Cheap to clone.
#[derive(Clone)]
pub struct Shared {
    pub log: Log,
    pub address: SocketAddr,
    pub http: reqwest::Client,
    pub effects: Effects,
    /// Whether runs that ended are dropped.
    pub retains: bool,
    runs: Arc<Mutex<Vec<Run>>>,
}

/// A run that was started.
#[derive(Debug, Clone)]
pub struct Run {
    pub id: String,
    pub workflow: &'static str,
    pub status: String,
}

/// One client.
pub struct Client {
    pub number: u32,
    pub shared: Shared,
    pub random: fastrand::Rng,
    asked: u64,
    /// The last start with a key, for asking again.
    keyed: Option<Keyed>,
}

/// A start with a key: the workflow, what tells it from others, the key.
pub type Keyed = (&'static str, String, String);

/// An answer, as far as it matters.
struct Answer {
    status: u16,
    body: Value,
    sequence: u64,
}

impl Shared {
    pub fn new(log: Log, address: SocketAddr, effects: Effects, retains: bool) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        Ok(Self { log, address, http, effects, retains, runs: Arc::default() })
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, Vec<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All runs that anybody knows of.
    pub fn known(&self) -> Vec<Run> {
        self.runs().clone()
    }

    fn saw(&self, id: &str, workflow: &'static str, status: &str) {
        let mut runs = self.runs();
        match runs.iter_mut().find(|run| run.id == id) {
            Some(run) => status.clone_into(&mut run.status),
            None => runs.push(Run { id: id.to_owned(), workflow, status: status.to_owned() }),
        }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let mut request = self.http.request(method, format!("http://{}/api/v1{path}", self.address));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let sequence = answer.headers().get("ghostlight-sequence");
        let sequence = sequence.and_then(|text| text.to_str().ok()?.parse().ok()).unwrap_or_default();
        let status = answer.status().as_u16();
        let body = answer.json().await.ok()?;
        Some(Answer { status, body, sequence })
    }

    /// Looks something up, unrecorded: what a client knows is of no consequence, what it does is.
    pub async fn look(&self, path: &str) -> Option<Value> {
        let answer = self.ask(Method::GET, path, None, None).await?;
        (answer.status == 200).then_some(answer.body)
    }
}

impl Client {
    pub fn new(number: u32, shared: Shared, seed: u64) -> Self {
        Self { number, shared, random: fastrand::Rng::with_seed(seed), asked: 0, keyed: None }
    }

    /// Asks for this and that until it is dropped.
    pub async fn work(mut self) {
        loop {
            let answered = match self.random.u8(..100) {
                0..30 => self.start().await,
                30..45 => self.decide().await,
                45..55 => self.signal().await,
                55..60 => self.pause().await,
                60..65 => self.resume().await,
                65..70 => self.cancel().await,
                70..75 => self.retry().await,
                75..85 => self.reconcile().await,
                _ => self.get().await,
            };
            // Nobody is there at the moment, or there was nothing to do.
            let pause = if answered { 1..12 } else { 20..80 };
            tokio::time::sleep(Duration::from_millis(self.random.u64(pause))).await;
        }
    }

    fn nonce(&mut self) -> String {
        self.asked += 1;
        format!("{}-{}", self.number, self.asked)
    }

    /// Asks, and writes down both ends.
    async fn give(
        &self,
        op: Op,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> bool {
        let about = op.run().map(str::to_owned);
        let id = self.shared.log.invoke(self.number, op);
        let answer = self.shared.ask(method, path, key, body).await;
        let reached = answer.is_some();
        let outcome = answer.map_or(Outcome::Unknown, |answer| {
            let text = |key: &str| answer.body[key].as_str().map(str::to_owned);
            match answer.status {
                200..300 => {
                    let run =
                        text("run").or_else(|| text("id").filter(|_| answer.body["workflow"].is_string()));
                    let sequence = text("sequence").and_then(|text| text.parse().ok());
                    let status = text("status").filter(|_| answer.body["workflow"].is_string());
                    Outcome::Ok { run, sequence: sequence.unwrap_or(answer.sequence), status }
                }
                500.. => Outcome::Unknown,
                status => Outcome::Refused { status, code: text("code").unwrap_or_default() },
            }
        });
        let seen = match &outcome {
            Outcome::Ok { run: Some(run), status: Some(status), .. } => Some((run.clone(), status.clone())),
            Outcome::Refused { status: 410, .. } => about.map(|run| (run, ARCHIVED.to_owned())),
            _ => None,
        };
        if let Some((run, status)) = &seen {
            let known = self.shared.runs().iter().find(|known| known.id == *run).map(|known| known.workflow);
            if let Some(workflow) = known {
                self.shared.saw(run, workflow, status);
            }
        }
        self.shared.log.answered(id, outcome);
        reached
    }

    async fn start(&mut self) -> bool {
        let again = self.keyed.clone().filter(|_| self.random.u8(..4) == 0);
        if again.is_some() {
            return self.begin("", again).await.is_some();
        }
        let shape = self.random.choice(SHAPES.iter()).unwrap_or(&SHAPES[0]);
        self.begin(shape.name, None).await.is_some()
    }

    /// Starts a run, or asks once more for one that was asked for with a key.
    pub async fn begin(&mut self, workflow: &'static str, again: Option<Keyed>) -> Option<String> {
        let (workflow, nonce, key) = match again {
            Some((workflow, nonce, key)) => (workflow, nonce, Some(key)),
            None => {
                let nonce = self.nonce();
                let key = self.random.bool().then(|| format!("key-{nonce}"));
                if let Some(key) = &key {
                    self.keyed = Some((workflow, nonce.clone(), key.clone()));
                }
                (workflow, nonce, key)
            }
        };
        let op = Op::Start { workflow: workflow.to_owned(), nonce: nonce.clone(), key: key.clone() };
        let id = self.shared.log.invoke(self.number, op);
        let mut body = json!({ "input": { "nonce": nonce } });
        if self.shared.retains {
            body["input"]["padding"] = "x".repeat(PADDING_BYTES).into();
        }
        let path = format!("/workflows/{workflow}/runs");
        let answer = self.shared.ask(Method::POST, &path, key.as_deref(), Some(&body)).await;
        let outcome = match answer {
            None => Outcome::Unknown,
            Some(Answer { status: 200..300, body, sequence }) => {
                let run = body["id"].as_str().unwrap_or_default().to_owned();
                self.shared.saw(&run, workflow, body["status"].as_str().unwrap_or_default());
                Outcome::Ok { run: Some(run), sequence, status: None }
            }
            Some(Answer { status: 500.., .. }) => Outcome::Unknown,
            Some(Answer { status, body, .. }) => {
                Outcome::Refused { status, code: body["code"].as_str().unwrap_or_default().to_owned() }
            }
        };
        self.shared.log.answered(id, outcome.clone());
        match outcome {
            Outcome::Ok { run, .. } => run,
            Outcome::Refused { .. } | Outcome::Unknown => None,
        }
    }

    /// Starts a run under a key; it can be asked for once more.
    pub async fn begin_with_key(&mut self, workflow: &'static str) -> Keyed {
        let nonce = self.nonce();
        let keyed = (workflow, nonce.clone(), format!("key-{nonce}"));
        self.begin(workflow, Some(keyed.clone())).await;
        keyed
    }

    /// One of the latest runs of which this holds as far as is known.
    fn pick(&mut self, fits: impl Fn(&Run) -> bool) -> Option<Run> {
        let runs = self.shared.runs();
        let fitting: Vec<&Run> = runs.iter().rev().take(RECENT).filter(|run| fits(run)).collect();
        self.random.choice(fitting).cloned()
    }

    async fn decide(&mut self) -> bool {
        let Some(page) = self.shared.look("/approvals?status=pending&limit=20").await else { return false };
        let items = page["items"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(approval) = self.random.choice(items).and_then(|item| item["id"].as_str()) else {
            return false;
        };
        let approve = self.random.u8(..4) > 0;
        self.answer(approval, approve).await
    }

    /// Answers a question.
    pub async fn answer(&mut self, approval: &str, approve: bool) -> bool {
        let nonce = self.nonce();
        let path = format!("/approvals/{approval}/{}", if approve { "approve" } else { "reject" });
        let body = json!({ "comment": nonce });
        let op = Op::Decide { approval: approval.to_owned(), approve, nonce };
        self.give(op, Method::POST, &path, None, Some(&body)).await
    }

    async fn signal(&mut self) -> bool {
        let Some(run) = self.pick(|run| run.workflow == "told" && !has_ended(&run.status)) else {
            return false;
        };
        self.send(&run.id).await
    }

    /// Sends the signal that a run waits for.
    pub async fn send(&mut self, run: &str) -> bool {
        let nonce = self.nonce();
        let body = json!({ "nonce": nonce });
        let op = Op::Signal { run: run.to_owned(), nonce };
        self.give(op, Method::POST, &format!("/runs/{run}/signals/go"), None, Some(&body)).await
    }

    async fn pause(&mut self) -> bool {
        let Some(run) = self.pick(|run| !has_ended(&run.status)) else { return false };
        self.hold(&run.id).await
    }

    /// Pauses a run.
    pub async fn hold(&mut self, run: &str) -> bool {
        let nonce = self.nonce();
        let (path, body) = (format!("/runs/{run}/pause"), json!({ "reason": nonce }));
        let op = Op::Pause { run: run.to_owned(), nonce };
        self.give(op, Method::POST, &path, None, Some(&body)).await
    }

    async fn resume(&mut self) -> bool {
        let Some(run) = self.pick(|run| run.status == "paused") else { return false };
        self.let_go_on(&run.id).await
    }

    /// Resumes a run.
    pub async fn let_go_on(&mut self, run: &str) -> bool {
        let op = Op::Resume { run: run.to_owned() };
        self.give(op, Method::POST, &format!("/runs/{run}/resume"), None, Some(&json!({}))).await
    }

    async fn cancel(&mut self) -> bool {
        let Some(run) = self.pick(|run| !has_ended(&run.status)) else { return false };
        self.stop(&run.id).await
    }

    /// Cancels a run.
    pub async fn stop(&mut self, run: &str) -> bool {
        let nonce = self.nonce();
        let (path, body) = (format!("/runs/{run}/cancel"), json!({ "reason": nonce }));
        let op = Op::Cancel { run: run.to_owned(), nonce };
        self.give(op, Method::POST, &path, None, Some(&body)).await
    }

    async fn retry(&mut self) -> bool {
        let Some(run) = self.pick(|run| run.status == "failed") else { return false };
        self.try_again(&run.id).await
    }

    /// Tries again what failed of a run.
    pub async fn try_again(&mut self, run: &str) -> bool {
        let op = Op::Retry { run: run.to_owned() };
        self.give(op, Method::POST, &format!("/runs/{run}/retry"), None, Some(&json!({}))).await
    }

    async fn reconcile(&mut self) -> bool {
        let writes = |run: &Run| matches!(run.workflow, "line" | "asked" | "fan") && !has_ended(&run.status);
        let Some(run) = self.pick(writes) else { return false };
        self.settle(&run.id).await
    }

    /// Says of the steps of a run that wait for it whether they happened, as soon as the agents know it themselves.
    pub async fn settle(&mut self, run: &str) -> bool {
        let Some(page) = self.shared.look(&format!("/runs/{run}/steps?status=waiting")).await else {
            return false;
        };
        let mut reached = false;
        for item in
            page["items"].as_array().into_iter().flatten().filter(|item| item["reason"] == "reconcile")
        {
            let step = item["path"].as_str().unwrap_or_default().to_owned();
            let iteration = item["iteration"].as_u64().unwrap_or(1);
            let effect = self.shared.effects.of(&format!("{run}/{step}/{iteration}"));
            if effect.under_way > 0 {
                continue;
            }
            let output = effect.output;
            let happened = if output.is_some() { "yes" } else { "no" };
            let body = match &output {
                Some(answer) => json!({ "happened": happened, "output": { "answer": answer } }),
                None => json!({ "happened": happened }),
            };
            let path = format!("/runs/{run}/steps/{step}/reconcile");
            let op = Op::Reconcile { run: run.to_owned(), step, happened: output.is_some(), output };
            reached |= self.give(op, Method::POST, &path, None, Some(&body)).await;
        }
        reached
    }

    async fn get(&mut self) -> bool {
        let Some(Run { id: run, .. }) = self.pick(|_| true) else { return false };
        self.see(&run).await
    }

    /// Looks at a run.
    pub async fn see(&mut self, run: &str) -> bool {
        let op = Op::Get { run: run.to_owned() };
        self.give(op, Method::GET, &format!("/runs/{run}"), None, None).await
    }
}

pub fn has_ended(status: &str) -> bool {
    matches!(status, "completed" | "failed" | "cancelled" | ARCHIVED)
}
