//! A segment that will never be written again, and its index: in memory until its sidecar is durable.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use ghostlight_world::{Files, OpenMode};

use super::Waking;
use super::indexing::{Before, index_of};
use super::segment::{ScanError, SegmentInfo};
use super::tail::{FrameAt, PartAt, StreamEntry, Tail};
use crate::index::{Fingerprint, Identity, Sidecar, SidecarError, write_sidecar};
use crate::record::{ReadError, StreamName};

pub(crate) struct Sealed {
    pub info: Arc<SegmentInfo>,
    /// The first commit that is not in it.
    pub end_commit: u64,
    /// The first global sequence that is not in it.
    pub end_sequence: u64,
    /// How long its file is.
    pub file_bytes: u64,
    sidecar_path: PathBuf,
    index: RwLock<SegmentIndex>,
}

#[derive(Clone)]
pub(crate) enum SegmentIndex {
    Memory(Arc<Tail>),
    Disk(Arc<Sidecar>),
}

/// The sidecar's file of a segment.
pub(crate) fn sidecar_path(index_dir: &Path, segment: u64) -> PathBuf {
    index_dir.join(format!("{segment:010}.idx"))
}

fn identity(info: &SegmentInfo, end_commit: u64) -> Identity {
    Identity { log_id: info.log_id, segment: info.number, salt: info.salt, end_commit }
}

impl Sealed {
    /// A segment whose index is still in memory.
    pub fn from_tail(
        info: Arc<SegmentInfo>,
        end: (u64, u64),
        file_bytes: u64,
        tail: Tail,
        index_dir: &Path,
    ) -> Self {
        Self {
            sidecar_path: sidecar_path(index_dir, info.number),
            info,
            end_commit: end.0,
            end_sequence: end.1,
            file_bytes,
            index: RwLock::new(SegmentIndex::Memory(Arc::new(tail))),
        }
    }

    /// A segment of an earlier life, with its sidecar, which is built again when it is not usable. `before` knows the
    /// segments before it.
    pub fn open(
        files: &dyn Files,
        info: Arc<SegmentInfo>,
        end: (u64, u64),
        index_dir: &Path,
        before: Before<'_>,
    ) -> Result<Self, ScanError> {
        let path = sidecar_path(index_dir, info.number);
        let file_bytes = files.open(&info.path, OpenMode::Read)?.len()?;
        match Sidecar::open(files, &path, &identity(&info, end.0)) {
            Ok(sidecar) => Ok(Self {
                info,
                end_commit: end.0,
                end_sequence: end.1,
                file_bytes,
                sidecar_path: path,
                index: RwLock::new(SegmentIndex::Disk(Arc::new(sidecar))),
            }),
            Err(SidecarError::Device(error)) => Err(error.into()),
            Err(SidecarError::Damaged) => {
                let tail = index_of(files, &info, end, before)?;
                let sealed = Self::from_tail(info, end, file_bytes, tail, index_dir);
                if let Err(error) = sealed.write_index(files) {
                    tracing::warn!(segment = sealed.info.number, %error, "the index of a segment stays in memory");
                }
                Ok(sealed)
            }
        }
    }

    /// The first commit that is not in it, and its first sequence.
    pub fn end(&self) -> (u64, u64) {
        (self.end_commit, self.end_sequence)
    }

    /// How many records are left in it.
    pub fn record_count(&self) -> u64 {
        let all = self.end_sequence.saturating_sub(self.info.first_sequence);
        self.info.left.map_or(all, |left| left.records)
    }

    pub fn is_in_memory(&self) -> bool {
        matches!(self.index(), SegmentIndex::Memory(_))
    }

    /// Makes the index durable and lets go of the memory. Does nothing when that is done.
    pub fn write_index(&self, files: &dyn Files) -> std::io::Result<()> {
        let SegmentIndex::Memory(tail) = self.index() else { return Ok(()) };
        let identity = identity(&self.info, self.end_commit);
        write_sidecar(files, &self.sidecar_path, &identity, &tail)?;
        let sidecar = Sidecar::open(files, &self.sidecar_path, &identity).map_err(std::io::Error::other)?;
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = SegmentIndex::Disk(Arc::new(sidecar));
        Ok(())
    }

