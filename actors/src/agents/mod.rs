//! Agents by name and version: the operator's files, what was saved over the API, and those that are built in.
//!
//! Each agent is a stream in the journal. What a decision needs to know of all of them is one immutable value, the
//! [`AgentDirectory`], that is swapped whole; what calls an agent is built once per version and shared.
//!
//! Promises: every version that was ever called stays callable, so that an attempt can be made again by the version that
//! its run pinned; a bad file never keeps the others from being loaded; what grants access to this machine comes from a
//! file, unless the operator allows otherwise. Leaves to others: how agents are called, their health and their circuits.

mod files;
mod grants;
mod known;
mod words;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use arc_swap::ArcSwap;
use ghostlight_agents::{Agent, Environment};
use ghostlight_model::agent::{AgentDefinition, Builtin, CompiledAgent};
use ghostlight_model::definitions::agent::{AgentCommand, AgentState};
use ghostlight_model::definitions::key::Holding;
use ghostlight_model::definitions::{ETag, Fold, Precondition};
use ghostlight_model::diagnostic::{Code, Diagnostic, Span};
use ghostlight_model::event::Event;
use ghostlight_model::failure::{ErrorClass, Failure, Happened};
use ghostlight_model::ids::{DefinitionHash, Name};
use ghostlight_model::language::{Format, Source};
use ghostlight_model::run::AgentDirectory;
use serde_json::json;

use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::definition_files::FileReport;
use crate::keys::{Begun, Claim};
use crate::ledger::{ChangeError, Changed, Ledger, blocking};
use crate::streams;
use known::Known;

pub use words::{AgentError, AgentInfo, AgentSettings, ManagedBy, SavedAgent};

/// Built versions that are kept. When there are more, all are let go of and built again as they are called.
const BUILT_MAX: usize = 4_096;

/// All agents. Cheap to clone.
#[derive(Clone)]
pub struct AgentRegistry {
    inner: Arc<Inner>,
}

struct Inner {
    ledger: Ledger,
    environment: Environment,
    settings: AgentSettings,
    known: RwLock<BTreeMap<Name, Arc<Known>>>,
    directory: ArcSwap<AgentDirectory>,
    built: Mutex<HashMap<(Name, DefinitionHash), Arc<dyn Agent>>>,
    /// Held while files are loaded: two loads at once would each take the other's files for removed.
    loading: tokio::sync::Mutex<()>,
}

/// A definition that compiles and can be called.
struct Usable {
    definition: Arc<AgentDefinition>,
    warnings: Vec<Diagnostic>,
}

impl AgentRegistry {
    /// Reads all agents from the journal, without those that are damaged, then the operator's files, and tells what became of
    /// each file.
    ///
    /// # Errors
    /// [`StoreError`] when the journal cannot be read, or the store takes nothing.
    pub async fn open(
        ledger: Ledger,
        environment: Environment,
        settings: AgentSettings,
    ) -> Result<(Self, Vec<FileReport>), StoreError> {
        let registry = Self {
            inner: Arc::new(Inner {
                ledger,
                environment,
                settings,
                known: RwLock::default(),
                directory: ArcSwap::default(),
                built: Mutex::default(),
                loading: tokio::sync::Mutex::default(),
            }),
        };
        let inner = registry.inner.clone();
        let known = blocking(move || inner.load()).await?;
        *registry.inner.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        registry.inner.publish();
        let reports = registry.reload().await?;
        Ok((registry, reports))
    }

    /// Who can be called right now.
    #[must_use]
    pub fn directory(&self) -> Arc<AgentDirectory> {
        self.inner.directory.load_full()
    }

