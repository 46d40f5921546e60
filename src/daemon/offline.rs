//! The data folder without a daemon: what may be changed while nobody serves it.

use std::sync::Arc;

use ghostlight_actors::ledger::Ledger;
use ghostlight_actors::runtime;
use ghostlight_actors::tokens::Tokens;
use ghostlight_actors::{Caller, StoreError};
use ghostlight_store::blobs::{BLOB_BYTES_MAX_DEFAULT, FileBlobs};
use ghostlight_store::journal::{FileJournal, Journal, JournalOptions, OpenError};
use ghostlight_world::World;

use super::DaemonError;
use crate::config::Config;

/// A data folder that this process holds.
pub struct Offline {
    /// All tokens.
    pub tokens: Tokens,
    journal: Arc<FileJournal>,
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

fn opened(dir: &std::path::Path, segment_bytes: u64) -> Result<Option<Offline>, DaemonError> {
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
    Ok(Some(Offline { tokens: Tokens::open(ledger)?, journal }))
}

impl Offline {
    /// Lets go of the folder. What was acknowledged is durable already.
    ///
    /// # Errors
    /// [`DaemonError::Store`] when it could not be waited for.
    pub async fn close(self) -> Result<(), DaemonError> {
        let journal = self.journal;
        let closed = tokio::task::spawn_blocking(move || journal.close()).await;
        closed.map_err(|_| DaemonError::Store(StoreError::Unavailable))
    }
}
