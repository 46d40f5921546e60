//! Checking a whole journal without opening it: every frame, every chain, the order of everything. Changes nothing.

use std::collections::HashMap;
use std::path::Path;

use ghostlight_world::Files;
use uuid::Uuid;

use super::frame::{appends_of, decode_part};
use super::open::{Layout, OpenError};
use super::salvage::{NOT_ACCOUNTED, ONLY_THE_FRAME, Piece, Stretch, Told, salvage};
use super::segment::{FRAME_BYTES_MAX, FrameReader, Left, NOT_ALL_THERE, SEGMENT_HEADER_BYTES, SegmentInfo};
use super::view::{Held, hold};
use crate::record::{CHAIN_START, Corruption, StreamName, Wake};

/// How many stretches that are gone are kept; the records in further ones are only counted.
const GONE_MAX: usize = 100;
/// How many findings are kept; further ones are only counted.
const FINDINGS_MAX: usize = 100;

/// What [`verify`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Which log.
    pub log_id: Uuid,
    /// Segments.
    pub segments: u64,
    /// Whole commits.
    pub commits: u64,
    /// Records in them.
    pub records: u64,
    /// Streams.
    pub streams: u64,
    /// The highest epoch.
    pub epoch: u64,
    /// Segments that were compacted.
    pub compacted_segments: u64,
    /// Streams that were dropped.
    pub dropped_streams: u64,
    /// The first stretches of global sequences, from and to, that are gone because their streams were dropped or had expired.
    pub gone: Vec<(u64, u64)>,
    /// How many records are gone.
    pub gone_count: u64,
    /// Bytes behind the last commit that belong to none: cut off at the next opening. They were never acknowledged.
    pub torn_bytes: u64,
    /// The first damages, in order.
    pub findings: Vec<Corruption>,
    /// How many damages there are.
    pub finding_count: u64,
}

impl VerifyReport {
    /// Whether everything committed is whole.
    pub fn is_sound(&self) -> bool {
        self.finding_count == 0
    }
}

/// Walks all segments of the store in `dir` as they are at one moment, whatever a daemon compacts meanwhile. Takes no lock and writes nothing; beside a running journal the last
/// commit may show as torn. Memory: about 150 bytes per stream.
///
/// # Errors
/// [`OpenError`] when there is nothing to walk: no store, a newer format, an unreadable or missing segment header.
pub fn verify(files: &dyn Files, dir: &Path) -> Result<VerifyReport, OpenError> {
    let layout = Layout::new(dir);
    let manifest = layout.manifest(files)?.ok_or_else(|| OpenError::Missing(dir.to_owned()))?;
    let segments = hold(files, &layout, manifest.log_id)?;
    let mut walk = Walk {
        report: VerifyReport { log_id: manifest.log_id, ..VerifyReport::default() },
        heads: HashMap::new(),
        gaps: HashMap::new(),
        next_commit: 1,
        next_sequence: 1,
        before_is_compacted: false,
    };
    if segments.is_empty() {
        walk.find(Corruption {
            segment: 1,
            offset: 0,
            reason: "the segment is missing",
            streams: Vec::new(),
        });
    }
    for (index, held) in segments.iter().enumerate() {
        let end = segments.get(index + 1).map(|next| (next.info.first_commit, next.info.first_sequence));
        walk.segment(held, end).map_err(|error| layout.device(error))?;
    }
    walk.end();
    walk.report.segments = segments.len() as u64;
    walk.report.streams = walk.heads.len() as u64;
    Ok(walk.report)
}

struct Walk {
    report: VerifyReport,
    /// Sequence and chain of each stream. `None` behind damage, where the next record cannot be checked.
    heads: HashMap<StreamName, Option<(u64, [u8; 32])>>,
    /// The first gap of each stream that has one. It is damage unless the stream was dropped, which shows at its end.
    gaps: HashMap<StreamName, Corruption>,
    next_commit: u64,
    next_sequence: u64,
    before_is_compacted: bool,
}

