//! What an import came to.

use ghostlight_actors::bundles::{ImportItem, Imported};
use ghostlight_model::diagnostic::Diagnostic;
use serde::Serialize;
use utoipa::ToSchema;

/// What an import came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub struct ImportBody {
    /// Whether it was only tried.
    pub dry_run: bool,
    /// Whether this request stored anything.
    pub stored: bool,
    /// Every definition of the bundle, agents first.
    pub items: Vec<ImportItemBody>,
}

/// What became of one definition.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportItem)]
pub struct ImportItemBody {
    /// `workflow` or `agent`.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// `created`, `unchanged`, `new_version`, `refused`.
    pub outcome: &'static str,
    /// The latest version after it; 0 when there is none.
    pub version: u64,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is wrong with it, or what somebody should look at.
    #[schema(value_type = Vec<Object>)]
    pub diagnostics: Vec<Diagnostic>,
}

impl ImportItemBody {
    /// What became of one definition.
    #[must_use]
    pub fn of(item: &ImportItem) -> Self {
        Self {
            kind: item.kind,
            name: item.name.to_string(),
            outcome: item.outcome.as_str(),
            version: item.version,
            reason: item.reason.clone(),
            diagnostics: item.diagnostics.clone(),
        }
    }
}

impl ImportBody {
    /// What an import came to.
    #[must_use]
    pub fn of(imported: &Imported, dry_run: bool) -> Self {
        let items = imported.items.iter().map(ImportItemBody::of).collect();
        Self { dry_run, stored: imported.stored, items }
    }
}
