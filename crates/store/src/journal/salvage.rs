//! What is left where a commit is damaged and a later one is whole.
//!
//! A part can be read alone: it has a checksum of its own, it says where it belongs, and its chain proves its records. So the
//! bytes between the damaged commit and the next whole one are laid out anew, from the left to the right: each part has to
//! begin where the one before it ended, or behind the headers that may stand between, and with the global sequence that comes
//! next. All sequences up to the next whole commit have to be accounted for, by parts that are whole or by parts that are
//! damaged; else nothing is said at all.
//!
//! Whose a damaged part was is said in two ways. If a single bit was flipped, there is one bit that makes checksum and chain
//! match when it is flipped back: that **proves** all the part says, though it is damaged and stays so. Else there is what its
//! head still **claims**, which whoever asks has to hold against what is known otherwise.
//!
//! Pure functions over bytes; nothing is ever written to what is damaged.

use std::io;
use std::ops::Range;

use bytes::Bytes;

use super::frame::{
    APPEND_HEADER_BYTES, Defect, FLAG_SPARSE, FRAME_ALIGN, FRAME_HEADER_BYTES, FrameHeader,
    PART_HEADER_BYTES, PartHead, decode_part, part_head,
};
use super::segment::{FRAME_BYTES_MAX, FrameReader, SegmentInfo};
use crate::record::{Corruption, Record};

/// No longer stretch is looked through: what is damaged for longer than some commits is not salvaged.
const STRETCH_BYTES_MAX: u64 = 4 * FRAME_BYTES_MAX as u64;
/// The reversed polynomial of CRC32C.
const CRC32C: u32 = 0x82f6_3b78;

/// From a damaged commit to the next whole one, or to the end of the segment.
pub(crate) struct Stretch {
    /// Where it begins in the segment.
    pub offset: u64,
    pub bytes: Bytes,
    /// The commit that follows, and the global sequence of its first record.
    pub next_commit: u64,
    pub next_sequence: u64,
    /// Sequences may be missing although nothing is damaged: records were left out.
    may_lack: bool,
}

/// What a stretch was when it was looked at, so that another one is told from it also where it begins with the same byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownDamage {
    offset: u64,
    end: u64,
    next_commit: u64,
    next_sequence: u64,
    /// Of its bytes: what is whole in it may be lost later.
    hash: blake3::Hash,
}

impl Stretch {
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }

    pub fn known(&self) -> KnownDamage {
        let Self { offset, next_commit, next_sequence, .. } = *self;
        let hash = blake3::hash(&self.bytes);
        KnownDamage { offset, end: self.end(), next_commit, next_sequence, hash }
    }
}

/// A piece of a stretch.
pub(crate) enum Piece {
    /// A part that is whole. Its offset counts from the beginning of the stretch.
    Whole(PartHead, Vec<Record>),
    Damaged(DamagedPart),
}

pub(crate) struct DamagedPart {
    /// From the beginning of the stretch.
    pub offset: usize,
    /// The global sequences that stood here.
    pub sequences: Range<u64>,
    pub told: Told,
}

/// What is known of a damaged part.
pub(crate) enum Told {
    /// All that it said.
    Proved(PartHead),
    /// What its head says now.
    Claimed(PartHead),
    Nothing,
}

impl FrameReader<'_> {
    /// The stretch that begins with the damaged commit at `offset`; none when it is the end of a segment that nothing says the
    /// end of, and when it is too long. `end` is the first commit behind the segment with its first sequence.
    pub fn stretch(
        &mut self,
        info: &SegmentInfo,
        offset: u64,
        next_commit: u64,
        end: Option<(u64, u64)>,
    ) -> io::Result<Option<Stretch>> {
        let torn_end = self.end_of_bytes(offset)?;
        let later = self.find_commit(offset + 1..torn_end, next_commit)?;
        let whole = match later {
            Some(later) => self.frame_at(later)?.ok().map(|(header, _)| (later, header)),
            None => None,
        };
        let (until, next_commit, next_sequence, may_lack) = match (whole, end) {
            (Some((later, header)), _) => (later, header.number, header.first_sequence, header.is_sparse()),
            (None, Some((commit, sequence))) => {
                let claimed = FrameHeader::peek(&self.bytes_at(offset, FRAME_HEADER_BYTES)?)
                    .map(|header| header.frame_len())
                    .filter(|len| *len <= FRAME_BYTES_MAX);
                // The last bytes of a commit may be zeros.
                let last = torn_end.max(offset + claimed.unwrap_or(0) as u64);
                (info.left.map_or(last, |left| left.end), commit, sequence, false)
            }
            (None, None) => return Ok(None),
        };
        let Some(len) = until.checked_sub(offset).filter(|len| *len <= STRETCH_BYTES_MAX) else {
            return Ok(None);
        };
        let bytes = self.bytes_at(offset, usize::try_from(len).unwrap_or(0))?;
        let may_lack = may_lack || info.left.is_some();
        Ok(Some(Stretch { offset, bytes, next_commit, next_sequence, may_lack }))
    }
}

