//! A template and what is made of it.

use ghostlight_actors::templates::{TemplateSummary, TemplateVersion};
use ghostlight_model::diagnostic::Diagnostic;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::workflow::SavedBody;

/// A template, as lists show it.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplateSummary)]
pub struct TemplateRowBody {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// The latest version; 0 for one that is part of the program.
    pub version: u64,
    /// Its hash.
    pub hash: String,
    /// Whether it is part of the program.
    pub built_in: bool,
    /// When the latest version was saved.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub saved_at: Option<Timestamp>,
    /// By whom.
    pub saved_by: Option<String>,
    /// Who saved the first version.
    pub owner: Option<String>,
    /// `private` or `public`. Nobody is kept from anything by it yet.
    pub visibility: &'static str,
    /// Whether it is offered no more.
    pub deleted: bool,
}

impl TemplateRowBody {
    /// A row of the list.
    #[must_use]
    pub fn of(row: &TemplateSummary) -> Self {
        Self {
            name: row.name.to_string(),
            description: row.description.clone(),
            version: row.version,
            hash: row.hash.to_string(),
            built_in: row.version == 0,
            saved_at: row.saved_at,
            saved_by: row.saved_by.clone(),
            owner: row.owner.clone(),
            visibility: row.visibility.as_str(),
            deleted: row.deleted,
        }
    }
}

/// One version of a template, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct TemplateBody {
    /// What lists show.
    #[serde(flatten)]
    pub row: TemplateRowBody,
    /// The latest version.
    pub latest_version: u64,
    /// Why this version was saved.
    pub message: String,
    /// What it was written in: `yaml` or `json`.
    pub format: String,
    /// The document as it was sent.
    pub source: String,
    /// The canonical document; null when this program does not accept it any more.
    pub definition: Option<Value>,
    /// The JSON Schema of its parameters: what a form asks for.
    pub parameters: Option<Value>,
}

impl TemplateBody {
    /// A version.
    #[must_use]
    pub fn of(version: &TemplateVersion) -> Self {
        let template = version.template.as_ref();
        Self {
            row: TemplateRowBody {
                name: version.name.to_string(),
                description: template.map(|template| template.description.clone()).unwrap_or_default(),
                version: version.version,
                hash: version.hash.to_string(),
                built_in: version.version == 0,
                saved_at: version.saved_at,
                saved_by: version.saved_by.clone(),
                owner: version.owner.clone(),
                visibility: version.visibility.as_str(),
                deleted: version.deleted,
            },
            latest_version: version.latest,
            message: version.message.clone(),
            format: version.format.clone(),
            source: version.source.to_string(),
            definition: template.map(|template| template.document.clone()),
            parameters: template.map(|template| template.schema().clone()),
        }
    }
}

/// What was made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MadeDocument)]
pub struct MadeBody {
    /// The document.
    pub document: Value,
    /// The same as people read it.
    pub source: String,
    /// What `source` is written in: `yaml` or `json`.
    pub format: &'static str,
    /// Warnings.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
    /// What saving it came to; null when it was not to be saved.
    pub saved: Option<SavedBody>,
}
