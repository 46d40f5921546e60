//! Selectors: which workflow, in which version and with what, a start of a name follows.
//!
//! The selectors of a workflow are tried in order; the first whose condition is true chooses. What it chooses may have
//! selectors of its own, and so on: at most [`DEPTH_MAX`] workflows, none of them twice. A selector that chooses its own
//! workflow ends the search. A condition that cannot be evaluated, as one that reads a label that is not there, does not
//! fit. What the caller gave stands over what a selector gives, and what an earlier selector gave over a later one's.
//!
//! Pure: whoever asks for a workflow looks it up and goes on ([`Selection::judge`]).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::ids::Name;
use crate::language::Scope;
use crate::language::condition::Condition;
use crate::workflow::{NodeIndex, Workflow};

/// The most selectors of one workflow.
pub const SELECTORS_MAX: usize = 64;
/// The most workflows that one start may go through.
pub const DEPTH_MAX: usize = 8;
/// The label of a run that says which selector chose its workflow.
pub const SELECTED_BY: &str = "ghostlight.selected_by";
/// How labels begin that only Ghostlight itself sets.
pub const LABELS_RESERVED: &str = "ghostlight.";

/// The place of `labels` among what a selector's condition reads.
pub(crate) const LABELS: NodeIndex = NodeIndex(0);

/// A rule that chooses.
#[derive(Debug, Clone)]
pub struct Selector {
    /// When it fits: over `labels` and `input`.
    pub when: Condition,
    /// The workflow that it chooses; none: its own.
    pub workflow: Option<Name>,
    /// The version; none: the latest, or of its own workflow the one that it stands in.
    pub version: Option<u64>,
    /// Put under the caller's input, key by key.
    pub input: Map<String, Value>,
    /// Put under the caller's context, key by key.
    pub context: Map<String, Value>,
}

/// Whether a selector fitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// It did, and chose.
    Yes,
    /// It did not.
    No,
    /// Its condition could not be evaluated, so it did not.
    Error(String),
}

/// A selector that was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Whose it is.
    pub workflow: Name,
    /// Which one, from 1.
    pub rule: usize,
    /// Its condition.
    pub when: String,
    /// Whether it fitted.
    pub matched: Matched,
}

/// Which selector chose. Prints as `workflow@version#rule`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedBy {
    /// The workflow whose selector it is.
    pub workflow: Name,
    /// Its version.
    pub version: u64,
    /// Which one, from 1.
    pub rule: usize,
}

/// Why a start leads to no workflow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// A workflow would be chosen for the second time.
    #[error("selectors choose each other in a circle: {}", joined(.0))]
    Cycle(Vec<Name>),
    /// The way is too long.
    #[error("selectors lead through more than {DEPTH_MAX} workflows: {}", joined(.0))]
    TooDeep(Vec<Name>),
    /// What was chosen cannot be run.
    #[error("rule {} of workflow `{}` chooses {chosen}, which {why}", by.rule, by.workflow)]
    NotThere {
        /// Who chose it.
        by: SelectedBy,
        /// What was chosen, in words.
        chosen: String,
        /// "does not exist", "is deleted".
        why: &'static str,
    },
}

fn joined(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(" -> ")
}

/// What a judgement asks for next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// The workflow that was judged is the one.
    Settled,
    /// This version of the workflow that was judged is the one.
    Take(u64),
    /// This workflow is to be looked up and judged.
    Look {
        /// Its name.
        workflow: Name,
        /// The version; none: the latest.
        version: Option<u64>,
    },
}

/// A start on its way to its workflow.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Labels that the caller gave.
    pub labels: BTreeMap<String, String>,
    /// The input: the caller's, over what selectors gave.
    pub input: Value,
    /// The context: the caller's, over what selectors gave.
    pub context: Map<String, Value>,
    /// All selectors that were tried, in order.
    pub tried: Vec<Tried>,
    /// Who chose last.
    pub by: Option<SelectedBy>,
    way: Vec<Name>,
}

