//! What is known of a value before there is one: a small lattice of types, taken from JSON Schemas and from literals.
//!
//! A type says too little rather than too much. What a schema leaves open, what cannot be decided, and what is nested beyond the
//! bounds is [`Type::any`], which fits everything. So what is refused for its type would have failed in every run, and the
//! rest is checked against the whole schema when the value is there.

mod agents;
pub(super) mod check;
mod condition;
mod fit;
mod outputs;
mod reading;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::binding::Step;

use fit::{Misfit, Reason, fit};

/// The outputs of nodes that are not of the type that was told for them before, with that type.
#[cfg(test)]
pub(crate) fn not_of_their_type(
    workflow: &crate::workflow::Workflow,
    known: &[super::KnownAgent],
    outputs: &[(crate::workflow::NodeIndex, Value)],
) -> Vec<String> {
    let outline = super::outline::Outline::of(workflow);
    let known = reading::Known::of(&outline, &agents::Agents::of(known));
    let reading = reading::Reading::of(&known);
    let misfits = outputs.iter().filter_map(|(node, output)| {
        let told = reading.output_of(*node);
        let misfits = fit(&Type::of_value(output), &told);
        (!misfits.is_empty())
            .then(|| format!("{}: {output} is not {told:?}: {misfits:?}", workflow.node(*node).id))
    });
    misfits.collect()
}

/// Joining goes no deeper; below, everything is possible.
const JOIN_DEPTH_MAX: usize = 8;
/// The most values of a literal that are looked at.
const VALUES_MAX: usize = 10_000;
/// The most constants that a type remembers.
const CONSTANTS_MAX: usize = 64;

/// The kinds of JSON values that are possible, a bit each. Whole numbers are told apart from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kinds(u8);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const NULL: Self = Self(1);
    pub const BOOLEAN: Self = Self(2);
    pub const INTEGER: Self = Self(4);
    pub const FRACTION: Self = Self(8);
    pub const STRING: Self = Self(16);
    pub const ARRAY: Self = Self(32);
    pub const OBJECT: Self = Self(64);
    pub const NUMBER: Self = Self(4 | 8);
    pub const ALL: Self = Self(127);

    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(number) if number.is_f64() && number.as_f64().is_some_and(|n| n.fract() != 0.0) => {
                Self::FRACTION
            }
            Value::Number(_) => Self::INTEGER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }
}

/// In the words of JSON Schema: `integer | null`.
impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("anything");
        }
        let number = if self.has(Self::FRACTION) { "number" } else { "integer" };
        let words = [
            (Self::OBJECT, "object"),
            (Self::ARRAY, "array"),
            (Self::STRING, "string"),
            (Self::NUMBER, number),
            (Self::BOOLEAN, "boolean"),
            (Self::NULL, "null"),
        ];
        let words: Vec<&str> =
            words.into_iter().filter(|(kind, _)| self.has(*kind)).map(|(_, word)| word).collect();
        f.write_str(if words.is_empty() { "nothing" } else { "" })?;
        f.write_str(&words.join(" | "))
    }
}

/// What else a mapping may have beside the fields that are known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rest {
    /// Anything: the document says so, or it cannot be said.
    Open,
    /// Anything, because the schema declares no fields at all.
    Silent,
    /// The schema declares fields and is silent about others: who reads reads what is declared, who gives may give more.
    Undeclared,
    /// Nothing.
    Closed,
    /// Values of this type.
    Of(Arc<Type>),
}

/// The fields of a mapping.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields {
    pub known: BTreeMap<String, Arc<Type>>,
    /// Those that are always there.
    pub required: BTreeSet<String>,
    pub rest: Rest,
}

/// What is known of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Type {
    pub kinds: Kinds,
    /// Of a mapping; `None`: nothing is known.
    pub fields: Option<Arc<Fields>>,
    /// Of a list; `None`: nothing is known.
    pub items: Option<Arc<Type>>,
    /// The items one by one, where a list is written out.
    pub elements: Option<Arc<Vec<Arc<Type>>>>,
    /// All values that are possible; `None`: not known.
    pub constants: Option<Arc<Vec<Value>>>,
}

