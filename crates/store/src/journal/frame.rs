//! The bytes of a commit: a frame around the appends of one sync. Pure functions over buffers.
//!
//! All numbers are little-endian. A frame begins at a multiple of eight bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | magic `GLC1` |
//! | 4 | CRC32C of everything that follows in the frame, begun with the segment's salt |
//! | 4 | length of the body, a multiple of 8 |
//! | 4 | flags: 1 the first frame of an epoch, 2 the last of an orderly end, 4 sequences are missing in it |
//! | 8, 8, 8 | epoch, commit number, global sequence of the first record |
//! | 4, 4 | records, appends |
//! | | the body: per append its id (16), its number of parts (4), its parts; then zeros up to the length |
//!
//! The salt is random for each segment: a payload that holds the bytes of a frame is never taken for one.
//!
//! A part is what an append says of one stream. It can be read alone, so it repeats what places it:
//!
//! | bytes | what |
//! |---|---|
//! | 4, 4 | length of the part, CRC32C of all that follows in the part |
//! | 8, 8 | global sequence and stream sequence of its first record |
//! | 32 | chain hash after its last record |
//! | 4 | number of records |
//! | 1, 1, 1, 1 | kind of wake-up, length of the name, length of the route, number of aliases |
//! | 32 | chain hash before its first record; absent when that is the first of its stream |
//! | 8 | due time of the wake-up; absent when it has none |
//! | | name, route, aliases (16 each) |
//! | | per record: kind (2), version (1), flags (1, zero), length of the body (4), time (8), body |

use std::sync::Arc;

use bytes::Bytes;

use ghostlight_world::Bug;

use crate::record::{Append, CHAIN_START, Record, StreamName, Wake, chain_hash};

pub(crate) const FRAME_HEADER_BYTES: usize = 48;
pub(crate) const FRAME_ALIGN: usize = 8;
const FRAME_MAGIC: [u8; 4] = *b"GLC1";
/// Without what may be absent.
pub(crate) const PART_HEADER_BYTES: usize = 64;
const RECORD_HEADER_BYTES: usize = 16;
pub(crate) const APPEND_HEADER_BYTES: usize = 20;

/// An empty frame that opens an epoch.
pub(crate) const FLAG_OPENED: u32 = 1;
/// An empty frame that ends an epoch in order.
pub(crate) const FLAG_CLOSED: u32 = 2;
/// A frame from which records were left out: sequences rise in it and need not be dense.
pub(crate) const FLAG_SPARSE: u32 = 4;

/// Why bytes are no frame or part; the text for people.
pub(crate) type Defect = &'static str;

/// Where a part lies and what it says: all that an index needs.
#[derive(Debug, Clone)]
pub(crate) struct PartHead {
    pub stream: StreamName,
    pub route: Arc<str>,
    pub wake: Wake,
    pub aliases: Vec<[u8; 16]>,
    pub first_sequence: u64,
    pub first_stream_sequence: u64,
    pub record_count: u32,
    pub chain_before: [u8; 32],
    pub chain_after: [u8; 32],
    /// From the beginning of the frame.
    pub offset: u32,
    pub len: u32,
}

impl PartHead {
    pub fn last_stream_sequence(&self) -> u64 {
        self.first_stream_sequence.saturating_add(u64::from(self.record_count).saturating_sub(1))
    }

    /// The global sequences of its records.
    pub fn sequences(&self) -> std::ops::Range<u64> {
        self.first_sequence..self.first_sequence.saturating_add(self.record_count.into())
    }
}

/// An append inside a frame.
#[derive(Debug, Clone)]
pub(crate) struct AppendHead {
    pub id: [u8; 16],
    pub first_sequence: u64,
    pub last_sequence: u64,
    pub parts: Vec<PartHead>,
}

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FrameHeader {
    pub crc: u32,
    pub body_len: u32,
    pub flags: u32,
    pub epoch: u64,
    pub number: u64,
    pub first_sequence: u64,
    pub record_count: u32,
    pub append_count: u32,
}

