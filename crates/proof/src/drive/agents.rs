//! The agents: an HTTP server of ours that outlives the daemon, works for a while and writes down what it did.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::log::Log;
use crate::history::What;
use crate::journal::digest;
use crate::shapes::{ATTEMPTS_MAX, Agent, agent};

/// What the agents know of their calls. Cheap to clone.
#[derive(Clone, Default)]
pub struct Effects(Arc<Mutex<HashMap<String, Effect>>>);

/// What became of the calls with one key.
#[derive(Debug, Clone, Default)]
pub struct Effect {
    /// How many are under way.
    pub under_way: usize,
    /// What one of them answered.
    pub output: Option<String>,
}

impl Effects {
    fn all(&self) -> MutexGuard<'_, HashMap<String, Effect>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What became of the calls with this key.
    pub fn of(&self, key: &str) -> Effect {
        self.all().get(key).cloned().unwrap_or_default()
    }
}

#[derive(Deserialize)]
struct Document {
    attempt: u32,
    idempotency_key: String,
    input: Value,
}

struct Server {
    log: Log,
    effects: Effects,
    random: Mutex<fastrand::Rng>,
}

/// Serves the agents until the process ends; returns where.
pub fn serve(log: Log, effects: Effects, seed: u64) -> anyhow::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").context("listen for calls of agents")?;
    let address = listener.local_addr()?;
    let server = web::Data::new(Server { log, effects, random: Mutex::new(fastrand::Rng::with_seed(seed)) });
    let app = move || App::new().app_data(server.clone()).route("/{agent}", web::post().to(call));
    std::thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run().await
        })
    });
    Ok(address)
}

async fn call(server: web::Data<Server>, name: web::Path<String>, body: web::Json<Document>) -> HttpResponse {
    let Some(agent) = agent(&name) else { return HttpResponse::NotFound().finish() };
    let Document { attempt, idempotency_key: key, input } = body.into_inner();
    let random = |most: u64| {
        let mut random = server.random.lock().unwrap_or_else(PoisonError::into_inner);
        (random.u64(..=most), random.u64(..))
    };
    let (work_ms, stamp) = random(agent.work_ms);
    let work =
        Duration::from_millis(if agent.work_ms > 100 { agent.work_ms / 2 + work_ms / 2 } else { work_ms });
    server.effects.all().entry(key.clone()).or_default().under_way += 1;
    let name = agent.name.to_owned();
    server.log.push(What::Call { key: key.clone(), agent: name, attempt, input: digest(&input) });
    let (answer, answered) = oneshot::channel();
    // Beside the handler, which ends with its connection: what an agent has begun goes on whoever asked for it.
    actix_rt::spawn(async move {
        tokio::time::sleep(work).await;
        let output = (!fails(agent, &key, attempt)).then(|| format!("{key}#{attempt}#{stamp:x}"));
        server.log.push(What::Done { key: key.clone(), attempt, output: output.clone() });
        let mut effects = server.effects.all();
        let effect = effects.entry(key).or_default();
        effect.under_way = effect.under_way.saturating_sub(1);
        effect.output = output.clone().or(effect.output.take());
        let _ = answer.send(output);
    });
    match answered.await {
        Ok(Some(output)) => HttpResponse::Ok().json(json!({ "answer": output })),
        Ok(None) | Err(_) => HttpResponse::ServiceUnavailable()
            .content_type("application/problem+json")
            .body(json!({ "class": "transient", "happened": "no", "title": "try again" }).to_string()),
    }
}

/// Some calls of some agents fail for a while, and some of them longer than anybody tries.
fn fails(agent: &Agent, key: &str, attempt: u32) -> bool {
    let hash = blake3::hash(key.as_bytes());
    let times = u64::from(hash.as_bytes()[0]) % (ATTEMPTS_MAX + 3);
    agent.fails && u64::from(attempt - 1) % ATTEMPTS_MAX < times
}
