//! Hostile clients of feeds: what is no message ends their feed with its code, and nobody else notices.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use inside::{Inside, ONE};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const PING: u8 = 0x9;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// A WebSocket by hand, which can say what no library says.
struct Raw {
    stream: TcpStream,
    bytes: Vec<u8>,
}

/// What the server says.
#[derive(Debug)]
enum Said {
    Text(String),
    /// The code it closes with; none when it just ends.
    End(Option<u16>),
}

impl Raw {
    async fn connect(inside: &Inside, path: &str) -> Self {
        // A small buffer here, so that it is soon full for the server when nobody reads.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        let mut stream = socket.connect(inside.address).await.unwrap();
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            inside.address
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut raw = Self { stream, bytes: Vec::new() };
        loop {
            if let Some(end) = raw.bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&raw.bytes[..end]).into_owned();
                assert!(head.starts_with("HTTP/1.1 101"), "{head}");
                raw.bytes.drain(..end + 4);
                return raw;
            }
            assert!(raw.read().await, "an answer comes");
        }
    }

    /// Whether there was something to read.
    async fn read(&mut self) -> bool {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.bytes));
        read.await.expect("something comes").is_ok_and(|read| read > 0)
    }

    async fn send(&mut self, bytes: &[u8]) {
        // What is not read any more cannot be sent: the end is read next.
        let _ = self.stream.write_all(bytes).await;
    }

    async fn say(&mut self, text: &str) {
        self.send(&frame(FINAL | TEXT, text.as_bytes())).await;
    }

    /// The next text, or the end; pings are passed over.
    async fn next(&mut self) -> Said {
        loop {
            match self.take() {
                Some((TEXT, bytes)) => return Said::Text(String::from_utf8(bytes).unwrap()),
                Some((0x8, bytes)) => {
                    return Said::End(bytes.first_chunk().map(|code| u16::from_be_bytes(*code)));
                }
                Some(_) => {}
                None if self.read().await => {}
                None => return Said::End(None),
            }
        }
    }

    /// A whole frame of the server, if one has come.
    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (kind, short) = (*self.bytes.first()? & 0xf, usize::from(*self.bytes.get(1)?));
        let (at, length) = match short {
            126 => (4, usize::from(u16::from_be_bytes(*self.bytes.get(2..)?.first_chunk()?))),
            127 => (10, usize::try_from(u64::from_be_bytes(*self.bytes.get(2..)?.first_chunk()?)).unwrap()),
            short => (2, short),
        };
        let payload = self.bytes.get(at..at + length)?.to_vec();
        self.bytes.drain(..at + length);
        Some((kind, payload))
    }

    async fn event(&mut self) -> Value {
        match self.next().await {
            Said::Text(text) => serde_json::from_str(&text).unwrap(),
            end @ Said::End(_) => panic!("{end:?}"),
        }
    }

    /// The code it ends with, whatever comes before.
    async fn end(&mut self) -> Option<u16> {
        loop {
            if let Said::End(code) = self.next().await {
                return code;
            }
        }
    }
}

/// A frame as a client sends it, with a mask that changes nothing.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(MASKED | u8::try_from(short).unwrap()),
        long => {
            bytes.push(MASKED | 126);
            bytes.extend(u16::try_from(long).unwrap().to_be_bytes());
        }
    }
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

async fn run_one(inside: &Inside) {
    let begin = inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10");
    inside.send(begin.json(&json!({}))).await.ok();
}

