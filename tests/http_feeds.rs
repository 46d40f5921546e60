//! Feeds: over WebSockets and as Server-Sent Events, the same events in the same order, without a gap.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use inside::{Inside, ONE};
use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(20);

async fn connect(inside: &Inside, path: &str) -> Socket {
    connect_async(format!("ws://{}{path}", inside.address)).await.unwrap().0
}

/// The next event; pings are answered on the way.
async fn next(socket: &mut Socket) -> Option<Value> {
    loop {
        match tokio::time::timeout(PATIENCE, socket.next()).await.expect("something comes")? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn until(socket: &mut Socket, kind: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    while let Some(event) = next(socket).await {
        let is_last = event["type"] == kind;
        seen.push(event);
        if is_last {
            return seen;
        }
    }
    panic!("the feed ended before {kind}: {seen:?}");
}

async fn run_one(inside: &Inside) -> String {
    let begin =
        inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
    inside.send(begin).await.ok()["id"].as_str().unwrap().to_owned()
}

async fn sse(inside: &Inside, path: &str, last: &str, kind: &str) -> Vec<(String, String, Value)> {
    let request =
        inside.request("GET", path).header("accept", "text/event-stream").header("last-event-id", last);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut chunks = answer.bytes_stream();
    let (mut text, mut events) = (String::new(), Vec::new());
    loop {
        let chunk =
            tokio::time::timeout(PATIENCE, chunks.next()).await.expect("something comes").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
        while let Some((event, rest)) =
            text.split_once("\n\n").map(|(event, rest)| (event.to_owned(), rest.to_owned()))
        {
            text = rest;
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
            };
            let data = field("data: ");
            if data.is_empty() {
                continue;
            }
            let name = field("event: ");
            events.push((field("id: "), name.clone(), serde_json::from_str(&data).unwrap()));
            if name == kind {
                return events;
            }
        }
    }
}

/// Everybody sees the same, whichever way he watches and whenever he comes.
/// Shows S0-APIb, S2-1.3c, S2-2.1a, S2-2.1d, S2-2.1e, S3-3j, S3-4c, S3-4d, S3-4e, S3-8f.
#[tokio::test]
async fn a_run_is_watched_from_its_beginning_the_same_way_by_everybody() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let mut live = connect(&inside, "/api/v1/feed?types=run.*,step.*").await;
    assert_eq!(next(&mut live).await.unwrap()["type"], "feed.hello");
    let id = run_one(&inside).await;
    let live = until(&mut live, "run.completed").await;

    let mut after = connect(&inside, &format!("/api/v1/runs/{id}/feed")).await;
    let after = until(&mut after, "run.completed").await;
    let of_run: Vec<&Value> = after.iter().filter(|event| event["streamsequence"].is_string()).collect();
    let dense: Vec<String> = (1..=of_run.len()).map(|n| n.to_string()).collect();
    assert_eq!(
        of_run.iter().map(|event| event["streamsequence"].as_str().unwrap()).collect::<Vec<_>>(),
        dense
    );
    for event in &live {
        assert!(after.contains(event), "{event}");
        assert_eq!(event["specversion"], "1.0");
    }

    let path = format!("/api/v1/runs/{id}/feed");
    let events = sse(&inside, &path, "", "run.completed").await;
    let by_sse: Vec<&Value> =
        events.iter().map(|(_, _, event)| event).filter(|event| event["sequence"].is_string()).collect();
    assert_eq!(by_sse, of_run);
    assert!(
        events
            .iter()
            .all(|(id, name, event)| *name == event["type"] && (id.is_empty() || event["sequence"] == **id))
    );
    let resumed = sse(&inside, &path, &events[2].0, "run.completed").await;
    let rest: Vec<&Value> =
        resumed.iter().map(|(_, _, event)| event).filter(|event| event["sequence"].is_string()).collect();
    assert_eq!(
        rest,
        of_run[of_run.iter().position(|event| event["sequence"] == *events[2].0).unwrap() + 1..]
    );
    let alias = format!("/api/v2/workflows/{id}/live-stream");
    assert_eq!(until(&mut connect(&inside, &alias).await, "run.completed").await.len(), after.len());
}

