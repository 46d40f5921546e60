//! One child: how it starts, ends and is stopped. What its end means to others is in `group`.

use std::time::Duration;

use super::Supervisor;
use super::event::{Answer, CallId, ChildState, Command, Event, Notice, SupervisorError, TimerId, Verdict};
use super::flags::{AutoShutdown, Kind, Policy, Restart, Shutdown, Strategy};
use super::group::{Phase, Then};
use super::heartbeat::Heart;
use super::roster::ChildId;
use crate::{ExitClass, ExitReason};

#[derive(Debug)]
pub(super) struct Child<P> {
    pub(super) policy: Policy,
    pub(super) payload: P,
    pub(super) state: State,
    pub(super) incarnation: u32,
    /// Of a running child that owes a sign of life.
    pub(super) heart: Option<Box<Heart>>,
    /// The last life that came up: by its handle a child is known while its restart is under way.
    pub(super) last_up: u32,
    /// Restarts since it last ran quietly: the backoff's exponent.
    attempts: u32,
    up_since: Duration,
}

#[derive(Debug)]
pub(super) enum State {
    Idle,
    Starting(Origin),
    Running,
    Stopping(Box<Stopping>),
    Restarting(Box<Restarting>),
}

/// Boxed, like the next one: most children are up most of the time, and there may be many.
#[derive(Debug)]
pub(super) struct Stopping {
    timer: Option<TimerId>,
    killed: bool,
    waiting: Vec<CallId>,
    /// It was not asked to stop: it hung, and its end is to be answered like one of its own.
    hung: Option<ExitReason>,
}

impl State {
    /// Killed because it showed no sign of life.
    pub(super) fn hung(grace: TimerId, reason: ExitReason) -> Self {
        let stopping = Stopping { timer: Some(grace), killed: true, waiting: Vec::new(), hung: Some(reason) };
        State::Stopping(Box::new(stopping))
    }
}

#[derive(Debug)]
pub(super) struct Restarting {
    timer: TimerId,
    cause: ExitReason,
}

/// Why a child is being started.
#[derive(Debug)]
pub(super) enum Origin {
    Boot,
    /// By `start_child`: the specification goes when the start fails.
    Added(CallId),
    /// By `restart_child`: the specification stays.
    ByHand(CallId),
    /// Because of an end: its own, or a sibling's.
    Again(Option<Box<ExitReason>>),
}

impl<P> Child<P> {
    pub(super) fn new(policy: Policy, payload: P) -> Self {
        Child {
            policy,
            payload,
            state: State::Idle,
            incarnation: 0,
            heart: None,
            last_up: 0,
            attempts: 0,
            up_since: Duration::ZERO,
        }
    }

    pub(super) fn has_process(&self) -> bool {
        matches!(self.state, State::Starting(_) | State::Running | State::Stopping(_))
    }

    pub(super) fn state(&self) -> ChildState {
        match self.state {
            State::Idle => ChildState::Stopped,
            State::Starting(_) => ChildState::Starting,
            State::Running => ChildState::Running,
            State::Stopping(_) => ChildState::Stopping,
            State::Restarting(_) => ChildState::Restarting,
        }
    }

    /// Whether the handle of this life means the child as it is now.
    pub(super) fn is_known_by(&self, incarnation: u32) -> bool {
        match self.state {
            State::Idle => false,
            State::Running | State::Stopping(_) => incarnation == self.incarnation,
            State::Starting(_) | State::Restarting(_) => {
                incarnation == self.incarnation || incarnation == self.last_up
            }
        }
    }

    fn is_temporary(&self) -> bool {
        self.policy.restart == Restart::Temporary
    }

    /// The table of OTP's restart types against the classes of exit.
    fn wants_restart(&self, reason: &ExitReason) -> bool {
        match (self.policy.restart, reason.class()) {
            (Restart::Permanent, _) | (Restart::Transient, ExitClass::Abnormal) => true,
            (Restart::Transient, ExitClass::Normal | ExitClass::Shutdown) | (Restart::Temporary, _) => false,
        }
    }
}

