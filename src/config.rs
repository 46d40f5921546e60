//! What the operator may set, where it comes from, and what is wrong with it.
//!
//! Precedence: defaults, then the file, then the environment (`GHOSTLIGHT_SECTION__KEY`), then flags. A key that nobody
//! knows is an error that names the nearest known one, wherever it stands, so that a misspelt setting is never silently
//! the default. The shipped `config/ghostlight.toml` documents every key with its default; a test holds it to that.
//!
//! Everything here is a function of values: the file's text and the environment come in as arguments. What the settings
//! do is the daemon's business.

mod load;
mod values;

use std::net::SocketAddr;
use std::path::PathBuf;

use ghostlight_model::storage::Marks;
use serde::{Deserialize, Serialize};

use crate::http::HttpSettings;
pub use load::{ConfigError, Loaded, Mistake, Origin, Sources, load};

pub use values::{ByteSize, FreeSpace, Kept, LogFormat, Period};

/// The file that documents every key with its default.
pub const SHIPPED: &str = include_str!("../config/ghostlight.toml");

/// Where the daemon listens when nothing is said.
pub const LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070);

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The HTTP surface.
    pub server: Server,
    /// The store.
    pub data: Data,
    /// What is dropped when.
    pub retention: Retention,
    /// How runs are carried.
    pub runs: Runs,
    /// The operator's agents.
    pub agents: Agents,
    /// The operator's workflows.
    pub workflows: Workflows,
    /// What is logged.
    pub log: Log,
    /// Faults on demand.
    pub chaos: Chaos,
}

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether a proxy with TLS stands in front.
    pub behind_proxy: bool,
    /// Names by which it may be called besides those of loopback.
    pub allowed_hosts: Vec<String>,
    /// The largest definition.
    pub definition_bytes_max: ByteSize,
    /// The largest other body.
    pub body_bytes_max: ByteSize,
    /// The most feeds that may be open at once.
    pub feeds_max: usize,
    /// The most connections that may be open at once.
    pub connections_max: usize,
}

impl Default for Server {
    fn default() -> Self {
        // The surface knows its own bounds.
        let http = HttpSettings::default();
        Self {
            listen: LISTEN_DEFAULT,
            behind_proxy: false,
            allowed_hosts: Vec::new(),
            definition_bytes_max: ByteSize(http.definition_bytes_max as u64),
            body_bytes_max: ByteSize(http.body_bytes_max as u64),
            feeds_max: http.feeds_max,
            connections_max: http.connections_max,
        }
    }
}

/// `[data]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// The data folder, relative to where the daemon was started.
    pub dir: PathBuf,
    /// The size of one segment of the journal.
    pub segment_bytes: ByteSize,
    /// The page cache of the views.
    pub sled_cache_bytes: ByteSize,
    /// With less than this free on the disk people are told.
    pub warn_below_free: FreeSpace,
    /// With less than this nothing new is begun.
    pub refuse_below_free: FreeSpace,
}

impl Default for Data {
    fn default() -> Self {
        let marks = Marks::default();
        Self {
            dir: PathBuf::from("./ghostlight-data"),
            segment_bytes: ByteSize(64 << 20),
            sled_cache_bytes: ByteSize(8 << 20),
            warn_below_free: FreeSpace(marks.warn_below),
            refuse_below_free: FreeSpace(marks.refuse_below),
        }
    }
}

impl Data {
    /// How much room there has to be on the disk.
    #[must_use]
    pub fn marks(&self) -> Marks {
        Marks { warn_below: self.warn_below_free.0, refuse_below: self.refuse_below_free.0 }
    }
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// How long completed runs are kept after their end.
    pub completed: Kept,
    /// How long failed runs are.
    pub failed: Kept,
    /// How long cancelled runs are.
    pub cancelled: Kept,
    /// How large the journal may be before ended runs are dropped whatever their age; 0: as large as it gets.
    pub journal_bytes_max: ByteSize,
    /// The folder that takes what is dropped, relative to where the daemon was started; empty: none.
    pub archive_dir: PathBuf,
    /// How often it is looked for.
    pub every: Period,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            completed: Kept::default(),
            failed: Kept::default(),
            cancelled: Kept::default(),
            journal_bytes_max: ByteSize(0),
            archive_dir: PathBuf::new(),
            every: Period::seconds(600),
        }
    }
}

/// `[runs]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Runs {
    /// Attempts that may be under way at the same time.
    pub slots: u32,
    /// Threads that carry runs; 0 for one per processor.
    pub worker_threads: usize,
    /// How long attempts may take to end when the daemon goes down.
    pub shutdown_deadline: Period,
}

impl Default for Runs {
    fn default() -> Self {
        Self { slots: 256, worker_threads: 0, shutdown_deadline: Period::seconds(25) }
    }
}

impl Runs {
    /// The number of threads that is meant.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// `[agents]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Agents {
    /// The folder of the agent files, relative to the configuration's folder.
    pub dir: PathBuf,
    /// Whether agents that run commands or reach private targets may be defined over the API.
    pub allow_api_command: bool,
}

impl Default for Agents {
    fn default() -> Self {
        Self { dir: PathBuf::from("agents"), allow_api_command: false }
    }
}

/// `[workflows]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Workflows {
    /// The folder of the workflow files, relative to the configuration's folder.
    pub dir: PathBuf,
}

impl Default for Workflows {
    fn default() -> Self {
        Self { dir: PathBuf::from("workflows") }
    }
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// What is logged, in the words of `tracing`'s filters.
    pub filter: String,
    /// How it is written.
    pub format: LogFormat,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Text }
    }
}

/// `[chaos]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// Whether faults may be made to actors on demand. Has an effect only on loopback and without a proxy.
    pub enabled: bool,
}

#[cfg(test)]
mod tests;
