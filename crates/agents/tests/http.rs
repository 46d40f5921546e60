//! The HTTP protocol, spoken with real servers that send scripted bytes, most of them hostile.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ghostlight_agents::{Call, CancelToken, Outcome, Progress, ProgressSink, progress_channel};
use ghostlight_model::agent::{
    AgentDefinition, AgentKind, AllowEntry, HttpCall, HttpMethod, SecretText, StatusRule,
};
use ghostlight_model::event::Usage;
use ghostlight_model::failure::{EffectClass, ErrorClass, Failure, Happened};
use serde_json::{Value, json};
use support::server::{Script, Server, response};
use support::{House, call, definition};

fn http(url: &str) -> AgentDefinition {
    definition(AgentKind::Http(HttpCall {
        url: url.to_owned(),
        method: HttpMethod::Post,
        headers: BTreeMap::new(),
        allow: vec![AllowEntry::Net("127.0.0.0/8".parse().unwrap())],
        response_bytes_max: 100_000,
        errors: vec![
            StatusRule { status: 409, class: ErrorClass::Transient, retry_safe: false },
            StatusRule { status: 599, class: ErrorClass::Capability, retry_safe: true },
        ],
    }))
}

fn http_of(definition: &mut AgentDefinition) -> &mut HttpCall {
    let AgentKind::Http(http) = &mut definition.kind else { unreachable!() };
    http
}

async fn outcome_of(script: Script) -> Outcome {
    let server = Server::start(script).await;
    House::new().call(&http(&server.url()), call(json!({"a": 1}))).await
}

async fn output_of(bytes: Vec<u8>) -> Value {
    Arc::unwrap_or_clone(outcome_of(Script::Write(bytes)).await.unwrap().output)
}

async fn check(script: Script, class: ErrorClass, code: &str, happened: Happened) -> Failure {
    let failure = outcome_of(script).await.unwrap_err();
    assert_eq!(
        (failure.class, failure.code.as_str(), failure.happened),
        (class, code, happened),
        "{failure:?}"
    );
    failure
}

fn ok(body: &str) -> Vec<u8> {
    response("200 OK", "application/json", "", body)
}

fn ndjson(body: &str) -> Vec<u8> {
    response("200 OK", "application/x-ndjson; charset=utf-8", "", body)
}

