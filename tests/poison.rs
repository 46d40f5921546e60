//! A run that takes the process with it, as one does whose state makes the program abort: it is set aside, and the others go on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);

const ASKS: &str = "ghostlight: 1
name: asks
nodes:
  before: { type: agent_call, agent: noop }
  ask: { type: human_gate, needs: [before], action: Go on }
  after: { type: agent_call, agent: noop, needs: [ask] }
";

/// What a process leaves behind that died while it touched this run.
fn dies_touching(home: &Home, daemon: &mut Daemon, run: &str) {
    daemon.kill();
    let mark = uuid::Uuid::parse_str(run).unwrap();
    let marks = home.data().join("running/touched");
    assert!(marks.exists(), "where the daemon keeps its marks");
    std::fs::write(marks, mark.as_bytes()).unwrap();
}

/// P18.
#[test]
fn a_run_that_the_process_died_of_twice_is_set_aside_and_the_others_go_on() {
    let home = Home::new();
    home.workflow("asks", ASKS);
    let mut daemon = Daemon::start(&home);
    let begin = |daemon: &Daemon| {
        let run = daemon.post("/api/v1/workflows/asks/runs", &json!({})).unwrap().ok();
        run["id"].as_str().unwrap().to_owned()
    };
    let runs: Vec<String> = (0..5).map(|_| begin(&daemon)).collect();
    let asked = |daemon: &Daemon| {
        let pending = daemon.get("/api/v1/approvals?status=pending").unwrap().ok();
        let items = pending["items"].as_array().unwrap().clone();
        (items.len() == runs.len()).then_some(items)
    };
    until("all questions", PATIENCE, || asked(&daemon));
    let status = |daemon: &Daemon, run: &str| {
        let shown = daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok();
        (shown["status"].as_str().unwrap().to_owned(), shown["reason"].as_str().map(str::to_owned))
    };

    let poison = &runs[2];
    dies_touching(&home, &mut daemon, poison);
    let mut daemon = Daemon::start(&home);
    assert_eq!(status(&daemon, poison).0, "running", "once may be chance");
    dies_touching(&home, &mut daemon, poison);
    let mut daemon = Daemon::start(&home);
    let aside = |daemon: &Daemon| {
        (status(daemon, poison) == ("paused".to_owned(), Some("quarantined".to_owned()))).then_some(())
    };
    until("the run to be set aside", PATIENCE, || aside(&daemon));

    for question in until("all questions", PATIENCE, || asked(&daemon)) {
        if question["run"] != poison.as_str() {
            let id = question["id"].as_str().unwrap();
            daemon.post(&format!("/api/v1/approvals/{id}/approve"), &json!({})).unwrap().ok();
        }
    }
    for run in runs.iter().filter(|run| *run != poison) {
        let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=20")).unwrap().ok();
        assert_eq!(ended["status"], "completed", "{ended}");
    }
    aside(&daemon).expect("it stays aside");

    // Whoever has looked at it lets it go on.
    daemon.post(&format!("/api/v1/runs/{poison}/resume"), &json!({})).unwrap().ok();
    let question = daemon.get(&format!("/api/v1/approvals?status=pending&run={poison}")).unwrap().ok();
    let id = question["items"][0]["id"].as_str().unwrap();
    daemon.post(&format!("/api/v1/approvals/{id}/approve"), &json!({})).unwrap().ok();
    let ended = daemon.get(&format!("/api/v1/runs/{poison}?wait=20")).unwrap().ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert!(daemon.stop().success());
}
