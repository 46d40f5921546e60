//! Failed runs are opened again over HTTP: with another version, with another input, one and many, hazards first.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{Answer, FAILS, Inside, LONG};
use serde_json::{Value, json};

const HALF: &str = "ghostlight: 1
name: half
input: { type: object, properties: { n: { type: integer }, m: { type: integer } } }
nodes:
  a: { type: agent_call, agent: noop, input: { n: $input.n } }
  b: { type: agent_call, agent: fail, needs: [a], input: { class: data, message: nope } }
output: { a: $a.n, b: $b }
";

fn mended() -> String {
    HALF.replace(
        "agent: fail, needs: [a], input: { class: data, message: nope }",
        "agent: noop, needs: [a], input: { n: $input.m }",
    )
}

async fn save(inside: &Inside, text: &str) {
    inside.post_yaml("/api/v1/workflows", text).await.ok();
}

async fn next_version(inside: &Inside, name: &str, text: &str) {
    let put = inside.request("PUT", &format!("/api/v1/workflows/{name}"));
    inside.send(put.header("content-type", "application/yaml").body(text.to_owned())).await.ok();
}

/// The path of a run that has ended.
async fn ended(inside: &Inside, workflow: &str, body: &Value) -> String {
    let begin =
        inside.request("POST", &format!("/api/v1/workflows/{workflow}/runs")).header("prefer", "wait=10");
    let run = inside.send(begin.json(body)).await.ok();
    format!("/api/v1/runs/{}", run["id"].as_str().unwrap())
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

fn told(answer: &Answer) -> Vec<(&str, &str)> {
    let items = answer.body["items"].as_array().unwrap().iter();
    items
        .map(|item| (item["outcome"].as_str().unwrap(), item["error"]["code"].as_str().unwrap_or("")))
        .collect()
}

/// Shows S1-4.1g.
#[tokio::test]
async fn a_failed_run_goes_on_with_another_version_and_input_and_says_before_what_that_does() {
    let inside = Inside::start();
    save(&inside, HALF).await;
    let run = ended(&inside, "half", &json!({ "input": { "n": 1, "m": 1 } })).await;
    let retry = format!("{run}/retry");
    let unknown = inside.post(&retry, &json!({ "version": 2 })).await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown_version"));
    next_version(&inside, "half", &mended()).await;

    let body = json!({ "version": 2, "input": { "n": 5, "m": 6 }, "dry_run": true });
    let looked = inside.post(&retry, &body).await.ok();
    assert_eq!(looked["version"], 2);
    assert_eq!((&looked["again"], &looked["kept"]), (&json!(["b"]), &json!(["a"])));
    assert_eq!((&looked["stale"], &looked["attempted"]), (&json!(["a"]), &json!([])));
    assert_eq!(inside.get(&run).await.ok()["status"], "failed", "looking does nothing");
    let wrong = inside.post(&retry, &json!({ "input": { "n": "one" } })).await;
    assert_eq!((wrong.status, wrong.code()), (422, "invalid_input"));
    assert_eq!(wrong.body["violations"][0]["path"], "/n");

    inside.post(&retry, &json!({ "version": 2, "input": { "n": 5, "m": 6 } })).await.ok();
    let after = inside.get(&format!("{run}?wait=10")).await.ok();
    assert_eq!((&after["status"], &after["version"]), (&json!("completed"), &json!(2)), "{after}");
    assert_eq!(
        (&after["input"], &after["output"]),
        (&json!({ "n": 5, "m": 6 }), &json!({ "a": 2, "b": { "n": 7 } }))
    );
    assert_eq!(after["definition_hash"], looked["definition_hash"]);
    let listed = inside.get("/api/v1/runs?workflow=half").await.ok();
    assert_eq!(listed["items"][0]["version"], 2);
    assert_eq!(listed["items"][0]["definition_hash"], after["definition_hash"]);
    let revisions = inside.get(&format!("{run}/plan/revisions")).await.ok();
    assert_eq!(revisions["items"][1]["version"], 2, "{revisions}");
    let events = inside.get(&format!("{run}/events")).await.ok();
    assert_eq!(
        events["items"][0]["data"]["input"]["json"],
        json!({ "n": 1, "m": 1 }),
        "the journal keeps it"
    );
    assert_eq!(inside.get(&format!("{run}/steps/a")).await.ok()["attempts"], 1);
}

#[tokio::test]
async fn what_is_kept_has_to_be_in_the_version_as_it_was() {
    let inside = Inside::start();
    save(&inside, HALF).await;
    let run = ended(&inside, "half", &json!({ "input": { "n": 1, "m": 1 } })).await;
    let other = mended().replace("a: { type: agent_call", "a: { description: new, type: agent_call");
    next_version(&inside, "half", &other).await;
    for dry_run in [true, false] {
        let refused =
            inside.post(&format!("{run}/retry"), &json!({ "version": 2, "dry_run": dry_run })).await;
        assert_eq!((refused.status, refused.code()), (409, "plan_edit_refused"));
        assert_eq!(refused.body["violations"][0]["path"], "/nodes/a");
    }
}

const PAYS: &str = "ghostlight: 1
name: pays
nodes:
  pay: { type: tool_call, tool: fail, effect: write, input: { class: data, happened: 'yes' } }
";

/// Shows S1-4.1g.
#[tokio::test]
async fn a_write_that_may_have_happened_is_made_again_only_when_that_is_acknowledged() {
    let inside = Inside::start();
    save(&inside, PAYS).await;
    let run = ended(&inside, "pays", &json!({})).await;
    let retry = format!("{run}/retry");
    let looked = inside.post(&retry, &json!({ "dry_run": true })).await.ok();
    let write = json!({ "step": "pay", "effect": "write", "happened": "yes" });
    assert_eq!((&looked["attempted"], &looked["needs_acknowledgement"]), (&json!([write]), &json!(true)));
    let refused = inside.post(&retry, &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "writes_may_repeat"));
    assert_eq!(refused.body["state"], json!({ "count": 1, "writes": [write] }));
    inside.post(&retry, &json!({ "acknowledge_writes": true })).await.ok();
    let step = inside.get(&format!("{run}/steps/pay")).await.ok();
    assert_eq!(step["attempts"], 2, "{step}");
}

