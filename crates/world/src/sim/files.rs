//! [`SimFiles`]: a disk in memory whose n-th call fails, and which can be cut off at any moment.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::disk::{DirState, NameChange, Node};
use crate::{File, Files, Lock, OpenMode, Space};

/// What goes wrong at a chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The device fails: part of a write may have happened; a failed sync keeps any part and will not be
    /// repeated by the kernel.
    InputOutput,
    /// The disk is full. A sync reports it like [`Fault::InputOutput`] does.
    NoSpace,
    /// The user has no room left on the disk (`EDQUOT`); else as [`Fault::NoSpace`].
    NoQuota,
    /// The file may not grow so far (`EFBIG`); else as [`Fault::NoSpace`].
    TooLarge,
    /// The machine stops in the middle of the call. Every later call fails until [`SimFiles::restart`].
    Crash,
}

/// A simulated disk. Clones of its handles share it; all methods are safe from any thread.
///
/// Calls that change something (open with creation, write, length, sync, rename, remove, folder sync) are
/// counted from 1; reads are not.
#[derive(Debug, Clone)]
pub struct SimFiles {
    inner: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    rng: fastrand::Rng,
    dirs: BTreeMap<PathBuf, DirState>,
    locks: HashSet<PathBuf>,
    /// Rises at every restart: handles of an older life are dead.
    life: u64,
    crashed: bool,
    calls: u64,
    syncs: u64,
    faults: BTreeMap<u64, Fault>,
    reads: u64,
    failing_reads: HashSet<u64>,
    free_bytes: Option<u64>,
}

struct SimFile {
    disk: SimFiles,
    node: Node,
    life: u64,
    writable: bool,
}

struct SimLock {
    disk: SimFiles,
    path: PathBuf,
    life: u64,
}

fn crashed() -> io::Error {
    io::Error::other("simulated crash")
}

fn no_space() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

fn device_error() -> io::Error {
    io::Error::other("simulated device error")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Folder and name of a path.
fn split(path: &Path) -> io::Result<(PathBuf, String)> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    Ok((dir.to_owned(), name.to_string_lossy().into_owned()))
}

