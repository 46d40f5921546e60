//! Who is asked when several agents offer what a step needs: the one with the least to do.
//!
//! The rule, as a function of values. Of the enabled agents that offer the capability,
//!
//! 1. those that have room: an agent whose `concurrency` is used up stands back while another has room;
//! 2. the least load: attempts under way divided by `concurrency` where all that remain have one, else their number alone, so
//!    that what is compared is always of one kind;
//! 3. the better scorecard: the larger share of its ended attempts that succeeded, then the shorter mean time; of whom nothing
//!    is known nothing bad is known;
//! 4. the name.
//!
//! What was chosen in the same decision counts as under way. Each attempt chooses anew, except of an `idempotent` agent: only
//! who was called before knows the key under which calling twice does it once.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::directory::AgentEntry;
use crate::ids::Name;

/// When so many attempts have ended all of them count half: what an agent did lately weighs more.
const REMEMBERED_MAX: u32 = 256;

/// How an agent's attempts ended, as far as that is remembered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scorecard {
    ended: u32,
    succeeded: u32,
    took_ms: u64,
}

impl Scorecard {
    /// Takes note of the end of an attempt that took so long.
    pub fn add(&mut self, succeeded: bool, took: Duration) {
        if self.ended >= REMEMBERED_MAX {
            *self = Self { ended: self.ended / 2, succeeded: self.succeeded / 2, took_ms: self.took_ms / 2 };
        }
        self.ended += 1;
        self.succeeded += u32::from(succeeded);
        let took = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.took_ms = self.took_ms.saturating_add(took);
    }

    /// `Less` when this one is better.
    fn compare(&self, other: &Self) -> Ordering {
        let share = |of: &Self| if of.ended == 0 { (1, 1) } else { (of.succeeded.into(), of.ended.into()) };
        let mean = |of: &Self| (of.took_ms.into(), u128::from(of.ended.max(1)));
        compare_fractions(share(other), share(self)).then_with(|| compare_fractions(mean(self), mean(other)))
    }
}

/// How busy an agent is, and how it did so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its attempts under way, of all runs.
    pub under_way: u32,
    /// How those that ended did.
    pub scorecard: Scorecard,
}

/// What a decision knows of how busy agents are. Of whom it says nothing, nothing is under way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Workload {
    standings: BTreeMap<Name, Standing>,
}

impl FromIterator<(Name, Standing)> for Workload {
    fn from_iter<I: IntoIterator<Item = (Name, Standing)>>(standings: I) -> Self {
        Self { standings: standings.into_iter().collect() }
    }
}

impl Workload {
    fn of(&self, agent: &Name) -> Standing {
        self.standings.get(agent).copied().unwrap_or_default()
    }

    /// Counts one more attempt of an agent that was chosen.
    pub(super) fn add(&mut self, agent: &Name) {
        self.standings.entry(agent.clone()).or_default().under_way += 1;
    }

    /// Counts one more attempt of an agent that was named, if anybody may ask how busy it is.
    pub(super) fn add_known(&mut self, agent: &Name) {
        if let Some(standing) = self.standings.get_mut(agent) {
            standing.under_way += 1;
        }
    }
}

/// The one of these enabled agents, which stand in the order of their names, that is asked next.
pub(super) fn least_busy<'e>(
    capable: &'e [Arc<AgentEntry>],
    workload: &Workload,
) -> Option<&'e Arc<AgentEntry>> {
    if let [only] = capable {
        return Some(only);
    }
    let has_room =
        |entry: &AgentEntry| entry.concurrency.is_none_or(|max| workload.of(&entry.name).under_way < max);
    let any_has_room = capable.iter().any(|entry| has_room(entry));
    let remains = |entry: &AgentEntry| !any_has_room || has_room(entry);
    let all_limited = capable.iter().all(|entry| !remains(entry) || entry.concurrency.is_some());
    capable.iter().filter(|entry| remains(entry)).min_by(|one, other| {
        let (left, right) = (workload.of(&one.name), workload.of(&other.name));
        let load = |standing: &Standing, entry: &AgentEntry| {
            let of = entry.concurrency.filter(|_| all_limited).map_or(1, |max| u128::from(max.max(1)));
            (u128::from(standing.under_way), of)
        };
        compare_fractions(load(&left, one), load(&right, other))
            .then_with(|| left.scorecard.compare(&right.scorecard))
    })
}

/// Compares two fractions whose denominators are not zero.
fn compare_fractions(left: (u128, u128), right: (u128, u128)) -> Ordering {
    (left.0 * right.1).cmp(&(right.0 * left.1))
}
