//! Opening a journal: whose it is, where it ends, and that its epoch has risen.
//!
//! Nothing is changed before the lock is held, and nothing at all when the store is of a newer format, in use, or
//! damaged so that nobody can tell whose records are. A torn tail is cut, zeroed and synced here, before anything is
//! appended; that is no failure. Damage before commits that are whole stays as it is, and is in the index. The new
//! epoch is durable before anybody can see it: opening ends with a commit of its own.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use ghostlight_world::{File, Files, Lock, OpenMode, World};
use thiserror::Error;
use uuid::Uuid;

use super::file::JournalOptions;
use super::frame::{AppendHead, FLAG_OPENED, FrameHeader};
use super::indexing::{Before, Indexed, Indexing};
use super::manifest::{FORMAT, Manifest, ManifestError};
use super::outcomes::Outcomes;
use super::sealed::{Sealed, known_to};
use super::segment::{
    Damage, FrameReader, SEGMENT_HEADER_BYTES, ScanError, SegmentEnd, SegmentInfo, Walker, scan,
    segment_name, segment_number, walk,
};
use super::shared::{Active, Opened, Shared, State};
use super::writer::Writer;
use super::{OUTCOMES_KEPT, Outcome, manifest, reserve};
use crate::record::{Corruption, StreamName};

/// Why a journal cannot be opened. Nothing of it was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has it open.
    #[error("the store in {0} is in use")]
    AlreadyOpen(PathBuf),
    /// A newer version of the program wrote it.
    #[error("the store in {path} has format {found}, and this version knows up to {known}")]
    NewerFormat {
        /// The store's folder.
        path: PathBuf,
        /// What its manifest says.
        found: u32,
        /// What this program understands.
        known: u32,
    },
    /// The folder cannot be made or written.
    #[error("the folder {path} cannot be written")]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no store in the folder.
    #[error("there is no store in {0}")]
    Missing(PathBuf),
    /// `manifest.json` is damaged, or missing beside a journal that holds records.
    #[error("the manifest of the store in {0} is damaged or missing")]
    Manifest(PathBuf),
    /// What was committed is damaged.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The device refused.
    #[error("the store in {path} cannot be opened")]
    Device {
        /// The store's folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The folders of a store.
pub(crate) struct Layout {
    pub root: PathBuf,
    pub journal: PathBuf,
    pub index: PathBuf,
}

impl Layout {
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), journal: root.join("journal"), index: root.join("index") }
    }

    pub fn device(&self, source: io::Error) -> OpenError {
        let path = self.root.clone();
        match source.kind() {
            io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::NotADirectory => OpenError::Unwritable { path, source },
            _ => OpenError::Device { path, source },
        }
    }

    pub fn manifest(&self, files: &dyn Files) -> Result<Option<Manifest>, OpenError> {
        Manifest::read(files, &self.root).map_err(|error| match error {
            ManifestError::Newer(found) => {
                OpenError::NewerFormat { path: self.root.clone(), found, known: FORMAT }
            }
            ManifestError::Damaged => OpenError::Manifest(self.root.clone()),
            ManifestError::Device(source) => self.device(source),
        })
    }

    fn scan_error(&self, error: ScanError) -> OpenError {
        match error {
            ScanError::Device(source) => self.device(source),
            ScanError::Corrupt(corruption) => OpenError::Corrupt(corruption),
        }
    }

    /// The headers of all segments, oldest first.
    pub fn segments(&self, files: &dyn Files, log_id: Uuid) -> Result<Vec<SegmentInfo>, OpenError> {
        let names = files.list(&self.journal).map_err(|error| self.device(error))?;
        let mut segments: Vec<SegmentInfo> = Vec::new();
        for number in names.iter().filter_map(|name| segment_number(name)) {
            let path = self.journal.join(segment_name(number));
            let read =
                files.open(&path, OpenMode::Read).and_then(|file| SegmentInfo::read(&*file, &path, number));
            let info = read.map_err(|error| self.device(error))??;
            let missing = |reason| Corruption {
                segment: segments.len() as u64 + 1,
                offset: 0,
                reason,
                streams: vec![],
            };
            if number != segments.len() as u64 + 1 {
                return Err(missing("the segment is missing").into());
            }
            if info.log_id != *log_id.as_bytes() {
                return Err(missing("the segment belongs to another log").into());
            }
            let continues = segments.last().is_none_or(|last| {
                info.first_commit >= last.first_commit && info.first_sequence >= last.first_sequence
            });
            if !continues {
                return Err(missing("the segment does not continue the one before it").into());
            }
            segments.push(info);
        }
        Ok(segments)
    }
}

