//! `/workflows`: definitions by name and version.

use std::sync::Arc;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, put};
use ghostlight_actors::Caller;
use ghostlight_actors::catalogue::{SaveWorkflow, Saved, VisibilityFilter, WorkflowFilter, WorkflowVersion};
use ghostlight_model::definitions::Precondition;
use ghostlight_model::diagnostic::any_error;
use ghostlight_model::ids::Name;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body;
use super::headers::{IfMatch, Once};
use super::paging::page;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{MESSAGE, caller, caller_with, idempotency, message, precondition, subject_name, text};
use super::resources::page::PageBody;
use super::resources::plan::PlanBody;
use super::resources::workflow::{SavedBody, ValidationBody, WorkflowBody, WorkflowRowBody};
use super::strict;
use super::surface::{Answer, App, json_with, ok, part, sequence, tagged, written};
use super::workflow_runs::{recent, runs_of};

/// Which workflows.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WorkflowsQuery {
    /// Those whose name holds this text.
    q: Option<String>,
    /// `mine` (those that the caller saved first), `public`, or `all`, which is what stands when nothing is said.
    #[param(pattern = "^(mine|public|all)$")]
    visibility: Option<String>,
    /// The deleted ones too.
    deleted: Option<bool>,
    /// How many, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
    /// How many of its latest runs each workflow is shown with, 0 to 50; none by default.
    #[param(maximum = 50)]
    recent: Option<u16>,
}

/// Lists workflows, those changed last first.
#[utoipa::path(tag = "workflows", params(WorkflowsQuery), responses(
    (status = 200, body = PageBody<WorkflowRowBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    let query: WorkflowsQuery = strict::query(request.query_string())?;
    let recent = recent(query.recent)?.unwrap_or(0);
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let visibility = visibility_filter(&request, query.visibility.as_deref())?;
    let filter = WorkflowFilter { q: query.q, with_deleted: query.deleted.unwrap_or(false), visibility };
    let found = app.ghostlight.catalogue.list(filter, page(query.limit, query.cursor)?).await?;
    let names = found.items.iter().map(|row| row.name.clone()).collect();
    let runs = runs_of(&app, names, recent).await?;
    let rows = found.items.iter().zip(runs).map(|(row, runs)| WorkflowRowBody::of(row, runs));
    ok(&PageBody { items: rows.collect(), next_cursor: found.next })
}

/// By whom they are for, as a query says it.
///
/// # Errors
/// [`Code::BadQuery`].
pub fn visibility_filter(request: &HttpRequest, text: Option<&str>) -> Result<VisibilityFilter, Problem> {
    match text {
        None | Some("all") => Ok(VisibilityFilter::All),
        Some("public") => Ok(VisibilityFilter::Public),
        Some("mine") => Ok(VisibilityFilter::Mine(subject_name(request))),
        Some(_) => Err(Problem::new(Code::BadQuery, "`visibility` is one of: mine, public, all")),
    }
}

/// Saves a definition as a new workflow, or as the next version of the one it names. The body is the document. With
/// `Idempotency-Key` it saves one version, however often it is sent.
#[utoipa::path(tag = "workflows", params(MessageQuery, Once, IfMatch, ("X-Ghostlight-Message" = Option<String>, Header, description = "Why, for people")),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 201, body = SavedBody), (status = 200, description = "It was there already", body = SavedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows")]
pub async fn create(app: App, request: HttpRequest, payload: Payload) -> Answer {
    save(&app, &request, payload, None).await
}

/// Checks a definition and plans it; stores nothing.
#[utoipa::path(tag = "workflows", request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, body = ValidationBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows/validate")]
pub async fn validate(app: App, request: HttpRequest, payload: Payload) -> Answer {
    let document = body::document(&request, payload, app.settings.definition_bytes_max).await?;
    let checked = app.ghostlight.catalogue.check(document.text, document.format).await?;
    let workflow = checked.workflow.filter(|_| !any_error(&checked.diagnostics));
    ok(&ValidationBody {
        valid: workflow.is_some(),
        plan: workflow.as_deref().map(PlanBody::of),
        diagnostics: checked.diagnostics,
    })
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VersionQuery {
    /// The version; the latest by default.
    version: Option<u64>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
    /// Show how many runs it has of each status too, and so many of the latest, 0 to 50. The answer is whole then, whatever
    /// `If-None-Match` says.
    #[param(maximum = 50)]
    recent: Option<u16>,
}

/// One version of a workflow, whole.
#[utoipa::path(tag = "workflows", params(VersionQuery), responses(
    (status = 200, body = WorkflowBody), (status = 304, description = "Not changed"),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}")]
