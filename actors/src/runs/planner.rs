//! The planner actor: admission.
//!
//! Permanent, in the core. It decides whether a run may start now: not while the daemon goes down, and not when too many
//! starts are under way; and it gives the plan its expected length. It never appends to a run. What it holds (how many are
//! being admitted) is lost when it crashes, together with the requests it concerned.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
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
}

/// A run may start. Held until its creation is durable or refused.
pub struct Admission {
    /// The longest expected way through the plan, in milliseconds.
    pub makespan_ms: u64,
    under_way: Arc<AtomicUsize>,
}

/// Why a run may not start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAdmitted {
    /// The daemon goes down.
    Draining,
    /// Too many starts are under way.
    Full,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The actor.
pub struct Planner {
    services: Arc<Services>,
    under_way: Arc<AtomicUsize>,
}

/// The specification of the planner.
#[must_use]
pub fn spec(services: &Arc<Services>, name: &StableAddr<Planner>) -> ChildSpec {
    let services = services.clone();
    ChildSpec::actor(Key::id("planner"), name, move || {
        let planner = Planner { services: services.clone(), under_way: Arc::default() };
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
        // Only this actor counts up, so that nobody gets in between.
        if self.under_way.load(Ordering::Relaxed) >= STARTS_MAX {
            return Err(NotAdmitted::Full);
        }
        self.under_way.fetch_add(1, Ordering::Relaxed);
        let makespan_ms = u64::try_from(makespan(&admit.workflow).as_millis()).unwrap_or(u64::MAX);
        Ok(Admission { makespan_ms, under_way: self.under_way.clone() })
    }
}
