//! A shelf: everything of one kind that is kept in versions, workflows or templates.
//!
//! Each of them is a stream in the journal; what is in memory are the heads of its versions. What a document has to be
//! like is said by whoever saves it here; the shelf knows names, versions, keys and the journal.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use ghostlight_model::definitions::Fold;
use ghostlight_model::definitions::key::Holding;
use ghostlight_model::definitions::workflow::{
    VersionHead, WorkflowCommand, WorkflowRejection, WorkflowState,
};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::event::Event;
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::Format;
use ghostlight_model::payload::Payload;
use ghostlight_store::StreamName;
use serde_json::Value;

use super::words::{EditError, Edited, Kind, SaveError, SaveWorkflow, Saved};
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::keys::{Begun, Claim, KeyRefusal};
use crate::ledger::{ChangeError, Changed, Ledger, blocking, target_of};
use crate::streams;

/// What checking a document came to.
pub(crate) struct Seen {
    /// Its name and the hash of its canonical form; none when it has errors.
    pub name: Option<(Name, DefinitionHash)>,
    /// Everything that is to be said about it.
    pub diagnostics: Vec<Diagnostic>,
}

/// All of one kind, by name. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Shelf {
    ledger: Ledger,
    kind: Kind,
    heads: Arc<RwLock<BTreeMap<Name, Arc<WorkflowState>>>>,
}

