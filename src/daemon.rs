//! What `serve` does: the store is opened, the tree is built, the surface listens, until a signal says that it is enough.
//!
//! `run` without a daemon and `demo` start the very same daemon inside their own process, on an address of their own.
//!
//! Promises: what cannot be used is said before anything of it is changed; an address that others reach is refused as long
//! as nothing protects it; the first signal ends everything in order, the second one at once. Leaves to others: what the
//! settings are and where they come from.

pub mod offline;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ghostlight_actors::retention::StoreCare;
use ghostlight_actors::runtime::{self, Ghostlight, House, Settings};
use ghostlight_actors::tree_log::TreeLog;
use ghostlight_actors::{Caller, StoreError};
use ghostlight_model::retention::Retention;
use ghostlight_world::World;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use crate::access::{check_listen, is_loopback};
use crate::chaos::Rate;
use crate::cli::{CliError, Exit};
use crate::client::Client;
use crate::config::{Config, Log, LogFormat};
use crate::http::{self, HttpSettings, Listener, ServeError};

/// How long the token of an embedded daemon opens anything.
const EMBEDDED_TOKEN_LASTS: Duration = Duration::from_secs(24 * 60 * 60);

/// How a daemon is started.
#[derive(Debug, Clone)]
pub struct DaemonSettings {
    /// All settings.
    pub config: Config,
    /// The configuration's folder, to which the folders of agents and workflows are relative.
    pub folder: PathBuf,
    /// Where it listens.
    pub place: Place,
    /// How often it strikes actors of its own at random.
    pub strikes: Option<Rate>,
}

