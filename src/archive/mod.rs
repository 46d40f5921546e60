//! A store as one file of JSON lines: what `store export` writes and `store import` reads.
//!
//! The first line says what it is; then come all appends of the journal in the order of their commits, with every record
//! byte for byte; then the large values; the last line counts and hashes what stands before it, so that a copy that was cut
//! short or changed is known for what it is.

mod export;
mod import;
mod line;

pub(crate) use export::export;
pub(crate) use import::import;
