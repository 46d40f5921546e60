//! The catalogue: workflows by name and version.
//!
//! Each workflow is a stream in the journal; what is in memory are the heads of its versions and the compiled forms that
//! are in use. Documents are read from the journal and compiled when somebody asks for them.
//!
//! Promises: a saved version is durable, immutable and compiles; versions are dense from 1 however many save at the same
//! time; the same document saved twice is one version; what was asked under a key is answered again as it was, whatever
//! was saved since. A document that names an agent that does not exist is not saved.
//!
//! Leaves to others: who may save (the surface), and what a run does with a definition. A handle that is cheap to clone;
//! it has no life of its own, so that nothing is lost when an actor that uses it crashes.

mod files;
mod list;
mod shared;
mod shelf;
mod words;

use std::sync::Arc;

use ghostlight_model::definitions::Precondition;
use ghostlight_model::definitions::workflow::{VersionHead, WorkflowCommand};
use ghostlight_model::event::Visibility;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::{self, Format, Source};
use ghostlight_model::workflow::Workflow;
use serde_json::Value;

use crate::agents::AgentRegistry;
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::documents::{self, Checked};
use crate::ledger::{Ledger, blocking};
use crate::views::{Page, PageOf, QueryError};
use shared::SharedWorkflows;

pub(crate) use list::summary;
pub(crate) use shelf::{Seen, Shelf, format_of};
pub use words::{
    CatalogueError, EditError, Edited, Kind, ListError, SaveError, SaveWorkflow, Saved, VisibilityFilter,
    WorkflowFilter, WorkflowSummary, WorkflowVersion,
};

/// All workflows. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    inner: Arc<Inner>,
}

struct Inner {
    shelf: Shelf,
    agents: AgentRegistry,
    shared: SharedWorkflows,
}

impl Catalogue {
    /// Reads the heads of all workflows from the journal, without those that are damaged; nothing is compiled yet. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read.
    pub fn open(ledger: Ledger, agents: AgentRegistry) -> Result<Self, StoreError> {
        let shelf = Shelf::open(ledger, Kind::Workflow)?;
        Ok(Self { inner: Arc::new(Inner { shelf, agents, shared: SharedWorkflows::default() }) })
    }

    /// Compiles a document and checks the agents it names; stores nothing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the program is going down.
    pub async fn check(&self, source: String, format: Format) -> Result<Checked, StoreError> {
        let inner = self.inner.clone();
        blocking(move || Ok(inner.check(&source, format))).await
    }

    /// Saves a document as the next version of the workflow it names; the same document as the latest version makes
    /// none.
    ///
    /// # Errors
    /// [`SaveError`]; nothing was saved then, except perhaps on [`StoreError::OutcomeUnknown`]: saving again is safe.
    pub async fn save(&self, save: SaveWorkflow, caller: &Caller) -> Result<Saved, SaveError> {
        let inner = self.inner.clone();
        let check = move |source: &str, format| {
            let mut checked = inner.check(source, format);
            let workflow = checked.workflow.take();
            let workflow = workflow.map(|workflow| inner.shared.share(workflow.hash, workflow));
            let name = workflow.map(|workflow| (workflow.name.clone(), workflow.hash));
            Seen { name, diagnostics: checked.diagnostics }
        };
        let again = |source: &str, format| language::compile(&Source { text: source, format }).diagnostics;
        self.inner.shelf.save(save, check, again, caller).await
    }

    /// Makes the document of an earlier version the next one. It is checked as every other document that is saved.
    ///
    /// # Errors
    /// [`SaveError`], as [`Catalogue::save`].
    pub async fn roll_back(
        &self,
        name: &Name,
        version: u64,
        save: SaveWorkflow,
        caller: &Caller,
    ) -> Result<Saved, SaveError> {
        let save = self.inner.shelf.again(name, version, save).await?;
        self.save(save, caller).await
    }

    /// One version of a workflow, deleted or not; the latest when none is named. `None` when there is none.
    ///
    /// # Errors
    /// [`StoreError`] when its document cannot be read.
    pub async fn get(
        &self,
        name: &Name,
        version: Option<u64>,
    ) -> Result<Option<Arc<WorkflowVersion>>, StoreError> {
        let Some((state, head)) = self.inner.shelf.head(name, version) else { return Ok(None) };
        let (inner, name) = (self.inner.clone(), name.clone());
        blocking(move || {
            let source = inner.shelf.source(&name, &head)?;
            let compiled = inner.compile_version(&head, &source).ok();
            Ok(Some(Arc::new(WorkflowVersion::of(name, &state, head, source, compiled))))
        })
        .await
    }

    pub(crate) fn shelf(&self) -> &Shelf {
        &self.inner.shelf
    }

    /// Which workflows there are, deleted ones left out: for whom has mistyped a name.
    #[must_use]
    pub fn names(&self) -> Vec<Name> {
        self.inner.shelf.names()
    }

    /// The heads of all versions of a workflow, the newest first; `None` when there is no such workflow.
    #[must_use]
    pub fn versions(&self, name: &Name) -> Option<Vec<VersionHead>> {
        let state = self.inner.shelf.state(name)?;
        Some(state.versions().iter().rev().cloned().collect())
    }

    /// Whether there is a workflow of that name, deleted or not.
    #[must_use]
    pub fn is_known(&self, name: &Name) -> bool {
        self.inner.shelf.state(name).is_some_and(|state| state.latest().is_some())
    }

