//! What can be read at a place of a workflow, and of which type it is.

use std::sync::Arc;

use serde_json::Value;

use super::agents::Agents;
use super::condition::no_step;
use super::outputs::output;
use super::{Fields, Kinds, Rest, Step, Type};
use crate::diagnostic::Code;
use crate::failure::{ErrorClass, Happened};
use crate::language::binding::{Bound, Reference};
use crate::language::names::{Local, Refusal, Root};
use crate::language::of_run::{ErrorField, Fact, happened};
use crate::language::outline::Outline;
use crate::language::reader::{nearest, quoted};
use crate::workflow::{MapNode, NodeIndex, NodeKind};

/// What is known of a workflow.
pub(super) struct Known<'w> {
    outline: &'w Outline<'w>,
    input: Arc<Type>,
    context: Arc<Type>,
    outputs: Vec<Arc<Type>>,
    /// Who gives the outputs of calls.
    givers: Vec<Option<String>>,
}

impl<'w> Known<'w> {
    pub fn of(outline: &'w Outline<'w>, agents: &Agents) -> Self {
        let input = outline.input.map_or_else(Type::any, |schema| Type::of_schema(schema.document()));
        // A run may bring other keys, and other values for these.
        let fields = Fields {
            known: outline.context.keys().map(|key| (key.clone(), Type::any())).collect(),
            required: outline.context.keys().cloned().collect(),
            rest: Rest::Open,
        };
        let context = Arc::new(Type { fields: Some(Arc::new(fields)), ..Type::of_kinds(Kinds::OBJECT) });
        let outputs = Vec::with_capacity(outline.nodes().len());
        let mut known = Self { outline, input, context, outputs, givers: Vec::new() };
        for node in outline.nodes() {
            // Parents stand before their children.
            let gives = node.map_or_else(Type::any, |node| output(node, &Reading::of(&known), agents));
            known.outputs.push(gives);
            known.givers.push(match node.map(|node| &node.kind) {
                Some(NodeKind::Call(call)) => Some(agents.shown(&call.target)),
                _ => None,
            });
        }
        known
    }
}

/// What is known at one place.
#[derive(Clone)]
pub(super) struct Reading<'k> {
    known: &'k Known<'k>,
    /// The item of the innermost map around it.
    item: Arc<Type>,
    /// What the innermost loop around it gave in the pass before.
    last: Arc<Type>,
    /// What the call gave beside which it stands.
    output: Arc<Type>,
}

/// Takes what is wrong, with the JSON pointer of its place.
type Tell<'t> = &'t mut dyn FnMut(Refusal, &str);

impl<'k> Reading<'k> {
    /// Outside of all maps and loops.
    pub fn of(known: &'k Known<'k>) -> Self {
        Self { known, item: Type::any(), last: Type::any(), output: Type::any() }
    }

    /// Inside of a map that stands here.
    pub fn in_map(&self, map: &MapNode) -> Self {
        let list = self.bound(&map.over, "", &mut |_, _| {});
        let item = list.items.clone().filter(|_| list.kinds.has(Kinds::ARRAY));
        Self { item: item.unwrap_or_else(Type::any), ..self.clone() }
    }

    /// Inside of a loop that stands here.
    pub fn in_loop(&self, last: Arc<Type>) -> Self {
        Self { last, ..self.clone() }
    }

    /// Beside a call that gives this, and in what is asked of its output.
    pub fn beside(&self, output: Arc<Type>) -> Self {
        Self { output, ..self.clone() }
    }

    pub fn outline(&self) -> &'k Outline<'k> {
        self.known.outline
    }

    /// What a node gives, when it does.
    pub fn output_of(&self, node: NodeIndex) -> Arc<Type> {
        self.known.outputs.get(node.at()).cloned().unwrap_or_else(Type::any)
    }

    /// The type of what a root stands for.
    pub fn root(&self, root: Root) -> Arc<Type> {
        match root {
            Root::Input => self.known.input.clone(),
            Root::Context => self.known.context.clone(),
            Root::Node(node) => self.output_of(node),
            Root::Local(Local::Index | Local::Iteration) => Type::kind(Kinds::INTEGER),
            Root::Local(Local::Item) => self.item.clone(),
            Root::Local(Local::Last) => self.last.clone(),
            Root::Local(Local::Output) => self.output.clone(),
            Root::Local(Local::Key) => Type::kind(Kinds::STRING),
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
            Root::Local(Local::Item) => "the list of the map around it".to_owned(),
            Root::Local(Local::Last) => "the node of the loop around it".to_owned(),
            Root::Local(Local::Output) => "`output_schema` of the call".to_owned(),
            Root::Local(local) => format!("`{}` of the node around it", local.as_str()),
            Root::Run(_) | Root::Error(..) => "the run".to_owned(),
            Root::Node(node) => match (self.known.givers.get(node.at()), self.outline().node(node)) {
                (Some(Some(agent)), _) => format!("`output_schema` of {agent}"),
                (_, Some(node)) => format!("the type of the node `{}`", node.id),
                (_, None) => "a node with errors".to_owned(),
            },
        }
    }

    /// The type behind a path.
    pub fn follow(&self, root: Root, path: &[Step], text: &str) -> Result<Arc<Type>, Refusal> {
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
    pub fn unknown_key(&self, root: Root, path: &[Step]) -> Option<Refusal> {
        let (Root::Context, Some(Step::Key(key))) = (root, path.first()) else { return None };
        if self.outline().context.is_empty() || self.outline().context.contains_key(key) {
            return None;
        }
        let message =
            format!("`context` has no default for `{key}`, so a run that does not bring it fails here");
        let known = || self.outline().context.keys().map(String::as_str);
        let refusal = Refusal::new(Code::NoContextDefault, message);
        Some(match nearest(key, known()) {
            Some(name) => refusal.help(format!("did you mean `{name}`?")),
            None => refusal
                .help(format!("it has {}; add `{key}: null` to it if a run may go without", quoted(known()))),
        })
    }

    /// The type of a bound value; paths that lead to nothing are told.
    pub fn bound(&self, bound: &Bound, path: &str, tell: Tell<'_>) -> Arc<Type> {
        match bound {
            Bound::Literal(value) => Type::of_value(value),
            Bound::Reference(reference) => self.reference(reference, path, tell),
            Bound::List(items) => {
                let items = items.iter().enumerate();
                Type::list(
                    items.map(|(index, item)| self.bound(item, &format!("{path}/{index}"), tell)).collect(),
                )
            }
            Bound::Map(entries) => {
                let fields: Vec<(&str, Arc<Type>, bool)> = entries
                    .iter()
                    .map(|(key, value)| {
                        let place = format!("{path}/{}", escaped(key));
                        (key.as_str(), self.bound(value, &place, tell), true)
                    })
                    .collect();
                Type::mapping(fields)
            }
        }
    }

    fn reference(&self, reference: &Reference, path: &str, tell: Tell<'_>) -> Arc<Type> {
        let (root, steps) = (reference.root(), reference.path());
        if let Some(warning) = self.unknown_key(root, steps) {
            tell(warning, path);
        }
        match self.follow(root, steps, reference.text()) {
            Ok(found) if reference.may_be_null() => found.or_null(),
            Ok(found) => found,
            Err(refusal) => {
                tell(refusal, path);
                Type::any()
            }
        }
    }
}

/// A key as a segment of a JSON pointer.
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
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
