//! The example of the documentation, `config/workflows/incident-response.yaml`, runs as it stands there: a real service that
//! is ill, real agents that look at it, a person who says yes, a real command that heals it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

mod harness;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Daemon, Home, until};
use serde_json::{Value, json};

/// A service that is ill until the file is there. It ends with its test.
fn service(healed: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut connection in listener.incoming().flatten() {
            let mut request = [0; 1024];
            let read = connection.read(&mut request).unwrap_or(0);
            let asked = String::from_utf8_lossy(&request[..read]).into_owned();
            let well = healed.exists();
            let (status, body) = if asked.starts_with("GET /metrics") {
                (
                    "200 OK",
                    "# TYPE pool_in_use gauge\npool_in_use 8\n# TYPE pool_size gauge\npool_size 8\n"
                        .to_owned(),
                )
            } else if well {
                ("200 OK", "{\"status\":\"ok\"}".to_owned())
            } else {
                ("503 Service Unavailable", "{\"reason\":\"pool exhausted\"}".to_owned())
            };
            let length = body.len();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            let _ = connection.write_all((head + &body).as_bytes());
        }
    });
    format!("http://{address}")
}

fn builtin(home: &Home, name: &str, more: &str) {
    home.agent(
        name,
        &format!(
            "ghostlight: 1\nname: {name}\nkind: builtin\nbuiltin: {name}\ncapabilities: [{name}]\n\
             effect: read\n{more}"
        ),
    );
}

fn command(home: &Home, name: &str, script: &str) {
    let file = home.path().join(format!("{name}.sh"));
    std::fs::write(&file, script).unwrap();
    home.agent(
        name,
        &format!(
            "ghostlight: 1\nname: {name}\nkind: command\neffect: write\ncommand: [/bin/sh, {}]\n",
            file.display()
        ),
    );
}

fn log(path: &Path) {
    let mut text = String::new();
    for second in 0..50 {
        text.push_str(&format!("2026-11-20T12:00:{second:02}Z INFO shop order={second} accepted in 12ms\n"));
    }
    for second in 50..60 {
        text.push_str(&format!(
            "2026-11-20T12:00:{second}Z ERROR pool pool exhausted order={second} in_use=8\n"
        ));
    }
    std::fs::write(path, text).unwrap();
}

/// A home in which the example can run, and the input of its run.
fn scene() -> (Home, Value) {
    let home = Home::new();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/config/workflows/incident-response.yaml");
    home.workflow("incident-response", &std::fs::read_to_string(example).unwrap());
    let healed = home.path().join("healed");
    let url = service(healed.clone());
    log(&home.path().join("shop.log"));
    builtin(&home, "http-probe", "allow: [127.0.0.0/8]\n");
    builtin(&home, "metrics", "allow: [127.0.0.0/8]\n");
    builtin(&home, "log-analysis", &format!("read: [{}]\n", home.path().display()));
    command(
        &home,
        "service-restart",
        &format!("cat > /dev/null; touch {}; echo '{{\"restarted\": true}}'\n", healed.display()),
    );
    command(&home, "service-rollback", "cat > /dev/null; echo '{\"rolled_back\": true}'\n");
    let input = json!({
        "service": "shop",
        "health_url": format!("{url}/health"),
        "metrics_url": format!("{url}/metrics"),
        "log": home.path().join("shop.log"),
    });
    (home, input)
}

