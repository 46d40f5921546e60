//! Actors of the real daemon are made to panic over HTTP: the run completes, its neighbours notice nothing, and the tree
//! and the journal say what happened. Needs a daemon that was built with the feature `chaos`, as the tests build it.

#![cfg(feature = "chaos")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const WORKFLOW: &str = "
ghostlight: 1
name: careful
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 400ms } }
  ask: { type: human_gate, action: 'Go on?', risk: low }
  after: { type: agent_call, agent: noop, needs: [nap, ask] }
";

fn paths(node: &Value, found: &mut Vec<String>) {
    found.extend(node["path"].as_str().map(str::to_owned));
    node["children"].as_array().into_iter().flatten().for_each(|child| paths(child, found));
}

fn start(daemon: &Daemon) -> String {
    let run = daemon.post("/api/v1/workflows/careful/runs", &json!({ "input": {} })).unwrap().ok();
    run["id"].as_str().unwrap().to_owned()
}

fn approve(daemon: &Daemon, run: &str) {
    let approval = until("the question", Duration::from_secs(10), || {
        let open = daemon.get(&format!("/api/v1/approvals?status=pending&run={run}"))?.ok();
        open["items"][0]["id"].as_str().map(str::to_owned)
    });
    daemon.post(&format!("/api/v1/approvals/{approval}/approve"), &json!({})).unwrap().ok();
}

fn find(daemon: &Daemon, run: &str, part: &str) -> String {
    until("the actor", Duration::from_secs(10), || {
        let mut found = Vec::new();
        paths(&daemon.get("/api/v1/tree")?.ok(), &mut found);
        found.into_iter().find(|path| path.contains(&format!("/{run}/{part}")))
    })
}

/// P16.
#[test]
fn a_panic_in_an_actor_of_a_run_is_contained() {
    let home = Home::new();
    home.workflow("careful", WORKFLOW);
    std::fs::write(home.path().join("config/ghostlight.toml"), "[chaos]\nenabled = true\n").unwrap();
    let mut daemon = Daemon::start(&home);
    for part in ["workflow", "executions/", "gates/"] {
        let (run, neighbour) = (start(&daemon), start(&daemon));
        let path = find(&daemon, &run, part);
        let made = daemon.post("/api/v1/tree/panic", &json!({ "path": path, "reason": "to see" })).unwrap();
        assert!(made.status < 300, "{made:?}");
        for run in [&run, &neighbour] {
            approve(&daemon, run);
            let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=30")).unwrap().ok();
            assert_eq!(ended["status"], "completed", "{part}: {ended}");
        }
    }
    let metrics = daemon.get("/metrics").unwrap().ok();
    let restarts =
        metrics.as_str().unwrap().lines().find(|line| line.starts_with("ghostlight_actor_restarts_total"));
    assert!(restarts.is_some_and(|line| !line.ends_with(" 0")), "{restarts:?}");
    assert!(daemon.stop().success());
}

#[test]
fn faults_on_demand_are_off_unless_they_are_switched_on() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let refused =
        daemon.post("/api/v1/tree/panic", &json!({ "path": "core/planner", "reason": "to see" })).unwrap();
    assert_eq!(refused.status, 404, "{refused:?}");
}
