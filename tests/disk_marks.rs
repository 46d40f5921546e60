//! A disk that gets full, with the real daemon on it: below the first mark people are told, below the second nothing new is
//! begun, and everything else goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use harness::{Daemon, Home, until};
use serde_json::{Value, json};
use support::small_disk::SmallDisk;
use support::{PATIENCE, approve, command_agent, configure, ended, id, question, start};

const MIB: u64 = 1 << 20;
const MARKS: &str =
    "[data]\nsegment_bytes = \"1MiB\"\nwarn_below_free = \"32MiB\"\nrefuse_below_free = \"20MiB\"\n";

/// Asks first, then runs a command, and a child.
const WORK: &str = "ghostlight: 1
name: work
nodes:
  ask: { type: human_gate, action: Go on }
  do: { type: tool_call, tool: echo, effect: write, needs: [ask] }
  child: { type: workflow, workflow: small, needs: [do] }
";
const SMALL: &str = "ghostlight: 1\nname: small\nnodes:\n  a: { type: agent_call, agent: noop }\n";

fn home() -> Home {
    let home = Home::new();
    configure(&home, MARKS);
    command_agent(&home, "echo", 0);
    home.workflow("work", WORK);
    home.workflow("small", SMALL);
    home
}

fn level(daemon: &Daemon) -> String {
    let readiness = daemon.get("/readyz?verbose").unwrap().ok();
    assert_eq!(readiness["ready"], true, "{readiness}");
    readiness["storage"]["level"].as_str().unwrap().to_owned()
}

fn becomes(daemon: &Daemon, wanted: &str) {
    until(wanted, PATIENCE, || (level(daemon) == wanted).then_some(()));
}

/// The levels that were recorded, in their order, up to the last that is asked for.
fn recorded(daemon: &Daemon, count: usize) -> Vec<String> {
    let address = daemon.url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "GET /api/v1/feed?after=0&types=storage.* HTTP/1.1\r\nHost: {address}\r\nAccept: text/event-stream\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let frames = BufReader::new(stream).lines().map_while(Result::ok);
    let levels = frames.filter_map(|line| {
        let frame: Value = serde_json::from_str(line.strip_prefix("data: ")?).ok()?;
        Some(frame["data"]["level"].as_str()?.to_owned())
    });
    levels.take(count).collect()
}

/// Shows S2-5.1c.
#[test]
fn a_disk_that_gets_full_is_said_and_stops_what_is_new_and_nothing_else() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 96) else { return };
    let daemon = Daemon::start(&home);
    assert_eq!(level(&daemon), "plenty");
    let (waiting, unwanted) = (id(&start(&daemon, "work").ok()), id(&start(&daemon, "work").ok()));
    let asked = question(&daemon, &waiting);

    disk.fill_but(26 * MIB);
    becomes(&daemon, "low");
    start(&daemon, "small").ok();

    disk.fill_but(12 * MIB);
    becomes(&daemon, "short");
    let refused = [
        start(&daemon, "small"),
        daemon.post("/api/v1/runs", &json!({ "definition": SMALL })).unwrap(),
        daemon.ask("PUT", "/api/v1/workflows/small", Some(&small_with("another"))).unwrap(),
        daemon.post("/api/v1/batches", &json!({ "action": "retry", "ids": [waiting] })).unwrap(),
        daemon.post(&format!("/api/v1/runs/{waiting}/retry"), &json!({})).unwrap(),
    ];
    for answer in refused {
        assert_eq!((answer.status, &answer.body["code"]), (503, &json!("storage_full")), "{answer:?}");
        assert_eq!(answer.retry_after, Some(5), "{answer:?}");
        assert!(answer.body["help"].as_str().unwrap().contains("data.refuse_below_free"), "{answer:?}");
    }
    // What is there is answered, and ends: with a question, a process, a child and a cancel.
    assert_eq!(daemon.get("/api/v1/runs").unwrap().ok()["items"].as_array().unwrap().len(), 3);
    approve(&daemon, &asked);
    let ended_well = ended(&daemon, &waiting);
    assert_eq!(ended_well["status"], "completed", "{ended_well}");
    daemon.post("/api/v1/batches", &json!({ "action": "cancel", "ids": [unwanted] })).unwrap().ok();
    let cancelled = ended(&daemon, &unwanted);
    assert_eq!(cancelled["status"], "cancelled", "{cancelled}");
    let metrics = daemon.get("/metrics").unwrap().ok();
    assert!(metrics.as_str().unwrap().contains("ghostlight_storage_level{level=\"short\"} 1\n"), "{metrics}");

    disk.clear();
    let cleared = Instant::now();
    until("a start", PATIENCE, || (start(&daemon, "small").status == 201).then_some(()));
    assert!(cleared.elapsed() < Duration::from_secs(5), "{:?}", cleared.elapsed());
    assert_eq!(level(&daemon), "plenty");
    assert_eq!(recorded(&daemon, 3), ["low", "short", "plenty"]);
    let said = |what: &str| home.logged().matches(what).count();
    assert_eq!((said("gets full"), said("almost full"), said("room on the disk again")), (1, 1, 1));
}

/// A daemon that is started below the mark knows its workflows and refuses from its first answer on.
#[test]
fn a_daemon_that_starts_on_a_disk_that_is_almost_full_goes_on_with_what_it_had() {
    let home = home();
    let Some(disk) = SmallDisk::mount(&home, 96) else { return };
    let mut daemon = Daemon::start(&home);
    let waiting = id(&start(&daemon, "work").ok());
    let asked = question(&daemon, &waiting);
    daemon.kill();
    disk.fill_but(12 * MIB);
    let daemon = Daemon::start(&home);
    assert_eq!(start(&daemon, "small").body["code"], "storage_full");
    approve(&daemon, &asked);
    let ended_well = ended(&daemon, &waiting);
    assert_eq!(ended_well["status"], "completed", "{ended_well}");
}

fn small_with(node: &str) -> Value {
    json!({ "ghostlight": 1, "name": "small", "nodes": { node: { "type": "agent_call", "agent": "noop" } } })
}
