//! Reading an open journal: by stream, by global sequence, and what the index knows. Lookups go from the tail to the
//! sealed segments, newest first. What is read is proved: checksums, dense sequences, the chain.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use ghostlight_world::{File, OpenMode};

use super::frame::{appends_of, decode_part};
use super::layouts::{DamagedAt, LaidOut, PieceAt};
use super::sealed::Sealed;
use super::segment::{FRAME_BYTES_MAX, FrameReader, SEGMENT_HEADER_BYTES, SegmentInfo};
use super::shared::Shared;
use super::tail::{FrameAt, PartAt, StreamEntry};
use super::{READ_BYTES_MAX, READ_RECORDS_MAX, Waking, WholePart};
use crate::index::Fingerprint;
use crate::record::{Corruption, ReadError, Record, StreamName, Wake};

/// How much a reader of all streams reads ahead.
const READ_AHEAD_BYTES: usize = 128 << 10;

/// Parts of a stream in one segment. The file of the active segment is open; others are opened when needed, so that
/// a large journal does not hold thousands of files.
struct Parts {
    info: Arc<SegmentInfo>,
    file: Option<Arc<dyn File>>,
    parts: Vec<PartAt>,
}

/// A page under construction.
struct Page {
    records: Vec<Record>,
    bytes: usize,
    limit: usize,
    /// What ends it, and the sequences that cannot be read.
    damage: Option<(Corruption, Range<u64>)>,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self { records: Vec::new(), bytes: 0, limit: limit.min(READ_RECORDS_MAX), damage: None }
    }

    fn is_full(&self) -> bool {
        self.records.len() >= self.limit || self.bytes >= READ_BYTES_MAX || self.damage.is_some()
    }

    fn push(&mut self, record: Record) {
        if !self.is_full() {
            self.bytes += record.body.len();
            self.records.push(record);
        }
    }
}

impl Page {
    /// Takes what is whole of a damaged stretch, from the sequence `next` on, up to the first damaged part. Says whether all is as it
    /// was when it was laid out; if not, it may be called again.
    fn take_pieces(
        &mut self,
        reader: &mut FrameReader<'_>,
        laid_out: &LaidOut,
        next: u64,
    ) -> std::io::Result<bool> {
        let next = self.records.last().map_or(next, |last| next.max(last.sequence + 1));
        for piece in laid_out.pieces.iter().filter(|piece| piece.sequences.end > next) {
            if self.is_full() {
                break;
            }
            match &piece.what {
                PieceAt::Whole { offset, len } => {
                    let Ok((_, records)) = decode_part(&reader.bytes_at(*offset, *len)?) else {
                        return Ok(false);
                    };
                    records
                        .into_iter()
                        .filter(|record| record.sequence >= next)
                        .for_each(|record| self.push(record));
                }
                PieceAt::Damaged(corruption) => {
                    self.damage = Some((corruption.clone(), piece.sequences.clone()));
                }
            }
        }
        Ok(true)
    }
}

/// The streams of one segment that are due, read a page at a time.
struct WakeSource {
    buffer: VecDeque<Waking>,
    cursor: Option<Waking>,
    more: bool,
}

impl WakeSource {
    fn refill(
        &mut self,
        read: impl FnOnce(Option<&Waking>, usize) -> Result<Vec<Waking>, ReadError>,
    ) -> Result<(), ReadError> {
        const PAGE: usize = 128;
        if self.more && self.buffer.is_empty() {
            self.buffer = read(self.cursor.as_ref(), PAGE)?.into();
            self.more = self.buffer.len() == PAGE;
            self.cursor = self.buffer.back().cloned();
        }
        Ok(())
    }
}

impl Shared {
    /// Reads, and once more when a segment was replaced meanwhile by what was left of it: places that were looked up before
    /// lead nowhere then.
    pub(super) fn steady<T>(&self, read: impl Fn() -> Result<T, ReadError>) -> Result<T, ReadError> {
        loop {
            let replaced = self.replaced.load(Ordering::Acquire);
            match read() {
                Err(error) => {
                    // A replacement that is under way is waited for.
                    drop(self.replacing());
                    if self.replaced.load(Ordering::Acquire) == replaced {
                        return Err(error);
                    }
                }
                found => return found,
            }
        }
    }

    pub fn entry(&self, stream: &StreamName) -> Result<Option<StreamEntry>, ReadError> {
        self.steady(|| self.find_entry(stream))
    }

    pub fn by_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError> {
        self.steady(|| self.find_alias(alias))
    }

