//! Whether what a workflow reads is declared by those who give it, and what it gives is taken by those who get it.
//!
//! Known are the schemas of agents, the outputs of gates, conditions, parallels and joins, the schema of the run's input, and the
//! default values of `context`. Pure: a function of the compiled workflow and of the agents.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::condition::{self, no_step};
use super::{Fields, Kinds, Misfit, Reason, Rest, Step, Type, fit};
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::failure::{ErrorClass, Happened};
use crate::ids::Name;
use crate::language::binding::{Bound, Provenance, Reference, giver, path_of};
use crate::language::condition::Condition;
use crate::language::names::{Local, Refusal, Root};
use crate::language::of_run::{ErrorField, Fact, happened};
use crate::language::reader::{DIAGNOSTICS_MAX, nearest, quoted};
use crate::language::targets::KnownAgent;
use crate::language::text::Text;
use crate::workflow::{
    Dependency, Node, NodeIndex, NodeKind, OnError, Target, Transform, Until, Wait, Workflow,
};

/// Everything in `workflow` that contradicts what is declared. The diagnostics know their JSON pointer only.
pub(in crate::language) fn check(workflow: &Workflow, known: &[KnownAgent]) -> Vec<Diagnostic> {
    let agents = Agents::of(known);
    let reading = Reading::of(workflow, &agents);
    let mut check = Check { reading: &reading, agents: &agents, found: Vec::new() };
    for node in &workflow.nodes {
        if check.found.len() >= DIAGNOSTICS_MAX {
            break;
        }
        check.node(node);
    }
    if let Some(output) = &workflow.output {
        check.bound(output, "/output");
    }
    check.found.truncate(DIAGNOSTICS_MAX);
    check.found
}

/// What agents take and give.
struct Agents {
    named: BTreeMap<Name, Callee>,
    /// Of whoever offers it: what one of them takes and one of them gives.
    capable: BTreeMap<Name, Callee>,
}

/// Whoever a call reaches.
#[derive(Clone)]
struct Callee {
    takes: Arc<Type>,
    gives: Arc<Type>,
    /// Who it is, where it can be one only.
    name: Option<Name>,
}

impl Agents {
    fn of(known: &[KnownAgent]) -> Self {
        let mut agents = Self { named: BTreeMap::new(), capable: BTreeMap::new() };
        let of = |schema: Option<&Value>| schema.map_or_else(Type::any, Type::of_schema);
        for agent in known {
            let takes = of(agent.input_schema.as_ref().map(|schema| schema.document()));
            let gives = of(agent.output_schema.as_ref().map(|schema| schema.document()));
            let callee = Callee { takes, gives, name: Some(agent.name.clone()) };
            for capability in &agent.capabilities {
                let either = |other: &mut Callee| {
                    other.takes = other.takes.join(&callee.takes);
                    other.gives = other.gives.join(&callee.gives);
                    other.name = None;
                };
                agents.capable.entry(capability.clone()).and_modify(either).or_insert_with(|| callee.clone());
            }
            agents.named.insert(agent.name.clone(), callee);
        }
        agents
    }

    fn callee(&self, target: &Target) -> Option<&Callee> {
        match target {
            Target::Agent(name) => self.named.get(name),
            Target::Capability(name) => self.capable.get(name),
        }
    }

    fn takes(&self, target: &Target) -> Arc<Type> {
        self.callee(target).map_or_else(Type::any, |callee| callee.takes.clone())
    }

    fn gives(&self, target: &Target) -> Arc<Type> {
        self.callee(target).map_or_else(Type::any, |callee| callee.gives.clone())
    }

    /// Whom a call reaches, for messages.
    fn shown(&self, target: &Target) -> String {
        match (target, self.callee(target).and_then(|callee| callee.name.as_ref())) {
            (Target::Agent(name), _) | (Target::Capability(_), Some(name)) => format!("the agent `{name}`"),
            (Target::Capability(name), None) => format!("every agent that offers `{name}`"),
        }
    }
}

