//! Blobs in memory: for tests and simulations of what is built on blobs. Durable as long as the value lives.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::{BlobError, BlobId, Blobs};

/// [`Blobs`] in a map.
pub struct MemoryBlobs {
    bytes_max: usize,
    kept: Mutex<BTreeMap<BlobId, Bytes>>,
}

impl MemoryBlobs {
    /// An empty store whose blobs may have up to `bytes_max` bytes each.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, kept: Mutex::default() }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<BlobId, Bytes>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryBlobs {
    fn default() -> Self {
        Self::new(super::BLOB_BYTES_MAX_DEFAULT)
    }
}

impl Blobs for MemoryBlobs {
    fn put(&self, bytes: &[u8]) -> Result<BlobId, BlobError> {
        if bytes.len() > self.bytes_max {
            return Err(BlobError::TooLarge { bytes: bytes.len() as u64, max: self.bytes_max as u64 });
        }
        let id = BlobId::of(bytes);
        self.kept().entry(id).or_insert_with(|| Bytes::copy_from_slice(bytes));
        Ok(id)
    }

    fn get(&self, id: &BlobId) -> Result<Bytes, BlobError> {
        self.kept().get(id).cloned().ok_or(BlobError::NotFound { id: *id })
    }

    fn contains(&self, id: &BlobId) -> Result<bool, BlobError> {
        Ok(self.kept().contains_key(id))
    }

    fn remove(&self, id: &BlobId) -> Result<bool, BlobError> {
        Ok(self.kept().remove(id).is_some())
    }

    fn list(&self, after: Option<&BlobId>, limit: usize) -> Result<Vec<BlobId>, BlobError> {
        let from = after.map_or(Bound::Unbounded, |id| Bound::Excluded(*id));
        Ok(self.kept().range((from, Bound::Unbounded)).take(limit).map(|(id, _)| *id).collect())
    }
}
