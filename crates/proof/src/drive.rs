//! Working the real daemon and killing it, while everything that is seen is written down.

mod agents;
mod clients;
mod daemon;
mod device;
mod episode;
mod finish;
mod log;
mod reader;

pub use episode::{Episode, Outcome, Settings, fresh, run};
