//! How the real daemon goes down: in which order, and what it says when it has to.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use harness::{Daemon, Home, until};
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
