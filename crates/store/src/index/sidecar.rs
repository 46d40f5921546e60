//! Reading a sidecar.

use std::ops::Range;
use std::path::Path;

use ghostlight_world::{File, Files, OpenMode};
use serde::{Deserialize, Serialize};

use super::SidecarError;
use super::bloom::{Bloom, Fingerprint};
use super::table::Table;
use crate::journal::Waking;
use crate::journal::frame::{wake_of, wake_tag};
use crate::journal::tail::{FrameAt, PartAt, StreamEntry};
use crate::record::StreamName;

pub(super) const FOOTER_MAGIC: [u8; 8] = *b"GLIGHTIX";
pub(super) const FORMAT: u32 = 1;
const FOOTER_BYTES: usize = 32;
/// Stands with the kind of wake-up of a stream that is in doubt. An older program takes such a sidecar for damaged.
const IN_DOUBT: u8 = 0x80;
/// A description larger than this is not one of ours.
const META_BYTES_MAX: u64 = 256 << 20;

/// What a sidecar must say of itself to belong to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub log_id: [u8; 16],
    pub segment: u64,
    pub salt: u32,
    /// The number of the first commit that is not in the segment.
    pub end_commit: u64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Meta {
    pub identity: Identity,
    pub stream_count: u64,
    pub block_offsets: Vec<u32>,
    pub blocks_end: u32,
    /// The first name of each block, one after the other.
    pub fence_names: String,
    pub fence_ends: Vec<u32>,
    pub parts: Table<16>,
    pub wakes: Table<16>,
    pub aliases: Table<24>,
    pub frames: Table<16>,
    pub bloom_offset: u64,
    pub bloom_len: u32,
    pub bloom_crc: u32,
}

/// The index of one sealed segment, on disk but for its fences and its filter.
pub(crate) struct Sidecar {
    file: Box<dyn File>,
    meta: Meta,
    bloom: Bloom,
}

/// A stream's entry and its places in the table of parts.
pub(crate) struct Found {
    pub name: StreamName,
    pub entry: StreamEntry,
    pub parts: Range<u64>,
}

/// A stream's entry as a block holds it; small numbers take few bytes.
#[derive(Serialize, Deserialize)]
pub(super) struct EntryOnDisk<'a> {
    name: &'a str,
    route: &'a str,
    wake: u8,
    due: i64,
    first: u64,
    /// How far the last one is from the first.
    last_from_first: u64,
    first_part: u64,
    part_count: u64,
    chain: [u8; 32],
}

impl<'a> EntryOnDisk<'a> {
    pub fn new(name: &'a StreamName, entry: &'a StreamEntry, parts: Range<u64>) -> Self {
        let (wake, due) = wake_tag(entry.wake);
        Self {
            name: name.as_str(),
            route: &entry.route,
            wake: if entry.is_in_doubt { wake | IN_DOUBT } else { wake },
            due,
            first: entry.first,
            last_from_first: entry.last - entry.first,
            first_part: parts.start,
            part_count: parts.end - parts.start,
            chain: entry.chain,
        }
    }

    fn found(&self) -> Option<Found> {
        let entry = StreamEntry {
            first: self.first,
            last: self.first.checked_add(self.last_from_first)?,
            chain: self.chain,
            wake: wake_of(self.wake & !IN_DOUBT, self.due)?,
            route: self.route.into(),
            is_in_doubt: self.wake & IN_DOUBT != 0,
        };
        let parts = self.first_part..self.first_part.checked_add(self.part_count)?;
        Some(Found { name: StreamName::parse(self.name).ok()?, entry, parts })
    }
}

/// A block in memory, and where its entries begin.
struct Block {
    index: usize,
    entries: Vec<Found>,
}

