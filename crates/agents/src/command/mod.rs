//! Agents of kind `command`: one process per attempt, spoken to over its standard streams.
//!
//! Promises: no shell and no search path; the environment is what the definition names and little else; every attempt has
//! its own session, process group and empty folder, and when it ends (also by a panic, a drop or a crash of the daemon)
//! everything it started ends with it. What a process could do against that: leave its session *and* throw away its
//! environment; nothing but a container finds such a process again.

mod attempt;
mod child;
mod exit;
mod group;
mod kill;
mod plan;
mod procfs;
mod running;
mod tail;
mod undertaker;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::{AgentDefinition, CommandCall};

use crate::{Agent, Call, CancelToken, Environment, Outcome, ProgressSink};
use plan::Plan;
pub use running::{Swept, end_leftovers, sweep};

/// An agent that is a process.
pub(crate) struct Command {
    plan: Arc<Plan>,
}

impl Command {
    /// The agent that `definition` describes, or what is wrong with it.
    pub(crate) fn new(
        definition: &AgentDefinition,
        command: &CommandCall,
        env: &Environment,
    ) -> Result<Self, String> {
        Ok(Self { plan: Arc::new(Plan::new(definition, command, env)?) })
    }
}

impl Agent for Command {
    fn call(&self, call: Call, progress: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        attempt::run(self.plan.clone(), call, progress, cancel).boxed()
    }
}
