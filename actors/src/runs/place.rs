//! Where a run lives: the names and services that its actors share, and who is living in it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::ids::{ApprovalId, AttemptId, RunId};
use ghostlight_supervision::{ChildRef, StableAddr, SupervisorRef};

use super::partition::Partition;
use super::services::Services;
use super::workflow::WorkflowActor;

/// The names and services that a run's actors share.
#[derive(Clone)]
pub struct RunPlace {
    /// The run.
    pub id: RunId,
    /// What it works with.
    pub services: Arc<Services>,
    /// Its supervisor.
    pub supervisor: SupervisorRef,
    /// Its workflow actor.
    pub workflow: StableAddr<WorkflowActor>,
    /// Its partition.
    pub partition: StableAddr<Partition>,
    /// Who is living in it.
    pub residents: Arc<Residents>,
}

/// What outlives an incarnation of the workflow actor: who is living in the run.
#[derive(Default)]
pub struct Residents {
    attempts: Mutex<BTreeMap<AttemptId, Resident>>,
    gates: Mutex<BTreeMap<ApprovalId, ChildRef>>,
}

/// A living attempt, as far as it is known.
#[derive(Clone)]
pub(super) struct Resident {
    pub(super) child: Option<ChildRef>,
}

impl Residents {
    /// How many attempts are living.
    #[must_use]
    pub fn living(&self) -> usize {
        self.attempts().len()
    }

    pub(super) fn attempts(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Resident>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gates(&self) -> MutexGuard<'_, BTreeMap<ApprovalId, ChildRef>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
