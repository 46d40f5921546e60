//! What holds of every supervisor, as predicates with names: of its state, which it asserts itself in builds with debug
//! assertions, and of what it says over time, which a [`Witness`] listens to for tests and for the simulator.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::Supervisor;
use super::event::{CallId, Command, Event, Notice, Verdict};
use super::flags::{Intensity, StopOrder, Strategy};
use super::group::Phase;
use super::roster::ChildId;

/// The first invariant of a supervisor's state that does not hold after a decision. Looks at no child, so that asking is cheap.
pub(super) fn broken_in<P>(supervisor: &Supervisor<P>) -> Option<&'static str> {
    let named = [
        ("restarts_stay_within_the_intensity", restarts_stay_within_the_intensity(supervisor)),
        ("who_has_ended_has_no_children", who_has_ended_has_no_children(supervisor)),
        ("nothing_waits_for_nothing", nothing_waits_for_nothing(supervisor)),
    ];
    named.into_iter().find(|(_, holds)| !holds).map(|(name, _)| name)
}

/// No window ever holds more restarts than are allowed.
fn restarts_stay_within_the_intensity<P>(supervisor: &Supervisor<P>) -> bool {
    supervisor.window.len() <= supervisor.flags.intensity.max_restarts
}

/// A supervisor ends when no child is left.
fn who_has_ended_has_no_children<P>(supervisor: &Supervisor<P>) -> bool {
    !matches!(supervisor.phase, Phase::Done) || supervisor.roster.len() == 0
}

/// What was put off is put off for the end of a start or of a group's restart, and then done.
fn nothing_waits_for_nothing<P>(supervisor: &Supervisor<P>) -> bool {
    !matches!(supervisor.phase, Phase::Active) || supervisor.deferred.is_empty()
}

/// Listens to one supervisor, all its life, and tells when what it says cannot be.
#[derive(Debug, Default)]
pub struct Witness {
    /// The lives that were begun and have not ended.
    lives: BTreeMap<ChildId, u32>,
    /// The last life of each child.
    last: BTreeMap<ChildId, u32>,
    /// The lives that were asked to end.
    asked: BTreeMap<ChildId, u32>,
    /// Calls that wait for an answer.
    calls: BTreeSet<CallId>,
    restarts: VecDeque<Duration>,
    is_up: bool,
    was_closing: bool,
    has_ended: bool,
}

impl Witness {
    /// Hears what the supervisor is about to hear.
    pub fn hear<P>(&mut self, event: &Event<P>) {
        match event {
            Event::Exited { child, incarnation, .. }
            | Event::StartFailed { child, incarnation, .. }
            | Event::Ignored { child, incarnation } => self.has_gone(*child, *incarnation),
            Event::Call(call, _) => _ = self.calls.insert(*call),
            Event::Shutdown(_) => self.was_closing = true,
            Event::Boot | Event::Started { .. } | Event::Pulse { .. } | Event::Lost(_) | Event::Timer(_) => {}
        }
    }

