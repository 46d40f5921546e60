//! The latest appends by their ids, for writers who never got their answer.

use std::collections::{HashMap, VecDeque};

use super::{OUTCOMES_KEPT, Outcome};
use crate::record::Corruption;

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
