//! Slots: how many attempts run at the same time, in all and of one agent.
//!
//! A slot is a guard that lives with its attempt; nothing is stored, so that after a restart the count is again what is
//! really running. Whoever finds no slot waits in line. A slot that becomes free is kept for the first in line who can
//! use it, so what a newcomer finds free is of no use to anybody who waits, and one who waits for a busy agent does not
//! hold up the others.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::run::Slots;

/// A wish for one slot: the agent, and the agent's own limit.
pub type Wish = (Name, Option<u32>);

/// All slots of the daemon. Cheap to clone.
#[derive(Clone)]
pub struct SlotPool {
    shared: Arc<Shared>,
}

struct Shared {
    inner: Mutex<Inner>,
    /// Called, outside the lock, with a run for which a slot is kept.
    notify: Box<dyn Fn(RunId) + Send + Sync>,
}

struct Inner {
    total: u32,
    used: u32,
    of_agent: HashMap<Name, u32>,
    line: VecDeque<Waiting>,
}

/// A run in line.
struct Waiting {
    run: RunId,
    wants: Vec<Wish>,
    /// Agents whose slots are kept for it; counted as used.
    kept: Vec<Name>,
}

/// One slot; free again when dropped.
pub struct SlotGuard {
    agent: Name,
    shared: Arc<Shared>,
}

/// How the slots are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotUse {
    /// In all.
    pub total: u32,
    /// Taken or kept for somebody in line.
    pub used: u32,
    /// Runs in line.
    pub waiting: u32,
}

impl SlotPool {
    /// `total` slots, at least one; `notify` is told of each run for which a slot is kept, on the thread that freed it.
    #[must_use]
    pub fn new(total: u32, notify: impl Fn(RunId) + Send + Sync + 'static) -> Self {
        let inner = Inner { total: total.max(1), used: 0, of_agent: HashMap::new(), line: VecDeque::new() };
        Self { shared: Arc::new(Shared { inner: Mutex::new(inner), notify: Box::new(notify) }) }
    }

    /// Takes slots for `wishes`, in order, as far as there are any; what is missing puts `run` in line, at the place
    /// it had.
    #[must_use]
    pub fn take(&self, run: RunId, wishes: &[Wish]) -> Vec<SlotGuard> {
        let mut inner = self.shared.lock();
        let place = inner.line.iter().position(|waiting| waiting.run == run);
        let mut kept =
            place.and_then(|at| inner.line.remove(at)).map_or_else(Vec::new, |waiting| waiting.kept);
        let (mut taken, mut missing) = (Vec::new(), Vec::new());
        for wish in wishes {
            let own = kept.iter().position(|agent| *agent == wish.0);
            if let Some(at) = own {
                taken.push(kept.swap_remove(at));
            } else if inner.occupy(wish) {
                taken.push(wish.0.clone());
            } else {
                missing.push(wish.clone());
            }
        }
        if !missing.is_empty() {
            let waiting = Waiting { run, wants: missing, kept: Vec::new() };
            let at = place.unwrap_or(inner.line.len()).min(inner.line.len());
            inner.line.insert(at, waiting);
        }
        let mut called = Vec::new();
        for agent in kept {
            called.extend(inner.release(&agent));
        }
        drop(inner);
        self.shared.call(called);
        taken.into_iter().map(|agent| SlotGuard { agent, shared: self.shared.clone() }).collect()
    }

    /// Takes `run` out of the line.
    pub fn leave(&self, run: RunId) {
        drop(self.take(run, &[]));
    }

    /// How the slots are used.
    #[must_use]
    pub fn usage(&self) -> SlotUse {
        let inner = self.shared.lock();
        let waiting = u32::try_from(inner.line.len()).unwrap_or(u32::MAX);
        SlotUse { total: inner.total, used: inner.used, waiting }
    }
}

impl Inner {
    /// Counts one slot as used, if there is one.
    fn occupy(&mut self, (agent, limit): &Wish) -> bool {
        let of_agent = self.of_agent.get(agent).copied().unwrap_or(0);
        let free = self.used < self.total && limit.is_none_or(|limit| of_agent < limit);
        if free {
            self.used += 1;
            *self.of_agent.entry(agent.clone()).or_default() += 1;
        }
        free
    }

    /// Frees one slot, or keeps it for the first in line who can use it; answers who that is.
    fn release(&mut self, agent: &Name) -> Option<RunId> {
        self.used -= 1;
        if let Some(count) = self.of_agent.get_mut(agent) {
            *count -= 1;
            if *count == 0 {
                self.of_agent.remove(agent);
            }
        }
        let mut line = std::mem::take(&mut self.line);
        let called = line.iter_mut().find_map(|waiting| {
            let at = waiting.wants.iter().position(|wish| self.occupy(wish))?;
            let (agent, _) = waiting.wants.remove(at);
            waiting.kept.push(agent);
            Some(waiting.run)
        });
        self.line = line;
        called
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing under this lock panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, runs: impl IntoIterator<Item = RunId>) {
        runs.into_iter().for_each(|run| (self.notify)(run));
    }
}