#[tokio::test]
async fn the_server_gets_the_document_with_the_headers_of_the_protocol_and_its_json_is_the_output() {
    let server = Server::start(Script::Write(ok("{\"ok\":true}"))).await;
    let house = House::new();
    let key = house.dir.path().join("key");
    std::fs::write(&key, "s3cr3t-value").unwrap();
    let mut definition = http(&server.url());
    let secret = SecretText::parse(&format!("Bearer ${{file:{}}}", key.display())).unwrap();
    http_of(&mut definition).headers.insert("authorization".into(), secret);
    let call = Call { traceparent: Some("00-aa-bb-01".into()), ..call(json!({"a": 1})) };
    let answer = house.call(&definition, call.clone()).await.unwrap();
    assert_eq!(*answer.output, json!({"ok": true}));

    let request = server.requests.lock().unwrap().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    for line in [
        "POST /call HTTP/1.1",
        "ghostlight-protocol: 1",
        "content-type: application/json",
        "traceparent: 00-aa-bb-01",
        "authorization: Bearer s3cr3t-value",
        &format!("idempotency-key: {}", call.idempotency_key),
        &format!("host: 127.0.0.1:{}", server.port),
    ] {
        assert!(head.lines().any(|found| found == line), "{line} in {head}");
    }
    assert!(!head.contains("accept-encoding"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["input"], json!({"a": 1}));
    assert_eq!(body.get("protocol"), None);
}

#[tokio::test]
async fn a_stream_of_typed_lines_is_read_as_it_comes_and_ends_with_the_result() {
    let body = "{\"type\":\"token\",\"text\":\"he\"}\n{\"type\":\"token\",\"text\":\"llo\"}\n\
                {\"type\":\"usage\",\"input_tokens\":5}\n{\"type\":\"result\",\"output\":[1]}\n";
    let mut bytes = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\n\r\n".to_vec();
    bytes.extend_from_slice(body.as_bytes());
    // The connection stays open: the result is final all the same.
    let server = Server::start(Script::WriteAndHang(bytes)).await;
    let (sink, mut receiver) = progress_channel();
    let agent = House::new().agent(&http(&server.url()));
    let answer = agent.call(call(json!({})), sink, CancelToken::new()).await.unwrap();
    let used = Usage { input_tokens: 5, output_tokens: 0 };
    assert_eq!((&*answer.output, answer.usage), (&json!([1]), used));
    assert_eq!(receiver.recv().await, Some(Progress::Token("hello".into())));
    assert_eq!(receiver.recv().await, Some(Progress::Usage(used)));
    assert_eq!(receiver.recv().await, None);
}

#[tokio::test]
async fn answers_are_taken_as_the_protocol_says() {
    assert_eq!(output_of(ok(" null ")).await, Value::Null);
    assert_eq!(output_of(response("201 Created", "text/plain", "", "[1]")).await, json!([1]));
    assert_eq!(output_of(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()).await, Value::Null);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n2\r\n2]\r\n0\r\nx-trailer: 1\r\n\r\n";
    assert_eq!(output_of(chunked.into()).await, json!([1, 2]));
    let early = [b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n".to_vec(), ok("1")].concat();
    assert_eq!(output_of(early).await, json!(1));
    let twice = [ok("1"), ok("2")].concat();
    assert_eq!(output_of(twice).await, json!(1), "answers twice");
    assert_eq!(output_of(ok("{\"a\":1,\"a\":2}")).await, json!({"a": 2}));
}

#[tokio::test]
async fn what_is_no_answer_is_a_bug_of_the_agent() {
    use ErrorClass::AgentBug;
    let unknown = Happened::Unknown;
    let html = response("200 OK", "text/html", "", "<html>");
    check(Script::Write(html), AgentBug, "output_not_json", unknown).await;
    check(Script::Write(ok("")), AgentBug, "no_result", unknown).await;
    check(Script::Write(ok("{\"a\":\"\u{7f}")), AgentBug, "output_not_json", unknown).await;
    check(Script::Write(ok(&"[".repeat(10_000))), AgentBug, "output_not_json", unknown).await;
    let invalid = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\"\xff\xfe\"".to_vec();
    check(Script::Write(invalid), AgentBug, "output_not_json", unknown).await;
    check(Script::Write(ndjson("{\"type\":\"progress\"}\n")), AgentBug, "no_result", unknown).await;
    check(Script::Write(ndjson("{\"type\":\"progress\"}\nnoise\n")), AgentBug, "protocol_violation", unknown)
        .await;
    check(Script::Write(ndjson("[1]")), AgentBug, "protocol_violation", unknown).await;
    let bomb = response("200 OK", "application/json", "content-encoding: gzip\r\n", "\u{1f}x");
    check(Script::Write(bomb), AgentBug, "response_encoded", unknown).await;
}

#[tokio::test]
async fn too_much_is_cut_off_at_the_limit() {
    use ErrorClass::Budget;
    let unknown = Happened::Unknown;
    let head = |extra: &str| format!("HTTP/1.1 200 OK\r\n{extra}\r\n").into_bytes();
    let endless = |first: Vec<u8>| Script::Endless(first, vec![b' '; 8192]);
    check(endless(head("")), Budget, "output_too_long", unknown).await;
    check(endless(head("content-length: 10000000000\r\n")), Budget, "output_too_long", unknown).await;
    check(endless(head("content-type: application/x-ndjson\r\n")), Budget, "output_too_long", unknown).await;
    let chunks = Script::Endless(head("transfer-encoding: chunked\r\n"), b"4\r\n    \r\n".repeat(1000));
    check(chunks, Budget, "output_too_long", unknown).await;
    let failure =
        outcome_of(Script::Endless(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x: y\r\n".repeat(1000))).await;
    assert_eq!(failure.unwrap_err().happened, unknown, "a head without end");
    let status = Script::Endless(
        b"HTTP/1.1 500 No\r\ncontent-type: application/problem+json\r\n\r\n".into(),
        vec![b' '; 999],
    );
    check(status, ErrorClass::Transient, "http_500", unknown).await;
}

#[tokio::test]
async fn a_connection_that_is_lost_may_have_had_its_effect() {
    use ErrorClass::Transient;
    let unknown = Happened::Unknown;
    check(Script::Write(Vec::new()), Transient, "connection_lost", unknown).await;
    check(Script::Write(b"HTTP/1.1 200 OK\r\nconte".to_vec()), Transient, "connection_lost", unknown).await;
    let short = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1]".to_vec();
    check(Script::Write(short.clone()), Transient, "connection_lost", unknown).await;
    check(Script::Reset(short), Transient, "connection_lost", unknown).await;
    let stream = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: 99\r\n\r\n{\"type\":\"progress\"}\n";
    check(Script::Write(stream.to_vec()), Transient, "connection_lost", unknown).await;
    check(Script::Write(b"SSH-2.0-OpenSSH\r\n".to_vec()), Transient, "connection_lost", unknown).await;
}

#[tokio::test]
async fn a_read_that_is_lost_has_not_happened() {
    let server = Server::start(Script::Write(Vec::new())).await;
    let call = Call { effect: EffectClass::Read, ..call(json!({})) };
    let failure = House::new().call(&http(&server.url()), call).await.unwrap_err();
    assert_eq!(failure.happened, Happened::No);
}

#[tokio::test]
async fn what_never_left_has_not_happened() {
    let house = House::new();
    let failed = async |url: &str| {
        let mut definition = http(url);
        http_of(&mut definition)
            .allow
            .push(AllowEntry::HostPort { host: "no-such-host.invalid".into(), port: 80 });
        house.call(&definition, call(json!({}))).await.unwrap_err()
    };
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let refused = failed(&format!("http://{closed}/")).await;
    assert_eq!((refused.code.as_str(), refused.happened), ("connection_refused", Happened::No));
    let unresolved = failed("http://no-such-host.invalid/").await;
    assert_eq!((unresolved.code.as_str(), unresolved.happened), ("dns_failed", Happened::No));
    let server = Server::start(Script::Blurt(ok("1"))).await;
    let tls = failed(&format!("https://127.0.0.1:{}/", server.port)).await;
    assert_eq!((tls.class, tls.happened), (ErrorClass::Configuration, Happened::No), "{tls:?}");
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_refused_without_saying_where() {
    let server = Server::start(Script::Write(ok("1"))).await;
    let house = House::new();
    let url = format!("https://localhost:{}/", server.port);
    let mut definition = http(&url);
    http_of(&mut definition).allow.clear();
    let failure = house.call(&definition, call(json!({}))).await.unwrap_err();
    assert_eq!((failure.class, failure.happened), (ErrorClass::Configuration, Happened::No));
    assert_eq!(failure.message, "refused by egress policy");
    assert!(server.requests.lock().unwrap().is_empty());

    http_of(&mut definition).url = format!("http://localhost:{}/", server.port);
    http_of(&mut definition).allow =
        vec![AllowEntry::HostPort { host: "localhost".into(), port: server.port }];
    house.call(&definition, call(json!({}))).await.unwrap();
    http_of(&mut definition).allow =
        vec![AllowEntry::HostPort { host: "localhost".into(), port: server.port ^ 1 }];
    assert_eq!(house.call(&definition, call(json!({}))).await.unwrap_err().code, "egress_refused");
    // Literals are refused when the agent is made.
    http_of(&mut definition).url = server.url();
    assert!(ghostlight_agents::build(&definition, &house.env).is_err());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::start(Script::Write(ok("1"))).await;
    for location in [target.url(), "http://169.254.169.254/latest/meta-data/".into(), "/loop".into()] {
        let bytes = response("302 Found", "text/html", &format!("location: {location}\r\n"), "");
        check(Script::Write(bytes), ErrorClass::Configuration, "http_302", Happened::Unknown).await;
    }
    assert!(target.requests.lock().unwrap().is_empty());
}

/// Shows S3-3b.
#[tokio::test]
async fn refusals_say_class_effect_and_wait() {
    use ErrorClass::{Capability, Credential, Data, RateLimit, Transient};
    let refusal = |status: &str, kind: &str, headers: &str, body: &str| {
        Script::Write(response(status, kind, headers, body))
    };
    let plain = |status: &str| refusal(status, "text/plain", "", "secret internals");
    let failure = check(plain("401 No"), Credential, "http_401", Happened::No).await;
    assert_eq!(failure.message, "the server answered 401");
    check(plain("422 No"), Data, "http_422", Happened::No).await;
    check(plain("500 No"), Transient, "http_500", Happened::Unknown).await;
    check(plain("409 No"), Transient, "http_409", Happened::No).await;
    check(plain("599 No"), Capability, "http_599", Happened::No).await;

    let slow = refusal("429 No", "text/plain", "retry-after: 7\r\n", "");
    assert_eq!(check(slow, RateLimit, "http_429", Happened::No).await.retry_after_ms, Some(7000));
    let past = refusal("503 No", "text/plain", "retry-after: Wed, 21 Oct 2015 07:28:00 GMT\r\n", "");
    assert_eq!(check(past, Transient, "http_503", Happened::Unknown).await.retry_after_ms, Some(0));

    let problem = r#"{"title":"t","detail":"queue\u001b[1m full","code":"queue-full","class":"rate_limit","happened":"no","retry_after":"2s"}"#;
    let failure = check(
        refusal("500 No", "application/problem+json", "retry-after: 9\r\n", problem),
        RateLimit,
        "queue_full",
        Happened::No,
    )
    .await;
    assert_eq!(failure.message, "the server answered 500: queue[1m full");
    assert_eq!(failure.retry_after_ms, Some(2000));
    check(refusal("200 OK", "application/problem+json", "", problem), RateLimit, "queue_full", Happened::No)
        .await;
    check(
        refusal("500 No", "application/problem+json", "", "garbage"),
        Transient,
        "http_500",
        Happened::Unknown,
    )
    .await;
    // The definition's table wins, and JSON that is no problem document says nothing about the effect.
    check(refusal("409 No", "application/problem+json", "", problem), Transient, "queue_full", Happened::No)
        .await;
    check(refusal("500 No", "application/json", "", problem), Transient, "http_500", Happened::Unknown).await;
}

#[tokio::test]
async fn the_timeout_is_kept_whatever_the_server_does() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n".to_vec();
    for script in [
        Script::WriteAndHang(Vec::new()),
        Script::WriteAndHang(b"HTTP/1.1 200 O".to_vec()),
        Script::WriteAndHang(head),
        Script::Endless(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
    ] {
        let server = Server::start(script).await;
        let call = Call { timeout: Duration::from_millis(300), ..call(json!({})) };
        let started = Instant::now();
        let failure = House::new().call(&http(&server.url()), call).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.happened),
            (ErrorClass::Timeout, Happened::Unknown),
            "{failure:?}"
        );
        assert!(started.elapsed() < Duration::from_millis(1000), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn silence_and_cancel_end_an_attempt() {
    let server = Server::start(Script::WriteAndHang(b"HTTP/1.1 200 OK\r\n\r\n[".to_vec())).await;
    let silent = Call { heartbeat: Some(Duration::from_millis(200)), ..call(json!({})) };
    let failure = House::new().call(&http(&server.url()), silent).await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (ErrorClass::Timeout, "heartbeat_lost"));

    let cancel = CancelToken::new();
    let agent = House::new().agent(&http(&server.url()));
    let attempt = tokio::spawn(agent.call(call(json!({})), ProgressSink::discard(), cancel.clone()));
    while server.requests.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    let failure = attempt.await.unwrap().unwrap_err();
    assert_eq!((failure.class, failure.happened), (ErrorClass::Cancelled, Happened::Unknown));
}

#[tokio::test]
async fn headers_of_the_connection_cannot_be_set_and_values_cannot_split_the_request() {
    let house = House::new();
    for name in ["Host", "content-length", "transfer-encoding"] {
        let mut definition = http("http://127.0.0.1:1/");
        http_of(&mut definition).headers.insert(name.into(), SecretText::parse("x").unwrap());
        assert!(ghostlight_agents::build(&definition, &house.env).is_err(), "{name}");
    }
    let mut definition = http("http://127.0.0.1:1/");
    http_of(&mut definition).headers.insert("x".into(), SecretText::parse("a\r\nb: c").unwrap());
    let failure = house.call(&definition, call(json!({}))).await.unwrap_err();
    assert_eq!((failure.code.as_str(), failure.happened), ("header_invalid", Happened::No));
}
