//! The child's task: the future that owns a child from its start to its one exit report.
//!
//! actix throws away what a supervisor must know: a panic ends an actor silently, and without a link. So what runs the actor
//! is owned here. Signals are looked at before the mailbox; every poll is within a catch of panics; a broken or
//! killed child is dropped without hooks; and on every path, the loss of the whole arbiter included, exactly one report
//! leaves (the [`Ticket`] sends it at the latest when it is dropped).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures::future::LocalBoxFuture;
use tokio::sync::oneshot;

use crate::ExitReason;
use crate::arbiters::Thread;
use crate::body::Body;
use crate::core::{ChildId, ChildState};
use crate::inbox::{Inbox, Mail};
use crate::node::{Node, Signal};
use crate::panics;
use crate::spec::Factory;
use crate::start::{StartContext, StartError, Started};
use crate::tree::Shared;

/// To whom a child's fate is told.
pub(crate) enum ReportTo {
    Supervisor(Arc<Inbox>),
    /// The caller who started the tree.
    Root {
        started: Option<oneshot::Sender<Result<(), ExitReason>>>,
        ended: Option<oneshot::Sender<ExitReason>>,
    },
}

/// One life of a child, and the duty to report its end.
pub(crate) struct Ticket {
    pub(crate) node: Arc<Node>,
    pub(crate) child: ChildId,
    pub(crate) incarnation: u32,
    pub(crate) shared: Arc<Shared>,
    report_to: ReportTo,
    started: bool,
    done: bool,
}

impl Ticket {
    pub(crate) fn new(
        node: Arc<Node>,
        child: ChildId,
        incarnation: u32,
        shared: Arc<Shared>,
        report_to: ReportTo,
    ) -> Self {
        shared.born();
        Ticket { node, child, incarnation, shared, report_to, started: false, done: false }
    }

    fn report_started(&mut self) {
        self.started = true;
        if self.node.incarnation() == self.incarnation {
            self.node.set_state(ChildState::Running);
            self.node.up_since_ms.store(self.shared.now_ms(), std::sync::atomic::Ordering::Relaxed);
        }
        let (child, incarnation) = (self.child, self.incarnation);
        match &mut self.report_to {
            ReportTo::Supervisor(inbox) => inbox.report(Mail::Started { child, incarnation }),
            ReportTo::Root { started, .. } => {
                if let Some(started) = started.take() {
                    // The caller may have gone away; the tree runs nevertheless.
                    let _ = started.send(Ok(()));
                }
            }
        }
    }

    fn report_ignored(&mut self) {
        let (child, incarnation) = (self.child, self.incarnation);
        self.done(&ExitReason::Normal);
        match &mut self.report_to {
            ReportTo::Supervisor(inbox) => inbox.report(Mail::Ignored { child, incarnation }),
            ReportTo::Root { .. } => self.tell_root(ExitReason::Normal),
        }
    }

    fn report_end(&mut self, reason: ExitReason) {
        if self.done {
            return;
        }
        self.done(&reason);
        let (child, incarnation) = (self.child, self.incarnation);
        match &self.report_to {
            ReportTo::Supervisor(inbox) if self.started => {
                inbox.report(Mail::Exited { child, incarnation, reason })
            }
            ReportTo::Supervisor(inbox) => inbox.report(Mail::StartFailed { child, incarnation, reason }),
            ReportTo::Root { .. } => self.tell_root(reason),
        }
    }

    fn tell_root(&mut self, reason: ExitReason) {
        let ReportTo::Root { started, ended } = &mut self.report_to else { return };
        // Whoever does not wait for the root does not need to know.
        if let Some(started) = started.take() {
            let _ = started.send(Err(reason.clone()));
        }
        if let Some(ended) = ended.take() {
            let _ = ended.send(reason);
        }
    }

    fn done(&mut self, reason: &ExitReason) {
        self.done = true;
        self.node.end(self.incarnation, reason);
        self.shared.died();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.report_end(ExitReason::ArbiterLost);
    }
}

/// Starts a child's life where it is to be lived, which is here unless a thread is given. When that is gone, the ticket
/// says so.
pub(crate) fn spawn(ticket: Ticket, factory: Factory, thread: Option<&Thread>) {
    match thread {
        None => drop(tokio::task::spawn_local(ChildTask::new(ticket, factory))),
        Some(thread) => {
            // The answer is not needed: a refused closure is dropped, and the ticket in it reports.
            thread.handle.spawn_fn(move || {
                drop(tokio::task::spawn_local(ChildTask::new(ticket, factory)));
            });
        }
    }
}

pub(crate) struct ChildTask {
    phase: Phase,
    told_to_stop: bool,
    ticket: Ticket,
    /// While it hangs on demand: when that is over.
    #[cfg(feature = "chaos")]
    hangs: Option<Pin<Box<tokio::time::Sleep>>>,
}

