//! Writing a sidecar from the index of a segment in memory.
//!
//! The file: blocks of stream entries by name; tables of parts, of wake-ups by due time and name, of aliases, and
//! of places by global sequence; the Bloom filter; the description of all these; a footer that finds it.

use std::io;
use std::path::Path;

use ghostlight_world::{Files, OpenMode};

use super::bloom::{Bloom, Fingerprint};
use super::sidecar::{EntryOnDisk, FOOTER_MAGIC, FORMAT, Identity, Meta};
use super::table::Table;
use crate::journal::tail::{StreamEntry, Tail};
use crate::record::StreamName;

/// A block ends with the entry that reaches this size.
const BLOCK_BYTES: usize = 4096;

/// Writes the sidecar of a segment to `path`, whole or not at all, durably.
pub(crate) fn write_sidecar(
    files: &dyn Files,
    path: &Path,
    identity: &Identity,
    tail: &Tail,
) -> io::Result<()> {
    let bytes = encode(identity, tail)?;
    let temporary = path.with_extension("tmp");
    if files.exists(&temporary)? {
        files.remove(&temporary)?;
    }
    let file = files.open(&temporary, OpenMode::CreateNew)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    files.rename(&temporary, path)?;
    path.parent().map_or(Ok(()), |dir| files.sync_dir(dir))
}

/// Blocks under construction.
#[derive(Default)]
struct Blocks {
    out: Vec<u8>,
    current: Vec<u8>,
    slot: u32,
    offsets: Vec<u32>,
    fence_names: String,
    fence_ends: Vec<u32>,
}

impl Blocks {
    /// Adds an entry and says where it stands: block and slot.
    fn push(
        &mut self,
        name: &StreamName,
        entry: &StreamEntry,
        parts: std::ops::Range<u64>,
    ) -> io::Result<(u32, u32)> {
        if self.current.is_empty() {
            self.offsets.push(fits(self.out.len())?);
            self.fence_names.push_str(name.as_str());
            self.fence_ends.push(fits(self.fence_names.len())?);
        }
        let at = (fits(self.offsets.len() - 1)?, self.slot);
        let on_disk = EntryOnDisk::new(name, entry, parts);
        self.current =
            postcard::to_extend(&on_disk, std::mem::take(&mut self.current)).map_err(io::Error::other)?;
        self.slot += 1;
        if self.current.len() >= BLOCK_BYTES {
            self.finish();
        }
        Ok(at)
    }

    fn finish(&mut self) {
        if !self.current.is_empty() {
            self.out.extend_from_slice(&crc32c::crc32c(&self.current).to_le_bytes());
            self.out.append(&mut self.current);
            self.slot = 0;
        }
    }
}

fn fits(len: usize) -> io::Result<u32> {
    u32::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
}

fn encode(identity: &Identity, tail: &Tail) -> io::Result<Vec<u8>> {
    let streams = tail.sorted();
    let mut blocks = Blocks::default();
    let mut parts = Vec::new();
    let mut wakes = Vec::new();
    let mut places = std::collections::HashMap::with_capacity(streams.len());
    let mut bloom = Bloom::for_keys(streams.len() + tail.aliases().count());
    for (name, entry) in &streams {
        let first_part = parts.len() as u64;
        parts.extend(tail.parts(name, 0, usize::MAX));
        let at = blocks.push(name, entry, first_part..parts.len() as u64)?;
        if let Some(due) = entry.wake.due_us() {
            wakes.push((due, at));
        }
        places.insert(*name, at);
        bloom.insert(Fingerprint::of(name.as_str().as_bytes()));
    }
    blocks.finish();
    // Stable: streams of one due time stay in the order of their names.
    wakes.sort_by_key(|(due, _)| *due);
    let mut aliases: Vec<_> =
        tail.aliases().filter_map(|(alias, name)| Some((alias, *places.get(name)?))).collect();
    aliases.sort_unstable();
    for (alias, _) in &aliases {
        bloom.insert(Fingerprint::of(*alias));
    }

    let Blocks { mut out, offsets, fence_names, fence_ends, .. } = blocks;
    let blocks_end = fits(out.len())?;
    let parts = Table::write(
        &mut out,
        parts.iter().map(|part| {
            join([&part.offset.to_le_bytes()[..], &part.len.to_le_bytes(), &part.first.to_le_bytes()])
        }),
    );
    let wakes = Table::write(
        &mut out,
        wakes
            .iter()
            .map(|(due, at)| join([&due.to_le_bytes()[..], &at.0.to_le_bytes(), &at.1.to_le_bytes()])),
    );
    let aliases = Table::write(
        &mut out,
        aliases.iter().map(|(alias, at)| join([&alias[..], &at.0.to_le_bytes(), &at.1.to_le_bytes()])),
    );
    let frames = Table::write(
        &mut out,
        tail.frames()
            .iter()
            .map(|frame| join([&frame.sequence.to_le_bytes()[..], &frame.offset.to_le_bytes(), &[0; 4]])),
    );
    let bloom_offset = out.len() as u64;
    out.extend_from_slice(bloom.as_bytes());
    let meta = Meta {
        identity: *identity,
        stream_count: streams.len() as u64,
        block_offsets: offsets,
        blocks_end,
        fence_names,
        fence_ends,
        parts,
        wakes,
        aliases,
        frames,
        bloom_offset,
        bloom_len: fits(bloom.as_bytes().len())?,
        bloom_crc: crc32c::crc32c(bloom.as_bytes()),
    };
    let meta_offset = out.len() as u64;
    let meta = postcard::to_stdvec(&meta).map_err(io::Error::other)?;
    out.extend_from_slice(&meta);
    let footer = footer(meta_offset, fits(meta.len())?, crc32c::crc32c(&meta));
    out.extend_from_slice(&footer);
    Ok(out)
}

fn footer(meta_offset: u64, meta_len: u32, meta_crc: u32) -> [u8; 32] {
    let mut footer: [u8; 32] = join([
        &FOOTER_MAGIC[..],
        &meta_offset.to_le_bytes(),
        &meta_len.to_le_bytes(),
        &meta_crc.to_le_bytes(),
        &FORMAT.to_le_bytes(),
        &[0; 4],
    ]);
    let crc = crc32c::crc32c(&footer[..28]);
    footer[28..].copy_from_slice(&crc.to_le_bytes());
    footer
}

/// Puts pieces side by side; together they are `N` bytes.
fn join<const N: usize, const P: usize>(pieces: [&[u8]; P]) -> [u8; N] {
    let mut joined = [0; N];
    let mut at = 0;
    for piece in pieces {
        joined[at..at + piece.len()].copy_from_slice(piece);
        at += piece.len();
    }
    joined
}
