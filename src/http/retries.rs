//! `/runs/{id}/retry`: opening a failed run again, or looking at what that would do.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, post};
use ghostlight_actors::runs::RetryRun;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::body;
use super::headers::Once;
use super::problem::ProblemBody;
use super::request::{caller_with, idempotency};
use super::resources::hazard::HazardsBody;
use super::resources::run::AcceptedBody;
use super::runs::run_id;
use super::strict;
use super::surface::{Answer, App, json_with, ok, written};

/// How to try again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// The run's input from now on: what is done again reads it, what is kept has read the old one. Must fit the schema of the
    /// definition that the run then follows.
    #[serde(default)]
    input: Option<Value>,
    /// The version of the run's workflow that it goes on with. What has finished must be in it as it was.
    #[serde(default)]
    version: Option<u64>,
    /// Calls writes again that may have happened.
    #[serde(default)]
    acknowledge_writes: bool,
    /// Does nothing, and answers 200 with what a retry would do.
    #[serde(default)]
    dry_run: bool,
}

/// The run was opened again, or, with `dry_run`, what that would do.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum RetryAnswer {
    /// It was opened again.
    Accepted(AcceptedBody),
    /// What opening it again would do.
    Hazards(HazardsBody),
}

/// Opens a failed run again, from the steps that failed. What has finished keeps its output.
#[utoipa::path(tag = "runs", params(Once), request_body = Option<RetryBody>, responses((status = 200, body = RetryAnswer),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/retry")]
pub async fn retry(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (body, bytes): (RetryBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let RetryBody { input, version, acknowledge_writes, dry_run } = body;
    let (run, ask) = (run_id(&id)?, RetryRun { version, input, acknowledge_writes });
    if dry_run {
        let hazards = app.ghostlight.runs.hazards(run, ask).await?;
        return ok(&RetryAnswer::Hazards(HazardsBody::of(run, &hazards)));
    }
    let (key, caller) = (idempotency(&request, &bytes)?, caller_with(&request, &bytes)?);
    let accepted = app.ghostlight.runs.retry(run, ask, key, caller).await?;
    let answer = RetryAnswer::Accepted(AcceptedBody::of(&accepted));
    Ok(json_with(&mut written(StatusCode::OK, accepted.sequence), &answer))
}
