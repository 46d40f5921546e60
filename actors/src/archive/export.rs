//! Writing an archive.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ghostlight_store::ReadError;
use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, BlobError, Blobs, BlobsHeld, FileBlobs};
use ghostlight_store::journal::{WalkError, WholeCommit, WholeJournal};
use ghostlight_world::{Files, RealFiles};
use serde::Serialize;

use super::line::{AppendLine, BlobLine, Bytes, FORMAT, Head, Mark, Tail};

/// How many names of large values are read at once.
const BLOBS_PAGE: usize = 1_000;

/// How often it is asked whether a sweep is over, and the pause between: two minutes in all.
const HOLD_TRIES: u32 = 600;
const HOLD_PAUSE: Duration = Duration::from_millis(200);

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exported {
    /// Records of the journal.
    pub records: u64,
    /// Large values.
    pub blobs: u64,
    /// Bytes of the archive.
    pub bytes: u64,
}

/// Why an archive was not written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The journal cannot be read to its end.
    #[error("cannot read the journal of {0}")]
    Journal(PathBuf, #[source] WalkError<io::Error>),
    /// The records of runs cannot be read.
    #[error("cannot read the journal")]
    Runs(#[source] ReadError),
    /// A large value cannot be read.
    #[error("cannot read the large values of {0}")]
    Blobs(PathBuf, #[source] BlobError),
    /// The archive cannot be written.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
}

impl ExportError {
    /// Whether what was to be read is damaged: to try again does not help.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Journal(_, WalkError::Corrupt(_))
                | Self::Runs(ReadError::Corrupt(_))
                | Self::Blobs(_, BlobError::Corrupt { .. })
        )
    }
}

/// Writes everything that is committed in `folder` to `to`, beside a running daemon too. Large values are not swept meanwhile;
/// who may not read the locks in `folder` cannot say so, and misses those that are. Nothing is made in `folder`.
///
/// # Errors
/// [`ExportError`].
pub fn export(folder: &Path, to: impl Write) -> Result<Exported, ExportError> {
    // Before anything is looked at: what the journal of this moment names is there until it is read.
    let _held = hold(&folder.join("blobs"))?;
    let mut out = Out::new(to);
    let (mut exported, mut head, mut lines) = (Exported::default(), 0, BTreeMap::<String, u64>::new());
    let journal = WholeJournal::at(&RealFiles, folder)
        .map_err(|error| ExportError::Journal(folder.to_owned(), error.into()))?;
    let head_line = Head { ghostlight_archive: FORMAT, log: journal.log_id().to_string() };
    out.line(&head_line).map_err(ExportError::Write)?;
    let mut commit = |commit: WholeCommit| -> io::Result<()> {
        let (number, epoch) = (commit.number, commit.epoch);
        let mut count = |what: &str, by: u64| *lines.entry(what.to_owned()).or_default() += by;
        for (is, mark) in [(commit.opened, "opened"), (commit.closed, "closed")] {
            if is {
                count("marks", 1);
                out.line(&Mark { commit: number, epoch, mark: mark.to_owned() })?;
            }
        }
        for append in &commit.appends {
            count("appends", 1);
            out.line(&AppendLine::of(number, epoch, append))?;
            let records = || append.parts.iter().flat_map(|part| &part.records);
            exported.records += records().count() as u64;
            head = records().last().map_or(head, |record| record.sequence);
        }
        Ok(())
    };
    journal.walk(&mut commit).map_err(|error| match error {
        WalkError::Told(error) => ExportError::Write(error),
        other => ExportError::Journal(folder.to_owned(), other),
    })?;
    exported.blobs = blobs(folder, &mut out)?;
    lines.insert("blobs".to_owned(), exported.blobs);
    exported.bytes = out.end(lines, head).map_err(ExportError::Write)?;
    Ok(exported)
}

/// Keeps the blobs below `root` from being swept. None where there are none, or where that may not be said.
fn hold(root: &Path) -> Result<Option<BlobsHeld>, ExportError> {
    let failed = |source| ExportError::Blobs(root.to_owned(), BlobError::Io { action: "hold", source });
    for _ in 0..HOLD_TRIES {
        match BlobsHeld::take(&RealFiles, root) {
            Ok(None) => std::thread::sleep(HOLD_PAUSE),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound
                | io::ErrorKind::PermissionDenied
                | io::ErrorKind::ReadOnlyFilesystem => return Ok(None),
                _ => return Err(failed(error)),
            },
            held => return held.map_err(failed),
        }
    }
    let busy = "they are being swept, or exported too often at once: try again later";
    Err(failed(io::Error::new(io::ErrorKind::ResourceBusy, busy)))
}

