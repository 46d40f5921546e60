//! Values as the template engine sees them: their items are counted whenever somebody looks at them.
//!
//! The engine counts its own steps and not what one of them costs: a filter or `in` goes through a list of any length in one
//! step. So lists and mappings count here, and are empty when too much was looked at; whoever renders asks for that at the
//! end.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::Value as Shown;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value;

use super::{RENDERED_BYTES_MAX, WORK_MAX};

/// The bytes of a text that count as one item.
const PIECE_BYTES: usize = 64;

thread_local! {
    /// What may still be looked at on this thread. Rendering is not interrupted by another rendering.
    static LEFT: Cell<u64> = const { Cell::new(0) };
}

/// The work of one rendering.
pub(super) struct Work;

impl Work {
    pub fn begin() -> Self {
        LEFT.set(WORK_MAX);
        Self
    }

    /// Whether more was looked at than is allowed.
    pub fn is_over(&self) -> bool {
        LEFT.get() == 0
    }
}

/// Counts, and says whether it may be looked at.
fn look(items: usize) -> bool {
    let left = LEFT.get().saturating_sub(items as u64);
    LEFT.set(left);
    left > 0
}

fn weight(value: &Shown) -> usize {
    1 + value.as_str().map_or(0, |text| text.len() / PIECE_BYTES)
}

/// A value for the template engine. Texts longer than any rendered text may be are cut just beyond that length, so that
/// printing one still fails as too long.
pub(super) fn shown(value: &Value) -> Shown {
    match value {
        Value::Null => Shown::from(()),
        Value::Bool(flag) => Shown::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(number), _, _) => Shown::from(number),
            (_, Some(number), _) => Shown::from(number),
            (_, _, Some(number)) => Shown::from(number),
            (None, None, None) => Shown::from(()),
        },
        Value::String(text) if text.len() > RENDERED_BYTES_MAX + 4 => {
            let end = (0..=RENDERED_BYTES_MAX + 4).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            Shown::from(&text[..end])
        }
        Value::String(text) => Shown::from(text.as_str()),
        Value::Array(items) => Shown::from_object(List(items.iter().map(shown).collect())),
        Value::Object(map) => {
            Shown::from_object(Mapping(map.iter().map(|(key, value)| (key.clone(), shown(value))).collect()))
        }
    }
}

#[derive(Debug)]
struct List(Vec<Shown>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Shown) -> Option<Shown> {
        let item = self.0.get(key.as_usize()?)?;
        look(weight(item)).then(|| item.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if look(1) { Enumerator::Seq(self.0.len()) } else { Enumerator::Empty }
    }
}

#[derive(Debug)]
struct Mapping(BTreeMap<String, Shown>);

impl Object for Mapping {
    fn get_value(self: &Arc<Self>, key: &Shown) -> Option<Shown> {
        let item = self.0.get(key.as_str()?)?;
        look(weight(item)).then(|| item.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if look(1 + self.0.len()) {
            Enumerator::Values(self.0.keys().map(|key| Shown::from(key.as_str())).collect())
        } else {
            Enumerator::Empty
        }
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.0.len())
    }
}
