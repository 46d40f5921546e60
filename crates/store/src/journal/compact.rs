//! Compaction: taking back the space of streams that were dropped.
//!
//! A stream is dropped by its last append ([`Wake::Dropped`]), which stays and says so for ever. A sealed segment of which
//! enough belongs to dropped streams is written anew without it: beside the old file, synced, renamed over it, the folder
//! synced. So at every moment one of the two is there whole, and both hold all that anybody may still read. Frames keep
//! their commit numbers, records their sequences and chain hashes; what is left stands in the segment's header, so that
//! nothing more can be missing without being noticed.
//!
//! Another salt tells the new file from the old one: an index of the old one is known for what it is, and a reader that
//! comes to a place of the old one notices it, and looks again.
//!
//! A segment that is damaged stays as it is; those behind it are compacted all the same.
//!
//! Memory: the names of what goes from one segment, and the index of what stays. Takes no lock that a commit waits for,
//! except over the rename.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use ghostlight_world::{Bug, File, OpenMode};

use super::frame::{
    AppendHead, FLAG_CLOSED, FLAG_OPENED, FLAG_SPARSE, FRAME_HEADER_BYTES, FrameHeader, PartHead, appends_of,
    check_frame, decode_part, seal_frame, small,
};
use super::read::read_part;
use super::sealed::Sealed;
use super::segment::{Left, SEGMENT_HEADER_BYTES, ScanError, SegmentInfo, scan};
use super::shared::Shared;
use super::tail::Tail;
use crate::index::Fingerprint;
use crate::record::{Corruption, ReadError, StreamName, Wake};

/// How much is written at once.
const WRITE_BYTES: usize = 1 << 20;
/// How many streams of a segment are looked at together.
const PAGE: usize = 1_000;

/// What a compaction may do.
pub struct Compaction<'a> {
    /// Which streams nobody will miss, without a word of theirs: they are asked for by their name and the time of their last
    /// record in microseconds. Only streams that lie in one segment as a whole are asked about.
    pub expired: &'a (dyn Fn(&StreamName, i64) -> bool + Sync),
    /// A segment is written anew when at least this many of a hundred bytes in it go.
    pub percent_min: u64,
    /// Asked before each segment: whether to go on.
    pub goes_on: &'a (dyn Fn() -> bool + Sync),
}

impl Compaction<'static> {
    /// Takes back whatever dropped streams have left.
    #[must_use]
    pub fn of_all_dropped() -> Self {
        Self { expired: &|_, _| false, percent_min: 0, goes_on: &|| true }
    }
}

/// What a compaction did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Segments that were written anew.
    pub segments: u64,
    /// Records that are gone.
    pub records: u64,
    /// By how many bytes the segments' files are smaller.
    pub bytes: u64,
    /// Why segments stay as they are: the first damage that was met in each that is damaged.
    pub damages: Vec<Corruption>,
}

impl Compacted {
    /// A segment that is damaged is evidence, and is not touched; the others do not wait for it.
    fn leave_damaged(&mut self, corruption: Corruption) {
        tracing::warn!(%corruption, "a damaged segment is not compacted");
        self.damages.push(corruption);
    }
}

/// What goes from a segment.
#[derive(Default)]
pub(super) struct Going {
    /// Streams that were dropped.
    pub dropped: HashSet<StreamName>,
    /// Streams that are whole in the segment and expired.
    pub expired: HashSet<StreamName>,
    /// How many bytes that is.
    pub bytes: u64,
    /// The last segment that was sealed before anything was looked at.
    pub sealed_until: u64,
}

impl Shared {
    /// Compacts all sealed segments that are not damaged, the oldest first. After an error what was done stays done.
    pub fn compact(&self, how: &Compaction<'_>) -> Result<Compacted, ReadError> {
        let one_at_a_time = self.compacting();
        if !*one_at_a_time {
            return Err(ReadError::Unavailable);
        }
        let mut done = Compacted::default();
        let sealed = self.state().sealed.clone();
        for sealed in sealed.iter() {
            if !(how.goes_on)() || self.closing.load(Ordering::Acquire) {
                break;
            }
            // One whose index is not on the disk yet was sealed a moment ago.
            if sealed.is_in_memory() {
                continue;
            }
            let going = match self.going(sealed, how) {
                Err(ReadError::Corrupt(corruption)) => {
                    done.leave_damaged(corruption);
                    continue;
                }
                going => going?,
            };
            let used = sealed.info.left.map_or(sealed.file_bytes, |left| left.end);
            let is_worth_it = going.bytes.saturating_mul(100) >= used.saturating_mul(how.percent_min);
            if going.bytes == 0 || !is_worth_it {
                continue;
            }
            match self.rewrite(sealed, &going, &mut done) {
                Err(ReadError::Corrupt(corruption)) => done.leave_damaged(corruption),
                rewritten => rewritten?,
            }
        }
        Ok(done)
    }