/// Lays out a stretch whose first record has the global sequence `sequence`. None when not all is accounted for.
pub(crate) fn salvage(stretch: &Stretch, sequence: u64) -> Option<Vec<Piece>> {
    let bytes = &stretch.bytes;
    // Whatever else its header says by now.
    let flags = bytes.get(12..16).and_then(|flags| flags.try_into().ok()).map_or(0, u32::from_le_bytes);
    let is_sparse = stretch.may_lack || flags & FLAG_SPARSE != 0;
    let mut layout = Layout { bytes, at: 0, sequence, until: stretch.next_sequence, is_sparse };
    let mut pieces = Vec::new();
    while layout.sequence < layout.until {
        if layout.at + FRAME_ALIGN > bytes.len() {
            return stretch.may_lack.then_some(pieces);
        }
        if let Some((head, records)) = layout.candidates().into_iter().find_map(|at| layout.whole(at)) {
            layout.pass(&head);
            pieces.push(Piece::Whole(head, records));
        } else if let Some(behind) = layout.behind_mark() {
            layout.at = behind;
        } else if let Some(head) = layout.candidates().into_iter().find_map(|at| layout.proved(at)) {
            layout.pass(&head);
            let (offset, sequences) = (head.offset as usize, head.sequences());
            pieces.push(Piece::Damaged(DamagedPart { offset, sequences, told: Told::Proved(head) }));
        } else {
            let found = (layout.at + 1..bytes.len()).find_map(|at| layout.whole_later(at));
            // Where records may be missing nobody can say how many of them were here.
            if found.is_none() && stretch.may_lack {
                return None;
            }
            let (end, next) = found.unwrap_or((bytes.len(), layout.until));
            let sequences = layout.sequence..next;
            if !sequences.is_empty() {
                let claimed = layout.candidates().into_iter().find_map(|at| layout.claimed(at, &sequences));
                let offset = claimed.as_ref().map_or(layout.at, |head| head.offset as usize);
                let told = claimed.map_or(Told::Nothing, Told::Claimed);
                pieces.push(Piece::Damaged(DamagedPart { offset, sequences, told }));
            }
            (layout.at, layout.sequence) = (end, next);
        }
    }
    (layout.sequence == layout.until).then_some(pieces)
}

/// The first damaged part of a stretch whose first record has this sequence; the damage as a whole when all parts are whole.
/// None when not all is accounted for.
pub(crate) fn first_damage(info: &SegmentInfo, stretch: &Stretch, sequence: u64) -> Option<Corruption> {
    let damaged = salvage(stretch, sequence)?.into_iter().find_map(|piece| match piece {
        Piece::Damaged(part) => Some(part.corruption(info, stretch)),
        Piece::Whole(..) => None,
    });
    let (segment, offset) = (info.number, stretch.offset);
    Some(damaged.unwrap_or(Corruption { segment, offset, reason: ONLY_THE_FRAME, streams: Vec::new() }))
}

/// How far a stretch is laid out.
struct Layout<'a> {
    bytes: &'a Bytes,
    at: usize,
    /// The sequence that comes next.
    sequence: u64,
    /// The sequence behind the stretch.
    until: u64,
    is_sparse: bool,
}

