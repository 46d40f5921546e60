//! Blobs: values too large for an event, named by the BLAKE3 hash of their bytes.
//!
//! Promises: when [`Blobs::put`] returns, the blob survives a power cut, so that an event naming it may be
//! appended; putting the same bytes again changes nothing; [`Blobs::get`] never returns bytes that do not hash to
//! the name. What no event names any more is found and removed by [`sweep()`].

use std::fmt;
use std::io;
use std::str::FromStr;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

mod file;
mod held;
mod memory;
mod sweep;

pub use file::FileBlobs;
pub use held::{BlobsHeld, SweepPermit};
pub use memory::MemoryBlobs;
pub use sweep::{SweepError, Swept, names_in, sweep};

/// The size limit of a blob unless its store was opened with another one: 64 MiB.
pub const BLOB_BYTES_MAX_DEFAULT: usize = 64 * 1024 * 1024;

/// Where blobs are kept. All methods block on the disk: call them from a blocking pool, never from an arbiter.
pub trait Blobs: Send + Sync {
    /// Keeps `bytes` and returns their name. Durable when it returns. Putting what is there already is no error,
    /// and repairs a copy that was damaged. Errors: [`BlobError::TooLarge`], [`BlobError::Io`].
    fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError>;

    /// The bytes of a blob, verified against its name. Errors: [`BlobError::NotFound`], [`BlobError::Corrupt`],
    /// [`BlobError::Io`].
    fn get(&self, id: &BlobId) -> Result<Bytes, BlobError>;

    /// Whether a blob of this name is there; its bytes are not looked at. Errors: [`BlobError::Io`].
    fn contains(&self, id: &BlobId) -> Result<bool, BlobError>;

    /// Removes a blob and tells whether it was there. After a power cut it may be there again, so a sweep has to
    /// be repeatable. Errors: [`BlobError::Io`].
    fn remove(&self, id: &BlobId) -> Result<bool, BlobError>;

    /// Begins a sweep: a blob that was put since the one before the last began is not removed by it. So whoever has put a blob
    /// has at least the time between two sweeps to append what names it. Who keeps no such account does nothing. None says that
    /// another process reads the blobs, and that nothing may be swept now. Errors: [`BlobError::Io`].
    fn begin_sweep(&self) -> Result<Option<SweepPermit>, BlobError> {
        Ok(Some(SweepPermit::default()))
    }

    /// Goes on with a sweep that gave its permit up. None as in [`Blobs::begin_sweep`]. Errors: [`BlobError::Io`].
    fn resume_sweep(&self) -> Result<Option<SweepPermit>, BlobError> {
        Ok(Some(SweepPermit::default()))
    }

    /// Removes a blob for a sweep, unless it was put lately, and tells how many bytes that were. Who keeps no account of what was put
    /// removes nothing. Errors: [`BlobError::Io`].
    fn sweep_away(&self, _id: &BlobId) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }

    /// Up to `limit` names in ascending order, beginning after `after`. A blob put or removed while a listing goes
    /// from page to page may or may not appear. Errors: [`BlobError::Io`].
    fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<Vec<BlobId>, BlobError>;
}

/// The name of a blob: the BLAKE3 hash of its bytes, written as 64 lowercase hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlobId([u8; 32]);

impl BlobId {
    /// The name that `bytes` have.
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// The name with this hash.
    pub const fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The hash itself.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlobId({self})")
    }
}

/// A text that is no blob name: not 64 lowercase hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a blob is named by 64 lowercase hexadecimal digits")]
pub struct BadBlobId;

impl FromStr for BlobId {
    type Err = BadBlobId;

    fn from_str(text: &str) -> Result<Self, BadBlobId> {
        // One spelling only, so that a name is also a unique path and a unique key.
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(BadBlobId);
        }
        let hash = blake3::Hash::from_hex(text).map_err(|_| BadBlobId)?;
        Ok(Self(*hash.as_bytes()))
    }
}

