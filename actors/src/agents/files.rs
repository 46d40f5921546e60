//! The operator's agent files: loaded at start and when somebody asks.

use std::collections::BTreeSet;
use std::sync::Arc;

use ghostlight_model::agent::AgentDefinition;
use ghostlight_model::definitions::Precondition;
use ghostlight_model::definitions::agent::AgentCommand;
use ghostlight_model::diagnostic::Diagnostic;
use ghostlight_model::ids::Name;
use ghostlight_model::language::{AgentFile, Format};

use super::known::Known;
use super::words::AgentError;
use super::{AgentRegistry, Inner, Usable};
use crate::caller::{Caller, StoreError};
use crate::definition_files::{FileOutcome, FileReport, SourceFile, read_folder};
use crate::documents::agent_file;
use crate::ledger::blocking;

/// In which formats an agent may be written.
const FORMATS: [Format; 3] = [Format::Yaml, Format::Toml, Format::Json];

/// What the folder holds.
#[derive(Default)]
struct Folder {
    good: Vec<(String, Usable)>,
    refused: Vec<FileReport>,
}

impl AgentRegistry {
    /// Loads the operator's files: a file that changed makes a new version, a file that is gone disables its agent. A
    /// bad file is reported, and its agent stays as it was. When the folder itself cannot be read, nothing changes.
    ///
    /// # Errors
    /// [`StoreError`] when the store takes nothing.
    pub async fn reload(&self) -> Result<Vec<FileReport>, StoreError> {
        let Some(path) = self.inner.settings.folder.clone() else { return Ok(Vec::new()) };
        let _one_at_a_time = self.inner.loading.lock().await;
        let inner = self.inner.clone();
        let shown = path.display().to_string();
        let folder = match blocking(move || Ok(inner.read(&path))).await? {
            Ok(folder) => folder,
            Err(error) => {
                return Ok(vec![FileReport::refused(&shown, format!("cannot be read: {error}"), Vec::new())]);
            }
        };
        let loaded = self.take_in(folder).await;
        // What was taken in before the store failed is in the journal: it holds.
        self.inner.publish();
        loaded
    }

    /// The files that hold an agent which is not loaded as it stands there. Blocks on the disk, and compiles.
    pub(crate) fn not_loaded(&self) -> Vec<AgentFile> {
        let Some(path) = &self.inner.settings.folder else { return Vec::new() };
        // A folder that cannot be read helps nobody; the next reload says what is wrong with it.
        let files = read_folder(path, &FORMATS).unwrap_or_default();
        let file = |file: SourceFile| {
            let text = file.text.unwrap_or_default();
            let found = agent_file(&file.name, &text, file.format)?;
            let says_the_same = |known: &Known| {
                let offers = |capability| {
                    known.current().is_some_and(|current| current.capabilities.contains(capability))
                };
                known.state.managing_file() == Some(file.name.as_str())
                    && found.capabilities.iter().all(offers)
            };
            let known = self.inner.known().get(&found.agent).cloned();
            let loaded = found.is_usable && known.is_some_and(|known| says_the_same(&known));
            (!loaded).then_some(found)
        };
        files.into_iter().filter_map(file).collect()
    }

    async fn take_in(&self, folder: Folder) -> Result<Vec<FileReport>, StoreError> {
        let Folder { good, mut refused } = folder;
        let mut reports = Vec::with_capacity(good.len() + refused.len());
        let mut defined = BTreeSet::new();
        for (file, Usable { definition, warnings }) in good {
            let name = definition.name.clone();
            if !defined.insert(name.clone()) {
                let reason = format!("agent `{name}` is defined by another file already");
                refused.push(FileReport::refused(&file, reason, warnings));
                continue;
            }
            reports.push(self.take_in_file(file, definition, warnings).await?);
        }
        let broken: BTreeSet<String> = refused.iter().map(|report| report.file.clone()).collect();
        for (name, file) in self.inner.managed() {
            // The agent of a broken file stays as it was; one whose file now defines another agent has none any more.
            if !defined.contains(&name) && !broken.contains(&file) {
                self.file_removed(&name).await?;
                let outcome = FileOutcome::Removed(name);
                reports.push(FileReport { file, outcome, diagnostics: Vec::new() });
            }
        }
        reports.extend(refused);
        reports.sort_by(|a, b| a.file.cmp(&b.file));
        Ok(reports)
    }

    async fn take_in_file(
        &self,
        file: String,
        definition: Arc<AgentDefinition>,
        diagnostics: Vec<Diagnostic>,
    ) -> Result<FileReport, StoreError> {
        let had_a_file = |known: &Arc<Known>| known.state.managing_file().is_some();
        let is_new = !self.inner.known().get(&definition.name).is_some_and(had_a_file);
        match self
            .save_definition(definition, Some(file.clone()), Precondition::None, None, &Caller::runtime())
            .await
        {
            Ok(saved) => {
                let outcome = match (saved.unchanged, is_new) {
                    (true, _) => FileOutcome::Unchanged(saved.name),
                    (false, true) => FileOutcome::Added(saved.name),
                    (false, false) => FileOutcome::Saved(saved.name),
                };
                Ok(FileReport { file, outcome, diagnostics })
            }
            Err(AgentError::Store(error)) if !error.is_damage() => Err(error),
            Err(error) => Ok(FileReport::refused(&file, error.to_string(), diagnostics)),
        }
    }

    async fn file_removed(&self, name: &Name) -> Result<(), StoreError> {
        let builtin = self.inner.known().get(name).and_then(|known| known.builtin.clone());
        let falls_back_to = match &builtin {
            Some(builtin) => {
                let (ledger, document) = (self.inner.ledger.clone(), builtin.document.clone());
                Some((builtin.hash, blocking(move || ledger.keep(document)).await?))
            }
            None => None,
        };
        let command = AgentCommand::FileRemoved { falls_back_to };
        match self.change(name, command, builtin, Precondition::None, None, &Caller::runtime()).await {
            Err(AgentError::Store(error)) => Err(error),
            // What is refused here has no file to lose.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

impl Inner {
    /// Blocks on the disk, and compiles.
    fn read(&self, path: &std::path::Path) -> std::io::Result<Folder> {
        let mut folder = Folder::default();
        for file in read_folder(path, &FORMATS)? {
            match file.text.map(|text| self.usable(&text, file.format)) {
                Ok(Ok(usable)) => folder.good.push((file.name, usable)),
                Ok(Err(diagnostics)) => {
                    folder.refused.push(FileReport::refused(
                        &file.name,
                        "the definition has errors",
                        diagnostics,
                    ));
                }
                Err(reason) => folder.refused.push(FileReport::refused(&file.name, reason, Vec::new())),
            }
        }
        Ok(folder)
    }

    /// The agents that a file owns, and which.
    fn managed(&self) -> Vec<(Name, String)> {
        let owned = |(name, known): (&Name, &Arc<Known>)| {
            known.state.managing_file().map(|file| (name.clone(), file.to_owned()))
        };
        self.known().iter().filter_map(owned).collect()
    }
}
