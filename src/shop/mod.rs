//! A small web shop that really breaks: the service the demo watches, and an example of one to operate.
//!
//! It is an ordinary process with an ordinary bug: every now and then the path of a declined payment returns early
//! and keeps its connection. When the pool is dry, checkouts fail, the health check fails, the metrics say why, the
//! log fills with an error it never had before, and its database is fine. A restart heals it, for a while.
//!
//! - [`run_shop`] is `ghostlight shop`: the service, and beside it the tiny `database` it depends on;
//! - [`run_restart`] is `ghostlight shop-restart`: a command agent that stops it and starts it again;
//! - [`start()`], [`stop()`] and [`load()`] are what the demo needs to have one running and in use.
//!
//! The shop knows nothing of the daemon, and nothing in the daemon knows the shop: they meet over HTTP, a log file,
//! and the command protocol, as any service would.

mod args;
mod client;
mod database;
mod http;
mod load;
mod log;
mod metrics;
mod pool;
mod process;
mod restart;
mod service;
mod start;
mod state;

pub use args::{ShopArgs, ShopRestartArgs};
pub use http::run_shop;
pub use load::{LoadReport, load};
pub use process::{ProcessId, StopError, stop};
pub use restart::run_restart;
pub use start::{StartError, StartOptions, start};
pub use state::{ShopState, StateError};

/// The environment variable that names the folder with the shop's state, for the restart agent.
pub const STATE_VARIABLE: &str = "SHOP_STATE";
