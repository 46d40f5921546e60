//! A disk that somebody else fills to its last byte while clients work: nothing that was acknowledged is lost, all that is
//! refused is refused by its name, what is there is read, and everything goes on by itself when there is room again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod small_disk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harness::{Answer, Daemon, Home, until};
use serde_json::{Value, json};
use small_disk::SmallDisk;

const PATIENCE: Duration = Duration::from_secs(20);
const CLIENTS: usize = 2;

/// Without marks, so that the end is met in full swing.
const NO_MARKS: &str =
    "[data]\nsegment_bytes = \"1MiB\"\nwarn_below_free = \"0\"\nrefuse_below_free = \"0\"\n";
const WORK: &str = "ghostlight: 1
name: work
nodes:
  a: { type: agent_call, agent: noop }
  b: { type: tool_call, tool: echo, effect: write, needs: [a] }
";
/// Takes signals long before it needs one.
const WAIT: &str = "ghostlight: 1
name: wait
nodes:
  ask: { type: human_gate, action: Go on }
  go: { type: wait, signal: { name: go }, needs: [ask] }
";

fn home() -> Home {
    let home = Home::new();
    std::fs::write(home.path().join("config/ghostlight.toml"), NO_MARKS).unwrap();
    home.agent(
        "echo",
        "ghostlight: 1\nname: echo\nkind: command\neffect: write\ntimeout: 60s\n\
         command: [/bin/sh, -c, 'echo \"{\\\"type\\\":\\\"result\\\",\\\"output\\\":{}}\"']\nenv: { PATH: /usr/bin:/bin }\n",
    );
    home.workflow("work", WORK);
    home.workflow("wait", WAIT);
    home
}

fn start(daemon: &Daemon, workflow: &str, filling: &str) -> Answer {
    let body = json!({ "input": {}, "context": { "filling": filling } });
    daemon.post(&format!("/api/v1/workflows/{workflow}/runs"), &body).unwrap()
}

fn id(run: &Value) -> String {
    run["id"].as_str().unwrap().to_owned()
}

/// What clients were answered: the runs that were acknowledged, and how often each code was given.
#[derive(Default)]
struct Seen {
    acknowledged: Vec<String>,
    refused: BTreeMap<String, usize>,
}

impl Seen {
    fn note(&mut self, answer: &Answer) {
        match answer.status {
            201 => self.acknowledged.push(id(&answer.body)),
            _ => *self.refused.entry(format!("{} {}", answer.status, answer.body["code"])).or_default() += 1,
        }
    }
}

/// Makes records until the journal takes none, in its reserve neither; answers the refusal.
fn use_up(daemon: &Daemon, runs: &[String]) -> Answer {
    // As large as a value may be that is no file of its own.
    let payload = json!({ "filling": "x".repeat(60_000) });
    // A run takes the longer for each, the more of them it has.
    let mut runs = runs.iter().cycle();
    until("an end of the reserve", PATIENCE, || {
        let path = format!("/api/v1/runs/{}/signals/go", runs.next()?);
        daemon.post(&path, &json!({ "payload": payload })).filter(|answer| answer.status >= 400)
    })
}

/// Ends the clients, whatever way the test goes.
struct Enough<'a>(&'a AtomicBool);

impl Drop for Enough<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_disk_that_is_full_refuses_by_name_reads_and_comes_back_with_all_that_was_acknowledged() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 64) else { return };
    let mut daemon = Daemon::start(&home);
    let all_waiting: Vec<String> = (0..8).map(|_| id(&start(&daemon, "wait", "").ok())).collect();
    let waiting = &all_waiting[0];
    let (seen, enough) = (Mutex::new(Seen::default()), AtomicBool::new(false));
    let filling = "x".repeat(4_000);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while !enough.load(Ordering::Relaxed) {
                    let answer = start(&daemon, "work", &filling);
                    seen.lock().unwrap().note(&answer);
                }
            });
        }
        let enough = Enough(&enough);
        let acknowledged = || seen.lock().unwrap().acknowledged.len();
        let refused = || seen.lock().unwrap().refused.values().sum::<usize>();
        until("some runs", PATIENCE, || (acknowledged() > 10).then_some(()));
        disk.fill();
        until("many refusals", PATIENCE, || (refused() > 20).then_some(()));

        // What is under way has the rest of the journal; then it takes nothing more.
        let last = use_up(&daemon, &all_waiting);
        assert_eq!((last.status, &last.body["code"]), (503, &json!("storage_full")), "{last:?}");
        assert!(last.retry_after.is_some(), "{last:?}");
        let readiness = daemon.get("/readyz?verbose").unwrap();
        assert_eq!(readiness.body["storage"]["level"], "full", "{readiness:?}");
        assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["id"], json!(waiting));
        let some = seen.lock().unwrap().acknowledged[0].clone();
        daemon.get(&format!("/api/v1/runs/{some}/events")).unwrap().ok();
        daemon.get("/metrics").unwrap().ok();

        let before = acknowledged();
        disk.clear();
        let cleared = Instant::now();
        until("a start", PATIENCE, || (acknowledged() > before).then_some(()));
        assert!(cleared.elapsed() < Duration::from_secs(5), "{:?}", cleared.elapsed());
        drop(enough);
    });
    let Seen { acknowledged, refused } = seen.into_inner().unwrap();
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["503 \"storage_full\""], "{refused:?}");
    // Lists come back too, and none of the runs was harmed.
    all_completed(&daemon, &acknowledged);
    // Nothing of that stood in memory alone.
    daemon.kill();
    let daemon = Daemon::start(&home);
    all_completed(&daemon, &acknowledged);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["id"], json!(waiting));
}

/// Waits until the list has all of these runs, completed.
fn all_completed(daemon: &Daemon, runs: &[String]) {
    let list = |cursor: &str| daemon.get(&format!("/api/v1/runs?status=completed&limit=200{cursor}"));
    until("the end of all runs", PATIENCE, || {
        let (mut completed, mut cursor) = (BTreeSet::new(), String::new());
        loop {
            let page = list(&cursor).filter(|page| page.status == 200)?.body;
            completed.extend(page["items"].as_array()?.iter().map(id));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return runs.iter().all(|run| completed.contains(run)).then_some(()),
            }
        }
    });
}

/// Opening writes: also that has to work with nothing free.
#[test]
fn a_daemon_starts_on_a_full_disk_and_reads_what_is_there() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 64) else { return };
    let mut daemon = Daemon::start(&home);
    let run = id(&start(&daemon, "wait", "").ok());
    daemon.kill();
    disk.fill();
    let mut daemon = Daemon::start(&home);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok()["status"], "running");
    assert_eq!(start(&daemon, "wait", "").body["code"], "storage_full");
    daemon.kill();
    disk.clear();
    let daemon = Daemon::start(&home);
    start(&daemon, "wait", "").ok();
    until("the list", PATIENCE, || {
        (daemon.get("/api/v1/runs")?.body["items"].as_array()?.len() == 2).then_some(())
    });
}
