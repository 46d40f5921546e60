//! Each type of node over HTTP: what can be seen of it while it waits, and what can be done about it.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::Inside;
use serde_json::{Value, json};

async fn start(inside: &Inside, text: &str, input: Value) -> String {
    let name = text.lines().find_map(|line| line.strip_prefix("name: ")).unwrap();
    inside.post_yaml("/api/v1/workflows", text).await.ok();
    let started = inside.post(&format!("/api/v1/workflows/{name}/runs"), &json!({ "input": input })).await;
    started.header("location").to_owned()
}

fn find(list: &Value, key: &str, name: &str) -> Value {
    let items = list["items"].as_array().cloned().unwrap_or_default();
    items.into_iter().find(|item| item[key] == name).unwrap_or_default()
}

const SIGNAL: &str = "ghostlight: 1
name: signal
nodes:
  before: { type: wait, for: 1ms }
  go: { type: wait, needs: [before], signal: { name: go-on, timeout: 1h, schema: { type: object, required: [ok] } } }
  after: { type: transform, needs: [go], value: $go.ok }
output: $after
";

/// Shows S1-4.1n3.
#[tokio::test]
async fn a_signal_is_sent_once_under_its_key_and_refused_when_nobody_knows_it_or_it_does_not_fit() {
    let inside = Inside::start();
    let run = start(&inside, SIGNAL, json!({})).await;
    let steps =
        inside.until(&format!("{run}/steps"), |list| find(list, "path", "go")["reason"] == "signal").await;
    assert!(find(&steps, "path", "go")["until"].is_string(), "{steps}");
    let next = inside.get(&format!("{run}/next")).await.ok();
    let go = find(&next, "step", "go");
    assert_eq!((&go["waits_for"], &go["signal"]), (&json!("signal"), &json!("go-on")), "{next}");
    let after = find(&next, "step", "after");
    assert_eq!((&after["waits_for"], &after["waiting_on"][0]["node"]), (&json!("steps"), &json!("go")));

    let unknown = inside.post(&format!("{run}/signals/go-off"), &json!({})).await;
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("unknown_signal")));
    assert!(unknown.body["detail"].as_str().unwrap().contains("`go-on`"), "{}", unknown.body);
    let unfit = inside.post(&format!("{run}/signals/go-on"), &json!({"no": 1})).await;
    assert_eq!((unfit.status, &unfit.body["code"]), (422, &json!("invalid_input")), "{}", unfit.body);

    let send = || {
        inside
            .request("POST", &format!("{run}/signals/go-on"))
            .header("idempotency-key", "once")
            .json(&json!({"ok": 7}))
    };
    let (first, second) = (inside.send(send()).await, inside.send(send()).await);
    assert_eq!((first.status, second.status), (200, 200), "{} {}", first.body, second.body);
    let ended = inside.get(&format!("{run}?wait=10")).await.ok();
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!(7)));
    let events = inside.get(&format!("{run}/events?limit=200")).await.ok();
    let received =
        events["items"].as_array().unwrap().iter().filter(|event| event["type"] == "signal.received");
    assert_eq!(received.count(), 1);
    let late = inside.post(&format!("{run}/signals/go-on"), &json!({"ok": 1})).await;
    assert_eq!((late.status, &late.body["code"]), (409, &json!("run_state")));
}

const WIDE: &str = "ghostlight: 1
name: wide
max_parallel: 1
nodes:
  each: { type: map, over: $input.list, node: { type: agent_call, agent: sleep, input: { for: 1h } } }
  ask: { type: human_gate, action: Go on? }
";

