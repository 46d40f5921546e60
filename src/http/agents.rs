//! `/agents`: who can be called.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post, put};
use ghostlight_actors::agents::{AgentError, AgentInfo};
use ghostlight_actors::audit::Entry;
use ghostlight_model::ids::Name;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::headers::{IfMatch, Once};
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency, precondition};
use super::resources::agent::{AgentBody, AgentRowBody, AgentStatisticsBody, SavedAgentBody};
use super::resources::agent_file::AgentFileBody;
use super::resources::page::ListBody;
use super::run_commands::{EmptyBody, check_reason};
use super::strict;
use super::surface::{Answer, App, json_with, ok, part, written};

/// Lists agents and tools by name.
#[utoipa::path(tag = "agents", responses((status = 200, body = ListBody<AgentRowBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/agents")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    strict::no_query(request.query_string())?;
    ok(&ListBody::of(app.ghostlight.agents.list().iter().map(AgentRowBody::of).collect()))
}

/// One agent with its definition, its versions, and how its calls go.
#[utoipa::path(tag = "agents", responses((status = 200, body = AgentBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/agents/{name}")]
pub async fn show(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    strict::no_query(request.query_string())?;
    let name = named(&name)?;
    let info = app.ghostlight.agents.get(&name).ok_or_else(|| unknown(&name))?;
    let mut builder = HttpResponse::Ok();
    if let Some(etag) = info.etag() {
        builder.insert_header((header::ETAG, format!("\"{etag}\"")));
    }
    let statistics = Some(AgentStatisticsBody::of(&app.ghostlight.runs.statistics(&name)));
    Ok(json_with(&mut builder, &AgentBody { statistics, ..AgentBody::of(&info) }))
}

/// Saves a definition under this name. `If-Match` makes it an edit of the version that the client saw. With
/// `Idempotency-Key` it saves one version, however often it is sent. What a file defines is changed in the file.
#[utoipa::path(tag = "agents", params(Once, IfMatch), request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, body = SavedAgentBody), (status = 201, body = SavedAgentBody),
    (status = "default", body = ProblemBody<'static>)))]
#[put("/api/v1/agents/{name}")]
pub async fn replace(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (name, precondition) = (named(&name)?, precondition(&request)?);
    let document = body::document(&request, payload, app.settings.definition_bytes_max).await?;
    let key = idempotency(&request, document.text.as_bytes())?;
    let caller = caller_with(&request, document.text.as_bytes())?;
    let agents = &app.ghostlight.agents;
    let saved = agents.save(&name, document.text, document.format, precondition, key.as_ref(), &caller).await;
    if let Err(error @ (AgentError::NotGranted(_) | AgentError::BuiltIn(_))) = &saved {
        let reason = error.to_string();
        let entry = Entry { action: "agent.save", object: name.as_str(), allowed: false, reason: &reason };
        app.ghostlight.audit.record(entry, &caller).await?;
    }
    let saved = saved?;
    let status = if saved.unchanged { StatusCode::OK } else { StatusCode::CREATED };
    let mut builder = written(status, saved.sequence);
    builder.insert_header((header::LOCATION, format!("/api/v1/agents/{}", saved.name)));
    builder.insert_header((header::ETAG, format!("\"{}\"", saved.etag())));
    Ok(json_with(&mut builder, &SavedAgentBody::of(saved)))
}

/// Why an agent is not to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DisableBody {
    /// For people; at most 4 KiB.
    #[serde(default)]
    reason: String,
}

/// Calls an agent again.
#[utoipa::path(tag = "agents", params(Once), request_body = Option<EmptyBody>, responses((status = 200, body = AgentBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/agents/{name}/enable")]
pub async fn enable(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (_, bytes): (EmptyBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let (name, key) = (named(&name)?, idempotency(&request, &bytes)?);
    let caller = caller_with(&request, &bytes)?;
    let info = app.ghostlight.agents.enable(&name, key.as_ref(), &caller).await?;
    Ok(changed(&info))
}

/// Calls an agent no more; attempts that are under way go on.
#[utoipa::path(tag = "agents", params(Once), request_body = Option<DisableBody>, responses((status = 200, body = AgentBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/agents/{name}/disable")]
pub async fn disable(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (body, bytes): (DisableBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    check_reason(&body.reason)?;
    let (name, key) = (named(&name)?, idempotency(&request, &bytes)?);
    let caller = caller_with(&request, &bytes)?;
    let info = app.ghostlight.agents.disable(&name, &body.reason, key.as_ref(), &caller).await?;
    Ok(changed(&info))
}

/// Reads all of the operator's agent files again, and tells what came of each: a new file is a new agent, a changed one a new version,
/// a removed one disables its agent. Each is taken whole or not at all: the agent of a file with mistakes stays as it was.
#[utoipa::path(tag = "agents", params(Once), request_body = Option<EmptyBody>, responses((status = 200, body = ListBody<AgentFileBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/agents/reload")]
pub async fn reload_all(app: App, request: HttpRequest, payload: Payload) -> Answer {
    let (_, bytes): (EmptyBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let _claim = app.harmless(&request, &bytes).await?;
    let reports = app.ghostlight.agents.reload().await?;
    ok(&ListBody::of(reports.into_iter().map(AgentFileBody::of).collect()))
}

/// Reads the operator's agent files again, and shows this agent.
#[utoipa::path(tag = "agents", params(Once), request_body = Option<EmptyBody>, responses((status = 200, body = AgentBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/agents/{name}/reload")]
pub async fn reload(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    let (_, bytes): (EmptyBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let name = named(&name)?;
    let _claim = app.harmless(&request, &bytes).await?;
    let reports = app.ghostlight.agents.reload().await?;
    // A file is named after its agent in most cases: what is wrong with it is what the caller wants to know.
    let is_its_file = |file: &str| file.rsplit_once('.').is_some_and(|(stem, _)| stem == name.as_str());
    if let Some(bad) = reports.iter().find(|report| report.is_refused() && is_its_file(&report.file)) {
        let detail = format!("the file `{}` was not used", bad.file);
        return Err(Problem::new(Code::InvalidDefinition, detail).diagnostics(bad.diagnostics.clone()));
    }
    let info = app.ghostlight.agents.get(&name).ok_or_else(|| unknown(&name))?;
    Ok(changed(&info))
}

fn changed(info: &AgentInfo) -> actix_web::HttpResponse {
    json_with(&mut written(StatusCode::OK, info.sequence), &AgentBody::of(info))
}

fn named(text: &str) -> Result<Name, Problem> {
    part(text, Code::UnknownAgent)
}

fn unknown(name: &Name) -> Problem {
    Problem::new(Code::UnknownAgent, format!("there is no agent `{name}`"))
}
