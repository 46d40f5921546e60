//! Which runs, as queries and the filters of batches name them: the same words in both.

use ghostlight_actors::views::{IdPrefix, RunFilter, STATUSES, WAITS};
use ghostlight_model::event::PauseReason;
use ghostlight_model::ids::{Name, RunId};
use ghostlight_model::run::RunStatus;
use jiff::Timestamp;

use super::paging::{labels, several_of};
use super::problem::{Code, Problem};
use super::resources::run::pause_reason;
use super::resources::step::wait_reason;
use super::surface::part;

/// Why runs are paused, in the order in which the API names the reasons.
const REASONS: [PauseReason; 6] = [
    PauseReason::Operator,
    PauseReason::Budget,
    PauseReason::Credential,
    PauseReason::Quarantined,
    PauseReason::Storage,
    PauseReason::Validation,
];

/// The words of a filter, as they were sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Words<'a> {
    /// Statuses with commas between them.
    pub status: Option<&'a str>,
    /// The name of a workflow.
    pub workflow: Option<&'a str>,
    /// Labels with commas between them.
    pub label: Option<&'a str>,
    /// What steps wait for, with commas between them.
    pub waits_for: Option<&'a str>,
    /// Why runs are paused, with commas between them.
    pub reason: Option<&'a str>,
    /// The id of a run.
    pub parent: Option<&'a str>,
    /// The beginning of an id.
    pub q: Option<&'a str>,
    /// Created at this time or later.
    pub since: Option<Timestamp>,
    /// Created before this time.
    pub until: Option<Timestamp>,
}

impl Words<'_> {
    /// The filter that they name.
    ///
    /// # Errors
    /// [`Code::BadQuery`].
    pub fn read(self) -> Result<RunFilter, Problem> {
        Ok(RunFilter {
            statuses: several_of("status", self.status, &STATUSES, RunStatus::as_str)?,
            waits_for: several_of("waits_for", self.waits_for, &WAITS, wait_reason)?,
            reasons: several_of("reason", self.reason, &REASONS, pause_reason)?,
            parent: self.parent.map(|id| part::<RunId>(id, Code::BadQuery)).transpose()?,
            begins: self.q.map(begins).transpose()?,
            workflow: self.workflow.map(|name| part::<Name>(name, Code::BadQuery)).transpose()?,
            labels: labels(self.label)?,
            since: self.since,
            until: self.until,
        })
    }
}

fn begins(text: &str) -> Result<IdPrefix, Problem> {
    let refused = || Problem::new(Code::BadQuery, "`q` is the beginning of the id of a run");
    IdPrefix::read(text).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_filters_are_equal_however_they_are_written() {
        let of = |status| Words { status: Some(status), ..Words::default() }.read().unwrap();
        assert_eq!(of("failed,running,failed"), of("running,failed"));
        assert_eq!(of("failed").statuses, [RunStatus::Failed]);
    }

    #[test]
    fn a_word_that_no_filter_knows_is_refused_with_those_that_there_are() {
        let words = [
            (Words { status: Some("done"), ..Words::default() }, "pending, running, paused"),
            (Words { status: Some("failed,"), ..Words::default() }, "pending, running, paused"),
            (Words { status: Some(""), ..Words::default() }, "pending, running, paused"),
            (
                Words { waits_for: Some("slot"), ..Words::default() },
                "approval, reconcile, signal, child, time",
            ),
            (
                Words { reason: Some("bored"), ..Words::default() },
                "operator, budget, credential, quarantined",
            ),
            (Words { parent: Some("me"), ..Words::default() }, "`me`"),
            (Words { q: Some("me"), ..Words::default() }, "the beginning of the id"),
        ];
        for (words, named) in words {
            let problem = words.read().unwrap_err();
            assert_eq!(problem.code(), Code::BadQuery, "{words:?}");
            assert!(problem.detail().contains(named), "{problem}");
        }
    }
}
