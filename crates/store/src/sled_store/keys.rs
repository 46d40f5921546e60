//! How views and snapshots are laid out in the keys of sled's trees.
//!
//! Tree `views`: a header a view, and its rows below the generation that the header names. A view is dropped by
//! naming the next generation; the rows of older ones are swept later, a few at a time. Header and rows are in one
//! tree because sled's batches are atomic within a tree.
//!
//! | key | value |
//! |---|---|
//! | `0x00 view` | format, generation, cursor |
//! | `0x01 view 0x00 generation row-key` | row value |
//!
//! Tree `snapshots`: `0x00 stream` → header and, when small, the bytes; `0x01 length(stream) stream chunk-number` →
//! a chunk of the bytes.

use crate::snapshots::{SNAPSHOT_BYTES_MAX, Snapshot};
use crate::views::ViewName;

/// The largest value that is written to sled.
pub(super) const VALUE_BYTES_MAX: usize = 4096;

const HEADER: u8 = 0;
const CONTENT: u8 = 1;

/// What is known of a view without looking at its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ViewHeader {
    pub format: u32,
    pub generation: u32,
    pub cursor: u64,
}

impl ViewHeader {
    pub fn encode(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&self.format.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.generation.to_le_bytes());
        bytes[8..].copy_from_slice(&self.cursor.to_le_bytes());
        bytes
    }

    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let format = u32::from_le_bytes(take(&mut rest)?);
        let generation = u32::from_le_bytes(take(&mut rest)?);
        let cursor = u64::from_le_bytes(take(&mut rest)?);
        rest.is_empty().then_some(Self { format, generation, cursor })
    }
}

pub(super) fn view_header(view: &ViewName) -> Vec<u8> {
    [&[HEADER], view.as_str().as_bytes()].concat()
}

/// What all header keys of views begin with.
pub(super) const VIEW_HEADERS: [u8; 1] = [HEADER];

pub(super) fn view_of_header(key: &[u8]) -> Option<ViewName> {
    ViewName::new(std::str::from_utf8(key.strip_prefix(&VIEW_HEADERS)?).ok()?).ok()
}

/// What the keys of all rows of one generation of a view begin with.
pub(super) fn view_rows(view: &ViewName, generation: u32) -> Vec<u8> {
    [&[CONTENT], view.as_str().as_bytes(), &[0], &generation.to_be_bytes()].concat()
}

pub(super) fn view_row(view: &ViewName, generation: u32, key: &[u8]) -> Vec<u8> {
    let mut row = view_rows(view, generation);
    row.extend_from_slice(key);
    row
}

pub(super) fn snapshot_header(stream: &str) -> Vec<u8> {
    [&[HEADER], stream.as_bytes()].concat()
}

/// The length comes first, so that no stream's chunks can be taken for those of another one.
pub(super) fn snapshot_chunk(stream: &str, number: u16) -> Vec<u8> {
    let length = u16::try_from(stream.len()).unwrap_or(u16::MAX);
    [&[CONTENT], &length.to_be_bytes()[..], stream.as_bytes(), &number.to_be_bytes()].concat()
}

/// The header of a snapshot; its checksum covers all of its bytes, wherever they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SnapshotHeader {
    format: u32,
    sequence: u64,
    chain_hash: [u8; 32],
    length: u32,
    checksum: u32,
}

/// Bytes of a header, before the inlined bytes of a small snapshot.
const SNAPSHOT_HEADER_BYTES: usize = 4 + 8 + 32 + 4 + 4;
/// Bytes of a snapshot that stand in its header's value.
const INLINE_BYTES_MAX: usize = VALUE_BYTES_MAX - SNAPSHOT_HEADER_BYTES;

impl SnapshotHeader {
    pub fn of(snapshot: &Snapshot) -> Self {
        let Snapshot { format, sequence, chain_hash, ref bytes } = *snapshot;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        Self { format, sequence, chain_hash, length, checksum: crc32c::crc32c(bytes) }
    }

    /// How many chunks hold the bytes; none when they stand in the header's value.
    pub fn chunks(&self) -> u16 {
        let length = self.length as usize;
        if length <= INLINE_BYTES_MAX {
            return 0;
        }
        u16::try_from(length.div_ceil(VALUE_BYTES_MAX)).unwrap_or(u16::MAX)
    }

    /// The value of the header's key.
    pub fn encode(&self, snapshot: &Snapshot) -> Vec<u8> {
        let mut value = Vec::with_capacity(SNAPSHOT_HEADER_BYTES);
        value.extend_from_slice(&self.format.to_le_bytes());
        value.extend_from_slice(&self.sequence.to_le_bytes());
        value.extend_from_slice(&self.chain_hash);
        value.extend_from_slice(&self.length.to_le_bytes());
        value.extend_from_slice(&self.checksum.to_le_bytes());
        if self.chunks() == 0 {
            value.extend_from_slice(&snapshot.bytes);
        }
        value
    }

    /// The header and the inlined bytes.
    pub fn decode(value: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = value;
        let format = u32::from_le_bytes(take(&mut rest)?);
        let sequence = u64::from_le_bytes(take(&mut rest)?);
        let chain_hash = take(&mut rest)?;
        let length = u32::from_le_bytes(take(&mut rest)?);
        let checksum = u32::from_le_bytes(take(&mut rest)?);
        let header = Self { format, sequence, chain_hash, length, checksum };
        (length as usize <= SNAPSHOT_BYTES_MAX).then_some((header, rest))
    }

    pub fn format(&self) -> u32 {
        self.format
    }

    /// The snapshot made of this header and its bytes, if they are the ones it was written with.
    pub fn with_bytes(&self, bytes: Vec<u8>) -> Option<Snapshot> {
        let Self { format, sequence, chain_hash, length, checksum } = *self;
        let whole = bytes.len() == length as usize && crc32c::crc32c(&bytes) == checksum;
        whole.then(|| Snapshot { format, sequence, chain_hash, bytes: bytes.into() })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, left) = rest.split_first_chunk::<N>()?;
    *rest = left;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_header_of_a_view_survives_the_way_there_and_back() {
        let header = ViewHeader { format: 7, generation: u32::MAX, cursor: 1 << 60 };
        assert_eq!(ViewHeader::decode(&header.encode()), Some(header));
        let runs = ViewName::new("runs").expect("a plain name");
        assert_eq!(view_of_header(&view_header(&runs)), Some(runs));
    }

    #[test]
    fn the_chunks_of_one_stream_are_never_those_of_another() {
        assert_ne!(snapshot_chunk("a", 0x6100), snapshot_chunk("aa", 0));
    }

    proptest! {
        #[test]
        fn no_bytes_make_decoding_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = ViewHeader::decode(&bytes);
            let _ = view_of_header(&bytes);
            if let Some((header, inline)) = SnapshotHeader::decode(&bytes) {
                let _ = (header.chunks(), header.with_bytes(inline.to_vec()));
            }
        }
    }
}
