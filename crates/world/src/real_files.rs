//! [`Files`] on the operating system.

use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::{File, Files, Lock, OpenMode, Space};

/// The operating system's files. Made files are readable by their owner alone (mode 600, folders 700): a
/// journal holds inputs and outputs of agents.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealFiles;

struct RealFile(fs::File);

/// Closing the file releases the lock, also when the process is killed.
struct RealLock(#[allow(dead_code, reason = "held, not read")] fs::File);

impl Lock for RealLock {}

fn options(mode: OpenMode) -> fs::OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = fs::OpenOptions::new();
    options.read(true).mode(0o600);
    match mode {
        OpenMode::Read => &mut options,
        OpenMode::Write => options.write(true),
        OpenMode::Create => options.write(true).create(true),
        OpenMode::CreateNew => options.write(true).create_new(true),
    };
    options
}

fn locked(file: fs::File) -> io::Result<Box<dyn Lock>> {
    match file.try_lock() {
        Ok(()) => Ok(Box::new(RealLock(file))),
        Err(fs::TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

impl Files for RealFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(options(mode).open(path)?)))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        use std::os::unix::fs::DirBuilderExt;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        locked(options(OpenMode::Create).open(path)?)
    }

    fn lock_existing(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        locked(options(OpenMode::Read).open(path)?)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = rustix::fs::statvfs(dir)?;
        // What is kept back for the administrator is not ours.
        let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
        Ok(Space { free: bytes(found.f_bavail), total: bytes(found.f_blocks) })
    }
}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buf, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    #[cfg(target_os = "linux")]
    fn preallocate(&self, len: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, rustix::fs::FallocateFlags::empty(), 0, len) {
            // Some network and overlay file systems cannot reserve; a full disk then shows at the write.
            Err(rustix::io::Errno::OPNOTSUPP) => self.0.set_len(len.max(self.len()?)),
            other => Ok(other?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len.max(self.len()?))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    #[cfg(target_os = "linux")]
    fn drop_cache(&self, range: Range<u64>) {
        // Pages that are covered in part are kept by the kernel: widen to borders that hold for any page size.
        const BORDER: u64 = 64 << 10;
        let start = range.start / BORDER * BORDER;
        let end = range.end.div_ceil(BORDER) * BORDER;
        if let Some(len) = std::num::NonZeroU64::new(end.saturating_sub(start)) {
            let _ = rustix::fs::fadvise(&self.0, start, Some(len), rustix::fs::Advice::DontNeed);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn drop_cache(&self, _range: Range<u64>) {}

    #[cfg(target_os = "linux")]
    fn next_data(&self, offset: u64) -> io::Result<u64> {
        match rustix::fs::seek(&self.0, rustix::fs::SeekFrom::Data(offset)) {
            Ok(next) => Ok(next),
            Err(rustix::io::Errno::NXIO) => self.len(),
            // A file system that does not know its holes: everything may be written.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::OPNOTSUPP) => Ok(offset),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_what_was_written_and_is_found_by_its_new_name() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let (old, new) = (dir.path().join("a/old"), dir.path().join("a/new"));
        RealFiles.create_dir_all(&dir.path().join("a"))?;
        let file = RealFiles.open(&old, OpenMode::CreateNew)?;
        file.preallocate(4096)?;
        file.write_all_at(b"lamp", 100)?;
        file.sync_data()?;
        RealFiles.rename(&old, &new)?;
        RealFiles.sync_dir(&dir.path().join("a"))?;
        let mut buf = [0; 4];
        RealFiles.open(&new, OpenMode::Read)?.read_exact_at(&mut buf, 100)?;
        assert_eq!(&buf, b"lamp");
        assert_eq!(file.len()?, 4096);
        assert!(file.next_data(0)? <= 100, "what was written is never skipped");
        assert_eq!(RealFiles.list(&dir.path().join("a"))?, ["new"]);
        assert_eq!(RealFiles.list(dir.path())?, [""; 0]);
        Ok(())
    }

    #[test]
    fn a_folder_knows_the_room_of_its_disk() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let space = RealFiles.space(dir.path())?;
        assert!(space.total > 0 && space.free <= space.total, "{space:?}");
        assert!(RealFiles.space(&dir.path().join("missing")).is_err());
        Ok(())
    }

    #[test]
    fn a_lock_excludes_a_second_holder_until_it_is_dropped() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("lock");
        let held = RealFiles.lock(&path)?;
        assert_eq!(RealFiles.lock(&path).err().map(|e| e.kind()), Some(io::ErrorKind::WouldBlock));
        drop(held);
        RealFiles.lock(&path).map(drop)
    }

    #[test]
    fn a_file_that_may_only_be_read_can_be_locked_and_one_that_is_missing_is_not_made() -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("lock");
        let kind = |lock: io::Result<Box<dyn Lock>>| lock.err().map(|error| error.kind());
        assert_eq!(kind(RealFiles.lock_existing(&path)), Some(io::ErrorKind::NotFound));
        assert!(!RealFiles.exists(&path)?);
        RealFiles.lock(&path).map(drop)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400))?;
        let held = RealFiles.lock_existing(&path)?;
        assert_eq!(kind(RealFiles.lock_existing(&path)), Some(io::ErrorKind::WouldBlock));
        drop(held);
        RealFiles.lock_existing(&path).map(drop)
    }
}
