//! Blobs as files: `ab/cd/abcd…` below one folder, so that no folder grows with the number of runs.
//!
//! A file appears under its name only after its bytes are synced, and [`FileBlobs::put`] returns only after the
//! folders on the way are synced too. A blob found in place is trusted to be *there* but not to be durable: a
//! process killed between its rename and its sync leaves a file that a power cut may still take, so the folder is
//! synced again.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::{BlobError, BlobId, Blobs};
use crate::atomic_file::{replace, sync_dir};

/// Where blobs are written before they have their name; emptied at open.
const TEMPORARY: &str = "tmp";

/// [`Blobs`] in a folder of the local file system. The folder belongs to one process at a time.
pub struct FileBlobs {
    root: PathBuf,
    bytes_max: usize,
    temporary_next: AtomicU64,
    /// Fan-out folders whose own names this process has made durable; at most 65,536 of two bytes each.
    durable_dirs: Mutex<HashSet<[u8; 2]>>,
}

impl FileBlobs {
    /// Opens or creates the folder `root`; blobs may have up to `bytes_max` bytes each. Removes what writes that
    /// were cut short have left. Blocking. Errors: [`BlobError::Io`].
    pub fn open(root: impl Into<PathBuf>, bytes_max: usize) -> Result<Self, BlobError> {
        let root = root.into();
        prepare(&root).map_err(io_error("open the folder of"))?;
        let (temporary_next, durable_dirs) = (AtomicU64::new(0), Mutex::default());
        Ok(Self { root, bytes_max, temporary_next, durable_dirs })
    }

    fn dir_of(&self, id: &BlobId) -> PathBuf {
        let [first, second, ..] = *id.as_bytes();
        self.root.join(format!("{first:02x}")).join(format!("{second:02x}"))
    }

    fn path_of(&self, id: &BlobId) -> PathBuf {
        self.dir_of(id).join(id.to_string())
    }

    fn temporary_path(&self) -> PathBuf {
        let number = self.temporary_next.fetch_add(1, Ordering::Relaxed);
        self.root.join(TEMPORARY).join(number.to_string())
    }

    /// Creates the two folders of a blob and makes their names durable, once per process.
    fn ensure_dir(&self, id: &BlobId) -> io::Result<PathBuf> {
        let dir = self.dir_of(id);
        let [first, second, ..] = *id.as_bytes();
        let known =
            self.durable_dirs.lock().unwrap_or_else(PoisonError::into_inner).contains(&[first, second]);
        if known {
            return Ok(dir);
        }
        fs::create_dir_all(&dir)?;
        sync_dir(&self.root)?;
        sync_dir(&self.root.join(format!("{first:02x}")))?;
        // Noted only after the sync: a second writer that comes in between syncs again, and is right to.
        self.durable_dirs.lock().unwrap_or_else(PoisonError::into_inner).insert([first, second]);
        Ok(dir)
    }

    fn read_verified(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        let file = match File::open(self.path_of(id)) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(BlobError::NotFound { id: *id }),
            Err(error) => return Err(io_error("read")(error)),
        };
        // Nothing above the limit was ever written here: a longer file is damage and is not read to its end.
        let mut bytes = Vec::new();
        file.take(self.bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(io_error("read"))?;
        if BlobId::of(&bytes) != *id {
            return Err(BlobError::Corrupt { id: *id });
        }
        Ok(Bytes::from(bytes))
    }
}

