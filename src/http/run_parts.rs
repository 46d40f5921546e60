//! `/runs/{id}/…`, reading: status, steps, plan, timeline, events.

use actix_web::http::header;
use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse, get};
use ghostlight_actors::runs::CommandError;
use ghostlight_model::ids::StepPath;
use ghostlight_store::Record;
use serde::Deserialize;
use utoipa::IntoParams;

use super::paging::one_of;
use super::problem::{Code, Problem, ProblemBody};
use super::resources::attempt::{Attempts, may_name};
use super::resources::event::EventBody;
use super::resources::next::NextBody;
use super::resources::page::{ListBody, PageBody};
use super::resources::plan::PlanBody;
use super::resources::revision::RevisionBody;
use super::resources::status::{CurrentAgentBody, StatusBody, current_agents};
use super::resources::step::{StepDetail, StepsBody, detail, status_named, status_names, steps};
use super::resources::timeline::{TimelineAnswer, TimelineBody};
use super::runs::run_id;
use super::strict;
use super::surface::{Answer, App, ok, part, sequence};

/// How to read a part of a run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PartQuery {
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

async fn read(
    app: &App,
    request: &HttpRequest,
    id: &str,
) -> Result<ghostlight_actors::runs::RunRead, Problem> {
    let query: PartQuery = strict::query(request.query_string())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    app.read(run_id(id)?).await
}

/// How far a run is: progress, expected end, current steps, counts.
#[utoipa::path(tag = "runs", params(PartQuery), responses((status = 200, body = StatusBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/status")]
pub async fn show_status(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let read = read(&app, &request, &id).await?;
    ok(&StatusBody::of(&read, app.now()))
}

/// Which steps.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StepsQuery {
    /// Of this status.
    #[param(pattern = "^(pending|ready|running|waiting|retrying|completed|failed|skipped|cancelled)$")]
    status: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// The steps of a run, parents before children.
#[utoipa::path(tag = "runs", params(StepsQuery), responses((status = 200, body = StepsBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/steps")]
pub async fn all_steps(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let query: StepsQuery = strict::query(request.query_string())?;
    let status = one_of("status", query.status.as_deref(), status_named, &status_names())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let read = app.read(run_id(&id)?).await?;
    let items = steps(&read, status, app.now());
    ok(&StepsBody { items, next_cursor: None, sequence: read.sequence.to_string() })
}

/// One step with its input, output and attempts.
#[utoipa::path(tag = "runs", params(PartQuery), responses((status = 200, body = StepDetail),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/steps/{path}")]
pub async fn show_step(app: App, request: HttpRequest, place: Path<(String, String)>) -> Answer {
    let (id, path) = place.into_inner();
    let read = read(&app, &request, &id).await?;
    let path: StepPath = part(&path, Code::UnknownStep)?;
    let unknown = || Problem::new(Code::UnknownStep, format!("run `{}` has no step `{path}`", read.run.id));
    let at = read.run.find(&path).ok_or_else(unknown)?;
    let (wanted, of_step) = (may_name(&path), Attempts::of_step(path));
    let history = app.ghostlight.runs.gather(&read, of_step, wanted, Attempts::take).await?;
    ok(&detail(&read, at, history.into_bodies(), app.now()))
}

/// What each step that has not ended waits for, parents before children.
#[utoipa::path(tag = "runs", params(PartQuery), responses((status = 200, body = ListBody<NextBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/next")]
pub async fn show_next(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let read = read(&app, &request, &id).await?;
    ok(&ListBody::of(NextBody::all(&read)))
}

/// The plan that a run follows.
#[utoipa::path(tag = "runs", params(PartQuery), responses((status = 200, body = PlanBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/plan")]
pub async fn show_plan(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let read = read(&app, &request, &id).await?;
    ok(&PlanBody::of(&read.run.workflow))
}