    /// Looks at all streams of a segment.
    fn going(&self, sealed: &Sealed, how: &Compaction<'_>) -> Result<Going, ReadError> {
        let files = &*self.world.files;
        let sealed_until = self.state().sealed.last().map_or(0, |last| last.info.number);
        let mut going = Going { sealed_until, ..Going::default() };
        let mut after: Option<StreamName> = None;
        loop {
            let page = self.ask(sealed, |index| index.names("", after.as_ref(), PAGE))?;
            let Some(last) = page.last() else { return Ok(going) };
            after = Some(last.clone());
            for stream in page {
                let Some(head) = self.entry(&stream)? else { continue };
                let key = Fingerprint::of(stream.as_str().as_bytes());
                let found = self.ask(sealed, |index| index.parts(&stream, key, 0, usize::MAX))?;
                let Some((here, parts)) = found else { continue };
                let bytes = parts.iter().map(|part| u64::from(part.len)).sum::<u64>();
                if head.wake == Wake::Dropped {
                    // Its end, which stays, is a part of its own.
                    let end = if here.wake == Wake::Dropped { parts.last() } else { None };
                    let bytes = bytes - end.map_or(0, |end| u64::from(end.len));
                    if bytes > 0 {
                        going.bytes += bytes;
                        going.dropped.insert(stream);
                    }
                } else if here.first == 1 && here == head {
                    let Some(last) = parts.last() else { continue };
                    let file = files.open(&sealed.info.path, OpenMode::Read)?;
                    let time_us = read_part(&*file, *last)?
                        .and_then(|part| decode_part(&part).ok())
                        .and_then(|(_, records)| records.last().map(|record| record.time_us));
                    if time_us.is_some_and(|time_us| (how.expired)(&stream, time_us)) {
                        going.bytes += bytes;
                        going.expired.insert(stream);
                    }
                }
            }
        }
    }

    /// Writes what stays of a segment, and puts it in its place.
    pub(super) fn rewrite(
        &self,
        old: &Arc<Sealed>,
        going: &Going,
        done: &mut Compacted,
    ) -> Result<(), ReadError> {
        let files = &*self.world.files;
        let temporary = old.info.path.with_extension("tmp");
        let written = self.write_rest(old, going, &temporary).and_then(|written| {
            // Nobody may write to a stream between the last look at it and its end.
            let deciding = self.deciding();
            if self.was_written_to(going) {
                return Ok(None);
            }
            let replacing = self.replacing();
            files.rename(&temporary, &old.info.path)?;
            // What is gone may be written anew as soon as it is let go: by then it has to be gone for good.
            let is_durable = old.info.path.parent().map_or(Ok(()), |dir| files.sync_dir(dir));
            let new = Arc::new(written.sealed);
            {
                let mut state = self.state_mut();
                let all = Arc::make_mut(&mut state.sealed);
                all.iter_mut().filter(|sealed| Arc::ptr_eq(sealed, old)).for_each(|it| *it = new.clone());
                self.replaced.fetch_add(1, Ordering::AcqRel);
            }
            if is_durable.is_err() {
                self.hold_back(&going.expired);
            }
            drop((replacing, deciding));
            is_durable?;
            Ok(Some((new, written.records)))
        });
        let Some((new, records)) = written.inspect_err(|_| drop(files.remove(&temporary)))? else {
            files.remove(&temporary)?;
            return Ok(());
        };
        done.segments += 1;
        done.records += records;
        done.bytes += old.file_bytes.saturating_sub(new.file_bytes);
        let _one_at_a_time = self.sealing();
        if let Err(error) = new.write_index(files) {
            tracing::warn!(segment = new.info.number, %error, "the index of a segment stays in memory");
        }
        Ok(())
    }

    /// Whether anybody has written to a stream that expired since it was looked at.
    fn was_written_to(&self, going: &Going) -> bool {
        if going.expired.is_empty() {
            return false;
        }
        let newer = {
            let state = self.state();
            if going.expired.iter().any(|stream| state.active.tail.get(stream).is_some()) {
                return true;
            }
            let after = state.sealed.partition_point(|sealed| sealed.info.number <= going.sealed_until);
            state.sealed[after..].to_vec()
        };
        newer.iter().any(|sealed| {
            going.expired.iter().any(|stream| {
                let key = Fingerprint::of(stream.as_str().as_bytes());
                // One whose index cannot be asked may know it.
                !matches!(self.ask(sealed, |index| index.entry(stream, key)), Ok(None))
            })
        })
    }

