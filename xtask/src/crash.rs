//! `cargo xtask crash`: kill the daemon at random moments and check what it acknowledged against what it kept.
//!
//! The program that does it is `ghostlight-proof`, which shares no code with the daemon. Tests run a short size of it; the
//! long one runs by hand and before releases.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::command;
use crate::report::{Outcome, Report};
use crate::suites::{EVERYTHING, Runner, Suite};
use crate::workspace::Workspace;

mod power;

/// How often the daemon is killed in the tests, and how often with cuts of power.
const ROUNDS_SHORT: u32 = 33;
const ROUNDS_POWER: u32 = 20;
/// In so many of them runs that ended are archived and dropped.
const ROUNDS_RETENTION: u32 = 8;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    /// How often the daemon is killed while it serves
    #[arg(long, default_value_t = 1_000)]
    rounds: u32,
    /// In how many of these rounds runs that ended are archived and dropped [default: a third]
    #[arg(long)]
    retention: Option<u32>,
    /// How many clients work it
    #[arg(long, default_value_t = 12)]
    clients: u32,
    /// Cut the power of the disk as well, each other time: needs root, loop devices, mkfs.xfs and mkfs.ext4
    #[arg(long)]
    power: bool,
    /// What all choices follow from [default: chosen at random and said]
    #[arg(long)]
    seed: Option<u64>,
    /// Plant each of the known bugs instead, and say how soon it is found
    #[arg(long)]
    planted: bool,
}

impl Options {
    /// So many rounds, some of them with retention.
    fn of(rounds: u32, retention: u32) -> Self {
        Self { rounds, retention: Some(retention), clients: 12, power: false, seed: None, planted: false }
    }
}

/// The planted bugs that show in a history, and whether anything is dropped in it. All others show by tests of the store, and of
/// loading runs.
const IN_HISTORIES: [(&str, bool); 6] = [
    ("bug_key_changes", false),
    ("bug_double_approval", false),
    ("bug_apply_twice", false),
    ("bug_lost_timer", false),
    ("bug_retry_forever", false),
    ("bug_compact_too_much", true),
];
/// Kills of one history in which a planted bug is looked for, and how many histories are looked through.
const ROUNDS_PLANTED: u32 = 12;
const SEEDS_PLANTED: u64 = 5;

/// Runs it and returns whether nothing was violated.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    if options.planted {
        return planted(workspace);
    }
    build(workspace)?;
    Ok(command::run(&mut proof(options)?)?.success)
}

/// Plants every bug and returns whether all were found.
fn planted(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut report = Report::new("cargo xtask crash --planted");
    let runner = Runner::find();
    let built = report.step("build tests", || runner.build(workspace));
    report.step("seven by tests", || match built {
        true => runner.run(workspace, Suite::PlantedBugs, "default", &[]),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    for (bug, retention) in IN_HISTORIES {
        report.step(bug, || looked_for(bug, retention));
    }
    Ok(report.finish())
}

/// Looks for a planted bug in one history after another.
fn looked_for(bug: &str, retention: bool) -> Outcome {
    let retention = if retention { ROUNDS_PLANTED } else { 0 };
    for seed in 1..=SEEDS_PLANTED {
        let options = Options { seed: Some(seed), ..Options::of(ROUNDS_PLANTED, retention) };
        let ended = proof(&options).and_then(|mut command| {
            command::run(command.env("GHOSTLIGHT_PLANTED_BUG", bug).env("RUST_BACKTRACE", "0"))
        });
        match ended {
            Ok(ended) if ended.success => {}
            Ok(ended) => {
                // A violation stands in a line that begins with its rule; anything else ended it before it could be judged.
                // That a history shows too little is no finding.
                let found = |line: &&str| line.starts_with("  ") && !line.starts_with("  H0");
                let violation = ended.stdout.lines().find(found).map(str::trim);
                match violation {
                    Some(violation) => {
                        return Outcome::Passed(format!("found in history {seed}: {violation}"));
                    }
                    None if ended.stdout.contains("  H0") => {}
                    None => {
                        let details = ended.stderr.lines().map(str::to_owned).collect();
                        return Outcome::Failed { what: "no history could be judged".into(), details };
                    }
                }
            }
            Err(error) => return error.into(),
        }
    }
    Outcome::failed(format!("not found in {SEEDS_PLANTED} histories of {ROUNDS_PLANTED} kills"))
}

/// The short size, as a step of the tests, with which the programs were built.
pub fn step() -> Outcome {
    judged(&Options::of(ROUNDS_SHORT, ROUNDS_RETENTION))
}

/// The same with cuts of power, where the machine lets them be made.
pub fn power_step() -> Outcome {
    if let Err(missing) = power::prepare() {
        return Outcome::Skipped(missing);
    }
    judged(&Options { power: true, ..Options::of(ROUNDS_POWER, ROUNDS_RETENTION) })
}

fn judged(options: &Options) -> Outcome {
    match proof(options).and_then(|mut command| command::run(&mut command)) {
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

/// Builds the programs as this one was built.
fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let release: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
    let build = [&["build", "--bins"], EVERYTHING, release].concat();
    ensure!(command::run(&mut command::cargo(&workspace.root, &build))?.success, "the programs do not build");
    Ok(())
}

/// The command that kills and checks. The programs stand beside this one.
fn proof(options: &Options) -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("find this program")?;
    let programs = own.parent().context("a program is in a folder")?;
    let proof = programs.join("ghostlight-proof");
    let mut command = if options.power {
        // However it ends, nothing that it mounted is left.
        let mut command = Command::new("unshare");
        command.arg("--mount").arg(proof);
        command
    } else {
        Command::new(proof)
    };
    command.arg("crash").arg("--program").arg(programs.join("ghostlight"));
    command.args(["--rounds", &options.rounds.to_string(), "--clients", &options.clients.to_string()]);
    if options.power {
        command.arg("--power");
    }
    if let Some(retention) = options.retention {
        command.args(["--retention", &retention.to_string()]);
    }
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    command.env_remove("GHOSTLIGHT_PLANTED_BUG");
    Ok(command)
}