impl<P> Supervisor<P> {
    pub(super) fn start(&mut self, id: ChildId, origin: Origin) {
        let Some(child) = self.roster.get_mut(id) else { return };
        debug_assert!(!child.has_process(), "a child never has two processes");
        child.incarnation += 1;
        child.state = State::Starting(origin);
        let incarnation = child.incarnation;
        self.command(Command::Start(id, incarnation));
    }

    /// The child, if the report is about its present life.
    pub(super) fn living(&mut self, id: ChildId, incarnation: u32) -> Option<&mut Child<P>> {
        self.roster.get_mut(id).filter(|child| child.incarnation == incarnation && child.has_process())
    }

    pub(super) fn started(&mut self, id: ChildId, incarnation: u32) {
        let up_since = self.moment.now;
        let Some(child) = self.living(id, incarnation) else { return };
        // A child that is being stopped is already told; its end is what counts now.
        let State::Starting(_) = child.state else { return };
        child.up_since = up_since;
        child.last_up = incarnation;
        let State::Starting(origin) = std::mem::replace(&mut child.state, State::Running) else { return };
        let (call, cause) = match origin {
            Origin::Boot => (None, None),
            Origin::Added(call) | Origin::ByHand(call) => (Some(call), None),
            Origin::Again(cause) => (None, cause.map(|cause| *cause)),
        };
        self.watch_heart(id);
        self.command(Command::Notice(Notice::Started { child: id, incarnation, cause }));
        if let Some(call) = call {
            self.reply(call, Ok(Answer::Started(id, incarnation)));
        }
    }

    pub(super) fn ignored(&mut self, id: ChildId, incarnation: u32) {
        let dynamic = self.flags.is_dynamic();
        let Some(child) = self.living(id, incarnation) else { return };
        if matches!(child.state, State::Stopping(_)) {
            return self.stopped(id, ExitReason::Normal, Verdict::Terminated);
        }
        let State::Starting(origin) = std::mem::replace(&mut child.state, State::Idle) else { return };
        if child.is_temporary() || dynamic {
            self.forget(id);
        }
        if let Origin::Added(call) | Origin::ByHand(call) = origin {
            self.reply(call, Ok(Answer::Ignored));
        }
    }

    pub(super) fn start_failed(&mut self, id: ChildId, incarnation: u32, reason: ExitReason) {
        let closing = self.is_closing();
        let Some(child) = self.living(id, incarnation) else { return };
        match child.state {
            State::Starting(_) => {}
            State::Stopping(_) => return self.stopped(id, reason, Verdict::Terminated),
            State::Running | State::Idle | State::Restarting(_) => return,
        }
        let State::Starting(origin) = std::mem::replace(&mut child.state, State::Idle) else { return };
        let notice = |verdict| {
            let reason = reason.clone();
            Command::Notice(Notice::Exited { child: id, incarnation, reason, verdict, starting: true })
        };
        if closing {
            self.command(notice(Verdict::ShuttingDown));
            return self.answer_origin(origin, SupervisorError::ShuttingDown);
        }
        match origin {
            Origin::Boot => {
                self.command(notice(Verdict::StartFailed));
                let child = self.name_of(id);
                self.close(ExitReason::StartFailed { child, cause: reason.into() });
            }
            Origin::Added(call) => {
                self.command(notice(Verdict::StartFailed));
                self.forget(id);
                self.reply(call, Err(SupervisorError::StartFailed(reason)));
            }
            Origin::ByHand(call) => {
                self.command(notice(Verdict::StartFailed));
                self.reply(call, Err(SupervisorError::StartFailed(reason)));
            }
            Origin::Again(_) => {
                // Not at once, even without backoff: between two attempts the supervisor answers calls (OTP-9549).
                let delay = self.next_delay(id);
                self.command(notice(Verdict::Restart { delay }));
                self.await_restart(id, delay, reason);
                self.group_start_failed();
            }
        }
    }

    fn answer_origin(&mut self, origin: Origin, error: SupervisorError) {
        if let Origin::Added(call) | Origin::ByHand(call) = origin {
            self.reply(call, Err(error));
        }
    }

