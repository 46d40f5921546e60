//! The program itself: what it says of a history that was kept.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

use std::process::Command;

fn check(history: &str, archive: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight-proof"));
    let ended = command.args(["check", history, archive]).output().unwrap();
    (ended.status.code(), String::from_utf8(ended.stdout).unwrap())
}

#[test]
fn a_history_is_accepted_or_its_violations_are_told() {
    let fixture = |name: &str| format!("{}/fixtures/{name}.jsonl", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(check(&fixture("history"), &fixture("archive")), (Some(0), String::new()));
    let folder = tempfile::tempdir().unwrap();
    let spoiled = folder.path().join("history.jsonl");
    let text = std::fs::read_to_string(fixture("history")).unwrap();
    let without_kills: String =
        text.lines().filter(|line| !line.contains("\"kill\"")).map(|line| format!("{line}\n")).collect();
    std::fs::write(&spoiled, without_kills).unwrap();
    let (code, said) = check(spoiled.to_str().unwrap(), &fixture("archive"));
    assert_eq!(code, Some(1));
    assert!(said.starts_with("H0: Kill never happened"), "{said}");
}
