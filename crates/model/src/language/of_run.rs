//! What an expression may read of the run that it stands in: `run.id`, `run.workflow`, `run.version`, and how nodes before it
//! failed, `run.errors.node`.
//!
//! Only whole paths are read, and `run` is no value of its own. So it is known before a run begins whose errors are read by
//! whom, and nobody reads that of a node which may still be under way.

use serde_json::{Value, json};

use super::Scope;
use super::document::shorten;
use super::names::{self, Refusal, Root, Visible};
use super::reader::{nearest, quoted};
use crate::diagnostic::Code;
use crate::failure::{Failure, Happened};
use crate::workflow::NodeIndex;

/// The word.
pub(crate) const RUN: &str = "run";

/// What a run says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fact {
    /// Its id.
    Id,
    /// The name of its workflow.
    Workflow,
    /// The version of the workflow; 0 for a definition of its own.
    Version,
}

impl Fact {
    const ALL: [(&'static str, Self); 3] =
        [("id", Self::Id), ("workflow", Self::Workflow), ("version", Self::Version)];
}

/// One field of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorField {
    Class,
    Code,
    Message,
    Happened,
}

impl ErrorField {
    pub const ALL: [(&'static str, Self); 4] = [
        ("class", Self::Class),
        ("code", Self::Code),
        ("message", Self::Message),
        ("happened", Self::Happened),
    ];

    fn of(self, failure: &Failure) -> Value {
        match self {
            Self::Class => Value::from(failure.class.as_str()),
            Self::Code => Value::from(failure.code.as_str()),
            Self::Message => Value::from(failure.message.as_str()),
            Self::Happened => Value::from(happened(failure.happened)),
        }
    }
}

/// The word for it, as it stands in events.
pub(crate) fn happened(happened: Happened) -> &'static str {
    match happened {
        Happened::No => "no",
        Happened::Yes => "yes",
        Happened::Unknown => "unknown",
    }
}

/// What the words behind `run` stand for.
///
/// # Errors
/// A [`Refusal`] that says which of them leads nowhere.
pub(crate) fn resolve(keys: &[&str], visible: &dyn Visible) -> Result<Root, Refusal> {
    if !visible.sees_run() {
        return Err(Refusal::new(Code::UnknownVariable, "`run` has no meaning here"));
    }
    match keys {
        [] | ["errors"] => {
            let whole = if keys.is_empty() { "run" } else { "run.errors" };
            Err(Refusal::new(Code::UnknownField, format!("`{whole}` is no value of its own"))
                .help("read `run.id`, `run.workflow`, `run.version` or `run.errors.node`"))
        }
        ["errors", id] => error(id, None, visible),
        ["errors", id, field, rest @ ..] => {
            let names = ErrorField::ALL.map(|(name, _)| name);
            let Some((_, found)) = ErrorField::ALL.into_iter().find(|(name, _)| name == field) else {
                return Err(no_field("an error", field, &names));
            };
            let root = error(id, Some(found), visible)?;
            nothing_behind(rest, &["run", "errors", id, field]).map(|()| root)
        }
        [word, rest @ ..] => {
            let Some((_, fact)) = Fact::ALL.into_iter().find(|(name, _)| name == word) else {
                return Err(no_field("`run`", word, &["id", "workflow", "version", "errors"]));
            };
            nothing_behind(rest, &["run", word]).map(|()| Root::Run(fact))
        }
    }
}

/// The error of a node, if it may have failed when it is read.
fn error(id: &str, field: Option<ErrorField>, visible: &dyn Visible) -> Result<Root, Refusal> {
    let node = names::upstream(id, visible)?;
    if visible.may_have_failed(node) {
        return Ok(Root::Error(node, field));
    }
    Err(Refusal::new(Code::NoError, format!("the node `{id}` cannot have failed when this is read"))
        .help(format!("its failure comes through `needs: [{{node: {id}, kind: soft}}]`, a join other than `all`, or `on_error` of `{id}`")))
}

fn no_field(what: &str, field: &str, names: &[&'static str]) -> Refusal {
    let refusal = Refusal::new(Code::UnknownField, format!("{what} has no field `{}`", shorten(field)));
    match nearest(field, names.iter().copied()) {
        Some(name) => refusal.help(format!("did you mean `{name}`?")),
        None => refusal.help(format!("it has {}", quoted(names.iter().copied()))),
    }
}

fn nothing_behind(rest: &[&str], path: &[&str]) -> Result<(), Refusal> {
    let Some(field) = rest.first() else { return Ok(()) };
    let message = format!("`{}` has no field `{}`", path.join("."), shorten(field));
    Err(Refusal::new(Code::UnknownField, message).help("it is a single value"))
}

/// The value of a node's error, or of one field of it; null where the node did not fail, in its fields too.
pub(crate) fn error_of(scope: &dyn Scope, node: NodeIndex, field: Option<ErrorField>) -> Value {
    match (scope.error(node), field) {
        (None, _) => Value::Null,
        (Some(failure), Some(field)) => field.of(failure),
        (Some(failure), None) => json!({
            "class": ErrorField::Class.of(failure),
            "code": ErrorField::Code.of(failure),
            "message": ErrorField::Message.of(failure),
            "happened": ErrorField::Happened.of(failure),
        }),
    }
}
