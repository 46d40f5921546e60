//! What the tree tells to whoever keeps the record.

use std::sync::Arc;

use serde::Serialize;

use crate::ExitReason;
use crate::core::{Kind, Verdict};
use crate::node::Path;

/// Something that happened in the tree. Serializes with its name as `type`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type")]
#[non_exhaustive]
pub enum TreeEvent {
    /// A child is up, by its first start or by hand.
    #[serde(rename = "actor.started")]
    ActorStarted {
        /// Who.
        path: Path,
        /// What it is.
        actor: Kind,
        /// Which life of it.
        incarnation: u32,
        /// Where it lives; absent for the thread of the root.
        arbiter: Option<Arc<str>>,
    },
    /// A child ended, or could not be started.
    #[serde(rename = "actor.exited")]
    ActorExited {
        /// Who.
        path: Path,
        /// What it is.
        actor: Kind,
        /// Which life of it.
        incarnation: u32,
        /// Why, with the place of a panic.
        reason: ExitReason,
        /// What follows.
        verdict: Verdict,
        /// Whether it ended before it was up.
        starting: bool,
        /// Where it lived.
        arbiter: Option<Arc<str>>,
    },
    /// A child is up again.
    #[serde(rename = "actor.restarted")]
    ActorRestarted {
        /// Who.
        path: Path,
        /// What it is.
        actor: Kind,
        /// Which life of it.
        incarnation: u32,
        /// How often it was restarted so far.
        restarts: u32,
        /// The end that this start answers.
        cause: ExitReason,
        /// Where it lives.
        arbiter: Option<Arc<str>>,
    },
    /// A supervisor reached its restart intensity and ends; its own supervisor decides further.
    #[serde(rename = "supervisor.gave_up")]
    SupervisorGaveUp {
        /// Which supervisor.
        path: Path,
        /// The child that ended once too often.
        child: Path,
        /// How it ended.
        cause: ExitReason,
        /// The restarts within the period.
        restarts: u32,
        /// The restarts allowed.
        max_restarts: u32,
        /// The period, in milliseconds.
        period_ms: u64,
    },
    /// A child was killed, shows no reaction and was abandoned.
    #[serde(rename = "actor.stuck")]
    ActorStuck {
        /// Who.
        path: Path,
        /// Which life of it.
        incarnation: u32,
        /// The thread that does not react.
        arbiter: Option<Arc<str>>,
    },
    /// An arbiter has not answered for a while: something blocks its thread.
    #[serde(rename = "arbiter.stuck")]
    ArbiterStuck {
        /// Its name.
        arbiter: Arc<str>,
        /// For how long, in milliseconds.
        silent_ms: u64,
    },
    /// A stuck arbiter was replaced: a fresh thread fills its place, and what lived on the old one is restarted there.
    #[serde(rename = "arbiter.replaced")]
    ArbiterReplaced {
        /// Its name, which the fresh one bears too.
        arbiter: Arc<str>,
        /// For how long it was silent, in milliseconds.
        silent_ms: u64,
        /// How many threads have filled the place, the fresh one included.
        generation: u32,
    },
    /// A stuck arbiter answers again.
    #[serde(rename = "arbiter.recovered")]
    ArbiterRecovered {
        /// Its name.
        arbiter: Arc<str>,
        /// For how long it was silent, in milliseconds.
        silent_ms: u64,
    },
}

/// Is told everything, on the thread where it happened: by supervisors on their arbiters, about arbiters by the heartbeat.
/// Must not block and should only pass the event on; a panic in it is caught and lost.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn observe(&self, event: &TreeEvent);
}

impl<F: Fn(&TreeEvent) + Send + Sync> Observer for F {
    fn observe(&self, event: &TreeEvent) {
        self(event);
    }
}