    pub(super) fn exited(&mut self, id: ChildId, incarnation: u32, reason: ExitReason) {
        let Some(child) = self.living(id, incarnation) else { return };
        match &mut child.state {
            State::Starting(_) => return self.start_failed(id, incarnation, reason),
            State::Stopping(stopping) if stopping.hung.is_some() => {
                let timer = stopping.timer.take();
                child.state = State::Running;
                timer.into_iter().for_each(|timer| self.command(Command::Disarm(timer)));
            }
            State::Stopping(_) => return self.stopped(id, reason, Verdict::Terminated),
            State::Running => {}
            State::Idle | State::Restarting(_) => return,
        }
        match self.phase {
            Phase::Active => self.ended(id, reason),
            Phase::Closing { .. } | Phase::Done => self.gone(id, reason, Verdict::ShuttingDown),
            Phase::Regroup { .. } if self.is_to_be_stopped(id) => self.gone(id, reason, Verdict::Sibling),
            Phase::New | Phase::Booting { .. } | Phase::Regroup { .. } => {
                self.deferred.push_back(Event::Exited { child: id, incarnation, reason });
            }
        }
    }

    /// A running child ended by itself.
    fn ended(&mut self, id: ChildId, reason: ExitReason) {
        let now = self.moment.now;
        let reset_after = self.flags.backoff.reset_after;
        let Some(child) = self.roster.get_mut(id) else { return };
        if child.wants_restart(&reason) {
            if now.saturating_sub(child.up_since) >= reset_after {
                child.attempts = 0;
            }
            return self.restart(id, reason);
        }
        let significant = child.policy.significant;
        let verdict = if child.is_temporary() { Verdict::Temporary } else { Verdict::Finished };
        self.gone(id, reason, verdict);
        self.forget_if_spent(id);
        if significant {
            self.significant_ended();
        }
    }

    /// Answers an end by a restart, now or after the backoff's delay, unless the limit is reached.
    fn restart(&mut self, id: ChildId, reason: ExitReason) {
        let hopeless = self.flags.intensity.max_restarts == 0;
        if hopeless || (self.flags.backoff.is_off() && !self.may_restart()) {
            self.gone(id, reason.clone(), Verdict::IntensityReached);
            return self.give_up(id, reason);
        }
        let delay = self.next_delay(id);
        self.gone(id, reason.clone(), Verdict::Restart { delay });
        let delayed = !self.flags.backoff.is_off();
        match self.flags.strategy {
            Strategy::OneForOne if delayed => self.await_restart(id, delay, reason),
            Strategy::OneForOne => self.start(id, Origin::Again(Some(reason.into()))),
            Strategy::OneForAll | Strategy::RestForOne if delayed => {
                self.regroup(id, Then::Wait(delay), reason)
            }
            Strategy::OneForAll | Strategy::RestForOne => self.regroup(id, Then::Start, reason),
        }
    }

    /// Counts one restart, unless it answers a failure that was counted already.
    fn may_restart(&mut self) -> bool {
        if self.common_failure == Some(true) {
            return true;
        }
        let allowed = self.window.allow(self.flags.intensity, self.moment.now);
        self.common_failure = self.common_failure.map(|_| allowed);
        allowed
    }

    /// The thread of these children is given up. All of them are gone before any is answered, so that no group waits for one.
    pub(super) fn lost(&mut self, mut children: Vec<(ChildId, u32)>) {
        // The oldest first: what hangs on it comes after it.
        children.sort_unstable();
        children.dedup();
        children.retain(|(id, incarnation)| self.living(*id, *incarnation).is_some());
        for &(id, incarnation) in &children {
            self.command(Command::Abandon(id, incarnation, ExitReason::ArbiterLost));
        }
        self.common_failure = Some(false);
        for (id, incarnation) in children {
            self.exited(id, incarnation, ExitReason::ArbiterLost);
        }
        self.common_failure = None;
    }

    /// The delay is over: this is the attempt that counts.
    fn try_again(&mut self, id: ChildId, cause: ExitReason) {
        if !self.may_restart() {
            return self.give_up(id, cause);
        }
        match self.flags.strategy {
            Strategy::OneForOne => self.start(id, Origin::Again(Some(cause.into()))),
            Strategy::OneForAll | Strategy::RestForOne => self.regroup(id, Then::Start, cause),
        }
    }