/// S1-4.1a, S1-4.1n1, S1-4.1b, S1-4.1c, S1-4.4a, S3-3f, S3-3g, S3-3i, S1-4.1n4, S3-10a: the whole way through the public surface.
#[test]
fn the_example_of_the_documentation_heals_a_service_that_is_ill() {
    let (home, input) = scene();
    let mut daemon = Daemon::start(&home);
    let started =
        daemon.post("/api/v1/workflows/incident-response/runs", &json!({ "input": input })).unwrap();
    assert_eq!(started.status, 201, "{}\n{}", started.body, home.logged());
    let run = started.body["id"].as_str().unwrap().to_owned();

    let approval = until("the question", Duration::from_secs(20), || {
        let open = daemon.get(&format!("/api/v1/approvals?status=pending&run={run}"))?.ok();
        open["items"].get(0).cloned()
    });
    assert_eq!(approval["action"], "Restart shop");
    assert_eq!(approval["risk"], "high");
    assert!(approval["impact"].as_str().unwrap().contains("pool exhausted"), "{approval}");
    let id = approval["id"].as_str().unwrap();
    daemon.post(&format!("/api/v1/approvals/{id}/approve"), &json!({ "comment": "go" })).unwrap().ok();
    let second = daemon.post(&format!("/api/v1/approvals/{id}/reject"), &json!({})).unwrap();
    assert_eq!(second.status, 409);

    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=30")).unwrap().ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["result"], "complete");
    assert_eq!(ended["output"]["healthy"], true);
    let rollback = daemon.get(&format!("/api/v1/runs/{run}/steps/rollback")).unwrap().ok();
    assert_eq!(rollback["status"], "skipped");
    assert_eq!(rollback["provenance"], json!([]), "it got nothing");
    let restart = daemon.get(&format!("/api/v1/runs/{run}/steps/restart")).unwrap().ok();
    let from = json!([
        { "pointer": "/reason", "from": "$findings.logs.summary" },
        { "pointer": "/service", "from": "$input.service" },
    ]);
    assert_eq!((&restart["provenance"], &restart["input"]["service"]), (&from, &json!("shop")), "{restart}");
    assert!(daemon.stop().success());
}

/// Nobody answers yes: nothing is restarted.
#[test]
fn a_rejected_restart_leaves_the_service_alone() {
    let (home, input) = scene();
    let daemon = Daemon::start(&home);
    let started =
        daemon.post("/api/v1/workflows/incident-response/runs", &json!({ "input": input })).unwrap().ok();
    let run = started["id"].as_str().unwrap().to_owned();
    let approval = until("the question", Duration::from_secs(20), || {
        let open = daemon.get(&format!("/api/v1/approvals?status=pending&run={run}"))?.ok();
        open["items"].get(0).cloned()
    });
    let id = approval["id"].as_str().unwrap();
    daemon.post(&format!("/api/v1/approvals/{id}/reject"), &json!({ "comment": "no" })).unwrap().ok();
    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=30")).unwrap().ok();
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(!home.path().join("healed").exists());
}

/// Shows S1-4.1b: a restart that does not help is found out, and what was before is put back.
#[test]
fn a_service_that_is_ill_after_its_restart_is_rolled_back() {
    let (home, input) = scene();
    let rolled_back = home.path().join("rolled-back");
    command(&home, "service-restart", "cat > /dev/null; echo '{\"restarted\": true}'\n");
    let script =
        format!("cat > /dev/null; touch {}; echo '{{\"rolled_back\": true}}'\n", rolled_back.display());
    command(&home, "service-rollback", &script);
    let daemon = Daemon::start(&home);
    let started =
        daemon.post("/api/v1/workflows/incident-response/runs", &json!({ "input": input })).unwrap().ok();
    let run = started["id"].as_str().unwrap().to_owned();
    let approval = until("the question", Duration::from_secs(20), || {
        let open = daemon.get(&format!("/api/v1/approvals?status=pending&run={run}"))?.ok();
        open["items"].get(0).cloned()
    });
    let id = approval["id"].as_str().unwrap();
    daemon.post(&format!("/api/v1/approvals/{id}/approve"), &json!({})).unwrap().ok();
    let ended = daemon.get(&format!("/api/v1/runs/{run}?wait=30")).unwrap().ok();
    assert_eq!(ended["status"], "completed", "{ended}");
    assert_eq!(ended["output"]["healthy"], false, "it is not said to be well");
    let rollback = daemon.get(&format!("/api/v1/runs/{run}/steps/rollback")).unwrap().ok();
    assert_eq!((&rollback["status"], rolled_back.exists()), (&json!("completed"), true));
}
