//! Blobs as files: `ab/cd/abcd…` below one folder, so that no folder grows with the number of runs.
//!
//! A file appears under its name only after its bytes are synced, and [`FileBlobs::put`] returns only after the
//! folders on the way are synced too. A blob found in place is trusted to be *there* but not to be durable: a
//! process killed between its rename and its sync leaves a name that a power cut may still take, so the folder is
//! synced again.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use ghostlight_world::{Files, OpenMode};

use super::held::make_locks;
use super::{BlobError, BlobId, Blobs, SweepPermit};

/// What a blob is called while it is written, after its name.
const UNFINISHED: &str = ".tmp";
/// Writers of different blobs wait for each other once in this many.
const STRIPES: usize = 64;

/// [`Blobs`] in a folder. The folder belongs to one process at a time.
pub struct FileBlobs {
    files: Arc<dyn Files>,
    root: PathBuf,
    bytes_max: usize,
    /// One writer a name: two would write the same unfinished file.
    writing: Vec<Mutex<()>>,
    /// When a blob was put last, in sweeps since this was opened, by the beginning of its name: of blobs that share it the
    /// latest counts. 0: never.
    put_at: Vec<AtomicU32>,
    /// How many sweeps have begun, and one.
    sweeps: AtomicU32,
    /// Fan-out folders whose own names this process has made durable; at most 65,536 of two bytes each.
    durable_dirs: Mutex<HashSet<[u8; 2]>>,
}

impl FileBlobs {
    /// Opens or creates the folder `root`; blobs may have up to `bytes_max` bytes each. Makes also what others need to hold the
    /// blobs ([`super::BlobsHeld`]), where it may. Blocking. Errors: [`BlobError::Io`].
    pub fn open(
        files: Arc<dyn Files>,
        root: impl Into<PathBuf>,
        bytes_max: usize,
    ) -> Result<Self, BlobError> {
        let root = root.into();
        let prepare = || {
            files.create_dir_all(&root)?;
            root.parent().map_or(Ok(()), |parent| files.sync_dir(parent))
        };
        prepare().map_err(io_error("open the folder of"))?;
        if let Err(error) = make_locks(&*files, &root) {
            // They are needed for sweeping alone, which tries again.
            tracing::warn!(%error, "the locks of large values could not be made");
        }
        Ok(Self::open_to_read(files, root, bytes_max))
    }

    /// The folder `root`, as it is: nothing is made. For another process than the one that the folder belongs to.
    pub fn open_to_read(files: Arc<dyn Files>, root: impl Into<PathBuf>, bytes_max: usize) -> Self {
        let writing = (0..STRIPES).map(|_| Mutex::default()).collect();
        let put_at = (0..=usize::from(u16::MAX)).map(|_| AtomicU32::new(0)).collect();
        let (root, sweeps) = (root.into(), AtomicU32::new(1));
        Self { files, root, bytes_max, writing, put_at, sweeps, durable_dirs: Mutex::default() }
    }

    /// Removes what writes that were cut short have left; returns how many. Needed for the space only. Blocking,
    /// for as long as it takes to list every folder. Errors: [`BlobError::Io`].
    pub fn sweep_unfinished(&self) -> Result<u64, BlobError> {
        let mut swept = 0;
        for (fan_out, dir) in self.dirs().map_err(io_error("list"))? {
            let _writing = self.writing(fan_out);
            let names = self.files.list(&dir).map_err(io_error("list"))?;
            for name in names.iter().filter(|name| name.ends_with(UNFINISHED)) {
                self.files.remove(&dir.join(name)).map_err(io_error("remove an unfinished"))?;
                swept += 1;
            }
        }
        Ok(swept)
    }

    fn dir_of(&self, [first, second]: [u8; 2]) -> PathBuf {
        self.root.join(format!("{first:02x}")).join(format!("{second:02x}"))
    }

    fn path_of(&self, id: &BlobId) -> PathBuf {
        self.dir_of(fan_out(id)).join(id.to_string())
    }

    fn put_at(&self, id: &BlobId) -> &AtomicU32 {
        &self.put_at[usize::from(u16::from_be_bytes(fan_out(id)))]
    }

    fn writing(&self, [first, _]: [u8; 2]) -> MutexGuard<'_, ()> {
        self.writing[usize::from(first) % STRIPES].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fan-out folders that are there, in order. Looks for each that there could be below a folder that is
    /// there: at most 65,792 questions.
    fn dirs(&self) -> io::Result<Vec<([u8; 2], PathBuf)>> {
        let mut dirs = Vec::new();
        for first in 0..=u8::MAX {
            if !self.files.exists(&self.root.join(format!("{first:02x}")))? {
                continue;
            }
            for second in 0..=u8::MAX {
                let dir = self.dir_of([first, second]);
                if self.files.exists(&dir)? {
                    dirs.push(([first, second], dir));
                }
            }
        }
        Ok(dirs)
    }

