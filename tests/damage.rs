//! One bit of the journal changes while the daemon is down, in the middle of the segment that it was writing. The run that it hits is
//! set aside and says why; all others go on as if nothing had happened.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);
const ASKED: &str = "ghostlight: 1
name: asked
nodes:
  a: { type: agent_call, agent: noop, input: $input }
  ask: { type: human_gate, action: Go on, needs: [a] }
  b: { type: agent_call, agent: noop, needs: [ask], input: { was: $a } }
";

fn store(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    command.args(["--output", "json", "store"]).args(arguments).arg("--data").arg(data).output().unwrap()
}

fn start(daemon: &Daemon, word: &str) -> String {
    let run =
        daemon.post("/api/v1/workflows/asked/runs", &json!({ "input": { "word": word } })).unwrap().ok();
    run["id"].as_str().unwrap().to_owned()
}

fn questions(daemon: &Daemon) -> Vec<Value> {
    let page = daemon.get("/api/v1/approvals?status=pending&limit=100").unwrap().ok();
    page["items"].as_array().unwrap().clone()
}

fn row(daemon: &Daemon, run: &str) -> Option<Value> {
    let page = daemon.get("/api/v1/runs?limit=100")?.body;
    page["items"].as_array()?.iter().find(|row| row["id"] == run).cloned()
}

fn say_yes(daemon: &Daemon, run: &str) {
    let id = until("the question", PATIENCE, || {
        let open = daemon.get(&format!("/api/v1/approvals?status=pending&run={run}"))?.ok();
        open["items"][0]["id"].as_str().map(str::to_owned)
    });
    daemon.post(&format!("/api/v1/approvals/{id}/approve"), &json!({})).unwrap().ok();
}

fn completes(daemon: &Daemon, run: &str) {
    until("the end of a run", PATIENCE, || {
        (daemon.get(&format!("/api/v1/runs/{run}"))?.body["status"] == "completed").then_some(())
    });
}

