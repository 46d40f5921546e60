//! Small files that are there whole or not at all, whatever is cut in between.
//!
//! [`replace`] writes beside the target, syncs, renames over it and syncs the directory: when it returns, the new
//! content survives a power cut; when it fails, the old content (or its absence) does. Directories that are new
//! have to be made durable by whoever made them ([`sync_dir`]).

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes `bytes` to `temporary`, and moves it to `target` in the same file system, durably. Blocking.
pub(crate) fn replace(target: &Path, temporary: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = write_synced(temporary, bytes).and_then(|()| fs::rename(temporary, target));
    if let Err(error) = written {
        // Best effort: what stays behind is swept when the folder is next opened.
        let _ = fs::remove_file(temporary);
        return Err(error);
    }
    match target.parent() {
        Some(parent) => sync_dir(parent),
        None => Ok(()),
    }
}

/// Makes the names in `dir` durable: files created, renamed or removed in it. Blocking.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    File::open(dir)?.sync_all()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
