//! Numbers over the list of runs, its filters, and the runs beside their workflows: all of them say what the list says.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{FAILS, GATE, Inside, ONE};
use serde_json::{Value, json};

/// A run of it waits for a signal, and one of its parent for it.
const WAITS: &str = "ghostlight: 1\nname: waits\nnodes:\n  go: { type: wait, signal: { name: go } }\n";
const PARENT: &str = "ghostlight: 1\nname: parent\nnodes:\n  sub: { type: workflow, workflow: waits }\n";

/// Starts a run and answers its id; one that ends by itself has ended.
async fn start(inside: &Inside, workflow: &str, team: &str) -> String {
    let path = format!("/api/v1/workflows/{workflow}/runs");
    let wait = if matches!(workflow, "one" | "fails") { "wait=10" } else { "wait=0" };
    let begin = inside.request("POST", &path).header("prefer", wait);
    let body = json!({ "labels": { "team": team }, "input": { "what": "it" } });
    inside.send(begin.json(&body)).await.ok()["id"].as_str().unwrap().to_owned()
}

/// Two runs of `one`, one of `fails`, two of `gate` that ask, one of `parent` with its child, one of `waits` that is paused and
/// one that is cancelled. Answers the run of `parent`.
async fn fill(inside: &Inside) -> String {
    for text in [ONE, FAILS, GATE, WAITS, PARENT] {
        inside.post_yaml("/api/v1/workflows", text).await.ok();
    }
    for workflow in ["one", "one", "fails", "gate", "gate"] {
        start(inside, workflow, "ops").await;
    }
    let parent = start(inside, "parent", "dev").await;
    let (paused, cancelled) = (start(inside, "waits", "dev").await, start(inside, "waits", "dev").await);
    inside.post(&format!("/api/v1/runs/{paused}/pause"), &json!({})).await.ok();
    inside.post(&format!("/api/v1/runs/{cancelled}/cancel"), &json!({})).await.ok();
    inside.get(&format!("/api/v1/runs/{cancelled}?wait=10")).await.ok();
    let settled = |counts: &Value| {
        let waiting = &counts["waiting"];
        (&waiting["approval"], &waiting["signal"], &waiting["child"]) == (&json!(2), &json!(2), &json!(1))
    };
    inside.until("/api/v1/runs/counts", settled).await;
    parent
}

