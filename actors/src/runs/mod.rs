//! Runs: admission, the partitions that carry them, and the actors of one run.

pub mod child_runs;
mod children;
mod choosing;
mod effects;
pub mod execution;
pub mod families;
pub mod gate;
mod granting;
pub mod handle;
pub mod loading;
pub mod marks;
pub mod origin;
pub mod partition;
pub mod place;
pub mod planner;
pub mod quarantine;
mod retrying;
pub mod services;
pub mod signs;
pub mod slots;
pub mod supervision;
pub mod timers;
mod unit;
pub mod words;
pub mod workflow;

pub use choosing::Preview;
pub use handle::{Router, Runs};
pub use retrying::RetryRun;
pub use services::Services;
pub use signs::Silence;
pub use slots::{SlotPool, SlotUse};
pub use words::{
    Accepted, Awaited, CommandError, Definition, EventRead, RunCommand, RunNow, RunRead, StartError,
    StartRun, Started,
};
