//! `ghostlight shop-restart`: a command agent (command protocol, version 1) that restarts the shop.
//!
//! It may be killed at any point and run again: what was stopped stays stopped, what was started is found by its
//! state, and a restart that succeeded is remembered by its idempotency key and reported again instead of repeated.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::args::ShopRestartArgs;
use super::process::{StopError, stop};
use super::start::{START_PATIENCE, StartError, launch};
use super::state::{Restarted, ShopState, StateError, lock, remember_restart, restart_of};

const PROTOCOL: u64 = 1;
const SERVICE: &str = "shop";
const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;
/// How long the shop may take to end when it is asked to.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What is needed of the protocol's document; everything else in it is passed over.
#[derive(Debug, Deserialize)]
struct Document {
    protocol: u64,
    idempotency_key: Option<String>,
    #[serde(default)]
    input: Input,
}

#[derive(Debug, Default, Deserialize)]
struct Input {
    service: Option<String>,
    reason: Option<String>,
}

/// Why there was no restart, in the protocol's words.
#[derive(Debug, thiserror::Error)]
enum RestartError {
    #[error("the input is no document of the command protocol: {0}")]
    Document(String),
    #[error("this agent speaks version {PROTOCOL} of the command protocol, not {0}")]
    Protocol(u64),
    #[error("this agent restarts the service {SERVICE:?}, not {0:?}")]
    Service(String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Stop(#[from] StopError),
    #[error(transparent)]
    Start(StartError),
    #[error("the shop was restarted, but that could not be written down: {0}")]
    Remember(StateError),
}

/// Reads the document from stdin, restarts the shop, and writes progress and the result to stdout. Fails when the
/// shop could not be restarted; an `error` line says why.
pub async fn run_restart(args: ShopRestartArgs) -> ExitCode {
    let mut document = Vec::new();
    let read = io::stdin().lock().take(DOCUMENT_BYTES_MAX).read_to_end(&mut document);
    let restarted = match read {
        Ok(_) => restart(&document, &args.state, &mut print).await,
        Err(error) => Err(RestartError::Document(error.to_string())),
    };
    match restarted {
        Ok(restarted) => {
            print(json!({ "type": "result", "output": restarted }));
            ExitCode::SUCCESS
        }
        Err(error) => {
            print(error.line());
            ExitCode::FAILURE
        }
    }
}

/// Nobody is left to tell when stdout is closed.
fn print(line: Value) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

async fn restart(
    document: &[u8],
    dir: &Path,
    say: &mut impl FnMut(Value),
) -> Result<Restarted, RestartError> {
    let document = checked(document)?;
    let _held = lock(dir)?;
    if let Some(key) = &document.idempotency_key
        && let Some(restarted) = restart_of(dir, key)?
    {
        say(progress(1.0, "this restart was made before; reporting it again"));
        return Ok(restarted);
    }
    let began = Instant::now();
    let state = ShopState::read(dir)?;
    let old_pid = state.process.pid;
    let reason = document.input.reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    say(progress(0.1, &format!("stopping the shop, process {old_pid}{reason}")));
    for process in state.processes(dir) {
        stop(&process, STOP_PATIENCE).await?;
    }
    say(progress(0.4, "stopped; starting it again"));
    let state = launch(dir, state, START_PATIENCE).await.map_err(RestartError::Start)?;
    let new_pid = state.process.pid;
    say(progress(0.9, &format!("process {new_pid} is healthy")));
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let restarted = Restarted { restarted: true, old_pid, new_pid, took_ms };
    if let Some(key) = &document.idempotency_key {
        remember_restart(dir, key, &restarted).map_err(RestartError::Remember)?;
    }
    Ok(restarted)
}

fn checked(document: &[u8]) -> Result<Document, RestartError> {
    let document: Document =
        serde_json::from_slice(document).map_err(|error| RestartError::Document(error.to_string()))?;
    match (document.protocol, document.input.service.as_deref()) {
        (PROTOCOL, None | Some(SERVICE)) => Ok(document),
        (PROTOCOL, Some(other)) => Err(RestartError::Service(other.to_owned())),
        (other, _) => Err(RestartError::Protocol(other)),
    }
}

fn progress(ratio: f64, text: &str) -> Value {
    json!({ "type": "progress", "ratio": ratio, "text": text })
}

impl RestartError {
    /// The protocol's `error` line.
    fn line(&self) -> Value {
        let (class, code, happened) = match self {
            Self::Document(_) | Self::Protocol(_) => ("data", "shop.bad_document", "no"),
            Self::Service(_) => ("capability", "shop.unknown_service", "no"),
            Self::State(StateError::Busy) => ("transient", "shop.busy", "no"),
            Self::State(StateError::NotFound { .. }) => ("configuration", "shop.not_found", "no"),
            Self::State(StateError::File { .. }) => ("configuration", "shop.state_unusable", "no"),
            Self::Stop(_) => ("transient", "shop.not_stopped", "unknown"),
            Self::Start(_) => ("transient", "shop.not_started", "unknown"),
            Self::Remember(_) => ("transient", "shop.not_written_down", "yes"),
        };
        let message = with_causes(self);
        json!({ "type": "error", "class": class, "code": code, "message": message, "happened": happened })
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests;
