//! What runs a workflow has, shown beside it: how many of each status, and the latest few.
//!
//! Workflows are the journal's and their runs the list's. A list that is being built or is set aside keeps nobody from the
//! workflows: they are shown without their runs then, rather than with numbers that are not true.

use ghostlight_actors::views::{Page, RunFilter, ViewError, ViewKind, ViewState, ViewsHandle};
use ghostlight_model::ids::Name;

use super::problem::{Code, Problem};
use super::resources::numbers::ByStatusBody;
use super::resources::workflow::{RecentRunBody, RunsBody};
use super::surface::{App, blocking};

/// The most runs that are shown beside a workflow.
pub const RECENT_MAX: u16 = 50;

/// How many runs a query wants to see beside a workflow.
///
/// # Errors
/// [`Code::BadQuery`] for more than [`RECENT_MAX`].
pub fn recent(asked: Option<u16>) -> Result<Option<u16>, Problem> {
    match asked {
        Some(count) if count > RECENT_MAX => {
            Err(Problem::new(Code::BadQuery, format!("`recent` is 0 to {RECENT_MAX}")))
        }
        other => Ok(other),
    }
}

/// The runs of each of these workflows, in their order; none for any while the list of runs cannot tell.
///
/// # Errors
/// [`Code::Internal`].
pub async fn runs_of(app: &App, names: Vec<Name>, recent: u16) -> Result<Vec<Option<RunsBody>>, Problem> {
    let (views, count) = (app.ghostlight.views.clone(), names.len());
    let is_live = views
        .cursors()
        .iter()
        .any(|(kind, status)| *kind == ViewKind::Runs && matches!(status.state, ViewState::Live));
    if !is_live || app.view_is_current(ViewKind::Runs, None).await.is_err() {
        return Ok(vec![None; count]);
    }
    let read = move || {
        let runs = names.iter().map(|name| read(&views, name, recent));
        Ok::<_, Problem>(runs.collect::<Result<Vec<_>, _>>())
    };
    Ok(match blocking(read).await? {
        Ok(runs) => runs.into_iter().map(Some).collect(),
        Err(error) => {
            tracing::warn!(%error, "workflows are shown without their runs");
            vec![None; count]
        }
    })
}

fn read(views: &ViewsHandle, name: &Name, recent: u16) -> Result<RunsBody, ViewError> {
    let counts = ByStatusBody::of(&views.run_counts(Some(name))?);
    if recent == 0 {
        return Ok(RunsBody { counts, recent_runs: Vec::new() });
    }
    let filter = RunFilter { workflow: Some(name.clone()), ..RunFilter::default() };
    let found = views.runs(&filter, &Page { limit: recent, cursor: None })?;
    Ok(RunsBody { counts, recent_runs: found.items.iter().map(RecentRunBody::of).collect() })
}
