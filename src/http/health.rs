//! `/healthz`, `/readyz`, `/metrics`: for probes and collectors, outside the base path.

use std::collections::BTreeMap;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, get};
use ghostlight_actors::damage::Found;
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_actors::storage::StorageNow;
use ghostlight_actors::views::ViewState;
use ghostlight_store::Corruption;
use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Code, Problem, ProblemBody};
use super::surface::{Answer, App, blocking, json, ok};

/// So many damaged places are shown; `ghostlight store verify` says all.
const PLACES_SHOWN: usize = 20;

/// The process is alive and answers.
#[utoipa::path(tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/healthz")]
pub async fn healthz() -> HttpResponse {
    alive().await
}

/// What `/healthz` answers to GET and HEAD; the latter goes without the body.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8")).body("ok\n")
}

/// How ready the daemon is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Readiness)]
pub struct ReadinessBody {
    /// Whether requests can be answered.
    pub ready: bool,
    /// Whether the daemon goes down.
    pub draining: bool,
    /// The program's version.
    pub version: &'static str,
    /// The journal.
    pub journal: JournalBody,
    /// Damage in the journal that was met since the start; whatever it does not hit goes on.
    pub damage: DamageBody,
    /// Room on the disk; below the second mark nothing new is begun, and everything else goes on.
    pub storage: StorageBody,
    /// The lists; runs go on without them.
    pub views: BTreeMap<&'static str, ViewBody>,
    /// Attempts that may run, do run, and runs that wait for one.
    pub slots: SlotsBody,
}

/// The journal, as readiness shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct JournalBody {
    /// Whether appends are taken.
    pub available: bool,
    /// Which log this is.
    pub log: String,
    /// Rises with every opening.
    pub epoch: u64,
    /// Global sequence of the last record.
    pub head: String,
    /// Appends waiting to be committed.
    pub queued: u64,
}

/// Damage in the journal, as readiness shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct DamageBody {
    /// How many places were found.
    pub places: usize,
    /// Whether there are more, which nobody counts.
    pub more: bool,
    /// The first of them.
    pub first: Vec<DamagedPlace>,
}

/// Something in the journal that does not verify.
#[derive(Debug, Serialize, ToSchema)]
pub struct DamagedPlace {
    /// The number of the segment.
    pub segment: u64,
    /// Where in its file.
    pub byte: u64,
    /// What is wrong.
    pub reason: &'static str,
    /// Whose records are hit, as far as that can be told.
    pub streams: Vec<String>,
}

impl From<Found> for DamageBody {
    fn from(found: Found) -> Self {
        let place = |corruption: &Corruption| DamagedPlace {
            segment: corruption.segment,
            byte: corruption.offset,
            reason: corruption.reason,
            streams: corruption.streams.iter().map(ToString::to_string).collect(),
        };
        let first = found.places.values().take(PLACES_SHOWN).map(place).collect();
        Self { places: found.places.len(), more: found.more, first }
    }
}

/// Room on the disk of the data folder, as readiness shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StorageBody {
    /// `plenty`, `low` (below the first mark), `short` (below the second), `full`.
    pub level: &'static str,
    /// Bytes that are free.
    pub free_bytes: u64,
    /// The size of the disk.
    pub total_bytes: u64,
    /// Bytes that are reserved for the journal, beside those that are free.
    pub reserved_bytes: u64,
    /// The first mark, `data.warn_below_free`.
    pub warn_below_bytes: u64,
    /// The second mark, `data.refuse_below_free`.
    pub refuse_below_bytes: u64,
}

impl From<StorageNow> for StorageBody {
    fn from(now: StorageNow) -> Self {
        Self {
            level: now.level.as_str(),
            free_bytes: now.room.free,
            total_bytes: now.room.total,
            reserved_bytes: now.room.reserved,
            warn_below_bytes: now.warn_below,
            refuse_below_bytes: now.refuse_below,
        }
    }
}

/// A view, as readiness shows it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ViewBody {
    /// `opening`, `catching_up`, `live`, `set_aside`, `stopped`.
    pub state: &'static str,
    /// Global sequence up to which it is folded.
    pub cursor: String,
    /// Why it is set aside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Slots, as readiness shows them.
#[derive(Debug, Serialize, ToSchema)]
pub struct SlotsBody {
    /// In all.
    pub total: u32,
    /// Taken or kept for somebody in line.
    pub used: u32,
    /// Runs in line.
    pub waiting: u32,
}

/// Whether requests can be answered; with `?verbose` what it consists of.
#[utoipa::path(tag = "health", responses(
    (status = 200, description = "It is ready", content((String = "text/plain"), (ReadinessBody = "application/json"))),
    (status = 503, description = "It is not", content((ProblemBody<'static> = "application/problem+json"), (ReadinessBody = "application/json"))),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/readyz")]
pub async fn readyz(app: App, request: HttpRequest) -> Answer {
    ready(app, request).await
}

/// What `/readyz` answers to GET and HEAD; the latter goes without the body.
///
/// # Errors
/// [`Code::NotReady`].
pub async fn ready(app: App, request: HttpRequest) -> Answer {
    let readiness = readiness(&app.ghostlight);
    let is_verbose =
        request.query_string().split('&').any(|part| matches!(part, "verbose" | "verbose=" | "verbose=true"));
    match (readiness.ready, is_verbose) {
        (true, true) => ok(&readiness),
        (false, true) => Ok(json(StatusCode::SERVICE_UNAVAILABLE, &readiness)),
        (true, false) => Ok(HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
            .body("ready\n")),
        (false, false) => Err(Problem::new(Code::NotReady, "the daemon is not ready")),
    }
}

fn readiness(ghostlight: &Ghostlight) -> ReadinessBody {
    let (stats, slots) = (ghostlight.journal.stats(), ghostlight.runs.slots());
    let views = ghostlight.views.cursors().into_iter().map(|(view, status)| {
        let (state, reason) = match &status.state {
            ViewState::Opening => ("opening", None),
            ViewState::CatchingUp { .. } => ("catching_up", None),
            ViewState::Live => ("live", None),
            ViewState::SetAside { reason, .. } => ("set_aside", Some(reason.to_string())),
            ViewState::Stopped => ("stopped", None),
        };
        (view.as_str(), ViewBody { state, cursor: status.cursor.to_string(), reason })
    });
    ReadinessBody {
        ready: ghostlight.is_ready(),
        draining: ghostlight.is_draining(),
        version: env!("CARGO_PKG_VERSION"),
        journal: JournalBody {
            available: stats.available,
            log: ghostlight.journal.log_id().to_string(),
            epoch: ghostlight.journal.epoch(),
            head: ghostlight.journal.head().to_string(),
            queued: stats.queued,
        },
        damage: ghostlight.damages.found().into(),
        storage: ghostlight.storage.now().into(),
        views: views.collect(),
        slots: SlotsBody { total: slots.total, used: slots.used, waiting: slots.waiting },
    }
}

/// Measurements in the text format of Prometheus.
#[utoipa::path(tag = "health", responses((status = 200, body = String, content_type = "text/plain"),
    (status = "default", body = ProblemBody<'static>)))]
#[get("/metrics")]
pub async fn metrics(app: App) -> Answer {
    app.metrics.up_to_date(&app.ghostlight).await;
    let (shared, feeds) = (app.clone(), app.sessions.count());
    let text = blocking(move || Ok::<_, Problem>(shared.metrics.render(&shared.ghostlight, feeds))).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8"))
        .body(text))
}
