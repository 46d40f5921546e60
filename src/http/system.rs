//! `/system`: the measurements of the daemon as one document, for a page of operators.

use actix_web::{HttpRequest, get};

use super::problem::{Problem, ProblemBody};
use super::resources::system::{ActorsBody, FeedsBody, ProcessBody, RunsBody, StoreBody, SystemBody};
use super::strict;
use super::surface::{Answer, App, Surface, blocking, ok};
use crate::metrics::Process;

/// What the daemon does and what it takes, from the same counters as `/metrics`. Rates and times are of the last ten seconds.
#[utoipa::path(tag = "health", responses((status = 200, body = SystemBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/system")]
pub async fn show(app: App, request: HttpRequest) -> Answer {
    strict::no_query(request.query_string())?;
    // The process is looked up in files of the system.
    ok(&blocking(move || Ok::<_, Problem>(read(&app))).await?)
}

fn read(app: &Surface) -> SystemBody {
    let ghostlight = &app.ghostlight;
    let rates = app.metrics.rates();
    SystemBody {
        version: env!("CARGO_PKG_VERSION"),
        epoch: ghostlight.journal.epoch(),
        started_at: app.started_at,
        uptime_ms: u64::try_from(app.uptime().as_millis()).unwrap_or(u64::MAX),
        window_ms: rates.map_or(0, |rates| u64::try_from(rates.window.as_millis()).unwrap_or(u64::MAX)),
        store: StoreBody::of(
            ghostlight.journal.head(),
            &ghostlight.journal.stats(),
            rates.as_ref(),
            ghostlight.storage.now().room.free,
        ),
        feeds: FeedsBody::of(
            app.sessions.count(),
            app.settings.feeds_max,
            app.sessions.dropped(),
            &ghostlight.feed.stats(),
        ),
        runs: RunsBody { in_memory: ghostlight.runs.in_memory(), slots: ghostlight.runs.slots().into() },
        actors: ActorsBody {
            count: ghostlight.tree.live(),
            restarts: ghostlight.tree_log.counts().restarted,
        },
        process: ProcessBody::of(Process::read()),
    }
}
