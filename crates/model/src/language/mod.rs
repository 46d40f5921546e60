//! The workflow language: from the text of a document to a compiled [`crate::workflow::Workflow`], or to everything
//! that is wrong with it at once.
//!
//! Compiling is a pure function of the text. The parts that stay in the compiled form (bindings, conditions, templates
//! and schemas) are compiled once here and are evaluated later against a [`Scope`], within fixed bounds.

pub mod binding;
mod children;
mod compile;
pub mod condition;
pub(crate) mod deep_stack;
pub mod document;
mod draft;
mod edges;
mod elsewhere;
pub mod encoding;
pub(crate) mod fields;
pub mod file_schema;
pub mod format;
mod graph;
mod hints;
mod input_reads;
mod json;
mod makespan;
pub(crate) mod names;
mod of_run;
mod outline;
pub mod plan;
mod reach;
pub(crate) mod reader;
pub mod schema;
mod selectors;
mod shared;
pub mod spelling;
mod supervision;
mod targets;
pub mod text;
mod toml;
mod types;
pub mod units;
mod yaml;

pub use binding::Scope;
pub(crate) use compile::canonical;
pub use compile::{Compiled, NODES_MAX, Source, compile};
pub use document::Format;
pub use draft::NESTING_MAX;
pub use edges::EDGES_MAX;
pub use names::Local;
pub use of_run::Fact;
pub use targets::{AgentFile, CallAt, KnownAgent, check_targets};
#[cfg(test)]
pub(crate) use types::not_of_their_type;

/// The canonical form of a document, of one that does not compile too; none when its text cannot be read.
#[must_use]
pub fn canonical_document(source: &Source<'_>) -> Option<serde_json::Value> {
    let read = || document::parse(source.text, source.format).0.map(|root| root.to_value());
    deep_stack::run(read).ok().flatten()
}

#[cfg(test)]
mod tests;
