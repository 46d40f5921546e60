//! What operators do over HTTP: agents, and the supervision tree.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use inside::{Inside, ONE};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

fn put(inside: &Inside, name: &str, yaml: &str) -> RequestBuilder {
    let request = inside.request("PUT", &format!("/api/v1/agents/{name}"));
    request.header("content-type", "application/yaml").body(yaml.to_owned())
}

const HOOK: &str = "ghostlight: 1\nname: hook\nkind: http\nurl: https://hooks.example/x\neffect: write\n\
                    headers: { authorization: \"${env:HOOK_TOKEN}\" }\n";
const SHELL: &str = "ghostlight: 1\nname: shell\nkind: command\ncommand: [/bin/sh, -c, id]\n";

#[tokio::test]
async fn an_agent_is_saved_disabled_and_enabled_and_its_secrets_stay_references() {
    let inside = Inside::start_granting();
    let saved = inside.send(put(&inside, "hook", HOOK)).await;
    assert_eq!((saved.status, saved.header("location")), (201, "/api/v1/agents/hook"), "{saved:?}");
    assert_eq!(inside.send(put(&inside, "hook", HOOK)).await.status, 200);
    let first = inside.get("/api/v1/agents/hook").await;
    assert_eq!(first.header("etag"), saved.header("etag"));
    let edit = |yaml: &str| inside.send(put(&inside, "hook", yaml).header("if-match", saved.header("etag")));
    let second = edit(&HOOK.replace("/x", "/y")).await;
    assert_eq!(second.status, 201, "{second:?}");
    let lost = edit(&HOOK.replace("/x", "/z")).await;
    assert_eq!((lost.status, lost.code()), (412, "precondition_failed"));
    assert_eq!(lost.body["state"]["etag"], second.header("etag"));
    let shown = inside.get("/api/v1/agents/hook").await.ok();
    assert_eq!(
        (&shown["kind"], &shown["managed_by"], &shown["effect"]),
        (&json!("http"), &json!("api"), &json!("write"))
    );
    assert_eq!(shown["definition"]["headers"]["authorization"], "${env:HOOK_TOKEN}");
    assert_eq!(shown["versions"].as_array().unwrap().len(), 2);

    let disabled = inside.post("/api/v1/agents/noop/disable", &json!({"reason": "noisy"})).await.ok();
    assert_eq!((&disabled["enabled"], &disabled["disabled_reason"]), (&json!(false), &json!("noisy")));
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let run =
        || inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
    assert_eq!(inside.send(run()).await.ok()["error"]["class"], "capability");
    assert_eq!(inside.post("/api/v1/agents/noop/enable", &json!({})).await.ok()["enabled"], true);
    assert_eq!(inside.send(run()).await.ok()["status"], "completed");
}

