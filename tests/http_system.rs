//! The page of operators: the measurements of the daemon as one document.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{GATE, Inside, ONE};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;

#[tokio::test]
async fn the_daemon_says_what_it_does_and_what_it_takes() {
    let inside = Inside::start();
    for text in [ONE, GATE] {
        inside.post_yaml("/api/v1/workflows", text).await.ok();
    }
    let _feed = connect_async(format!("ws://{}/api/v1/feed", inside.address)).await.unwrap().0;
    inside.post("/api/v1/workflows/gate/runs", &json!({"input": {"what": "it"}})).await.ok();
    let begin = inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10");
    inside.send(begin.json(&json!({}))).await.ok();
    // The rates are of at least a second.
    let is_measured = |system: &Value| system["store"]["sync_p99_ms"].is_number();
    let system = inside.until("/api/v1/system", is_measured).await;
    let (store, feeds) = (&system["store"], &system["feeds"]);
    assert_eq!((&system["version"], &system["epoch"]), (&json!(env!("CARGO_PKG_VERSION")), &json!(1)));
    assert!(system["started_at"].is_string() && system["uptime_ms"].as_u64().unwrap() > 0, "{system}");
    assert!((1..=11_000).contains(&system["window_ms"].as_u64().unwrap()), "{system}");
    assert_eq!(store["head"], inside.ghostlight.journal.head().to_string());
    assert!(store["events"].as_u64().unwrap() >= store["commits"].as_u64().unwrap(), "{store}");
    assert!(store["events_per_commit"].as_f64().unwrap() >= 1.0, "{store}");
    assert!(store["commits_per_s"].as_f64().unwrap() > 0.0, "{store}");
    assert!(store["sync_p50_ms"].as_f64().unwrap() <= store["sync_p99_ms"].as_f64().unwrap(), "{store}");
    for number in ["bytes", "free_bytes", "segments"] {
        assert!(store[number].as_u64().unwrap() > 0, "{number}: {store}");
    }
    assert_eq!((&feeds["clients"], &feeds["dropped"]), (&json!(1), &json!(0)), "{feeds}");
    assert!(feeds["sent"].as_u64().unwrap() > 0 && feeds["clients_max"].as_u64().unwrap() > 1, "{feeds}");
    assert_eq!(system["runs"]["slots"]["total"], 8, "{system}");
    assert!(system["actors"]["count"].as_u64().unwrap() > 5 && system["actors"]["restarts"] == 0, "{system}");
    if cfg!(target_os = "linux") {
        assert!(system["process"]["rss_bytes"].as_u64().unwrap() > 1 << 20, "{system}");
    }
    assert_eq!(inside.get("/api/v1/system?x=1").await.code(), "bad_query");
}

#[tokio::test]
async fn the_page_of_operators_needs_what_metrics_need() {
    let inside = Inside::start();
    let token = inside.post("/api/v1/tokens", &json!({"label": "page"})).await.ok();
    for path in ["/api/v1/system", "/metrics", "/api/v1/presence?view=runs", "/api/v1/runs/counts"] {
        assert_eq!(inside.get(path).await.status, 401, "{path}");
        let asked = inside.request("GET", path).bearer_auth(token["token"].as_str().unwrap());
        assert_eq!(inside.send(asked).await.status, 200, "{path}");
    }
}
