//! Making a store of an archive.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, BlobError, Blobs, FileBlobs};
use ghostlight_store::{AppendError, FileJournal, Journal, JournalOptions, OpenError, Reply};
use ghostlight_world::World;

use super::line::{AppendLine, FORMAT, Line};

/// How many appends become durable together.
const APPENDS_AT_ONCE: usize = 256;

/// What was made.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Imported {
    /// Records of the journal.
    pub records: u64,
    /// Large values.
    pub blobs: u64,
}

/// Why no store was made of an archive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
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
/// [`ImportError`]; where the folder was, there is nothing then.
pub(crate) fn import(from: &Path, folder: &Path) -> Result<Imported, ImportError> {
    let cannot = |error| ImportError::Folder(folder.to_owned(), error);
    match std::fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(false) => return Err(ImportError::NotEmpty(folder.to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
        Ok(true) | Err(_) => {}
    }
    let epoch = check(from)?;
    // Made beside it and renamed: a folder of that name holds all of it or is not there.
    let mut unfinished = folder.to_owned().into_os_string();
    unfinished.push(".unfinished");
    let unfinished = PathBuf::from(unfinished);
    match std::fs::remove_dir_all(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(cannot(error)),
        Ok(()) | Err(_) => {}
    }
    std::fs::create_dir_all(&unfinished).map_err(cannot)?;
    let made = fill(from, &unfinished, epoch);
    let made = made.and_then(|imported| {
        let _ = std::fs::remove_dir(folder);
        std::fs::rename(&unfinished, folder).map_err(cannot)?;
        let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new("."))).and_then(|parent| parent.sync_all()).map_err(cannot)?;
        Ok(imported)
    });
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&unfinished);
    }
    made
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

/// Reads the whole archive; returns the highest epoch.
fn check(from: &Path) -> Result<u64, ImportError> {
    let (mut epoch, mut records, mut begun, mut ended) = (1, 0, false, false);
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
            Line::Head(_) => begun = true,
            _ if !begun => return wrong("the archive has no beginning"),
            Line::Mark(mark) => epoch = epoch.max(mark.epoch),
            Line::Append(append) => {
                epoch = epoch.max(append.epoch);
                records += append.parts.iter().map(|part| part.records.len() as u64).sum::<u64>();
                if append.append().is_none() {
                    return wrong("it is no append");
                }
            }
            Line::Blob(blob) => {
                let bytes = blob.bytes.bytes().unwrap_or_default();
                if blake3::hash(&bytes).to_hex().as_str() != blob.blob {
                    return wrong("the large value is not the one of that name");
                }
            }
            Line::Tail(tail) => {
                ended = true;
                if tail.head != records || tail.blake3 != hash.finalize().to_hex().as_str() {
                    return wrong("the archive was changed or is not whole");
                }
            }
        }
        hash.update(text.as_bytes());
        hash.update(b"\n");
        Ok(())
    })?;
    if ended {
        return Ok(epoch);
    }
    Err(ImportError::Archive { line: last, what: "the archive has no end: it was cut short".to_owned() })
}

fn fill(from: &Path, folder: &Path, epoch: u64) -> Result<Imported, ImportError> {
    let world = World::real();
    let options = JournalOptions { threads: false, epoch_min: epoch, ..JournalOptions::default() };
    let journal = FileJournal::open(&world, folder, &options)?;
    let blobs = FileBlobs::open(Arc::clone(&world.files), folder.join("blobs"), BLOB_BYTES_MAX_DEFAULT)?;
    let (mut imported, mut waiting) = (Imported::default(), Vec::new());
    lines(from, |number, _, line| match line {
        Line::Append(append) => {
            waiting.push((number, append));
            if waiting.len() < APPENDS_AT_ONCE {
                return Ok(());
            }
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
    let mut answers = Vec::with_capacity(waiting.len());
    for (line, append) in waiting.drain(..) {
        let no_append = || ImportError::Archive { line, what: "it is no append".to_owned() };
        let first = append.parts.first().and_then(|part| part.records.first()).map(|record| record.sequence);
        let (append, chains) = append.append().ok_or_else(no_append)?;
        let (tell, answer) = mpsc::channel();
        journal.submit(append, Reply::callback(move |result| drop(tell.send(result))));
        answers.push((line, first, chains, answer));
    }
    while journal.drive() {}
    let mut records = 0;
    for (line, first, chains, answer) in answers {
        let committed = answer.try_recv().unwrap_or(Err(AppendError::Unavailable))?;
        let all = committed.records();
        let is_there = |chain: &[u8; 32]| all.iter().any(|record| record.chain == *chain);
        if first != Some(committed.first_sequence()) || !chains.iter().all(is_there) {
            let what = "its records do not continue those before them".to_owned();
            return Err(ImportError::Archive { line, what });
        }
        records += all.len() as u64;
    }
    Ok(records)
}