/// Opens the store in `root`, making it when it is not there. The journal's threads are the caller's to start.
pub(crate) fn open(
    world: &World,
    root: &Path,
    options: &JournalOptions,
) -> Result<(Arc<Shared>, Writer, u32), OpenError> {
    let files = &*world.files;
    let layout = Layout::new(root);
    // Before the lock, so that a store of the future is not even touched by a lock file.
    layout.manifest(files)?;
    let lock = lock(files, &layout)?;
    let manifest = match layout.manifest(files)? {
        Some(manifest) => manifest,
        None => create(world, &layout, options)?,
    };
    // A process that was killed may have left names that are not durable yet, and we are about to build on them.
    [&layout.root, &layout.journal]
        .iter()
        .try_for_each(|dir| files.sync_dir(dir))
        .map_err(|error| layout.device(error))?;
    remove_leftovers(files, &layout)?;
    let segments = layout.segments(files, manifest.log_id)?;
    let (sealed, last) = seal_all_but_last(files, &layout, segments)?;
    let recovered = recover(files, &layout, last, &|stream: &StreamName| known_to(files, &sealed, stream))?;
    if manifest.format < FORMAT {
        // From here on there may be what an older program would take for damage.
        let manifest = Manifest { format: FORMAT, ..manifest.clone() };
        manifest.write(files, &layout.root).map_err(|error| layout.device(error))?;
    }
    let epoch = (recovered.end.epoch + 1).max(options.epoch_min);
    let capacity = recovered.active.capacity;
    reserve::lay_by(files, &layout.journal, options.segment_bytes());
    let shared = Arc::new(Shared::new(Opened {
        world: world.clone(),
        index_dir: layout.index.clone(),
        log_id: manifest.log_id,
        epoch,
        segment_bytes: options.segment_bytes(),
        head: recovered.end.next_sequence - 1,
        state: State { active: recovered.active, sealed: Arc::new(sealed) },
        outcomes: recovered.outcomes,
        torn_bytes: recovered.torn_bytes,
        lock,
    }));
    let mut writer = Writer::new(shared.clone(), recovered.end, capacity, options.threads);
    writer.mark(FLAG_OPENED).map_err(|error| layout.device(io::Error::other(error)))?;
    Ok((shared, writer, manifest.partitions))
}

fn lock(files: &dyn Files, layout: &Layout) -> Result<Box<dyn Lock>, OpenError> {
    let made =
        [&layout.root, &layout.journal, &layout.index].iter().try_for_each(|dir| files.create_dir_all(dir));
    made.map_err(|error| layout.device(error))?;
    files.lock(&layout.root.join("lock")).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => OpenError::AlreadyOpen(layout.root.clone()),
        _ => layout.device(error),
    })
}

