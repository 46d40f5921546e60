//! The built dashboard belongs to its sources: what its build wrote down about both is computed again.
//!
//! The built files are part of the repository, so that the daemon can be built without Node. Nobody reads them, so a program has to
//! see that they were built from the sources beside them, and by the build. `dashboard/scripts/stamp.mjs` says what is hashed
//! and how; what is changed there is changed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::Violation;

/// Folders of sources.
const FOLDERS: &[&str] = &["public", "scripts", "src"];
/// Sources beside them.
const FILES: &[&str] = &["index.html", "package.json", "package-lock.json"];
/// What the build wrote down, within what it built.
const STAMP: &str = "sources.json";
/// How deep folders are searched; ours are far flatter.
const DEPTH_MAX: usize = 16;

/// What the build wrote down.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    /// The hash of all sources.
    sources: String,
    /// The hashes of what came of them, by path.
    files: BTreeMap<String, String>,
}

/// Checks what is built in the folder `dashboard` below `root`.
pub fn check(root: &Path) -> anyhow::Result<Vec<Violation>> {
    let folder = root.join("dashboard");
    let violation = |file: &str, what: &str| Violation {
        file: format!("dashboard/dist/{file}"),
        line: 1,
        what: format!("{what}: run `npm run build` in dashboard/"),
    };
    let read = fs::read(folder.join("dist").join(STAMP)).ok();
    let Some(stamp) = read.and_then(|bytes| serde_json::from_slice::<Stamp>(&bytes).ok()) else {
        return Ok(vec![violation(STAMP, "does not say what the dashboard was built from")]);
    };
    let mut violations = Vec::new();
    if hash_of_sources(&folder)? != stamp.sources {
        violations.push(violation(STAMP, "the dashboard was built from other sources than those beside it"));
    }
    let built = built(&folder)?;
    let paths: BTreeSet<&String> = built.keys().chain(stamp.files.keys()).collect();
    for path in paths {
        match (built.get(path), stamp.files.get(path)) {
            (None, _) => violations.push(violation(path, "was built and is missing")),
            (_, None) => violations.push(violation(path, "is none of the files that were built")),
            (Some(is), Some(was)) if is != was => {
                violations.push(violation(path, "is not as it was built"));
            }
            (Some(_), Some(_)) => {}
        }
    }
    Ok(violations)
}

/// The hashes of what is built, by path.
fn built(folder: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let dist = folder.join("dist");
    let mut paths = Vec::new();
    collect(&dist, "", &|_| true, 0, &mut paths)?;
    let hashed = paths.into_iter().filter(|path| path != STAMP).map(|path| -> anyhow::Result<_> {
        let hash = hex(Sha256::digest(read(&dist.join(&path))?));
        Ok((path, hash))
    });
    hashed.collect()
}

fn hash_of_sources(folder: &Path) -> anyhow::Result<String> {
    let mut hash = Sha256::new();
    for path in sources(folder)? {
        let content = read(&folder.join(&path))?;
        hash.update(format!("{path}\0{}\0", content.len()));
        hash.update(content);
    }
    Ok(hex(hash.finalize()))
}

