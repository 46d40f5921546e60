//! The disk as a store needs it: positioned reads and writes, and syncs whose meaning is spelled out.
//!
//! What counts as durable, and nothing else does:
//! - bytes and length of a file, after [`File::sync_data`] or [`File::sync_all`] returned `Ok`;
//! - the name of a file (created, renamed or removed), after [`Files::sync_dir`] of its folder returned `Ok`.
//!
//! A sync that failed leaves the file in doubt for good: the kernel may have dropped the pages and report the
//! next sync as a success. Do not sync again; open a new file, or drop the cache and read what is there.

use std::io;
use std::ops::Range;
use std::path::Path;

/// How [`Files::open`] treats a file that is there, and one that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Must exist; opened for reading.
    Read,
    /// Must exist; opened for reading and writing.
    Write,
    /// Made when missing; opened for reading and writing, its contents kept.
    Create,
    /// Made empty; a file of that name is an [`io::ErrorKind::AlreadyExists`] error.
    CreateNew,
}

/// How much room a file system has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// What this process may still take.
    pub free: u64,
    /// How large it is.
    pub total: u64,
}

/// A file system. Paths are as the process sees them. All calls block.
pub trait Files: Send + Sync {
    /// Opens `path` as `mode` says.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>>;

    /// Gives `from` the name `to` in one step, replacing a file of that name. Both in one folder.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file. A missing one is a [`io::ErrorKind::NotFound`] error.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The names in a folder, sorted; without the folders in it.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Makes a folder and what is missing above it. An existing one is fine.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes an exclusive lock on a file, made when missing, for as long as the returned value lives; also
    /// against other processes. Held elsewhere: [`io::ErrorKind::WouldBlock`] at once.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Takes the same lock on a file that is there. It has to be readable and no more, and nothing is made.
    fn lock_existing(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Whether a file or folder of this name is there.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// How much room there is on the file system that holds a folder.
    fn space(&self, dir: &Path) -> io::Result<Space>;
}

/// A lock held while this lives: see [`Files::lock`].
pub trait Lock: Send + Sync {}

/// An open file. Positioned calls only, so that one handle serves many threads.
pub trait File: Send + Sync {
    /// Reads into `buf` from `offset` and says how many bytes came; 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`, extending the file if needed. After an error any part may be written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Extends the file with zeros to `len` and reserves the space, so that writing there cannot meet a full
    /// disk and a sync need not change the file's length.
    fn preallocate(&self, len: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable: `fdatasync`.
    fn sync_data(&self) -> io::Result<()>;

    /// As [`File::sync_data`], and all other properties of the file: `fsync`.
    fn sync_all(&self) -> io::Result<()>;

    /// Asks that the next read of these bytes come from the device and not from memory. What was not written yet
    /// stays in memory. A hint; never an error.
    fn drop_cache(&self, range: Range<u64>);

    /// Skips what was never written: where the next byte is, from `offset` on, that may be other than zero; the length of the
    /// file when there is none. Who cannot tell answers `offset`.
    fn next_data(&self, offset: u64) -> io::Result<u64> {
        Ok(offset)
    }

    /// Fills `buf` from `offset`; [`io::ErrorKind::UnexpectedEof`] when the file ends before.
    fn read_exact_at(&self, mut buf: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.read_at(buf, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    buf = &mut buf[read..];
                    offset += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
