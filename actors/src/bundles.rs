//! Bundles: giving workflows away with what they name, and taking them in, all or nothing.
//!
//! An import is one append: every definition that it adds, and the key of the request, or nothing. What each definition is
//! to become is worked out from the journal, and again when somebody else was faster. Agents of a bundle obey the same rules
//! as over the API. Leaves to others: the format and its hashes (`ghostlight_model::definitions::bundle`).

use std::collections::{BTreeSet, VecDeque};

use ghostlight_model::definitions::Fold;
use ghostlight_model::definitions::agent::{AgentCommand, AgentState};
use ghostlight_model::definitions::bundle::{
    AGENTS_MAX, Bundle, BundledAgent, BundledVersion, BundledWorkflow, FORMAT, VERSIONS_MAX, WORKFLOWS_MAX,
    missing, names_in,
};
use ghostlight_model::definitions::workflow::{VersionHead, WorkflowState};
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::event::{Event, WorkflowSaved};
use ghostlight_model::ids::Name;
use ghostlight_model::language::{self, KnownAgent, Source};
use ghostlight_store::{Append, AppendError, StreamAppend};
use serde_json::Value;

use crate::agents::{AgentError, AgentRegistry, ManagedBy};
use crate::caller::{Caller, IdempotencyKey, StoreError};
use crate::catalogue::Catalogue;
use crate::codec;
use crate::documents;
use crate::keys::{self, Begun, Claim, KeyRefusal};
use crate::ledger::{Ledger, blocking};
use crate::streams;

/// How often an import is worked out again because somebody else was faster.
const TRIES_MAX: usize = 16;

/// Gives away and takes in. Cheap to clone.
#[derive(Clone)]
pub struct Bundles {
    ledger: Ledger,
    catalogue: Catalogue,
    agents: AgentRegistry,
}

/// What becomes of a definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There was none of that name.
    Created,
    /// It is there already.
    Unchanged,
    /// It is the next version.
    NewVersion,
    /// It cannot be taken in.
    Refused,
}

impl Outcome {
    /// The word as it stands in answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::NewVersion => "new_version",
            Self::Refused => "refused",
        }
    }
}

/// What becomes of one definition of a bundle.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportItem {
    /// `workflow` or `agent`.
    pub kind: &'static str,
    /// Its name.
    pub name: Name,
    /// What becomes of it.
    pub outcome: Outcome,
    /// The latest version after it; 0 when there is none.
    pub version: u64,
    /// Why it is refused.
    pub reason: Option<String>,
    /// What is wrong with it, or what somebody should look at.
    pub diagnostics: Vec<Diagnostic>,
}

/// What an import came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// Every definition, agents first.
    pub items: Vec<ImportItem>,
    /// Whether anything was stored by this request.
    pub stored: bool,
    /// Global sequence of the last event; 0 when nothing was stored.
    pub sequence: u64,
}

/// Why a bundle was not taken in.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ImportError {
    /// Some definitions are refused, so that none was stored.
    #[error("{} of {} definitions are refused; nothing was imported", refused(.0), .0.len())]
    Refused(Vec<ImportItem>),
    /// Its key says no.
    #[error(transparent)]
    Key(#[from] KeyRefusal),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused(items: &[ImportItem]) -> usize {
    items.iter().filter(|item| item.outcome == Outcome::Refused).count()
}

/// Why a bundle was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ExportError {
    /// There is no workflow of that name.
    #[error("there is no workflow `{0}`")]
    Unknown(Name),
    /// There is more than a bundle may hold.
    #[error("the bundle would hold more than {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it may hold.
        max: usize,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an import appends, and what it says of each definition.
struct Prepared {
    items: Vec<ImportItem>,
    parts: Vec<StreamAppend>,
}

impl Bundles {
    /// Bundles of what these hold.
    #[must_use]
    pub fn new(ledger: Ledger, catalogue: Catalogue, agents: AgentRegistry) -> Self {
        Self { ledger, catalogue, agents }
    }

