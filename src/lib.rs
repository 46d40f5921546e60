//! The daemon: the control plane over HTTP, access control, measurements, configuration and the command line.

pub mod access;
pub mod chaos;
pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod examples;
pub mod http;
pub mod metrics;
pub mod output;
pub mod shop;
