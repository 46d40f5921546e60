//! One segment file: its header, its creation, and walking its frames.
//!
//! A segment gets its name only after its header and its reserved space are durable, so a segment with a damaged
//! header was damaged later. **Its header says which commit it begins with, and thereby where the segment before it
//! ends**: whatever lies there beyond was never acknowledged. That is how a commit whose sync failed is taken back
//! for good without touching the file that is in doubt.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ghostlight_world::{Bug, File, Files, OpenMode};

use super::frame::{
    AppendHead, Defect, FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader, appends_of, check_frame,
    damaged_streams,
};
use super::salvage::{Stretch, first_damage};
use crate::record::Corruption;

/// Frames begin here. The header's own sector is never written again.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 512;
const MAGIC: [u8; 8] = *b"GLIGHTSG";
const FORMAT: u32 = 1;
/// The format of a segment that was compacted: its header says what is in it.
const FORMAT_COMPACTED: u32 = 2;
/// No segment is larger: places in it are kept in four bytes.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 1 << 30;
/// No frame is longer; a length field that says so is damaged.
pub(crate) const FRAME_BYTES_MAX: usize = 16 << 20;
/// What is wrong with a compacted segment that is not what its header says.
pub(crate) const NOT_ALL_THERE: Defect = "what is left in the segment is not what its header says";
/// How much is read ahead while walking.
const CHUNK_BYTES: usize = 1 << 20;

/// What a segment's header says, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentInfo {
    pub number: u64,
    pub path: PathBuf,
    pub log_id: [u8; 16],
    pub salt: u32,
    /// The epoch it was made in.
    pub epoch: u64,
    pub first_commit: u64,
    pub first_sequence: u64,
    /// What is left in it, once it was compacted.
    pub left: Option<Left>,
}

/// What is left in a segment that was compacted. Its file holds nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Left {
    /// Behind the last frame.
    pub end: u64,
    pub frames: u64,
    pub records: u64,
}

/// The name of the segment's file.
pub(crate) fn segment_name(number: u64) -> String {
    format!("{number:010}.seg")
}

/// The number in a segment's file name; `None` for other files.
pub(crate) fn segment_number(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".seg")?.parse().ok()?;
    (segment_name(number) == name).then_some(number)
}

impl SegmentInfo {
    pub fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let format = if self.left.is_some() { FORMAT_COMPACTED } else { FORMAT };
        bytes[0..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&format.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..40].copy_from_slice(&self.log_id);
        bytes[40..48].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first_commit.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.first_sequence.to_le_bytes());
        bytes[64..68].copy_from_slice(&self.salt.to_le_bytes());
        if let Some(left) = self.left {
            bytes[72..80].copy_from_slice(&left.end.to_le_bytes());
            bytes[80..88].copy_from_slice(&left.frames.to_le_bytes());
            bytes[88..96].copy_from_slice(&left.records.to_le_bytes());
        }
        let crc = crc32c::crc32c(&bytes[16..]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment `number`.
    pub fn read(file: &dyn File, path: &Path, number: u64) -> io::Result<Result<Self, Corruption>> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let whole = match file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            other => other.map(|()| true)?,
        };
        let number_at = |at: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&bytes[at..at + 8]);
            u64::from_le_bytes(number)
        };
        let word_at =
            |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let damaged =
            |reason| Ok(Err(Corruption { segment: number, offset: 0, reason, streams: Vec::new() }));
        if !whole || bytes[..8] != MAGIC || word_at(12) != crc32c::crc32c(&bytes[16..]) {
            return damaged("the header of the segment is damaged");
        }
        let left = match word_at(8) {
            FORMAT => Some(None),
            FORMAT_COMPACTED => {
                Some(Some(Left { end: number_at(72), frames: number_at(80), records: number_at(88) }))
            }
            _ => None,
        };
        let Some(left) = left.filter(|_| number_at(16) == number) else {
            return damaged("the segment is of another format or has another's name");
        };
        let mut log_id = [0; 16];
        log_id.copy_from_slice(&bytes[24..40]);
        Ok(Ok(Self {
            number,
            path: path.to_owned(),
            log_id,
            salt: word_at(64),
            epoch: number_at(40),
            first_commit: number_at(48),
            first_sequence: number_at(56),
            left,
        }))
    }

    /// Makes the segment's file, of `size` bytes, and returns when it is durable with its name. A file of that name
    /// from an attempt that failed is replaced.
    pub fn create(&self, files: &dyn Files, size: u64) -> io::Result<Arc<dyn File>> {
        let temporary = self.path.with_extension("tmp");
        let made = self.create_as(files, &temporary, size);
        if made.is_err() {
            // The space it took may be what others wait for.
            let _ = files.remove(&temporary);
        }
        made
    }

    fn create_as(&self, files: &dyn Files, temporary: &Path, size: u64) -> io::Result<Arc<dyn File>> {
        if files.exists(temporary)? {
            files.remove(temporary)?;
        }
        let file = files.open(temporary, OpenMode::CreateNew)?;
        file.preallocate(size)?;
        self.finish(files, file, temporary)
    }

    /// Makes the segment's file of one that was preallocated, and holds nothing, in the same folder.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] also when it is smaller than `bytes_min`.
    pub fn create_of(&self, files: &dyn Files, spare: &Path, bytes_min: u64) -> io::Result<Arc<dyn File>> {
        let file = files.open(spare, OpenMode::Write)?;
        if file.len()? < bytes_min {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.finish(files, file, spare)
    }

    fn finish(&self, files: &dyn Files, file: Box<dyn File>, temporary: &Path) -> io::Result<Arc<dyn File>> {
        file.write_all_at(&self.encode(), 0)?;
        file.sync_all()?;
        files.rename(temporary, &self.path)?;
        let dir = self.path.parent().filter(|_| !Bug::NoDirFsync.is_planted());
        dir.map_or(Ok(()), |dir| files.sync_dir(dir))?;
        Ok(file.into())
    }

    /// Whether a walk over its frames that has come to `offset`, and to the commit `next_commit`, finds another one.
    /// `end_commit` is the first commit of the segment behind it.
    pub fn goes_on(&self, offset: u64, next_commit: u64, end_commit: Option<u64>) -> bool {
        match self.left {
            Some(left) => offset < left.end,
            None => end_commit != Some(next_commit),
        }
    }

    /// Whether a frame may stand where the commit and the sequence are expected. Only where records were left out may
    /// there be a gap before it.
    pub fn follows(&self, header: &FrameHeader, next_commit: u64, next_sequence: u64) -> bool {
        let number =
            if self.left.is_some() { header.number >= next_commit } else { header.number == next_commit };
        let sequence = match self.left.is_some() || header.is_sparse() {
            true => header.first_sequence >= next_sequence,
            false => header.first_sequence == next_sequence,
        };
        number && sequence
    }

    pub fn corruption(&self, offset: u64, reason: Defect, bytes: &[u8]) -> Corruption {
        Corruption { segment: self.number, offset, reason, streams: damaged_streams(bytes) }
    }
}

