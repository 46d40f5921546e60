//! Hostile clients over plain HTTP: each is refused or ended within its time, and the next client is served.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::{Duration, Instant};

use inside::Inside;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest that anybody is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(inside: &Inside, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(inside.address).await.unwrap();
    // What the server does not want it does not read: that the rest cannot be written is an answer too.
    let _ = stream.write_all(bytes).await;
    stream
}

/// Everything that is answered until the server ends the connection, and how long that took.
async fn end_of(mut stream: TcpStream) -> (String, Duration) {
    let (began, mut bytes) = (Instant::now(), Vec::new());
    // A reset behind the answer is an end too.
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it ends");
    (String::from_utf8_lossy(&bytes).into_owned(), began.elapsed())
}

async fn is_served(inside: &Inside) {
    assert_eq!(inside.get("/api/v1/workflows").await.status, 200);
}

fn post(host: &Inside, headers: &str, body: &str) -> Vec<u8> {
    let address = host.address;
    format!("POST /api/v1/tokens HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n{headers}\r\n{body}")
        .into_bytes()
}

/// What the middleware never sees is refused by the server itself, with a bare status; all else with a problem.
#[tokio::test]
async fn what_is_no_request_or_two_at_once_is_refused_and_its_connection_closed() {
    let inside = Inside::start();
    let host = format!("Host: {}\r\n", inside.address);
    let many = (0..5_000).map(|n| format!("X-{n}: 1\r\n")).collect::<String>();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("HTTP/0.9", b"GET /healthz\r\n\r\n".to_vec()),
        ("no version that there is", format!("GET /healthz HTTP/7.3\r\n{host}\r\n").into_bytes()),
        ("a NUL in a header", format!("GET /healthz HTTP/1.1\r\n{host}X: a\0b\r\n\r\n").into_bytes()),
        ("a header without a name", format!("GET /healthz HTTP/1.1\r\n{host}: x\r\n\r\n").into_bytes()),
        ("a folded header", format!("GET /healthz HTTP/1.1\r\n{host}X: a\r\n b\r\n\r\n").into_bytes()),
        ("5,000 headers", format!("GET /healthz HTTP/1.1\r\n{host}{many}\r\n").into_bytes()),
        (
            "a header of 1 MiB",
            format!("GET /healthz HTTP/1.1\r\n{host}X: {}\r\n\r\n", "x".repeat(1 << 20)).into_bytes(),
        ),
        ("an address of 1 MiB", format!("GET /{} HTTP/1.1\r\n{host}\r\n", "x".repeat(1 << 20)).into_bytes()),
        ("two lengths", post(&inside, "Content-Length: 2\r\nContent-Length: 3\r\n", "{}")),
        ("a length and chunks", post(&inside, "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}")),
        ("a negative length", post(&inside, "Content-Length: -1\r\n", "{}")),
        ("a length with a sign", post(&inside, "Content-Length: +2\r\n", "{}")),
        ("a length that no number holds", post(&inside, "Content-Length: 99999999999999999999\r\n", "{}")),
        ("a chunk without a size", post(&inside, "Transfer-Encoding: chunked\r\n", "x\r\n{}\r\n0\r\n\r\n")),
        (
            "a chunk that no number holds",
            post(&inside, "Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\n"),
        ),
        ("a coding that is not known", post(&inside, "Transfer-Encoding: gzip, identity\r\n", "{}")),
        ("a body over the limit", post(&inside, "Content-Length: 9999999999\r\n", "{")),
        ("gzip", post(&inside, "Content-Encoding: gzip\r\nContent-Length: 2\r\n", "\x1f\x08")),
    ];
    for (what, bytes) in cases {
        let (text, took) = end_of(connect(&inside, &bytes).await).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{what}: {text}");
        assert!(text.matches("HTTP/1.1 ").count() <= 1, "{what} is one request: {text}");
        assert!(took < Duration::from_secs(8), "{what} took {took:?}");
        is_served(&inside).await;
    }
}

#[tokio::test]
async fn a_compressed_body_is_not_unpacked() {
    let inside = Inside::start();
    for coding in ["gzip", "br", "zstd", "deflate", "identity"] {
        let request = inside.request("POST", "/api/v1/tokens").header("content-type", "application/json");
        let answer = inside.send(request.header("content-encoding", coding).body(vec![0x1f, 0x8b])).await;
        assert_eq!((answer.status, answer.code()), (415, "unsupported_media_type"), "{coding}");
    }
}

