//! Bindings: JSON in which some strings stand for values that are known only while a run goes on.
//!
//! A string that is exactly `$input`, `$context` or `$node`, with or without a path (`.word`, `[0]`), becomes the JSON value
//! behind it, of any type. `$$` at the beginning stands for `$`. Nothing is evaluated: a path is followed, or it is not there.

mod provenance;

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::document::{Content, Entry, Item, shorten};
use super::elsewhere;
use super::names::{self, Local, Refusal, Root, Visible};
use super::of_run::{self, Fact, RUN};
use super::reader::{Problems, nearest, quoted};
use crate::diagnostic::Code;
use crate::failure::Failure;
use crate::workflow::NodeIndex;

pub use provenance::Provenance;
pub(super) use provenance::{giver, path_of};

/// Bound on the size of a resolved value, counted roughly as its JSON text.
pub const RESOLVED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest binding.
pub(crate) const BINDING_BYTES_MAX: usize = 1024;

/// What bindings, conditions and templates may read while a run goes on.
pub trait Scope {
    /// The run's input.
    fn input(&self) -> &Value;

    /// The workflow's default context with the run's own merged over it: an object.
    fn context(&self) -> &Value;

    /// The item or the pass that the reader is in.
    fn local(&self, local: Local) -> Option<&Value> {
        let _ = local;
        None
    }

    /// The output of a node, or `None` when it has none: skipped, failed, cancelled or not ended.
    fn output(&self, node: NodeIndex) -> Option<&Value>;

    /// What the run says of itself, where there is one.
    fn fact(&self, fact: Fact) -> Option<Value> {
        let _ = fact;
        None
    }

    /// How a node failed, or `None` when it has not.
    fn error(&self, node: NodeIndex) -> Option<&Failure> {
        let _ = node;
        None
    }
}

/// A JSON value with bindings in it, compiled.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A value without any binding in it.
    Literal(Value),
    /// A binding.
    Reference(Reference),
    /// A list with a binding somewhere in it.
    List(Vec<Bound>),
    /// A mapping with a binding somewhere in it.
    Map(Vec<(String, Bound)>),
}

/// One binding: where to begin, and the path from there.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    text: Arc<str>,
    root: Root,
    path: Vec<Step>,
    /// The node may have no output; the value is null then.
    root_nullable: bool,
    /// The run's input declares the value and does not require it; it is null when absent.
    optional: bool,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

/// Why a binding gave no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BindingError {
    /// The path leads to nothing, and nothing declared that it may.
    #[error("binding `{binding}` found no value: {reason}")]
    Missing {
        /// The binding as it stands in the document.
        binding: String,
        /// How far the path led.
        reason: String,
    },
    /// The value would be larger than [`RESOLVED_BYTES_MAX`].
    #[error("the bound value is larger than {RESOLVED_BYTES_MAX} bytes")]
    TooLarge,
}

impl Bound {
    /// The value with every binding replaced by what it names.
    ///
    /// # Errors
    /// [`BindingError::Missing`] when a path leads to nothing, [`BindingError::TooLarge`] when the value would be
    /// larger than [`RESOLVED_BYTES_MAX`].
    pub fn resolve(&self, scope: &dyn Scope) -> Result<Value, BindingError> {
        self.resolve_within(scope, &mut RESOLVED_BYTES_MAX.clone())
    }