impl Left {
    /// Counts a frame that ends at `end`.
    pub fn count(&mut self, header: &FrameHeader, end: u64) {
        self.end = end;
        self.frames += 1;
        self.records += u64::from(header.record_count);
    }
}

/// Reads frames one after the other, in large pieces.
pub(crate) struct FrameReader<'a> {
    file: &'a dyn File,
    salt: u32,
    /// Nothing is read from here on.
    pub end: u64,
    chunk_bytes: usize,
    chunk: Bytes,
    chunk_at: u64,
}

impl<'a> FrameReader<'a> {
    pub fn new(file: &'a dyn File, salt: u32, end: u64) -> Self {
        Self { file, salt, end, chunk_bytes: CHUNK_BYTES, chunk: Bytes::new(), chunk_at: 0 }
    }

    /// Reads ahead in smaller pieces, for a reader that wants few records.
    pub fn in_pieces_of(self, chunk_bytes: usize) -> Self {
        Self { chunk_bytes, ..self }
    }

    /// Up to `len` bytes at `offset`; fewer where the file ends.
    pub fn bytes_at(&mut self, offset: u64, len: usize) -> io::Result<Bytes> {
        let len = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX).min(len);
        let have = |reader: &Self| {
            let start = usize::try_from(offset.checked_sub(reader.chunk_at)?).ok()?;
            let end = start.checked_add(len)?;
            (end <= reader.chunk.len()).then(|| reader.chunk.slice(start..end))
        };
        if let Some(bytes) = have(self) {
            return Ok(bytes);
        }
        let ahead = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = ahead.min(len.max(self.chunk_bytes));
        let mut chunk = vec![0; wanted];
        let mut filled = 0;
        while filled < wanted {
            match self.file.read_at(&mut chunk[filled..], offset + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        chunk.truncate(filled);
        self.chunk = chunk.into();
        self.chunk_at = offset;
        Ok(self.chunk.slice(..len.min(filled)))
    }

    /// The frame at `offset`, checked, or why there is none.
    pub fn frame_at(&mut self, offset: u64) -> io::Result<Result<(FrameHeader, Bytes), Defect>> {
        let header = self.bytes_at(offset, FRAME_HEADER_BYTES)?;
        let Some(header) = FrameHeader::peek(&header) else { return Ok(Err("no commit begins here")) };
        if header.frame_len() > FRAME_BYTES_MAX {
            return Ok(Err("the length of the commit cannot be"));
        }
        let bytes = self.bytes_at(offset, header.frame_len())?;
        Ok(check_frame(&bytes, self.salt).map(|header| (header, bytes)))
    }

    /// Whether a frame that was not whole is so by now: who reads beside a daemon may have come in the middle of its writing.
    pub fn is_whole_after_all(&mut self, offset: u64) -> io::Result<bool> {
        self.chunk = Bytes::new();
        Ok(self.frame_at(offset)?.is_ok())
    }

    /// The first whole frame that begins in `range` and whose commit number is at least `number`.
    pub fn find_commit(&mut self, range: Range<u64>, number: u64) -> io::Result<Option<u64>> {
        let mut offset = range.start.next_multiple_of(FRAME_ALIGN as u64);
        while offset < range.end && offset + (FRAME_HEADER_BYTES as u64) <= self.end {
            let chunk = self.bytes_at(offset, CHUNK_BYTES)?;
            let last = chunk.len().saturating_sub(FRAME_HEADER_BYTES);
            let candidates = (0..=last)
                .step_by(FRAME_ALIGN)
                .filter(|at| FrameHeader::peek(&chunk[*at..]).is_some_and(|header| header.number >= number));
            for at in candidates {
                if self.frame_at(offset + at as u64)?.is_ok() {
                    return Ok(Some(offset + at as u64));
                }
            }
            // The headers that lie across the border are looked at again.
            offset += (last + FRAME_ALIGN) as u64 / FRAME_ALIGN as u64 * FRAME_ALIGN as u64;
        }
        Ok(None)
    }

    /// Where the last byte that is not zero ends; `offset` when all are.
    pub fn end_of_bytes(&mut self, offset: u64) -> io::Result<u64> {
        let (mut at, mut end) = (offset, offset);
        while at < self.end {
            at = at.max(self.file.next_data(at)?);
            let chunk = self.bytes_at(at, CHUNK_BYTES)?;
            if chunk.is_empty() {
                break;
            }
            if let Some(last) = last_nonzero(&chunk) {
                end = at + last as u64 + 1;
            }
            at += chunk.len() as u64;
        }
        Ok(end)
    }
}

/// Looks through mostly zero bytes a page at a time.
fn last_nonzero(bytes: &[u8]) -> Option<usize> {
    const ZEROS: [u8; 4096] = [0; 4096];
    let page = bytes.rchunks(ZEROS.len()).position(|page| *page != ZEROS[..page.len()])?;
    let end = bytes.len() - page * ZEROS.len();
    bytes[..end].iter().rposition(|byte| *byte != 0)
}

/// Where the commits of a segment end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    /// Behind the last commit.
    pub offset: u64,
    /// Where the bytes of a commit that never was end: `offset` when there are none.
    pub torn_end: u64,
    pub next_commit: u64,
    pub next_sequence: u64,
    /// The highest epoch in it.
    pub epoch: u64,
}

