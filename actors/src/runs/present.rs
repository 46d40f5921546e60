//! The states of the runs that are in memory, as far as they are durable: what a read begins with while a run is carried.
//!
//! An actor shows its state after each commit and never before, so that whoever reads it sees a prefix of the run's stream and folds
//! what follows, if anything does. Asking the actor would say the same later: behind whatever it does at that moment. What is shown is
//! shared and not copied; it goes with the actor, whatever ends it, so that the next one is made from the journal alone.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::ids::RunId;
use ghostlight_model::run::Run;

/// The states of the runs that are in memory. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct PresentRuns {
    shown: Arc<Mutex<HashMap<RunId, Shown>>>,
    lives: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Shown {
    life: u64,
    run: Arc<Run>,
}

impl PresentRuns {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Shown>> {
        // Nothing under this lock can panic half-way through a change.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// A place for the actor of a run to show its state, for as long as the answer is kept.
    #[must_use]
    pub fn enter(&self, run: RunId) -> Presence {
        Presence { all: self.clone(), run, life: self.lives.fetch_add(1, Ordering::Relaxed) }
    }

    /// The state of a run after its last commit that its actor knows of; none when no actor carries it.
    #[must_use]
    pub fn of(&self, run: RunId) -> Option<Arc<Run>> {
        self.lock().get(&run).map(|shown| shown.run.clone())
    }
}

/// A run is present until this is dropped.
#[derive(Debug)]
pub struct Presence {
    all: PresentRuns,
    run: RunId,
    life: u64,
}

impl Presence {
    /// Shows a state that is durable. An actor whose place a later one has taken shows nothing any more.
    pub fn show(&self, run: &Arc<Run>) {
        let mut all = self.all.lock();
        if all.get(&self.run).is_some_and(|shown| shown.life > self.life) {
            return;
        }
        let before = all.insert(self.run, Shown { life: self.life, run: run.clone() });
        // A large state may take a while to be dropped.
        drop(all);
        drop(before);
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut all = self.all.lock();
        if all.get(&self.run).is_some_and(|shown| shown.life == self.life) {
            let gone = all.remove(&self.run);
            drop(all);
            drop(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_model::language::{Format, Source, compile};
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_run_is_present_while_its_latest_actor_is_and_an_earlier_one_shows_nothing_any_more() {
        let text = "ghostlight: 1\nname: w\nnodes:\n  a: { type: agent_call, agent: noop }\n";
        let workflow = compile(&Source { text, format: Format::Yaml }).workflow.unwrap();
        let id = RunId(Uuid::from_u128(7));
        let state = || Arc::new(Run::new(id, workflow.clone()));
        let all = PresentRuns::default();
        let is_shown = |run: &Arc<Run>| all.of(id).is_some_and(|shown| Arc::ptr_eq(&shown, run));
        let (one, two) = (state(), state());

        let earlier = all.enter(id);
        assert!(all.of(id).is_none(), "nothing is shown before it is durable");
        earlier.show(&one);
        assert!(is_shown(&one));
        let later = all.enter(id);
        later.show(&two);
        earlier.show(&one);
        assert!(is_shown(&two));
        assert_eq!(all.count(), 1);
        drop(earlier);
        assert!(is_shown(&two));
        drop(later);
        assert!(all.of(id).is_none());
        assert_eq!(all.count(), 0);
    }
}
