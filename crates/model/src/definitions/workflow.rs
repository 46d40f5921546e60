//! What is kept as a row of immutable versions that may be deleted and restored: workflows, and templates of them.
//!
//! | state | save | delete | restore | change the visibility |
//! |---|---|---|---|---|
//! | absent | version 1 | `NotFound` | `NotFound` | `NotFound` |
//! | present | next version; nothing when the document is the same | deleted | nothing | changed; nothing when it is so |
//! | deleted | `Deleted` | nothing | present | `Deleted` |
//!
//! What is deleted keeps its versions: runs that follow one of them go on. Going back to an earlier version is a save of
//! its document, and makes a version of its own. Whoever saved the first version owns it; nothing is enforced by that
//! yet. A template is a workflow document with parameters, in a stream of another kind: rules and events are the same.

use jiff::Timestamp;

use super::{ETag, Fact, Fold, Precondition};
use crate::event::{Event, Visibility, WorkflowDeleted, WorkflowRestored, WorkflowSaved};
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
    /// Why, for people; empty when nobody said.
    pub message: String,
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

/// What is known of one workflow, or of one template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowState {
    versions: Vec<VersionHead>,
    visibility: Visibility,
    deleted: bool,
    stream_sequence: u64,
    sequence: u64,
}

/// What somebody wants of it.
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
        /// Why, for people.
        message: String,
        /// What must hold of the current version.
        precondition: Precondition,
    },
    /// Take no new runs.
    Delete {
        /// What must hold of the current version.
        precondition: Precondition,
    },
    /// Take runs again.
    Restore {
        /// What must hold of the current version.
        precondition: Precondition,
    },
    /// Say whom it is for.
    ChangeVisibility {
        /// For whom.
        visibility: Visibility,
        /// What must hold of the current version.
        precondition: Precondition,
    },
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowRejection {
    /// There is none of that name.
    #[error("there is none of that name")]
    NotFound,
    /// It is deleted: restore it first.
    #[error("it is deleted")]
    Deleted,
    /// It was to be a new one, and it exists.
    #[error("it exists already as version {}", current.version)]
    Exists {
        /// The version that is there.
        current: ETag,
    },
    /// The current version is another one than the caller saw.
    #[error("it is not at the version that was expected")]
    PreconditionFailed {
        /// The version that is there; none: it does not exist.
        current: Option<ETag>,
    },
}

impl WorkflowState {
    /// Whether nothing was ever done to it but saving: its tag says all of it then.
    #[must_use]
    pub fn is_as_saved(&self) -> bool {
        self.stream_sequence == self.versions.len() as u64
    }

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

