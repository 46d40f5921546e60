//! Syncs that fail under the real daemon: nothing is acknowledged after one, nothing is synced again as if nothing had happened,
//! and the journal goes on in a new segment.
//!
//! strace makes them fail, in the thread of the journal. Where it is missing or may not watch, the test is skipped, and says
//! so. The same for every call, on a disk that is simulated: `crates/store/src/journal/simulation_tests.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{Answer, Daemon, Home, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const CHAIN: &str = "ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop }
  b: { type: agent_call, agent: noop, needs: [a] }
";

/// Makes syncs of the journal's thread fail for as long as it lives.
struct Failing {
    strace: Child,
}

impl Failing {
    /// These calls, and of each what `when` says, in the words of strace: `3` the third, `1+` all. None where strace cannot.
    fn begin(daemon: &Daemon, calls: &str, when: &str) -> Option<Self> {
        let inject = format!("inject={calls}:error=EIO:when={when}");
        let mut command = Command::new("strace");
        command.args(["-p", &journal_thread(daemon), "-e", "trace=fdatasync,fsync", "-e", &inject]);
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
        // So that it lets go of the thread; killed, it would leave it stopped.
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

fn start(daemon: &Daemon) -> Answer {
    daemon.post("/api/v1/workflows/chain/runs", &json!({ "input": {} })).unwrap()
}

fn id(run: &Value) -> String {
    run["id"].as_str().unwrap().to_owned()
}

fn measured(daemon: &Daemon, name: &str) -> u64 {
    let page = daemon.get("/metrics").unwrap().ok();
    let value = page.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse::<f64>().unwrap() as u64
}

/// Every run that there is has ended well.
fn all_completed(daemon: &Daemon, count: usize) {
    until("the end of all runs", PATIENCE, || {
        let all = daemon.get("/api/v1/runs?limit=200")?.body;
        let items = all["items"].as_array()?;
        let ended = items.iter().filter(|run| run["status"] == "completed").count();
        (items.len() == count && ended == count).then_some(())
    });
}

/// P23.
#[test]
fn after_a_sync_that_failed_nothing_of_it_is_acknowledged_and_a_new_segment_is_begun() {
    let home = Home::new();
    home.workflow("chain", CHAIN);
    let mut daemon = Daemon::start(&home);
    let mut acknowledged = vec![id(&start(&daemon).ok())];
    all_completed(&daemon, 1);
    for nth in ["1", "2", "3", "4"] {
        let segments = measured(&daemon, "ghostlight_journal_segments");
        let faults = measured(&daemon, "ghostlight_journal_faults_total");
        let Some(failing) = Failing::begin(&daemon, "fdatasync", nth) else { return };
        until("a sync that fails", PATIENCE, || {
            let answer = start(&daemon);
            match answer.status {
                201 => acknowledged.push(id(&answer.body)),
                // It is known that it was not done: the new segment says so.
                _ => assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable"))),
            }
            (measured(&daemon, "ghostlight_journal_faults_total") > faults).then_some(())
        });
        drop(failing);
        assert_eq!(measured(&daemon, "ghostlight_journal_segments"), segments + 1, "sync {nth}");
        until("a start", PATIENCE, || {
            let answer = start(&daemon);
            (answer.status == 201).then(|| acknowledged.push(id(&answer.body)))
        });
        all_completed(&daemon, acknowledged.len());
    }
    daemon.kill();
    let daemon = Daemon::start(&home);
    for run in &acknowledged {
        assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok()["status"], "completed");
    }
    all_completed(&daemon, acknowledged.len());
}

/// P23.
#[test]
fn while_syncs_fail_nothing_is_acknowledged_and_reads_go_on() {
    let home = Home::new();
    home.workflow("chain", CHAIN);
    let mut daemon = Daemon::start(&home);
    let first = id(&start(&daemon).ok());
    all_completed(&daemon, 1);
    let Some(failing) = Failing::begin(&daemon, "fdatasync,fsync", "1+") else { return };
    for _ in 0..20 {
        let answer = start(&daemon);
        let codes = ["store_unavailable", "outcome_unknown"];
        assert!(answer.status == 503 && codes.contains(&answer.body["code"].as_str().unwrap()), "{answer:?}");
    }
    assert_eq!(daemon.get("/readyz").unwrap().status, 503);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{first}")).unwrap().ok()["status"], "completed");
    drop(failing);
    let key = until("a start", PATIENCE, || {
        let answer = start(&daemon);
        (answer.status == 201).then(|| id(&answer.body))
    });
    all_completed(&daemon, 2);
    daemon.kill();
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{key}")).unwrap().ok()["status"], "completed");
    // What nobody knew of is not there: the segment that followed says that it never was.
    all_completed(&daemon, 2);
}
