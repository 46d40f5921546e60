//! The main job over HTTP: save a workflow, run it, watch it, answer for it.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{FAILS, GATE, Inside, LONG, ONE};
use serde_json::{Value, json};

async fn save(inside: &Inside, text: &str) {
    inside.post_yaml("/api/v1/workflows", text).await.ok();
}

/// Shows S0-APIa, S0-APIc, S3-6a, S3-6e, S3-6f, S3-6h, S3-6k, S3-6l, S3-10a.
#[tokio::test]
async fn a_workflow_is_saved_run_and_read_in_all_its_parts() {
    let inside = Inside::start();
    let saved = inside.post_yaml("/api/v1/workflows", ONE).await;
    assert_eq!((saved.status, saved.header("location")), (201, "/api/v1/workflows/one"));
    assert!(saved.header("ghostlight-sequence").parse::<u64>().unwrap() > 0);

    let begin = inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10");
    let started = inside.send(begin.json(&json!({"input": {"x": 1}, "labels": {"team": "ops"}}))).await;
    assert_eq!((started.status, started.header("preference-applied")), (201, "wait=10"));
    let run = started.body.clone();
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(run["result"], "complete");
    assert!(run.as_object().unwrap().contains_key("priority") && run["output"].is_object(), "{run}");
    let id = run["id"].as_str().unwrap();
    assert_eq!(started.header("location"), format!("/api/v1/runs/{id}"));

    let path = |part: &str| format!("/api/v1/runs/{id}{part}");
    let shown = inside.get(&path("")).await;
    let again = inside.request("GET", &path("")).header("if-none-match", shown.header("etag"));
    assert_eq!(inside.send(again).await.status, 304);
    let status = inside.get(&path("/status")).await.ok();
    assert_eq!((&status["progress"], &status["counts"]["completed"]), (&json!(1.0), &json!(1)));
    let steps = inside.get(&path("/steps")).await.ok();
    assert_eq!((&steps["items"][0]["status"], &steps["sequence"]), (&json!("completed"), &run["sequence"]));
    let step = inside.get(&path("/steps/a")).await.ok();
    assert_eq!(step["output"]["n"], 2, "{step}");
    assert_eq!(step["provenance"], json!([]), "{step}");
    assert_eq!(step["history"][0]["id"], "a@1");
    assert_eq!(step["idempotency_key"], format!("{id}/a/1"));
    let plan = inside.get(&path("/plan")).await.ok();
    assert_eq!(plan["critical_path"], json!(["a"]));
    assert_eq!(plan["makespans"], json!([{ "slots": 1, "ms": 0 }]));
    let timeline = inside.get(&path("/timeline")).await.ok();
    assert_eq!(timeline["spans"][0]["outcome"], "completed");
    let csv = inside.get(&path("/timeline?format=csv")).await;
    assert!(csv.body.as_str().unwrap().starts_with("kind,step,id"), "{csv:?}");
    assert!(inside.get(&path("/timeline?format=chrome")).await.ok()["traceEvents"].is_array());

    let events = inside.get(&path("/events?limit=2")).await.ok();
    assert_eq!(events["items"][0]["type"], "run.created");
    let next = events["next_cursor"].as_str().unwrap();
    let rest = inside.get(&path(&format!("/events?after={next}"))).await.ok();
    assert_eq!(rest["items"].as_array().unwrap().last().unwrap()["type"], "run.completed");

    for filter in
        ["status=completed", "workflow=one", "label=team%3Dops", "status=completed&label=team%3Dops"]
    {
        let list = inside.get(&format!("/api/v1/runs?{filter}")).await.ok();
        assert_eq!(list["items"][0]["id"], *id, "{filter}");
    }
    assert_eq!(inside.get("/api/v1/runs?status=failed").await.ok()["items"], json!([]));
    assert_eq!(inside.get(&format!("/api/v2/workflows/{id}/status")).await.ok(), status);
    assert_eq!(inside.get(&format!("/api/v2/workflows/{id}/agents/current")).await.ok()["items"], json!([]));

    let metrics = inside.get("/metrics").await.body;
    let metrics = metrics.as_str().unwrap();
    for line in [
        "ghostlight_runs_started_total{workflow=\"one\"} 1",
        "ghostlight_journal_commits_total",
        "ghostlight_http_request_duration_seconds_bucket",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

/// A person is asked while one branch is done and the other is not taken; the join waits for those that count.
const BRANCHES: &str = "ghostlight: 1\nname: branches\nnodes:\n  look: { type: agent_call, agent: noop, input: { n: $input.n } }\n  \
                        high: { type: condition, needs: [look], when: look.n > 10 }\n  \
                        low: { type: condition, needs: [look], when: look.n <= 10 }\n  \
                        alarm: { type: agent_call, agent: noop, needs: [high], input: { n: $look.n } }\n  \
                        calm: { type: agent_call, agent: noop, needs: [low] }\n  \
                        ask: { type: human_gate, needs: [look], action: Go on, risk: low }\n  \
                        all: { type: join, needs: [alarm, calm, ask], require: all }\n";

/// The answer to a start does not wait for the run, which is there to be looked at from then on.
/// Shows S0-1.3d, S2-1.1a, S2-1.1c, S2-1.1d, S3-6b, S3-6k, S3-8a, S3-8b, S3-8c, S3-10c.
#[tokio::test]
async fn a_workflow_with_branches_is_started_at_once_and_goes_the_way_its_values_say() {
    let inside = Inside::start();
    save(&inside, BRANCHES).await;
    assert_eq!(inside.get("/api/v1/workflows").await.ok()["items"][0]["name"], "branches");
    let started = inside.post("/api/v1/workflows/branches/runs", &json!({"input": {"n": 41}})).await;
    let path = started.header("location").to_owned();
    let run = started.ok();
    assert_eq!((run["status"].as_str(), &run["output"]), (Some("running"), &Value::Null), "{run}");
    let is = |list: &Value, path: &str| {
        let steps = list["items"].as_array().cloned().unwrap_or_default();
        steps.into_iter().find(|step| step["path"] == path).unwrap_or_default()
    };
    let steps = format!("{path}/steps");
    let list = inside.until(&steps, |list| is(list, "alarm")["status"] == "completed").await;
    assert_eq!(
        (&is(&list, "calm")["status"], &is(&list, "ask")["reason"]),
        (&json!("skipped"), &json!("approval"))
    );
    let join = is(&list, "all");
    assert_eq!((&join["status"], &join["needs"]), (&json!("pending"), &json!(["alarm", "calm", "ask"])));

    let approvals = "/api/v1/approvals?status=pending";
    let list = inside.until(approvals, |list| !list["items"][0].is_null()).await;
    let approve = format!("/api/v1/approvals/{}/approve", list["items"][0]["id"].as_str().unwrap());
    inside.post(&approve, &json!({})).await.ok();
    let ended = inside.get(&format!("{path}?wait=10")).await.ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    let all = &ended["output"]["all"];
    assert_eq!((&all["alarm"]["n"], &all["ask"]["decision"]), (&json!(43), &json!("approved")), "{ended}");
    assert!(all.get("calm").is_none(), "what was not taken gave nothing: {ended}");
}

/// Shows S3-3b, S3-8d.
#[tokio::test]
async fn a_step_that_fails_now_and_then_is_tried_again_until_it_succeeds() {
    let inside = Inside::start();
    save(
        &inside,
        "ghostlight: 1\nname: flaky\nnodes:\n  a:\n    type: agent_call\n    agent: fail\n    input: { times: 2, class: rate_limit }\n    \
         retry: { max_attempts: 3, backoff: exponential, initial: 1ms, max: 5ms }\n",
    )
    .await;
    let begin =
        inside.request("POST", "/api/v1/workflows/flaky/runs").header("prefer", "wait=10").json(&json!({}));
    let run = inside.send(begin).await.ok();
    assert_eq!((&run["status"], &run["output"]["a"]["attempt"]), (&json!("completed"), &json!(3)), "{run}");
    let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let step = inside.get(&format!("{path}/steps/a")).await.ok();
    let classes: Vec<_> =
        step["history"].as_array().unwrap().iter().map(|attempt| attempt["error"]["class"].clone()).collect();
    assert_eq!(classes, [json!("rate_limit"), json!("rate_limit"), Value::Null], "{step}");
    let events = inside.get(&format!("{path}/events")).await.ok();
    let waits = events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "step.retrying");
    assert_eq!(waits.filter(|event| event["data"]["retry_at"].is_string()).count(), 2, "{events}");
}

/// Any number of equal requests start one run (S2-1.1a).
#[tokio::test]
async fn sixty_four_equal_posts_with_one_key_make_one_run() {
    let inside = Inside::start();
    save(&inside, ONE).await;
    let post = |body: Value| {
        let request =
            inside.request("POST", "/api/v1/workflows/one/runs").header("idempotency-key", "k1").json(&body);
        inside.send(request)
    };
    let answers = futures::future::join_all((0..64).map(|_| post(json!({"input": {"a": 1}})))).await;
    let mut ids: Vec<&str> = Vec::new();
    for answer in &answers {
        match answer.status {
            201 => ids.push(answer.body["id"].as_str().unwrap()),
            _ => assert_eq!((answer.status, answer.code()), (409, "key_in_progress")),
        }
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 1);
    let replayed = post(json!({"input": {"a": 1}})).await;
    assert_eq!((replayed.status, replayed.body["id"].as_str().unwrap()), (201, ids[0]));
    let other = post(json!({"input": {"a": 2}})).await;
    assert_eq!((other.status, other.code()), (422, "key_reused"));
    assert_eq!(inside.get("/api/v1/runs").await.ok()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_question_is_answered_once_and_a_second_answer_gets_the_first() {
    let inside = Inside::start();
    save(&inside, GATE).await;
    let run = inside.post("/api/v1/workflows/gate/runs", &json!({"input": {"what": "it"}})).await.ok();
    let id = run["id"].as_str().unwrap();
    let pending = format!("/api/v1/approvals?status=pending&run={id}&risk=high");
    let list =
        inside.until(&pending, |list| list["items"].as_array().is_some_and(|items| items.len() == 1)).await;
    let approval = list["items"][0]["id"].as_str().unwrap().to_owned();
    let shown = inside.get(&format!("/api/v1/approvals/{approval}")).await.ok();
    assert_eq!((shown["action"].as_str(), shown["risk"].as_str()), (Some("Do it"), Some("high")));

    let approve = format!("/api/v1/approvals/{approval}/approve");
    let under_key =
        || inside.request("POST", &approve).header("idempotency-key", "once").json(&json!({"comment": "go"}));
    let first = inside.send(under_key()).await.ok();
    let again = inside.send(under_key()).await;
    assert_eq!((again.status, &again.body["run"]), (200, &first["run"]), "{again:?}");
    assert_eq!(again.body["sequence"], first["sequence"]);
    let other = inside.request("POST", &approve).header("idempotency-key", "once");
    let other = inside.send(other.json(&json!({"comment": "stop"}))).await;
    assert_eq!((other.status, other.code()), (422, "key_reused"));
    let second = inside.post(&format!("/api/v1/approvals/{approval}/reject"), &json!({})).await;
    assert_eq!((second.status, second.code()), (409, "already_decided"));
    assert_eq!(
        (&second.body["state"]["status"], &second.body["state"]["by"]),
        (&json!("approved"), &json!("local"))
    );
    let ended = inside.get(&format!("/api/v1/runs/{id}?wait=10")).await.ok();
    assert_eq!(ended["status"], "completed", "{ended}");
}

/// P14.
#[tokio::test]
async fn of_sixty_four_people_who_answer_at_once_one_decides_and_the_others_learn_how() {
    let inside = Inside::start();
    save(&inside, GATE).await;
    for question in 0..20 {
        let run = inside.post("/api/v1/workflows/gate/runs", &json!({"input": {"what": "it"}})).await.ok();
        let id = run["id"].as_str().unwrap();
        let pending = format!("/api/v1/approvals?status=pending&run={id}");
        let list = inside
            .until(&pending, |list| list["items"].as_array().is_some_and(|items| items.len() == 1))
            .await;
        let approval = list["items"][0]["id"].as_str().unwrap().to_owned();
        let answer = |person: usize| {
            let verb = if (person + question).is_multiple_of(2) { "approve" } else { "reject" };
            let path = format!("/api/v1/approvals/{approval}/{verb}");
            let inside = &inside;
            async move {
                let comment = json!({"comment": format!("person {person}")});
                (verb, inside.post(&path, &comment).await)
            }
        };
        let answers = futures::future::join_all((0..64).map(answer)).await;
        let (first, others): (Vec<_>, Vec<_>) = answers.iter().partition(|(_, answer)| answer.status == 200);
        let [(verb, _)] = first.as_slice() else { panic!("{} of 64 decided", first.len()) };
        let decided = if *verb == "approve" { "approved" } else { "rejected" };
        for (_, answer) in others {
            assert_eq!((answer.status, answer.code()), (409, "already_decided"));
            assert_eq!(answer.body["state"]["status"], decided);
        }
        inside.get(&format!("/api/v1/runs/{id}?wait=10")).await.ok();
        let shown = inside.get(&format!("/api/v1/approvals/{approval}")).await.ok();
        assert_eq!(shown["status"], decided);
        let events = inside.get(&format!("/api/v1/runs/{id}/events")).await.ok();
        let events = events["items"].as_array().unwrap();
        assert_eq!(events.iter().filter(|event| event["type"] == "approval.decided").count(), 1);
    }
}

/// Shows S0-APIc, S2-1.3a, S3-6g, S3-8e.
#[tokio::test]
async fn a_run_is_paused_resumed_and_cancelled_and_what_its_state_forbids_is_refused_with_it() {
    let inside = Inside::start();
    save(&inside, LONG).await;
    let run = inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok();
    let path = |verb: &str| format!("/api/v1/runs/{}{verb}", run["id"].as_str().unwrap());
    inside.until(&path("/steps?status=running"), |list| list["items"][0]["path"] == "nap").await;
    let current = format!("/api/v2/workflows/{}/agents/current", run["id"].as_str().unwrap());
    assert_eq!(inside.get(&current).await.ok()["items"][0]["agent"], "sleep");
    let pause = |reason: &str| {
        let request = inside.request("POST", &path("/pause")).header("idempotency-key", "p");
        inside.send(request.json(&json!({"reason": reason})))
    };
    let paused = pause("look").await.ok();
    assert_eq!(pause("look").await.ok()["sequence"], paused["sequence"]);
    let other = pause("another").await;
    assert_eq!((other.status, other.code()), (422, "key_reused"));
    assert_eq!(paused["status"], "paused");
    assert_eq!(inside.get(&path("")).await.ok()["reason"], "operator");
    assert_eq!(inside.post(&path("/resume"), &json!({})).await.ok()["status"], "running");
    let refused = inside.post(&path("/retry"), &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "run_state"));
    assert_eq!(refused.body["state"]["status"], "running");
    inside.post(&path("/cancel"), &json!({"reason": "enough"})).await.ok();
    let ended = inside.get(&path("?wait=10")).await.ok();
    assert_eq!(ended["status"], "cancelled");
}

/// Shows S1-4.1g, S2-1.3d.
#[tokio::test]
async fn a_failed_run_says_why_and_is_tried_again() {
    let inside = Inside::start();
    save(&inside, FAILS).await;
    let begin =
        inside.request("POST", "/api/v1/workflows/fails/runs").header("prefer", "wait=10").json(&json!({}));
    let run = inside.send(begin).await.ok();
    assert_eq!(
        (run["status"].as_str(), run["error"]["class"].as_str()),
        (Some("failed"), Some("data")),
        "{run}"
    );
    let path = format!("/api/v1/runs/{}", run["id"].as_str().unwrap());
    let retried =
        inside.request("POST", &format!("{path}/retry")).header("idempotency-key", "r1").json(&json!({}));
    inside.send(retried.try_clone().unwrap()).await.ok();
    inside.get(&format!("{path}?wait=10")).await.ok();
    inside.send(retried).await.ok();
    let step = inside.get(&format!("{path}/steps/a")).await.ok();
    assert_eq!(step["history"].as_array().unwrap().len(), 2, "the second request was the same one: {step}");
}

/// Shows S3-5j, S3-5k, S3-6j.
#[tokio::test]
async fn a_run_brings_its_own_definition_and_one_with_errors_is_refused_with_all_of_them() {
    let inside = Inside::start();
    let begin =
        inside.request("POST", "/api/v1/runs").header("prefer", "wait=10").json(&json!({"definition": ONE}));
    assert_eq!(inside.send(begin).await.ok()["version"], 0);
    let bad = "ghostlight: 1\nname: bad\nnodes:\n  a: { type: agent_call, agent: noop, needs: [b] }\n  c: { type: nonsense }\n";
    let refused = inside.post("/api/v1/runs", &json!({"definition": bad})).await;
    assert_eq!((refused.status, refused.code()), (422, "invalid_definition"));
    assert!(refused.body["diagnostics"].as_array().unwrap().len() >= 2, "{}", refused.body);
    let checked = inside.post_yaml("/api/v1/workflows/validate", bad).await.ok();
    assert_eq!(checked["valid"], false);
    assert!(checked["diagnostics"][0]["line"].as_u64().unwrap() > 0);
    let good = inside.post_yaml("/api/v1/workflows/validate", ONE).await.ok();
    assert_eq!((&good["valid"], &good["plan"]["width"]), (&json!(true), &json!(1)));
    assert_eq!(inside.get("/api/v1/workflows").await.ok()["items"], json!([]), "validating stores nothing");
}

/// Shows S3-6a, S3-6c, S3-6d.
#[tokio::test]
async fn a_workflow_is_edited_by_its_tag_deleted_and_restored() {
    let inside = Inside::start();
    let first = inside.post_yaml("/api/v1/workflows", ONE).await;
    let put = |text: String, tag: &str| {
        let request =
            inside.request("PUT", "/api/v1/workflows/one").header("content-type", "application/yaml");
        inside.send(request.header("if-match", tag).body(text))
    };
    let second = put(ONE.replace("n: 1", "n: 2"), first.header("etag")).await;
    assert_eq!((second.status, &second.body["version"]), (201, &json!(2)));
    let lost = put(ONE.replace("n: 1", "n: 3"), first.header("etag")).await;
    assert_eq!((lost.status, lost.code()), (412, "precondition_failed"));
    assert_eq!(lost.body["state"]["etag"], second.header("etag"));
    let same = put(ONE.replace("n: 1", "n: 2"), second.header("etag")).await;
    assert_eq!((same.status, &same.body["unchanged"]), (200, &json!(true)));
    let renamed = put(ONE.replace("name: one", "name: two"), second.header("etag")).await;
    assert_eq!((renamed.status, renamed.code()), (422, "name_mismatch"));
    assert_eq!(inside.get("/api/v1/workflows/one?version=1").await.ok()["version"], 1);
    assert_eq!(inside.get("/api/v1/workflows/one?version=9").await.code(), "unknown_version");
    assert_eq!(inside.get("/api/v1/workflows/one/versions").await.ok()["items"].as_array().unwrap().len(), 2);

    assert_eq!(inside.send(inside.request("DELETE", "/api/v1/workflows/one")).await.status, 204);
    let refused = inside.post("/api/v1/workflows/one/runs", &json!({})).await;
    assert_eq!((refused.status, refused.code()), (409, "workflow_deleted"));
    inside.post("/api/v1/workflows/one/restore", &json!({})).await.ok();
    assert_eq!(inside.post("/api/v1/workflows/one/runs", &json!({})).await.status, 201);
}

/// An attempt that says nothing is shown as stuck before its time is over, with its last sign of life. Shows S1-4.3n4.
#[tokio::test]
async fn a_silent_step_is_shown_as_stuck_with_its_last_sign_of_life() {
    const SILENT: &str = "ghostlight: 1\nname: silent\nnodes:\n  nap: { type: agent_call, agent: mute, input: {}, timeout: 4s }\n";
    // It takes connections, and says nothing to anybody.
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", mute.local_addr().unwrap());
    let agent =
        format!("ghostlight: 1\nname: mute\nkind: http\nurl: {url}\nallow: [127.0.0.0/8]\neffect: read\n");
    let inside = Inside::start_granting();
    let put = inside.request("PUT", "/api/v1/agents/mute").header("content-type", "application/yaml");
    inside.send(put.body(agent)).await.ok();
    save(&inside, SILENT).await;
    let started = inside.post("/api/v1/workflows/silent/runs", &json!({})).await;
    let path = started.header("location").to_owned();
    let step = format!("{path}/steps/nap");
    let running =
        inside.until(&step, |step| step["status"] == "running" && !step["last_sign_at"].is_null()).await;
    assert_eq!(running["reason"], Value::Null, "{running}");
    let stuck = inside.until(&step, |step| step["reason"] == "stuck").await;
    assert_eq!((&stuck["status"], &stuck["attempts"]), (&json!("running"), &json!(1)), "{stuck}");
    assert_eq!(stuck["last_sign_at"].as_str().map(|at| at.ends_with('Z')), Some(true), "{stuck}");
    let ended = inside.get(&format!("{path}?wait=10")).await.ok();
    assert_eq!(ended["error"]["class"], "timeout", "{ended}");
    let after = inside.get(&step).await.ok();
    assert_eq!((&after["reason"], &after["last_sign_at"]), (&Value::Null, &Value::Null), "{after}");
}
