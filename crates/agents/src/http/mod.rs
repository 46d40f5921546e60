//! Agents of kind `http`: one request per attempt.
//!
//! Promises: nothing is reached that the definition does not allow (see [`egress`]); redirects are not followed; no answer
//! takes more memory than its limit; the attempt ends with its timeout whatever the server does. A failure before the
//! request left is `happened: no`; one after it is unknown, unless the answer says more.

mod address;
mod body;
mod egress;
mod exchange;
mod failure;
mod status;

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use ghostlight_model::agent::{AgentDefinition, HttpCall};

use crate::{Agent, Call, CancelToken, Environment, Outcome, ProgressSink};
pub(crate) use body::read_body;
pub use egress::Egress;
pub(crate) use egress::Target;
use exchange::Plan;
pub(crate) use failure::request_failure;

/// An agent that is a server.
pub(crate) struct Http {
    plan: Arc<Plan>,
}

impl Http {
    /// The agent that `definition` describes, or what is wrong with it.
    pub(crate) fn new(
        definition: &AgentDefinition,
        http: &HttpCall,
        env: &Environment,
    ) -> Result<Self, String> {
        Ok(Self { plan: Arc::new(Plan::new(definition, http, env)?) })
    }
}

impl Agent for Http {
    fn call(&self, call: Call, progress: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome> {
        exchange::run(self.plan.clone(), call, progress, cancel).boxed()
    }
}
