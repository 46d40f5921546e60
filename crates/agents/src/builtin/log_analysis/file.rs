//! Opens a log, and nothing but a log: a regular file inside one of the folders that were granted.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use rustix::fs::OFlags;

/// How much of the end of a file is read.
const TAIL_BYTES: u64 = 4 * 1024 * 1024;

/// The end of a file.
#[derive(Debug)]
pub(super) struct Tail {
    pub(super) text: String,
    /// Whether there was more before it.
    pub(super) is_cut: bool,
}

/// The end of the file at `path`, which must lie inside one of `folders` after all symbolic links are followed.
///
/// # Errors
/// One and the same for a file that does not exist, cannot be read or is not granted: it must not tell which.
pub(super) fn read_tail(path: &Path, folders: &[PathBuf]) -> Result<Tail, Failure> {
    open(path, folders).and_then(|file| read(file).ok()).ok_or_else(|| {
        let message =
            "the file does not exist, cannot be read, or is not inside a folder that the agent may read";
        Failure::new(ErrorClass::Configuration, "file_not_readable", message, Happened::No)
    })
}

fn open(path: &Path, folders: &[PathBuf]) -> Option<File> {
    if !path.is_absolute() {
        return None;
    }
    let real = path.canonicalize().ok()?;
    let folders: Vec<PathBuf> = folders.iter().filter_map(|folder| folder.canonicalize().ok()).collect();
    let is_granted = |real: &Path| folders.iter().any(|folder| real.starts_with(folder));
    // Asked before, so that nothing outside is even opened: opening a device can do something.
    if !is_granted(&real) {
        return None;
    }
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(&real).ok()?;
    // And asked again about what was really opened: the path may have been changed in between.
    let opened = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()?;
    let is_file = file.metadata().is_ok_and(|metadata| metadata.is_file());
    (is_file && is_granted(&opened)).then_some(file)
}

fn read(mut file: File) -> std::io::Result<Tail> {
    let length = file.metadata()?.len();
    let is_cut = length > TAIL_BYTES;
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if is_cut && let Some(end) = text.find('\n') {
        // The first line has lost its beginning.
        text.drain(..=end);
    }
    Ok(Tail { text, is_cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_inside_the_granted_folders_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let (logs, other) = (dir.path().join("logs"), dir.path().join("logs-other"));
        std::fs::create_dir_all(logs.join("sub")).unwrap();
        std::fs::create_dir(&other).unwrap();
        std::fs::write(logs.join("sub/a.log"), "inside").unwrap();
        std::fs::write(other.join("b.log"), "outside").unwrap();
        std::os::unix::fs::symlink(other.join("b.log"), logs.join("link-out")).unwrap();
        std::os::unix::fs::symlink(&other, logs.join("folder-out")).unwrap();
        std::os::unix::fs::symlink(logs.join("sub/a.log"), logs.join("link-in")).unwrap();
        let folders = [logs.clone(), dir.path().join("missing")];
        let read =
            |path: PathBuf| read_tail(&path, &folders).map(|tail| tail.text).map_err(|failure| failure.code);

        assert_eq!(read(logs.join("sub/a.log")), Ok("inside".into()));
        assert_eq!(read(logs.join("link-in")), Ok("inside".into()));
        assert_eq!(read(logs.join("sub/../sub/a.log")), Ok("inside".into()));
        let devices =
            ["/dev/zero", "/proc/self/environ", "/etc/passwd", "relative.log", ""].map(PathBuf::from);
        let paths = ["../logs-other/b.log", "link-out", "folder-out/b.log", "missing", "sub", "."]
            .map(|p| logs.join(p));
        for path in paths.into_iter().chain(devices).chain([other.join("b.log")]) {
            assert_eq!(read(path.clone()), Err("file_not_readable".into()), "{}", path.display());
        }
        assert!(read_tail(&logs.join("sub/a.log"), &[]).is_err());
    }

    #[test]
    fn a_pipe_does_not_block() {
        let dir = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap();
        assert!(made.success());
        assert!(read_tail(&dir.path().join("pipe"), &[dir.path().to_owned()]).is_err());
    }

    #[test]
    fn only_the_end_of_a_large_file_is_read_from_its_first_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, "0123456789abcde\n".repeat(400_000)).unwrap();
        let tail = read_tail(&path, &[dir.path().to_owned()]).unwrap();
        assert!(tail.is_cut);
        assert!(tail.text.len() as u64 <= TAIL_BYTES && tail.text.starts_with("0123456789abcde\n"));
    }
}