/// What can be read in a run.
pub(super) struct Reading<'w> {
    workflow: &'w Workflow,
    input: Arc<Type>,
    context: Arc<Type>,
    outputs: Vec<Arc<Type>>,
    /// Who gives the outputs of calls.
    givers: Vec<Option<String>>,
}

impl<'w> Reading<'w> {
    fn of(workflow: &'w Workflow, agents: &Agents) -> Self {
        let mut outputs: Vec<Arc<Type>> = Vec::with_capacity(workflow.nodes.len());
        let mut givers = Vec::with_capacity(workflow.nodes.len());
        for node in &workflow.nodes {
            // Parents stand before their children.
            outputs.push(output(workflow, node, &outputs, agents));
            givers.push(match &node.kind {
                NodeKind::Call(call) => Some(agents.shown(&call.target)),
                _ => None,
            });
        }
        let input =
            workflow.input.as_ref().map_or_else(Type::any, |schema| Type::of_schema(schema.document()));
        // A run may bring other keys, and other values for these.
        let fields = Fields {
            known: workflow.context.keys().map(|key| (key.clone(), Type::any())).collect(),
            required: workflow.context.keys().cloned().collect(),
            rest: Rest::Open,
        };
        let context = Type { fields: Some(Arc::new(fields)), ..Type::of_kinds(Kinds::OBJECT) };
        Self { workflow, input, context: Arc::new(context), outputs, givers }
    }

    /// The type of what a root stands for.
    pub fn root(&self, root: Root) -> Arc<Type> {
        match root {
            Root::Input => self.input.clone(),
            Root::Context => self.context.clone(),
            Root::Node(node) => self.outputs.get(node.at()).cloned().unwrap_or_else(Type::any),
            Root::Local(Local::Index | Local::Iteration) => Type::kind(Kinds::INTEGER),
            Root::Local(Local::Item | Local::Last) => Type::any(),
            Root::Run(Fact::Id | Fact::Workflow) => Type::kind(Kinds::STRING),
            Root::Run(Fact::Version) => Type::kind(Kinds::INTEGER),
            Root::Error(_, None) => {
                Type::mapping(ErrorField::ALL.map(|(name, field)| (name, error_field(field), true))).or_null()
            }
            Root::Error(_, Some(field)) => error_field(field).or_null(),
        }
    }

    /// What declares the type of a root, for messages.
    pub fn source(&self, root: Root) -> String {
        match root {
            Root::Input => "`input` of the workflow".to_owned(),
            Root::Context => "`context` of the workflow".to_owned(),
            Root::Local(local) => format!("`{}` of the node around it", local.as_str()),
            Root::Run(_) | Root::Error(..) => "the run".to_owned(),
            Root::Node(node) => match self.givers.get(node.at()) {
                Some(Some(agent)) => format!("`output_schema` of {agent}"),
                Some(None) | None => format!("the type of the node `{}`", self.workflow.node(node).id),
            },
        }
    }

    /// The type behind a path.
    fn follow(&self, root: Root, path: &[Step], text: &str) -> Result<Arc<Type>, Refusal> {
        let mut here = self.root(root);
        let mut whole = text.split(['.', '[']).take(root.words()).collect::<Vec<_>>().join(".");
        for step in path {
            here = match here.step(step) {
                Ok(next) => next,
                Err(why) => return Err(no_step(&whole, &here, step, why, Some(self.source(root)))),
            };
            match step {
                Step::Key(key) => whole.extend([".", key]),
                Step::Index(index) => whole.push_str(&format!("[{index}]")),
            }
        }
        Ok(here)
    }