impl Shelf {
    /// Reads the heads of all versions from the journal; what is damaged is left out. Blocks on the disk.
    pub fn open(ledger: Ledger, kind: Kind) -> Result<Self, StoreError> {
        let mut heads = BTreeMap::new();
        for stream in ledger.streams(&format!("{}/{}/", kind.word(), streams::NAMESPACE))? {
            // Streams are named by us, of names: another one is nobody's.
            let Ok(name) = Name::new(stream.id()) else { continue };
            // The name of one that is damaged stays taken: whoever saves it is told of the damage.
            if let Some(state) = ledger.fold_unless_damaged::<WorkflowState>(&stream)? {
                heads.insert(name, Arc::new(state));
            }
        }
        Ok(Self { ledger, kind, heads: Arc::new(RwLock::new(heads)) })
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn stream(&self, name: &Name) -> StreamName {
        match self.kind {
            Kind::Workflow => streams::workflow(name),
            Kind::Template => streams::template(name),
        }
    }

    pub fn state(&self, name: &Name) -> Option<Arc<WorkflowState>> {
        self.heads.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// The head of a version, the latest when none is named, and what it is a version of.
    pub fn head(&self, name: &Name, version: Option<u64>) -> Option<(Arc<WorkflowState>, VersionHead)> {
        let state = self.state(name)?;
        let head = match version {
            Some(version) => state.version(version)?.clone(),
            None => state.latest()?.clone(),
        };
        Some((state, head))
    }

    /// All that are not deleted.
    pub fn names(&self) -> Vec<Name> {
        let present = |(name, state): (&Name, &Arc<WorkflowState>)| {
            let is_there = !state.is_deleted() && state.latest().is_some();
            is_there.then(|| name.clone())
        };
        self.heads.read().unwrap_or_else(PoisonError::into_inner).iter().filter_map(present).collect()
    }

    pub fn all(&self) -> Vec<(Name, Arc<WorkflowState>)> {
        let heads = self.heads.read().unwrap_or_else(PoisonError::into_inner);
        heads.iter().map(|(name, state)| (name.clone(), state.clone())).collect()
    }

    /// Keeps a state, unless one is known that has seen more.
    pub fn put(&self, name: &Name, state: WorkflowState) {
        let mut heads = self.heads.write().unwrap_or_else(PoisonError::into_inner);
        let known = heads.get(name).map_or(0, |known| known.stream_sequence());
        if state.stream_sequence() > known {
            heads.insert(name.clone(), Arc::new(state));
        }
    }

    /// Saves a document as the next version of what it names, when `check` accepts it. A request that is repeated under its
    /// key is not checked again, since what it was checked against may have changed: `again` says what is to be said of
    /// the document alone.
    pub async fn save(
        &self,
        save: SaveWorkflow,
        check: impl FnOnce(&str, Format) -> Seen + Send + 'static,
        again: impl FnOnce(&str, Format) -> Vec<Diagnostic> + Send + 'static,
        caller: &Caller,
    ) -> Result<Saved, SaveError> {
        let SaveWorkflow { source, format, name: expected, message, precondition, key } = save;
        let claim = match self.ledger.keys.begin(key.as_ref()).await?? {
            Begun::First(claim) => claim,
            Begun::Again(holding) => {
                let name = Name::new(target_of(&holding)?.id()).map_err(|_| StoreError::Unavailable)?;
                let warnings = blocking(move || Ok(again(&source, format))).await?;
                let changed = self.changed_before(&name, holding).await?;
                return saved(name, &changed, warnings);
            }
        };
        let ledger = self.ledger.clone();
        let (seen, kept) = blocking(move || {
            let seen = check(&source, format);
            // Blobs are kept before the event that names them; those of a refused save are swept.
            let kept = match &seen.name {
                Some(_) => Some(ledger.keep(Value::String(source))?),
                None => None,
            };
            Ok((seen, kept))
        })
        .await?;
        let (Some((name, hash)), Some(source)) = (seen.name, kept) else {
            return Err(SaveError::Invalid { kind: self.kind, diagnostics: seen.diagnostics });
        };
        if let Some(expected) = expected.filter(|expected| *expected != name) {
            return Err(SaveError::NameMismatch { expected, found: name });
        }
        let format = word_of(format).to_owned();
        let command = WorkflowCommand::Save { hash, source, format, message, precondition };
        let kind = self.kind;
        let refused = |name: &Name, rejection| SaveError::of(kind, name, rejection);
        let changed = self.change(&name, command, claim, caller, refused).await?;
        saved(name, &changed, seen.diagnostics)
    }

    /// The request that saves the document of an earlier version once more.
    pub async fn again(
        &self,
        name: &Name,
        version: u64,
        save: SaveWorkflow,
    ) -> Result<SaveWorkflow, SaveError> {
        let Some((_, head)) = self.head(name, Some(version)) else {
            let is_known = self.state(name).is_some();
            let version = is_known.then_some(version);
            return Err(SaveError::Unknown { kind: self.kind, name: name.clone(), version });
        };
        let (shelf, of, format) = (self.clone(), name.clone(), format_of(&head.format));
        let source = blocking(move || shelf.source(&of, &head)).await?;
        Ok(SaveWorkflow { source, format, name: Some(name.clone()), ..save })
    }

    /// Deletes, restores, or says whom it is for.
    pub async fn edit(
        &self,
        name: &Name,
        command: WorkflowCommand,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Edited, EditError> {
        let kind = self.kind;
        let refused = |name: &Name, rejection| EditError::of(kind, name, rejection);
        let changed = match self.ledger.keys.begin(key).await?? {
            Begun::First(claim) => self.change(name, command, claim, caller, refused).await?,
            Begun::Again(holding) => self.changed_before(name, holding).await?,
        };
        let latest = changed.state.latest().ok_or_else(|| EditError::Unknown { kind, name: name.clone() })?;
        let visibility = changed.state.visibility();
        Ok(Edited { current: latest.etag(), visibility, sequence: changed.state.sequence() })
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
        let stream = self.stream(name);
        let known = self.state(name).map(|state| (*state).clone()).unwrap_or_default();
        let decide = |state: &WorkflowState, _| {
            state.decide(command.clone()).map_err(|rejection| refused(name, rejection))
        };
        match self.ledger.change_once(&stream, known, claim, caller, decide).await {
            Ok(changed) => {
                self.put(name, changed.state.clone());
                Ok(changed)
            }
            Err(ChangeError::Rejected(error)) => Err(error),
            Err(ChangeError::Store(error)) => {
                // It may have been written although nobody knows: what the journal says holds.
                self.refresh(name).await;
                Err(error.into())
            }
        }
    }

    /// Takes over what the journal says of one name. If it cannot be read, the next change meets a conflict and reads it
    /// then.
    pub async fn refresh(&self, name: &Name) {
        let (ledger, stream) = (self.ledger.clone(), self.stream(name));
        if let Ok(state) = blocking(move || ledger.fold::<WorkflowState>(&stream)).await {
            self.put(name, state);
        }
    }

    /// What an earlier request came to. Its client may have gone away before what it wrote was kept here.
    async fn changed_before(
        &self,
        name: &Name,
        holding: Holding,
    ) -> Result<Changed<WorkflowState>, StoreError> {
        let changed = self.ledger.changed_before::<WorkflowState>(holding).await?;
        self.put(name, changed.state.clone());
        Ok(changed)
    }

    /// The document of a version as it was sent. Blocks on the disk.
    pub fn source(&self, name: &Name, head: &VersionHead) -> Result<String, StoreError> {
        let stream = self.stream(name);
        let damaged = || {
            let word = self.kind.word();
            StoreError::Damaged(format!("version {} of {word} {name} has no document", head.version))
        };
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

pub(crate) fn word_of(format: Format) -> &'static str {
    match format {
        Format::Yaml => "yaml",
        Format::Json => "json",
        Format::Toml => "toml",
    }
}

pub(crate) fn format_of(word: &str) -> Format {
    match word {
        "json" => Format::Json,
        "toml" => Format::Toml,
        // Every JSON text is YAML too: the right choice for a word of a newer program as well.
        _ => Format::Yaml,
    }
}
