//! The supervised actors of Ghostlight, and the handle through which the surface speaks to them.
//!
//! Each file is one actor or one idea; actors are shells that carry the rules of `ghostlight_model` and know nothing of
//! HTTP. [`runtime::Ghostlight`] is everything the surface may do: commands go to actors, reads go to the journal and its views, and
//! never wake a run.

pub mod agents;
pub mod archive;
pub mod audit;
pub mod batches;
mod blocking;
pub mod bundles;
pub mod caller;
pub mod catalogue;
pub mod codec;
pub mod damage;
pub mod definition_files;
pub mod documents;
pub mod feed;
pub mod keys;
pub mod ledger;
pub mod retention;
pub mod room;
pub mod runs;
pub mod runtime;
pub mod storage;
pub mod streams;
pub mod system;
pub mod templates;
#[cfg(test)]
mod testing;
pub mod tokens;
pub mod tree;
pub mod tree_log;
pub mod views;

pub use caller::{Caller, IdempotencyKey, StoreError};