impl Selection {
    /// A start of a workflow with what the caller gave.
    #[must_use]
    pub fn new(labels: BTreeMap<String, String>, input: Value, context: Map<String, Value>) -> Self {
        Self { labels, input, context, tried: Vec::new(), by: None, way: Vec::new() }
    }

    /// Tries the selectors of a workflow: the one that was asked for first, then each that [`Next::Look`] names.
    ///
    /// # Errors
    /// [`SelectionError::Cycle`], [`SelectionError::TooDeep`].
    pub fn judge(&mut self, workflow: &Workflow, version: u64) -> Result<Next, SelectionError> {
        self.way.push(workflow.name.clone());
        let Some((rule, selector)) = self.first_that_fits(workflow) else { return Ok(Next::Settled) };
        self.by = Some(SelectedBy { workflow: workflow.name.clone(), version, rule });
        if let Value::Object(input) = &mut self.input {
            put_under(input, &selector.input);
        }
        put_under(&mut self.context, &selector.context);
        match &selector.workflow {
            Some(other) if *other != workflow.name => self.go_on(other, selector.version),
            Some(_) | None => match selector.version {
                Some(other) if other != version => Ok(Next::Take(other)),
                Some(_) | None => Ok(Next::Settled),
            },
        }
    }

    fn go_on(&self, workflow: &Name, version: Option<u64>) -> Result<Next, SelectionError> {
        let way = || self.way.iter().cloned().chain([workflow.clone()]).collect();
        if self.way.contains(workflow) {
            return Err(SelectionError::Cycle(way()));
        }
        if self.way.len() >= DEPTH_MAX {
            return Err(SelectionError::TooDeep(way()));
        }
        Ok(Next::Look { workflow: workflow.clone(), version })
    }

    fn first_that_fits<'w>(&mut self, workflow: &'w Workflow) -> Option<(usize, &'w Selector)> {
        if workflow.selectors.is_empty() {
            return None;
        }
        let mut labels = workflow.labels.clone();
        labels.extend(self.labels.clone());
        let labels = labels.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let seen = Seen { labels: Value::Object(labels), input: &self.input };
        for (index, selector) in workflow.selectors.iter().enumerate() {
            let matched = match selector.when.evaluate(&seen) {
                Ok(true) => Matched::Yes,
                Ok(false) => Matched::No,
                Err(error) => Matched::Error(error.to_string()),
            };
            let fits = matched == Matched::Yes;
            let (rule, when) = (index + 1, selector.when.text().to_owned());
            self.tried.push(Tried { workflow: workflow.name.clone(), rule, when, matched });
            if fits {
                return Some((rule, selector));
            }
        }
        None
    }
}

fn put_under(values: &mut Map<String, Value>, under: &Map<String, Value>) {
    for (key, value) in under {
        if !values.contains_key(key) {
            values.insert(key.clone(), value.clone());
        }
    }
}

struct Seen<'s> {
    labels: Value,
    input: &'s Value,
}

impl Scope for Seen<'_> {
    fn input(&self) -> &Value {
        self.input
    }

    fn context(&self) -> &Value {
        &Value::Null
    }

    fn output(&self, node: NodeIndex) -> Option<&Value> {
        (node == LABELS).then_some(&self.labels)
    }
}

impl fmt::Display for SelectedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.workflow, self.version, self.rule)
    }
}

/// A text that does not say which selector chose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is not like `workflow@version#rule`")]
pub struct NotSelectedBy;

impl FromStr for SelectedBy {
    type Err = NotSelectedBy;

    fn from_str(text: &str) -> Result<Self, NotSelectedBy> {
        let (workflow, rest) = text.split_once('@').ok_or(NotSelectedBy)?;
        let (version, rule) = rest.split_once('#').ok_or(NotSelectedBy)?;
        Ok(Self {
            workflow: Name::new(workflow).map_err(|_| NotSelectedBy)?,
            version: version.parse().map_err(|_| NotSelectedBy)?,
            rule: rule.parse().map_err(|_| NotSelectedBy)?,
        })
    }
}

#[cfg(test)]
mod tests;