impl Serialize for BlobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BlobId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a blob could not be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// No blob of this name is there.
    #[error("blob {id} is not there")]
    NotFound {
        /// The name asked for.
        id: BlobId,
    },
    /// The bytes kept under this name are not those it was made from: report it, restore it or put it again.
    #[error("blob {id} is damaged: its bytes no longer have this hash")]
    Corrupt {
        /// The name asked for.
        id: BlobId,
    },
    /// The value exceeds the limit of this store; nothing was written.
    #[error("a blob of {bytes} bytes exceeds the limit of {max} bytes")]
    TooLarge {
        /// The size of the value.
        bytes: u64,
        /// The limit.
        max: u64,
    },
    /// The file system refused; trying again later may help.
    #[error("could not {action} a blob")]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// What the file system answered.
        #[source]
        source: io::Error,
    },
}

#[cfg(test)]
mod conformance {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use ghostlight_world::RealFiles;

    use super::*;

    fn with_each_store(check: impl Fn(&dyn Blobs)) {
        let dir = tempfile::tempdir().unwrap();
        let files = Arc::new(RealFiles);
        check(&FileBlobs::open(files, dir.path().join("blobs"), 1024).unwrap());
        check(&MemoryBlobs::new(1024));
    }

    #[test]
    fn a_blob_is_read_back_under_the_hash_of_its_bytes() {
        with_each_store(|blobs| {
            let id = blobs.put(b"a long report").unwrap();
            assert_eq!(id, BlobId::of(b"a long report"));
            assert_eq!(&blobs.get(&id).unwrap()[..], b"a long report");
            assert!(blobs.contains(&id).unwrap());
        });
    }

    #[test]
    fn the_empty_blob_is_a_blob() {
        with_each_store(|blobs| {
            let id = blobs.put(b"").unwrap();
            assert!(blobs.get(&id).unwrap().is_empty());
        });
    }

    #[test]
    fn putting_the_same_bytes_twice_keeps_one_blob() {
        with_each_store(|blobs| {
            let first = blobs.put(b"same").unwrap();
            assert_eq!(blobs.put(b"same").unwrap(), first);
            assert_eq!(blobs.list(None, 10).unwrap(), [first]);
        });
    }

    #[test]
    fn a_blob_over_the_limit_is_refused_and_nothing_is_kept() {
        with_each_store(|blobs| {
            let refused = blobs.put(&[0; 1025]);
            assert!(matches!(refused, Err(BlobError::TooLarge { bytes: 1025, max: 1024 })));
            assert!(blobs.list(None, 10).unwrap().is_empty());
            blobs.put(&[0; 1024]).unwrap();
        });
    }

    #[test]
    fn an_absent_blob_is_not_found_and_its_removal_says_so() {
        with_each_store(|blobs| {
            let id = BlobId::of(b"never put");
            assert!(matches!(blobs.get(&id), Err(BlobError::NotFound { .. })));
            assert!(!blobs.contains(&id).unwrap());
            assert!(!blobs.remove(&id).unwrap());
        });
    }

    #[test]
    fn a_removed_blob_is_gone_and_can_be_put_again() {
        with_each_store(|blobs| {
            let id = blobs.put(b"sweep me").unwrap();
            assert!(blobs.remove(&id).unwrap());
            assert!(matches!(blobs.get(&id), Err(BlobError::NotFound { .. })));
            assert_eq!(blobs.put(b"sweep me").unwrap(), id);
        });
    }

    #[test]
    fn a_listing_in_pages_names_each_blob_once_in_order() {
        with_each_store(|blobs| {
            let mut expected: Vec<BlobId> =
                (0..23u8).map(|n| blobs.put(&[n]).expect("a byte is within the limit")).collect();
            expected.sort();
            let mut seen = Vec::new();
            while let Ok(page) = blobs.list(seen.last(), 5)
                && !page.is_empty()
            {
                seen.extend(page);
            }
            assert_eq!(seen, expected);
        });
    }

    #[test]
    fn a_name_is_written_in_one_way_only() {
        let id = BlobId::of(b"x");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<BlobId>(), Err(BadBlobId));
        assert_eq!("../../etc/passwd".parse::<BlobId>(), Err(BadBlobId));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(serde_json::from_str::<BlobId>(&json).unwrap(), id);
    }
}
