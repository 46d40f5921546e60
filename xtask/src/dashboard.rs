//! `cargo xtask dashboard`: the dashboard's own checks and tests, and the built files against their sources.
//!
//! `dashboard/dist` is built and committed, so that nobody needs Node to run the daemon. Here it is built once more and has to come out
//! the same. The browser's tests drive the real daemon with Chromium. Node cannot be installed from Debian in the version that is
//! needed, so without it these steps say so and are skipped; Chromium is installed where we may.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::command::{self, Ended, ask};
use crate::report::{Outcome, counted};
use crate::suites::EVERYTHING;
use crate::workspace::Workspace;

/// The oldest Node that the dashboard's tools run on.
const NODE_MIN: (u32, u32) = (20, 19);
/// Where browsers are looked for, beside `CHROMIUM`.
const CHROMIUMS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// Builds the daemon, runs both steps, and returns whether neither failed.
pub fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let build = [&["build", "--bins"], EVERYTHING].concat();
    ensure!(command::run(&mut command::cargo(&workspace.root, &build))?.success, "the programs do not build");
    let held = [step(workspace), browser_step(workspace)].map(|outcome| match outcome {
        Outcome::Passed(what) => (true, what, Vec::new()),
        Outcome::Failed { what, details } => (false, what, details),
        Outcome::Skipped(why) => (false, why, Vec::new()),
    });
    for (_, what, details) in &held {
        println!("\n{what}");
        details.iter().for_each(|line| println!("  {line}"));
    }
    Ok(held.iter().all(|(held, ..)| *held))
}

/// Format, types, unit tests, and whether `dist` is what the sources make.
pub fn step(workspace: &Workspace) -> Outcome {
    with_node(workspace, |folder| {
        for script in ["format:check", "check"] {
            let ended = npm(folder, &["run", "--silent", script])?;
            ensure!(ended.success, "`npm run {script}` finds something, see above");
        }
        let tests = npm(folder, &["run", "--silent", "test"])?;
        ensure!(tests.success, "a test of the dashboard fails, see above");
        let fresh = workspace.root.join("target/dashboard");
        let out = fresh.display().to_string();
        let built = npm(folder, &["run", "--silent", "bundle", "--", "--outDir", &out, "--emptyOutDir"])?;
        ensure!(built.success, "the dashboard does not build, see above");
        let differ = differences(&folder.join("dist"), &fresh)?;
        if !differ.is_empty() {
            let what =
                "dashboard/dist is not what its sources make: run `npm run build` in dashboard/".to_owned();
            return Ok(Outcome::Failed { what, details: differ });
        }
        Ok(Outcome::Passed(format!("{}; dist is what its sources make", tests_of(&tests))))
    })
}

/// The real daemon in a real browser. The daemon was built before.
pub fn browser_step(workspace: &Workspace) -> Outcome {
    with_node(workspace, |folder| {
        let Some(chromium) = chromium()? else {
            let why = "Chromium is missing: apt-get install chromium, or name one in CHROMIUM";
            return Ok(Outcome::Skipped(why.into()));
        };
        let own = env::current_exe().context("find this program")?;
        let program = own.parent().context("a program is in a folder")?.join("ghostlight");
        let mut command = Command::new("npm");
        command.current_dir(folder).args(["run", "--silent", "e2e"]);
        command.env("GHOSTLIGHT_PROGRAM", program).env("CHROMIUM", chromium);
        command.env("GHOSTLIGHT_SCREENSHOTS", workspace.root.join("target/screenshots"));
        let ended = command::run(&mut command)?;
        ensure!(ended.success, "a test in the browser fails, see above");
        Ok(Outcome::Passed(format!("{}; pictures in target/screenshots", tests_of(&ended))))
    })
}

/// Whether Node, its packages and a browser are there, which `scripts/paint.mjs` needs.
pub fn ready(workspace: &Workspace) -> anyhow::Result<()> {
    has_node()?;
    install(&workspace.root.join("dashboard"))?;
    ensure!(chromium()?.is_some(), "Chromium is missing: apt-get install chromium");
    Ok(())
}

fn with_node(workspace: &Workspace, steps: impl FnOnce(&Path) -> anyhow::Result<Outcome>) -> Outcome {
    let folder = workspace.root.join("dashboard");
    if let Err(error) = has_node().and_then(|()| install(&folder)) {
        return Outcome::Skipped(format!("{error:#}"));
    }
    steps(&folder).unwrap_or_else(Outcome::from)
}