    /// A page of the heads of all versions, the newest first; `None` when there is no such workflow.
    ///
    /// # Errors
    /// [`QueryError`] when the page cannot be made.
    pub fn versions_page(&self, name: &Name, page: &Page) -> Result<Option<PageOf<VersionHead>>, QueryError> {
        self.inner.shelf.versions(name, page)
    }

    /// Takes no new runs of a workflow; its versions stay, and runs that follow one of them go on. Deleting it again
    /// changes nothing.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn delete(
        &self,
        name: &Name,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.inner.shelf.edit(name, WorkflowCommand::Delete { precondition }, key, caller).await
    }

    /// Takes runs of a deleted workflow again; nothing changes for one that is not deleted.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn restore(
        &self,
        name: &Name,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.inner.shelf.edit(name, WorkflowCommand::Restore { precondition }, key, caller).await
    }

    /// Says whom a workflow is for. Nothing is enforced by that yet.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn change_visibility(
        &self,
        name: &Name,
        visibility: Visibility,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        let command = WorkflowCommand::ChangeVisibility { visibility, precondition };
        self.inner.shelf.edit(name, command, key, caller).await
    }

    /// The compiled form of a version, of a deleted workflow too: what a run that pinned it follows. Blocks on the disk
    /// and compiles, unless the definition is in use or was lately.
    ///
    /// # Errors
    /// [`CatalogueError`], never `Deleted`.
    pub fn compiled(&self, name: &Name, version: u64) -> Result<Arc<Workflow>, CatalogueError> {
        let (_, head) =
            self.inner.shelf.head(name, Some(version)).ok_or_else(|| self.not_there(name, Some(version)))?;
        self.inner.compiled(name, &head)
    }

    /// What is not there: the workflow, or only this version of it.
    fn not_there(&self, name: &Name, version: Option<u64>) -> CatalogueError {
        match version.filter(|_| self.inner.shelf.head(name, None).is_some()) {
            Some(version) => CatalogueError::UnknownVersion(version),
            None => CatalogueError::Unknown,
        }
    }

    /// The compiled form of a version that a new run may follow, and which one it is; the latest when none is named.
    /// Blocks as [`Catalogue::compiled`] does.
    ///
    /// # Errors
    /// [`CatalogueError`].
    pub fn runnable(
        &self,
        name: &Name,
        version: Option<u64>,
    ) -> Result<(Arc<Workflow>, u64), CatalogueError> {
        let (state, head) =
            self.inner.shelf.head(name, version).ok_or_else(|| self.not_there(name, version))?;
        if state.is_deleted() {
            return Err(CatalogueError::Deleted);
        }
        Ok((self.inner.compiled(name, &head)?, head.version))
    }

    /// What [`Catalogue::runnable`] says, when it can be said from memory; nothing when the disk has to be asked.
    #[must_use]
    pub fn runnable_at_hand(
        &self,
        name: &Name,
        version: Option<u64>,
    ) -> Option<Result<(Arc<Workflow>, u64), CatalogueError>> {
        let Some((state, head)) = self.inner.shelf.head(name, version) else {
            return Some(Err(self.not_there(name, version)));
        };
        if state.is_deleted() {
            return Some(Err(CatalogueError::Deleted));
        }
        self.inner.shared.get(&head.hash).map(|workflow| Ok((workflow, head.version)))
    }

    /// The compiled form of a document that comes with a run, shared with every other use of the same definition.
    /// `hash` is the canonical hash when it is known, so that a document in use is not compiled again. Compiles, so
    /// call it beside the arbiters.
    ///
    /// # Errors
    /// [`CatalogueError::Unusable`].
    pub fn compile_document(
        &self,
        document: &Value,
        hash: Option<DefinitionHash>,
    ) -> Result<Arc<Workflow>, CatalogueError> {
        if let Some(shared) = hash.and_then(|hash| self.inner.shared.get(&hash)) {
            return Ok(shared);
        }
        let text = document.to_string();
        let compiled = language::compile(&Source { text: &text, format: Format::Json });
        match compiled.workflow {
            Some(workflow) => Ok(self.inner.shared.share(hash.unwrap_or(workflow.hash), workflow)),
            None => Err(CatalogueError::Unusable(compiled.diagnostics)),
        }
    }
}

impl Inner {
    fn check(&self, source: &str, format: Format) -> Checked {
        let known = documents::known(&self.agents.directory());
        let live = self.shelf.all().into_iter().filter(|(_, state)| !state.is_deleted());
        let workflows: Vec<Name> = live.map(|(name, _)| name).collect();
        let files = || self.agents.not_loaded();
        documents::check_workflow(source, format, &known, files, Some(&workflows))
    }

    fn compiled(&self, name: &Name, head: &VersionHead) -> Result<Arc<Workflow>, CatalogueError> {
        if let Some(shared) = self.shared.get(&head.hash) {
            return Ok(shared);
        }
        let source = self.shelf.source(name, head)?;
        self.compile_version(head, &source)
    }

    fn compile_version(&self, head: &VersionHead, source: &str) -> Result<Arc<Workflow>, CatalogueError> {
        if let Some(shared) = self.shared.get(&head.hash) {
            return Ok(shared);
        }
        let compiled = language::compile(&Source { text: source, format: format_of(&head.format) });
        match compiled.workflow {
            Some(workflow) => Ok(self.shared.share(head.hash, workflow)),
            None => Err(CatalogueError::Unusable(compiled.diagnostics)),
        }
    }
}

#[cfg(test)]
mod tests;