    /// Creates the two folders of a blob and makes their names durable, once per process: a process killed in
    /// between may have left them without.
    fn ensure_dir(&self, fan_out: [u8; 2]) -> io::Result<PathBuf> {
        let dir = self.dir_of(fan_out);
        let durable = || self.durable_dirs.lock().unwrap_or_else(PoisonError::into_inner);
        if durable().contains(&fan_out) {
            return Ok(dir);
        }
        self.files.create_dir_all(&dir)?;
        self.files.sync_dir(&self.root)?;
        dir.parent().map_or(Ok(()), |first| self.files.sync_dir(first))?;
        durable().insert(fan_out);
        Ok(dir)
    }

    /// Writes a blob in place of what is under its name.
    fn write(&self, dir: &Path, id: &BlobId, bytes: &[u8]) -> io::Result<()> {
        let path = dir.join(id.to_string());
        let unfinished = dir.join(format!("{id}{UNFINISHED}"));
        let written =
            self.write_unfinished(&unfinished, bytes).and_then(|()| self.files.rename(&unfinished, &path));
        if let Err(error) = written {
            // Best effort: what stays is swept one day.
            let _ = self.files.remove(&unfinished);
            return Err(error);
        }
        self.files.sync_dir(dir).inspect_err(|_| {
            // A folder's failed sync cannot be repeated, so the name must not be found by the next writer.
            let _ = self.files.remove(&path);
        })
    }

    fn write_unfinished(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.files.remove(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = self.files.open(path, OpenMode::CreateNew)?;
        file.write_all_at(bytes, 0)?;
        file.sync_all()
    }

    fn read_verified(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        let file = match self.files.open(&self.path_of(id), OpenMode::Read) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(BlobError::NotFound { id: *id }),
            Err(error) => return Err(io_error("read")(error)),
        };
        let length = file.len().map_err(io_error("read"))?;
        // Nothing above the limit was ever written here: a longer file is damage and is not read.
        let length = usize::try_from(length).ok().filter(|length| *length <= self.bytes_max);
        let mut bytes = vec![0; length.ok_or(BlobError::Corrupt { id: *id })?];
        file.read_exact_at(&mut bytes, 0).map_err(io_error("read"))?;
        if BlobId::of(&bytes) != *id {
            return Err(BlobError::Corrupt { id: *id });
        }
        Ok(Bytes::from(bytes))
    }
}

impl Blobs for FileBlobs {
    fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        if bytes.len() > self.bytes_max {
            return Err(BlobError::TooLarge { bytes: bytes.len() as u64, max: self.bytes_max as u64 });
        }
        let id = BlobId::of(bytes);
        let _writing = self.writing(fan_out(&id));
        self.put_at(&id).store(self.sweeps.load(Ordering::Acquire), Ordering::Release);
        let dir = self.ensure_dir(fan_out(&id)).map_err(io_error("make a folder for"))?;
        match self.read_verified(&id) {
            Ok(_) => self.files.sync_dir(&dir).map_err(io_error("sync"))?,
            // Absent or damaged: written anew.
            Err(_) => self.write(&dir, &id, bytes).map_err(io_error("write"))?,
        }
        Ok(id)
    }

    fn get(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        self.read_verified(id)
    }

    fn contains(&self, id: &BlobId) -> Result<bool, BlobError> {
        self.files.exists(&self.path_of(id)).map_err(io_error("look for"))
    }

    fn remove(&self, id: &BlobId) -> Result<bool, BlobError> {
        let _writing = self.writing(fan_out(id));
        match self.files.remove(&self.path_of(id)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("remove")(error)),
        }
    }

    fn begin_sweep(&self) -> Result<Option<SweepPermit>, BlobError> {
        let permit = self.resume_sweep()?;
        if permit.is_some() {
            self.sweeps.fetch_add(1, Ordering::AcqRel);
        }
        Ok(permit)
    }

    fn resume_sweep(&self) -> Result<Option<SweepPermit>, BlobError> {
        SweepPermit::take(&*self.files, &self.root).map_err(io_error("lock"))
    }

    fn sweep_away(&self, id: &BlobId) -> Result<Option<u64>, BlobError> {
        // Held against a put of the same bytes, which finds the blob there, or writes it again.
        let _writing = self.writing(fan_out(id));
        let put_at = self.put_at(id).load(Ordering::Acquire);
        if put_at > 0 && put_at + 2 > self.sweeps.load(Ordering::Acquire) {
            return Ok(None);
        }
        let path = self.path_of(id);
        let removed = || {
            let bytes = self.files.open(&path, OpenMode::Read)?.len()?;
            self.files.remove(&path).map(|()| bytes)
        };
        match removed() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("remove")(error)),
        }
    }

    fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<Vec<BlobId>, BlobError> {
        let mut page = Vec::new();
        for (in_dir, dir) in self.dirs().map_err(io_error("list"))? {
            if page.len() >= limit {
                break;
            }
            if after.is_some_and(|after| in_dir < fan_out(after)) {
                continue;
            }
            // The names are sorted; whatever else lies there is not ours and is passed over.
            let names = self.files.list(&dir).map_err(io_error("list"))?;
            let ids = names.iter().filter_map(|name| name.parse::<BlobId>().ok());
            page.extend(ids.filter(|id| after.is_none_or(|after| id > after)));
        }
        page.truncate(limit);
        Ok(page)
    }
}

