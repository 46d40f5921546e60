//! Setting a database aside: moved out of the way for a later look, never repaired and never believed again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::atomic_file::sync_dir;

/// How many databases that were set aside are kept; older ones are removed.
pub const SET_ASIDE_MAX: usize = 2;
const INFIX: &str = ".set-aside-";

/// A database was set aside and a fresh one begun; every view in it is rebuilt from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// Why.
    pub reason: SetAsideReason,
    /// Where it is now.
    pub moved_to: PathBuf,
}

/// Why a database was set aside.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetAsideReason {
    /// The machine went down while it was open.
    #[error("the machine went down while it was open")]
    PowerCut,
    /// The marker beside it is missing or unreadable.
    #[error("its marker is missing or unreadable")]
    NoMarker,
    /// It belongs to another journal, as after a restore.
    #[error("it was made from another journal")]
    OtherJournal,
    /// It was written by a version with another layout.
    #[error("it has the layout of another version")]
    OtherLayout,
    /// What sled opened is not the database that belongs here: recovery gave up without saying so.
    #[error("it opened without its contents")]
    Emptied,
    /// A view claims events that the journal does not have.
    #[error("its view {view} is at {cursor}, beyond the head of the journal at {head}")]
    AheadOfJournal {
        /// The view.
        view: String,
        /// Its cursor.
        cursor: u64,
        /// The journal's head.
        head: u64,
    },
    /// sled refused to open it, or panicked, or what it holds cannot be decoded.
    #[error("it is damaged: {detail}")]
    Damaged {
        /// What sled said.
        detail: Arc<str>,
    },
}

/// Moves `dir` beside itself, durably, as `<dir>.set-aside-<unix_ms>`, and returns where it is. Blocking.
pub(super) fn move_aside(dir: &Path, unix_ms: u64) -> io::Result<PathBuf> {
    let mut target = named(dir, &unix_ms.to_string());
    // Two in one millisecond, or a clock that was set back: bounded by how many are kept.
    for again in 1..=SET_ASIDE_MAX + 1 {
        if !target.exists() {
            break;
        }
        target = named(dir, &format!("{unix_ms}-{again}"));
    }
    fs::rename(dir, &target)?;
    sync_parent(dir)?;
    Ok(target)
}

/// Removes all but the newest [`SET_ASIDE_MAX`] databases that were set aside from `dir`. Blocking, perhaps long.
pub(super) fn remove_oldest(dir: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name().and_then(|name| name.to_str())) else {
        return Ok(());
    };
    let mut kept: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        let ours = entry
            .file_name()
            .to_str()
            .is_some_and(|other| other.strip_prefix(name).is_some_and(|rest| rest.starts_with(INFIX)));
        kept.extend(ours.then(|| entry.path()));
    }
    // Milliseconds have had thirteen digits since 2001 and will until 2286, so names sort by time.
    kept.sort_unstable();
    let surplus = kept.len().saturating_sub(SET_ASIDE_MAX);
    kept.iter().take(surplus).try_for_each(fs::remove_dir_all)
}

fn named(dir: &Path, suffix: &str) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_owned();
    name.push(INFIX);
    name.push(suffix);
    dir.with_file_name(name)
}

fn sync_parent(dir: &Path) -> io::Result<()> {
    dir.parent().map_or(Ok(()), sync_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_databases_set_aside_are_kept() {
        let parent = tempfile::tempdir().expect("a temporary directory");
        let dir = parent.path().join("sled");
        fs::create_dir(parent.path().join("sledge")).expect("writable");
        let mut moved = Vec::new();
        for unix_ms in [1_700_000_000_000, 1_700_000_000_001, 1_700_000_000_001, 1_700_000_000_002] {
            fs::create_dir(&dir).expect("writable");
            moved.push(move_aside(&dir, unix_ms).expect("movable"));
        }
        remove_oldest(&dir).expect("removable");
        let left: Vec<bool> = moved.iter().map(|dir| dir.exists()).collect();
        assert_eq!(left, [false, false, true, true]);
        assert!(parent.path().join("sledge").exists());
    }
}
