//! An agent as a row of versions, each from a file or from the API, that may be enabled and disabled.
//!
//! A file owns what it defines for as long as it is there: while the latest version came from a file, the API may enable
//! and disable the agent and may not change it. A file that goes away disables the agent, and the ownership ends; when
//! the file comes back, or somebody saves the agent over the API, what the removal did is undone. What a person disabled
//! stays disabled until a person enables it.

use jiff::Timestamp;

use super::{Fact, Fold};
use crate::event::{AgentDisabled, AgentEnabled, AgentSaved, Event};
use crate::ids::DefinitionHash;
use crate::payload::Payload;

/// The reason that stands in `agent.disabled` when the runtime disabled an agent because its file is gone.
pub const FILE_REMOVED: &str = "its definition file was removed";

/// One version, without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentVersionHead {
    /// From 1, in the order of saving.
    pub number: u64,
    /// Content hash of the definition.
    pub hash: DefinitionHash,
    /// The file that it came from; none: the API.
    pub file: Option<String>,
    /// When it was saved.
    pub at: Timestamp,
    /// By whom; none: the runtime, from a file.
    pub by: Option<String>,
    /// Where in the stream its document stands.
    pub stream_sequence: u64,
}

/// Why an agent is not called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DisabledBy {
    /// Somebody asked, with this reason.
    Person(String),
    /// Its file is gone.
    FileRemoval,
}

/// What is known of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentState {
    versions: Vec<AgentVersionHead>,
    disabled_by_person: Option<String>,
    file_is_gone: bool,
    stream_sequence: u64,
    sequence: u64,
}

/// What somebody wants of an agent.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentCommand {
    /// Save a definition that has been checked.
    Save {
        /// Content hash of the definition.
        hash: DefinitionHash,
        /// The definition as JSON.
        definition: Payload,
        /// The file that owns it; none: it comes over the API.
        file: Option<String>,
    },
    /// Its file is gone.
    FileRemoved {
        /// What the program itself says about an agent that is built in: hash and definition.
        falls_back_to: Option<(DefinitionHash, Payload)>,
    },
    /// It may be called.
    Enable,
    /// It is not to be called.
    Disable {
        /// Why, for people.
        reason: String,
    },
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentRejection {
    /// There is no such agent.
    #[error("there is no such agent")]
    NotFound,
    /// A file owns it: change the file.
    #[error("the agent is defined by the file `{file}`")]
    ManagedByFile {
        /// Which one.
        file: String,
    },
    /// Its file is gone: put it back, or save the agent over the API.
    #[error("the agent has no definition any more: {FILE_REMOVED}")]
    FileIsGone,
}

impl AgentState {
    /// All versions, the oldest first.
    #[must_use]
    pub fn versions(&self) -> &[AgentVersionHead] {
        &self.versions
    }

    /// The latest version.
    #[must_use]
    pub fn latest(&self) -> Option<&AgentVersionHead> {
        self.versions.last()
    }

    /// Why it is not called; none: it may be called.
    #[must_use]
    pub fn disabled(&self) -> Option<DisabledBy> {
        if self.file_is_gone {
            return Some(DisabledBy::FileRemoval);
        }
        self.disabled_by_person.clone().map(DisabledBy::Person)
    }

    /// The file that owns it now.
    #[must_use]
    pub fn managing_file(&self) -> Option<&str> {
        if self.file_is_gone { None } else { self.latest()?.file.as_deref() }
    }

