//! All dependencies of a workflow in one list, whichever way they are written: `needs`, `branches`, `chain`, `edges`.

use std::collections::HashMap;

use super::document::{Content, Item, shorten};
use super::draft::{Draft, DraftKind, DraftOnError, KINDS, Placed};
use super::hints;
use super::reader::{self, MapReader, Problems, Suggestions, wrong_type};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::workflow::{DependencyKind, Taken};

/// The most dependencies.
pub const EDGES_MAX: usize = 50_000;

/// One dependency, between places in the list of drafts.
#[derive(Debug, Clone)]
pub(super) struct Edge<'d> {
    pub from: usize,
    pub to: usize,
    pub kind: DependencyKind,
    pub when: Option<Placed<'d>>,
    pub taken: Taken,
    /// Where it is written.
    pub span: Span,
}

impl Edge<'_> {
    fn hard(from: usize, to: usize, taken: Taken, span: Span) -> Self {
        Self { from, to, kind: DependencyKind::Hard, when: None, taken, span }
    }
}

struct Collector<'c, 'd> {
    drafts: &'c [Draft<'d>],
    ids: &'c HashMap<&'d str, usize>,
    edges: Vec<Edge<'d>>,
    /// The place of each in `edges`.
    seen: HashMap<(usize, usize), usize>,
    full: bool,
    suggestions: Suggestions,
}

/// Collects the dependencies of `drafts` and of the keys at the top.
pub(super) fn collect<'d>(
    drafts: &[Draft<'d>],
    ids: &HashMap<&'d str, usize>,
    top: &MapReader<'d>,
    problems: &mut Problems,
) -> Vec<Edge<'d>> {
    let mut collector = Collector {
        drafts,
        ids,
        edges: Vec::new(),
        seen: HashMap::new(),
        full: false,
        suggestions: Suggestions::default(),
    };
    for (to, draft) in drafts.iter().enumerate() {
        for need in &draft.needs {
            if let Some(from) = collector.node(need.node, problems) {
                let (kind, span) = (need.kind, need.node.1);
                collector.add(Edge { from, to, kind, when: None, taken: Taken::Always, span }, problems);
            }
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        match &draft.kind {
            Some(DraftKind::Parallel { branches, .. }) => {
                branches.iter().for_each(|branch| collector.chain(Some(index), &branch.nodes, problems));
            }
            Some(DraftKind::Cases(cases)) => {
                for (number, case) in (0..).zip(cases) {
                    for target in &case.to {
                        collector.way(index, *target, Taken::Cases(vec![number]), problems);
                    }
                }
            }
            _ => {}
        }
        if let DraftOnError::Goto(target) = draft.on_error {
            collector.way(index, target, Taken::OnFailure, problems);
        }
    }
    if let Some(entry) = top.entry("chain") {
        match &entry.value.content {
            // One chain needs no list around it.
            Content::List(ids) if !ids.is_empty() && ids.iter().all(|id| id.as_text().is_some()) => {
                collector.chain(None, &chain_ids(&entry.value, problems), problems);
            }
            Content::List(chains) => {
                for chain in chains {
                    collector.chain(None, &chain_ids(chain, problems), problems);
                }
            }
            _ => wrong_type(entry, "a list of ids, or of lists of ids", problems),
        }
    }
    if let Some(entry) = top.entry("edges") {
        match &entry.value.content {
            Content::List(edges) => {
                for edge in edges {
                    collector.long_form(edge, entry.key_span, problems);
                }
            }
            _ => wrong_type(entry, "a list", problems),
        }
    }
    collector.edges
}

fn chain_ids<'d>(chain: &'d Item, problems: &mut Problems) -> Vec<Placed<'d>> {
    let Content::List(items) = &chain.content else {
        problems.add(
            Code::WrongType,
            chain.span,
            "`chain` is a list of ids, like `[a, b, c]`, or a list of such lists",
        );
        return Vec::new();
    };
    let mut ids = Vec::new();
    for item in items {
        match item.as_text() {
            Some(id) => ids.push((id, item.span)),
            None => problems.add(Code::WrongType, item.span, "a chain is made of ids"),
        }
    }
    ids
}