    /// A workflow with the workflows that it names, and those that they name, and the agents of all of them; built-in agents
    /// are everywhere and are left out. What a document names and what is not there is left out too.
    ///
    /// # Errors
    /// [`ExportError`].
    pub async fn export(&self, name: &Name, all_versions: bool) -> Result<Bundle, ExportError> {
        let (bundles, name) = (self.clone(), name.clone());
        blocking(move || Ok(bundles.export_here(&name, all_versions))).await?
    }

    fn export_here(&self, name: &Name, all_versions: bool) -> Result<Bundle, ExportError> {
        let (mut wanted, mut seen) = (VecDeque::from([name.clone()]), BTreeSet::from([name.clone()]));
        let (mut workflows, mut agents, mut count) = (Vec::new(), BTreeSet::new(), 0);
        while let Some(next) = wanted.pop_front() {
            let Some((state, latest)) = self.catalogue.shelf().head(&next, None) else {
                if next == *name {
                    return Err(ExportError::Unknown(next));
                }
                continue;
            };
            let heads = if all_versions { state.versions() } else { std::slice::from_ref(&latest) };
            count += heads.len();
            if workflows.len() >= WORKFLOWS_MAX {
                return Err(ExportError::TooMany { what: "workflows", max: WORKFLOWS_MAX });
            }
            if count > VERSIONS_MAX {
                return Err(ExportError::TooMany { what: "versions", max: VERSIONS_MAX });
            }
            let versions: Vec<BundledVersion> =
                heads.iter().map(|head| self.version(&next, head)).collect::<Result<_, _>>()?;
            for version in &versions {
                let source = Source { text: &version.source, format: version.format() };
                let named = names_in(&language::canonical_document(&source).unwrap_or_default());
                agents.extend(named.agents);
                wanted.extend(named.workflows.into_iter().filter(|child| seen.insert(child.clone())));
            }
            workflows.push(BundledWorkflow { name: next, versions });
        }
        let agents: Vec<BundledAgent> = agents.iter().filter_map(|agent| self.agent(agent)).collect();
        if agents.len() > AGENTS_MAX {
            return Err(ExportError::TooMany { what: "agents", max: AGENTS_MAX });
        }
        Ok(Bundle { ghostlight_bundle: FORMAT, workflows, agents })
    }

    fn version(&self, name: &Name, head: &VersionHead) -> Result<BundledVersion, StoreError> {
        Ok(BundledVersion {
            version: head.version,
            hash: head.hash,
            format: head.format.clone(),
            source: self.catalogue.shelf().source(name, head)?,
            author: head.by.clone(),
            message: head.message.clone(),
            at: head.at,
        })
    }

    fn agent(&self, name: &Name) -> Option<BundledAgent> {
        let info = self.agents.get(name)?;
        if info.managed_by == ManagedBy::BuiltIn {
            return None;
        }
        let definition = info.definition?;
        Some(BundledAgent {
            name: name.clone(),
            hash: definition.hash,
            definition: definition.document.clone(),
        })
    }