    fn next_delay(&mut self, id: ChildId) -> Duration {
        if self.flags.backoff.is_off() {
            return Duration::ZERO;
        }
        let Some(child) = self.roster.get_mut(id) else { return Duration::ZERO };
        child.attempts = child.attempts.saturating_add(1);
        self.flags.backoff.delay(child.attempts, self.moment.random)
    }

    /// The child keeps its place and comes back after `delay`.
    pub(super) fn await_restart(&mut self, id: ChildId, delay: Duration, cause: ExitReason) {
        let timer = self.new_timer(id, delay);
        if let Some(child) = self.roster.get_mut(id) {
            child.state = State::Restarting(Box::new(Restarting { timer, cause }));
            self.command(Command::Arm(timer));
        }
    }

    pub(super) fn new_timer(&mut self, child: ChildId, delay: Duration) -> TimerId {
        self.nonce += 1;
        TimerId { at: self.moment.now.saturating_add(delay), child, nonce: self.nonce }
    }

    fn give_up(&mut self, id: ChildId, cause: ExitReason) {
        let restarts = self.window.len();
        self.command(Command::Notice(Notice::GaveUp { child: id, cause: cause.clone(), restarts }));
        let child = self.name_of(id);
        self.close(ExitReason::GaveUp { child, restarts, cause: cause.into() });
    }

    /// The child has no process any more; its specification stays for now.
    fn gone(&mut self, id: ChildId, reason: ExitReason, verdict: Verdict) {
        self.rest_heart(id);
        let Some(child) = self.roster.get_mut(id) else { return };
        child.state = State::Idle;
        let incarnation = child.incarnation;
        let notice = Notice::Exited { child: id, incarnation, reason, verdict, starting: false };
        self.command(Command::Notice(notice));
    }

    pub(super) fn forget(&mut self, id: ChildId) {
        if let Some((_, child)) = self.roster.remove(id) {
            self.dropped.push((id, child.payload));
            self.command(Command::Forget(id));
        }
    }

    /// Drops the specification of a child without a process, if it is temporary or without a name.
    pub(super) fn forget_if_spent(&mut self, id: ChildId) {
        let anonymous = self.flags.anonymous;
        let spent = self
            .roster
            .get(id)
            .is_some_and(|(_, child)| (anonymous || child.is_temporary()) && !child.has_process());
        if spent {
            self.forget(id);
        }
    }

    /// Makes sure that the child ends. Answers at once if it has no process.
    pub(super) fn stop(&mut self, id: ChildId, waiting: Vec<CallId>) {
        self.rest_heart(id);
        let Some(child) = self.roster.get_mut(id) else { return };
        if let State::Stopping(stopping) = &mut child.state {
            stopping.waiting.extend(waiting);
            // Whatever it was killed for: from now on it is asked for, and does not come back.
            stopping.hung = None;
            return;
        }
        let before = std::mem::replace(&mut child.state, State::Idle);
        match before {
            State::Idle | State::Stopping(_) => {
                return self.stop_done(id, waiting, Ok(Answer::Terminated));
            }
            State::Restarting(restarting) => {
                self.command(Command::Disarm(restarting.timer));
                return self.stop_done(id, waiting, Ok(Answer::Terminated));
            }
            State::Starting(_) | State::Running => {}
        }
        let (shutdown, incarnation) = (child.policy.shutdown, child.incarnation);
        // A supervisor is never cut off from its children by a kill that came before it could ask them.
        let (command, limit, killed) = match shutdown {
            Shutdown::BrutalKill => (Command::Kill(id, incarnation), Some(self.flags.kill_grace), true),
            Shutdown::Timeout(time) => (Command::Stop(id, incarnation), Some(time), false),
            Shutdown::Infinity => (Command::Stop(id, incarnation), None, false),
        };
        let timer = limit.map(|limit| self.new_timer(id, limit));
        if let Some(child) = self.roster.get_mut(id) {
            child.state = State::Stopping(Box::new(Stopping { timer, killed, waiting, hung: None }));
        }
        self.command(command);
        if let Some(timer) = timer {
            self.command(Command::Arm(timer));
        }
        if let State::Starting(origin) = before {
            self.answer_origin(origin, SupervisorError::Stopped);
        }
    }

