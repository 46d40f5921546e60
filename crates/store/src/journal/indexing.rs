//! The index of a segment, built by walking it. What is damaged in it gets its place too, so that whoever reads the stream that
//! it belongs to meets the damage, and nobody else does.
//!
//! Whose a damaged part is has to be known: by what it says, when that is proved; by what its head claims, when it continues
//! the stream as it is known before, or when later records of the stream continue it. Else the walk is an error.

use bytes::Bytes;
use ghostlight_world::{File, Files, OpenMode};

use super::frame::{AppendHead, FrameHeader, PartHead};
use super::salvage::{DamagedPart, KnownDamage, NOT_ACCOUNTED, ONLY_THE_FRAME, Piece, Told, salvage};
use super::segment::{Damage, ScanError, SegmentInfo, Walker, walk};
use super::tail::{StreamEntry, Tail};
use crate::record::{Corruption, ReadError, StreamName, Wake};

/// What is known of a stream before a segment.
pub(crate) type Before<'a> = &'a dyn Fn(&StreamName) -> Result<Option<StreamEntry>, ReadError>;

/// Builds an index while a segment is walked over.
pub(crate) struct Indexing<'a> {
    before: Before<'a>,
    pub tail: Tail,
    /// What is damaged, in order.
    pub damages: Vec<Corruption>,
    /// The stretches in which that is.
    pub stretches: Vec<KnownDamage>,
    /// Claims that nothing confirms yet: the stream, its last sequence by the claim, and the damage.
    claims: Vec<(StreamName, u64, Corruption)>,
}

impl<'a> Indexing<'a> {
    pub fn new(before: Before<'a>) -> Self {
        let (damages, stretches, claims) = (Vec::new(), Vec::new(), Vec::new());
        Self { before, tail: Tail::default(), damages, stretches, claims }
    }

    /// What was built, if nothing of it is in doubt.
    pub fn finish(self) -> Result<Indexed, ScanError> {
        if let Some((.., corruption)) = self.claims.into_iter().next() {
            return Err(ScanError::Corrupt(Corruption { reason: NOT_ACCOUNTED, ..corruption }));
        }
        for corruption in &self.damages {
            tracing::error!(%corruption, "committed records are damaged: their streams are, others are not");
        }
        Ok(Indexed { tail: self.tail, damages: self.damages, stretches: self.stretches })
    }

    fn known(&self, stream: &StreamName) -> Result<Option<StreamEntry>, ReadError> {
        match self.tail.get(stream) {
            Some(entry) => Ok(Some(entry.clone())),
            None => (self.before)(stream),
        }
    }

    /// Takes in a whole part: it may confirm a claim.
    fn confirm(&mut self, part: &PartHead) {
        self.claims.retain(|(stream, last, _)| {
            *stream != part.stream || last.checked_add(1) != Some(part.first_stream_sequence)
        });
    }

    fn damaged(&mut self, at: u32, part: &DamagedPart, corruption: Corruption) -> Result<(), ScanError> {
        let lost = |corruption| Err(ScanError::Corrupt(Corruption { reason: NOT_ACCOUNTED, ..corruption }));
        let (head, is_proved) = match &part.told {
            Told::Proved(head) => (head.clone(), true),
            // That a stream was dropped has to be proved.
            Told::Claimed(head) if head.wake == Wake::Dropped => {
                (PartHead { wake: Wake::Now, ..head.clone() }, false)
            }
            Told::Claimed(head) => (head.clone(), false),
            Told::Nothing => return lost(corruption),
        };
        let (last, chain) = self.known(&head.stream)?.map_or((0, None), |it| (it.last, Some(it.chain)));
        let is_next = head.first_stream_sequence == last + 1;
        if head.first_stream_sequence <= last || !(is_proved || is_next) {
            return lost(corruption);
        }
        if !is_proved && chain != Some(head.chain_before) {
            let last = head.last_stream_sequence();
            self.claims.push((head.stream.clone(), last, corruption.clone()));
        }
        self.tail.add(at, &head, !is_proved);
        self.damages.push(corruption);
        Ok(())
    }
}

impl Walker for Indexing<'_> {
    fn commit(&mut self, offset: u64, header: &FrameHeader, _: &Bytes, appends: Vec<AppendHead>) {
        if !self.claims.is_empty() {
            appends.iter().flat_map(|append| &append.parts).for_each(|part| self.confirm(part));
        }
        self.tail.apply(place(offset), header.first_sequence, &appends);
    }

    fn damage(&mut self, info: &SegmentInfo, damage: Damage) -> Result<(), ScanError> {
        let Damage { corruption, stretch, sequence } = damage;
        let Some(pieces) = salvage(&stretch, sequence) else {
            return Err(ScanError::Corrupt(Corruption { reason: NOT_ACCOUNTED, ..corruption }));
        };
        let (at, before) = (place(stretch.offset), self.damages.len());
        self.tail.begin_frame(at, sequence);
        for piece in &pieces {
            match piece {
                Piece::Whole(head, _) => {
                    let known = self.known(&head.stream)?;
                    if known.is_some_and(|known| known.last >= head.first_stream_sequence) {
                        return Err(ScanError::Corrupt(Corruption { reason: NOT_ACCOUNTED, ..corruption }));
                    }
                    self.confirm(head);
                    self.tail.add(at, head, false);
                }
                Piece::Damaged(part) => self.damaged(at, part, part.corruption(info, &stretch))?,
            }
        }
        if self.damages.len() == before {
            self.damages.push(Corruption { reason: ONLY_THE_FRAME, streams: Vec::new(), ..corruption });
        }
        self.stretches.push(stretch.known());
        Ok(())
    }
}

/// An index that was built, and what is damaged in its segment.
pub(crate) struct Indexed {
    pub tail: Tail,
    pub damages: Vec<Corruption>,
    pub stretches: Vec<KnownDamage>,
}

/// Builds the index of a segment that ends before the commit and the sequence `end`.
pub(crate) fn index_of(
    files: &dyn Files,
    info: &SegmentInfo,
    end: (u64, u64),
    before: Before<'_>,
) -> Result<Tail, ScanError> {
    let file: Box<dyn File> = files.open(&info.path, OpenMode::Read)?;
    let mut indexing = Indexing::new(before);
    walk(info, &*file, Some(end), &mut indexing)?;
    Ok(indexing.finish()?.tail)
}

/// Segments are below 4 GiB: checked when they are made.
fn place(offset: u64) -> u32 {
    u32::try_from(offset).unwrap_or(u32::MAX)
}
