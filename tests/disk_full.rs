//! A disk that somebody else fills to its last byte while clients work: nothing that was acknowledged is lost, all that is
//! refused is refused by its name, what is there is read, and everything goes on by itself when there is room again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use harness::{Answer, Daemon, Home, until};
use serde_json::json;
use support::load::{Seen, under_load};
use support::small_disk::SmallDisk;
use support::{PATIENCE, all_completed, command_agent, configure, id, start};

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
    configure(&home, NO_MARKS);
    command_agent(&home, "echo", 0);
    home.workflow("work", WORK);
    home.workflow("wait", WAIT);
    home
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

#[test]
fn a_disk_that_is_full_refuses_by_name_reads_and_comes_back_with_all_that_was_acknowledged() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 64) else { return };
    let mut daemon = Daemon::start(&home);
    let all_waiting: Vec<String> = (0..8).map(|_| id(&start(&daemon, "wait").ok())).collect();
    let waiting = &all_waiting[0];
    let Seen { acknowledged, refused } = under_load(&daemon, "work", |load| {
        disk.fill();
        load.is_refused();

        // What is under way has the rest of the journal; then it takes nothing more.
        let last = use_up(&daemon, &all_waiting);
        assert_eq!((last.status, &last.body["code"]), (503, &json!("storage_full")), "{last:?}");
        assert!(last.retry_after.is_some(), "{last:?}");
        let readiness = daemon.get("/readyz?verbose").unwrap();
        assert_eq!(readiness.body["storage"]["level"], "full", "{readiness:?}");
        assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["id"], json!(waiting));
        daemon.get(&format!("/api/v1/runs/{}/events", load.first())).unwrap().ok();
        daemon.get("/metrics").unwrap().ok();

        load.comes_back_after(|| disk.clear());
    });
    assert_eq!(refused.keys().collect::<Vec<_>>(), ["503 \"storage_full\""], "{refused:?}");
    // Lists come back too, and none of the runs was harmed.
    all_completed(&daemon, &acknowledged);
    // Nothing of that stood in memory alone.
    daemon.kill();
    let daemon = Daemon::start(&home);
    all_completed(&daemon, &acknowledged);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{waiting}")).unwrap().ok()["id"], json!(waiting));
}

/// Opening writes: also that has to work with nothing free.
#[test]
fn a_daemon_starts_on_a_full_disk_and_reads_what_is_there() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 64) else { return };
    let mut daemon = Daemon::start(&home);
    let run = id(&start(&daemon, "wait").ok());
    daemon.kill();
    disk.fill();
    let mut daemon = Daemon::start(&home);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok()["status"], "running");
    assert_eq!(start(&daemon, "wait").body["code"], "storage_full");
    daemon.kill();
    disk.clear();
    let daemon = Daemon::start(&home);
    start(&daemon, "wait").ok();
    until("the list", PATIENCE, || {
        (daemon.get("/api/v1/runs")?.body["items"].as_array()?.len() == 2).then_some(())
    });
}
