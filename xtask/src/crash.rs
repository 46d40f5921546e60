//! `cargo xtask crash`: kill the daemon at random moments and check what it acknowledged against what it kept.
//!
//! The program that does it is `ghostlight-proof`, which shares no code with the daemon. Tests run a short size of it; the
//! long one runs by hand and before releases.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::command;
use crate::report::Outcome;
use crate::suites::EVERYTHING;
use crate::workspace::Workspace;

/// How often the daemon is killed in the tests.
const ROUNDS_SHORT: u32 = 25;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    /// How often the daemon is killed while it serves
    #[arg(long, default_value_t = 1_000)]
    rounds: u32,
    /// How many clients work it
    #[arg(long, default_value_t = 12)]
    clients: u32,
    /// What all choices follow from [default: chosen at random and said]
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs it and returns whether nothing was violated.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    Ok(command::run(&mut proof(workspace, options)?)?.success)
}

/// The short size, as a step of the tests.
pub fn step(workspace: &Workspace) -> Outcome {
    let options = Options { rounds: ROUNDS_SHORT, clients: 12, seed: None };
    match proof(workspace, &options).and_then(|mut command| command::run(&mut command)) {
        Ok(ended) if ended.success => {
            Outcome::Passed(ended.stdout.lines().last().unwrap_or_default().to_owned())
        }
        Ok(ended) => Outcome::Failed {
            what: "a promise was not kept".into(),
            details: ended.stdout.lines().map(str::to_owned).collect(),
        },
        Err(error) => error.into(),
    }
}

/// Builds what is needed; the command that kills and checks.
fn proof(workspace: &Workspace, options: &Options) -> anyhow::Result<Command> {
    let release: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
    let build = [&["build", "--bins"], EVERYTHING, release].concat();
    ensure!(command::run(&mut command::cargo(&workspace.root, &build))?.success, "the programs do not build");
    // They are built beside this one.
    let own = std::env::current_exe().context("find this program")?;
    let programs = own.parent().context("a program is in a folder")?;
    let mut command = Command::new(programs.join("ghostlight-proof"));
    command.arg("crash").arg("--program").arg(programs.join("ghostlight"));
    command.args(["--rounds", &options.rounds.to_string(), "--clients", &options.clients.to_string()]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    command.env_remove("GHOSTLIGHT_PLANTED_BUG");
    Ok(command)
}
