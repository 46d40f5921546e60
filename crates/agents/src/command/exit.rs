//! How a process ended, noticed without taking its id away from it.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Between two looks where the kernel cannot tell us.
const POLL: Duration = Duration::from_millis(20);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// With this status.
    Status(u8),
    /// By this signal.
    Signal(i32),
}

/// Waits for the end of one child. The child stays a zombie, so that its id and that of its group remain its own until
/// the group has been killed.
pub(super) struct ExitWatch {
    pid: Pid,
    /// Tells that some child has ended. A descriptor of the process itself would tell no more than that, at the price of
    /// unsafe code.
    some_child_ended: Option<Signal>,
}

impl ExitWatch {
    /// A watch on a child that nobody has waited for.
    pub(super) fn new(pid: Pid) -> Self {
        Self { pid, some_child_ended: signal(SignalKind::child()).ok() }
    }

    /// How it ended, as soon as it has. Safe to drop and to ask again.
    pub(super) async fn ended(&mut self) -> Exit {
        loop {
            match self.look() {
                Ok(Some(exit)) => return exit,
                Ok(None) => {}
                // There is no such child: somebody else waited for it, and its status is lost.
                Err(_) => return Exit::Signal(0),
            }
            // Signals that came since the watch was made are remembered: none is missed between the look and this.
            match &mut self.some_child_ended {
                Some(signal) => drop(signal.recv().await),
                None => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// How it ended, if it has.
    pub(super) fn look(&self) -> io::Result<Option<Exit>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let Some(status) = waitid(WaitId::Pid(self.pid), options)? else { return Ok(None) };
        let exit = match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => Exit::Status(u8::try_from(status & 0xff).unwrap_or(u8::MAX)),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => return Ok(None),
        };
        Ok(Some(exit))
    }
}