#[tokio::test]
async fn an_agent_tells_how_its_calls_went_and_since_when_they_are_counted() {
    let inside = Inside::start();
    let statistics =
        async |agent: &str| inside.get(&format!("/api/v1/agents/{agent}")).await.ok()["statistics"].clone();
    let none = statistics("noop").await;
    assert_eq!(
        (&none["finished"], &none["success_rate"], &none["p50_ms"]),
        (&json!(0), &Value::Null, &Value::Null)
    );
    let text = "name: w\nnodes:\n  a: { type: agent_call, agent: noop }\n  \
                b: { type: agent_call, agent: fail, needs: [a] }\n";
    let run = inside.request("POST", "/api/v1/runs").header("prefer", "wait=10");
    assert_eq!(inside.send(run.json(&json!({ "definition": text }))).await.ok()["status"], "failed");
    let (well, badly) = (statistics("noop").await, statistics("fail").await);
    assert_eq!(
        (&well["finished"], &well["failed"], &well["success_rate"]),
        (&json!(1), &json!(0), &json!(1.0))
    );
    assert!(badly["failed"].as_u64().unwrap() >= 1 && badly["success_rate"] == 0.0, "{badly}");
    assert!(well["p50_ms"].is_u64() && well["p95_ms"].is_u64() && well["in_flight"] == 0, "{well}");
    let since = |of: &Value| of["since"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(since(&well) <= jiff::Timestamp::now());
}

/// Whoever adds a file and uses it at once learns what is missing, and not which name is near.
#[tokio::test]
async fn who_calls_an_agent_whose_file_is_not_loaded_is_told_so_until_it_is() {
    let inside = Inside::start();
    let agents = inside.folder().join("agents");
    std::fs::create_dir_all(&agents).unwrap();
    let write = |name: &str, kind: &str| {
        let text = format!(
            "ghostlight: 1\nname: {name}\nkind: builtin\nbuiltin: {kind}\ncapabilities: [{name}-work]\n"
        );
        std::fs::write(agents.join(format!("{name}.yaml")), text).unwrap();
    };
    write("noopy", "noop");
    write("broken", "nop");
    let calling = |target: &str| format!("name: w\nnodes:\n  a: {{ type: agent_call, {target} }}\n");
    let help = async |target: &str| {
        let text = calling(target);
        let saved = inside.post_yaml("/api/v1/workflows", &text).await;
        assert_eq!(saved.code(), "invalid_definition");
        let validated = inside.post_yaml("/api/v1/workflows/validate", &text).await.ok();
        let started = inside.post("/api/v1/runs", &json!({ "definition": text })).await;
        let help = |body: &Value| {
            let all = body["diagnostics"].as_array().unwrap();
            let found = all.iter().find(|it| it["code"].as_str().unwrap().starts_with("GL05"));
            found.unwrap()["help"].as_str().unwrap().to_owned()
        };
        let said = help(&saved.body);
        assert_eq!((&help(&validated), &help(&started.body)), (&said, &said));
        said
    };
    for target in ["agent: noopy", "capability: noopy-work"] {
        let said = help(target).await;
        assert_eq!(
            said,
            "the file `noopy.yaml` defines it and is not loaded yet: `ghostlight agents reload`"
        );
    }
    assert!(
        help("agent: broken").await.starts_with("the file `broken.yaml` is to define it and has mistakes")
    );
    let files = inside.post("/api/v1/agents/reload", &json!({})).await.ok();
    let files = files["items"].as_array().unwrap();
    assert_eq!((&files[0]["outcome"], &files[0]["agent"]), (&json!("refused"), &Value::Null));
    assert_eq!(
        (&files[0]["diagnostics"][0]["line"], &files[0]["diagnostics"][0]["column"]),
        (&json!(4), &json!(10))
    );
    assert_eq!((&files[1]["outcome"], &files[1]["agent"]), (&json!("added"), &json!("noopy")));
    inside.post_yaml("/api/v1/workflows", &calling("agent: noopy")).await.ok();
}

/// What runs programs on this machine is granted by the operator's files, and who tries otherwise is recorded.
#[tokio::test]
async fn a_command_is_not_granted_over_the_api_and_the_attempt_is_audited() {
    let inside = Inside::start();
    for (name, yaml) in [
        ("shell", SHELL),
        ("hook", HOOK),
        ("noop", "ghostlight: 1\nname: noop\nkind: builtin\nbuiltin: sleep\n"),
    ] {
        let refused = inside.send(put(&inside, name, yaml)).await;
        assert_eq!((refused.status, refused.code()), (403, "forbidden"), "{name}");
    }
    assert_eq!(inside.get("/api/v1/agents/shell").await.status, 404);
    let records = inside.ghostlight.journal.read_all(0, 1_000).unwrap();
    let audited = records.iter().filter(|record| record.stream.kind() == "audit");
    let objects: Vec<Value> = audited.map(|record| serde_json::from_slice(&record.body).unwrap()).collect();
    assert_eq!(objects.len(), 3, "{objects:?}");
    assert_eq!((&objects[0]["action"], &objects[0]["allowed"]), (&json!("agent.save"), &json!(false)));
}

#[tokio::test]
async fn an_operator_restarts_an_actor_and_runs_go_on() {
    let inside = Inside::start();
    inside.post_yaml("/api/v1/workflows", ONE).await.ok();
    let tree = inside.get("/api/v1/tree").await.ok();
    let path = find(&tree, "planner").expect("the planner is in the tree");
    let before = inside.get(&format!("/api/v1/tree?subtree={path}")).await.ok();
    let after = inside.post("/api/v1/tree/restart", &json!({"path": path, "reason": "drill"})).await;
    assert!(after.header("ghostlight-sequence").parse::<u64>().unwrap() > 0, "it was recorded: {after:?}");
    let after = after.ok();
    assert!(after["incarnation"].as_u64() > before["incarnation"].as_u64(), "{before} {after}");
    let begin =
        inside.request("POST", "/api/v1/workflows/one/runs").header("prefer", "wait=10").json(&json!({}));
    assert_eq!(inside.send(begin).await.ok()["status"], "completed");
}

fn find(node: &Value, name: &str) -> Option<String> {
    let path = node["path"].as_str()?;
    if path.rsplit('/').next() == Some(name) {
        return Some(path.to_owned());
    }
    node["children"].as_array()?.iter().find_map(|child| find(child, name))
}
