//! The processes of a peer: started by us or by one of those, measured together, and ended together.
//!
//! CPU time is that of all of them, ended ones included, which their parents keep the sums of. Memory is proportional
//! (PSS): pages that several processes share, as PostgreSQL's do, are counted once.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::super::process::{TICK, signal};

/// How long processes may take to be gone after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(20);
/// System calls that make writes durable. `sync_file_range` does not: it leaves out metadata and the cache of the device.
const SYNCS: &str = "trace=fsync,fdatasync";

/// Processes that were started together with all that these started. Killed when it is dropped.
pub struct Group {
    children: Vec<Child>,
    /// Where the log of the processes goes.
    log: PathBuf,
    /// Where syncs are written down, when they are counted.
    trace: Option<PathBuf>,
}

impl Group {
    /// No processes yet. With `traced`, each that is started is run under strace, which counts its syncs.
    pub fn new(folder: &Path, traced: bool) -> Self {
        Self { children: Vec::new(), log: folder.join("log"), trace: traced.then(|| folder.join("syncs")) }
    }

    /// A command that starts `program`, to be given arguments and then to `spawn`.
    pub fn command(&self, program: &Path) -> Command {
        let Some(trace) = &self.trace else { return Command::new(program) };
        let mut command = Command::new("strace");
        // One file a process of ours; only the calls that are asked for stop anything.
        let trace = trace.with_extension(self.children.len().to_string());
        command.args(["-f", "-qq", "--seccomp-bpf", "-e", SYNCS, "-e", "signal=none", "-o"]);
        command.arg(trace).arg("--").arg(program);
        command
    }

    /// Starts a process whose output goes into the log, or, with `talks`, whose input and output are ours.
    pub fn spawn(&mut self, mut command: Command, talks: bool) -> anyhow::Result<&mut Child> {
        let log = File::options().create(true).append(true).open(&self.log).context("open a log")?;
        let stdout = if talks { Stdio::piped() } else { log.try_clone()?.into() };
        let stdin = if talks { Stdio::piped() } else { Stdio::null() };
        command.stdin(stdin).stdout(stdout).stderr(log);
        let child = command.spawn().with_context(|| format!("start {}", command.get_program().display()))?;
        self.children.push(child);
        self.children.last_mut().context("a process that was just started")
    }

    /// An error if one of the processes that we started has ended.
    pub fn lives(&mut self) -> anyhow::Result<()> {
        for child in &mut self.children {
            if let Some(status) = child.try_wait()? {
                bail!("a process ended with {status}, see {}", self.log.display());
            }
        }
        Ok(())
    }

    /// Repeats `is_ready` until it is, a process has ended, or `patience` is over.
    pub fn wait_until(&mut self, patience: Duration, is_ready: impl Fn() -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        while !is_ready() {
            self.lives()?;
            if started.elapsed() > patience {
                bail!("it was not ready within {} s, see {}", patience.as_secs(), self.log.display());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The ids of the processes that we started.
    pub fn roots(&self) -> Roots {
        Roots(self.children.iter().map(Child::id).collect())
    }

    /// How many syncs there were until now, when they are counted.
    pub fn syncs(&self) -> anyhow::Result<usize> {
        let Some(trace) = &self.trace else { return Ok(0) };
        let mut count = 0;
        for number in 0..self.children.len() {
            let path = trace.with_extension(number.to_string());
            let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            // The second half of a call that was written in two is no second call.
            count += text.lines().filter(|line| line.contains('(') && !line.contains("resumed>")).count();
        }
        Ok(count)
    }

    /// Ends all of them by SIGKILL, and waits until they are gone.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        let all = self.roots().with_descendants();
        for process in all.keys() {
            // Fails for one that has ended by itself.
            let _ = signal(*process, rustix::process::Signal::KILL);
        }
        for child in &mut self.children {
            child.wait().context("wait for a process")?;
        }
        self.children.clear();
        let started = Instant::now();
        while all.keys().any(|process| is_alive(*process)) {
            if started.elapsed() > PATIENCE {
                bail!("processes were not gone within {} s", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Nobody is left to hear of it.
        let _ = self.kill();
    }
}

/// Processes by their ids, of which the others descend.
#[derive(Clone)]
pub struct Roots(Vec<u32>);

impl Roots {
    /// User and system time of all.
    pub fn cpu(&self) -> Duration {
        self.with_descendants().values().map(|stat| TICK * stat.ticks).sum()
    }

    /// Proportional memory of all now, in bytes. A process that ends meanwhile does not count.
    pub fn memory(&self) -> u64 {
        let of = |process: &u32| {
            let rollup = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.with_descendants().keys().filter_map(of).sum::<u64>() * 1_024
    }

    fn with_descendants(&self) -> BTreeMap<u32, Stat> {
        let mut all = BTreeMap::new();
        let Ok(entries) = fs::read_dir("/proc") else { return all };
        let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let stats: BTreeMap<u32, Stat> = ids.filter_map(|id| Some((id, Stat::of(id)?))).collect();
        let mut next = self.0.clone();
        while let Some(id) = next.pop() {
            let Some(stat) = stats.get(&id) else { continue };
            if all.insert(id, *stat).is_none() {
                next.extend(stats.iter().filter(|(_, stat)| stat.parent == id).map(|(id, _)| *id));
            }
        }
        all
    }
}

/// What is needed of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stat {
    state: char,
    parent: u32,
    /// CPU time of its own and of the children that it has waited for, in clock ticks.
    ticks: u32,
}

impl Stat {
    fn of(process: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
    }

    /// The fields behind the name, which may itself hold spaces and parentheses.
    fn parse(stat: &str) -> Option<Self> {
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks: Vec<u32> = fields.get(11..15)?.iter().filter_map(|field| field.parse().ok()).collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            parent: fields.get(1)?.parse().ok()?,
            ticks: ticks.iter().sum(),
        })
    }
}

/// Whether it still holds on to anything: one that nobody has waited for yet does not.
fn is_alive(process: u32) -> bool {
    Stat::of(process).is_some_and(|stat| stat.state != 'Z')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_behind_any_name_with_the_time_of_its_children() {
        let line = "7 (a ) (b) S 3 7 7 0 -1 4194304 100 0 0 0 150 50 9 1 20 0 4 0 100 0 0";
        assert_eq!(Stat::parse(line), Some(Stat { state: 'S', parent: 3, ticks: 210 }));
        assert_eq!(Stat::parse("7 (cut off"), None);
    }

    #[test]
    fn what_a_process_started_is_measured_and_killed_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = Group::new(folder.path(), false);
        let mut shell = group.command(Path::new("sh"));
        shell.args(["-c", "sleep 600 & sleep 600 & wait"]);
        group.spawn(shell, false).unwrap();
        let roots = group.roots();
        group.wait_until(PATIENCE, || roots.with_descendants().len() == 3).unwrap();
        let all = roots.with_descendants();
        assert!(roots.memory() > 0);
        group.kill().unwrap();
        assert!(all.keys().all(|process| !is_alive(*process)), "{all:?}");
    }

    #[test]
    fn waiting_for_a_process_that_has_ended_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut group = Group::new(folder.path(), false);
        group.spawn(group.command(Path::new("false")), false).unwrap();
        let error = group.wait_until(PATIENCE, || false).unwrap_err();
        assert!(error.to_string().contains("ended with exit status: 1"), "{error}");
    }
}
