//! Stores written by earlier versions open and go on. One folder under `fixtures/` for each format ever released.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::path::Path;
use std::time::{Duration, Instant};

use harness::{Daemon, Home};
use serde_json::{Value, json};

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
