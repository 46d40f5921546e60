//! `Idempotency-Key` over HTTP: what is asked under a key is done once, whatever the verb, and answered again as it was.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use ghostlight_actors::IdempotencyKey;
use ghostlight_actors::keys::Begun;
use inside::{Answer, GATE, Inside, LONG, ONE};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const MINE: &str = "ghostlight: 1\nname: mine\nkind: builtin\nbuiltin: noop\n";

/// A request: method, path, media type and body.
#[derive(Debug, Clone)]
struct Ask(&'static str, String, &'static str, String);

impl Ask {
    fn yaml(method: &'static str, path: &str, text: &str) -> Self {
        Self(method, path.to_owned(), "application/yaml", text.to_owned())
    }

    fn put(path: &str, body: &Value) -> Self {
        Self("PUT", path.to_owned(), "application/json", body.to_string())
    }

    fn json(path: &str, body: &Value) -> Self {
        Self("POST", path.to_owned(), "application/json", body.to_string())
    }

    fn delete(path: &str) -> Self {
        Self("DELETE", path.to_owned(), "", String::new())
    }

    fn request(&self, inside: &Inside) -> RequestBuilder {
        let Self(method, path, kind, body) = self;
        let request = inside.request(method, path);
        if kind.is_empty() { request } else { request.header("content-type", *kind).body(body.clone()) }
    }

    async fn under(&self, inside: &Inside, key: &str) -> Answer {
        inside.send(self.request(inside).header("idempotency-key", key)).await
    }

    async fn send(&self, inside: &Inside) -> Answer {
        inside.send(self.request(inside)).await
    }
}

fn described(text: &str, description: &str) -> String {
    format!("{text}description: {description}\n")
}

/// Every verb that changes a definition, in an order in which each of them is taken.
fn definitions() -> Vec<Ask> {
    let two = described(ONE, "two");
    vec![
        Ask::yaml("POST", "/api/v1/workflows", ONE),
        Ask::yaml("PUT", "/api/v1/workflows/one", &two),
        // The same document as the latest version.
        Ask::yaml("POST", "/api/v1/workflows", &two),
        Ask::delete("/api/v1/workflows/one"),
        Ask::json("/api/v1/workflows/one/restore", &json!({})),
        Ask::json("/api/v1/workflows/one/restore", &json!({})),
        Ask::yaml("PUT", "/api/v1/agents/mine", MINE),
        Ask::yaml("PUT", "/api/v1/agents/mine", &described(MINE, "two")),
        Ask::json("/api/v1/agents/mine/disable", &json!({"reason": "noisy"})),
        Ask::json("/api/v1/agents/mine/enable", &json!({})),
        Ask::json("/api/v1/agents/mine/enable", &json!({})),
        Ask::json("/api/v1/workflows/one/rollback", &json!({ "version": 1 })),
        Ask::put("/api/v1/workflows/one/visibility", &json!({ "visibility": "public" })),
        Ask::yaml("POST", "/api/v1/templates", TEMPLATE),
        Ask::yaml("PUT", "/api/v1/templates/kept", &described(TEMPLATE, "two")),
        Ask::delete("/api/v1/templates/kept"),
        Ask::json("/api/v1/templates/kept/restore", &json!({})),
        Ask::put("/api/v1/templates/kept/visibility", &json!({ "visibility": "public" })),
        Ask::json("/api/v1/templates/kept/instantiate", &json!({ "name": "made", "save": true })),
        Ask::json("/api/v1/templates/from-workflow", &from_workflow()),
    ]
}

/// A template whose parameter has a default.
const TEMPLATE: &str = "ghostlight: 1\nname: kept\nparameters: { type: object, properties: { n: { type: integer, default: 1 } } }\nnodes: { a: { type: agent_call, agent: noop, input: { n: '${param.n}' } } }\n";

fn from_workflow() -> Value {
    json!({ "workflow": "one", "version": 1, "name": "turned", "parameters": { "n": "/nodes/a/input/n" }, "save": true })
}

fn key(number: usize) -> String {
    format!("k{number}")
}

/// What a client sees of an answer to a write.
fn seen(answer: &Answer) -> (u16, Value, [String; 3]) {
    let headers = ["etag", "location", "ghostlight-sequence"].map(|name| answer.header(name).to_owned());
    (answer.status, answer.body.clone(), headers)
}