/// Why a walk ended.
pub(crate) enum ScanError {
    Device(io::Error),
    Corrupt(Corruption),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Device(error)
    }
}

/// Who is told what a walk over a segment comes by.
pub(crate) trait Walker {
    /// A whole commit, and its offset.
    fn commit(&mut self, offset: u64, header: &FrameHeader, bytes: &Bytes, appends: Vec<AppendHead>);

    /// Commits that are damaged, before others that are whole. The walk goes on behind them, unless this is an error.
    fn damage(&mut self, info: &SegmentInfo, damage: Damage) -> Result<(), ScanError>;
}

/// Where commits are damaged in the middle of a segment.
pub(crate) struct Damage {
    /// The damage as it is without knowing more.
    pub corruption: Corruption,
    pub stretch: Stretch,
    /// The first sequence that has to be in it.
    pub sequence: u64,
}

/// A walk that damage ends, which is told with the place that who reads the records is told.
struct Strict<F>(F);

impl<F: FnMut(u64, &FrameHeader, &Bytes, Vec<AppendHead>)> Walker for Strict<F> {
    fn commit(&mut self, offset: u64, header: &FrameHeader, bytes: &Bytes, appends: Vec<AppendHead>) {
        (self.0)(offset, header, bytes, appends);
    }

    fn damage(&mut self, info: &SegmentInfo, damage: Damage) -> Result<(), ScanError> {
        let Damage { corruption, stretch, sequence } = damage;
        Err(ScanError::Corrupt(first_damage(info, &stretch, sequence).unwrap_or(corruption)))
    }
}