impl Layout<'_> {
    fn pass(&mut self, head: &PartHead) {
        self.at = (head.offset + head.len) as usize;
        self.sequence = head.sequences().end;
    }

    /// Where the next part may begin: here, behind the header of an append, or behind that of a commit. No part is short
    /// enough to be passed over between these.
    fn candidates(&self) -> [usize; 3] {
        let behind_frame = self.at.next_multiple_of(FRAME_ALIGN) + FRAME_HEADER_BYTES + APPEND_HEADER_BYTES;
        [self.at, self.at + APPEND_HEADER_BYTES, behind_frame]
    }

    /// Behind the empty commit that begins here, if one does.
    fn behind_mark(&self) -> Option<usize> {
        let at = self.at.next_multiple_of(FRAME_ALIGN);
        let header = FrameHeader::peek(self.bytes.get(at..)?)?;
        (header.body_len == 0 && header.append_count == 0).then_some(at + FRAME_HEADER_BYTES)
    }

    fn fits(&self, sequences: &Range<u64>) -> bool {
        let begins = match self.is_sparse {
            true => sequences.start >= self.sequence,
            false => sequences.start == self.sequence,
        };
        begins && sequences.start < sequences.end && sequences.end <= self.until
    }

    fn part_at(&self, at: usize) -> Option<Bytes> {
        (at.checked_add(PART_HEADER_BYTES)? <= self.bytes.len()).then(|| self.bytes.slice(at..))
    }

    /// The whole part that begins at `at` with the sequence that comes next.
    fn whole(&self, at: usize) -> Option<(PartHead, Vec<Record>)> {
        let part = self.part_at(at)?;
        let (head, records) = decode_part(&part).ok()?;
        let head = PartHead { offset: u32::try_from(at).ok()?, ..head };
        self.fits(&head.sequences()).then_some((head, records))
    }

    /// Where a whole part of a later sequence begins, and that sequence, when it is at `at`.
    fn whole_later(&self, at: usize) -> Option<(usize, u64)> {
        let sequence = self.bytes.get(at.checked_add(8)?..at.checked_add(16)?)?;
        let sequence = u64::from_le_bytes(sequence.try_into().ok()?);
        if sequence < self.sequence || sequence >= self.until {
            return None;
        }
        let (head, _) = decode_part(&self.part_at(at)?).ok()?;
        (head.sequences().end <= self.until).then_some((at, sequence))
    }

    /// The part at `at`, of which one bit was flipped.
    fn proved(&self, at: usize) -> Option<PartHead> {
        let part = self.part_at(at)?;
        let head = PartHead { offset: u32::try_from(at).ok()?, ..mended(&part)? };
        self.fits(&head.sequences()).then_some(head)
    }

    /// What the head of a part at `at` says, if it says that it holds these sequences.
    fn claimed(&self, at: usize, sequences: &Range<u64>) -> Option<PartHead> {
        let (head, _) = part_head(&self.part_at(at)?, at)?;
        (head.sequences() == *sequences).then_some(head)
    }
}

/// What a part says of which one bit was flipped: in its length, in its checksum, or in what that covers. Only a part whose
/// chain matches too is believed.
fn mended(part: &Bytes) -> Option<PartHead> {
    let field = |at: usize| part.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (len, checksum) = (field(0)?, field(4)?);
    let covered = |len: u32| part.get(8..len as usize).filter(|_| len as usize >= PART_HEADER_BYTES);
    let read = |flipped: Range<usize>, whole: &[u8], len: u32| {
        let mut copy = part[..len as usize].to_vec();
        copy[flipped].copy_from_slice(whole);
        decode_part(&Bytes::from(copy)).ok().map(|(head, _)| head)
    };
    let in_length = (0..u32::BITS).map(|bit| len ^ (1 << bit)).find_map(|len| {
        let matches = crc32c::crc32c(covered(len)?) == checksum;
        matches.then(|| read(0..4, &len.to_le_bytes(), len)).flatten()
    });
    if in_length.is_some() {
        return in_length;
    }
    let bytes = covered(len)?;
    let is = crc32c::crc32c(bytes);
    let difference = is ^ checksum;
    if difference.count_ones() == 1 {
        return read(4..8, &is.to_le_bytes(), len);
    }
    let (at, bit) = flipped_bit(bytes.len(), difference)?;
    read(8 + at..9 + at, &[bytes[at] ^ bit], len)
}

/// The one bit of `len` bytes that changes their checksum by `difference`, as the place of its byte and its value. Each bit
/// changes it in its own way, for any length that a segment has room for.
fn flipped_bit(len: usize, difference: u32) -> Option<(usize, u8)> {
    let mut change = CRC32C;
    for at in (0..len).rev() {
        for bit in (0..8).rev() {
            if change == difference {
                return Some((at, 1 << bit));
            }
            change = (change >> 1) ^ if change & 1 == 1 { CRC32C } else { 0 };
        }
    }
    None
}

/// What is wrong with a commit whose records are all there.
pub(crate) const ONLY_THE_FRAME: Defect = "the commit is damaged around its records, which are whole";
/// What is wrong with a damaged part.
pub(crate) const DAMAGED_PART: Defect = "the checksum of the records does not match";
/// What is wrong where nobody can say what was there.
pub(crate) const NOT_ACCOUNTED: Defect =
    "the commit is damaged, and whose records are missing in it cannot be told";

