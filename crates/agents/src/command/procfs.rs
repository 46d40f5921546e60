//! What `/proc` says about processes.

use std::fs::File;
use std::io::Read;

use rustix::process::{Pid, Signal, pidfd_open, pidfd_send_signal};

/// The longest environment that is searched for a marker.
const ENVIRON_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// One process, from `/proc/<pid>/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) pid: i32,
    pub(super) parent: i32,
    pub(super) group: i32,
    pub(super) session: i32,
    /// When it started, in clock ticks since boot. With the pid it names a process for good.
    pub(super) start: u64,
    /// Dead, but not yet waited for.
    pub(super) is_zombie: bool,
}

impl Stat {
    /// Reads a line of `stat`. The second field is a name in parentheses that may itself hold parentheses and spaces.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (pid, rest) = line.split_once(" (")?;
        let (_, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        // Field 22 of the line, field 20 of what follows the name; four are taken.
        let start = fields.nth(15)?.parse().ok()?;
        let is_zombie = matches!(state, "Z" | "X" | "x");
        Some(Self { pid: pid.trim().parse().ok()?, parent, group, session, start, is_zombie })
    }

    /// The process with that id, if there is one.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let bytes = read_bounded(&format!("/proc/{pid}/stat"), 4096)?;
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// All processes that can be seen.
    pub(super) fn all() -> Vec<Self> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::of).collect()
    }

    /// Kills exactly this process, never another one that got its id in the meantime.
    pub(super) fn kill(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        // The descriptor pins the process; asking again afterwards tells whether it pinned the right one.
        if let Ok(pidfd) = pidfd_open(pid, rustix::process::PidfdFlags::empty())
            && Self::of(self.pid).is_some_and(|now| now.start == self.start)
        {
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        }
    }
}

/// Whether a process was started with an environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Environ {
    /// Yes.
    Has,
    /// No; or it has ended, or belongs to another user, as what we start does not.
    HasNot,
    /// It shows none: it is just being replaced by another program, or has thrown its environment away.
    Empty,
}

impl Environ {
    /// Whether `entry` (`NAME=value`) stands in the environment of `pid`.
    pub(super) fn of(pid: i32, entry: &str) -> Self {
        match read_bounded(&format!("/proc/{pid}/environ"), ENVIRON_BYTES_MAX) {
            Some(bytes) if bytes.is_empty() => Self::Empty,
            Some(bytes) if bytes.split(|byte| *byte == 0).any(|found| found == entry.as_bytes()) => Self::Has,
            Some(_) | None => Self::HasNot,
        }
    }
}

/// An id of this boot of the machine: start times of different boots are not to be compared.
pub(super) fn boot_id() -> String {
    let bytes = read_bounded("/proc/sys/kernel/random/boot_id", 64).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim().to_owned()
}

fn read_bounded(path: &str, bytes_max: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(bytes_max).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_confuse_the_fields() {
        let line = "42 (a) (b c) S 1 40 39 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 9 10\n";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(stat, Stat { pid: 42, parent: 1, group: 40, session: 39, start: 777, is_zombie: false });
        assert_eq!(Stat::parse("42 (a) Z 1 40"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn we_find_ourselves() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let own = Stat::of(pid).unwrap();
        assert!(Stat::all().contains(&own));
        assert!(!own.is_zombie);
    }
}