/// Walks a segment's commits in order and hands each to `visit` with its offset; the first damage ends it. `behind` as in
/// [`walk`].
pub(crate) fn scan(
    info: &SegmentInfo,
    file: &dyn File,
    behind: Option<(u64, u64)>,
    visit: impl FnMut(u64, &FrameHeader, &Bytes, Vec<AppendHead>),
) -> Result<SegmentEnd, ScanError> {
    walk(info, file, behind, &mut Strict(visit))
}

/// Walks a segment's commits in order.
///
/// `behind` is the first commit that is not in it and its first sequence, as the next segment's header says: what is missing
/// before is corruption, and what lies behind was never acknowledged. Without it the segment is the last one: damage that no
/// valid commit follows is a torn tail. Of a segment that was compacted the header says what is left, and nothing of that
/// may be missing.
pub(crate) fn walk(
    info: &SegmentInfo,
    file: &dyn File,
    behind: Option<(u64, u64)>,
    walker: &mut impl Walker,
) -> Result<SegmentEnd, ScanError> {
    let len = file.len()?;
    if len > SEGMENT_BYTES_MAX {
        return Err(ScanError::Corrupt(info.corruption(0, "the segment is larger than any can be", &[])));
    }
    let mut reader = FrameReader::new(file, info.salt, len);
    let start = SEGMENT_HEADER_BYTES as u64;
    let mut end = SegmentEnd {
        offset: start,
        torn_end: start,
        next_commit: info.first_commit,
        next_sequence: info.first_sequence,
        epoch: info.epoch,
    };
    let mut met = Left { end: start, ..Left::default() };
    let mut is_counted = true;
    while info.goes_on(end.offset, end.next_commit, behind.map(|(commit, _)| commit)) {
        let corrupt = |reason, bytes: &[u8]| ScanError::Corrupt(info.corruption(end.offset, reason, bytes));
        let (header, bytes) = match reader.frame_at(end.offset)? {
            Ok(frame) => frame,
            Err(defect) => {
                let Some(stretch) = reader.stretch(info, end.offset, end.next_commit, behind)? else {
                    end.torn_end = reader.end_of_bytes(end.offset)?;
                    let later = reader.find_commit(end.offset + 1..end.torn_end, end.next_commit)?;
                    if behind.is_some() || info.left.is_some() || later.is_some() {
                        let bytes = reader.bytes_at(end.offset, FRAME_BYTES_MAX)?;
                        return Err(corrupt(defect, &bytes));
                    }
                    return Ok(end);
                };
                let corruption = info.corruption(end.offset, defect, &stretch.bytes);
                let (offset, next_commit) = (stretch.end(), stretch.next_commit);
                let (sequence, next_sequence) = (end.next_sequence, stretch.next_sequence);
                if offset <= end.offset || next_commit < end.next_commit || next_sequence < sequence {
                    return Err(ScanError::Corrupt(corruption));
                }
                walker.damage(info, Damage { corruption, stretch, sequence })?;
                (end.offset, end.torn_end, met.end) = (offset, offset, offset);
                (end.next_commit, end.next_sequence) = (next_commit, next_sequence);
                is_counted = false;
                continue;
            }
        };
        if !info.follows(&header, end.next_commit, end.next_sequence) || header.epoch < end.epoch {
            return Err(corrupt("the commit is not the one that comes next", &[]));
        }
        let appends = appends_of(&bytes, &header).map_err(|defect| corrupt(defect, &[]))?;
        end.next_sequence = header.next_sequence(&appends);
        walker.commit(end.offset, &header, &bytes, appends);
        end.offset += bytes.len() as u64;
        end.torn_end = end.offset;
        end.next_commit = header.number + 1;
        end.epoch = header.epoch;
        met.count(&header, end.offset);
    }
    // Of a damaged commit nobody can say what it counted.
    match info.left.is_none_or(|left| left == met || (!is_counted && left.end == met.end)) {
        true => Ok(end),
        false => Err(ScanError::Corrupt(info.corruption(end.offset, NOT_ALL_THERE, &[]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_form_of_a_name_is_a_segment() {
        assert_eq!(segment_number(&segment_name(7)), Some(7));
        assert_eq!(segment_number("7.seg"), None);
        assert_eq!(segment_number("0000000007.tmp"), None);
    }

    #[test]
    fn the_last_byte_that_is_not_zero_is_found_in_any_page() {
        let mut bytes = vec![0; 10_000];
        assert_eq!(last_nonzero(&bytes), None);
        for at in [0, 4095, 4096, 5000, 9999] {
            bytes.fill(0);
            bytes[at] = 1;
            assert_eq!(last_nonzero(&bytes), Some(at));
        }
    }
}
