//! The operator's workflow files, loaded at start: a file that changed becomes the next version.
//!
//! Whether a file changed is told by comparing it with what it was when it was last loaded, and not with the latest
//! version: what somebody saved over the API in between is not overwritten by a file that nobody touched.

use std::path::PathBuf;

use ghostlight_model::definitions::Precondition;
use ghostlight_model::language::Format;

use super::{Catalogue, SaveError, SaveWorkflow};
use crate::caller::{Caller, StoreError};
use crate::definition_files::{FileOutcome, FileReport, SourceFile, read_folder};
use crate::documents;
use crate::ledger::blocking;

impl Catalogue {
    /// Loads the workflow files of `folder` and tells what became of each. A file of a deleted workflow is left alone.
    ///
    /// # Errors
    /// [`StoreError`] when the store takes nothing; what is wrong with a file or the folder stands in the reports.
    pub async fn load_files(&self, folder: PathBuf) -> Result<Vec<FileReport>, StoreError> {
        let shown = folder.display().to_string();
        let files = match blocking(move || Ok(read_folder(&folder, &[Format::Yaml, Format::Json]))).await? {
            Ok(files) => files,
            Err(error) => {
                return Ok(vec![FileReport::refused(&shown, format!("cannot be read: {error}"), Vec::new())]);
            }
        };
        let mut reports = Vec::with_capacity(files.len());
        for file in files {
            reports.push(self.load_file(file).await?);
        }
        Ok(reports)
    }

    async fn load_file(&self, file: SourceFile) -> Result<FileReport, StoreError> {
        let source = match file.text {
            Ok(text) => text,
            Err(reason) => return Ok(FileReport::refused(&file.name, reason, Vec::new())),
        };
        let (inner, text) = (self.inner.clone(), source.clone());
        // The workflows that it runs may stand in files that come later.
        let checked = blocking(move || {
            let known = documents::known(&inner.agents.directory());
            Ok(documents::check_workflow(&text, file.format, &known, || inner.agents.not_loaded(), None))
        })
        .await?;
        let Some(workflow) = checked.workflow else {
            return Ok(FileReport::refused(&file.name, "the workflow has errors", checked.diagnostics));
        };
        let diagnostics = checked.diagnostics;
        let state = self.inner.shelf.state(&workflow.name);
        let versions = state.as_ref().map(|state| state.versions()).unwrap_or_default();
        // The runtime itself saves nothing but files. What was loaded before, or saved by somebody before it stood in a file, is
        // not to take the place of what was saved since.
        let is_known = match versions.iter().rfind(|head| head.by.is_none()) {
            Some(last_loaded) => last_loaded.hash == workflow.hash,
            None => versions.iter().any(|head| head.hash == workflow.hash),
        };
        if is_known {
            let outcome = FileOutcome::Unchanged(workflow.name.clone());
            return Ok(FileReport { file: file.name, outcome, diagnostics });
        }
        let save = SaveWorkflow {
            source,
            format: file.format,
            name: None,
            message: String::new(),
            precondition: Precondition::None,
            key: None,
        };
        match self.save(save, &Caller::runtime()).await {
            Ok(saved) => {
                let outcome = match saved.unchanged {
                    true => FileOutcome::Unchanged(saved.name),
                    false => FileOutcome::Saved(saved.name),
                };
                Ok(FileReport { file: file.name, outcome, diagnostics })
            }
            Err(SaveError::Store(error)) if !error.is_damage() => Err(error),
            Err(error) => Ok(FileReport::refused(&file.name, error.to_string(), diagnostics)),
        }
    }
}
