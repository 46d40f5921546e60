//! What is asked of the catalogue and what it answers.

use std::sync::Arc;

use ghostlight_model::definitions::workflow::{VersionHead, WorkflowRejection, WorkflowState};
use ghostlight_model::definitions::{ETag, Precondition};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::event::Visibility;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::Format;
use ghostlight_model::workflow::Workflow;
use jiff::Timestamp;

use crate::caller::{IdempotencyKey, StoreError};
use crate::keys::KeyRefusal;
use crate::views::QueryError;

/// What is kept in versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Workflows.
    Workflow,
    /// Templates of workflows.
    Template,
}

impl Kind {
    /// What one of them is called.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Template => "template",
        }
    }
}

/// A document to save.
#[derive(Debug, Clone)]
pub struct SaveWorkflow {
    /// The document as it was sent.
    pub source: String,
    /// What it is written in.
    pub format: Format,
    /// The name it is saved under, when the caller says so; the document must have the same.
    pub name: Option<Name>,
    /// Why, for people.
    pub message: String,
    /// What must hold of the current version.
    pub precondition: Precondition,
    /// The same key and request save one version, however often they come.
    pub key: Option<IdempotencyKey>,
}

/// A document was saved, or was there already.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The workflow.
    pub name: Name,
    /// The version that is this document.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// Whether the latest version was the same document, so that none was made.
    pub unchanged: bool,
    /// What somebody should look at.
    pub warnings: Vec<Diagnostic>,
    /// Global sequence of the version's record.
    pub sequence: u64,
}

impl Saved {
    /// The tag of the version.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag { hash: self.hash, version: self.version }
    }
}

/// Why a document was not saved.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SaveError {
    /// The document has errors; warnings are among them too.
    #[error("the {} has errors", kind.word())]
    Invalid {
        /// What was to be saved.
        kind: Kind,
        /// All of them.
        diagnostics: Vec<Diagnostic>,
    },
    /// There is none of that name, or it has no such version.
    #[error("{}", unknown(*kind, name, *version))]
    Unknown {
        /// What was looked for.
        kind: Kind,
        /// Its name.
        name: Name,
        /// The version, when the name is known.
        version: Option<u64>,
    },
    /// The document has another name than the place it was sent to.
    #[error("the document is named `{found}`, not `{expected}`")]
    NameMismatch {
        /// Where it was sent to.
        expected: Name,
        /// What it calls itself.
        found: Name,
    },
    /// It was to be a new one, and one of that name exists.
    #[error("{} `{name}` exists already", kind.word())]
    Exists {
        /// What was to be new.
        kind: Kind,
        /// The name.
        name: Name,
        /// Its current version.
        current: ETag,
    },
    /// The current version is another one than the caller saw.
    #[error("the {} is not at the version that was expected", kind.word())]
    PreconditionFailed {
        /// What was to be changed.
        kind: Kind,
        /// The current version; none: there is none of that name.
        current: Option<ETag>,
    },
    /// It is deleted: restore it first.
    #[error("{} `{name}` is deleted; restore it first", kind.word())]
    Deleted {
        /// What is deleted.
        kind: Kind,
        /// Its name.
        name: Name,
    },
    /// It is part of the program.
    #[error("`{0}` is built in; save yours under another name")]
    BuiltIn(Name),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SaveError {
    pub(super) fn of(kind: Kind, name: &Name, rejection: WorkflowRejection) -> Self {
        match rejection {
            WorkflowRejection::Exists { current } => Self::Exists { kind, name: name.clone(), current },
            WorkflowRejection::PreconditionFailed { current } => Self::PreconditionFailed { kind, current },
            WorkflowRejection::Deleted => Self::Deleted { kind, name: name.clone() },
            // A save is never refused for this.
            WorkflowRejection::NotFound => Self::PreconditionFailed { kind, current: None },
        }
    }
}

fn unknown(kind: Kind, name: &Name, version: Option<u64>) -> String {
    match version {
        Some(version) => format!("{} `{name}` has no version {version}", kind.word()),
        None => format!("there is no {} `{name}`", kind.word()),
    }
}

/// It was deleted, restored or said whom it is for, or was so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited {
    /// Its latest version.
    pub current: ETag,
    /// Whom it is for.
    pub visibility: Visibility,
    /// Global sequence of the last change.
    pub sequence: u64,
}