#[tokio::test]
async fn a_change_of_a_definition_is_made_once_and_answered_again_as_it_was_also_after_a_restart() {
    let mut inside = Inside::start();
    let mut first = Vec::new();
    for (number, ask) in definitions().iter().enumerate() {
        first.push(seen(&ask.under(&inside, &key(number)).await));
    }
    let statuses: Vec<u16> = first.iter().map(|(status, ..)| *status).collect();
    assert_eq!(
        statuses,
        [201, 201, 200, 204, 200, 200, 201, 201, 200, 200, 200, 201, 200, 201, 201, 204, 200, 200, 201, 201],
        "{first:?}"
    );
    assert_eq!((&first[1].1["version"], &first[2].1["unchanged"]), (&json!(2), &json!(true)));
    assert_eq!(first[8].1["disabled_reason"], "noisy");
    // Whatever is done since, the answers stay what they were.
    for since in [
        Ask::yaml("PUT", "/api/v1/workflows/one", &described(ONE, "three")),
        Ask::delete("/api/v1/workflows/one"),
        Ask::yaml("PUT", "/api/v1/agents/mine", &described(MINE, "three")),
        Ask::put("/api/v1/templates/kept/visibility", &json!({ "visibility": "private" })),
        Ask::yaml("PUT", "/api/v1/templates/kept", &TEMPLATE.replace("noop", "sleep")),
        Ask::delete("/api/v1/templates/kept"),
        Ask::json("/api/v1/agents/mine/disable", &json!({"reason": "since"})),
    ] {
        since.send(&inside).await.ok();
    }
    for is_after_restart in [false, true] {
        if is_after_restart {
            inside = inside.restart();
        }
        let head = inside.ghostlight.journal.head();
        for (number, ask) in definitions().iter().enumerate() {
            let again = seen(&ask.under(&inside, &key(number)).await);
            assert_eq!(again, first[number], "{ask:?}");
        }
        for (number, ask) in definitions().iter().enumerate() {
            let body = match ask.0 {
                "DELETE" => Ask::delete("/api/v1/workflows/other"),
                _ if ask.1.ends_with("/restore") => Ask::json("/api/v1/workflows/other/restore", &json!({})),
                _ => Ask(ask.0, ask.1.clone(), ask.2, format!("{} ", ask.3)),
            };
            let path = Ask::json("/api/v1/agents/noop/disable", &json!({}));
            for other in [body, path] {
                let refused = other.under(&inside, &key(number)).await;
                assert_eq!((refused.status, refused.code()), (422, "key_reused"), "{other:?}");
            }
        }
        assert_eq!(inside.ghostlight.journal.head(), head, "nothing was done again");
    }
}

#[tokio::test]
async fn while_a_request_is_answered_its_key_is_in_progress_for_every_verb() {
    let inside = Inside::start();
    Ask::yaml("POST", "/api/v1/workflows", LONG).send(&inside).await.ok();
    let run = inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok();
    let of_run = |verb: &str| format!("/api/v1/runs/{}/{verb}", run["id"].as_str().unwrap());
    let mut verbs = definitions();
    verbs.push(Ask::json("/api/v1/workflows/long/runs", &json!({})));
    verbs.push(Ask::json("/api/v1/agents/noop/reload", &json!({})));
    verbs.push(Ask::json("/api/v1/agents/reload", &json!({})));
    verbs.push(Ask::json("/api/v1/workflows/import", &json!({ "ghostlight_bundle": 1, "workflows": [] })));
    verbs.push(Ask::json("/api/v1/tree/restart", &json!({"path": "core/planner", "reason": "drill"})));
    verbs.push(Ask::delete("/api/v1/tokens/nobody"));
    verbs.extend(["pause", "resume", "retry", "cancel"].map(|verb| Ask::json(&of_run(verb), &json!({}))));
    verbs.push(Ask::json(&of_run("steps/nap/reconcile"), &json!({"happened": "no"})));
    let held = IdempotencyKey { key: "held".into(), fingerprint: "f".into() };
    let begun = inside.ghostlight.keys.begin(Some(&held)).await.unwrap().unwrap();
    let head = inside.ghostlight.journal.head();
    for ask in &verbs {
        let refused = ask.under(&inside, "held").await;
        assert_eq!((refused.status, refused.code()), (409, "key_in_progress"), "{ask:?}");
    }
    assert_eq!(inside.ghostlight.journal.head(), head);
    assert!(matches!(begun, Begun::First(Some(_))));
    drop(begun);
    assert_eq!(verbs[0].under(&inside, "held").await.status, 201);
}