fn blobs(folder: &Path, out: &mut Out<impl Write>) -> Result<u64, ExportError> {
    let folder = folder.join("blobs");
    let failed = |error| ExportError::Blobs(folder.clone(), error);
    let files: Arc<dyn Files> = Arc::new(RealFiles);
    if files.list(&folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(0);
    }
    let blobs = FileBlobs::open_to_read(files, &folder, BLOB_BYTES_MAX_DEFAULT);
    let (mut count, mut after) = (0, None);
    loop {
        let page = blobs.list(after.as_ref(), BLOBS_PAGE).map_err(failed)?;
        let Some(last) = page.last().copied() else { return Ok(count) };
        for id in page {
            let bytes = match blobs.get(&id) {
                Ok(bytes) => bytes,
                // Only where they could not be held.
                Err(BlobError::NotFound { .. }) => continue,
                Err(error) => return Err(failed(error)),
            };
            let line = BlobLine { blob: id.to_string(), bytes: Bytes::of(&bytes) };
            out.line(&line).map_err(ExportError::Write)?;
            count += 1;
        }
        after = Some(last);
    }
}

/// Writes lines, and hashes them.
pub(super) struct Out<W> {
    to: W,
    hash: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Out<W> {
    pub fn new(to: W) -> Self {
        Self { to, hash: blake3::Hasher::new(), bytes: 0 }
    }

    /// Writes the last line; says how many bytes it is in all.
    pub fn end(mut self, lines: BTreeMap<String, u64>, head: u64) -> io::Result<u64> {
        let tail = Tail { end: lines, head, blake3: self.hash.finalize().to_hex().to_string() };
        self.line(&tail)?;
        self.to.flush()?;
        Ok(self.bytes)
    }

    pub fn line(&mut self, line: &impl Serialize) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.hash.update(&text);
        self.bytes += text.len() as u64;
        self.to.write_all(&text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

    use ghostlight_store::blobs::{Swept, sweep};
    use ghostlight_store::journal::{FileJournal, JournalOptions, MemoryJournal};
    use ghostlight_world::World;

    use super::*;

    /// Where an archive goes; whenever anything of it is written, all is swept that may be.
    struct SweptMeanwhile<'a> {
        archive: Vec<u8>,
        folder: &'a Path,
        sweeps: u32,
    }

    impl SweptMeanwhile<'_> {
        fn sweep(&self) -> Swept {
            let files: Arc<dyn Files> = Arc::new(RealFiles);
            let blobs = FileBlobs::open_to_read(files, self.folder.join("blobs"), BLOB_BYTES_MAX_DEFAULT);
            sweep(&MemoryJournal::new(), &blobs, &|| true).unwrap()
        }
    }

    impl Write for SweptMeanwhile<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            assert_eq!(self.sweep(), Swept { was_kept_out: true, ..Swept::default() });
            self.sweeps += 1;
            self.archive.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn large_values_that_a_sweep_would_remove_during_an_export_are_in_it() {
        let dir = tempfile::tempdir().unwrap();
        drop(FileJournal::open(&World::real(), dir.path(), &JournalOptions::default()).unwrap());
        let files: Arc<dyn Files> = Arc::new(RealFiles);
        let blobs = FileBlobs::open(files, dir.path().join("blobs"), BLOB_BYTES_MAX_DEFAULT).unwrap();
        let id = blobs.put(b"what a run named that is dropped meanwhile").unwrap();
        let names = || RealFiles.list(&dir.path().join("blobs")).unwrap();
        let before = names();
        let mut to = SweptMeanwhile { archive: Vec::new(), folder: dir.path(), sweeps: 0 };
        let exported = export(dir.path(), &mut to).unwrap();
        assert!(to.sweeps > 2, "it was tried");
        assert_eq!(exported.blobs, 1);
        assert!(String::from_utf8(to.archive.clone()).unwrap().contains(&id.to_string()));
        assert_eq!(names(), before);
        assert_eq!(to.sweep().blobs, 1, "afterwards it goes");
    }

    /// With the rights of another user it would make them for itself, and the daemon could not open them.
    #[test]
    fn an_export_makes_no_lock_where_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        drop(FileJournal::open(&World::real(), dir.path(), &JournalOptions::default()).unwrap());
        let blobs = dir.path().join("blobs");
        RealFiles.create_dir_all(&blobs).unwrap();
        assert_eq!(export(dir.path(), &mut Vec::new()).unwrap().blobs, 0);
        assert!(RealFiles.list(&blobs).unwrap().is_empty());
    }
}
