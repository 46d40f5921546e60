//! Which records a subscriber sees. Decided from the envelope alone: kind, stream and routing word; no body is read.
//! Labels are the run's, and stand in its first record: they are looked up once per run.

use std::collections::{BTreeMap, BTreeSet};

use ghostlight_model::event::{KINDS, kind_name};
use ghostlight_model::ids::{Name, RunId};
use ghostlight_store::{Record, StreamName};

use super::live::LIVE_NAMES;
use crate::streams;

/// The most patterns of types in one filter.
pub const TYPE_PATTERNS_MAX: usize = 64;
/// The most labels in one filter.
pub const FEED_LABELS_MAX: usize = 8;

/// What the subscriber may read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Audience {
    /// Everything.
    #[default]
    Admin,
    /// Runs, workflows and agents; keys, tokens, audit and the system are hidden. On a feed without a filter a hidden
    /// record leaves a `record.hidden` frame with its sequence, so that the reader can still prove that nothing is missing.
    Reader,
}

/// Which records a subscriber sees. All conditions given must hold; the default sees all.
#[derive(Debug, Clone, Default)]
pub struct FeedFilter {
    /// Of these types.
    pub types: Option<TypeFilter>,
    /// Of this workflow: its runs, and its own stream.
    pub workflow: Option<Name>,
    /// Of runs with all these labels.
    pub labels: Vec<(String, String)>,
    /// Of this run.
    pub run: Option<RunId>,
    /// What may be read at all.
    pub audience: Audience,
}

/// A filter that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It fits the name of no event.
    #[error("no event is called `{pattern}`")]
    UnknownType {
        /// The pattern, cut to 100 characters.
        pattern: String,
    },
    /// More than [`TYPE_PATTERNS_MAX`] or [`FEED_LABELS_MAX`].
    #[error("a filter has at most {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        max: usize,
    },
}

/// The types of `types=run.*,step.completed`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeFilter {
    names: BTreeSet<&'static str>,
}

impl TypeFilter {
    /// Reads patterns with commas between them: the name of an event, `group.*`, or `*`.
    ///
    /// # Errors
    /// [`FilterError`] for a pattern that fits nothing, and for too many of them.
    pub fn parse(patterns: &str) -> Result<Self, FilterError> {
        let mut names = BTreeSet::new();
        for (at, pattern) in patterns.split(',').map(str::trim).enumerate() {
            if at >= TYPE_PATTERNS_MAX {
                return Err(FilterError::TooMany { what: "types", max: TYPE_PATTERNS_MAX });
            }
            let fitting: Vec<_> = all_names().filter(|name| fits(pattern, name)).collect();
            if fitting.is_empty() {
                return Err(FilterError::UnknownType { pattern: pattern.chars().take(100).collect() });
            }
            names.extend(fitting);
        }
        Ok(Self { names })
    }

    fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

fn all_names() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(_, name, _)| *name).chain(LIVE_NAMES)
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some("") => true,
        Some(group) => group.ends_with('.') && name.starts_with(group),
        None => pattern == name,
    }
}

/// What becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is shown.
    Show,
    /// It is shown if the facts of this run fit.
    Ask(RunId),
    /// Its place is shown.
    Hide,
    /// It is left out.
    Skip,
}

/// What is known of a run and filtered by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunFacts {
    pub workflow: String,
    pub labels: BTreeMap<String, String>,
}

impl FeedFilter {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`FilterError::TooMany`].
    pub fn checked(self) -> Result<Self, FilterError> {
        if self.labels.len() > FEED_LABELS_MAX {
            return Err(FilterError::TooMany { what: "labels", max: FEED_LABELS_MAX });
        }
        Ok(self)
    }

    /// Whether it leaves out nothing.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.types.is_none() && self.workflow.is_none() && self.labels.is_empty() && self.run.is_none()
    }

    pub(super) fn judge(&self, record: &Record) -> Verdict {
        let stream = &record.stream;
        if self.audience == Audience::Reader && !is_for_readers(stream) {
            return if self.is_everything() { Verdict::Hide } else { Verdict::Skip };
        }
        let type_fits = match (&self.types, kind_name(record.kind)) {
            (None, _) => true,
            (Some(types), Some(name)) => types.has(name),
            (Some(_), None) => false,
        };
        let fits = type_fits
            && self.run.is_none_or(|run| streams::run_of(stream) == Some(run))
            && self.workflow.as_ref().is_none_or(|workflow| is_of(workflow, record));
        match (fits, self.labels.is_empty(), streams::run_of(stream)) {
            (false, _, _) | (true, false, None) => Verdict::Skip,
            (true, true, _) => Verdict::Show,
            (true, false, Some(run)) => Verdict::Ask(run),
        }
    }

    /// What becomes of a live event of this name, about this run.
    pub(super) fn judge_live(&self, name: &str, run: Option<RunId>) -> Verdict {
        let fits = self.types.as_ref().is_none_or(|types| types.has(name))
            && self.run.is_none_or(|wanted| run == Some(wanted))
            && (self.audience == Audience::Admin || run.is_some());
        match (fits, self.workflow.is_none() && self.labels.is_empty(), run) {
            (false, _, _) | (true, false, None) => Verdict::Skip,
            (true, true, _) => Verdict::Show,
            (true, false, Some(run)) => Verdict::Ask(run),
        }
    }

    /// Whether a run with these facts is seen.
    pub(super) fn fits_run(&self, facts: &RunFacts) -> bool {
        self.workflow.as_ref().is_none_or(|workflow| workflow.as_str() == facts.workflow)
            && self.labels.iter().all(|(key, value)| facts.labels.get(key) == Some(value))
    }
}