#[tokio::test]
async fn what_is_no_message_ends_the_feed_with_its_code_and_the_next_client_is_served() {
    let inside = Inside::start();
    let huge = [&[FINAL | TEXT, MASKED | 127][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let negative = [&[FINAL | TEXT, MASKED | 127][..], &u64::MAX.to_be_bytes(), &[0; 4]].concat();
    let cases: Vec<(&str, Vec<u8>, &[u16])> = vec![
        ("a frame that is announced with a tebibyte", huge, &[1009]),
        ("a frame of a length that no memory has", negative, &[1009, 1002]),
        ("a frame without a mask", vec![FINAL | TEXT, 2, b'{', b'}'], &[1002]),
        ("a text that is no UTF-8", frame(FINAL | TEXT, &[0xff, 0xfe, 0xc0]), &[1007]),
        ("a binary frame", frame(FINAL | BINARY, b"{}"), &[1003]),
        ("the first part of a text", frame(TEXT, b"{"), &[1003]),
        ("a part of nothing", frame(FINAL, b"}"), &[1002, 1003]),
        ("a kind of frame that there is not", frame(FINAL | 0x3, b""), &[1002]),
        ("a kind of control frame that there is not", frame(FINAL | 0xb, b""), &[1002]),
        ("a frame with bits that mean nothing", frame(FINAL | 0x40 | TEXT, b"{}"), &[1002]),
        ("a ping of more than 125 bytes", frame(FINAL | PING, &[0; 126]), &[1002]),
        ("a ping in parts", frame(PING, b"x"), &[1002, 1003]),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n".to_vec(), &[1002]),
    ];
    for (what, bytes, codes) in cases {
        let mut raw = Raw::connect(&inside, "/api/v1/feed").await;
        raw.send(&bytes).await;
        let code = raw.end().await;
        assert!(code.is_some_and(|code| codes.contains(&code)), "{what}: {code:?}");
        let mut next = Raw::connect(&inside, "/api/v1/feed").await;
        assert_eq!(next.event().await["type"], "feed.hello", "after {what}");
    }
}

#[tokio::test]
async fn a_message_in_parts_without_end_is_ended_with_its_first_part() {
    let inside = Inside::start();
    let mut raw = Raw::connect(&inside, "/api/v1/feed").await;
    raw.send(&frame(TEXT, &[b'x'; 60_000])).await;
    for _ in 0..200 {
        raw.send(&frame(0, &[b'x'; 60_000])).await;
    }
    assert!(matches!(raw.end().await, Some(1003) | None));
}

#[tokio::test]
async fn whoever_talks_more_than_50_times_a_second_is_ended_whatever_he_says() {
    let inside = Inside::start();
    for said in [
        frame(FINAL | TEXT, br#"{"subscribe":{"types":"run.*","after":"0"}}"#),
        frame(FINAL | TEXT, br#"{"unsubscribe":{}}"#),
        frame(FINAL | TEXT, br#"{"dance":{}}"#),
        frame(FINAL | TEXT, b"nonsense"),
        frame(FINAL | PING, b"x"),
        frame(FINAL | 0xa, b"x"),
    ] {
        let mut raw = Raw::connect(&inside, "/api/v1/feed").await;
        raw.send(&said.repeat(10_000)).await;
        let code = raw.end().await;
        // Where it sends on behind the end, the end may be cut off by the reset.
        assert!(matches!(code, Some(1008) | None), "{}: {code:?}", String::from_utf8_lossy(&said));
    }
    let mut next = Raw::connect(&inside, "/api/v1/feed").await;
    assert_eq!(next.event().await["type"], "feed.hello");
}

#[tokio::test]
async fn of_many_subscribes_the_last_one_counts_and_a_connection_has_one() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let before = inside.ghostlight.feed.stats().subscriptions;
    let mut raw = Raw::connect(&inside, "/api/v1/feed").await;
    assert_eq!(raw.event().await["type"], "feed.hello");
    for _ in 0..40 {
        raw.say(r#"{"subscribe":{"types":"run.completed"}}"#).await;
        assert_eq!(raw.event().await["type"], "feed.hello");
    }
    assert_eq!(inside.ghostlight.feed.stats().subscriptions, before + 1);
    run_one(&inside).await;
    run_one(&inside).await;
    let seen = [raw.event().await, raw.event().await];
    assert!(seen.iter().all(|event| event["type"] == "run.completed"), "{seen:?}");
    assert_ne!(seen[0]["id"], seen[1]["id"], "each comes once");
}

/// How many runs there are while nobody reads.
const RUNS: usize = 1_000;

/// P19: who does not read is told so when he reads again, has lost nothing, and has cost no more than his own place.
#[tokio::test]
async fn whoever_reads_again_after_a_long_time_is_told_that_he_lagged_and_has_lost_nothing() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let path = "/api/v1/feed?types=run.completed,run.created&after=0";
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(Raw::connect(&inside, path).await);
    }
    let mut reader = Raw::connect(&inside, "/api/v1/feed?types=run.completed&after=0").await;
    assert_eq!(reader.event().await["type"], "feed.hello");
    // More than the buffers of a connection and what the feed keeps in memory (16 MiB) take together.
    let input = json!({"input": {"x": "y".repeat(24_000)}});
    for _ in 0..RUNS / 50 {
        let begin = || inside.post("/api/v1/workflows/one/runs", &input);
        let answers = futures::future::join_all((0..50).map(|_| begin())).await;
        assert!(answers.iter().all(|answer| answer.status == 201));
    }
    for _ in 0..RUNS {
        assert_eq!(reader.event().await["type"], "run.completed", "who reads loses nothing");
    }
    let mut late = silent.pop().unwrap();
    let (mut created, mut completed, mut lagged) = (0, 0, 0);
    while completed < RUNS {
        let event = late.event().await;
        match event["type"].as_str().unwrap() {
            "run.created" => created += 1,
            "run.completed" => completed += 1,
            "feed.lagged" => lagged += 1,
            "feed.hello" => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(created, RUNS);
    assert!(lagged >= 1, "it is told");
}
