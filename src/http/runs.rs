//! `/runs` and `/workflows/{name}/runs`: starting runs, lists of them, and single ones.

use std::collections::BTreeMap;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, get, post};
use bytes::Bytes;
use ghostlight_actors::runs::{Awaited, Definition, RunNow, StartError, StartRun};
use ghostlight_actors::views::ViewKind;
use ghostlight_model::ids::RunId;
use ghostlight_model::language::Format;
use ghostlight_model::priority::Priority;
use ghostlight_model::selection::LABELS_RESERVED;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::body;
use super::headers::{Once, Wait};
use super::paging::page;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{PREFERENCE_APPLIED, WAIT_MAX, caller, idempotency, preferred_wait};
use super::resources::page::PageBody;
use super::resources::run::{DryRunBody, RunBody};
use super::run_filters::Words;
use super::strict;
use super::surface::{Answer, App, blocking, json_with, ok, part, sequence, tagged, written};
use super::workflows::{named, unknown};

/// What a run of a saved workflow is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartBody {
    /// Its input; must fit the workflow's schema.
    #[serde(default)]
    input: Option<Value>,
    /// The version to follow; the latest by default.
    #[serde(default)]
    version: Option<u64>,
    /// Added to the workflow's labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Merged over the workflow's default context.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    /// How urgent the run is, −100 to 100: the greater, the sooner its steps get slots. As the definition says when it is
    /// not given; 0 is ordinary.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i64>,
    /// Not supported yet.
    #[serde(default)]
    budget: Option<Value>,
    /// Starts nothing, and answers 200 with what a start would do: which workflow the selectors choose and why, whether
    /// the input fits, and the plan.
    #[serde(default)]
    dry_run: Option<bool>,
}

/// A run with a definition of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartOwnBody {
    /// The definition: an object, or a text of YAML.
    definition: Value,
    /// Its input; must fit the definition's schema.
    #[serde(default)]
    input: Option<Value>,
    /// Added to the definition's labels.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Merged over the definition's default context.
    #[serde(default)]
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    /// How urgent the run is, −100 to 100: the greater, the sooner its steps get slots. As the definition says when it is
    /// not given; 0 is ordinary.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    priority: Option<i64>,
    /// Not supported yet.
    #[serde(default)]
    budget: Option<Value>,
    /// Starts nothing, and answers 200 with what a start would do: which workflow the selectors choose and why, whether
    /// the input fits, and the plan.
    #[serde(default)]
    dry_run: Option<bool>,
}

/// The most labels that a run is given.
const LABELS_MAX: usize = 64;
/// The longest key or value of a label, in bytes.
const LABEL_BYTES_MAX: usize = 256;