impl FrameHeader {
    /// Reads a header without believing it: only the magic is checked.
    pub fn peek(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes.get(..FRAME_HEADER_BYTES)?);
        if reader.take(4)? != FRAME_MAGIC {
            return None;
        }
        Some(Self {
            crc: reader.u32()?,
            body_len: reader.u32()?,
            flags: reader.u32()?,
            epoch: reader.u64()?,
            number: reader.u64()?,
            first_sequence: reader.u64()?,
            record_count: reader.u32()?,
            append_count: reader.u32()?,
        })
    }

    /// The whole frame's length in bytes.
    pub fn frame_len(&self) -> usize {
        FRAME_HEADER_BYTES + self.body_len as usize
    }

    pub fn is_sparse(&self) -> bool {
        self.flags & FLAG_SPARSE != 0
    }

    /// The sequence behind its last record, whose appends these are.
    pub fn next_sequence(&self, appends: &[AppendHead]) -> u64 {
        appends.last().map_or(self.first_sequence, |last| last.last_sequence.saturating_add(1))
    }
}

/// Checks a whole frame that begins `bytes`.
pub(crate) fn check_frame(bytes: &[u8], salt: u32) -> Result<FrameHeader, Defect> {
    let header = FrameHeader::peek(bytes).ok_or("no commit begins here")?;
    let frame = bytes.get(..header.frame_len()).ok_or("the commit is longer than its segment")?;
    let is_whole = crc32c::crc32c_append(salt, &frame[8..]) == header.crc || Bug::SkipCrc.is_planted();
    if header.frame_len() % FRAME_ALIGN != 0 || !is_whole {
        return Err("the checksum of the commit does not match");
    }
    Ok(header)
}

/// Builds one commit.
pub(crate) struct FrameBuilder {
    buf: Vec<u8>,
    first_sequence: u64,
    next_sequence: u64,
    is_sparse: bool,
    records: Vec<DraftRecord>,
    pub appends: Vec<AppendHead>,
}

struct DraftRecord {
    append: u32,
    part: u32,
    sequence: u64,
    stream_sequence: u64,
    time_us: i64,
    kind: u16,
    version: u8,
    chain: [u8; 32],
    body: std::ops::Range<usize>,
}

impl FrameBuilder {
    pub fn new(first_sequence: u64, capacity: usize) -> Self {
        let mut buf = Vec::with_capacity(capacity.max(FRAME_HEADER_BYTES));
        buf.resize(FRAME_HEADER_BYTES, 0);
        let next_sequence = first_sequence;
        let (records, appends) = (Vec::new(), Vec::new());
        Self { buf, first_sequence, next_sequence, is_sparse: false, records, appends }
    }

    pub fn record_count(&self) -> usize {
        self.records.len()
    }

    /// Says that sequences from `next` up to the beginning of the frame are missing.
    pub fn leave_out_before(&mut self, next: u64) {
        self.is_sparse |= next < self.first_sequence;
    }

    /// Whether these places of an append rise, and lie behind everything that is in the frame.
    pub fn is_behind(&self, append: &Append, places: &[u64]) -> bool {
        let mut next = Some(self.next_sequence);
        append.parts.iter().zip(places).all(|(part, place)| {
            let rises = next.is_some_and(|next| next <= *place);
            next = place.checked_add(part.records.len() as u64);
            rises
        })
    }

    /// How long the frame is by now, padding included.
    pub fn frame_len(&self) -> usize {
        self.buf.len().next_multiple_of(FRAME_ALIGN)
    }

    /// Adds an append. `heads` holds the sequence and chain of each part's stream before it.
    pub fn push(&mut self, append: &Append, heads: &[(u64, [u8; 32])]) {
        self.push_at(append, heads, &[]);
    }