fn fan_out(id: &BlobId) -> [u8; 2] {
    let [first, second, ..] = *id.as_bytes();
    [first, second]
}

fn io_error(action: &'static str) -> impl Fn(io::Error) -> BlobError {
    move |source| BlobError::Io { action, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use ghostlight_world::sim::{Fault, SimFiles};

    fn store(files: &SimFiles) -> FileBlobs {
        FileBlobs::open(Arc::new(files.clone()), "/data/blobs", 1024).unwrap()
    }

    fn overwrite(files: &SimFiles, path: &Path, bytes: &[u8]) {
        let file = files.open(path, OpenMode::Write).unwrap();
        file.set_len(0).unwrap();
        file.write_all_at(bytes, 0).unwrap();
    }

    #[test]
    fn a_blob_survives_any_power_cut_after_it_was_put() {
        for seed in 0..50 {
            let files = SimFiles::new(seed);
            let id = store(&files).put(b"kept").unwrap();
            files.restart(seed);
            assert_eq!(&store(&files).get(&id).unwrap()[..], b"kept", "seed {seed}");
        }
    }

    /// Lets each changing call of a put go wrong in turn, until a put has fewer calls.
    fn at_each_call_of_a_put(fault: Fault, check: impl Fn(&SimFiles, u64, Result<BlobId, BlobError>)) {
        for seed in 0..20 {
            for call in 1.. {
                let files = SimFiles::new(seed);
                let blobs = store(&files);
                files.fail_at(files.calls() + call, fault);
                let calls_before = files.calls();
                let put = blobs.put(b"whole or not at all");
                if files.calls() < calls_before + call {
                    assert!(call > 7, "folders, writing, syncing and renaming are more than {call} calls");
                    break;
                }
                check(&files, seed, put);
            }
        }
    }

    #[test]
    fn putting_again_what_a_killed_process_left_makes_it_durable() {
        at_each_call_of_a_put(Fault::Crash, |files, seed, _| {
            files.kill();
            let id = store(files).put(b"whole or not at all").unwrap();
            files.restart(seed);
            assert!(store(files).get(&id).is_ok());
        });
    }

    #[test]
    fn a_put_that_was_cut_short_never_leaves_a_damaged_blob() {
        for fault in [Fault::Crash, Fault::InputOutput, Fault::NoSpace, Fault::NoQuota, Fault::TooLarge] {
            at_each_call_of_a_put(fault, |files, seed, put| {
                files.restart(seed);
                let got = store(files).get(&BlobId::of(b"whole or not at all"));
                match (&put, &got) {
                    (_, Ok(_)) | (Err(_), Err(BlobError::NotFound { .. })) => {}
                    other => panic!("seed {seed}, {fault:?}: {other:?}"),
                }
            });
        }
    }

    #[test]
    fn a_damaged_blob_is_reported_and_putting_it_again_repairs_it() {
        let files = SimFiles::new(1);
        let blobs = store(&files);
        let id = blobs.put(b"precious").unwrap();
        overwrite(&files, &blobs.path_of(&id), b"precioux");
        assert!(matches!(blobs.get(&id), Err(BlobError::Corrupt { .. })));
        blobs.put(b"precious").unwrap();
        assert_eq!(&blobs.get(&id).unwrap()[..], b"precious");
    }

    #[test]
    fn a_blob_that_grew_beyond_the_limit_is_damage_and_is_not_read() {
        let files = SimFiles::new(1);
        let blobs = store(&files);
        let id = blobs.put(b"small").unwrap();
        overwrite(&files, &blobs.path_of(&id), &vec![0; 1 << 20]);
        assert!(matches!(blobs.get(&id), Err(BlobError::Corrupt { .. })));
    }

    #[test]
    fn what_a_write_cut_short_has_left_is_no_blob_and_is_swept() {
        let files = SimFiles::new(1);
        let blobs = store(&files);
        let id = blobs.put(b"whole").unwrap();
        let unfinished = blobs.dir_of(fan_out(&id)).join(format!("{id}{UNFINISHED}"));
        files.open(&unfinished, OpenMode::CreateNew).unwrap();
        assert_eq!(blobs.list(None, 10).unwrap(), [id]);
        assert_eq!(blobs.sweep_unfinished().unwrap(), 1);
        assert!(!files.exists(&unfinished).unwrap());
        assert!(blobs.contains(&id).unwrap());
    }

    #[test]
    fn sixteen_writers_of_the_same_blob_agree() {
        let blobs = store(&SimFiles::new(1));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| blobs.put(b"contended").unwrap());
            }
        });
        assert_eq!(blobs.list(None, 10).unwrap(), [BlobId::of(b"contended")]);
    }
}
