//! `cargo xtask contract`: hold a real daemon to its OpenAPI document, with schemathesis.
//!
//! The daemon has workflows, agents, a token and runs in several states. It is asked what its document allows and what it
//! forbids; what it answers has to be as documented, and never a 500. `xtask/schemathesis` says how, and what is left out
//! and why. Schemathesis is a program in Python: it is installed into the target folder, at the versions that are pinned
//! there. Where it cannot be had the chore says so; on CI that is a failure.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::bench::daemon::{Daemon, Place};
use crate::command::{self, Ended, ask};
use crate::report::Outcome;
use crate::suites::EVERYTHING;
use crate::workspace::Workspace;

/// Cases of each operation and phase in the tests, and what they follow from.
const EXAMPLES_SHORT: u32 = 15;
const SEED_SHORT: u64 = 1;
/// Fewer cases than this are no proof of anything.
const CASES_MIN: u64 = 500;

/// How much.
#[derive(clap::Args)]
pub struct Options {
    /// Cases of each operation and phase
    #[arg(long, default_value_t = 200)]
    examples: u32,
    /// What all cases follow from [default: chosen at random and said]
    #[arg(long)]
    seed: Option<u64>,
}

/// Builds the daemon, asks it, and returns whether everything was as documented.
pub fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<bool> {
    let release: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
    let build = [&["build", "--bins"], EVERYTHING, release].concat();
    ensure!(command::run(&mut command::cargo(&workspace.root, &build))?.success, "the programs do not build");
    let (what, details, held) = match asked(workspace, options) {
        Outcome::Passed(what) => (what, Vec::new(), true),
        Outcome::Failed { what, details } => (what, details, false),
        Outcome::Skipped(why) => (why, Vec::new(), false),
    };
    println!("\n{what}");
    details.iter().for_each(|line| println!("  {line}"));
    Ok(held)
}

/// The short size, as a step of the tests, with which the daemon was built.
pub fn step(workspace: &Workspace) -> Outcome {
    asked(workspace, &Options { examples: EXAMPLES_SHORT, seed: Some(SEED_SHORT) })
}

fn asked(workspace: &Workspace, options: &Options) -> Outcome {
    let schemathesis = match installed(workspace) {
        Ok(program) => program,
        Err(error) if env::var_os("CI").is_some() => return error.into(),
        Err(error) => return Outcome::Skipped(format!("{error:#}")),
    };
    match ask_everything(workspace, &schemathesis, options) {
        Ok(outcome) => outcome,
        Err(error) => error.into(),
    }
}

/// The program, installed if it is not there at the pinned versions yet.
fn installed(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let pinned =
        fs::read_to_string(folder(workspace).join("requirements.txt")).context("read what is pinned")?;
    let place = workspace.root.join("target/schemathesis");
    let (program, mark) = (place.join("bin/schemathesis"), place.join("installed.txt"));
    if program.is_file() && fs::read_to_string(&mark).is_ok_and(|installed| installed == pinned) {
        return Ok(program);
    }
    ensure!(
        ask("python3", &["--version"]).is_some(),
        "python3 is missing, which schemathesis needs: apt-get install python3-venv"
    );
    let made = command::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&place))?;
    ensure!(made.success, "python3 makes no environment, see above: apt-get install python3-venv");
    let mut pip = Command::new(place.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"]);
    let done = command::run(pip.arg(folder(workspace).join("requirements.txt")))?;
    ensure!(done.success, "schemathesis cannot be installed from the package index of Python, see above");
    fs::write(&mark, pinned).context("note what is installed")?;
    Ok(program)
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root.join("xtask/schemathesis")
}

