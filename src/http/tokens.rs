//! `/tokens`: who may speak to the daemon. Making and revoking them is audited.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, delete, get, post};
use ghostlight_actors::audit::Entry;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::body;
use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller, key};
use super::resources::page::ListBody;
use super::resources::token::{NewTokenBody, TokenBody};
use super::strict;
use super::surface::{Answer, App, json_with, ok, written};

/// A token to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTokenBody {
    /// For people: what it is for.
    label: String,
    /// From when on it is not accepted; never, when it is left out.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Lists tokens, the newest first; never the tokens themselves.
#[utoipa::path(tag = "tokens", responses((status = 200, body = ListBody<TokenBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/tokens")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    strict::no_query(request.query_string())?;
    let now = app.now();
    ok(&ListBody::of(app.ghostlight.tokens.list().iter().map(|info| TokenBody::of(info, now)).collect()))
}

/// Makes a token. It is shown in this answer and never again. From the first one on, every request needs one.
#[utoipa::path(tag = "tokens", request_body = CreateTokenBody, responses((status = 201, body = NewTokenBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/tokens")]
pub async fn create(app: App, request: HttpRequest, payload: Payload) -> Answer {
    if key(&request)?.is_some() {
        let detail = "a token is shown once, so that it cannot be shown again under an `Idempotency-Key`";
        return Err(Problem::new(Code::NotSupportedYet, detail));
    }
    let (body, _): (CreateTokenBody, _) = body::json(&request, payload, app.settings.body_bytes_max).await?;
    let caller = caller(&request)?;
    // Recorded before it is done: what cannot be recorded is not done.
    let entry = Entry { action: "token.create", object: &body.label, allowed: true, reason: "" };
    app.ghostlight.audit.record(entry, &caller).await?;
    let made = app.ghostlight.tokens.create(&body.label, body.expires_at, &caller).await?;
    let mut builder = written(StatusCode::CREATED, made.sequence);
    builder.insert_header((header::LOCATION, format!("/api/v1/tokens/{}", made.info.id)));
    builder.insert_header((header::CACHE_CONTROL, "no-store"));
    Ok(json_with(
        &mut builder,
        &NewTokenBody { info: TokenBody::of(&made.info, app.now()), token: made.text },
    ))
}

/// Revokes a token: it is not accepted any more, and feeds that it opened are closed.
#[utoipa::path(tag = "tokens", params(Once), responses((status = 204), (status = "default", body = ProblemBody<'static>)))]
#[delete("/api/v1/tokens/{id}")]
pub async fn revoke(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let _claim = app.harmless(&request, b"").await?;
    let caller = caller(&request)?;
    let entry = Entry { action: "token.revoke", object: &id, allowed: true, reason: "" };
    app.ghostlight.audit.record(entry, &caller).await?;
    let (_, sequence) = app.ghostlight.tokens.revoke(&id, &caller).await?;
    Ok(written(StatusCode::NO_CONTENT, sequence.unwrap_or_default()).finish())
}
