//! How stretches that are damaged are laid out, remembered: to find that out takes looking at every bit of them, and each page that
//! is read there needs it again.
//!
//! Places are kept and no bytes. What was whole then is read and proved like anything else; when it is not whole any more, the
//! stretch is laid out anew.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::salvage::{Piece, salvage};
use super::segment::{FrameReader, SegmentInfo};
use super::shared::Shared;
use crate::record::Corruption;

/// How many are remembered.
const LAYOUTS_MAX: usize = 64;
/// How many pieces these have together, unless one has more.
const PIECES_MAX: usize = 100_000;

/// Where a stretch begins, in which file, and with what sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DamagedAt {
    pub segment: u64,
    pub salt: u32,
    pub offset: u64,
    pub sequence: u64,
}

pub(crate) struct LaidOut {
    /// Behind the stretch.
    pub end: u64,
    pub next_sequence: u64,
    pub pieces: Vec<LaidPiece>,
}

pub(crate) struct LaidPiece {
    pub sequences: Range<u64>,
    pub what: PieceAt,
}

pub(crate) enum PieceAt {
    /// A whole part, and where it lies in the segment.
    Whole {
        offset: u64,
        len: usize,
    },
    Damaged(Corruption),
}

/// The latest layouts, the oldest first.
#[derive(Default)]
pub(crate) struct Layouts(VecDeque<(DamagedAt, Arc<LaidOut>)>);

impl Layouts {
    pub fn get(&self, at: DamagedAt) -> Option<Arc<LaidOut>> {
        self.0.iter().find(|(place, _)| *place == at).map(|(_, found)| found.clone())
    }

    pub fn forget(&mut self, at: DamagedAt) {
        self.0.retain(|(place, _)| *place != at);
    }

    pub fn keep(&mut self, at: DamagedAt, laid_out: Arc<LaidOut>) {
        self.forget(at);
        self.0.push_back((at, laid_out));
        let pieces =
            |all: &VecDeque<(_, Arc<LaidOut>)>| all.iter().map(|it| it.1.pieces.len()).sum::<usize>();
        while self.0.len() > 1 && (self.0.len() > LAYOUTS_MAX || pieces(&self.0) > PIECES_MAX) {
            self.0.pop_front();
        }
    }
}

impl Shared {
    /// How the stretch is laid out that begins at a damaged commit; none when not all is accounted for. `behind` as in
    /// [`FrameReader::stretch`].
    pub fn laid_out(
        &self,
        info: &SegmentInfo,
        reader: &mut FrameReader<'_>,
        at: DamagedAt,
        behind: Option<(u64, u64)>,
    ) -> io::Result<Option<Arc<LaidOut>>> {
        let known = self.layouts().get(at);
        if known.is_some() {
            return Ok(known);
        }
        let Some(stretch) = reader.stretch(info, at.offset, 0, behind)? else { return Ok(None) };
        let Some(pieces) = salvage(&stretch, at.sequence) else { return Ok(None) };
        let place = |piece: Piece| match piece {
            Piece::Whole(head, _) => LaidPiece {
                sequences: head.sequences(),
                what: PieceAt::Whole {
                    offset: stretch.offset + u64::from(head.offset),
                    len: head.len as usize,
                },
            },
            Piece::Damaged(part) => {
                let what = PieceAt::Damaged(part.corruption(info, &stretch));
                LaidPiece { sequences: part.sequences, what }
            }
        };
        let pieces = pieces.into_iter().map(place).collect();
        let laid_out = Arc::new(LaidOut { end: stretch.end(), next_sequence: stretch.next_sequence, pieces });
        self.layouts().keep(at, laid_out.clone());
        Ok(Some(laid_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: u64) -> DamagedAt {
        DamagedAt { segment: 1, salt: 2, offset, sequence: 3 }
    }

    fn of(pieces: usize) -> Arc<LaidOut> {
        let piece = || LaidPiece { sequences: 1..2, what: PieceAt::Whole { offset: 0, len: 0 } };
        let pieces = std::iter::repeat_with(piece).take(pieces).collect();
        Arc::new(LaidOut { end: 0, next_sequence: 2, pieces })
    }

    #[test]
    fn only_the_latest_are_remembered_and_few_when_they_are_large() {
        let mut layouts = Layouts::default();
        (0..=LAYOUTS_MAX as u64).for_each(|offset| layouts.keep(at(offset), of(1)));
        assert_eq!(layouts.0.len(), LAYOUTS_MAX);
        assert!(layouts.get(at(0)).is_none() && layouts.get(at(1)).is_some());
        layouts.keep(at(900), of(PIECES_MAX / 2));
        layouts.keep(at(901), of(PIECES_MAX / 2));
        layouts.keep(at(902), of(PIECES_MAX / 2));
        assert_eq!(layouts.0.len(), 2);
        layouts.keep(at(903), of(PIECES_MAX + 1));
        assert!(layouts.0.len() == 1 && layouts.get(at(903)).is_some());
        layouts.forget(at(903));
        assert!(layouts.get(at(903)).is_none());
    }
}
