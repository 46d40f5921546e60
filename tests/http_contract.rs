//! Where the daemon and its OpenAPI document once differed, as schemathesis found (`cargo xtask contract`).

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{Inside, ONE};
use serde_json::{Value, json};

#[tokio::test]
async fn the_bounds_of_a_query_hold_where_there_is_nothing_to_list_too() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let run = inside.post("/api/v1/workflows/one/runs", &json!({})).await.ok();
    let run = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    for path in [
        "/api/v1/templates/approval-chain/versions?limit=0",
        "/api/v1/templates/approval-chain/versions?limit=201",
        "/api/v1/workflows?min_sequence=%2B1",
        &format!("{run}?wait=61"),
        &format!("{run}?wait=18446744073709551615"),
    ] {
        let answer = inside.get(path).await;
        assert_eq!((answer.status, answer.code()), (400, "bad_query"), "{path}");
    }
    assert_eq!(inside.get(&format!("{run}?wait=60")).await.ok()["status"], "completed");
}

#[tokio::test]
async fn a_method_that_an_address_does_not_take_is_told_so_also_when_it_brings_a_body() {
    let inside = Inside::start();
    for (method, path, status, code) in [
        ("DELETE", "/api/v1/runs", 405, "method_not_allowed"),
        ("GET", "/api/v1/batches", 405, "method_not_allowed"),
        ("DELETE", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v1/runs", 400, "unexpected_body"),
        ("DELETE", "/api/v1/workflows/one", 400, "unexpected_body"),
    ] {
        let answer = inside.send(inside.request(method, path).json(&json!({"reason": "x"}))).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{method} {path}");
        assert_eq!(answer.headers.contains_key("allow"), status == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn a_payload_of_a_signal_is_any_json_value() {
    let inside = Inside::start();
    let waits =
        "ghostlight: 1\nname: waits\nnodes:\n  wait: { type: wait, signal: { name: go } }\noutput: $wait\n";
    inside.post_yaml("/api/v1/workflows", waits).await.ok();
    for payload in [json!([1, {"a": []}]), json!("go"), json!(null), json!(7)] {
        let run = inside.post("/api/v1/workflows/waits/runs", &json!({})).await.ok();
        let run = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
        inside.post(&format!("{run}/signals/go"), &payload).await.ok();
        assert_eq!(inside.get(&format!("{run}?wait=10")).await.ok()["output"], payload);
    }
}

#[tokio::test]
async fn a_filter_of_a_batch_is_an_object_and_a_list_is_not_read_as_its_fields() {
    let inside = Inside::start();
    for filter in [json!(["running"]), json!([])] {
        let ask = json!({"action": "cancel", "filter": filter});
        let answer = inside.post("/api/v1/batches", &ask).await;
        assert_eq!((answer.status, answer.code()), (400, "bad_json"), "{filter}");
    }
    let ask = json!({"action": "cancel", "filter": {"status": "running"}});
    assert_eq!(inside.post("/api/v1/batches", &ask).await.ok()["counts"]["runs"], 0);
}

#[tokio::test]
async fn no_reason_is_longer_than_4_kib() {
    let inside = Inside::start();
    let long = "x".repeat(4_097);
    for (path, body) in [
        ("/api/v1/agents/noop/disable", json!({"reason": long})),
        ("/api/v1/tree/restart", json!({"path": "views/feed", "reason": long})),
    ] {
        let answer = inside.post(path, &body).await;
        assert_eq!((answer.status, answer.code()), (422, "invalid_value"), "{path}");
    }
}

/// What the document says of a header holds wherever it is honoured, whatever else the request is.
#[tokio::test]
async fn a_header_without_its_form_is_refused_wherever_it_is_honoured() {
    let inside = Inside::start();
    let document = inside.get("/api/v1/openapi.json").await.ok();
    let malformed = [("Idempotency-Key", "x".repeat(256)), ("If-Match", "\"no end".to_owned())];
    let mut refused = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let place = path.replace(['{', '}'], "");
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<&Value> = parameters.map(|parameter| &parameter["name"]).collect();
            for (name, value) in malformed.iter().filter(|(name, _)| names.contains(&&json!(name))) {
                let request = inside.request(&method.to_uppercase(), &place).header(*name, value);
                let answer = inside.send(request).await;
                assert_eq!((answer.status, answer.code()), (400, "bad_header"), "{method} {path} {name}");
                refused += 1;
            }
        }
    }
    assert!(refused > 40, "{refused}");
}

#[tokio::test]
async fn a_timeline_for_trace_viewers_is_as_documented() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let begin = inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10");
    let run = inside.send(begin.json(&json!({}))).await.ok();
    let path = format!("/api/v1/runs/{}/timeline", run["id"].as_str().unwrap());
    let document = inside.get("/api/v1/openapi.json").await.ok();
    let answers = &document["paths"]["/api/v1/runs/{id}/timeline"]["get"]["responses"]["200"]["content"];
    assert!(answers["text/csv"].is_object() && answers["application/json"].is_object(), "{answers}");
    let trace = inside.get(&format!("{path}?format=chrome")).await.ok();
    let required = &document["components"]["schemas"]["Trace"]["required"];
    for field in required.as_array().unwrap() {
        assert!(!trace[field.as_str().unwrap()].is_null(), "{field} in {trace}");
    }
    assert_eq!(
        inside.get(&format!("{path}?format=csv")).await.header("content-type"),
        "text/csv; charset=utf-8"
    );
}
