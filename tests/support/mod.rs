//! What tests of the real daemon have in common that do something to the machine beneath it: agents that are processes, and
//! what is asked of runs meanwhile.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

pub mod calls;
pub mod load;
pub mod small_disk;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Daemon, Home, until};

/// The longest that anything is waited for.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Writes an agent that is a process: it takes so many seconds and answers `{}`. What it does is not done twice.
pub fn command_agent(home: &Home, name: &str, seconds: u32) {
    command_agent_within(home, name, seconds, 60);
}

/// The same, which has so many seconds.
pub fn command_agent_within(home: &Home, name: &str, seconds: u32, timeout_seconds: u32) {
    let definition = format!(
        "ghostlight: 1\nname: {name}\nkind: command\neffect: write\ntimeout: {timeout_seconds}s\n\
         command: [/bin/sh, -c, 'sleep {seconds}; echo \"{{\\\"type\\\":\\\"result\\\",\\\"output\\\":{{}}}}\"']\n\
         env: {{ PATH: /usr/bin:/bin }}\n"
    );
    home.agent(name, &definition);
}

/// Writes the daemon's own settings.
pub fn configure(home: &Home, toml: &str) {
    std::fs::write(home.path().join("config/ghostlight.toml"), toml).unwrap();
}

/// Asks for a run of a workflow.
pub fn start(daemon: &Daemon, workflow: &str) -> Answer {
    daemon.post(&format!("/api/v1/workflows/{workflow}/runs"), &json!({ "input": {} })).unwrap()
}

/// The id of a run, as it is answered.
pub fn id(run: &Value) -> String {
    run["id"].as_str().unwrap().to_owned()
}

/// A step of a run.
pub fn step(daemon: &Daemon, run: &str, path: &str) -> Value {
    daemon.get(&format!("/api/v1/runs/{run}/steps/{path}")).unwrap().ok()
}

/// The open question of a run, as soon as there is one.
pub fn question(daemon: &Daemon, run: &str) -> String {
    until("a question", PATIENCE, || {
        let pending = daemon.get(&format!("/api/v1/approvals?run={run}&status=pending"))?;
        Some(pending.body["items"][0]["id"].as_str()?.to_owned())
    })
}

/// Says yes.
pub fn approve(daemon: &Daemon, question: &str) {
    daemon.post(&format!("/api/v1/approvals/{question}/approve"), &json!({})).unwrap().ok();
}

/// A run, as soon as it has ended.
pub fn ended(daemon: &Daemon, run: &str) -> Value {
    daemon.get(&format!("/api/v1/runs/{run}?wait=20")).unwrap().ok()
}

/// Waits until the list has all of these runs, completed.
pub fn all_completed(daemon: &Daemon, runs: &[String]) {
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