/// The paths of all sources, in the order of their bytes.
fn sources(folder: &Path) -> anyhow::Result<Vec<String>> {
    let is_ours = |name: &str| !name.starts_with('.');
    let mut paths = Vec::new();
    for below in FOLDERS.iter().filter(|below| folder.join(below).is_dir()) {
        collect(&folder.join(below), &format!("{below}/"), &is_ours, 0, &mut paths)?;
    }
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        if let Some(name) = entry.file_name().to_str()
            && entry.file_type()?.is_file()
            && is_source(name)
        {
            paths.push(name.to_owned());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_source(name: &str) -> bool {
    FILES.contains(&name)
        || (name.starts_with("tsconfig") && name.ends_with(".json"))
        || name.starts_with("vite.config.")
        || name.starts_with("svelte.config.")
}

/// All files below a folder whose names are taken. A link is no file: what it leads to may be another on the next machine.
fn collect(
    folder: &Path,
    prefix: &str,
    takes: &impl Fn(&str) -> bool,
    depth: usize,
    found: &mut Vec<String>,
) -> anyhow::Result<()> {
    anyhow::ensure!(depth < DEPTH_MAX, "{} lies deeper than {DEPTH_MAX} folders", folder.display());
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().with_context(|| format!("{} is no UTF-8", entry.path().display()))?;
        let (kind, path) = (entry.file_type()?, format!("{prefix}{name}"));
        if !takes(name) {
            continue;
        }
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), takes, depth + 1, found)?;
        } else if kind.is_file() {
            found.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing into a text does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Files whose names and places are harder than ours, and their hash as Python computes it too.
    const TREE: &[(&str, &str)] = &[
        ("src/b.ts", "b\n"),
        ("src/b/a.ts", ""),
        ("src/b-a.ts", "\u{e4}"),
        ("src/\u{ff5e}.ts", "before the next one in UTF-8, behind it in UTF-16"),
        ("src/\u{1f47b}.ts", "a ghost"),
        ("public/icon.svg", "<svg/>\r\n"),
        ("scripts/x.mjs", "x"),
        ("index.html", "<!doctype html>"),
        ("package.json", "{}"),
        ("package-lock.json", "{}"),
        ("vite.config.ts", ""),
        ("svelte.config.js", ""),
        ("tsconfig.json", "{}"),
        ("tsconfig.node.json", "{}"),
    ];
    const HASH: &str = "6d61c16c27a8d39d0c85bd05279dc9f9a45d8dc3cf40bda4f9f700ce27227589";

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join("dashboard").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Sources, and a build of them that was written down.
    fn built_tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in TREE {
            write(root.path(), path, content);
        }
        write(root.path(), "dist/index.html", "page");
        write(root.path(), "dist/assets/a.js", "script");
        let files = built(&root.path().join("dashboard")).unwrap();
        let stamp = serde_json::json!({"sources": HASH, "files": files});
        write(root.path(), "dist/sources.json", &stamp.to_string());
        root
    }

    #[track_caller]
    fn check_after(change: impl FnOnce(&Path), expected: &[&str]) {
        let root = built_tree();
        change(root.path());
        let said: Vec<String> = check(root.path()).unwrap().iter().map(Violation::to_string).collect();
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected) && said.ends_with("run `npm run build` in dashboard/"), "{said}");
        }
    }

    #[test]
    fn a_build_that_belongs_to_its_sources_is_fine_and_what_is_no_source_does_not_matter() {
        check_after(|_| {}, &[]);
        let others = |root: &Path| {
            for other in ["README.md", "src/.b.ts.swp", "node_modules/a/index.js", "tests/a.ts", ".env"] {
                write(root, other, "x");
            }
        };
        check_after(others, &[]);
    }

    #[test]
    fn a_source_that_was_changed_added_moved_or_removed_since_the_build_is_found() {
        let of_others = &["other sources"];
        check_after(|root| write(root, "src/b.ts", "c\n"), of_others);
        check_after(|root| write(root, "src/new.ts", ""), of_others);
        check_after(|root| write(root, "tsconfig.app.json", "{}"), of_others);
        check_after(|root| fs::remove_file(root.join("dashboard/public/icon.svg")).unwrap(), of_others);
        let moved = |root: &Path| {
            let folder = root.join("dashboard/src");
            fs::rename(folder.join("b/a.ts"), folder.join("b/b.ts")).unwrap();
        };
        check_after(moved, of_others);
    }

    #[test]
    fn a_built_file_that_is_missing_changed_by_hand_or_from_elsewhere_is_found() {
        let page = |root: &Path| root.join("dashboard/dist/index.html");
        check_after(|root| fs::write(page(root), "another").unwrap(), &["index.html:1: is not as it was"]);
        check_after(|root| fs::remove_file(page(root)).unwrap(), &["index.html:1: was built and is missing"]);
        check_after(|root| write(root, "dist/.x/b.js", ""), &[".x/b.js:1: is none of the files"]);
    }

    #[test]
    fn a_build_that_wrote_nothing_down_is_found() {
        let without = "sources.json:1: does not say";
        check_after(|root| fs::remove_dir_all(root.join("dashboard/dist")).unwrap(), &[without]);
        check_after(|root| write(root, "dist/sources.json", "{}"), &[without]);
    }

    #[test]
    fn the_script_of_the_build_writes_down_the_same() {
        let root = built_tree();
        let folder = root.path().join("dashboard");
        fs::remove_file(folder.join("dist/sources.json")).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../dashboard/scripts/stamp.mjs");
        let Ok(done) = Command::new("node").arg(script).arg(&folder).output() else {
            eprintln!("skipped: there is no node here");
            return;
        };
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let stamp: Stamp = serde_json::from_slice(&read(&folder.join("dist/sources.json")).unwrap()).unwrap();
        assert_eq!(stamp.sources, HASH);
        assert_eq!(stamp.files, built(&folder).unwrap());
        assert!(check(root.path()).unwrap().is_empty());
    }
}