#[tokio::test]
async fn of_many_equal_saves_at_once_under_one_key_one_makes_a_version() {
    let inside = Inside::start();
    for ask in [Ask::yaml("POST", "/api/v1/workflows", ONE), Ask::yaml("PUT", "/api/v1/agents/mine", MINE)] {
        let answers = futures::future::join_all((0..32).map(|_| ask.under(&inside, &ask.1))).await;
        assert!(answers.iter().any(|answer| answer.status == 201));
        for answer in answers {
            match answer.status {
                201 => assert_eq!(answer.body["unchanged"], false),
                _ => assert_eq!((answer.status, answer.code()), (409, "key_in_progress")),
            }
        }
    }
    let taken = inside.ghostlight.journal.read_all(0, 1_000).unwrap();
    assert_eq!(taken.iter().filter(|record| record.stream.kind() == "key").count(), 2);
}

/// Two runs that are under way, and the path of a verb of either.
async fn two_runs(inside: &Inside) -> [String; 2] {
    Ask::yaml("POST", "/api/v1/workflows", LONG).send(inside).await.ok();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let run = inside.post("/api/v1/workflows/long/runs", &json!({})).await.ok();
        runs.push(format!("/api/v1/runs/{}", run["id"].as_str().unwrap()));
    }
    runs.try_into().unwrap()
}

#[tokio::test]
async fn a_key_of_a_command_stands_for_it_on_every_run_and_after_a_restart() {
    let mut inside = Inside::start();
    let [one, other] = two_runs(&inside).await;
    let pause = |run: &str| Ask::json(&format!("{run}/pause"), &json!({"reason": "look"}));
    let first = seen(&pause(&one).under(&inside, "p").await);
    assert_eq!((first.0, &first.1["status"]), (200, &json!("paused")));
    Ask::json(&format!("{one}/resume"), &json!({})).send(&inside).await.ok();
    for is_after_restart in [false, true] {
        if is_after_restart {
            inside = inside.restart();
        }
        assert_eq!(seen(&pause(&one).under(&inside, "p").await), first, "answered, and not done again");
        for reused in [
            pause(&other),
            Ask::json(&format!("{one}/pause"), &json!({"reason": "another"})),
            Ask::json(&format!("{one}/cancel"), &json!({"reason": "look"})),
            Ask::json("/api/v1/workflows/long/runs", &json!({})),
        ] {
            let refused = reused.under(&inside, "p").await;
            assert_eq!((refused.status, refused.code()), (422, "key_reused"), "{reused:?}");
        }
        for run in [&one, &other] {
            assert_eq!(inside.get(run).await.ok()["status"], "running");
        }
    }
    let cancel = Ask::json(&format!("{other}/cancel"), &json!({"reason": "enough"}));
    let first = seen(&cancel.under(&inside, "c").await);
    assert_eq!(inside.get(&format!("{other}?wait=10")).await.ok()["status"], "cancelled");
    assert_eq!(seen(&cancel.under(&inside, "c").await), first);
}

#[tokio::test]
async fn a_refused_command_takes_no_key_and_one_that_changes_nothing_does() {
    let inside = Inside::start();
    let [one, other] = two_runs(&inside).await;
    let refused = Ask::json(&format!("{one}/retry"), &json!({})).under(&inside, "k").await;
    assert_eq!((refused.status, refused.code()), (409, "run_state"));
    let pause = |run: &str| Ask::json(&format!("{run}/pause"), &json!({}));
    pause(&one).under(&inside, "k").await.ok();
    let nothing = pause(&one).under(&inside, "n").await.ok();
    assert_eq!((&nothing["status"], &nothing["sequence"]), (&json!("paused"), &json!("0")));
    assert_eq!(pause(&one).under(&inside, "n").await.ok(), nothing);
    let reused = pause(&other).under(&inside, "n").await;
    assert_eq!((reused.status, reused.code()), (422, "key_reused"));
}

