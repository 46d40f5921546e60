//! When nothing is done to the daemon any more: whatever waits for somebody gets what it waits for, and everything has to end.

use std::time::{Duration, Instant};

use super::clients::{Client, has_ended};
use crate::history::What;

/// How long everything has to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long what has ended has to be dropped.
const PATIENCE_DROPPING: Duration = Duration::from_secs(30);

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
    let keyed = if client.shared.retains { Some(client.begin_with_key("later").await) } else { None };
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Some(runs) = of_statuses(client, &["pending", "running", "paused"]).await else { continue };
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
    }
    if let Some(keyed) = keyed {
        let until = Instant::now() + PATIENCE_DROPPING;
        let ended = ["completed", "cancelled"];
        while Instant::now() < until && of_statuses(client, &ended).await.is_none_or(|runs| !runs.is_empty())
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The run that it stands for was dropped meanwhile.
        client.begin("", Some(keyed)).await;
    }
    for run in client.shared.known() {
        client.see(&run.id).await;
    }
    if client.shared.retains {
        let (runs, asked) = (all_of(client, "/runs", "id").await, all_of(client, "/approvals", "run").await);
        client.shared.log.push(What::Listed { runs, asked });
    }
}

/// A field of everything that a list shows, over all its pages.
async fn all_of(client: &Client, list: &str, field: &str) -> Vec<String> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    while let Some(page) = client.shared.look(&format!("{list}?limit=200{cursor}")).await {
        let items = page["items"].as_array().into_iter().flatten();
        all.extend(items.filter_map(|item| item[field].as_str().map(str::to_owned)));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    all
}

/// The runs of these statuses, also those of which no client was ever told: id, workflow, status. A list may be behind: who asks for
/// what has not ended may be shown what has. None when it cannot be had at this moment.
async fn of_statuses(client: &Client, statuses: &[&str]) -> Option<Vec<(String, String, String)>> {
    let mut runs = Vec::new();
    for status in statuses {
        let page = client.shared.look(&format!("/runs?status={status}&limit=200")).await?;
        for run in page["items"].as_array().into_iter().flatten() {
            let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
            if has_ended(status) == has_ended(&text("status")) {
                runs.push((text("id"), text("workflow"), text("status")));
            }
        }
    }
    Some(runs)
}
