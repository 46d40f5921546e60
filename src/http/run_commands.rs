//! `/runs/{id}/…`, commanding: cancel, pause, resume, reconcile, signals, limits.
//!
//! A command under an `Idempotency-Key` takes the key with the events it causes: sent again, it is answered the same
//! without being done again.

use actix_web::http::StatusCode;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, HttpResponse, patch, post};
use bytes::Bytes;
use ghostlight_actors::runs::{Accepted, CommandError, RunCommand};
use ghostlight_model::ids::{Name, StepPath};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency};
use super::resources::run::AcceptedBody;
use super::runs::{priority, run_id};
use super::strict;
use super::surface::{Answer, App, json_with, part, written};

/// The longest reason, in bytes.
const REASON_BYTES_MAX: usize = 4_096;

/// Why something is asked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonBody {
    /// For people; at most 4 KiB.
    #[serde(default)]
    reason: String,
}

/// Why a run is to end, and how.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelBody {
    /// For people; at most 4 KiB.
    #[serde(default)]
    reason: String,
    /// Without making good what was done: no `compensate` is called.
    #[serde(default)]
    kill: bool,
}

/// Nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmptyBody {}

/// Whether an interrupted write happened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReconcileBody {
    /// `yes` or `no`.
    #[schema(pattern = "^(yes|no)$")]
    happened: String,
    /// Which attempt is meant: the step's `attempts` when it was looked at. If another one waits by now, 409 `step_state`. The one
    /// that waits when it is not said.
    #[serde(default)]
    #[schema(minimum = 1)]
    attempt: Option<u32>,
    /// The step's output, when it happened.
    #[serde(default)]
    output: Option<Value>,
}

/// Ends a run: nothing new starts, running attempts are asked to stop, and what was done is made good where its node says how.
#[utoipa::path(tag = "runs", params(Once), request_body = Option<CancelBody>, responses((status = 200, body = AcceptedBody),
    (status = 202, description = "It ends when its attempts have", body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/cancel")]
pub async fn cancel(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (body, bytes): (CancelBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let CancelBody { reason, kill } = body;
    check_reason(&reason)?;
    let done = give(&app, &request, &bytes, &id, RunCommand::Cancel { reason, kill }).await?;
    let mut answer = accepted(&done);
    if !done.status.is_terminal() {
        // It was taken, and it is not done before the running attempts have ended.
        *answer.status_mut() = StatusCode::ACCEPTED;
    }
    Ok(answer)
}

/// Starts nothing new until the run is resumed.
#[utoipa::path(tag = "runs", params(Once), request_body = Option<ReasonBody>, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/pause")]
pub async fn pause(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (reason, bytes) = reason(&app, &request, payload).await?;
    Ok(accepted(&give(&app, &request, &bytes, &id, RunCommand::Pause { reason }).await?))
}

/// Goes on with a paused run; releases a quarantined one too.
#[utoipa::path(tag = "runs", params(Once), request_body = Option<EmptyBody>, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/resume")]
pub async fn resume(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (_, bytes): (EmptyBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    Ok(accepted(&give(&app, &request, &bytes, &id, RunCommand::Resume).await?))
}

/// Says whether a write that was cut off had happened. A step that waits for this goes on.
#[utoipa::path(tag = "runs", params(Once), request_body = ReconcileBody, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/steps/{path}/reconcile")]
pub async fn reconcile(
    app: App,
    request: HttpRequest,
    place: Path<(String, String)>,
    payload: Payload,
) -> Answer {
    strict::no_query(request.query_string())?;
    let (id, path) = place.into_inner();
    let step: StepPath = part(&path, Code::UnknownStep)?;
    let (body, bytes): (ReconcileBody, _) =
        body::json(&request, payload, app.settings.body_bytes_max).await?;
    let happened = match body.happened.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::new(Code::InvalidValue, "`happened` is \"yes\" or \"no\"")),
    };
    let command = RunCommand::Reconcile { step, attempt: body.attempt, happened, output: body.output };
    Ok(accepted(&give(&app, &request, &bytes, &id, command).await?))
}

/// Sends a signal: the body is its payload, `{}` without one. The first step that waits for it, now or later, takes it.
#[utoipa::path(tag = "runs", params(Once), request_body = Option<Value>, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/signals/{name}")]
pub async fn signal(
    app: App,
    request: HttpRequest,
    place: Path<(String, String)>,
    payload: Payload,
) -> Answer {
    strict::no_query(request.query_string())?;
    let (id, name) = place.into_inner();
    let name: Name = part(&name, Code::UnknownSignal)?;
    let (payload, bytes) = body::value_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let command = RunCommand::Signal { name, payload };
    Ok(accepted(&give(&app, &request, &bytes, &id, command).await?))
}

/// Why a plan is changed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EditQuery {
    /// For people; at most 4 KiB.
    #[serde(default)]
    reason: String,
}