impl<'d> Collector<'_, 'd> {
    fn node(&self, (id, span): Placed<'d>, problems: &mut Problems) -> Option<usize> {
        let found = self.ids.get(id).copied();
        if found.is_none() {
            let message = format!("there is no node `{}`", shorten(id));
            let diagnostic = Diagnostic::new(Code::UnknownNode, span, message);
            let candidates = self.drafts.iter().map(|draft| draft.key);
            problems.push(match self.suggestions.nearest(id, candidates) {
                _ if hints::node_id(id).is_some() => diagnostic.help(hints::node_id(id).unwrap_or_default()),
                Some(name) => diagnostic.help(format!("did you mean `{name}`?")),
                None => diagnostic,
            });
        }
        found
    }

    fn chain(&mut self, first: Option<usize>, ids: &[Placed<'d>], problems: &mut Problems) {
        let mut before = first;
        for id in ids {
            let node = self.node(*id, problems);
            if let (Some(from), Some(to)) = (before, node) {
                self.add(Edge::hard(from, to, Taken::Always, id.1), problems);
            }
            before = node;
        }
    }

    /// A way that is taken only sometimes.
    fn way(&mut self, from: usize, target: Placed<'d>, taken: Taken, problems: &mut Problems) {
        if let Some(to) = self.node(target, problems) {
            self.add(Edge::hard(from, to, taken, target.1), problems);
        }
    }

    fn long_form(&mut self, item: &'d Item, key_span: Span, problems: &mut Problems) {
        let Some(map) = MapReader::open(item, key_span, "an edge", problems) else { return };
        map.only(&[&["from", "to", "kind", "when"]], &[], problems);
        map.required("from", problems);
        map.required("to", problems);
        let from = map.entry("from").and_then(|entry| reader::text(entry, 4096, problems));
        let to = map.entry("to").and_then(|entry| reader::text(entry, 4096, problems));
        let kind = map.word("kind", &KINDS, &[], problems).unwrap_or(DependencyKind::Hard);
        let when = map.text("when", 64 * 1024, problems);
        let from = from.and_then(|from| self.node(from, problems));
        let to = to.and_then(|to| self.node(to, problems));
        if let (Some(from), Some(to)) = (from, to) {
            self.add(Edge { from, to, kind, when, taken: Taken::Always, span: item.span }, problems);
        }
    }

    fn add(&mut self, edge: Edge<'d>, problems: &mut Problems) {
        let (from, to) = (&self.drafts[edge.from], &self.drafts[edge.to]);
        if edge.from == edge.to {
            problems.add(
                Code::SelfDependency,
                edge.span,
                format!("the node `{}` depends on itself", shorten(to.key)),
            );
            return;
        }
        if let Some(first) = self.seen.get(&(edge.from, edge.to)).map(|at| &mut self.edges[*at]) {
            if let (Taken::Cases(cases), Taken::Cases(more)) = (&mut first.taken, &edge.taken) {
                // Several cases may lead to one node.
                cases.extend(more);
                return;
            }
            let message = format!("`{}` depends on `{}` twice", shorten(to.key), shorten(from.key));
            let help = format!("the same dependency is in line {}; keep one of them", first.span.line);
            problems.push(Diagnostic::new(Code::DuplicateDependency, edge.span, message).help(help));
            return;
        }
        if matches!(to.kind, Some(DraftKind::Join(_))) && edge.kind != DependencyKind::Hard {
            let message = format!("`{}` is a join and counts its parents by `require`", shorten(to.key));
            let diagnostic = Diagnostic::new(Code::JoinKind, edge.span, message);
            problems.push(diagnostic.help("leave out the `kind`"));
        }
        if self.edges.len() >= EDGES_MAX {
            if !self.full {
                let message = format!("the workflow has more than {EDGES_MAX} dependencies");
                problems.add(Code::TooManyEdges, edge.span, message);
            }
            self.full = true;
            return;
        }
        self.seen.insert((edge.from, edge.to), self.edges.len());
        self.edges.push(edge);
    }
}

#[cfg(test)]
mod tests {
    use crate::language::{Format, Source, compile};

    /// A chain is short for the dependencies that it stands for, and nothing else (S1-4.1a).
    #[test]
    fn a_chain_is_the_same_as_its_dependencies_written_out() {
        let edges = |chain: &str, of_b: &str, of_c: &str| {
            let text = format!(
                "ghostlight: 1\nname: w\n{chain}nodes:\n  a: {{type: agent_call, agent: x}}\n  \
                 b: {{type: agent_call, agent: x{of_b}}}\n  c: {{type: agent_call, agent: x{of_c}}}\n"
            );
            let workflow = compile(&Source { text: &text, format: Format::Yaml }).workflow.unwrap();
            let parents = |id| {
                let node = workflow.node(workflow.find(id).unwrap());
                node.parents
                    .iter()
                    .map(|edge| (workflow.node(edge.parent).id.to_string(), edge.kind))
                    .collect::<Vec<_>>()
            };
            ["a", "b", "c"].map(parents)
        };
        let written_out = edges("", ", needs: [a]", ", needs: [b]");
        assert_eq!(written_out[2][0].0, "b");
        assert_eq!(edges("chain: [[a, b, c]]\n", "", ""), written_out);
        assert_eq!(edges("chain: [a, b, c]\n", "", ""), written_out);
        assert_eq!(edges("chain: [[a, b], [b, c]]\n", "", ""), written_out);
    }
}
