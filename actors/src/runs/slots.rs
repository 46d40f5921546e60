//! Slots: how many attempts run at the same time, in all and of one agent.
//!
//! A slot is a guard that lives with its attempt; nothing is stored, so that after a restart the count is again what is
//! really running. Whoever finds no slot waits in line (`line.rs`). A slot that becomes free is kept for the first in line who can
//! use it, so what a newcomer finds free is of no use to anybody who waits, and one who waits for a busy agent does not
//! hold up the others. Who is given one stands behind its equals again.
//!
//! A run whose attempt has ended may go on in its slot with what comes next ([`HELD_ON_FOR`]): quick steps do not pay for the line,
//! and calls that take their time go back to it.
//!
//! Who holds a slot also says how its attempt ended: that is what is known of how agents do, [`AGENTS_KEPT`] of them, from the
//! start of the process on.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::priority::Priority;
use ghostlight_model::run::{CallStatistics, Scorecard, Slots, Standing, Workload};

use self::line::Line;

mod line;

pub use line::FAIR_EVERY;

/// Of so many agents it is remembered how they did; then the one that ended something longest ago is forgotten.
pub const AGENTS_KEPT: usize = 1_024;
/// For so long a run goes on in the slot that it was given, while others wait that are no more urgent: nobody waits longer for it than
/// this, and under load a run of quick steps is finished before others are begun. Each stay in line costs an append and two decisions.
pub const HELD_ON_FOR: Duration = Duration::from_millis(250);

/// An agent, and how many of its attempts may run at the same time.
pub type Limited = (Name, Option<u32>);

/// A wish for one slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Of whom.
    pub agent: Limited,
    /// Who would do as well: a slot of one of them is worth to decide again.
    pub or: Vec<Limited>,
}

impl Wish {
    /// Everyone whose slot fulfils it.
    fn would_do(&self) -> impl Iterator<Item = &Limited> {
        std::iter::once(&self.agent).chain(&self.or)
    }
}

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
    line: Line,
    scorecards: HashMap<Name, Card>,
    /// The calls that are being made, of each agent.
    under_way: HashMap<Name, u32>,
    /// Since when it is known of every agent how its calls ended.
    complete_since: Instant,
    started: Instant,
    /// How many attempts have ended.
    ended: u64,
}

/// How an agent did.
#[derive(Default)]
struct Card {
    scorecard: Scorecard,
    statistics: CallStatistics,
    /// Since when the ends of its calls are counted.
    since: Option<Instant>,
    /// Which end of all was its last.
    last: u64,
}

/// One slot; free again when dropped.
pub struct SlotGuard {
    agent: Name,
    /// When its run was given it, for this attempt or one before.
    given: Instant,
    /// It is counted no more: its run goes on in it under another guard.
    is_spent: bool,
    shared: Arc<Shared>,
    /// Since when an attempt is made in it.
    began: Option<Instant>,
    /// How that ended, and how long it took.
    ended: Option<Ended>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well(Duration),
    Badly(Duration),
    /// Somebody stopped it, which says nothing about its agent.
    Stopped,
}

