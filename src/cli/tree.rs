//! `tree`: the supervision tree, once or as it changes.

use std::time::Duration;

use owo_colors::OwoColorize;
use serde_json::Value;

use super::Context;
use super::exit::{CliError, Exit};
use crate::client::TreeNode;
use crate::output::{self, Format, duration, plain, shortened};

const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Show the supervision tree
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ghostlight tree\n  ghostlight tree --watch")]
pub(crate) struct TreeArgs {
    /// Show it again every second, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(args: TreeArgs, context: &Context) -> Result<Exit, CliError> {
    let client = context.client()?;
    loop {
        let tree = client.tree().await?;
        let screen = drawn(&tree.value);
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

fn drawn(root: &TreeNode) -> String {
    let mut text = String::new();
    text.push_str(&line(root));
    branches(root, "", &mut text);
    text
}

fn branches(node: &TreeNode, indent: &str, text: &mut String) {
    for (at, child) in node.children.iter().enumerate() {
        let is_last = at + 1 == node.children.len();
        let (branch, below) = if is_last { ("└── ", "    ") } else { ("├── ", "│   ") };
        text.push_str(&format!("{}{}", format!("{indent}{branch}").dimmed(), line(child)));
        branches(child, &format!("{indent}{below}"), text);
    }
}

fn line(node: &TreeNode) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| shortened(&value.to_string(), 40), plain);
    let state = word(&node.state);
    let sign = match state.as_str() {
        "running" => "●".green().to_string(),
        "restarting" | "starting" | "stopping" => "◷".yellow().to_string(),
        _ => "○".red().to_string(),
    };
    let name = node.path.rsplit('/').next().unwrap_or(&node.path);
    let name = if word(&node.kind) == "supervisor" { plain(name).bold().to_string() } else { plain(name) };
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
        insta::assert_snapshot!(anstream::adapter::strip_str(&drawn(&tree)).to_string());
    }
}
