//! OTP-grade supervision for actix actors.
pub mod core;

mod addr;
mod arbiters;
mod body;
mod child;
mod context;
mod exit;
mod handle;
mod inbox;
mod key;
mod node;
mod observer;
mod panics;
mod snapshot;
mod spec;
mod start;
mod supervisor;
mod tree;

pub use addr::{MAILBOX_MAX, SendError, StableAddr};
pub use arbiters::{ArbiterRef, Arbiters, Heartbeat, HeartbeatConfig};
pub use context::{Context, Graceful};
pub use core::{
    AutoShutdown, Backoff, ChildInfo, ChildState, Counts, FlagError, Flags, Intensity, Kind, Restart,
    Shutdown, SpecError, StopOrder, Strategy, SupervisorError, Verdict,
};
pub use exit::{ExitClass, ExitReason};
pub use handle::{ChildRef, SupervisorRef};
pub use key::Key;
pub use node::{Down, Path};
pub use observer::{Observer, TreeEvent};
pub use snapshot::TreeNode;
pub use spec::{ChildSpec, Placement};
pub use start::{ActorStart, StartContext, StartError, Started, Stopping};
pub use tree::{Root, Tree, TreeConfig};
