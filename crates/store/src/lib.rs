//! Under construction.

mod atomic_file;
pub mod blobs;
pub mod snapshots;
pub mod views;
