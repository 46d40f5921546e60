//! Agent definition files: how an agent or a tool is called, what it promises, and what it may reach.
//!
//! A definition is data. It names secrets and never holds them; it is compiled by a pure function of its text and
//! identified by the hash of its canonical form. How calls are made stands elsewhere.

mod definition;
mod secret;

pub use definition::{
    AgentDefinition, AgentKind, AllowEntry, Builtin, BuiltinCall, CommandCall, Cost, HttpCall, HttpMethod,
    Limits, StatusRule,
};
pub use secret::{InvalidSecret, SecretPart, SecretRef, SecretText};