    fn resolve_within(&self, scope: &dyn Scope, left: &mut usize) -> Result<Value, BindingError> {
        match self {
            Self::Literal(value) => copy_within(value, left),
            Self::Reference(reference) => match reference.follow(scope)? {
                Some(value) => copy_within(&value, left),
                None => Ok(Value::Null),
            },
            Self::List(items) => {
                take(left, 2 + items.len())?;
                let items = items.iter().map(|item| item.resolve_within(scope, left));
                items.collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Map(entries) => {
                take(left, 2)?;
                let mut map = Map::new();
                for (key, value) in entries {
                    take(left, key.len() + 4)?;
                    map.insert(key.clone(), value.resolve_within(scope, left)?);
                }
                Ok(Value::Object(map))
            }
        }
    }

    /// The nodes whose outputs it reads.
    pub fn nodes(&self) -> Vec<NodeIndex> {
        let mut nodes = Vec::new();
        self.collect_nodes(&mut nodes);
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }

    fn collect_nodes(&self, nodes: &mut Vec<NodeIndex>) {
        match self {
            Self::Literal(_) => {}
            Self::Reference(Reference { root: Root::Node(node), .. }) => nodes.push(*node),
            Self::Reference(_) => {}
            Self::List(items) => items.iter().for_each(|item| item.collect_nodes(nodes)),
            Self::Map(entries) => entries.iter().for_each(|(_, value)| value.collect_nodes(nodes)),
        }
    }

    /// Compiles a value of a document; what is wrong goes to `problems`, each at its own place.
    pub(crate) fn compile(item: &Item, visible: &dyn Visible, problems: &mut Problems) -> Self {
        match &item.content {
            Content::Text(text) => match compile_text(text, visible) {
                Ok(bound) => {
                    // Whoever writes `$$` knows how a text begins that is no binding.
                    if matches!(bound, Self::Literal(_))
                        && !text.starts_with('$')
                        && let Some(warning) = elsewhere::warn(text, visible)
                    {
                        problems.push(warning.at(item.span));
                    }
                    bound
                }
                Err(refusal) => {
                    problems.push(refusal.at(item.span));
                    Self::Literal(Value::Null)
                }
            },
            Content::List(items) => {
                let bound: Vec<Self> =
                    items.iter().map(|item| Self::compile(item, visible, problems)).collect();
                if bound.iter().all(|bound| matches!(bound, Self::Literal(_))) {
                    Self::Literal(bound.into_iter().map(Self::into_literal).collect())
                } else {
                    Self::List(bound)
                }
            }
            Content::Map(entries) => {
                let mut sorted: Vec<&Entry> = entries.iter().collect();
                sorted.sort_unstable_by(|a, b| a.key.cmp(&b.key));
                let bound: Vec<(String, Self)> = sorted
                    .into_iter()
                    .map(|entry| (entry.key.clone(), Self::compile(&entry.value, visible, problems)))
                    .collect();
                if bound.iter().all(|(_, bound)| matches!(bound, Self::Literal(_))) {
                    let pairs = bound.into_iter().map(|(key, bound)| (key, bound.into_literal()));
                    Self::Literal(Value::Object(pairs.collect()))
                } else {
                    Self::Map(bound)
                }
            }
            Content::Null | Content::Bool(_) | Content::Number(_) => Self::Literal(item.to_value()),
        }
    }

    fn into_literal(self) -> Value {
        match self {
            Self::Literal(value) => value,
            Self::Reference(_) | Self::List(_) | Self::Map(_) => Value::Null,
        }
    }
}

fn compile_text(text: &str, visible: &dyn Visible) -> Result<Bound, Refusal> {
    let Some(rest) = text.strip_prefix('$') else {
        return Ok(Bound::Literal(Value::String(text.to_owned())));
    };
    if rest.starts_with('$') {
        return Ok(Bound::Literal(Value::String(rest.to_owned())));
    }
    let malformed = || {
        Refusal::new(Code::BadBinding, format!("`{}` is not a binding", shorten(text)))
            .help(elsewhere::binding(text, visible))
    };
    if text.len() > BINDING_BYTES_MAX {
        return Err(malformed());
    }
    let (word, path) = split_path(rest).ok_or_else(malformed)?;
    if word == RUN {
        let keys = keys(&path).ok_or_else(malformed)?;
        let root = of_run::resolve(&keys, visible)?;
        let path = Vec::new();
        let reference = Reference { text: text.into(), root, path, root_nullable: false, optional: false };
        return Ok(Bound::Reference(reference));
    }
    let (root, root_nullable) = names::resolve(word, visible)?;
    let mut optional = false;
    match root {
        Root::Node(node) => {
            if let (Some(fields), Some(Step::Key(field))) = (visible.fields(node), path.first())
                && !fields.contains(&field.as_str())
            {
                let message = format!("the output of the node `{word}` has no field `{}`", shorten(field));
                let help = match nearest(field, fields.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!("it has {}", quoted(fields)),
                };
                return Err(Refusal::new(Code::UnknownField, message).help(help));
            }
        }
        Root::Input => {
            optional = keys(&path).is_some_and(|keys| visible.input_optional(&keys));
        }
        Root::Context | Root::Local(_) | Root::Run(_) | Root::Error(..) => {}
    }
    Ok(Bound::Reference(Reference { text: text.into(), root, path, root_nullable, optional }))
}

/// The keys of a path that has nothing else.
fn keys(path: &[Step]) -> Option<Vec<&str>> {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
        .collect()
}

/// `node.a[0].b` as its first word and the steps behind it.
fn split_path(text: &str) -> Option<(&str, Vec<Step>)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let end = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
    let (word, mut rest) = text.split_at(end);
    if word.is_empty() {
        return None;
    }
    let mut path = Vec::new();
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(|c: char| !is_word(c)).unwrap_or(tail.len());
            if end == 0 {
                return None;
            }
            path.push(Step::Key(tail[..end].to_owned()));
            rest = &tail[end..];
        } else {
            let tail = rest.strip_prefix('[')?;
            let (index, tail) = tail.split_once(']')?;
            if index.is_empty() || index.len() > 9 || !index.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            path.push(Step::Index(index.parse().ok()?));
            rest = tail;
        }
    }
    Some((word, path))
}

