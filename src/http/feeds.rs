//! `/feed` and `/runs/{id}/feed`: what happens, as it happens. Over a WebSocket when the client asks to upgrade, else as
//! Server-Sent Events.

use actix_web::http::header;
use actix_web::web::{Path, Payload};
use actix_web::{HttpRequest, get};
use ghostlight_actors::feed::{FeedFilter, FeedRequest, TypeFilter};
use ghostlight_model::ids::{Name, RunId};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::paging::labels;
use super::problem::{Code, Problem, ProblemBody};
use super::request;
use super::runs::run_id;
use super::sessions::Socket;
use super::surface::{Answer, App, part, sequence};
use super::{sse, strict, websocket};

/// What to watch: the query of a feed, and the object of a `subscribe`.
#[derive(Debug, Clone, Default, Deserialize, IntoParams, ToSchema)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// Go on after this global sequence. Without it a feed starts at the head, and a run's feed at its beginning.
    #[serde(default)]
    #[param(pattern = "^[0-9]{1,19}$")]
    after: Option<String>,
    /// The log which `after` is of, as `feed.hello` named it.
    #[serde(default)]
    #[param(format = Uuid)]
    log: Option<String>,
    /// Names of events with commas between them; `run.*` stands for a group.
    #[serde(default)]
    types: Option<String>,
    /// Of this workflow.
    #[serde(default)]
    #[param(pattern = "^[a-z][a-z0-9-]{0,62}$")]
    workflow: Option<String>,
    /// Of runs with these labels: `key=value`, several with commas between them; 8 at most.
    #[serde(default)]
    #[param(pattern = "^[^=,]+=[^,]*(,[^=,]+=[^,]*){0,7}$")]
    label: Option<String>,
    /// Tokens and progress too.
    #[serde(default)]
    live: Option<bool>,
}

impl FeedQuery {
    /// The request for a subscription, of one run or of all.
    ///
    /// # Errors
    /// [`Code::BadQuery`].
    pub fn request(&self, run: Option<RunId>) -> Result<FeedRequest, Problem> {
        let filter = FeedFilter {
            types: self.types.as_deref().map(TypeFilter::parse).transpose()?,
            workflow: self.workflow.as_deref().map(|name| part::<Name>(name, Code::BadQuery)).transpose()?,
            labels: labels(self.label.as_deref())?,
            run,
            ..FeedFilter::default()
        };
        Ok(FeedRequest {
            after: sequence("after", self.after.as_deref())?,
            log: self.log.as_deref().map(|log| part::<Uuid>(log, Code::BadQuery)).transpose()?,
            filter: filter.checked()?,
            live: self.live.unwrap_or(false),
        })
    }
}

/// What happens in all runs, and to workflows and agents. A WebSocket on upgrade, Server-Sent Events otherwise.
#[utoipa::path(tag = "feeds", params(FeedQuery), responses((status = 101, description = "A WebSocket: one text frame, one event"),
    (status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/feed")]
pub async fn feed(app: App, request: HttpRequest, payload: Payload) -> Answer {
    open(&app, &request, payload, None, false).await
}

/// What happens in one run, from its beginning. A WebSocket on upgrade, Server-Sent Events otherwise.
#[utoipa::path(tag = "feeds", params(FeedQuery), responses((status = 101, description = "A WebSocket: one text frame, one event"),
    (status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/runs/{id}/feed")]
pub async fn run_feed(app: App, request: HttpRequest, id: Path<String>, payload: Payload) -> Answer {
    open(&app, &request, payload, Some(run_id(&id)?), false).await
}

/// What happens in one run, with tokens and progress: the older spelling, a WebSocket.
#[utoipa::path(tag = "aliases", params(FeedQuery), responses((status = 101, description = "A WebSocket: one text frame, one event"),
    (status = 200, body = String, content_type = "text/event-stream"), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v2/workflows/{run}/live-stream")]
pub async fn live_stream_alias(
    app: App,
    request: HttpRequest,
    run: Path<String>,
    payload: Payload,
) -> Answer {
    open(&app, &request, payload, Some(run_id(&run)?), true).await
}

async fn open(app: &App, request: &HttpRequest, payload: Payload, run: Option<RunId>, live: bool) -> Answer {
    let mut query: FeedQuery = strict::query(request.query_string())?;
    query.live.get_or_insert(live);
    // A browser that comes back says where it was; that is newer than the address it began with.
    if let Some(last) = request::text(request, &header::HeaderName::from_static("last-event-id"))? {
        query.after = Some(last.to_owned()).filter(|last| !last.is_empty()).or(query.after);
    }
    let wanted = query.request(run)?;
    let begins_at_head = run.is_none() && wanted.after.is_none();
    if let Some(run) = run {
        app.read(run).await?;
    }
    let session = app.sessions.open(request.conn_data::<std::sync::Arc<Socket>>().cloned())?;
    let subscription = app.ghostlight.feed.subscribe(wanted)?;
    if asks_for_websocket(request) {
        websocket::start(app, request, payload, run, session, subscription)
    } else {
        Ok(sse::start(app, request, session, subscription, begins_at_head))
    }
}

/// Whether the client asks to speak WebSocket. What else it offers to speak (`h2c`) it may go without.
fn asks_for_websocket(request: &HttpRequest) -> bool {
    let offers = request.headers().get_all(header::UPGRADE).filter_map(|value| value.to_str().ok());
    offers.flat_map(|offers| offers.split(',')).any(|offer| offer.trim().eq_ignore_ascii_case("websocket"))
}
