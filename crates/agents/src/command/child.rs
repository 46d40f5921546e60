//! What the child process does between fork and exec. The only unsafe code of this crate.

use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{Mode, OFlags, RawDir, open};
use rustix::io::{FdFlags, fcntl_setfd, read, write};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getpid, getppid, set_parent_process_death_signal, setrlimit, setsid,
};

/// Descriptors that are inherited by every program: stdin, stdout, stderr.
const FIRST_CLOSED: RawFd = 3;
/// How far to close when `/proc` cannot be read.
const BLIND_CLOSED: RawFd = 1024;

/// Makes `command` start its process in a session and process group of its own, tied to the life of the spawning thread,
/// recorded in `running`, and with no descriptors but its standard streams.
///
/// # Errors
/// When there is no descriptor left for a copy of `running`.
pub(super) fn prepare(command: &mut Command, running: &File) -> io::Result<()> {
    let parent = getpid();
    let running = running.try_clone()?;
    // SAFETY: the closure runs in the forked child of a process with many threads, so it may do nothing that is not
    // async-signal-safe: no allocation, no lock. `enter` makes system calls through rustix, which are plain wrappers
    // without state, on buffers of its own stack; its errors are bare error numbers. A descriptor is borrowed from its
    // number for the one call that marks it; should it not be open, that call fails and nothing else happens.
    #[allow(unsafe_code)]
    unsafe {
        let mark = |fd| {
            let _ = fcntl_setfd(BorrowedFd::borrow_raw(fd), FdFlags::CLOEXEC);
        };
        command.pre_exec(move || enter(parent, &running, mark));
    }
    Ok(())
}

fn enter(parent: Pid, running: &File, mark: impl Fn(RawFd)) -> io::Result<()> {
    setsid()?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // The parent may have died before the line above; then no signal will ever come.
    if getppid() != Some(parent) {
        return Err(rustix::io::Errno::SRCH.into());
    }
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    record(running)?;
    close_on_exec(mark);
    Ok(())
}

/// Copies our own line of `/proc` to the file in `running/`: it holds pid, group, session and start time, and the program
/// cannot begin before it is there.
fn record(running: &File) -> io::Result<()> {
    let stat = open(c"/proc/self/stat", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let mut line = [0; 1024];
    let length = read(&stat, &mut line)?;
    let written = write(running, &line[..length])?;
    if written == length { Ok(()) } else { Err(rustix::io::Errno::NOSPC.into()) }
}

/// Marks every descriptor from 3 on to be closed by exec, whoever opened it and forgot to.
fn close_on_exec(mark: impl Fn(RawFd)) {
    if close_listed(&mark).is_err() {
        (FIRST_CLOSED..BLIND_CLOSED).for_each(mark);
    }
}

fn close_listed(mark: impl Fn(RawFd)) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = open(c"/proc/self/fd", flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); 2048];
    let mut entries = RawDir::new(&folder, &mut buffer);
    while let Some(entry) = entries.next() {
        if let Some(fd) = number(entry?.file_name().to_bytes())
            && fd >= FIRST_CLOSED
        {
            mark(fd);
        }
    }
    Ok(())
}

/// The number that `digits` are; no formatting machinery, which might allocate.
fn number(digits: &[u8]) -> Option<RawFd> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0 as RawFd, |number, digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(RawFd::from(digit - b'0')),
        _ => None,
    })
}
