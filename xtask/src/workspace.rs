//! Where the workspace is, and what cargo knows about it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::command;

/// The workspace that this program was built from.
pub struct Workspace {
    /// The folder of the root manifest.
    pub root: PathBuf,
}

impl Workspace {
    /// Finds the root from where cargo says that our own manifest is, or was when we were built.
    pub fn find() -> anyhow::Result<Self> {
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("xtask stands in the root of a workspace")?;
        ensure!(root.join("Cargo.toml").is_file(), "no Cargo.toml in {}", root.display());
        Ok(Self { root: root.to_path_buf() })
    }

    /// What cargo resolves for `target`, or for all systems, with all features, from the lock file alone.
    pub fn metadata(&self, target: Option<&str>) -> anyhow::Result<Metadata> {
        let mut arguments =
            vec!["metadata", "--offline", "--locked", "--all-features", "--format-version", "1"];
        if let Some(target) = target {
            arguments.extend(["--filter-platform", target]);
        }
        let json = self.read(&arguments)?;
        serde_json::from_str(&json).context("read what cargo metadata says")
    }

    /// The members of the workspace, without asking what they depend on through others.
    pub fn members(&self) -> anyhow::Result<Vec<Package>> {
        let json = self.read(&["metadata", "--offline", "--no-deps", "--format-version", "1"])?;
        let metadata: Metadata = serde_json::from_str(&json).context("read what cargo metadata says")?;
        Ok(metadata.packages)
    }

    /// Names of all crates that are built into `package` when it is built alone, itself included.
    pub fn built_into(&self, package: &str) -> anyhow::Result<Vec<String>> {
        let of = ["tree", "--offline", "--all-features", "--package", package];
        let how = ["--edges", "normal", "--prefix", "none", "--format", "{p}"];
        let lines = self.read(&[of.as_slice(), how.as_slice()].concat())?;
        let names = lines.lines().filter_map(|line| line.split_whitespace().next());
        Ok(names.map(str::to_owned).collect())
    }

    /// `path` as seen from the root, for people.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// Standard output of a cargo command that must succeed.
    fn read(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command: Command = command::cargo(&self.root, arguments);
        let output = command.stdin(Stdio::null()).output().context("start cargo")?;
        ensure!(
            output.status.success(),
            "cargo {} failed: {}",
            arguments[0],
            String::from_utf8_lossy(&output.stderr).trim()
        );
        String::from_utf8(output.stdout).context("cargo speaks UTF-8")
    }
}

/// The part of `cargo metadata` that the chores read.
#[derive(Deserialize)]
pub struct Metadata {
    /// All packages of the graph.
    pub packages: Vec<Package>,
    /// The ids of those that are ours.
    pub workspace_members: Vec<String>,
}

/// One package of the graph.
#[derive(Clone, Deserialize)]
pub struct Package {
    /// Cargo's id of it.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence as an SPDX expression, if it states one.
    pub license: Option<String>,
    /// Where it was downloaded from; none for a folder on this machine.
    pub source: Option<String>,
    /// What its manifest asks for, of every kind.
    pub dependencies: Vec<Dependency>,
    /// What is built from it.
    pub targets: Vec<Target>,
    /// Its manifest.
    pub manifest_path: PathBuf,
}

/// One line of a manifest's dependencies.
#[derive(Clone, Deserialize)]
pub struct Dependency {
    /// The package's name, even if it is renamed in the manifest.
    pub name: String,
}

/// Something that is built from a package.
#[derive(Clone, Deserialize)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// `lib`, `bin`, `test`, `bench`, and so on.
    pub kind: Vec<String>,
}

impl Target {
    /// Whether it is of this kind.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.iter().any(|own| own == kind)
    }
}
