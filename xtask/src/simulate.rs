//! `cargo xtask simulate`: the run machine and supervision on a seed, with every step held against what must hold.
//!
//! The program that does it is `ghostlight-simulation`. It is built by a profile of its own, optimised and with all assertions: a
//! million steps are made in less than a minute.

use std::process::Command;

use crate::command;
use crate::report::Outcome;
use crate::workspace::Workspace;

/// Where simulations of the tests begin: the same each time, so that a red run means what it says.
const SEED: u64 = 1;
/// How many steps they make.
const STEPS: u64 = 1_000_000;
/// The planted bugs that a simulation finds, and the steps within which it does.
const PLANTED: [&str; 5] =
    ["bug_double_approval", "bug_retry_forever", "bug_apply_twice", "bug_lost_timer", "bug_key_changes"];
const STEPS_PLANTED: u64 = 200_000;

/// How much, and from where.
#[derive(clap::Args)]
pub struct Options {
    /// The seed of the first episode; each further one has the next
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// How many steps are made at least
    #[arg(long, default_value_t = STEPS)]
    steps: u64,
    /// How many of the last steps of a run are told in which something is wrong
    #[arg(long, default_value_t = 30)]
    told: usize,
    /// Plant each of the known bugs that can be found here instead, and say how soon it is
    #[arg(long)]
    planted: bool,
}

/// Runs it and returns whether nothing was wrong.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    if options.planted {
        let mut report = crate::report::Report::new("cargo xtask simulate --planted");
        for bug in PLANTED {
            report.step(bug, || looked_for(workspace, bug));
        }
        return Ok(report.finish());
    }
    Ok(command::run(&mut simulation(workspace, options))?.success)
}

/// The short size, as a step of the tests.
pub fn step(workspace: &Workspace) -> Outcome {
    let options = Options { seed: SEED, steps: STEPS, told: 30, planted: false };
    match command::run(&mut simulation(workspace, &options)) {
        Ok(ended) if ended.success => {
            Outcome::Passed(ended.stdout.lines().last().unwrap_or_default().to_owned())
        }
        // What does not hold stands in its answer; without one it was not even built.
        Ok(ended) if ended.stdout.is_empty() => ended.failure(),
        Ok(ended) => Outcome::Failed {
            what: "something does not hold".into(),
            details: ended.stdout.lines().map(str::to_owned).collect(),
        },
        Err(error) => error.into(),
    }
}

/// Simulates with a bug until it is found.
fn looked_for(workspace: &Workspace, bug: &str) -> Outcome {
    let options = Options { seed: SEED, steps: STEPS_PLANTED, told: 0, planted: false };
    let ended = command::run(simulation(workspace, &options).env("GHOSTLIGHT_PLANTED_BUG", bug));
    match ended {
        Ok(ended) if ended.success => Outcome::failed(format!("not found in {STEPS_PLANTED} steps")),
        Ok(ended) => {
            let line = |begins: &str| ended.stdout.lines().find(|line| line.starts_with(begins));
            match (line("violated: "), line("seed ")) {
                (Some(violated), Some(seed)) => Outcome::Passed(format!("{violated}; {seed}")),
                _ => Outcome::failed("it could not be simulated, see above"),
            }
        }
        Err(error) => error.into(),
    }
}

fn simulation(workspace: &Workspace, options: &Options) -> Command {
    let numbers = [options.seed, options.steps, options.told as u64].map(|number| number.to_string());
    let [seed, steps, told] = &numbers;
    let build = [
        "run",
        "--quiet",
        "--profile",
        "simulation",
        "--package",
        "ghostlight-simulation",
        "--all-features",
        "--",
    ];
    let arguments = [build.as_slice(), &["--seed", seed, "--steps", steps, "--told", told]].concat();
    command::cargo(&workspace.root, &arguments)
}
