//! The line of runs that wait for slots: the more urgent first, and among equals whoever has had nothing for longest, so that
//! a run with ten thousand items and one with a single step take turns.
//!
//! Urgent runs alone would let the others starve. Of [`FAIR_EVERY`] slots, of all and of each agent, one is therefore given by the
//! second rule alone: with `n` runs in line for one agent each gets one of at most `FAIR_EVERY · n` of that agent's slots, however
//! urgent the others are.
//!
//! Whoever waits for a busy agent costs the others nothing: each agent has a queue of its own, and the next is the first of those
//! queues whose agent has room.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

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
    /// Who would take a slot of each agent; by its limit too, which may have changed between two wishes.
    queues: BTreeMap<Limited, Queue>,
    turns: u64,
    given: u64,
    /// How many slots of each agent were given since its last turn by the second rule; of those that anybody waits for.
    of_agent: HashMap<Name, u64>,
}

/// The runs that would take a slot of one agent. A run stands in the queue of each agent that would do.
#[derive(Debug, Default)]
struct Queue {
    by_urgency: BTreeSet<(Reverse<Priority>, Turn, RunId)>,
    by_turn: BTreeSet<(Turn, RunId)>,
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
        for agent in waiting.would_take() {
            if let Some(queue) = self.queues.get_mut(agent) {
                queue.by_urgency.remove(&(Reverse(waiting.priority), waiting.turn, run));
                queue.by_turn.remove(&(waiting.turn, run));
                if queue.by_turn.is_empty() {
                    self.queues.remove(agent);
                }
            }
        }
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

    /// How urgent the first in line is who would take a slot of one of the agents that have room.
    pub fn most_urgent(&self, has_room: impl Fn(&Limited) -> bool) -> Option<Priority> {
        let queues = self.queues.iter().filter(|(agent, _)| has_room(agent));
        queues
            .filter_map(|(_, queue)| queue.by_urgency.first())
            .map(|(Reverse(priority), ..)| *priority)
            .max()
    }

    /// Gives a slot to the next in line who wants one of an agent that has room; answers who that is, and whose slot.
    pub fn offer(&mut self, has_room: impl Fn(&Limited) -> bool) -> Option<(RunId, Name)> {
        let is_fair = (self.given + 1).is_multiple_of(FAIR_EVERY);
        let (mut run, mut at, agent) = self.first(is_fair, has_room)?;
        let of_agent = self.of_agent.entry(agent.clone()).or_default();
        *of_agent += 1;
        if *of_agent >= FAIR_EVERY || is_fair {
            *of_agent = 0;
            // Which slot it is stands; whose it is is asked once more, of those who would take this one.
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
        waiting.kept.push(agent.clone());
        waiting.turn = self.next_turn();
        self.put(run, waiting);
        Some((run, agent))
    }

    /// The first in line, by turns alone or by priority before, who would take a slot that is free: which of its wishes, and
    /// whose slot.
    fn first(&self, by_turns: bool, has_room: impl Fn(&Limited) -> bool) -> Option<(RunId, usize, Name)> {
        let queues = self.queues.iter().filter(|(agent, _)| has_room(agent)).map(|(_, queue)| queue);
        let run = if by_turns {
            queues.filter_map(|queue| queue.by_turn.first()).min()?.1
        } else {
            queues.filter_map(|queue| queue.by_urgency.first()).min()?.2
        };
        self.waiting.get(&run)?.wants.iter().enumerate().find_map(|(at, wish)| {
            let (agent, _) = wish.would_do().find(|agent| has_room(agent))?;
            Some((run, at, agent.clone()))
        })
    }

    fn put(&mut self, run: RunId, waiting: Waiting) {
        for agent in waiting.would_take() {
            if !self.queues.contains_key(agent) {
                self.queues.insert(agent.clone(), Queue::default());
            }
            if let Some(queue) = self.queues.get_mut(agent) {
                queue.by_urgency.insert((Reverse(waiting.priority), waiting.turn, run));
                queue.by_turn.insert((waiting.turn, run));
            }
        }
        self.waiting.insert(run, waiting);
    }

    fn next_turn(&mut self) -> Turn {
        self.turns += 1;
        Turn(self.turns)
    }
}

impl Waiting {
    /// The agents whose queues it stands in, some more than once.
    fn would_take(&self) -> impl Iterator<Item = &Limited> {
        self.wants.iter().flat_map(Wish::would_do)
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
        (0..count).map_while(|_| Some(line.offer(|_| true)?.0)).collect()
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
        let a = Name::new("a").unwrap();
        assert_eq!(line.offer(free), Some((run(3), a.clone())));
        assert_eq!(line.offer(free), Some((run(2), a)));
        assert_eq!(line.offer(free), None);
        assert_eq!(line.kept(run(3)), [Name::new("a").unwrap()]);
        assert_eq!(line.remove(run(3)).unwrap().kept.len(), 1);
        assert!(line.kept(run(3)).is_empty());
    }