    /// A key of `context` that no default declares, where there are defaults at all.
    fn unknown_key(&self, root: Root, path: &[Step]) -> Option<Refusal> {
        let (Root::Context, Some(Step::Key(key))) = (root, path.first()) else { return None };
        if self.workflow.context.is_empty() || self.workflow.context.contains_key(key) {
            return None;
        }
        let message =
            format!("`context` has no default for `{key}`, so a run that does not bring it fails here");
        let known = || self.workflow.context.keys().map(String::as_str);
        let refusal = Refusal::new(Code::NoContextDefault, message);
        Some(match nearest(key, known()) {
            Some(name) => refusal.help(format!("did you mean `{name}`?")),
            None => refusal
                .help(format!("it has {}; add `{key}: null` to it if a run may go without", quoted(known()))),
        })
    }
}

fn error_field(field: ErrorField) -> Arc<Type> {
    let one_of = |words: &[&str]| {
        let constants = words.iter().map(|word| Value::from(*word)).collect();
        Arc::new(Type { constants: Some(Arc::new(constants)), ..Type::of_kinds(Kinds::STRING) })
    };
    match field {
        ErrorField::Class => one_of(&ErrorClass::ALL.map(ErrorClass::as_str)),
        ErrorField::Happened => one_of(&[Happened::No, Happened::Yes, Happened::Unknown].map(happened)),
        ErrorField::Code | ErrorField::Message => Type::kind(Kinds::STRING),
    }
}

/// What a node gives when it completes.
fn output(workflow: &Workflow, node: &Node, before: &[Arc<Type>], agents: &Agents) -> Arc<Type> {
    let text = || Type::kind(Kinds::STRING);
    if let OnError::Default(_) = node.on_error {
        // What stands for it may be of any type.
        return Type::any();
    }
    match &node.kind {
        NodeKind::Call(call) => agents.gives(&call.target),
        NodeKind::Gate(gate) => {
            let changes = gate.form.as_ref().map_or_else(Type::any, |form| Type::of_schema(form.document()));
            Type::mapping([
                ("decision", Type::of_value(&Value::from("approved")), true),
                ("comment", text().or_null(), true),
                ("changes", changes.or_null(), true),
                ("by", text().or_null(), true),
                ("at", text(), true),
            ])
        }
        NodeKind::Condition(_) => Type::mapping([("value", Type::of_value(&Value::Bool(true)), true)]),
        NodeKind::Cases(_) => Type::mapping([
            ("case", Type::kind(Kinds::INTEGER), true),
            ("to", Type::kind(Kinds::ARRAY), true),
        ]),
        NodeKind::Parallel(_) => Type::mapping([]),
        NodeKind::Map(_) => Type::kind(Kinds::ARRAY),
        NodeKind::Loop(repeat) => {
            let last = output(workflow, &repeat.body, before, agents).or_null();
            Type::mapping([("iterations", Type::kind(Kinds::INTEGER), true), ("last", last, true)])
        }
        NodeKind::Wait(Wait::For(_) | Wait::Until(_)) => Type::mapping([("at", text(), true)]),
        NodeKind::Wait(Wait::Signal(signal)) => {
            signal.schema.as_ref().map_or_else(Type::any, |schema| Type::of_schema(schema.document()))
        }
        NodeKind::Emit(_) => Type::mapping([("event", text(), true)]),
        NodeKind::Workflow(_) | NodeKind::Transform(_) => Type::any(),
        NodeKind::Join(join) if join.merge.is_some() => Type::any(),
        // Parents that were skipped are absent, and those that failed and may are null.
        NodeKind::Join(_) => Type::mapping(node.parents.iter().map(|Dependency { parent, .. }| {
            let gives = before.get(parent.at()).map_or_else(Type::any, Type::or_null);
            (workflow.node(*parent).id.as_str(), gives, false)
        })),
    }
}

struct Check<'c> {
    reading: &'c Reading<'c>,
    agents: &'c Agents,
    found: Vec<Diagnostic>,
}