    /// Adds an append whose parts begin at these sequences, which rise; what they leave out is missing. Parts that no
    /// sequence is given for follow on those before them.
    pub fn push_at(&mut self, append: &Append, heads: &[(u64, [u8; 32])], places: &[u64]) {
        let first_sequence = places.first().copied().unwrap_or(self.next_sequence);
        self.buf.extend_from_slice(&append.id);
        self.put_u32(append.parts.len());
        let mut parts = Vec::with_capacity(append.parts.len());
        for (index, part) in append.parts.iter().enumerate() {
            let (last, chain_before) = heads[index];
            let start = self.buf.len();
            let part_first_sequence = places.get(index).copied().unwrap_or(self.next_sequence);
            self.is_sparse |= part_first_sequence != self.next_sequence;
            self.next_sequence = part_first_sequence;
            self.buf.resize(start + PART_HEADER_BYTES, 0);
            if last > 0 {
                self.buf.extend_from_slice(&chain_before);
            }
            if let Wake::At(due) = part.wake {
                self.buf.extend_from_slice(&due.to_le_bytes());
            }
            self.buf.extend_from_slice(part.stream.as_str().as_bytes());
            self.buf.extend_from_slice(part.route.as_bytes());
            for alias in &part.aliases {
                self.buf.extend_from_slice(alias);
            }
            let mut chain = chain_before;
            for (record, stream_sequence) in part.records.iter().zip(last + 1..) {
                let sequence = self.next_sequence;
                self.next_sequence += 1;
                chain = chain_hash(
                    &chain,
                    &part.stream,
                    stream_sequence,
                    sequence,
                    record.time_us,
                    record.kind,
                    &record.body,
                );
                self.buf.extend_from_slice(&record.kind.to_le_bytes());
                self.buf.extend_from_slice(&[record.version, 0]);
                self.put_u32(record.body.len());
                self.buf.extend_from_slice(&record.time_us.to_le_bytes());
                let body = self.buf.len()..self.buf.len() + record.body.len();
                self.buf.extend_from_slice(&record.body);
                self.records.push(DraftRecord {
                    append: small(self.appends.len()),
                    part: small(index),
                    sequence,
                    stream_sequence,
                    time_us: record.time_us,
                    kind: record.kind,
                    version: record.version,
                    chain,
                    body,
                });
            }
            let head = PartHead {
                stream: part.stream.clone(),
                route: part.route.clone(),
                wake: part.wake,
                aliases: part.aliases.clone(),
                first_sequence: part_first_sequence,
                first_stream_sequence: last + 1,
                record_count: small(part.records.len()),
                chain_before,
                chain_after: chain,
                offset: small(start),
                len: small(self.buf.len() - start),
            };
            write_part_header(&mut self.buf[start..], &head);
            parts.push(head);
        }
        let last_sequence = self.next_sequence - 1;
        self.appends.push(AppendHead { id: append.id, first_sequence, last_sequence, parts });
    }

    fn put_u32(&mut self, value: usize) {
        self.buf.extend_from_slice(&small(value).to_le_bytes());
    }

    /// Completes the frame for a segment with this salt.
    pub fn finish(mut self, salt: u32, flags: u32, epoch: u64, number: u64) -> BuiltFrame {
        let header = FrameHeader {
            flags: if self.is_sparse { flags | FLAG_SPARSE } else { flags },
            epoch,
            number,
            first_sequence: self.first_sequence,
            record_count: small(self.records.len()),
            append_count: small(self.appends.len()),
            ..FrameHeader::default()
        };
        seal_frame(&mut self.buf, header, salt);
        BuiltFrame {
            bytes: Bytes::from(self.buf),
            next_sequence: self.next_sequence,
            records: self.records,
            appends: self.appends,
        }
    }
}

/// A frame that is ready to be written.
pub(crate) struct BuiltFrame {
    pub bytes: Bytes,
    /// The sequence behind its last record.
    pub next_sequence: u64,
    records: Vec<DraftRecord>,
    pub appends: Vec<AppendHead>,
}

impl BuiltFrame {
    /// The records, their bodies slices of the frame.
    pub fn records(&self) -> Vec<Record> {
        let record = |draft: &DraftRecord| {
            let part = &self.appends[draft.append as usize].parts[draft.part as usize];
            Record {
                sequence: draft.sequence,
                stream: part.stream.clone(),
                stream_sequence: draft.stream_sequence,
                time_us: draft.time_us,
                kind: draft.kind,
                version: draft.version,
                route: part.route.clone(),
                chain: draft.chain,
                body: self.bytes.slice(draft.body.clone()),
            }
        };
        self.records.iter().map(record).collect()
    }
}