/// Shows S1-4.3f.
#[tokio::test]
async fn items_are_steps_of_their_own_and_the_limit_of_a_live_run_is_changed() {
    let inside = Inside::start();
    let run = start(&inside, WIDE, json!({"list": [1, 2, 3]})).await;
    let list = inside
        .until(&format!("{run}/steps?status=running"), |list| {
            find(list, "path", "each.0")["status"] == "running"
        })
        .await;
    assert_eq!(find(&list, "path", "each")["items"], 3);
    let item = inside.get(&format!("{run}/steps/each.0")).await.ok();
    assert_eq!((&item["input"]["for"], &item["type"]), (&json!("1h"), &json!("agent_call")), "{item}");
    assert_eq!(inside.get(&format!("{run}/steps/each.3")).await.status, 404);
    let status = inside.get(&format!("{run}/status")).await.ok();
    assert_eq!(find(&json!({"items": status["current"]}), "path", "each.0")["agent"], "sleep");

    for (body, code) in [
        (json!({"max_parallel": 0}), "invalid_value"),
        (json!({}), "invalid_value"),
        (json!({"priority": 101}), "invalid_value"),
    ] {
        let refused = inside.send(inside.request("PATCH", &run).json(&body)).await;
        assert_eq!(refused.body["code"], code, "{body}");
    }
    let adjusted = inside.send(inside.request("PATCH", &run).json(&json!({"max_parallel": 2}))).await;
    assert_eq!(adjusted.status, 200, "{}", adjusted.body);
    inside
        .until(&format!("{run}/steps?status=running"), |list| {
            find(list, "path", "each.1")["status"] == "running"
        })
        .await;
    assert_eq!(inside.get(&run).await.ok()["max_parallel"], 2);
    inside.post(&format!("{run}/cancel"), &json!({})).await.ok();
    assert_eq!(inside.get(&format!("{run}?wait=20")).await.ok()["status"], "cancelled");
    let ended = inside.get(&format!("{run}/steps")).await.ok();
    let open = ended["items"].as_array().unwrap().iter().filter(|step| step["ended_at"].is_null());
    assert_eq!(open.count(), 0, "{ended}");
}

const CHILD: &str = "ghostlight: 1
name: child
input: { type: object, required: [n], properties: { n: { type: integer }, nap: { type: string } } }
nodes:
  nap: { type: agent_call, agent: sleep, input: { for: $input.nap } }
  out: { type: transform, needs: [nap], value: { n: $input.n } }
output: $out
";
const PARENT: &str = "ghostlight: 1
name: parent
nodes:
  sub: { type: workflow, workflow: child, input: $input }
  after: { type: transform, needs: [sub], value: $sub.n }
output: $after
";

/// Shows S3-7h.
#[tokio::test]
async fn a_run_starts_another_one_gets_its_output_and_cancels_it_with_itself() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", CHILD).await.ok();
    let run = start(&inside, PARENT, json!({"n": 3, "nap": "1ms"})).await;
    let ended = inside.get(&format!("{run}?wait=10")).await.ok();
    assert_eq!((&ended["status"], &ended["output"]), (&json!("completed"), &json!(3)), "{ended}");
    // Both sides name each other when all is over, in lists too.
    let (child, id) =
        (inside.get(&format!("{run}/steps/sub")).await.ok()["child"].clone(), ended["id"].clone());
    let list = inside.until("/api/v1/runs", |list| list["items"].as_array().unwrap().len() == 2).await;
    let listed = find(&list, "id", child.as_str().unwrap());
    assert_eq!((&listed["parent"], &listed["parent_step"]), (&id, &json!("sub")), "{list}");

    let run = inside
        .post("/api/v1/workflows/parent/runs", &json!({"input": {"n": 3, "nap": "1h"}}))
        .await
        .header("location")
        .to_owned();
    let waiting = inside.until(&format!("{run}/steps/sub"), |step| step["child"].is_string()).await;
    let child = format!("/api/v1/runs/{}", waiting["child"].as_str().unwrap());
    inside
        .until(&format!("{child}/steps?status=running"), |list| {
            find(list, "path", "nap")["status"] == "running"
        })
        .await;
    let shown = inside.get(&child).await.ok();
    assert_eq!(format!("/api/v1/runs/{}", shown["parent"].as_str().unwrap()), run);
    let answer = inside.post(&format!("{run}/cancel"), &json!({})).await;
    assert_eq!(answer.status, 202, "it ends when its child has");
    assert_eq!(inside.get(&format!("{run}?wait=20")).await.ok()["status"], "cancelled");
    assert_eq!(inside.get(&child).await.ok()["status"], "cancelled");
}

#[tokio::test]
async fn a_child_that_cannot_be_started_or_fails_says_why_in_its_parent() {
    let inside = Inside::start();
    let run = start(&inside, PARENT, json!({"n": 3})).await;
    let ended = inside.get(&format!("{run}?wait=10")).await.ok();
    assert_eq!(ended["error"]["code"], "child_not_started", "{ended}");
    inside.post_yaml("/api/v1/workflows", CHILD).await.ok();
    for (input, code, says) in [
        (json!({"n": "x", "nap": "1ms"}), "child_not_started", "input"),
        (json!({"n": 1, "nap": "soon"}), "child_failed", "failed"),
    ] {
        let run = inside
            .post("/api/v1/workflows/parent/runs", &json!({"input": input}))
            .await
            .header("location")
            .to_owned();
        let ended = inside.get(&format!("{run}?wait=10")).await.ok();
        assert_eq!((&ended["status"], &ended["error"]["code"]), (&json!("failed"), &json!(code)), "{ended}");
        assert!(ended["error"]["message"].as_str().unwrap().contains(says), "{ended}");
    }
}

