//! A store is written into one file while its daemon runs, and another daemon goes on from it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

fn store(arguments: &[&str], data: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    command.args(["store"]).args(arguments).arg("--data").arg(data).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The chain hashes of all records: two journals with the same ones have the same records at the same places.
fn chains(archive: &str) -> Vec<String> {
    let lines = archive.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let parts = lines.flat_map(|line| line["parts"].as_array().cloned().unwrap_or_default());
    let records = parts.flat_map(|part| part["records"].as_array().cloned().unwrap());
    records.map(|record| record["chain"].as_str().unwrap().to_owned()).collect()
}

/// P7.
#[test]
fn a_store_that_was_exported_beside_its_daemon_goes_on_elsewhere() {
    let home = Home::new();
    home.workflow(
        "asked",
        "ghostlight: 1\nname: asked\nnodes:\n  a: { type: agent_call, agent: noop, input: $input }\n  \
         ask: { type: human_gate, action: Go on, needs: [a] }\n  \
         b: { type: agent_call, agent: noop, needs: [ask], input: { large: $a.large } }\n",
    );
    let daemon = Daemon::start(&home);
    // Beyond what stands in an event itself.
    let input = json!({ "large": "x".repeat(100_000) });
    let run = daemon.post("/api/v1/workflows/asked/runs", &json!({ "input": input })).unwrap().ok();
    let run = run["id"].as_str().unwrap().to_owned();
    let waiting = |daemon: &Daemon| {
        let page = daemon.get("/api/v1/approvals?status=pending").unwrap().ok();
        page["items"][0]["id"].as_str().map(str::to_owned)
    };
    until("the question", Duration::from_secs(10), || waiting(&daemon));

    let archive = home.path().join("backup.jsonl");
    let exported = store(&["export", archive.to_str().unwrap()], &home.data());
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    let again = store(&["export", archive.to_str().unwrap()], &home.data());
    assert_eq!(again.status.code(), Some(2), "an archive is never overwritten");
    drop(daemon);

    let other = Home::new();
    // A folder that is there and empty will do, however it is written.
    std::fs::create_dir_all(other.data()).unwrap();
    let written_otherwise = format!("{}/", other.data().display());
    let imported = store(&["import", archive.to_str().unwrap()], Path::new(&written_otherwise));
    assert!(imported.status.success(), "{}", text(&imported.stderr));
    let written = std::fs::read_to_string(&archive).unwrap();
    let out = store(&["export", "-"], &other.data());
    assert_eq!(chains(&text(&out.stdout)), chains(&written), "the same records at the same places");
    let refused = store(&["import", archive.to_str().unwrap()], &other.data());
    assert_eq!(refused.status.code(), Some(2), "nothing is imported over a store");

    let mut daemon = Daemon::start(&other);
    let approval = until("the question", Duration::from_secs(10), || waiting(&daemon));
    daemon.post(&format!("/api/v1/approvals/{approval}/approve"), &json!({})).unwrap().ok();
    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=20")).unwrap().ok();
    assert_eq!(ended["status"], "completed");
    let large = ended["output"]["b"]["large"].as_str();
    assert_eq!(large.map(str::len), Some(100_000));
    assert!(daemon.stop().success());
    assert!(store(&["verify"], &other.data()).status.success());
}

#[test]
fn an_archive_that_is_not_whole_is_refused_and_leaves_nothing() {
    let home = Home::new();
    let mut daemon = Daemon::start(&home);
    assert!(daemon.stop().success());
    let archive = text(&store(&["export", "-"], &home.data()).stdout);
    let lines: Vec<&str> = archive.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    let changed = archive.replacen("\"time_us\":1", "\"time_us\":2", 1);
    let behind = format!("{archive}{}\n", lines[1]);
    let cases = [
        (&cut[..], "cut short"),
        (&cut[..cut.len() - 9], "no line of an archive"),
        (&changed, "was changed"),
        (&behind, "behind the end"),
        ("", "no end"),
    ];
    for (number, (text_of, said)) in cases.into_iter().enumerate() {
        let (file, data) = (home.path().join("archive"), home.path().join(format!("restored-{number}")));
        std::fs::write(&file, text_of).unwrap();
        let refused = store(&["import", file.to_str().unwrap()], &data);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(text(&refused.stderr).contains(said), "{said}: {}", text(&refused.stderr));
        let left = std::fs::read_dir(home.path()).unwrap();
        let left: Vec<String> =
            left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        assert!(!left.iter().any(|name| name.starts_with("restored")), "{left:?}");
    }
}
