//! Starting a shop that outlives whoever started it.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use super::client::client;
use super::process::{ProcessId, stop};
use super::state::{ShopState, StateError, lock, pid_file};

/// How long a shop may take until it is healthy.
pub(super) const START_PATIENCE: Duration = Duration::from_secs(15);
const LOOK_AGAIN: Duration = Duration::from_millis(50);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(1);
/// What is reported of the last words of a shop that ended.
const LAST_WORDS_CHARS_MAX: usize = 500;

/// How a shop is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOptions {
    /// The program that has the subcommand `shop`: this one.
    pub program: PathBuf,
    /// The folder for its state.
    pub state: PathBuf,
    /// The log file.
    pub log: PathBuf,
    /// Where it listens; any two free ports of the loopback when nothing is said.
    pub listen: Option<(SocketAddr, SocketAddr)>,
    /// How many connections its pool has.
    pub pool: u32,
    /// Lose one connection in this many checkouts; 0 for never.
    pub leak_every: u64,
}

/// Why a shop was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its state cannot be used.
    #[error(transparent)]
    State(#[from] StateError),
    /// The program could not be run.
    #[error("could not run the shop")]
    Spawn(#[source] io::Error),
    /// No HTTP client could be made to ask it how it is.
    #[error("could not make a client to ask the shop how it is")]
    Client(#[source] reqwest::Error),
    /// It ended instead of serving.
    #[error("the shop ended at once ({status}): {last_words}")]
    Ended {
        /// How.
        status: String,
        /// What it said on stderr, shortened.
        last_words: String,
    },
    /// It did not become healthy in time, and was stopped again.
    #[error("the shop was not healthy within {waited_ms} ms")]
    NotHealthy {
        /// How long was waited.
        waited_ms: u64,
    },
}

/// Starts a shop in a session of its own, writes its state down, and waits until it is healthy (15 s at most).
/// End it with [`stop`], given the state's process *as it is then*: a restart replaces it.
pub async fn start(options: &StartOptions) -> Result<ShopState, StartError> {
    let _held = lock(&options.state)?;
    let (listen, database) = match options.listen {
        Some(addresses) => addresses,
        None => free_addresses().map_err(StartError::Spawn)?,
    };
    let text = |path: &Path| path.to_string_lossy().into_owned();
    let argv = [
        text(&options.program),
        "shop".into(),
        format!("--listen={listen}"),
        format!("--database={database}"),
        format!("--log={}", text(&options.log)),
        format!("--pid-file={}", text(&pid_file(&options.state))),
        format!("--pool={}", options.pool),
        format!("--leak-every={}", options.leak_every),
        "--own-session".into(),
    ];
    let unstarted = ProcessId { pid: 0, started: String::new() };
    let state =
        ShopState { process: unstarted, argv: argv.into(), listen, database, log: options.log.clone() };
    launch(&options.state, state, START_PATIENCE).await
}

/// Starts what the state describes, and returns the state with the new process. The lock must be held.
pub(super) async fn launch(
    dir: &Path,
    state: ShopState,
    patience: Duration,
) -> Result<ShopState, StartError> {
    let began = Instant::now();
    let mut child = spawn(dir, &state.argv).map_err(StartError::Spawn)?;
    let process = child.id().and_then(ProcessId::of);
    // One that has ended already is not worth writing down; why it ended is found below.
    let state = ShopState { process: process.unwrap_or_else(|| state.process.clone()), ..state };
    // Before anything else: should this process be killed now, the next one must find the shop.
    state.write(dir)?;
    let client = client(HEALTH_TIMEOUT).map_err(StartError::Client)?;
    let health = format!("http://{}/health", state.listen);
    loop {
        let answer = client.get(&health).send().await;
        if let Some(status) = child.try_wait().map_err(StartError::Spawn)? {
            return Err(StartError::Ended { status: status.to_string(), last_words: last_words(dir) });
        }
        if answer.is_ok_and(|answer| answer.status().is_success()) {
            return Ok(state);
        }
        if began.elapsed() >= patience {
            // Best effort: whoever tries again stops it first in any case.
            let _ = stop(&state.process, Duration::from_secs(2)).await;
            let waited_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
            return Err(StartError::NotHealthy { waited_ms });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The child keeps none of our pipes open, and is waited for in the background once its handle is dropped. It gets an empty
/// environment: what belongs to an attempt of an agent is found by a mark in there and ends with the attempt, and a
/// service that was restarted is to stay.
fn spawn(dir: &Path, argv: &[String]) -> io::Result<Child> {
    let (program, arguments) = argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let stderr = File::create(stderr_file(dir))?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).spawn()
}

fn stderr_file(dir: &Path) -> PathBuf {
    dir.join("shop.stderr")
}

fn last_words(dir: &Path) -> String {
    let said = fs::read(stderr_file(dir)).unwrap_or_default();
    String::from_utf8_lossy(&said).trim().chars().take(LAST_WORDS_CHARS_MAX).collect()
}

/// Two ports that are free now. Another program may take one before the shop does; the shop then ends at once.
fn free_addresses() -> io::Result<(SocketAddr, SocketAddr)> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (shop, database) = (any()?, any()?);
    Ok((shop.local_addr()?, database.local_addr()?))
}
