//! Calls of the daemon to the system that fail: strace makes them.
//!
//! Where it is missing or may not watch, the test is skipped, and says so.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::PATIENCE;
use crate::harness::Daemon;

/// Makes calls fail for as long as it lives.
pub struct Failing {
    strace: Child,
}

impl Failing {
    /// These calls of the journal's thread, and of each what `when` says, in the words of strace: `3` the third, `1+` all. None
    /// where strace cannot.
    pub fn in_journal(daemon: &Daemon, calls: &str, error: &str, when: &str) -> Option<Self> {
        Self::begin(&["-p", &journal_thread(daemon)], calls, error, when)
    }

    /// All of these calls of the whole daemon.
    pub fn everywhere(daemon: &Daemon, calls: &str, error: &str) -> Option<Self> {
        Self::begin(&["-f", "-p", &daemon.pid().to_string()], calls, error, "1+")
    }

    fn begin(whom: &[&str], calls: &str, error: &str, when: &str) -> Option<Self> {
        let (trace, inject) = (format!("trace={calls}"), format!("inject={calls}:error={error}:when={when}"));
        let mut command = Command::new("strace");
        command.args(whom).args(["-e", &trace, "-e", &inject]);
        let strace = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let Ok(mut strace) = strace else {
            eprintln!("skipped: there is no strace here");
            return None;
        };
        let said = BufReader::new(strace.stderr.take().unwrap());
        let (attached, is_attached) = std::sync::mpsc::channel();
        // Reads to its end: strace would wait for somebody who does.
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok).filter(|line| line.contains("attached")) {
                let _ = attached.send(line);
            }
        });
        let failing = Self { strace };
        if is_attached.recv_timeout(PATIENCE).is_err() {
            eprintln!("skipped: strace may not watch a process here");
            return None;
        }
        Some(failing)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.strace);
        // So that it lets go of the daemon; killed, it would leave it stopped.
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        let _ = self.strace.wait();
    }
}

fn journal_thread(daemon: &Daemon) -> String {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
    let mut tasks = tasks.map(|task| task.unwrap().path());
    let of_journal = tasks.find(|task| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "journal")
    });
    of_journal.expect("the journal has a thread").file_name().unwrap().to_string_lossy().into_owned()
}
