//! The latest appends by their ids, for writers who never got their answer.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::Ordering;

use ghostlight_world::OpenMode;

use super::segment::scan;
use super::shared::Shared;
use super::{OUTCOMES_KEPT, Outcome};
use crate::record::{Corruption, ReadError};

/// A bounded memory of what was committed.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    known: HashMap<[u8; 16], Outcome>,
    order: VecDeque<[u8; 16]>,
    /// What is damaged among the latest: of what is not known here nobody can say that it never was.
    pub damages: Vec<Corruption>,
}

impl Outcomes {
    /// Remembers an append; the oldest is forgotten when there are too many.
    pub fn insert(&mut self, id: [u8; 16], outcome: Outcome) {
        if self.known.insert(id, outcome).is_some() {
            return;
        }
        self.order.push_back(id);
        if self.order.len() > OUTCOMES_KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub fn get(&self, id: &[u8; 16]) -> Option<Outcome> {
        self.known.get(id).copied()
    }
}

impl Shared {
    pub fn outcome(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError> {
        if self.in_doubt.load(Ordering::Acquire) {
            return Err(ReadError::Unavailable);
        }
        let complete = {
            let outcomes = self.outcomes();
            if let Some(outcome) = outcomes.recent.get(&append_id) {
                return Ok(Some(outcome));
            }
            if let Some(corruption) = outcomes.recent.damages.first() {
                return Err(corruption.clone().into());
            }
            outcomes.complete
        };
        if complete { Ok(None) } else { self.steady(|| self.outcome_in_sealed(append_id)) }
    }

    /// Looks for an append of an earlier life, as far back as is promised.
    fn outcome_in_sealed(&self, append_id: [u8; 16]) -> Result<Option<Outcome>, ReadError> {
        let mut passed = 0;
        let sealed = self.state().sealed.clone();
        for sealed in sealed.iter().rev() {
            let file = self.world.files.open(&sealed.info.path, OpenMode::Read)?;
            let mut found = None;
            scan(&sealed.info, &*file, Some(sealed.end()), |_, _, _, appends| {
                passed += appends.len();
                let append = appends.iter().find(|append| append.id == append_id);
                found = found.or(append.map(|append| Outcome {
                    first_sequence: append.first_sequence,
                    last_sequence: append.last_sequence,
                }));
            })?;
            if found.is_some() {
                return Ok(found);
            }
            if passed >= OUTCOMES_KEPT {
                break;
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_latest_are_kept() {
        let mut outcomes = Outcomes::default();
        let id = |n: usize| (n as u128).to_le_bytes();
        for n in 0..=OUTCOMES_KEPT {
            outcomes.insert(id(n), Outcome { first_sequence: n as u64, last_sequence: n as u64 });
        }
        assert_eq!(outcomes.get(&id(0)), None);
        assert_eq!(outcomes.get(&id(1)).map(|o| o.last_sequence), Some(1));
        assert_eq!(outcomes.known.len(), OUTCOMES_KEPT);
    }
}
