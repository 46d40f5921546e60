//! From the text of a workflow file to a [`Workflow`], or to everything that is wrong with it.
//!
//! The steps: read the text into a tree; read the keys at the top and the nodes; gather all dependencies; order the graph; then,
//! knowing what stands before what, compile bindings, conditions and templates. A step that fails does not hide what a
//! later one has to say, as far as that can be known.

mod nodes;
mod view;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use petgraph::stable_graph::StableDiGraph;
use serde_json::{Map, Value};

use super::binding::Bound;
use super::children;
use super::deep_stack;
use super::document::{self, Content, Format, Item, shorten};
use super::draft::{self, Draft, DraftKind};
use super::edges::{self, Edge};
use super::graph::Graph;
use super::outline::{Fragment, Outline};
use super::reader::{self, MapReader, Problems};
use super::schema::Schema;
use super::selectors;
use super::shared::{self, Shared};
use super::supervision;
use super::targets::{self, AgentFile, KnownAgent, Named};
use crate::diagnostic::{self, Code, Diagnostic, Span};
use crate::ids::{DefinitionHash, Name, NodeId};
use crate::priority::Priority;
use crate::selection::Selector;
use crate::workflow::{Node, NodeIndex, Require, RunSupervision, Target, Workflow};
use nodes::{Found, compile_nodes};
use view::{Place, Reader, View, index};

/// The most nodes.
pub const NODES_MAX: usize = 10_000;

const TOP: [&str; 18] = [
    "ghostlight",
    "name",
    "description",
    "input",
    "context",
    "defaults",
    "labels",
    "supervision",
    "max_parallel",
    "priority",
    "timeouts",
    "retries",
    "resources",
    "selectors",
    "nodes",
    "edges",
    "chain",
    "output",
];
const LATER: [&str; 4] = ["concurrency", "budget", "validate", "expose"];

/// The text of a document.
#[derive(Debug, Clone, Copy)]
pub struct Source<'t> {
    /// The text.
    pub text: &'t str,
    /// What it is written in.
    pub format: Format,
}

/// What became of a document.
#[derive(Debug)]
pub struct Compiled {
    /// The workflow, unless there is an error.
    pub workflow: Option<Arc<Workflow>>,
    /// Everything that is wrong with the document, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Whom the calls of the document name, by JSON pointer.
    targets: BTreeMap<String, Named>,
    /// What was understood of a document with errors.
    fragment: Option<Box<Fragment>>,
    /// The document with its places.
    root: Option<Item>,
}

impl Compiled {
    /// A document of which nothing was understood.
    fn nothing(diagnostics: Vec<Diagnostic>) -> Self {
        Self { workflow: None, diagnostics, targets: BTreeMap::new(), fragment: None, root: None }
    }

    /// Adds what is wrong with the document for those who know the agents: names that nobody has, types that contradict each
    /// other, calls that may write where they would be cut off. With nobody known, it is what has to be declared then. What
    /// is wrong elsewhere in the document hides nothing of it, but for nodes that have errors of their own.
    pub fn check_agents(&mut self, known: Option<&[KnownAgent]>) {
        let mut found = match known {
            Some(known) => targets::check_names(
                self.targets.iter().map(|(path, named)| (path.clone(), &named.target, named.tool)),
                known,
            ),
            None => Vec::new(),
        };
        if let Some(outline) = self.outline() {
            found.extend(targets::check_outline(&outline, known));
        }
        self.add(found);
    }

    /// Adds a warning for each node that runs a workflow which is none of `known`, nor its own.
    pub fn check_children(&mut self, known: &[Name]) {
        let found = self.outline().map(|outline| children::check(&outline, known));
        self.add(found.unwrap_or_default());
    }

    /// Says of those whom [`Self::check_agents`] did not find which of these files define them. The files are asked for only then.
    pub fn point_to_files(&mut self, files: impl FnOnce() -> Vec<AgentFile>) {
        let mut unknown = self.diagnostics.iter_mut().filter(|one| targets::is_unknown(one)).peekable();
        if unknown.peek().is_none() {
            return;
        }
        let files = files();
        for diagnostic in unknown {
            let target = self.targets.get(&diagnostic.path).map(|named| &named.target);
            if let Some(help) = target.and_then(|target| targets::help_of_files(target, &files)) {
                diagnostic.help = Some(help);
            }
        }
    }