    /// Global sequence of the last change; 0 when there is none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// What `command` changes; an empty list when it is already so. `exists_without_a_version` says that the agent is
    /// built in, so that it may be enabled and disabled before anything was saved.
    ///
    /// # Errors
    /// [`AgentRejection`].
    pub fn decide(
        &self,
        command: AgentCommand,
        exists_without_a_version: bool,
    ) -> Result<Vec<Event>, AgentRejection> {
        let exists = exists_without_a_version || !self.versions.is_empty();
        match command {
            AgentCommand::Save { hash, definition, file } => self.save(hash, definition, file),
            AgentCommand::FileRemoved { .. } | AgentCommand::Enable | AgentCommand::Disable { .. }
                if !exists =>
            {
                Err(AgentRejection::NotFound)
            }
            AgentCommand::FileRemoved { falls_back_to } => Ok(self.file_removed(falls_back_to)),
            AgentCommand::Enable => match self.disabled() {
                None => Ok(Vec::new()),
                Some(DisabledBy::Person(_)) => Ok(vec![AgentEnabled {}.into()]),
                Some(DisabledBy::FileRemoval) => Err(AgentRejection::FileIsGone),
            },
            AgentCommand::Disable { .. } if self.disabled_by_person.is_some() => Ok(Vec::new()),
            AgentCommand::Disable { reason } => Ok(vec![AgentDisabled { reason }.into()]),
        }
    }

    fn save(
        &self,
        hash: DefinitionHash,
        definition: Payload,
        file: Option<String>,
    ) -> Result<Vec<Event>, AgentRejection> {
        if let (Some(owner), None) = (self.managing_file(), &file) {
            return Err(AgentRejection::ManagedByFile { file: owner.to_owned() });
        }
        if self.is_latest(hash, file.as_deref()) && !self.file_is_gone {
            return Ok(Vec::new());
        }
        let mut events = vec![AgentSaved { hash, definition, file }.into()];
        if self.file_is_gone && self.disabled_by_person.is_none() {
            events.push(AgentEnabled {}.into());
        }
        Ok(events)
    }

    fn is_latest(&self, hash: DefinitionHash, file: Option<&str>) -> bool {
        self.latest().is_some_and(|latest| latest.hash == hash && latest.file.as_deref() == file)
    }

    fn file_removed(&self, falls_back_to: Option<(DefinitionHash, Payload)>) -> Vec<Event> {
        match (self.managing_file(), falls_back_to) {
            (None, _) => Vec::new(),
            (Some(_), Some((hash, definition))) => vec![AgentSaved { hash, definition, file: None }.into()],
            (Some(_), None) => vec![AgentDisabled { reason: FILE_REMOVED.to_owned() }.into()],
        }
    }
}

impl Fold for AgentState {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.stream_sequence = fact.stream_sequence;
        self.sequence = fact.sequence;
        match fact.event {
            Event::AgentSaved(saved) => {
                self.file_is_gone = false;
                // The same again says that a file has come back, which is no new version.
                if !self.is_latest(saved.hash, saved.file.as_deref()) {
                    self.versions.push(AgentVersionHead {
                        number: self.versions.len() as u64 + 1,
                        hash: saved.hash,
                        file: saved.file.clone(),
                        at: fact.at,
                        by: fact.by.map(str::to_owned),
                        stream_sequence: fact.stream_sequence,
                    });
                }
            }
            Event::AgentEnabled(_) => self.disabled_by_person = None,
            Event::AgentDisabled(disabled) => {
                // Only the runtime itself speaks for a file: a person's words are a person's, whatever they are.
                if fact.by.is_none() && disabled.reason == FILE_REMOVED {
                    self.file_is_gone = true;
                } else {
                    self.disabled_by_person = Some(disabled.reason.clone());
                }
            }
            // A stream of an agent holds nothing else.
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

    fn save(text: &str, file: Option<&str>) -> AgentCommand {
        let hash = DefinitionHash::of(text.as_bytes());
        AgentCommand::Save { hash, definition: Payload::inline(json!(text)), file: file.map(str::to_owned) }
    }

    fn give(state: &mut AgentState, command: AgentCommand, by: Option<&str>) -> usize {
        let events = state.decide(command, false).unwrap();
        apply(state, &events, by);
        events.len()
    }

    const REMOVED: AgentCommand = AgentCommand::FileRemoved { falls_back_to: None };

    fn disable(reason: &str) -> AgentCommand {
        AgentCommand::Disable { reason: reason.to_owned() }
    }

    #[test]
    fn what_a_file_defines_is_not_changed_over_the_api() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", Some("a.yaml")), None);
        assert_eq!(
            agent.decide(save("b", None), false),
            Err(AgentRejection::ManagedByFile { file: "a.yaml".into() })
        );
        assert_eq!(give(&mut agent, disable("noisy"), Some("local")), 1);
        assert!(matches!(agent.decide(save("b", None), false), Err(AgentRejection::ManagedByFile { .. })));
    }

