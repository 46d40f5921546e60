//! The supervision tree over HTTP: what it shows of every actor, what is recorded of interventions, and what the feed and the
//! measurements tell of lives that begin and end. Also a run that is set aside, as its reader sees it.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use futures::StreamExt;
use ghostlight_supervision::Fault;
use inside::{Inside, ONE};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const PATIENCE: Duration = Duration::from_secs(20);

fn flat<'t>(node: &'t Value, all: &mut Vec<&'t Value>) {
    all.push(node);
    node["children"].as_array().unwrap().iter().for_each(|child| flat(child, all));
}

fn nodes(tree: &Value) -> Vec<&Value> {
    let mut all = Vec::new();
    flat(tree, &mut all);
    all
}

/// The value of a measurement by its name with labels; 0 when it is not there.
async fn measured(inside: &Inside, name: &str) -> f64 {
    let page = inside.get("/metrics").await.ok();
    let lines = page.as_str().unwrap().lines();
    let value = lines.filter_map(|line| line.rsplit_once(' ')).find(|(found, _)| *found == name);
    value.map_or(0.0, |(_, value)| value.parse().unwrap())
}

async fn run_one(inside: &Inside) -> String {
    let begin =
        inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
    inside.send(begin).await.ok()["id"].as_str().unwrap().to_owned()
}

/// Shows S1-5.1d.
#[tokio::test]
async fn the_tree_shows_of_every_actor_all_that_is_promised() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    run_one(&inside).await;
    let tree = inside.get("/api/v1/tree").await.ok();
    let all = nodes(&tree);
    for node in &all {
        assert!(node["path"].is_string(), "{node}");
        assert!(node["kind"] == "worker" || node["kind"] == "supervisor", "{node}");
        for number in ["incarnation", "restarts", "handled", "uptime_ms"] {
            assert!(node[number].is_u64(), "{number} of {node}");
        }
        // What is up has a queue and a thread, whatever it is.
        if node["state"] == "running" {
            assert!(node["mailbox"].is_u64() && node["arbiter"].is_string(), "{node}");
            assert!(node["incarnation"].as_u64() > Some(0), "{node}");
        }
        assert!(node["last_exit"].is_null() || node["last_exit"]["text"].is_string(), "{node}");
    }
    let find = |path: &str| {
        *all.iter().find(|node| node["path"] == path).unwrap_or_else(|| panic!("{path}: {tree}"))
    };
    assert_eq!(find("core/planner")["arbiter"], "main");
    assert!(find("core/planner")["handled"].as_u64() > Some(0), "it admitted the run");
    assert_eq!(find("runs/p0")["arbiter"], "worker-0");
    let of_runs = find("runs/p0")["children"][0]["handled"].as_u64();
    assert!(of_runs.is_some(), "a supervisor handles reports and calls: {tree}");
    let root = inside.get("/api/v1/tree?subtree=").await.ok();
    assert_eq!(root["path"], tree["path"]);
    let below = inside.get("/api/v1/tree?subtree=core").await.ok();
    assert!(
        nodes(&below).len() > 3
            && nodes(&below).iter().all(|node| node["path"].as_str().unwrap().starts_with("core"))
    );
    let unknown = inside.get("/api/v1/tree?subtree=core/nobody").await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown_actor"));
}

#[tokio::test]
async fn interventions_stand_in_the_audit_with_their_reason_and_show_what_came_of_them() {
    let inside = Inside::start();
    let stopped =
        inside.post("/api/v1/tree/stop", &json!({"path": "core/timers", "reason": "noisy"})).await.ok();
    assert_eq!(
        (&stopped["state"], &stopped["mailbox"], &stopped["uptime_ms"]),
        (&json!("stopped"), &Value::Null, &json!(0))
    );
    assert_eq!(stopped["last_exit"]["kind"], "shutdown", "{stopped}");
    let again = inside
        .post("/api/v1/tree/restart", &json!({"path": "core/timers", "reason": "quiet now"}))
        .await
        .ok();
    assert_eq!(
        (&again["state"], &again["incarnation"], &again["restarts"]),
        (&json!("running"), &json!(2), &json!(0))
    );
    let silent = inside.post("/api/v1/tree/restart", &json!({"path": "core/timers", "reason": " "})).await;
    assert_eq!(silent.status, 422, "{silent:?}");
    let records = inside.ghostlight.journal.read_all(0, 1_000).unwrap();
    let audited = records.iter().filter(|record| record.stream.kind() == "audit");
    let said: Vec<Value> = audited.map(|record| serde_json::from_slice(&record.body).unwrap()).collect();
    let said: Vec<_> = said.iter().map(|said| (&said["action"], &said["object"], &said["reason"])).collect();
    let (path, stop, restart) = (json!("core/timers"), json!("tree.stop"), json!("tree.restart"));
    assert_eq!(said, [(&stop, &path, &json!("noisy")), (&restart, &path, &json!("quiet now"))]);
}

