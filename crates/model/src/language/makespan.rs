//! How long a plan takes when only so many steps run at the same time.
//!
//! Finding the shortest schedule is hard in general, so there are two ways. Up to [`EXACT_NODES_MAX`] nodes all schedules worth
//! looking at are looked at, and the answer is exact. Beyond, the step with the longest way still behind it goes first
//! whenever a slot is free. That is never better than the best schedule, and with `k` slots at most `2 - 1/k` times as long
//! (R. L. Graham, "Bounds on multiprocessing timing anomalies", SIAM J. Appl. Math. 17, 1969), where every step that takes
//! time holds a slot. What holds none (a question to a person) only makes others wait, and the factor is 2 then.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Up to so many nodes the answer is exact.
pub const EXACT_NODES_MAX: usize = 9;
/// The most slots that a plan looks at.
pub const SLOTS_MAX: usize = 16;

/// One node of a schedule. Parents stand before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    /// How long it takes.
    pub ms: u64,
    /// Whether it holds a slot as long as it goes on.
    pub holds_slot: bool,
    /// What has to end before it begins.
    pub parents: Vec<usize>,
}

/// The makespan with `slots` slots; none at all counts as one.
pub(super) fn makespan(tasks: &[Task], slots: usize) -> u64 {
    let graph = Graph::of(tasks);
    let listed = graph.list(slots.max(1));
    if tasks.len() <= EXACT_NODES_MAX { graph.exact(slots.max(1), listed) } else { listed }
}

struct Graph<'t> {
    tasks: &'t [Task],
    children: Vec<Vec<usize>>,
    /// The longest way from the beginning of each task to the end of everything behind it.
    behind: Vec<u64>,
}

impl<'t> Graph<'t> {
    fn of(tasks: &'t [Task]) -> Self {
        let mut children = vec![Vec::new(); tasks.len()];
        for (at, task) in tasks.iter().enumerate() {
            task.parents.iter().for_each(|parent| children[*parent].push(at));
        }
        let mut behind = vec![0_u64; tasks.len()];
        for at in (0..tasks.len()).rev() {
            let longest = children[at].iter().map(|child| behind[*child]).max().unwrap_or(0);
            behind[at] = longest.saturating_add(tasks[at].ms);
        }
        Self { tasks, children, behind }
    }

    /// List scheduling: whenever a slot is free, the ready task with the longest way behind it takes it.
    fn list(&self, slots: usize) -> u64 {
        let mut missing: Vec<usize> = self.tasks.iter().map(|task| task.parents.len()).collect();
        let mut waiting: BinaryHeap<(u64, Reverse<usize>)> = BinaryHeap::new();
        let mut running: BinaryHeap<Reverse<(u64, usize)>> = BinaryHeap::new();
        let (mut now, mut free) = (0_u64, slots);
        let mut ready: Vec<usize> = (0..self.tasks.len()).filter(|at| missing[*at] == 0).collect();
        loop {
            for at in ready.drain(..) {
                if self.tasks[at].holds_slot {
                    waiting.push((self.behind[at], Reverse(at)));
                } else {
                    running.push(Reverse((now.saturating_add(self.tasks[at].ms), at)));
                }
            }
            while free > 0
                && let Some((_, Reverse(at))) = waiting.pop()
            {
                free -= 1;
                running.push(Reverse((now.saturating_add(self.tasks[at].ms), at)));
            }
            let Some(Reverse((end, at))) = running.pop() else { return now };
            now = end;
            free += usize::from(self.tasks[at].holds_slot);
            for &child in &self.children[at] {
                missing[child] -= 1;
                if missing[child] == 0 {
                    ready.push(child);
                }
            }
        }
    }

    /// The shortest schedule, which is at most `known` long.
    fn exact(&self, slots: usize, known: u64) -> u64 {
        let mut search = Search { graph: self, slots, best: known };
        search.go(&Moment { now: 0, done: 0, running: Vec::new() });
        search.best
    }
}

/// A moment of a schedule at which something may begin. In some shortest schedule nothing begins at any other time than the
/// beginning or the end of something else, since it could be moved there.
struct Moment {
    now: u64,
    /// A bit for each task that has ended.
    done: u32,
    /// What is under way, with its end.
    running: Vec<(u64, usize)>,
}

struct Search<'g, 't> {
    graph: &'g Graph<'t>,
    slots: usize,
    best: u64,
}

