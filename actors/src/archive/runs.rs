//! An archive of some runs: their events, the workflows that they followed, and the large values that any of these name. It
//! is a store of its own, in which these runs can be looked at.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use ghostlight_model::ids::{Name, RunId};
use ghostlight_store::blobs::{BlobError, BlobId, Blobs, names_in};
use ghostlight_store::journal::{WholeAppend, WholePart};
use ghostlight_store::{Journal, ReadError, StreamName};

use super::export::{ExportError, Exported, Out};
use super::line::{AppendLine, BlobLine, Bytes, FORMAT, Head};
use crate::streams;

/// How many appends of a stream are read at once: of each stream so many are in memory.
const APPENDS_AT_ONCE: usize = 4;
/// What a file is called while it is written.
const UNFINISHED: &str = "unfinished";

/// A stream on its way into the archive.
struct Source {
    stream: StreamName,
    next: u64,
    read: VecDeque<WholePart>,
}

impl Source {
    /// The global sequence of what comes next; none at the end.
    fn peek(&mut self, journal: &dyn Journal) -> Result<Option<u64>, ReadError> {
        if self.read.is_empty() {
            self.read = journal.read_parts(&self.stream, self.next, APPENDS_AT_ONCE)?.into();
        }
        Ok(self.read.front().and_then(|part| part.records.first()).map(|record| record.sequence))
    }

    fn take(&mut self) -> Option<WholePart> {
        let part = self.read.pop_front()?;
        self.next = part.records.last()?.stream_sequence + 1;
        Some(part)
    }
}

/// Writes an archive of these runs into `folder`, whole and durable under its name or not at all. Blocks on the disk.
///
/// # Errors
/// [`ExportError`].
pub fn archive_runs(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    runs: &[RunId],
    folder: &Path,
    name: &str,
) -> Result<Exported, ExportError> {
    let unfinished = folder.join(format!("{name}.{UNFINISHED}"));
    let written = write_file(journal, blobs, runs, &unfinished);
    if written.is_err() {
        // Best effort: it has not the name of an archive.
        let _ = std::fs::remove_file(&unfinished);
    }
    let exported = written?;
    let settle = || {
        std::fs::rename(&unfinished, folder.join(name))?;
        File::open(folder)?.sync_all()
    };
    settle().map_err(ExportError::Write)?;
    Ok(exported)
}

fn write_file(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    runs: &[RunId],
    path: &Path,
) -> Result<Exported, ExportError> {
    let create = || {
        path.parent().map_or(Ok(()), create_folder)?;
        File::options().write(true).create(true).truncate(true).open(path)
    };
    let file = create().map_err(ExportError::Write)?;
    let exported = write_runs(journal, blobs, runs, BufWriter::new(&file))?;
    file.sync_all().map_err(ExportError::Write)?;
    Ok(exported)
}

/// Makes a folder and those above it that are missing; each is durable in the one above it.
fn create_folder(folder: &Path) -> io::Result<()> {
    // The one above a relative path of one name is the current one.
    let above = |folder: &Path| folder.parent().map(|above| Path::new(".").join(above));
    let missing: Vec<_> =
        folder.ancestors().take_while(|folder| !folder.is_dir()).filter_map(above).collect();
    std::fs::create_dir_all(folder)?;
    missing.iter().try_for_each(|above| File::open(above)?.sync_all())
}

/// Writes an archive of these runs. Blocks on the disk.
///
/// # Errors
/// [`ExportError`].
pub fn write_runs(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    runs: &[RunId],
    to: impl Write,
) -> Result<Exported, ExportError> {
    let mut out = Out::new(to);
    let head = Head { ghostlight_archive: FORMAT, log: journal.log_id().to_string() };
    out.line(&head).map_err(ExportError::Write)?;
    let mut sources = sources(journal, runs)?;
    let mut order = BinaryHeap::new();
    for (at, source) in sources.iter_mut().enumerate() {
        order.extend(source.peek(journal)?.map(|sequence| Reverse((sequence, at))));
    }
    let (mut exported, mut appends, mut last, mut named) = (Exported::default(), 0, 0, BTreeSet::new());
    while let Some(Reverse((_, at))) = order.pop() {
        let Some(part) = sources[at].take() else { continue };
        for record in &part.records {
            names_in(&record.body, |id| {
                named.insert(id);
            });
            last = record.sequence;
        }
        exported.records += part.records.len() as u64;
        appends += 1;
        out.line(&line(appends, journal.epoch(), part)).map_err(ExportError::Write)?;
        order.extend(sources[at].peek(journal)?.map(|sequence| Reverse((sequence, at))));
    }
    exported.blobs = write_blobs(blobs, &named, &mut out)?;
    let lines = BTreeMap::from([("appends".to_owned(), appends), ("blobs".to_owned(), exported.blobs)]);
    exported.bytes = out.end(lines, last).map_err(ExportError::Write)?;
    Ok(exported)
}

/// The streams of these runs, and of the workflows that they followed.
fn sources(journal: &dyn Journal, runs: &[RunId]) -> Result<Vec<Source>, ReadError> {
    let mut names = BTreeSet::new();
    for run in runs {
        let stream = streams::run(*run);
        // A run's routing word is the name of its workflow.
        let workflow = journal.head_of(&stream)?.and_then(|head| Name::new(&head.route).ok());
        names.extend(workflow.map(|name| streams::workflow(&name)));
        names.insert(stream);
    }
    Ok(names.into_iter().map(|stream| Source { stream, next: 1, read: VecDeque::new() }).collect())
}

/// An append of its own: what else was in it is of other streams.
fn line(commit: u64, epoch: u64, part: WholePart) -> AppendLine {
    let mut id = [0; 16];
    if let Some(last) = part.records.last() {
        id.copy_from_slice(&last.chain[..16]);
    }
    AppendLine::of(commit, epoch, &WholeAppend { id, parts: vec![part] })
}

fn write_blobs(
    blobs: &dyn Blobs,
    named: &BTreeSet<BlobId>,
    out: &mut Out<impl Write>,
) -> Result<u64, ExportError> {
    let mut count = 0;
    for id in named {
        let bytes = match blobs.get(id) {
            Ok(bytes) => bytes,
            // It only looked like the name of one.
            Err(BlobError::NotFound { .. }) => continue,
            Err(error) => return Err(ExportError::Blobs("blobs".into(), error)),
        };
        let line = BlobLine { blob: id.to_string(), bytes: Bytes::of(&bytes) };
        out.line(&line).map_err(ExportError::Write)?;
        count += 1;
    }
    Ok(count)
}

impl From<ReadError> for ExportError {
    fn from(error: ReadError) -> Self {
        Self::Runs(error)
    }
}
