//! Failed runs are opened again through the real program: the daemon is killed right after, and the command line tells what
//! would be done before it is done.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

const HALF: &str = "ghostlight: 1
name: half
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: fail, needs: [a], input: { class: data, message: nope } }
output: { a: $a.n }
";

/// Many steps, so that the run's state is kept beside the journal, and then a wait.
const MENDED: &str = "ghostlight: 1
name: half
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: map, needs: [a], over: $input.list, node: { type: agent_call, agent: noop, input: { n: $item } } }
  go: { type: wait, needs: [b], signal: { name: go } }
  c: { type: agent_call, agent: noop, needs: [go], input: { n: $a.n } }
output: { a: $a.n, c: $c.n }
";

fn failed(daemon: &Daemon, workflow: &str, input: &Value) -> String {
    let body = json!({ "input": input, "labels": { "team": "shop" } });
    let started = daemon.post(&format!("/api/v1/workflows/{workflow}/runs"), &body).unwrap().ok();
    let run = started["id"].as_str().unwrap().to_owned();
    assert_eq!(ended(daemon, &run)["status"], "failed");
    run
}

fn ended(daemon: &Daemon, run: &str) -> Value {
    daemon.get(&format!("/api/v1/runs/{run}?wait=20")).unwrap().ok()
}

/// Shows S1-4.1g: the revision, the input and the first steps are one append, and survive whatever comes after the answer.
#[test]
fn a_daemon_that_is_killed_right_after_a_retry_with_a_new_version_goes_on_with_that_version() {
    let home = Home::new();
    home.workflow("half", HALF);
    let mut daemon = Daemon::start(&home);
    let list: Vec<u32> = (0..40).collect();
    let run = failed(&daemon, "half", &json!({ "n": 1 }));
    let saved =
        daemon.ask("PUT", "/api/v1/workflows/half", Some(&serde_json::from_str(&as_json(MENDED)).unwrap()));
    assert_eq!(saved.unwrap().ok()["version"], 2);
    let retry = json!({ "version": 2, "input": { "n": 1, "list": list } });
    let accepted = daemon.post(&format!("/api/v1/runs/{run}/retry"), &retry).unwrap().ok();
    assert_eq!(accepted["status"], "running");
    daemon.kill();

    let mut daemon = Daemon::start(&home);
    let waits = |daemon: &Daemon| {
        until("the run to wait", Duration::from_secs(30), || {
            let steps = daemon.get(&format!("/api/v1/runs/{run}/steps?status=waiting"))?.ok();
            (steps["items"][0]["path"] == "go").then_some(())
        });
    };
    waits(&daemon);
    let shown = daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok();
    assert_eq!((&shown["version"], &shown["input"]["list"]), (&json!(2), &json!(list)));
    // And once more, with all of it behind.
    daemon.kill();
    let mut daemon = Daemon::start(&home);
    waits(&daemon);
    daemon.post(&format!("/api/v1/runs/{run}/signals/go"), &json!({})).unwrap().ok();
    let after = ended(&daemon, &run);
    assert_eq!((&after["status"], &after["version"]), (&json!("completed"), &json!(2)), "{after}");
    assert_eq!(after["output"], json!({ "a": 2, "c": 3 }));
    let kept = daemon.get(&format!("/api/v1/runs/{run}/steps/a")).unwrap().ok();
    assert_eq!(kept["attempts"], 1, "what had finished was not done again");
    assert!(daemon.stop().success());
}

fn as_json(yaml: &str) -> String {
    use ghostlight_model::language::{Format, Source, canonical_document};
    canonical_document(&Source { text: yaml, format: Format::Yaml }).unwrap().to_string()
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Nobody sits at a terminal.
fn typed(home: &Home, daemon: &Daemon, line: &str) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    command.current_dir(home.path()).args(line.split_whitespace()).stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
        command.env_remove(name);
    }
    let output = command.env("GHOSTLIGHT_SERVER", daemon.url()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

const PAYS: &str = "ghostlight: 1
name: pays
nodes:
  look: { type: agent_call, agent: noop, input: { n: $input.n } }
  pay: { type: tool_call, tool: fail, effect: write, needs: [look], input: { class: data, happened: \"yes\" } }
";

/// Shows S1-4.1g.
#[test]
fn the_command_line_lists_the_hazards_of_a_retry_and_does_nothing_unasked() {
    let home = Home::new();
    home.workflow("pays", PAYS);
    let daemon = Daemon::start(&home);
    let run = failed(&daemon, "pays", &json!({ "n": 1 }));
    let looked = typed(&home, &daemon, &format!("runs retry {run} --input {{\"n\":2}} --dry-run"));
    assert_eq!(looked.code, 0, "{}", looked.err);
    for part in
        ["done again", "pay", "kept, of the old input", "look", "write pay: happened", "--acknowledge-writes"]
    {
        assert!(looked.out.contains(part), "{part}: {}", looked.out);
    }
    let refused = typed(&home, &daemon, &format!("runs retry {run}"));
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(
        refused.err.contains("write pay: happened") && refused.err.contains("writes_may_repeat"),
        "{}",
        refused.err
    );
    let again = typed(&home, &daemon, &format!("runs retry {run} --acknowledge-writes"));
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(ended(&daemon, &run)["status"], "failed");
    let step = daemon.get(&format!("/api/v1/runs/{run}/steps/pay")).unwrap().ok();
    assert_eq!(step["attempts"], 2);
}

/// Shows S1-4.1g.
#[test]
fn many_runs_are_opened_again_from_the_command_line_when_somebody_says_so() {
    let home = Home::new();
    home.workflow("half", HALF);
    home.workflow("pays", PAYS);
    let daemon = Daemon::start(&home);
    let runs: Vec<String> = (0..2).map(|_| failed(&daemon, "half", &json!({ "n": 1 }))).collect();
    let pays = failed(&daemon, "pays", &json!({ "n": 1 }));
    let mended = HALF.replace("agent: fail,", "agent: noop,");
    let body = serde_json::from_str(&as_json(&mended)).unwrap();
    daemon.ask("PUT", "/api/v1/workflows/half", Some(&body)).unwrap().ok();

    let line = "runs retry --status failed --workflow half --label team=shop --since 1h --version 2";
    let unasked = typed(&home, &daemon, line);
    assert_eq!(unasked.code, 2, "{}", unasked.err);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    let looked = typed(&home, &daemon, &format!("{line} --dry-run"));
    assert_eq!(looked.code, 0, "{}", looked.err);
    assert!(
        looked.out.contains("1 again, 1 kept") && looked.out.contains("2 would be done, 0 refused"),
        "{}",
        looked.out
    );
    let done = typed(&home, &daemon, &format!("{line} --yes"));
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("2 done, 0 refused"), "{}", done.out);
    for run in &runs {
        assert_eq!(ended(&daemon, run)["version"], 2);
        assert_eq!(ended(&daemon, run)["status"], "completed");
    }
    let refused = typed(&home, &daemon, "runs retry --status failed --yes");
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.out.contains(&pays) && refused.out.contains("writes_may_repeat"), "{}", refused.out);
    for wrong in [
        "runs retry --yes",
        &format!("runs retry {pays} --status failed"),
        "runs retry --status failed --since never",
    ] {
        assert_eq!(typed(&home, &daemon, wrong).code, 2, "{wrong}");
    }
}
