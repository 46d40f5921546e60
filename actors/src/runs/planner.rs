//! The planner actor: admission.
//!
//! Permanent, in the core. It decides whether a run may start now: not while the daemon goes down, not when too many
//! starts are under way, not when a request with the same idempotency key is being answered; and it gives the plan its
//! expected length. It never appends to a run. What it holds (who is being admitted) is lost when it crashes, together with
//! the requests it concerned.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix::{Actor, Handler, Message};
use ghostlight_model::run::estimate;
use ghostlight_model::workflow::Workflow;
use ghostlight_supervision::{ChildSpec, Context, Key, StableAddr};

use super::services::Services;

/// How many starts may be under way at the same time. Each holds its definition and input in memory.
pub const STARTS_MAX: usize = 4_096;

/// Asks for admission.
#[derive(Message)]
#[rtype(result = "Result<Admission, NotAdmitted>")]
pub struct Admit {
    /// What is to run.
    pub workflow: Arc<Workflow>,
    /// The idempotency key of the request.
    pub key: Option<String>,
}

/// A run may start. Held until its creation is durable or refused.
pub struct Admission {
    /// The longest expected way through the plan, in milliseconds.
    pub makespan_ms: u64,
    key: Option<String>,
    shared: Arc<Mutex<UnderWay>>,
}

/// Why a run may not start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The daemon goes down.
    Draining,
    /// Too many starts are under way.
    Full,
    /// A request with this key is being answered.
    KeyInProgress,
}

#[derive(Default)]
struct UnderWay {
    starts: usize,
    keys: HashSet<String>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut under_way = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        under_way.starts = under_way.starts.saturating_sub(1);
        if let Some(key) = &self.key {
            under_way.keys.remove(key);
        }
    }
}

/// The actor.
pub struct Planner {
    services: Arc<Services>,
    shared: Arc<Mutex<UnderWay>>,
}

/// The specification of the planner.
#[must_use]
pub fn spec(services: &Arc<Services>, name: &StableAddr<Planner>) -> ChildSpec {
    let services = services.clone();
    ChildSpec::actor(Key::id("planner"), name, move || {
        let planner = Planner { services: services.clone(), shared: Arc::default() };
        std::future::ready(Ok(planner))
    })
}

/// The longest expected way through the nodes of a workflow.
#[must_use]
pub fn makespan(workflow: &Workflow) -> Duration {
    // Parents stand before their children, so that one pass backwards is enough.
    let mut way = vec![Duration::ZERO; workflow.nodes.len()];
    for (at, node) in workflow.nodes.iter().enumerate().rev() {
        let behind = node.children.iter().map(|child| way[child.at()]).max().unwrap_or_default();
        way[at] = estimate(node).saturating_add(behind);
    }
    way.into_iter().max().unwrap_or_default()
}

impl Actor for Planner {
    type Context = Context<Self>;
}

impl Handler<Admit> for Planner {
    type Result = Result<Admission, NotAdmitted>;

    fn handle(&mut self, admit: Admit, _: &mut Self::Context) -> Self::Result {
        if self.services.is_draining() {
            return Err(NotAdmitted::Draining);
        }
        let mut under_way = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.starts >= STARTS_MAX {
            return Err(NotAdmitted::Full);
        }
        if let Some(key) = &admit.key
            && !under_way.keys.insert(key.clone())
        {
            return Err(NotAdmitted::KeyInProgress);
        }
        under_way.starts += 1;
        let makespan_ms = u64::try_from(makespan(&admit.workflow).as_millis()).unwrap_or(u64::MAX);
        Ok(Admission { makespan_ms, key: admit.key, shared: self.shared.clone() })
    }
}