/// How far an agent says it is comes at once to whoever watches its run live, and what it says it used is counted.
/// Shows S2-2.1b, S2-2.1c, S2-2.1d, S3-3k, S3-6l, S3-6m.
#[tokio::test]
async fn what_an_agent_says_of_its_work_is_seen_live_and_its_tokens_are_counted() {
    let inside = Inside::start_granting();
    let agent = r#"{"ghostlight": 1, "name": "speaks", "kind": "command", "effect": "read", "command": ["/bin/sh", "-c",
        "echo '{\"type\":\"progress\",\"ratio\":0.5,\"text\":\"half\"}';
         echo '{\"type\":\"usage\",\"input_tokens\":3,\"output_tokens\":5}';
         echo '{\"type\":\"result\",\"output\":1}'"]}"#;
    let put = inside.request("PUT", "/api/v1/agents/speaks").header("content-type", "application/yaml");
    inside.send(put.body(agent.to_owned())).await.ok();
    let workflow = "ghostlight: 1\nname: speaks\nnodes:\n  \
                    ask: { type: human_gate, action: Go on, risk: low }\n  \
                    a: { type: agent_call, agent: speaks, needs: [ask] }\n  \
                    b: { type: agent_call, agent: speaks, needs: [ask] }\n";
    inside.post_yaml("/api/v1/workflows", workflow).await.ok();
    let run = inside.post("/api/v1/workflows/speaks/runs", &json!({})).await.ok();
    let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    // Whoever watches is there before the agents begin.
    let mut socket = connect(&inside, &format!("{path}/feed?live=true")).await;
    let asked = until(&mut socket, "approval.requested").await;
    let approval = asked.last().unwrap()["data"]["approval"].as_str().unwrap();
    inside.post(&format!("/api/v1/approvals/{approval}/approve"), &json!({})).await.ok();
    let seen = until(&mut socket, "run.completed").await;
    let mut told: Vec<&Value> = seen.iter().filter(|event| event["type"] == "step.progress").collect();
    told.sort_by_key(|event| event["subject"].to_string());
    let ratios: Vec<&Value> = told.iter().map(|event| &event["data"]["ratio"]).collect();
    assert_eq!(ratios, [&json!(0.5), &json!(0.5)], "{seen:#?}");
    assert_ne!(told[0]["subject"], told[1]["subject"], "each of the two speaks for itself");

    let status = inside.get(&format!("{path}/status")).await.ok();
    assert_eq!((&status["progress"], &status["counts"]["completed"]), (&json!(1.0), &json!(3)), "{status}");
    let used = |tokens: u64, out: u64| json!({"input_tokens": tokens, "output_tokens": out});
    assert_eq!(inside.get(&format!("{path}/steps/a")).await.ok()["usage"], used(3, 5));
    assert_eq!(inside.get(&path).await.ok()["usage"], used(6, 10));
}

/// Shows S2-2.1e, S3-4d.
#[tokio::test]
async fn a_browser_that_comes_back_before_the_first_event_loses_nothing_and_may_offer_to_speak_otherwise() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let hello = sse(&inside, "/api/v1/feed", "", "feed.hello").await;
    let id = run_one(&inside).await;
    let events = sse(&inside, "/api/v1/feed", &hello[0].0, "run.completed").await;
    assert!(events[0].0.is_empty(), "who gave a place keeps it: {events:?}");
    let created = events.iter().find(|(_, name, _)| name == "run.created").unwrap();
    assert!(created.2.to_string().contains(&id), "{created:?}");
    let offering = inside.request("GET", "/api/v1/feed").header("upgrade", "h2c").send().await.unwrap();
    assert_eq!(
        (offering.status().as_u16(), &offering.headers()["content-type"]),
        (200, &HeaderValue::from_static("text/event-stream"))
    );
}