    /// A child that was told to stop did.
    fn stopped(&mut self, id: ChildId, reason: ExitReason, verdict: Verdict) {
        let verdict = match self.phase {
            Phase::Closing { .. } | Phase::Done => Verdict::ShuttingDown,
            Phase::Regroup { .. } if self.is_to_be_stopped(id) => Verdict::Sibling,
            Phase::New | Phase::Booting { .. } | Phase::Active | Phase::Regroup { .. } => verdict,
        };
        let Some(child) = self.roster.get_mut(id) else { return };
        let State::Stopping(stopping) = std::mem::replace(&mut child.state, State::Idle) else { return };
        let Stopping { timer, waiting, .. } = *stopping;
        if let Some(timer) = timer {
            self.command(Command::Disarm(timer));
        }
        self.gone(id, reason, verdict);
        self.stop_done(id, waiting, Ok(Answer::Terminated));
    }

    fn stop_done(&mut self, id: ChildId, waiting: Vec<CallId>, answer: Result<Answer, SupervisorError>) {
        self.forget_if_spent(id);
        for call in waiting {
            self.reply(call, answer.clone());
        }
    }

    pub(super) fn timer(&mut self, fired: TimerId) {
        if self.look_due(fired) {
            return;
        }
        let id = fired.child;
        let Some(child) = self.roster.get_mut(id) else { return };
        match &mut child.state {
            State::Restarting(restarting) if restarting.timer == fired => {
                if !matches!(self.phase, Phase::Active) {
                    // A group's restart is under way. It either takes this child with it, or leaves it waiting.
                    self.deferred.push_back(Event::Timer(fired));
                    return;
                }
                let cause = restarting.cause.clone();
                child.state = State::Idle;
                self.try_again(id, cause);
            }
            State::Stopping(stopping) if stopping.timer == Some(fired) => {
                let incarnation = child.incarnation;
                if stopping.killed {
                    return self.abandon(id, incarnation);
                }
                stopping.killed = true;
                let grace = self.new_timer(id, self.flags.kill_grace);
                if let Some(State::Stopping(stopping)) = self.roster.get_mut(id).map(|child| &mut child.state)
                {
                    stopping.timer = Some(grace);
                }
                self.command(Command::Kill(id, incarnation));
                self.command(Command::Arm(grace));
            }
            // Disarmed, or of an earlier life.
            State::Idle | State::Starting(_) | State::Running | State::Restarting(_) | State::Stopping(_) => {
            }
        }
    }

    /// Gives up waiting for a killed child: its thread is blocked. The one state that OTP does not have.
    fn abandon(&mut self, id: ChildId, incarnation: u32) {
        let Some(child) = self.roster.get_mut(id) else { return };
        let State::Stopping(stopping) = std::mem::replace(&mut child.state, State::Idle) else { return };
        let Stopping { waiting, hung, .. } = *stopping;
        let reason = hung.clone().unwrap_or(ExitReason::Killed);
        self.command(Command::Notice(Notice::Stuck { child: id, incarnation, reason }));
        match hung {
            // Nobody asked for its end: as far as anybody is concerned, it has come to one of its own.
            Some(reason) => {
                if let Some(child) = self.roster.get_mut(id) {
                    child.state = State::Running;
                }
                self.exited(id, incarnation, reason);
            }
            None => self.stop_done(id, waiting, Err(SupervisorError::Stuck)),
        }
    }

    fn significant_ended(&mut self) {
        let ends = match self.flags.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => {
                !self.roster.iter().any(|(_, _, child)| child.policy.significant && child.has_process())
            }
        };
        if ends {
            self.close(ExitReason::SHUTDOWN);
        }
    }

    pub(super) fn is_supervisor(child: &Child<P>) -> bool {
        child.policy.kind == Kind::Supervisor
    }
}
