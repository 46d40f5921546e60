//! Syncs that fail under the real daemon: nothing is acknowledged after one, nothing is synced again as if nothing had happened,
//! and the journal goes on in a new segment.
//!
//! The same for every call, on a disk that is simulated: `crates/store/src/journal/simulation_tests.rs`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;
mod support;

use harness::{Answer, Daemon, Home, until};
use serde_json::json;
use support::calls::Failing;
use support::{PATIENCE, id};

const CHAIN: &str = "ghostlight: 1
name: chain
nodes:
  a: { type: agent_call, agent: noop }
  b: { type: agent_call, agent: noop, needs: [a] }
";

fn start(daemon: &Daemon) -> Answer {
    support::start(daemon, "chain")
}

fn measured(daemon: &Daemon, name: &str) -> u64 {
    let page = daemon.get("/metrics").unwrap().ok();
    let value = page.as_str().unwrap().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.unwrap().parse::<f64>().unwrap() as u64
}

/// Every run that there is has ended well.
fn all_completed(daemon: &Daemon, count: usize) {
    until("the end of all runs", PATIENCE, || {
        let all = daemon.get("/api/v1/runs?limit=200")?.body;
        let items = all["items"].as_array()?;
        let ended = items.iter().filter(|run| run["status"] == "completed").count();
        (items.len() == count && ended == count).then_some(())
    });
}

/// P23.
#[test]
fn after_a_sync_that_failed_nothing_of_it_is_acknowledged_and_a_new_segment_is_begun() {
    let home = Home::new();
    home.workflow("chain", CHAIN);
    let mut daemon = Daemon::start(&home);
    let mut acknowledged = vec![id(&start(&daemon).ok())];
    all_completed(&daemon, 1);
    for nth in ["1", "2", "3", "4"] {
        let segments = measured(&daemon, "ghostlight_journal_segments");
        let faults = measured(&daemon, "ghostlight_journal_faults_total");
        let Some(failing) = Failing::in_journal(&daemon, "fdatasync", "EIO", nth) else { return };
        until("a sync that fails", PATIENCE, || {
            let answer = start(&daemon);
            match answer.status {
                201 => acknowledged.push(id(&answer.body)),
                // It is known that it was not done: the new segment says so.
                _ => assert_eq!((answer.status, &answer.body["code"]), (503, &json!("store_unavailable"))),
            }
            (measured(&daemon, "ghostlight_journal_faults_total") > faults).then_some(())
        });
        drop(failing);
        assert_eq!(measured(&daemon, "ghostlight_journal_segments"), segments + 1, "sync {nth}");
        until("a start", PATIENCE, || {
            let answer = start(&daemon);
            (answer.status == 201).then(|| acknowledged.push(id(&answer.body)))
        });
        all_completed(&daemon, acknowledged.len());
    }
    daemon.kill();
    let daemon = Daemon::start(&home);
    for run in &acknowledged {
        assert_eq!(daemon.get(&format!("/api/v1/runs/{run}")).unwrap().ok()["status"], "completed");
    }
    all_completed(&daemon, acknowledged.len());
}

/// P23.
#[test]
fn while_syncs_fail_nothing_is_acknowledged_and_reads_go_on() {
    let home = Home::new();
    home.workflow("chain", CHAIN);
    let mut daemon = Daemon::start(&home);
    let first = id(&start(&daemon).ok());
    all_completed(&daemon, 1);
    let Some(failing) = Failing::in_journal(&daemon, "fdatasync,fsync", "EIO", "1+") else { return };
    for _ in 0..20 {
        let answer = start(&daemon);
        let codes = ["store_unavailable", "outcome_unknown"];
        assert!(answer.status == 503 && codes.contains(&answer.body["code"].as_str().unwrap()), "{answer:?}");
    }
    assert_eq!(daemon.get("/readyz").unwrap().status, 503);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{first}")).unwrap().ok()["status"], "completed");
    drop(failing);
    let key = until("a start", PATIENCE, || {
        let answer = start(&daemon);
        (answer.status == 201).then(|| id(&answer.body))
    });
    all_completed(&daemon, 2);
    daemon.kill();
    let daemon = Daemon::start(&home);
    assert_eq!(daemon.get(&format!("/api/v1/runs/{key}")).unwrap().ok()["status"], "completed");
    // What nobody knew of is not there: the segment that followed says that it never was.
    all_completed(&daemon, 2);
}