impl SimFiles {
    /// An empty disk without limits. What a crash keeps follows from `seed`.
    pub fn new(seed: u64) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Disk {
                rng: fastrand::Rng::with_seed(seed),
                dirs: BTreeMap::new(),
                locks: HashSet::new(),
                life: 1,
                crashed: false,
                calls: 0,
                syncs: 0,
                faults: BTreeMap::new(),
                reads: 0,
                failing_reads: HashSet::new(),
                free_bytes: None,
            })),
        }
    }

    /// Lets the call number `call` (counted from 1 over the disk's whole life) go wrong.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        lock(&self.inner).faults.insert(call, fault);
    }

    /// Lets the read number `read` (counted from 1) fail.
    pub fn fail_read_at(&self, read: u64) {
        lock(&self.inner).failing_reads.insert(read);
    }

    /// Forgets the faults that were planned and have not happened.
    pub fn forget_faults(&self) {
        let mut disk = lock(&self.inner);
        disk.faults.clear();
        disk.failing_reads.clear();
    }

    /// How many changing calls were made.
    pub fn calls(&self) -> u64 {
        lock(&self.inner).calls
    }

    /// How many reads were made.
    pub fn reads(&self) -> u64 {
        lock(&self.inner).reads
    }

    /// How many syncs of files succeeded.
    pub fn syncs(&self) -> u64 {
        lock(&self.inner).syncs
    }

    /// Whether a [`Fault::Crash`] has happened since the last restart.
    pub fn has_crashed(&self) -> bool {
        lock(&self.inner).crashed
    }

    /// Sets how many bytes files may still grow by; `None` lifts the limit. Removing gives nothing back.
    pub fn set_free_bytes(&self, free: Option<u64>) {
        lock(&self.inner).free_bytes = free;
    }

    /// Cuts the power and switches it on again: what was not synced is kept, lost or torn as `seed` says, locks
    /// are free, planned faults are forgotten, and handles of before fail for ever.
    pub fn restart(&self, seed: u64) {
        let disk = &mut *lock(&self.inner);
        disk.rng = fastrand::Rng::with_seed(seed);
        for dir in disk.dirs.values_mut() {
            dir.crash(&mut disk.rng);
        }
        disk.locks.clear();
        disk.faults.clear();
        disk.failing_reads.clear();
        disk.crashed = false;
        disk.life += 1;
    }

    /// Stops everything as [`Fault::Crash`] does, at once: every call fails until [`SimFiles::restart`] or
    /// [`SimFiles::kill`]. Drop what used the disk in between, or its last words are heard in the next life.
    pub fn stop(&self) {
        lock(&self.inner).crashed = true;
    }

    /// Kills the process and not the machine: nothing is lost, but handles die and locks are free.
    pub fn kill(&self) {
        let disk = &mut *lock(&self.inner);
        disk.locks.clear();
        disk.crashed = false;
        disk.life += 1;
    }

    fn alive(&self, life: Option<u64>) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = lock(&self.inner);
        let old = life.is_some_and(|life| life != disk.life);
        if disk.crashed || old { Err(crashed()) } else { Ok(disk) }
    }

    /// Counts a changing call. A crash is decided here for calls that have no half way.
    fn begin(&self, life: Option<u64>) -> io::Result<(MutexGuard<'_, Disk>, Option<Fault>)> {
        let mut disk = self.alive(life)?;
        disk.calls += 1;
        let call = disk.calls;
        let fault = disk.faults.remove(&call);
        disk.crashed |= fault == Some(Fault::Crash);
        Ok((disk, fault))
    }

    /// A change of names: it happens, or not, as the coin says, before a fault is reported.
    fn change_names(&self, change: impl FnOnce(&mut Disk) -> io::Result<()>) -> io::Result<()> {
        let (mut disk, fault) = self.begin(None)?;
        match fault {
            None => change(&mut disk),
            Some(fault) => {
                if fault == Fault::Crash && disk.rng.bool() {
                    change(&mut disk)?;
                }
                Err(fault.error())
            }
        }
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Fault::InputOutput => device_error(),
            Fault::NoSpace => no_space(),
            Fault::NoQuota => io::ErrorKind::QuotaExceeded.into(),
            Fault::TooLarge => io::ErrorKind::FileTooLarge.into(),
            Fault::Crash => crashed(),
        }
    }
}