/// Shows S1-4.3n3.
#[tokio::test]
async fn in_a_race_the_loser_is_stopped_and_the_run_goes_on_with_the_winner() {
    const RACE: &str = "ghostlight: 1
name: race
nodes:
  quick: { type: agent_call, agent: noop, input: { n: 1 } }
  slow: { type: agent_call, agent: sleep, input: { for: 1h } }
  won: { type: join, needs: [quick, slow], require: first_success }
output: $won
";
    let inside = Inside::start();
    let run = start(&inside, RACE, json!({})).await;
    let ended = inside.get(&format!("{run}?wait=20")).await.ok();
    assert_eq!((&ended["status"], &ended["result"]), (&json!("completed"), &json!("complete")), "{ended}");
    let slow = inside.get(&format!("{run}/steps/slow")).await.ok();
    assert_eq!((&slow["status"], &slow["lost_race"]), (&json!("cancelled"), &json!(true)), "{slow}");
}

const PLAN: &str = "ghostlight: 1
name: plan
nodes:
  a: { type: agent_call, agent: sleep, input: { for: 1h } }
  b: { type: transform, needs: [a], value: 1 }
";

/// Shows S1-4.1e.
#[tokio::test]
async fn the_plan_of_a_live_run_is_edited_where_nothing_has_begun_and_its_revisions_are_kept() {
    let inside = Inside::start();
    let run = start(&inside, PLAN, json!({})).await;
    inside
        .until(&format!("{run}/steps?status=running"), |list| find(list, "path", "a")["status"] == "running")
        .await;
    let edits = format!("{run}/plan/edits?reason=look");
    let changed = PLAN.replace("needs: [a], value: 1", "value: 2");
    let answer = inside.post_yaml(&edits, &changed).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    inside.until(&format!("{run}/steps/b"), |step| step["output"] == 2).await;
    let refused = inside.post_yaml(&edits, &changed.replace("for: 1h", "for: 1m")).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("plan_edit_refused")));
    assert_eq!(refused.body["violations"][0]["path"], "/nodes/a", "{}", refused.body);
    let broken = inside.post_yaml(&edits, &changed.replace("type: transform", "type: transfrom")).await;
    assert_eq!((broken.status, &broken.body["code"]), (422, &json!("invalid_definition")));
    let revisions = inside.get(&format!("{run}/plan/revisions")).await.ok();
    assert_eq!(revisions["items"].as_array().map(Vec::len), Some(2), "{revisions}");
    assert_eq!(
        (&revisions["items"][1]["revision"], &revisions["items"][1]["reason"]),
        (&json!(1), &json!("look"))
    );
    let plan = inside.get(&format!("{run}/plan")).await.ok();
    assert_eq!(plan["definition_hash"], revisions["items"][1]["definition_hash"]);
    inside.post(&format!("{run}/cancel"), &json!({})).await.ok();
}

const JUDGED: &str = "ghostlight: 1
name: judged
nodes:
  draft:
    type: agent_call
    agent: noop
    input: { score: $input.score, text: $input.text }
    success:
      schema: { type: object, required: [text] }
      assertions: [{ that: output.score >= 70, message: not good enough }]
      judge: { type: agent_call, agent: noop, input: { passed: $input.verdict, text: $output.text } }
      on_reject: escalate
output: $draft.text
";