    fn index(&self) -> SegmentIndex {
        self.index.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn memory_bytes(&self) -> u64 {
        match self.index() {
            SegmentIndex::Memory(_) => 0,
            SegmentIndex::Disk(sidecar) => sidecar.memory_bytes(),
        }
    }

    /// Asks the index as it is; none when its sidecar turns out to be damaged.
    pub fn ask_as_is<T>(
        &self,
        question: impl Fn(&SegmentIndex) -> Result<T, SidecarError>,
    ) -> Result<Option<T>, ReadError> {
        match question(&self.index()) {
            Ok(answer) => Ok(Some(answer)),
            Err(SidecarError::Device(error)) => Err(error.into()),
            Err(SidecarError::Damaged) => Ok(None),
        }
    }

    /// The same, and when the sidecar turns out to be damaged, builds it again from the segment and asks once more. `older` are
    /// the segments before it.
    pub fn ask<T>(
        &self,
        files: &dyn Files,
        older: &[Arc<Self>],
        question: impl Fn(&SegmentIndex) -> Result<T, SidecarError>,
    ) -> Result<T, ReadError> {
        if let Some(answer) = self.ask_as_is(&question)? {
            return Ok(answer);
        }
        tracing::warn!(segment = self.info.number, "the index of a segment is damaged and is built again");
        // A damaged part of a stream that began before this segment may be told by what was known of it then alone.
        let before = |stream: &StreamName| known_to(files, older, stream);
        let tail = Arc::new(index_of(files, &self.info, self.end(), &before)?);
        let rebuilt = SegmentIndex::Memory(tail);
        *self.index.write().unwrap_or_else(PoisonError::into_inner) = rebuilt.clone();
        if let Err(error) = self.write_index(files) {
            tracing::warn!(segment = self.info.number, %error, "the index of a segment stays in memory");
        }
        question(&rebuilt).map_err(|error| ReadError::Device(std::io::Error::other(error)))
    }
}

/// What the newest of these segments that knows a stream says of it.
pub(crate) fn known_to(
    files: &dyn Files,
    sealed: &[Arc<Sealed>],
    stream: &StreamName,
) -> Result<Option<StreamEntry>, ReadError> {
    let key = Fingerprint::of(stream.as_str().as_bytes());
    for (at, newest) in sealed.iter().enumerate().rev() {
        let entry = newest.ask(files, &sealed[..at], |index| index.entry(stream, key))?;
        if entry.is_some() {
            return Ok(entry);
        }
    }
    Ok(None)
}

impl From<ReadError> for ScanError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Device(error) => Self::Device(error),
            ReadError::Corrupt(corruption) => Self::Corrupt(corruption),
            ReadError::Unavailable => Self::Device(std::io::Error::other(ReadError::Unavailable)),
        }
    }
}

impl From<ScanError> for ReadError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Device(error) => ReadError::Device(error),
            ScanError::Corrupt(corruption) => ReadError::Corrupt(corruption),
        }
    }
}

impl SegmentIndex {
    pub fn entry(&self, stream: &StreamName, key: Fingerprint) -> Result<Option<StreamEntry>, SidecarError> {
        match self {
            Self::Memory(tail) => Ok(tail.get(stream).cloned()),
            Self::Disk(sidecar) => Ok(sidecar.get(stream, key)?.map(|found| found.entry)),
        }
    }

    /// The stream's entry, and its parts from the one that holds `from` on.
    pub fn parts(
        &self,
        stream: &StreamName,
        key: Fingerprint,
        from: u64,
        limit: usize,
    ) -> Result<Option<(StreamEntry, Vec<PartAt>)>, SidecarError> {
        match self {
            Self::Memory(tail) => {
                Ok(tail.get(stream).map(|entry| (entry.clone(), tail.parts(stream, from, limit))))
            }
            Self::Disk(sidecar) => {
                let Some(found) = sidecar.get(stream, key)? else { return Ok(None) };
                let parts = sidecar.parts(&found, from, limit)?;
                Ok(Some((found.entry, parts)))
            }
        }
    }

    pub fn alias(&self, alias: &[u8; 16], key: Fingerprint) -> Result<Option<StreamName>, SidecarError> {
        match self {
            Self::Memory(tail) => Ok(tail.alias(alias).cloned()),
            Self::Disk(sidecar) => sidecar.alias(alias, key),
        }
    }

    pub fn waking(
        &self,
        until: i64,
        after: Option<&Waking>,
        limit: usize,
    ) -> Result<Vec<Waking>, SidecarError> {
        match self {
            Self::Memory(tail) => Ok(tail.waking(until, after, limit)),
            Self::Disk(sidecar) => sidecar.waking(until, after, limit),
        }
    }

    pub fn names(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, SidecarError> {
        match self {
            Self::Memory(tail) => Ok(tail.names(prefix, after, limit)),
            Self::Disk(sidecar) => sidecar.names(prefix, after, limit),
        }
    }

    pub fn frame_before(&self, sequence: u64) -> Result<Option<FrameAt>, SidecarError> {
        match self {
            Self::Memory(tail) => Ok(tail.frame_before(sequence)),
            Self::Disk(sidecar) => sidecar.frame_before(sequence),
        }
    }
}
