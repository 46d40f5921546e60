//! The stream index of sealed segments: what commands need to know of streams that are not in the journal's tail.
//!
//! One [`Sidecar`] file per sealed segment: sorted, checksummed block by block, written once, and rebuilt from its
//! segment when it is missing or damaged. A million streams cost a few megabytes of memory: of a sidecar only the
//! first name of each block and a Bloom filter are kept; everything else is read by `pread` when asked for.

mod bloom;
mod build;
mod sidecar;
mod table;

use thiserror::Error;

pub(crate) use bloom::Fingerprint;
pub(crate) use build::write_sidecar;
pub(crate) use sidecar::{Identity, Sidecar};

/// Why a sidecar cannot be used.
#[derive(Debug, Error)]
pub(crate) enum SidecarError {
    /// Missing, damaged, or of another segment: build it again.
    #[error("the index of the segment is missing or damaged")]
    Damaged,
    /// The device refused.
    #[error("the index of the segment cannot be read")]
    Device(#[from] std::io::Error),
}
