//! `/workflows/{name}/bundle` and `/workflows/import`: giving workflows away with all that they name, and taking them in.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use ghostlight_actors::bundles::{ExportError, ImportError};
use ghostlight_model::definitions::bundle::{Bundle, BundleError};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::body;
use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency};
use super::resources::bundle::{ImportBody, ImportItemBody};
use super::strict;
use super::surface::{Answer, App, blocking, json_with, ok, written};
use super::workflows::{known, named};

/// What goes into a bundle.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BundleQuery {
    /// All versions, and not the latest ones alone.
    all_versions: Option<bool>,
}

/// A workflow with its children, the workflows that its selectors choose, and the agents that all of them name, as one
/// document. Agents hold references to secrets, never the secrets; built-in agents are left out.
#[utoipa::path(tag = "workflows", params(BundleQuery), responses((status = 200, body = Object),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}/bundle")]
pub async fn export(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: BundleQuery = strict::query(request.query_string())?;
    let name = named(&name)?;
    known(&app, &name)?;
    let bundle = app.ghostlight.bundles.export(&name, query.all_versions.unwrap_or(false)).await?;
    let file = format!("attachment; filename=\"{name}.bundle.json\"");
    Ok(json_with(HttpResponse::Ok().insert_header((header::CONTENT_DISPOSITION, file)), &bundle))
}

/// How to import.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ImportQuery {
    /// Stores nothing, and says what would become of each definition.
    dry_run: Option<bool>,
}

/// Takes a bundle in, all of it or nothing. Hashes are verified; agents obey the same rules as over `PUT /agents/{name}`.
#[utoipa::path(tag = "workflows", params(ImportQuery, Once), request_body(content((Object = "application/json"))),
    responses((status = 200, body = ImportBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows/import")]
pub async fn import(app: App, request: HttpRequest, payload: Payload) -> Answer {
    let query: ImportQuery = strict::query(request.query_string())?;
    let dry_run = query.dry_run.unwrap_or(false);
    let bytes_max = app.settings.definition_bytes_max;
    // Its shape is judged by the bundle itself, which knows formats.
    let (_, bytes): (Value, _) = body::json(&request, payload, bytes_max).await?;
    let read = bytes.clone();
    let bundle = blocking(move || Bundle::read(&read)).await?;
    let (key, caller) = (idempotency(&request, &bytes)?, caller_with(&request, &bytes)?);
    let imported = app.ghostlight.bundles.import(bundle, dry_run, key.as_ref(), &caller).await?;
    let body = ImportBody::of(&imported, dry_run);
    match imported.stored {
        true => Ok(json_with(&mut written(StatusCode::OK, imported.sequence), &body)),
        false => ok(&body),
    }
}

impl From<BundleError> for Problem {
    fn from(error: BundleError) -> Self {
        Self::new(Code::InvalidBundle, error.to_string())
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        let detail = error.to_string();
        match error {
            ExportError::Unknown(_) => Self::new(Code::UnknownWorkflow, detail),
            ExportError::TooMany { .. } => Self::new(Code::InvalidValue, detail),
            ExportError::Store(error) => error.into(),
        }
    }
}

impl From<ImportError> for Problem {
    fn from(error: ImportError) -> Self {
        let detail = error.to_string();
        match error {
            ImportError::Refused(items) => {
                let items: Vec<ImportItemBody> = items.iter().map(ImportItemBody::of).collect();
                Self::new(Code::ImportRefused, detail).state(json!({ "items": items }))
            }
            ImportError::Key(refusal) => refusal.into(),
            ImportError::Store(error) => error.into(),
        }
    }
}
