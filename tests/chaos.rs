//! Actors of the real daemon are struck: over HTTP, by the daemon itself, and by `ghostlight chaos`. Runs complete, their
//! neighbours notice nothing, tree and journal say what happened, and nothing of it can be had where it is not switched on.
//! Needs a daemon with the feature `chaos`, which is built in unless somebody leaves it out.

#![cfg(feature = "chaos")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const WORKFLOW: &str = "
ghostlight: 1
name: careful
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: 400ms }, timeout: 2s }
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
    let home = switched_on();
    // Long enough to be found and struck while it naps, however busy the machine is.
    home.workflow("careful", &WORKFLOW.replace("400ms }, timeout: 2s", "2s }, timeout: 30s"));
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

fn switched_on() -> Home {
    let home = Home::new();
    home.workflow("careful", WORKFLOW);
    std::fs::write(home.path().join("config/ghostlight.toml"), "[chaos]\nenabled = true\n").unwrap();
    home
}

fn strikes(daemon: &Daemon, kind: &str) -> u64 {
    let metrics = daemon.get("/metrics").unwrap().ok();
    let head = format!("ghostlight_chaos_strikes_total{{kind=\"{kind}\"}} ");
    let line = metrics.as_str().unwrap().lines().find_map(|line| line.strip_prefix(&head).map(str::to_owned));
    line.expect("it is measured").parse().unwrap()
}

#[test]
fn a_fault_is_of_a_known_kind_is_counted_and_does_not_take_the_ground_from_under_its_request() {
    let home = switched_on();
    let mut daemon = Daemon::start(&home);
    let run = start(&daemon);
    let path = find(&daemon, &run, "executions/");
    let strike = |path: &str, kind: &str| {
        daemon.post("/api/v1/tree/chaos", &json!({ "path": path, "kind": kind, "reason": "to see" })).unwrap()
    };
    assert!(strike(&path, "kill").status < 300);
    for (path, kind, status) in [
        ("core/timers", "sneeze", 422),
        ("core/nobody", "kill", 404),
        ("", "kill", 404),
        ("surface/http", "hang", 409),
        ("surface", "hang", 409),
    ] {
        let refused = strike(path, kind);
        assert!(
            refused.status == status || (kind == "sneeze" && refused.status == 400),
            "{path}: {refused:?}"
        );
    }
    approve(&daemon, &run);
    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=30")).unwrap().ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    let counted = ["panic", "kill", "hang"].map(|kind| strikes(&daemon, kind));
    assert_eq!(counted, [0, 1, 0]);
    assert!(daemon.stop().success());
}

#[test]
fn a_daemon_that_strikes_its_own_actors_says_so_counts_and_completes_every_run() {
    let home = switched_on();
    let mut daemon = Daemon::start_with(&home, &["--chaos", "2/s"]);
    assert!(home.logged().contains("CHAOS"), "{}", home.logged());
    let runs: Vec<String> = (0..4).map(|_| start(&daemon)).collect();
    until("strikes", Duration::from_secs(30), || {
        (strikes(&daemon, "panic") > 0 && strikes(&daemon, "kill") > 0).then_some(())
    });
    for run in &runs {
        until("an end of the run", Duration::from_secs(90), || {
            let read = daemon.get(&format!("/api/v1/runs/{run}"))?;
            let read = if read.status == 200 { read.body } else { return None };
            if read["reason"] == "quarantined" {
                daemon.post(&format!("/api/v1/runs/{run}/resume"), &json!({}))?;
            }
            let steps = daemon.get(&format!("/api/v1/runs/{run}/steps"))?.body;
            let asks = steps["items"].as_array()?.iter().find(|step| step["reason"] == "approval");
            if let Some(approval) = asks.and_then(|step| step["approval"].as_str()) {
                daemon.post(&format!("/api/v1/approvals/{approval}/approve"), &json!({}))?;
            }
            (read["status"] == "completed").then_some(())
        });
    }
    assert!(daemon.stop().success(), "{}", home.logged());
}

/// The processes that have `dir` among their arguments, without those that have ended and were not waited for.
fn alive(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(dir)).collect()
}

fn chaos(folder: &Path, line: &str) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
        command.env_remove(name);
    }
    command.arg("chaos").args(line.split_whitespace()).env("TMPDIR", folder).env("RUST_BACKTRACE", "0");
    command.stdin(Stdio::null()).output().unwrap()
}

/// Strikes of every kind, no wrong result, and nothing is left of it. Shows S2-SMe, S2-TRq.
#[test]
fn chaos_strikes_with_everything_and_nothing_is_lost_done_twice_or_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let ended = chaos(&root, "--for 5s --seed 1 --output json");
    let (out, err) =
        (String::from_utf8(ended.stdout).unwrap(), String::from_utf8_lossy(&ended.stderr).into_owned());
    assert_eq!(ended.status.code(), Some(0), "{out}\n{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    for kind in ["panic", "kill", "hang"] {
        assert!(report["strikes"]["by_kind"][kind].as_u64() > Some(0), "{kind}: {report}");
    }
    assert_eq!((&report["wrong_results"], &report["seed"]), (&json!(0), &json!(1)), "{report}");
    assert!(report["restarts"].as_u64() > Some(0), "{report}");
    assert!(report["runs"]["started"].as_u64() > Some(16), "{report}");
    assert_eq!(report["runs"]["started"], report["runs"]["completed"], "{report}");
    let left: Vec<_> = std::fs::read_dir(&root).unwrap().flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "{left:?}");
    let end = Instant::now() + Duration::from_secs(5);
    while !alive(&root).is_empty() {
        assert!(Instant::now() < end, "{:?}", alive(&root));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn chaos_takes_no_folder_that_holds_anything_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let refused = chaos(folder.path(), &format!("--data {}", folder.path().display()));
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("earlier run"));
}

#[test]
fn faults_on_demand_are_off_unless_they_are_switched_on() {
    let home = Home::new();
    let daemon = Daemon::start(&home);
    let panic = json!({ "path": "core/planner", "reason": "to see" });
    let kill = json!({ "path": "core/planner", "kind": "kill", "reason": "to see" });
    for (verb, body) in [("panic", panic), ("chaos", kill)] {
        let refused = daemon.post(&format!("/api/v1/tree/{verb}"), &body).unwrap();
        assert_eq!(refused.status, 404, "{refused:?}");
    }
}
