//! The control plane over HTTP: it translates, authorises, asks, and answers; the rules live below.
//!
//! Every route stands in one table (`routes`) that the OpenAPI document is made of too. Refusals are problem details
//! with stable codes ([`problem`]). What comes from outside is bounded in size and time, and never causes a 500.

mod agents;
mod approvals;
mod batches;
mod body;
mod bundles;
mod children;
mod crowd;
mod descriptors;
mod docs;
mod feeds;
mod frames;
mod graph;
mod headers;
mod health;
mod listener;
mod middleware;
mod paging;
mod presence;
pub mod problem;
mod refusals;
mod request;
pub mod resources;
mod retries;
mod routes;
mod run_commands;
mod run_filters;
mod run_numbers;
mod run_parts;
mod runs;
mod schemas;
mod seats;
mod sessions;
mod settings;
mod sse;
mod strict;
mod striker;
mod surface;
mod system;
mod templates;
mod tokens;
mod tree;
mod unread;
mod versions;
mod websocket;
mod workflow_runs;
mod workflows;

use std::net::SocketAddr;

pub use children::children;
pub use descriptors::make_most_room;
pub use listener::Listener;
pub use routes::{openapi, table};
pub use settings::HttpSettings;
pub use strict::nearest;

use crate::access::ListenError;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nothing would protect the address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address cannot be had.
    #[error("cannot listen on {listen}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}
