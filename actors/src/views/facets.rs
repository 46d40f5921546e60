//! By what runs are listed and counted: the groups of a run's row, and the counters that it stands in.
//!
//! Everything here is a function of the row, so that a list, the numbers over it and the history of hours never say
//! different things: a row that changes moves from its old counters to its new ones in the batch that changes it, and a run that is
//! dropped leaves all of them. What is counted is counted over all runs and within each workflow. A counter is there only as
//! long as a run stands in it, so there are never more of them than a few for each run of the list.

use bytes::Bytes;
use ghostlight_model::event::{PauseReason, WaitReason};
use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::run::RunStatus;
use jiff::Timestamp;

use super::projection::{counter_key, group};
use super::rows::RunRow;

/// How many seconds a bucket of the history has.
pub(super) const HOUR_S: i64 = 3_600;

/// What happened in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happened {
    /// Runs were admitted.
    Started,
    /// Runs ended with their output.
    Completed,
    /// Runs ended without.
    Failed,
    /// Runs ended because somebody asked.
    Cancelled,
}

impl Happened {
    /// All of it.
    pub const ALL: [Self; 4] = [Self::Started, Self::Completed, Self::Failed, Self::Cancelled];

    /// What an end is; none for a status that is no end.
    fn of_end(status: RunStatus) -> Option<Self> {
        match status {
            RunStatus::Completed => Some(Self::Completed),
            RunStatus::Failed => Some(Self::Failed),
            RunStatus::Cancelled => Some(Self::Cancelled),
            RunStatus::Pending | RunStatus::Running | RunStatus::Paused => None,
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Started => 0,
            Self::Completed => 1,
            Self::Failed => 2,
            Self::Cancelled => 3,
        }
    }
}

/// The groups that list a run.
pub(super) fn groups(row: &RunRow) -> Vec<Bytes> {
    let labels = row.labels.iter().map(|(key, value)| by_label(key, value));
    let parent = row.parent.as_ref().map(|parent| by_parent(parent.run));
    let shared = [by_status(row.status), by_workflow(&row.workflow)];
    shared.into_iter().chain(waits_and_reason(row)).chain(labels).chain(parent).collect()
}

/// The groups that count a run, and how much it counts in each.
pub(super) fn counted(row: &RunRow) -> Vec<(Bytes, u32)> {
    let mut facets: Vec<(Bytes, u32)> = vec![(by_status(row.status), 1)];
    facets.extend(waits_and_reason(row).map(|facet| (facet, 1)));
    if row.waiting_approvals > 0 {
        facets.push((questions(), row.waiting_approvals));
    }
    facets.push((in_hour(hour_of(row.created_at), Happened::Started), 1));
    if let (Some(end), Some(ended_at)) = (Happened::of_end(row.status), row.ended_at) {
        facets.push((in_hour(hour_of(ended_at), end), 1));
    }
    let of_workflow = facets.iter().map(|(facet, by)| (within(&row.workflow, facet), *by));
    let mut all: Vec<_> = of_workflow.collect();
    all.push((by_workflow(&row.workflow), 1));
    all.append(&mut facets);
    all
}

fn waits_and_reason(row: &RunRow) -> impl Iterator<Item = Bytes> {
    let waits = super::rows::WAITS.into_iter().filter(|wait| row.waits_for(*wait)).map(by_wait);
    waits.chain(row.reason.map(by_reason))
}

/// The runs of a status.
pub(super) fn by_status(status: RunStatus) -> Bytes {
    let number = match status {
        RunStatus::Pending => 0,
        RunStatus::Running => 1,
        RunStatus::Paused => 2,
        RunStatus::Completed => 3,
        RunStatus::Failed => 4,
        RunStatus::Cancelled => 5,
    };
    group(b's', &[number])
}

/// The runs of a workflow.
pub(super) fn by_workflow(workflow: &Name) -> Bytes {
    group(b'w', &[workflow.as_str().as_bytes(), &[0]].concat())
}

/// The runs with a label. Labels are people's texts of any length, so the key holds 16 bytes of their hash; who lists
/// by label compares the row.
pub(super) fn by_label(key: &str, value: &str) -> Bytes {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(value.as_bytes());
    group(b'l', &hasher.finalize().as_bytes()[..16])
}

/// The runs that have a step which waits for this.
pub(super) fn by_wait(wait: WaitReason) -> Bytes {
    let number = match wait {
        WaitReason::Approval => 0,
        WaitReason::Slot => 1,
        WaitReason::Reconcile => 2,
        WaitReason::Time => 3,
        WaitReason::Signal => 4,
        WaitReason::Child => 5,
        WaitReason::Verdict => 6,
    };
    group(b'n', &[number])
}

/// The runs that are paused for this reason.
pub(super) fn by_reason(reason: PauseReason) -> Bytes {
    let number = match reason {
        PauseReason::Operator => 0,
        PauseReason::Budget => 1,
        PauseReason::Credential => 2,
        PauseReason::Quarantined => 3,
        PauseReason::Storage => 4,
        PauseReason::Validation => 5,
    };
    group(b'p', &[number])
}

/// The runs that a step of this run started.
pub(super) fn by_parent(parent: RunId) -> Bytes {
    group(b'a', parent.0.as_bytes())
}

/// Questions to people that wait, counted and not listed: that is another view's.
pub(super) fn questions() -> Bytes {
    group(b'q', &[])
}

/// What a facet counts within one workflow.
pub(super) fn within(workflow: &Name, facet: &[u8]) -> Bytes {
    group(b'W', &[workflow.as_str().as_bytes(), &[0], facet].concat())
}

/// The number of the hour that a time is in, since 1970; times before count as the first hour, which no run is of.
pub(super) fn hour_of(at: Timestamp) -> u32 {
    u32::try_from(at.as_second().div_euclid(HOUR_S)).unwrap_or(0)
}

fn in_hour(hour: u32, happened: Happened) -> Bytes {
    let [a, b, c, d] = hour.to_be_bytes();
    group(b'h', &[a, b, c, d, happened.number()])
}

/// The beginning of the keys of the counters of all hours: of a workflow, or of all runs.
pub(super) fn hours_prefix(workflow: Option<&Name>) -> Bytes {
    let hours = group(b'h', &[]);
    counter_key(&workflow.map_or(hours.clone(), |workflow| within(workflow, &hours)))
}

/// The hour and what happened in it, of the key of such a counter.
pub(super) fn hour_in(key: &[u8]) -> Option<(u32, Happened)> {
    let [.., a, b, c, d, number] = *key else { return None };
    let happened = Happened::ALL.into_iter().find(|happened| happened.number() == number)?;
    Some((u32::from_be_bytes([a, b, c, d]), happened))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_of_an_hour_is_found_by_its_beginning_and_read_back() {
        let workflow = Name::new("incident").unwrap();
        for happened in Happened::ALL {
            let facet = in_hour(489_902, happened);
            for (of, group) in [(None, facet.clone()), (Some(&workflow), within(&workflow, &facet))] {
                let key = counter_key(&group);
                assert!(key.starts_with(&hours_prefix(of)));
                assert_eq!(hour_in(&key), Some((489_902, happened)));
            }
        }
        let other = Name::new("incident-response").unwrap();
        let key = counter_key(&within(&other, &in_hour(1, Happened::Started)));
        assert!(!key.starts_with(&hours_prefix(Some(&workflow))));
    }

    #[test]
    fn a_time_is_in_the_hour_that_began_before_it() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!([0, 3_599, 3_600, -1].map(|second| hour_of(at(second))), [0, 0, 1, 0]);
    }
}
