//! `cargo xtask test`: everything that a change must pass, in one table.
//!
//! All steps run even when one fails, cheap ones first; only what cannot run is skipped, and says why. The
//! suites run at their short size; `cargo xtask long` runs the long one. Nothing is installed but
//! schemathesis, into the target folder, the dashboard's packages, and Chromium where it is missing and we are root: a tool that is missing is named, with how to get it, and replaced where there is a
//! replacement.

use std::env;
use std::process::Command;

use crate::command::{self, ask};
use crate::report::{Outcome, Report};
use crate::suites::{self, Runner, Suite};
use crate::workspace::Workspace;
use crate::{contract, crash, dashboard, licences, long, room, simulate, tidy};

/// Runs all steps and returns whether none failed.
pub fn run(workspace: &Workspace) -> bool {
    let mut report =
        Report::new("cargo xtask test (the short size of each suite; cargo xtask long runs the long one)");
    let runner = Runner::find();

    report.step("tools", || tools(&runner));
    report.step("fetch", || fetch(workspace));
    report.step("format", || cargo(workspace, &["fmt", "--all", "--check"]));
    report.step("tidy", || tidy::outcome(workspace));
    report.step("licences", || licences::outcome(workspace));
    report.step("clippy", || {
        let what = ["clippy", "--workspace", "--all-targets", "--all-features"];
        cargo(workspace, &[what.as_slice(), &["--", "-D", "warnings"]].concat())
    });
    report.step("as shipped", || cargo(workspace, &["check", "--workspace"]));
    let built = report.step("build tests", || runner.build(workspace));
    let suites =
        [("tests", Suite::Workspace), ("end to end", Suite::EndToEnd), ("planted bugs", Suite::PlantedBugs)];
    for (step, suite) in suites {
        report.step(step, || match built {
            true => runner.run(workspace, suite, "default", &[]),
            false => Outcome::Skipped("the tests do not compile".into()),
        });
    }
    report.step("crash", || match built {
        true => crash::step(),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    report.step("power cuts", || match built {
        true => crash::power_step(),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    report.step("contract", || match built {
        true => contract::step(workspace),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    report.step("dashboard", || dashboard::step(workspace));
    report.step("browser", || match built {
        true => dashboard::browser_step(workspace),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    report.step("simulation", || simulate::step(workspace));
    report.step("doc tests", || match built {
        true => suites::run_doc_tests(workspace),
        false => Outcome::Skipped("the tests do not compile".into()),
    });
    report.step("docs", || docs(workspace));
    report.finish()
}

/// Which tools there are, and which sizes the caller's shell asks for instead of the short ones. Only
/// rustfmt and clippy have no replacement.
fn tools(runner: &Runner) -> Outcome {
    let mut words = vec![ask("rustc", &["--version"]).unwrap_or_else(|| "rustc of unknown version".into())];
    words.push(match runner {
        Runner::Nextest { version } => version.clone(),
        Runner::Plain => "cargo-nextest absent: plain cargo test (a test that hangs is not ended)".into(),
    });
    if ask("cargo-deny", &["--version"]).is_none() {
        words.push("cargo-deny absent: xtask checks deny.toml".into());
    }
    words.extend(room::at_target().map(room::told));
    let sizes =
        long::VARIABLES.iter().filter_map(|name| Some(format!("{name}={} is set", env::var(name).ok()?)));
    words.extend(sizes);
    let missing: Vec<_> = [("rustfmt", "rustfmt"), ("clippy", "cargo-clippy")]
        .into_iter()
        .filter(|(_, program)| ask(program, &["--version"]).is_none())
        .map(|(component, _)| format!("{component} is missing: rustup component add {component}"))
        .collect();
    match missing.is_empty() {
        true => Outcome::Passed(words.join("; ")),
        false => Outcome::Failed { what: "tools are missing".into(), details: missing },
    }
}

/// Downloads what the lock file names for this system and for those that deny.toml names, so that all
/// steps after it see the same crates and the licences can be checked offline.
fn fetch(workspace: &Workspace) -> Outcome {
    let fetched = licences::targets(workspace).and_then(|targets| {
        let host = ask("rustc", &["--version", "--verbose"])
            .and_then(|lines| lines.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned)));
        let mut arguments = vec!["fetch", "--locked"];
        for target in targets.iter().chain(&host) {
            arguments.extend(["--target", target.as_str()]);
        }
        command::run(&mut command::cargo(&workspace.root, &arguments))
    });
    match fetched {
        Ok(ended) if ended.success => Outcome::Passed("all locked crates are here".into()),
        Ok(_) => Outcome::failed("crates are missing, or Cargo.lock is not up to date, see above"),
        Err(error) => error.into(),
    }
}

fn docs(workspace: &Workspace) -> Outcome {
    let what = ["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"];
    let mut cargo = command::cargo(&workspace.root, &what);
    passed_if(cargo.env("RUSTDOCFLAGS", "-D warnings"))
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Outcome {
    passed_if(&mut command::cargo(&workspace.root, arguments))
}

fn passed_if(command: &mut Command) -> Outcome {
    let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
    match command::run(command) {
        Ok(ended) if ended.success => Outcome::Passed(format!("cargo {}", words.join(" "))),
        Ok(ended) => ended.failure(),
        Err(error) => error.into(),
    }
}