    #[test]
    fn a_file_takes_over_what_came_over_the_api() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", None), Some("local"));
        assert_eq!(agent.managing_file(), None);
        assert_eq!(give(&mut agent, save("a", Some("a.yaml")), None), 1, "the owner changed, not the text");
        assert_eq!(agent.managing_file(), Some("a.yaml"));
        assert_eq!(give(&mut agent, save("a", Some("a.yaml")), None), 0);
    }

    #[test]
    fn a_removed_file_disables_the_agent_and_its_return_enables_it() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", Some("a.yaml")), None);
        assert_eq!(give(&mut agent, REMOVED, None), 1);
        assert_eq!(agent.disabled(), Some(DisabledBy::FileRemoval));
        assert_eq!(give(&mut agent, REMOVED, None), 0);
        assert_eq!(agent.decide(AgentCommand::Enable, false), Err(AgentRejection::FileIsGone));
        assert_eq!(give(&mut agent, save("a", Some("a.yaml")), None), 2);
        assert_eq!(agent.disabled(), None);
        assert_eq!(agent.versions().len(), 1);
    }

    #[test]
    fn after_its_file_is_gone_an_agent_may_be_saved_over_the_api_and_is_enabled_again() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", Some("a.yaml")), None);
        give(&mut agent, REMOVED, None);
        assert_eq!(give(&mut agent, save("a", None), Some("local")), 2);
        assert_eq!((agent.disabled(), agent.managing_file()), (None, None));
        assert_eq!(agent.versions().len(), 2);
    }

    #[test]
    fn what_a_person_disabled_stays_disabled_until_a_person_enables_it() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", Some("a.yaml")), None);
        give(&mut agent, disable(FILE_REMOVED), Some("local"));
        assert_eq!(agent.disabled(), Some(DisabledBy::Person(FILE_REMOVED.into())));
        give(&mut agent, save("b", Some("a.yaml")), None);
        assert!(agent.disabled().is_some());
        give(&mut agent, REMOVED, None);
        give(&mut agent, save("b", Some("a.yaml")), None);
        assert!(agent.disabled().is_some(), "the file went and came back, the person said nothing");
        assert_eq!(give(&mut agent, AgentCommand::Enable, Some("local")), 1);
        assert_eq!(agent.disabled(), None);
    }

    #[test]
    fn a_built_in_agent_falls_back_to_the_programs_word_when_its_file_is_gone() {
        let mut agent = AgentState::default();
        give(&mut agent, save("a", Some("noop.yaml")), None);
        let own = (DefinitionHash::of(b"own"), Payload::inline(json!("own")));
        give(&mut agent, AgentCommand::FileRemoved { falls_back_to: Some(own) }, None);
        assert_eq!((agent.disabled(), agent.managing_file()), (None, None));
        assert_eq!(agent.latest().unwrap().hash, DefinitionHash::of(b"own"));
    }

    #[test]
    fn only_what_exists_is_enabled_or_disabled_and_the_built_in_always_exist() {
        let agent = AgentState::default();
        assert_eq!(agent.decide(disable(""), false), Err(AgentRejection::NotFound));
        assert_eq!(agent.decide(AgentCommand::Enable, false), Err(AgentRejection::NotFound));
        assert_eq!(agent.decide(disable(""), true).unwrap().len(), 1);
        assert_eq!(agent.decide(AgentCommand::Enable, true), Ok(vec![]));
    }
}
