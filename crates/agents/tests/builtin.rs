//! The built-ins as they are built from definitions. Every output fits the schema of the catalogue.

#![allow(clippy::unwrap_used, missing_docs)]

mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use ghostlight_agents::{Call, CancelToken, ProgressSink};
use ghostlight_model::agent::{AgentDefinition, AgentKind, AllowEntry, Builtin, BuiltinCall, catalogue};
use ghostlight_model::failure::{ErrorClass, Failure};
use ghostlight_model::language::schema::Schema;
use serde_json::{Map, Value, json};
use support::server::{Script, Server, response};
use support::{House, call, definition};

fn definition_of(builtin: Builtin) -> AgentDefinition {
    definition(AgentKind::Builtin(BuiltinCall {
        builtin,
        allow: vec![
            AllowEntry::Net("127.0.0.0/8".parse().unwrap()),
            AllowEntry::Net("::1/128".parse().unwrap()),
        ],
        read: vec!["logs".into()],
        with: Map::new(),
    }))
}

async fn called(house: &House, builtin: Builtin, input: Value) -> Result<Value, Failure> {
    let entry = catalogue::entry(builtin);
    let schema = |document: &Value| Schema::compile(document).unwrap();
    assert_eq!(schema(&entry.input_schema).validate(&input), Ok(()), "{input}");
    let output = house.call(&definition_of(builtin), call(input)).await?.output;
    assert_eq!(schema(&entry.output_schema).validate(&output), Ok(()), "{output}");
    Ok(Arc::unwrap_or_clone(output))
}

fn page(status: &str, body: &str) -> Script {
    Script::Write(response(status, "text/plain", "", body))
}

#[tokio::test]
async fn noop_answers_many_thousand_times_a_second() {
    let agent = House::new().agent(&definition_of(Builtin::Noop));
    let call = call(json!({"n": 0, "text": "x".repeat(1000)}));
    let started = Instant::now();
    for _ in 0..20_000 {
        agent.call(call.clone(), ProgressSink::discard(), CancelToken::new()).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    let house = House::new();
    assert_eq!(called(&house, Builtin::Noop, json!({"n": 1})).await.unwrap(), json!({"n": 2}));
}

#[tokio::test]
async fn a_target_that_is_not_well_is_an_answer_and_no_failure() {
    let house = House::new();
    let probed = async |url: String| {
        let output =
            called(&house, Builtin::HttpProbe, json!({"url": url, "timeout": "300ms"})).await.unwrap();
        (output["healthy"].clone(), output["status"].clone(), output["error"].clone())
    };
    let answer = |healthy: bool, status: Value, error: Value| (json!(healthy), status, error);

    let well = Server::start(page("200 OK", "fine")).await;
    assert_eq!(probed(well.url()).await, answer(true, json!(200), Value::Null));
    assert_eq!(
        probed(format!("tcp://127.0.0.1:{}", well.port)).await,
        answer(true, Value::Null, Value::Null)
    );
    let sick = Server::start(page("503 No", "x")).await;
    assert_eq!(probed(sick.url()).await, answer(false, json!(503), json!("http_503")));
    let moved = Server::start(page("302 Found", "x")).await;
    assert_eq!(probed(moved.url()).await, answer(false, json!(302), json!("http_302")));
    let mute = Server::start(Script::WriteAndHang(Vec::new())).await;
    assert_eq!(probed(mute.url()).await, answer(false, Value::Null, json!("timeout")));
    let rude = Server::start(Script::Write(Vec::new())).await;
    assert_eq!(probed(rude.url()).await, answer(false, Value::Null, json!("connection_lost")));
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    for scheme in ["http", "tcp"] {
        let refused = answer(false, Value::Null, json!("connection_refused"));
        assert_eq!(probed(format!("{scheme}://{closed}")).await, refused);
    }
}

#[tokio::test]
async fn a_probe_of_what_is_not_allowed_is_refused() {
    let house = House::new();
    for url in [
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "tcp://10.0.0.1:22",
        "http://1.1.1.1/",
        "file:///etc/passwd",
    ] {
        let failure = called(&house, Builtin::HttpProbe, json!({"url": url})).await.unwrap_err();
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (ErrorClass::Configuration, "egress_refused"),
            "{url}"
        );
    }
    for (input, class) in [
        (json!({"url": "nonsense"}), ErrorClass::Configuration),
        (json!({"url": "tcp://a"}), ErrorClass::Configuration),
    ] {
        assert_eq!(called(&house, Builtin::HttpProbe, input).await.unwrap_err().class, class);
    }
}

#[tokio::test]
async fn metrics_of_a_sick_service_say_what_is_wrong() {
    let house = House::new();
    let sick =
        Server::start(page("200 OK", "pool_in_use{pool=\"db\"} 10\npool_size{pool=\"db\"} 10\nup 0\n")).await;
    let output =
        called(&house, Builtin::Metrics, json!({"url": sick.url(), "names": ["pool_*"]})).await.unwrap();
    assert_eq!(output["summary"], "up is down; pool_in_use{pool=\"db\"} is at its limit: 10 of 10");
    assert_eq!(output["metrics"].as_array().unwrap().len(), 2);
    let gone = Server::start(page("500 No", "")).await;
    let failure = called(&house, Builtin::Metrics, json!({"url": gone.url()})).await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (ErrorClass::Transient, "http_500"));
    let endless =
        Server::start(Script::Endless(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 65536])).await;
    let failure = called(&house, Builtin::Metrics, json!({"url": endless.url()})).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Budget);
}

#[tokio::test]
async fn log_analysis_reads_granted_folders_only() {
    let house = House::new();
    let logs = house.env.agents_dir.join("logs");
    std::fs::create_dir(&logs).unwrap();
    std::fs::write(logs.join("a.log"), "INFO ok\n".repeat(50) + &"ERROR pool exhausted\n".repeat(3)).unwrap();
    let output = called(&house, Builtin::LogAnalysis, json!({"path": logs.join("a.log")})).await.unwrap();
    assert_eq!(output["summary"], "new error since line 51 of 53: \"pool exhausted\" (3 times)");
    let failure = called(&house, Builtin::LogAnalysis, json!({"path": "/etc/passwd"})).await.unwrap_err();
    assert_eq!((failure.class, failure.code.as_str()), (ErrorClass::Configuration, "file_not_readable"));
}

#[tokio::test(start_paused = true)]
async fn parameters_come_from_the_definition_and_the_input_wins() {
    let house = House::new();
    let mut definition = definition_of(Builtin::Sleep);
    let AgentKind::Builtin(sleep) = &mut definition.kind else { unreachable!() };
    sleep.with.insert("ms".into(), json!(5));
    let slept = async |input: Value| {
        let call = Call { timeout: Duration::from_secs(3600), ..call(input) };
        house.call(&definition, call).await.unwrap().output["slept_ms"].clone()
    };
    assert_eq!(slept(json!({})).await, 5);
    assert_eq!(slept(json!({"ms": 7})).await, 7);
    let failure = called(&house, Builtin::Fail, json!({"class": "budget"})).await.unwrap_err();
    assert_eq!(failure.class, ErrorClass::Budget);
    assert!(called(&house, Builtin::Fail, json!({"times": 0})).await.is_ok());
}