fn ask_everything(workspace: &Workspace, schemathesis: &Path, options: &Options) -> anyhow::Result<Outcome> {
    let own = env::current_exe().context("find this program")?;
    let program = own.parent().context("a program is in a folder")?.join("ghostlight");
    let place = Place { program, folder: workspace.root.join("target"), preload: None }.fresh("contract")?;
    copy(&workspace.root.join("config"), &place.folder.join("config"))?;
    copy(&folder(workspace).join("workflows"), &place.folder.join("config/workflows"))?;
    let mut house = House { place: &place, server: String::new(), token: String::new() };
    let token = house.says(&["token", "create", "--label", "contract", "--data", "ghostlight-data"])?;
    house.token = token["token"].as_str().context("a token is shown")?.to_owned();
    let daemon = Daemon::start(&place)?;
    house.server = format!("http://{}", daemon.address);
    house.furnish()?;
    fs::write(place.folder.join("openapi.json"), house.says(&["openapi"])?.to_string())?;

    let mut command = Command::new(schemathesis);
    command.current_dir(&place.folder);
    command.arg("--config-file").arg(folder(workspace).join("schemathesis.toml"));
    command.args(["run", "openapi.json", "--url", &house.server]);
    command.args(["--max-examples", &options.examples.to_string()]);
    if let Some(seed) = options.seed {
        command.args(["--seed", &seed.to_string()]);
    }
    command.env("GHOSTLIGHT_SERVER", &house.server).env("GHOSTLIGHT_TOKEN", &house.token);
    command.env("GHOSTLIGHT_HOOKS", folder(workspace).join("hooks.py"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    let ended = command::run(&mut command)?;
    // Whatever it was asked, it still goes down in good order.
    daemon.stop()?;
    let log = fs::read_to_string(place.folder.join("daemon.log")).context("read the daemon's log")?;
    Ok(judged(&ended, &log))
}

/// A daemon, and what the command line needs to speak to it.
struct House<'p> {
    place: &'p Place,
    server: String,
    token: String,
}

impl House<'_> {
    /// Runs of every kind: done, failed, waiting for somebody and for a signal, paused, cancelled.
    fn furnish(&self) -> anyhow::Result<()> {
        self.says(&["token", "create", "--label", "to be revoked"])?;
        self.start("contract-one", r#"{"items": [1, 2]}"#)?;
        for workflow in ["contract-fails", "contract-asks", "contract-asks", "contract-waits"] {
            self.start(workflow, "{}")?;
        }
        for verb in ["pause", "cancel"] {
            let run = self.start("contract-waits", "{}")?;
            self.says(&["runs", verb, &run])?;
        }
        Ok(())
    }

    fn start(&self, workflow: &str, input: &str) -> anyhow::Result<String> {
        let run = self.says(&["runs", "start", workflow, "--input", input])?;
        Ok(run["id"].as_str().context("a run has an id")?.to_owned())
    }

    /// What the command line says, as JSON.
    fn says(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let mut command = Command::new(&self.place.program);
        command.current_dir(&self.place.folder).args(arguments).args(["--output", "json"]);
        if !self.server.is_empty() {
            command.env("GHOSTLIGHT_SERVER", &self.server).env("GHOSTLIGHT_TOKEN", &self.token);
        }
        let output = command.output().context("start the command line")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "`ghostlight {}`: {said}", arguments.join(" "));
        serde_json::from_slice(&output.stdout).context("read what the command line says")
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| format!("create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("read {}", from.display()))? {
        let (from, to) = {
            let entry = entry?;
            (entry.path(), to.join(entry.file_name()))
        };
        if from.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("copy {}", from.display()))?;
        }
    }
    Ok(())
}

/// The status of schemathesis decides, and the daemon's log; its words only say how many and which.
fn judged(ended: &Ended, log: &str) -> Outcome {
    let panics = log.lines().filter(|line| line.contains("panicked")).map(str::to_owned);
    let found = ended.stdout.lines().map(str::trim).filter(|line| line.starts_with(['❌', '🚫']));
    let of_checks = found.filter(|line| line.contains(": ")).map(str::to_owned);
    let details: Vec<String> = panics.chain(of_checks).collect();
    let cases = ended.stdout.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse().ok());
    match (ended.success && details.is_empty(), cases.unwrap_or(0)) {
        (true, cases) if cases >= CASES_MIN => {
            Outcome::Passed(format!("{cases} cases answered as documented"))
        }
        (true, cases) => Outcome::failed(format!("{cases} cases are too few to show anything")),
        (false, cases) => Outcome::Failed {
            what: format!("not answered as documented, see above ({cases} cases, {})", ended.status),
            details,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(success: bool, stdout: &str) -> Ended {
        Ended { success, status: "exit status: 1".into(), stdout: stdout.into(), stderr: String::new() }
    }

    #[test]
    fn what_schemathesis_found_is_named_and_fails() {
        let said = "Failures:\n  ❌ ST101 Server error: 8\n\nTest cases:\n  2990 generated, 8 found 16 unique failures\n";
        let Outcome::Failed { what, details } = judged(&ended(false, said), "") else { panic!("it passed") };
        assert!(what.contains("2990 cases"), "{what}");
        assert_eq!(details, ["❌ ST101 Server error: 8"]);
    }

    #[test]
    fn a_panic_in_the_log_fails_whatever_was_answered() {
        let good = ended(true, "Test cases:\n  2990 generated, 2990 passed\n");
        assert!(matches!(judged(&good, "all is well"), Outcome::Passed(_)));
        assert!(matches!(judged(&good, "thread 'x' panicked at src"), Outcome::Failed { .. }));
    }

    #[test]
    fn a_run_that_asked_nothing_proves_nothing() {
        assert!(matches!(judged(&ended(true, "Test cases:\n  3 generated\n"), ""), Outcome::Failed { .. }));
        assert!(matches!(judged(&ended(true, ""), ""), Outcome::Failed { .. }));
    }
}
