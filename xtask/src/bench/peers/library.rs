//! The peers that are libraries for Python: LangGraph, DBOS and Prefect. Their load runs in the process of the workflows,
//! which spares them a request a run; the process counts as theirs.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use super::super::client::Client;
use super::super::daemon::free_address;
use super::group::Group;
use super::script::Script;
use super::{Loaded, Peer, Work, install};
use crate::command;
use crate::workspace::Workspace;

/// How long a load may take beyond its time: all that is in flight ends first.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long it may take to start the runs that wait.
const WAITING_PATIENCE: Duration = Duration::from_secs(120);

/// A library and what it stores into.
pub struct Library {
    name: String,
    settings: &'static str,
    /// The interpreter that has the library.
    python: PathBuf,
    load: PathBuf,
    folder: PathBuf,
    store: Store,
    group: Group,
    script: Option<Script>,
}

enum Store {
    /// Files of its own.
    Files,
    /// A PostgreSQL, whose programs are in this folder.
    Postgres { bin: PathBuf, address: SocketAddr },
    /// Prefect's own server.
    Server { prefect: PathBuf, address: SocketAddr },
}

/// LangGraph, where it can be installed.
pub fn langgraph(workspace: &Workspace, folder: PathBuf) -> anyhow::Result<Library> {
    let settings = "SQLite checkpointer (AsyncSqliteSaver; WAL, synchronous=FULL: each commit synced), durability=\"sync\"; \
                    a library: CPU and memory are those of the process with the load";
    library(workspace, "langgraph", "LangGraph", settings, folder, |_| Ok(Store::Files))
}

/// DBOS, where it can be installed and PostgreSQL is there.
pub fn dbos(workspace: &Workspace, folder: PathBuf) -> anyhow::Result<Library> {
    let settings = "asynchronous workflows on Debian's PostgreSQL with its own settings (fsync, synchronous_commit on); a library: \
                    CPU and memory are those of PostgreSQL and of the process with the load";
    library(workspace, "dbos", "DBOS", settings, folder, |_| {
        Ok(Store::Postgres { bin: install::postgres()?, address: free_address()? })
    })
}

/// Prefect, where it can be installed.
pub fn prefect(workspace: &Workspace, folder: PathBuf) -> anyhow::Result<Library> {
    let settings = "local server with SQLite as Prefect opens it (WAL, synchronous=NORMAL: a commit is not synced and need not \
                    survive a power cut), results persisted; CPU and memory are those of the server and of the process with \
                    flows and load";
    library(workspace, "prefect", "Prefect", settings, folder, |environment| {
        Ok(Store::Server { prefect: environment.join("bin/prefect"), address: free_address()? })
    })
}

fn library(
    workspace: &Workspace,
    key: &str,
    title: &str,
    settings: &'static str,
    folder: PathBuf,
    store: impl Fn(&Path) -> anyhow::Result<Store>,
) -> anyhow::Result<Library> {
    let environment = install::python(workspace, key)?;
    let folder = folder.canonicalize().context("find a folder")?;
    Ok(Library {
        name: format!("{title} {}", install::version(workspace, &format!("{key}.txt"), key)?),
        settings,
        python: environment.join("bin/python"),
        load: install::sources(workspace).join(format!("{key}_load.py")),
        store: store(&environment)?,
        group: Group::new(&folder, false),
        folder,
        script: None,
    })
}

impl Library {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn start_store(&mut self) -> anyhow::Result<()> {
        let data = self.data();
        match &self.store {
            Store::Files => fs::create_dir_all(&data).context("create a folder")?,
            Store::Postgres { bin, address } => {
                let user = database_user();
                if !data.exists() {
                    fs::create_dir_all(&data)?;
                    if user.is_some() {
                        succeed(Command::new("chown").arg("postgres").arg(&data))?;
                    }
                    let mut initdb = as_user(Command::new, bin, "initdb", user);
                    succeed(
                        initdb.arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8"]),
                    )?;
                }
                let mut server =
                    as_user(|program| self.group.command(Path::new(program)), bin, "postgres", user);
                server.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-k", ""]);
                server.args(["-p", &address.port().to_string()]);
                self.group.spawn(server, false)?;
                let ready = bin.join("pg_isready");
                let port = address.port().to_string();
                self.group.wait_until(PATIENCE, || {
                    command::ask(&ready, &["-q", "-h", "127.0.0.1", "-p", &port]).is_some()
                })?;
            }
            Store::Server { prefect, address } => {
                let mut server = self.group.command(prefect);
                quiet(&mut server, &data);
                server.args(["server", "start", "--host", "127.0.0.1", "--port"]);
                server.arg(address.port().to_string());
                self.group.spawn(server, false)?;
                let address = *address;
                self.group.wait_until(PATIENCE, || answers(address, "/api/health"))?;
            }
        }
        Ok(())
    }

    fn tell(&mut self, command: &Value, patience: Duration) -> anyhow::Result<Value> {
        self.script.as_mut().context("it is not running")?.tell(command, patience)
    }
}

impl Peer for Library {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn settings(&self) -> String {
        self.settings.to_owned()
    }

    fn forget(&mut self) -> anyhow::Result<()> {
        empty(&self.folder)
    }

