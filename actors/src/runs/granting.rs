//! Slots for a decision: how many attempts it may start is found by making it, and by making it again with what there is.

use std::collections::{BTreeMap, BTreeSet};

use ghostlight_model::event::Event;
use ghostlight_model::ids::Name;
use ghostlight_model::priority::Priority;
use ghostlight_model::run::{AgentDirectory, Rejection, Slots, Workload};
use ghostlight_model::workflow::Workflow;

use super::slots::{Limited, SlotGuard, Wish, granted};
use super::workflow::WorkflowActor;

/// How often a decision is looked at again at most, because agents had fewer slots than it wished for.
const SLOT_LOOKS_MAX: usize = 8;

impl WorkflowActor {
    /// Runs a decision with as many slots as it can have: first as if there were enough, then with what there is of those that
    /// are short, and so on, so that calls of a busy agent do not stand in the way of others. Each time it knows the same of how
    /// busy agents are. `own` is the slot of the attempt whose end is decided about; what follows on it may go on in it.
    pub(super) fn with_slots(
        &self,
        (workflow, over): (&Workflow, &[Name]),
        priority: Priority,
        mut own: Option<SlotGuard>,
        directory: &AgentDirectory,
        mut decision: impl FnMut(Slots, Workload) -> Result<Vec<Event>, Rejection>,
    ) -> Result<(Vec<Event>, Vec<SlotGuard>), Rejection> {
        let capable = || workflow.capabilities.iter().map(|capability| directory.capable(capability));
        let workload = if workflow.capabilities.is_empty() {
            Workload::default()
        } else {
            let capable = capable().flatten().map(|entry| &entry.name);
            self.services().slots.workload(self.place.id, over, capable)
        };
        let services = self.services();
        // Steps for which there is no room wait as if for a slot, and ask again by themselves.
        if self.start_nothing || services.is_draining() || !services.storage.has_room_for_attempts() {
            let none = Slots::Granted { of_agent: BTreeMap::new(), others: false };
            return decision(none, workload).map(|events| (events, Vec::new()));
        }
        // Whoever shares a capability with the agent may be chosen when its turn comes.
        let others = |agent: &Name| -> Vec<Limited> {
            let shared = capable().filter(|crew| crew.iter().any(|entry| entry.name == *agent));
            let others = shared.flatten().filter(|entry| entry.name != *agent);
            others.map(|entry| (entry.name.clone(), entry.concurrency)).collect()
        };
        let wishes = |events: &[Event]| -> Vec<Wish> {
            let wish = |event: &Event| match event {
                Event::StepStarted(started) => {
                    let limit = directory.get(&started.agent).and_then(|entry| entry.concurrency);
                    Some(Wish { agent: (started.agent.clone(), limit), or: others(&started.agent) })
                }
                _ => None,
            };
            events.iter().filter_map(wish).collect()
        };
        let mut guards: Vec<SlotGuard> = Vec::new();
        let mut short: BTreeSet<Name> = BTreeSet::new();
        let mut missing: Vec<Wish> = Vec::new();
        for look in 0..SLOT_LOOKS_MAX {
            let slots = match look {
                0 => Slots::Unlimited,
                _ => granted(&short, &guards, true),
            };
            let events = decision(slots, workload.clone())?;
            let wishes = beyond(wishes(&events), &guards);
            if wishes.is_empty() {
                return Ok((events, guards));
            }
            // What was missing before keeps its place in line.
            missing.extend(wishes);
            let taken = self.services().slots.take(self.place.id, priority, &missing, own.take());
            missing = beyond(missing, &taken);
            guards.extend(taken);
            if missing.is_empty() {
                return Ok((events, guards));
            }
            self.in_line.set(true);
            short.extend(missing.iter().map(|wish| wish.agent.0.clone()));
        }
        let events = decision(granted(&short, &guards, false), workload)?;
        Ok((events, guards))
    }
}

/// The wishes that these slots do not fulfil.
fn beyond(wishes: Vec<Wish>, guards: &[SlotGuard]) -> Vec<Wish> {
    let mut left: BTreeMap<&Name, usize> = BTreeMap::new();
    guards.iter().for_each(|guard| *left.entry(guard.agent()).or_default() += 1);
    let is_beyond = |wish: &Wish| match left.get_mut(&wish.agent.0) {
        Some(free) if *free > 0 => {
            *free -= 1;
            false
        }
        _ => true,
    };
    wishes.into_iter().filter(is_beyond).collect()
}