/// Lets a live run go on with another definition, which the body is. Only what has not begun may be otherwise: nodes may be
/// added, changed and left out.
#[utoipa::path(tag = "runs", params(EditQuery, Once),
    request_body(content((String = "application/yaml"), (Object = "application/json"))),
    responses((status = 200, body = AcceptedBody), (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs/{id}/plan/edits")]
pub async fn edit(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    let query: EditQuery = strict::query(request.query_string())?;
    if query.reason.len() > REASON_BYTES_MAX {
        let detail = format!("`reason` has at most {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    let document = body::document(&request, payload, app.settings.definition_bytes_max).await?;
    let bytes = document.text.clone().into_bytes();
    if let Some(before) = app.ghostlight.runs.given_before(idempotency(&request, &bytes)?.as_ref()).await? {
        return Ok(accepted(&before));
    }
    let run = run_id(&id)?;
    if !app.ghostlight.runs.exists(run).await? {
        return Err(CommandError::UnknownRun(run).into());
    }
    let checked = app.ghostlight.catalogue.check(document.text, document.format).await?;
    let Some(workflow) = checked.workflow else {
        return Err(Problem::new(Code::InvalidDefinition, "the definition has errors")
            .diagnostics(checked.diagnostics));
    };
    let command = RunCommand::Revise { next: workflow, reason: query.reason };
    Ok(accepted(&give(&app, &request, &bytes, &id, command).await?))
}

/// What of a live run is to be otherwise: at least one thing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustBody {
    /// How many attempts are made at the same time, 1 to 10,000. Those that are being made go on.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10000)]
    max_parallel: Option<u32>,
    /// How urgent it is, −100 to 100, and with it the runs that its steps wait for.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i64>,
}

/// Changes the limits of a live run.
#[utoipa::path(tag = "runs", params(Once), request_body = AdjustBody, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[patch("/api/v1/runs/{id}")]
pub async fn adjust(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    let (body, bytes): (AdjustBody, _) = body::json(&request, payload, app.settings.body_bytes_max).await?;
    let (max_parallel, priority) = (body.max_parallel, priority(body.priority)?);
    if max_parallel.is_some_and(|max| !(1..=10_000).contains(&max)) {
        return Err(Problem::new(Code::InvalidValue, "`max_parallel` is a whole number from 1 to 10000"));
    }
    if max_parallel.is_none() && priority.is_none() {
        return Err(Problem::new(Code::InvalidValue, "`max_parallel` or `priority` says what is to change"));
    }
    Ok(accepted(&give(&app, &request, &bytes, &id, RunCommand::Adjust { max_parallel, priority }).await?))
}

async fn reason(app: &App, request: &HttpRequest, payload: Payload) -> Result<(String, Bytes), Problem> {
    let (body, bytes): (ReasonBody, _) =
        body::json_or_nothing(request, payload, app.settings.body_bytes_max).await?;
    check_reason(&body.reason)?;
    Ok((body.reason, bytes))
}

/// That a reason is not too long.
///
/// # Errors
/// [`Code::InvalidValue`].
pub fn check_reason(reason: &str) -> Result<(), Problem> {
    if reason.len() > REASON_BYTES_MAX {
        let message = format!("`reason` has at most {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::InvalidValue, message));
    }
    Ok(())
}

async fn give(
    app: &App,
    request: &HttpRequest,
    body: &[u8],
    id: &str,
    command: RunCommand,
) -> Result<Accepted, Problem> {
    let (run, key) = (run_id(id)?, idempotency(request, body)?);
    Ok(app.ghostlight.runs.command(run, command, key, caller_with(request, body)?).await?)
}

/// The answer to a command that was taken.
#[must_use]
pub fn accepted(accepted: &Accepted) -> HttpResponse {
    json_with(&mut written(StatusCode::OK, accepted.sequence), &AcceptedBody::of(accepted))
}
