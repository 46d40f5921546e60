//! `cargo xtask tidy`: the house rules that a program can check, each violation with its place.
//!
//! The rules are about how the code is laid out: how files open and how long they grow, what must not be
//! left behind, which crate may use which, that modules do not know each other in circles, that a panic unwinds, and that
//! the tests show what is promised. What the compiler and clippy check is left to them.

mod circles;
mod files;
mod floors;
mod profiles;
mod rows;
mod scripts;
mod source;

use std::fmt;
use std::fs;

use anyhow::Context;

use crate::report::{Outcome, Report, counted};
use crate::workspace::Workspace;

/// A broken rule and where.
#[derive(Debug, PartialEq)]
pub struct Violation {
    /// The file, as seen from the root.
    file: String,
    /// The line, from 1.
    line: usize,
    /// What is wrong and what to do.
    what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.what)
    }
}

/// Runs the rules as a chore of its own.
pub fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut report = Report::new("cargo xtask tidy");
    report.step("tidy", || outcome(workspace));
    Ok(report.finish())
}

/// Runs the rules.
pub fn outcome(workspace: &Workspace) -> Outcome {
    check(workspace).unwrap_or_else(Outcome::from)
}

fn check(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let sources = files::sources(&workspace.root)?;
    let mut violations = files::check(&sources);
    violations.extend(floors::check(workspace)?);
    violations.extend(circles::check(&sources));
    let manifest = fs::read_to_string(workspace.root.join("Cargo.toml")).context("read Cargo.toml")?;
    violations.extend(profiles::check(&manifest)?);
    let table = fs::read_to_string(workspace.root.join(rows::TABLE))
        .with_context(|| format!("read {}", rows::TABLE))?;
    violations.extend(rows::check(&sources, &scripts::tests(&workspace.root)?, &table));

    let details: Vec<_> = violations.iter().map(Violation::to_string).collect();
    for detail in &details {
        eprintln!("  {detail}");
    }
    Ok(match details.len() {
        0 => Outcome::Passed(format!(
            "{} Rust files, the floors of the workspace, circles, profiles, promises",
            sources.len()
        )),
        count => Outcome::Failed { what: counted(count, "violation"), details },
    })
}
