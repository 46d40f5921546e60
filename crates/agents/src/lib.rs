//! How an agent or a tool is called: a process of this machine, a server, or code inside the daemon.
//!
//! [`build()`] turns a definition into an [`Agent`]; [`Agent::call`] makes one attempt and answers with an output or with a
//! [`Failure`](ghostlight_model::failure::Failure) in the model's words: its class, and whether the call had its effect.
//! What an agent says on the way (progress, tokens, usage) goes to a [`ProgressSink`] that is bounded and never waits.
//!
//! Promises: an attempt ends by its timeout; whatever the callee does, memory stays within the limits of the call and
//! nothing that was started outlives the attempt; a call may be dropped at any moment. Everything that comes from outside
//! is taken as hostile.
//!
//! Left to others: retries, circuits, schemas, what a failure means for a run, and the journal. This crate knows neither
//! runs nor the store.

mod build;
mod builtin;
mod call;
mod cancel;
mod command;
mod http;
mod progress;
mod protocol;
mod secret;
#[cfg(test)]
mod testing;
mod text;
mod within;

pub use build::{BuildError, Environment, Limits, build};
pub use call::{Agent, Answer, Call, Outcome};
pub use cancel::CancelToken;
pub use command::{Swept, end_leftovers, sweep};
pub use http::Egress;
pub use progress::{Progress, ProgressReceiver, ProgressSink, Signs, progress_channel};
pub use secret::{EnvAndFiles, SecretError, SecretSource};
