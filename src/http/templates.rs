//! `/templates`: workflows with parameters, and making workflows of them and them of workflows.

use std::collections::BTreeMap;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, delete, get, post, put};
use ghostlight_actors::catalogue::{Kind, SaveWorkflow, Saved, WorkflowFilter};
use ghostlight_actors::keys::Begun;
use ghostlight_model::definitions::Precondition;
use ghostlight_model::ids::Name;
use ghostlight_model::language::{self, Format, Source};
use ghostlight_model::template::{self, Template, written as written_out};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::headers::{IfMatch, Once};
use super::paging::page;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller, caller_with, idempotency, message, precondition};
use super::resources::page::PageBody;
use super::resources::template::{MadeBody, TemplateBody, TemplateRowBody};
use super::resources::workflow::{SavedBody, VersionBody};
use super::strict;
use super::surface::{Answer, App, blocking, json_with, ok, part, sequence, tagged, written};
use super::versions::{VersionsQuery, VisibilityBody, VisibleBody, visible};
use super::workflows::{
    MessageQuery, SaveRequest, document_to_save, of_what_exists, saved_answer, visibility_filter,
    with_nearest,
};

/// Which templates.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplatesQuery {
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
}

/// Lists templates, those changed last first; the built-in ones come last.
#[utoipa::path(tag = "templates", params(TemplatesQuery), responses(
    (status = 200, body = PageBody<TemplateRowBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/templates")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    let query: TemplatesQuery = strict::query(request.query_string())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let visibility = visibility_filter(&request, query.visibility.as_deref())?;
    let filter = WorkflowFilter { q: query.q, with_deleted: query.deleted.unwrap_or(false), visibility };
    let found = app.ghostlight.templates.list(filter, page(query.limit, query.cursor)?).await?;
    ok(&PageBody { items: found.items.iter().map(TemplateRowBody::of).collect(), next_cursor: found.next })
}

/// Saves a template under the name that it has. With `Idempotency-Key` it saves one version, however often it is sent.
#[utoipa::path(tag = "templates", params(MessageQuery, Once, IfMatch, ("X-Ghostlight-Message" = Option<String>, Header, description = "Why, for people")),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 201, body = SavedBody), (status = 200, description = "It was there already", body = SavedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/templates")]
pub async fn create(app: App, request: HttpRequest, payload: Payload) -> Answer {
    let SaveRequest { save, caller } = document_to_save(&app, &request, payload, None).await?;
    Ok(saved_answer("templates", app.ghostlight.templates.save(save, &caller).await?))
}

/// What a template is to be made of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FromWorkflowBody {
    /// The workflow.
    workflow: String,
    /// Its version; the latest by default.
    #[serde(default)]
    version: Option<u64>,
    /// Names of parameters, each with the JSON pointer of the value that it stands for.
    parameters: BTreeMap<String, String>,
    /// What the template is called; as the workflow by default.
    #[serde(default)]
    name: Option<String>,
    /// Saves the template too.
    #[serde(default)]
    save: bool,
    /// Why it is saved, for people.
    #[serde(default)]
    message: Option<String>,
}

