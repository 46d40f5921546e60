//! What the workflow actor does about the world: compares what has to be going on with what is living, starts what is
//! missing, stops what is not wanted, and leaves memory when nothing is near. Doing it twice is harmless.

use std::time::Duration;

use actix::{ActorContext, ActorFutureExt, AsyncContext, WrapFuture};
use ghostlight_model::ids::{ApprovalId, AttemptId};
use ghostlight_model::run::{self, Command, Effect, StepAt, outstanding};
use ghostlight_supervision::{ChildRef, Context, Down};
use jiff::{SignedDuration, Timestamp};

use super::execution;
use super::gate;
use super::give::Give;
use super::partition::Idle;
use super::place::Resident;
use super::workflow::WorkflowActor;

/// A run that waits only for people or for a far time leaves memory after this much quiet.
const QUIET_BEFORE_PASSIVE: Duration = Duration::from_secs(2);
/// A due time farther away than this is left to the timers.
const NEAR: Duration = Duration::from_secs(10);
/// How long after the end of its time an attempt may still tidy up and report.
const OVERDUE: Duration = Duration::from_secs(8);
/// How long a run waits to be called for a slot before it asks by itself: a call may be lost.
const SLOT_PATIENCE: SignedDuration = SignedDuration::from_secs(5);

impl WorkflowActor {
    /// Compares what has to be going on with what is living, and goes on with what waits.
    pub(super) fn settle(&mut self, ctx: &mut Context<Self>) {
        if !self.waiting.is_empty() {
            self.reconcile_effects(ctx);
            return self.process(ctx);
        }
        if self.run.status.is_terminal() && self.ended_here {
            self.place.services.slots.leave(self.place.id);
            return ctx.stop();
        }
        self.reconcile_effects(ctx);
        self.watch_for_quiet(ctx);
    }

    fn reconcile_effects(&mut self, ctx: &mut Context<Self>) {
        let (mut due, mut slot_check) = (None, None);
        for effect in outstanding(&self.run) {
            match effect {
                Effect::Attempt { id, at } => self.ensure_attempt(&id, at, ctx),
                Effect::Child { step, child, input } => self.ensure_child(step, child, input, ctx),
                Effect::StopChild { step, child, kill } => {
                    let run = child.run;
                    self.ensure_child(step, child, None, ctx);
                    self.stop_child(run, kill);
                }
                Effect::StopAttempt { id } => self.stop_attempt(&id, ctx),
                Effect::Gate { approval, expires_at } => self.ensure_gate(approval, expires_at, ctx),
                Effect::WakeAt(at) => due = Some(at),
                // The pool calls when it is this run's turn.
                Effect::Slots(_) => {
                    self.services().slots.reprioritise(self.place.id, self.run.priority);
                    slot_check =
                        Some(self.services().now().saturating_add(SLOT_PATIENCE).unwrap_or(Timestamp::MAX));
                }
            }
        }
        self.hand_priority_on();
        // Slots whose decision did not need them after all.
        self.slots.clear();
        if slot_check.is_none() && self.in_line.take() {
            self.services().slots.leave(self.place.id);
        }
        self.set_timer(due.into_iter().chain(slot_check).min(), ctx);
        let run = &self.run;
        self.fresh.retain(|id| run.is_outstanding(id));
        self.reported.retain(|id| run.is_outstanding(id));
        self.place.residents.attempts().retain(|id, resident| {
            run.is_outstanding(id) || resident.child.as_ref().is_none_or(ChildRef::is_alive)
        });
        self.end_answered_gates(ctx);
    }

    fn ensure_attempt(&mut self, id: &AttemptId, at: StepAt, ctx: &mut Context<Self>) {
        let known = self.place.residents.attempts().get(id).cloned();
        match known.map(|resident| resident.child) {
            None if self.fresh.remove(id) => self.start_attempt(id, at, ctx),
            None => self.lost(id.clone(), "its actor is gone".to_owned(), true, ctx),
            Some(Some(child)) if !child.is_alive() => {
                self.place.residents.attempts().remove(id);
                self.lost(id.clone(), "its actor ended".to_owned(), true, ctx);
            }
            Some(_) if self.watched.contains(id) => {}
            // An earlier life of this actor has started it.
            Some(Some(child)) => self.watch_attempt(id.clone(), child, ctx),
            // An earlier life was starting it: nobody knows how far that came, so it is ended.
            Some(None) => {
                self.end_attempt(id, ctx);
                self.place.residents.attempts().remove(id);
                self.lost(id.clone(), "its actor was cut off while it was started".to_owned(), true, ctx);
            }
        }
    }

