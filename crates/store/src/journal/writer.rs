//! The one who writes: decides what a commit holds, writes it, syncs it, and only then tells anybody.
//!
//! Commit n+1 is written only after commit n is durable. When a write or a sync fails, nothing of the commit is
//! acknowledged, and the writer settles what became of it before it takes anything more:
//!
//! - a write that failed is overwritten with zeros, and that is synced; the segment goes on;
//! - a sync that failed leaves its file in doubt for good. What was committed in it is verified from the disk, and
//!   a new segment is begun whose header says that the failed commit is not part of the log;
//! - while neither works, appends are refused, and the outcome of the failed commit is unknown: a restart may find
//!   it whole on the disk.

mod settling;

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ghostlight_world::{Bug, File, is_full};

use super::Outcome;
use super::frame::{BuiltFrame, FrameBuilder};
use super::queue::Job;
use super::reply::Reply;
use super::reserve;
use super::restore::{Place, Restored};
use super::sealed::Sealed;
use super::segment::{FRAME_BYTES_MAX, SEGMENT_HEADER_BYTES, SegmentEnd, SegmentInfo, segment_name};
use super::shared::{Active, Shared};
use super::tail::Tail;
use crate::record::{
    Append, AppendError, CHAIN_START, CommitBatch, Committed, StreamAppend, StreamName, Wake,
};

/// How many segments may wait for their sidecar before no new one is begun: each holds its index in memory.
const INDEXES_IN_MEMORY_MAX: usize = 4;
/// How far zeros are written ahead of the commits. A reserved block that is written for the first time has to be noted by
/// the file system in a journal of its own, and the sync waits for that: written ahead, one commit of many pays for it.
static ZEROS_AHEAD: [u8; 256 << 10] = [0; 256 << 10];

pub(crate) struct Writer {
    shared: Arc<Shared>,
    info: Arc<SegmentInfo>,
    file: Arc<dyn File>,
    /// The length of the segment's file.
    capacity: u64,
    /// Behind the last commit.
    offset: u64,
    /// Blocks of the file before this have been written, by commits or by zeros.
    written_to: u64,
    next_commit: u64,
    next_sequence: u64,
    /// Nothing more may be written to this segment: a new one may already have its name on the disk.
    must_roll: bool,
    /// A sync failed: what is committed in this segment must be read back from the disk.
    must_verify: bool,
    /// Something committed is gone. Nothing is taken any more.
    lost: bool,
    /// Sidecars are written on a thread of their own.
    background: bool,
    sealing: Option<std::thread::JoinHandle<()>>,
}

/// An append of the commit under way: its records, or why it has none.
type Decided = (Reply, Result<Range<usize>, AppendError>);

impl Writer {
    pub fn new(shared: Arc<Shared>, end: SegmentEnd, capacity: u64, background: bool) -> Self {
        let (info, file) = {
            let state = shared.state();
            (state.active.info.clone(), state.active.file.clone())
        };
        Self {
            shared,
            info,
            file,
            capacity,
            offset: end.offset,
            written_to: end.offset,
            next_commit: end.next_commit,
            next_sequence: end.next_sequence,
            must_roll: false,
            must_verify: false,
            lost: false,
            background,
            sealing: None,
        }
    }