    fn start(&mut self, traced: bool) -> anyhow::Result<()> {
        self.script = None;
        self.group = Group::new(&self.folder, traced);
        self.start_store()?;
        let mut command = self.group.command(&self.python);
        command.arg(&self.load).env("PYTHONDONTWRITEBYTECODE", "1");
        match &self.store {
            Store::Files => {
                command.arg(self.data());
            }
            Store::Postgres { address, .. } => {
                command.arg(format!("postgresql://postgres@{address}/peers"));
            }
            Store::Server { address, .. } => {
                quiet(&mut command, &self.data());
                command.env("PREFECT_API_URL", format!("http://{address}/api"));
            }
        }
        self.script = Some(Script::of(self.group.spawn(command, true)?, PATIENCE)?);
        Ok(())
    }

    fn group(&mut self) -> &mut Group {
        &mut self.group
    }

    fn load(&mut self, work: Work, slots: usize, duration: Duration) -> anyhow::Result<Loaded> {
        let what = match work {
            Work::Chain => "chain",
            Work::FanOut => "fan_out",
        };
        let command =
            json!({ "do": "load", "what": what, "slots": slots, "seconds": duration.as_secs_f64() });
        let answer = self.tell(&command, PATIENCE + duration)?;
        let seconds = |name: &str, unit: f64| {
            let value = answer[name].as_f64().with_context(|| format!("{name} of a load"))?;
            Ok::<_, anyhow::Error>(Duration::from_secs_f64(value * unit))
        };
        let runs = answer["runs"].as_u64().context("runs of a load")?;
        Ok(Loaded {
            runs: usize::try_from(runs)?,
            took: seconds("seconds", 1.0)?,
            p50: seconds("p50_ms", 1e-3)?,
            p99: seconds("p99_ms", 1e-3)?,
        })
    }

    fn wait(&mut self, count: usize) -> anyhow::Result<Vec<String>> {
        if matches!(self.store, Store::Server { .. }) {
            bail!(
                "a run that is paused ends with its process; one that is to outlive it needs a deployment, whose runner starts a \
                 Python process a run"
            );
        }
        let command = json!({ "do": "wait", "count": count, "seconds": WAITING_PATIENCE.as_secs() });
        let answer = self.tell(&command, PATIENCE + WAITING_PATIENCE)?;
        let ids = answer["ids"].as_array().context("ids of runs")?;
        Ok(ids.iter().filter_map(|id| Some(id.as_str()?.to_owned())).collect())
    }

    fn approve(&mut self, id: &str) -> anyhow::Result<()> {
        self.tell(&json!({ "do": "approve", "id": id }), PATIENCE).map(drop)
    }

    fn stored(&mut self) -> anyhow::Result<u64> {
        match &self.store {
            Store::Files | Store::Server { .. } => file_bytes(&self.data()),
            // Its write-ahead log comes in whole segments; what it is for stands in the tables after a checkpoint.
            Store::Postgres { bin, address } => {
                let port = address.port().to_string();
                let psql = ["-q", "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", "CHECKPOINT"];
                command::ask(bin.join("psql"), &psql).context("make a checkpoint")?;
                file_bytes(&self.data().join("base"))
            }
        }
    }
}

/// Prefect with a home of its own, and without anything that is sent to its makers.
fn quiet(command: &mut Command, home: &Path) {
    command
        .env("PREFECT_HOME", home)
        .env("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
        .env("DO_NOT_TRACK", "1");
    // A line a step would be measured too.
    command.env("PREFECT_LOGGING_LEVEL", "WARNING");
}

/// PostgreSQL refuses to run as root; Debian's package brings a user for it.
fn database_user() -> Option<&'static str> {
    rustix::process::geteuid().is_root().then_some("postgres")
}

/// A program of PostgreSQL, as `user` where that is not us. The working folder is one that everybody may be in.
fn as_user(
    command: impl Fn(&'static str) -> Command,
    bin: &Path,
    program: &str,
    user: Option<&str>,
) -> Command {
    let mut command = command("env");
    command.current_dir("/");
    if let Some(user) = user {
        command.args(["setpriv", "--reuid", user, "--regid", user, "--init-groups"]);
    }
    command.arg(bin.join(program));
    command
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("start {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Whether a server says that all is well.
pub fn answers(address: SocketAddr, path: &str) -> bool {
    Client::connect(address).and_then(|mut client| client.get(path)).is_ok_and(|answer| answer.status == 200)
}

/// Removes what is in a folder.
pub fn empty(folder: &Path) -> anyhow::Result<()> {
    fs::remove_dir_all(folder).with_context(|| format!("remove {}", folder.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))
}

/// Bytes of all files below a folder, as long as they are: what is only reserved does not count.
pub fn file_bytes(folder: &Path) -> anyhow::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // It may be removed while we look.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error).with_context(|| format!("list {}", folder.display())),
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => file_bytes(&entry.path())?,
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == ErrorKind::NotFound => 0,
            Err(error) => return Err(error).context("look at a file"),
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_count_by_their_length_however_deep_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::write(folder.path().join("a/b/c"), [0; 300]).unwrap();
        fs::write(folder.path().join("d"), [0; 5]).unwrap();
        assert_eq!(file_bytes(folder.path()).unwrap(), 305);
        assert_eq!(file_bytes(&folder.path().join("nothing")).unwrap(), 0);
        empty(folder.path()).unwrap();
        assert_eq!(file_bytes(folder.path()).unwrap(), 0);
    }
}
