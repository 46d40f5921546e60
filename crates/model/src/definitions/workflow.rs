//! A workflow as a row of versions that may be deleted and restored.
//!
//! | state | save | delete | restore |
//! |---|---|---|---|
//! | absent | version 1 | `NotFound` | `NotFound` |
//! | present | next version; nothing when the document is the same | deleted | nothing |
//! | deleted | `Deleted` | nothing | present |
//!
//! A deleted workflow keeps its versions: runs that follow one of them go on.

use jiff::Timestamp;

use super::{ETag, Fact, Fold, Precondition};
use crate::event::{Event, WorkflowDeleted, WorkflowRestored, WorkflowSaved};
use crate::ids::DefinitionHash;
use crate::payload::Payload;

/// One version, without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionHead {
    /// From 1.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// `yaml` or `json`.
    pub format: String,
    /// When it was saved.
    pub at: Timestamp,
    /// By whom; none: the runtime, from the operator's file.
    pub by: Option<String>,
    /// Where in the stream its document stands.
    pub stream_sequence: u64,
    /// Global sequence of its record.
    pub sequence: u64,
}

impl VersionHead {
    /// The tag of this version.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag { hash: self.hash, version: self.version }
    }
}

/// What is known of one workflow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowState {
    versions: Vec<VersionHead>,
    deleted: bool,
    stream_sequence: u64,
    sequence: u64,
}

/// What somebody wants of a workflow.
#[derive(Debug, Clone, PartialEq)]
pub enum WorkflowCommand {
    /// Save a document that has been checked.
    Save {
        /// Hash of the canonical document.
        hash: DefinitionHash,
        /// Its text.
        source: Payload,
        /// `yaml` or `json`.
        format: String,
        /// What must hold of the current version.
        precondition: Precondition,
    },
    /// Take no new runs.
    Delete {
        /// What must hold of the current version.
        precondition: Precondition,
    },
    /// Take runs again.
    Restore,
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowRejection {
    /// There is no such workflow.
    #[error("there is no such workflow")]
    NotFound,
    /// It is deleted: restore it first.
    #[error("the workflow is deleted")]
    Deleted,
    /// It was to be a new one, and it exists.
    #[error("the workflow exists already as version {}", current.version)]
    Exists {
        /// The version that is there.
        current: ETag,
    },
    /// The current version is another one than the caller saw.
    #[error("the workflow is not at the version that was expected")]
    PreconditionFailed {
        /// The version that is there; none: the workflow does not exist.
        current: Option<ETag>,
    },
}

impl WorkflowState {
    /// All versions, the oldest first.
    #[must_use]
    pub fn versions(&self) -> &[VersionHead] {
        &self.versions
    }

    /// The version of that number.
    #[must_use]
    pub fn version(&self, version: u64) -> Option<&VersionHead> {
        // Versions are dense from 1.
        let index = usize::try_from(version.checked_sub(1)?).ok()?;
        self.versions.get(index).filter(|head| head.version == version)
    }

    /// The latest version, deleted or not.
    #[must_use]
    pub fn latest(&self) -> Option<&VersionHead> {
        self.versions.last()
    }

    /// Whether it takes no new runs.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// Global sequence of the last change; 0 when there is none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What `command` changes; an empty list when it is already so.
    ///
    /// # Errors
    /// [`WorkflowRejection`], by the table of this module.
    pub fn decide(&self, command: WorkflowCommand) -> Result<Vec<Event>, WorkflowRejection> {
        match command {
            WorkflowCommand::Save { hash, source, format, precondition } => {
                self.save(hash, source, format, &precondition)
            }
            WorkflowCommand::Delete { precondition } => self.delete(&precondition),
            WorkflowCommand::Restore => self.restore(),
        }
    }

    fn save(
        &self,
        hash: DefinitionHash,
        source: Payload,
        format: String,
        precondition: &Precondition,
    ) -> Result<Vec<Event>, WorkflowRejection> {
        if self.deleted {
            return Err(WorkflowRejection::Deleted);
        }
        let current = self.latest().map(VersionHead::etag);
        // A write that has been applied already succeeds whatever tag it came with (RFC 9110, 13.1.1): the caller
        // lost the first answer and asks again.
        let same = current.is_some_and(|current| current.hash == hash);
        if same && *precondition != Precondition::Absent {
            return Ok(Vec::new());
        }
        self.check(precondition)?;
        let version = current.map_or(0, |current| current.version) + 1;
        Ok(vec![WorkflowSaved { version, hash, source, format }.into()])
    }

    fn delete(&self, precondition: &Precondition) -> Result<Vec<Event>, WorkflowRejection> {
        if self.versions.is_empty() {
            return Err(WorkflowRejection::NotFound);
        }
        if self.deleted {
            return Ok(Vec::new());
        }
        self.check(precondition)?;
        Ok(vec![WorkflowDeleted {}.into()])
    }

    fn restore(&self) -> Result<Vec<Event>, WorkflowRejection> {
        match (self.versions.is_empty(), self.deleted) {
            (true, _) => Err(WorkflowRejection::NotFound),
            (false, true) => Ok(vec![WorkflowRestored {}.into()]),
            (false, false) => Ok(Vec::new()),
        }
    }

