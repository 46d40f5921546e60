//! The graph of dependencies as numbers: order, levels, cycles, and what cannot be reached.
//!
//! Everything here is linear in nodes and edges and does not recurse.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

/// A directed graph over `0..nodes`, as adjacency lists in the order of the edges.
#[derive(Debug)]
pub(super) struct Graph {
    pub children: Vec<Vec<usize>>,
    pub parents: Vec<Vec<usize>>,
}

impl Graph {
    pub fn new(nodes: usize, edges: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut graph = Self { children: vec![Vec::new(); nodes], parents: vec![Vec::new(); nodes] };
        for (from, to) in edges {
            graph.children[from].push(to);
            graph.parents[to].push(from);
        }
        graph
    }

    pub fn len(&self) -> usize {
        self.children.len()
    }

    /// Parents before children, ties by number. Shorter than the graph if there are cycles.
    pub fn order(&self) -> Vec<usize> {
        let mut missing: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut ready: BinaryHeap<Reverse<usize>> = missing
            .iter()
            .enumerate()
            .filter(|(_, missing)| **missing == 0)
            .map(|(node, _)| Reverse(node))
            .collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(node)) = ready.pop() {
            order.push(node);
            for &child in &self.children[node] {
                missing[child] -= 1;
                if missing[child] == 0 {
                    ready.push(Reverse(child));
                }
            }
        }
        order
    }

    /// Length of the longest path to each node from one without parents, along a complete `order`.
    pub fn levels(&self, order: &[usize]) -> Vec<u32> {
        let mut levels = vec![0; self.len()];
        for &node in order {
            for &child in &self.children[node] {
                levels[child] = levels[child].max(levels[node] + 1);
            }
        }
        levels
    }

    /// One cycle of each knot, each beginning with its lowest number; and whether a node is in a knot.
    pub fn cycles(&self) -> (Vec<Vec<usize>>, Vec<bool>) {
        let mut graph = DiGraph::<(), (), u32>::with_capacity(self.len(), 0);
        for _ in 0..self.len() {
            graph.add_node(());
        }
        for (from, children) in self.children.iter().enumerate() {
            for &to in children {
                let index = |node: usize| petgraph::graph::NodeIndex::new(node);
                graph.add_edge(index(from), index(to), ());
            }
        }
        let mut knot = vec![usize::MAX; self.len()];
        let mut cycles = Vec::new();
        let mut entangled = vec![false; self.len()];
        for (number, members) in kosaraju_scc(&graph).into_iter().enumerate() {
            for member in &members {
                knot[member.index()] = number;
            }
            if members.len() > 1 {
                let start = members.iter().map(|member| member.index()).min().unwrap_or_default();
                for member in &members {
                    entangled[member.index()] = true;
                }
                cycles.push(self.shortest_cycle(start, &knot));
            }
        }
        cycles.sort_unstable();
        (cycles, entangled)
    }

    /// The shortest way from `start` back to itself within its knot.
    fn shortest_cycle(&self, start: usize, knot: &[usize]) -> Vec<usize> {
        let mut before = std::collections::HashMap::new();
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &child in &self.children[node] {
                if child == start {
                    let mut cycle = vec![node];
                    let mut here = node;
                    while here != start {
                        here = before[&here];
                        cycle.push(here);
                    }
                    cycle.reverse();
                    return cycle;
                }
                if knot[child] == knot[start] && !before.contains_key(&child) {
                    before.insert(child, node);
                    queue.push_back(child);
                }
            }
        }
        vec![start]
    }

    /// Whether a path leads to each node from one without parents.
    pub fn reachable(&self) -> Vec<bool> {
        let mut reached: Vec<bool> = self.parents.iter().map(Vec::is_empty).collect();
        let mut queue: VecDeque<usize> = (0..self.len()).filter(|node| reached[*node]).collect();
        while let Some(node) = queue.pop_front() {
            for &child in &self.children[node] {
                if !reached[child] {
                    reached[child] = true;
                    queue.push_back(child);
                }
            }
        }
        reached
    }

    /// For each node the nearest one of `targets`, whatever way the edges point.
    pub fn nearest_of(&self, targets: &[bool]) -> Vec<Option<usize>> {
        let mut nearest: Vec<Option<usize>> =
            targets.iter().enumerate().map(|(node, target)| target.then_some(node)).collect();
        let mut queue: VecDeque<usize> = (0..self.len()).filter(|node| targets[*node]).collect();
        while let Some(node) = queue.pop_front() {
            for &other in self.children[node].iter().chain(&self.parents[node]) {
                if nearest[other].is_none() {
                    nearest[other] = nearest[node];
                    queue.push_back(other);
                }
            }
        }
        nearest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Depth-first search with three colours: the textbook's answer to whether there is a cycle.
    fn has_cycle(nodes: usize, edges: &[(usize, usize)]) -> bool {
        fn visit(node: usize, edges: &[(usize, usize)], colour: &mut [u8]) -> bool {
            colour[node] = 1;
            let found = edges.iter().filter(|(from, _)| *from == node).any(|(_, to)| match colour[*to] {
                0 => visit(*to, edges, colour),
                1 => true,
                _ => false,
            });
            colour[node] = 2;
            found
        }
        let mut colour = vec![0; nodes];
        (0..nodes).any(|node| colour[node] == 0 && visit(node, edges, &mut colour))
    }

    /// The longest path to a node, by trying all of them.
    fn longest_path_to(node: usize, edges: &[(usize, usize)]) -> u32 {
        edges
            .iter()
            .filter(|(_, to)| *to == node)
            .map(|(from, _)| 1 + longest_path_to(*from, edges))
            .max()
            .unwrap_or(0)
    }

    /// 1,000 graphs, or as many as the long size says (`PROPTEST_CASES`): at least 10,000 then.
    fn cases() -> u32 {
        std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_000)
    }

    /// Which nodes a node leads to, by Warshall's transitive closure.
    fn closure(nodes: usize, edges: &[(usize, usize)]) -> Vec<Vec<bool>> {
        let mut leads = vec![vec![false; nodes]; nodes];
        edges.iter().for_each(|(from, to)| leads[*from][*to] = true);
        for via in 0..nodes {
            for from in 0..nodes {
                for to in 0..nodes {
                    leads[from][to] |= leads[from][via] && leads[via][to];
                }
            }
        }
        leads
    }

    fn any_graph() -> impl Strategy<Value = (usize, Vec<(usize, usize)>)> {
        (1_usize..12).prop_flat_map(|nodes| {
            let edges = proptest::collection::btree_set((0..nodes, 0..nodes), 0..20);
            (Just(nodes), edges.prop_map(|edges| edges.into_iter().filter(|(from, to)| from != to).collect()))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(cases()))]

        /// Cycles are found exactly where the reference algorithm finds one, and what is printed is a cycle.
        /// Shows S0-1.3e, S3-2b, S3-2f, S3-2g, S3-5c, S3-5h.
        #[test]
        fn cycles_and_levels_agree_with_a_reference_algorithm((nodes, edges) in any_graph()) {
            let graph = Graph::new(nodes, edges.iter().copied());
            let order = graph.order();
            let (cycles, entangled) = graph.cycles();
            prop_assert_eq!(order.len() < nodes, has_cycle(nodes, &edges));
            prop_assert_eq!(cycles.is_empty(), order.len() == nodes);
            for cycle in &cycles {
                for (index, from) in cycle.iter().enumerate() {
                    let to = cycle[(index + 1) % cycle.len()];
                    prop_assert!(edges.contains(&(*from, to)));
                    prop_assert!(entangled[*from]);
                }
            }
            let leads = closure(nodes, &edges);
            for node in 0..nodes {
                prop_assert_eq!(entangled[node], leads[node][node]);
                let is_start = |other: usize| edges.iter().all(|(_, to)| *to != other);
                let reached = is_start(node) || (0..nodes).any(|other| is_start(other) && leads[other][node]);
                prop_assert_eq!(graph.reachable()[node], reached);
            }
            if cycles.is_empty() {
                let levels = graph.levels(&order);
                for (node, level) in levels.iter().enumerate() {
                    prop_assert_eq!(*level, longest_path_to(node, &edges));
                }
                let place = |node: usize| order.iter().position(|other| *other == node);
                prop_assert!(edges.iter().all(|(from, to)| place(*from) < place(*to)));
                prop_assert!(graph.reachable().iter().all(|reached| *reached));
            }
        }
    }

    #[test]
    fn a_very_long_chain_does_not_recurse() {
        let nodes = 100_000;
        let graph = Graph::new(nodes, (1..nodes).map(|node| (node - 1, node)));
        assert_eq!(graph.order().len(), nodes);
        let circle = Graph::new(nodes, (0..nodes).map(|node| (node, (node + 1) % nodes)));
        assert_eq!(circle.cycles().0[0].len(), nodes);
    }

    #[test]
    fn ties_keep_the_order_of_the_numbers() {
        let graph = Graph::new(4, [(3, 0)]);
        assert_eq!(graph.order(), [1, 2, 3, 0]);
    }
}