#[tokio::test]
async fn a_client_says_what_it_wants_and_is_told_what_it_may_not() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let mut socket = connect(&inside, "/api/v1/feed").await;
    assert_eq!(next(&mut socket).await.unwrap()["type"], "feed.hello");
    for (said, code) in [
        ("nonsense", "bad_json"),
        (r#"{"subscribe":{"typs":"run.*"}}"#, "unknown_field"),
        (r#"{"subscribe":{"types":"nothing"}}"#, "bad_query"),
        (r#"{"presence":{"view":"nowhere"}}"#, "invalid_value"),
        ("{}", "bad_request"),
    ] {
        socket.send(Message::text(said)).await.unwrap();
        let event = next(&mut socket).await.unwrap();
        assert_eq!((&event["type"], &event["data"]["code"]), (&json!("feed.error"), &json!(code)), "{said}");
    }
    socket.send(Message::text(r#"{"subscribe":{"types":"run.completed","after":"0"}}"#)).await.unwrap();
    assert_eq!(next(&mut socket).await.unwrap()["type"], "feed.hello");
    run_one(&inside).await;
    assert_eq!(next(&mut socket).await.unwrap()["type"], "run.completed", "nothing else was asked for");
    socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert!(next(&mut socket).await.is_none(), "binary frames end it");
}

#[tokio::test]
async fn a_message_over_64_kib_ends_the_feed_with_its_reason() {
    let inside = Inside::start();
    let mut socket = connect(&inside, "/api/v1/feed").await;
    next(&mut socket).await;
    socket.send(Message::text("x".repeat(70_000))).await.unwrap();
    let ended = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| u16::from(frame.code)),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    let code = tokio::time::timeout(PATIENCE, ended).await.expect("it ends");
    assert!(matches!(code, Some(1009) | None), "{code:?}");
}

/// CVE-2026-25253: a foreign page must not get a WebSocket, on loopback neither.
#[tokio::test]
async fn a_foreign_page_gets_no_websocket_and_our_own_does() {
    let inside = Inside::start();
    let ask = |origin: String| {
        let mut request = format!("ws://{}/api/v1/feed", inside.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", HeaderValue::from_str(&origin).unwrap());
        connect_async(request)
    };
    match ask("http://evil.example".into()).await {
        Err(Error::Http(answer)) => assert_eq!(answer.status(), 403),
        other => panic!("{other:?}"),
    }
    assert!(ask(format!("http://{}", inside.address)).await.is_ok());
}

#[tokio::test]
async fn feeds_are_bounded_in_number_and_told_when_the_daemon_goes_down() {
    let mut inside = Inside::start_with(|settings| settings.feeds_max = 2);
    let mut one = connect(&inside, "/api/v1/feed").await;
    let mut two = connect(&inside, "/api/v1/feed").await;
    next(&mut one).await;
    next(&mut two).await;
    let third = inside.get("/api/v1/feed").await;
    assert_eq!((third.status, third.code()), (503, "too_many_feeds"));
    drop(two);
    let closing = tokio::task::spawn_blocking(move || inside.stop());
    let last = until(&mut one, "feed.closing").await;
    assert_eq!(last.last().unwrap()["data"]["reason"], "the daemon is going down");
    assert!(next(&mut one).await.is_none());
    closing.await.unwrap();
}

#[tokio::test]
async fn a_feed_ends_when_the_token_that_opened_it_is_revoked() {
    let inside = Inside::start();
    let mut local = connect(&inside, "/api/v1/feed?types=run.*").await;
    next(&mut local).await;
    let made = inside.post("/api/v1/tokens", &json!({"label": "feed"})).await.ok();
    assert!(next(&mut local).await.is_none(), "once a token exists the local user needs one too");
    let token = made["token"].as_str().unwrap();
    let mut request =
        format!("ws://{}/api/v1/feed?types=run.*", inside.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    next(&mut socket).await;
    let revoke = inside.request("DELETE", &format!("/api/v1/tokens/{}", made["id"].as_str().unwrap()));
    inside.send(revoke.bearer_auth(token)).await;
    assert!(next(&mut socket).await.is_none());
}

/// P19: whoever does not read costs his own place and slows nobody (S2-2.1d, S3-8f).
#[tokio::test]
async fn clients_that_never_read_slow_nobody_down() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let mut silent = Vec::new();
    for at in 0..100 {
        let mut stream = TcpStream::connect(inside.address).await.unwrap();
        let kind = if at % 2 == 0 {
            ""
        } else {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        };
        let head = format!("GET /api/v1/feed?after=0 HTTP/1.1\r\nHost: {}\r\n{kind}\r\n", inside.address);
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let mut reader = connect(&inside, "/api/v1/feed?types=run.completed&after=0").await;
    next(&mut reader).await;
    let begin = |_| {
        inside.send(
            inside
                .request("POST", "/api/v1/workflows/one/runs")
                .json(&json!({"input": {"x": "y".repeat(20_000)}})),
        )
    };
    for _ in 0..5 {
        let answers = futures::future::join_all((0..40).map(begin)).await;
        assert!(answers.iter().all(|answer| answer.status == 201));
    }
    for _ in 0..200 {
        assert_eq!(next(&mut reader).await.unwrap()["type"], "run.completed");
    }
    drop(silent);
}