impl Type {
    /// Nothing is known.
    pub fn any() -> Arc<Self> {
        Arc::new(Self::of_kinds(Kinds::ALL))
    }

    pub fn of_kinds(kinds: Kinds) -> Self {
        Self { kinds, fields: None, items: None, elements: None, constants: None }
    }

    pub fn kind(kinds: Kinds) -> Arc<Self> {
        Arc::new(Self::of_kinds(kinds))
    }

    /// A mapping with exactly these fields; the flag says whether a field is always there.
    pub fn mapping<'k>(fields: impl IntoIterator<Item = (&'k str, Arc<Self>, bool)>) -> Arc<Self> {
        let mut all = Fields { known: BTreeMap::new(), required: BTreeSet::new(), rest: Rest::Closed };
        for (key, field, always) in fields {
            if always {
                all.required.insert(key.to_owned());
            }
            all.known.insert(key.to_owned(), field);
        }
        Arc::new(Self { fields: Some(Arc::new(all)), ..Self::of_kinds(Kinds::OBJECT) })
    }

    /// A list of these items.
    pub fn list(elements: Vec<Arc<Self>>) -> Arc<Self> {
        let items = Self::join_all(elements.iter().cloned());
        Arc::new(Self { items, elements: Some(Arc::new(elements)), ..Self::of_kinds(Kinds::ARRAY) })
    }

    /// A list of any length.
    pub fn list_of(items: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { items, ..Self::of_kinds(Kinds::ARRAY) })
    }

    /// The type of one value, as far as it has not more than [`VALUES_MAX`] values in it.
    pub fn of_value(value: &Value) -> Arc<Self> {
        Self::of_value_within(value, &mut VALUES_MAX.clone())
    }

    fn of_value_within(value: &Value, left: &mut usize) -> Arc<Self> {
        let size = match value {
            Value::Array(items) => items.len(),
            Value::Object(map) => map.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
        };
        match left.checked_sub(size) {
            Some(rest) => *left = rest,
            None => return Self::kind(Kinds::of(value)),
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Arc::new(Self {
                constants: Some(Arc::new(vec![value.clone()])),
                ..Self::of_kinds(Kinds::of(value))
            }),
            Value::Array(items) => {
                Self::list(items.iter().map(|item| Self::of_value_within(item, left)).collect())
            }
            Value::Object(map) => Self::mapping(
                map.iter().map(|(key, value)| (key.as_str(), Self::of_value_within(value, left), true)),
            ),
        }
    }

    /// The same or null.
    pub fn or_null(self: &Arc<Self>) -> Arc<Self> {
        if self.kinds.has(Kinds::NULL) {
            return self.clone();
        }
        let constants = self.constants.as_deref().map(|constants| {
            let with_null = constants.iter().cloned().chain([Value::Null]);
            Arc::new(with_null.collect())
        });
        Arc::new(Self { kinds: self.kinds.union(Kinds::NULL), constants, ..(**self).clone() })
    }

    /// Whatever fits one of them; `None` when there is none.
    pub fn join_all(types: impl IntoIterator<Item = Arc<Self>>) -> Option<Arc<Self>> {
        types.into_iter().reduce(|one, other| one.join(&other))
    }

    /// Whatever fits this or the other.
    pub fn join(self: &Arc<Self>, other: &Arc<Self>) -> Arc<Self> {
        self.join_within(other, JOIN_DEPTH_MAX)
    }

    fn join_within(self: &Arc<Self>, other: &Arc<Self>, depth: usize) -> Arc<Self> {
        if Arc::ptr_eq(self, other) {
            return self.clone();
        }
        if depth == 0 {
            return Self::any();
        }
        let only = |kind: Kinds, mine: bool| {
            let (one, two) = if mine { (self, other) } else { (other, self) };
            one.kinds.has(kind) && !two.kinds.has(kind)
        };
        let fields = match (&self.fields, &other.fields) {
            (fields, _) if only(Kinds::OBJECT, true) => fields.clone(),
            (_, fields) if only(Kinds::OBJECT, false) => fields.clone(),
            (Some(one), Some(two)) => Some(Arc::new(join_fields(one, two, depth))),
            (Some(_) | None, _) => None,
        };
        let items = match (&self.items, &other.items) {
            (items, _) if only(Kinds::ARRAY, true) => items.clone(),
            (_, items) if only(Kinds::ARRAY, false) => items.clone(),
            (Some(one), Some(two)) => Some(one.join_within(two, depth - 1)),
            (Some(_) | None, _) => None,
        };
        let elements = if only(Kinds::ARRAY, true) { &self.elements } else { &other.elements };
        let elements = elements.clone().filter(|_| only(Kinds::ARRAY, true) || only(Kinds::ARRAY, false));
        let constants = match (&self.constants, &other.constants) {
            (Some(one), Some(two)) if one.len() + two.len() <= CONSTANTS_MAX => {
                let more = two.iter().filter(|value| !one.contains(value));
                Some(Arc::new(one.iter().chain(more).cloned().collect()))
            }
            (Some(_) | None, _) => None,
        };
        Arc::new(Self { kinds: self.kinds.union(other.kinds), fields, items, elements, constants })
    }

    /// What stands behind one step of a path.
    pub fn step(&self, step: &Step) -> Result<Arc<Self>, Stop> {
        match step {
            Step::Key(key) => self.field(key),
            Step::Index(_) if self.kinds.has(Kinds::ARRAY) => {
                Ok(self.items.clone().unwrap_or_else(Self::any))
            }
            Step::Index(_) => Err(Stop::List),
        }
    }

    /// What stands behind a key.
    pub fn field(&self, key: &str) -> Result<Arc<Self>, Stop> {
        if !self.kinds.has(Kinds::OBJECT) {
            return Err(Stop::Mapping);
        }
        let Some(fields) = &self.fields else { return Ok(Self::any()) };
        match (fields.known.get(key), &fields.rest) {
            (Some(field), _) => Ok(field.clone()),
            (None, Rest::Of(field)) => Ok(field.clone()),
            (None, Rest::Open | Rest::Silent) => Ok(Self::any()),
            (None, Rest::Undeclared | Rest::Closed) => Err(Stop::Undeclared),
        }
    }

    /// The fields that are known.
    pub fn keys(&self) -> Vec<&str> {
        self.fields.iter().flat_map(|fields| fields.known.keys().map(String::as_str)).collect()
    }

    /// For messages: the kinds, or the few values that are possible.
    pub fn shown(&self) -> String {
        match self.constants.as_deref() {
            Some(constants) if (2..=6).contains(&constants.len()) => {
                let words: Vec<String> = constants.iter().map(Value::to_string).collect();
                words.join(" | ")
            }
            Some(_) | None => self.kinds.to_string(),
        }
    }
}

