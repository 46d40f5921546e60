//! How much room the disk has left: a build that finds none fails in words that speak of anything else.

use std::path::Path;

use crate::command::ask;
use crate::report::Outcome;

/// What a run of everything writes, from nothing, with some to spare.
const NEEDED: u64 = 10 << 30;
/// Less than this, and what failed may have failed for want of room.
const SCARCE: u64 = 1 << 30;

/// The bytes that are free where `folder` is, or none if nobody can tell.
pub fn free(folder: &Path) -> Option<u64> {
    let table = ask("df", &["-Pk", &folder.display().to_string()])?;
    // `/dev/vda 263995356 12029636 83112660 13% /`, below the heads of the columns.
    let kib: u64 = table.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kib << 10)
}

/// The bytes that are free where this program was built, which is where all else is.
pub fn at_target() -> Option<u64> {
    free(std::env::current_exe().ok()?.parent()?)
}

/// `12.3 GiB`.
pub fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

/// How much is free, and whether that is enough for a run from nothing.
pub fn told(free: u64) -> String {
    let few = match free < NEEDED {
        true => format!(", and a run from nothing takes up to {}", gib(NEEDED)),
        false => String::new(),
    };
    format!("{} of disk are free{few}", gib(free))
}

/// A failure on a full disk says so.
pub fn explained(outcome: Outcome, free: Option<u64>) -> Outcome {
    match (outcome, free) {
        (Outcome::Failed { what, mut details }, Some(free)) if free < SCARCE => {
            details.insert(0, format!("the disk is all but full: {} are free", gib(free)));
            Outcome::Failed { what, details }
        }
        (outcome, _) => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_told_of_a_folder_and_of_nothing_else() {
        assert!(free(&std::env::temp_dir()).is_some_and(|free| free > 0));
        assert_eq!(free(Path::new("/no/such/folder")), None);
    }

    #[test]
    fn too_little_room_is_told_before_it_is_missed() {
        assert_eq!(told(NEEDED), "10.0 GiB of disk are free");
        assert_eq!(told(1 << 30), "1.0 GiB of disk are free, and a run from nothing takes up to 10.0 GiB");
    }

    #[test]
    fn only_a_failure_on_a_full_disk_speaks_of_the_disk() {
        let told = |free| match explained(Outcome::failed("exit status: 101"), free) {
            Outcome::Failed { details, .. } => details.len(),
            _ => panic!("a failure stays one"),
        };
        assert_eq!((told(Some(SCARCE)), told(None), told(Some(SCARCE - 1))), (0, 0, 1));
        assert!(matches!(explained(Outcome::Passed(String::new()), Some(0)), Outcome::Passed(_)));
    }
}
