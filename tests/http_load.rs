//! Many at once: those who watch, and those who wait.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use futures::StreamExt;
use inside::{Inside, ONE};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(60);

/// Shows S2-TRp, S2-SMg.
#[tokio::test]
async fn a_thousand_watchers_see_every_event_once_and_in_order() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let mut watchers = Vec::new();
    for _ in 0..1_000 {
        watchers.push(connect_async(format!("ws://{}/api/v1/feed", inside.address)).await.unwrap().0);
    }
    let mut last = 0;
    for _ in 0..5 {
        let begin = inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=20");
        let ended = inside.send(begin.json(&json!({}))).await;
        assert_eq!(ended.body["status"], "completed", "{}", ended.body);
        last = ended.header("ghostlight-sequence").parse::<u64>().unwrap();
    }
    let watch = watchers.into_iter().map(async |mut watcher| {
        let mut sequences: Vec<u64> = Vec::new();
        while sequences.last() != Some(&last) {
            let message = tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap().unwrap().unwrap();
            let Message::Text(text) = message else { continue };
            let event: Value = serde_json::from_str(&text).unwrap();
            assert_ne!(event["type"], "feed.lagged");
            sequences.extend(event["sequence"].as_str().and_then(|sequence| sequence.parse::<u64>().ok()));
        }
        sequences
    });
    let all = futures::future::join_all(watch).await;
    assert_eq!(all.len(), 1_000);
    for sequences in &all {
        assert_eq!(sequences, &all[0]);
        assert!(sequences.windows(2).all(|pair| pair[1] == pair[0] + 1), "{sequences:?}");
    }
    assert!(all[0].len() > 20, "{:?}", all[0]);
}

const WAITS: &str = "ghostlight: 1
name: waits
nodes:
  a: { type: agent_call, agent: narrow, input: { for: 1h } }
";

/// Shows S2-5.1a.
#[tokio::test]
async fn hundreds_of_runs_wait_for_a_narrow_agent_and_a_wider_limit_holds_for_those_that_wait() {
    let inside = Inside::start();
    let limited = async |concurrency: u32| {
        let agent = json!({ "ghostlight": 1, "name": "narrow", "kind": "builtin", "builtin": "sleep", "limits": { "concurrency": concurrency } });
        inside.send(inside.request("PUT", "/api/v1/agents/narrow").json(&agent)).await.ok();
    };
    limited(2).await;
    inside.post_yaml("/api/v1/workflows", WAITS).await.ok();
    for _ in 0..300 {
        inside.post("/api/v1/workflows/waits/runs", &json!({})).await.ok();
    }
    let in_flight = |agent: &Value| agent["statistics"]["in_flight"].as_u64().unwrap();
    let agent = inside.until("/api/v1/agents/narrow", |agent| in_flight(agent) >= 2).await;
    assert_eq!(in_flight(&agent), 2);
    limited(5).await;
    let agent = inside.until("/api/v1/agents/narrow", |agent| in_flight(agent) >= 5).await;
    assert_eq!(in_flight(&agent), 5);
    let cancel = json!({ "action": "cancel", "filter": { "workflow": "waits" }, "reason": "seen" });
    let cancelled = inside.post("/api/v1/batches", &cancel).await.ok();
    assert_eq!(cancelled["counts"]["done"], 300, "{}", cancelled["counts"]);
    inside.until("/api/v1/runs?status=running", |runs| runs["items"] == json!([])).await;
}