    /// Decides these appends one after the other, makes them durable by one sync, and answers each.
    pub fn commit(&mut self, jobs: Vec<Job>) {
        let shared = self.shared.clone();
        let _deciding = shared.deciding();
        if let Err(refusal) = self.make_ready() {
            jobs.into_iter().for_each(|job| job.reply.answer(Err(refusal.clone())));
            return;
        }
        let bytes: usize = jobs.iter().map(|job| job.bytes).sum();
        let mut builder = FrameBuilder::new(self.next_sequence, bytes + 64);
        let mut heads = HashMap::new();
        let mut decided: Vec<Decided> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let start = builder.record_count();
            let result = self.heads_of(&job.append, &heads).map(|before| {
                builder.push(&job.append, &before);
                if Bug::ApplyTwice.is_planted() && self.next_commit.is_multiple_of(16) {
                    let parts = builder.appends.last().into_iter().flat_map(|append| &append.parts);
                    let behind: Vec<_> =
                        parts.map(|part| (part.last_stream_sequence(), part.chain_after)).collect();
                    builder.push(&job.append, &behind);
                }
                for part in builder.appends.last().into_iter().flat_map(|append| &append.parts) {
                    heads.insert(part.stream.clone(), (part.last_stream_sequence(), part.chain_after));
                }
                start..builder.record_count()
            });
            decided.push((job.reply, result));
        }
        let conflicts = decided.iter().filter(|(_, result)| result.is_err()).count() as u64;
        self.shared.count(|stats| stats.conflicts += conflicts);
        if builder.record_count() == 0 {
            decided.into_iter().for_each(|(reply, result)| answer_refused(reply, result));
            return;
        }
        let started = self.shared.world.clock.monotonic();
        let written = self.write(builder, 0);
        let written = match written {
            Ok(frame) if Bug::AckBeforeSync.is_planted() => {
                self.accept(frame, decided, Duration::ZERO);
                let _ = self.sync(0);
                return;
            }
            other => other,
        };
        if let (Ok(frame), true) = (&written, Bug::FeedBeforeDurable.is_planted()) {
            self.shared.publisher.publish(&self.batch_of(frame));
        }
        match written.and_then(|frame| self.sync(frame.bytes.len()).map(|()| frame)) {
            Ok(frame) => {
                let took = self.shared.world.clock.monotonic().saturating_sub(started);
                self.accept(frame, decided, took);
            }
            Err(failure) => refuse(decided, &heads, &failure),
        }
    }

    /// Makes durable what another journal held, with the sequences that it had there.
    pub fn restore(&mut self, appends: &[Restored]) -> Result<Vec<[u8; 32]>, AppendError> {
        self.make_ready()?;
        let first_sequence = appends.iter().find_map(|append| append.places.first()).map(|at| at.sequence);
        let mut builder = FrameBuilder::new(first_sequence.unwrap_or(self.next_sequence), 0);
        if first_sequence.is_some_and(|first| first < self.next_sequence) {
            return Err(AppendError::Invalid("its sequences do not rise"));
        }
        builder.leave_out_before(self.next_sequence);
        let mut heads = HashMap::new();
        for Restored { append, places } in appends {
            let before = self.heads_behind(append, places, &heads)?;
            let sequences: Vec<u64> = places.iter().map(|place| place.sequence).collect();
            if !builder.is_behind(append, &sequences) {
                return Err(AppendError::Invalid("its sequences do not rise"));
            }
            builder.push_at(append, &before, &sequences);
            for part in builder.appends.last().into_iter().flat_map(|append| &append.parts) {
                heads.insert(part.stream.clone(), (part.last_stream_sequence(), part.chain_after));
            }
        }
        let (bytes, segment) = (builder.frame_len(), self.shared.segment_bytes);
        let room = usize::try_from(segment).unwrap_or(FRAME_BYTES_MAX).min(FRAME_BYTES_MAX);
        let bytes_max = room - SEGMENT_HEADER_BYTES;
        if bytes > bytes_max {
            return Err(AppendError::TooLarge { bytes, bytes_max });
        }
        let frame = self.write(builder, 0)?;
        self.sync(frame.bytes.len())?;
        let parts = frame.appends.iter().flat_map(|append| &append.parts);
        let chains = parts.map(|part| part.chain_after).collect();
        self.accept(frame, Vec::new(), Duration::ZERO);
        Ok(chains)
    }

    /// As [`Self::heads_of`]. A part that says what was before it may follow on records that are missing.
    fn heads_behind(
        &self,
        append: &Append,
        places: &[Place],
        pending: &HashMap<StreamName, (u64, [u8; 32])>,
    ) -> Result<Vec<(u64, [u8; 32])>, AppendError> {
        if places.len() != append.parts.len() {
            return Err(AppendError::Invalid("its parts have no places"));
        }
        let parts = append.parts.iter().zip(places);
        parts
            .map(|(part, place)| match (self.head_of(&part.stream, pending)?, place.chain_before) {
                (head, _) if head.0 == part.expected => Ok(head),
                ((actual, _), Some(chain)) if actual < part.expected => Ok((part.expected, chain)),
                ((actual, _), _) => Err(conflict(part, actual)),
            })
            .collect()
    }

    /// Writes and syncs an empty frame that marks the beginning or the end of an epoch.
    pub fn mark(&mut self, flags: u32) -> Result<(), AppendError> {
        self.make_ready()?;
        let frame = self.write(FrameBuilder::new(self.next_sequence, 0), flags)?;
        self.sync(frame.bytes.len())?;
        self.advance(&frame);
        self.shared.state_mut().active.end = self.offset;
        Ok(())
    }

    /// Waits for what runs in the background.
    pub fn finish(&mut self) {
        if let Some(sealing) = self.sealing.take() {
            // It reports its errors itself; a panic leaves an index in memory, which is no loss.
            let _ = sealing.join();
        }
    }

    /// Sequence and chain of each part's stream, or the first that is not where it was expected.
    fn heads_of(
        &self,
        append: &Append,
        pending: &HashMap<StreamName, (u64, [u8; 32])>,
    ) -> Result<Vec<(u64, [u8; 32])>, AppendError> {
        let check = |part: &StreamAppend| {
            let (actual, chain) = self.head_of(&part.stream, pending)?;
            if actual == part.expected || Bug::StaleOwner.is_planted() {
                return Ok((actual, chain));
            }
            Err(conflict(part, actual))
        };
        append.parts.iter().map(check).collect()
    }

    /// Sequence and chain of a stream, which takes no more once it was dropped.
    fn head_of(
        &self,
        stream: &StreamName,
        pending: &HashMap<StreamName, (u64, [u8; 32])>,
    ) -> Result<(u64, [u8; 32]), AppendError> {
        if let Some(head) = pending.get(stream) {
            return Ok(*head);
        }
        if self.shared.is_held_back(stream) {
            return Err(AppendError::Unavailable);
        }
        match self.shared.entry(stream) {
            Ok(Some(entry)) if entry.wake == Wake::Dropped => Err(AppendError::Dropped),
            Ok(Some(entry)) if entry.is_in_doubt => Err(AppendError::Damaged { stream: stream.clone() }),
            Ok(entry) => Ok(entry.map_or((0, CHAIN_START), |entry| (entry.last, entry.chain))),
            Err(error) => {
                tracing::error!(%stream, %error, "an append is refused: the index cannot be read");
                Err(AppendError::Unavailable)
            }
        }
    }

    /// Writes a frame behind the last commit, in a new segment when it does not fit. It is not synced.
    fn write(&mut self, builder: FrameBuilder, flags: u32) -> Result<BuiltFrame, AppendError> {
        let len = builder.frame_len() as u64;
        if self.offset + len > self.capacity {
            self.roll(len).map_err(|error| self.refusal(&error))?;
        }
        let frame = builder.finish(self.info.salt, flags, self.shared.epoch, self.next_commit);
        match self.file.write_all_at(&frame.bytes, self.offset) {
            Ok(()) => {
                self.write_zeros_ahead(self.offset + len);
                Ok(frame)
            }
            Err(error) => Err(self.take_back(&error, frame.bytes.len())),
        }
    }

    /// Writes zeros behind a frame that ends where nothing was written before. They stand there already as far as any
    /// reader can tell, so that a failure costs time and nothing else.
    fn write_zeros_ahead(&mut self, end: u64) {
        if end <= self.written_to {
            return;
        }
        let ahead = (ZEROS_AHEAD.len() as u64).min(self.capacity.saturating_sub(end));
        let zeros = &ZEROS_AHEAD[..usize::try_from(ahead).unwrap_or(0)];
        match self.file.write_all_at(zeros, end) {
            Ok(()) => self.written_to = end + ahead,
            Err(error) => tracing::debug!(%error, "no zeros could be written ahead of the commits"),
        }
    }

    fn sync(&mut self, bytes: usize) -> Result<(), AppendError> {
        match self.file.sync_data() {
            Ok(()) => {
                self.shared.count(|stats| {
                    stats.syncs += 1;
                    stats.bytes += bytes as u64;
                });
                Ok(())
            }
            Err(error) => Err(self.supersede(&error)),
        }
    }

    /// Everything after the sync: the index, the head, the answers, the followers; in this order, so that whoever
    /// is told can read it.
    fn accept(&mut self, frame: BuiltFrame, decided: Vec<Decided>, took: Duration) {
        let (first_sequence, offset) = (self.next_sequence, self.offset);
        let batch = self.batch_of(&frame);
        let record_count = batch.records.len() as u64;
        self.advance(&frame);
        {
            let mut state = self.shared.state_mut();
            // Segments are below 4 GiB: checked when the journal is opened.
            let at = u32::try_from(offset).unwrap_or(u32::MAX);
            state.active.tail.apply(at, first_sequence, &frame.appends);
            state.active.end = self.offset;
        }
        self.shared.head.store(batch.last_sequence, Ordering::Release);
        {
            let mut outcomes = self.shared.outcomes();
            for append in &frame.appends {
                let (first_sequence, last_sequence) = (append.first_sequence, append.last_sequence);
                outcomes.recent.insert(append.id, Outcome { first_sequence, last_sequence });
            }
        }
        self.shared.count(|stats| {
            stats.commits += 1;
            stats.appends += frame.appends.len() as u64;
            stats.records += record_count;
            stats.sync_us += u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            stats.commit_times.count(took);
        });
        for (reply, result) in decided {
            reply.answer(result.map(|range| Committed::new(batch.clone(), range)));
        }
        if !Bug::FeedBeforeDurable.is_planted() {
            self.shared.publisher.publish(&batch);
        }
    }

    /// What a frame that stands behind the last commit makes durable.
    fn batch_of(&self, frame: &BuiltFrame) -> Arc<CommitBatch> {
        let records = frame.records();
        let (epoch, first_sequence) = (self.shared.epoch, self.next_sequence);
        let last_sequence = frame.next_sequence - 1;
        Arc::new(CommitBatch { epoch, first_sequence, last_sequence, records })
    }

    fn advance(&mut self, frame: &BuiltFrame) {
        self.offset += frame.bytes.len() as u64;
        self.next_commit += 1;
        self.next_sequence = frame.next_sequence;
    }

    /// Begins a new segment, in which a frame of `frame_bytes` has room. After an error nothing may be written to the old one, because the new one may have its
    /// name on the disk all the same, and it says that the old one ends here.
    fn roll(&mut self, frame_bytes: u64) -> io::Result<()> {
        if self.shared.indexes_in_memory() >= INDEXES_IN_MEMORY_MAX {
            self.finish();
            self.shared.write_indexes()?;
        }
        let number = self.info.number + 1;
        let mut salt = [0; 4];
        self.shared.world.random.fill(&mut salt);
        let info = Arc::new(SegmentInfo {
            number,
            path: self.info.path.with_file_name(segment_name(number)),
            log_id: self.info.log_id,
            salt: u32::from_le_bytes(salt),
            epoch: self.shared.epoch,
            first_commit: self.next_commit,
            first_sequence: self.next_sequence,
            left: None,
        });
        self.must_roll = true;
        let (files, usual) = (&*self.shared.world.files, self.shared.segment_bytes);
        let file = reserve::begin_segment(&info, files, usual, frame_bytes)?;
        // Until all is known of the new one nothing more goes into the old one, which ends here by what the new one says.
        let capacity = file.len()?;
        self.must_roll = false;
        let file_bytes = std::mem::replace(&mut self.capacity, capacity);
        self.offset = SEGMENT_HEADER_BYTES as u64;
        self.written_to = self.offset;
        self.info = info.clone();
        self.file = file.clone();
        {
            let mut state = self.shared.state_mut();
            let (end, capacity) = (self.offset, self.capacity);
            let (tail, damages) = (Tail::default(), Vec::new());
            let active = Active { info, file, tail, end, capacity, damages };
            let old = std::mem::replace(&mut state.active, active);
            let end = (self.next_commit, self.next_sequence);
            let sealed = Sealed::from_tail(old.info, end, file_bytes, old.tail, &self.shared.index_dir);
            Arc::make_mut(&mut state.sealed).push(Arc::new(sealed));
        }
        self.seal();
        Ok(())
    }

    /// Writes the sidecar of the segment that was left, without holding up commits.
    fn seal(&mut self) {
        let shared = self.shared.clone();
        let write = move || {
            if let Err(error) = shared.write_indexes() {
                tracing::warn!(%error, "the index of a segment could not be written and stays in memory");
            }
        };
        if !self.background {
            write();
            return;
        }
        self.finish();
        match std::thread::Builder::new().name("journal-index".into()).spawn(write) {
            Ok(handle) => self.sealing = Some(handle),
            Err(error) => {
                tracing::warn!(%error, "no thread for the index of a segment, which stays in memory")
            }
        }
    }
}

fn conflict(part: &StreamAppend, actual: u64) -> AppendError {
    AppendError::Conflict { stream: part.stream.clone(), expected: part.expected, actual }
}

fn refusal_of(error: &io::Error) -> AppendError {
    if is_full(error) { AppendError::Full } else { AppendError::Unavailable }
}

fn answer_refused(reply: Reply, result: Result<Range<usize>, AppendError>) {
    if let Err(refusal) = result {
        reply.answer(Err(refusal));
    }
}

/// Answers a commit that failed. A conflict stands only when it was one with what is durable.
fn refuse(decided: Vec<Decided>, pending: &HashMap<StreamName, (u64, [u8; 32])>, failure: &AppendError) {
    for (reply, result) in decided {
        let refusal = match result {
            Ok(_) => failure.clone(),
            Err(AppendError::Conflict { stream, .. }) if pending.contains_key(&stream) => {
                AppendError::Unavailable
            }
            Err(other) => other,
        };
        reply.answer(Err(refusal));
    }
}
