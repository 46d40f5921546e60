//! What is given to a run: a command, and where its answer goes.

use actix::Message;
use ghostlight_model::run::Command;
use tokio::sync::oneshot;

use super::slots::SlotGuard;
use super::words::{Accepted, CommandError};
use crate::caller::Caller;
use crate::keys::Claim;

/// Where the answer to a command goes.
pub type Answer = oneshot::Sender<Result<Accepted, CommandError>>;

/// A command to the run. Its answer comes when it is durable.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Give {
    /// What is wanted.
    pub command: Command,
    /// By whom.
    pub caller: Caller,
    /// Its idempotency key, taken in the same append.
    pub key: Option<Claim>,
    /// Who waits for the answer.
    pub answer: Option<Answer>,
    /// The slot of the attempt whose end it reports.
    pub slot: Option<SlotGuard>,
}

impl Give {
    /// What the runtime wants by itself, and nobody waits for.
    #[must_use]
    pub fn by_runtime(command: Command) -> Self {
        Self { command, caller: Caller::runtime(), key: None, answer: None, slot: None }
    }
}
