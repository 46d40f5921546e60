//! The daemon: the control plane over HTTP, access control, measurements, configuration and the command line.

pub mod access;
pub mod http;
pub mod metrics;
