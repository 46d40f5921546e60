//! `/workflows/{name}/versions` and what is done with them: comparing two, going back to one, and saying whom all are for.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post, put};
use ghostlight_actors::catalogue::{SaveWorkflow, WorkflowVersion};
use ghostlight_model::definitions::diff::diff;
use ghostlight_model::event::Visibility;
use ghostlight_model::ids::Name;
use ghostlight_model::language::{self, Format, Source};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::headers::{IfMatch, Once};
use super::paging::page;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency, message};
use super::resources::diff::DiffBody;
use super::resources::page::PageBody;
use super::resources::workflow::{SavedBody, VersionBody};
use super::strict;
use super::surface::{Answer, App, blocking, json_with, ok, written};
use super::workflows::{known, named, of_what_exists, saved_answer, unknown};

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionsQuery {
    /// How many, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u16>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// The versions of a workflow, the newest first, without their documents.
#[utoipa::path(tag = "workflows", params(VersionsQuery), responses(
    (status = 200, body = PageBody<VersionBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}/versions")]
pub async fn versions(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: VersionsQuery = strict::query(request.query_string())?;
    let name = named(&name)?;
    let found = app.ghostlight.catalogue.versions_page(&name, &page(query.limit, query.cursor)?)?;
    let found = found.ok_or_else(|| unknown(&app, &name))?;
    ok(&PageBody { items: found.items.iter().map(VersionBody::of).collect(), next_cursor: found.next })
}

/// Which two versions.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiffQuery {
    /// The version to compare with; the one before `to` by default.
    from: Option<u64>,
    /// The version that is compared; the latest by default.
    to: Option<u64>,
}

/// How one version of a workflow differs from another: nodes, edges and the keys at the top.
#[utoipa::path(tag = "workflows", params(DiffQuery), responses(
    (status = 200, body = DiffBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}/diff")]
pub async fn compare(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: DiffQuery = strict::query(request.query_string())?;
    let name = named(&name)?;
    known(&app, &name)?;
    let to = version(&app, &name, query.to).await?;
    let before = query.from.unwrap_or_else(|| to.version.saturating_sub(1).max(1));
    let from = version(&app, &name, Some(before)).await?;
    let (numbers, workflow) = ((from.version, to.version), name.to_string());
    let body = blocking(move || {
        let differs = diff(&canonical(&from), &canonical(&to));
        Ok::<_, Problem>(DiffBody::of(workflow, numbers.0, numbers.1, &differs))
    });
    ok(&body.await?)
}

async fn version(
    app: &App,
    name: &Name,
    number: Option<u64>,
) -> Result<std::sync::Arc<WorkflowVersion>, Problem> {
    let found = app.ghostlight.catalogue.get(name, number).await?;
    found.ok_or_else(|| {
        let number = number.unwrap_or_default();
        Problem::new(Code::UnknownVersion, format!("workflow `{name}` has no version {number}"))
    })
}

/// The canonical document, of a version that this program does not accept any more too.
fn canonical(version: &WorkflowVersion) -> Value {
    if let Some(workflow) = &version.compiled {
        return workflow.document.clone();
    }
    let format = if version.format == "json" { Format::Json } else { Format::Yaml };
    language::canonical_document(&Source { text: &version.source, format }).unwrap_or_default()
}

/// Where to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackBody {
    /// The version whose document becomes the next version.
    version: u64,
    /// Why, for people.
    #[serde(default)]
    message: Option<String>,
}

/// Makes the document of an earlier version the next version. `If-Match` makes it an edit of the version that the client
/// saw. With `Idempotency-Key` it makes one version, however often it is sent.
#[utoipa::path(tag = "workflows", params(Once, IfMatch), request_body = RollbackBody, responses((status = 201, body = SavedBody),
    (status = 200, description = "It is the latest version already", body = SavedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows/{name}/rollback")]
pub async fn rollback(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (name, precondition) = (named(&name)?, of_what_exists(&request)?);
    let (body, bytes): (RollbackBody, _) = body::json(&request, payload, app.settings.body_bytes_max).await?;
    app.key_is_free(&request, &bytes).await?;
    known(&app, &name)?;
    let said = body.message.unwrap_or_else(|| format!("back to version {}", body.version));
    let save = SaveWorkflow {
        source: String::new(),
        format: Format::Yaml,
        name: None,
        message: message(&said)?,
        precondition,
        key: idempotency(&request, &bytes)?,
    };
    let caller = caller_with(&request, &bytes)?;
    let saved = app.ghostlight.catalogue.roll_back(&name, body.version, save, &caller).await?;
    Ok(saved_answer("workflows", saved))
}

/// Whom it is for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VisibilityWord {
    /// For its owner.
    Private,
    /// For everybody.
    Public,
}

/// Whom it is to be for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VisibilityBody {
    /// `private` or `public`.
    visibility: VisibilityWord,
}

impl VisibilityBody {
    /// As the model knows it.
    #[must_use]
    pub fn wanted(&self) -> Visibility {
        match self.visibility {
            VisibilityWord::Private => Visibility::Private,
            VisibilityWord::Public => Visibility::Public,
        }
    }
}

/// Whom it is for now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WorkflowVisibility)]
pub struct VisibleBody {
    /// Its name.
    pub name: String,
    /// `private` or `public`.
    pub visibility: &'static str,
}

/// Says whom a workflow is for. It is recorded and lists can be filtered by it; nobody is kept from anything by it yet.
/// `If-Match` makes it a change of the version that the client saw.
#[utoipa::path(tag = "workflows", params(Once, IfMatch), request_body = VisibilityBody, responses((status = 200, body = VisibleBody),
    (status = "default", body = ProblemBody<'static>)))]
#[put("/api/v1/workflows/{name}/visibility")]
pub async fn set_visibility(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (name, condition) = (named(&name)?, of_what_exists(&request)?);
    let (body, bytes): (VisibilityBody, _) =
        body::json(&request, payload, app.settings.body_bytes_max).await?;
    app.key_is_free(&request, &bytes).await?;
    known(&app, &name)?;
    let (key, caller) = (idempotency(&request, &bytes)?, caller_with(&request, &bytes)?);
    let edited = app
        .ghostlight
        .catalogue
        .change_visibility(&name, body.wanted(), condition, key.as_ref(), &caller)
        .await?;
    Ok(visible(&name, edited.visibility, edited.sequence))
}

/// The answer of who said whom something is for.
#[must_use]
pub fn visible(name: &Name, visibility: Visibility, sequence: u64) -> HttpResponse {
    let body = VisibleBody { name: name.to_string(), visibility: visibility.as_str() };
    json_with(&mut written(StatusCode::OK, sequence), &body)
}
