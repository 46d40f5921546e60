//! The name of a child within its supervisor, and the path of an actor within its tree.
//!
//! A key is typed (a kind, known to the program, and an id, known at run time) and prints as one or two
//! segments of a path: `journal`, `executions/verify@2`. Keys are unique within a supervisor, paths within a tree.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// What a child is called by its supervisor. Cloning costs a reference count.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    kind: &'static str,
    id: Option<Arc<str>>,
}

impl Key {
    /// A child of which there is one: prints as `kind`.
    pub const fn named(kind: &'static str) -> Self {
        Key { kind, id: None }
    }

    /// One of many children of a kind: prints as `kind/id`. A slash in the id prints as `%2F`, so that a path
    /// can always be taken apart again.
    pub fn new(kind: &'static str, id: impl AsRef<str>) -> Self {
        Key { kind, id: Some(escape(id.as_ref())) }
    }

    /// One of many children where the supervisor's own name already says the kind: prints as `id`.
    pub fn id(id: impl AsRef<str>) -> Self {
        Key { kind: "", id: Some(escape(id.as_ref())) }
    }

    /// The key of the `n`th of many children that were all called the same.
    pub(crate) fn numbered(&self, n: u64) -> Self {
        match &self.id {
            None => Key::new(self.kind, n.to_string()),
            Some(id) => Key { kind: self.kind, id: Some(format!("{id}~{n}").into()) },
        }
    }

    /// Whether it prints as nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.kind.is_empty() && self.id_str().is_empty()
    }

    /// The kind; empty for a key made by [`Key::id`].
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The id as it prints; empty for a key made by [`Key::named`].
    pub fn id_str(&self) -> &str {
        self.id.as_deref().unwrap_or("")
    }
}

fn escape(id: &str) -> Arc<str> {
    let escaped: Cow<'_, str> = if id.contains('/') { id.replace('/', "%2F").into() } else { id.into() };
    Arc::from(escaped.as_ref())
}

impl From<&'static str> for Key {
    fn from(kind: &'static str) -> Self {
        Key::named(kind)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.id, self.kind) {
            (None, kind) => f.write_str(kind),
            (Some(id), "") => f.write_str(id),
            (Some(id), kind) => write!(f, "{kind}/{id}"),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_prints_as_the_segments_of_a_path() {
        assert_eq!(Key::named("journal").to_string(), "journal");
        assert_eq!(Key::new("executions", "verify@2").to_string(), "executions/verify@2");
        assert_eq!(Key::id("01980c").to_string(), "01980c");
        assert_eq!(Key::new("views", "a/b").to_string(), "views/a%2Fb");
        assert_eq!(Key::named("probe").numbered(7).to_string(), "probe/7");
        assert_eq!(Key::new("probes", "a").numbered(7).to_string(), "probes/a~7");
    }
}
