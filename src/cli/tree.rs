//! `tree`: the supervision tree, once or as it changes.

use std::collections::BTreeMap;
use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::Context;
use super::exit::{CliError, Exit};
use crate::client::{Client, TreeNode};
use crate::output::{self, Format, duration, plain, shortened};

const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Show the supervision tree
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight tree\n  ghostlight tree --watch")]
pub(crate) struct TreeArgs {
    /// Show it again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,

    /// Partitions in which no run lives too
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: TreeArgs, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    loop {
        let tree = client.tree().await?;
        let names = if context.output == Format::Table && has_runs(&tree.value) {
            names(&client).await
        } else {
            Names::new()
        };
        let screen = drawn(&tree.value, &names, args.all);
        if !args.watch {
            context.print(&tree.body, || screen);
            return Ok(Exit::Done);
        }
        let is_read = output::print_text(&match context.output {
            // Cleared and drawn in one write, so that nothing flickers.
            Format::Table => format!("\u{1b}[H\u{1b}[2J{screen}"),
            Format::Json => tree.body.to_string(),
            Format::Yaml => format!("---\n{}", output::yaml(&tree.body)),
        });
        if !is_read {
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_AGAIN) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

/// The workflows of runs, by the runs' ids.
type Names = BTreeMap<String, String>;

/// The workflows of the runs that may live: of each of these states one page, the newest.
async fn names(client: &Client) -> Names {
    let mut names = Names::new();
    for status in ["running", "paused"] {
        let query = [("status", status.to_owned()), ("limit", "200".to_owned())];
        // The tree can be shown without them.
        if let Ok(page) = client.runs(&query).await {
            names.extend(page.value.items.into_iter().map(|run| (run.id, run.workflow)));
        }
    }
    names
}

/// Whether any run lives.
fn has_runs(root: &TreeNode) -> bool {
    is_run(root) || root.children.iter().any(has_runs)
}

fn is_run(node: &TreeNode) -> bool {
    let mut parts = node.path.rsplit('/');
    parts.next().is_some_and(|last| last.len() == 36 && last.matches('-').count() == 4)
        && parts.next() == Some("runs")
}

/// Whether a node is a partition of runs in which none lives and nothing has happened.
fn is_quiet_partition(node: &TreeNode) -> bool {
    fn is_quiet(node: &TreeNode) -> bool {
        node.state == "running" && node.restarts == 0 && node.children.iter().all(is_quiet)
    }
    let number = node.path.strip_prefix("runs/p");
    number.is_some_and(|number| number.parse::<u32>().is_ok()) && !has_runs(node) && is_quiet(node)
}

fn drawn(root: &TreeNode, names: &Names, all: bool) -> String {
    let mut text = String::new();
    text.push_str(&line(root, names));
    branches(root, "", (names, all), &mut text);
    text
}

fn branches(node: &TreeNode, indent: &str, (names, all): (&Names, bool), text: &mut String) {
    let (quiet, shown): (Vec<_>, Vec<_>) =
        node.children.iter().partition(|child| !all && is_quiet_partition(child));
    for (at, child) in shown.iter().enumerate() {
        let is_last = at + 1 == shown.len() && quiet.is_empty();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        text.push_str(&format!("{}{}", format!("{indent}{branch}").dimmed(), line(child, names)));
        branches(child, &format!("{indent}{below}"), (names, all), text);
    }
    if !quiet.is_empty() {
        let partitions = if quiet.len() == 1 { "partition" } else { "partitions" };
        let left_out = format!("{indent}└── {} {partitions} without runs: --all shows them", quiet.len());
        text.push_str(&format!("{}\n", left_out.dimmed()));
    }
}

fn line(node: &TreeNode, names: &Names) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| shortened(&value.to_string(), 40), plain);
    let state = word(&node.state);
    let sign = match state.as_str() {
        "running" => "●".green().to_string(),
        "restarting" | "starting" | "stopping" => "◷".yellow().to_string(),
        _ => "○".red().to_string(),
    };
    let name = node.path.rsplit('/').next().unwrap_or(&node.path);
    let name = if word(&node.kind) == "supervisor" { plain(name).bold().to_string() } else { plain(name) };
    let workflow = names.get(node.path.rsplit('/').next().unwrap_or_default()).filter(|_| is_run(node));
    let name = match workflow {
        Some(workflow) => format!("{name}  {}", plain(workflow).cyan()),
        None => name,
    };
    let mut facts = Vec::new();
    if state != "running" {
        facts.push(state);
    }
    if node.uptime_ms > 0 {
        facts.push(format!("up {}", duration(node.uptime_ms)));
    }
    if node.handled > 0 {
        facts.push(format!("{} handled", node.handled));
    }
    if let Some(waiting) = node.mailbox.filter(|waiting| *waiting > 0) {
        facts.push(format!("{waiting} waiting"));
    }
    if node.restarts > 0 {
        facts.push(format!("restarted {} times", node.restarts).yellow().to_string());
    }
    if let Some(exit) = node.exit_text().filter(|_| node.restarts > 0) {
        facts.push(plain(&exit).red().to_string());
    }
    let facts = if facts.is_empty() { String::new() } else { format!("  {}", facts.join(", ").dimmed()) };
    format!("{sign} {name}{facts}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_tree_is_drawn_with_its_branches_and_what_happened_to_them() {
        let tree: TreeNode = serde_json::from_value(json!({
            "path": "ghostlight", "kind": "supervisor", "state": "running", "uptime_ms": 2_500,
            "children": [
                {"path": "runs", "kind": "supervisor", "state": "running", "children": [
                    {"path": "runs/p0", "kind": "worker", "state": "running", "handled": 3, "mailbox": 1, "restarts": 2,
                     "last_exit": {"kind": "panicked", "text": "panicked: oh"}}]},
                {"path": "views", "kind": "worker", "state": "stopped"}],
        }))
        .unwrap();
        insta::assert_snapshot!(
            anstream::adapter::strip_str(&drawn(&tree, &Names::new(), false)).to_string()
        );
    }

    #[test]
    fn a_run_is_shown_with_its_workflow_and_partitions_without_runs_only_when_asked_for() {
        let partition = |at: usize, runs: serde_json::Value, restarts: u32| {
            json!({"path": format!("runs/p{at}"), "kind": "supervisor", "state": "running", "restarts": restarts, "children": [
                {"path": format!("runs/p{at}/runs"), "kind": "supervisor", "state": "running", "children": runs}]})
        };
        let id = "01a22625-b530-7bdc-926d-4a49a043e5ef";
        let run = json!([{"path": format!("runs/p1/runs/{id}"), "kind": "supervisor", "state": "running"}]);
        let tree: TreeNode = serde_json::from_value(json!({
            "path": "ghostlight", "kind": "supervisor", "state": "running", "children": [
                {"path": "runs", "kind": "supervisor", "state": "running", "children": [
                    partition(0, json!([]), 0), partition(1, run, 0), partition(2, json!([]), 1), partition(3, json!([]), 0)]}],
        }))
        .unwrap();
        let names = Names::from([(id.to_owned(), "incident-response".to_owned())]);
        let shown = |all| anstream::adapter::strip_str(&drawn(&tree, &names, all)).to_string();
        let short = shown(false);
        assert!(short.contains(&format!("{id}  incident-response")), "{short}");
        assert!(short.ends_with("    └── 2 partitions without runs: --all shows them\n"), "{short}");
        assert!(!short.contains("p0") && short.contains("p2"), "what was restarted is shown: {short}");
        assert!(shown(true).contains("p0") && !shown(true).contains("--all"));
    }
}