async fn ids(inside: &Inside, filter: &str) -> Vec<String> {
    let list = inside.get(&format!("/api/v1/runs?{filter}")).await.ok();
    list["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()).collect()
}

/// The runs of a filter, page by page.
async fn paged(inside: &Inside, filter: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = inside.get(&format!("/api/v1/runs?{filter}&limit=1{cursor}")).await.ok();
        all.extend(
            page["items"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test]
async fn counts_and_history_say_what_the_list_says() {
    let inside = Inside::start();
    fill(&inside).await;
    let counts = inside.get("/api/v1/runs/counts").await.ok();
    let by_status =
        json!({"pending": 0, "running": 4, "paused": 1, "completed": 2, "failed": 1, "cancelled": 1});
    assert_eq!((&counts["total"], &counts["by_status"]), (&json!(9), &by_status), "{counts}");
    let waiting = json!({"approval": 2, "reconcile": 0, "signal": 2, "child": 1, "time": 0});
    assert_eq!((&counts["waiting"], &counts["waiting_approvals"]), (&waiting, &json!(2)), "{counts}");
    assert_eq!((&counts["quarantined"], &counts["partial"]), (&json!(0), &json!(false)));
    let head: u64 = counts["sequence"].as_str().unwrap().parse().unwrap();
    assert_eq!(head, inside.ghostlight.journal.head());

    let gate = inside.get("/api/v1/runs/counts?workflow=gate").await.ok();
    assert_eq!((&gate["total"], &gate["waiting"]["approval"]), (&json!(2), &json!(2)), "{gate}");
    let dev = inside.get("/api/v1/runs/counts?label=team%3Ddev").await.ok();
    assert_eq!((&dev["total"], &dev["by_status"]["paused"]), (&json!(4), &json!(1)), "{dev}");
    let both = inside.get("/api/v1/runs/counts?label=team%3Ddev&workflow=waits").await.ok();
    assert_eq!(both["total"], 3, "a child has its parent's labels: {both}");

    let history = inside.get("/api/v1/runs/history").await.ok();
    let sum = |history: &Value, what: &str| -> u64 {
        history["buckets"].as_array().unwrap().iter().map(|hour| hour[what].as_u64().unwrap()).sum()
    };
    assert_eq!(
        (&history["bucket_ms"], history["buckets"].as_array().unwrap().len()),
        (&json!(3_600_000), 24)
    );
    let sums = ["started", "completed", "failed", "cancelled"].map(|what| sum(&history, what));
    assert_eq!(sums, [9, 2, 1, 1], "{history}");
    let one = inside.get("/api/v1/runs/history?workflow=one&hours=2").await.ok();
    assert_eq!((sum(&one, "started"), sum(&one, "completed")), (2, 2), "{one}");
    let ats: Vec<&str> =
        one["buckets"].as_array().unwrap().iter().map(|hour| hour["at"].as_str().unwrap()).collect();
    assert!(ats.iter().all(|at| at.ends_with(":00:00Z")) && ats[0] < ats[1], "{ats:?}");
    // Folded again from the journal, they say the same.
    let inside = inside.restart();
    let again = inside.get("/api/v1/runs/counts").await.ok();
    assert_eq!((&again["by_status"], &again["waiting"]), (&counts["by_status"], &counts["waiting"]));
}

#[tokio::test]
async fn runs_are_listed_by_what_they_wait_for_by_why_they_are_paused_and_by_their_parent() {
    let inside = Inside::start();
    let parent = fill(&inside).await;
    let workflow = |workflow: &str| format!("workflow={workflow}");
    assert_eq!(ids(&inside, "waits_for=approval").await, ids(&inside, &workflow("gate")).await);
    let both = ids(&inside, "waits_for=approval,child").await;
    assert_eq!(both.len(), 3);
    assert_eq!(paged(&inside, "waits_for=approval,child").await, both, "page by page they are the same");
    let paused = ids(&inside, "status=paused").await;
    assert_eq!((paused.len(), &ids(&inside, "reason=operator").await), (1, &paused));
    assert_eq!(ids(&inside, "reason=quarantined,storage").await, Vec::<String>::new());
    let children = inside.get(&format!("/api/v1/runs?parent={parent}")).await.ok();
    let items = children["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["parent"], &items[0]["workflow"]),
        (1, &json!(parent), &json!("waits"))
    );
    let short = &parent[..18];
    assert!(ids(&inside, &format!("q={short}")).await.contains(&parent), "by the beginning of its id");
    assert_eq!(ids(&inside, &format!("q={parent}")).await, [parent.as_str()]);
    let ended = ids(&inside, "status=cancelled,failed,completed").await;
    assert_eq!(ended.len(), 4);
    assert_eq!(paged(&inside, "status=completed,failed,cancelled").await, ended);
    let narrow = "status=running,paused&waits_for=signal&workflow=waits&label=team%3Ddev";
    assert_eq!(ids(&inside, narrow).await, [&paused[0], items[0]["id"].as_str().unwrap()]);

    let page = inside.get("/api/v1/runs?status=completed&limit=1").await.ok();
    let cursor = page["next_cursor"].as_str().unwrap();
    let other = inside.get(&format!("/api/v1/runs?status=completed,failed&limit=1&cursor={cursor}")).await;
    assert_eq!((other.status, other.code()), (400, "bad_cursor"));
    for bad in
        ["status=done", "status=failed,", "waits_for=slot", "reason=bored", "parent=x", "q=x", "status="]
    {
        let refused = inside.get(&format!("/api/v1/runs?{bad}")).await;
        assert_eq!((refused.status, refused.code()), (400, "bad_query"), "{bad}");
    }
    for bad in
        ["history?hours=0", "history?hours=169", "history?hours=x", "counts?label=x", "counts?workflow=X"]
    {
        let refused = inside.get(&format!("/api/v1/runs/{bad}")).await;
        assert_eq!((refused.status, refused.code()), (400, "bad_query"), "{bad}");
    }
}

#[tokio::test]
async fn all_that_a_list_shows_is_acted_on_by_the_same_filter_and_counted_before() {
    let inside = Inside::start();
    fill(&inside).await;
    let ask = |dry_run: bool| json!({"action": "cancel", "filter": {"waits_for": "approval,signal"}, "dry_run": dry_run});
    let looked = inside.post("/api/v1/batches", &ask(true)).await.ok();
    assert_eq!(looked["counts"], json!({"runs": 4, "done": 4, "refused": 0}), "{looked}");
    let done = inside.post("/api/v1/batches", &ask(false)).await.ok();
    assert_eq!(done["counts"], looked["counts"]);
    let is_quiet = |counts: &Value| counts["waiting"]["approval"] == 0 && counts["waiting"]["signal"] == 0;
    let counts = inside.until("/api/v1/runs/counts", is_quiet).await;
    assert_eq!(counts["waiting_approvals"], 0, "{counts}");
    for (filter, code) in
        [(json!({"reason": "bored"}), "invalid_value"), (json!({"waits_for": "slot"}), "invalid_value")]
    {
        let refused = inside.post("/api/v1/batches", &json!({"action": "cancel", "filter": filter})).await;
        assert_eq!((refused.status, refused.code()), (422, code), "{refused:?}");
    }
}

#[tokio::test]
async fn many_runs_are_paused_with_a_reason_and_resumed_and_say_before_what_they_would_do() {
    let inside = Inside::start();
    let parent = fill(&inside).await;
    let ask = |action: &str, status: &str, dry_run: bool| {
        let filter = json!({"status": status, "label": "team=ops"});
        json!({"action": action, "filter": filter, "dry_run": dry_run})
    };
    let mut pause = ask("pause", "running,completed,failed", true);
    pause["reason"] = json!("the shop is closed");
    let looked = inside.post("/api/v1/batches", &pause).await.ok();
    assert_eq!(looked["counts"], json!({"runs": 5, "done": 2, "refused": 3}), "{looked}");
    let refused =
        looked["items"].as_array().unwrap().iter().find(|item| item["outcome"] == "refused").unwrap();
    assert_eq!(refused["error"]["code"], "run_state", "{refused}");
    assert_eq!(inside.get("/api/v1/runs/counts").await.ok()["by_status"]["paused"], 1, "nothing is done yet");

    pause["dry_run"] = json!(false);
    let paused = inside.post("/api/v1/batches", &pause).await.ok();
    assert_eq!((&paused["action"], &paused["counts"]), (&json!("pause"), &looked["counts"]));
    let is_paused = |count: u64| move |counts: &Value| counts["by_status"]["paused"] == count;
    inside.until("/api/v1/runs/counts", is_paused(3)).await;
    let one = paused["items"].as_array().unwrap().iter().find(|item| item["status"] == "paused").unwrap();
    let run = inside.get(&format!("/api/v1/runs/{}", one["run"].as_str().unwrap())).await.ok();
    assert_eq!((&run["reason"], &run["pause_message"]), (&json!("operator"), &json!("the shop is closed")));

    let resumed = inside.post("/api/v1/batches", &ask("resume", "paused", false)).await.ok();
    assert_eq!(resumed["counts"], json!({"runs": 2, "done": 2, "refused": 0}), "{resumed}");
    inside.until("/api/v1/runs/counts", is_paused(1)).await;

    let cancel = json!({"action": "cancel", "ids": [parent], "reason": "wrong shop"});
    inside.post("/api/v1/batches", &cancel).await.ok();
    let run = inside.get(&format!("/api/v1/runs/{parent}?wait=10")).await.ok();
    assert_eq!((&run["status"], &run["cancel_reason"]), (&json!("cancelled"), &json!("wrong shop")));

    for (action, field, value) in [
        ("resume", "reason", json!("why")),
        ("pause", "kill", json!(true)),
        ("retry", "reason", json!("why")),
    ] {
        let mut body = ask(action, "paused", true);
        body[field] = value;
        let refused = inside.post("/api/v1/batches", &body).await;
        assert_eq!((refused.status, refused.code()), (422, "invalid_value"), "{action} {field}");
    }
}

#[tokio::test]
async fn a_question_says_what_becomes_of_it_when_nobody_answers() {
    let inside = Inside::start();
    fill(&inside).await;
    let list = inside.get("/api/v1/approvals?status=pending").await.ok();
    let listed = &list["items"][0];
    assert!(listed.get("on_timeout").is_none(), "{listed}");
    let one = inside.get(&format!("/api/v1/approvals/{}", listed["id"].as_str().unwrap())).await.ok();
    assert_eq!(one["on_timeout"], "reject", "{one}");
}

#[tokio::test]
async fn a_workflow_is_shown_with_its_latest_runs_and_how_many_it_has() {
    let inside = Inside::start();
    fill(&inside).await;
    let list = inside.get("/api/v1/workflows?recent=1").await.ok();
    let of = |name: &str| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["name"] == name).unwrap()
    };
    let latest = inside.get("/api/v1/runs?workflow=one&limit=1").await.ok()["items"][0].clone();
    let recent = of("one")["recent_runs"].as_array().unwrap();
    assert_eq!(recent.len(), 1);
    for field in ["id", "status", "created_at", "ended_at"] {
        assert_eq!(recent[0][field], latest[field], "{field}");
    }
    assert_eq!((&of("one")["counts"]["completed"], &of("one")["counts"]["running"]), (&json!(2), &json!(0)));
    assert_eq!(of("waits")["counts"]["cancelled"], 1, "{list}");
    let plain = inside.get("/api/v1/workflows").await.ok();
    assert_eq!(
        (&plain["items"][0]["recent_runs"], plain["items"][0]["counts"].is_object()),
        (&json!([]), true)
    );

    let one = inside.get("/api/v1/workflows/one?recent=20").await;
    assert_eq!(
        (one.body["recent_runs"].as_array().unwrap().len(), &one.body["counts"]["completed"]),
        (2, &json!(2))
    );
    let tag = one.header("etag").to_owned();
    let again = |path: &str| inside.send(inside.request("GET", path).header("if-none-match", &tag));
    assert_eq!(again("/api/v1/workflows/one").await.status, 304, "without runs it is not changed");
    assert_eq!(again("/api/v1/workflows/one?recent=0").await.status, 200, "its runs are");
    assert!(inside.get("/api/v1/workflows/one").await.ok().get("counts").is_none());
    for path in ["/api/v1/workflows?recent=51", "/api/v1/workflows/one?recent=51"] {
        assert_eq!(inside.get(path).await.code(), "bad_query", "{path}");
    }
}
