//! The benchmark targets of the workspace, each by its name.
//!
//! Naming them keeps the test harness of the libraries out, which would stumble over the benchmarks' own options.

use anyhow::ensure;

use crate::command;
use crate::workspace::Workspace;

/// What to run.
#[derive(clap::Args)]
pub struct Options {
    /// Options for the benchmarks themselves, after `--`
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Runs all benchmarks and returns whether none failed. That there are none is an error.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    let members = workspace.members()?;
    let benches: Vec<&str> = members
        .iter()
        .flat_map(|member| &member.targets)
        .filter(|target| target.is("bench"))
        .map(|target| target.name.as_str())
        .collect();
    ensure!(!benches.is_empty(), "the workspace has no benchmarks");

    let mut arguments = vec!["bench", "--workspace"];
    for bench in benches {
        arguments.extend(["--bench", bench]);
    }
    if !options.arguments.is_empty() {
        arguments.push("--");
        arguments.extend(options.arguments.iter().map(String::as_str));
    }
    Ok(command::run(&mut command::cargo(&workspace.root, &arguments))?.success)
}
