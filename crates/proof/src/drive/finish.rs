//! When nothing is done to the daemon any more: whatever waits for somebody gets what it waits for, and everything has to end.

use std::time::{Duration, Instant};

use super::clients::{Client, has_ended};

/// How long everything has to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks for everything that may not have been asked for with success before, and lets all runs end. Those that do not are found
/// in the journal.
pub async fn let_everything_end(client: &mut Client) {
    if let Some(run) = client.begin("long", None).await {
        client.hold(&run).await;
        client.let_go_on(&run).await;
        client.stop(&run).await;
    }
    let failed = client.shared.look("/runs?status=failed&limit=20").await;
    for run in failed.iter().filter_map(|page| page["items"].as_array()).flatten() {
        if let Some(run) = run["id"].as_str()
            && client.try_again(run).await
        {
            break;
        }
    }
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let runs = unfinished(client).await;
        if runs.is_empty() {
            break;
        }
        if let Some(page) = client.shared.look("/approvals?status=pending&limit=200").await {
            for approval in
                page["items"].as_array().into_iter().flatten().filter_map(|item| item["id"].as_str())
            {
                client.answer(approval, true).await;
            }
        }
        for (run, workflow, status) in runs {
            match (status.as_str(), workflow.as_str()) {
                ("paused", _) => drop(client.let_go_on(&run).await),
                (_, "told") => {
                    let waiting = client.shared.look(&format!("/runs/{run}/steps?status=waiting")).await;
                    let items = waiting.as_ref().and_then(|page| page["items"].as_array());
                    if items.into_iter().flatten().any(|item| item["reason"] == "signal") {
                        client.send(&run).await;
                    }
                }
                (_, "line" | "asked" | "fan") => drop(client.settle(&run).await),
                _ => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for run in client.shared.known() {
        client.see(&run.id).await;
    }
}

/// The runs that have not ended, also those of which no client was ever told.
async fn unfinished(client: &Client) -> Vec<(String, String, String)> {
    let mut unfinished = Vec::new();
    for status in ["pending", "running", "paused"] {
        let Some(page) = client.shared.look(&format!("/runs?status={status}&limit=200")).await else {
            continue;
        };
        for run in page["items"].as_array().into_iter().flatten() {
            let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
            if !has_ended(&text("status")) {
                unfinished.push((text("id"), text("workflow"), text("status")));
            }
        }
    }
    unfinished
}