enum Phase {
    New { factory: Factory, start: StartContext },
    Starting(LocalBoxFuture<'static, Result<Started, StartError>>),
    Living(Box<dyn Body>),
    Over,
}

impl ChildTask {
    fn new(ticket: Ticket, factory: Factory) -> Self {
        let start = StartContext {
            node: ticket.node.clone(),
            incarnation: ticket.incarnation,
            shared: ticket.shared.clone(),
        };
        ChildTask {
            phase: Phase::New { factory, start },
            told_to_stop: false,
            ticket,
            #[cfg(feature = "chaos")]
            hangs: None,
        }
    }

    /// Drops whatever there is, without hooks. Who ends by itself may have something to leave; who was told to stop has no heir.
    fn discard(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::Over);
        let may_leave = !self.told_to_stop;
        // A destructor that panics has nothing left to say: the exit has its reason already.
        let _ = panics::catch(move || match phase {
            Phase::Living(body) if may_leave => body.retire(),
            phase => drop(phase),
        });
    }

    fn over(&mut self, reason: ExitReason) -> Poll<()> {
        self.discard();
        self.ticket.report_end(reason);
        Poll::Ready(())
    }

    /// What the supervisor wants, before anything else.
    fn obey(&mut self) -> Option<ExitReason> {
        match self.ticket.node.signalled(self.ticket.incarnation) {
            Signal::None => None,
            Signal::Kill => Some(ExitReason::Killed),
            Signal::KillFor => Some(self.ticket.node.killed_for()),
            Signal::Shutdown if self.told_to_stop => None,
            Signal::Shutdown => {
                self.told_to_stop = true;
                match &mut self.phase {
                    Phase::Living(body) => {
                        self.ticket.node.set_state(ChildState::Stopping);
                        panics::catch(|| body.stop()).err()
                    }
                    Phase::New { .. } | Phase::Starting(_) | Phase::Over => Some(ExitReason::SHUTDOWN),
                }
            }
        }
    }

    /// The child gets the thread, or gives it back.
    fn turn(&self) {
        let node = &self.ticket.node;
        if let Some(heart) = node.heart()
            && node.incarnation() == self.ticket.incarnation
        {
            heart.turn();
        }
    }

    /// Does to the child what somebody asked for. True while it hangs: then nothing of it is polled, and only signals are
    /// heard.
    #[cfg(feature = "chaos")]
    fn meets_fault(&mut self, cx: &mut TaskContext<'_>) -> bool {
        match self.ticket.node.take_fault() {
            Some(crate::Fault::Panic) => panic!("a fault was injected"),
            Some(crate::Fault::Hang) => self.hangs = Some(Box::pin(tokio::time::sleep(crate::HANG_MAX))),
            // A kill comes as a signal.
            Some(crate::Fault::Kill) | None => {}
        }
        let hangs = self.hangs.as_mut().is_some_and(|over| over.as_mut().poll(cx).is_pending());
        if !hangs {
            self.hangs = None;
        }
        hangs
    }

    fn live(&mut self, cx: &mut TaskContext<'_>) -> Poll<ExitReason> {
        loop {
            // Looked at where it is: moving it would cost every message of a living child.
            if let Phase::Living(body) = &mut self.phase {
                let polled = body.poll(cx);
                // A normal end right after the start is an end all the same, not a failed start.
                if !self.ticket.started && body.is_ready() {
                    self.ticket.report_started();
                }
                return polled;
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::New { factory, start } => {
                    self.phase = Phase::Starting(match factory {
                        Factory::Many(factory) => factory(start),
                        Factory::Once(factory) => factory(start),
                        Factory::Spent => {
                            return Poll::Ready(ExitReason::failed("the factory was already used"));
                        }
                    });
                }
                Phase::Starting(mut starting) => match starting.as_mut().poll(cx) {
                    Poll::Pending => {
                        self.phase = Phase::Starting(starting);
                        return Poll::Pending;
                    }
                    Poll::Ready(Err(StartError(reason))) => return Poll::Ready(reason),
                    Poll::Ready(Ok(Started(None))) => {
                        self.ticket.report_ignored();
                        return Poll::Ready(ExitReason::Normal);
                    }
                    Poll::Ready(Ok(Started(Some(body)))) => self.phase = Phase::Living(body),
                },
                Phase::Living(_) | Phase::Over => return Poll::Ready(ExitReason::Normal),
            }
        }
    }
}

impl Future for ChildTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        let this = self.get_mut();
        // A life that was abandoned must not take the waker of the one in its place.
        if this.ticket.node.incarnation() != this.ticket.incarnation {
            return this.over(ExitReason::Killed);
        }
        this.ticket.node.listen(cx.waker());
        if let Some(reason) = this.obey() {
            return this.over(reason);
        }
        this.turn();
        let polled = panics::catch(|| {
            #[cfg(feature = "chaos")]
            if this.meets_fault(cx) {
                return Poll::Pending;
            }
            this.live(cx)
        });
        this.turn();
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(reason)) => this.over(reason),
            Err(reason) => {
                // One that has messages waiting may crash in the turn in which it comes up.
                let had_come_up = matches!(&this.phase, Phase::Living(body) if body.had_come_up());
                if had_come_up && !this.ticket.started {
                    this.ticket.report_started();
                }
                this.over(reason)
            }
        }
    }
}

impl Drop for ChildTask {
    fn drop(&mut self) {
        self.discard();
    }
}