    fn check(&self, precondition: &Precondition) -> Result<(), WorkflowRejection> {
        let current = self.latest().map(VersionHead::etag);
        match (precondition.holds(current.as_ref()), precondition, current) {
            (true, _, _) => Ok(()),
            (false, Precondition::Absent, Some(current)) => Err(WorkflowRejection::Exists { current }),
            (false, _, current) => Err(WorkflowRejection::PreconditionFailed { current }),
        }
    }
}

impl Fold for WorkflowState {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.stream_sequence = fact.stream_sequence;
        self.sequence = fact.sequence;
        match fact.event {
            Event::WorkflowSaved(saved) => self.versions.push(VersionHead {
                version: saved.version,
                hash: saved.hash,
                format: saved.format.clone(),
                at: fact.at,
                by: fact.by.map(str::to_owned),
                stream_sequence: fact.stream_sequence,
                sequence: fact.sequence,
            }),
            Event::WorkflowDeleted(_) => self.deleted = true,
            Event::WorkflowRestored(_) => self.deleted = false,
            // A stream of a workflow holds nothing else; what does not belong here is not acted upon.
            _ => {}
        }
    }

    fn stream_sequence(&self) -> u64 {
        self.stream_sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definitions::testing::apply;
    use serde_json::json;

    fn save(text: &str, precondition: Precondition) -> WorkflowCommand {
        let hash = DefinitionHash::of(text.as_bytes());
        let source = Payload::inline(json!(text));
        WorkflowCommand::Save { hash, source, format: "yaml".into(), precondition }
    }

    fn after(commands: Vec<WorkflowCommand>) -> WorkflowState {
        let mut state = WorkflowState::default();
        for command in commands {
            let events = state.decide(command).unwrap();
            apply(&mut state, &events, Some("local"));
        }
        state
    }

    fn tag(state: &WorkflowState) -> String {
        state.latest().unwrap().etag().to_string()
    }

    #[test]
    fn versions_count_from_one_and_an_identical_document_makes_none() {
        let state = after(vec![
            save("a", Precondition::None),
            save("a", Precondition::None),
            save("b", Precondition::None),
            save("a", Precondition::None),
        ]);
        let versions: Vec<u64> = state.versions().iter().map(|head| head.version).collect();
        assert_eq!(versions, [1, 2, 3]);
        assert_eq!(state.version(1).unwrap().hash, state.version(3).unwrap().hash);
        assert!(state.version(0).is_none() && state.version(4).is_none());
        assert_ne!(state.version(1).unwrap().etag(), state.version(3).unwrap().etag());
    }

    #[test]
    fn a_stale_tag_is_refused_with_the_current_one() {
        let first = after(vec![save("a", Precondition::None)]);
        let stale = Precondition::Match(tag(&first));
        let second = after(vec![save("a", Precondition::None), save("b", stale.clone())]);
        assert_eq!(second.versions().len(), 2);
        assert_eq!(
            second.decide(save("c", stale.clone())),
            Err(WorkflowRejection::PreconditionFailed { current: second.latest().map(VersionHead::etag) })
        );
        assert!(matches!(
            second.decide(WorkflowCommand::Delete { precondition: stale }),
            Err(WorkflowRejection::PreconditionFailed { current: Some(_) })
        ));
        let absent = WorkflowState::default().decide(save("a", Precondition::Match("*".into())));
        assert_eq!(absent, Err(WorkflowRejection::PreconditionFailed { current: None }));
    }

    #[test]
    fn a_save_that_was_applied_already_succeeds_with_its_old_tag() {
        let first = after(vec![save("a", Precondition::None)]);
        let with_tag = save("b", Precondition::Match(tag(&first)));
        let second = after(vec![save("a", Precondition::None), with_tag.clone()]);
        assert_eq!(second.decide(with_tag), Ok(vec![]));
    }

    #[test]
    fn a_workflow_that_must_be_new_is_refused_when_it_exists_even_if_identical() {
        let state = after(vec![save("a", Precondition::Absent)]);
        for text in ["a", "b"] {
            assert!(matches!(
                state.decide(save(text, Precondition::Absent)),
                Err(WorkflowRejection::Exists { .. })
            ));
        }
    }

    #[test]
    fn a_deleted_workflow_keeps_its_versions_takes_no_save_and_can_be_restored() {
        let mut state = after(vec![
            save("a", Precondition::None),
            WorkflowCommand::Delete { precondition: Precondition::None },
        ]);
        assert!(state.is_deleted());
        assert_eq!(state.versions().len(), 1);
        assert_eq!(state.decide(save("b", Precondition::None)), Err(WorkflowRejection::Deleted));
        assert_eq!(state.decide(WorkflowCommand::Delete { precondition: Precondition::None }), Ok(vec![]));
        let events = state.decide(WorkflowCommand::Restore).unwrap();
        apply(&mut state, &events, None);
        assert!(!state.is_deleted());
        assert_eq!(state.decide(WorkflowCommand::Restore), Ok(vec![]));
    }

    #[test]
    fn what_is_not_there_is_neither_deleted_nor_restored() {
        let state = WorkflowState::default();
        let delete = WorkflowCommand::Delete { precondition: Precondition::None };
        assert_eq!(state.decide(delete), Err(WorkflowRejection::NotFound));
        assert_eq!(state.decide(WorkflowCommand::Restore), Err(WorkflowRejection::NotFound));
    }
}
