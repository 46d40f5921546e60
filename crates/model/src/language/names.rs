//! What an expression may read at the place where it stands.

use super::document::shorten;
use super::of_run::{ErrorField, Fact, RUN};
use super::reader::quoted;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::workflow::{Aside, NodeIndex};

/// Why an expression was refused: a diagnostic that has no place yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub code: Code,
    pub message: String,
    pub help: Option<String>,
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), help: None }
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn at(self, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::new(self.code, span, self.message);
        match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// How sure it is that a node has an output when an expression reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// It completed.
    Certain,
    /// It may have none, and the document declares that: the value is null then.
    Nullable,
    /// It may have none, and nothing declares it.
    MaySkip,
    /// It does not stand before the reader.
    NotUpstream,
    /// It stands behind the reader.
    Downstream,
    /// It is the reader.
    Itself,
}

/// The nodes of a workflow as one reader sees them.
pub(crate) trait Visible {
    /// The node of that id.
    fn find(&self, id: &str) -> Option<NodeIndex>;
    /// What reading it means here.
    fn access(&self, node: NodeIndex) -> Access;
    /// All ids, for messages.
    fn ids(&self) -> Vec<&str>;
    /// The word that is most like this one, while there is time for looking.
    fn suggest(&self, word: &str) -> Option<&str>;
    /// The fields that the output of a node has, where its type says so.
    fn fields(&self, node: NodeIndex) -> Option<Vec<&str>>;
    /// The words that stand for the item or the pass that the reader is in.
    fn locals(&self) -> &[Local] {
        &[]
    }
    /// Whether there is a run around the reader.
    fn sees_run(&self) -> bool {
        true
    }
    /// Whether a node that stands before the reader may have failed, and the reader begins all the same.
    fn may_have_failed(&self, node: NodeIndex) -> bool {
        let _ = node;
        false
    }
    /// Whether the run's input may be without the value behind this path, as its schema has it.
    fn input_optional(&self, path: &[&str]) -> bool;
}

/// The root of what an expression reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Root {
    Input,
    Context,
    Node(NodeIndex),
    Local(Local),
    /// What the run says of itself: `run.id`.
    Run(Fact),
    /// How a node failed, or one field of that: `run.errors.node.class`.
    Error(NodeIndex, Option<ErrorField>),
}

impl Root {
    /// How many words stand for it.
    pub fn words(self) -> usize {
        match self {
            Self::Input | Self::Context | Self::Node(_) | Self::Local(_) => 1,
            Self::Run(_) => 2,
            Self::Error(_, None) => 3,
            Self::Error(_, Some(_)) => 4,
        }
    }
}

/// A word that stands for the item of a map or the pass of a loop, the innermost around the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    /// The item.
    Item,
    /// The number of the item, from 0.
    Index,
    /// What the pass before gave; null in the first one.
    Last,
    /// The number of the pass, from 1.
    Iteration,
    /// What came out of the call around the reader.
    Output,
    /// The idempotency key of that call.
    Key,
}

impl Local {
    /// Those of a map.
    pub const OF_MAP: [Self; 2] = [Self::Item, Self::Index];
    /// Those of a loop.
    pub const OF_LOOP: [Self; 2] = [Self::Last, Self::Iteration];
    /// Those of what has to be true of what comes out of a call. They are no reserved words: elsewhere a node may be called so.
    pub const OF_SUCCESS: [Self; 1] = [Self::Output];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Item => "item",
            Self::Index => "index",
            Self::Last => "last",
            Self::Iteration => "iteration",
            Self::Output => "output",
            Self::Key => "key",
        }
    }

    /// Those of what stands beside a call.
    pub(crate) fn beside(aside: Aside) -> &'static [Self] {
        match aside {
            Aside::Judge => &[Self::Output],
            Aside::Verify => &[Self::Key],
            Aside::Compensate => &[Self::Output, Self::Key],
        }
    }

    fn named(word: &str, visible: &dyn Visible) -> Option<Self> {
        let reserved = [Self::Item, Self::Index, Self::Last, Self::Iteration];
        let here = visible.locals().iter().copied();
        reserved.into_iter().chain(here).find(|local| local.as_str() == word)
    }
}