impl Check<'_> {
    fn push(&mut self, refusal: Refusal, path: &str) {
        self.found.push(Diagnostic { path: path.to_owned(), ..refusal.at(Span::default()) });
    }

    fn node(&mut self, node: &Node) {
        let path = format!("/nodes/{}", node.id);
        if let Some(when) = &node.when {
            self.condition(when, &format!("{path}/when"));
        }
        for dependency in &node.parents {
            if let Some(when) = &dependency.when {
                let place = edge(self.reading.workflow, dependency.parent, node);
                self.condition(when, &format!("{place}/when"));
            }
        }
        self.kind(node, &path);
    }

    /// What a node does, at this place of the document.
    fn kind(&mut self, node: &Node, path: &str) {
        match &node.kind {
            NodeKind::Call(call) => {
                let before = self.found.len();
                let input = format!("{path}/input");
                let given = self.bound(&node.input, &input);
                if self.found.len() == before {
                    self.give(&node.input, &given, &call.target, &input);
                }
            }
            NodeKind::Gate(gate) => {
                self.text(&gate.action, &format!("{path}/action"));
                if let Some(impact) = &gate.impact {
                    self.text(impact, &format!("{path}/impact"));
                }
            }
            NodeKind::Condition(condition) => self.condition(condition, &format!("{path}/when")),
            NodeKind::Cases(cases) => {
                for (number, case) in cases.iter().enumerate() {
                    if let Some(when) = &case.when {
                        self.condition(when, &format!("{path}/cases/{number}/when"));
                    }
                }
            }
            NodeKind::Map(map) => {
                self.bound(&map.over, &format!("{path}/over"));
                self.kind(&map.body, &format!("{path}/node"));
            }
            NodeKind::Loop(repeat) => {
                self.condition(&repeat.until, &format!("{path}/until"));
                self.kind(&repeat.body, &format!("{path}/node"));
            }
            NodeKind::Workflow(_) => {
                self.bound(&node.input, &format!("{path}/input"));
            }
            NodeKind::Wait(Wait::Until(Until::Bound(bound))) => {
                self.bound(bound, &format!("{path}/until"));
            }
            NodeKind::Emit(emit) => {
                self.bound(&emit.data, &format!("{path}/data"));
            }
            NodeKind::Transform(Transform::Value(bound)) => {
                self.bound(bound, &format!("{path}/value"));
            }
            NodeKind::Transform(Transform::Expression(expression)) => {
                let place = format!("{path}/expression");
                for refusal in condition::infer(expression, self.reading).1 {
                    self.push(refusal, &place);
                }
            }
            NodeKind::Parallel(_) | NodeKind::Join(_) | NodeKind::Wait(_) => {}
        }
    }

    /// The type of a bound value; paths that lead to nothing are told.
    fn bound(&mut self, bound: &Bound, path: &str) -> Arc<Type> {
        match bound {
            Bound::Literal(value) => Type::of_value(value),
            Bound::Reference(reference) => self.reference(reference, path),
            Bound::List(items) => {
                let items = items.iter().enumerate();
                Type::list(items.map(|(index, item)| self.bound(item, &format!("{path}/{index}"))).collect())
            }
            Bound::Map(entries) => {
                let fields: Vec<(&str, Arc<Type>, bool)> = entries
                    .iter()
                    .map(|(key, value)| {
                        let place = format!("{path}/{}", escaped(key));
                        (key.as_str(), self.bound(value, &place), true)
                    })
                    .collect();
                Type::mapping(fields)
            }
        }
    }

    fn reference(&mut self, reference: &Reference, path: &str) -> Arc<Type> {
        let (root, steps) = (reference.root(), reference.path());
        if let Some(warning) = self.reading.unknown_key(root, steps) {
            self.push(warning, path);
        }
        match self.reading.follow(root, steps, reference.text()) {
            Ok(found) if reference.may_be_null() => found.or_null(),
            Ok(found) => found,
            Err(refusal) => {
                self.push(refusal, path);
                Type::any()
            }
        }
    }

    fn condition(&mut self, condition: &Condition, path: &str) {
        for refusal in condition::check(condition, self.reading) {
            self.push(refusal, path);
        }
    }

    fn text(&mut self, text: &Text, path: &str) {
        for (root, written) in text.paths() {
            let steps: Vec<Step> =
                written.split('.').skip(root.words()).map(|key| Step::Key(key.to_owned())).collect();
            let refusals =
                [self.reading.unknown_key(root, &steps), self.reading.follow(root, &steps, &written).err()];
            refusals.into_iter().flatten().for_each(|refusal| self.push(refusal, path));
        }
    }

    /// Checks what a call gives against what its agent takes.
    fn give(&mut self, bound: &Bound, given: &Type, target: &Target, path: &str) {
        let taken = self.agents.takes(target);
        let misfits = fit(given, &taken);
        if misfits.is_empty() {
            return;
        }
        let provenance = bound.provenance();
        let agent = self.agents.shown(target);
        for misfit in misfits {
            // A field too many is pointed at itself, one that is missing at what should have it.
            let place = match &misfit.reason {
                Reason::Extra { field, .. } => format!("{path}{}/{}", misfit.pointer, escaped(field)),
                Reason::Type { .. } | Reason::Missing { .. } => format!("{path}{}", misfit.pointer),
            };
            self.push(refusal(&misfit, &provenance, &agent), &place);
        }
    }
}