impl Search<'_, '_> {
    fn go(&mut self, moment: &Moment) {
        if self.at_least(moment) >= self.best {
            return;
        }
        let tasks = self.graph.tasks;
        let is_open =
            |at: usize| moment.done & (1 << at) == 0 && moment.running.iter().all(|(_, other)| *other != at);
        let is_ready = |at: &usize| {
            is_open(*at) && tasks[*at].parents.iter().all(|parent| moment.done & (1 << parent) != 0)
        };
        let (slotted, at_once): (Vec<usize>, Vec<usize>) =
            (0..tasks.len()).filter(is_ready).partition(|at| tasks[*at].holds_slot);
        let held = moment.running.iter().filter(|(_, at)| tasks[*at].holds_slot).count();
        // It can be worth leaving a slot empty: something longer may be ready for it soon.
        for chosen in 0_u32..1 << slotted.len() {
            if held + chosen.count_ones() as usize > self.slots {
                continue;
            }
            let begin =
                slotted.iter().enumerate().filter(|(bit, _)| chosen & (1 << bit) != 0).map(|(_, at)| at);
            let mut running = moment.running.clone();
            running.extend(begin.chain(&at_once).map(|at| (moment.now.saturating_add(tasks[*at].ms), *at)));
            let Some(now) = running.iter().map(|(end, _)| *end).min() else {
                if moment.done.count_ones() as usize == tasks.len() {
                    self.best = self.best.min(moment.now);
                }
                continue;
            };
            let ended = running.iter().filter(|(end, _)| *end == now).fold(0, |done, (_, at)| done | 1 << at);
            running.retain(|(end, _)| *end > now);
            self.go(&Moment { now, done: moment.done | ended, running });
        }
    }

