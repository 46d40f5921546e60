//! What every actor of a run works with. One value per daemon, shared behind an `Arc`.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use ghostlight_model::ids::Ids;
use ghostlight_store::SharedJournal;
use ghostlight_store::blobs::Blobs;
use ghostlight_store::snapshots::Snapshots;
use ghostlight_world::World;
use jiff::Timestamp;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::child_runs::ChildRuns;
use super::families::Families;
use super::lately::LatelyRead;
use super::marks::Marks;
use super::present::PresentRuns;
use super::signs::LivingAttempts;
use super::slots::SlotPool;
use crate::agents::AgentRegistry;
use crate::catalogue::Catalogue;
use crate::feed::FeedHandle;
use crate::keys::Keys;
use crate::storage::Storage;

/// What every actor of a run works with.
pub struct Services {
    /// Time and randomness.
    pub world: World,
    /// The truth.
    pub journal: SharedJournal,
    /// Large values.
    pub blobs: Arc<dyn Blobs>,
    /// States of runs with a long history.
    pub snapshots: Arc<dyn Snapshots>,
    /// Workflows.
    pub catalogue: Catalogue,
    /// Agents.
    pub agents: AgentRegistry,
    /// What was asked under idempotency keys.
    pub keys: Keys,
    /// How many runs steps have started, by the run at the top.
    pub families: Families,
    /// Who carries the runs that steps start; not there before all runs can be carried.
    pub child_runs: OnceLock<Arc<dyn ChildRuns>>,
    /// When all this was set up.
    pub opened_at: Timestamp,
    /// How many attempts run at the same time.
    pub slots: SlotPool,
    /// Which runs are being touched.
    pub marks: Marks,
    /// Where the process groups of attempts are noted.
    pub running: PathBuf,
    /// Room for the snapshots that are being made.
    pub snapshot_room: Arc<Semaphore>,
    /// The states of the runs that are in memory.
    pub present: PresentRuns,
    /// The states of large runs that were read lately.
    pub lately: LatelyRead,
    /// When the attempts that are being made last showed a sign of life.
    pub living: LivingAttempts,
    /// Where progress is shown.
    pub feed: FeedHandle,
    /// Room on the disk.
    pub storage: Storage,
    /// Set when the daemon goes down: nothing new starts.
    pub draining: Arc<AtomicBool>,
}

impl Services {
    /// The time, in whole microseconds: what is decided now and what is read from the journal later is the same.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.world.clock.now_us()).unwrap_or(Timestamp::MAX)
    }

    /// A fresh UUIDv7.
    #[must_use]
    pub fn uuid(&self) -> Uuid {
        self.world.uuid_v7()
    }

    /// Fresh ids for one decision.
    #[must_use]
    pub fn ids(&self) -> Ids {
        Ids::from_base(self.uuid())
    }

    /// A random number.
    #[must_use]
    pub fn jitter(&self) -> u32 {
        let mut bytes = [0; 4];
        self.world.random.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// Whether the daemon goes down.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}