impl DamagedPart {
    /// The damage, in the segment of the stretch.
    pub fn corruption(&self, info: &SegmentInfo, stretch: &Stretch) -> Corruption {
        let streams = match &self.told {
            Told::Proved(head) | Told::Claimed(head) => vec![head.stream.clone()],
            Told::Nothing => Vec::new(),
        };
        let offset = stretch.offset + self.offset as u64;
        Corruption { segment: info.number, offset, reason: DAMAGED_PART, streams }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conformance::{part, stream};
    use super::super::frame::FrameBuilder;
    use super::*;
    use crate::record::{Append, CHAIN_START, StreamAppend};

    const SALT: u32 = 7;
    const FIRST: u64 = 100;

    /// Where a part lies, and whose it is.
    type Place = (Range<usize>, String);

    /// A commit of two appends over four streams; where its parts lie, whose they are, and the sequence behind it.
    fn commit(places: &[u64]) -> (Vec<u8>, Vec<Place>, u64) {
        let of = |name: &str, expected, bodies: &[&str]| StreamAppend {
            aliases: vec![[expected as u8; 16]],
            ..part(&stream(name), expected, bodies)
        };
        let first = vec![of("a", 0, &["one", ""]), of("b", 4, &["two"])];
        let second = vec![of("c", 1, &["three", "four", "five"]), of("d", 0, &["six"])];
        let mut builder = FrameBuilder::new(FIRST, 0);
        builder.push_at(&Append { id: [1; 16], parts: first }, &[(0, CHAIN_START), (4, [5; 32])], places);
        builder.push(&Append { id: [2; 16], parts: second }, &[(1, [6; 32]), (0, CHAIN_START)]);
        let frame = builder.finish(SALT, 0, 1, 9);
        let parts = frame.appends.iter().flat_map(|append| &append.parts);
        let parts = parts.map(|part| {
            (part.offset as usize..(part.offset + part.len) as usize, part.stream.id().to_owned())
        });
        (frame.bytes.to_vec(), parts.collect(), frame.next_sequence)
    }

    fn stretch(bytes: Vec<u8>, next_sequence: u64) -> Stretch {
        Stretch { offset: 512, bytes: bytes.into(), next_commit: 10, next_sequence, may_lack: false }
    }

    /// Who has a whole part in a stretch, and of whom it is proved that a part is damaged.
    fn told(stretch: &Stretch) -> Option<(Vec<String>, Vec<String>)> {
        let (mut whole, mut damaged) = (Vec::new(), Vec::new());
        for piece in salvage(stretch, FIRST)? {
            match piece {
                Piece::Whole(head, _) => whole.push(head.stream.id().to_owned()),
                Piece::Damaged(DamagedPart { told: Told::Proved(head), .. }) => {
                    damaged.push(head.stream.id().to_owned());
                }
                Piece::Damaged(_) => damaged.push("?".to_owned()),
            }
        }
        Some((whole, damaged))
    }

    #[test]
    fn any_single_bit_hits_the_part_that_it_is_in_and_no_other() {
        // Dense, and with records left out in it.
        for places in [&[][..], &[FIRST, FIRST + 5]] {
            let (bytes, parts, next) = commit(places);
            for bit in 0..bytes.len() * 8 {
                let is_sparse_flag = !places.is_empty() && bit == 12 * 8 + 2;
                let mut bytes = bytes.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let found = told(&stretch(bytes, next));
                if is_sparse_flag {
                    let is_told = found.is_some_and(|(_, damaged)| damaged.iter().all(|name| name != "?"));
                    assert!(!is_told, "nothing says that records were left out");
                    continue;
                }
                let is_hit = |at: &Range<usize>| at.contains(&(bit / 8));
                let (hit, spared): (Vec<_>, Vec<_>) = parts.iter().cloned().partition(|(at, _)| is_hit(at));
                let names = |parts: Vec<Place>| parts.into_iter().map(|it| it.1).collect();
                assert_eq!(found, Some((names(spared), names(hit))), "bit {bit}");
            }
        }
    }

    #[test]
    fn what_does_not_add_up_to_the_next_commit_is_not_believed() {
        let (bytes, _, next) = commit(&[]);
        assert_eq!(told(&stretch(bytes.clone(), next)).map(|(whole, _)| whole.len()), Some(4));
        assert_eq!(
            told(&stretch(bytes.clone(), next + 1)),
            None,
            "a record is missing that nothing speaks of"
        );
        let one_less = told(&stretch(bytes.clone(), next - 1));
        assert!(one_less.is_none_or(|(whole, damaged)| whole.len() == 3 && damaged.len() <= 1));
        assert_eq!(
            told(&stretch(bytes[..200].to_vec(), FIRST)),
            Some((vec![], vec![])),
            "nothing is missing"
        );
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let (bytes, _, next) = commit(&[]);
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..300 {
            let mut bytes = bytes.clone();
            let (from, len) = (rng.usize(..bytes.len()), rng.usize(..200));
            let end = (from + len).min(bytes.len());
            rng.fill(&mut bytes[from..end]);
            bytes.truncate(rng.usize(..=bytes.len()));
            // What comes of it is no matter here; that it comes is.
            let _ = told(&stretch(bytes, next + rng.u64(..3)));
        }
    }
}
