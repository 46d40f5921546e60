//! The shop's log: one line an event, for people and for grep.
//!
//! `2026-03-01T10:00:00.123Z INFO  checkout  order placed order=1042 amount=31.90 ms=7`

use std::fmt::{self, Display};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// A log file that has grown to this size becomes `<name>.1`, in place of an older one: 32 MiB.
const FILE_BYTES_MAX: u64 = 32 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Warn,
    Error,
}

impl Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        })
    }
}

/// One line of the log, without its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub level: Level,
    pub component: &'static str,
    pub message: &'static str,
    pub fields: Vec<(&'static str, String)>,
}

impl Line {
    pub fn new(level: Level, component: &'static str, message: &'static str) -> Self {
        Self { level, component, message, fields: Vec::new() }
    }

    pub fn with(mut self, key: &'static str, value: impl Display) -> Self {
        self.fields.push((key, value.to_string()));
        self
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {:<9} {}", self.level, self.component, self.message)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// Where lines go. Writing is best effort: a shop does not stop selling because its log is full.
pub(super) trait Log: Send + Sync {
    fn write(&self, line: Line);
}

/// A file that is appended to.
pub(super) struct FileLog {
    path: PathBuf,
    file: Mutex<(File, u64)>,
}

impl FileLog {
    pub fn open(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(appending(path)?) })
    }

    fn append(&self, text: &str) -> io::Result<()> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if file.1 >= FILE_BYTES_MAX {
            let mut older = self.path.clone().into_os_string();
            older.push(".1");
            fs::rename(&self.path, older)?;
            *file = appending(&self.path)?;
        }
        file.0.write_all(text.as_bytes())?;
        file.1 += text.len() as u64;
        Ok(())
    }
}

impl Log for FileLog {
    fn write(&self, line: Line) {
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let _ = self.append(&format!("{now} {line}\n"));
    }
}

fn appending(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A log that is read by tests.
    #[derive(Default)]
    pub(in crate::shop) struct Remembered(pub Mutex<Vec<String>>);

    impl Log for Remembered {
        fn write(&self, line: Line) {
            self.0.lock().expect("no test panics with the log").push(line.to_string());
        }
    }

    #[test]
    fn a_line_has_level_component_message_and_fields() {
        let line = Line::new(Level::Warn, "payment", "card declined").with("order", 17).with("ms", 3);
        assert_eq!(line.to_string(), "WARN  payment   card declined order=17 ms=3");
    }

    #[test]
    fn lines_are_appended_with_the_time() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("logs/shop.log");
        for message in ["first", "second"] {
            FileLog::open(&path).expect("writable").write(Line::new(Level::Info, "shop", message));
        }
        let text = fs::read_to_string(path).expect("readable");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        let (time, rest) = lines[1].split_once(' ').expect("a time, then the line");
        assert!(time.parse::<Timestamp>().is_ok() && time.len() == "2026-03-01T10:00:00.123Z".len());
        assert_eq!(rest, "INFO  shop      second");
    }
}