    fn start_attempt(&mut self, id: &AttemptId, at: StepAt, ctx: &mut Context<Self>) {
        let Some(attempt) = self.run.attempt(at) else { return };
        let slot = self.slots.iter().position(|guard| *guard.agent() == attempt.agent);
        let slot = slot.map(|at| self.slots.swap_remove(at));
        let call = execution::call(&self.run, at, id, attempt, &self.place);
        let spec = execution::spec(&self.place, id, call, slot, &self.run.workflow.supervision);
        self.place.residents.attempts().insert(id.clone(), Resident { child: None });
        self.watched.insert(id.clone());
        let starting = self.place.supervisor.start_child(spec);
        let id = id.clone();
        let started =
            starting.into_actor(self).map(move |started, actor, ctx: &mut Context<Self>| match started {
                Ok(Some(child)) => actor.watch_attempt(id, child, ctx),
                Ok(None) => actor.not_started(id, "its actor did not start".to_owned(), false, ctx),
                // What was stopped while it started may have called its agent already.
                Err(error) => actor.not_started(id, error.to_string(), error.may_have_begun(), ctx),
            });
        ctx.spawn(started);
    }

    /// Nobody is there who makes this attempt, and nobody will tell of its end.
    fn not_started(&mut self, id: AttemptId, reason: String, began: bool, ctx: &mut Context<Self>) {
        self.place.residents.attempts().remove(&id);
        self.watched.remove(&id);
        self.stopping.remove(&id);
        self.lost(id, reason, began, ctx);
    }

    /// Learns of the attempt's end. A report that was taken makes the end of its actor uninteresting.
    fn watch_attempt(&mut self, id: AttemptId, child: ChildRef, ctx: &mut Context<Self>) {
        if let Some(resident) = self.place.residents.attempts().get_mut(&id) {
            resident.child = Some(child.clone());
        }
        self.watched.insert(id.clone());
        let timeout = self.run.find(&id.step).and_then(|at| self.run.attempt(at)).map(|it| it.timeout_ms);
        let time = Duration::from_millis(timeout.unwrap_or(u64::MAX));
        let watched = child.clone();
        let down = async move {
            if let Ok(down) = tokio::time::timeout(time, watched.down()).await {
                return Ok(down);
            }
            // Counted from when its time was seen to be over: in a process that stood still both were over at once, and the
            // attempt could not say anything meanwhile.
            tokio::time::timeout(OVERDUE, watched.down()).await
        };
        let ended = down.into_actor(self).map(move |down, actor, ctx: &mut Context<Self>| match down {
            Ok(down) => actor.attempt_ended(id, &down, ctx),
            Err(_) => actor.attempt_is_overdue(id, child, ctx),
        });
        ctx.spawn(ended);
    }

    fn attempt_ended(&mut self, id: AttemptId, down: &Down, ctx: &mut Context<Self>) {
        self.place.residents.attempts().remove(&id);
        self.watched.remove(&id);
        self.stopping.remove(&id);
        self.lost(id, down.reason.to_string(), true, ctx);
        // Perhaps it was the last thing that kept the run in memory.
        self.watch_for_quiet(ctx);
    }

    /// An attempt minds its own time. One that is long over it and has said nothing makes no progress: nobody else would
    /// ever end it. One that has reported, and was not heard because the store took nothing, goes on saying so.
    fn attempt_is_overdue(&mut self, id: AttemptId, child: ChildRef, ctx: &mut Context<Self>) {
        if self.run.is_outstanding(&id) && !self.reported.contains(&id) {
            tracing::warn!(run = %self.place.id, attempt = %id, "an attempt is long over its time and says nothing: it is killed");
            // False when it has just ended; the watch tells in either case.
            child.kill();
        }
        let ended = child.down().into_actor(self).map(move |down: Down, actor, ctx: &mut Context<Self>| {
            actor.attempt_ended(id, &down, ctx);
        });
        ctx.spawn(ended);
    }

    /// An attempt's actor is gone. If the attempt is still outstanding it did not report.
    fn lost(&mut self, id: AttemptId, reason: String, began: bool, ctx: &mut Context<Self>) {
        let said = self.waiting.iter().any(|give| match &give.command {
            Command::Report { attempt, .. } | Command::Lost { attempt, .. } => *attempt == id,
            _ => false,
        });
        if self.run.is_outstanding(&id) && !said {
            self.give_itself(Command::Lost { attempt: id, reason, began });
            self.process(ctx);
        }
    }