    #[test]
    fn whoever_would_take_any_of_several_stands_in_line_for_each_and_is_gone_from_all_when_it_leaves() {
        let mut line = Line::default();
        let name = |agent: &str| (Name::new(agent).unwrap(), Some(1));
        let wish = Wish { agent: name("busy"), or: vec![name("a"), name("b")] };
        line.enter(run(1), Priority::ORDINARY, None, vec![wish.clone()]);
        line.enter(run(2), Priority::ORDINARY, None, vec![wish.clone(), wish]);
        let free = |(agent, _): &Limited| agent.as_str() == "b";
        assert_eq!(line.offer(free), Some((run(1), name("b").0)));
        assert_eq!(line.offer(free), Some((run(2), name("b").0)), "one of its two");
        assert_eq!(line.queues.len(), 3);
        assert_eq!(line.remove(run(2)).unwrap().wants.len(), 1);
        assert!(line.queues.is_empty(), "{:?}", line.queues);
        assert_eq!(line.len(), 1, "what is kept for a run is kept until it comes");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// The queues are an index: whom they give is whom a walk over the whole line gives.
        #[test]
        fn the_next_is_the_first_in_line_who_would_take_what_is_free(
            runs in prop::collection::vec((-3_i64..=3, prop::collection::vec(1_u8..16, 1..4)), 1..30),
            rooms in prop::collection::vec(0_u8..16, 1..60),
        ) {
            let agents = ["a", "b", "c", "d"];
            let named = |mask: u8| -> Vec<Limited> {
                let of_mask = agents.iter().enumerate().filter(move |(at, _)| mask & (1 << at) != 0);
                of_mask.map(|(_, name)| (Name::new(name).unwrap(), None)).collect()
            };
            let mut line = Line::default();
            for (n, (urgency, wants)) in (0..).zip(&runs) {
                let wish = |mask: &u8| {
                    let mut would_do = named(*mask);
                    Wish { agent: would_do.remove(0), or: would_do }
                };
                line.enter(run(n), priority(*urgency), None, wants.iter().map(wish).collect());
            }
            for mask in rooms {
                let free = named(mask);
                let has_room = |agent: &Limited| free.contains(agent);
                for by_turns in [false, true] {
                    let would = line.waiting.iter().filter_map(|(run, waiting)| {
                        let mut wishes = waiting.wants.iter().enumerate();
                        let (at, agent) = wishes.find_map(|(at, wish)| {
                            Some((at, wish.would_do().find(|agent| has_room(agent))?.0.clone()))
                        })?;
                        let urgency = (!by_turns).then_some(Reverse(waiting.priority));
                        Some((urgency, waiting.turn, (*run, at, agent)))
                    });
                    prop_assert_eq!(line.first(by_turns, has_room), would.min().map(|(_, _, found)| found));
                }
                line.offer(has_room);
            }
        }

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
                let Some((who, _)) = line.offer(|(name, _)| name.as_str() == agents[agent]) else { continue };
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
