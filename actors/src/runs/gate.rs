//! The gate actor: minds one question to a person while its run is in memory.
//!
//! It holds the question's deadline and no truth: the question and its answer are events of the run. Started by the
//! workflow actor under the run's supervisor, transient: after a crash it is made again with the same deadline. A run
//! that only waits for people leaves memory, and its gates with it; the deadline is then with the timers.

use std::time::Duration;

use actix::{Actor, ActorContext, AsyncContext};
use ghostlight_model::ids::ApprovalId;
use ghostlight_model::run::Command;
use ghostlight_supervision::{ChildSpec, Context, Key, StartContext};
use jiff::Timestamp;

use super::give::Give;
use super::place::RunPlace;

/// The longest sleep before the wall clock is looked at again: it may be set.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Pause before the workflow is told again when it could not be reached.
const TELL_AGAIN: Duration = Duration::from_millis(100);

/// The actor.
pub struct Gate {
    place: RunPlace,
    expires_at: Option<Timestamp>,
}

/// The key of a gate under its run's supervisor.
#[must_use]
pub fn key(approval: ApprovalId) -> Key {
    Key::new("gates", approval.to_string())
}

/// The specification of the gate of `approval`.
#[must_use]
pub fn spec(place: &RunPlace, approval: ApprovalId, expires_at: Option<Timestamp>) -> ChildSpec {
    let place = place.clone();
    ChildSpec::new(key(approval), move |start: StartContext| {
        let gate = Gate { place: place.clone(), expires_at };
        std::future::ready(Ok(start.actor(gate)))
    })
    .transient()
}

impl Gate {
    fn mind(&mut self, ctx: &mut Context<Self>) {
        let Some(at) = self.expires_at else { return };
        let left = Duration::try_from(at.duration_since(self.place.services.now())).unwrap_or_default();
        if left.is_zero() {
            return self.tell(ctx);
        }
        ctx.run_later(left.min(LOOK_AGAIN), Self::mind);
    }

    /// The time is over: the run decides what that means.
    fn tell(&mut self, ctx: &mut Context<Self>) {
        let tick = Give::by_runtime(Command::Tick);
        match self.place.workflow.try_send(tick) {
            Ok(()) => ctx.stop(),
            Err(_) => drop(ctx.run_later(TELL_AGAIN, Self::tell)),
        }
    }
}

impl Actor for Gate {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.mind(ctx);
    }
}
