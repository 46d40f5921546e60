//! The chores of the project: `cargo xtask <chore>`, one file per chore.
//!
//! What runs here is what CI runs, so that "it passes on my machine" and "it passes" are the same sentence.
//! Nothing outside the target folder is written but the dashboard's packages, and nothing is installed but schemathesis, there, and
//! Chromium where it is missing and we are root. A chore ends with a non-zero
//! status when anything it checked is wrong. What the checks demand is written in the chores; what the
//! daemon does is none of their business.

mod bench;
mod command;
mod contract;
mod crash;
mod dashboard;
mod licences;
mod long;
mod report;
mod room;
mod simulate;
mod suites;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Chores of the project", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run everything that a change must pass, and say so in one table
    Test,
    /// Check the house rules: how files open and how long they are, leftovers, the floors of the workspace
    Tidy,
    /// Check licences, forbidden crates and sources of the dependencies against deny.toml, offline
    Licences,
    /// Run the test suites at their long size
    Long(long::Options),
    /// Kill the daemon at random moments, and check what it acknowledged against what it kept
    Crash(crash::Options),
    /// Ask the daemon everything that its OpenAPI document allows and forbids, with schemathesis
    Contract(contract::Options),
    /// Check and test the dashboard, alone and in a browser against the daemon
    Dashboard,
    /// Run the run machine and supervision on a seed, and hold every step against what must hold
    Simulate(simulate::Options),
    /// Run the benchmarks
    Bench(Box<bench::Options>),
}

fn main() -> ExitCode {
    let chore = Cli::parse().chore;
    let done = Workspace::find().and_then(|workspace| match chore {
        Chore::Test => Ok(test::run(&workspace)),
        Chore::Tidy => tidy::run(&workspace),
        Chore::Licences => licences::run(&workspace),
        Chore::Long(options) => long::run(&workspace, &options),
        Chore::Crash(options) => crash::run(&workspace, &options),
        Chore::Dashboard => dashboard::run(&workspace),
        Chore::Contract(options) => contract::run(&workspace, &options),
        Chore::Simulate(options) => simulate::run(&workspace, &options),
        Chore::Bench(options) => bench::run(&workspace, &options),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn every_chore_and_its_options_can_be_parsed() {
        Cli::command().debug_assert();
    }
}