    fn write_rest(&self, old: &Sealed, going: &Going, temporary: &Path) -> Result<Rest, ReadError> {
        let files = &*self.world.files;
        if files.exists(temporary)? {
            files.remove(temporary)?;
        }
        let mut salt = [0; 4];
        // A salt that is the old one would make the old index pass for the new one.
        while u32::from_le_bytes(salt) == old.info.salt || salt == [0; 4] {
            self.world.random.fill(&mut salt);
        }
        let source = files.open(&old.info.path, OpenMode::Read)?;
        let file = files.open(temporary, OpenMode::CreateNew)?;
        let start = SEGMENT_HEADER_BYTES as u64;
        let mut out = Out {
            file: &*file,
            salt: u32::from_le_bytes(salt),
            buffer: Vec::with_capacity(WRITE_BYTES),
            left: Left { end: start, ..Left::default() },
            records: 0,
            tail: Tail::default(),
            failed: None,
        };
        scan(&old.info, &*source, Some(old.end()), |offset, header, bytes, appends| {
            let stays = |part: &PartHead| match part.wake {
                Wake::Dropped => true,
                _ => !going.dropped.contains(&part.stream) && !going.expired.contains(&part.stream),
            };
            out.records += u64::from(header.record_count);
            let Some(frame) = thinned(bytes, header, &appends, out.salt, stays) else { return };
            if out.failed.is_none() {
                out.failed = out.take(&frame).err().map(|error| match error {
                    Trouble::Device(error) => ReadError::Device(error),
                    Trouble::Defect(reason) => old.info.corruption(offset, reason, &[]).into(),
                });
            }
        })
        .map_err(|error| match error {
            ScanError::Device(error) => ReadError::Device(error),
            ScanError::Corrupt(corruption) => corruption.into(),
        })?;
        out.flush()?;
        let Out { salt, left, records, tail, failed, .. } = out;
        if let Some(failed) = failed {
            return Err(failed);
        }
        let info = SegmentInfo { salt, left: Some(left), ..(*old.info).clone() };
        file.write_all_at(&info.encode(), 0)?;
        file.sync_all()?;
        let sealed = Sealed::from_tail(Arc::new(info), old.end(), left.end, tail, &self.index_dir);
        Ok(Rest { sealed, records: records - left.records })
    }
}

/// A checked frame for a segment with another salt, with the parts that are to stay, byte for byte; none when nothing of
/// it is left. Frames that mark an epoch always stay.
pub(crate) fn thinned(
    frame: &[u8],
    header: &FrameHeader,
    appends: &[AppendHead],
    salt: u32,
    mut stays: impl FnMut(&PartHead) -> bool,
) -> Option<Bytes> {
    let mut out = vec![0; FRAME_HEADER_BYTES];
    let mut header = FrameHeader { append_count: 0, ..*header };
    for append in appends {
        let mut kept: Vec<_> = append.parts.iter().filter(|part| stays(part)).collect();
        if kept.len() < append.parts.len() && Bug::CompactTooMuch.is_planted() {
            kept.clear();
        }
        let lost: u32 = append.parts.iter().map(|part| part.record_count).sum::<u32>()
            - kept.iter().map(|part| part.record_count).sum::<u32>();
        if lost > 0 {
            header.flags |= FLAG_SPARSE;
            header.record_count -= lost;
        }
        if kept.is_empty() {
            continue;
        }
        header.append_count += 1;
        out.extend_from_slice(&append.id);
        out.extend_from_slice(&small(kept.len()).to_le_bytes());
        for part in kept {
            out.extend_from_slice(&frame[part.offset as usize..(part.offset + part.len) as usize]);
        }
    }
    if header.append_count == 0 && header.flags & (FLAG_OPENED | FLAG_CLOSED) == 0 {
        return None;
    }
    seal_frame(&mut out, header, salt);
    Some(out.into())
}

/// A segment without what has gone, not in its place yet.
struct Rest {
    sealed: Sealed,
    /// How many records have gone.
    records: u64,
}

enum Trouble {
    Device(io::Error),
    Defect(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Device(error)
    }
}

/// A segment that is being written.
struct Out<'a> {
    file: &'a dyn File,
    salt: u32,
    buffer: Vec<u8>,
    left: Left,
    /// Records that were there before.
    records: u64,
    tail: Tail,
    failed: Option<ReadError>,
}

impl Out<'_> {
    /// Takes a frame, and reads it as those will who come later: damage is never copied.
    fn take(&mut self, frame: &Bytes) -> Result<(), Trouble> {
        let header = check_frame(frame, self.salt).map_err(Trouble::Defect)?;
        let appends = appends_of(frame, &header).map_err(Trouble::Defect)?;
        for part in appends.iter().flat_map(|append| &append.parts) {
            let place = part.offset as usize..(part.offset + part.len) as usize;
            decode_part(&frame.slice(place)).map_err(Trouble::Defect)?;
        }
        // Smaller than the segment it comes from, which is below 4 GiB.
        let offset = u32::try_from(self.left.end).unwrap_or(u32::MAX);
        self.tail.apply(offset, header.first_sequence, &appends);
        if self.buffer.len() + frame.len() > WRITE_BYTES {
            self.flush()?;
        }
        self.buffer.extend_from_slice(frame);
        self.left.count(&header, self.left.end + frame.len() as u64);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let at = self.left.end - self.buffer.len() as u64;
        self.file.write_all_at(&self.buffer, at)?;
        self.buffer.clear();
        Ok(())
    }
}
