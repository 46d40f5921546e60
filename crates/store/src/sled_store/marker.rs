//! The marker beside the database: what must be known about it before it is believed.
//!
//! sled says of itself neither whose rows it holds, nor whether it was closed, nor that it opened empty because
//! recovery gave up. So a small file of our own, written durably before the first row, says which database belongs
//! here (its id stands inside sled too), which journal it was made from, in which boot of the machine it was last
//! open, and how it ended.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::set_aside::SetAsideReason;
use crate::atomic_file::replace;

/// The layout of marker, trees and keys; another one is set aside.
const LAYOUT: u32 = 1;
const FILE: &str = "marker.json";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    layout: u32,
    /// Made anew for each database; the same id stands in sled's own `meta` tree.
    pub database: Uuid,
    /// The journal the rows were folded from.
    log: Uuid,
    /// The boot in which it was last open; nothing where the system does not tell.
    boot: Option<String>,
    ended: Ended,
}

/// How a database was last left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    /// It is being created and holds nothing yet.
    Beginning,
    /// It is in use, or its process died.
    Open,
    /// It was closed and its files are synced.
    Clean,
    /// It reported damage of its own.
    Damaged,
}

impl Marker {
    pub fn new(database: Uuid, log: Uuid, boot: Option<String>) -> Self {
        Self { layout: LAYOUT, database, log, boot, ended: Ended::Open }
    }

    /// The marker in `dir`; nothing when there is none, or none that can be read.
    pub fn read(dir: &Path) -> io::Result<Option<Self>> {
        match fs::read(dir.join(FILE)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the marker to `dir`, durably. Blocking.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        replace(&dir.join(FILE), &dir.join("marker.json.tmp"), &bytes)
    }

    pub fn is_beginning(&self) -> bool {
        self.ended == Ended::Beginning
    }

    pub fn ended(self, ended: Ended) -> Self {
        Self { ended, ..self }
    }

    /// Whether the database may be opened for `log` in this boot, and if not, why.
    ///
    /// A process that was killed leaves everything that it handed to the system, in order; a power cut does not:
    /// what sled calls flushed may be lost, or the whole database silently empty.
    pub fn believable(&self, log: Uuid, boot: Option<&str>) -> Result<(), SetAsideReason> {
        let same_boot = boot.is_some() && self.boot.as_deref() == boot;
        match self.ended {
            _ if self.layout != LAYOUT => Err(SetAsideReason::OtherLayout),
            _ if self.log != log => Err(SetAsideReason::OtherJournal),
            Ended::Damaged => Err(SetAsideReason::Damaged { detail: "it broke while it was in use".into() }),
            Ended::Beginning => Err(SetAsideReason::Emptied),
            Ended::Open if !same_boot => Err(SetAsideReason::PowerCut),
            Ended::Open | Ended::Clean => Ok(()),
        }
    }

    /// The marker of the same database, open now in this boot.
    pub fn reopened(self, boot: Option<String>) -> Self {
        Self { boot, ended: Ended::Open, ..self }
    }
}

/// What tells one boot of the machine from the next, where the system says so (Linux).
pub(super) fn current_boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Uuid = Uuid::from_u128(1);

    fn left(ended: Ended, boot: Option<&str>) -> Marker {
        Marker::new(Uuid::from_u128(9), LOG, boot.map(str::to_owned)).ended(ended)
    }

    #[test]
    fn only_a_clean_end_or_the_same_boot_is_believed() {
        let believable = |ended, then, now| left(ended, then).believable(LOG, now);
        assert_eq!(believable(Ended::Clean, Some("a"), Some("b")), Ok(()));
        assert_eq!(believable(Ended::Clean, None, None), Ok(()));
        assert_eq!(believable(Ended::Open, Some("a"), Some("a")), Ok(()));
        assert_eq!(believable(Ended::Open, Some("a"), Some("b")), Err(SetAsideReason::PowerCut));
        // Two boots that are both unknown are not known to be the same.
        assert_eq!(believable(Ended::Open, None, None), Err(SetAsideReason::PowerCut));
        assert!(matches!(
            believable(Ended::Damaged, Some("a"), Some("a")),
            Err(SetAsideReason::Damaged { .. })
        ));
    }

    #[test]
    fn a_database_of_another_journal_is_not_believed() {
        let marker = left(Ended::Clean, Some("a"));
        assert_eq!(marker.believable(Uuid::from_u128(2), Some("a")), Err(SetAsideReason::OtherJournal));
    }

    #[test]
    fn an_unreadable_marker_is_as_good_as_none() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(Marker::read(dir.path()).expect("readable"), None);
        fs::write(dir.path().join(FILE), b"{\"layout\":").expect("writable");
        assert_eq!(Marker::read(dir.path()).expect("readable"), None);
        left(Ended::Clean, None).write(dir.path()).expect("writable");
        assert_eq!(Marker::read(dir.path()).expect("readable"), Some(left(Ended::Clean, None)));
    }
}
