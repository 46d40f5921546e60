//! Reading runs: their state, and their events a page at a time. Never wakes a run, and holds no more of its history than a page.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use ghostlight_model::ids::{AttemptId, RunId};
use ghostlight_model::run::Run;
use ghostlight_store::{ReadError, Record, SharedJournal, StreamName};
use serde_json::Value;

use super::handle::Runs;
use super::loading::{self, LoadError, Loaded, PAGE};
use super::signs::Silence;
use super::words::{Accepted, EventRead, RunNow};
use crate::blocking::blocking;
use crate::caller::{Caller, StoreError};
use crate::streams;

/// A run as its journal says.
#[derive(Debug, Clone)]
pub struct RunRead {
    /// The fold of all its events.
    pub run: Arc<Run>,
    /// Global sequence of the last of them.
    pub sequence: u64,
    /// How many of them had to be folded for it: none when its actor or its snapshot had it as it is.
    pub folded: u64,
    /// The attempts that are being made, and since when they have shown no sign of life.
    pub silence: BTreeMap<AttemptId, Silence>,
}

impl From<RunRead> for RunNow {
    fn from(read: RunRead) -> Self {
        Self { run: read.run, sequence: read.sequence }
    }
}

impl Runs {
    /// Reads a run; `None` when there is none of that id. Begins with what its actor shows or with its snapshot, so that a long
    /// history costs no more than a short one while there is either.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be read.
    pub async fn read(&self, run: RunId) -> Result<Option<RunRead>, StoreError> {
        let services = self.services.clone();
        let read = blocking(move || {
            let loaded = loading::read(&services, run)?;
            Ok::<_, LoadError>(loaded.map(|loaded| RunRead {
                run: loaded.run,
                sequence: loaded.sequence,
                folded: loaded.folded,
                silence: services.living.of(run),
            }))
        });
        read.await?.map_err(|error| unreadable(&error))
    }

    /// A run as it was after the event `at` of its stream; `None` when it has no such event.
    ///
    /// # Errors
    /// As [`Runs::read`].
    pub(super) async fn read_at(&self, run: RunId, at: u64) -> Result<Option<Loaded>, StoreError> {
        let services = self.services.clone();
        blocking(move || loading::read_at(&services, run, at)).await?.map_err(|error| unreadable(&error))
    }