impl Drop for SlotGuard {
    fn drop(&mut self) {
        let called = self.shared.lock().release(&self.agent);
        self.shared.call(called);
    }
}

/// What the guards allow a decision to start of the calls of these agents, whose slots did not suffice; and whether it may look at
/// others, whose slots nobody has asked for.
#[must_use]
pub fn granted<'a>(short: impl IntoIterator<Item = &'a Name>, guards: &[SlotGuard], others: bool) -> Slots {
    let mut of_agent: BTreeMap<Name, u32> = short.into_iter().map(|agent| (agent.clone(), 0)).collect();
    for guard in guards {
        match of_agent.get_mut(&guard.agent) {
            Some(count) => *count += 1,
            // Without looking at others, those that have a slot may be called all the same.
            None if !others => {
                of_agent.insert(guard.agent.clone(), 1);
            }
            None => {}
        }
    }
    Slots::Granted { of_agent, others }
}

impl SlotGuard {
    /// Whose call it is for.
    #[must_use]
    pub fn agent(&self) -> &Name {
        &self.agent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn run(n: u128) -> RunId {
        RunId(Uuid::from_u128(n))
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn wish(agent: &str) -> Wish {
        (name(agent), None)
    }

    fn pool(total: u32) -> (SlotPool, Arc<Mutex<Vec<RunId>>>) {
        let called: Arc<Mutex<Vec<RunId>>> = Arc::default();
        let log = called.clone();
        (SlotPool::new(total, move |run| log.lock().unwrap().push(run)), called)
    }

    #[test]
    fn a_freed_slot_is_kept_for_the_first_in_line_and_newcomers_do_not_pass() {
        let (pool, called) = pool(1);
        let first = pool.take(run(1), &[wish("a")]);
        assert!(pool.take(run(2), &[wish("a")]).is_empty());
        assert!(pool.take(run(3), &[wish("a")]).is_empty());
        drop(first);
        assert_eq!(*called.lock().unwrap(), [run(2)]);
        assert!(pool.take(run(4), &[wish("a")]).is_empty());
        assert_eq!(pool.take(run(2), &[wish("a")]).len(), 1);
        // The guard above was dropped at once: the next in line is called.
        assert_eq!(*called.lock().unwrap(), [run(2), run(3)]);
    }

    #[test]
    fn who_waits_for_a_busy_agent_does_not_hold_up_the_others() {
        let (pool, called) = pool(2);
        let busy = pool.take(run(1), &[(name("a"), Some(1))]);
        assert!(pool.take(run(2), &[(name("a"), Some(1))]).is_empty());
        let other = pool.take(run(3), &[wish("b")]);
        assert_eq!(other.len(), 1);
        drop(other);
        assert!(called.lock().unwrap().is_empty());
        drop(busy);
        assert_eq!(*called.lock().unwrap(), [run(2)]);
    }

    #[test]
    fn an_agent_that_was_wished_for_and_got_nothing_is_not_called() {
        let (pool, _) = pool(2);
        let _busy = pool.take(run(1), &[(name("a"), Some(1))]);
        let wishes = [(name("a"), Some(1)), wish("b")];
        let guards = pool.take(run(2), &wishes);
        let (a, b) = (name("a"), name("b"));
        let of_agent = BTreeMap::from([(a.clone(), 0)]);
        assert_eq!(granted([&a], &guards, true), Slots::Granted { of_agent, others: true });
        let of_agent = BTreeMap::from([(a.clone(), 0), (b, 1)]);
        assert_eq!(granted([&a], &guards, false), Slots::Granted { of_agent, others: false });
    }

    #[test]
    fn what_is_kept_for_one_who_no_longer_wants_it_goes_to_the_next() {
        let (pool, called) = pool(1);
        let first = pool.take(run(1), &[wish("a")]);
        assert!(pool.take(run(2), &[wish("a")]).is_empty());
        assert!(pool.take(run(3), &[wish("b")]).is_empty());
        drop(first);
        pool.leave(run(2));
        assert_eq!(*called.lock().unwrap(), [run(2), run(3)]);
        assert_eq!(pool.usage(), SlotUse { total: 1, used: 1, waiting: 1 });
        pool.leave(run(3));
        assert_eq!(pool.usage(), SlotUse { total: 1, used: 0, waiting: 0 });
    }
}
