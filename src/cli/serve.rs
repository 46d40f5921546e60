//! `serve`: the daemon, until it is told to end.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::exit::{CliError, Exit};
use crate::chaos::Rate;
use crate::config::{self, Loaded, LogFormat, Sources};
use crate::daemon::{self, Daemon, DaemonSettings, Place};
use crate::output;

/// Where the configuration is looked for when nothing is said.
const CONFIG_DEFAULT: &str = "config/ghostlight.toml";

/// Run the daemon
///
/// Ends in good order on SIGTERM or SIGINT: attempts have until `runs.shutdown_deadline`; a second signal ends it at once.
/// Whatever happens, runs go on at the next start.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ghostlight serve --data /var/lib/ghostlight --config /etc/ghostlight/ghostlight.toml"
)]
pub(crate) struct ServeArgs {
    /// The configuration file [default: config/ghostlight.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The data folder [default: ./ghostlight-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Where to listen [default: 127.0.0.1:7070]
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,

    /// A proxy with TLS stands in front: everybody needs a token
    #[arg(long)]
    behind_proxy: bool,

    /// Strike actors of this daemon at random, so often (`1/s`), while it serves; needs `chaos.enabled` in the configuration
    #[arg(long, value_name = "RATE")]
    chaos: Option<Rate>,
}

pub(super) async fn run(args: ServeArgs) -> Result<Exit, CliError> {
    let settings = settings(args.config.as_deref(), args.data.as_deref(), args.listen, args.behind_proxy)?;
    daemon::log_to_stderr(&settings.loaded.config.log);
    let deadline = settings.loaded.config.runs.shutdown_deadline.0;
    let start = DaemonSettings { strikes: args.chaos, ..settings.daemon() };
    let folder = start.config.data.dir.clone();
    let is_new = !folder.join("manifest.json").exists();
    let mut daemon = Daemon::start(start).await?;
    if let Some(rate) = args.chaos {
        output::warn(&format!(
            "CHAOS: this daemon strikes actors of its own at random, {rate}: it is no place for work that counts"
        ));
    }
    // Whoever reads the log as JSON finds the address in there.
    if settings.loaded.config.log.format == LogFormat::Text {
        let (version, url) = (env!("CARGO_PKG_VERSION"), daemon.url());
        output::note(&format!("Ghostlight {version} listens on {url}"));
        output::note(&format!("the dashboard is at {url}/"));
        let what = if is_new { "a new store" } else { "what was under way goes on" };
        output::note(&format!("data in {}: {what}", folder.display()));
    }
    let ended = daemon.ended_or_signal().await;
    daemon.stop(deadline).await?;
    ended
}

/// Settings, and the places that they name.
pub(super) struct Settings {
    pub loaded: Loaded,
    /// The file that was read.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// What the daemon needs to know.
    pub fn daemon(&self) -> DaemonSettings {
        let folder = match &self.file {
            Some(file) => file.parent().map(Path::to_owned).unwrap_or_default(),
            // Agents and workflows may be there without a configuration file.
            None => Path::new(CONFIG_DEFAULT).parent().map(Path::to_owned).unwrap_or_default(),
        };
        DaemonSettings { config: self.loaded.config.clone(), folder, place: Place::Configured, strikes: None }
    }
}

/// Reads the settings: the file that was named, or the default one if it is there, the environment, and flags.
pub(super) fn settings(
    file: Option<&Path>,
    data: Option<&Path>,
    listen: Option<SocketAddr>,
    behind_proxy: bool,
) -> Result<Settings, CliError> {
    let found = match file {
        Some(file) => Some(file.to_owned()),
        None => Some(PathBuf::from(CONFIG_DEFAULT)).filter(|file| file.exists()),
    };
    let text = found.as_deref().map(super::arguments::read).transpose()?;
    let mut flags = Vec::new();
    if let Some(data) = data {
        flags.push(("data.dir", toml::Value::String(data.display().to_string())));
    }
    if let Some(listen) = listen {
        flags.push(("server.listen", toml::Value::String(listen.to_string())));
    }
    if behind_proxy {
        flags.push(("server.behind_proxy", toml::Value::Boolean(true)));
    }
    // Names and values that are no Unicode are nobody's settings.
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let sources = Sources { file: found.clone().zip(text), environment: environment.collect(), flags };
    let loaded = config::load(&sources).map_err(|error| CliError::usage(error.to_string()))?;
    Ok(Settings { loaded, file: found })
}
