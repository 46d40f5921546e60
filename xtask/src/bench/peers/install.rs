//! Installs a peer as its users do, below `target/peers`, in the versions that benches/peers names.
//!
//! Done once: what was installed is written down beside it, and is installed anew when the versions change. What is
//! missing on the machine is said and is no failure of ours.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::command;
use crate::workspace::Workspace;

/// Where the loads of the peers and their versions stand.
pub fn sources(workspace: &Workspace) -> PathBuf {
    workspace.root.join("benches/peers")
}

/// The version of a package that benches/peers names in `file`.
pub fn version(workspace: &Workspace, file: &str, package: &str) -> anyhow::Result<String> {
    let path = sources(workspace).join(file);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    pinned(&text, package).with_context(|| format!("{package} has no exact version in {}", path.display()))
}

/// As in `package==1.2.3` of a requirements file, or `"package": "1.2.3"` of a package.json.
fn pinned(text: &str, package: &str) -> Option<String> {
    let of = |line: &str| {
        let line = line.trim().trim_end_matches(',');
        let python = line.strip_prefix(package).and_then(|rest| rest.strip_prefix("=="));
        let npm = line.strip_prefix(&format!("\"{package}\": \"")).and_then(|rest| rest.strip_suffix('"'));
        let version = python.or(npm)?;
        version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
    };
    text.lines().find_map(of)
}

/// Installs the Python packages of `NAME.txt`, and returns the folder of their environment.
pub fn python(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    once(workspace, name, &format!("{name}.txt"), |folder, requirements| {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder), "python3 with venv")?;
        let pip = folder.join("bin/pip");
        succeed(Command::new(pip).args(["install", "--quiet", "--requirement"]).arg(requirements), "pip")
    })
}

/// Installs the npm packages of package.json, without running scripts of theirs, and returns the folder that has them.
pub fn npm(workspace: &Workspace, name: &str) -> anyhow::Result<PathBuf> {
    once(workspace, name, "package.json", |folder, package| {
        fs::copy(package, folder.join("package.json")).context("copy package.json")?;
        let quiet = ["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];
        succeed(Command::new("npm").current_dir(folder).args(quiet), "npm")
    })
}

/// The folder of PostgreSQL's programs, the newest that Debian or the path has.
pub fn postgres() -> anyhow::Result<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = debian
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, bin)| bin.join("initdb").is_file())
        .collect();
    versions.sort();
    let newest = versions.pop().map(|(_, bin)| bin);
    newest
        .or_else(|| Some(PathBuf::from(command::ask("pg_config", &["--bindir"])?)))
        .filter(|bin| bin.join("initdb").is_file())
        .context("PostgreSQL is not on this machine (Debian's package: postgresql)")
}

/// Installs into `target/peers/NAME` unless the same `versions` are there already.
fn once(
    workspace: &Workspace,
    name: &str,
    versions: &str,
    install: impl Fn(&Path, &Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let folder = workspace.root.join("target/peers").join(name);
    let versions = sources(workspace).join(versions);
    let wanted = fs::read_to_string(&versions).with_context(|| format!("read {}", versions.display()))?;
    let installed = folder.join("installed");
    if fs::read_to_string(&installed).is_ok_and(|has| has == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    install(&folder, &versions)?;
    fs::write(&installed, wanted).with_context(|| format!("write {}", installed.display()))?;
    Ok(folder)
}

fn succeed(command: &mut Command, what: &str) -> anyhow::Result<()> {
    match command::run(command) {
        Ok(ended) => ensure!(ended.success, "{what} failed: {}", last_line(&ended.stderr)),
        Err(error) => bail!("{what} is needed: {error:#}"),
    }
    Ok(())
}

fn last_line(text: &str) -> &str {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing")
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn versions_are_exact_and_those_of_the_package_that_is_meant() {
        let requirements = "# x\nlanggraph-checkpoint-sqlite==3.1.2\nlanggraph==1.2.24\n";
        assert_eq!(pinned(requirements, "langgraph").as_deref(), Some("1.2.24"));
        let package =
            "{\n  \"dependencies\": {\n    \"@a/sdk\": \"1.17.2\",\n    \"@a/server\": \"^1.7\"\n  }\n}";
        assert_eq!(pinned(package, "@a/sdk").as_deref(), Some("1.17.2"));
        assert_eq!(pinned(package, "@a/server"), None);
    }

    #[test]
    fn every_version_of_ours_is_exact() {
        let workspace = Workspace::find().unwrap();
        for (file, package) in [
            ("langgraph.txt", "langgraph"),
            ("langgraph.txt", "langgraph-checkpoint-sqlite"),
            ("dbos.txt", "dbos"),
            ("prefect.txt", "prefect"),
            ("package.json", "@restatedev/restate-server"),
            ("package.json", "@restatedev/restate-sdk"),
        ] {
            version(&workspace, file, package).unwrap();
        }
    }

    #[test]
    fn a_peer_is_installed_once_until_its_versions_change_or_it_failed() {
        let root = tempfile::tempdir().unwrap();
        let workspace = Workspace { root: root.path().to_path_buf() };
        fs::create_dir_all(sources(&workspace)).unwrap();
        let count = Cell::new(0);
        let install = |fails: bool| {
            once(&workspace, "x", "x.txt", |_, _| {
                count.set(count.get() + 1);
                ensure!(!fails, "no network");
                Ok(())
            })
        };
        fs::write(sources(&workspace).join("x.txt"), "x==1\n").unwrap();
        assert!(install(true).is_err());
        install(false).unwrap();
        install(false).unwrap();
        assert_eq!(count.get(), 2);
        fs::write(sources(&workspace).join("x.txt"), "x==2\n").unwrap();
        install(false).unwrap();
        assert_eq!(count.get(), 3);
    }
}
