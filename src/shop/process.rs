//! Processes, told apart from strangers that got the same number later.
//!
//! A pid alone names whoever has it now. With the time at which the process started it names one process of this
//! boot, and only that one is ever sent a signal.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// One process, and no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessId {
    /// Its number.
    pub pid: u32,
    /// When it started, in the words of the system (on Linux: the boot, and clock ticks since it).
    pub started: String,
}

/// Why a process still runs that was to be stopped.
#[derive(Debug, thiserror::Error)]
pub enum StopError {
    /// The system refused to signal it.
    #[error("could not signal process {pid}")]
    Signal {
        /// The process.
        pid: u32,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It was killed and is still there, as in an uninterruptible call.
    #[error("process {pid} is still there after it was killed")]
    StillThere {
        /// The process.
        pid: u32,
    },
}

impl ProcessId {
    /// This process.
    pub fn current() -> Self {
        Self::of(std::process::id()).unwrap_or(Self { pid: std::process::id(), started: String::new() })
    }

    /// The process that has this number now, if one runs (one that has ended and was not waited for does not).
    pub fn of(pid: u32) -> Option<Self> {
        start_time(pid).map(|started| Self { pid, started })
    }

    /// Whether this very process still runs.
    pub fn is_running(&self) -> bool {
        Self::of(self.pid).as_ref() == Some(self)
    }

    fn signal(&self, signal: Signal) -> Result<(), StopError> {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|_| self.is_running()) else { return Ok(()) };
        match kill_process(pid, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(StopError::Signal { pid: self.pid, source: error.into() }),
        }
    }
}

/// Ends a process: asks it (SIGTERM), waits up to `patience`, then kills it. Returns whether it was running.
///
/// A number that belongs to another process by now is left alone: the one that was meant has ended.
/// Errors: [`StopError`].
pub async fn stop(process: &ProcessId, patience: Duration) -> Result<bool, StopError> {
    if !process.is_running() {
        return Ok(false);
    }
    process.signal(Signal::TERM)?;
    if ended_within(process, patience).await {
        return Ok(true);
    }
    process.signal(Signal::KILL)?;
    if ended_within(process, Duration::from_secs(5)).await {
        return Ok(true);
    }
    Err(StopError::StillThere { pid: process.pid })
}

async fn ended_within(process: &ProcessId, patience: Duration) -> bool {
    let began = Instant::now();
    while process.is_running() {
        if began.elapsed() >= patience {
            return false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    true
}

/// Writes the pid in the first line, as is the custom, and the start time in the second.
pub(super) fn write_pid_file(file: &Path, process: &ProcessId) -> io::Result<()> {
    let temporary = file.with_extension("tmp");
    fs::write(&temporary, format!("{}\n{}\n", process.pid, process.started))?;
    fs::rename(temporary, file)
}

/// The process a pid file names; nothing when there is no such file or no such content.
pub(super) fn read_pid_file(file: &Path) -> Option<ProcessId> {
    let text = fs::read_to_string(file).ok()?;
    let (pid, started) = text.trim_end().split_once('\n')?;
    Some(ProcessId { pid: pid.parse().ok()?, started: started.to_owned() })
}

/// From `/proc/<pid>/stat`: the 22nd field, and not that of a zombie.
#[cfg(target_os = "linux")]
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let ticks = running_since(&stat)?;
    Some(format!("{}/{ticks}", boot.trim()))
}

/// The program's name stands in brackets and may hold anything, so fields are counted after the last one.
#[cfg(any(target_os = "linux", test))]
fn running_since(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    // The state is the third field, the start the twenty-second.
    let ticks = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X")).then_some(ticks)
}

#[cfg(not(target_os = "linux"))]
fn start_time(pid: u32) -> Option<String> {
    let asked =
        std::process::Command::new("ps").args(["-o", "stat=,lstart=", "-p", &pid.to_string()]).output();
    let said = String::from_utf8(asked.ok()?.stdout).ok()?;
    let (state, started) = said.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().expect("every unix has sleep")
    }

    #[test]
    fn the_start_is_found_behind_any_program_name() {
        let after_the_name = "S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987 20";
        for name in ["(shop)", "(a b)", "(:) ) S 1 ()"] {
            assert_eq!(running_since(&format!("17 {name} {after_the_name}")), Some(987));
        }
        assert_eq!(running_since(&format!("17 (shop) {}", after_the_name.replacen('S', "Z", 1))), None);
        assert_eq!(running_since("garbage"), None);
    }

    #[tokio::test]
    async fn a_process_is_stopped_once() {
        let mut child = sleeper();
        let process = ProcessId::of(child.id()).expect("it runs");
        assert!(stop(&process, Duration::from_secs(10)).await.expect("it is ours"));
        assert!(!stop(&process, Duration::from_secs(10)).await.expect("it is gone"));
        assert!(!child.wait().expect("it can be waited for").success());
    }

    #[tokio::test]
    async fn a_stranger_with_the_same_number_is_left_alone() {
        let mut child = sleeper();
        let process = ProcessId::of(child.id()).expect("it runs");
        let earlier = ProcessId { started: "another time".into(), ..process.clone() };
        assert!(!stop(&earlier, Duration::ZERO).await.expect("nothing was done"));
        assert!(process.is_running());
        child.kill().expect("it is ours");
        child.wait().expect("it can be waited for");
    }

    #[test]
    fn a_pid_file_is_read_back_and_garbage_is_no_process() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("shop.pid");
        assert_eq!(read_pid_file(&file), None);
        write_pid_file(&file, &ProcessId::current()).expect("writable");
        assert_eq!(read_pid_file(&file), Some(ProcessId::current()));
        fs::write(&file, "seventeen\n\n").expect("writable");
        assert_eq!(read_pid_file(&file), None);
    }
}