    fn outline(&self) -> Option<Outline<'_>> {
        match (&self.workflow, &self.fragment) {
            (Some(workflow), _) => Some(Outline::of(workflow)),
            (None, Some(fragment)) => self.root.as_ref().map(|root| fragment.outline(root)),
            (None, None) => None,
        }
    }

    fn add(&mut self, mut found: Vec<Diagnostic>) {
        self.locate(&mut found);
        self.diagnostics.append(&mut found);
        diagnostic::in_order(&mut self.diagnostics);
        if diagnostic::any_error(&self.diagnostics) {
            self.workflow = None;
        }
    }

    /// Gives diagnostics that were found later, and know only their JSON pointer, their place in the text.
    fn locate(&self, diagnostics: &mut [Diagnostic]) {
        for diagnostic in diagnostics {
            let in_tree = || Some(self.root.as_ref()?.place_nearest(&diagnostic.path));
            let span = self.targets.get(&diagnostic.path).map(|named| named.span).or_else(in_tree);
            if let (0, Some(span)) = (diagnostic.line, span) {
                diagnostic.line = span.line;
                diagnostic.column = span.column;
                diagnostic.end_line = span.end_line;
                diagnostic.end_column = span.end_column;
            }
        }
    }
}

/// Compiles a workflow file. Pure: the same text gives the same answer. Never panics, and bounded in time and memory.
#[must_use]
pub fn compile(source: &Source<'_>) -> Compiled {
    deep_stack::run(|| compile_here(source)).unwrap_or_else(|failed| {
        let problem = Diagnostic::new(Code::CompilerFailed, Span::default(), failed.to_string());
        Compiled::nothing(vec![problem])
    })
}

fn compile_here(source: &Source<'_>) -> Compiled {
    let mut problems = Problems::default();
    let (root, read) = document::parse(source.text, source.format);
    read.into_iter().for_each(|problem| problems.push(problem));
    let Some(root) = root else {
        return Compiled::nothing(problems.finish(None));
    };
    let mut targets = BTreeMap::new();
    let (workflow, fragment) = match compile_tree(&root, &mut targets, &mut problems) {
        Ok(workflow) => (Some(Arc::new(workflow)), None),
        Err(fragment) => (None, fragment),
    };
    let diagnostics = problems.finish(Some(&root));
    Compiled { workflow, diagnostics, targets, fragment, root: Some(root) }
}

/// The canonical form of a document, and its hash: JSON with sorted keys, without white space.
#[must_use]
pub(crate) fn canonical(root: &Item) -> (Value, DefinitionHash) {
    let document = root.to_value();
    let hash = DefinitionHash::of(document.to_string().as_bytes());
    (document, hash)
}

/// What stands at the top beside the nodes.
struct Top {
    description: String,
    input: Option<Schema>,
    context: Map<String, Value>,
    labels: BTreeMap<String, String>,
    supervision: RunSupervision,
    max_parallel: Option<u32>,
    priority: Priority,
    shared: Shared,
    selectors: Vec<Selector>,
}