/// A retried request is answered as it was, whatever has become of the version since.
#[tokio::test]
async fn a_retry_with_a_version_is_done_once_under_its_key() {
    let inside = Inside::start();
    save(&inside, HALF).await;
    let run = ended(&inside, "half", &json!({ "input": { "n": 1, "m": 1 } })).await;
    next_version(&inside, "half", &mended()).await;
    let retry = || {
        let request = inside.request("POST", &format!("{run}/retry")).header("idempotency-key", "r");
        inside.send(request.json(&json!({ "version": 2 })))
    };
    let first = retry().await.ok();
    inside.get(&format!("{run}?wait=10")).await.ok();
    inside.send(inside.request("DELETE", "/api/v1/workflows/half")).await;
    assert_eq!(retry().await.ok(), first);
}

/// Shows S1-4.1g.
#[tokio::test]
async fn many_runs_are_retried_by_a_filter_and_each_says_what_became_of_it() {
    let inside = Inside::start();
    save(&inside, HALF).await;
    save(&inside, FAILS).await;
    let mut runs = Vec::new();
    for label in ["x", "x", "y"] {
        let body = json!({ "input": { "n": 1, "m": 1 }, "labels": { "team": label } });
        runs.push(ended(&inside, "half", &body).await);
    }
    let other = ended(&inside, "fails", &json!({})).await;
    next_version(&inside, "half", &mended()).await;
    let ask = json!({ "action": "retry", "version": 2,
        "filter": { "status": "failed", "workflow": "half", "label": "team=x" } });
    let mut look = ask.clone();
    look["dry_run"] = json!(true);
    let looked = inside.post("/api/v1/batches", &look).await;
    assert_eq!(told(&looked), [("would_be_done", ""); 2]);
    let would = &looked.body["items"][0]["would"];
    assert_eq!((&would["version"], &would["again"], &would["kept"]), (&json!(2), &json!(1), &json!(1)));
    let batch = || {
        let request = inside.request("POST", "/api/v1/batches").header("idempotency-key", "b");
        inside.send(request.json(&ask))
    };
    let first = batch().await;
    assert_eq!(told(&first), [("done", ""); 2]);
    assert_eq!(first.body["counts"], json!({ "runs": 2, "done": 2, "refused": 0 }));
    assert!(first.header("ghostlight-sequence").parse::<u64>().unwrap() > 0);
    for run in &runs[..2] {
        assert_eq!(inside.get(&format!("{run}?wait=10")).await.ok()["status"], "completed");
    }
    // By now the filter would find nothing; the request is the same, and so is its answer.
    assert_eq!(batch().await.body, first.body);
    assert_eq!(inside.get(&runs[2]).await.ok()["status"], "failed", "another label");
    assert_eq!(inside.get(&other).await.ok()["status"], "failed", "another workflow");

    let nobody = "01980c8e-2f4e-7c1a-9d5b-3a8f1c2e4b6d";
    let ids = json!([id(&runs[0]), nobody, id(&runs[2]), id(&runs[2])]);
    let mixed = inside.post("/api/v1/batches", &json!({ "action": "retry", "ids": ids })).await;
    assert_eq!(told(&mixed), [("refused", "run_state"), ("refused", "unknown_run"), ("done", "")]);
    assert_eq!(mixed.body["items"][0]["error"]["state"]["status"], "completed");
}

