//! `/approvals`: what people are asked, and what they answer.

use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, get, post};
use ghostlight_actors::views::{ApprovalFilter, ApprovalStatus, ViewKind};
use ghostlight_model::ids::{ApprovalId, RunId};
use serde::Deserialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::headers::Once;
use super::paging::{one_of, page};
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller_with, idempotency};
use super::resources::approval::ApprovalBody;
use super::resources::page::PageBody;
use super::resources::plan::risk_named;
use super::resources::run::AcceptedBody;
use super::run_commands::accepted;
use super::strict;
use super::surface::{Answer, App, blocking, ok, part, sequence};

/// The longest comment, in bytes.
const COMMENT_BYTES_MAX: usize = 16 * 1024;

/// Which approvals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalsQuery {
    /// `pending`, `approved`, `rejected`, `expired`, `cancelled`.
    #[param(pattern = "^(pending|approved|rejected|expired|cancelled)$")]
    status: Option<String>,
    /// Of this run.
    #[param(format = Uuid)]
    run: Option<String>,
    /// `low`, `medium`, `high`, `critical`.
    #[param(pattern = "^(low|medium|high|critical)$")]
    risk: Option<String>,
    /// How many, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// Lists approvals, newest first.
#[utoipa::path(tag = "approvals", params(ApprovalsQuery), responses((status = 200, body = PageBody<ApprovalBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/approvals")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    let query: ApprovalsQuery = strict::query(request.query_string())?;
    let status = |name: &str| ApprovalStatus::ALL.into_iter().find(|status| status.as_str() == name);
    let known = ApprovalStatus::ALL.map(ApprovalStatus::as_str).join(", ");
    let filter = ApprovalFilter {
        status: one_of("status", query.status.as_deref(), status, &known)?,
        run: query.run.as_deref().map(|run| part::<RunId>(run, Code::BadQuery)).transpose()?,
        risk: one_of("risk", query.risk.as_deref(), risk_named, "low, medium, high, critical")?,
    };
    app.view_is_current(ViewKind::Approvals, sequence("min_sequence", query.min_sequence.as_deref())?)
        .await?;
    let (views, page) = (app.ghostlight.views.clone(), page(query.limit, query.cursor)?);
    let found = blocking(move || views.approvals(&filter, &page)).await?;
    ok(&PageBody { items: found.items.iter().map(ApprovalBody::of_row).collect(), next_cursor: found.next })
}

/// How to read an approval.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ApprovalQuery {
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// One approval, with its texts whole.
#[utoipa::path(tag = "approvals", params(ApprovalQuery), responses((status = 200, body = ApprovalBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/approvals/{id}")]
pub async fn show(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let query: ApprovalQuery = strict::query(request.query_string())?;
    let id = approval_id(&id)?;
    app.view_is_current(ViewKind::Approvals, sequence("min_sequence", query.min_sequence.as_deref())?)
        .await?;
    let views = app.ghostlight.views.clone();
    let row = blocking(move || views.approval(id)).await?.ok_or_else(|| unknown(id))?;
    let read = app.read(row.run).await?;
    ok(&ApprovalBody::of_row(&row).completed_by(&read.run, id))
}

/// A yes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveBody {
    /// What the person says.
    #[serde(default)]
    comment: Option<String>,
    /// What the person changes; must fit the gate's form.
    #[serde(default)]
    changes: Option<Value>,
}

/// A no.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RejectBody {
    /// What the person says.
    #[serde(default)]
    comment: Option<String>,
}

/// Says yes. A second decision is refused with the first.
#[utoipa::path(tag = "approvals", params(Once), request_body = Option<ApproveBody>, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/approvals/{id}/approve")]
pub async fn approve(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    let (body, bytes): (ApproveBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    answer(&app, &request, &bytes, &id, true, body).await
}

/// Says no. A second decision is refused with the first.
#[utoipa::path(tag = "approvals", params(Once), request_body = Option<RejectBody>, responses((status = 200, body = AcceptedBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/approvals/{id}/reject")]
pub async fn reject(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    let (body, bytes): (RejectBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    let body = ApproveBody { comment: body.comment, changes: None };
    answer(&app, &request, &bytes, &id, false, body).await
}

async fn answer(
    app: &App,
    request: &HttpRequest,
    bytes: &[u8],
    id: &str,
    is_yes: bool,
    body: ApproveBody,
) -> Answer {
    let id = approval_id(id)?;
    let ApproveBody { comment, changes } = body;
    if comment.as_ref().is_some_and(|comment| comment.len() > COMMENT_BYTES_MAX) {
        return Err(Problem::new(
            Code::InvalidValue,
            format!("`comment` has at most {COMMENT_BYTES_MAX} bytes"),
        ));
    }
    let (key, caller) = (idempotency(request, bytes)?, caller_with(request, bytes)?);
    Ok(accepted(&app.ghostlight.runs.answer(id, is_yes, comment, changes, key, caller).await?))
}

fn approval_id(text: &str) -> Result<ApprovalId, Problem> {
    part(text, Code::UnknownApproval)
}

fn unknown(id: ApprovalId) -> Problem {
    Problem::new(Code::UnknownApproval, format!("there is no approval `{id}`"))
}