fn has_node() -> anyhow::Result<()> {
    let (major, minor) = NODE_MIN;
    let found = ask("node", &["--version"]).context("node is missing")?;
    let mut numbers = found.trim_start_matches('v').split('.').map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    ensure!(version >= NODE_MIN, "node {found} is too old: {major}.{minor} or newer is needed");
    ensure!(ask("npm", &["--version"]).is_some(), "npm is missing, which belongs to node");
    Ok(())
}

/// The packages that the lock file names, if they are not there yet.
fn install(folder: &Path) -> anyhow::Result<()> {
    let locked = fs::read(folder.join("package-lock.json")).context("read dashboard/package-lock.json")?;
    let mark = folder.join("node_modules/.installed");
    if fs::read(&mark).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    let ended = npm(folder, &["ci", "--no-audit", "--no-fund"])?;
    ensure!(ended.success, "the dashboard's packages cannot be installed, see above");
    fs::write(&mark, locked).context("note what is installed")
}

fn npm(folder: &Path, arguments: &[&str]) -> anyhow::Result<Ended> {
    command::run(Command::new("npm").current_dir(folder).args(arguments))
}

/// A browser, installed from Debian if there is none and we are root.
fn chromium() -> anyhow::Result<Option<PathBuf>> {
    if let Some(named) = env::var_os("CHROMIUM") {
        return Ok(Some(named.into()));
    }
    if let Some(found) = on_path() {
        return Ok(Some(found));
    }
    let is_root = ask("id", &["--user"]).is_some_and(|id| id == "0");
    if !is_root || ask("apt-get", &["--version"]).is_none() {
        return Ok(None);
    }
    let mut install = Command::new("sh");
    install.args(["-c", "apt-get update --quiet=2 && apt-get install --yes --quiet=2 chromium"]);
    command::run(install.env("DEBIAN_FRONTEND", "noninteractive"))?;
    Ok(on_path())
}

fn on_path() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let places: Vec<PathBuf> = env::split_paths(&path).collect();
    let files = CHROMIUMS.iter().flat_map(|name| places.iter().map(move |place| place.join(name)));
    files.into_iter().find(|file| file.is_file())
}

/// Which files of two folders are not the same. The stamp, which only the whole build writes, is not looked at.
fn differences(committed: &Path, fresh: &Path) -> anyhow::Result<Vec<String>> {
    let (committed, fresh) = (files(committed)?, files(fresh)?);
    let missing = fresh.keys().filter(|name| !committed.contains_key(*name));
    let mut told: Vec<String> = missing.map(|name| format!("{name} is missing")).collect();
    for (name, bytes) in &committed {
        match fresh.get(name) {
            None => told.push(format!("{name} is not made by the sources")),
            Some(made) if made != bytes => told.push(format!("{name} is another one")),
            Some(_) => {}
        }
    }
    Ok(told)
}

fn files(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        let entries = fs::read_dir(&next).with_context(|| format!("read {}", next.display()))?;
        for entry in entries {
            let path = entry.context("read a folder")?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_none_or(|name| name != STAMP) {
                let name = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
                found.insert(name, fs::read(&path).with_context(|| format!("read {}", path.display()))?);
            }
        }
    }
    Ok(found)
}

/// Which sources `dist` was built from.
const STAMP: &str = "sources.json";

/// Reads what Vitest ends with: `      Tests  12 passed (12)`.
fn tests_of(ended: &Ended) -> String {
    let line = ended.stdout.lines().rfind(|line| line.trim_start().starts_with("Tests "));
    let count = line.and_then(|line| line.split('(').nth(1)?.split(')').next()?.parse().ok()).unwrap_or(0);
    counted(count, "test")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_vitest_is_counted() {
        let ended = |stdout: &str| Ended {
            success: true,
            status: String::new(),
            stdout: stdout.into(),
            stderr: String::new(),
        };
        assert_eq!(tests_of(&ended(" Test Files  3 passed (3)\n      Tests  12 passed (12)\n")), "12 tests");
        assert_eq!(tests_of(&ended("      Tests  1 failed | 11 passed (12)\n")), "12 tests");
        assert_eq!(tests_of(&ended("nothing")), "0 tests");
    }

    #[test]
    fn files_that_are_missing_too_many_or_others_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        for (place, files) in [(&old, [("a", "1"), ("b", "1")]), (&new, [("a", "2"), ("c", "1")])] {
            fs::create_dir_all(place.join("assets")).unwrap();
            fs::write(place.join(STAMP), place.display().to_string()).unwrap();
            files.iter().for_each(|(name, text)| fs::write(place.join("assets").join(name), text).unwrap());
        }
        let told = ["assets/c is missing", "assets/a is another one", "assets/b is not made by the sources"];
        assert_eq!(differences(&old, &new).unwrap(), told);
        assert_eq!(differences(&old, &old).unwrap(), Vec::<String>::new());
    }
}
