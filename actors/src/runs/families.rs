//! How many runs stand below one that somebody started. Workflows that call themselves, or each other, in maps multiply: a
//! family that grows beyond its bound is told so, instead of filling the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::ids::RunId;

/// The most runs that steps of one family start while any of them is under way.
pub const FAMILY_MAX: usize = 100_000;

/// The families that are growing. Cheap to clone. Not kept: after a crash they are counted from those that are left.
#[derive(Debug, Clone, Default)]
pub struct Families(Arc<Mutex<HashMap<RunId, Family>>>);

#[derive(Debug, Default)]
struct Family {
    started: usize,
    living: usize,
}

impl Families {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Family>> {
        // Nothing under this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more run of the family of `root`; none when it is full. It is under way until the answer is dropped.
    #[must_use]
    pub fn enter(&self, root: RunId) -> Option<Member> {
        let mut families = self.lock();
        let family = families.entry(root).or_default();
        if family.started >= FAMILY_MAX {
            return None;
        }
        family.started += 1;
        family.living += 1;
        Some(Member { families: self.clone(), root })
    }
}

/// A run of a family is under way until this is dropped.
#[derive(Debug)]
pub struct Member {
    families: Families,
    root: RunId,
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut families = self.families.lock();
        if let Some(family) = families.get_mut(&self.root) {
            family.living -= 1;
            if family.living == 0 {
                families.remove(&self.root);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_grows_to_its_bound_and_begins_anew_when_none_of_it_is_under_way() {
        let families = Families::default();
        let root = RunId(uuid::Uuid::from_u128(1));
        let first = families.enter(root).unwrap();
        for _ in 1..FAMILY_MAX {
            drop(families.enter(root).unwrap());
        }
        assert!(families.enter(root).is_none(), "who has ended counts as well");
        assert!(families.enter(RunId(uuid::Uuid::from_u128(2))).is_some(), "others are not concerned");
        drop(first);
        assert!(families.enter(root).is_some());
    }
}
