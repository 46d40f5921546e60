//! Which partition carries a run, and the way there.

use std::sync::Arc;

use ghostlight_model::ids::RunId;
use ghostlight_model::run::Command;
use ghostlight_supervision::{SendError, StableAddr};

use super::give::Give;
use super::partition::{EndAttempts, Partition, Quiesce, Revive, Route};

/// The partitions, and which of them carries a run.
#[derive(Clone)]
pub struct Router {
    partitions: Arc<[StableAddr<Partition>]>,
}

impl Router {
    /// A router over these partitions, at least one; their order must not change over the life of a store.
    #[must_use]
    pub fn new(partitions: Vec<StableAddr<Partition>>) -> Self {
        Self { partitions: partitions.into() }
    }

    /// The partition of a run: by the hash of its id.
    #[must_use]
    pub fn of(&self, run: RunId) -> &StableAddr<Partition> {
        // The low bits of a UUIDv7 are random: as good as any hash of it.
        let at = run.0.as_u128() % self.partitions.len().max(1) as u128;
        &self.partitions[usize::try_from(at).unwrap_or(0)]
    }

    /// Passes a command on.
    ///
    /// # Errors
    /// [`SendError`] when the partition cannot take it now.
    pub fn route(&self, route: Route) -> Result<(), SendError> {
        self.of(route.run).try_send(route)
    }

    /// Lets a run look at the clock and at its slots. False when its partition cannot take it now.
    pub fn look(&self, run: RunId) -> bool {
        let give = Give::by_runtime(Command::Tick);
        self.route(Route { run, give }).is_ok()
    }

    /// Takes a run that was under way into memory, unless it is there.
    ///
    /// # Errors
    /// [`SendError`] when its partition cannot take it now.
    pub fn revive(&self, run: RunId) -> Result<(), SendError> {
        self.of(run).try_send(Revive { run })
    }

    /// Stops all attempts: the time of the shutdown is over.
    pub fn end_attempts(&self) {
        for partition in self.partitions.iter() {
            // A partition that is not there has nothing living.
            let _ = partition.try_send(EndAttempts);
        }
    }

    /// Tells all partitions that the daemon goes down; answers how many attempts are living.
    pub async fn quiesce(&self) -> usize {
        let answers = self.partitions.iter().map(|partition| partition.send(Quiesce));
        futures::future::join_all(answers).await.into_iter().map(|answer| answer.unwrap_or(0)).sum()
    }
}
