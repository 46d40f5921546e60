//! How the real daemon goes down: in which order, and what it says when it has to.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use rustix::process::Signal;
use serde_json::json;

const PATIENCE: Duration = Duration::from_secs(20);

/// An agent that works until somebody puts a file there.
fn patient(home: &Home) {
    let script = "until [ -e \"$1\" ]; do sleep 0.02; done\n\
                  echo '{\"type\":\"result\",\"output\":{\"done\":true}}'\n";
    std::fs::write(home.path().join("agent.sh"), script).unwrap();
    let (script, file) = (home.path().join("agent.sh"), home.path().join("enough"));
    home.agent(
        "patient",
        &format!(
            "ghostlight: 1\nname: patient\nkind: command\neffect: write\ntimeout: 60s\n\
             command: [/bin/sh, {}, {}]\nenv: {{ PATH: /usr/bin:/bin }}\n",
            script.display(),
            file.display()
        ),
    );
    home.workflow(
        "wait",
        "ghostlight: 1\nname: wait\nnodes:\n  a: { type: tool_call, tool: patient, effect: write }\n",
    );
}

/// A feed, as the server sends it.
fn feed(daemon: &Daemon, query: &str) -> BufReader<TcpStream> {
    let address = daemon.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head =
        format!("GET /api/v1/feed{query} HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    BufReader::new(stream)
}

/// Reads until there is an event of that kind.
fn hear(feed: &mut BufReader<TcpStream>, kind: &str) {
    let (mut line, wanted) = (String::new(), format!("event: {kind}"));
    while line.trim_end() != wanted {
        line.clear();
        assert!(feed.read_line(&mut line).unwrap() > 0, "the feed ended without {kind}");
    }
}

/// First feeds are told and the address is given up, then attempts have their time, then the process ends. Shows S2-TRr.
#[test]
fn the_surface_goes_down_before_the_attempts_and_these_may_finish() {
    let home = Home::new();
    patient(&home);
    let mut daemon = Daemon::start(&home);
    let run = daemon.post("/api/v1/workflows/wait/runs", &json!({ "input": {} })).unwrap().ok();
    let run = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let mut feed = feed(&daemon, "");
    hear(&mut feed, "feed.hello");

    daemon.tell_to_stop();
    let mut said = String::new();
    feed.read_to_string(&mut said).unwrap();
    assert!(said.contains("event: feed.closing"), "{said}");
    assert!(said.contains("the daemon is going down"), "{said}");
    let address = daemon.url().replace("http://", "");
    until("an end of the address", PATIENCE, || TcpStream::connect(&address).is_err().then_some(()));
    assert!(!daemon.has_ended(), "the attempt is under way\n{}", home.logged());

    std::fs::write(home.path().join("enough"), "").unwrap();
    assert!(daemon.wait().success(), "{}", home.logged());
    let daemon = Daemon::start(&home);
    let ended = daemon.get(&format!("{run}?wait=20")).unwrap().ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    let step = daemon.get(&format!("{run}/steps/a")).unwrap().ok();
    assert_eq!(step["attempts"], 1, "the attempt was not interrupted: {step}");
}

/// P25. An attempt that does not end is told to, and recorded as interrupted, within the deadline.
#[test]
fn an_attempt_that_goes_on_is_interrupted_at_the_deadline_and_the_end_is_in_good_order() {
    let home = Home::new();
    patient(&home);
    std::fs::write(home.path().join("config/ghostlight.toml"), "[runs]\nshutdown_deadline = \"7s\"\n")
        .unwrap();
    let mut daemon = Daemon::start(&home);
    let run = under_way(&daemon);
    let told = Instant::now();
    assert!(daemon.stop().success(), "{}", home.logged());
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
    let daemon = Daemon::start(&home);
    let step = daemon.get(&format!("{run}/steps/a")).unwrap().ok();
    // Nobody knows whether a write happened that was cut off: a person is asked.
    assert_eq!((&step["status"], &step["attempts"]), (&json!("waiting"), &json!(1)), "{step}");
}

/// P25.
#[test]
fn a_second_signal_ends_the_daemon_at_once_and_nothing_is_lost() {
    let home = Home::new();
    patient(&home);
    let mut daemon = Daemon::start(&home);
    let run = under_way(&daemon);
    daemon.tell_to_stop();
    until("the first to be heard", PATIENCE, || home.logged().contains("going down").then_some(()));
    assert!(!daemon.has_ended(), "the attempt is under way");
    let told = Instant::now();
    daemon.tell_to_stop();
    assert_eq!(daemon.wait().code(), Some(1), "{}", home.logged());
    assert!(told.elapsed() < Duration::from_secs(1), "{:?}", told.elapsed());
    let daemon = Daemon::start(&home);
    let found = daemon.get(&run).unwrap().ok();
    assert_eq!(found["status"], "running", "{found}");
}

/// P25. Whenever it is told: before it listens, while it opens the store, while runs are taken up again.
#[test]
fn a_daemon_that_is_told_to_end_while_it_starts_ends_in_order_and_the_next_start_has_everything() {
    const RUNS: usize = 50;
    let home = Home::new();
    let wait = "ghostlight: 1\nname: wait\nnodes:\n  a: { type: wait, for: 1h }\n";
    home.workflow("wait", wait);
    let mut daemon = Daemon::start(&home);
    for _ in 0..RUNS {
        daemon.post("/api/v1/workflows/wait/runs", &json!({ "input": {} })).unwrap().ok();
    }
    daemon.kill();
    for after_ms in [0, 20, 50, 100, 150, 200, 300] {
        let mut daemon = Daemon::spawn(&home);
        // The moment is the point: it is told at many, and each has to do.
        std::thread::sleep(Duration::from_millis(after_ms));
        let (told, logged) = (Instant::now(), home.logged().len());
        daemon.tell_to_stop();
        let status = daemon.wait();
        assert!(told.elapsed() < Duration::from_secs(5), "after {after_ms} ms: {:?}", told.elapsed());
        // Before it listens for signals the system ends it, and nothing was begun.
        let is_in_order = status.success() || status.signal() == Some(Signal::TERM.as_raw());
        assert!(is_in_order, "after {after_ms} ms: {status}\n{}", &home.logged()[logged..]);
    }
    let daemon = Daemon::start(&home);
    until("all runs in the list", PATIENCE, || {
        let items = daemon.get("/api/v1/runs?limit=200&status=running")?.body;
        (items["items"].as_array()?.len() == RUNS).then_some(())
    });
}

/// A run of [`patient`] whose attempt is under way: its address.
fn under_way(daemon: &Daemon) -> String {
    let run = daemon.post("/api/v1/workflows/wait/runs", &json!({ "input": {} })).unwrap().ok();
    let run = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    until("an attempt", PATIENCE, || {
        (daemon.get(&format!("{run}/steps/a"))?.body["status"] == "running").then_some(())
    });
    run
}

#[cfg(feature = "chaos")]
#[test]
fn a_server_that_keeps_failing_ends_the_daemon_in_good_order_with_the_reason() {
    let home = Home::new();
    std::fs::write(home.path().join("config/ghostlight.toml"), "[chaos]\nenabled = true\n").unwrap();
    let mut daemon = Daemon::start(&home);
    let fault = json!({ "path": "surface/http", "reason": "to see" });
    until("an end of the daemon", PATIENCE, || {
        // The answer is lost with the server that gives it.
        let _ = daemon.post("/api/v1/tree/panic", &fault);
        daemon.has_ended().then_some(())
    });
    assert_eq!(daemon.wait().code(), Some(1), "{}", home.logged());
    let said = "the supervision tree ended: gave up on surface after 0 restarts: \
                gave up on http after 3 restarts: panicked";
    assert!(home.logged().contains(said), "{}", home.logged());
    let daemon = Daemon::start(&home);
    // The end was recorded before the next beginning.
    let mut feed = feed(&daemon, "?after=0&types=system.*,supervisor.*");
    for kind in ["system.started", "system.stopped", "system.started"] {
        hear(&mut feed, kind);
    }
}