/// Makes a new store. The manifest comes last: without it there is no store, and what an earlier attempt left
/// behind is made again.
fn create(world: &World, layout: &Layout, options: &JournalOptions) -> Result<Manifest, OpenError> {
    let files = &*world.files;
    let device = |error| layout.device(error);
    let path = layout.journal.join(segment_name(1));
    let names = files.list(&layout.journal).map_err(device)?;
    for number in names.iter().filter_map(|name| segment_number(name)) {
        if number > 1 || holds_commits(files, layout)? {
            return Err(OpenError::Manifest(layout.root.clone()));
        }
    }
    let log_id = world.uuid_v7();
    let mut salt = [0; 4];
    world.random.fill(&mut salt);
    let info = SegmentInfo {
        number: 1,
        path,
        log_id: *log_id.as_bytes(),
        salt: u32::from_le_bytes(salt),
        epoch: 0,
        first_commit: 1,
        first_sequence: 1,
        left: None,
    };
    info.create(files, options.segment_bytes()).map_err(device)?;
    files.sync_dir(&layout.index).map_err(device)?;
    files.sync_dir(&layout.root).map_err(device)?;
    if let Some(parent) = layout.root.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        match files.sync_dir(parent) {
            // A parent that we may not read is an administrator's, who made the folder.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            other => other.map_err(device)?,
        }
    }
    let manifest = Manifest { format: manifest::FORMAT, log_id, partitions: options.partitions };
    manifest.write(files, &layout.root).map_err(device)?;
    Ok(manifest)
}

/// Whether the first segment, beside which there is no manifest, holds anything that must not be lost.
fn holds_commits(files: &dyn Files, layout: &Layout) -> Result<bool, OpenError> {
    let path = layout.journal.join(segment_name(1));
    let file = files.open(&path, OpenMode::Read).map_err(|error| layout.device(error))?;
    let info = SegmentInfo::read(&*file, &path, 1).map_err(|error| layout.device(error))??;
    let end = scan(&info, &*file, None, |_, _, _, _| {}).map_err(|error| layout.scan_error(error))?;
    Ok(end.next_commit > 1)
}

/// Removes files that were not finished. Their names were never durable as anything else.
fn remove_leftovers(files: &dyn Files, layout: &Layout) -> Result<(), OpenError> {
    for dir in [&layout.journal, &layout.index] {
        let names = files.list(dir).map_err(|error| layout.device(error))?;
        for name in names.iter().filter(|name| name.ends_with(".tmp")) {
            files.remove(&dir.join(name)).map_err(|error| layout.device(error))?;
        }
    }
    Ok(())
}

fn seal_all_but_last(
    files: &dyn Files,
    layout: &Layout,
    mut segments: Vec<SegmentInfo>,
) -> Result<(Vec<Arc<Sealed>>, SegmentInfo), OpenError> {
    let missing =
        |segment| Corruption { segment, offset: 0, reason: "the segment is missing", streams: vec![] };
    let last = segments.pop().ok_or_else(|| missing(1))?;
    // A segment gets a sidecar only when the next one is durable.
    if files
        .exists(&super::sealed::sidecar_path(&layout.index, last.number))
        .map_err(|error| layout.device(error))?
    {
        return Err(missing(last.number + 1).into());
    }
    let ends: Vec<_> =
        segments.iter().skip(1).chain([&last]).map(|next| (next.first_commit, next.first_sequence)).collect();
    let mut sealed = Vec::with_capacity(segments.len());
    for (info, end) in segments.into_iter().zip(ends) {
        let before = |stream: &StreamName| known_to(files, &sealed, stream);
        let opened = Sealed::open(files, Arc::new(info), end, &layout.index, &before);
        sealed.push(Arc::new(opened.map_err(|error| layout.scan_error(error))?));
    }
    Ok((sealed, last))
}

struct Recovered {
    active: Active,
    end: SegmentEnd,
    outcomes: Outcomes,
    torn_bytes: u64,
}

