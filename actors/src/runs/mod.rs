//! Runs: admission, the partitions that carry them, and the actors of one run.

pub mod carrying;
pub mod child_runs;
mod children;
mod choosing;
mod chosen;
mod effects;
pub mod execution;
pub mod families;
pub mod gate;
pub mod give;
mod granting;
pub mod handle;
pub mod lately;
pub mod loading;
pub mod marks;
pub mod origin;
pub mod partition;
pub mod place;
pub mod planner;
pub mod present;
pub mod quarantine;
pub mod reading;
mod retrying;
pub mod router;
pub mod services;
pub mod signs;
pub mod slots;
pub mod supervision;
pub mod timers;
mod unit;
pub mod words;
pub mod workflow;

pub use choosing::Preview;
pub use handle::Runs;
pub use reading::RunRead;
pub use retrying::RetryRun;
pub use router::Router;
pub use services::Services;
pub use signs::Silence;
pub use slots::{AgentStatistics, SlotPool, SlotUse};
pub use words::{
    Accepted, Awaited, CommandError, Definition, EventRead, RunCommand, RunNow, StartError, StartRun, Started,
};