#[tokio::test]
async fn many_runs_are_cancelled_and_looked_at_before() {
    let inside = Inside::start();
    save(&inside, LONG).await;
    for _ in 0..3 {
        inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok();
    }
    let ask = |dry_run: bool| json!({ "action": "cancel", "filter": { "workflow": "long" }, "reason": "enough", "dry_run": dry_run });
    let looked = inside.post("/api/v1/batches", &ask(true)).await;
    assert_eq!(told(&looked), [("would_be_done", ""); 3]);
    assert_eq!(looked.body["items"][0]["status"], "running");
    let done = inside.post("/api/v1/batches", &ask(false)).await.ok();
    for item in done["items"].as_array().unwrap() {
        let ended = inside.get(&format!("/api/v1/runs/{}?wait=10", item["run"].as_str().unwrap())).await.ok();
        assert_eq!(ended["status"], "cancelled");
    }
}

#[tokio::test]
async fn a_batch_says_which_runs_it_means_and_how_many_it_takes() {
    let inside = Inside::start();
    let refused = async |body: Value| {
        let answer = inside.post("/api/v1/batches", &body).await;
        (answer.status, answer.code().to_owned())
    };
    let is = |status: u16, code: &str| (status, code.to_owned());
    assert_eq!(refused(json!({ "action": "retry", "filter": {} })).await, is(422, "empty_filter"));
    assert_eq!(refused(json!({ "action": "retry" })).await, is(422, "invalid_value"));
    let both = json!({ "action": "retry", "filter": { "status": "failed" }, "ids": [] });
    assert_eq!(refused(both).await, is(422, "invalid_value"));
    let word = json!({ "action": "retry", "filter": { "status": "broken" } });
    assert_eq!(refused(word).await, is(422, "invalid_value"));
    let foreign = json!({ "action": "cancel", "filter": { "status": "running" }, "version": 2 });
    assert_eq!(refused(foreign).await, is(422, "invalid_value"));
    let ids: Vec<String> = (0..1_001).map(|n| format!("01980c8e-2f4e-7c1a-9d5b-{n:012}")).collect();
    assert_eq!(refused(json!({ "action": "retry", "ids": ids })).await, is(422, "batch_too_large"));
    let none = inside
        .post("/api/v1/batches", &json!({ "action": "retry", "filter": { "status": "failed" } }))
        .await
        .ok();
    assert_eq!((&none["counts"]["runs"], &none["items"]), (&json!(0), &json!([])));
}
