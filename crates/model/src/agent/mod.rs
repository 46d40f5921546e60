//! Agent definition files: how an agent or a tool is called, what it promises, and what it may reach.
//!
//! A definition is data. It names secrets and never holds them; it is compiled by a pure function of its text and
//! identified by the hash of its canonical form. How calls are made stands elsewhere.

mod allow;
pub mod catalogue;
mod compile;
mod definition;
mod kinds;
mod secret;

pub use allow::InvalidAllow;
pub use compile::{CompiledAgent, compile};
pub use definition::{
    AgentDefinition, AgentKind, AllowEntry, Builtin, BuiltinCall, CommandCall, Cost, HttpCall, HttpMethod,
    Limits, StatusRule,
};
pub use secret::{InvalidSecret, SecretPart, SecretRef, SecretText};

#[cfg(test)]
mod tests;
