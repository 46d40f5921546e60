//! Starts processes, and owns each until everything it started is dead.
//!
//! The kernel's parent-death signal fires when the *thread* that forked ends, not the process. So all processes are started
//! by one thread that lives as long as the daemon.

use std::io;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};

use rustix::process::{Pid, Signal};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::child;
use super::kill::Group;
use super::running::RunningFile;
use super::undertaker::{Burial, bury};

/// A process that is about to be started.
pub(super) struct Start {
    /// Program, arguments, environment, folder and streams.
    pub(super) command: Command,
    /// Its file in `running/`.
    pub(super) running: RunningFile,
    /// Its own folder, if it has one; removed after.
    pub(super) folder: Option<TempDir>,
}

/// A living process with all its descendants. Dropping it kills and buries them, in the background.
pub(super) struct Living {
    /// Taken by the burial.
    remains: Option<Burial>,
    pid: Pid,
}

/// The standard streams of a process.
pub(super) struct Streams {
    pub(super) stdin: Option<ChildStdin>,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

struct Job {
    start: Start,
    reply: oneshot::Sender<io::Result<(Living, Streams)>>,
}

/// Starts a process. When the future is dropped, the process ends as soon as it has begun.
pub(super) async fn start(start: Start) -> io::Result<(Living, Streams)> {
    let (reply, answer) = oneshot::channel();
    let gone = || io::Error::other("the thread that starts processes is gone");
    spawner().ok_or_else(gone)?.send(Job { start, reply }).map_err(|_| gone())?;
    answer.await.map_err(|_| gone())?
}

/// The thread that starts all processes; none when the machine could not give us one.
fn spawner() -> Option<&'static Sender<Job>> {
    static SPAWNER: OnceLock<Option<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (jobs, queue) = channel::<Job>();
        let thread = std::thread::Builder::new().name("spawner".into());
        let work = move || {
            for Job { start, reply } in queue {
                if !reply.is_closed() {
                    // When nobody waits any more, the process is dropped with the answer, and so buried.
                    let _ = reply.send(spawn(start));
                }
            }
        };
        thread.spawn(work).ok().map(|_| jobs)
    });
    spawner.as_ref()
}

fn spawn(start: Start) -> io::Result<(Living, Streams)> {
    let Start { mut command, running, folder } = start;
    child::prepare(&mut command, running.file())?;
    let mut child = command.spawn()?;
    let streams =
        Streams { stdin: child.stdin.take(), stdout: child.stdout.take(), stderr: child.stderr.take() };
    let pid = Pid::from_child(&child);
    let remains = burial(child, running, folder);
    Ok((Living { remains: Some(remains), pid }, streams))
}

fn burial(child: Child, running: RunningFile, folder: Option<TempDir>) -> Burial {
    let (group, file) = running.into_group(&child);
    Burial { child, group, file, folder, done: None }
}

impl Living {
    /// The process that was started.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    fn group(&self) -> Option<&Group> {
        self.remains.as_ref().map(|remains| &remains.group)
    }

    /// Asks the process group to end.
    pub(super) fn ask_to_end(&self) {
        if let Some(group) = self.group() {
            group.signal(Signal::TERM);
        }
    }

    /// Kills whatever is left and waits until nothing is alive, which a stubborn kernel may delay by seconds.
    pub(super) async fn end(mut self) {
        if let Some(mut remains) = self.remains.take() {
            remains.group.signal(Signal::KILL);
            let (done, receipt) = oneshot::channel();
            remains.done = Some(done);
            bury(remains);
            let _ = receipt.await;
        }
    }
}

impl Drop for Living {
    fn drop(&mut self) {
        if let Some(remains) = self.remains.take() {
            remains.group.signal(Signal::KILL);
            bury(remains);
        }
    }
}