    /// Hears what it said to an event, and which invariant that breaks. `may_restart`: the event is one that is answered by
    /// restarts.
    pub fn judge<P>(
        &mut self,
        supervisor: &Supervisor<P>,
        may_restart: bool,
        commands: &[Command],
        now: Duration,
    ) -> Option<&'static str> {
        let counts = may_restart && self.is_up;
        let broken = commands.iter().find_map(|command| self.take(supervisor, counts, command, now));
        self.was_closing = supervisor.is_closing();
        broken
    }

    /// Whether an event is answered by restarts, one for each that it is answered by. The loss of a thread counts once however many
    /// children it takes.
    pub fn may_restart<P>(event: &Event<P>) -> bool {
        matches!(event, Event::Exited { .. } | Event::StartFailed { .. } | Event::Timer(_))
    }

    fn take<P>(
        &mut self,
        supervisor: &Supervisor<P>,
        counts: bool,
        command: &Command,
        now: Duration,
    ) -> Option<&'static str> {
        let is_reply = matches!(command, Command::Reply(..));
        let named = [
            ("nothing_is_done_after_the_end", !self.has_ended || is_reply),
            ("a_child_has_one_life_at_a_time", self.a_child_has_one_life_at_a_time(command)),
            ("only_who_has_lived_is_stopped", self.only_who_has_lived_is_stopped(command)),
            ("children_end_newest_first", self.children_end_newest_first(supervisor, command)),
            ("no_child_outlives_its_supervisor", self.no_child_outlives_its_supervisor(command)),
            ("every_call_is_answered_once", self.every_call_is_answered_once(command)),
        ];
        let broken = named.into_iter().find(|(_, holds)| !holds).map(|(name, _)| name);
        self.note(command);
        let restarted = counts && is_restart(supervisor, command);
        broken.or_else(|| {
            let within =
                !restarted || self.restarts_stay_within_the_intensity(supervisor.flags().intensity, now);
            (!within).then_some("restarts_stay_within_the_intensity")
        })
    }

    /// A life begins when the one before it has ended, and counts on from it.
    fn a_child_has_one_life_at_a_time(&self, command: &Command) -> bool {
        let Command::Start(child, incarnation) = command else { return true };
        let before = self.last.get(child).copied().unwrap_or(0);
        !self.lives.contains_key(child) && *incarnation == before + 1
    }

    /// Nobody is stopped or killed but in the last life that was begun.
    fn only_who_has_lived_is_stopped(&self, command: &Command) -> bool {
        match command {
            Command::Stop(child, incarnation)
            | Command::Kill(child, incarnation)
            | Command::KillHung(child, incarnation, _)
            | Command::Abandon(child, incarnation, _) => self.last.get(child) == Some(incarnation),
            _ => true,
        }
    }

    /// Who ends its children one after another begins with the newest, and waits for it. Who was asked to end before that is killed
    /// in its own time.
    fn children_end_newest_first<P>(&self, supervisor: &Supervisor<P>, command: &Command) -> bool {
        let is_ordered = supervisor.flags().stop_order == StopOrder::NewestFirst && self.was_closing;
        match command {
            Command::Stop(child, life) | Command::Kill(child, life) if is_ordered => {
                let is_newest = self.lives.keys().next_back().is_none_or(|newest| newest <= child);
                is_newest || self.asked.get(child) == Some(life)
            }
            _ => true,
        }
    }

    /// A supervisor ends last.
    fn no_child_outlives_its_supervisor(&self, command: &Command) -> bool {
        !matches!(command, Command::Exit(_)) || self.lives.is_empty()
    }

    /// Every call is answered, and once; none is left open by who ends.
    fn every_call_is_answered_once(&self, command: &Command) -> bool {
        match command {
            Command::Reply(call, _) => self.calls.contains(call),
            Command::Exit(_) => self.calls.is_empty(),
            _ => true,
        }
    }

    /// No more restarts within a period than are allowed, both ends of it included.
    fn restarts_stay_within_the_intensity(&mut self, intensity: Intensity, now: Duration) -> bool {
        self.restarts.push_back(now);
        let oldest = now.saturating_sub(intensity.period);
        while self.restarts.front().is_some_and(|at| *at < oldest) {
            self.restarts.pop_front();
        }
        self.restarts.len() <= intensity.max_restarts as usize
    }

    fn note(&mut self, command: &Command) {
        match command {
            Command::Start(child, incarnation) => {
                self.lives.insert(*child, *incarnation);
                self.last.insert(*child, *incarnation);
            }
            Command::Abandon(child, incarnation, _)
            | Command::Notice(Notice::Stuck { child, incarnation, .. }) => {
                self.has_gone(*child, *incarnation)
            }
            Command::Reply(call, _) => _ = self.calls.remove(call),
            Command::Ready => self.is_up = true,
            Command::Exit(_) => self.has_ended = true,
            Command::Forget(child) => {
                if !self.lives.contains_key(child) {
                    self.last.remove(child);
                    self.asked.remove(child);
                }
            }
            Command::Stop(child, incarnation)
            | Command::Kill(child, incarnation)
            | Command::KillHung(child, incarnation, _) => _ = self.asked.insert(*child, *incarnation),
            Command::Arm(_) | Command::Disarm(_) | Command::Notice(_) => {}
        }
    }

    fn has_gone(&mut self, child: ChildId, incarnation: u32) {
        if self.lives.get(&child) == Some(&incarnation) {
            self.lives.remove(&child);
        }
    }
}

/// Whether this is a restart that counts. One by one each start is; of groups it is the end that leads to it.
fn is_restart<P>(supervisor: &Supervisor<P>, command: &Command) -> bool {
    let is_single = supervisor.flags().strategy == Strategy::OneForOne;
    match command {
        Command::Start(..) => is_single,
        Command::Notice(Notice::Exited { verdict: Verdict::Restart { .. }, starting: false, .. }) => {
            !is_single && supervisor.flags().backoff.is_off()
        }
        _ => false,
    }
}