/// Names both sides of a misfit, and what each of them says.
fn refusal(misfit: &Misfit, provenance: &[Provenance], agent: &str) -> Refusal {
    let field = dotted(&misfit.pointer);
    let giver = giver(&misfit.pointer, provenance);
    match &misfit.reason {
        Reason::Type { given, taken } => {
            let takes = match field.as_str() {
                "" => format!("{agent} takes `{taken}`"),
                field => format!("`{field}` of {agent} takes `{taken}`"),
            };
            let gives = giver
                .map_or_else(|| format!("this is `{given}`"), |from| format!("`{from}` gives `{given}`"));
            Refusal::new(Code::TypeMismatch, format!("{takes}, and {gives}"))
                .help("the schemas of both sides say so: bind another value, or change one of the schemas")
        }
        Reason::Missing { field: missing, taken } => {
            let whole = dotted(&format!("{}/{missing}", misfit.pointer));
            let message = match giver {
                Some(from) => format!("{agent} needs `{whole}` (`{taken}`), and `{from}` never has it"),
                None => format!("{agent} needs `{whole}` (`{taken}`), and it is not given"),
            };
            Refusal::new(Code::MissingField, message)
                .help(format!("add it: `{missing}: $node.field`, or a value of type `{taken}`"))
        }
        Reason::Extra { field: extra, known } => {
            let whole = dotted(&format!("{}/{extra}", misfit.pointer));
            let refusal = Refusal::new(Code::ExtraField, format!("{agent} does not take `{whole}`"));
            match nearest(extra, known.iter().map(String::as_str)) {
                Some(name) => refusal.help(format!("did you mean `{name}`?")),
                None if known.is_empty() => refusal.help("it takes no fields at all"),
                None => refusal.help(format!("it takes {}", quoted(known.iter().map(String::as_str)))),
            }
        }
    }
}

/// A key as a segment of a JSON pointer.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn dotted(pointer: &str) -> String {
    path_of(pointer).trim_start_matches('.').to_owned()
}

/// Where in the document the edge stands that leads from `parent` to `node`.
fn edge(workflow: &Workflow, parent: NodeIndex, node: &Node) -> String {
    let is_it =
        |edge: &Value| edge["from"] == *workflow.node(parent).id.as_str() && edge["to"] == *node.id.as_str();
    let at = workflow.document["edges"].as_array().and_then(|edges| edges.iter().position(is_it));
    at.map_or_else(|| format!("/nodes/{}", node.id), |at| format!("/edges/{at}"))
}
