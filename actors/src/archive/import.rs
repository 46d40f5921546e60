//! Making a store of an archive.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, BlobError, Blobs, FileBlobs};
use ghostlight_store::{AppendError, FileJournal, JournalOptions, OpenError};
use ghostlight_world::World;

use super::line::{AppendLine, FORMAT, Line};

/// How many appends become durable together, and how many bytes of archive, whichever is less. The journal takes more.
const APPENDS_AT_ONCE: usize = 256;
const BYTES_AT_ONCE: usize = 4 << 20;
/// Where a store is made within its folder.
const UNFINISHED: &str = ".unfinished";
/// What makes a folder a store: it comes last.
const MANIFEST: &str = "manifest.json";

/// What was made.
#[derive(Debug, Clone, Copy, Default)]
pub struct Imported {
    /// Records of the journal.
    pub records: u64,
    /// Large values.
    pub blobs: u64,
}

/// Why no store was made of an archive.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is something where the store is to be.
    #[error("{0} is not empty; name a folder that is not there yet")]
    NotEmpty(PathBuf),
    /// The archive cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It is no archive, or not the one that was written.
    #[error("line {line} of the archive: {what}")]
    Archive {
        /// From 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// The new store cannot be made.
    #[error("cannot make the store")]
    Open(#[from] OpenError),
    /// It does not take what is in the archive.
    #[error("cannot write the journal")]
    Append(#[from] AppendError),
    /// It does not take a large value.
    #[error("cannot keep a large value")]
    Blob(#[from] BlobError),
    /// The folder cannot be made.
    #[error("cannot make {0}")]
    Folder(PathBuf, #[source] io::Error),
}

/// Makes a store in `folder` of the archive `from`, which is read twice: first whether it is whole, before anything is written.
/// The store is a log of its own, with the same records at the same places; what was under way is taken for interrupted when a
/// daemon opens it.
///
/// # Errors
/// [`ImportError`]; there is no store then.
pub fn import(from: &Path, folder: &Path) -> Result<Imported, ImportError> {
    let cannot = |error| ImportError::Folder(folder.to_owned(), error);
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(false) => return Err(ImportError::NotEmpty(folder.to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
        Ok(true) | Err(_) => {}
    }
    let epoch = check(from)?.epoch;
    let is_new = !folder.exists();
    // Made within the folder, which may be the root of a file system, and moved to its place at the end.
    let unfinished = folder.join(UNFINISHED);
    std::fs::create_dir_all(&unfinished).map_err(cannot)?;
    let made = fill(from, &unfinished, epoch)
        .and_then(|imported| settle(folder, &unfinished).map_err(cannot).map(|()| imported));
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&unfinished);
        if is_new {
            let _ = std::fs::remove_dir(folder);
        }
    }
    made
}

/// Moves what was made to its place, the manifest last: until it is there, there is no store.
fn settle(folder: &Path, unfinished: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(unfinished)? {
        let name = entry?.file_name();
        if name != MANIFEST {
            std::fs::rename(unfinished.join(&name), folder.join(&name))?;
        }
    }
    let sync = || File::open(folder)?.sync_all();
    sync()?;
    std::fs::rename(unfinished.join(MANIFEST), folder.join(MANIFEST))?;
    std::fs::remove_dir(unfinished)?;
    sync()
}

/// Tells each line with its number and its text.
fn lines(
    from: &Path,
    mut tell: impl FnMut(usize, &str, Line) -> Result<(), ImportError>,
) -> Result<(), ImportError> {
    let cannot = |error| ImportError::Read(from.to_owned(), error);
    let reader = BufReader::new(File::open(from).map_err(cannot)?);
    for (number, text) in (1..).zip(reader.lines()) {
        let text = text.map_err(cannot)?;
        let line = serde_json::from_str(&text).map_err(|_| ImportError::Archive {
            line: number,
            what: "it is no line of an archive".to_owned(),
        })?;
        tell(number, &text, line)?;
    }
    Ok(())
}

/// What an archive holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Which log it was taken of.
    pub log: String,
    /// The highest epoch.
    pub epoch: u64,
    /// Records.
    pub records: u64,
    /// Of how many streams.
    pub streams: u64,
    /// Large values.
    pub blobs: u64,
    /// The global sequence of the last record.
    pub head: u64,
}

/// Reads the whole archive, and changes nothing.
///
/// # Errors
/// [`ImportError`]: it cannot be read, or is not the one that was written.
pub fn check(from: &Path) -> Result<Checked, ImportError> {
    let mut checked = Checked { epoch: 1, ..Checked::default() };
    let (mut begun, mut ended) = (false, false);
    let mut streams = HashSet::new();
    let mut counted = BTreeMap::new();
    let mut hash = blake3::Hasher::new();
    let mut last = 0;
    lines(from, |number, text, line| {
        last = number;
        let wrong = |what: &str| Err(ImportError::Archive { line: number, what: what.to_owned() });
        match line {
            _ if ended => return wrong("something stands behind the end"),
            Line::Head(head) if begun || head.ghostlight_archive != FORMAT => {
                return wrong("it is an archive of another format");
            }
            Line::Head(head) => {
                begun = true;
                checked.log = head.log;
            }
            _ if !begun => return wrong("the archive has no beginning"),
            Line::Mark(mark) => {
                *counted.entry("marks".to_owned()).or_insert(0) += 1;
                checked.epoch = checked.epoch.max(mark.epoch);
            }
            Line::Append(append) => {
                *counted.entry("appends".to_owned()).or_insert(0) += 1;
                checked.epoch = checked.epoch.max(append.epoch);
                if append.append().is_none() {
                    return wrong("it is no append");
                }
                for part in append.parts {
                    for record in &part.records {
                        if record.sequence <= checked.head {
                            return wrong("its records do not continue those before them");
                        }
                        checked.head = record.sequence;
                    }
                    checked.records += part.records.len() as u64;
                    streams.insert(part.stream);
                }
            }
            Line::Blob(blob) => {
                *counted.entry("blobs".to_owned()).or_insert(0) += 1;
                checked.blobs += 1;
                let bytes = blob.bytes.bytes().unwrap_or_default();
                if blake3::hash(&bytes).to_hex().as_str() != blob.blob {
                    return wrong("the large value is not the one of that name");
                }
            }
            Line::Tail(tail) => {
                ended = true;
                let is_all = tail.end.iter().all(|(kind, count)| counted.get(kind).unwrap_or(&0) == count);
                if !is_all || tail.head != checked.head || tail.blake3 != hash.finalize().to_hex().as_str() {
                    return wrong("the archive was changed or is not whole");
                }
            }
        }
        hash.update(text.as_bytes());
        hash.update(b"\n");
        Ok(())
    })?;
    if ended {
        checked.streams = streams.len() as u64;
        return Ok(checked);
    }
    Err(ImportError::Archive { line: last, what: "the archive has no end: it was cut short".to_owned() })
}

fn fill(from: &Path, folder: &Path, epoch: u64) -> Result<Imported, ImportError> {
    let world = World::real();
    let options = JournalOptions { threads: false, epoch_min: epoch, ..JournalOptions::default() };
    let journal = FileJournal::open(&world, folder, &options)?;
    let blobs = FileBlobs::open(Arc::clone(&world.files), folder.join("blobs"), BLOB_BYTES_MAX_DEFAULT)?;
    let (mut imported, mut waiting, mut bytes) = (Imported::default(), Vec::new(), 0);
    lines(from, |number, text, line| match line {
        Line::Append(append) => {
            waiting.push((number, append));
            bytes += text.len();
            if waiting.len() < APPENDS_AT_ONCE && bytes < BYTES_AT_ONCE {
                return Ok(());
            }
            bytes = 0;
            imported.records += commit(&journal, &mut waiting)?;
            Ok(())
        }
        Line::Blob(blob) => {
            blobs.put(&blob.bytes.bytes().unwrap_or_default())?;
            imported.blobs += 1;
            Ok(())
        }
        Line::Head(_) | Line::Mark(_) | Line::Tail(_) => Ok(()),
    })?;
    imported.records += commit(&journal, &mut waiting)?;
    Ok(imported)
}

/// Makes durable what waits; it has to come out as it was.
fn commit(journal: &FileJournal, waiting: &mut Vec<(usize, AppendLine)>) -> Result<u64, ImportError> {
    let Some(first) = waiting.first().map(|(line, _)| *line) else { return Ok(0) };
    let (mut appends, mut expected, mut records) = (Vec::with_capacity(waiting.len()), Vec::new(), 0);
    for (line, append) in waiting.drain(..) {
        let no_append = || ImportError::Archive { line, what: "it is no append".to_owned() };
        let (restored, chains) = append.append().ok_or_else(no_append)?;
        records += restored.append.record_count() as u64;
        expected.extend(chains.into_iter().map(|chain| (line, chain)));
        appends.push(restored);
    }
    let discontinued = |line| {
        let what = "its records do not continue those before them".to_owned();
        ImportError::Archive { line, what }
    };
    let found = journal.restore(&appends).map_err(|error| match error {
        AppendError::Conflict { .. } | AppendError::Invalid(_) => discontinued(first),
        other => other.into(),
    })?;
    match expected.iter().zip(&found).find(|((_, expected), found)| expected != *found) {
        Some(((line, _), _)) => Err(discontinued(*line)),
        None => Ok(records),
    }
}