#[tokio::test]
async fn a_body_in_chunks_without_end_is_refused_when_it_passes_the_limit() {
    let inside = Inside::start_with(|settings| settings.body_bytes_max = 100_000);
    let began = Instant::now();
    let stream = connect(&inside, &post(&inside, "Transfer-Encoding: chunked\r\n", "")).await;
    let (mut read, mut write) = stream.into_split();
    let sent = tokio::spawn(async move {
        let chunk = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
        while write.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, read.read_to_end(&mut bytes)).await.expect("it ends");
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 413") && text.contains("body_too_large"), "{text}");
    tokio::time::timeout(PATIENCE, sent).await.expect("it is closed").unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    is_served(&inside).await;
}

/// What nobody reads is not read on without end either: whoever is refused before his body came has no connection left.
#[tokio::test]
async fn chunks_that_nobody_wants_end_with_the_answer() {
    let inside = Inside::start();
    let host = format!("Host: {}\r\nTransfer-Encoding: chunked\r\n", inside.address);
    for (line, status) in [
        ("POST /api/v1/nothing HTTP/1.1", "404"),
        ("POST /api/v1/tokens HTTP/1.1", "415"),
        ("POST /api/v1/runs/nobody/cancel?x=1 HTTP/1.1", "400"),
        ("GET /api/v1/runs HTTP/1.1", "400"),
        ("POST /api/v1/tokens HTTP/1.1\r\nOrigin: http://evil.example", "403"),
    ] {
        let (text, took) = end_of(connect(&inside, format!("{line}\r\n{host}\r\n").as_bytes()).await).await;
        assert!(text.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {text}");
        assert!(text.contains("connection: close"), "{line}: {text}");
        assert!(took < Duration::from_secs(5), "{line}: {took:?}");
    }
    // Chunks that are read to their end cost no connection.
    let body = "Transfer-Encoding: chunked\r\n";
    let mut kept = connect(&inside, &post(&inside, body, "2\r\n{}\r\n0\r\n\r\n")).await;
    kept.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", inside.address).as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    while !text.contains("ok\n") {
        let mut bytes = [0; 4_096];
        let read = tokio::time::timeout(PATIENCE, kept.read(&mut bytes)).await.expect("an answer").unwrap();
        assert_ne!(read, 0, "the connection is kept: {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(text.starts_with("HTTP/1.1 400") && !text.contains("connection: close"), "{text}");
    is_served(&inside).await;
}

/// Sends in many parts, one after another and for longer than a silent client is kept, and reads when all is sent.
async fn answer_behind_all(inside: &Inside, headers: &str, part: &[u8], last: &[u8]) -> String {
    let mut stream = connect(inside, &post(inside, headers, "")).await;
    for _ in 0..PARTS {
        stream.write_all(part).await.expect("it is taken");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stream.write_all(last).await.expect("it is taken");
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("it ends")
        .expect("it is no reset");
    String::from_utf8(bytes).unwrap()
}

const PARTS: usize = 80;

/// Who sends everything before reading anything sees all of the answer, however early it was given.
#[tokio::test]
async fn whoever_reads_when_all_is_sent_sees_why_it_was_refused() {
    let inside = Inside::start();
    let (part, refused) = ([b' '; 0x4000], "Content-Encoding: gzip\r\n");
    let chunk = [b"4000\r\n".as_slice(), &part, b"\r\n"].concat();
    let in_chunks = format!("{refused}Transfer-Encoding: chunked\r\n");
    let of_a_length = format!("{refused}Content-Length: {}\r\n", PARTS * part.len());
    let answers = futures::future::join(
        answer_behind_all(&inside, &in_chunks, &chunk, b"0\r\n\r\n"),
        answer_behind_all(&inside, &of_a_length, &part, b""),
    );
    let (in_chunks, of_a_length) = answers.await;
    for text in [in_chunks, of_a_length] {
        assert!(text.starts_with("HTTP/1.1 415") && text.contains("connection: close"), "{text}");
        assert!(text.contains("unsupported_media_type") && text.ends_with('}'), "{text}");
    }
    is_served(&inside).await;
}

/// What is thrown away is bounded: whoever goes on is shut out, and had the answer before.
#[tokio::test]
async fn whoever_goes_on_sending_behind_the_answer_is_shut_out() {
    let inside = Inside::start();
    let head = post(&inside, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", "");
    let mut stream = connect(&inside, &head).await;
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 415");
    let chunk = [b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat();
    let (began, mut sent) = (Instant::now(), 0_usize);
    while stream.write_all(&chunk).await.is_ok() {
        sent += 0x10000;
        assert!(sent < 64 << 20, "{sent} bytes are taken");
    }
    assert!(sent >= 15 << 20, "{sent} bytes");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    is_served(&inside).await;
}

/// M8: whoever is slow or silent is ended within the time that stands in docs/LIMITS.md. All wait at the same time.
#[tokio::test]
async fn whoever_is_slow_or_silent_is_ended_in_his_time() {
    let inside = Inside::start();
    let host = format!("Host: {}\r\n", inside.address);
    let upgrade = format!(
        "GET /api/v1/feed HTTP/1.1\r\n{host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    );
    let cases: Vec<(&str, String, u64)> = vec![
        ("says nothing", String::new(), 10),
        ("begins a head", format!("GET /healthz HTTP/1.1\r\n{host}X: "), 10),
        ("begins an upgrade", upgrade, 10),
        ("begins a body", String::from_utf8(post(&inside, "Content-Length: 10\r\n", "{")).unwrap(), 15),
        (
            "begins a chunk",
            String::from_utf8(post(&inside, "Transfer-Encoding: chunked\r\n", "a\r\n{")).unwrap(),
            15,
        ),
        (
            "expects",
            String::from_utf8(post(&inside, "Content-Length: 10\r\nExpect: 100-continue\r\n", "")).unwrap(),
            15,
        ),
        ("stays after one request", format!("GET /healthz HTTP/1.1\r\n{host}\r\n"), 40),
    ];
    let waits = cases.iter().map(async |(what, bytes, seconds)| {
        let (text, took) = end_of(connect(&inside, bytes.as_bytes()).await).await;
        assert!(!text.contains("HTTP/1.1 5"), "{what}: {text}");
        assert!(took <= Duration::from_secs(*seconds), "{what}: {took:?}");
        if what.contains("body") || what.contains("chunk") {
            assert!(text.contains("HTTP/1.1 408") && text.contains("body_too_slow"), "{what}: {text}");
        }
    });
    futures::future::join_all(waits).await;
    is_served(&inside).await;
}

/// Heads that come a byte at a time, from many: their time is that of the whole head.
#[tokio::test]
async fn a_hundred_heads_that_drip_are_ended_and_others_are_served_meanwhile() {
    let inside = Inside::start();
    let began = Instant::now();
    let mut ends = Vec::new();
    for _ in 0..100 {
        let stream = connect(&inside, b"GET /healthz HTTP/1.1\r\nX: ").await;
        let (mut read, mut write) = stream.into_split();
        ends.push(tokio::spawn(async move {
            let drip = async {
                while write.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(Duration::from_millis(250)).await;
                }
                std::future::pending::<()>().await;
            };
            let mut bytes = Vec::new();
            tokio::select! {
                () = drip => {}
                _ = read.read_to_end(&mut bytes) => {}
            }
        }));
    }
    is_served(&inside).await;
    for end in ends {
        tokio::time::timeout(PATIENCE, end).await.expect("it ends").unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    is_served(&inside).await;
}

#[tokio::test]
async fn a_connection_over_the_limit_is_told_so_and_served_when_others_have_ended() {
    let inside = Inside::start_with(|settings| settings.connections_max = 4);
    let head = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", inside.address);
    let mut idle = Vec::new();
    // Each is accepted before the next one comes, when it is answered.
    let ask = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", inside.address);
    let full = loop {
        let mut stream = connect(&inside, ask.as_bytes()).await;
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.unwrap();
        if first == *b"HTTP/1.1 503" {
            break end_of(stream).await.0;
        }
        assert_eq!(first, *b"HTTP/1.1 200");
        idle.push(stream);
        assert!(idle.len() <= 4);
    };
    assert!(full.contains("retry-after: 1"), "{full}");
    assert!((3..=4).contains(&idle.len()), "one may be kept from the start: {}", idle.len());
    drop(idle);
    for attempt in 0.. {
        let (answer, _) = end_of(connect(&inside, head.as_bytes()).await).await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
        assert!(attempt < 200, "{answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn ten_thousand_requests_in_one_go_are_all_answered_and_garbage_behind_them_ends_it() {
    let inside = Inside::start();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", inside.address);
    let (mut read, mut write) = connect(&inside, b"").await.into_split();
    let send = tokio::spawn(async move {
        let _ = write.write_all(request.repeat(10_000).as_bytes()).await;
        let _ = write.write_all(b"\x16\x03\x01 garbage\r\n\r\n").await;
        write
    });
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(PATIENCE, read.read_to_end(&mut bytes)).await.expect("it ends");
    send.await.unwrap();
    let text = String::from_utf8_lossy(&bytes);
    assert_eq!(text.matches("HTTP/1.1 200").count(), 10_000);
    assert!(!text.contains("HTTP/1.1 5"), "the garbage is refused");
    is_served(&inside).await;
}
