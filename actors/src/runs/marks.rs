//! Which runs were being loaded or decided about when the process died.
//!
//! A run whose state or definition makes this very program abort would be loaded again at the next start, for ever. So whoever
//! touches a run's state leaves its id in a small file for that moment; it survives the process, as everything that was
//! written does. A run that is found there after two unclean ends in a row is quarantined before it is loaded a third
//! time. The moments are microseconds long, so that a process killed from outside is hardly ever found in one, and not
//! twice with the same run.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ghostlight_model::ids::RunId;
use uuid::Uuid;

/// Bytes of one mark: the run's id; all zero when there is none.
const MARK_BYTES: u64 = 16;
/// Marks that are read; more are never made at the same time.
const MARKS_MAX: u64 = 65_536;

/// The marks of this process. Cheap to clone.
#[derive(Clone)]
pub struct Marks {
    shared: Arc<Shared>,
}

struct Shared {
    file: File,
    free: Mutex<Free>,
}

#[derive(Default)]
struct Free {
    places: Vec<u64>,
    next: u64,
}

/// A run is being touched. Taken away when dropped.
pub struct Mark {
    place: u64,
    shared: Arc<Shared>,
}

impl Marks {
    /// Opens the marks in `folder`, and answers which runs to set aside: those that were being touched at the end of the
    /// last two lives of the process. After a stop in good order (`clean`) nothing is suspected.
    ///
    /// # Errors
    /// When the files cannot be read or written.
    pub fn open(folder: &Path, clean: bool) -> io::Result<(Self, Vec<RunId>)> {
        let (path, before) = (folder.join("touched"), folder.join("suspects"));
        let (touched, suspected) = if clean { Default::default() } else { (read(&path)?, read(&before)?) };
        let poisoned = touched.intersection(&suspected).copied().collect();
        write_whole(&before, &touched)?;
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok((Self { shared: Arc::new(Shared { file, free: Mutex::default() }) }, poisoned))
    }

    /// Marks a run for as long as the answer lives. A mark that cannot be written is left out: it costs a chance to find a
    /// poisoned run and nothing else.
    #[must_use]
    pub fn mark(&self, run: RunId) -> Mark {
        let mut free = self.shared.free();
        let place = free.places.pop().unwrap_or_else(|| {
            free.next += 1;
            free.next - 1
        });
        drop(free);
        if place < MARKS_MAX {
            let _ = self.shared.file.write_at(run.0.as_bytes(), place * MARK_BYTES);
        }
        Mark { place, shared: self.shared.clone() }
    }
}

impl Shared {
    fn free(&self) -> std::sync::MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        if self.place < MARKS_MAX {
            let _ = self.shared.file.write_at(&[0; MARK_BYTES as usize], self.place * MARK_BYTES);
        }
        self.shared.free().places.push(self.place);
    }
}

fn read(path: &PathBuf) -> io::Result<BTreeSet<RunId>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let marks = bytes.chunks_exact(MARK_BYTES as usize).take(MARKS_MAX as usize);
    Ok(marks.filter_map(|mark| Uuid::from_slice(mark).ok()).filter(|id| !id.is_nil()).map(RunId).collect())
}

fn write_whole(path: &Path, runs: &BTreeSet<RunId>) -> io::Result<()> {
    let bytes: Vec<u8> = runs.iter().flat_map(|run| run.0.into_bytes()).collect();
    let unfinished = path.with_extension("unfinished");
    std::fs::write(&unfinished, bytes)?;
    std::fs::rename(unfinished, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(n: u128) -> RunId {
        RunId(Uuid::from_u128(n))
    }

    /// A life of the process that ends without warning while it touches these runs.
    fn life(folder: &Path, clean: bool, touching: &[u128]) -> Vec<RunId> {
        let (marks, poisoned) = Marks::open(folder, clean).unwrap();
        drop(marks.mark(run(99)));
        touching.iter().for_each(|n| std::mem::forget(marks.mark(run(*n))));
        poisoned
    }

    #[test]
    fn a_run_is_suspected_after_one_unclean_end_and_poisoned_after_two() {
        let folder = tempfile::tempdir().unwrap();
        assert!(life(folder.path(), true, &[1, 2]).is_empty());
        assert!(life(folder.path(), false, &[2, 3]).is_empty());
        assert_eq!(life(folder.path(), false, &[]), [run(2)]);
        assert!(life(folder.path(), false, &[]).is_empty());
    }

    #[test]
    fn a_stop_in_good_order_forgets_all_suspicion() {
        let folder = tempfile::tempdir().unwrap();
        life(folder.path(), true, &[1]);
        life(folder.path(), false, &[1]);
        assert!(life(folder.path(), true, &[1]).is_empty());
        assert!(life(folder.path(), false, &[]).is_empty());
    }
}
