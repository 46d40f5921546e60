//! The children of a supervisor, in the order of their specification.
//!
//! Small supervisors (a run) must cost little, large ones (a partition with tens of thousands of runs) must find and
//! drop a child without moving the others: entries are sorted by id (ids only grow), a dropped one leaves a hole, and
//! holes are swept when they are the majority.

use std::collections::HashMap;

use crate::Key;

/// A child within one supervisor: never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildId(pub(crate) u64);

/// Below this a search beats a hash map, and costs no memory.
const INDEX_FROM: usize = 16;

/// Boxed, so that sweeping holes moves little.
type Entry<T> = Box<(Key, T)>;

#[derive(Debug)]
pub(super) struct Roster<T> {
    entries: Vec<(ChildId, Option<Entry<T>>)>,
    index: Option<HashMap<Key, ChildId>>,
    live: usize,
    next: u64,
}

impl<T> Default for Roster<T> {
    fn default() -> Self {
        Roster { entries: Vec::new(), index: None, live: 0, next: 0 }
    }
}

impl<T> Roster<T> {
    /// Adds a child at the end. The key must be free.
    pub(super) fn push(&mut self, key: Key, child: T) -> ChildId {
        let id = ChildId(self.next);
        self.next += 1;
        if let Some(index) = &mut self.index {
            index.insert(key.clone(), id);
        }
        self.entries.push((id, Some(Box::new((key, child)))));
        self.live += 1;
        if self.index.is_none() && self.live > INDEX_FROM {
            self.index = Some(self.iter().map(|(id, key, _)| (key.clone(), id)).collect());
        }
        id
    }

    pub(super) fn len(&self) -> usize {
        self.live
    }

    pub(super) fn find(&self, key: &Key) -> Option<ChildId> {
        match &self.index {
            Some(index) => index.get(key).copied(),
            None => self.iter().find(|(_, k, _)| *k == key).map(|(id, ..)| id),
        }
    }

    fn position(&self, id: ChildId) -> Option<usize> {
        self.entries.binary_search_by_key(&id, |(id, _)| *id).ok()
    }

    pub(super) fn get(&self, id: ChildId) -> Option<(&Key, &T)> {
        let entry = self.entries[self.position(id)?].1.as_deref()?;
        Some((&entry.0, &entry.1))
    }

    pub(super) fn get_mut(&mut self, id: ChildId) -> Option<&mut T> {
        let position = self.position(id)?;
        self.entries[position].1.as_deref_mut().map(|(_, child)| child)
    }

    pub(super) fn remove(&mut self, id: ChildId) -> Option<(Key, T)> {
        let position = self.position(id)?;
        let entry = *self.entries[position].1.take()?;
        if let Some(index) = &mut self.index {
            index.remove(&entry.0);
        }
        self.live -= 1;
        while self.entries.last().is_some_and(|(_, entry)| entry.is_none()) {
            self.entries.pop();
        }
        if self.entries.len() > 2 * INDEX_FROM && self.live * 2 < self.entries.len() {
            self.entries.retain(|(_, entry)| entry.is_some());
        }
        Some(entry)
    }

    /// All children, oldest specification first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (ChildId, &Key, &T)> {
        self.entries.iter().filter_map(|(id, entry)| entry.as_deref().map(|(key, child)| (*id, key, child)))
    }

    /// The children from `from` on, oldest specification first.
    pub(super) fn from(&self, from: ChildId) -> impl DoubleEndedIterator<Item = (ChildId, &Key, &T)> {
        let start = self.entries.partition_point(|(id, _)| *id < from);
        self.entries[start..]
            .iter()
            .filter_map(|(id, entry)| entry.as_deref().map(|(key, child)| (*id, key, child)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_found_by_key_and_id_after_many_others_came_and_went() {
        let mut roster = Roster::default();
        let ids: Vec<_> = (0..100).map(|n| roster.push(Key::id(n.to_string()), n)).collect();
        for n in (0..100).filter(|n| n % 10 != 7) {
            assert!(roster.remove(ids[n]).is_some());
        }
        assert_eq!(roster.len(), 10);
        assert_eq!(roster.find(&Key::id("57")), Some(ids[57]));
        assert_eq!(roster.find(&Key::id("58")), None);
        assert_eq!(roster.get(ids[57]).map(|(_, n)| *n), Some(57));
        assert_eq!(
            roster.iter().map(|(_, _, n)| *n).collect::<Vec<_>>(),
            (7..100).step_by(10).collect::<Vec<_>>()
        );
        assert_eq!(roster.from(ids[80]).map(|(_, _, n)| *n).collect::<Vec<_>>(), [87, 97]);
    }
}