/// The workflow, or as much of it as was understood.
fn compile_tree(
    root: &Item,
    targets: &mut BTreeMap<String, Named>,
    problems: &mut Problems,
) -> Result<Workflow, Option<Box<Fragment>>> {
    let start = Span { line: 1, column: 1, end_line: 1, end_column: 2 };
    let map = MapReader::open(root, start, "a workflow", problems).ok_or(None)?;
    let map = map.pointing_at(map.entries().first().map_or(start, |entry| entry.key_span));
    reader::language_version(&map, problems);
    map.only(&[&TOP], &LATER, problems);
    map.required("name", problems);
    let name = map.name("name", problems);
    let top = read_top(&map, problems);

    let nodes = map.required("nodes", problems).ok_or(None)?;
    let entries = MapReader::open(&nodes.value, nodes.key_span, "`nodes`", problems).ok_or(None)?.entries();
    if entries.is_empty() {
        problems.add(Code::NoNodes, nodes.key_span, "a workflow needs at least one node");
    }
    if entries.len() > NODES_MAX {
        let message = format!("the workflow has {} nodes; at most {NODES_MAX} are allowed", entries.len());
        problems.add(Code::TooManyNodes, nodes.key_span, message);
        return Err(None);
    }
    let (mut drafts, mut broken) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
    for entry in entries {
        let before = problems.errors();
        drafts.push(draft::read(entry, &top.shared, problems));
        broken.push(problems.errors() > before);
    }
    let ids: HashMap<&str, usize> =
        drafts.iter().enumerate().map(|(index, draft)| (draft.key, index)).collect();
    supervision::check_declared(top.supervision.strategy, &drafts, problems);
    let edges = edges::collect(&drafts, &ids, &map, problems);
    let graph = Graph::new(drafts.len(), edges.iter().map(|edge| (edge.from, edge.to)));
    let order = graph.order();
    let shown = map.entry("output").map(|entry| names_in(&entry.value)).unwrap_or_default();
    check_graph(&drafts, &edges, &graph, &order, &shown, problems);

    let view = View::new(&drafts, &ids, &edges, &graph, order, top.input.as_ref());
    let nodes = compile_nodes(&view, &edges, &broken, &mut Found { targets, problems });
    let before = problems.errors();
    let output = map.entry("output").map(|entry| {
        let reader = Place { view: &view, reader: Reader::Output, locals: Vec::new() };
        Bound::compile(&entry.value, &reader, problems)
    });
    let name = match name {
        Some(name) if problems.errors() == 0 => {
            let nodes = nodes.into_iter().flatten().collect();
            return Ok(assemble(name, top, nodes, output, canonical(root)));
        }
        name => name,
    };
    Err(Some(Box::new(Fragment {
        nodes,
        name,
        input: top.input,
        context: top.context,
        output: output.filter(|_| problems.errors() == before),
        strategy: top.supervision.strategy,
    })))
}

fn read_top(map: &MapReader<'_>, problems: &mut Problems) -> Top {
    let context = match map.entry("context") {
        None => Map::new(),
        Some(entry) => match entry.value.to_value() {
            Value::Object(context) => context,
            _ => {
                reader::wrong_type(entry, "a mapping", problems);
                Map::new()
            }
        },
    };
    Top {
        description: map.description(problems),
        input: map.schema("input", problems),
        context,
        labels: map.labels(problems),
        supervision: supervision::read(map, problems),
        max_parallel: draft::max_parallel(map, problems),
        priority: map.priority(problems),
        shared: shared::read(map, problems),
        selectors: selectors::read(map, problems),
    }
}

/// The first words of the bindings in a value: what the run's output shows is waited for.
fn names_in(item: &Item) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut left = vec![item];
    while let Some(item) = left.pop() {
        match &item.content {
            Content::Text(text) => {
                let name = text.strip_prefix('$').and_then(|path| path.split(['.', '[']).next());
                names.extend(name);
            }
            Content::List(items) => left.extend(items),
            Content::Map(entries) => left.extend(entries.iter().map(|entry| &entry.value)),
            Content::Null | Content::Bool(_) | Content::Number(_) => {}
        }
    }
    names
}