pub async fn show(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: VersionQuery = strict::query(request.query_string())?;
    let recent = recent(query.recent)?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let version = version_of(&app, &named(&name)?, query.version).await?;
    let (etag, body) = (version.etag().to_string(), WorkflowBody::of(&version));
    let body = match recent {
        Some(recent) => {
            body.with_runs(runs_of(&app, vec![version.name.clone()], recent).await?.pop().flatten())
        }
        None => body,
    };
    // Deleting, restoring, a change of visibility, newer versions and runs change what is shown and not the tag: only what can be told
    // apart by its tag alone is answered with "not changed".
    let is_told_by_tag = version.is_as_saved && version.version == version.latest && recent.is_none();
    match (version.deleted, is_told_by_tag) {
        (true, _) => ok(&body),
        (false, true) => Ok(tagged(&request, &etag, |builder| json_with(builder, &body))),
        (false, false) => {
            Ok(json_with(HttpResponse::Ok().insert_header((header::ETAG, format!("\"{etag}\""))), &body))
        }
    }
}

/// Saves a definition under this name. `If-Match` makes it an edit of the version that the client saw. With
/// `Idempotency-Key` it saves one version, however often it is sent.
#[utoipa::path(tag = "workflows", params(MessageQuery, Once, IfMatch, ("X-Ghostlight-Message" = Option<String>, Header, description = "Why, for people")),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, body = SavedBody), (status = 201, body = SavedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[put("/api/v1/workflows/{name}")]
pub async fn replace(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let name = named(&name)?;
    save(&app, &request, payload, Some(name)).await
}

async fn save(app: &App, request: &HttpRequest, payload: Payload, name: Option<Name>) -> Answer {
    let save = document_to_save(app, request, payload, name).await?;
    let SaveRequest { save, caller } = save;
    Ok(saved_answer("workflows", app.ghostlight.catalogue.save(save, &caller).await?))
}

/// Why a version is saved.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MessageQuery {
    /// For people, at most 1,024 bytes; may come in the header `X-Ghostlight-Message` instead.
    message: Option<String>,
}

/// A document to save, and who saves it.
pub struct SaveRequest {
    /// The document.
    pub save: SaveWorkflow,
    /// Who saves it.
    pub caller: Caller,
}

/// Reads what a save of a workflow or a template sends.
///
/// # Errors
/// A [`Problem`] for each part that cannot be used.
pub async fn document_to_save(
    app: &App,
    request: &HttpRequest,
    payload: Payload,
    name: Option<Name>,
) -> Result<SaveRequest, Problem> {
    let query: MessageQuery = strict::query(request.query_string())?;
    let said = match (query.message, text(request, &MESSAGE)?) {
        (Some(_), Some(_)) => {
            return Err(Problem::new(
                Code::InvalidValue,
                "the message comes in the query or in the header, not in both",
            ));
        }
        (Some(message), None) => message,
        (None, header) => header.unwrap_or_default().to_owned(),
    };
    let (message, precondition) = (message(&said)?, precondition(request)?);
    let document = body::document(request, payload, app.settings.definition_bytes_max).await?;
    // The message is part of what is asked for, wherever it stands.
    let mut asked = document.text.clone().into_bytes();
    if !message.is_empty() {
        asked.push(0);
        asked.extend_from_slice(message.as_bytes());
    }
    let (key, caller) = (idempotency(request, &asked)?, caller_with(request, &asked)?);
    let (source, format) = (document.text, document.format);
    Ok(SaveRequest { save: SaveWorkflow { source, format, name, message, precondition, key }, caller })
}

/// The answer to a save below `/{collection}`.
#[must_use]
pub fn saved_answer(collection: &str, saved: Saved) -> HttpResponse {
    let status = if saved.unchanged { StatusCode::OK } else { StatusCode::CREATED };
    let mut builder = written(status, saved.sequence);
    builder.insert_header((header::LOCATION, format!("/api/v1/{collection}/{}", saved.name)));
    builder.insert_header((header::ETAG, format!("\"{}\"", saved.etag())));
    json_with(&mut builder, &SavedBody::of(saved))
}

