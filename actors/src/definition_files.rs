//! The operator's files: the documents of one folder, as texts, and what became of each.
//!
//! A file that cannot be read or used is reported and never keeps the others from being loaded.

use std::io::{self, Read};
use std::path::Path;

use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::Name;
use ghostlight_model::language::Format;
use ghostlight_model::language::document::TEXT_BYTES_MAX;
use ghostlight_model::language::encoding::decode;
use ghostlight_model::language::spelling::check_file_name;

/// The most files that are read from one folder.
pub const FILES_MAX: usize = 10_000;

/// What became of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// Its name within the folder.
    pub file: String,
    /// What came of it.
    pub outcome: FileOutcome,
    /// Errors and warnings of the document.
    pub diagnostics: Vec<Diagnostic>,
}

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileOutcome {
    /// It defines something that no file had defined before.
    Added(Name),
    /// It made a new version.
    Saved(Name),
    /// It says what it said before.
    Unchanged(Name),
    /// It is gone, and what it defined with it.
    Removed(Name),
    /// It was not used; the sentence says why, and the diagnostics where.
    Refused(String),
}

impl FileReport {
    /// Whether the file could not be used.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.outcome, FileOutcome::Refused(_))
    }

    pub(crate) fn refused(file: &str, reason: impl Into<String>, diagnostics: Vec<Diagnostic>) -> Self {
        Self { file: file.to_owned(), outcome: FileOutcome::Refused(reason.into()), diagnostics }
    }
}

/// A document as it stands in its file.
#[derive(Debug)]
pub(crate) struct SourceFile {
    pub name: String,
    pub format: Format,
    /// The text, or why there is none.
    pub text: Result<String, String>,
}

/// The documents of `folder` in one of `formats`, by name; hidden files and folders are left out. A folder that does not
/// exist is empty. Blocks on the disk.
pub(crate) fn read_folder(folder: &Path, formats: &[Format]) -> io::Result<Vec<SourceFile>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names: Vec<(String, Format)> = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let format =
            Format::of_file(&name).filter(|format| formats.contains(format) && !name.starts_with('.'));
        if let Some(format) = format {
            names.push((name, format));
        }
    }
    if names.len() > FILES_MAX {
        return Err(io::Error::other(format!("the folder has more than {FILES_MAX} documents")));
    }
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    let read = |(name, format): (String, Format)| {
        let text = match check_file_name(&name) {
            Some(deceives) => Err(deceives.message),
            None => read_text(&folder.join(&name)).map_err(|error| error.to_string()),
        };
        SourceFile { name, format, text }
    };
    Ok(names.into_iter().map(read).collect())
}

/// No more is read than one byte too many, which is then refused.
fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(TEXT_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
    decode(&bytes).map(str::to_owned).map_err(|refused| io::Error::other(refused.message))
}