fn join_fields(one: &Fields, two: &Fields, depth: usize) -> Fields {
    let mut known = BTreeMap::new();
    for key in one.known.keys().chain(two.known.keys()) {
        let field = match (one.known.get(key), two.known.get(key)) {
            (Some(mine), Some(theirs)) => mine.join_within(theirs, depth - 1),
            // Where the other may have it too, it may have it with any value.
            (Some(field), None) if matches!(two.rest, Rest::Closed) => field.clone(),
            (None, Some(field)) if matches!(one.rest, Rest::Closed) => field.clone(),
            (Some(_) | None, _) => Type::any(),
        };
        known.entry(key.clone()).or_insert(field);
    }
    let rest = match (&one.rest, &two.rest) {
        (Rest::Closed, Rest::Closed) => Rest::Closed,
        (Rest::Closed | Rest::Undeclared, Rest::Closed | Rest::Undeclared) => Rest::Undeclared,
        (Rest::Of(mine), Rest::Of(theirs)) => Rest::Of(mine.join_within(theirs, depth - 1)),
        (Rest::Of(rest), Rest::Closed) | (Rest::Closed, Rest::Of(rest)) => Rest::Of(rest.clone()),
        (Rest::Open | Rest::Silent | Rest::Of(_), _) | (_, Rest::Open | Rest::Silent | Rest::Of(_)) => {
            Rest::Open
        }
    };
    Fields { known, required: one.required.intersection(&two.required).cloned().collect(), rest }
}

/// Why a path cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// A field is wanted of what is no mapping.
    Mapping,
    /// An item is wanted of what is no list.
    List,
    /// A field is wanted that the schema does not declare.
    Undeclared,
}
