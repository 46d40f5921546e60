//! The demo, from beginning to end, through the real program: the shop breaks, is repaired and proved healthy, and nothing is
//! left alive, however the demo ends.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The demo promises less than a minute; a test machine may be slower, but not by much.
const WITHIN: Duration = Duration::from_secs(60);

fn demo(dir: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
    command
        .arg("demo")
        .args(arguments)
        .arg("--dir")
        .arg(dir)
        .args(["--listen", "127.0.0.1:0"])
        .stdin(Stdio::null());
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GHOSTLIGHT_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// The processes that have `dir` among their arguments, without those that have ended and were not waited for.
fn alive(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(dir)).collect()
}

#[track_caller]
fn nothing_is_alive(dir: &Path) {
    let until = Instant::now() + Duration::from_secs(5);
    while !alive(dir).is_empty() {
        assert!(Instant::now() < until, "{:?}", alive(dir));
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Reads lines until one has `text` in it.
fn read_until(lines: &mut impl Iterator<Item = std::io::Result<String>>, text: &str) -> String {
    lines
        .map_while(Result::ok)
        .find(|line| line.contains(text))
        .unwrap_or_else(|| panic!("nobody said {text:?}"))
}

fn lines(child: &mut Child) -> std::io::Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// Shows S1-4.1b.
#[test]
fn the_shop_breaks_and_is_healthy_again_and_nothing_is_left_alive() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let began = Instant::now();
    let ended = demo(&dir, &["--yes"]).wait_with_output().unwrap();
    let (out, err) =
        (String::from_utf8(ended.stdout).unwrap(), String::from_utf8_lossy(&ended.stderr).into_owned());
    assert_eq!(ended.status.code(), Some(0), "{out}\n{err}");
    assert!(began.elapsed() < WITHIN, "it took {:?}", began.elapsed());
    for said in [
        "dashboard     http://127.0.0.1:",
        "the shop is sick (status 503)",
        "new error",
        "pool exhausted",
        "shop_pool_in_use is at its limit",
        "the database is well",
        "Restart shop?",
        "approved by local",
        "verify",
        "the shop is healthy again",
        "ghostlight serve --config",
    ] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    assert!(!out.contains('\u{1b}'), "colours are for terminals");
    nothing_is_alive(&dir);
    let verified = Command::new(env!("CARGO_BIN_EXE_ghostlight"))
        .args(["store", "verify", "--data"])
        .arg(dir.join("data"))
        .output()
        .unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[test]
fn a_demo_that_is_told_to_end_leaves_nothing_alive() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let mut child = demo(&dir, &[]);
    let mut said = lines(&mut child);
    // It waits for a person who never comes.
    read_until(&mut said, "over HTTP");
    assert!(!alive(&dir).is_empty());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    read_until(&mut said, "nothing is left running");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    nothing_is_alive(&dir);
}

#[test]
fn a_demo_that_is_killed_is_finished_by_serve_on_its_folder() {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("demo");
    let mut child = demo(&dir, &[]);
    let mut said = lines(&mut child);
    let question = read_until(&mut said, "over HTTP");
    let approval = question.split("/approvals/").nth(1).unwrap().split('/').next().unwrap().to_owned();
    child.kill().unwrap();
    child.wait().unwrap();

    let program = env!("CARGO_BIN_EXE_ghostlight");
    let mut serve = Command::new(program)
        .args(["serve", "--listen", "127.0.0.1:0", "--config"])
        .arg(dir.join("config/ghostlight.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(serve.stderr.take().unwrap()).lines();
    let address = read_until(&mut stderr, "listens on");
    let server = address.rsplit(' ').next().unwrap().to_owned();
    assert_eq!(
        read_until(&mut stderr, "the dashboard is at").rsplit(' ').next(),
        Some(&*format!("{server}/"))
    );
    let rest = std::thread::spawn(move || stderr.count());
    let tell = |arguments: &[&str]| {
        let output = Command::new(program).args(arguments).args(["--server", &server]).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shown = tell(&["approvals", "show", &approval, "--output", "json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    tell(&["approvals", "approve", &approval]);
    let told = tell(&["tail", shown["run"].as_str().unwrap()]);
    assert!(told.contains("completed"), "{told}");
    let run = tell(&["runs", "show", shown["run"].as_str().unwrap(), "--output", "json"]);
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["output"]["healthy"], true, "{run}");

    kill_process(Pid::from_child(&serve), Signal::TERM).unwrap();
    assert_eq!(serve.wait().unwrap().code(), Some(0));
    rest.join().unwrap();
    // The demo was killed, so that nobody was left to end the shop.
    let state: serde_json::Value =
        serde_json::from_slice(&std::fs::read(dir.join("shop/shop.json")).unwrap()).unwrap();
    let pid = Pid::from_raw(i32::try_from(state["pid"].as_i64().unwrap()).unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
    nothing_is_alive(&dir);
}

#[test]
fn a_folder_of_an_earlier_demo_is_refused() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join("data")).unwrap();
    let mut child = demo(home.path(), &["--yes"]);
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(2));
    assert!(said.contains("earlier demo"), "{said}");
}
