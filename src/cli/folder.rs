//! The documents in a folder and the folders in it, within bounds.

use std::path::{Path, PathBuf};

use ghostlight_model::language::Format;

use super::exit::CliError;

/// How deep folders are looked into.
const DEPTH_MAX: usize = 8;
/// The most files of one folder and those in it.
const FILES_MAX: usize = 2_000;
/// The most entries that are looked at.
const ENTRIES_MAX: usize = 50_000;

/// All files below `folder` that end like a document, by name. What begins with a dot is left out, and links to folders are not
/// followed, so that no circle is walked.
pub(super) fn files(folder: &Path) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    let mut left = ENTRIES_MAX;
    look(folder, 0, &mut left, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn look(folder: &Path, depth: usize, left: &mut usize, found: &mut Vec<PathBuf>) -> Result<(), CliError> {
    let unreadable =
        |error: std::io::Error| CliError::usage(format!("cannot read {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        *left = left.checked_sub(1).ok_or_else(too_many)?;
        let kind = entry.file_type().map_err(unreadable)?;
        if kind.is_dir() {
            if depth == DEPTH_MAX {
                let message = format!("{} is nested deeper than {DEPTH_MAX} folders", entry.path().display());
                return Err(CliError::usage(message).help("name the folder in it"));
            }
            look(&entry.path(), depth + 1, left, found)?;
        } else if Format::of_file(&name).is_some() && entry.path().is_file() {
            if found.len() == FILES_MAX {
                return Err(too_many());
            }
            found.push(entry.path());
        }
    }
    Ok(())
}

fn too_many() -> CliError {
    CliError::usage(format!("there are more than {FILES_MAX} files, or {ENTRIES_MAX} entries, in the folder"))
        .help("name a folder with fewer in it, or files")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_folders_by_name_and_hidden_ones_and_links_to_folders_are_not() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        for file in ["b.yaml", "a.json", "notes.md", "deep/er/c.yml", ".git/d.yaml", "deep/e.toml"] {
            let file = root.join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("deep/again")).unwrap();
        let found = files(root).unwrap();
        let names: Vec<_> =
            found.iter().map(|file| file.strip_prefix(root).unwrap().display().to_string()).collect();
        assert_eq!(names, ["a.json", "b.yaml", "deep/e.toml", "deep/er/c.yml"]);
        let below = (0..=DEPTH_MAX).fold(root.to_owned(), |folder, _| folder.join("n"));
        std::fs::create_dir_all(below).unwrap();
        assert!(files(root).unwrap_err().message.contains("nested deeper"));
    }
}
