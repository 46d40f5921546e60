//! The data folder without a daemon: what may be changed while nobody serves it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ghostlight_actors::ledger::Ledger;
use ghostlight_actors::retention;
use ghostlight_actors::runtime;
use ghostlight_actors::system::System;
use ghostlight_actors::tokens::Tokens;
use ghostlight_actors::{Caller, StoreError};
use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, FileBlobs, Swept};
use ghostlight_store::journal::{Compacted, FileJournal, Journal, JournalOptions, OpenError};
use ghostlight_world::World;

use super::DaemonError;
use crate::config::Config;

/// A data folder that this process holds.
pub struct Offline {
    /// All tokens.
    pub tokens: Tokens,
    journal: Arc<FileJournal>,
    ledger: Ledger,
}

/// Whoever may write the data folder may do anything with it: the local user, in events.
#[must_use]
pub fn caller() -> Caller {
    Caller { subject: Some("local".to_owned()), ..Caller::runtime() }
}

/// Opens the data folder, and makes it when it is not there. None: a daemon holds it.
///
/// # Errors
/// [`DaemonError`]; nothing was changed.
pub async fn open(config: &Config) -> Result<Option<Offline>, DaemonError> {
    let (dir, segment_bytes) = (config.data.dir.clone(), config.data.segment_bytes.0);
    let opened = tokio::task::spawn_blocking(move || opened(&dir, segment_bytes)).await;
    opened.unwrap_or_else(|error| {
        Err(DaemonError::Machine {
            what: "the data folder could not be opened",
            source: std::io::Error::other(error),
        })
    })
}

fn opened(dir: &Path, segment_bytes: u64) -> Result<Option<Offline>, DaemonError> {
    let world = World::real();
    let options = JournalOptions { segment_bytes, ..JournalOptions::default() };
    let journal = match FileJournal::open(&world, dir, &options) {
        Ok(journal) => Arc::new(journal),
        Err(OpenError::AlreadyOpen(_)) => return Ok(None),
        Err(error) => return Err(runtime::OpenError::from(error).into()),
    };
    let blobs =
        FileBlobs::open(world.files.clone(), dir.join("blobs"), BLOB_BYTES_MAX_DEFAULT).map_err(|error| {
            DaemonError::Machine {
                what: "the folder of blobs could not be opened",
                source: std::io::Error::other(error),
            }
        })?;
    let ledger = Ledger::new(journal.clone(), Arc::new(blobs), world);
    Ok(Some(Offline { tokens: Tokens::open(ledger.clone())?, journal, ledger }))
}

/// What was taken back by hand.
#[derive(Debug, Clone, Default)]
pub struct TakenBack {
    /// Of the journal.
    pub compacted: Compacted,
    /// Of the large values.
    pub swept: Swept,
}

/// Takes back whatever dropped runs have left in the data folder, and says so in its journal. None: a daemon holds it.
///
/// # Errors
/// [`DaemonError`]; what was done before stays done.
pub async fn compact(config: &Config) -> Result<Option<TakenBack>, DaemonError> {
    let Some(offline) = open(config).await? else { return Ok(None) };
    let (journal, blobs) = (offline.journal.clone(), offline.ledger.blobs.clone());
    let now = offline.ledger.world.clock.now();
    let taken = tokio::task::spawn_blocking(move || retention::compact_all(&*journal, &*blobs, now)).await;
    let failed = |source| DaemonError::Machine { what: "the store could not be compacted", source };
    let (compacted, swept) = taken
        .map_err(|error| failed(std::io::Error::other(error)))?
        .map_err(|error| failed(std::io::Error::other(error)))?;
    let gone = swept.as_ref().copied().unwrap_or_default();
    if retention::has_gone(&compacted, &gone) {
        System::new(offline.ledger.clone()).note(retention::event_of(&compacted, gone)).await?;
    }
    offline.close().await?;
    let swept = swept.map_err(|error| failed(std::io::Error::other(error)))?;
    Ok(Some(TakenBack { compacted, swept }))
}

/// What was done to have everything made again that can be made of the journal.
#[derive(Debug, Clone, Default)]
pub struct Rebuilt {
    /// Indexes of segments that were written anew.
    pub indexes: u64,
    /// Where the lists and states of runs are now, which the next start of a daemon makes again.
    pub moved_to: Option<PathBuf>,
}

/// Has everything made again that can be made of the journal: the indexes at once, the lists and states of runs at the next start of a
/// daemon. None: a daemon holds the folder.
///
/// # Errors
/// [`DaemonError`]; doing it again goes on where it ended.
pub async fn rebuild(config: &Config) -> Result<Option<Rebuilt>, DaemonError> {
    // Whoever holds the folder is told apart before anything is moved.
    let Some(offline) = open(config).await? else { return Ok(None) };
    let now = offline.ledger.world.clock.now();
    offline.close().await?;
    let dir = config.data.dir.clone();
    let moved = tokio::task::spawn_blocking(move || move_aside(&dir, now.as_millisecond())).await;
    let failed = |source| DaemonError::Machine { what: "what is to be rebuilt could not be moved", source };
    let rebuilt = moved.map_err(|error| failed(std::io::Error::other(error)))?.map_err(failed)?;
    // To open the journal is to make the indexes that are missing.
    let Some(offline) = open(config).await? else { return Ok(None) };
    offline.close().await?;
    Ok(Some(rebuilt))
}

fn move_aside(dir: &Path, now_ms: i64) -> std::io::Result<Rebuilt> {
    let mut rebuilt = Rebuilt::default();
    let sled = dir.join("sled");
    if sled.is_dir() {
        let moved_to = dir.join(format!("sled.set-aside-{now_ms}"));
        std::fs::rename(&sled, &moved_to)?;
        rebuilt.moved_to = Some(moved_to);
    }
    for entry in std::fs::read_dir(dir.join("index"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "idx") {
            std::fs::remove_file(path)?;
            rebuilt.indexes += 1;
        }
    }
    std::fs::File::open(dir)?.sync_all()?;
    Ok(rebuilt)
}

impl Offline {
    /// Lets go of the folder. What was acknowledged is durable already.
    ///
    /// # Errors
    /// [`DaemonError::Store`] when it could not be waited for.
    pub async fn close(self) -> Result<(), DaemonError> {
        let Self { journal, tokens, ledger } = self;
        drop((tokens, ledger));
        let closed = tokio::task::spawn_blocking(move || journal.close()).await;
        closed.map_err(|_| DaemonError::Store(StoreError::Unavailable))
    }
}
