//! `cargo xtask licences`: no licence, crate or source in the dependencies that deny.toml does not allow.
//!
//! Works offline, from the lock file and what cargo has already downloaded. cargo-deny does it where it is
//! installed; elsewhere the same file is checked here, so that the rule holds on every machine without
//! building a second tool. Ours is the stricter one: forbidden crates and sources are looked for in the
//! whole lock file, whatever system they are for, and nothing is excused by being a test's dependency.

mod check;
mod policy;

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context;
use serde::Deserialize;

use self::check::Used;
use self::policy::Policy;
use crate::command;
use crate::report::{Outcome, Report, counted};
use crate::workspace::{Package, Workspace};

/// Runs the check as a chore of its own.
pub fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut report = Report::new("cargo xtask licences");
    report.step("licences", || outcome(workspace));
    Ok(report.finish())
}

/// Runs the check with whichever tool is there.
pub fn outcome(workspace: &Workspace) -> Outcome {
    let checked = match command::ask("cargo-deny", &["--version"]) {
        Some(version) => with_cargo_deny(workspace, &version),
        None => by_ourselves(workspace),
    };
    checked.unwrap_or_else(Outcome::from)
}

/// The systems that deny.toml names.
pub fn targets(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    Ok(policy(workspace)?.targets)
}

fn policy(workspace: &Workspace) -> anyhow::Result<Policy> {
    let text = fs::read_to_string(workspace.root.join("deny.toml")).context("read deny.toml")?;
    Policy::parse(&text).context("understand deny.toml")
}

fn with_cargo_deny(workspace: &Workspace, version: &str) -> anyhow::Result<Outcome> {
    let mut deny =
        command::cargo(&workspace.root, &["deny", "--offline", "check", "licenses", "bans", "sources"]);
    let ended = command::run(&mut deny)?;
    Ok(match ended.success {
        true => Outcome::Passed(format!("by {version}")),
        false => Outcome::failed(format!("{version} objects, see above")),
    })
}

fn by_ourselves(workspace: &Workspace) -> anyhow::Result<Outcome> {
    let policy = policy(workspace)?;
    let packages = packages(workspace, &policy.targets)?;
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).context("read Cargo.lock")?;
    let locked = locked(&lock)?;

    let mut findings = check::licences(&policy, &packages);
    findings.extend(check::bans(&policy, &locked));
    findings.extend(check::sources(&policy, &locked));
    for finding in &findings {
        eprintln!("  {finding}");
    }
    Ok(match findings.len() {
        0 => Outcome::Passed(format!(
            "{} crates licensed as allowed, {} locked ones neither forbidden nor from elsewhere (cargo-deny absent: checked by xtask)",
            packages.len(),
            locked.len()
        )),
        count => Outcome::Failed { what: counted(count, "finding"), details: findings },
    })
}

/// Everything that is built or tested on any of the targets, each once.
fn packages(workspace: &Workspace, targets: &[String]) -> anyhow::Result<Vec<Used>> {
    let mut all = BTreeMap::new();
    for target in targets {
        let metadata = workspace.metadata(Some(target))?;
        for package in metadata.packages {
            let ours = metadata.workspace_members.contains(&package.id);
            let Package { id, name, version, license, source, .. } = package;
            all.insert(id, Used { name, version, license, source, ours });
        }
    }
    Ok(all.into_values().collect())
}

/// All packages of a lock file. Ours have no source there; nor would a folder outside of the repository,
/// which is told apart where the licences are checked.
fn locked(lock: &str) -> anyhow::Result<Vec<Used>> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        version: String,
        source: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).context("understand Cargo.lock")?;
    let used = lock.package.into_iter().map(|Locked { name, version, source }| {
        let ours = source.is_none();
        Used { name, version, license: None, source, ours }
    });
    Ok(used.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4

[[package]]
name = "ghostlight"
version = "0.1.0"
dependencies = ["tokio", "openssl"]

[[package]]
name = "openssl"
version = "0.10.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "00"

[[package]]
name = "tokio"
version = "1.54.0"
source = "git+https://example.com/tokio?branch=main#0123abc"
"#;

    #[test]
    fn a_lock_file_with_a_forbidden_crate_and_a_git_source_gives_both_findings() {
        let deny = include_str!("../../deny.toml");
        let policy = Policy::parse(deny).unwrap();
        let locked = locked(LOCK).unwrap();
        assert_eq!(locked.len(), 3);
        let bans = check::bans(&policy, &locked);
        assert_eq!(bans.len(), 1, "{bans:?}");
        assert!(bans[0].starts_with("openssl 0.10.0: forbidden"), "{bans:?}");
        let sources = check::sources(&policy, &locked);
        assert_eq!(sources.len(), 1, "{sources:?}");
        assert!(sources[0].starts_with("tokio 1.54.0: "), "{sources:?}");
    }

    #[test]
    fn a_lock_file_that_is_none_is_an_error() {
        assert!(locked("[[package]]\nname = 1").is_err());
    }
}
