//! Runs that ended are archived and dropped, their space is taken back, and nothing else is lost: also by a daemon that is killed
//! in the middle of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(40);

fn store(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    command.args(["--output", "json", "store"]).args(arguments).output().unwrap()
}

fn done(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A home whose daemons drop what completed a second ago.
fn home(retention: &str) -> Home {
    let home = Home::new();
    let settings = format!("[data]\nsegment_bytes = \"1MiB\"\n[retention]\nevery = \"1s\"\n{retention}");
    std::fs::write(home.path().join("config/ghostlight.toml"), settings).unwrap();
    home.workflow(
        "echo",
        "ghostlight: 1\nname: echo\nnodes:\n  a: { type: agent_call, agent: noop, input: $input }\n",
    );
    home.workflow(
        "asked",
        "ghostlight: 1\nname: asked\nnodes:\n  ask: { type: human_gate, action: Go on }\n  \
         b: { type: agent_call, agent: noop, needs: [ask] }\n",
    );
    home
}

fn start(daemon: &Daemon, workflow: &str, input: &Value) -> Option<String> {
    let answer = daemon.post(&format!("/api/v1/workflows/{workflow}/runs"), &json!({ "input": input }))?;
    (answer.status == 201).then(|| answer.body["id"].as_str().unwrap().to_owned())
}

fn completed(daemon: &Daemon, run: &str) {
    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=20")).unwrap();
    assert!(ended.status == 410 || ended.ok()["status"] == "completed");
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn bytes_in(folder: &Path) -> u64 {
    files(folder).iter().map(|file| std::fs::metadata(file).unwrap().len()).sum()
}

#[test]
fn runs_that_ended_are_archived_dropped_and_their_space_is_taken_back() {
    let home = home("completed = \"1s\"\narchive_dir = \"archives\"\n");
    let mut daemon = Daemon::start(&home);
    let waiting = start(&daemon, "asked", &Value::Null).unwrap();
    let large = json!({ "large": "y".repeat(100_000) });
    let first = start(&daemon, "echo", &large).unwrap();
    completed(&daemon, &first);
    for number in 0..30 {
        let run = start(&daemon, "echo", &json!({ "number": number, "text": "x".repeat(50_000) })).unwrap();
        completed(&daemon, &run);
    }
    let asked = until("the question", PATIENCE, || {
        let page = daemon.get("/api/v1/approvals?status=pending")?.ok();
        page["items"][0]["id"].as_str().map(str::to_owned)
    });

    let gone = until("the first run is dropped", PATIENCE, || {
        daemon.get(&format!("/api/v1/runs/{first}")).filter(|answer| answer.status == 410)
    });
    assert_eq!(gone.body["code"], "run_archived");
    assert!(gone.body["state"]["archived_at"].is_string(), "{}", gone.body);
    let archive = home.path().join("archives").join(gone.body["state"]["file"].as_str().unwrap());
    until("all of them are", PATIENCE, || {
        let page = daemon.get("/api/v1/runs?limit=200")?.ok();
        let items = page["items"].as_array()?;
        (items.len() == 1 && items[0]["id"] == waiting.as_str()).then_some(())
    });
    for (method, path) in [("GET", "events"), ("GET", "steps"), ("POST", "cancel"), ("POST", "retry")] {
        let body = (method == "POST").then(|| json!({}));
        let refused = daemon.ask(method, &format!("/api/v1/runs/{first}/{path}"), body.as_ref()).unwrap();
        assert_eq!((refused.status, refused.body["code"].as_str()), (410, Some("run_archived")), "{path}");
    }
    let unknown = daemon.get("/api/v1/runs/01980c00-0000-7000-8000-000000000001").unwrap();
    assert_eq!(unknown.status, 404, "what never was is another thing");
    until("the journal is smaller", PATIENCE, || {
        (bytes_in(&home.data().join("journal")) < 3 << 20).then_some(())
    });

    // What was not dropped goes on.
    daemon.post(&format!("/api/v1/approvals/{asked}/approve"), &json!({})).unwrap().ok();
    completed(&daemon, &waiting);
    assert!(daemon.stop().success());
    let data = home.data();
    let verified = done(&store(&["verify", "--data", text(&data)]));
    assert!(verified["dropped_streams"].as_u64().unwrap() >= 31, "{verified}");
    assert!(verified["gone_count"].as_u64().unwrap() > 100, "{verified}");

    // By hand everything goes that can; what is left is exported, imported and still the same.
    let blobs = |data: &Path| files(&data.join("blobs")).len();
    assert!(blobs(&data) > 0);
    let compacted = done(&store(&["compact", "--data", text(&data)]));
    assert!(compacted["blobs"].as_u64().unwrap() >= 1, "{compacted}");
    done(&store(&["verify", "--data", text(&data)]));
    let backup = home.path().join("backup.jsonl");
    let exported = done(&store(&["export", text(&backup), "--data", text(&data)]));
    assert!(std::fs::read_to_string(&backup).unwrap().contains("\"type\":\"store.compacted\""));
    let restored = home.path().join("restored");
    let imported = done(&store(&["import", text(&backup), "--data", text(&restored)]));
    assert_eq!(exported["records"], imported["records"]);
    let of_restored = done(&store(&["verify", "--data", text(&restored)]));
    assert_eq!(of_restored["records"], exported["records"]);

    // The archive is a store of its own, with the run as it was, its large values included.
    let checked = done(&store(&["verify", text(&archive)]));
    assert!(checked["blobs"].as_u64().unwrap() >= 1, "{checked}");
    let other = Home::new();
    done(&store(&["import", text(&archive), "--data", text(&other.data())]));
    let daemon = Daemon::start(&other);
    let run = daemon.get(&format!("/api/v1/runs/{first}")).unwrap().ok();
    assert_eq!((&run["status"], &run["input"]), (&json!("completed"), &large));
    assert_eq!(run["output"]["a"], large);
}

/// Found by the histories of kills: it was answered as if the run were there.
#[test]
fn a_start_that_is_repeated_under_its_key_tells_that_its_run_was_archived() {
    let home = home("completed = \"1s\"\narchive_dir = \"archives\"\n");
    let mut daemon = Daemon::start(&home);
    let start = |daemon: &Daemon| {
        let body = json!({ "input": 1 });
        daemon.ask_under(Some("once"), "POST", "/api/v1/workflows/echo/runs", Some(&body)).unwrap()
    };
    let run = start(&daemon).ok()["id"].as_str().unwrap().to_owned();
    let read = until("the run is dropped", PATIENCE, || {
        daemon.get(&format!("/api/v1/runs/{run}")).filter(|answer| answer.status == 410)
    });
    for _ in 0..2 {
        let again = start(&daemon);
        assert_eq!((again.status, &again.body["code"]), (410, &json!("run_archived")), "{}", again.body);
        assert_eq!(again.body["state"], read.body["state"]);
        daemon.kill();
        daemon = Daemon::start(&home);
    }
}

#[test]
fn a_store_whose_lists_are_made_again_shows_what_it_showed() {
    let home = home("completed = \"1s\"\n");
    let mut daemon = Daemon::start(&home);
    let waiting = start(&daemon, "asked", &Value::Null).unwrap();
    let run = start(&daemon, "echo", &json!(1)).unwrap();
    until("the run is dropped", PATIENCE, || {
        daemon.get(&format!("/api/v1/runs/{run}")).filter(|answer| answer.status == 410)
    });
    let data = home.data();
    for verb in ["compact", "rebuild"] {
        let refused = store(&[verb, "--data", text(&data)]);
        assert_eq!(refused.status.code(), Some(2), "a daemon has it open");
    }
    assert!(daemon.stop().success());
    let rebuilt = done(&store(&["rebuild", "--data", text(&data)]));
    assert!(Path::new(rebuilt["lists_moved_to"].as_str().unwrap()).is_dir());
    let missing = home.path().join("nowhere");
    assert_eq!(store(&["rebuild", "--data", text(&missing)]).status.code(), Some(2));
    assert!(!missing.exists(), "a folder that is misspelt is not made");

    let daemon = Daemon::start(&home);
    let items = until("the list", PATIENCE, || {
        let page = daemon.get("/api/v1/runs").filter(|answer| answer.status == 200)?.ok();
        page["items"].as_array().filter(|items| !items.is_empty()).cloned()
    });
    let ids: Vec<_> = items.iter().map(|item| item["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [waiting.as_str()]);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().status, 410);
}

/// P1, and growth under load.
#[test]
fn a_daemon_that_is_killed_while_it_drops_and_compacts_loses_nothing_that_was_to_stay() {
    let home = home("completed = \"1s\"\n");
    let (mut kept, mut ended) = (Vec::new(), Vec::new());
    let mut written = 0;
    for round in 0..6u64 {
        let mut daemon = Daemon::start(&home);
        kept.extend(start(&daemon, "asked", &json!(round)));
        // Each kill comes at another moment of dropping and compacting, which begin a second after the start.
        let end = std::time::Instant::now() + Duration::from_millis(1_500 + round * 170);
        while std::time::Instant::now() < end {
            let input = json!({ "text": "x".repeat(60_000) });
            written += 3 * 60_000;
            ended.extend(start(&daemon, "echo", &input));
        }
        daemon.kill();
        done(&store(&["verify", "--data", text(&home.data())]));
    }
    let mut daemon = Daemon::start(&home);
    until("all that ended are dropped", PATIENCE, || {
        let page = daemon.get("/api/v1/runs?limit=200").filter(|answer| answer.status == 200)?.ok();
        (page["items"].as_array()?.len() == kept.len()).then_some(())
    });
    for run in &kept {
        let run = daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok();
        assert_eq!(run["status"], "running");
    }
    for run in &ended {
        assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().status, 410, "{run} was acknowledged");
    }
    let journal = home.data().join("journal");
    until("the journal is small again", PATIENCE, || (bytes_in(&journal) < 5 << 19).then_some(()));
    assert!(written > 5 << 20, "{written} bytes went through it");
    assert!(daemon.stop().success());
    let verified = done(&store(&["verify", "--data", text(&home.data())]));
    assert_eq!(verified["dropped_streams"].as_u64(), Some(ended.len() as u64));
}