    /// Goes over the events of a run as it was read, the oldest first, and lets `take` make `all` of those whose records are `wanted`.
    /// No other is decoded.
    ///
    /// # Errors
    /// As [`Runs::read`].
    pub async fn gather<T: Send + 'static>(
        &self,
        read: &RunRead,
        mut all: T,
        wanted: impl Fn(&Record) -> bool + Send + 'static,
        mut take: impl FnMut(&mut T, &EventRead) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (services, stream, until) = (self.services.clone(), streams::run(read.run.id), read.run.sequence);
        let gathered = blocking(move || {
            let mut from = 1;
            while from <= until {
                let page = services.journal.read(&stream, from, PAGE)?;
                // A page may be short because its bodies are long; only an empty one is the end.
                let Some(last) = page.last() else { break };
                from = last.stream_sequence + 1;
                for record in page.iter().filter(|it| it.stream_sequence <= until && wanted(it)) {
                    take(&mut all, &loading::read_event(record)?);
                }
            }
            Ok::<_, LoadError>(all)
        });
        gathered.await?.map_err(|error| unreadable(&error))
    }

    /// The first events of a run behind the global sequence `after`, at most `limit`, and whether more follow; `None` when there is no
    /// such run.
    ///
    /// # Errors
    /// As [`Runs::read`].
    pub async fn events_after(
        &self,
        run: RunId,
        after: u64,
        limit: usize,
    ) -> Result<Option<(Vec<EventRead>, bool)>, StoreError> {
        let services = self.services.clone();
        let found = blocking(move || {
            let stream = streams::run(run);
            if let Some(archived) = loading::archived(&*services.journal, run)? {
                return Err(archived);
            }
            let Some(head) = services.journal.head_of(&stream)? else { return Ok(None) };
            let first = first_after(&services.journal, &stream, after, head.sequence)?;
            let last = head.sequence.min((first - 1).saturating_add(limit as u64));
            let page = whole_page(&services.journal, &stream, first..=last)?;
            let events = page.iter().map(loading::read_event).collect::<Result<Vec<_>, _>>()?;
            Ok::<_, LoadError>(Some((events, last < head.sequence)))
        });
        found.await?.map_err(|error| unreadable(&error))
    }

    /// Whether a command of this id has left events in the run. It was given a moment ago, so the newest are looked at first.
    pub(super) async fn already_done(
        &self,
        run: RunId,
        caller: &Caller,
    ) -> Result<Option<Accepted>, StoreError> {
        let Some(command) = caller.command.clone() else { return Ok(None) };
        let services = self.services.clone();
        let done = blocking(move || {
            let stream = streams::run(run);
            let mut end = services.journal.head_of(&stream)?.map_or(0, |head| head.sequence);
            while end > 0 {
                let from = end.saturating_sub(PAGE as u64 - 1).max(1);
                for record in whole_page(&services.journal, &stream, from..=end)?.iter().rev() {
                    let event = loading::read_event(record)?;
                    if event.recorded.attribution.cause.as_ref() == Some(&command) {
                        return Ok(Some(event.sequence));
                    }
                }
                end = from - 1;
            }
            Ok::<_, LoadError>(None)
        });
        let Some(sequence) = done.await?.map_err(|error| unreadable(&error))? else { return Ok(None) };
        let Some(read) = self.read(run).await? else { return Ok(None) };
        Ok(Some(Accepted { run, status: read.run.status, sequence }))
    }

    /// The output of a run that was read, from its blob if it is a large one; null when it has none.
    ///
    /// # Errors
    /// [`StoreError`] when the blob cannot be read.
    pub async fn output(&self, read: &RunRead) -> Result<Arc<Value>, StoreError> {
        let Some(output) = read.run.output.clone() else { return Ok(Arc::default()) };
        let blobs = self.services.blobs.clone();
        let fetched = blocking(move || loading::fetch(&output, &*blobs)).await?;
        fetched.map_err(|error| StoreError::Damaged(error.to_string()))
    }

    /// Whether there is such a run.
    ///
    /// # Errors
    /// [`StoreError`] when its journal cannot be read.
    pub async fn exists(&self, run: RunId) -> Result<bool, StoreError> {
        Ok(self.head(run).await?.is_some())
    }

    /// The global sequence of the run's first unit, as far as it is known: that it exists.
    pub(super) async fn head(&self, run: RunId) -> Result<Option<u64>, StoreError> {
        let services = self.services.clone();
        let first = blocking(move || services.journal.read(&streams::run(run), 1, 1)).await?;
        let first = first.map_err(|error| StoreError::of_read(&error))?;
        Ok(first.first().map(|record| record.sequence))
    }
}

/// The stream sequence of the first record of a stream behind the global sequence `after`; one more than its `head` when there is
/// none. Both rise together, so that a few records are looked at and no more.
fn first_after(
    journal: &SharedJournal,
    stream: &StreamName,
    after: u64,
    head: u64,
) -> Result<u64, ReadError> {
    let (mut low, mut high) = (1, head + 1);
    while low < high && after > 0 {
        let middle = low + (high - low) / 2;
        let is_behind = journal.read(stream, middle, 1)?.first().is_some_and(|it| it.sequence > after);
        if is_behind { high = middle } else { low = middle + 1 }
    }
    Ok(low)
}

/// The records of a stream from one to another. A single read may bring fewer, when their bodies are long.
fn whole_page(
    journal: &SharedJournal,
    stream: &StreamName,
    wanted: RangeInclusive<u64>,
) -> Result<Vec<Record>, ReadError> {
    let mut all: Vec<Record> = Vec::new();
    let mut from = *wanted.start();
    while from <= *wanted.end() {
        let left = usize::try_from(wanted.end() - from + 1).unwrap_or(usize::MAX);
        let page = journal.read(stream, from, left)?;
        let Some(last) = page.last() else { break };
        from = last.stream_sequence + 1;
        all.extend(page);
    }
    Ok(all)
}

pub(super) fn unreadable(error: &LoadError) -> StoreError {
    match error {
        LoadError::Read(error) => StoreError::of_read(error),
        LoadError::Archived { at, file } => StoreError::RunArchived { at: *at, file: file.clone() },
        other => StoreError::Damaged(other.to_string()),
    }
}
