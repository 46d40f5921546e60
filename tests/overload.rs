//! More come than there is room for: who cannot be served is told so and when to come again, what was accepted is done, and
//! when the rush is over everybody is served, by the same process.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use inside::{Inside, ONE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(60);
/// How many connections there may be, how many times as many clients come, and how often each does.
const ROOM: usize = 32;
const TIMES: usize = 5;
const VISITS: usize = 4;

/// What became of a visit.
#[derive(Debug, PartialEq)]
enum Visit {
    /// A run was started.
    Started(String),
    /// Turned away, and told when to come again.
    Later,
    /// The connection ended without a word.
    Nothing,
}

/// Starts a run under a key, on a connection of its own.
async fn visit(address: SocketAddr, key: &str) -> Visit {
    let request = format!(
        "POST /api/v1/workflows/one/runs HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Idempotency-Key: {key}\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{{}}"
    );
    let mut bytes = Vec::new();
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        // Who is turned away may be told before he has asked.
        let _ = stream.write_all(request.as_bytes()).await;
        stream.read_to_end(&mut bytes).await
    };
    let _ = tokio::time::timeout(PATIENCE, talk).await.expect("every visit ends");
    let text = String::from_utf8(bytes).unwrap();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Visit::Nothing };
    match head.get(9..12).unwrap() {
        "201" => {
            let body: Value = serde_json::from_str(body).unwrap();
            Visit::Started(body["id"].as_str().unwrap().to_owned())
        }
        "429" | "503" => {
            assert!(head.to_lowercase().contains("\r\nretry-after: "), "{text}");
            Visit::Later
        }
        _ => panic!("{text}"),
    }
}

/// P21.
#[tokio::test]
async fn a_rush_of_five_times_what_there_is_room_for_is_shed_and_what_was_accepted_is_done() {
    let inside = Inside::start_with(|settings| settings.connections_max = ROOM);
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    // Who is there already, on a connection that is kept, is served all the time.
    let regular = async {
        for _ in 0..20 {
            let started = inside.post("/api/v1/workflows/one/runs", &json!({})).await;
            assert_eq!(started.status, 201, "{}", started.body);
        }
    };
    let guest = async |number: usize| {
        let mut visits = Vec::new();
        for time in 0..VISITS {
            let key = format!("guest-{number}-{time}");
            visits.push((key.clone(), visit(inside.address, &key).await));
        }
        visits
    };
    let (guests, ()) = tokio::join!(join_all((0..ROOM * TIMES).map(guest)), regular);
    let visits: BTreeMap<String, Visit> = guests.into_iter().flatten().collect();
    let later = visits.values().filter(|visit| **visit == Visit::Later).count();
    assert!(later > 0, "nobody was turned away");
    let started = visits.values().filter(|visit| matches!(visit, Visit::Started(_))).count();
    // One of the connections is that of the regular.
    assert!(started >= ROOM - 1, "{started} of {} were served", visits.len());

    // The rush is over: all who come again are served, and nothing that was accepted is forgotten or done twice.
    for (key, visit) in &visits {
        let request = inside.request("POST", "/api/v1/workflows/one/runs").header("idempotency-key", key);
        let again = inside.send(request.json(&json!({}))).await.ok();
        if let Visit::Started(run) = visit {
            assert_eq!(again["id"], run.as_str(), "{key} was answered before");
        }
        let run = again["id"].as_str().unwrap();
        let ended = inside.get(&format!("/api/v1/runs/{run}?wait=30")).await.ok();
        assert_eq!(ended["status"], "completed", "{key}");
    }
    let (mut runs, mut cursor) = (0, String::new());
    loop {
        let page = inside.get(&format!("/api/v1/runs?workflow=one&limit=200{cursor}")).await.ok();
        runs += page["items"].as_array().unwrap().len();
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(runs, visits.len() + 20, "each was started once");
}
