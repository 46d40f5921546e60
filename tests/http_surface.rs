//! The surface as a part of the supervision tree: it is shown there, what breaks of it is started again, and the address stays.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::StreamExt;
use ghostlight_supervision::{ChildState, TreeNode};
use inside::{Inside, ONE};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;

const PATIENCE: Duration = Duration::from_secs(20);

fn node(inside: &Inside, path: &str) -> TreeNode {
    inside.ghostlight.tree.snapshot_of(path).unwrap()
}

/// Waits until the supervisor has started a child again that was in the life that `before` shows, and has counted it.
async fn next_life(inside: &Inside, before: &TreeNode) -> TreeNode {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = node(inside, &before.path);
        if now.restarts > before.restarts && now.state == ChildState::Running {
            return now;
        }
        assert!(Instant::now() < end, "{} was not started again: {now:?}", before.path);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_tree_shows_the_server_and_its_helpers_as_children_of_the_surface() {
    let inside = Inside::start();
    let tree = inside.get("/api/v1/tree").await.ok();
    let groups = tree["children"].as_array().unwrap();
    let surface = groups.last().unwrap();
    assert_eq!((&surface["path"], &surface["kind"]), (&json!("surface"), &json!("supervisor")));
    let shown: Vec<Value> = surface["children"].as_array().unwrap().clone();
    let paths: Vec<&str> = shown.iter().map(|child| child["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["surface/metrics", "surface/sweep", "surface/http"], "the server is stopped first");
    for child in shown {
        let has = (&child["kind"], &child["state"], &child["incarnation"], &child["restarts"]);
        assert_eq!(has, (&json!("worker"), &json!("running"), &json!(1), &json!(0)), "{child}");
    }
}

#[cfg(feature = "chaos")]
#[tokio::test]
async fn a_helper_of_the_server_that_panics_is_restarted_and_the_server_notices_nothing() {
    let inside = Inside::start();
    let server = node(&inside, "surface/http");
    for path in ["surface/sweep", "surface/metrics"] {
        let before = node(&inside, path);
        inside.ghostlight.tree.permit_faults();
        inside.ghostlight.tree.inject(path, ghostlight_supervision::Fault::Panic).unwrap();
        let after = next_life(&inside, &before).await;
        assert_eq!((after.incarnation, after.restarts), (2, 1), "{after:?}");
        assert!(after.last_exit.as_ref().is_some_and(ghostlight_supervision::ExitReason::is_abnormal));
    }
    assert_eq!(inside.get("/readyz").await.status, 200);
    assert_eq!(node(&inside, "surface/http").incarnation, server.incarnation);
}

/// One request on a connection of its own. That the server is lost while it answers is nobody's fault; that there is no
/// connection is.
fn knock(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = StdStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    let asked = stream.write_all(head.as_bytes());
    let _ = asked.and_then(|()| stream.read_to_end(&mut Vec::new()));
    Ok(())
}

/// The server is lost again and again while somebody connects without a pause.
#[tokio::test]
async fn a_server_that_ends_is_started_again_on_the_same_address_and_nobody_is_refused_in_between() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let (address, over) = (inside.address, Arc::new(AtomicBool::new(false)));
    let until = over.clone();
    let knocking = std::thread::spawn(move || {
        let mut knocked = 0;
        while !until.load(Ordering::Relaxed) {
            knock(address).map_err(|error| format!("after {knocked}: {error}"))?;
            knocked += 1;
        }
        Ok::<usize, String>(knocked)
    });
    // No more often than the supervisor bears.
    for life in 2..=4 {
        let before = node(&inside, "surface/http");
        inside.ghostlight.tree.kill("surface/http").unwrap();
        let after = next_life(&inside, &before).await;
        assert_eq!((after.incarnation, after.restarts), (life, life - 1), "{after:?}");
    }
    over.store(true, Ordering::Relaxed);
    assert!(knocking.join().unwrap().unwrap() > 0);
    let begin =
        inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
    assert_eq!(inside.send(begin).await.ok()["status"], "completed");
    let tree = inside.get("/api/v1/tree?subtree=surface/http").await.ok();
    assert_eq!((&tree["state"], &tree["restarts"]), (&json!("running"), &json!(3)), "{tree}");
}

#[tokio::test]
async fn the_place_of_a_feed_that_was_lost_with_its_server_is_free_again() {
    let inside = Inside::start_with(|settings| settings.feeds_max = 1);
    let url = format!("ws://{}/api/v1/feed", inside.address);
    let (mut feed, _) = connect_async(&url).await.unwrap();
    assert!(feed.next().await.unwrap().is_ok());
    let before = node(&inside, "surface/http");
    inside.ghostlight.tree.kill("surface/http").unwrap();
    next_life(&inside, &before).await;
    let lost = async { while feed.next().await.is_some_and(|message| message.is_ok()) {} };
    tokio::time::timeout(PATIENCE, lost).await.expect("the feed ends with its server");
    let end = Instant::now() + PATIENCE;
    while let Err(error) = connect_async(&url).await {
        assert!(Instant::now() < end, "there is no place: {error}");
    }
}

#[tokio::test]
async fn what_carries_a_request_is_not_stopped_by_it() {
    let inside = Inside::start();
    for verb in ["stop", "restart"] {
        for path in ["surface", "surface/http", "/surface//http/"] {
            let body = json!({"path": path, "reason": "to see"});
            let refused = inside.post(&format!("/api/v1/tree/{verb}"), &body).await;
            assert_eq!((refused.status, refused.code()), (409, "actor_state"), "{verb} {path}");
        }
    }
    let helper = json!({"path": "surface/sweep", "reason": "to see"});
    let restarted = inside.post("/api/v1/tree/restart", &helper).await.ok();
    assert_eq!((&restarted["state"], &restarted["incarnation"]), (&json!("running"), &json!(2)));
}

#[tokio::test]
async fn runs_that_end_while_nobody_counts_them_are_counted_afterwards() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let counted = "ghostlight_runs_finished_total{workflow=\"one\",status=\"completed\"}";
    for runs in 1..=3 {
        let counter = json!({"path": "surface/metrics", "reason": "to see"});
        inside.post("/api/v1/tree/stop", &counter).await.ok();
        let begin =
            inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
        assert_eq!(inside.send(begin).await.ok()["status"], "completed");
        inside.post("/api/v1/tree/restart", &counter).await.ok();
        let line = format!("{counted} {runs}\n");
        inside.until("/metrics", |page| page.as_str().is_some_and(|page| page.contains(&line))).await;
    }
}