    pub fn read(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.steady(|| {
            let from = from.max(1);
            let mut page = Page::new(limit);
            self.read_stream(stream, from, page.limit, |part| {
                part.records
                    .into_iter()
                    .filter(|record| record.stream_sequence >= from)
                    .for_each(|record| page.push(record));
                !page.is_full()
            })?;
            Ok(page.records)
        })
    }

    pub fn read_parts(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<WholePart>, ReadError> {
        self.steady(|| {
            let (mut parts, mut bytes) = (Vec::new(), 0);
            let limit = limit.min(READ_RECORDS_MAX);
            self.read_stream(stream, from.max(1), limit, |part| {
                bytes += part.records.iter().map(|record| record.body.len()).sum::<usize>();
                parts.push(part);
                parts.len() < limit && bytes < READ_BYTES_MAX
            })?;
            Ok(parts)
        })
    }

    pub fn read_all(&self, after: u64, limit: usize) -> Result<Vec<Record>, ReadError> {
        self.steady(|| match self.read_behind(after, limit)? {
            // What is whole before a damage is read; who comes to the damage itself is told.
            Page { records, damage: Some((corruption, _)), .. } if records.is_empty() => {
                Err(corruption.into())
            }
            page => Ok(page.records),
        })
    }

    pub fn damage_behind(&self, after: u64) -> Result<Option<u64>, ReadError> {
        self.steady(|| {
            let page = self.read_behind(after, 1)?;
            let damage = page.damage.filter(|_| page.records.is_empty());
            Ok(damage.map(|(_, sequences)| sequences.end - 1))
        })
    }

    pub fn waking(&self, until: i64, after: Option<&Waking>, limit: usize) -> Result<Vec<Waking>, ReadError> {
        self.steady(|| self.find_waking(until, after, limit))
    }

    pub fn names(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError> {
        self.steady(|| self.find_names(prefix, after, limit))
    }

    /// What the newest segment that knows the stream says of it.
    fn find_entry(&self, stream: &StreamName) -> Result<Option<StreamEntry>, ReadError> {
        let sealed = {
            let state = self.state();
            if let Some(entry) = state.active.tail.get(stream) {
                return Ok(Some(entry.clone()));
            }
            state.sealed.clone()
        };
        let key = Fingerprint::of(stream.as_str().as_bytes());
        for sealed in sealed.iter().rev() {
            if let Some(entry) = self.ask(sealed, |index| index.entry(stream, key))? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }

    fn find_alias(&self, alias: [u8; 16]) -> Result<Option<StreamName>, ReadError> {
        let sealed = {
            let state = self.state();
            if let Some(stream) = state.active.tail.alias(&alias) {
                return Ok(Some(stream.clone()));
            }
            state.sealed.clone()
        };
        let key = Fingerprint::of(&alias);
        for sealed in sealed.iter().rev() {
            if let Some(stream) = self.ask(sealed, |index| index.alias(&alias, key))? {
                return Ok(Some(stream));
            }
        }
        Ok(None)
    }

    /// Gives the parts of a stream from the one that holds `from` on, proved, as long as `take` wants more.
    fn read_stream(
        &self,
        stream: &StreamName,
        from: u64,
        limit: usize,
        mut take: impl FnMut(WholePart) -> bool,
    ) -> Result<(), ReadError> {
        if limit == 0 {
            return Ok(());
        }
        let mut places = self.places(stream, from, limit)?;
        let mut before: Option<(u64, [u8; 32])> = None;
        while let Some(place) = places.pop() {
            let file = match place.file {
                Some(file) => file,
                None => self.world.files.open(&place.info.path, OpenMode::Read)?.into(),
            };
            for part in place.parts {
                let corrupt = |reason| Corruption {
                    segment: place.info.number,
                    offset: part.offset.into(),
                    reason,
                    streams: vec![stream.clone()],
                };
                let bytes = read_part(&*file, part)?.ok_or_else(|| corrupt("the segment ends too early"))?;
                let (head, records) = decode_part(&bytes).map_err(corrupt)?;
                if head.stream != *stream || head.first_stream_sequence != part.first {
                    return Err(corrupt("other records stand where these should be").into());
                }
                let continues =
                    before.is_none_or(|before| before == (head.first_stream_sequence, head.chain_before));
                // Of a stream that was dropped what lies before its end may be gone in part.
                if !continues && head.wake != Wake::Dropped && self.find_wake(stream)? != Some(Wake::Dropped)
                {
                    return Err(corrupt("the records do not continue those before them").into());
                }
                before = Some((head.last_stream_sequence() + 1, head.chain_after));
                let more = take(WholePart {
                    wake: head.wake,
                    aliases: head.aliases,
                    chain_before: head.chain_before,
                    records,
                });
                if !more {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn find_wake(&self, stream: &StreamName) -> Result<Option<Wake>, ReadError> {
        Ok(self.find_entry(stream)?.map(|entry| entry.wake))
    }

    /// Where the records of a stream lie from `from` on, newest segment first.
    fn places(&self, stream: &StreamName, from: u64, limit: usize) -> Result<Vec<Parts>, ReadError> {
        let mut places = Vec::new();
        let sealed = {
            let state = self.state();
            let active = &state.active;
            if let Some(entry) = active.tail.get(stream) {
                if entry.last >= from {
                    let parts = active.tail.parts(stream, from, limit);
                    places.push(Parts { info: active.info.clone(), file: Some(active.file.clone()), parts });
                }
                if entry.first <= from {
                    return Ok(places);
                }
            }
            state.sealed.clone()
        };
        let key = Fingerprint::of(stream.as_str().as_bytes());
        for sealed in sealed.iter().rev() {
            let found = self.ask(sealed, |index| index.parts(stream, key, from, limit))?;
            let Some((entry, parts)) = found else { continue };
            if entry.last >= from {
                places.push(Parts { info: sealed.info.clone(), file: None, parts });
            }
            if entry.first <= from {
                break;
            }
        }
        Ok(places)
    }

    fn read_behind(&self, after: u64, limit: usize) -> Result<Page, ReadError> {
        let mut page = Page::new(limit);
        let mut next = after.saturating_add(1);
        while !page.is_full() && next <= self.head.load(Ordering::Acquire) {
            let reached = self.read_segment(next, &mut page)?;
            if reached == next {
                break;
            }
            next = reached;
        }
        Ok(page)
    }

    /// Reads from the segment that holds `next` until the page is full or the segment ends; returns the sequence
    /// that was reached.
    fn read_segment(&self, next: u64, page: &mut Page) -> Result<u64, ReadError> {
        let (info, file, start, end_offset, end_sequence, end_commit) = {
            let state = self.state();
            let active = &state.active;
            if next >= active.info.first_sequence {
                let start = active.tail.frame_before(next);
                (active.info.clone(), Some(active.file.clone()), start, active.end, u64::MAX, None)
            } else {
                let after = state.sealed.partition_point(|sealed| sealed.end_sequence <= next);
                let sealed = state.sealed.get(after).cloned().ok_or(ReadError::Unavailable)?;
                drop(state);
                let start = self.ask(&sealed, |index| index.frame_before(next))?;
                let end_commit = Some(sealed.end_commit);
                (sealed.info.clone(), None, start, u64::MAX, sealed.end_sequence, end_commit)
            }
        };
        let file = match file {
            Some(file) => file,
            None => self.world.files.open(&info.path, OpenMode::Read)?.into(),
        };
        let start =
            start.unwrap_or(FrameAt { sequence: info.first_sequence, offset: SEGMENT_HEADER_BYTES as u32 });
        let end = end_offset.min(file.len()?);
        let mut reader = FrameReader::new(&*file, info.salt, end).in_pieces_of(READ_AHEAD_BYTES);
        let (mut offset, mut sequence, mut has_gaps) = (u64::from(start.offset), start.sequence, false);
        // What is left of a compacted segment ends with its file, and may end before its sequences do.
        while !page.is_full() && offset < end && sequence < end_sequence {
            let frame = reader.frame_at(offset)?;
            let (header, bytes) = match frame {
                Ok(frame) => frame,
                Err(reason) => {
                    let behind = end_commit.map(|commit| (commit, end_sequence));
                    // What was put in the place of the file that was looked for is not damaged: it is looked for again.
                    let is_it = SegmentInfo::read(&*file, &info.path, info.number)?
                        .is_ok_and(|found| found.salt == info.salt);
                    let at = DamagedAt { segment: info.number, salt: info.salt, offset, sequence };
                    let laid_out = match is_it {
                        true => self.laid_out(&info, &mut reader, at, behind)?,
                        false => None,
                    };
                    let Some(laid_out) = laid_out else {
                        let bytes = reader.bytes_at(offset, FRAME_BYTES_MAX)?;
                        return Err(info.corruption(offset, reason, &bytes).into());
                    };
                    match page.take_pieces(&mut reader, &laid_out, next)? {
                        true => (offset, sequence) = (laid_out.end, laid_out.next_sequence),
                        false => self.layouts().forget(at),
                    }
                    continue;
                }
            };
            let corrupt = |reason| info.corruption(offset, reason, &[]);
            if !info.follows(&header, header.number, sequence) {
                return Err(corrupt("the global sequence has a gap").into());
            }
            has_gaps |= header.is_sparse();
            let is_before = sequence.saturating_add(header.record_count.into()) <= next;
            if is_before && !header.is_sparse() && info.left.is_none() {
                sequence += u64::from(header.record_count);
            } else {
                let appends = appends_of(&bytes, &header).map_err(corrupt)?;
                sequence = header.next_sequence(&appends);
                for part in appends.iter().flat_map(|append| &append.parts) {
                    let place = part.offset as usize..(part.offset + part.len) as usize;
                    let (_, records) = decode_part(&bytes.slice(place)).map_err(corrupt)?;
                    records
                        .into_iter()
                        .filter(|record| record.sequence >= next)
                        .for_each(|record| page.push(record));
                }
            }
            offset += bytes.len() as u64;
        }
        // A file that is shorter than it has to be was cut, or is what was put in the place of the one that was looked for.
        let is_whole = match &info.left {
            _ if end_sequence == u64::MAX || page.is_full() => true,
            _ if sequence == end_sequence => true,
            Some(left) => offset == left.end,
            // Where an imported journal has gaps, the next segment says where it goes on.
            None => has_gaps,
        };
        if !is_whole {
            return Err(info.corruption(offset, "the segment ends before its records do", &[]).into());
        }
        if let Some((_, sequences)) = &page.damage {
            return Ok(sequences.start.max(next));
        }
        let last = page.records.last().filter(|_| page.is_full());
        let reached = if end_sequence == u64::MAX { sequence } else { end_sequence };
        Ok(last.map_or(reached.max(next), |last| last.sequence + 1))
    }

    fn find_waking(
        &self,
        until: i64,
        after: Option<&Waking>,
        limit: usize,
    ) -> Result<Vec<Waking>, ReadError> {
        let limit = limit.min(READ_RECORDS_MAX);
        let (tail, sealed) = {
            let state = self.state();
            (state.active.tail.waking(until, after, limit), state.sealed.clone())
        };
        let source = || WakeSource { buffer: VecDeque::new(), cursor: after.cloned(), more: true };
        let mut sources: Vec<_> = sealed.iter().map(|_| source()).collect();
        sources.push(WakeSource { buffer: tail.into(), cursor: None, more: false });
        let mut found = Vec::new();
        while found.len() < limit {
            for (source, sealed) in sources.iter_mut().zip(sealed.iter()) {
                source.refill(|cursor, page| self.ask(sealed, |index| index.waking(until, cursor, page)))?;
            }
            let fronts =
                sources.iter().enumerate().filter_map(|(at, source)| Some((source.buffer.front()?, at)));
            let Some((_, at)) = fronts.min() else { break };
            let Some(waking) = sources[at].buffer.pop_front() else { break };
            let is_current = at == sealed.len() || !self.is_known_to(&sealed[at + 1..], &waking.stream)?;
            if is_current {
                found.push(waking);
            }
        }
        Ok(found)
    }

    /// Whether the tail or one of these segments knows the stream, so that older ones are out of date.
    fn is_known_to(&self, newer: &[Arc<Sealed>], stream: &StreamName) -> Result<bool, ReadError> {
        if self.state().active.tail.get(stream).is_some() {
            return Ok(true);
        }
        if newer.is_empty() {
            return Ok(false);
        }
        let key = Fingerprint::of(stream.as_str().as_bytes());
        for sealed in newer {
            if self.ask(sealed, |index| index.entry(stream, key))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn find_names(
        &self,
        prefix: &str,
        after: Option<&StreamName>,
        limit: usize,
    ) -> Result<Vec<StreamName>, ReadError> {
        let limit = limit.min(READ_RECORDS_MAX);
        let (mut names, sealed) = {
            let state = self.state();
            (state.active.tail.names(prefix, after, limit), state.sealed.clone())
        };
        for sealed in sealed.iter() {
            names.extend(self.ask(sealed, |index| index.names(prefix, after, limit))?);
        }
        names.sort_unstable();
        names.dedup();
        names.truncate(limit);
        Ok(names)
    }
}

/// The bytes of a part; `None` when the file ends before.
pub(super) fn read_part(file: &dyn File, part: PartAt) -> Result<Option<Bytes>, ReadError> {
    let mut bytes = vec![0; part.len as usize];
    match file.read_exact_at(&mut bytes, part.offset.into()) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        other => Ok(other.map(|()| Some(bytes.into()))?),
    }
}
