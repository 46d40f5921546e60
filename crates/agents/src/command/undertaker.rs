//! Ends what attempts leave behind: kills their processes, waits for them, removes their files and folders.
//!
//! Two threads that live as long as the daemon. One kills, so that nothing waits behind a large folder; one removes folders.
//! A process that the kernel cannot kill now (it hangs in a device) is looked at again later; its file in `running/` stays.

use std::process::Child;
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use tempfile::{TempDir, TempPath};
use tokio::sync::oneshot;

use super::kill::Group;

/// How long one burial may hold up the others.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at processes that would not die.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What is left of an attempt.
pub(super) struct Burial {
    /// The process that was started, not yet waited for.
    pub(super) child: Child,
    /// It, and everything that descends from it.
    pub(super) group: Group,
    /// Its file in `running/`.
    pub(super) file: TempPath,
    /// Its own folder.
    pub(super) folder: Option<TempDir>,
    /// Told when nothing is alive any more, or when waiting for that was given up for now.
    pub(super) done: Option<oneshot::Sender<()>>,
}

/// Hands over what is left of an attempt. Never blocks; the queue is as long as there are attempts.
pub(super) fn bury(burial: Burial) {
    static UNDERTAKER: OnceLock<Option<Sender<Burial>>> = OnceLock::new();
    let undertaker = UNDERTAKER.get_or_init(|| {
        let (sender, queue) = channel();
        let folders = cleaner()?;
        let thread = std::thread::Builder::new().name("undertaker".into());
        thread.spawn(move || work(&queue, &folders)).ok().map(|_| sender)
    });
    if let Some(sender) = undertaker {
        // The thread never ends before the process does.
        let _ = sender.send(burial);
    }
}

fn cleaner() -> Option<Sender<TempDir>> {
    let (sender, queue) = channel::<TempDir>();
    let thread = std::thread::Builder::new().name("cleaner".into());
    let work = move || {
        for folder in queue {
            let path = folder.path().to_owned();
            if let Err(error) = folder.close() {
                tracing::warn!(folder = %path.display(), %error, "the folder of an attempt could not be removed");
            }
        }
    };
    thread.spawn(work).ok().map(|_| sender)
}

fn work(queue: &Receiver<Burial>, folders: &Sender<TempDir>) {
    let mut undead: Vec<Burial> = Vec::new();
    loop {
        let next = if undead.is_empty() {
            queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            queue.recv_timeout(LOOK_AGAIN)
        };
        match next {
            Ok(burial) => undead.extend(attempt(burial, PATIENCE, folders)),
            Err(RecvTimeoutError::Timeout) => {
                let again = std::mem::take(&mut undead);
                undead
                    .extend(again.into_iter().filter_map(|burial| attempt(burial, Duration::ZERO, folders)));
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Buries, or gives back what would not die in time.
fn attempt(mut burial: Burial, patience: Duration, folders: &Sender<TempDir>) -> Option<Burial> {
    let deadline = Instant::now() + patience;
    // The child is waited for last: as long as it is a zombie, the id of its group is its own.
    let is_dead = burial.group.end(deadline) && is_waited_for(&mut burial.child, deadline);
    if !is_dead {
        if let Some(done) = burial.done.take() {
            tracing::error!(pid = burial.child.id(), "a process of an attempt does not die");
            let _ = done.send(());
        }
        return Some(burial);
    }
    drop(burial.file);
    if let Some(folder) = burial.folder {
        let _ = folders.send(folder);
    }
    if let Some(done) = burial.done {
        let _ = done.send(());
    }
    None
}

/// Waits for a child that has been killed, at least once and at most until `deadline`.
fn is_waited_for(child: &mut Child, deadline: Instant) -> bool {
    // A process whose first thread has ended looks dead before its other threads are.
    while matches!(child.try_wait(), Ok(None)) {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}