/// Starts a run of a workflow. With `Idempotency-Key` it starts one run, however often it is sent; with `Prefer: wait=N`
/// it answers when the run has ended or the time is over.
#[utoipa::path(tag = "runs", params(Once, Wait), request_body = Option<StartBody>, responses((status = 201, body = RunBody),
    (status = 200, description = "With `dry_run`: what a start would do", body = DryRunBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/workflows/{name}/runs")]
pub async fn start_saved(app: App, request: HttpRequest, name: Path<String>, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let name = named(&name)?;
    let (body, bytes): (StartBody, _) =
        body::json_or_nothing(&request, payload, app.settings.body_bytes_max).await?;
    no_budget(body.budget.as_ref())?;
    let start = StartRun {
        definition: Definition::Saved { name, version: body.version },
        input: input(body.input),
        context: body.context,
        labels: bounded(body.labels)?,
        priority: priority(body.priority)?,
        key: idempotency(&request, &bytes)?,
    };
    if body.dry_run == Some(true) {
        let preview = app.ghostlight.runs.preview(&start).await;
        return ok(&DryRunBody::of(&preview.map_err(|error| not_started(&app, error))?));
    }
    begin(&app, &request, start).await
}

/// Starts a run with a definition of its own, which is saved nowhere else.
#[utoipa::path(tag = "runs", params(Once, Wait), request_body = StartOwnBody, responses((status = 201, body = RunBody),
    (status = 200, description = "With `dry_run`: what a start would do", body = DryRunBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/runs")]
pub async fn start_own(app: App, request: HttpRequest, payload: Payload) -> Answer {
    strict::no_query(request.query_string())?;
    let (body, bytes): (StartOwnBody, Bytes) =
        body::json(&request, payload, app.settings.definition_bytes_max).await?;
    no_budget(body.budget.as_ref())?;
    let is_object = body.definition.is_object();
    let definition = match body.definition {
        Value::String(source) => Definition::Own { source, format: Format::Yaml },
        document @ Value::Object(_) => Definition::Own { source: document.to_string(), format: Format::Json },
        _ => return Err(Problem::new(Code::InvalidValue, "`definition` is an object, or a text of YAML")),
    };
    let start = StartRun {
        definition,
        input: input(body.input),
        context: body.context,
        labels: bounded(body.labels)?,
        priority: priority(body.priority)?,
        key: idempotency(&request, &bytes)?,
    };
    if body.dry_run == Some(true) {
        let preview = app.ghostlight.runs.preview(&start).await;
        return ok(&DryRunBody::of(&preview.map_err(|error| without_places(error, is_object))?));
    }
    begin(&app, &request, start).await.map_err(|problem| match is_object {
        true => problem.without_places(),
        false => problem,
    })
}

/// An object of JSON that was written out again has no lines and columns that the caller knows: pointers tell the places.
fn without_places(error: StartError, is_object: bool) -> Problem {
    let problem = Problem::from(error);
    if is_object { problem.without_places() } else { problem }
}

/// A run without an input gets an empty object, which a schema can still refuse.
fn input(input: Option<Value>) -> Value {
    input.unwrap_or_else(|| Value::Object(Map::new()))
}

/// How urgent a run is to be, if somebody says so.
///
/// # Errors
/// [`Code::InvalidValue`] for a number that is no priority.
pub fn priority(number: Option<i64>) -> Result<Option<Priority>, Problem> {
    let priority = number.map(Priority::try_from).transpose();
    priority.map_err(|why| Problem::new(Code::InvalidValue, why.to_string()))
}

fn no_budget(budget: Option<&Value>) -> Result<(), Problem> {
    match budget {
        Some(_) => Err(Problem::new(Code::NotSupportedYet, "`budget` is not supported yet")),
        None => Ok(()),
    }
}

fn bounded(labels: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Problem> {
    let fits = |text: &String| text.len() <= LABEL_BYTES_MAX && !text.chars().any(char::is_control);
    if labels.len() > LABELS_MAX
        || !labels.iter().all(|(key, value)| !key.is_empty() && fits(key) && fits(value))
    {
        let detail =
            format!("a run has at most {LABELS_MAX} labels of at most {LABEL_BYTES_MAX} printable bytes");
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    if let Some(own) = labels.keys().find(|key| key.starts_with(LABELS_RESERVED)) {
        let detail =
            format!("the label `{own}` is not for callers: what begins with `{LABELS_RESERVED}` is ours");
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    Ok(labels)
}

async fn begin(app: &App, request: &HttpRequest, start: StartRun) -> Answer {
    let wait = preferred_wait(request);
    let begun = app.ghostlight.runs.begin(start, caller(request)?, wait).await;
    let Awaited { started, now, waited } = begun.map_err(|error| not_started(app, error))?;
    let now = match now {
        Some(now) => Ok(*now),
        None => match app.read(started.run).await {
            // An earlier request has started it, and it was dropped since.
            Err(problem) if problem.code() == Code::RunArchived => return Err(problem),
            read => read.map(RunNow::from),
        },
    };
    // What the client waited for is part of what it has seen.
    let sequence = now.as_ref().map_or(started.sequence, |now| now.sequence.max(started.sequence));
    let mut builder = written(StatusCode::CREATED, sequence);
    builder.insert_header((header::LOCATION, format!("/api/v1/runs/{}", started.run)));
    if let Some(wait) = wait.filter(|_| waited) {
        builder.insert_header((PREFERENCE_APPLIED, format!("wait={}", wait.as_secs())));
    }
    // Whatever happens from here on, the run exists: who is told that it failed to start would start another.
    Ok(match now {
        Ok(now) => json_with(&mut builder, &RunBody::of(&now.run, now.sequence)),
        Err(problem) => {
            tracing::warn!(run = %started.run, %problem, "a run was started and cannot be read");
            json_with(&mut builder, &json!({ "id": started.run.to_string() }))
        }
    })
}

/// Why a run was not started. A workflow that there is not is told with the names that are near.
fn not_started(app: &App, error: StartError) -> Problem {
    match &error {
        StartError::UnknownWorkflow(name) if !app.ghostlight.catalogue.is_known(name) => unknown(app, name),
        _ => error.into(),
    }
}

/// Which runs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunsQuery {
    /// Of this status, or of one of several with commas between them.
    #[param(
        pattern = "^(pending|running|paused|completed|failed|cancelled)(,(pending|running|paused|completed|failed|cancelled))*$"
    )]
    status: Option<String>,
    /// Of this workflow.
    #[param(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    workflow: Option<String>,
    /// With these labels: `key=value`, several with commas between them; 8 at most.
    #[param(pattern = "^[^=,]+=[^,]*(,[^=,]+=[^,]*){0,7}$")]
    label: Option<String>,
    /// With a step that waits for this, or for one of several with commas between them.
    #[param(pattern = "^(approval|reconcile|signal|child|time)(,(approval|reconcile|signal|child|time))*$")]
    waits_for: Option<String>,
    /// Paused for this reason, or for one of several with commas between them.
    #[param(
        pattern = "^(operator|budget|credential|quarantined|storage|validation)(,(operator|budget|credential|quarantined|storage|validation))*$"
    )]
    reason: Option<String>,
    /// Started by a step of this run.
    #[param(format = Uuid)]
    parent: Option<String>,
    /// Whose id begins so.
    #[param(pattern = "^[0-9a-fA-F]{1,8}(-[0-9a-fA-F]{0,4}){0,3}(-[0-9a-fA-F]{0,12})?$")]
    q: Option<String>,
    /// Created at this time or later.
    #[param(value_type = Option<String>, format = DateTime)]
    since: Option<Timestamp>,
    /// Created before this time.
    #[param(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// How many, 1 to 200; 50 by default.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u16>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// Lists runs, newest first. A list shows every write that was answered before it was asked for.
#[utoipa::path(tag = "runs", params(RunsQuery), responses(
    (status = 200, body = PageBody<RunBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs")]
pub async fn list(app: App, request: HttpRequest) -> Answer {
    let query: RunsQuery = strict::query(request.query_string())?;
    page_of(&app, query).await
}

/// Lists the runs of a workflow, newest first.
#[utoipa::path(tag = "runs", params(RunsQuery), responses(
    (status = 200, body = PageBody<RunBody>), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/workflows/{name}/runs")]
pub async fn list_of_workflow(app: App, request: HttpRequest, name: Path<String>) -> Answer {
    let name = named(&name)?;
    let query: RunsQuery = strict::query(request.query_string())?;
    if query.workflow.as_ref().is_some_and(|other| other != name.as_str()) {
        return Err(Problem::new(Code::InvalidValue, "`workflow` is in the path already"));
    }
    page_of(&app, RunsQuery { workflow: Some(name.into()), ..query }).await
}

async fn page_of(app: &App, query: RunsQuery) -> Answer {
    let words = Words {
        status: query.status.as_deref(),
        workflow: query.workflow.as_deref(),
        label: query.label.as_deref(),
        waits_for: query.waits_for.as_deref(),
        reason: query.reason.as_deref(),
        parent: query.parent.as_deref(),
        q: query.q.as_deref(),
        since: query.since,
        until: query.until,
    };
    let filter = words.read()?;
    app.view_is_current(ViewKind::Runs, sequence("min_sequence", query.min_sequence.as_deref())?).await?;
    let (views, page) = (app.ghostlight.views.clone(), page(query.limit, query.cursor)?);
    let found = blocking(move || views.runs(&filter, &page)).await?;
    ok(&PageBody { items: found.items.iter().map(RunBody::of_row).collect(), next_cursor: found.next })
}

/// How to read a run.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Wait until it has ended, at most so many seconds: 0 to 60.
    #[param(maximum = 60)]
    wait: Option<u64>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// One run, whole.
#[utoipa::path(tag = "runs", params(RunQuery), responses((status = 200, body = RunBody),
    (status = 304, description = "Not changed"), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}")]
pub async fn show(app: App, request: HttpRequest, id: Path<String>) -> Answer {
    let query: RunQuery = strict::query(request.query_string())?;
    let id = run_id(&id)?;
    let wait = query.wait.map(Duration::from_secs);
    if wait.is_some_and(|wait| wait > WAIT_MAX) {
        return Err(Problem::new(Code::BadQuery, format!("`wait` is 0 to {} s", WAIT_MAX.as_secs())));
    }
    app.journal_is_current(sequence("min_sequence", query.min_sequence.as_deref())?)?;
    let mut read = app.read(id).await?;
    if let Some(wait) = wait.filter(|_| !read.run.status.is_terminal()) {
        app.ghostlight.runs.wait(id, wait).await?;
        read = app.read(id).await?;
    }
    let etag = read.run.sequence.to_string();
    Ok(tagged(&request, &etag, |builder| json_with(builder, &RunBody::of(&read.run, read.sequence))))
}

/// The id of a run in a path.
///
/// # Errors
/// [`Code::UnknownRun`]: nothing of another shape is a run.
pub fn run_id(text: &str) -> Result<RunId, Problem> {
    part(text, Code::UnknownRun)
}
