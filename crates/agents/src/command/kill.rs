//! Ends everything that belongs to one attempt, and nothing else.
//!
//! Ids of processes and groups are used again after a while, so an id alone proves nothing. A process belongs to the attempt
//! when it is the leader (same id and start time), when its environment has the attempt's marker, or when it is in the
//! leader's group or session while one of the former still is there too: as long as a group has a member, the kernel gives
//! its id to nobody else.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::procfs::{Environ, Stat};

/// The variable in the environment of a command that names its attempt. It is how descendants are found that have left
/// their process group.
pub(super) const ATTEMPT_VARIABLE: &str = "GHOSTLIGHT_ATTEMPT";

/// Between two looks at who is alive.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// How often a look is repeated because a process showed no environment: the moment of an exec is shorter than this.
const EMPTY_LOOKS_MAX: usize = 4;
/// How many looks in a row have to find nobody. A process that forks and ends while it is looked at hides its child from that look:
/// the list of processes was made before the child was there, and its parent is gone when its turn comes.
const CLEAN_LOOKS: usize = 2;
/// The kernel's threads are children of this process.
const KTHREADD: i32 = 2;

/// The processes of one attempt.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The process that was started, as it was then; none: it did not come that far.
    leader: Option<Stat>,
    /// `NAME=value` in the environment of every process of the attempt that has not thrown it away.
    marker: String,
}

/// Who is alive.
#[derive(Default)]
struct Look {
    members: Vec<Stat>,
    /// Whether the leader exists, dead or alive, so that its group's id is its own.
    leader_exists: bool,
    /// Whether there was a process that showed no environment and might be a member.
    unsure: bool,
}

impl Group {
    /// The group of `leader`, with what stands in its environment.
    pub(super) fn new(leader: Option<Stat>, marker: &str) -> Self {
        Self { leader, marker: format!("{ATTEMPT_VARIABLE}={marker}") }
    }

    /// Sends a signal to the process group. Only for a leader that has not been waited for, so that its id is its own.
    pub(super) fn signal(&self, signal: Signal) {
        if let Some(pid) = self.leader.and_then(|leader| Pid::from_raw(leader.pid)) {
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Whether anything of it is alive.
    pub(super) fn is_alive(&self) -> bool {
        !self.look().members.is_empty()
    }

    /// Kills whatever belongs to it until nothing is left, at most until `deadline`. Says whether nothing is left. Blocks.
    pub(super) fn end(&self, deadline: Instant) -> bool {
        let (mut empty_looks, mut clean_looks) = (0, 0);
        loop {
            let look = self.look();
            if look.members.is_empty() && (!look.unsure || empty_looks >= EMPTY_LOOKS_MAX) {
                clean_looks += 1;
                if clean_looks >= CLEAN_LOOKS {
                    return true;
                }
                continue;
            }
            clean_looks = 0;
            if look.members.is_empty() {
                empty_looks += 1;
            } else if Instant::now() >= deadline {
                return false;
            }
            // The whole group at once: no fork slips through between two members.
            if look.leader_exists {
                self.signal(Signal::KILL);
            }
            look.members.iter().for_each(Stat::kill);
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn look(&self) -> Look {
        let own_pid = i32::try_from(std::process::id()).unwrap_or(0);
        let mut look = Look::default();
        let mut in_group = Vec::new();
        let earliest = self.leader.map_or(0, |leader| leader.start);
        for process in Stat::all() {
            if self.leader.is_some_and(|leader| leader.pid == process.pid && leader.start == process.start) {
                look.leader_exists = true;
            }
            let is_stranger =
                process.is_zombie || process.start < earliest || process.pid <= 1 || process.pid == own_pid;
            if is_stranger || process.parent == KTHREADD {
                continue;
            }
            let is_in_group = self
                .leader
                .is_some_and(|leader| process.group == leader.pid || process.session == leader.pid);
            match Environ::of(process.pid, &self.marker) {
                Environ::Has => look.members.push(process),
                Environ::HasNot | Environ::Empty if is_in_group => in_group.push(process),
                Environ::HasNot => {}
                Environ::Empty => look.unsure = true,
            }
        }
        let id_is_ours = look.leader_exists || look.members.iter().any(|member| self.owns_id_by(member));
        if id_is_ours {
            look.members.append(&mut in_group);
        }
        look
    }

    /// Whether a marked process proves by its membership that the group's id was not given to anyone else.
    fn owns_id_by(&self, member: &Stat) -> bool {
        self.leader.is_some_and(|leader| member.group == leader.pid || member.session == leader.pid)
    }
}
