//! Sweeping blobs that no record names any more.
//!
//! What a body names stands in it as 64 lowercase hexadecimal digits, whatever else the body says; what only looks like a
//! name keeps a blob that nobody wants, and never loses one. Blobs are looked at a share at a time, each share against the
//! whole journal, so that memory does not grow with their number.

use std::collections::HashSet;
use std::time::Duration;

use thiserror::Error;

use super::{BlobError, BlobId, Blobs, SweepPermit};
use crate::journal::{Journal, READ_RECORDS_MAX};
use crate::record::ReadError;

/// How many blobs are looked for at the same time.
const SHARE: usize = 100_000;
/// How many are listed at once.
const PAGE: usize = 1_000;
/// How many digits a name has.
const DIGITS: usize = 64;

/// How long others may take hold of the blobs between two shares: longer than whoever waits for that pauses.
const BETWEEN_SHARES: Duration = Duration::from_millis(500);

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether it ended early because another process holds the blobs, or because the locks could not be opened.
    pub was_kept_out: bool,
}

/// Why a sweep ended before its time. What it removed nobody named.
#[derive(Debug, Error)]
pub enum SweepError {
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The blobs cannot be listed or removed.
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Removes the blobs that no record of the journal names and that were not put lately. Blocks, for as long as it takes to
/// read the whole journal; puts and commits go on meanwhile. `goes_on` is asked now and then. While another process holds the
/// blobs ([`super::BlobsHeld`]) nothing is removed; nor is anything where that cannot be known, which is logged.
///
/// # Errors
/// [`SweepError`].
pub fn sweep(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    goes_on: &dyn Fn() -> bool,
) -> Result<Swept, SweepError> {
    sweep_in_shares(journal, blobs, goes_on, SHARE, &mut || std::thread::sleep(BETWEEN_SHARES))
}

/// The same in shares of so many blobs. In `between` others may take hold of the blobs: each share looks at the whole journal anew,
/// so that what was swept before they came is named by nothing that they will read, and no other share begins until they are gone.
fn sweep_in_shares(
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    goes_on: &dyn Fn() -> bool,
    share: usize,
    between: &mut dyn FnMut(),
) -> Result<Swept, SweepError> {
    let (mut swept, mut after) = (Swept::default(), None);
    let mut permit = permitted(blobs.begin_sweep());
    while permit.is_some() {
        let mut unnamed = HashSet::new();
        while unnamed.len() < share {
            let page = blobs.list(after.as_ref(), PAGE.min(share - unnamed.len()))?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            unnamed.extend(page);
        }
        let is_last = unnamed.len() < share;
        if unnamed.is_empty() || !mark(journal, &mut unnamed, goes_on)? {
            return Ok(swept);
        }
        for id in unnamed {
            if !goes_on() {
                return Ok(swept);
            }
            if let Some(bytes) = blobs.sweep_away(&id)? {
                swept.blobs += 1;
                swept.bytes += bytes;
            }
        }
        if is_last {
            return Ok(swept);
        }
        drop(permit);
        between();
        permit = permitted(blobs.resume_sweep());
    }
    Ok(Swept { was_kept_out: true, ..swept })
}

fn permitted(permit: Result<Option<SweepPermit>, BlobError>) -> Option<SweepPermit> {
    match permit {
        Ok(None) => tracing::info!("large values are read by another process and are swept later"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::error!(%error, cause, "large values are not swept: the locks beside them cannot be opened");
        }
        Ok(permit) => return permit,
    }
    None
}

/// Takes out what any record names, up to those that are committed meanwhile. Says whether it came to the end.
fn mark(
    journal: &dyn Journal,
    unnamed: &mut HashSet<BlobId>,
    goes_on: &dyn Fn() -> bool,
) -> Result<bool, ReadError> {
    let mut after = 0;
    while !unnamed.is_empty() {
        if !goes_on() {
            return Ok(false);
        }
        let page = journal.read_all(after, READ_RECORDS_MAX)?;
        let Some(last) = page.last() else { break };
        after = last.sequence;
        for record in &page {
            names_in(&record.body, |id| {
                unnamed.remove(&id);
            });
        }
    }
    Ok(true)
}

/// Gives everything in a body that is written like the name of a blob.
pub fn names_in(body: &[u8], mut give: impl FnMut(BlobId)) {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    for run in body.split(|byte| !is_digit(byte)).filter(|run| run.len() >= DIGITS) {
        for digits in run.windows(DIGITS) {
            if let Some(id) = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()) {
                give(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::path::Path;
    use std::sync::Arc;

    use bytes::Bytes;
    use ghostlight_world::Files;
    use ghostlight_world::sim::{Fault, SimFiles};

    use super::*;
    use crate::blobs::{BlobsHeld, FileBlobs};
    use crate::journal::MemoryJournal;
    use crate::record::{Append, NewRecord, StreamAppend, StreamName, Wake};

    fn put(journal: &MemoryJournal, text: &str) {
        let body = Bytes::copy_from_slice(text.as_bytes());
        let stream = StreamName::new("run", "default", &format!("r{}", journal.head())).unwrap();
        let records = vec![NewRecord { kind: 1, version: 1, time_us: 0, body }];
        let (route, aliases) = ("".into(), Vec::new());
        let part = StreamAppend { stream, expected: 0, records, wake: Wake::Done, route, aliases };
        journal.append(Append::one([1; 16], part)).wait().unwrap();
    }

    fn blobs() -> FileBlobs {
        FileBlobs::open(Arc::new(SimFiles::new(1)), "/data/blobs", 1024).unwrap()
    }

    fn of(blobs: u64, bytes: u64) -> Swept {
        Swept { blobs, bytes, was_kept_out: false }
    }

    fn sweep_now(journal: &MemoryJournal, blobs: &FileBlobs) -> Swept {
        sweep(journal, blobs, &|| true).unwrap()
    }

    #[test]
    fn what_a_record_names_stays_and_what_none_names_goes() {
        let (journal, files) = (MemoryJournal::new(), Arc::new(SimFiles::new(1)));
        let first = FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap();
        let (named, within, unnamed) = (
            first.put(b"named").unwrap(),
            first.put(b"in a longer word").unwrap(),
            first.put(b"unnamed").unwrap(),
        );
        put(&journal, &format!(r#"{{"output": {{"blob": "{named}", "bytes": 5}}}}"#));
        put(&journal, &format!("00{within}ff"));
        let cut = unnamed.to_string();
        put(&journal, &cut[1..]);
        put(&journal, &cut.to_uppercase());
        // Of an earlier life of the process nothing can be under way.
        let blobs = FileBlobs::open(files, "/data/blobs", 1024).unwrap();
        assert_eq!(sweep_now(&journal, &blobs), of(1, 7));
        assert!(blobs.contains(&named).unwrap() && blobs.contains(&within).unwrap());
        assert!(!blobs.contains(&unnamed).unwrap());
        assert_eq!(sweep_now(&journal, &blobs), Swept::default());
    }

    #[test]
    fn a_blob_that_was_put_lately_waits_for_the_commit_that_names_it() {
        let (journal, blobs) = (MemoryJournal::new(), blobs());
        let id = blobs.put(b"under way").unwrap();
        assert_eq!(sweep_now(&journal, &blobs), Swept::default());
        // Found in place by somebody else who is about to name it.
        blobs.put(b"under way").unwrap();
        assert_eq!(sweep_now(&journal, &blobs), Swept::default());
        assert!(blobs.contains(&id).unwrap());
        assert_eq!(sweep_now(&journal, &blobs), of(1, 9));
    }

    #[test]
    fn what_another_process_reads_is_swept_when_it_is_done() {
        let (journal, files) = (MemoryJournal::new(), Arc::new(SimFiles::new(1)));
        FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap().put(b"unnamed").unwrap();
        put(&journal, "nothing");
        let blobs = FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap();
        let hold = || BlobsHeld::take(&*files, Path::new("/data/blobs")).unwrap();
        let readers = (hold(), hold());
        assert!(readers.0.is_some() && readers.1.is_some(), "there may be several");
        let kept_out = Swept { was_kept_out: true, ..Swept::default() };
        assert_eq!(sweep_now(&journal, &blobs), kept_out);
        drop(readers.0);
        assert_eq!(sweep_now(&journal, &blobs), kept_out);
        drop(readers.1);
        let sweeping = blobs.begin_sweep().unwrap();
        assert!(sweeping.is_some() && hold().is_none());
        drop(sweeping);
        assert_eq!(sweep_now(&journal, &blobs), of(1, 7));
        assert!(hold().is_some());
    }

    #[test]
    fn between_two_shares_others_may_take_hold_and_what_is_left_waits_for_them() {
        let (journal, files) = (MemoryJournal::new(), Arc::new(SimFiles::new(1)));
        let first = FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap();
        (0..5_u8).for_each(|n| assert_eq!(first.put(&[n]).unwrap(), BlobId::of(&[n])));
        let last = (0..5_u8).max_by_key(|n| BlobId::of(&[*n])).unwrap();
        put(&journal, "nothing");
        let blobs = FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap();
        let (mut reader, mut rests) = (None, 0);
        let swept = sweep_in_shares(&journal, &blobs, &|| true, 2, &mut || {
            // Put meanwhile: the whole of a sweep counts as one, however many shares it has.
            blobs.put(&[last]).unwrap();
            rests += 1;
            if rests == 2 {
                reader = BlobsHeld::take(&*files, Path::new("/data/blobs")).unwrap();
            }
        });
        assert_eq!(swept.unwrap(), Swept { was_kept_out: true, ..of(4, 4) });
        assert!(reader.is_some() && rests == 2);
        drop(reader);
        assert_eq!(sweep_now(&journal, &blobs), Swept::default(), "it was put lately");
        assert_eq!(sweep_now(&journal, &blobs), of(1, 1));
    }

    #[test]
    fn a_reader_makes_no_lock_and_whoever_keeps_the_blobs_makes_all_of_them() {
        let files = SimFiles::new(1);
        let root = Path::new("/data/blobs");
        files.create_dir_all(root).unwrap();
        let held = BlobsHeld::take(&files, root);
        assert_eq!(held.err().map(|error| error.kind()), Some(std::io::ErrorKind::NotFound));
        assert!(files.list(root).unwrap().is_empty());
        FileBlobs::open(Arc::new(files.clone()), root, 1024).unwrap();
        assert_eq!(files.list(root).unwrap().len(), 8);
        assert!(BlobsHeld::take(&files, root).unwrap().is_some());
    }

    #[test]
    fn where_a_lock_cannot_be_opened_nothing_is_swept_and_that_is_no_failure() {
        let (journal, files) = (MemoryJournal::new(), Arc::new(SimFiles::new(1)));
        FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap().put(b"unnamed").unwrap();
        put(&journal, "nothing");
        let blobs = FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap();
        files.remove(Path::new("/data/blobs/reader-3.lock")).unwrap();
        files.fail_at(files.calls() + 1, Fault::InputOutput);
        let kept_out = Swept { was_kept_out: true, ..Swept::default() };
        assert_eq!(sweep_now(&journal, &blobs), kept_out);
        assert_eq!(sweep_now(&journal, &blobs), of(1, 7));
    }

    #[test]
    fn a_sweep_that_is_stopped_removes_nothing() {
        let (journal, files) = (MemoryJournal::new(), Arc::new(SimFiles::new(1)));
        FileBlobs::open(files.clone(), "/data/blobs", 1024).unwrap().put(b"unnamed").unwrap();
        put(&journal, "nothing");
        let blobs = FileBlobs::open(files, "/data/blobs", 1024).unwrap();
        assert_eq!(sweep(&journal, &blobs, &|| false).unwrap(), Swept::default());
        assert_eq!(blobs.list(None, 10).unwrap().len(), 1);
    }
}
