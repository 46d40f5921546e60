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
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use ghostlight_model::definitions::key::Holding;
use ghostlight_model::definitions::workflow::{
    VersionHead, WorkflowCommand, WorkflowRejection, WorkflowState,
};
use ghostlight_model::definitions::{Fold, Precondition};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::event::Event;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::{self, Format, Source};
use ghostlight_model::payload::Payload;
use ghostlight_model::workflow::Workflow;
use serde_json::Value;

use crate::agents::AgentRegistry;
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::documents::{self, Checked};
use crate::keys::{Begun, Claim, KeyRefusal};
use crate::ledger::{ChangeError, Changed, Ledger, blocking, target_of};
use crate::streams;
use shared::SharedWorkflows;

pub use words::{
    CatalogueError, EditError, Edited, ListError, SaveError, SaveWorkflow, Saved, WorkflowFilter,
    WorkflowSummary, WorkflowVersion,
};

/// All workflows. Cheap to clone.
#[derive(Clone)]
pub struct Catalogue {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: Ledger,
    agents: AgentRegistry,
    heads: RwLock<BTreeMap<Name, Arc<WorkflowState>>>,
    shared: SharedWorkflows,
}

impl Catalogue {
    /// Reads the heads of all workflows from the journal; nothing is compiled yet. Blocks on the disk.
    ///
    /// # Errors
    /// [`StoreError`] when a workflow's stream cannot be read.
    pub fn open(ledger: Ledger, agents: AgentRegistry) -> Result<Self, StoreError> {
        let mut heads = BTreeMap::new();
        for stream in ledger.streams("workflow/default/")? {
            // Streams are named by us, of names: another one is nobody's workflow.
            let Ok(name) = Name::new(stream.id()) else { continue };
            heads.insert(name, Arc::new(ledger.fold::<WorkflowState>(&stream)?));
        }
        let shared = SharedWorkflows::default();
        Ok(Self { inner: Arc::new(Inner { ledger, agents, heads: RwLock::new(heads), shared }) })
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
        let SaveWorkflow { source, format, name: expected, precondition, key } = save;
        let ledger = &self.inner.ledger;
        let claim = match ledger.keys.begin(key.as_ref()).await?? {
            Begun::First(claim) => claim,
            // Not checked again: what it was checked against may have changed since.
            Begun::Again(holding) => {
                let name = Name::new(target_of(&holding)?.id()).map_err(|_| StoreError::Unavailable)?;
                let read = move || Ok(language::compile(&Source { text: &source, format }).diagnostics);
                let warnings = blocking(read).await?;
                let changed = self.changed_before(&name, holding).await?;
                return saved(name, &changed, warnings);
            }
        };
        let inner = self.inner.clone();
        let (checked, kept) = blocking(move || {
            let mut checked = inner.check(&source, format);
            let kept = match checked.workflow.take() {
                Some(workflow) => {
                    checked.workflow = Some(inner.shared.share(workflow.hash, workflow));
                    // Blobs are kept before the event that names them; those of a refused save are swept.
                    Some(inner.ledger.keep(Value::String(source))?)
                }
                None => None,
            };
            Ok((checked, kept))
        })
        .await?;
        let (Some(workflow), Some(source)) = (checked.workflow, kept) else {
            return Err(SaveError::Invalid(checked.diagnostics));
        };
        if let Some(expected) = expected.filter(|expected| *expected != workflow.name) {
            return Err(SaveError::NameMismatch { expected, found: workflow.name.clone() });
        }
        let (name, hash) = (workflow.name.clone(), workflow.hash);
        let command =
            WorkflowCommand::Save { hash, source, format: word_of(format).to_owned(), precondition };
        let changed = self.change(&name, command, claim, caller, SaveError::of).await?;
        saved(name, &changed, checked.diagnostics)
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
        let Some((state, head)) = self.head(name, version) else { return Ok(None) };
        let (inner, name) = (self.inner.clone(), name.clone());
        blocking(move || {
            let source = inner.source(&name, &head)?;
            let compiled = inner.compile_version(&head, &source).ok();
            Ok(Some(Arc::new(WorkflowVersion {
                name,
                version: head.version,
                hash: head.hash,
                source: source.into(),
                format: head.format,
                saved_at: head.at,
                saved_by: head.by,
                deleted: state.is_deleted(),
                latest: state.latest().map_or(0, |latest| latest.version),
                compiled,
                sequence: head.sequence,
            })))
        })
        .await
    }

    /// The heads of all versions of a workflow, the newest first; `None` when there is no such workflow.
    #[must_use]
    pub fn versions(&self, name: &Name) -> Option<Vec<VersionHead>> {
        let state = self.state(name)?;
        Some(state.versions().iter().rev().cloned().collect())
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
        self.edit(name, WorkflowCommand::Delete { precondition }, key, caller).await
    }

    /// Takes runs of a deleted workflow again; nothing changes for one that is not deleted.
    ///
    /// # Errors
    /// [`EditError`].
    pub async fn restore(
        &self,
        name: &Name,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        self.edit(name, WorkflowCommand::Restore, key, caller).await
    }