/// Makes a template of a workflow: values become parameters, and what they are becomes the default and the type.
#[utoipa::path(tag = "templates", params(Once, IfMatch), request_body = FromWorkflowBody, responses((status = 200, body = MadeBody),
    (status = 201, description = "With `save`", body = MadeBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/templates/from-workflow")]
pub async fn from_workflow(app: App, request: HttpRequest, payload: Payload) -> Answer {
    let (body, bytes): (FromWorkflowBody, _) =
        body::json(&request, payload, app.settings.body_bytes_max).await?;
    let of = super::workflows::named(&body.workflow)?;
    if body.save
        && let Some(answer) = made_before(&app, &request, &bytes, Kind::Template).await?
    {
        return Ok(answer);
    }
    super::workflows::known(&app, &of)?;
    let name: Name = match &body.name {
        Some(name) => part(name, Code::InvalidValue)?,
        None => of.clone(),
    };
    let found = app.ghostlight.catalogue.get(&of, body.version).await?;
    let version = found.ok_or_else(|| {
        let number = body.version.unwrap_or_default();
        Problem::new(Code::UnknownVersion, format!("workflow `{of}` has no version {number}"))
    })?;
    let workflow = version.compiled.as_deref().ok_or_else(|| unusable("workflow", &of))?;
    let made = template::from_workflow(&workflow.document, &name, &body.parameters);
    let document = made.map_err(|diagnostics| {
        let detail = "these parameters make no template of the workflow";
        Problem::new(Code::InvalidDefinition, detail).diagnostics(diagnostics)
    })?;
    let made = Made::of(document, name, body.message.as_deref())?;
    if !body.save {
        return ok(&made.body(None));
    }
    let save = made.save(&request, &bytes)?;
    let saved = app.ghostlight.templates.save(save, &caller_with(&request, &bytes)?).await?;
    Ok(made.answer("templates", saved))
}

/// Which version.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TemplateQuery {
    /// The version; the latest by default.
    version: Option<u64>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// One version of a template, whole.
#[utoipa::path(tag = "templates", params(TemplateQuery), responses((status = 200, body = TemplateBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/templates/{name}")]
pub async fn show(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: TemplateQuery = strict::query(request.query_string())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let name = named(&name)?;
    let version = found(&app, &name, query.version).await?;
    let body = TemplateBody::of(&version);
    if version.deleted {
        return Ok(json_with(&mut actix_web::HttpResponse::Ok(), &body));
    }
    let etag = format!("{}-{}", version.hash, version.version);
    Ok(tagged(&request, &etag, |builder| json_with(builder, &body)))
}

/// Saves a template under this name. `If-Match` makes it an edit of the version that the client saw.
#[utoipa::path(tag = "templates", params(MessageQuery, Once, IfMatch, ("X-Ghostlight-Message" = Option<String>, Header, description = "Why, for people")),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, body = SavedBody), (status = 201, body = SavedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[put("/api/v1/templates/{name}")]
pub async fn replace(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let name = named(&name)?;
    let SaveRequest { save, caller } = document_to_save(&app, &request, payload, Some(name)).await?;
    Ok(saved_answer("templates", app.ghostlight.templates.save(save, &caller).await?))
}

/// Offers a template no more. Its versions stay, and it can be restored.
#[utoipa::path(tag = "templates", params(Once, IfMatch), responses((status = 204), (status = "default", body = ProblemBody<'static>)))]
#[delete("/api/v1/templates/{name}")]
pub async fn remove(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let condition = of_what_exists(&request)?;
    let (name, key) = (named(&name)?, idempotency(&request, b"")?);
    app.key_is_free(&request, b"").await?;
    known(&app, &name)?;
    let edited = app.ghostlight.templates.delete(&name, condition, key.as_ref(), &caller(&request)?).await?;
    Ok(written(StatusCode::NO_CONTENT, edited.sequence).finish())
}

/// Offers a deleted template again. `If-Match` makes it a change of the version that the client saw.
#[utoipa::path(tag = "templates", params(Once, IfMatch), responses((status = 200, body = TemplateBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/templates/{name}/restore")]
pub async fn restore(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let condition = of_what_exists(&request)?;
    let (name, key) = (named(&name)?, idempotency(&request, b"")?);
    app.key_is_free(&request, b"").await?;
    known(&app, &name)?;
    let caller = caller(&request)?;
    let edited = app.ghostlight.templates.restore(&name, condition, key.as_ref(), &caller).await?;
    let latest = edited.current.version;
    let mut version = found(&app, &name, Some(latest)).await?;
    // As the request left it: others may have saved or deleted it since.
    (version.latest, version.deleted, version.visibility) = (latest, false, edited.visibility);
    Ok(json_with(&mut written(StatusCode::OK, edited.sequence), &TemplateBody::of(&version)))
}

/// The versions of a template, the newest first, without their documents; a built-in one has none.
#[utoipa::path(tag = "templates", params(VersionsQuery), responses(
    (status = 200, body = PageBody<VersionBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/templates/{name}/versions")]
pub async fn versions(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let query: VersionsQuery = strict::query(request.query_string())?;
    let name = named(&name)?;
    let found = app.ghostlight.templates.versions_page(&name, &page(query.limit, query.cursor)?)?;
    let found = found.ok_or_else(|| unknown(&app, &name))?;
    ok(&PageBody { items: found.items.iter().map(VersionBody::of).collect(), next_cursor: found.next })
}

/// Says whom a template is for. Nobody is kept from anything by it yet. `If-Match` makes it a change of the version that the client
/// saw.
#[utoipa::path(tag = "templates", params(Once, IfMatch), request_body = VisibilityBody, responses((status = 200, body = VisibleBody),
    (status = "default", body = ProblemBody<'static>)))]
#[put("/api/v1/templates/{name}/visibility")]
pub async fn set_visibility(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (name, condition) = (named(&name)?, of_what_exists(&request)?);
    let (body, bytes): (VisibilityBody, _) =
        body::json(&request, payload, app.settings.body_bytes_max).await?;
    app.key_is_free(&request, &bytes).await?;
    known(&app, &name)?;
    let (key, caller) = (idempotency(&request, &bytes)?, caller_with(&request, &bytes)?);
    let edited = app
        .ghostlight
        .templates
        .change_visibility(&name, body.wanted(), condition, key.as_ref(), &caller)
        .await?;
    Ok(visible(&name, edited.visibility, edited.sequence))
}

/// What a workflow is to be made of a template with.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InstantiateBody {
    /// What the workflow is called.
    name: String,
    /// Values of parameters; those that are not given are what they are by default.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
    /// The version of the template; the latest by default.
    #[serde(default)]
    version: Option<u64>,
    /// Saves the workflow too.
    #[serde(default)]
    save: bool,
    /// Why it is saved, for people.
    #[serde(default)]
    message: Option<String>,
}

/// Makes a workflow of a template. What is wrong with the values is told with its place in the template.
#[utoipa::path(tag = "templates", params(Once, IfMatch), request_body = InstantiateBody, responses((status = 200, body = MadeBody),
    (status = 201, description = "With `save`", body = MadeBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/templates/{name}/instantiate")]
pub async fn instantiate(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let of = named(&name)?;
    let (body, bytes): (InstantiateBody, _) =
        body::json(&request, payload, app.settings.body_bytes_max).await?;
    if body.save
        && let Some(answer) = made_before(&app, &request, &bytes, Kind::Workflow).await?
    {
        return Ok(answer);
    }
    let name: Name = part(&body.name, Code::InvalidValue)?;
    let version = found(&app, &of, body.version).await?;
    if version.deleted {
        return Err(Problem::new(Code::TemplateDeleted, format!("template `{of}` is deleted")));
    }
    let template: Template = version.template.ok_or_else(|| unusable("template", &of))?;
    let (wanted, values) = (name.clone(), body.parameters);
    let instance = blocking(move || Ok::<_, Problem>(template.instantiate(&wanted, &values))).await?;
    let Some(workflow) = instance.workflow else {
        let detail = format!("template `{of}` makes no workflow with these values");
        return Err(Problem::new(Code::InvalidDefinition, detail).diagnostics(instance.diagnostics));
    };
    let said = body.message.or_else(|| Some(format!("made of the template {of}")));
    let mut made = Made::of(workflow.document.clone(), name, said.as_deref())?;
    made.diagnostics = instance.diagnostics;
    if !body.save {
        return ok(&made.body(None));
    }
    let save = made.save(&request, &bytes)?;
    let saved = app.ghostlight.catalogue.save(save, &caller_with(&request, &bytes)?).await?;
    Ok(made.answer("workflows", saved))
}

/// A document that was made here, and what is needed to save it.
struct Made {
    document: Value,
    name: Name,
    source: String,
    format: Format,
    message: String,
    diagnostics: Vec<ghostlight_model::diagnostic::Diagnostic>,
}

impl Made {
    fn of(document: Value, name: Name, said: Option<&str>) -> Result<Self, Problem> {
        let (source, format) = written_out(&document);
        let message = message(said.unwrap_or_default())?;
        Ok(Self { document, name, source, format, message, diagnostics: Vec::new() })
    }

    fn save(&self, request: &HttpRequest, bytes: &[u8]) -> Result<SaveWorkflow, Problem> {
        Ok(SaveWorkflow {
            source: self.source.clone(),
            format: self.format,
            name: Some(self.name.clone()),
            message: self.message.clone(),
            precondition: precondition(request)?,
            key: idempotency(request, bytes)?,
        })
    }

    fn answer(self, collection: &str, saved: Saved) -> actix_web::HttpResponse {
        let status = if saved.unchanged { StatusCode::OK } else { StatusCode::CREATED };
        let mut builder = written(status, saved.sequence);
        builder.insert_header((header::LOCATION, format!("/api/v1/{collection}/{}", saved.name)));
        builder.insert_header((header::ETAG, format!("\"{}\"", saved.etag())));
        json_with(&mut builder, &self.body(Some(SavedBody::of(saved))))
    }

    fn body(self, saved: Option<SavedBody>) -> MadeBody {
        MadeBody {
            document: self.document,
            source: self.source,
            format: if self.format == Format::Json { "json" } else { "yaml" },
            diagnostics: self.diagnostics,
            saved,
        }
    }
}

/// The answer to a request that was made before under its key: what was made then, whatever became of its template or its
/// workflow since.
async fn made_before(
    app: &App,
    request: &HttpRequest,
    bytes: &[u8],
    kind: Kind,
) -> Result<Option<actix_web::HttpResponse>, Problem> {
    let key = idempotency(request, bytes)?;
    if matches!(app.ghostlight.keys.begin(key.as_ref()).await??, Begun::First(_)) {
        return Ok(None);
    }
    // The key says what was saved: the document of a repeated request is not looked at.
    let save = SaveWorkflow {
        source: String::new(),
        format: Format::Yaml,
        name: None,
        message: String::new(),
        precondition: Precondition::None,
        key,
    };
    let caller = caller_with(request, bytes)?;
    let (collection, saved, source, format) = match kind {
        Kind::Workflow => {
            let saved = app.ghostlight.catalogue.save(save, &caller).await?;
            let version = app.ghostlight.catalogue.get(&saved.name, Some(saved.version)).await?;
            let version = version.ok_or_else(|| super::workflows::unknown(app, &saved.name))?;
            ("workflows", saved, version.source.to_string(), version.format.clone())
        }
        Kind::Template => {
            let saved = app.ghostlight.templates.save(save, &caller).await?;
            let version = found(app, &saved.name, Some(saved.version)).await?;
            ("templates", saved, version.source.to_string(), version.format)
        }
    };
    let format = if format == "json" { Format::Json } else { Format::Yaml };
    let read = source.clone();
    let (document, diagnostics) = blocking(move || {
        let source = Source { text: &read, format };
        let diagnostics = match kind {
            Kind::Workflow => language::compile(&source).diagnostics,
            Kind::Template => template::read(&source).diagnostics,
        };
        Ok::<_, Problem>((language::canonical_document(&source).unwrap_or_default(), diagnostics))
    })
    .await?;
    let saved = Saved { warnings: diagnostics.clone(), ..saved };
    let name = saved.name.clone();
    let made = Made { document, name, source, format, message: String::new(), diagnostics };
    Ok(Some(made.answer(collection, saved)))
}

fn named(text: &str) -> Result<Name, Problem> {
    part(text, Code::UnknownTemplate)
}

fn known(app: &App, name: &Name) -> Result<(), Problem> {
    match app.ghostlight.templates.is_known(name) {
        true => Ok(()),
        false => Err(unknown(app, name)),
    }
}

fn unknown(app: &App, name: &Name) -> Problem {
    let names = app.ghostlight.templates.names();
    Problem::new(Code::UnknownTemplate, with_nearest(format!("there is no template `{name}`"), name, &names))
}

async fn found(
    app: &App,
    name: &Name,
    version: Option<u64>,
) -> Result<ghostlight_actors::templates::TemplateVersion, Problem> {
    known(app, name)?;
    let found = app.ghostlight.templates.get(name, version).await?;
    found.ok_or_else(|| {
        let number = version.unwrap_or_default();
        Problem::new(Code::UnknownVersion, format!("template `{name}` has no version {number}"))
    })
}

fn unusable(word: &str, name: &Name) -> Problem {
    let detail = format!("this version of {word} `{name}` is not accepted by this program any more");
    Problem::new(Code::InvalidDefinition, detail)
}
