//! The daemon stands still, as a process does whose machine is paused or overwhelmed, and goes on: ten seconds, or as many as
//! `GHOSTLIGHT_FROZEN_SECONDS` says.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use rustix::process::Signal;
use support::{PATIENCE, approve, command_agent_within, ended, id, question, start, step};

const FROZEN_SECONDS: u64 = 10;
/// How long before it goes on somebody asks: no longer than a client waits.
const ASKED_BEFORE: Duration = Duration::from_secs(10);

fn frozen() -> Duration {
    let asked = std::env::var("GHOSTLIGHT_FROZEN_SECONDS").ok();
    Duration::from_secs(asked.map_or(FROZEN_SECONDS, |text| text.parse().expect("a number of seconds")))
}

/// One time that comes while it stands still and one that comes after, a question, and an attempt that goes on meanwhile.
fn waits() -> String {
    let later = frozen().as_secs() + 2;
    format!(
        "ghostlight: 1
name: waits
nodes:
  soon: {{ type: wait, for: 3s }}
  later: {{ type: wait, for: {later}s }}
  work: {{ type: tool_call, tool: slow, effect: write }}
  ask: {{ type: human_gate, action: Go on, timeout: 1h }}
"
    )
}

fn home() -> Home {
    let home = Home::new();
    // Its time is over while nobody can see what it has written, and so is the time that an attempt may be late.
    command_agent_within(&home, "slow", 1, 2);
    home.workflow("waits", &waits());
    home
}

fn completes(daemon: &Daemon, run: &str, path: &str) {
    until(path, PATIENCE, || (step(daemon, run, path)["status"] == "completed").then_some(()));
}

/// A run's feed, as the server sends it.
fn feed(daemon: &Daemon, run: &str) -> BufReader<TcpStream> {
    let address = daemon.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /api/v1/runs/{run}/feed HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut feed = BufReader::new(stream);
    let mut line = String::new();
    while !line.starts_with("event:") {
        line.clear();
        assert!(feed.read_line(&mut line).unwrap() > 0, "the feed begins");
    }
    feed
}

#[test]
fn a_daemon_that_stood_still_has_lost_nothing_and_goes_on() {
    let home = home();
    let mut daemon = Daemon::start(&home);
    let (run, began) = (id(&start(&daemon, "waits").ok()), Instant::now());
    until("an attempt", PATIENCE, || (step(&daemon, &run, "work")["status"] == "running").then_some(()));
    let feed = feed(&daemon, &run);

    daemon.signal(Signal::STOP);
    std::thread::sleep(frozen().saturating_sub(ASKED_BEFORE));
    // A request that comes meanwhile is answered afterwards: as ever, or, when its time was over before anybody could read it,
    // by 408, and then nothing was done.
    let answered = std::thread::scope(|scope| {
        let asking = scope.spawn(|| daemon.get(&format!("/api/v1/runs/{run}")).unwrap().status);
        std::thread::sleep(frozen().min(ASKED_BEFORE));
        assert!(!asking.is_finished(), "it stands still");
        daemon.signal(Signal::CONT);
        asking.join().unwrap()
    });
    assert!(matches!(answered, 200 | 408), "{answered}");
    assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().status, 200);

    completes(&daemon, &run, "soon");
    completes(&daemon, &run, "work");
    completes(&daemon, &run, "later");
    assert!(began.elapsed() >= frozen() + Duration::from_secs(2), "{:?}", began.elapsed());
    assert_eq!(step(&daemon, &run, "work")["attempts"], 1, "what was written in time is taken");
    approve(&daemon, &question(&daemon, &run));
    let ended = ended(&daemon, &run);
    assert_eq!(ended["status"], "completed", "{ended}\n{}", home.logged());
    // The feed that was open has all of it.
    let end = feed.lines().map_while(Result::ok).find(|line| line == "event: run.completed");
    assert!(end.is_some(), "the feed ended before the run");
    // Nobody was blamed for the time in which nobody could do anything.
    let tree = daemon.get("/metrics").unwrap().ok();
    for name in ["ghostlight_actor_restarts_total 0", "ghostlight_actor_stuck_total 0"] {
        assert!(tree.as_str().unwrap().contains(name), "not {name}\n{}", home.logged());
    }
    assert!(daemon.stop().success());
}
