//! The states of large runs that were read lately and that no actor shows: a page of one run asks for its parts one by one, and thawing or
//! folding the same ten thousand steps for each of them takes longer than all else.
//!
//! What is kept is only where a read begins ([`super::loading`]): what follows in the journal is folded as always, and actors begin
//! without it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ghostlight_model::ids::RunId;
use ghostlight_model::run::Run;

/// A run whose snapshot takes less is read again as quickly.
const LEAST_KIB: u32 = 64;
/// What the snapshots of all that are kept would take.
const MOST_KIB: u32 = 32 * 1024;

/// States that were read lately. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct LatelyRead {
    /// The one that was asked for last comes last. There are few: each is large.
    kept: Arc<Mutex<Vec<Kept>>>,
}

#[derive(Debug)]
struct Kept {
    run: Arc<Run>,
    kib: u32,
}

impl LatelyRead {
    fn lock(&self) -> MutexGuard<'_, Vec<Kept>> {
        // Nothing under this lock can panic half-way through a change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A state of the run, which may have gone on since.
    #[must_use]
    pub fn of(&self, id: RunId) -> Option<Arc<Run>> {
        let mut kept = self.lock();
        let at = kept.iter().position(|it| it.run.id == id)?;
        let found = kept.remove(at);
        let run = found.run.clone();
        kept.push(found);
        Some(run)
    }

    /// Keeps a state whose snapshot takes about this much, instead of those that nobody has asked for the longest.
    pub fn keep(&self, run: &Arc<Run>, kib: u32) {
        if !(LEAST_KIB..=MOST_KIB).contains(&kib) {
            return;
        }
        let mut kept = self.lock();
        let mut gone: Vec<Kept> = kept.extract_if(.., |it| it.run.id == run.id).collect();
        kept.push(Kept { run: run.clone(), kib });
        while kept.iter().map(|it| it.kib).sum::<u32>() > MOST_KIB {
            gone.push(kept.remove(0));
        }
        // A large state may take a while to be dropped.
        drop(kept);
        drop(gone);
    }

    /// Keeps nothing of this run any more.
    pub fn forget(&self, id: RunId) {
        let gone: Vec<Kept> = self.lock().extract_if(.., |it| it.run.id == id).collect();
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use ghostlight_model::language::{Format, Source, compile};
    use uuid::Uuid;

    use super::*;

    fn states(count: u128) -> Vec<Arc<Run>> {
        let text = "ghostlight: 1\nname: w\nnodes:\n  a: { type: agent_call, agent: noop }\n";
        let workflow = compile(&Source { text, format: Format::Yaml }).workflow.unwrap();
        (0..count).map(|id| Arc::new(Run::new(RunId(Uuid::from_u128(id)), workflow.clone()))).collect()
    }

    #[test]
    fn what_was_asked_for_last_stays_when_there_is_no_room_for_all() {
        let (all, lately) = (states(5), LatelyRead::default());
        all.iter().take(4).for_each(|run| lately.keep(run, MOST_KIB / 4));
        assert!(lately.of(all[0].id).is_some());
        lately.keep(&all[4], MOST_KIB / 4);
        let kept: Vec<bool> = all.iter().map(|run| lately.of(run.id).is_some()).collect();
        assert_eq!(kept, [true, false, true, true, true]);
    }

    #[test]
    fn a_later_state_takes_the_place_of_an_earlier_one_and_none_is_kept_of_what_is_forgotten() {
        let (all, again, lately) = (states(1), states(1), LatelyRead::default());
        lately.keep(&all[0], MOST_KIB);
        lately.keep(&again[0], MOST_KIB);
        assert!(lately.of(again[0].id).is_some_and(|kept| Arc::ptr_eq(&kept, &again[0])));
        assert_eq!(Arc::strong_count(&all[0]), 1);
        lately.forget(again[0].id);
        assert!(lately.of(again[0].id).is_none());
    }

    #[test]
    fn what_is_read_again_quickly_and_what_is_too_large_is_not_kept() {
        let (all, lately) = (states(2), LatelyRead::default());
        lately.keep(&all[0], LEAST_KIB - 1);
        lately.keep(&all[1], MOST_KIB + 1);
        assert!(all.iter().all(|run| lately.of(run.id).is_none()));
    }
}