    /// What calls the version of `name` whose hash is `version`, current or not. Built once and shared; only a version
    /// that was replaced before this start is read from the disk.
    ///
    /// # Errors
    /// A [`Failure`] with `happened: no`: class `capability` when there is no such agent or version, `configuration`
    /// when it cannot be called on this machine, `transient` when the store could not be read.
    pub fn callable(&self, name: &Name, version: &DefinitionHash) -> Result<Arc<dyn Agent>, Failure> {
        if let Some(built) = self.inner.built().get(&(name.clone(), *version)) {
            return Ok(built.clone());
        }
        let definition = self.inner.definition(name, version)?;
        let agent = ghostlight_agents::build(&definition, &self.inner.environment)
            .map_err(|error| failure(ErrorClass::Configuration, "agent_not_usable", error.to_string()))?;
        self.inner.keep_built(name, version, &agent);
        Ok(agent)
    }

    /// All agents, by name.
    #[must_use]
    pub fn list(&self) -> Vec<AgentInfo> {
        self.inner.known().iter().map(|(name, known)| known.info(name)).collect()
    }

    /// What is known of one agent.
    #[must_use]
    pub fn get(&self, name: &Name) -> Option<AgentInfo> {
        self.inner.known().get(name).map(|known| known.info(name))
    }