/// Walks the last segment, builds its index, and cuts a torn tail.
fn recover(
    files: &dyn Files,
    layout: &Layout,
    info: SegmentInfo,
    before: Before<'_>,
) -> Result<Recovered, OpenError> {
    let device = |error| layout.device(error);
    if info.left.is_some() {
        // Only a segment that another one follows is ever compacted.
        let reason = "the segment is missing";
        return Err(Corruption { segment: info.number + 1, offset: 0, reason, streams: vec![] }.into());
    }
    let file = files.open(&info.path, OpenMode::Write).map_err(device)?;
    let mut walked = walk_last(&info, &*file, before).map_err(|error| layout.scan_error(error))?;
    // What a killed process wrote and did not sync is about to be believed and shown: make it durable first. And if
    // its sync had failed, memory may show a commit that the disk does not have; then the disk is right.
    file.sync_data().map_err(device)?;
    file.drop_cache(walked.last_frame_at..walked.end.offset);
    let mut reader = FrameReader::new(&*file, info.salt, walked.end.offset);
    let is_on_disk = walked.last_frame_at == walked.end.offset
        || reader.frame_at(walked.last_frame_at).map_err(device)?.is_ok();
    if !is_on_disk {
        file.drop_cache(0..walked.end.torn_end);
        walked = walk_last(&info, &*file, before).map_err(|error| layout.scan_error(error))?;
    }
    let end = walked.end;
    let torn_bytes = end.torn_end - end.offset;
    if torn_bytes > 0 {
        tracing::warn!(
            segment = info.number,
            offset = end.offset,
            torn_bytes,
            "a torn journal tail is cut off"
        );
        zero(&*file, end.offset, end.torn_end).and_then(|()| file.sync_data()).map_err(device)?;
    }
    let capacity = file.len().map_err(device)?;
    let Walked { indexed: Indexed { tail, damages, stretches }, mut outcomes, .. } = walked;
    // What a damaged commit held may be asked for, and its appends are not known.
    outcomes.damages = damages;
    let (info, file) = (Arc::new(info), file.into());
    let active = Active { info, file, tail, end: end.offset, capacity, damages: stretches };
    Ok(Recovered { active, end, outcomes, torn_bytes })
}

struct Walked {
    end: SegmentEnd,
    indexed: Indexed,
    outcomes: Outcomes,
    /// Where the last commit begins; where it would, when there is none.
    last_frame_at: u64,
}

/// A walk over the last segment.
struct Recovering<'a> {
    indexing: Indexing<'a>,
    recent: VecDeque<([u8; 16], Outcome)>,
    last_frame_at: u64,
}

impl Walker for Recovering<'_> {
    fn commit(&mut self, offset: u64, header: &FrameHeader, bytes: &Bytes, appends: Vec<AppendHead>) {
        self.last_frame_at = offset;
        for append in &appends {
            let (first_sequence, last_sequence) = (append.first_sequence, append.last_sequence);
            if self.recent.len() == OUTCOMES_KEPT {
                self.recent.pop_front();
            }
            self.recent.push_back((append.id, Outcome { first_sequence, last_sequence }));
        }
        self.indexing.commit(offset, header, bytes, appends);
    }

    fn damage(&mut self, info: &SegmentInfo, damage: Damage) -> Result<(), ScanError> {
        self.indexing.damage(info, damage)
    }
}

fn walk_last(info: &SegmentInfo, file: &dyn File, before: Before<'_>) -> Result<Walked, ScanError> {
    let mut recovering = Recovering {
        indexing: Indexing::new(before),
        recent: VecDeque::with_capacity(OUTCOMES_KEPT),
        last_frame_at: SEGMENT_HEADER_BYTES as u64,
    };
    let end = walk(info, file, None, &mut recovering)?;
    let Recovering { indexing, recent, last_frame_at } = recovering;
    let mut outcomes = Outcomes::default();
    recent.into_iter().for_each(|(id, outcome)| outcomes.insert(id, outcome));
    Ok(Walked { end, indexed: indexing.finish()?, outcomes, last_frame_at })
}

fn zero(file: &dyn File, start: u64, end: u64) -> io::Result<()> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    let mut at = start;
    while at < end {
        let len = usize::try_from(end - at).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all_at(&ZEROS[..len], at)?;
        at += len as u64;
    }
    Ok(())
}