    /// Takes a bundle in, all of it or nothing; `dry_run` stores nothing and says what would become of it. A request that is
    /// repeated under its key is not done again, and says how the definitions stand now.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import(
        &self,
        bundle: Bundle,
        dry_run: bool,
        key: Option<&IdempotencyKey>,
        caller: &Caller,
    ) -> Result<Imported, ImportError> {
        if dry_run {
            let Prepared { items, .. } = self.prepare(&bundle, caller).await?;
            return Ok(Imported { items, stored: false, sequence: 0 });
        }
        let mut claim = match self.ledger.keys.begin(key).await?? {
            Begun::First(claim) => claim,
            Begun::Again(_) => return self.stands(&bundle, caller).await,
        };
        self.ledger.storage.admit()?;
        for _ in 0..TRIES_MAX {
            let Prepared { items, mut parts } = self.prepare(&bundle, caller).await?;
            if refused(&items) > 0 {
                return Err(ImportError::Refused(items));
            }
            parts.extend(self.taken(&bundle, claim.as_ref(), caller));
            if parts.is_empty() {
                return Ok(Imported { items, stored: false, sequence: 0 });
            }
            match self.ledger.journal.append(Append { id: self.ledger.append_id(), parts }).await {
                Ok(committed) => {
                    let sequence = committed.records().last().map_or(0, |record| record.sequence);
                    self.refresh(&bundle).await;
                    return Ok(Imported { items, stored: true, sequence });
                }
                Err(error) if keys::is_conflict(&error) => match self.ledger.keys.renew(claim).await?? {
                    Begun::Again(_) => return self.stands(&bundle, caller).await,
                    Begun::First(renewed) => claim = renewed,
                },
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => {
                    // It may have been written although nobody knows.
                    self.refresh(&bundle).await;
                    return Err(StoreError::of_append(&error).into());
                }
            }
        }
        Err(StoreError::Busy.into())
    }

    /// How the definitions of a bundle stand after an import that somebody has made.
    async fn stands(&self, bundle: &Bundle, caller: &Caller) -> Result<Imported, ImportError> {
        self.refresh(bundle).await;
        let Prepared { items, .. } = self.prepare(bundle, caller).await?;
        Ok(Imported { items, stored: false, sequence: 0 })
    }

    /// The part that takes the key of the request, for the first workflow or agent of the bundle.
    fn taken(&self, bundle: &Bundle, claim: Option<&Claim>, caller: &Caller) -> Option<StreamAppend> {
        let first = bundle.workflows.first().map(|workflow| streams::workflow(&workflow.name));
        let target = first.or_else(|| bundle.agents.first().map(|agent| streams::agent(&agent.name)));
        let target = target.unwrap_or_else(streams::system);
        claim.map(|claim| claim.part(&target, None, caller, self.ledger.world.clock.now()))
    }

    async fn refresh(&self, bundle: &Bundle) {
        for agent in &bundle.agents {
            self.agents.refresh(&agent.name).await;
        }
        for workflow in &bundle.workflows {
            self.catalogue.shelf().refresh(&workflow.name).await;
        }
    }

    async fn prepare(&self, bundle: &Bundle, caller: &Caller) -> Result<Prepared, StoreError> {
        let (bundles, bundle, caller) = (self.clone(), bundle.clone(), caller.clone());
        blocking(move || bundles.prepare_here(&bundle, &caller)).await
    }

    fn prepare_here(&self, bundle: &Bundle, caller: &Caller) -> Result<Prepared, StoreError> {
        let mut prepared = Prepared { items: Vec::new(), parts: Vec::new() };
        let mut known = documents::known(&self.agents.directory());
        for agent in &bundle.agents {
            self.prepare_agent(agent, &mut known, caller, &mut prepared)?;
        }
        for workflow in &bundle.workflows {
            self.prepare_workflow(workflow, &known, caller, &mut prepared)?;
        }
        Ok(prepared)
    }

    fn prepare_agent(
        &self,
        agent: &BundledAgent,
        known: &mut Vec<KnownAgent>,
        caller: &Caller,
        prepared: &mut Prepared,
    ) -> Result<(), StoreError> {
        let stream = streams::agent(&agent.name);
        let state: AgentState = self.ledger.fold(&stream)?;
        let version = state.latest().map_or(0, |latest| latest.number);
        let mut item = ImportItem {
            kind: "agent",
            name: agent.name.clone(),
            outcome: Outcome::Unchanged,
            version,
            reason: None,
            diagnostics: Vec::new(),
        };
        match self.agents.importable(&agent.name, &agent.definition) {
            Ok(None) => {}
            Ok(Some(definition)) => {
                known.retain(|other| other.name != agent.name);
                known.push(KnownAgent::from(&*definition));
                let kept = self.ledger.keep(definition.document.clone())?;
                let save = AgentCommand::Save { hash: definition.hash, definition: kept, file: None };
                match state.decide(save, false) {
                    Ok(events) if events.is_empty() => {}
                    Ok(events) => {
                        item.outcome = if version == 0 { Outcome::Created } else { Outcome::NewVersion };
                        item.version = version + 1;
                        let (expected, now) = (state.stream_sequence(), self.ledger.world.clock.now());
                        prepared.parts.push(codec::part(&stream, expected, &events, caller, now));
                    }
                    Err(rejection) => refuse(&mut item, rejection.to_string(), Vec::new()),
                }
            }
            Err(AgentError::Invalid(diagnostics)) => {
                refuse(&mut item, "the agent's definition has errors".to_owned(), diagnostics);
            }
            Err(error) => refuse(&mut item, error.to_string(), Vec::new()),
        }
        prepared.items.push(item);
        Ok(())
    }

    fn prepare_workflow(
        &self,
        workflow: &BundledWorkflow,
        known: &[KnownAgent],
        caller: &Caller,
        prepared: &mut Prepared,
    ) -> Result<(), StoreError> {
        let stream = streams::workflow(&workflow.name);
        let state: WorkflowState = self.ledger.fold(&stream)?;
        let added = missing(workflow, &state);
        let version = state.latest().map_or(0, |latest| latest.version);
        let mut item = ImportItem {
            kind: "workflow",
            name: workflow.name.clone(),
            outcome: match (added.is_empty(), version) {
                (true, _) => Outcome::Unchanged,
                (false, 0) => Outcome::Created,
                (false, _) => Outcome::NewVersion,
            },
            version: version + added.len() as u64,
            reason: None,
            diagnostics: Vec::new(),
        };
        if state.is_deleted() {
            refuse(&mut item, "it is deleted here; restore it first".to_owned(), Vec::new());
        }
        let mut events: Vec<Event> = Vec::with_capacity(added.len());
        for (number, bundled) in (version + 1..).zip(added) {
            if item.outcome == Outcome::Refused {
                break;
            }
            // Earlier versions are history: only what can be started has to find its agents.
            let is_last = number == item.version;
            let checked = match is_last {
                true => {
                    let files = || self.agents.not_loaded();
                    documents::check_workflow(&bundled.source, bundled.format(), known, files, None)
                }
                false => documents::compiled(&bundled.source, bundled.format()),
            };
            match checked.workflow {
                Some(found) if found.name == workflow.name => {
                    let source = self.ledger.keep(Value::String(bundled.source.clone()))?;
                    let (hash, format) = (bundled.hash, bundled.format.clone());
                    let message = bundled.message.clone();
                    events.push(WorkflowSaved { version: number, hash, source, format, message }.into());
                    if is_last {
                        item.diagnostics = checked.diagnostics;
                    }
                }
                Some(found) => {
                    let reason = format!("the document is named `{}`", found.name);
                    refuse(&mut item, reason, Vec::new());
                }
                None => {
                    let reason = format!("version {} has errors", bundled.version);
                    refuse(&mut item, reason, checked.diagnostics);
                }
            }
        }
        if item.outcome == Outcome::Refused {
            item.version = version;
        } else if !events.is_empty() {
            let (expected, now) = (state.stream_sequence(), self.ledger.world.clock.now());
            prepared.parts.push(codec::part(&stream, expected, &events, caller, now));
        }
        prepared.items.push(item);
        Ok(())
    }
}

fn refuse(item: &mut ImportItem, reason: String, diagnostics: Vec<Diagnostic>) {
    item.outcome = Outcome::Refused;
    item.reason = Some(reason);
    item.diagnostics = diagnostics;
}

#[cfg(test)]
mod tests;
