//! The machine's clock is set while the daemon runs: nothing that waits is over early, and no run is harmed.
//!
//! libfaketime sets it, for the daemon alone. Where that is missing the test is skipped, and says so.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use support::{PATIENCE, approve, command_agent, id, question, start, step};

/// A time to wait for, a question with a deadline, a pause between two attempts, and an attempt that takes its time.
const WAITS: &str = "ghostlight: 1
name: waits
nodes:
  time: { type: wait, for: 4s }
  ask: { type: human_gate, action: Go on, timeout: 30m }
  again: { type: agent_call, agent: fail, input: { class: transient, message: later }, retry: { max_attempts: 2, initial: 4s, max: 4s } }
  work: { type: tool_call, tool: slow, effect: write }
";

fn library() -> Option<PathBuf> {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu", ""];
    let found = places.map(|place| Path::new("/usr/lib").join(place).join("faketime/libfaketime.so.1"));
    let found = found.into_iter().find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: there is no libfaketime here");
    }
    found
}

/// The clock of the daemon of a home, whatever that of the machine is.
fn set(home: &Home, by: &str) {
    // In one step: a file that is half written would be a clock of its own.
    let (file, new) = (home.path().join("clock"), home.path().join("clock.new"));
    std::fs::write(&new, by).unwrap();
    std::fs::rename(new, file).unwrap();
}

fn home() -> Home {
    let home = Home::new();
    command_agent(&home, "slow", 4);
    home.workflow("waits", WAITS);
    set(&home, "+0");
    home
}

fn daemon(home: &Home, library: &Path) -> Daemon {
    let daemon = Daemon::spawn_with(home, |command| {
        command
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", home.path().join("clock"))
            .env("FAKETIME_NO_CACHE", "1")
            // The monotonic clock is not what anybody sets.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1");
    });
    daemon.wait_until_ready(home);
    daemon
}

/// When each of these steps was over, counted from `began`.
fn ends(daemon: &Daemon, run: &str, began: Instant, steps: &[(&str, &str)]) -> Vec<Duration> {
    let mut ends = vec![None; steps.len()];
    until("the end of the steps", PATIENCE, || {
        for (end, (path, status)) in ends.iter_mut().zip(steps) {
            if end.is_none() && step(daemon, run, path)["status"] == *status {
                *end = Some(began.elapsed());
            }
        }
        ends.iter().copied().collect()
    })
}

fn nothing_is_early_when_it_is_set(by: &str) {
    let Some(library) = library() else { return };
    let home = home();
    let mut daemon = daemon(&home, &library);
    let (run, began) = (id(&start(&daemon, "waits").ok()), Instant::now());
    until("all to wait", PATIENCE, || {
        let waits = |path, status| step(&daemon, &run, path)["status"] == status;
        (waits("again", "retrying") && waits("work", "running") && waits("ask", "waiting")).then_some(())
    });
    set(&home, by);
    until("the daemon to see it", PATIENCE, || {
        home.logged().contains("the clock of this machine was set").then_some(())
    });

    let ends =
        ends(&daemon, &run, began, &[("time", "completed"), ("again", "failed"), ("work", "completed")]);
    // Pauses between attempts are spread between half and all of what is written.
    let least = [4_000, 2_000, 4_000].map(Duration::from_millis);
    for (end, least) in ends.iter().zip(least) {
        assert!(
            *end + Duration::from_millis(200) >= least && *end < Duration::from_secs(9),
            "{by}: {ends:?}"
        );
    }
    let again = step(&daemon, &run, "again");
    assert_eq!(again["attempts"], 2, "{again}");
    // The question has its half hour, and can be answered.
    approve(&daemon, &question(&daemon, &run));
    assert_eq!(step(&daemon, &run, "ask")["status"], "completed");
    assert!(daemon.stop().success(), "{}", home.logged());
}

/// P13.
#[test]
fn a_clock_that_is_set_forward_by_an_hour_makes_nothing_early() {
    nothing_is_early_when_it_is_set("+3600");
}

/// P13.
#[test]
fn a_clock_that_is_set_back_by_an_hour_makes_nothing_late() {
    nothing_is_early_when_it_is_set("-3600");
}

/// P13.
#[test]
fn a_clock_that_is_set_forward_by_ten_years_makes_nothing_early() {
    nothing_is_early_when_it_is_set("+315360000");
}
