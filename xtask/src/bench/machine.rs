//! On what was measured: a figure without its machine, date and version says nothing.

use std::fs;
use std::path::Path;

use crate::command::ask;
use crate::workspace::Workspace;

/// Lines that say where, when and what.
pub fn described(workspace: &Workspace, data: &Path) -> Vec<(&'static str, String)> {
    let unknown = || "unknown".to_owned();
    let root = workspace.root.to_string_lossy();
    let commit = ask("git", &["-C", &root, "rev-parse", "--short=12", "HEAD"]).unwrap_or_else(unknown);
    let changed = ask("git", &["-C", &root, "status", "--porcelain", "--untracked-files=no"]);
    let dirty = if changed.is_some_and(|changes| !changes.is_empty()) { ", with changes" } else { "" };
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().map(str::to_owned).unwrap_or_else(unknown);
    vec![
        ("date", ask("date", &["-u", "+%Y-%m-%d %H:%M UTC"]).unwrap_or_else(unknown)),
        ("commit", format!("{commit}{dirty}")),
        ("compiler", ask("rustc", &["--version"]).unwrap_or_else(unknown)),
        ("machine", machine()),
        ("kernel", ask("uname", &["-sr"]).unwrap_or_else(unknown)),
        ("disk", filesystem(data).unwrap_or_else(unknown)),
        ("load average before", load),
        ("durability", "each append on the disk (fdatasync) before it is answered or acted on".to_owned()),
    ]
}

fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value_of(&cpus, "model name").unwrap_or("a processor without a name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = value_of(&memory, "MemTotal").and_then(|total| total.split(' ').next()?.parse::<u64>().ok());
    format!("{cores} x {model}, {} GiB", kib.unwrap_or(0) >> 20)
}

fn value_of<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// The file system of the mount that `path` is on: the longest that leads to it.
fn filesystem(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let of = |line: &str| {
        let mut words = line.split(' ');
        let (device, at, kind) = (words.next()?, words.next()?, words.next()?);
        path.starts_with(at).then(|| (at.len(), format!("{kind} on {device}")))
    };
    mounts.lines().filter_map(of).max_by_key(|(length, _)| *length).map(|(_, shown)| shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_on_is_always_said() {
        let workspace = Workspace::find().unwrap();
        let lines = described(&workspace, &workspace.root);
        assert!(lines.iter().all(|(_, value)| !value.is_empty()), "{lines:?}");
    }

    #[test]
    fn values_stand_behind_a_colon() {
        assert_eq!(value_of("a : 1\nmodel name\t: X Y\n", "model name"), Some("X Y"));
    }
}