fn is_for_readers(stream: &StreamName) -> bool {
    matches!(stream.kind(), "run" | "workflow" | "agent")
}

fn is_of(workflow: &Name, record: &Record) -> bool {
    match record.stream.kind() {
        "run" => &*record.route == workflow.as_str(),
        "workflow" => record.stream.id() == workflow.as_str(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use uuid::Uuid;

    use super::*;

    fn run(number: u128) -> RunId {
        RunId(Uuid::from_u128(number))
    }

    fn record(stream: StreamName, kind: u16, route: &str) -> Record {
        Record {
            sequence: 1,
            stream,
            stream_sequence: 1,
            time_us: 0,
            kind,
            version: 1,
            route: Arc::from(route),
            chain: [0; 32],
            body: bytes::Bytes::new(),
        }
    }

    fn types(patterns: &str) -> FeedFilter {
        FeedFilter { types: Some(TypeFilter::parse(patterns).unwrap()), ..FeedFilter::default() }
    }

    #[test]
    fn patterns_name_events_or_groups_of_them() {
        let started = record(streams::run(run(1)), 31, "demo");
        let created = record(streams::run(run(1)), 1, "demo");
        for (patterns, of_step, of_run) in [
            ("run.*", false, true),
            ("step.started", true, false),
            ("run.*, step.*", true, true),
            ("*", true, true),
        ] {
            assert_eq!(types(patterns).judge(&started) == Verdict::Show, of_step, "{patterns}");
            assert_eq!(types(patterns).judge(&created) == Verdict::Show, of_run, "{patterns}");
        }
        for bad in ["", "run", "ru*", "run.*,nothing.*", "step.started.*"] {
            assert!(matches!(TypeFilter::parse(bad), Err(FilterError::UnknownType { .. })), "{bad}");
        }
    }

    #[test]
    fn a_workflow_and_a_run_are_told_by_the_envelope() {
        let name = Name::new("demo").unwrap();
        let of_demo = FeedFilter { workflow: Some(name.clone()), ..FeedFilter::default() };
        assert_eq!(of_demo.judge(&record(streams::run(run(1)), 1, "demo")), Verdict::Show);
        assert_eq!(of_demo.judge(&record(streams::run(run(1)), 1, "other")), Verdict::Skip);
        assert_eq!(of_demo.judge(&record(streams::workflow(&name), 70, "")), Verdict::Show);
        assert_eq!(of_demo.judge(&record(streams::system(), 120, "")), Verdict::Skip);
        let of_run = FeedFilter { run: Some(run(1)), ..FeedFilter::default() };
        assert_eq!(of_run.judge(&record(streams::run(run(1)), 1, "demo")), Verdict::Show);
        assert_eq!(of_run.judge(&record(streams::run(run(2)), 1, "demo")), Verdict::Skip);
    }

    #[test]
    fn labels_ask_for_the_run() {
        let labels = vec![("team".to_owned(), "ops".to_owned())];
        let filter = FeedFilter { labels, ..FeedFilter::default() };
        assert_eq!(filter.judge(&record(streams::run(run(1)), 1, "demo")), Verdict::Ask(run(1)));
        assert_eq!(filter.judge(&record(streams::system(), 120, "")), Verdict::Skip);
        let facts =
            |team: &str| RunFacts { labels: [("team".into(), team.into())].into(), ..RunFacts::default() };
        assert!(filter.fits_run(&facts("ops")));
        assert!(!filter.fits_run(&facts("dev")));
    }

    #[test]
    fn what_a_reader_may_not_read_keeps_its_place_on_the_unfiltered_feed_only() {
        let token = record(streams::token("abc"), 110, "");
        let reader = FeedFilter { audience: Audience::Reader, ..FeedFilter::default() };
        assert_eq!(reader.judge(&token), Verdict::Hide);
        assert_eq!(FeedFilter { audience: Audience::Reader, ..types("*") }.judge(&token), Verdict::Skip);
        assert_eq!(FeedFilter::default().judge(&token), Verdict::Show);
    }
}