/// Shows S4-AC4, S4-T4a, S4-T4b.
#[tokio::test]
async fn what_a_step_brings_is_judged_with_evidence_and_a_person_decides_where_it_will_not_do() {
    let inside = Inside::start();
    let good = json!({ "score": 80, "text": "fine", "verdict": true });
    let run = start(&inside, JUDGED, good).await;
    assert_eq!(inside.get(&format!("{run}?wait=10")).await.ok()["output"], "fine");
    let step = inside.get(&format!("{run}/steps/draft")).await.ok();
    assert_eq!(
        step["history"][0]["verdict"],
        json!({ "passed": true, "evidence": [
            { "criterion": "schema", "passed": true },
            { "criterion": "output.score >= 70", "passed": true },
            { "criterion": "judge", "passed": true, "detail": { "passed": true, "text": "fine" } },
        ] }),
        "{step}"
    );
    let judge = inside.get(&format!("{run}/steps/draft.judge")).await.ok();
    assert_eq!((&judge["status"], &judge["attempts"]), (&json!("completed"), &json!(1)), "{judge}");
    assert_eq!(judge["provenance"][1], json!({ "pointer": "/text", "from": "$output.text" }), "{judge}");
    let status = inside.get(&format!("{run}/status")).await.ok();
    assert_eq!(status["counts"], json!({ "completed": 1 }), "a judge is no step of the plan: {status}");

    let poor = json!({ "score": 60, "text": "poor", "verdict": true });
    let run = start(&inside, JUDGED, poor).await;
    let run_id = run.rsplit('/').next().unwrap().to_owned();
    let open = inside
        .until(&format!("/api/v1/approvals?run={run_id}"), |list| !list["items"][0].is_null())
        .await["items"][0]
        .clone();
    let impact = open["impact"].as_str().unwrap();
    assert!(impact.contains("not good enough") && impact.contains("\"text\":\"poor\""), "{open}");
    let id = open["id"].as_str().unwrap();
    inside.post(&format!("/api/v1/approvals/{id}/approve"), &json!({ "comment": "will do" })).await.ok();
    assert_eq!(inside.get(&format!("{run}?wait=10")).await.ok()["output"], "poor");
    let step = inside.get(&format!("{run}/steps/draft")).await.ok();
    let verdict = &step["history"][0]["verdict"];
    assert_eq!(verdict["passed"], true, "{step}");
    assert_eq!(verdict["evidence"][2], json!({ "criterion": "person", "passed": true, "detail": "will do" }));
}

const BOOKED: &str = "ghostlight: 1
name: booked
nodes:
  pay:
    type: tool_call
    tool: noop
    effect: write
    input: { id: 9 }
    compensate: { type: tool_call, tool: noop, effect: write, input: { back: $output.id, key: $key } }
  ask: { type: human_gate, action: Go on?, needs: [pay] }
";

/// Shows S3-3c, S3-7x, S3-6g, S3-8e.
#[tokio::test]
async fn cancelling_a_run_makes_good_what_it_did_and_killing_it_does_not() {
    let inside = Inside::start();
    for kill in [false, true] {
        let run = start(&inside, BOOKED, json!({})).await;
        inside.until(&format!("{run}/steps"), |list| find(list, "path", "ask")["reason"] == "approval").await;
        inside.post(&format!("{run}/cancel"), &json!({ "reason": "enough", "kill": kill })).await.ok();
        let ended = inside.get(&format!("{run}?wait=10")).await.ok();
        assert_eq!(ended["status"], "cancelled", "{ended}");
        assert_eq!(ended["not_compensated"], if kill { json!(["pay"]) } else { json!([]) }, "{ended}");
        let pay = inside.get(&format!("{run}/steps/pay")).await.ok();
        assert_eq!((&pay["status"], &pay["compensated"]), (&json!("completed"), &json!(!kill)), "{pay}");
        let undone = inside.get(&format!("{run}/steps/pay.compensate")).await;
        if kill {
            assert_eq!(undone.status, 404, "nothing was made good");
        } else {
            let key = pay["idempotency_key"].clone();
            assert_eq!(undone.ok()["input"], json!({ "back": 9, "key": key }));
        }
        let again = inside.post(&format!("{run}/cancel"), &json!({})).await;
        assert_eq!(again.status, 200, "cancelling twice is harmless: {}", again.body);
    }
}