/// Why it was not deleted, restored or given another visibility.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EditError {
    /// There is none of that name.
    #[error("there is no {} `{name}`", kind.word())]
    Unknown {
        /// What was looked for.
        kind: Kind,
        /// Its name.
        name: Name,
    },
    /// It is deleted: restore it first.
    #[error("{} `{name}` is deleted; restore it first", kind.word())]
    Deleted {
        /// What is deleted.
        kind: Kind,
        /// Its name.
        name: Name,
    },
    /// The current version is another one than the caller saw.
    #[error("the {} is not at the version that was expected", kind.word())]
    PreconditionFailed {
        /// What was to be changed.
        kind: Kind,
        /// The current version.
        current: Option<ETag>,
    },
    /// It is part of the program.
    #[error("`{0}` is built in; save yours under another name")]
    BuiltIn(Name),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EditError {
    pub(super) fn of(kind: Kind, name: &Name, rejection: WorkflowRejection) -> Self {
        let name = name.clone();
        match rejection {
            WorkflowRejection::PreconditionFailed { current } => Self::PreconditionFailed { kind, current },
            WorkflowRejection::Deleted => Self::Deleted { kind, name },
            // An edit is never refused because something exists.
            WorkflowRejection::NotFound | WorkflowRejection::Exists { .. } => Self::Unknown { kind, name },
        }
    }
}

/// Why there is no definition to follow.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such workflow.
    #[error("there is no such workflow")]
    Unknown,
    /// The workflow has no such version.
    #[error("the workflow has no version {0}")]
    UnknownVersion(u64),
    /// The workflow is deleted and takes no new runs.
    #[error("the workflow is deleted")]
    Deleted,
    /// The version does not compile with this program.
    #[error("the workflow's version cannot be used by this version of the program")]
    Unusable(Vec<Diagnostic>),
    /// It could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One version of a workflow, whole.
#[derive(Debug, Clone)]
pub struct WorkflowVersion {
    /// The workflow.
    pub name: Name,
    /// From 1.
    pub version: u64,
    /// Hash of the canonical document.
    pub hash: DefinitionHash,
    /// The document as it was sent.
    pub source: Arc<str>,
    /// What it is written in: `yaml` or `json`.
    pub format: String,
    /// When it was saved.
    pub saved_at: Timestamp,
    /// By whom; none: from the operator's file.
    pub saved_by: Option<String>,
    /// Why, for people.
    pub message: String,
    /// Who saved the first version; none: from the operator's file.
    pub owner: Option<String>,
    /// Whom the workflow is for.
    pub visibility: Visibility,
    /// Whether the workflow takes no new runs.
    pub deleted: bool,
    /// Whether nothing was ever done to the workflow but saving.
    pub is_as_saved: bool,
    /// The latest version of the workflow.
    pub latest: u64,
    /// The compiled form; none when this program does not accept the document any more.
    pub compiled: Option<Arc<Workflow>>,
    /// Global sequence of the version's record.
    pub sequence: u64,
}

impl WorkflowVersion {
    pub(crate) fn of(
        name: Name,
        state: &WorkflowState,
        head: VersionHead,
        source: String,
        compiled: Option<Arc<Workflow>>,
    ) -> Self {
        Self {
            name,
            version: head.version,
            hash: head.hash,
            source: source.into(),
            format: head.format,
            saved_at: head.at,
            saved_by: head.by,
            message: head.message,
            owner: state.owner().map(str::to_owned),
            visibility: state.visibility(),
            deleted: state.is_deleted(),
            is_as_saved: state.is_as_saved(),
            latest: state.latest().map_or(0, |latest| latest.version),
            compiled,
            sequence: head.sequence,
        }
    }

    /// The tag of the version.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag { hash: self.hash, version: self.version }
    }
}

/// A row of the list of workflows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowSummary {
    /// Its name.
    pub name: Name,
    /// For people; empty when its document says nothing, or cannot be read any more.
    pub description: String,
    /// The latest version.
    pub version: u64,
    /// Its hash.
    pub hash: DefinitionHash,
    /// When the first version was saved.
    pub created_at: Timestamp,
    /// When the latest version was saved.
    pub saved_at: Timestamp,
    /// By whom.
    pub saved_by: Option<String>,
    /// Why, for people.
    pub message: String,
    /// Who saved the first version; none: from the operator's file.
    pub owner: Option<String>,
    /// Whom it is for.
    pub visibility: Visibility,
    /// Whether it takes no new runs.
    pub deleted: bool,
}

/// Which workflows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowFilter {
    /// Those whose name holds this text; letters of any case.
    pub q: Option<String>,
    /// The deleted ones too.
    pub with_deleted: bool,
    /// By whom they are for.
    pub visibility: VisibilityFilter,
}

/// Which, by whom they are for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum VisibilityFilter {
    /// All of them: nobody is kept from anything yet.
    #[default]
    All,
    /// The public ones.
    Public,
    /// Those that this subject owns.
    Mine(Option<String>),
}

impl VisibilityFilter {
    pub(crate) fn takes(&self, state: &WorkflowState) -> bool {
        match self {
            Self::All => true,
            Self::Public => state.visibility() == Visibility::Public,
            Self::Mine(subject) => state.owner() == subject.as_deref(),
        }
    }
}

/// Why there is no list.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ListError {
    /// The page cannot be made.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}
