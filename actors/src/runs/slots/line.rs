//! The line of runs that wait for slots: the more urgent first, and among equals whoever has had nothing for longest, so that
//! a run with ten thousand items and one with a single step take turns.
//!
//! Urgent runs alone would let the others starve. Of [`FAIR_EVERY`] slots, of all and of each agent, one is therefore given by the
//! second rule alone: with `n` runs in line for one agent each gets one of at most `FAIR_EVERY · n` of that agent's slots, however
//! urgent the others are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet};

use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::priority::Priority;

use super::{Limited, Wish};

/// One of so many slots goes to whoever has had nothing for longest, whatever its priority.
pub const FAIR_EVERY: u64 = 8;

/// Of so many agents it is counted how many slots were given.
const AGENTS_COUNTED: usize = 1_024;

/// Runs that wait for slots.
#[derive(Debug, Default)]
pub(super) struct Line {
    waiting: HashMap<RunId, Waiting>,
    by_urgency: BTreeSet<(Reverse<Priority>, Turn, RunId)>,
    by_turn: BTreeSet<(Turn, RunId)>,
    turns: u64,
    given: u64,
    /// How many slots of each agent were given since its last turn by the second rule; of those that anybody waits for.
    of_agent: HashMap<Name, u64>,
}

/// When a run came, or was last given something: the smaller, the longer ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

/// A run in line.
#[derive(Debug)]
pub(super) struct Waiting {
    priority: Priority,
    pub turn: Turn,
    wants: Vec<Wish>,
    /// Agents whose slots are kept for it; counted as used.
    pub kept: Vec<Name>,
}

impl Line {
    /// Puts a run in line, behind its equals unless it had a turn before.
    pub fn enter(&mut self, run: RunId, priority: Priority, turn: Option<Turn>, wants: Vec<Wish>) {
        let turn = turn.unwrap_or_else(|| self.next_turn());
        self.put(run, Waiting { priority, turn, wants, kept: Vec::new() });
    }

    /// Takes a run out of the line.
    pub fn remove(&mut self, run: RunId) -> Option<Waiting> {
        let waiting = self.waiting.remove(&run)?;
        self.by_urgency.remove(&(Reverse(waiting.priority), waiting.turn, run));
        self.by_turn.remove(&(waiting.turn, run));
        Some(waiting)
    }

    /// A run, if it is in line, is as urgent as this now.
    pub fn reprioritise(&mut self, run: RunId, priority: Priority) {
        if self.waiting.get(&run).is_some_and(|waiting| waiting.priority != priority)
            && let Some(waiting) = self.remove(run)
        {
            self.put(run, Waiting { priority, ..waiting });
        }
    }

    /// What is kept for a run.
    pub fn kept(&self, run: RunId) -> &[Name] {
        self.waiting.get(&run).map_or(&[], |waiting| &waiting.kept)
    }

    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Gives the next in line who wants something that is free one of it; answers who that is. `occupy` takes a slot, if
    /// there is one.
    pub fn offer(&mut self, mut occupy: impl FnMut(&Limited) -> bool) -> Option<RunId> {
        let is_fair = (self.given + 1).is_multiple_of(FAIR_EVERY);
        let (mut run, mut at, agent) = self.first(is_fair, &mut occupy)?;
        let of_agent = self.of_agent.entry(agent.clone()).or_default();
        *of_agent += 1;
        if *of_agent >= FAIR_EVERY || is_fair {
            *of_agent = 0;
            // The slot is taken; whose it is is asked once more, of those who would take this one.
            if let Some((other, wish, _)) = self.first(true, |(name, _)| *name == agent) {
                (run, at) = (other, wish);
            }
        }
        if self.of_agent.len() > AGENTS_COUNTED {
            self.of_agent.clear();
        }
        self.given += 1;
        let mut waiting = self.remove(run)?;
        waiting.wants.remove(at);
        waiting.kept.push(agent);
        waiting.turn = self.next_turn();
        self.put(run, waiting);
        Some(run)
    }

    /// The first in line, by turns alone or by priority before, who wants something that can be taken: which of its wishes, and
    /// whose slot. What was not to be had once is not asked for again.
    fn first(&self, by_turns: bool, mut take: impl FnMut(&Limited) -> bool) -> Option<(RunId, usize, Name)> {
        let mut in_vain: HashSet<&Name> = HashSet::new();
        let mut found = |run: &RunId| {
            self.waiting.get(run)?.wants.iter().enumerate().find_map(|(at, wish)| {
                let mut would_do = std::iter::once(&wish.agent).chain(&wish.or);
                let taken = would_do
                    .find(|agent| !in_vain.contains(&agent.0) && (take(agent) || !in_vain.insert(&agent.0)));
                taken.map(|(agent, _)| (*run, at, agent.clone()))
            })
        };
        if by_turns {
            self.by_turn.iter().find_map(|(_, run)| found(run))
        } else {
            self.by_urgency.iter().find_map(|(_, _, run)| found(run))
        }
    }

