//! What concerns several children: the initial start, the restart of a group, and the final stop.

use std::time::Duration;

use super::Supervisor;
use super::child::{Child, Origin, State};
use super::event::{Command, Event, SupervisorError};
use super::flags::{StopOrder, Strategy};
use super::roster::ChildId;
use crate::ExitReason;

/// What the supervisor as a whole is doing.
#[derive(Debug)]
pub(super) enum Phase {
    New,
    /// Initial children start one after another.
    Booting {
        next: ChildId,
    },
    /// Each child lives its own life.
    Active,
    /// Children from `from` on are stopped newest first, then started oldest first.
    Regroup {
        from: ChildId,
        head: ChildId,
        then: Then,
        starting: Option<ChildId>,
        cause: ExitReason,
    },
    /// All children are stopped; then the supervisor ends with `reason`.
    Closing {
        reason: ExitReason,
        asked: bool,
    },
    Done,
}

/// What follows when a group is stopped.
#[derive(Clone, Copy, Debug)]
pub(super) enum Then {
    /// It is started.
    Start,
    /// The head waits for its backoff; the others come back with it.
    Wait(Duration),
}

const FIRST: ChildId = ChildId(0);

fn after(id: ChildId) -> ChildId {
    ChildId(id.0 + 1)
}

impl<P> Supervisor<P> {
    pub(super) fn boot(&mut self) {
        if matches!(self.phase, Phase::New) {
            self.phase = Phase::Booting { next: FIRST };
        }
    }

    /// Stops and starts everything that hangs on `head`.
    pub(super) fn regroup(&mut self, head: ChildId, then: Then, cause: ExitReason) {
        let from = match self.flags.strategy {
            Strategy::OneForAll => FIRST,
            Strategy::RestForOne | Strategy::OneForOne => head,
        };
        self.phase = Phase::Regroup { from, head, then, starting: None, cause };
        // Members whose end waits to be heard are down already: nobody would report it a second time.
        for event in std::mem::take(&mut self.deferred) {
            match event {
                Event::Exited { child, incarnation, reason } if child >= from => {
                    self.exited(child, incarnation, reason);
                }
                other => self.deferred.push_back(other),
            }
        }
    }

    /// A child did not come back with its group: it tries again by itself, and with it, then, its group.
    pub(super) fn group_start_failed(&mut self) {
        if matches!(self.phase, Phase::Regroup { starting: Some(_), .. }) {
            self.phase = Phase::Active;
        }
    }

    /// Whether a child is in the part of a group that is being stopped.
    pub(super) fn is_to_be_stopped(&self, id: ChildId) -> bool {
        matches!(self.phase, Phase::Regroup { from, starting: None, .. } if id >= from)
    }

    /// Ends the supervisor, whatever it is doing. The first reason stays.
    pub(super) fn close(&mut self, reason: ExitReason) {
        if self.is_closing() {
            return;
        }
        self.phase = Phase::Closing { reason, asked: false };
        // What waited for the end of a start or of a group's restart is moot now.
        for event in std::mem::take(&mut self.deferred) {
            match event {
                Event::Call(call, _) => self.reply(call, Err(SupervisorError::ShuttingDown)),
                Event::Exited { child, incarnation, reason } => self.exited(child, incarnation, reason),
                Event::Boot
                | Event::Started { .. }
                | Event::Ignored { .. }
                | Event::StartFailed { .. }
                | Event::Pulse { .. }
                | Event::Lost(_)
                | Event::Timer(_)
                | Event::Shutdown(_) => {}
            }
        }
    }

    /// Takes the phase as far as it goes before the next report.
    pub(super) fn advance(&mut self) {
        match self.phase {
            Phase::New | Phase::Active | Phase::Done => {}
            Phase::Booting { next } => self.advance_boot(next),
            Phase::Regroup { from, starting: None, .. } => self.advance_stopping(from),
            Phase::Regroup { from: _, starting: Some(next), .. } => self.advance_starting(next),
            Phase::Closing { .. } => self.advance_closing(),
        }
    }

    fn advance_boot(&mut self, next: ChildId) {
        if self.roster.iter().any(|(_, _, child)| matches!(child.state, State::Starting(_))) {
            return;
        }
        let oldest = self.roster.from(next).next().map(|(id, ..)| id);
        match oldest {
            Some(id) => {
                self.phase = Phase::Booting { next: after(id) };
                self.start(id, Origin::Boot);
            }
            None => {
                self.phase = Phase::Active;
                self.command(Command::Ready);
            }
        }
    }

    fn advance_stopping(&mut self, from: ChildId) {
        if let Some(id) = self.newest_with_process(from) {
            if !self.is_stopping(id) {
                self.stop(id, Vec::new());
            }
            return;
        }
        // All are down. Those that wait for a restart of their own come back with the group instead.
        let members: Vec<ChildId> = self.roster.from(from).map(|(id, ..)| id).collect();
        for id in members {
            self.stop(id, Vec::new());
        }
        let Phase::Regroup { from, head, then, cause, .. } =
            std::mem::replace(&mut self.phase, Phase::Active)
        else {
            return;
        };
        match then {
            Then::Wait(delay) => self.await_restart(head, delay, cause),
            Then::Start => {
                self.phase = Phase::Regroup { from, head, then, starting: Some(from), cause };
                self.advance_starting(from);
            }
        }
    }

    fn advance_starting(&mut self, next: ChildId) {
        let Phase::Regroup { from, head, ref cause, ref mut starting, .. } = self.phase else { return };
        let pending = |child: &Child<P>| matches!(child.state, State::Starting(_) | State::Stopping(_));
        if self.roster.from(from).any(|(id, _, child)| id < next && pending(child)) {
            return;
        }
        let oldest = self.roster.from(next).next().map(|(id, ..)| id);
        match oldest {
            Some(id) => {
                *starting = Some(after(id));
                let cause = (id == head).then(|| Box::new(cause.clone()));
                self.start(id, Origin::Again(cause));
            }
            None => self.phase = Phase::Active,
        }
    }

    fn advance_closing(&mut self) {
        if let Phase::Closing { asked: asked @ false, .. } = &mut self.phase
            && self.flags.stop_order == StopOrder::Parallel
        {
            *asked = true;
            let all: Vec<ChildId> = self.roster.iter().map(|(id, ..)| id).collect();
            for id in all.into_iter().rev() {
                self.stop(id, Vec::new());
            }
        }
        // Those that are down go at once, so that stopping n children looks at each of them once.
        loop {
            let newest = self.roster.iter().next_back().map(|(id, _, child)| (id, child.has_process()));
            let Some((id, has_process)) = newest else { break };
            if has_process {
                if !self.is_stopping(id) {
                    self.stop(id, Vec::new());
                }
                return;
            }
            self.stop(id, Vec::new());
            self.forget(id);
        }
        if let Phase::Closing { reason, .. } = std::mem::replace(&mut self.phase, Phase::Done) {
            self.command(Command::Exit(reason));
        }
    }

    fn newest_with_process(&self, from: ChildId) -> Option<ChildId> {
        self.roster.from(from).rev().find(|(_, _, child)| child.has_process()).map(|(id, ..)| id)
    }

    fn is_stopping(&self, id: ChildId) -> bool {
        self.roster.get(id).is_some_and(|(_, child)| matches!(child.state, State::Stopping(_)))
    }
}