impl Reference {
    /// The binding as it stands in the document.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where it begins.
    pub(crate) fn root(&self) -> Root {
        self.root
    }

    /// Whether it may be null although what it names is not.
    pub(crate) fn may_be_null(&self) -> bool {
        self.root_nullable || self.optional
    }

    /// The path from there.
    pub(crate) fn path(&self) -> &[Step] {
        &self.path
    }

    /// The value behind the path; `None` stands for a null that the document declares possible.
    fn follow<'s>(&self, scope: &'s dyn Scope) -> Result<Option<Cow<'s, Value>>, BindingError> {
        let missing = |reason: String| BindingError::Missing { binding: self.text.to_string(), reason };
        let mut here = match self.root {
            Root::Input => scope.input(),
            Root::Context => scope.context(),
            Root::Run(fact) => return Ok(scope.fact(fact).map(Cow::Owned)),
            Root::Error(node, field) => return Ok(Some(Cow::Owned(of_run::error_of(scope, node, field)))),
            Root::Local(local) => match scope.local(local) {
                Some(Value::Null) if self.root_nullable => return Ok(None),
                Some(value) => value,
                None => return Err(missing("it stands in no item or pass".to_owned())),
            },
            Root::Node(node) => match scope.output(node) {
                Some(output) => output,
                None if self.root_nullable => return Ok(None),
                None => return Err(missing("the node has no output".to_owned())),
            },
        };
        for step in &self.path {
            let next = match step {
                Step::Key(key) => here.get(key),
                Step::Index(index) => here.get(index),
            };
            here = match next {
                Some(next) => next,
                None if self.optional => return Ok(None),
                None => {
                    return Err(missing(match step {
                        Step::Key(key) => format!("{} has no field `{}`", kind_of(here), shorten(key)),
                        Step::Index(index) => format!("{} has no item {index}", kind_of(here)),
                    }));
                }
            };
        }
        Ok(Some(Cow::Borrowed(here)))
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "the list",
        Value::Object(_) => "the mapping",
    }
}

fn take(left: &mut usize, bytes: usize) -> Result<(), BindingError> {
    *left = left.checked_sub(bytes).ok_or(BindingError::TooLarge)?;
    Ok(())
}

/// Copies a value, counting first, so that what is too large is never copied.
fn copy_within(value: &Value, left: &mut usize) -> Result<Value, BindingError> {
    measure(value, left)?;
    Ok(value.clone())
}

/// Takes what a value is worth, roughly the bytes of its JSON text, off what is left.
pub(crate) fn measure(value: &Value, left: &mut usize) -> Result<(), BindingError> {
    match value {
        Value::Null | Value::Bool(_) => take(left, 4),
        Value::Number(_) => take(left, 8),
        Value::String(text) => take(left, text.len() + 2),
        Value::Array(items) => {
            take(left, 2 + items.len())?;
            items.iter().try_for_each(|item| measure(item, left))
        }
        Value::Object(map) => {
            take(left, 2)?;
            map.iter().try_for_each(|(key, value)| {
                take(left, key.len() + 4)?;
                measure(value, left)
            })
        }
    }
}
