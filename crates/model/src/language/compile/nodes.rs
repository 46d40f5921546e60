//! From the nodes as they stand in the document to nodes that can be run.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::view::{Place, Reader, View, index, pointer_of};
use crate::diagnostic::{Code, Diagnostic};
use crate::language::binding::Bound;
use crate::language::document::{Content, Item, shorten};
use crate::language::draft::{Draft, DraftBranch, DraftKind, DraftOnError, DraftSuccess, Placed};
use crate::language::edges::Edge;
use crate::language::names::Local;
use crate::language::reader::Problems;
use crate::language::targets::{self, Named};
use crate::workflow::{
    Aside, Assertion, Branch, Call, Case, ChildWorkflow, Dependency, Emit, Gate, Loop, MapNode, Node,
    NodeIndex, NodeKind, OnError, Parallel, Signal, Success, Transform, Until, Wait,
};

/// What is found on the way.
pub(super) struct Found<'f> {
    /// Whom the calls name, by JSON pointer.
    pub targets: &'f mut BTreeMap<String, Named>,
    pub problems: &'f mut Problems,
}

/// Compiles all nodes, in topological order; none in the place of one with errors. `broken` says of each draft whether it had
/// any when it was read.
pub(super) fn compile_nodes(
    view: &View<'_, '_>,
    edges: &[Edge<'_>],
    broken: &[bool],
    found: &mut Found<'_>,
) -> Vec<Option<Node>> {
    let mut incoming: Vec<Vec<Dependency>> = view.order.iter().map(|_| Vec::new()).collect();
    for edge in edges {
        let (parent, child) = (view.places[edge.from], view.places[edge.to]);
        let place = Place { view, reader: Reader::Edge(parent), locals: Vec::new() };
        let when = edge.when.and_then(|when| place.condition(when, found.problems));
        let taken = edge.taken.clone();
        incoming[child].push(Dependency { parent: index(parent), kind: edge.kind, taken, when });
    }
    let levels =
        if view.reach.is_some() { view.graph.levels(&view.order) } else { vec![0; view.order.len()] };
    let groups = groups(view);
    let mut nodes = Vec::with_capacity(view.order.len());
    for (place, parents) in incoming.into_iter().enumerate() {
        let draft = view.order[place];
        let here = Place { view, reader: Reader::Node(place), locals: Vec::new() };
        let before = found.problems.errors();
        let mut node = compile_node(&here, &view.drafts[draft], 0, found);
        if broken[draft] || found.problems.errors() > before {
            node = None;
        }
        if let Some(node) = &mut node {
            node.parents = parents;
            node.children =
                view.graph.children[draft].iter().map(|child| index(view.places[*child])).collect();
            node.children.sort_unstable();
            node.level = levels[draft];
            node.group = groups.get(&draft).copied();
        }
        nodes.push(node);
    }
    nodes
}

/// The nodes that stand in branches of a `parallel` with a limit, and that `parallel`.
fn groups(view: &View<'_, '_>) -> BTreeMap<usize, NodeIndex> {
    let mut groups = BTreeMap::new();
    for (draft, place) in view.drafts.iter().zip(&view.places) {
        let Some(DraftKind::Parallel { branches, max_parallel: Some(_) }) = &draft.kind else { continue };
        for (id, _) in branches.iter().flat_map(|branch| &branch.nodes) {
            if let Some(member) = view.ids.get(id) {
                groups.insert(*member, index(*place));
            }
        }
    }
    groups
}

/// Compiles one node, which stands in so many maps and loops.
fn compile_node(
    here: &Place<'_, '_, '_>,
    draft: &Draft<'_>,
    depth: usize,
    found: &mut Found<'_>,
) -> Option<Node> {
    let when = draft.when.and_then(|when| here.condition(when, found.problems));
    let input = input(here, draft, found.problems);
    let success = draft.success.as_ref().map(|success| compile_success(here, draft, success, depth, found));
    let verify = beside(here, draft, Aside::Verify, depth, found);
    let compensate = beside(here, draft, Aside::Compensate, depth, found);
    let pointer = draft.id.as_ref().map(|id| pointer_of(id, depth)).unwrap_or_default();
    let kind = compile_kind(here, draft, (&pointer, depth), found)?;
    Some(Node {
        id: draft.id.clone()?,
        kind,
        parents: Vec::new(),
        children: Vec::new(),
        when,
        input,
        timeout: draft.timeout,
        retry: draft.retry.clone(),
        effect: draft.effect.map(|(effect, _)| effect),
        on_error: on_error(here, &draft.on_error)?,
        estimate: draft.estimate,
        resources: draft.resources.clone(),
        success: success.flatten().map(Box::new),
        verify: verify.map(Box::new),
        compensate: compensate.map(Box::new),
        group: None,
        labels: draft.labels.clone(),
        description: draft.description.clone(),
        level: 0,
    })
}

/// What has to be true of what comes out. None when something of it is broken, which was told.
fn compile_success(
    here: &Place<'_, '_, '_>,
    draft: &Draft<'_>,
    success: &DraftSuccess<'_>,
    depth: usize,
    found: &mut Found<'_>,
) -> Option<Success> {
    let judge = beside(here, draft, Aside::Judge, depth, found);
    let place = around(here, &Local::OF_SUCCESS);
    let assertions = success.assertions.iter().map(|assertion| {
        let that = place.condition(assertion.that, found.problems)?;
        Some(Assertion { that, message: assertion.message.clone() })
    });
    let assertions: Vec<Option<Assertion>> = assertions.collect();
    Some(Success {
        schema: success.schema.clone(),
        assertions: assertions.into_iter().collect::<Option<_>>()?,
        judge,
        redo: success.redo,
        on_reject: success.on_reject,
    })
}

/// What stands beside a call.
fn beside(
    here: &Place<'_, '_, '_>,
    draft: &Draft<'_>,
    aside: Aside,
    depth: usize,
    found: &mut Found<'_>,
) -> Option<Node> {
    let (_, own) = draft.beside.iter().find(|(which, _)| *which == aside)?;
    let place = around(here, Local::beside(aside));
    let input = input(&place, own, found.problems);
    let pointer = own.id.as_ref().map(|id| format!("{}{}", pointer_of(id, depth), aside.pointer()));
    let kind = compile_kind(&place, own, (&pointer.unwrap_or_default(), depth), found)?;
    Some(Node {
        id: own.id.clone()?,
        kind,
        parents: Vec::new(),
        children: Vec::new(),
        when: None,
        input,
        timeout: own.timeout,
        retry: own.retry.clone(),
        effect: own.effect.map(|(effect, _)| effect),
        on_error: OnError::Fail,
        estimate: own.estimate,
        resources: own.resources.clone(),
        success: None,
        verify: None,
        compensate: None,
        group: None,
        labels: own.labels.clone(),
        description: own.description.clone(),
        level: 0,
    })
}

fn input(here: &Place<'_, '_, '_>, draft: &Draft<'_>, problems: &mut Problems) -> Bound {
    let Some(item) = draft.input else { return Bound::Literal(Value::Object(Map::new())) };
    let input = Bound::compile(item, here, problems);
    if let (Content::Text(_), Bound::Literal(Value::String(_))) = (&item.content, &input) {
        let message = "`input` is a mapping or one binding like `$node.field`, not a plain text";
        problems.add(Code::WrongType, item.span, message);
    }
    input
}

fn on_error(here: &Place<'_, '_, '_>, draft: &DraftOnError<'_>) -> Option<OnError> {
    Some(match draft {
        DraftOnError::Fail => OnError::Fail,
        DraftOnError::Continue => OnError::Continue,
        DraftOnError::Default(value) => OnError::Default(value.clone()),
        // A target that does not exist was told of with the edges.
        DraftOnError::Goto((id, _)) => OnError::Goto(here.view.place_of(id)?),
        DraftOnError::Pause => OnError::Pause,
    })
}

fn compile_kind(
    here: &Place<'_, '_, '_>,
    draft: &Draft<'_>,
    (pointer, depth): (&str, usize),
    found: &mut Found<'_>,
) -> Option<NodeKind> {
    Some(match draft.kind.as_ref()? {
        DraftKind::Call { call, target_span } => {
            if draft.id.is_some() {
                let named = Named { target: call.target.clone(), tool: call.tool, span: *target_span };
                found.targets.insert(targets::pointer(pointer, call), named);
            }
            NodeKind::Call(Call { target: call.target.clone(), tool: call.tool })
        }
        DraftKind::Gate(gate) => {
            let impact = gate.impact.and_then(|impact| here.template(impact, found.problems));
            NodeKind::Gate(Gate {
                action: here.template(gate.action, found.problems)?,
                impact,
                risk: gate.risk,
                timeout: draft.timeout,
                on_timeout: gate.on_timeout,
                form: gate.form.clone(),
            })
        }
        DraftKind::Condition(when) => NodeKind::Condition(here.condition(*when, found.problems)?),
        DraftKind::Cases(cases) => {
            let cases: Vec<Option<Case>> = cases
                .iter()
                .map(|case| {
                    let when = match case.when {
                        Some(when) => Some(here.condition(when, found.problems)?),
                        None => None,
                    };
                    let to = case.to.iter().filter_map(|(id, _)| here.view.place_of(id)).collect();
                    Some(Case { when, to })
                })
                .collect();
            NodeKind::Cases(cases.into_iter().collect::<Option<_>>()?)
        }
        DraftKind::Parallel { max_parallel, branches } => {
            let branch = |branch: &DraftBranch<'_>| {
                let nodes = branch.nodes.iter().filter_map(|(id, _)| here.view.place_of(id));
                Some(Branch { name: branch.name.clone()?, nodes: nodes.collect() })
            };
            let branches = branches.iter().map(branch).collect::<Option<_>>()?;
            NodeKind::Parallel(Parallel { max_parallel: *max_parallel, branches })
        }
        DraftKind::Join(join) => NodeKind::Join(join.clone()),
        DraftKind::Map { over, max_parallel, body } => {
            let over = Bound::compile(over, here, found.problems);
            let body = inner(here, body, &Local::OF_MAP, depth, found)?;
            NodeKind::Map(Box::new(MapNode { over, max_parallel: *max_parallel, body }))
        }
        DraftKind::Loop { until, max, body } => {
            let place = around(here, &Local::OF_LOOP);
            let until = place.condition(*until, found.problems);
            let body = inner(here, body, &Local::OF_LOOP, depth, found)?;
            NodeKind::Loop(Box::new(Loop { until: until?, max: *max, body }))
        }
        DraftKind::Workflow(child) => NodeKind::Workflow(ChildWorkflow {
            workflow: child.workflow.clone(),
            version: child.version,
            on_parent_cancel: child.on_parent_cancel,
        }),
        DraftKind::For(time) => NodeKind::Wait(Wait::For(*time)),
        DraftKind::Until(until) => NodeKind::Wait(Wait::Until(self::until(here, *until, found.problems)?)),
        DraftKind::Signal(signal) => NodeKind::Wait(Wait::Signal(Signal {
            name: signal.name.clone(),
            schema: signal.schema.clone(),
            timeout: signal.timeout,
        })),
        DraftKind::Emit { event, data } => {
            let data = data.map_or(Bound::Literal(Value::Null), |item| value(here, item, found.problems));
            NodeKind::Emit(Emit { event: event.clone(), data })
        }
        DraftKind::Value(item) => NodeKind::Transform(Transform::Value(value(here, item, found.problems))),
        DraftKind::Expression(text) => {
            NodeKind::Transform(Transform::Expression(here.condition(*text, found.problems)?))
        }
    })
}