/// Completes a frame whose body stands in `frame` behind room for its header: padding, header, checksum.
pub(crate) fn seal_frame(frame: &mut Vec<u8>, header: FrameHeader, salt: u32) {
    frame.resize(frame.len().next_multiple_of(FRAME_ALIGN), 0);
    let body_len = small(frame.len() - FRAME_HEADER_BYTES);
    frame[0..4].copy_from_slice(&FRAME_MAGIC);
    frame[8..12].copy_from_slice(&body_len.to_le_bytes());
    frame[12..16].copy_from_slice(&header.flags.to_le_bytes());
    frame[16..24].copy_from_slice(&header.epoch.to_le_bytes());
    frame[24..32].copy_from_slice(&header.number.to_le_bytes());
    frame[32..40].copy_from_slice(&header.first_sequence.to_le_bytes());
    frame[40..44].copy_from_slice(&header.record_count.to_le_bytes());
    frame[44..48].copy_from_slice(&header.append_count.to_le_bytes());
    let crc = crc32c::crc32c_append(salt, &frame[8..]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// Lengths are bounded by the size of a segment, which is below 4 GiB.
pub(crate) fn small(value: usize) -> u32 {
    u32::try_from(value).expect("a segment is below 4 GiB, so is everything in it")
}

fn write_part_header(part: &mut [u8], head: &PartHead) {
    let (tag, _) = wake_tag(head.wake);
    let byte = |len: usize| u8::try_from(len).expect("names, routes and aliases were checked when admitted");
    part[0..4].copy_from_slice(&head.len.to_le_bytes());
    part[8..16].copy_from_slice(&head.first_sequence.to_le_bytes());
    part[16..24].copy_from_slice(&head.first_stream_sequence.to_le_bytes());
    part[24..56].copy_from_slice(&head.chain_after);
    part[56..60].copy_from_slice(&head.record_count.to_le_bytes());
    part[60..64].copy_from_slice(&[
        tag,
        byte(head.stream.as_str().len()),
        byte(head.route.len()),
        byte(head.aliases.len()),
    ]);
    let crc = crc32c::crc32c(&part[8..]);
    part[4..8].copy_from_slice(&crc.to_le_bytes());
}

/// A wake-up as parts and sidecars write it: its kind and its due time, 0 for the kinds that have none.
pub(crate) fn wake_tag(wake: Wake) -> (u8, i64) {
    match wake {
        Wake::Done => (0, 0),
        Wake::Idle => (1, 0),
        Wake::Now => (2, 0),
        Wake::At(due) => (WAKE_AT, due),
        Wake::Dropped => (4, 0),
    }
}

/// The kind of wake-up that has a due time.
const WAKE_AT: u8 = 3;

/// Reads what [`wake_tag`] wrote; `None` for an unknown kind.
pub(crate) fn wake_of(tag: u8, due: i64) -> Option<Wake> {
    match tag {
        0 => Some(Wake::Done),
        1 => Some(Wake::Idle),
        2 => Some(Wake::Now),
        WAKE_AT => Some(Wake::At(due)),
        4 => Some(Wake::Dropped),
        _ => None,
    }
}

/// The appends of a checked frame, without their records.
pub(crate) fn appends_of(frame: &[u8], header: &FrameHeader) -> Result<Vec<AppendHead>, Defect> {
    const DEFECT: Defect = "the commit contradicts itself";
    let mut appends =
        Vec::with_capacity((header.append_count as usize).min(frame.len() / APPEND_HEADER_BYTES));
    let mut reader = Reader { bytes: frame, at: FRAME_HEADER_BYTES };
    let (mut sequence, mut record_count) = (header.first_sequence, 0);
    for _ in 0..header.append_count {
        let id = reader.array().ok_or(DEFECT)?;
        let part_count = reader.u32().ok_or(DEFECT)?;
        let mut parts = Vec::with_capacity((part_count as usize).min(frame.len() / PART_HEADER_BYTES));
        for _ in 0..part_count {
            let offset = reader.at;
            let (head, _) = part_head(&frame[offset..], offset).ok_or(DEFECT)?;
            reader.take(head.len as usize).ok_or(DEFECT)?;
            let follows = match header.is_sparse() {
                true => head.first_sequence >= sequence,
                false => head.first_sequence == sequence,
            };
            if !follows || head.record_count == 0 {
                return Err(DEFECT);
            }
            sequence = head.first_sequence.checked_add(head.record_count.into()).ok_or(DEFECT)?;
            record_count += u64::from(head.record_count);
            parts.push(head);
        }
        let first_sequence = parts.first().map_or(sequence, |part: &PartHead| part.first_sequence);
        appends.push(AppendHead { id, first_sequence, last_sequence: sequence.wrapping_sub(1), parts });
    }
    let counted = record_count == u64::from(header.record_count);
    if counted && frame.len() - reader.at < FRAME_ALIGN { Ok(appends) } else { Err(DEFECT) }
}

/// What a part says in front of its records, and where those begin. Its checksum is not looked at.
pub(crate) fn part_head(part: &[u8], offset: usize) -> Option<(PartHead, usize)> {
    let mut reader = Reader::new(part);
    let len = reader.u32()?;
    reader.u32()?;
    let first_sequence = reader.u64()?;
    let first_stream_sequence = reader.u64()?;
    let chain_after = reader.array()?;
    let record_count = reader.u32()?;
    let [tag, name_len, route_len, alias_count] = reader.array()?;
    let chain_before = if first_stream_sequence > 1 { reader.array()? } else { CHAIN_START };
    let due = if tag == WAKE_AT { i64::from_le_bytes(reader.array()?) } else { 0 };
    let name = std::str::from_utf8(reader.take(name_len.into())?).ok()?;
    let route = std::str::from_utf8(reader.take(route_len.into())?).ok()?;
    let aliases = (0..alias_count).map(|_| reader.array()).collect::<Option<_>>()?;
    if reader.at > len as usize || len as usize > part.len() {
        return None;
    }
    let head = PartHead {
        stream: StreamName::parse(name).ok()?,
        route: route.into(),
        wake: wake_of(tag, due)?,
        aliases,
        first_sequence,
        first_stream_sequence,
        record_count,
        chain_before,
        chain_after,
        offset: u32::try_from(offset).ok()?,
        len,
    };
    Some((head, reader.at))
}

/// Reads a part with its records and proves it: checksum, lengths, chain. `part` begins with the part.
pub(crate) fn decode_part(part: &Bytes) -> Result<(PartHead, Vec<Record>), Defect> {
    const DEFECT: Defect = "the records contradict themselves";
    let len = Reader::new(part).u32().ok_or(DEFECT)? as usize;
    let bytes = part.get(..len.max(PART_HEADER_BYTES)).ok_or("the records are longer than their place")?;
    if bytes[4..8] != crc32c::crc32c(&bytes[8..]).to_le_bytes() && !Bug::SkipCrc.is_planted() {
        return Err("the checksum of the records does not match");
    }
    let (head, at) = part_head(bytes, 0).ok_or(DEFECT)?;
    let mut reader = Reader { bytes, at };
    let mut records = Vec::with_capacity((head.record_count as usize).min(len / RECORD_HEADER_BYTES));
    let mut chain = head.chain_before;
    for index in 0..u64::from(head.record_count) {
        let (record, body) = raw_record(&mut reader).ok_or(DEFECT)?;
        let sequence = head.first_sequence.checked_add(index).ok_or(DEFECT)?;
        let stream_sequence = head.first_stream_sequence.checked_add(index).ok_or(DEFECT)?;
        let body = part.slice(body);
        chain =
            chain_hash(&chain, &head.stream, stream_sequence, sequence, record.time_us, record.kind, &body);
        records.push(Record {
            sequence,
            stream: head.stream.clone(),
            stream_sequence,
            time_us: record.time_us,
            kind: record.kind,
            version: record.version,
            route: head.route.clone(),
            chain,
            body,
        });
    }
    if reader.at != len {
        return Err(DEFECT);
    }
    if chain != head.chain_after {
        return Err("the chain of the records does not match");
    }
    Ok((head, records))
}

struct RawRecord {
    kind: u16,
    version: u8,
    time_us: i64,
}

fn raw_record(reader: &mut Reader<'_>) -> Option<(RawRecord, std::ops::Range<usize>)> {
    let kind = u16::from_le_bytes(reader.array()?);
    let [version, flags] = reader.array()?;
    let body_len = reader.u32()? as usize;
    let time_us = i64::from_le_bytes(reader.array()?);
    let start = reader.at;
    reader.take(body_len)?;
    // Flags are for bodies that are erased or sealed; this version writes none and must not misread them.
    (flags == 0).then_some((RawRecord { kind, version, time_us }, start..start + body_len))
}

/// The streams whose parts in a damaged frame do not match their own checksum, as far as the frame's lengths can
/// still be followed.
pub(crate) fn damaged_streams(frame: &[u8]) -> Vec<StreamName> {
    let mut found = Vec::new();
    let Some(header) = FrameHeader::peek(frame) else { return found };
    let frame = &frame[..header.frame_len().min(frame.len())];
    let mut reader = Reader { bytes: frame, at: FRAME_HEADER_BYTES };
    for _ in 0..header.append_count {
        let (Some(_), Some(parts)) = (reader.take(16), reader.u32()) else { return found };
        for _ in 0..parts {
            let Some((head, _)) = part_head(&frame[reader.at..], reader.at) else { return found };
            let part = &frame[reader.at..reader.at + head.len as usize];
            if part[4..8] != crc32c::crc32c(&part[8..]).to_le_bytes() && !found.contains(&head.stream) {
                found.push(head.stream);
            }
            reader.at += head.len as usize;
        }
    }
    found
}

/// Reads forward; every step says when the bytes run out.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let taken = self.bytes.get(self.at..self.at.checked_add(len)?)?;
        self.at += len;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
