//! A store as one file of JSON lines: what `store export` writes and `store import` reads; and some of its runs, before
//! they are dropped.
//!
//! The first line says what it is; then come all appends of the journal in the order of their commits, with every record
//! byte for byte; then the large values; the last line counts and hashes what stands before it, so that a copy that was cut
//! short or changed is known for what it is.

mod export;
mod import;
mod line;
mod runs;

pub use export::{ExportError, Exported, export};
pub use import::{Checked, ImportError, Imported, check, import};
pub use runs::{archive_runs, write_runs};
