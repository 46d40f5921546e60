//! Room for the journal when the disk has none.
//!
//! A segment is made in its usual size; while the disk has no room for that, in a smaller one; and when it has none at all, of
//! a file that was laid by for this. So what is under way can still write its last records after somebody else has filled the
//! disk. The reserve is not freed and taken again, which another process could be quicker at: it becomes the segment. It is
//! laid by again with the next segment of the usual size.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ghostlight_world::{File, Files, OpenMode, is_full};

use super::segment::{SEGMENT_HEADER_BYTES, SegmentInfo};

/// The size of the reserve; smaller only where segments are.
const RESERVE_BYTES: u64 = 1 << 20;
/// Segments are not made smaller than this: each costs a file and an index of its own.
const SEGMENT_BYTES_MIN: u64 = 256 << 10;
const FILE: &str = "reserve";

/// Makes the file of a segment that takes a frame of `frame_bytes`, of `usual` bytes if there is room for them.
pub(crate) fn begin_segment(
    info: &SegmentInfo,
    files: &dyn Files,
    usual: u64,
    frame_bytes: u64,
) -> io::Result<Arc<dyn File>> {
    let full = match info.create(files, usual) {
        Err(error) if is_full(&error) => error,
        Ok(file) => {
            lay_by(files, dir_of(info), usual);
            return Ok(file);
        }
        Err(error) => return Err(error),
    };
    let needed = frame_bytes + SEGMENT_HEADER_BYTES as u64;
    let smaller = [usual / 8, usual / 64].into_iter().filter(|size| *size >= needed.max(SEGMENT_BYTES_MIN));
    for size in smaller {
        match info.create(files, size) {
            Err(error) if is_full(&error) => {}
            made => return made,
        }
    }
    tracing::warn!(segment = info.number, "the disk is full: the journal goes on in its reserve");
    match info.create_of(files, &path(dir_of(info)), needed) {
        // It was used before, or could never be laid by.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(full),
        made => made,
    }
}

/// Lays the reserve by, unless it is there. Without one a full disk is met earlier, and nothing else happens.
pub(crate) fn lay_by(files: &dyn Files, dir: &Path, usual: u64) {
    let (path, size) = (path(dir), RESERVE_BYTES.min(usual));
    let laid_by = || {
        if files.exists(&path)? {
            return Ok(());
        }
        let unfinished = path.with_extension("tmp");
        let file = files.open(&unfinished, OpenMode::Create)?;
        let made = file.preallocate(size).and_then(|()| files.rename(&unfinished, &path));
        if made.is_err() {
            // What it took belongs to others.
            let _ = files.remove(&unfinished);
        }
        made
    };
    let laid_by: io::Result<()> = laid_by();
    if let Err(error) = laid_by {
        tracing::warn!(%error, "no reserve could be laid by for a full disk");
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

fn dir_of(info: &SegmentInfo) -> &Path {
    info.path.parent().unwrap_or(Path::new(""))
}

#[cfg(test)]
mod tests {
    use ghostlight_world::sim::SimWorld;

    use super::super::conformance::{part, stream};
    use super::super::file::{FileJournal, JournalOptions};
    use super::super::{AppendResult, Journal};
    use super::*;
    use crate::record::{Append, AppendError};

    fn open(world: &SimWorld, segment_bytes: u64) -> FileJournal {
        let options = JournalOptions { segment_bytes, threads: false, ..JournalOptions::default() };
        FileJournal::open(&world.world(), Path::new("/data"), &options).expect("opens")
    }

    fn put(journal: &FileJournal, number: u64, body: &str) -> AppendResult {
        let append = Append::one(u128::from(number).to_le_bytes(), part(&stream("a"), number, &[body]));
        let answer = journal.append(append);
        journal.drive();
        answer.wait()
    }

    /// Appends until the disk is full; says how many were taken.
    fn fill(journal: &FileJournal, body: &str) -> u64 {
        let mut number = 0;
        loop {
            match put(journal, number, body) {
                Ok(_) => number += 1,
                Err(refused) => {
                    assert_eq!(refused, AppendError::Full);
                    return number;
                }
            }
        }
    }

    /// Shows S2-5.1c. Somebody else has filled the disk: what is under way goes on in the reserve, and nothing is lost.
    #[test]
    fn a_disk_that_others_have_filled_leaves_the_journal_its_reserve() {
        let world = SimWorld::new(5);
        let journal = open(&world, 8 << 10);
        let (room, body) = (journal.stats().reserved_bytes, "x".repeat(500));
        assert!(room > 0 && room < 8 << 10, "{room}");
        world.files.set_free_bytes(Some(0));
        let taken = fill(&journal, &body);
        assert_eq!(journal.stats().segments, 2);
        assert!(taken * 500 > room, "{taken} appends went beyond the first segment of {room}");

        world.files.stop();
        drop(journal);
        world.files.restart(3);
        world.files.set_free_bytes(Some(0));
        let journal = open(&world, 8 << 10);
        assert_eq!(journal.head(), taken, "it opens on a full disk, with everything");
        world.files.set_free_bytes(None);
        for number in taken..taken + 20 {
            put(&journal, number, &body).expect("commits again");
        }
        assert!(
            world.files.exists(Path::new("/data/journal/reserve")).expect("looks"),
            "it is laid by again"
        );
    }

    #[test]
    fn a_segment_is_as_small_as_the_room_there_is() {
        let world = SimWorld::new(6);
        let journal = open(&world, 16 << 20);
        world.files.set_free_bytes(Some(3 << 20));
        let body = "x".repeat(200 << 10);
        let bytes = fill(&journal, &body) * body.len() as u64;
        assert!(bytes > (16 << 20) + (3 << 20), "{bytes} bytes");
    }

    /// A reserve that is too small for a commit is left as it is.
    #[test]
    fn a_commit_that_the_reserve_cannot_hold_is_refused_and_a_smaller_one_is_taken() {
        let world = SimWorld::new(7);
        let journal = open(&world, 8 << 20);
        world.files.set_free_bytes(Some(0));
        let large = "x".repeat(3 << 20);
        let taken = fill(&journal, &large);
        assert_eq!(journal.stats().segments, 1);
        put(&journal, taken, "small").expect("there is room for little");
    }
}
