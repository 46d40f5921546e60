//! Whether the disk takes more: asked before sled writes, and before what sled says of itself is believed.
//!
//! sled at the end of a disk returns errors, panics, or opens without its contents: of itself it does not say which of these
//! are damage. So nothing that it says counts as damage while the disk takes no more. How much is free is what the disk says
//! for everybody; a quota, or a limit to the size of files, shows only when something is written ([`is_there`]).

use std::fs;
use std::io;
use std::path::PathBuf;

use ghostlight_world::{OpenMode, is_full};

use super::SledOptions;
use super::opening::sled_dir;

/// With less room than this on the disk nothing is written: what waits stays in memory, which is bounded.
const ROOM_BYTES_MIN: u64 = 8 << 20;
/// What is written to see whether it is taken.
const PROBE: &[u8] = &[0x5a; 64 << 10];
const PROBE_FILE: &str = "room.probe";

/// Whether the disk says that it has so much room that sled will not meet its end: it takes nothing more once it did.
pub(super) fn is_said(options: &SledOptions) -> bool {
    let dir = options.dir.parent().unwrap_or(&options.dir);
    // A system that does not tell is taken to have room.
    options.files.space(dir).map_or(true, |space| space.free >= ROOM_BYTES_MIN)
}

/// Whether the disk also takes what is written. Blocking.
pub(super) fn is_there(options: &SledOptions) -> bool {
    // What else can go wrong here says nothing about room.
    is_said(options) && probe(options).map_or_else(|error| !is_full(&error), |()| true)
}

/// Writes some bytes, and one as far out as sled's own file will grow: the rest between them takes no room.
fn probe(options: &SledOptions) -> io::Result<()> {
    let grown = fs::metadata(sled_file(options)).map_or(0, |file| file.len());
    let path = options.dir.join(PROBE_FILE);
    let file = options.files.open(&path, OpenMode::Create)?;
    let written = file
        .write_all_at(PROBE, 0)
        .and_then(|()| file.write_all_at(&PROBE[..1], grown.saturating_add(ROOM_BYTES_MIN)));
    drop(file);
    // What stays is written over by the next one.
    let _ = options.files.remove(&path);
    written
}

/// The file that all of sled's own are small beside.
fn sled_file(options: &SledOptions) -> PathBuf {
    sled_dir(&options.dir).join("db")
}
