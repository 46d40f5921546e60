//! The words and the laws of Ghostlight: what a workflow, a plan, a run and an agent are, and what may happen to them.
//!
//! Everything here is a value or a pure function of values. Time, ids and randomness come in as arguments; there is no
//! clock, no I/O, no async and no knowledge of actors, storage or HTTP. What cannot reach the disk cannot fail by it,
//! and is tested in microseconds.

pub mod agent;
pub mod compiled_view;
pub mod definitions;
pub mod diagnostic;
pub mod event;
pub mod failure;
pub mod graph_view;
pub mod ids;
pub mod language;
pub mod payload;
pub mod presence;
pub mod priority;
pub mod retention;
pub mod retry;
pub mod run;
pub mod selection;
pub mod storage;
pub mod template;
pub mod workflow;
