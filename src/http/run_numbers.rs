//! `/runs/counts` and `/runs/history`: numbers over the list of runs, for whoever draws them.

use actix_web::{HttpRequest, get};
use ghostlight_actors::views::{HISTORY_HOURS_MAX, ViewKind};
use serde::Deserialize;
use utoipa::IntoParams;

use super::problem::{Code, Problem, ProblemBody};
use super::resources::numbers::{HistoryBody, RunCountsBody};
use super::run_filters::Words;
use super::strict;
use super::surface::{Answer, App, blocking, ok, sequence};

/// The hours of a history when nobody says.
const HOURS_DEFAULT: u16 = 24;

/// Which runs are counted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CountsQuery {
    /// Of this workflow.
    #[param(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    workflow: Option<String>,
    /// With these labels: `key=value`, several with commas between them; 8 at most. Counted one by one, 10,000 at most.
    #[param(pattern = "^[^=,]+=[^,]*(,[^=,]+=[^,]*){0,7}$")]
    label: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// How many runs there are of each status, and how many wait for what. They say what the list says.
#[utoipa::path(tag = "runs", params(CountsQuery), responses(
    (status = 200, body = RunCountsBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/counts")]
pub async fn counts(app: App, request: HttpRequest) -> Answer {
    let query: CountsQuery = strict::query(request.query_string())?;
    let (workflow, label) = (query.workflow.as_deref(), query.label.as_deref());
    let filter = Words { workflow, label, ..Words::default() }.read()?;
    app.view_is_current(ViewKind::Runs, sequence("min_sequence", query.min_sequence.as_deref())?).await?;
    let views = app.ghostlight.views.clone();
    let count = move || match filter.labels.is_empty() {
        true => views.run_counts(filter.workflow.as_ref()),
        false => views.count_runs(&filter),
    };
    ok(&RunCountsBody::of(&blocking(count).await?))
}

/// Which hours.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// How many hours back, the current one included: 1 to 168; 24 by default.
    #[param(minimum = 1, maximum = 168)]
    hours: Option<u16>,
    /// Of this workflow.
    #[param(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    workflow: Option<String>,
    /// Answer with what was committed up to this sequence, at least.
    #[param(pattern = "^[0-9]{1,19}$")]
    min_sequence: Option<String>,
}

/// How many runs were started and how many ended in each hour: started ones by when they were created, ended ones by when they
/// ended. They say what the list says.
#[utoipa::path(tag = "runs", params(HistoryQuery), responses(
    (status = 200, body = HistoryBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/history")]
pub async fn history(app: App, request: HttpRequest) -> Answer {
    let query: HistoryQuery = strict::query(request.query_string())?;
    let hours = query.hours.unwrap_or(HOURS_DEFAULT);
    if !(1..=HISTORY_HOURS_MAX).contains(&hours) {
        return Err(Problem::new(Code::BadQuery, format!("`hours` is 1 to {HISTORY_HOURS_MAX}")));
    }
    let workflow = Words { workflow: query.workflow.as_deref(), ..Words::default() }.read()?.workflow;
    app.view_is_current(ViewKind::Runs, sequence("min_sequence", query.min_sequence.as_deref())?).await?;
    let (views, now) = (app.ghostlight.views.clone(), app.now());
    let found = blocking(move || views.history(workflow.as_ref(), hours, now)).await?;
    ok(&HistoryBody::of(found))
}
