//! Which workflow a start follows: the one that was named, or the one that its selectors lead to.
//!
//! The rules are those of `ghostlight_model::selection`; here the workflows are looked up that they name. A definition that
//! comes with its run chooses nothing: selectors are for those who start a name.

use std::sync::Arc;

use ghostlight_model::language::schema::SchemaViolation;
use ghostlight_model::selection::{DEPTH_MAX, Next, SelectedBy, Selection, SelectionError};
use ghostlight_model::workflow::Workflow;

use super::chosen::{Chosen, Resolved};
use super::handle::Runs;
use super::words::{Definition, StartError, StartRun};

/// What a start would do.
#[derive(Debug)]
pub struct Preview {
    /// What it would follow.
    pub workflow: Arc<Workflow>,
    /// In which version.
    pub version: u64,
    /// How that was found, and what the run would be given.
    pub selection: Selection,
    /// What of the input does not fit.
    pub violations: Vec<SchemaViolation>,
}

impl Runs {
    /// What a start would do; nothing is stored, and no key is looked at.
    ///
    /// # Errors
    /// [`StartError`], when there is nothing that it could follow.
    pub async fn preview(&self, start: &StartRun) -> Result<Preview, StartError> {
        let Chosen { resolved, selection } = self.choose(start).await?;
        let workflow = resolved.workflow;
        let fits = workflow.input.as_ref().map_or(Ok(()), |schema| schema.validate(&selection.input));
        Ok(Preview {
            workflow,
            version: resolved.version,
            violations: fits.err().unwrap_or_default(),
            selection,
        })
    }

    pub(super) async fn choose(&self, start: &StartRun) -> Result<Chosen, StartError> {
        let mut selection = Selection::new(start.labels.clone(), start.input.clone(), start.context.clone());
        let mut resolved = self.resolve(&start.definition).await?;
        if matches!(start.definition, Definition::Own { .. }) {
            return Ok(Chosen { resolved, selection });
        }
        for _ in 0..=DEPTH_MAX {
            match selection.judge(&resolved.workflow, resolved.version).map_err(StartError::Selection)? {
                Next::Settled => return Ok(Chosen { resolved, selection }),
                Next::Take(version) => {
                    let name = resolved.workflow.name.clone();
                    let own = Definition::Saved { name, version: Some(version) };
                    let resolved = self.chosen(&own, selection.by.as_ref()).await?;
                    return Ok(Chosen { resolved, selection });
                }
                Next::Look { workflow, version } => {
                    let next = Definition::Saved { name: workflow, version };
                    resolved = self.chosen(&next, selection.by.as_ref()).await?;
                }
            }
        }
        // A way has an end before that.
        Err(StartError::Selection(SelectionError::TooDeep(Vec::new())))
    }

    /// What a selector chose. That it is not there is the fault of the selector and not of the caller.
    async fn chosen(&self, definition: &Definition, by: Option<&SelectedBy>) -> Result<Resolved, StartError> {
        let not_there = |why| match (by, definition) {
            (Some(by), Definition::Saved { name, version }) => {
                let version = version.map(|version| format!(" version {version}")).unwrap_or_default();
                let chosen = format!("workflow `{name}`{version}");
                Some(StartError::Selection(SelectionError::NotThere { by: by.clone(), chosen, why }))
            }
            _ => None,
        };
        self.resolve(definition).await.map_err(|error| match &error {
            StartError::UnknownWorkflow(_) | StartError::UnknownVersion(..) => {
                not_there("does not exist").unwrap_or(error)
            }
            StartError::DeletedWorkflow(_) => not_there("is deleted").unwrap_or(error),
            _ => error,
        })
    }
}