    /// The compiled form of a version, of a deleted workflow too: what a run that pinned it follows. Blocks on the disk
    /// and compiles, unless the definition is in use or was lately.
    ///
    /// # Errors
    /// [`CatalogueError`], never `Deleted`.
    pub fn compiled(&self, name: &Name, version: u64) -> Result<Arc<Workflow>, CatalogueError> {
        let (_, head) = self.head(name, Some(version)).ok_or(CatalogueError::Unknown)?;
        self.inner.compiled(name, &head)
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
        let (state, head) = self.head(name, version).ok_or(CatalogueError::Unknown)?;
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
        let Some((state, head)) = self.head(name, version) else { return Some(Err(CatalogueError::Unknown)) };
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

    async fn edit(
        &self,
        name: &Name,
        command: WorkflowCommand,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        let changed = match self.inner.ledger.keys.begin(key).await?? {
            Begun::First(claim) => self.change(name, command, claim, caller, EditError::of).await?,
            Begun::Again(holding) => self.changed_before(name, holding).await?,
        };
        let latest = changed.state.latest().ok_or_else(|| EditError::Unknown(name.clone()))?;
        Ok(Edited { current: latest.etag(), sequence: changed.state.sequence() })
    }

    /// Decides and appends, and keeps what came of it; `refused` says what a refusal by the rule means to the caller.
    async fn change<E>(
        &self,
        name: &Name,
        command: WorkflowCommand,
        claim: Option<Claim>,
        caller: &Caller,
        refused: impl Fn(&Name, WorkflowRejection) -> E,
    ) -> Result<Changed<WorkflowState>, E>
    where
        E: From<KeyRefusal> + From<StoreError>,
    {
        let stream = streams::workflow(name);
        let known = self.state(name).map(|state| (*state).clone()).unwrap_or_default();
        let ledger = &self.inner.ledger;
        let decide = |state: &WorkflowState, _| {
            state.decide(command.clone()).map_err(|rejection| refused(name, rejection))
        };
        match ledger.change_once(&stream, known, claim, caller, decide).await {
            Ok(changed) => {
                self.put(name, changed.state.clone());
                Ok(changed)
            }
            Err(ChangeError::Rejected(error)) => Err(error),
            Err(ChangeError::Store(error)) => {
                // It may have been written although nobody knows: what the journal says holds.
                let ledger = ledger.clone();
                if let Ok(state) = blocking(move || ledger.fold::<WorkflowState>(&stream)).await {
                    self.put(name, state);
                }
                Err(error.into())
            }
        }
    }

    /// What an earlier request came to. Its client may have gone away before what it wrote was kept here.
    async fn changed_before(
        &self,
        name: &Name,
        holding: Holding,
    ) -> Result<Changed<WorkflowState>, StoreError> {
        let changed = self.inner.ledger.changed_before::<WorkflowState>(holding).await?;
        self.put(name, changed.state.clone());
        Ok(changed)
    }

    /// Keeps a state, unless one is known that has seen more.
    fn put(&self, name: &Name, state: WorkflowState) {
        let mut heads = self.inner.heads.write().unwrap_or_else(PoisonError::into_inner);
        let known = heads.get(name).map_or(0, |known| known.stream_sequence());
        if state.stream_sequence() > known {
            heads.insert(name.clone(), Arc::new(state));
        }
    }

    fn state(&self, name: &Name) -> Option<Arc<WorkflowState>> {
        self.inner.heads.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn head(&self, name: &Name, version: Option<u64>) -> Option<(Arc<WorkflowState>, VersionHead)> {
        let state = self.state(name)?;
        let head = match version {
            Some(version) => state.version(version)?.clone(),
            None => state.latest()?.clone(),
        };
        Some((state, head))
    }
}

impl Inner {
    fn check(&self, source: &str, format: Format) -> Checked {
        documents::check_workflow(source, format, &self.agents.directory())
    }

    fn compiled(&self, name: &Name, head: &VersionHead) -> Result<Arc<Workflow>, CatalogueError> {
        if let Some(shared) = self.shared.get(&head.hash) {
            return Ok(shared);
        }
        let source = self.source(name, head)?;
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

    fn source(&self, name: &Name, head: &VersionHead) -> Result<String, StoreError> {
        let stream = streams::workflow(name);
        let damaged =
            || StoreError::Damaged(format!("version {} of workflow {name} has no document", head.version));
        let payload: Payload = match self.ledger.event(&stream, head.stream_sequence)? {
            Some(Event::WorkflowSaved(saved)) => saved.source,
            Some(_) | None => return Err(damaged()),
        };
        let value = self.ledger.fetch(&payload)?;
        value.as_str().map(str::to_owned).ok_or_else(damaged)
    }
}

/// What a save came to, by the state that it left.
fn saved(
    name: Name,
    changed: &Changed<WorkflowState>,
    warnings: Vec<Diagnostic>,
) -> Result<Saved, SaveError> {
    let latest = changed.state.latest().ok_or(StoreError::Unavailable)?;
    Ok(Saved {
        version: latest.version,
        hash: latest.hash,
        unchanged: changed.sequence.is_none(),
        warnings,
        sequence: changed.sequence.unwrap_or(latest.sequence),
        name,
    })
}

fn word_of(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::Toml => "toml",
    }
}

fn format_of(word: &str) -> Format {
    match word {
        "json" => Format::Json,
        "toml" => Format::Toml,
        // Every JSON text is YAML too: the right choice for a word of a newer program as well.
        _ => Format::Yaml,
    }
}

#[cfg(test)]
mod tests;
