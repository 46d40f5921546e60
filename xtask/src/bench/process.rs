//! What the system says of a process: its CPU time and its memory. Read from `/proc`, so that the load's own share never
//! gets into it.

use std::fs;
use std::time::Duration;

use anyhow::{Context, ensure};

/// Length of a clock tick in `/proc/<pid>/stat`; the same on every Linux that we build for.
pub const TICK: Duration = Duration::from_millis(10);

/// A process by its id.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

/// The memory of a process, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// The most that was resident since it started, or since [`Process::forget_peak`].
    pub peak: u64,
}

impl Process {
    /// This process.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// User and system time of all its threads, ended ones included.
    pub fn cpu(self) -> anyhow::Result<Duration> {
        let stat = self.read("stat")?;
        cpu_of(&stat).with_context(|| format!("read the CPU time of process {}", self.0))
    }

    /// Its resident memory.
    pub fn memory(self) -> anyhow::Result<Memory> {
        let status = self.read("status")?;
        let of = |name| kilobytes(&status, name).with_context(|| format!("{name} of process {}", self.0));
        Ok(Memory { resident: of("VmRSS:")? * 1_024, peak: of("VmHWM:")? * 1_024 })
    }

    /// Begins the peak anew.
    pub fn forget_peak(self) -> anyhow::Result<()> {
        fs::write(format!("/proc/{}/clear_refs", self.0), "5").context("reset the peak of resident memory")
    }

    /// Asks it to end, as an operator would.
    pub fn terminate(self) -> anyhow::Result<()> {
        signal(self.0, rustix::process::Signal::TERM).context("signal the daemon")
    }

    fn read(self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.0);
        let text = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
        ensure!(!text.is_empty(), "{path} is empty");
        Ok(text)
    }
}

/// Sends a signal.
pub fn signal(process: u32, signal: rustix::process::Signal) -> anyhow::Result<()> {
    let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    Ok(rustix::process::kill_process(pid.context("a process id")?, signal)?)
}

/// Fields 14 and 15 of the line, counted behind the name, which may itself hold spaces and parentheses.
fn cpu_of(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u32>);
    let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
    Some(TICK * user.checked_add(system)?)
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_any_name() {
        let line = "7 (a ) (b) S 1 7 7 0 -1 4194304 100 0 0 0 150 50 9 9 20 0 4 0 100 0 0";
        assert_eq!(cpu_of(line), Some(Duration::from_secs(2)));
        assert_eq!(cpu_of("7 (cut off"), None);
    }

    #[test]
    fn memory_is_read_by_its_name() {
        assert_eq!(kilobytes("VmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\n", "VmRSS:"), Some(1_024));
    }

    #[test]
    fn this_process_has_used_some_of_both() {
        let memory = Process::own().memory().unwrap();
        assert!(memory.resident > 0 && memory.peak >= memory.resident);
        Process::own().cpu().unwrap();
    }
}