fn value(here: &Place<'_, '_, '_>, item: &Item, problems: &mut Problems) -> Bound {
    Bound::compile(item, here, problems)
}

/// The view of what stands inside of a map or a loop: what stands around it can be read too, unless the words are the same.
fn around<'p, 'v, 'd>(here: &Place<'p, 'v, 'd>, locals: &[Local]) -> Place<'p, 'v, 'd> {
    let outer = here.locals.iter().filter(|local| !locals.contains(local));
    let locals = locals.iter().chain(outer).copied().collect();
    Place { view: here.view, reader: here.reader, locals }
}

fn inner(
    here: &Place<'_, '_, '_>,
    body: &Draft<'_>,
    locals: &[Local],
    depth: usize,
    found: &mut Found<'_>,
) -> Option<Node> {
    compile_node(&around(here, locals), body, depth + 1, found)
}

/// A time that is written out, or a binding that gives one.
fn until(here: &Place<'_, '_, '_>, (text, span): Placed<'_>, problems: &mut Problems) -> Option<Until> {
    if text.starts_with('$') {
        let item = Item { content: Content::Text(text.to_owned()), span };
        return Some(Until::Bound(Bound::compile(&item, here, problems)));
    }
    match text.parse() {
        Ok(at) => Some(Until::At(at)),
        Err(_) => {
            let message = format!("`{}` is not a time", shorten(text));
            let help = "write it like `2026-12-24T18:00:00Z`, or bind it: `$node.at`";
            problems.push(Diagnostic::new(Code::BadValue, span, message).help(help));
            None
        }
    }
}