#[tokio::test]
async fn a_key_of_an_answer_stands_for_it_on_every_approval() {
    let mut inside = Inside::start();
    Ask::yaml("POST", "/api/v1/workflows", GATE).send(&inside).await.ok();
    for _ in 0..2 {
        inside.post("/api/v1/workflows/gate/runs", &json!({"input": {"what": "it"}})).await.ok();
    }
    let pending = "/api/v1/approvals?status=pending";
    let list = inside.until(pending, |list| list["items"].as_array().is_some_and(|all| all.len() == 2)).await;
    let approval =
        |number: usize| format!("/api/v1/approvals/{}", list["items"][number]["id"].as_str().unwrap());
    let approve = |number| Ask::json(&format!("{}/approve", approval(number)), &json!({"comment": "go"}));
    let first = seen(&approve(0).under(&inside, "a").await);
    assert_eq!(first.0, 200, "{first:?}");
    inside = inside.restart();
    assert_eq!(seen(&approve(0).under(&inside, "a").await), first);
    let reject = Ask::json(&format!("{}/reject", approval(0)), &json!({"comment": "go"}));
    for reused in [approve(1), reject.clone()] {
        let refused = reused.under(&inside, "a").await;
        assert_eq!((refused.status, refused.code()), (422, "key_reused"), "{reused:?}");
    }
    let second = reject.under(&inside, "r").await;
    assert_eq!((second.status, second.code()), (409, "already_decided"));
    assert_eq!(approve(1).under(&inside, "r").await.status, 200, "what was refused took no key");
}

#[tokio::test]
async fn an_intervention_is_made_once_under_a_key_and_shows_what_is_there_by_then() {
    let inside = Inside::start();
    let restart = |path: &str| Ask::json("/api/v1/tree/restart", &json!({"path": path, "reason": "drill"}));
    let tree = inside.get("/api/v1/tree").await.ok();
    let path = find(&tree, "planner").unwrap();
    let first = restart(&path).under(&inside, "t").await;
    let again = restart(&path).under(&inside, "t").await;
    assert_eq!(again.body["incarnation"], first.body["incarnation"], "{again:?}");
    assert_eq!(again.header("ghostlight-sequence"), first.header("ghostlight-sequence"));
    let other = restart(&find(&tree, "timers").unwrap()).under(&inside, "t").await;
    assert_eq!((other.status, other.code()), (422, "key_reused"));
    let unknown = restart("nobody").under(&inside, "u").await;
    assert_eq!((unknown.status, unknown.code()), (404, "unknown_actor"));
    let next = restart(&path).under(&inside, "u").await.ok();
    assert!(next["incarnation"].as_u64() > first.body["incarnation"].as_u64(), "{next}");
}

#[tokio::test]
async fn what_is_harmless_to_repeat_takes_no_key_and_refuses_one_of_another_request() {
    let inside = Inside::start();
    Ask::yaml("POST", "/api/v1/workflows", ONE).under(&inside, "used").await.ok();
    let token = inside.post("/api/v1/tokens", &json!({"label": "ci"})).await.ok();
    let bearer = format!("Bearer {}", token["token"].as_str().unwrap());
    // From the first token on everybody needs one, and a key is that of its token.
    let save = Ask::yaml("POST", "/api/v1/workflows", ONE).request(&inside);
    inside.send(save.header("authorization", &bearer).header("idempotency-key", "used")).await.ok();
    let id = token["id"].as_str().unwrap();
    for ask in
        [Ask::json("/api/v1/agents/noop/reload", &json!({})), Ask::delete(&format!("/api/v1/tokens/{id}"))]
    {
        let under = |key: &'static str| {
            inside.send(
                ask.request(&inside).header("authorization", bearer.clone()).header("idempotency-key", key),
            )
        };
        let refused = under("used").await;
        assert_eq!((refused.status, refused.code()), (422, "key_reused"), "{ask:?}");
        assert!(under("free").await.status < 300, "{ask:?}");
    }
}

fn find(node: &Value, name: &str) -> Option<String> {
    let path = node["path"].as_str()?;
    if path.rsplit('/').next() == Some(name) {
        return Some(path.to_owned());
    }
    node["children"].as_array()?.iter().find_map(|child| find(child, name))
}
