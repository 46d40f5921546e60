//! The real daemon as a child process: started as an operator starts it, with the shipped settings, on a folder of its own.

use std::fs::File;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::client::Client;
use super::process::Process;

/// How long the daemon may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the daemon and its data are.
#[derive(Clone)]
pub struct Place {
    /// The program.
    pub program: PathBuf,
    /// A folder that is ours: the data folder, the log, and the (empty) folder that it is started in.
    pub folder: PathBuf,
    /// A library that is loaded into the daemon before all others.
    pub preload: Option<PathBuf>,
}

impl Place {
    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("ghostlight-data")
    }

    /// A place of the same program in a folder of that name, which is emptied.
    pub fn fresh(&self, name: &str) -> anyhow::Result<Self> {
        let folder = self.folder.join(name);
        match std::fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("empty {}", folder.display()));
            }
            Ok(()) | Err(_) => {}
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self { folder, ..self.clone() })
    }
}

/// A running daemon. Killed when it is dropped.
pub struct Daemon {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process until it said that it is ready.
    pub ready_after: Duration,
}

impl Daemon {
    /// Starts the daemon and waits until it is ready.
    pub fn start(place: &Place) -> anyhow::Result<Self> {
        let address = free_address()?;
        let log = place.folder.join("daemon.log");
        let log = File::options().create(true).append(true).open(&log).context("open the daemon's log")?;
        let started = Instant::now();
        let mut command = Command::new(&place.program);
        if let Some(preload) = &place.preload {
            command.env("LD_PRELOAD", preload);
        }
        let child = command
            .current_dir(&place.folder)
            .args(["serve", "--listen", &address.to_string(), "--data"])
            .arg(place.data())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", place.program.display()))?;
        let mut daemon = Self { child, address, ready_after: Duration::ZERO };
        daemon.wait_until_ready(started).with_context(|| {
            format!("the daemon did not get ready, see {}", place.folder.join("daemon.log").display())
        })?;
        Ok(daemon)
    }

    fn wait_until_ready(&mut self, started: Instant) -> anyhow::Result<()> {
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended: {status}");
            }
            let answer = Client::connect(self.address).and_then(|mut client| client.get("/readyz"));
            if answer.is_ok_and(|answer| answer.status == 200) {
                self.ready_after = started.elapsed();
                return Ok(());
            }
            thread::sleep(Duration::from_micros(500));
        }
        bail!("it took longer than {} s", PATIENCE.as_secs())
    }

    /// The process.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }

    /// A connection to it.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::connect(self.address)
    }

    /// Ends it in good order; returns how long that took.
    pub fn stop(mut self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.process().terminate()?;
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the daemon ended with {status}");
                return Ok(started.elapsed());
            }
            thread::sleep(Duration::from_millis(1));
        }
        bail!("the daemon did not end within {} s", PATIENCE.as_secs())
    }

    /// Ends it by SIGKILL.
    pub fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().context("kill the daemon")?;
        self.child.wait().context("wait for the daemon")?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An address of this machine where nobody listens now.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?)
}

/// Bytes of all files below a folder, as they lie on the disk: what is preallocated counts, holes do not.
pub fn disk_bytes(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("list {}", folder.display())),
        };
        for entry in entries {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // The daemon may remove a file while we look.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error).context("look at a file"),
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += metadata.blocks() * 512;
            }
        }
    }
    Ok(bytes)
}