/// Where a daemon listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the settings say.
    Configured,
    /// Here, on this machine, whatever the settings say: for a daemon inside another command.
    At(SocketAddr),
}

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The address cannot be listened on, or nothing would protect it.
    #[error(transparent)]
    Surface(#[from] ServeError),
    /// The data folder cannot be used.
    #[error(transparent)]
    Open(#[from] runtime::OpenError),
    /// Something of the system cannot be had.
    #[error("{what}")]
    Machine {
        /// What was attempted.
        what: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Something was asked for that this binary was built without.
    #[error("`{setting}` is on, and this binary was built without the feature `{feature}`")]
    NotBuilt {
        /// The setting.
        setting: &'static str,
        /// The feature.
        feature: &'static str,
    },
    /// It was to strike its own actors, and may not.
    #[error("this daemon does not strike its own actors: {reason}")]
    NoChaos {
        /// What stands against it.
        reason: &'static str,
    },
    /// It was told twice to end, and did so at once.
    #[error("ended at once: what was under way is recorded as interrupted at the next start")]
    ToldTwice,
    /// The store did not take something while the daemon started or ended.
    #[error("the store could not be written")]
    Store(#[from] StoreError),
}

/// A daemon in this process.
pub struct Daemon {
    ghostlight: Ghostlight,
    house: House,
    address: SocketAddr,
    signals: Signals,
    /// The token that was made for this process, to be revoked at the end.
    own_token: Option<String>,
}

impl Daemon {
    /// Starts a daemon; it answers requests when this returns.
    ///
    /// # Errors
    /// [`DaemonError`]; what had been started is stopped again.
    pub async fn start(settings: DaemonSettings) -> Result<Self, DaemonError> {
        let DaemonSettings { config, folder, place, strikes } = settings;
        outlive_limits_of_files()?;
        if config.chaos.enabled && !cfg!(feature = "chaos") {
            return Err(DaemonError::NotBuilt { setting: "chaos.enabled", feature: "chaos" });
        }
        let mut surface = of_surface(&config);
        if let Place::At(listen) = place {
            surface = HttpSettings { listen, behind_proxy: false, ..surface };
        }
        let surface = with_chaos(surface, &config, strikes)?;
        // The address is taken first: a daemon that cannot be reached has no business in the data folder.
        let listener = Listener::bind(surface.listen)?;
        let address = listener.address();
        refuse_unprotected(&config, &surface).await?;
        let signals = Signals::new()?;
        let of_house = of_house(&config, &folder)?;
        let children = move |ghostlight: &Ghostlight| http::children(ghostlight, &listener, &surface);
        let (ghostlight, house) = runtime::open(of_house, World::real(), children).await?;
        Ok(Self { ghostlight, house, address, signals, own_token: None })
    }

    /// Its address, as people and clients write it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What happens to its tree, counted.
    #[must_use]
    pub fn tree_log(&self) -> TreeLog {
        self.ghostlight.tree_log.clone()
    }

    /// A client of it, for the command in whose process it lives. Where tokens are needed, one is made for it, which
    /// ends with the daemon.
    ///
    /// # Errors
    /// [`CliError`] when the token cannot be made.
    pub async fn client(&mut self) -> Result<Client, CliError> {
        let token = if self.ghostlight.tokens.any() { Some(self.make_token().await?) } else { None };
        Ok(Client::new(&self.url(), token.as_deref())?)
    }

    async fn make_token(&mut self) -> Result<String, CliError> {
        let until = self.ghostlight.world().clock.now().checked_add(EMBEDDED_TOKEN_LASTS).ok();
        let tokens = &self.ghostlight.tokens;
        let made = tokens.create("embedded", until, &offline::caller()).await;
        let made = made.map_err(|error| CliError::usage(format!("no token could be made: {error}")))?;
        self.own_token = Some(made.info.id);
        Ok(made.text)
    }

    /// Waits until somebody tells this process to end, or the daemon ends by itself, which it does only when it cannot go
    /// on.
    ///
    /// # Errors
    /// Why it could not go on.
    pub async fn ended_or_signal(&mut self) -> Result<Exit, CliError> {
        tokio::select! {
            () = self.signals.next() => Ok(Exit::Done),
            reason = self.house.ended() => {
                Err(CliError::new(Exit::Failed, format!("the supervision tree ended: {reason}"))
                    .help("nothing that was acknowledged is lost: start it again"))
            }
        }
    }

    /// Ends it in order: nothing new is admitted, feeds are closed with a reason, attempts have until `deadline`, the store
    /// is closed last.
    ///
    /// # Errors
    /// [`DaemonError::Store`] when the end could not be recorded, [`DaemonError::ToldTwice`] when a signal came in the
    /// meantime: the process is to end without waiting for anything of the daemon.
    pub async fn stop(self, deadline: Duration) -> Result<(), DaemonError> {
        let Self { ghostlight, house, address: _, mut signals, own_token } = self;
        let down = async {
            tracing::info!("going down");
            if let Some(token) = own_token {
                // It opens nothing for long, should this fail.
                let _ = ghostlight.tokens.revoke(&token, &Caller::runtime()).await;
            }
            drop(ghostlight);
            house.shutdown(deadline).await
        };
        tokio::select! {
            ended = down => Ok(ended?),
            () = signals.next() => Err(DaemonError::ToldTwice),
        }
    }
}

/// Refuses an address that nothing would protect, before any run goes on: its tokens are looked up in the data folder.
async fn refuse_unprotected(config: &Config, surface: &HttpSettings) -> Result<(), DaemonError> {
    if is_loopback(surface.listen) && !surface.behind_proxy {
        return Ok(());
    }
    let Some(offline) = offline::open(config).await? else { return Ok(()) };
    let any_token = offline.tokens.any();
    offline.close().await?;
    check_listen(surface.listen, any_token, surface.behind_proxy).map_err(ServeError::from)?;
    Ok(())
}

fn of_surface(config: &Config) -> HttpSettings {
    let server = &config.server;
    HttpSettings {
        listen: server.listen,
        behind_proxy: server.behind_proxy,
        allowed_hosts: server.allowed_hosts.clone(),
        definition_bytes_max: server.definition_bytes_max.as_usize(),
        body_bytes_max: server.body_bytes_max.as_usize(),
        feeds_max: server.feeds_max,
        connections_max: server.connections_max,
        ..HttpSettings::default()
    }
}

/// Faults on demand are for those who sit at the machine, and only where the operator has switched them on.
fn with_chaos(
    surface: HttpSettings,
    config: &Config,
    strikes: Option<Rate>,
) -> Result<HttpSettings, DaemonError> {
    let is_private = is_loopback(surface.listen) && !surface.behind_proxy;
    let chaos = config.chaos.enabled && is_private;
    if strikes.is_some() && !chaos {
        let reason = if is_private {
            "`chaos.enabled` is not switched on in its configuration"
        } else {
            "it can be reached from other machines"
        };
        return Err(DaemonError::NoChaos { reason });
    }
    if config.chaos.enabled && !is_private {
        tracing::warn!("`chaos.enabled` has no effect: this daemon can be reached from other machines");
    }
    Ok(HttpSettings { chaos, strikes, ..surface })
}

fn of_house(config: &Config, folder: &std::path::Path) -> Result<Settings, DaemonError> {
    let machine = |what| move |source| DaemonError::Machine { what, source };
    let program = std::env::current_exe().map_err(machine("this program does not know where it is"))?;
    // Commands run in folders of their own: what they are given must not depend on ours.
    let absolute =
        |path: PathBuf| std::path::absolute(path).map_err(machine("the current folder cannot be named"));
    Ok(Settings {
        data: absolute(config.data.dir.clone())?,
        agents: absolute(folder.join(&config.agents.dir))?,
        workflows: absolute(folder.join(&config.workflows.dir))?,
        program,
        slots: config.runs.slots,
        workers: config.runs.workers(),
        allow_api_command: config.agents.allow_api_command,
        sled_cache_bytes: config.data.sled_cache_bytes.0,
        segment_bytes: config.data.segment_bytes.0,
        room: config.data.marks(),
        store_care: StoreCare {
            retention: Retention {
                completed: config.retention.completed.0,
                failed: config.retention.failed.0,
                cancelled: config.retention.cancelled.0,
            },
            journal_bytes_max: Some(config.retention.journal_bytes_max.0).filter(|max| *max > 0),
            archive: match &config.retention.archive_dir {
                none if none.as_os_str().is_empty() => None,
                folder => Some(absolute(folder.clone())?),
            },
            every: config.retention.every.0,
        },
    })
}

/// A file that may not grow so far is a full disk, of which the call tells that met it. The signal that comes with it, SIGXFSZ,
/// would end the process; once anybody has listened for it, it does nothing more. It is not ignored, which attempts that are
/// processes would inherit.
fn outlive_limits_of_files() -> Result<(), DaemonError> {
    let kind = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
    signal(kind)
        .map(drop)
        .map_err(|source| DaemonError::Machine { what: "signals cannot be listened for", source })
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> Result<Self, DaemonError> {
        let listen = |kind| {
            signal(kind)
                .map_err(|source| DaemonError::Machine { what: "signals cannot be listened for", source })
        };
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Logs to stderr as the settings say. Only the first call of a process has an effect.
pub fn log_to_stderr(log: &Log) {
    start_log(&log.filter, log.format, std::io::stderr);
}

/// The same for commands whose own messages matter more: errors, and what the environment variable of the setting asks for.
pub fn log_quietly(log: &Log) {
    let filter = if log.filter == Log::default().filter { "error" } else { &log.filter };
    start_log(filter, log.format, std::io::stderr);
}

/// Logs to a file as the settings say.
pub fn log_to_file(log: &Log, file: std::fs::File) {
    start_log(&log.filter, log.format, std::sync::Arc::new(file));
}

fn start_log<W>(filter: &str, format: LogFormat, to: W)
where
    W: for<'w> tracing_subscriber::fmt::MakeWriter<'w> + Send + Sync + 'static,
{
    // A filter that was loaded from settings is one; what cannot be read logs what people should see.
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(to);
    // A second log of one process has nowhere to go, and that is nobody's mistake.
    let _ = match format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
}
