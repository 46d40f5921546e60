//! What a supervisor has yet to hear.
//!
//! Not a channel: those set aside room for dozens of messages, and a run's supervisor must cost little. Reports of
//! children are never refused and bounded by the children; calls are bounded by [`CALLS_MAX`].

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use futures::task::AtomicWaker;
use tokio::sync::oneshot;

use crate::ArbiterRef;
use crate::ExitReason;
use crate::core::{ChildId, SupervisorError};
use crate::handle::{Asked, CallAnswer};

/// How many calls may wait for one supervisor.
pub(crate) const CALLS_MAX: usize = 65_536;

pub(crate) enum Mail {
    Started {
        child: ChildId,
        incarnation: u32,
    },
    Ignored {
        child: ChildId,
        incarnation: u32,
    },
    StartFailed {
        child: ChildId,
        incarnation: u32,
        reason: ExitReason,
    },
    Exited {
        child: ChildId,
        incarnation: u32,
        reason: ExitReason,
    },
    Call(Asked, oneshot::Sender<CallAnswer>),
    /// The thread that filled a place before this generation is given up, with all that lives on it.
    ThreadLost {
        arbiter: ArbiterRef,
        generation: u32,
    },
}

#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    waker: AtomicWaker,
}

#[derive(Default)]
struct Queue {
    mail: VecDeque<Mail>,
    calls: usize,
    closed: bool,
}

impl Inbox {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Delivers a child's report. After the supervisor's end nobody wants it.
    pub(crate) fn report(&self, mail: Mail) {
        {
            let mut queue = self.queue();
            if queue.closed {
                return;
            }
            queue.mail.push_back(mail);
        }
        self.waker.wake();
    }

    /// Delivers a call, if there is room and somebody to answer it.
    pub(crate) fn call(
        &self,
        asked: Asked,
        answer: oneshot::Sender<CallAnswer>,
    ) -> Result<(), SupervisorError> {
        {
            let mut queue = self.queue();
            if queue.closed {
                return Err(SupervisorError::NotRunning);
            }
            if queue.calls >= CALLS_MAX {
                return Err(SupervisorError::Overloaded);
            }
            queue.calls += 1;
            queue.mail.push_back(Mail::Call(asked, answer));
        }
        self.waker.wake();
        Ok(())
    }

    pub(crate) fn take(&self) -> Option<Mail> {
        self.queue().mail.pop_front()
    }

    /// How much waits to be heard.
    pub(crate) fn len(&self) -> u32 {
        u32::try_from(self.queue().mail.len()).unwrap_or(u32::MAX)
    }

    /// One call was answered.
    pub(crate) fn answered(&self) {
        let mut queue = self.queue();
        queue.calls = queue.calls.saturating_sub(1);
    }

    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// Refuses everything from now on. Who was not heard is told so; who was heard and waits learns it by the dropped answer.
    pub(crate) fn close(&self) {
        let left = {
            let mut queue = self.queue();
            queue.closed = true;
            std::mem::take(&mut queue.mail)
        };
        for mail in left {
            if let Mail::Call(_, answer) = mail {
                // A caller that went away does not need the answer.
                let _ = answer.send(Err(SupervisorError::NotRunning));
            }
        }
    }
}