    /// No schedule that goes on from here is shorter: the longest way that is left, and the work that is left over all slots.
    fn at_least(&self, moment: &Moment) -> u64 {
        let (mut way, mut work) = (moment.now, 0_u128);
        for (at, task) in self.graph.tasks.iter().enumerate().filter(|(at, _)| moment.done & (1 << at) == 0) {
            let end = moment.running.iter().find(|(_, other)| *other == at).map(|(end, _)| *end);
            let begin = end.map_or(moment.now, |end| end.saturating_sub(task.ms));
            way = way.max(begin.saturating_add(self.graph.behind[at]));
            if task.holds_slot {
                work += u128::from(end.map_or(task.ms, |end| end - moment.now));
            }
        }
        let work = work.div_ceil(self.slots as u128) + u128::from(moment.now);
        way.max(u64::try_from(work).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// A random graph whose nodes all hold slots, unless `idle` says that some do not.
    fn random(random: &mut fastrand::Rng, nodes: usize, idle: bool) -> Vec<Task> {
        let density = random.f64() * 0.7;
        (0..nodes)
            .map(|at| Task {
                ms: random.u64(0..=3),
                holds_slot: !idle || random.f64() < 0.7,
                parents: (0..at).filter(|_| random.f64() < density).collect(),
            })
            .collect()
    }

    /// Brute force, tick by tick: every choice of what begins, at every tick, until some way has ended everything. It shares
    /// nothing with the search: no bounds, no events, no order. A state has four bits for each task: what is left of it.
    fn brute_force(tasks: &[Task], slots: usize) -> u64 {
        const NOT_BEGUN: u64 = 15;
        let left = |state: u64, at: usize| state >> (4 * at) & NOT_BEGUN;
        let with = |state: u64, at: usize, left: u64| state & !(NOT_BEGUN << (4 * at)) | left << (4 * at);
        let mut states = vec![(0..tasks.len()).fold(0, |state, at| with(state, at, NOT_BEGUN))];
        for tick in 0.. {
            let mut seen: HashSet<u64> = states.iter().copied().collect();
            let mut next = HashSet::new();
            while let Some(state) = states.pop() {
                if state == 0 {
                    return tick;
                }
                let goes_on =
                    |at: &usize| tasks[*at].holds_slot && (1..NOT_BEGUN).contains(&left(state, *at));
                let is_free = (0..tasks.len()).filter(goes_on).count() < slots;
                for (at, task) in tasks.iter().enumerate() {
                    let is_ready = left(state, at) == NOT_BEGUN
                        && task.parents.iter().all(|parent| left(state, *parent) == 0);
                    if is_ready && (is_free || !task.holds_slot || task.ms == 0) {
                        let begun = with(state, at, task.ms);
                        if seen.insert(begun) {
                            states.push(begun);
                        }
                    }
                }
                let later = |state, at| match left(state, at) {
                    0 | NOT_BEGUN => state,
                    more => with(state, at, more - 1),
                };
                next.insert((0..tasks.len()).fold(state, later));
            }
            states = next.into_iter().collect();
        }
        unreachable!("something goes on or may begin at every tick")
    }

    /// Shows S3-2g.
    #[test]
    fn for_up_to_nine_nodes_the_makespan_agrees_with_brute_force() {
        let mut rng = fastrand::Rng::with_seed(1969);
        for seed in 0..1_000 {
            let nodes = rng.usize(1..=EXACT_NODES_MAX);
            let tasks = random(&mut rng, nodes, seed % 3 == 0);
            // Brute force takes seconds for nine nodes side by side: of these, one number of slots is tried each.
            let edges: usize = tasks.iter().map(|task| task.parents.len()).sum();
            let counts: Vec<usize> =
                if nodes > 6 && edges < nodes { vec![rng.usize(1..4)] } else { (1..=3).collect() };
            for slots in counts {
                assert_eq!(
                    makespan(&tasks, slots),
                    brute_force(&tasks, slots),
                    "graph {seed}, {slots} slots: {tasks:?}"
                );
            }
        }
    }

    /// Whatever the size, one slot takes the sum and slots for everybody take the longest way.
    /// Shows S3-2g.
    #[test]
    fn with_one_slot_and_with_one_for_each_node_list_scheduling_is_exact() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1_000 {
            let nodes = rng.usize(1..60);
            let tasks = random(&mut rng, nodes, false);
            let graph = Graph::of(&tasks);
            assert_eq!(graph.list(1), tasks.iter().map(|task| task.ms).sum::<u64>());
            assert_eq!(graph.list(nodes), graph.behind.iter().copied().max().unwrap());
        }
    }

    /// Graham's bound, and never below the best.
    #[test]
    fn list_scheduling_is_never_shorter_than_the_best_and_never_beyond_grahams_bound() {
        let mut rng = fastrand::Rng::with_seed(2);
        let mut worse = 0;
        for _ in 0..1_000 {
            let nodes = rng.usize(1..=EXACT_NODES_MAX);
            let tasks = random(&mut rng, nodes, false);
            let graph = Graph::of(&tasks);
            for slots in 1..=4_u64 {
                let listed = graph.list(slots as usize);
                let best = graph.exact(slots as usize, listed);
                assert!(best <= listed, "{tasks:?}");
                assert!(
                    listed * slots <= best * (2 * slots - 1),
                    "{slots} slots: {listed}, {best}: {tasks:?}"
                );
                worse += u32::from(listed > best);
            }
        }
        assert!(worse > 0, "the two ways never differed: one of them is not tried");
    }

    /// Leaving a slot empty can be the best: here `short` must not take the slot that `long` needs a tick later.
    #[test]
    fn a_slot_may_have_to_stay_empty_for_a_while() {
        let task = |ms, parents: &[usize]| Task { ms, holds_slot: true, parents: parents.to_vec() };
        let tasks = [task(1, &[]), task(9, &[]), task(9, &[0]), task(1, &[]), task(1, &[3])];
        assert_eq!(makespan(&tasks, 2), brute_force(&tasks, 2));
    }

    #[test]
    fn what_holds_no_slot_makes_nobody_wait_for_one() {
        let call = |parents: &[usize]| Task { ms: 3, holds_slot: true, parents: parents.to_vec() };
        let question = Task { ms: 10, holds_slot: false, parents: Vec::new() };
        assert_eq!(makespan(&[question.clone(), call(&[]), call(&[])], 1), 10);
        assert_eq!(makespan(&[question, call(&[0]), call(&[])], 1), 13);
    }

    #[test]
    fn nothing_takes_no_time_and_the_longest_times_do_not_overflow() {
        assert_eq!(makespan(&[], 3), 0);
        let long = |parents: &[usize]| Task { ms: u64::MAX, holds_slot: true, parents: parents.to_vec() };
        assert_eq!(makespan(&[long(&[]), long(&[0]), long(&[])], 2), u64::MAX);
    }
}
