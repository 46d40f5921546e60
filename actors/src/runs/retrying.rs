//! Opening a failed run again, with another version or input if somebody likes, and what that would do.
//!
//! The rules are those of the run machine; here the version is looked up, once, before the run is asked.

use ghostlight_model::ids::RunId;
use ghostlight_model::run::{Hazards, Retry, Revision, hazards};
use serde_json::Value;

use super::handle::Runs;
use super::loading;
use super::reading::unreadable;
use super::words::{Accepted, CommandError, Definition, RunCommand, StartError};
use crate::blocking::blocking;
use crate::caller::{Caller, IdempotencyKey};

/// How a failed run is to be opened again.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RetryRun {
    /// The version of its workflow that it goes on with; its own when none is given.
    pub version: Option<u64>,
    /// Its input from now on; what it has when none is given.
    pub input: Option<Value>,
    /// Whether writes may be made again that may have happened.
    pub acknowledge_writes: bool,
}

impl Runs {
    /// Opens a failed run again, once under a key. Answers when it is durable.
    ///
    /// # Errors
    /// As [`Runs::command`], and [`CommandError::Version`].
    pub async fn retry(
        &self,
        run: RunId,
        ask: RetryRun,
        key: Option<IdempotencyKey>,
        caller: Caller,
    ) -> Result<Accepted, CommandError> {
        // A repeated request is answered as it was, whatever has become of the version since.
        if ask.version.is_some()
            && let Some(before) = self.given_before(key.as_ref()).await?
        {
            return Ok(before);
        }
        let retry = self.resolved(run, ask).await?;
        self.command(run, RunCommand::Retry(retry), key, caller).await
    }

    /// What a retry would do. Stores nothing, looks at no key and does not wake the run.
    ///
    /// # Errors
    /// As the retry itself, but for writes that may have happened: the answer lists them.
    pub async fn hazards(&self, run: RunId, ask: RetryRun) -> Result<Hazards, CommandError> {
        let read = self.read(run).await?.ok_or(CommandError::UnknownRun(run))?;
        let retry = self.resolved(run, ask).await?;
        // A definition is compiled, which takes its time.
        blocking(move || hazards(&read.run, &retry)).await?.map_err(CommandError::Rejected)
    }

    async fn resolved(&self, run: RunId, ask: RetryRun) -> Result<Retry, CommandError> {
        let RetryRun { version, input, acknowledge_writes } = ask;
        let revision = match version {
            Some(version) => Some(self.revision(run, version).await?),
            None => None,
        };
        Ok(Retry { revision, input, acknowledge_writes })
    }

    /// A version of the workflow that the run is of.
    async fn revision(&self, run: RunId, version: u64) -> Result<Revision, CommandError> {
        let services = self.services.clone();
        let created = blocking(move || loading::created(&services, run)).await?;
        let created = created.map_err(|error| unreadable(&error))?;
        let name = created.ok_or(CommandError::UnknownRun(run))?.workflow;
        let definition = Definition::Saved { name, version: Some(version) };
        let resolved = self.resolve(&definition).await.map_err(|error| match error {
            StartError::Store(error) => CommandError::Store(error),
            other => CommandError::Version(Box::new(other)),
        })?;
        Ok(Revision { version, next: resolved.workflow.clone() })
    }
}
