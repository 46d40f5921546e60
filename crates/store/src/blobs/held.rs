//! Keeping blobs from being swept while another process reads them.
//!
//! Readers and sweeps agree by locks on files beside the blobs. A reader holds one of some, a sweep all of them: so there is
//! one or the other, and neither is ever there for good, since locks end with the process.

use std::io::{self, ErrorKind};
use std::path::Path;

use ghostlight_world::{Files, Lock};

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
    /// Those of the system: [`ErrorKind::NotFound`] when there is no such folder, and others when it may not be written.
    pub fn take(files: &dyn Files, root: &Path) -> io::Result<Option<Self>> {
        for number in 0..READERS_MAX {
            if let Some(lock) = lock(files, root, number)? {
                return Ok(Some(Self { _lock: lock }));
            }
        }
        Ok(None)
    }
}

impl SweepPermit {
    /// For the blobs below `root`. None while anybody holds them.
    pub(super) fn take(files: &dyn Files, root: &Path) -> io::Result<Option<Self>> {
        let locks = (0..READERS_MAX).map(|number| lock(files, root, number));
        Ok(locks.collect::<io::Result<Option<Vec<_>>>>()?.map(|locks| Self { _locks: locks }))
    }
}

fn lock(files: &dyn Files, root: &Path, number: usize) -> io::Result<Option<Box<dyn Lock>>> {
    match files.lock(&root.join(format!("reader-{number}.lock"))) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        other => other.map(Some),
    }
}
