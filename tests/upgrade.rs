//! Stores written by earlier versions open and go on. One folder under `fixtures/` for each format ever released.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use serde_json::{Value, json};
use support::{PATIENCE, approve, configure, ended, id, question};

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn home_of(fixture: &str) -> Home {
    let home = Home::new();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture), &home.data());
    home
}

fn runs(daemon: &Daemon, query: &str) -> Vec<Value> {
    daemon.get(&format!("/api/v1/runs?{query}")).unwrap().ok()["items"].as_array().unwrap().clone()
}

/// What stands in the store of format 1 is there, and what waits in it goes on.
fn is_whole_and_goes_on(daemon: &Daemon) {
    let completed = runs(daemon, "status=completed");
    assert_eq!(completed.len(), 1);
    let id = completed[0]["id"].as_str().unwrap();
    let run = daemon.get(&format!("/api/v1/runs/{id}")).unwrap().ok();
    assert_eq!(run["output"], json!({ "last": { "n": 3 } }));
    assert_eq!(runs(daemon, "status=failed").len(), 1);

    let waiting = runs(daemon, "status=running&label=team=platform");
    let id = waiting[0]["id"].as_str().unwrap();
    let approvals = daemon.get("/api/v1/approvals?status=pending").unwrap().ok();
    let approval = approvals["items"][0]["id"].as_str().unwrap().to_owned();
    daemon.post(&format!("/api/v1/approvals/{approval}/approve"), &json!({})).unwrap().ok();
    let ended = daemon.get(&format!("/api/v1/runs/{id}?wait=20")).unwrap().ok();
    assert_eq!((&ended["status"], &ended["output"]["n"]), (&json!("completed"), &json!(7)), "{ended}");
}

/// S3-1i, P27.
#[test]
fn a_store_of_format_1_opens_and_its_runs_go_on() {
    let home = home_of("store-1");
    let mut daemon = Daemon::start(&home);
    is_whole_and_goes_on(&daemon);
    assert!(daemon.stop().success());
}

/// S3-1i. A store that dropped and archived runs, and took back their space.
#[test]
fn a_store_of_format_2_opens_and_its_runs_go_on() {
    has_what_was_kept_and_goes_on(&home_of("store-2"));
}

/// The same of a store that is written now. `GHOSTLIGHT_FIXTURE` names a folder into which it is copied, to be checked in.
#[test]
fn a_store_that_is_written_now_opens_and_its_runs_go_on() {
    let home = Home::new();
    write(&home);
    if let Some(target) = std::env::var_os("GHOSTLIGHT_FIXTURE").map(PathBuf::from) {
        for part in ["journal", "archives"] {
            copy(&home.data().join(part), &target.join(part));
        }
        std::fs::copy(home.data().join("manifest.json"), target.join("manifest.json")).unwrap();
    }
    configure(&home, "");
    has_what_was_kept_and_goes_on(&home);
}