/// Looks up the first word of a binding or a variable of an expression, unless it is `run`, of which only whole paths have a
/// meaning ([`super::of_run`]). The flag says whether its value may be null.
pub(crate) fn resolve(word: &str, visible: &dyn Visible) -> Result<(Root, bool), Refusal> {
    match word {
        "input" => return Ok((Root::Input, false)),
        "context" => return Ok((Root::Context, false)),
        RUN => return super::of_run::resolve(&[], visible).map(|root| (root, false)),
        _ => {}
    }
    if let Some(local) = Local::named(word, visible) {
        if visible.locals().contains(&local) {
            return Ok((Root::Local(local), local == Local::Last));
        }
        let around = if Local::OF_MAP.contains(&local) { "map" } else { "loop" };
        return Err(Refusal::new(Code::UnknownVariable, format!("`{word}` has no meaning here"))
            .help(format!("it can be read inside of the `node` of a `{around}`")));
    }
    let node = upstream(word, visible)?;
    match visible.access(node) {
        Access::Nullable => Ok((Root::Node(node), true)),
        Access::MaySkip => Err(Refusal::new(
            Code::MaySkip,
            format!("the node `{word}` may have been skipped when this is read"),
        )
        .help(format!(
            "add `{{node: {word}, kind: soft}}` to `needs`: it is null then when it was skipped; with `{word}` alone in `needs` this node is skipped with it"
        ))),
        // The others were refused.
        Access::Certain | Access::NotUpstream | Access::Downstream | Access::Itself => {
            Ok((Root::Node(node), false))
        }
    }
}

/// The node of that id, if it stands before the reader.
pub(super) fn upstream(word: &str, visible: &dyn Visible) -> Result<NodeIndex, Refusal> {
    let Some(node) = visible.find(word) else {
        let refusal = Refusal::new(Code::UnknownVariable, format!("there is no node `{}`", shorten(word)));
        let elsewhere = match word {
            "output" => Some("what came out of a call is read in its own `success` and `compensate`"),
            "steps" | "jobs" | "tasks" | "outputs" => Some("a node is read by its id alone: `check.healthy`"),
            "inputs" | "params" | "parameters" => Some("the input of the run is `input`"),
            "vars" | "env" => Some("values of the workflow and of its runs are in `context`"),
            "key" => Some("the idempotency key of a call is read in its own `verify` and `compensate`"),
            _ => None,
        };
        if let Some(help) = elsewhere {
            return Err(refusal.help(help));
        }
        return Err(match visible.suggest(word) {
            Some(name) => refusal.help(format!("did you mean `{name}`?")),
            None => {
                let is_readable = |id: &&str| {
                    let access = visible.find(id).map(|node| visible.access(node));
                    matches!(access, Some(Access::Certain | Access::Nullable))
                };
                let readable = quoted(visible.ids().into_iter().filter(is_readable));
                refusal.help(match readable.is_empty() {
                    true => "here are `input` and `context`, and no node stands before".to_owned(),
                    false => format!("here are `input`, `context` and the nodes {readable}"),
                })
            }
        });
    };
    match visible.access(node) {
        Access::Certain | Access::Nullable | Access::MaySkip => Ok(node),
        Access::NotUpstream => {
            Err(not_upstream(format!("the node `{word}` does not stand before the one that reads it"))
                .help(format!("add `{word}` to `needs`")))
        }
        Access::Downstream => {
            Err(not_upstream(format!("the node `{word}` stands behind the one that reads it")).help(format!(
                "a node reads what has ended before it begins: read it in a node that needs `{word}`"
            )))
        }
        Access::Itself => Err(not_upstream(format!("the node `{word}` reads its own output"))
            .help("a node reads what has ended before it begins")),
    }
}

fn not_upstream(message: String) -> Refusal {
    Refusal::new(Code::NotUpstream, message)
}
