//! The tests of the dashboard, as far as the house rules must know them: which there are, and what they say.

use std::fs;
use std::path::Path;

use anyhow::Context;

/// A file of tests of the dashboard.
pub struct Script {
    /// Its path, as seen from the root.
    pub path: String,
    /// What stands in it.
    pub text: String,
}

/// Where the tests of the dashboard are.
const FOLDERS: [&str; 2] = ["dashboard/e2e", "dashboard/src"];

/// All of them, by path.
pub fn tests(root: &Path) -> anyhow::Result<Vec<Script>> {
    let mut found = Vec::new();
    let mut open: Vec<_> = FOLDERS.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("read {}", folder.display()))?;
        for entry in entries {
            let path = entry.context("read a folder")?.path();
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() {
                open.push(path);
            } else if name.ends_with(".test.ts") || name.ends_with(".e2e.ts") {
                let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
                let path = path.strip_prefix(root).unwrap_or(&path).display().to_string();
                found.push(Script { path, text });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}