impl Sidecar {
    /// Opens the sidecar at `path` and checks that it is whole in what is kept in memory, and the segment's own.
    pub fn open(files: &dyn Files, path: &Path, identity: &Identity) -> Result<Self, SidecarError> {
        let file = match files.open(path, OpenMode::Read) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(SidecarError::Damaged),
            other => other?,
        };
        let len = file.len()?;
        let footer_at = len.checked_sub(FOOTER_BYTES as u64).ok_or(SidecarError::Damaged)?;
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)?;
        let number =
            |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
        let whole = number(28) == crc32c::crc32c(&footer[..28]);
        if footer[..8] != FOOTER_MAGIC || !whole || number(24) != FORMAT {
            return Err(SidecarError::Damaged);
        }
        let meta_at = u64::from(number(8)) | u64::from(number(12)) << 32;
        let meta_bytes = read(&*file, meta_at, u64::from(number(16)).min(META_BYTES_MAX), len)?;
        if crc32c::crc32c(&meta_bytes) != number(20) {
            return Err(SidecarError::Damaged);
        }
        let meta: Meta = postcard::from_bytes(&meta_bytes).map_err(|_| SidecarError::Damaged)?;
        let bloom = read(&*file, meta.bloom_offset, meta.bloom_len.into(), len)?;
        if meta.identity != *identity || crc32c::crc32c(&bloom) != meta.bloom_crc {
            return Err(SidecarError::Damaged);
        }
        let bloom = Bloom::from_bytes(bloom).ok_or(SidecarError::Damaged)?;
        Ok(Self { file, meta, bloom })
    }

    /// About how much memory it takes.
    pub fn memory_bytes(&self) -> u64 {
        let meta = &self.meta;
        let fences = meta.fence_names.len() + (meta.fence_ends.len() + meta.block_offsets.len()) * 4;
        (fences + self.bloom.as_bytes().len() + size_of::<Self>()) as u64
    }

    /// The entry of a stream, if this segment holds records of it.
    pub fn get(&self, stream: &StreamName, key: Fingerprint) -> Result<Option<Found>, SidecarError> {
        if !self.bloom.may_hold(key) {
            return Ok(None);
        }
        let Some(block) = self.block_before(stream.as_str()) else { return Ok(None) };
        let block = self.block(block)?;
        Ok(block.entries.into_iter().find(|found| found.name == *stream))
    }

    /// The parts of an entry from the one that holds stream sequence `from` on, at most `limit`.
    pub fn parts(&self, found: &Found, from: u64, limit: usize) -> Result<Vec<PartAt>, SidecarError> {
        let (mut low, mut high) = (found.parts.start, found.parts.end);
        // The last part that begins at `from` or before; the first one when all begin later.
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if part_at(&self.meta.parts.get(&*self.file, middle)?).first <= from {
                low = middle;
            } else {
                high = middle;
            }
        }
        let end = found.parts.end.min(low.saturating_add(limit as u64));
        Ok(self.meta.parts.range(&*self.file, low..end)?.iter().map(part_at).collect())
    }

    /// The stream with this alias.
    pub fn alias(&self, alias: &[u8; 16], key: Fingerprint) -> Result<Option<StreamName>, SidecarError> {
        if !self.bloom.may_hold(key) {
            return Ok(None);
        }
        let table = &self.meta.aliases;
        let index = table.partition_point(&*self.file, |entry| Ok(entry[..16] < alias[..]))?;
        if index == table.len() {
            return Ok(None);
        }
        let entry = table.get(&*self.file, index)?;
        if entry[..16] != alias[..] {
            return Ok(None);
        }
        self.name_at(&mut None, &entry[16..]).map(Some)
    }

    /// Up to `limit` streams that were due at `until` or before when this segment was sealed and come after the
    /// cursor, in order.
    pub fn waking(
        &self,
        until: i64,
        after: Option<&Waking>,
        limit: usize,
    ) -> Result<Vec<Waking>, SidecarError> {
        let table = &self.meta.wakes;
        let mut cache = None;
        let start = match after {
            None => 0,
            Some(after) => table.partition_point(&*self.file, |entry| {
                let due = due_of(entry);
                Ok(due < after.due_us
                    || (due == after.due_us && self.name_at(&mut cache, &entry[8..])? <= after.stream))
            })?,
        };
        let mut found = Vec::new();
        for entry in table.range(&*self.file, start..start.saturating_add(limit as u64))? {
            let due_us = due_of(&entry);
            if due_us > until {
                break;
            }
            found.push(Waking { due_us, stream: self.name_at(&mut cache, &entry[8..])? });
        }
        Ok(found)
    }

    /// Up to `limit` names that begin with `prefix` and come after the cursor, in order.
    pub fn names(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, SidecarError> {
        let from = after.map_or(prefix, |after| prefix.max(after.as_str()));
        let mut names = Vec::new();
        let first = self.block_before(from).unwrap_or(0);
        for index in first..self.meta.block_offsets.len() {
            for found in self.block(index)?.entries {
                let name = found.name.as_str();
                if names.len() >= limit || (name > prefix && !name.starts_with(prefix)) {
                    return Ok(names);
                }
                if name.starts_with(prefix) && after.is_none_or(|after| found.name > *after) {
                    names.push(found.name);
                }
            }
        }
        Ok(names)
    }

    /// A frame at or before the one that holds global sequence `sequence`.
    pub fn frame_before(&self, sequence: u64) -> Result<Option<FrameAt>, SidecarError> {
        let number = |entry: &[u8; 16]| u64::from_le_bytes(array(entry));
        let table = &self.meta.frames;
        let index = table.partition_point(&*self.file, |entry| Ok(number(entry) <= sequence))?;
        let Some(index) = index.checked_sub(1) else { return Ok(None) };
        let entry = table.get(&*self.file, index)?;
        Ok(Some(FrameAt { sequence: number(&entry), offset: u32::from_le_bytes(array(&entry[8..])) }))
    }

    fn fence(&self, block: usize) -> &str {
        let end = |block: usize| self.meta.fence_ends.get(block).map_or(0, |end| *end as usize);
        let start = block.checked_sub(1).map_or(0, end);
        self.meta.fence_names.get(start..end(block)).unwrap_or_default()
    }

    /// The block that holds `name` if any does: the last one whose first name is not after it.
    fn block_before(&self, name: &str) -> Option<usize> {
        let (mut low, mut high) = (0, self.meta.block_offsets.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.fence(middle) <= name {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    fn block(&self, index: usize) -> Result<Block, SidecarError> {
        let offsets = &self.meta.block_offsets;
        let start = *offsets.get(index).ok_or(SidecarError::Damaged)?;
        let end = offsets.get(index + 1).copied().unwrap_or(self.meta.blocks_end);
        let bytes = read(&*self.file, start.into(), end.saturating_sub(start).into(), u64::MAX)?;
        let (crc, mut rest) = bytes.split_at_checked(4).ok_or(SidecarError::Damaged)?;
        if crc32c::crc32c(rest).to_le_bytes() != *crc {
            return Err(SidecarError::Damaged);
        }
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (entry, left) =
                postcard::take_from_bytes::<EntryOnDisk<'_>>(rest).map_err(|_| SidecarError::Damaged)?;
            entries.push(entry.found().ok_or(SidecarError::Damaged)?);
            rest = left;
        }
        Ok(Block { index, entries })
    }

    /// The name at a place, which is a block and a slot of four bytes each.
    fn name_at(&self, cache: &mut Option<Block>, place: &[u8]) -> Result<StreamName, SidecarError> {
        let number = |at: usize| u32::from_le_bytes(array(&place[at..])) as usize;
        if cache.as_ref().is_none_or(|block| block.index != number(0)) {
            *cache = Some(self.block(number(0))?);
        }
        let entry = cache.as_ref().and_then(|block| block.entries.get(number(4)));
        entry.map(|found| found.name.clone()).ok_or(SidecarError::Damaged)
    }
}

fn read(file: &dyn File, offset: u64, len: u64, file_len: u64) -> Result<Vec<u8>, SidecarError> {
    if offset.checked_add(len).is_none_or(|end| end > file_len) {
        return Err(SidecarError::Damaged);
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| SidecarError::Damaged)?];
    match file.read_exact_at(&mut bytes, offset) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(SidecarError::Damaged),
        other => Ok(other.map(|()| bytes)?),
    }
}

/// The first `N` bytes. The tables' entries are longer than what is read from them.
fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes[..N].try_into().expect("an entry is longer than its fields")
}

fn due_of(entry: &[u8; 16]) -> i64 {
    i64::from_le_bytes(array(entry))
}

fn part_at(entry: &[u8; 16]) -> PartAt {
    PartAt {
        offset: u32::from_le_bytes(array(entry)),
        len: u32::from_le_bytes(array(&entry[4..])),
        first: u64::from_le_bytes(array(&entry[8..])),
    }
}