/// How the plan of a run came to be what it is: as it was at the start, and each change, the oldest first.
#[utoipa::path(tag = "runs", params(PartQuery), responses((status = 200, body = ListBody<RevisionBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/plan/revisions")]
pub async fn show_revisions(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let read = read(&app, &request, &id).await?;
    let wanted = |record: &Record| RevisionBody::is_in(record.kind);
    let revisions = app.ghostlight.runs.gather(&read, Vec::new(), wanted, RevisionBody::take).await?;
    ok(&ListBody::of(revisions))
}

/// How to write a timeline.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// `json` (the default), `csv`, or `chrome` for trace viewers.
    #[param(pattern = "^(json|csv|chrome)$")]
    format: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// What ran and what waited, and when.
#[utoipa::path(tag = "runs", params(TimelineQuery), responses(
    (status = 200, description = "The timeline", content((TimelineAnswer = "application/json"), (String = "text/csv"))),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/timeline")]
pub async fn show_timeline(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let query: TimelineQuery = strict::query(request.query_string())?;
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let read = app.read(run_id(&id)?).await?;
    let of_steps = |record: &Record| Attempts::are_in(record.kind);
    let attempts =
        app.ghostlight.runs.gather(&read, Attempts::without_values(), of_steps, Attempts::take).await?;
    let timeline = TimelineBody::of(&read, attempts.into_bodies(), app.now());
    let attachment = |name: &str| (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\""));
    match query.format.as_deref().unwrap_or("json") {
        "json" => ok(&TimelineAnswer::Spans(timeline)),
        "csv" => Ok(HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "text/csv; charset=utf-8"))
            .insert_header(attachment("timeline.csv"))
            .body(timeline.csv())),
        "chrome" => ok(&TimelineAnswer::Trace(timeline.chrome())),
        _ => Err(Problem::new(Code::BadQuery, "`format` is one of: json, csv, chrome")),
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Those after this global sequence; all from the beginning by default.
    #[param(pattern = "^[0-9]{1,19}$")]
    after: Option<String>,
    /// How many, 1 to 1000; 200 by default.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// The most events of a page.
const EVENTS_MAX: usize = 1_000;
const EVENTS_DEFAULT: usize = 200;

/// The events of a run, oldest first; `next_cursor` is the `after` of the next page.
#[utoipa::path(tag = "runs", params(EventsQuery), responses((status = 200, body = PageBody<EventBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/events")]
pub async fn show_events(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let query: EventsQuery = strict::query(request.query_string())?;
    let after = sequence("after", query.after.as_deref())?.unwrap_or(0);
    let limit = query.limit.unwrap_or(EVENTS_DEFAULT);
    if limit == 0 || limit > EVENTS_MAX {
        return Err(Problem::new(Code::BadQuery, format!("`limit` is 1 to {EVENTS_MAX}")));
    }
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let run = run_id(&id)?;
    let found = app.ghostlight.runs.events_after(run, after, limit).await?;
    let (events, has_more) = found.ok_or_else(|| Problem::from(CommandError::UnknownRun(run)))?;
    let page: Vec<EventBody> = events.iter().map(EventBody::of).collect();
    let next = page.last().filter(|_| has_more).map(|event| event.sequence.clone());
    ok(&PageBody { items: page, next_cursor: next })
}

/// How far a run is: the older spelling of `/api/v1/runs/{id}/status`.
#[utoipa::path(tag = "aliases", params(PartQuery), responses((status = 200, body = StatusBody),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v2/workflows/{run}/status")]
pub async fn status_alias(app: App, request: HttpRequest, run: Path<String>) -> Answer {
    let read = read(&app, &request, &run).await?;
    ok(&StatusBody::of(&read, app.now()))
}

/// The agents that work for a run at this moment, each with its step, since when, and how far it is.
#[utoipa::path(tag = "aliases", params(PartQuery), responses((status = 200, body = ListBody<CurrentAgentBody>),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v2/workflows/{run}/agents/current")]
pub async fn current_agents_alias(app: App, request: HttpRequest, run: Path<String>) -> Answer {
    let read = read(&app, &request, &run).await?;
    ok(&ListBody::of(current_agents(&read, app.now())))
}
