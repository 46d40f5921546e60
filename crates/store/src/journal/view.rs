//! All segments of a journal as they were at one moment, beside a daemon that writes and compacts them.
//!
//! A compacted segment is another file of the same name; whoever has the old one open reads on in it. So all files are
//! opened, and then it is looked whether each name still stands for the file that is open: if so, there was a moment between
//! the last opening and the first look at which all of them were what is held here. What was dropped is there as a whole
//! then, or its end is.

use std::io;

use ghostlight_world::{File, Files, OpenMode};
use uuid::Uuid;

use super::open::{Layout, OpenError};
use super::segment::SegmentInfo;

/// How often it is looked, opening what has changed, before that is given up.
const LOOKS_MAX: usize = 100;

/// A segment whose file stays what it is. Only at the end of the last one something may still be written.
pub(super) struct Held {
    pub info: SegmentInfo,
    pub file: Box<dyn File>,
}

/// Opens all segments, which takes a descriptor for each.
pub(super) fn hold(files: &dyn Files, layout: &Layout, log_id: Uuid) -> Result<Vec<Held>, OpenError> {
    let device = |error| layout.device(error);
    let mut held: Vec<Held> = Vec::new();
    for _ in 0..LOOKS_MAX {
        let listed = layout.segments(files, log_id)?;
        if listed.iter().eq(held.iter().map(|held| &held.info)) {
            return Ok(held);
        }
        let mut before = std::mem::take(&mut held).into_iter();
        for info in listed {
            held.push(match before.next().filter(|before| before.info == info) {
                Some(same) => same,
                None => {
                    let file = files.open(&info.path, OpenMode::Read).map_err(device)?;
                    // What it is now, which may be another one than the one that was listed.
                    let info = SegmentInfo::read(&*file, &info.path, info.number).map_err(device)??;
                    Held { info, file }
                }
            });
        }
    }
    let busy = "its segments are compacted faster than they can be opened: try again later";
    Err(device(io::Error::new(io::ErrorKind::ResourceBusy, busy)))
}
