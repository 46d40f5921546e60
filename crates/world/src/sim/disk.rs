//! One simulated file and one simulated folder: what is seen, what is durable, and what lies between.
//!
//! Rules of a crash, as hard as POSIX allows: of what was written since the last sync, each 512-byte block is
//! kept, lost, or torn in the middle, on its own and in any order; a change of length is kept or lost; each
//! name created, renamed or removed since the folder's last sync is kept or lost, a rename as one piece.
//! Bytes beside an unsynced write are safe: a disk is trusted not to damage the rest of a sector.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// What can be lost or torn on its own.
const BLOCK_BYTES: usize = 512;

/// A file's contents, shared by its handles and its names.
pub(super) type Node = Arc<Mutex<FileState>>;

#[derive(Debug, Default)]
pub(super) struct FileState {
    /// What reads return: the page cache.
    pub seen: Vec<u8>,
    /// What a power cut leaves for certain.
    durable: Vec<u8>,
    /// Changes since the last sync, oldest first.
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Bytes { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

impl Change {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Change::Bytes { offset, bytes } => {
                let end = offset + bytes.len();
                if contents.len() < end {
                    contents.resize(end, 0);
                }
                contents[*offset..end].copy_from_slice(bytes);
            }
            Change::Length(len) => contents.resize(*len, 0),
        }
    }
}

impl FileState {
    pub fn write(&mut self, bytes: &[u8], offset: usize) {
        self.change(Change::Bytes { offset, bytes: bytes.to_vec() });
    }

    pub fn set_len(&mut self, len: usize) {
        self.change(Change::Length(len));
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    /// Writes what is waiting; not what a failed sync let go of, although reads still show it.
    pub fn sync(&mut self) {
        for change in std::mem::take(&mut self.unsynced) {
            change.apply(&mut self.durable);
        }
    }

    /// A sync that failed the way Linux fails it: any part reached the disk, all of it still shows in the cache,
    /// and the kernel believes it clean, so that no later sync will write it.
    pub fn fail_sync(&mut self, rng: &mut fastrand::Rng) {
        let pieces = pieces(std::mem::take(&mut self.unsynced));
        apply_some(&mut self.durable, pieces, rng);
    }

    /// Forgets the cache: reads see the disk again, and what is still waiting to be written.
    pub fn drop_cache(&mut self) {
        self.seen.clone_from(&self.durable);
        for change in &self.unsynced {
            change.apply(&mut self.seen);
        }
    }

    pub fn crash(&mut self, rng: &mut fastrand::Rng) {
        self.fail_sync(rng);
        self.seen.clone_from(&self.durable);
    }
}

/// Cuts changes at block borders.
fn pieces(changes: Vec<Change>) -> Vec<Change> {
    let mut pieces = Vec::new();
    for change in changes {
        let Change::Bytes { offset, bytes } = change else {
            pieces.push(change);
            continue;
        };
        let mut start = 0;
        while start < bytes.len() {
            let to_border = BLOCK_BYTES - (offset + start) % BLOCK_BYTES;
            let end = (start + to_border).min(bytes.len());
            pieces.push(Change::Bytes { offset: offset + start, bytes: bytes[start..end].to_vec() });
            start = end;
        }
    }
    pieces
}

fn apply_some(durable: &mut Vec<u8>, mut pieces: Vec<Change>, rng: &mut fastrand::Rng) {
    // All and nothing are the likely outcomes of a real cut, and a uniform choice per block would hardly ever
    // produce them.
    let keep_percent = [0, 10, 50, 90, 100][rng.usize(..5)];
    let reorder = rng.bool();
    if reorder {
        rng.shuffle(&mut pieces);
    }
    for piece in pieces {
        if rng.u32(..100) < keep_percent {
            piece.apply(durable);
        } else if let Change::Bytes { offset, mut bytes } = piece
            && rng.u32(..4) == 0
        {
            bytes.truncate(rng.usize(..bytes.len()));
            Change::Bytes { offset, bytes }.apply(durable);
        }
    }
}

/// A folder: the names in it.
#[derive(Debug, Default)]
pub(super) struct DirState {
    pub seen: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    unsynced: Vec<NameChange>,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Linked { name: String, node: Node },
    Renamed { from: String, to: String, node: Node },
    Removed { name: String },
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, Node>) {
        match self {
            NameChange::Linked { name, node } => {
                names.insert(name.clone(), node.clone());
            }
            NameChange::Renamed { from, to, node } => {
                names.remove(from);
                names.insert(to.clone(), node.clone());
            }
            NameChange::Removed { name } => {
                names.remove(name);
            }
        }
    }
}

impl DirState {
    pub fn change(&mut self, change: NameChange) {
        change.apply(&mut self.seen);
        self.unsynced.push(change);
    }

    pub fn sync(&mut self) {
        self.unsynced.clear();
        self.durable.clone_from(&self.seen);
    }

    pub fn crash(&mut self, rng: &mut fastrand::Rng) {
        let keep_percent = [0, 50, 100][rng.usize(..3)];
        for change in std::mem::take(&mut self.unsynced) {
            if rng.u32(..100) < keep_percent {
                change.apply(&mut self.durable);
            }
        }
        self.seen.clone_from(&self.durable);
        for node in self.seen.values() {
            node.lock().unwrap_or_else(std::sync::PoisonError::into_inner).crash(rng);
        }
    }
}