    fn stop_attempt(&mut self, id: &AttemptId, ctx: &mut Context<Self>) {
        let known = self.place.residents.attempts().get(id).cloned();
        match known {
            Some(resident) if resident.child.as_ref().is_none_or(ChildRef::is_alive) => {
                if let Some(child) = resident.child.filter(|_| !self.watched.contains(id)) {
                    self.watch_attempt(id.clone(), child, ctx);
                }
                self.end_attempt(id, ctx);
            }
            known => {
                let began = known.is_some() || !self.fresh.remove(id);
                self.lost(id.clone(), "its actor ended".to_owned(), began, ctx);
            }
        }
    }

    /// Asks the attempt's actor to stop, by its supervisor: that holds while it is being started too. Its agent is
    /// cancelled and the outcome reported; what does not end in its time is killed.
    fn end_attempt(&mut self, id: &AttemptId, ctx: &mut Context<Self>) {
        if self.stopping.insert(id.clone()) {
            let ended = self.place.supervisor.terminate_child(&execution::key(id));
            // Whatever it answers, the end of the actor is what counts.
            ctx.spawn(ended.into_actor(self).map(|_, _, _| ()));
        }
    }

    /// Stops all attempts at once.
    pub(super) fn stop_all_attempts(&mut self, ctx: &mut Context<Self>) {
        let living: Vec<AttemptId> = self.place.residents.attempts().keys().cloned().collect();
        living.iter().for_each(|id| self.end_attempt(id, ctx));
    }

    fn ensure_gate(&mut self, approval: ApprovalId, expires_at: Option<Timestamp>, ctx: &mut Context<Self>) {
        if self.place.residents.gates().contains_key(&approval) {
            return;
        }
        let starting = self.place.supervisor.start_child(gate::spec(&self.place, approval, expires_at));
        let started = starting.into_actor(self).map(move |started, actor, _: &mut Context<Self>| {
            if let Ok(Some(child)) = started {
                actor.place.residents.gates().insert(approval, child);
            }
        });
        ctx.spawn(started);
    }

    /// A question that was answered needs nobody to mind it.
    fn end_answered_gates(&mut self, ctx: &mut Context<Self>) {
        let run = &self.run;
        let is_open =
            |approval: &ApprovalId| run.approvals.get(approval).is_some_and(|open| open.decided.is_none());
        let mut over = Vec::new();
        self.place.residents.gates().retain(|approval, _| {
            let open = is_open(approval);
            // Not only what is alive in the life that was begun here: after a crash its supervisor made it again.
            if !open {
                over.push(*approval);
            }
            open
        });
        for approval in over {
            let (supervisor, key) = (self.place.supervisor.clone(), gate::key(approval));
            let ended = async move {
                // A gate that has ended by itself is gone already.
                if supervisor.terminate_child(&key).await.is_ok() {
                    let _ = supervisor.delete_child(&key).await;
                }
            };
            ctx.spawn(ended.into_actor(self));
        }
    }

    fn set_timer(&mut self, due: Option<Timestamp>, ctx: &mut Context<Self>) {
        if self.timer.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, handle)) = self.timer.take() {
            ctx.cancel_future(handle);
        }
        let Some(at) = due else { return };
        let left = Duration::try_from(at.duration_since(self.services().now())).unwrap_or_default();
        // A far deadline is a time of the wall clock, which may be set: look again now and then.
        let is_near = left <= NEAR;
        let handle = ctx.run_later(left.min(NEAR), move |actor, ctx| {
            actor.timer = None;
            actor.elapsed = is_near.then_some(at);
            actor.give_itself(Command::Tick);
            actor.process(ctx);
        });
        self.timer = Some((at, handle));
    }

    pub(super) fn give_itself(&mut self, command: Command) {
        self.waiting.push_back(Give::by_runtime(command));
    }

    /// Whether the run waits only for people or for a time that is far away.
    pub(super) fn is_quiet(&self) -> bool {
        let far = |at: Timestamp| {
            let left = Duration::try_from(at.duration_since(self.services().now())).unwrap_or_default();
            left > NEAR
        };
        let passive = match run::wake(&self.run) {
            run::Wake::Done | run::Wake::Idle => true,
            run::Wake::Now => false,
            run::Wake::At(at) => far(at),
        };
        passive && !self.appending && self.waiting.is_empty() && self.place.residents.attempts().is_empty()
    }

    pub(super) fn watch_for_quiet(&mut self, ctx: &mut Context<Self>) {
        if let Some(handle) = self.quiet.take() {
            ctx.cancel_future(handle);
        }
        if !self.is_quiet() {
            return;
        }
        self.quiet = Some(ctx.run_later(QUIET_BEFORE_PASSIVE, |actor, ctx| {
            actor.quiet = None;
            if actor.is_quiet() {
                // Nothing may come of it, as when the router crashes: then it is said again.
                let _ = actor.place.partition.try_send(Idle { run: actor.place.id });
                actor.watch_for_quiet(ctx);
            }
        }));
    }
}
