//! Presence: who looks at what is told to those who look at the same.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use inside::{GATE, Inside};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(inside: &Inside, path: &str) -> Socket {
    connect_async(format!("ws://{}{path}", inside.address)).await.unwrap().0
}

async fn say(socket: &mut Socket, presence: Value) {
    socket.send(Message::text(json!({ "presence": presence }).to_string())).await.unwrap();
}

/// The next event of this type.
async fn next(socket: &mut Socket, kind: &str) -> Value {
    let until = tokio::time::Instant::now() + PATIENCE;
    loop {
        // Pings come for as long as the connection stands; they are not what is waited for.
        let message = tokio::time::timeout_at(until, socket.next()).await.expect("it comes in time").unwrap();
        if let Ok(Message::Text(text)) = message {
            let event: Value = serde_json::from_str(&text).unwrap();
            if event["type"] == kind {
                return event;
            }
        }
    }
}

/// Reads on until those who are told are these.
async fn told(socket: &mut Socket, names: &[&str]) -> Value {
    loop {
        let event = next(socket, "presence.changed").await;
        let people = event["data"]["people"].as_array().unwrap();
        if people.iter().map(|person| person["name"].as_str().unwrap_or_default()).eq(names.iter().copied()) {
            return event;
        }
    }
}

#[tokio::test]
async fn those_who_look_at_the_same_see_each_other_whatever_feed_they_watch() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", GATE).await.ok();
    let run = inside.post("/api/v1/workflows/gate/runs", &json!({"input": {"what": "it"}})).await.ok();
    let view = format!("runs/{}", run["id"].as_str().unwrap());
    let mut ada = connect(&inside, "/api/v1/feed?types=presence.changed").await;
    let mut bob = connect(&inside, &format!("/api/v1/{view}/feed")).await;
    say(&mut ada, json!({ "view": view, "name": "Ada" })).await;
    let alone = told(&mut ada, &["Ada"]).await;
    assert_eq!((&alone["data"]["view"], &alone["data"]["count"]), (&json!(view), &json!(1)));
    assert!(alone.get("sequence").is_none(), "it is not of the journal: {alone}");
    say(&mut bob, json!({ "view": view, "name": "Bob", "state": "editing" })).await;
    let both = told(&mut ada, &["Ada", "Bob"]).await;
    let people = &both["data"]["people"];
    assert_eq!((&people[0]["id"], &people[0]["since"]), (&both["you"], &alone["data"]["people"][0]["since"]));
    assert_eq!((&people[1]["state"], &people[1]["subject"]), (&json!("editing"), &json!("local")));
    assert_eq!(told(&mut bob, &["Ada", "Bob"]).await["you"], people[1]["id"]);
    let asked = inside.get(&format!("/api/v1/presence?view={view}")).await.ok();
    assert_eq!(asked, both["data"]);

    // Whoever looks elsewhere is seen there, and not here.
    say(&mut bob, json!({ "view": "inbox", "name": "Bob" })).await;
    told(&mut ada, &["Ada"]).await;
    assert_eq!(inside.get("/api/v1/presence?view=inbox").await.ok()["count"], 1);
    say(&mut bob, json!({})).await;
    inside.until("/api/v1/presence?view=inbox", |asked| asked["count"] == 0).await;
}

#[tokio::test]
async fn a_tab_that_is_closed_or_torn_away_is_gone_at_once() {
    let inside = Inside::start();
    let mut ada = connect(&inside, "/api/v1/feed").await;
    say(&mut ada, json!({ "view": "workflows/gate/edit", "name": "Ada" })).await;
    // Who came first stands first: Bob is not to overtake her.
    told(&mut ada, &["Ada"]).await;
    for is_closed in [true, false] {
        let mut bob = connect(&inside, "/api/v1/feed").await;
        say(&mut bob, json!({ "view": "workflows/gate/edit", "name": "Bob" })).await;
        told(&mut ada, &["Ada", "Bob"]).await;
        if is_closed {
            bob.close(None).await.unwrap();
        }
        drop(bob);
        told(&mut ada, &["Ada"]).await;
    }
}

#[tokio::test]
async fn what_cannot_be_shown_to_others_is_refused_and_changes_nothing() {
    let inside = Inside::start();
    let mut ada = connect(&inside, "/api/v1/feed").await;
    say(&mut ada, json!({ "view": "runs", "name": "Ada" })).await;
    told(&mut ada, &["Ada"]).await;
    for (said, code) in [
        (json!({"view": "runs", "name": "a".repeat(61)}), "invalid_value"),
        (json!({"view": "runs", "name": "A\u{0}da"}), "invalid_value"),
        (json!({"view": "runs", "name": "\u{202e}adA"}), "invalid_value"),
        (json!({"view": "../etc", "name": "Ada"}), "invalid_value"),
        (json!({"view": format!("settings/{}", "a".repeat(200))}), "invalid_value"),
        (json!({"view": "runs", "state": "asleep"}), "invalid_value"),
        (json!({"name": "Ada"}), "invalid_value"),
        (json!({"view": "runs", "nmae": "Ada"}), "unknown_field"),
        (json!([]), "bad_json"),
    ] {
        say(&mut ada, said.clone()).await;
        assert_eq!(next(&mut ada, "feed.error").await["data"]["code"], code, "{said}");
    }
    assert_eq!(inside.get("/api/v1/presence?view=runs").await.ok()["people"][0]["name"], "Ada");
    for bad in ["", "?view=", "?view=nowhere", "?view=runs&name=x"] {
        let refused = inside.get(&format!("/api/v1/presence{bad}")).await;
        assert_eq!((refused.status, refused.code()), (400, "bad_query"), "{bad}");
    }
}
