//! Reading a whole journal without opening it, commit by commit: what a copy of it on other media is made of.

use std::path::Path;

use ghostlight_world::Files;
use thiserror::Error;
use uuid::Uuid;

use super::frame::{FLAG_CLOSED, FLAG_OPENED, appends_of, decode_part};
use super::open::{Layout, OpenError};
use super::salvage::first_damage;
use super::segment::{FrameReader, Left, NOT_ALL_THERE, SEGMENT_HEADER_BYTES, SegmentInfo};
use super::view::{Held, hold};
use crate::record::{Corruption, Record, Wake};

/// A commit as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeCommit {
    /// Its number, dense from 1.
    pub number: u64,
    /// The epoch it was written in.
    pub epoch: u64,
    /// Whether it opened its epoch.
    pub opened: bool,
    /// Whether it ended its epoch in good order.
    pub closed: bool,
    /// The appends in it.
    pub appends: Vec<WholeAppend>,
}

/// An append as it stands in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAppend {
    /// The id its writer gave it.
    pub id: [u8; 16],
    /// What it says of each stream.
    pub parts: Vec<WholePart>,
}

/// What an append says of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholePart {
    /// What a restart should do with the stream.
    pub wake: Wake,
    /// Further ids of the stream.
    pub aliases: Vec<[u8; 16]>,
    /// The stream's chain hash before the first record.
    pub chain_before: [u8; 32],
    /// At least one.
    pub records: Vec<Record>,
}

/// Why a journal was not read to its end.
#[derive(Debug, Error)]
pub enum WalkError<E> {
    /// There is nothing to read, or not by this version.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A commit does not verify. What came before it was told.
    #[error("the journal is damaged: {0}")]
    Corrupt(Corruption),
    /// Who was told wanted no more.
    #[error("{0}")]
    Told(E),
}

/// A journal that is read without being opened: no lock is taken and nothing is written. It is the one of a moment: what a daemon
/// compacts meanwhile is read as it was, with one descriptor for each segment.
pub struct WholeJournal {
    layout: Layout,
    log_id: Uuid,
    segments: Vec<Held>,
}

impl WholeJournal {
    /// The journal of the store in `dir`, as it is now.
    ///
    /// # Errors
    /// [`OpenError`] when there is none, or none that this version reads.
    pub fn at(files: &dyn Files, dir: &Path) -> Result<Self, OpenError> {
        let layout = Layout::new(dir);
        let manifest = layout.manifest(files)?.ok_or_else(|| OpenError::Missing(dir.to_owned()))?;
        let segments = hold(files, &layout, manifest.log_id)?;
        Ok(Self { layout, log_id: manifest.log_id, segments })
    }

    /// Which log it is.
    pub fn log_id(&self) -> Uuid {
        self.log_id
    }

    /// Tells all commits in order, each checked as [`super::verify()`] checks it. Beside a running daemon it ends with what was
    /// whole when it came there.
    ///
    /// # Errors
    /// [`WalkError`]; the first damage ends it.
    pub fn walk<E>(&self, mut tell: impl FnMut(WholeCommit) -> Result<(), E>) -> Result<(), WalkError<E>> {
        let device = |error| WalkError::Open(self.layout.device(error));
        let (mut next, mut sequence) = (1, 1);
        for (index, Held { info, file }) in self.segments.iter().enumerate() {
            let mut met = Left { end: SEGMENT_HEADER_BYTES as u64, ..Left::default() };
            let mut reader = FrameReader::new(&**file, info.salt, file.len().map_err(device)?);
            let end = self.segments.get(index + 1);
            let end = end.map(|following| (following.info.first_commit, following.info.first_sequence));
            sequence = info.first_sequence.max(sequence);
            let mut offset = SEGMENT_HEADER_BYTES as u64;
            while info.goes_on(offset, next, end.map(|(commit, _)| commit)) {
                match reader.frame_at(offset).map_err(device)? {
                    Ok((header, bytes)) if info.follows(&header, next, header.first_sequence) => {
                        let appends = whole(info, offset, &bytes, &header).map_err(WalkError::Corrupt)?;
                        let flag = |flag| header.flags & flag != 0;
                        let (opened, closed) = (flag(FLAG_OPENED), flag(FLAG_CLOSED));
                        let (number, epoch) = (header.number, header.epoch);
                        let parts = appends.iter().flat_map(|append| &append.parts);
                        let last = parts.flat_map(|part| &part.records).last();
                        sequence = last.map_or(header.first_sequence, |last| last.sequence + 1);
                        let commit = WholeCommit { number, epoch, opened, closed, appends };
                        tell(commit).map_err(WalkError::Told)?;
                        offset += bytes.len() as u64;
                        next = number + 1;
                        met.count(&header, offset);
                    }
                    Ok(_) => {
                        let reason = "the commit is not the one that comes next";
                        return Err(WalkError::Corrupt(info.corruption(offset, reason, &[])));
                    }
                    // Behind the last commit there may be bytes of one that never was; before another one there may not.
                    Err(reason) => {
                        let torn_end = reader.end_of_bytes(offset).map_err(device)?;
                        let later = reader.find_commit(offset + 1..torn_end, next).map_err(device)?;
                        if later.is_some() && reader.is_whole_after_all(offset).map_err(device)? {
                            continue;
                        }
                        if later.is_some() || end.is_some() || info.left.is_some() {
                            let stretch = reader.stretch(info, offset, next, end).map_err(device)?;
                            let damaged = stretch.and_then(|stretch| first_damage(info, &stretch, sequence));
                            let plain = || info.corruption(offset, reason, &[]);
                            return Err(WalkError::Corrupt(damaged.unwrap_or_else(plain)));
                        }
                        break;
                    }
                }
            }
            if info.left.is_some_and(|left| left != met) {
                return Err(WalkError::Corrupt(info.corruption(offset, NOT_ALL_THERE, &[])));
            }
            next = end.map_or(next, |(commit, _)| commit);
        }
        Ok(())
    }
}

fn whole(
    info: &SegmentInfo,
    offset: u64,
    bytes: &bytes::Bytes,
    header: &super::frame::FrameHeader,
) -> Result<Vec<WholeAppend>, Corruption> {
    let heads = appends_of(bytes, header).map_err(|reason| info.corruption(offset, reason, &[]))?;
    let append = |head: super::frame::AppendHead| {
        let part = |part: super::frame::PartHead| {
            let place = part.offset as usize..(part.offset + part.len) as usize;
            let (head, records) = decode_part(&bytes.slice(place))
                .map_err(|reason| info.corruption(offset + u64::from(part.offset), reason, &[]))?;
            let (wake, aliases, chain_before) = (head.wake, head.aliases, head.chain_before);
            Ok(WholePart { wake, aliases, chain_before, records })
        };
        let parts = head.parts.into_iter().map(part).collect::<Result<_, Corruption>>()?;
        Ok(WholeAppend { id: head.id, parts })
    };
    heads.into_iter().map(append).collect()
}
