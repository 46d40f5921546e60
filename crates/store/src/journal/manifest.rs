//! `manifest.json`: what kind of store this is. Written whole or not at all, when the store is made and when a newer
//! program opens it for the first time; it is what makes a folder a store, so it is written last.

use std::io;
use std::path::Path;

use ghostlight_world::{Files, OpenMode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The format this program writes and the newest it understands.
///
/// 2: streams may be dropped, and segments compacted.
pub(crate) const FORMAT: u32 = 2;
const NAME: &str = "manifest.json";
const BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub format: u32,
    pub log_id: Uuid,
    /// Over how many partitions runs are spread; fixed when the store is made.
    pub partitions: u32,
}

/// Only the format, so that one from the future is recognised whatever else it says.
#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

pub(crate) enum ManifestError {
    Newer(u32),
    Damaged,
    Device(io::Error),
}

impl Manifest {
    /// Reads the manifest of the store in `dir`; `None` when there is none.
    pub fn read(files: &dyn Files, dir: &Path) -> Result<Option<Self>, ManifestError> {
        let file = match files.open(&dir.join(NAME), OpenMode::Read) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(ManifestError::Device)?,
        };
        let len = file.len().map_err(ManifestError::Device)?;
        if len > BYTES_MAX {
            return Err(ManifestError::Damaged);
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(|_| ManifestError::Damaged)?];
        file.read_exact_at(&mut bytes, 0).map_err(ManifestError::Device)?;
        let FormatOnly { format } = serde_json::from_slice(&bytes).map_err(|_| ManifestError::Damaged)?;
        if format > FORMAT {
            return Err(ManifestError::Newer(format));
        }
        serde_json::from_slice(&bytes).map(Some).map_err(|_| ManifestError::Damaged)
    }

    /// Writes the manifest, durably.
    pub fn write(&self, files: &dyn Files, dir: &Path) -> io::Result<()> {
        let (path, temporary) = (dir.join(NAME), dir.join("manifest.tmp"));
        if files.exists(&temporary)? {
            files.remove(&temporary)?;
        }
        let mut bytes = serde_json::to_vec_pretty(self).map_err(io::Error::other)?;
        bytes.push(b'\n');
        let file = files.open(&temporary, OpenMode::CreateNew)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        files.rename(&temporary, &path)?;
        files.sync_dir(dir)
    }
}