    /// Saves a definition that came over the API under `name`, when `precondition` holds of the latest version. The same
    /// as the latest version makes none.
    ///
    /// # Errors
    /// [`AgentError`].
    pub async fn save(
        &self,
        name: &Name,
        text: String,
        format: Format,
        precondition: Precondition,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<SavedAgent, AgentError> {
        let claim = match self.inner.ledger.keys.begin(key).await?? {
            Begun::First(claim) => claim,
            // Not checked again: what it was checked against may have changed since.
            Begun::Again(holding) => {
                let warnings = blocking(move || Ok(read(&text, format).diagnostics)).await?;
                let changed = self.changed_before(name, holding).await?;
                return Ok(SavedAgent { warnings, ..saved(name, &changed)? });
            }
        };
        let inner = self.inner.clone();
        let usable = blocking(move || Ok(inner.usable(&text, format))).await?;
        let Usable { definition, warnings } = usable.map_err(AgentError::Invalid)?;
        if definition.name != *name {
            return Err(AgentError::NameMismatch { expected: name.clone(), found: definition.name.clone() });
        }
        self.permitted(&definition)?;
        let saved = self.save_definition(definition, None, precondition, claim, caller).await?;
        self.inner.publish();
        Ok(SavedAgent { warnings, ..saved })
    }

    /// Whether a definition may come from elsewhere than the operator's files.
    fn permitted(&self, definition: &AgentDefinition) -> Result<(), AgentError> {
        let name = &definition.name;
        let managing_file =
            self.inner.known().get(name).and_then(|known| known.state.managing_file().map(str::to_owned));
        if let Some(file) = managing_file {
            return Err(AgentError::ManagedByFile { name: name.clone(), file });
        }
        if Builtin::find(name.as_str()).is_some() {
            return Err(AgentError::BuiltIn(name.clone()));
        }
        let grant = grants::asked_for(definition).filter(|_| !self.inner.settings.allow_api_command);
        grant.map_or(Ok(()), |grant| Err(AgentError::NotGranted(grant)))
    }

    /// A definition of a bundle, when it may be saved as one that came over the API; nothing when the agent's current
    /// definition is the same already. Blocks while it is built.
    pub(crate) fn importable(
        &self,
        name: &Name,
        definition: &serde_json::Value,
    ) -> Result<Option<Arc<AgentDefinition>>, AgentError> {
        let Usable { definition, warnings: _ } =
            self.inner.usable(&definition.to_string(), Format::Json).map_err(AgentError::Invalid)?;
        if definition.name != *name {
            return Err(AgentError::NameMismatch { expected: name.clone(), found: definition.name.clone() });
        }
        let current = self.inner.known().get(name).and_then(|known| known.current().cloned());
        if current.is_some_and(|current| current.hash == definition.hash) {
            return Ok(None);
        }
        self.permitted(&definition)?;
        Ok(Some(definition))
    }

    /// Takes over what the journal says of an agent that was changed elsewhere.
    pub(crate) async fn refresh(&self, name: &Name) {
        let (inner, name) = (self.inner.clone(), name.clone());
        let read = blocking(move || {
            let known = inner.load_one(&name)?;
            inner.put(&name, known.state, known.definition);
            inner.publish();
            Ok(())
        });
        // If it cannot be read, the next change meets a conflict and reads it then.
        let _ = read.await;
    }

    /// Lets an agent be called again, and tells what is known of it then.
    ///
    /// # Errors
    /// [`AgentError`].
    pub async fn enable(
        &self,
        name: &Name,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<AgentInfo, AgentError> {
        self.switch(name, AgentCommand::Enable, key, caller).await
    }

    /// Calls an agent no more, and tells what is known of it then; attempts that are under way go on.
    ///
    /// # Errors
    /// [`AgentError`].
    pub async fn disable(
        &self,
        name: &Name,
        reason: &str,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<AgentInfo, AgentError> {
        self.switch(name, AgentCommand::Disable { reason: reason.to_owned() }, key, caller).await
    }

    async fn switch(
        &self,
        name: &Name,
        command: AgentCommand,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<AgentInfo, AgentError> {
        let changed = match self.inner.ledger.keys.begin(key).await?? {
            Begun::First(claim) => {
                let changed = self.change(name, command, None, Precondition::None, claim, caller).await?;
                self.inner.publish();
                changed
            }
            Begun::Again(holding) => self.changed_before(name, holding).await?,
        };
        let (inner, name) = (self.inner.clone(), name.clone());
        blocking(move || Ok(inner.as_of(&name, changed.state)?.info(&name))).await.map_err(AgentError::Store)
    }

    /// What an earlier request came to. Its client may have gone away before what it wrote was kept here.
    async fn changed_before(&self, name: &Name, holding: Holding) -> Result<Changed<AgentState>, StoreError> {
        let changed = self.inner.ledger.changed_before::<AgentState>(holding).await?;
        let (inner, name, state) = (self.inner.clone(), name.clone(), changed.state.clone());
        blocking(move || {
            let known = inner.as_of(&name, state)?;
            inner.put(&name, known.state, known.definition);
            inner.publish();
            Ok(())
        })
        .await?;
        Ok(changed)
    }

    async fn save_definition(
        &self,
        definition: Arc<AgentDefinition>,
        file: Option<String>,
        precondition: Precondition,
        claim: Option<Claim>,
        caller: &Caller,
    ) -> Result<SavedAgent, AgentError> {
        let (name, hash) = (definition.name.clone(), definition.hash);
        let (ledger, document) = (self.inner.ledger.clone(), definition.document.clone());
        let kept = blocking(move || ledger.keep(document)).await?;
        let command = AgentCommand::Save { hash, definition: kept, file };
        let changed = self.change(&name, command, Some(definition), precondition, claim, caller).await?;
        saved(&name, &changed)
    }

    /// Decides and appends, and keeps what came of it; `definition` is what the agent's latest version says after a save.
    /// The directory is not published: who changes several agents does it once.
    async fn change(
        &self,
        name: &Name,
        command: AgentCommand,
        definition: Option<Arc<AgentDefinition>>,
        precondition: Precondition,
        claim: Option<Claim>,
        caller: &Caller,
    ) -> Result<Changed<AgentState>, AgentError> {
        let stream = streams::agent(name);
        let known = self.inner.known().get(name).cloned();
        let is_builtin = Builtin::find(name.as_str()).is_some();
        let state = known.as_ref().map(|known| known.state.clone()).unwrap_or_default();
        let decide = |state: &AgentState, _| {
            let current = state.latest().map(|latest| ETag { hash: latest.hash, version: latest.number });
            if !precondition.holds(current.as_ref()) {
                return Err(AgentError::PreconditionFailed { current });
            }
            state.decide(command.clone(), is_builtin).map_err(|rejection| AgentError::of(name, rejection))
        };
        match self.inner.ledger.change_once(&stream, state, claim, caller, decide).await {
            Ok(changed) => {
                let missing = self.inner.put(name, changed.state.clone(), definition);
                if let Some(stream_sequence) = missing {
                    // Somebody saved it in between, perhaps in another process.
                    let (inner, name, state) = (self.inner.clone(), name.clone(), changed.state.clone());
                    blocking(move || {
                        let definition = inner.stored(&name, stream_sequence)?;
                        inner.put(&name, state, definition);
                        Ok(())
                    })
                    .await?;
                }
                Ok(changed)
            }
            Err(ChangeError::Rejected(error)) => Err(error),
            Err(ChangeError::Store(error)) => {
                // It may have been written although nobody knows: what the journal says holds.
                let (inner, name) = (self.inner.clone(), name.clone());
                let read = blocking(move || {
                    let known = inner.load_one(&name)?;
                    inner.put(&name, known.state, known.definition);
                    inner.publish();
                    Ok(())
                });
                // If it cannot be read either, the next change meets a conflict and reads it then.
                let _ = read.await;
                Err(AgentError::Store(error))
            }
        }
    }
}

impl Inner {
    fn known(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<Name, Arc<Known>>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn built(&self) -> std::sync::MutexGuard<'_, HashMap<(Name, DefinitionHash), Arc<dyn Agent>>> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep_built(&self, name: &Name, version: &DefinitionHash, agent: &Arc<dyn Agent>) {
        let mut built = self.built();
        if built.len() >= BUILT_MAX {
            built.clear();
        }
        built.insert((name.clone(), *version), agent.clone());
    }

    /// Swaps the directory for one of what is known now.
    fn publish(&self) {
        // The lock is held over the swap: of two who publish, the one who knows more is the last.
        let known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let entries = known.iter().filter_map(|(name, known)| known.entry(name));
        self.directory.store(Arc::new(AgentDirectory::new(entries)));
    }

    /// Keeps a state and what its latest version says, unless a state is known that has seen more. Answers with the place
    /// of the latest version's record when nobody has said yet what it says.
    fn put(&self, name: &Name, state: AgentState, definition: Option<Arc<AgentDefinition>>) -> Option<u64> {
        let mut all = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = all.get(name).cloned();
        let state = match &before {
            Some(before) if before.state.stream_sequence() > state.stream_sequence() => before.state.clone(),
            Some(_) | None => state,
        };
        let builtin = before.as_ref().and_then(|before| before.builtin.clone());
        let said = [definition, before.and_then(|before| before.definition.clone())];
        let latest = state.latest().map(|latest| (latest.hash, latest.stream_sequence));
        // Of two who change an agent at the same time, either may know what the latest version says.
        let definition =
            said.into_iter().flatten().find(|said| latest.is_some_and(|(hash, _)| hash == said.hash));
        let missing = latest.filter(|_| definition.is_none()).map(|(_, stream_sequence)| stream_sequence);
        all.insert(name.clone(), Arc::new(Known { state, definition, builtin }));
        missing
    }

    /// Everything that the journal and the program know. Blocks on the disk.
    fn load(&self) -> Result<BTreeMap<Name, Arc<Known>>, StoreError> {
        let builtin = Builtin::ALL.iter().filter_map(|builtin| Name::new(builtin.as_str()).ok());
        let streams = self.ledger.streams("agent/default/")?;
        let saved = streams.iter().filter_map(|stream| Name::new(stream.id()).ok());
        let mut all = BTreeMap::new();
        for name in builtin.chain(saved) {
            if all.contains_key(&name) {
                continue;
            }
            match self.load_one(&name) {
                Ok(known) => {
                    all.insert(name, Arc::new(known));
                }
                // The others can be called all the same. What was said of this one, that it is disabled perhaps, is not known.
                Err(StoreError::Damaged(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    fn load_one(&self, name: &Name) -> Result<Known, StoreError> {
        let state: AgentState = self.ledger.fold(&streams::agent(name))?;
        let definition = match state.latest() {
            Some(latest) => self.stored(name, latest.stream_sequence)?,
            None => None,
        };
        Ok(Known { state, definition, builtin: builtin(name) })
    }

    /// An agent as it was when `state` was its state. Blocks on the disk when its definition is another one now.
    fn as_of(&self, name: &Name, state: AgentState) -> Result<Known, StoreError> {
        let latest = state.latest().map(|latest| (latest.hash, latest.stream_sequence));
        let known = self.known().get(name).and_then(|known| known.definition.clone());
        let definition = match latest {
            Some((hash, stream_sequence)) => match known.filter(|known| known.hash == hash) {
                Some(known) => Some(known),
                None => self.stored(name, stream_sequence)?,
            },
            None => None,
        };
        Ok(Known { state, definition, builtin: builtin(name) })
    }

    /// The definition that a record holds, if this program accepts it.
    fn stored(&self, name: &Name, stream_sequence: u64) -> Result<Option<Arc<AgentDefinition>>, StoreError> {
        match self.ledger.event(&streams::agent(name), stream_sequence)? {
            Some(Event::AgentSaved(saved)) => {
                let document = self.ledger.fetch(&saved.definition)?;
                Ok(read(&document.to_string(), Format::Json).agent)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn definition(&self, name: &Name, version: &DefinitionHash) -> Result<Arc<AgentDefinition>, Failure> {
        let unknown = |what: String| failure(ErrorClass::Capability, "agent_version_unknown", what);
        let known = self.known().get(name).cloned();
        let known = known.ok_or_else(|| unknown(format!("there is no agent `{name}`")))?;
        let at_hand = [&known.definition, &known.builtin].into_iter().flatten();
        if let Some(definition) = at_hand.into_iter().find(|definition| definition.hash == *version) {
            return Ok(definition.clone());
        }
        let head = known.state.versions().iter().rfind(|head| head.hash == *version);
        let head = head.ok_or_else(|| unknown(format!("agent `{name}` has no version {version}")))?;
        match self.stored(name, head.stream_sequence) {
            Ok(Some(definition)) => Ok(definition),
            Ok(None) => {
                Err(unknown(format!("version {version} of agent `{name}` is not accepted by this program")))
            }
            Err(error) => Err(failure(ErrorClass::Transient, "store_unavailable", error.to_string())),
        }
    }

    /// Reads a document and builds what it describes, so that what can never be called is not saved.
    fn usable(&self, text: &str, format: Format) -> Result<Usable, Vec<Diagnostic>> {
        let CompiledAgent { agent, mut diagnostics } = read(text, format);
        let Some(definition) = agent else { return Err(diagnostics) };
        match ghostlight_agents::build(&definition, &self.environment) {
            // It is built again when it is called: what is not saved yet is not to be found.
            Ok(_) => Ok(Usable { definition, warnings: diagnostics }),
            Err(error) => {
                diagnostics.push(Diagnostic::new(Code::BadValue, Span::default(), error.to_string()));
                Err(diagnostics)
            }
        }
    }
}

/// What a save came to, by the state that it left.
fn saved(name: &Name, changed: &Changed<AgentState>) -> Result<SavedAgent, AgentError> {
    let latest = changed.state.latest().ok_or(StoreError::Unavailable)?;
    Ok(SavedAgent {
        name: name.clone(),
        hash: latest.hash,
        version: latest.number,
        unchanged: changed.sequence.is_none(),
        warnings: Vec::new(),
        sequence: changed.sequence.unwrap_or(changed.state.sequence()),
    })
}

fn read(text: &str, format: Format) -> CompiledAgent {
    ghostlight_model::agent::compile(&Source { text, format })
}

/// What the program says of an agent that is built in.
fn builtin(name: &Name) -> Option<Arc<AgentDefinition>> {
    let word = Builtin::find(name.as_str())?.as_str();
    let document = json!({ "ghostlight": 1, "name": word, "kind": "builtin", "builtin": word });
    read(&document.to_string(), Format::Json).agent
}

fn failure(class: ErrorClass, code: &str, message: String) -> Failure {
    Failure::new(class, code, message, Happened::No)
}

#[cfg(test)]
mod tests;
