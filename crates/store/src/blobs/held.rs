//! Keeping blobs from being swept while another process reads them.
//!
//! Readers and sweeps agree by locks on files beside the blobs. A reader holds one of some, a sweep all of them: so there is
//! one or the other, and neither is ever there for good, since locks end with the process.
//!
//! The files are made by whom the blobs belong to, when he opens them, and by no reader: what a reader with other rights makes
//! the owner may not open, and he could never sweep again. To read a file is enough to lock it.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use ghostlight_world::{Files, Lock, OpenMode};

/// How many read at the same time.
const READERS_MAX: usize = 8;

/// While this lives, no blob is swept.
pub struct BlobsHeld {
    _lock: Box<dyn Lock>,
}

/// While this lives, nobody holds blobs.
#[derive(Default)]
pub struct SweepPermit {
    _locks: Vec<Box<dyn Lock>>,
}

impl BlobsHeld {
    /// Holds the blobs below `root`. None while they are swept, or when as many hold them as may: ask again.
    ///
    /// # Errors
    /// Those of the system: [`ErrorKind::NotFound`] when there is no such folder, or nobody has opened it yet who keeps blobs in it,
    /// and others when its files may not be read.
    pub fn take(files: &dyn Files, root: &Path) -> io::Result<Option<Self>> {
        for number in 0..READERS_MAX {
            if let Some(lock) = unless_held(files.lock_existing(&path(root, number)))? {
                return Ok(Some(Self { _lock: lock }));
            }
        }
        Ok(None)
    }
}

impl SweepPermit {
    /// For the blobs below `root`. None while anybody holds them.
    pub(super) fn take(files: &dyn Files, root: &Path) -> io::Result<Option<Self>> {
        let lock = |number| {
            let path = path(root, number);
            unless_held(match files.lock_existing(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => files.lock(&path),
                locked => locked,
            })
        };
        let locks = (0..READERS_MAX).map(lock);
        Ok(locks.collect::<io::Result<Option<Vec<_>>>>()?.map(|locks| Self { _locks: locks }))
    }
}

/// Makes the files that are locked, where they are missing.
pub(super) fn make_locks(files: &dyn Files, root: &Path) -> io::Result<()> {
    for path in (0..READERS_MAX).map(|number| path(root, number)) {
        if !files.exists(&path)? {
            files.open(&path, OpenMode::Create)?;
        }
    }
    Ok(())
}

fn path(root: &Path, number: usize) -> PathBuf {
    root.join(format!("reader-{number}.lock"))
}

fn unless_held(locked: io::Result<Box<dyn Lock>>) -> io::Result<Option<Box<dyn Lock>>> {
    match locked {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}