/// What was answered under a key is answered again, before anything else is looked at.
#[tokio::test]
async fn an_edit_that_is_sent_again_is_answered_as_it_was_and_one_of_no_run_is_404() {
    let inside = Inside::start();
    let run = start(&inside, PLAN, json!({})).await;
    let changed = PLAN.replace("needs: [a], value: 1", "value: 2");
    let edit = |run: &str, text: &str| {
        let request = inside.request("POST", &format!("{run}/plan/edits")).header("idempotency-key", "edit");
        inside.send(request.header("content-type", "application/yaml").body(text.to_owned()))
    };
    let first = edit(&run, &changed).await;
    assert_eq!(first.status, 200, "{}", first.body);
    inside.post(&format!("{run}/cancel"), &json!({})).await.ok();
    inside.until(&run, |run| run["status"] == "cancelled").await;
    assert_eq!(edit(&run, &changed).await.body, first.body, "as it was answered, though the run has ended");
    let nobody = "/api/v1/runs/01980c00-0000-7000-8000-000000000000";
    let unknown = inside.post_yaml(&format!("{nobody}/plan/edits"), "no definition").await;
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("unknown_run")));
}

#[tokio::test]
async fn a_version_that_is_not_there_and_places_that_nobody_has_are_told_as_what_they_are() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", PLAN).await.ok();
    let missing = inside.post("/api/v1/workflows/plan/runs", &json!({ "version": 7 })).await;
    assert_eq!((missing.status, &missing.body["code"]), (404, &json!("unknown_version")), "{}", missing.body);
    let definition = json!({ "ghostlight": 1, "name": "w", "nodes": { "a": { "type": "agent_cal" } } });
    let refused = inside.post("/api/v1/runs", &json!({ "definition": definition })).await;
    let told = &refused.body["diagnostics"][0];
    assert_eq!((&told["path"], &told["line"]), (&json!("/nodes/a/type"), &json!(0)), "{}", refused.body);
}

const BRANCHES: &str = "ghostlight: 1
name: branches
nodes:
  fan: { type: parallel, branches: { left: [one, two], right: [nap] } }
  one: { type: agent_call, agent: noop }
  two: { type: transform, value: { n: 2 } }
  nap: { type: agent_call, agent: sleep, input: { for: 1h } }
";

/// Shows S1-4.3g.
#[tokio::test]
async fn a_run_shows_each_branch_with_the_counts_of_its_steps() {
    let inside = Inside::start();
    let run = start(&inside, BRANCHES, json!({})).await;
    let branch = |run: &Value, at: usize| run["branches"][at].clone();
    let status = inside
        .until(&format!("{run}/status"), |now| {
            branch(now, 0)["done"] == true && branch(now, 1)["counts"]["running"] == 1
        })
        .await;
    let left = json!({ "parallel": "fan", "name": "left", "steps": ["one", "two"], "counts": { "completed": 2 }, "done": true });
    let right = json!({ "parallel": "fan", "name": "right", "steps": ["nap"], "counts": { "running": 1 }, "done": false });
    assert_eq!(status["branches"], json!([left, right]));
    assert_eq!(inside.get(&run).await.ok()["branches"], status["branches"]);
    let list = inside.until("/api/v1/runs", |list| !list["items"][0].is_null()).await;
    assert!(list["items"][0]["branches"].is_null(), "lists show none");
    inside.post(&format!("{run}/cancel"), &json!({})).await;
    assert_eq!(inside.get(&format!("{run}?wait=20")).await.ok()["status"], "cancelled");
}

#[tokio::test]
async fn a_child_workflow_that_does_not_exist_is_a_warning_when_its_parent_is_saved() {
    let inside = Inside::start();
    let parent = "ghostlight: 1\nname: parent\nnodes: { a: { type: workflow, workflow: child } }\n";
    let told = inside.post_yaml("/api/v1/workflows", parent).await.ok();
    assert_eq!(
        (&told["diagnostics"][0]["code"], &told["diagnostics"][0]["line"]),
        (&json!("GL0508"), &json!(3)),
        "{told}"
    );
    let child = "ghostlight: 1\nname: child\nnodes: { a: { type: transform, value: 1 } }\n";
    inside.post_yaml("/api/v1/workflows", child).await.ok();
    let valid = inside.post_yaml("/api/v1/workflows/validate", parent).await.ok();
    assert_eq!((&valid["valid"], &valid["diagnostics"]), (&json!(true), &json!([])));
}

