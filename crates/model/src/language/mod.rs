//! The workflow language: from the text of a document to a compiled [`crate::workflow::Workflow`], or to everything
//! that is wrong with it at once.
//!
//! Compiling is a pure function of the text. The parts that stay in the compiled form (bindings, conditions, templates
//! and schemas) are compiled once here and are evaluated later against a [`Scope`], within fixed bounds.

pub mod binding;
pub mod condition;
pub mod document;
mod json;
pub(crate) mod names;
pub(crate) mod reader;
pub mod schema;
pub mod text;
mod toml;
pub mod units;
mod yaml;

pub use binding::Scope;
