//! What is asked of the catalogue and what it answers.

use std::sync::Arc;

use ghostlight_model::definitions::workflow::WorkflowRejection;
use ghostlight_model::definitions::{ETag, Precondition};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::Format;
use ghostlight_model::workflow::Workflow;
use jiff::Timestamp;

use crate::caller::{IdempotencyKey, StoreError};
use crate::keys::KeyRefusal;
use crate::views::QueryError;

/// A document to save.
#[derive(Debug, Clone)]
pub struct SaveWorkflow {
    /// The document as it was sent.
    pub source: String,
    /// What it is written in.
    pub format: Format,
    /// The name it is saved under, when the caller says so; the document must have the same.
    pub name: Option<Name>,
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
    #[error("the workflow has errors")]
    Invalid(Vec<Diagnostic>),
    /// The document has another name than the place it was sent to.
    #[error("the document is named `{found}`, not `{expected}`")]
    NameMismatch {
        /// Where it was sent to.
        expected: Name,
        /// What it calls itself.
        found: Name,
    },
    /// It was to be a new workflow, and one of that name exists.
    #[error("workflow `{name}` exists already")]
    Exists {
        /// The name.
        name: Name,
        /// Its current version.
        current: ETag,
    },
    /// The current version is another one than the caller saw.
    #[error("the workflow is not at the version that was expected")]
    PreconditionFailed {
        /// The current version; none: there is no such workflow.
        current: Option<ETag>,
    },
    /// The workflow is deleted: restore it first.
    #[error("workflow `{0}` is deleted; restore it first")]
    Deleted(Name),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SaveError {
    pub(super) fn of(name: &Name, rejection: WorkflowRejection) -> Self {
        match rejection {
            WorkflowRejection::Exists { current } => Self::Exists { name: name.clone(), current },
            WorkflowRejection::PreconditionFailed { current } => Self::PreconditionFailed { current },
            WorkflowRejection::Deleted => Self::Deleted(name.clone()),
            // A save is never refused for this.
            WorkflowRejection::NotFound => Self::PreconditionFailed { current: None },
        }
    }
}

/// A workflow was deleted or restored, or was so already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edited {
    /// Its latest version.
    pub current: ETag,
    /// Global sequence of the last change.
    pub sequence: u64,
}

/// Why a workflow was not deleted or restored.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EditError {
    /// There is no workflow of that name.
    #[error("there is no workflow `{0}`")]
    Unknown(Name),
    /// The current version is another one than the caller saw.
    #[error("the workflow is not at the version that was expected")]
    PreconditionFailed {
        /// The current version.
        current: Option<ETag>,
    },
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EditError {
    pub(super) fn of(name: &Name, rejection: WorkflowRejection) -> Self {
        match rejection {
            WorkflowRejection::PreconditionFailed { current } => Self::PreconditionFailed { current },
            // Neither deleting nor restoring is refused for the other two.
            WorkflowRejection::NotFound | WorkflowRejection::Deleted | WorkflowRejection::Exists { .. } => {
                Self::Unknown(name.clone())
            }
        }
    }
}

/// Why there is no definition to follow.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogueError {
    /// There is no such workflow, or no such version.
    #[error("there is no such workflow or version")]
    Unknown,
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
    /// Whether the workflow takes no new runs.
    pub deleted: bool,
    /// The latest version of the workflow.
    pub latest: u64,
    /// The compiled form; none when this program does not accept the document any more.
    pub compiled: Option<Arc<Workflow>>,
    /// Global sequence of the version's record.
    pub sequence: u64,
}

impl WorkflowVersion {
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