    fn put(&mut self, run: RunId, waiting: Waiting) {
        self.by_urgency.insert((Reverse(waiting.priority), waiting.turn, run));
        self.by_turn.insert((waiting.turn, run));
        self.waiting.insert(run, waiting);
    }

    fn next_turn(&mut self) -> Turn {
        self.turns += 1;
        Turn(self.turns)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn run(n: u128) -> RunId {
        RunId(Uuid::from_u128(n))
    }

    fn priority(number: i64) -> Priority {
        Priority::try_from(number).unwrap()
    }

    fn wishes(agent: &str, count: usize) -> Vec<Wish> {
        vec![Wish { agent: (Name::new(agent).unwrap(), None), or: Vec::new() }; count]
    }

    /// Who is given the next slots, which all are free.
    fn given(line: &mut Line, count: usize) -> Vec<RunId> {
        (0..count).map_while(|_| line.offer(|_| true)).collect()
    }

    #[test]
    fn the_more_urgent_go_first_and_among_equals_whoever_came_first() {
        let mut line = Line::default();
        for (n, urgency) in [(1, 0), (2, 5), (3, -5), (4, 5)] {
            line.enter(run(n), priority(urgency), None, wishes("a", 1));
        }
        assert_eq!(given(&mut line, 9), [run(2), run(4), run(1), run(3)]);
    }

    #[test]
    fn equals_take_turns_however_much_each_of_them_wants() {
        let mut line = Line::default();
        line.enter(run(1), Priority::ORDINARY, None, wishes("a", 1_000));
        line.enter(run(2), Priority::ORDINARY, None, wishes("a", 2));
        line.enter(run(3), Priority::ORDINARY, None, wishes("a", 1));
        assert_eq!(given(&mut line, 6), [run(1), run(2), run(3), run(1), run(2), run(1)]);
    }

    #[test]
    fn who_becomes_urgent_in_line_goes_first_and_one_whose_agent_is_busy_holds_up_nobody() {
        let mut line = Line::default();
        line.enter(run(1), priority(1), None, wishes("busy", 1));
        line.enter(run(2), Priority::ORDINARY, None, wishes("a", 1));
        line.enter(run(3), Priority::ORDINARY, None, wishes("a", 1));
        line.reprioritise(run(3), priority(9));
        line.reprioritise(run(4), priority(9));
        let free = |(agent, _): &Limited| agent.as_str() == "a";
        assert_eq!(line.offer(free), Some(run(3)));
        assert_eq!(line.offer(free), Some(run(2)));
        assert_eq!(line.offer(free), None);
        assert_eq!(line.kept(run(3)), [Name::new("a").unwrap()]);
        assert_eq!(line.remove(run(3)).unwrap().kept.len(), 1);
        assert!(line.kept(run(3)).is_empty());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The bound that the module promises, with agents that are free now and then. Shows S4-T4e.
        #[test]
        fn nobody_starves_however_urgent_the_others_are(
            runs in prop::collection::vec((-100_i64..=100, 0_usize..3), 1..20),
            free in prop::collection::vec(0_usize..3, 1..30),
        ) {
            let mut line = Line::default();
            let agents = ["a", "b", "c"];
            for (n, (urgency, agent)) in (0..).zip(&runs) {
                line.enter(run(n), priority(*urgency), None, wishes(agents[*agent], 400));
            }
            let mut passed: BTreeMap<RunId, u64> = BTreeMap::new();
            for at in 0..400_usize {
                let agent = free[at % free.len()];
                let Some(who) = line.offer(|(name, _)| name.as_str() == agents[agent]) else { continue };
                let waiting: Vec<RunId> =
                    (0..).zip(&runs).filter(|(_, (_, of))| *of == agent).map(|(n, _)| run(n)).collect();
                for other in &waiting {
                    let passed = passed.entry(*other).or_default();
                    *passed = if *other == who { 0 } else { *passed + 1 };
                    let bound = FAIR_EVERY * waiting.len() as u64;
                    prop_assert!(*passed <= bound, "{other} was passed {passed} times by {}", waiting.len());
                }
            }
        }
    }
}