    /// Who saved the first version; none: the runtime, or there is no version.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.versions.first()?.by.as_deref()
    }

    /// Whom it is for.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.visibility
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
            WorkflowCommand::Save { hash, source, format, message, precondition } => {
                let saved = WorkflowSaved { version: self.next_version(), hash, source, format, message };
                self.save(saved, &precondition)
            }
            WorkflowCommand::Delete { precondition } => self.delete(&precondition),
            WorkflowCommand::Restore { precondition } => self.restore(&precondition),
            WorkflowCommand::ChangeVisibility { visibility, precondition } => {
                self.change_visibility(visibility, &precondition)
            }
        }
    }

    /// The number of the version that is saved next.
    #[must_use]
    pub fn next_version(&self) -> u64 {
        self.latest().map_or(0, |latest| latest.version) + 1
    }

    fn save(
        &self,
        saved: WorkflowSaved,
        precondition: &Precondition,
    ) -> Result<Vec<Event>, WorkflowRejection> {
        if self.deleted {
            return Err(WorkflowRejection::Deleted);
        }
        let current = self.latest().map(VersionHead::etag);
        // A write that has been applied already succeeds whatever tag it came with (RFC 9110, 13.1.1): the caller
        // lost the first answer and asks again.
        let same = current.is_some_and(|current| current.hash == saved.hash);
        if same && *precondition != Precondition::Absent {
            return Ok(Vec::new());
        }
        self.check(precondition)?;
        Ok(vec![saved.into()])
    }

    fn change_visibility(
        &self,
        visibility: Visibility,
        precondition: &Precondition,
    ) -> Result<Vec<Event>, WorkflowRejection> {
        match (self.versions.is_empty(), self.deleted) {
            (true, _) => Err(WorkflowRejection::NotFound),
            (false, true) => Err(WorkflowRejection::Deleted),
            (false, false) if self.visibility == visibility => Ok(Vec::new()),
            (false, false) => {
                self.check(precondition)?;
                Ok(vec![WorkflowRestored { visibility: Some(visibility) }.into()])
            }
        }
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

    fn restore(&self, precondition: &Precondition) -> Result<Vec<Event>, WorkflowRejection> {
        match (self.versions.is_empty(), self.deleted) {
            (true, _) => Err(WorkflowRejection::NotFound),
            (false, true) => {
                self.check(precondition)?;
                Ok(vec![WorkflowRestored { visibility: None }.into()])
            }
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
                message: saved.message.clone(),
                stream_sequence: fact.stream_sequence,
                sequence: fact.sequence,
            }),
            Event::WorkflowDeleted(_) => self.deleted = true,
            Event::WorkflowRestored(restored) => {
                self.deleted = false;
                self.visibility = restored.visibility.unwrap_or(self.visibility);
            }
            // The stream holds nothing else; what does not belong here is not acted upon.
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
        WorkflowCommand::Save { hash, source, format: "yaml".into(), message: String::new(), precondition }
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
        let restore = WorkflowCommand::Restore { precondition: Precondition::None };
        let events = state.decide(restore.clone()).unwrap();
        apply(&mut state, &events, None);
        assert!(!state.is_deleted());
        assert_eq!(state.decide(restore), Ok(vec![]));
    }

    #[test]
    fn what_is_not_there_is_neither_deleted_nor_restored() {
        let state = WorkflowState::default();
        let delete = WorkflowCommand::Delete { precondition: Precondition::None };
        assert_eq!(state.decide(delete), Err(WorkflowRejection::NotFound));
        let restore = WorkflowCommand::Restore { precondition: Precondition::None };
        assert_eq!(state.decide(restore), Err(WorkflowRejection::NotFound));
    }

    #[test]
    fn a_restore_and_a_change_of_visibility_want_the_version_that_the_caller_saw_unless_it_is_so_already() {
        let first = after(vec![save("a", Precondition::None)]);
        let stale = Precondition::Match(tag(&first));
        let changes = || {
            let visibility = Visibility::Public;
            [
                WorkflowCommand::Restore { precondition: stale.clone() },
                WorkflowCommand::ChangeVisibility { visibility, precondition: stale.clone() },
            ]
        };
        let two = vec![save("a", Precondition::None), save("b", Precondition::None)];
        let delete = WorkflowCommand::Delete { precondition: Precondition::None };
        let publish = WorkflowCommand::ChangeVisibility {
            visibility: Visibility::Public,
            precondition: Precondition::None,
        };
        let [restore, show] = changes();
        for (state, change) in
            [(after([two.clone(), vec![delete.clone()]].concat()), restore), (after(two.clone()), show)]
        {
            let current = state.latest().map(VersionHead::etag);
            assert_eq!(state.decide(change), Err(WorkflowRejection::PreconditionFailed { current }));
        }
        let [restore, show] = changes();
        let deleted = after(vec![save("a", Precondition::None), delete]);
        assert_eq!(deleted.decide(restore.clone()).unwrap().len(), 1);
        assert_eq!(first.decide(show.clone()).unwrap().len(), 1);
        let as_wanted = after([two, vec![publish]].concat());
        assert_eq!((as_wanted.decide(restore), as_wanted.decide(show)), (Ok(vec![]), Ok(vec![])));
    }

    #[test]
    fn a_version_keeps_its_message_and_its_author_and_the_first_author_owns_all_of_them() {
        let mut state = WorkflowState::default();
        for (text, message, by) in [("a", "", "ann"), ("b", "shorter", "ben")] {
            let mut command = save(text, Precondition::None);
            if let WorkflowCommand::Save { message: of_command, .. } = &mut command {
                *of_command = message.to_owned();
            }
            let events = state.decide(command).unwrap();
            apply(&mut state, &events, Some(by));
        }
        assert_eq!(state.owner(), Some("ann"));
        let second = state.version(2).unwrap();
        assert_eq!((second.message.as_str(), second.by.as_deref()), ("shorter", Some("ben")));
    }

    #[test]
    fn whom_it_is_for_is_private_until_somebody_says_otherwise_and_makes_no_version() {
        let mut state = after(vec![save("a", Precondition::None)]);
        assert_eq!(state.visibility(), Visibility::Private);
        let publish = WorkflowCommand::ChangeVisibility {
            visibility: Visibility::Public,
            precondition: Precondition::None,
        };
        let events = state.decide(publish.clone()).unwrap();
        apply(&mut state, &events, Some("local"));
        assert_eq!((state.visibility(), state.versions().len()), (Visibility::Public, 1));
        assert_eq!(state.decide(publish.clone()), Ok(vec![]));
        assert_eq!(WorkflowState::default().decide(publish), Err(WorkflowRejection::NotFound));
    }
}