/// Cycles, nodes that cannot be reached, nodes that stand alone, joins of nothing.
fn check_graph(
    drafts: &[Draft<'_>],
    edges: &[Edge<'_>],
    graph: &Graph,
    order: &[usize],
    shown: &BTreeSet<&str>,
    problems: &mut Problems,
) {
    if order.len() < drafts.len() {
        let (cycles, entangled) = graph.cycles();
        for cycle in &cycles {
            problems.push(cycle_problem(cycle, drafts, edges));
        }
        let reached = graph.reachable();
        let nearest = graph.nearest_of(&reached);
        for (index, draft) in drafts.iter().enumerate() {
            if !reached[index] && !entangled[index] {
                let message = format!("no path leads from a start node to `{}`", shorten(draft.key));
                let help = match nearest[index] {
                    Some(near) => {
                        format!("the nearest node that can be reached is `{}`", shorten(drafts[near].key))
                    }
                    None => "no node of this workflow can be reached: none is without parents".to_owned(),
                };
                problems.push(Diagnostic::new(Code::Unreachable, draft.key_span, message).help(help));
            }
        }
    }
    for (index, draft) in drafts.iter().enumerate() {
        let (parents, children) = (&graph.parents[index], &graph.children[index]);
        if let Some(DraftKind::Join(join)) = &draft.kind
            && let Require::Quorum(wanted) = join.require
            && wanted as usize > parents.len()
            && !parents.is_empty()
        {
            let (count, key) = (parents.len(), shorten(draft.key));
            let message = format!("the join `{key}` wants {wanted} parents to complete and has {count}");
            problems.push(
                Diagnostic::new(Code::QuorumTooLarge, draft.key_span, message)
                    .help(format!("write `quorum: {count}` at most, or `require: all`")),
            );
        }
        if matches!(draft.kind, Some(DraftKind::Join(_))) && parents.is_empty() && draft.needs.is_empty() {
            let message = format!("the join `{}` has no parents", shorten(draft.key));
            problems.push(
                Diagnostic::new(Code::JoinWithoutParents, draft.key_span, message).help("give it `needs`"),
            );
        } else if parents.is_empty()
            && children.is_empty()
            && drafts.len() > 1
            && draft.needs.is_empty()
            && !shown.contains(draft.key)
            // A broken node has worse troubles, which are told.
            && draft.kind.is_some()
            && draft.id.is_some()
        {
            let message = format!("the node `{}` is connected to no other node", shorten(draft.key));
            let help = "it starts with the run and nothing waits for it; connect it with `needs` if that is not meant";
            problems.push(Diagnostic::new(Code::Isolated, draft.key_span, message).help(help));
        }
    }
}

fn cycle_problem(cycle: &[usize], drafts: &[Draft<'_>], edges: &[Edge<'_>]) -> Diagnostic {
    const SHOWN_MAX: usize = 100;
    let mut ids: Vec<String> = cycle.iter().take(SHOWN_MAX).map(|node| shorten(drafts[*node].key)).collect();
    if cycle.len() > SHOWN_MAX {
        ids.push(format!("… {} more …", cycle.len() - SHOWN_MAX));
    }
    ids.push(ids[0].clone());
    let closing = (cycle.last().copied(), cycle.first().copied());
    let closing = edges.iter().find(|edge| (Some(edge.from), Some(edge.to)) == closing);
    let span = closing.map_or(drafts[cycle[0]].key_span, |edge| edge.span);
    Diagnostic::new(
        Code::Cycle,
        span,
        format!("nodes depend on each other in a circle: {}", ids.join(" -> ")),
    )
    .help("remove one of these dependencies; none of the nodes could ever start")
}

fn assemble(
    name: Name,
    top: Top,
    nodes: Vec<Node>,
    output: Option<Bound>,
    (document, hash): (Value, DefinitionHash),
) -> Workflow {
    let by_id: BTreeMap<NodeId, NodeIndex> =
        nodes.iter().enumerate().map(|(place, node)| (node.id.clone(), index(place))).collect();
    let mut graph =
        StableDiGraph::with_capacity(nodes.len(), nodes.iter().map(|node| node.parents.len()).sum());
    let at: Vec<_> = (0..nodes.len()).map(|place| graph.add_node(index(place))).collect();
    for (place, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            graph.add_edge(at[parent.parent.at()], at[place], parent.kind);
        }
    }
    let mut workflow = Workflow {
        name,
        description: top.description,
        hash,
        document,
        input: top.input,
        context: top.context,
        labels: top.labels,
        selectors: top.selectors,
        supervision: top.supervision,
        max_parallel: top.max_parallel,
        priority: top.priority,
        resources: top.shared.limits,
        capabilities: BTreeSet::new(),
        nodes,
        by_id,
        graph,
        output,
    };
    let capabilities = workflow.targets().filter_map(|at| match &at.call.target {
        Target::Capability(name) => Some(name.clone()),
        Target::Agent(_) => None,
    });
    workflow.capabilities = capabilities.collect();
    workflow
}