/// Flips one bit of the word where it stands first, or last; says where.
fn flip(home: &Home, word: &str, is_first: bool) -> u64 {
    let path = home.data().join("journal/0000000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    let mut places = bytes.windows(word.len()).enumerate().filter(|(_, at)| *at == word.as_bytes());
    let (at, _) =
        if is_first { places.next() } else { places.next_back() }.expect("the word is in the journal");
    bytes[at] ^= 2;
    std::fs::write(&path, bytes).unwrap();
    at as u64
}

/// P4.
#[test]
fn the_run_whose_record_is_damaged_is_set_aside_and_all_others_go_on() {
    for is_first in [true, false] {
        let home = Home::new();
        home.workflow("asked", ASKED);
        let mut daemon = Daemon::start(&home);
        let runs: Vec<_> = (0..6).map(|n| start(&daemon, &format!("word-of-run-{n}"))).collect();
        until("the questions", PATIENCE, || (questions(&daemon).len() == 6).then_some(()));
        let ended = start(&daemon, "word-of-another");
        say_yes(&daemon, &ended);
        completes(&daemon, &ended);
        daemon.kill();
        let at = flip(&home, "word-of-run-2", is_first);

        let verify = || {
            let verified = store(&["verify"], &home.data());
            assert_eq!(verified.status.code(), Some(1), "{verified:?}");
            let report: Value = serde_json::from_slice(&verified.stdout).unwrap();
            let findings = report["findings"].as_array().unwrap().clone();
            assert_eq!(findings.len(), 1, "{report}");
            let found = findings[0].as_str().unwrap();
            let place = found.strip_prefix("journal segment 1 is damaged at byte ").expect(found);
            let offset: u64 = place.split(':').next().unwrap().parse().unwrap();
            assert!(offset <= at && at - offset < 4_000, "{report}");
            assert!(found.ends_with(&format!("(streams run/default/{})", runs[2])), "{report}");
        };
        verify();
        let mut daemon = Daemon::start(&home);
        for look in 0..2 {
            until("the run that is set aside", PATIENCE, || {
                let journal = std::fs::read(home.data().join("journal/0000000001.seg")).unwrap();
                let says_why = b"the run cannot be read: journal segment 1 is damaged at byte";
                journal.windows(says_why.len()).any(|at| at == says_why).then_some(())
            });
            // A list that never learned of its creation does not show it.
            if !is_first {
                until("the row of a run that is set aside", PATIENCE, || {
                    let row = row(&daemon, &runs[2])?;
                    (row["status"] == "paused" && row["reason"] == "quarantined").then_some(())
                });
            }
            let read = daemon.get(&format!("/api/v1/runs/{}", runs[2])).unwrap();
            assert_eq!((read.status, &read.body["code"]), (500, &json!("store_damaged")), "{read:?}");
            for command in ["resume", "cancel"] {
                let refused =
                    daemon.post(&format!("/api/v1/runs/{}/{command}", runs[2]), &json!({})).unwrap();
                assert_eq!(
                    (refused.status, &refused.body["code"]),
                    (500, &json!("store_damaged")),
                    "{refused:?}"
                );
            }
            if look == 0 {
                // Another life finds it the same.
                daemon.kill();
                daemon = Daemon::start(&home);
            }
        }
        assert!(home.logged().contains("journal segment 1 is damaged at byte"), "{}", home.logged());
        for run in runs.iter().filter(|run| **run != runs[2]) {
            say_yes(&daemon, run);
            completes(&daemon, run);
        }
        completes(&daemon, &ended);
        let new = start(&daemon, "new");
        say_yes(&daemon, &new);
        completes(&daemon, &new);
        verify();
        let exported = store(&["export", home.path().join("backup.jsonl").to_str().unwrap()], &home.data());
        assert!(!exported.status.success(), "an export is whole or is not");
        let why = String::from_utf8_lossy(&exported.stderr).into_owned();
        assert!(why.contains("segment 1") && why.contains(&runs[2]), "{why}");
    }
}

/// P4.
#[test]
fn where_nobody_can_tell_whose_records_are_damaged_the_daemon_does_not_start_and_says_what_to_do() {
    let home = Home::new();
    home.workflow("asked", ASKED);
    let mut daemon = Daemon::start(&home);
    let runs: Vec<_> = (0..3).map(|n| start(&daemon, &format!("word-of-run-{n}"))).collect();
    until("the questions", PATIENCE, || (questions(&daemon).len() == runs.len()).then_some(()));
    daemon.kill();
    let path = home.data().join("journal/0000000001.seg");
    let mut bytes = std::fs::read(&path).unwrap();
    let word = b"word-of-run-1";
    let at = bytes.windows(word.len()).position(|at| at == word).unwrap();
    bytes[at - 700..at + 300].fill(0);
    std::fs::write(&path, &bytes).unwrap();
    let mut doomed = home.command(0);
    let ended = doomed.output().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{}", home.logged());
    let logged = home.logged();
    assert!(logged.contains("journal segment 1 is damaged at byte"), "{logged}");
    assert!(logged.contains("ghostlight store verify"), "{logged}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes, "nothing was changed");
}

/// P4.
#[test]
fn a_damaged_workflow_is_missing_and_told_of_and_the_others_run() {
    let home = Home::new();
    let mut daemon = Daemon::start(&home);
    let save = |daemon: &Daemon, name: &str| {
        let document = json!({
            "ghostlight": 1, "name": name, "description": format!("words of {name}"),
            "nodes": { "a": { "type": "agent_call", "agent": "noop" } },
        });
        daemon.post("/api/v1/workflows", &document).unwrap()
    };
    for name in ["lost", "kept"] {
        assert_eq!(save(&daemon, name).status, 201);
    }
    daemon.kill();
    flip(&home, "words of lost", true);

    let mut daemon = Daemon::start(&home);
    assert_eq!(daemon.get("/api/v1/workflows/lost").unwrap().status, 404);
    let refused = save(&daemon, "lost");
    assert_eq!((refused.status, &refused.body["code"]), (500, &json!("store_damaged")), "{refused:?}");
    let run = daemon.post("/api/v1/workflows/kept/runs", &json!({})).unwrap().ok();
    completes(&daemon, run["id"].as_str().unwrap());
    let ready = daemon.get("/readyz?verbose").unwrap().ok();
    assert_eq!(ready["damage"]["places"], 1, "{ready}");
    assert_eq!(ready["damage"]["first"][0]["streams"], json!(["workflow/default/lost"]), "{ready}");
    until("the record of the damage", PATIENCE, || {
        let journal = std::fs::read(home.data().join("journal/0000000001.seg")).unwrap();
        let record = br#""place":"journal segment 1, byte"#;
        journal.windows(record.len()).any(|at| at == record).then_some(())
    });
    assert!(daemon.stop().success());
}