#[tokio::test]
async fn an_intervention_that_is_refused_is_told_by_the_audit_as_one() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", inside::LONG).await.ok();
    let id =
        inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok()["id"].as_str().unwrap().to_owned();
    let temporary = |tree: &Value| {
        let all = nodes(tree);
        let found = all.iter().find(|node| {
            // The root has no path to be named by.
            node["restart"] == "temporary" && node["state"] == "running" && node["path"] != tree["path"]
        });
        found.map(|node| node["path"].as_str().unwrap().to_owned())
    };
    let tree = inside.until("/api/v1/tree", |tree| temporary(tree).is_some()).await;
    let path = temporary(&tree).unwrap();
    let body = json!({"path": path, "reason": "it looks odd"});
    let refused = inside.post("/api/v1/tree/restart", &body).await;
    assert_eq!((refused.status, refused.code()), (409, "actor_state"), "{refused:?}");
    let records = inside.ghostlight.journal.read_all(0, 1_000).unwrap();
    let audited = records.iter().filter(|record| record.stream.kind() == "audit");
    let said: Vec<Value> = audited.map(|record| serde_json::from_slice(&record.body).unwrap()).collect();
    let [asked, answered] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((&asked["allowed"], &asked["reason"]), (&json!(true), &json!("it looks odd")));
    assert_eq!((&answered["allowed"], &answered["object"]), (&json!(false), &json!(path)));
    assert!(answered["reason"].as_str().is_some_and(|why| why.contains("emporary")), "{answered}");
    inside.post(&format!("/api/v1/runs/{id}/cancel"), &json!({"reason": "seen"})).await.ok();
    inside.until(&format!("/api/v1/runs/{id}"), |run| run["status"] == "cancelled").await;
}

/// Shows S1-5.1d.
#[cfg(feature = "chaos")]
#[tokio::test]
async fn lives_that_begin_and_end_are_told_by_the_feed_and_counted() {
    let inside = Inside::start();
    inside
        .post_yaml(
            "/api/v1/workflows",
            &inside::LONG.replace("nodes:", "supervision: { max_restarts: 1, period: 60s }\nnodes:"),
        )
        .await
        .ok();
    let address = format!("ws://{}/api/v1/feed?live=true&types=actor.*,supervisor.*,run.*", inside.address);
    let mut socket = connect_async(address).await.unwrap().0;
    let before = [
        measured(&inside, "ghostlight_actor_starts_total").await,
        measured(&inside, "ghostlight_actor_exits_total{class=\"abnormal\"}").await,
        measured(&inside, "ghostlight_actor_restarts_total").await,
        measured(&inside, "ghostlight_supervisors_gave_up_total").await,
    ];
    let id =
        inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok()["id"].as_str().unwrap().to_owned();
    let workflow = format!("/{id}/workflow");
    let mut told = Vec::new();
    inside.ghostlight.tree.permit_faults();
    // Twice: after the one restart that is allowed, its supervisor gives up and the run is set aside.
    for event in ["actor.started", "actor.restarted"] {
        let path = until(&mut socket, &mut told, event, &workflow).await["data"]["path"]
            .as_str()
            .unwrap()
            .to_owned();
        inside.ghostlight.tree.inject(&path, Fault::Panic).unwrap();
        let exited = until(&mut socket, &mut told, "actor.exited", &workflow).await;
        assert!(exited["data"]["exit"].as_str().unwrap().starts_with("panicked at "), "{exited}");
        assert!(exited.get("sequence").is_none(), "live events are not journalled: {exited}");
    }
    let gave_up = until(&mut socket, &mut told, "supervisor.gave_up", &format!("/{id}")).await;
    assert!(gave_up["data"]["exit"].as_str().unwrap().contains("panicked"), "{gave_up}");
    until(&mut socket, &mut told, "run.quarantined", "").await;
    for journalled in ["actor.restarted", "supervisor.gave_up"] {
        let event = told.iter().find(|event| event["type"] == journalled).unwrap();
        assert!(event["sequence"].is_string(), "{event}");
    }
    let after = [
        measured(&inside, "ghostlight_actor_starts_total").await,
        measured(&inside, "ghostlight_actor_exits_total{class=\"abnormal\"}").await,
        measured(&inside, "ghostlight_actor_restarts_total").await,
        measured(&inside, "ghostlight_supervisors_gave_up_total").await,
    ];
    assert!(after[0] > before[0], "{before:?} {after:?}");
    assert_eq!([after[1] - before[1], after[2] - before[2], after[3] - before[3]], [2.0, 1.0, 1.0]);

    // Set aside, its steps and its plan are there for whoever looks what went wrong.
    let run = inside.until(&format!("/api/v1/runs/{id}"), |run| run["status"] == "paused").await;
    assert_eq!(run["reason"], "quarantined");
    let steps = inside.get(&format!("/api/v1/runs/{id}/steps")).await.ok();
    assert_eq!(steps["items"][0]["path"], "nap", "{steps}");
    assert_eq!(inside.get(&format!("/api/v1/runs/{id}/plan")).await.ok()["nodes"][0]["id"], "nap");
    let released = inside.post(&format!("/api/v1/runs/{id}/resume"), &json!({})).await.ok();
    assert_eq!(released["status"], "running");
    inside.post(&format!("/api/v1/runs/{id}/cancel"), &json!({"reason": "seen"})).await.ok();
    inside.until(&format!("/api/v1/runs/{id}"), |run| run["status"] == "cancelled").await;
}

#[cfg(feature = "chaos")]
type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

/// The next event of a type about a path with this end; all that come before it are kept.
#[cfg(feature = "chaos")]
async fn until(socket: &mut Socket, told: &mut Vec<Value>, kind: &str, path: &str) -> Value {
    loop {
        let message = tokio::time::timeout(PATIENCE, socket.next()).await;
        let message = message.unwrap_or_else(|_| panic!("no {kind} of {path}: {told:?}")).unwrap().unwrap();
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).unwrap();
        told.push(event.clone());
        let about = event["data"]["path"].as_str().unwrap_or_default();
        if event["type"] == kind && about.ends_with(path) {
            return event;
        }
    }
}