/// The precondition of a change of what must exist.
///
/// # Errors
/// [`Code::BadHeader`].
pub fn of_what_exists(request: &HttpRequest) -> Result<Precondition, Problem> {
    match precondition(request)? {
        Precondition::Absent => {
            Err(Problem::new(Code::BadHeader, "what is changed exists: `If-None-Match: *` never holds"))
        }
        other => Ok(other),
    }
}

/// Takes no new runs of a workflow. Its versions stay, and it can be restored.
#[utoipa::path(tag = "workflows", params(Once, IfMatch), responses((status = 204), (status = "default", body = ProblemBody<'static>)))]
#[delete("/api/v1/workflows/{name}")]
pub async fn remove(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let condition = of_what_exists(&request)?;
    let (name, key) = (named(&name)?, idempotency(&request, b"")?);
    let caller = caller(&request)?;
    app.key_is_free(&request, b"").await?;
    known(&app, &name)?;
    let edited = app.ghostlight.catalogue.delete(&name, condition, key.as_ref(), &caller).await?;
    Ok(written(StatusCode::NO_CONTENT, edited.sequence).finish())
}

/// Takes runs of a deleted workflow again. `If-Match` makes it a change of the version that the client saw.
#[utoipa::path(tag = "workflows", params(Once, IfMatch), responses((status = 200, body = WorkflowBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows/{name}/restore")]
pub async fn restore(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let condition = of_what_exists(&request)?;
    let (name, key) = (named(&name)?, idempotency(&request, b"")?);
    app.key_is_free(&request, b"").await?;
    known(&app, &name)?;
    let caller = caller(&request)?;
    let edited = app.ghostlight.catalogue.restore(&name, condition, key.as_ref(), &caller).await?;
    let latest = edited.current.version;
    let version =
        app.ghostlight.catalogue.get(&name, Some(latest)).await?.ok_or_else(|| unknown(&app, &name))?;
    // As the request left it: others may have saved or deleted it since.
    let version =
        WorkflowVersion { latest, deleted: false, visibility: edited.visibility, ..(*version).clone() };
    let mut builder = written(StatusCode::OK, edited.sequence);
    builder.insert_header((header::ETAG, format!("\"{}\"", version.etag())));
    Ok(json_with(&mut builder, &WorkflowBody::of(&version)))
}

/// A version of a workflow; the latest when none is named.
///
/// # Errors
/// [`Code::UnknownWorkflow`], [`Code::UnknownVersion`], and what the store says.
pub async fn version_of(
    app: &App,
    name: &Name,
    number: Option<u64>,
) -> Result<Arc<WorkflowVersion>, Problem> {
    if let Some(version) = app.ghostlight.catalogue.get(name, number).await? {
        return Ok(version);
    }
    let is_known = app.ghostlight.catalogue.versions(name).is_some();
    Err(match number.filter(|_| is_known) {
        Some(number) => {
            Problem::new(Code::UnknownVersion, format!("workflow `{name}` has no version {number}"))
        }
        None => unknown(app, name),
    })
}

/// The name of a workflow in a path.
///
/// # Errors
/// [`Code::UnknownWorkflow`].
pub fn named(text: &str) -> Result<Name, Problem> {
    part(text, Code::UnknownWorkflow)
}

/// That a workflow exists, deleted or not.
///
/// # Errors
/// [`Code::UnknownWorkflow`] with the nearest name.
pub fn known(app: &App, name: &Name) -> Result<(), Problem> {
    match app.ghostlight.catalogue.is_known(name) {
        true => Ok(()),
        false => Err(unknown(app, name)),
    }
}

/// That there is no such workflow, and the nearest name that there is.
#[must_use]
pub fn unknown(app: &App, name: &Name) -> Problem {
    let names = app.ghostlight.catalogue.names();
    let detail = format!("there is no workflow `{name}`");
    Problem::new(Code::UnknownWorkflow, with_nearest(detail, name, &names))
}

/// A sentence about a name that there is not, with the nearest of those that there are.
#[must_use]
pub fn with_nearest(detail: String, name: &Name, names: &[Name]) -> String {
    let near = strict::nearest_few(name.as_str(), names.iter().map(Name::as_str));
    let near: Vec<String> = near.iter().map(|near| format!("`{near}`")).collect();
    match near.split_last() {
        Some((last, [])) => format!("{detail}; did you mean {last}?"),
        Some((last, others)) => format!("{detail}; did you mean {} or {last}?", others.join(", ")),
        None => detail,
    }
}
