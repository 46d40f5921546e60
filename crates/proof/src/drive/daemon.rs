//! The daemon as a process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::device::Device;
use crate::journal::{Archives, Journal, archives_in, shelf_of};
use crate::shapes::{AGENTS, SHAPES};

/// How long the daemon may take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long after their end runs are dropped, where any are.
pub const KEPT: Duration = Duration::from_secs(1);

/// Runs a program, `$1`, with a file in place of the one that says which boot of the machine this is, `$0`.
const IN_BOOT: &str = r#"mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@""#;

/// Where the daemon and its data are.
pub struct Place {
    /// The program.
    pub program: PathBuf,
    /// A folder that is ours.
    pub folder: PathBuf,
    /// Where it listens.
    pub address: SocketAddr,
    /// The device that its data are on, when the power of that is cut.
    pub device: Option<Device>,
}

/// A running daemon. Killed when it is dropped.
pub struct Daemon {
    child: Child,
}

impl Place {
    /// Prepares an empty folder.
    pub fn prepare(
        program: &Path,
        folder: &Path,
        agents: SocketAddr,
        device: Option<Device>,
        retains: bool,
    ) -> anyhow::Result<Self> {
        let write = |kind: &str, name: &str, text: String| {
            let folder = folder.join("config").join(kind);
            std::fs::create_dir_all(&folder)?;
            File::create(folder.join(format!("{name}.yaml")))?.write_all(text.as_bytes())
        };
        for agent in AGENTS {
            write("agents", agent.name, agent.file(&agents.to_string())).context("write an agent's file")?;
        }
        for shape in SHAPES.iter() {
            write("workflows", shape.name, shape.file()).context("write a workflow's file")?;
        }
        let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let place = Self { program: program.to_owned(), folder: folder.to_owned(), address, device };
        if retains {
            let settings = folder.join("config").join("ghostlight.toml");
            std::fs::write(settings, place.retention()).context("write the settings")?;
        }
        Ok(place)
    }

    /// Settings by which what has ended is soon archived and dropped, in segments that are soon full. What failed is kept.
    fn retention(&self) -> String {
        let (kept, archives) = (KEPT.as_secs(), self.archives().display().to_string());
        format!(
            "[data]\nsegment_bytes = \"1MiB\"\n[retention]\nevery = \"1s\"\ncompleted = \"{kept}s\"\n\
             cancelled = \"{kept}s\"\narchive_dir = {archives:?}\n"
        )
    }

    fn disk(&self) -> PathBuf {
        self.device.as_ref().map_or_else(|| self.folder.clone(), Device::mounted)
    }

    fn data(&self) -> PathBuf {
        self.disk().join("data")
    }

    /// Where archives are, on the disk that its data are on.
    fn archives(&self) -> PathBuf {
        self.disk().join("archives")
    }

    /// The files of archives, by their names and hashes.
    pub fn shelf(&self) -> anyhow::Result<BTreeMap<String, String>> {
        shelf_of(&self.archives())
    }

    /// What is in the archives; `keep` takes copies of them, unless they are there already.
    pub fn read_archives(&self, keep: &Path) -> anyhow::Result<Archives> {
        let folder = self.archives();
        if folder != keep && folder.exists() {
            std::fs::create_dir_all(keep)?;
            for name in self.shelf()?.into_keys() {
                std::fs::copy(folder.join(&name), keep.join(&name))?;
            }
        }
        archives_in(&folder)
    }

    /// Starts the daemon and does not wait.
    pub fn spawn(&self) -> anyhow::Result<Daemon> {
        let log = File::options().create(true).append(true).open(self.folder.join("daemon.log"))?;
        let child = self
            .serving()?
            .current_dir(&self.folder)
            .args(["serve", "--listen", &self.address.to_string(), "--data"])
            .arg(self.data())
            .env_remove("GHOSTLIGHT_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.program.display()))?;
        Ok(Daemon { child })
    }

    /// The program, in the boot of the machine that its device is in.
    fn serving(&self) -> anyhow::Result<Command> {
        let Some(device) = &self.device else { return Ok(Command::new(&self.program)) };
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", IN_BOOT]).arg(device.boot()?).arg(&self.program);
        Ok(command)
    }

    /// Cuts the power under the daemon, which is killed.
    pub async fn cut_power(&mut self, daemon: Daemon) -> anyhow::Result<()> {
        daemon.stand_still();
        while !daemon.stands_still()? {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let device = self.device.as_mut().context("there is a device")?;
        device.keep()?;
        daemon.kill();
        device.cut()
    }

    /// Starts the daemon and waits until it is ready.
    pub async fn start(&self, client: &reqwest::Client) -> anyhow::Result<Daemon> {
        let mut daemon = self.spawn()?;
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = daemon.child.try_wait()? {
                bail!(
                    "the daemon ended as it started: {status}, see {}",
                    self.folder.join("daemon.log").display()
                );
            }
            let answer = client.get(format!("http://{}/readyz", self.address)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(daemon);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        bail!("the daemon was not ready after {PATIENCE:?}")
    }

    /// What its journal holds, whether it runs or not.
    pub fn journal(&self, keep: Option<&Path>) -> anyhow::Result<Journal> {
        let mut child = Command::new(&self.program)
            .args(["store", "export", "-", "--data"])
            .arg(self.data())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("export the journal")?;
        let mut bytes = Vec::new();
        let mut out = child.stdout.take().context("the export has an output")?;
        std::io::copy(&mut out, &mut bytes)?;
        let ended = child.wait_with_output()?;
        ensure!(ended.status.success(), "the export failed: {}", String::from_utf8_lossy(&ended.stderr));
        if let Some(path) = keep {
            std::fs::write(path, &bytes)?;
        }
        Journal::read(BufReader::new(&bytes[..]))
    }

    /// Whether `store verify` finds the journal and all archives whole; what it said if not.
    pub fn verify(&self) -> anyhow::Result<Result<(), String>> {
        let files = self.shelf()?.into_keys().map(|name| vec![self.archives().join(name)]);
        for what in [vec![PathBuf::from("--data"), self.data()]].into_iter().chain(files) {
            let ended = Command::new(&self.program).args(["store", "verify"]).args(&what).output()?;
            if !ended.status.success() {
                let (out, err) =
                    (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
                return Ok(Err(format!("{what:?}: {out}{err}")));
            }
        }
        Ok(Ok(()))
    }
}

impl Daemon {
    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills it without any warning, and waits until it is gone.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Lets it stand still.
    pub fn stand_still(&self) {
        self.signal(Signal::STOP);
    }

    /// Whether all of its threads stand still.
    fn stands_still(&self) -> anyhow::Result<bool> {
        for thread in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            let stat = std::fs::read_to_string(thread?.path().join("stat"))?;
            // The state comes after the name, which ends with the last bracket.
            if stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()) != Some('T') {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks it to end, and waits until it has; whether it ended well.
    pub async fn end(mut self) -> anyhow::Result<bool> {
        self.signal(Signal::TERM);
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.success());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(false)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