impl Disk {
    fn dir(&mut self, dir: &Path) -> io::Result<&mut DirState> {
        self.dirs.get_mut(dir).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn node(&mut self, path: &Path) -> io::Result<Node> {
        let (dir, name) = split(path)?;
        self.dir(&dir)?.seen.get(&name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Takes space for a file that grows from `len` to `end`.
    fn take_space(&mut self, len: u64, end: u64) -> io::Result<()> {
        let growth = end.saturating_sub(len);
        match &mut self.free_bytes {
            Some(free) if *free < growth => Err(no_space()),
            Some(free) => {
                *free -= growth;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Files for SimFiles {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Box<dyn File>> {
        let found = self.alive(None)?.node(path);
        let node = match (found, mode) {
            (Ok(_), OpenMode::CreateNew) => return Err(io::ErrorKind::AlreadyExists.into()),
            (Ok(node), _) => node,
            (Err(error), OpenMode::Read | OpenMode::Write) => return Err(error),
            (Err(_), OpenMode::Create | OpenMode::CreateNew) => {
                let node = Node::default();
                let (dir, name) = split(path)?;
                let made = node.clone();
                self.change_names(|disk| {
                    disk.dir(&dir)?.change(NameChange::Linked { name, node: made });
                    Ok(())
                })?;
                node
            }
        };
        let life = self.alive(None)?.life;
        Ok(Box::new(SimFile { disk: self.clone(), node, life, writable: mode != OpenMode::Read }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let ((dir, from_name), (to_dir, to_name)) = (split(from)?, split(to)?);
        if dir != to_dir {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.change_names(|disk| {
            let node = disk.node(from)?;
            disk.dir(&dir)?.change(NameChange::Renamed { from: from_name, to: to_name, node });
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let (dir, name) = split(path)?;
        self.change_names(|disk| {
            disk.node(path)?;
            disk.dir(&dir)?.change(NameChange::Removed { name });
            Ok(())
        })
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        Ok(self.alive(None)?.dir(dir)?.seen.keys().cloned().collect())
    }

    /// Folders are durable at once: a store makes them before it holds anything.
    fn create_dir_all(&self, dir: &Path) -> io::Result<()> {
        let mut disk = self.alive(None)?;
        for ancestor in dir.ancestors() {
            disk.dirs.entry(ancestor.to_owned()).or_default();
        }
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.change_names(|disk| {
            disk.dir(dir)?.sync();
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        if self.alive(None)?.node(path).is_err() {
            self.open(path, OpenMode::Create)?;
        }
        self.lock_existing(path)
    }

    fn lock_existing(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let mut disk = self.alive(None)?;
        disk.node(path)?;
        if !disk.locks.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock { disk: self.clone(), path: path.to_owned(), life: disk.life }))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let mut disk = self.alive(None)?;
        Ok(disk.dirs.contains_key(path) || disk.node(path).is_ok())
    }

    /// The disk is as large as what is free on it; larger than anything where there is no limit.
    fn space(&self, dir: &Path) -> io::Result<Space> {
        let mut disk = self.alive(None)?;
        disk.dir(dir)?;
        let free = disk.free_bytes.unwrap_or(u64::MAX);
        Ok(Space { free, total: free })
    }
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut disk = lock(&self.disk.inner);
        if disk.life == self.life {
            disk.locks.remove(&self.path);
        }
    }
}

impl SimFile {
    fn writable(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(io::ErrorKind::PermissionDenied.into()) }
    }

    fn resize(&self, len: u64, keep_longer: bool) -> io::Result<()> {
        self.writable()?;
        let (mut disk, fault) = self.disk.begin(Some(self.life))?;
        let mut state = lock(&self.node);
        let old = state.seen.len() as u64;
        let new = if keep_longer { len.max(old) } else { len };
        if fault.is_none() {
            disk.take_space(old, new)?;
        }
        if fault.is_none() || (fault == Some(Fault::Crash) && disk.rng.bool()) {
            state.set_len(usize::try_from(new).map_err(|_| io::ErrorKind::FileTooLarge)?);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn sync(&self) -> io::Result<()> {
        let (mut disk, fault) = self.disk.begin(Some(self.life))?;
        let mut state = lock(&self.node);
        match fault {
            None => {
                state.sync();
                disk.syncs += 1;
                Ok(())
            }
            Some(fault) => {
                match fault {
                    // The device may have finished although nobody was told.
                    Fault::Crash if disk.rng.bool() => state.sync(),
                    Fault::Crash => {}
                    Fault::InputOutput | Fault::NoSpace | Fault::NoQuota | Fault::TooLarge => {
                        state.fail_sync(&mut disk.rng);
                    }
                }
                Err(fault.error())
            }
        }
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut disk = self.disk.alive(Some(self.life))?;
        disk.reads += 1;
        let read = disk.reads;
        if disk.failing_reads.remove(&read) {
            return Err(device_error());
        }
        let state = lock(&self.node);
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(state.seen.len());
        let count = buf.len().min(state.seen.len() - start);
        buf[..count].copy_from_slice(&state.seen[start..start + count]);
        Ok(count)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.writable()?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let (mut disk, fault) = self.disk.begin(Some(self.life))?;
        let mut state = lock(&self.node);
        let written = match fault {
            None => {
                disk.take_space(state.seen.len() as u64, offset + bytes.len() as u64)?;
                bytes
            }
            Some(_) => &bytes[..disk.rng.usize(..=bytes.len())],
        };
        if !written.is_empty() {
            state.write(written, start);
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn len(&self) -> io::Result<u64> {
        let _disk = self.disk.alive(Some(self.life))?;
        Ok(lock(&self.node).seen.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.resize(len, false)
    }

    fn preallocate(&self, len: u64) -> io::Result<()> {
        self.resize(len, true)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn drop_cache(&self, _range: Range<u64>) {
        lock(&self.node).drop_cache();
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