fn has_what_was_kept_and_goes_on(home: &Home) {
    let manifest = std::fs::read(home.data().join("manifest.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&manifest).unwrap()["format"], 2);
    let mut daemon = Daemon::start(home);
    let kept = runs(&daemon, "limit=200");
    let of = |workflow: &str| kept.iter().find(|run| run["workflow"] == workflow).map(id).expect(workflow);
    let (gated, timed) = (of("gated"), of("timed"));
    assert_eq!(kept.len(), 2);

    approve(&daemon, &question(&daemon, &gated));
    let run = ended(&daemon, &gated);
    assert_eq!((&run["status"], &run["output"]["echo"]["n"]), (&json!("completed"), &json!(8)), "{run}");
    // Its time comes, or came while nobody was there.
    let run = ended(&daemon, &timed);
    assert_eq!(run["status"], "completed", "{run}");

    let archive = only_file_in(&home.data().join("archives"));
    let archived = archived_in(&archive);
    let gone = daemon.get(&format!("/api/v1/runs/{archived}")).unwrap();
    assert_eq!((gone.status, gone.body["code"].as_str()), (410, Some("run_archived")), "{gone:?}");
    assert_eq!(gone.body["state"]["file"].as_str(), archive.file_name().unwrap().to_str());
    assert!(daemon.stop().success());
    let verified = store(&["verify", "--data", home.data().to_str().unwrap()]);
    assert!(verified["dropped_streams"].as_u64().unwrap() > 20, "{verified}");

    let other = Home::new();
    store(&["import", archive.to_str().unwrap(), "--data", other.data().to_str().unwrap()]);
    let daemon = Daemon::start(&other);
    let run = daemon.get(&format!("/api/v1/runs/{archived}")).unwrap().ok();
    assert_eq!((&run["status"], &run["output"]["echo"]["n"]), (&json!("completed"), &json!(4)), "{run}");
}

/// The run that an archive holds.
fn archived_in(archive: &Path) -> String {
    let lines = std::fs::read_to_string(archive).unwrap();
    let run = lines.lines().find_map(|line| line.split_once("run/default/")?.1.get(..36).map(str::to_owned));
    run.expect("the archive has a run")
}

fn only_file_in(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

fn store(arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    let output = command.args(["--output", "json", "store"]).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

/// Writes a store of which much is gone: one run that waits for a person, one for a time, one that is archived, and the space of
/// the rest taken back.
fn write(home: &Home) {
    let settings = "[data]\nsegment_bytes = \"1MiB\"\n[retention]\nevery = \"1s\"\ncompleted = \"1s\"\n";
    configure(home, settings);
    for (name, nodes) in [
        ("chain", "  echo: { type: agent_call, agent: noop, input: $input }\n"),
        (
            "gated",
            "  ask: { type: human_gate, action: Go on }\n  echo: { type: agent_call, agent: noop, input: $input, needs: [ask] }\n",
        ),
        ("timed", "  wait: { type: wait, for: 5s }\n"),
    ] {
        home.workflow(name, &format!("ghostlight: 1\nname: {name}\nnodes:\n{nodes}"));
    }
    let start = |daemon: &Daemon, workflow: &str, input: Value| {
        let path = format!("/api/v1/workflows/{workflow}/runs");
        id(&daemon.post(&path, &json!({ "input": input })).unwrap().ok())
    };
    let is_dropped = |daemon: &Daemon, run: &str| {
        until("the run is dropped", PATIENCE, || {
            daemon.get(&format!("/api/v1/runs/{run}")).filter(|answer| answer.status == 410)
        });
    };

    // What goes, in a segment of which something stays.
    let mut daemon = Daemon::start(home);
    start(&daemon, "gated", json!({ "n": 7 }));
    let filling = json!({ "filling": "x".repeat(50_000) });
    let many: Vec<String> = (0..20).map(|_| start(&daemon, "chain", filling.clone())).collect();
    many.iter().for_each(|run| is_dropped(&daemon, run));
    assert!(daemon.stop().success());

    configure(home, &format!("{settings}archive_dir = \"data/archives\"\n"));
    let mut daemon = Daemon::start(home);
    let archived = start(&daemon, "chain", json!({ "n": 3 }));
    is_dropped(&daemon, &archived);
    start(&daemon, "timed", Value::Null);
    assert!(daemon.stop().success());
    store(&["compact", "--data", home.data().to_str().unwrap()]);
    // It is laid by again.
    std::fs::remove_file(home.data().join("journal/reserve")).unwrap();
}

/// What is derived from the journal is made anew for a newer version; a kill in the middle of that costs nothing. S3-1h.
#[test]
fn a_daemon_that_is_killed_while_it_opens_an_older_store_opens_it_the_next_time() {
    let home = home_of("store-1");
    // Two milliseconds later in each life, until one listens before it is killed.
    let is_up = || home.logged().contains("listening");
    let mut lives = 0;
    while !is_up() {
        let until = Instant::now() + Duration::from_millis(2 * lives);
        let mut daemon = Daemon::spawn(&home);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        daemon.kill();
        lives += 1;
    }
    assert!(lives > 4, "several were killed on the way, not {lives}");
    let mut daemon = Daemon::start(&home);
    is_whole_and_goes_on(&daemon);
    assert!(daemon.stop().success());
}

/// A store that a newer version wrote is left alone.
#[test]
fn a_store_of_a_newer_format_is_refused_and_not_touched() {
    let home = home_of("store-1");
    let manifest = home.data().join("manifest.json");
    let newer = std::fs::read_to_string(&manifest).unwrap().replace("\"format\": 1", "\"format\": 999");
    std::fs::write(&manifest, &newer).unwrap();
    let journal = std::fs::read(home.data().join("journal/0000000001.seg")).unwrap();
    let status = home.command(harness::free_port()).status().unwrap();
    assert_eq!(status.code(), Some(2), "{}", home.logged());
    assert!(home.logged().contains("format 999"), "{}", home.logged());
    assert_eq!(std::fs::read_to_string(&manifest).unwrap(), newer);
    assert_eq!(std::fs::read(home.data().join("journal/0000000001.seg")).unwrap(), journal);
}
