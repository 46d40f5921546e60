//! Whether a value of one type can be given where another is taken.
//!
//! It cannot where two declarations contradict each other: no value is of both. Where some values would fit and some
//! would not, it can.

use std::cell::Cell;

use serde_json::Value;

use super::{Kinds, Rest, Type};

/// The most pairs of types that are compared for one value; what is left fits.
const COMPARISONS_MAX: usize = 10_000;

/// One place where a value does not fit.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Misfit {
    /// JSON pointer into the value.
    pub pointer: String,
    pub reason: Reason,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reason {
    /// The value is of one type, and another one is taken.
    Type { given: String, taken: String },
    /// A field is required, and never there.
    Missing { field: String, taken: String },
    /// A field is always there, and never taken.
    Extra { field: String, known: Vec<String> },
}

/// Everything in which a value of the type `given` never fits `taken`.
pub(super) fn fit(given: &Type, taken: &Type) -> Vec<Misfit> {
    let mut comparison = Comparison { misfits: Vec::new(), left: Cell::new(COMPARISONS_MAX) };
    comparison.compare(given, taken, &mut String::new());
    comparison.misfits
}

struct Comparison {
    misfits: Vec<Misfit>,
    left: Cell<usize>,
}

impl Comparison {
    fn compare(&mut self, given: &Type, taken: &Type, pointer: &mut String) {
        let Some(left) = self.left.get().checked_sub(1) else { return };
        self.left.set(left);
        // Nothing is known of the items of an empty list, and no value is of the type `false`.
        if given.kinds == Kinds::NONE {
            return;
        }
        if !given.kinds.has(taken.kinds) || !constants_meet(given, taken) {
            let shown = |side: &Type, other: &Type| {
                // Where the kinds differ, the kinds say more than the values.
                if side.kinds.has(other.kinds) { constants(side) } else { side.kinds.to_string() }
            };
            let reason = Reason::Type { given: shown(given, taken), taken: shown(taken, given) };
            self.misfits.push(Misfit { pointer: pointer.clone(), reason });
            return;
        }
        // Beside a null or a text, what the mapping would be says nothing.
        if given.kinds == Kinds::OBJECT {
            self.fields(given, taken, pointer);
        }
        if given.kinds == Kinds::ARRAY
            && let Some(taken) = &taken.items
        {
            match (given.elements.as_deref(), &given.items) {
                (Some(elements), _) => {
                    for (index, element) in elements.iter().enumerate() {
                        self.inside(&index.to_string(), element, taken, pointer);
                    }
                }
                (None, Some(items)) => self.inside("0", items, taken, pointer),
                (None, None) => {}
            }
        }
    }

    fn inside(&mut self, segment: &str, given: &Type, taken: &Type, pointer: &mut String) {
        let length = pointer.len();
        pointer.push('/');
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
        self.compare(given, taken, pointer);
        pointer.truncate(length);
    }

    fn fields(&mut self, given: &Type, taken: &Type, pointer: &mut String) {
        let (Some(given), Some(taken)) = (&given.fields, &taken.fields) else { return };
        for key in &taken.required {
            if given.rest == Rest::Closed && !given.known.contains_key(key) {
                let taken =
                    taken.known.get(key).map_or_else(|| Kinds::ALL.to_string(), |field| field.shown());
                let reason = Reason::Missing { field: key.clone(), taken };
                self.misfits.push(Misfit { pointer: pointer.clone(), reason });
            }
        }
        for (key, field) in &given.known {
            match (taken.known.get(key), &taken.rest) {
                (Some(taken), _) => self.inside(key, field, taken, pointer),
                (None, Rest::Of(taken)) => self.inside(key, field, taken, pointer),
                (None, Rest::Closed) if given.required.contains(key) => {
                    let known = taken.known.keys().cloned().collect();
                    let reason = Reason::Extra { field: key.clone(), known };
                    self.misfits.push(Misfit { pointer: pointer.clone(), reason });
                }
                (None, Rest::Open | Rest::Silent | Rest::Undeclared | Rest::Closed) => {}
            }
        }
    }
}

fn constants(side: &Type) -> String {
    match side.constants.as_deref().map(Vec::as_slice) {
        Some([one]) => one.to_string(),
        Some(_) | None => side.shown(),
    }
}

/// Whether some value is possible on both sides, as far as the values are known.
pub(super) fn constants_meet(one: &Type, two: &Type) -> bool {
    match (&one.constants, &two.constants) {
        (Some(one), Some(two)) => one.iter().any(|value| two.iter().any(|other| is_same(value, other))),
        (Some(_) | None, _) => true,
    }
}

/// Equality as JSON Schema has it: `1` is `1.0`.
fn is_same(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Number(one), Value::Number(two)) => one == two || one.as_f64() == two.as_f64(),
        (one, two) => one == two,
    }
}