/// What is written in a definition is told when it is saved, and what a run brings when the call is made.
#[tokio::test]
async fn a_built_in_agent_says_what_it_takes_and_takes_nothing_else() {
    let inside = Inside::start();
    let sleep = inside.get("/api/v1/agents/sleep").await.ok();
    assert_eq!(sleep["input_schema"]["additionalProperties"], json!(false), "{sleep}");
    assert_eq!(sleep["output_schema"]["required"], json!(["slept_ms"]), "{sleep}");
    assert_eq!(inside.get("/api/v1/agents/noop").await.ok()["input_schema"], Value::Null);

    let nap = |input: &str| {
        format!(
            "ghostlight: 1\nname: nap\nnodes: {{ a: {{ type: agent_call, agent: sleep, input: {input} }} }}\n"
        )
    };
    let refused = inside.post_yaml("/api/v1/workflows", &nap("{ seconds: 1 }")).await;
    assert_eq!((refused.status, &refused.body["diagnostics"][0]["code"]), (422, &json!("GL0803")));
    let run = start(&inside, &nap("$input"), json!({"seconds": 1})).await;
    let ended = inside.get(&format!("{run}?wait=10")).await.ok();
    assert_eq!(ended["status"], "failed", "{ended}");
    let step = inside.get(&format!("{run}/steps/a")).await.ok();
    assert_eq!(step["error"]["code"], "input_schema_mismatch", "{step}");
    let run = inside.post("/api/v1/workflows/nap/runs", &json!({"input": {"ms": 1}})).await;
    let ended = inside.get(&format!("{}?wait=10", run.header("location"))).await.ok();
    assert_eq!(ended["status"], "completed", "{ended}");
}

const QUEUE: &str = "ghostlight: 1
name: queue
priority: -3
nodes:
  a: { type: agent_call, agent: one-at-a-time, input: { for: 1h } }
";
const ABOVE: &str = "ghostlight: 1
name: above
nodes:
  sub: { type: workflow, workflow: queue }
";

/// Shows S4-T4e.
#[tokio::test]
async fn the_more_urgent_run_is_given_the_next_slot_and_its_children_are_as_urgent() {
    let inside = Inside::start();
    let agent = json!({ "ghostlight": 1, "name": "one-at-a-time", "kind": "builtin", "builtin": "sleep", "limits": { "concurrency": 1 } });
    inside.send(inside.request("PUT", "/api/v1/agents/one-at-a-time").json(&agent)).await.ok();
    for file in [QUEUE, ABOVE] {
        inside.post_yaml("/api/v1/workflows", file).await.ok();
    }
    let start = async |name: &str, body: Value| {
        let started = inside.post(&format!("/api/v1/workflows/{name}/runs"), &body).await;
        assert_eq!(started.status, 201, "{}", started.body);
        started.header("location").to_owned()
    };
    let is_running = async |run: &str| {
        inside.until(&format!("{run}/steps"), |list| find(list, "path", "a")["status"] == "running").await
    };
    let waits = async |run: &str| {
        inside.until(&format!("{run}/next"), |next| find(next, "step", "a")["waits_for"] == "slot").await
    };
    let priority = async |run: &str, is: i64| inside.until(run, |run| run["priority"] == is).await;
    let adjust = async |run: &str, priority: i64| {
        inside.send(inside.request("PATCH", run).json(&json!({ "priority": priority }))).await.ok()
    };
    let cancel = async |run: &str| inside.post(&format!("{run}/cancel"), &json!({})).await.ok();

    let first = start("queue", json!({})).await;
    is_running(&first).await;
    assert_eq!(inside.get(&first).await.ok()["priority"], -3);
    let ordinary = start("queue", json!({})).await;
    waits(&ordinary).await;
    let parent = start("above", json!({ "priority": 50 })).await;
    let steps =
        inside.until(&format!("{parent}/steps"), |list| find(list, "path", "sub")["child"].is_string()).await;
    let child = format!("/api/v1/runs/{}", find(&steps, "path", "sub")["child"].as_str().unwrap());
    waits(&child).await;
    priority(&child, 50).await;
    let last = start("queue", json!({ "priority": -100 })).await;
    waits(&last).await;

    adjust(&last, 51).await;
    cancel(&first).await;
    is_running(&last).await;
    adjust(&parent, 70).await;
    priority(&child, 70).await;
    let list = inside.get("/api/v1/runs?workflow=queue").await.ok();
    let id = child.rsplit('/').next().unwrap();
    assert_eq!(find(&list, "id", id)["priority"], 70);
    let revisions = inside.get(&format!("{child}/plan/revisions")).await.ok();
    assert_eq!(revisions["items"][1]["priority"], 70, "{revisions}");
    cancel(&last).await;
    is_running(&child).await;
    adjust(&parent, -50).await;
    priority(&child, -3).await;
    cancel(&parent).await;
    is_running(&ordinary).await;
}