impl Walk {
    fn find(&mut self, finding: Corruption) {
        self.report.finding_count += 1;
        for stream in &finding.streams {
            self.heads.insert(stream.clone(), None);
        }
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        }
    }

    fn segment(&mut self, Held { info, file }: &Held, end: Option<(u64, u64)>) -> std::io::Result<()> {
        let end_commit = end.map(|(commit, _)| commit);
        self.report.compacted_segments += u64::from(info.left.is_some());
        let (mut met, mut is_counted) = (Left { end: SEGMENT_HEADER_BYTES as u64, ..Left::default() }, true);
        let mut reader = FrameReader::new(&**file, info.salt, file.len()?);
        let mut offset = SEGMENT_HEADER_BYTES as u64;
        // What a compacted segment lacks at its end shows here.
        let may_lack = self.before_is_compacted;
        self.before_is_compacted = info.left.is_some();
        let continues = match may_lack {
            true => info.first_commit >= self.next_commit && info.first_sequence >= self.next_sequence,
            false => info.first_commit == self.next_commit && info.first_sequence == self.next_sequence,
        };
        if !continues {
            self.find(info.corruption(0, "the segment does not continue the one before it", &[]));
            self.next_sequence = info.first_sequence;
        }
        self.next_commit = info.first_commit;
        self.pass_over(info.first_sequence);
        while info.goes_on(offset, self.next_commit, end_commit) {
            match reader.frame_at(offset)? {
                Ok((header, bytes)) => {
                    let follows = info.follows(&header, self.next_commit, self.next_sequence);
                    if !follows || header.epoch < self.report.epoch {
                        self.find(info.corruption(offset, "the commit is not the one that comes next", &[]));
                    }
                    self.report.epoch = header.epoch.max(self.report.epoch);
                    self.report.commits += 1;
                    self.report.records += u64::from(header.record_count);
                    self.next_commit = header.number + 1;
                    if !follows {
                        self.next_sequence = header.first_sequence;
                    }
                    self.pass_over(header.first_sequence);
                    match appends_of(&bytes, &header) {
                        Err(reason) => {
                            self.find(info.corruption(offset, reason, &[]));
                            self.next_sequence = header.first_sequence + u64::from(header.record_count);
                        }
                        Ok(appends) => {
                            for part in appends.iter().flat_map(|append| &append.parts) {
                                let at = offset + u64::from(part.offset);
                                let place = part.offset as usize..(part.offset + part.len) as usize;
                                self.pass_over(part.first_sequence);
                                self.next_sequence = part.first_sequence + u64::from(part.record_count);
                                let checked = decode_part(&bytes.slice(place)).map(|(head, _)| head);
                                self.part(info, at, &part.stream, checked);
                            }
                        }
                    }
                    offset += bytes.len() as u64;
                    met.count(&header, offset);
                }
                Err(reason) => {
                    let torn_end = reader.end_of_bytes(offset)?;
                    let later = reader.find_commit(offset + 1..torn_end, self.next_commit)?;
                    if later.is_none() && end_commit.is_none() && info.left.is_none() {
                        self.report.torn_bytes = torn_end - offset;
                        return Ok(());
                    }
                    if later.is_some() && reader.is_whole_after_all(offset)? {
                        continue;
                    }
                    let stretch = reader.stretch(info, offset, self.next_commit, end)?;
                    let pieces = stretch.as_ref().and_then(|stretch| salvage(stretch, self.next_sequence));
                    if let (Some(stretch), Some(pieces)) = (stretch, pieces) {
                        self.pieces(info, &stretch, pieces);
                        offset = stretch.end();
                        (met.end, is_counted) = (offset, false);
                        (self.next_commit, self.next_sequence) = (stretch.next_commit, stretch.next_sequence);
                        continue;
                    }
                    let bytes = reader.bytes_at(offset, FRAME_BYTES_MAX)?;
                    self.find(info.corruption(offset, reason, &bytes));
                    let Some(later) = later else { return Ok(()) };
                    // What lies between is lost; the numbers go on with what is found.
                    offset = later;
                    if let Ok((header, _)) = reader.frame_at(offset)? {
                        (self.next_commit, self.next_sequence) = (header.number, header.first_sequence);
                    }
                }
            }
        }
        if info.left.is_some_and(|left| if is_counted { left != met } else { left.end != met.end }) {
            self.find(info.corruption(offset, NOT_ALL_THERE, &[]));
        }
        Ok(())
    }

    /// What is left of damaged commits.
    fn pieces(&mut self, info: &SegmentInfo, stretch: &Stretch, pieces: Vec<Piece>) {
        let found = self.report.finding_count;
        for piece in pieces {
            match piece {
                Piece::Whole(head, records) => {
                    self.pass_over(head.first_sequence);
                    self.next_sequence = head.sequences().end;
                    self.report.records += records.len() as u64;
                    let (at, stream) = (stretch.offset + u64::from(head.offset), head.stream.clone());
                    self.part(info, at, &stream, Ok(head));
                }
                Piece::Damaged(part) => {
                    self.next_sequence = part.sequences.end;
                    let corruption = part.corruption(info, stretch);
                    let is_told = match &part.told {
                        Told::Proved(_) => true,
                        // A report may name who nothing speaks against.
                        Told::Claimed(head) => {
                            let before = (head.first_stream_sequence.saturating_sub(1), head.chain_before);
                            self.heads.get(&head.stream).copied().unwrap_or(Some((0, CHAIN_START)))
                                == Some(before)
                        }
                        Told::Nothing => false,
                    };
                    // Whose it is shows later, if it shows at all, by what is missing there.
                    self.find(match is_told {
                        true => corruption,
                        false => Corruption { reason: NOT_ACCOUNTED, streams: Vec::new(), ..corruption },
                    });
                }
            }
        }
        if self.report.finding_count == found {
            let (segment, offset) = (info.number, stretch.offset);
            self.find(Corruption { segment, offset, reason: ONLY_THE_FRAME, streams: Vec::new() });
        }
    }

    /// Notes that the sequences before `next` that were not met are gone.
    fn pass_over(&mut self, next: u64) {
        if self.next_sequence >= next {
            return;
        }
        let (from, to) = (self.next_sequence, next - 1);
        self.report.gone_count += next - from;
        let has_room = self.report.gone.len() < GONE_MAX;
        match self.report.gone.last_mut() {
            Some(last) if last.1 + 1 == from => last.1 = to,
            _ if has_room => self.report.gone.push((from, to)),
            _ => {}
        }
        self.next_sequence = next;
    }

    /// A gap of a stream that was never dropped is damage.
    fn end(&mut self) {
        let mut gaps: Vec<_> = std::mem::take(&mut self.gaps).into_values().collect();
        gaps.sort_by_key(|gap| (gap.segment, gap.offset));
        gaps.into_iter().for_each(|gap| self.find(gap));
    }

    fn part(
        &mut self,
        info: &SegmentInfo,
        offset: u64,
        stream: &StreamName,
        checked: Result<super::frame::PartHead, &'static str>,
    ) {
        let finding =
            |reason| Corruption { segment: info.number, offset, reason, streams: vec![stream.clone()] };
        let head = match checked {
            Ok(head) => head,
            Err(reason) => return self.find(finding(reason)),
        };
        let before = self.heads.get(stream).copied().unwrap_or(Some((0, CHAIN_START)));
        let continues = before
            .is_none_or(|(last, chain)| head.first_stream_sequence == last + 1 && head.chain_before == chain);
        if !continues {
            let gap = finding("the records do not continue those before them");
            let may_lack = before.is_some_and(|(last, _)| head.first_stream_sequence > last + 1);
            if may_lack {
                self.gaps.entry(stream.clone()).or_insert(gap);
            } else {
                self.find(gap);
            }
        }
        if head.wake == Wake::Dropped {
            self.report.dropped_streams += 1;
            self.gaps.remove(stream);
        }
        self.heads.insert(stream.clone(), Some((head.last_stream_sequence(), head.chain_after)));
    }
}
