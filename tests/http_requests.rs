//! Whatever a client sends: it is refused with a reason, within a time, and never with a 500.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::{Duration, Instant};

use inside::{Inside, ONE};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_its_own_code() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let nobody = "00000000-0000-7000-8000-000000000000";
    let cases: &[(&str, &str, &str, &str, u16, &str)] = &[
        ("GET", "/nothing", "", "", 404, "not_found"),
        ("GET", "/api/v1/nothing", "", "", 404, "not_found"),
        ("GET", "/api/v1/ns/default/runs", "", "", 404, "namespace_reserved"),
        ("POST", "/api/v1/ns/other/runs", "application/json", "{}", 404, "namespace_reserved"),
        ("PATCH", "/api/v1/runs", "", "", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/workflows", "", "", 405, "method_not_allowed"),
        ("GET", "/api/v1/workflows/validate/", "", "", 404, "not_found"),
        ("GET", "/api/v1/runs?limit=0", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?limit=201", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?limit=x", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?curser=x", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?cursor=x", "", "", 400, "bad_cursor"),
        ("GET", "/api/v1/runs?status=done", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?label=x", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?since=yesterday", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?min_sequence=x", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs?min_sequence=999999999", "", "", 503, "view_behind"),
        ("GET", "/api/v1/agents?limit=1", "", "", 400, "bad_query"),
        ("GET", "/api/v1/tokens?limit=1", "", "", 400, "bad_query"),
        ("GET", "/api/v1/workflows/one/versions?limt=1", "", "", 400, "bad_query"),
        ("GET", "/api/v1/runs/x", "", "", 404, "unknown_run"),
        ("GET", &format!("/api/v1/runs/{nobody}"), "", "", 404, "unknown_run"),
        ("GET", &format!("/api/v1/runs/{nobody}/steps/a"), "", "", 404, "unknown_run"),
        ("GET", &format!("/api/v1/approvals/{nobody}"), "", "", 404, "unknown_approval"),
        ("POST", &format!("/api/v1/runs/{nobody}/cancel"), "application/json", "{}", 404, "unknown_run"),
        ("GET", "/api/v1/agents/nobody", "", "", 404, "unknown_agent"),
        ("GET", "/api/v1/workflows/Nobody", "", "", 404, "unknown_workflow"),
        ("DELETE", "/api/v1/tokens/nobody", "", "", 404, "unknown_token"),
        ("GET", "/api/v1/tree?subtree=nobody", "", "", 404, "unknown_actor"),
        (
            "POST",
            "/api/v1/tree/stop",
            "application/json",
            r#"{"path":"nobody","reason":"x"}"#,
            404,
            "unknown_actor",
        ),
        (
            "POST",
            "/api/v1/tree/stop",
            "application/json",
            r#"{"path":"core","reason":" "}"#,
            422,
            "invalid_value",
        ),
        ("POST", "/api/v1/workflows/one/runs", "application/json", "{", 400, "bad_json"),
        ("POST", "/api/v1/workflows/one/runs", "application/json", "[]", 400, "bad_json"),
        ("POST", "/api/v1/workflows/one/runs", "application/json", r#"{"imput":{}}"#, 400, "unknown_field"),
        (
            "POST",
            "/api/v1/workflows/one/runs",
            "application/json",
            r#"{"budget":{}}"#,
            422,
            "not_supported_yet",
        ),
        (
            "POST",
            "/api/v1/workflows/one/runs",
            "application/json",
            r#"{"version":9}"#,
            404,
            "unknown_version",
        ),
        ("POST", "/api/v1/workflows/one/runs", "text/plain", "{}", 415, "unsupported_media_type"),
        (
            "POST",
            "/api/v1/workflows/one/runs",
            "application/x-www-form-urlencoded",
            "input=1",
            415,
            "unsupported_media_type",
        ),
        ("POST", "/api/v1/workflows/two/runs", "application/json", "{}", 404, "unknown_workflow"),
        ("POST", "/api/v1/workflows", "text/plain", ONE, 415, "unsupported_media_type"),
        ("POST", "/api/v1/workflows", "application/yaml", "{", 422, "invalid_definition"),
        ("POST", "/api/v1/runs", "application/json", r#"{"definition":7}"#, 422, "invalid_value"),
        ("PUT", "/api/v1/agents/nobody", "application/yaml", "kind: [", 422, "invalid_definition"),
        (
            "PUT",
            "/api/v1/agents/noop",
            "application/yaml",
            "ghostlight: 1\nname: other\nkind: builtin\nbuiltin: noop\n",
            422,
            "name_mismatch",
        ),
        ("POST", "/api/v1/tokens", "application/json", r#"{"label":""}"#, 422, "invalid_value"),
        ("GET", "/api/v1/feed?types=nothing.*", "", "", 400, "bad_query"),
        ("GET", "/api/v1/feed?after=x", "", "", 400, "bad_query"),
    ];
    for (method, path, kind, body, status, code) in cases {
        let mut request = inside.request(method, path);
        if !kind.is_empty() {
            request = request.header("content-type", *kind).body((*body).to_owned());
        }
        let answer = inside.send(request).await;
        assert_eq!((answer.status, answer.code()), (*status, *code), "{method} {path} {body}\n{answer:?}");
        assert_eq!(answer.headers.contains_key("allow"), *status == 405, "{path}");
    }
    let near = inside.post("/api/v1/workflows/one/runs", &json!({"imput": {}})).await;
    assert!(near.body["detail"].as_str().unwrap().contains("did you mean `input`?"), "{near:?}");
}

#[tokio::test]
async fn a_body_over_its_size_is_refused_before_it_is_sent() {
    let inside = Inside::start_with(|settings| settings.body_bytes_max = 1_000);
    let large = json!({"label": "x".repeat(2_000)});
    let answer = inside.post("/api/v1/tokens", &large).await;
    assert_eq!((answer.status, answer.code()), (413, "body_too_large"));
}

async fn raw(inside: &Inside, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(inside.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn read_to_end(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset after the answer is an end too.
    let _ =
        tokio::time::timeout(Duration::from_secs(40), stream.read_to_end(&mut bytes)).await.expect("it ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// M8: a client that sends its body a byte at a time does not hold a connection.
#[tokio::test]
async fn a_slow_body_is_refused_and_its_connection_closed() {
    let inside = Inside::start();
    let head = format!(
        "POST /api/v1/tokens HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
        inside.address
    );
    let began = Instant::now();
    let stream = raw(&inside, &head).await;
    let (mut read, mut write) = stream.into_split();
    let drip = tokio::spawn(async move {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    let mut bytes = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(15), read.read_to_end(&mut bytes))
        .await
        .expect("it is closed");
    drip.abort();
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.starts_with("HTTP/1.1 408") && text.contains("body_too_slow"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_head_that_does_not_come_and_a_body_where_none_belongs_end_the_connection() {
    let inside = Inside::start();
    let slow = raw(&inside, "GET /healthz HTTP/1.1\r\nHost:").await;
    let body =
        format!("GET /api/v1/runs HTTP/1.1\r\nHost: {}\r\nContent-Length: 100000\r\n\r\nx", inside.address);
    let unexpected = raw(&inside, &body).await;
    let text = read_to_end(unexpected).await;
    assert!(text.starts_with("HTTP/1.1 400") && text.contains("unexpected_body"), "{text}");
    let began = Instant::now();
    let text = read_to_end(slow).await;
    assert!(text.is_empty() || text.starts_with("HTTP/1.1 408"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn garbage_is_answered_or_dropped_and_the_next_client_is_served() {
    let inside = Inside::start();
    for garbage in [
        "\0\0\0\0\r\n\r\n",
        "GET /%ff%fe HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /api/v1/runs/%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "POST /api/v1/tokens HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET /api/v1/runs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET http://evil.example/api/v1/runs HTTP/1.1\r\nConnection: close\r\n\r\n",
    ] {
        let text = read_to_end(raw(&inside, garbage).await).await;
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 4"), "{garbage:?}: {text}");
        assert_eq!(inside.get("/healthz").await.status, 200);
    }
}

#[tokio::test]
async fn the_document_and_its_page_are_served_and_the_tree_is_shown() {
    let inside = Inside::start();
    let document = inside.get("/api/v1/openapi.json").await.ok();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let page = inside.get("/api/docs").await;
    let html = page.body.as_str().unwrap();
    assert!(
        html.contains("/api/v1/runs/{id}/cancel") && !html.contains("http://") && !html.contains("https://")
    );
    assert_eq!(inside.get("/api/docs.css").await.status, 200);
    let tree = inside.get("/api/v1/tree").await.ok();
    let paths = tree.to_string();
    assert!(paths.contains("planner") && tree["children"].as_array().unwrap().len() >= 3, "{paths}");
    let ready = inside.get("/readyz?verbose").await.ok();
    assert_eq!((&ready["ready"], &ready["journal"]["available"]), (&json!(true), &json!(true)));
    let noop = inside.get("/api/v1/agents/noop").await.ok();
    assert_eq!((&noop["kind"], &noop["managed_by"]), (&json!("builtin"), &json!("built_in")));
}