impl Blobs for FileBlobs {
    fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        if bytes.len() > self.bytes_max {
            return Err(BlobError::TooLarge { bytes: bytes.len() as u64, max: self.bytes_max as u64 });
        }
        let id = BlobId::of(bytes);
        let dir = self.ensure_dir(&id).map_err(io_error("make a folder for"))?;
        match self.read_verified(&id) {
            Ok(_) => sync_dir(&dir).map_err(io_error("sync"))?,
            // Absent or damaged: written anew, in place of what is there.
            Err(_) => {
                replace(&self.path_of(&id), &self.temporary_path(), bytes).map_err(io_error("write"))?
            }
        }
        Ok(id)
    }

    fn get(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        self.read_verified(id)
    }

    fn contains(&self, id: &BlobId) -> Result<bool, BlobError> {
        self.path_of(id).try_exists().map_err(io_error("look for"))
    }

    fn remove(&self, id: &BlobId) -> Result<bool, BlobError> {
        match fs::remove_file(self.path_of(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("remove")(error)),
        }
    }

    fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<Vec<BlobId>, BlobError> {
        let mut found = Vec::new();
        for first in fan_out(&self.root).map_err(io_error("list"))? {
            for second in fan_out(&self.root.join(&first)).map_err(io_error("list"))? {
                if found.len() >= limit {
                    break;
                }
                let before_the_page =
                    after.is_some_and(|id| *format!("{first}{second}") < id.to_string()[..4]);
                if !before_the_page {
                    found.extend(ids_in(&self.root.join(&first).join(&second)).map_err(io_error("list"))?);
                    found.retain(|id| after.is_none_or(|after| id > after));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

fn prepare(root: &Path) -> io::Result<()> {
    let temporary = root.join(TEMPORARY);
    fs::create_dir_all(&temporary)?;
    for left_over in fs::read_dir(&temporary)? {
        fs::remove_file(left_over?.path())?;
    }
    sync_dir(root)?;
    root.parent().map_or(Ok(()), sync_dir)
}

/// The names of fan-out folders (two hexadecimal digits) in `dir`, in order.
fn fan_out(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = names_in(dir)?;
    names.retain(|name| name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_hexdigit()));
    names.sort_unstable();
    Ok(names)
}

/// The blobs in one fan-out folder, in order; whatever else lies there is not ours and is passed over.
fn ids_in(dir: &Path) -> io::Result<Vec<BlobId>> {
    let mut ids: Vec<BlobId> = names_in(dir)?.iter().filter_map(|name| name.parse().ok()).collect();
    ids.sort_unstable();
    Ok(ids)
}

fn names_in(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        names.extend(entry?.file_name().into_string());
    }
    Ok(names)
}

fn io_error(action: &'static str) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Io { action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, FileBlobs) {
        let dir = tempfile::tempdir().unwrap();
        let blobs = FileBlobs::open(dir.path().join("blobs"), 1024).unwrap();
        (dir, blobs)
    }

    #[test]
    fn blobs_survive_reopening() {
        let (dir, blobs) = store();
        let id = blobs.put(b"kept").unwrap();
        drop(blobs);
        let again = FileBlobs::open(dir.path().join("blobs"), 1024).unwrap();
        assert_eq!(&again.get(&id).unwrap()[..], b"kept");
    }

    #[test]
    fn a_damaged_blob_is_reported_and_putting_it_again_repairs_it() {
        let (_dir, blobs) = store();
        let id = blobs.put(b"precious").unwrap();
        fs::write(blobs.path_of(&id), b"precioux").unwrap();
        assert!(matches!(blobs.get(&id), Err(BlobError::Corrupt { .. })));
        blobs.put(b"precious").unwrap();
        assert_eq!(&blobs.get(&id).unwrap()[..], b"precious");
    }

    #[test]
    fn a_blob_that_grew_beyond_the_limit_is_damage_and_is_not_read_whole() {
        let (_dir, blobs) = store();
        let id = blobs.put(b"small").unwrap();
        fs::write(blobs.path_of(&id), vec![0; 1 << 20]).unwrap();
        assert!(matches!(blobs.get(&id), Err(BlobError::Corrupt { .. })));
    }

    #[test]
    fn a_write_cut_short_leaves_nothing_under_a_name_and_is_swept_at_open() {
        let (dir, blobs) = store();
        let left_over = blobs.temporary_path();
        fs::write(&left_over, b"half a bl").unwrap();
        assert!(blobs.list(None, 10).unwrap().is_empty());
        drop(blobs);
        FileBlobs::open(dir.path().join("blobs"), 1024).unwrap();
        assert!(!left_over.exists());
    }

    #[test]
    fn sixteen_writers_of_the_same_blob_agree() {
        let (_dir, blobs) = store();
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| blobs.put(b"contended").unwrap());
            }
        });
        assert_eq!(blobs.list(None, 10).unwrap(), [BlobId::of(b"contended")]);
    }
}
