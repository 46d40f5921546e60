//! A file per living process group, so that whoever starts next finds what a crash has left.
//!
//! The file has two lines: who it is, written before the process is made; and the process's own line of `/proc`, written by
//! the process itself before the program begins. It is removed when nothing of the attempt is alive any more.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use ghostlight_model::ids::{RunId, StepPath};
use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::kill::Group;
use super::procfs::{Stat, boot_id};
use crate::Call;

const SUFFIX: &str = ".group";
const FORMAT: u32 = 1;
/// How long one leftover group may take to die.
const DEATH_PATIENCE: Duration = Duration::from_secs(5);
/// The most files that one sweep looks at.
const FILES_MAX: usize = 100_000;
const FILE_BYTES_MAX: u64 = 16 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: u32,
    boot: String,
    run: RunId,
    step: StepPath,
    attempt: u32,
    marker: String,
}

/// The file of one attempt. Removed when dropped.
#[derive(Debug)]
pub(super) struct RunningFile {
    file: File,
    path: TempPath,
    marker: String,
}

impl RunningFile {
    /// Begins the file of an attempt whose process is about to be made.
    pub(super) fn create(dir: &Path, call: &Call) -> io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let (mut file, path) = tempfile::Builder::new()
            .prefix("")
            .suffix(SUFFIX)
            .rand_bytes(16)
            .append(true)
            .tempfile_in(dir)?
            .into_parts();
        let nonce = path.file_stem().unwrap_or_default().to_string_lossy();
        let marker = format!("{}/{}@{}/{nonce}", call.run, call.step, call.attempt);
        let header = Header {
            format: FORMAT,
            boot: boot_id(),
            run: call.run,
            step: call.step.clone(),
            attempt: call.attempt,
            marker: marker.clone(),
        };
        let mut line = serde_json::to_vec(&header)?;
        line.push(b'\n');
        file.write_all(&line)?;
        Ok(Self { file, path, marker })
    }

    /// The value of [`super::kill::ATTEMPT_VARIABLE`].
    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    /// Where the process writes its own line.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// The group of the child that was started, for ending it; the file itself goes with the returned path.
    pub(super) fn into_group(self, child: &Child) -> (Group, TempPath) {
        let leader = i32::try_from(child.id()).ok().and_then(Stat::of);
        (Group::new(leader, &self.marker), self.path)
    }
}

/// What stands in a file, unless it is broken: who, and the leader if the process came as far as writing it.
fn read_entry(path: &Path) -> Option<(Header, Option<Stat>)> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let (header, rest) = text.split_once('\n')?;
    let header: Header = serde_json::from_str(header).ok()?;
    (header.format == FORMAT).then(|| (header, Stat::parse(rest)))
}

/// What was found and ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Files of groups that were looked at.
    pub groups: usize,
    /// Groups of which something was still alive, and is not any more.
    pub ended: usize,
    /// Groups of which something would not die in time. Their files stay.
    pub undead: usize,
}

/// Ends every process group that an earlier life of the daemon left behind, and waits until they are dead (at most 5 s
/// each). To be called once at the start, before any agent is called. Blocks.
///
/// A process is only ever killed when its start time or its environment proves that it belongs to an attempt.
///
/// # Errors
/// When the folder exists and cannot be read.
pub fn sweep(running_dir: &Path) -> io::Result<Swept> {
    end_where(running_dir, |_| true)
}

/// Ends what is left of earlier attempts of one step, before it is run again. Blocks as [`sweep`] does.
///
/// # Errors
/// When the folder exists and cannot be read.
pub fn end_leftovers(running_dir: &Path, run: RunId, step: &StepPath) -> io::Result<Swept> {
    end_where(running_dir, |header| header.run == run && header.step == *step)
}

fn end_where(running_dir: &Path, wanted: impl Fn(&Header) -> bool) -> io::Result<Swept> {
    let mut swept = Swept::default();
    let boot = boot_id();
    for path in group_files(running_dir)? {
        let entry = read_entry(&path);
        if entry.as_ref().is_some_and(|(header, _)| !wanted(header)) {
            continue;
        }
        let group = match entry {
            Some((header, leader)) if header.boot == boot => Group::new(leader, &header.marker),
            // Another boot: whatever it names is dead. A broken file names nothing.
            Some(_) | None => {
                let _ = std::fs::remove_file(&path);
                continue;
            }
        };
        swept.groups += 1;
        let was_alive = group.is_alive();
        if group.end(Instant::now() + DEATH_PATIENCE) {
            swept.ended += usize::from(was_alive);
            let _ = std::fs::remove_file(&path);
        } else {
            tracing::error!(file = %path.display(), "a leftover process group does not die");
            swept.undead += 1;
        }
    }
    Ok(swept)
}

fn group_files(running_dir: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(running_dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(paths.filter(|path| path.to_string_lossy().ends_with(SUFFIX)).take(FILES_MAX).collect())
}