/// How the calls of an agent go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentStatistics {
    /// How many are being made.
    pub in_flight: u32,
    /// How they ended.
    pub calls: CallStatistics,
    /// How long after the start they were counted from.
    pub counted_after: Duration,
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
        let started = Instant::now();
        let inner = Inner {
            started,
            total: total.max(1),
            used: 0,
            of_agent: HashMap::new(),
            line: Line::default(),
            scorecards: HashMap::new(),
            under_way: HashMap::new(),
            complete_since: started,
            ended: 0,
        };
        Self { shared: Arc::new(Shared { inner: Mutex::new(inner), notify: Box::new(notify) }) }
    }

    /// Takes slots for `wishes`, in order, as far as there are any; what is missing puts `run` in line, with the turn
    /// that it had. `own` is the slot of its attempt that has just ended, which it goes on in if it may.
    #[must_use]
    pub fn take(
        &self,
        run: RunId,
        priority: Priority,
        wishes: &[Wish],
        own: Option<SlotGuard>,
    ) -> Vec<SlotGuard> {
        let now = Instant::now();
        let mut inner = self.shared.lock();
        let before = inner.line.remove(run);
        let turn = before.as_ref().map(|waiting| waiting.turn);
        let mut kept: Vec<(Name, Instant)> = Vec::new();
        kept.extend(before.into_iter().flat_map(|waiting| waiting.kept).map(|agent| (agent, now)));
        let mut called = Vec::new();
        if let Some(mut own) = own {
            own.is_spent = true;
            inner.settle(&own);
            if inner.may_go_on(&own, priority, now) {
                kept.push((own.agent.clone(), own.given));
            } else {
                inner.free(&own.agent);
                called.extend(inner.offer());
            }
        }
        let (mut taken, mut open) = (Vec::new(), Vec::new());
        for wish in wishes {
            match kept.iter().position(|(agent, _)| *agent == wish.agent.0) {
                Some(own) => taken.push(kept.swap_remove(own)),
                None => open.push(wish),
            }
        }
        // What was kept for it and is not what it wants now is first of all its own to change for another one.
        let mut offers = kept.len();
        kept.iter().for_each(|(agent, _)| inner.free(agent));
        let mut given = kept.into_iter().map(|(_, given)| given);
        let mut missing = Vec::new();
        for wish in open {
            if inner.has_room(&wish.agent) {
                inner.occupy(&wish.agent.0);
                taken.push((wish.agent.0.clone(), given.next().unwrap_or(now)));
            } else {
                // Somebody who would do as well may have room, and then nobody else's end tells of it.
                offers += usize::from(!wish.or.is_empty());
                missing.push(wish.clone());
            }
        }
        if !missing.is_empty() {
            inner.line.enter(run, priority, turn, missing);
        }
        called.extend((0..offers).map_while(|_| inner.offer()));
        drop(inner);
        self.shared.call(called);
        let guard = |(agent, given)| {
            let shared = self.shared.clone();
            SlotGuard { agent, given, is_spent: false, shared, began: None, ended: None }
        };
        taken.into_iter().map(guard).collect()
    }

    /// A run that waits in line is as urgent as this now.
    pub fn reprioritise(&self, run: RunId, priority: Priority) {
        self.shared.lock().line.reprioritise(run, priority);
    }

    /// Takes `run` out of the line.
    pub fn leave(&self, run: RunId) {
        drop(self.take(run, Priority::default(), &[], None));
    }

    /// How busy these agents are, and how they did. What is kept for `run` is not in its own way, nor are the attempts of the
    /// agents `over`, which have ended and still hold their slots.
    #[must_use]
    pub fn workload<'n>(
        &self,
        run: RunId,
        over: &[Name],
        agents: impl Iterator<Item = &'n Name>,
    ) -> Workload {
        let inner = self.shared.lock();
        let kept = inner.line.kept(run);
        let standing = |agent: &Name| {
            let count = |names: &[Name]| names.iter().filter(|own| *own == agent).count();
            let own = count(kept) + count(over);
            let used = inner.of_agent.get(agent).copied().unwrap_or(0);
            let scorecard = inner.scorecards.get(agent).map(|card| card.scorecard).unwrap_or_default();
            Standing { under_way: used.saturating_sub(u32::try_from(own).unwrap_or(u32::MAX)), scorecard }
        };
        agents.map(|agent| (agent.clone(), standing(agent))).collect()
    }

    /// How the calls of an agent go.
    #[must_use]
    pub fn statistics(&self, agent: &Name) -> AgentStatistics {
        let inner = self.shared.lock();
        let card = inner.scorecards.get(agent);
        let since = card.and_then(|card| card.since).unwrap_or(inner.complete_since);
        AgentStatistics {
            in_flight: inner.under_way.get(agent).copied().unwrap_or(0),
            calls: card.map(|card| card.statistics.clone()).unwrap_or_default(),
            counted_after: since.duration_since(inner.started),
        }
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
    /// Whether a slot of this agent is free.
    fn has_room(&self, (agent, limit): &Limited) -> bool {
        let of_agent = || self.of_agent.get(agent).copied().unwrap_or(0);
        self.used < self.total && limit.is_none_or(|limit| of_agent() < limit)
    }

    /// Counts one slot as used.
    fn occupy(&mut self, agent: &Name) {
        self.used += 1;
        *self.of_agent.entry(agent.clone()).or_default() += 1;
    }

    fn free(&mut self, agent: &Name) {
        self.used -= 1;
        count_down(&mut self.of_agent, agent);
    }

    /// Whether a run as urgent as this may go on in its slot: nobody could use it, or it is given it for a while yet and the first
    /// who could is no more urgent.
    fn may_go_on(&self, own: &SlotGuard, priority: Priority, now: Instant) -> bool {
        let has_room = |(agent, limit): &Limited| {
            let of_agent = self.of_agent.get(agent).copied().unwrap_or(0);
            self.used <= self.total
                && limit.is_none_or(|limit| of_agent < limit + u32::from(*agent == own.agent))
        };
        let first = self.line.most_urgent(has_room);
        first.is_none_or(|first| first <= priority && now.duration_since(own.given) < HELD_ON_FOR)
    }

    /// The attempt of this slot is over.
    fn settle(&mut self, slot: &SlotGuard) {
        if slot.began.is_some() {
            count_down(&mut self.under_way, &slot.agent);
        }
        match (slot.ended, slot.began) {
            (Some(Ended::Well(took)), _) => self.note(&slot.agent, true, took),
            (Some(Ended::Badly(took)), _) => self.note(&slot.agent, false, took),
            // Its actor has crashed or was killed.
            (None, Some(began)) => self.note(&slot.agent, false, began.elapsed()),
            (Some(Ended::Stopped), _) | (None, None) => {}
        }
    }

    /// Keeps a free slot for the first in line who can use it; answers who that is.
    fn offer(&mut self) -> Option<RunId> {
        if self.used >= self.total {
            return None;
        }
        let mut line = std::mem::take(&mut self.line);
        let offered = line.offer(|agent| self.has_room(agent));
        self.line = line;
        let (run, agent) = offered?;
        self.occupy(&agent);
        Some(run)
    }

    /// Remembers how an attempt ended.
    fn note(&mut self, agent: &Name, succeeded: bool, took: Duration) {
        if self.scorecards.len() >= AGENTS_KEPT && !self.scorecards.contains_key(agent) {
            let oldest =
                self.scorecards.iter().min_by_key(|(_, card)| card.last).map(|(name, _)| name.clone());
            oldest.map(|oldest| self.scorecards.remove(&oldest));
            self.complete_since = Instant::now();
        }
        self.ended += 1;
        let card = self.scorecards.entry(agent.clone()).or_default();
        card.since.get_or_insert(self.complete_since);
        card.scorecard.add(succeeded, took);
        card.statistics.add(succeeded, took);
        card.last = self.ended;
    }
}

fn count_down(counts: &mut HashMap<Name, u32>, agent: &Name) {
    if let Some(count) = counts.get_mut(agent) {
        *count -= 1;
        if *count == 0 {
            counts.remove(agent);
        }
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
        if self.is_spent {
            return;
        }
        let mut inner = self.shared.lock();
        inner.settle(self);
        inner.free(&self.agent);
        let called = inner.offer();
        drop(inner);
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
    /// An attempt begins in it.
    pub fn begin(&mut self) {
        if self.began.replace(Instant::now()).is_none() {
            *self.shared.lock().under_way.entry(self.agent.clone()).or_default() += 1;
        }
    }

    /// The attempt has ended.
    pub fn end(&mut self, succeeded: bool) {
        let took = self.began.map(|began| began.elapsed()).unwrap_or_default();
        self.ended = Some(if succeeded { Ended::Well(took) } else { Ended::Badly(took) });
    }

    /// The attempt was stopped.
    pub fn stopped(&mut self) {
        self.ended = Some(Ended::Stopped);
    }

    /// Whose call it is for.
    #[must_use]
    pub fn agent(&self) -> &Name {
        &self.agent
    }
}

#[cfg(test)]
mod tests;
