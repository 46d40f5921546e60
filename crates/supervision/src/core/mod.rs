//! The decisions of a supervisor: pure, without actors, clock or async.
//!
//! [`Supervisor::decide`] takes one [`Event`] and the time, and says what is to be done as [`Command`]s. The semantics
//! are those of OTP's `supervisor.erl` (2025), with three differences, all of which come from starting and stopping
//! being asynchronous here:
//!
//! * Under one-for-one, children start and stop independently of each other: a slow start does not hold up a sibling.
//! * During the initial start and during a group's restart, exits of bystanders and calls that change something wait,
//!   as they would in the mailbox of OTP's blocked supervisor. A shutdown does not wait.
//! * A child that was killed and does not end within the kill grace is reported as stuck and abandoned.
//!
//! # The life of a child
//!
//! | state | start asked | started | start failed | exited | stop asked | timer |
//! |---|---|---|---|---|---|---|
//! | `Idle` | → `Starting` | | | | | |
//! | `Starting` | | → `Running` | → `Restarting`, `Idle` or gone | as start failed | → `Stopping` | |
//! | `Running` | | | | restart, `Idle` or gone | → `Stopping` | hung: killed, → `Stopping` |
//! | `Stopping` | | | as exited | → `Idle` or gone; hung: as `Running` | | kill, then → stuck |
//! | `Restarting` | | | | | → `Idle` or gone | counts, → `Starting` |

mod backoff;
mod child;
mod event;
mod flags;
mod group;
mod heartbeat;
mod intensity;
mod invariants;
mod requests;
mod roster;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

pub use backoff::Backoff;
pub use event::{
    Answer, CallId, ChildInfo, ChildState, Command, Counts, Event, Moment, Notice, Request, Spec, SpecInfo,
    SupervisorError, Target, TimerId, Verdict,
};
pub use flags::{
    AutoShutdown, FlagError, Flags, Intensity, Kind, Policy, Restart, Shutdown, SpecError, StopOrder,
    Strategy,
};
pub use heartbeat::Pulse;
pub use invariants::Witness;
pub use roster::ChildId;

use crate::Key;
use child::Child;
use group::Phase;
use intensity::Window;
use roster::Roster;

/// The state of one supervisor. `P` is what the shell keeps for a child.
#[derive(Debug)]
pub struct Supervisor<P> {
    flags: Flags,
    roster: Roster<Child<P>>,
    window: Window,
    phase: Phase,
    /// What waits for the end of the initial start or of a group's restart. Bounded by the children and by the
    /// calls that the shell lets in.
    deferred: VecDeque<Event<P>>,
    /// Children dropped by the last event: their payload is readable until the next one.
    dropped: Vec<(ChildId, P)>,
    nonce: u64,
    /// While one failure of several children is dealt with: whether it was counted.
    common_failure: Option<bool>,
    moment: Moment,
    out: Vec<Command>,
}

impl<P> Supervisor<P> {
    /// A supervisor with its initial children, oldest first. Nothing happens before [`Event::Boot`].
    pub fn new(flags: Flags, specs: Vec<Spec<P>>) -> Result<Self, SpecError> {
        flags.check_children(specs.iter().map(|spec| (&spec.key, &spec.policy)))?;
        let mut roster = Roster::default();
        for spec in specs {
            roster.push(spec.key, Child::new(spec.policy, spec.payload));
        }
        Ok(Supervisor {
            flags,
            roster,
            window: Window::default(),
            phase: Phase::New,
            deferred: VecDeque::new(),
            dropped: Vec::new(),
            nonce: 0,
            common_failure: None,
            moment: Moment::default(),
            out: Vec::new(),
        })
    }

    /// Takes in one event; what is to be done is appended to `out`, in order.
    pub fn decide(&mut self, event: Event<P>, moment: Moment, out: &mut Vec<Command>) {
        self.dropped.clear();
        self.moment = moment;
        std::mem::swap(&mut self.out, out);
        self.step(event);
        loop {
            self.advance();
            if !matches!(self.phase, Phase::Active) {
                break;
            }
            let Some(event) = self.deferred.pop_front() else { break };
            self.step(event);
        }
        debug_assert_eq!(invariants::broken_in(self), None, "after {:?}", self.out);
        std::mem::swap(&mut self.out, out);
    }

    fn step(&mut self, event: Event<P>) {
        match event {
            Event::Boot => self.boot(),
            Event::Started { child, incarnation } => self.started(child, incarnation),
            Event::Ignored { child, incarnation } => self.ignored(child, incarnation),
            Event::StartFailed { child, incarnation, reason } => {
                self.start_failed(child, incarnation, reason)
            }
            Event::Exited { child, incarnation, reason } => self.exited(child, incarnation, reason),
            Event::Pulse { child, incarnation, pulse } => self.pulse(child, incarnation, pulse),
            Event::Lost(children) => self.lost(children),
            Event::Timer(timer) => self.timer(timer),
            Event::Call(call, request) => self.call(call, request),
            Event::Shutdown(reason) => self.close(reason),
        }
    }

    /// What the shell keeps for a child; also for a child that the last event dropped.
    pub fn payload(&self, id: ChildId) -> Option<&P> {
        match self.roster.get(id) {
            Some((_, child)) => Some(&child.payload),
            None => self.dropped.iter().find(|(dropped, _)| *dropped == id).map(|(_, payload)| payload),
        }
    }

    /// The same, to be changed.
    pub fn payload_mut(&mut self, id: ChildId) -> Option<&mut P> {
        self.roster.get_mut(id).map(|child| &mut child.payload)
    }

    /// The children with what the shell keeps for them, oldest specification first.
    pub fn payloads(&self) -> impl DoubleEndedIterator<Item = (ChildId, &Key, &P)> {
        self.roster.iter().map(|(id, key, child)| (id, key, &child.payload))
    }

    /// The child of this name, whether or not it has a process.
    pub fn find(&self, key: &Key) -> Option<ChildId> {
        self.roster.find(key)
    }

    /// How a child is treated.
    pub fn policy(&self, id: ChildId) -> Option<&Policy> {
        self.roster.get(id).map(|(_, child)| &child.policy)
    }

    /// The flags it was made with.
    pub fn flags(&self) -> &Flags {
        &self.flags
    }

    /// Whether it has ended or is about to.
    pub fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing { .. } | Phase::Done)
    }

    fn name_of(&self, id: ChildId) -> std::sync::Arc<str> {
        self.roster.get(id).map(|(key, _)| key.to_string()).unwrap_or_default().into()
    }

    fn command(&mut self, command: Command) {
        self.out.push(command);
    }

    fn reply(&mut self, call: CallId, answer: Result<Answer, SupervisorError>) {
        self.command(Command::Reply(call, answer));
    }
}
