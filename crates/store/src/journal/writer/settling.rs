//! What the writer does after a write or a sync that failed, before it takes anything more.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use ghostlight_world::{OpenMode, is_full};

use super::super::frame::{AppendHead, FrameHeader};
use super::super::salvage::KnownDamage;
use super::super::segment::{Damage, ScanError, SegmentInfo, Walker, walk};
use super::{Writer, refusal_of};
use crate::record::AppendError;

impl Writer {
    /// After a failed write: nothing was synced, so zeros over it make sure that it never happened.
    pub(super) fn take_back(&mut self, cause: &io::Error, len: usize) -> AppendError {
        self.shared.count(|stats| stats.faults += 1);
        tracing::error!(segment = self.info.number, error = %cause, "the journal could not be written");
        let end = self.capacity.min(self.offset + len as u64);
        let zeros = vec![0; usize::try_from(end - self.offset).unwrap_or(len)];
        let zeroed = match self.file.write_all_at(&zeros, self.offset) {
            // A file that may not be written so far takes no zeros where it took nothing. What counts is what stands there; and
            // the journal goes on in another file.
            Err(error) if is_full(&error) && self.stands_nothing(zeros.len()) => {
                self.must_roll = true;
                Ok(())
            }
            zeroed => zeroed,
        };
        match zeroed.and_then(|()| self.file.sync_data()) {
            Ok(()) => refusal_of(cause),
            Err(error) => self.supersede(&error),
        }
    }

    /// Whether there is nothing but zeros behind the last commit, for so many bytes.
    fn stands_nothing(&self, len: usize) -> bool {
        let mut bytes = vec![1; len];
        let mut read = 0;
        while read < len {
            match self.file.read_at(&mut bytes[read..], self.offset + read as u64) {
                Ok(0) | Err(_) => return false,
                Ok(more) => read += more,
            }
        }
        bytes.iter().all(|byte| *byte == 0)
    }

    /// After a failed sync: begins a new segment that says that the commit never happened. The refusal is definite
    /// when that works.
    pub(super) fn supersede(&mut self, cause: &io::Error) -> AppendError {
        self.shared.count(|stats| stats.faults += 1);
        tracing::error!(segment = self.info.number, error = %cause, "the journal could not be synced");
        self.must_verify = true;
        self.must_roll = true;
        self.shared.in_doubt.store(true, Ordering::Release);
        match self.make_ready() {
            Ok(()) => refusal_of(cause),
            Err(_) => AppendError::OutcomeUnknown,
        }
    }

    /// Settles what an earlier failure left open. Until that works, appends are refused.
    pub(super) fn make_ready(&mut self) -> Result<(), AppendError> {
        if !(self.lost || self.must_verify || self.must_roll) {
            return Ok(());
        }
        let settled = self.verify_segment().and_then(|()| if self.must_roll { self.roll(0) } else { Ok(()) });
        self.shared.available.store(settled.is_ok(), Ordering::Release);
        match settled {
            Ok(()) => {
                self.shared.in_doubt.store(false, Ordering::Release);
                Ok(())
            }
            Err(error) => Err(self.refusal(&error)),
        }
    }

    pub(super) fn refusal(&self, error: &io::Error) -> AppendError {
        if self.lost { AppendError::Unavailable } else { refusal_of(error) }
    }

    /// Reads back from the disk what was committed in this segment.
    fn verify_segment(&mut self) -> io::Result<()> {
        if self.lost {
            return Err(io::Error::other("committed records are gone from the disk"));
        }
        if !self.must_verify {
            return Ok(());
        }
        let file = self.shared.world.files.open(&self.info.path, OpenMode::Read)?;
        file.drop_cache(0..self.offset);
        let damages = self.shared.state().active.damages.clone();
        let behind = Some((self.next_commit, self.next_sequence));
        match walk(&self.info, &*file, behind, &mut NothingNew { damages }) {
            Ok(_) => {
                self.must_verify = false;
                Ok(())
            }
            Err(ScanError::Device(error)) => Err(error),
            Err(ScanError::Corrupt(corruption)) => {
                self.lost = true;
                tracing::error!(%corruption, "after a failed sync committed records are gone from the disk");
                Err(io::Error::other(corruption))
            }
        }
    }
}

/// A walk that damage ends, unless it was known before just as it is.
struct NothingNew {
    damages: Vec<KnownDamage>,
}

impl Walker for NothingNew {
    fn commit(&mut self, _: u64, _: &FrameHeader, _: &Bytes, _: Vec<AppendHead>) {}

    fn damage(&mut self, _: &SegmentInfo, damage: Damage) -> Result<(), ScanError> {
        // One that begins where a known one does may hide what was lost behind it, or within it.
        match self.damages.contains(&damage.stretch.known()) {
            true => Ok(()),
            false => Err(ScanError::Corrupt(damage.corruption)),
        }
    }
}
