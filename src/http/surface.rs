//! What every handler works with, and the few things that many of them do.

use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use ghostlight_actors::keys::{Begun, Claim};
use ghostlight_actors::runs::RunRead;
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_actors::views::ViewKind;
use ghostlight_model::ids::RunId;
use jiff::Timestamp;
use serde::Serialize;

use super::problem::{Code, Problem};
use super::request::{SEQUENCE, idempotency};
use super::seats::Seats;
use super::sessions::Sessions;
use super::settings::HttpSettings;
use crate::access::{Policy, Throttle};
use crate::metrics::Metrics;

/// What every handler works with.
pub struct Surface {
    /// Everything below.
    pub ghostlight: Ghostlight,
    /// How the surface is set up.
    pub settings: HttpSettings,
    /// Who is let in.
    pub policy: Policy,
    /// The feeds that are open.
    pub sessions: Sessions,
    /// Who looks at what.
    pub seats: Seats,
    /// What is measured.
    pub metrics: Metrics,
    /// When it was opened.
    pub started_at: Timestamp,
    began: Duration,
    throttle: Mutex<Throttle>,
}

/// As handlers get it.
pub type App = web::Data<Surface>;

/// What a handler gives back.
pub type Answer = Result<HttpResponse, Problem>;

/// How long a list waits for its view.
const VIEW_WAIT: Duration = Duration::from_secs(1);

impl Surface {
    /// A surface of `ghostlight`.
    #[must_use]
    pub fn new(ghostlight: Ghostlight, settings: HttpSettings, metrics: Metrics) -> Self {
        let policy = Policy {
            is_loopback: crate::access::is_loopback(settings.listen),
            is_behind_proxy: settings.behind_proxy,
            allowed_hosts: settings.allowed_hosts.iter().map(|name| name.to_ascii_lowercase()).collect(),
        };
        let sessions = Sessions::new(settings.feeds_max);
        let clock = ghostlight.world().clock.clone();
        let (started_at, began, throttle) = (clock.now(), clock.monotonic(), Mutex::default());
        let seats = Seats::new(clock);
        Self { ghostlight, settings, policy, sessions, seats, metrics, started_at, began, throttle }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.ghostlight.world().clock.now()
    }

    /// For how long it has been open.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.ghostlight.world().clock.monotonic().saturating_sub(self.began)
    }

    /// Counts a refused token of `source`.
    ///
    /// # Errors
    /// How long the source has to wait.
    pub fn refused_token(&self, source: std::net::IpAddr) -> Result<(), Duration> {
        let now = self.ghostlight.world().clock.monotonic();
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner).refused(source, now)
    }

    /// The key of a request that may be repeated without harm, so that it does not take it. Held while the request is
    /// answered.
    ///
    /// # Errors
    /// [`Code::KeyReused`], [`Code::KeyInProgress`], [`Code::BadHeader`], and what the store says.
    pub async fn harmless(&self, request: &HttpRequest, body: &[u8]) -> Result<Option<Claim>, Problem> {
        let key = idempotency(request, body)?;
        match self.ghostlight.keys.begin(key.as_ref()).await?? {
            Begun::First(claim) => Ok(claim),
            // Doing it again is right as well.
            Begun::Again(_) => Ok(None),
        }
    }

    /// That the key of a request stands for this request and no other, and that nobody is answering it: said before it is
    /// said that what the request is about does not exist.
    ///
    /// # Errors
    /// As [`Surface::harmless`].
    pub async fn key_is_free(&self, request: &HttpRequest, body: &[u8]) -> Result<(), Problem> {
        self.harmless(request, body).await.map(drop)
    }

    /// A run as its journal says.
    ///
    /// # Errors
    /// [`Code::UnknownRun`], and what the store says.
    pub async fn read(&self, run: RunId) -> Result<RunRead, Problem> {
        let read = self.ghostlight.runs.read(run).await?;
        read.ok_or_else(|| Problem::new(Code::UnknownRun, format!("there is no run `{run}`")))
    }

    /// Waits until a view has seen everything that was committed when the request came, and `min_sequence`.
    ///
    /// # Errors
    /// [`Code::ViewBehind`].
    pub async fn view_is_current(&self, view: ViewKind, min_sequence: Option<u64>) -> Result<(), Problem> {
        let wanted = self.ghostlight.journal.head().max(min_sequence.unwrap_or(0));
        Ok(self.ghostlight.views.at_least(view, wanted, VIEW_WAIT).await?)
    }

    /// Whether the journal, which reads of single objects see, has reached `min_sequence`.
    ///
    /// # Errors
    /// [`Code::ViewBehind`].
    pub fn journal_is_current(&self, min_sequence: Option<u64>) -> Result<(), Problem> {
        let head = self.ghostlight.journal.head();
        match min_sequence {
            Some(wanted) if wanted > head => {
                let detail = format!("the journal is at sequence {head} and has not reached {wanted}");
                Err(Problem::new(Code::ViewBehind, detail))
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// Runs something that may read the disk on a thread that may.
///
/// # Errors
/// [`Code::Internal`] when it panicked, else what it says.
pub async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, Problem>
where
    T: Send + 'static,
    E: Into<Problem> + Send + 'static,
{
    match web::block(work).await {
        Ok(result) => result.map_err(Into::into),
        Err(error) => Err(Problem::internal("a blocking read", &error)),
    }
}

/// A part of the path as an id or a name.
///
/// # Errors
/// `code`, when it has not its shape: nothing of that name can exist.
pub fn part<T: FromStr>(text: &str, code: Code) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|error: T::Err| {
        let shown: String = text.chars().take(100).collect();
        Problem::new(code, format!("`{shown}`: {error}"))
    })
}

/// A sequence of a query, as decimal text.
///
/// # Errors
/// [`Code::BadQuery`].
pub fn sequence(name: &str, text: Option<&str>) -> Result<Option<u64>, Problem> {
    let number = |text: &str| {
        // Numbers of Rust may begin with a plus sign.
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Problem::new(Code::BadQuery, format!("`{name}` is a sequence: a decimal number")))
    };
    text.map(number).transpose()
}

/// An answer with JSON.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> HttpResponse {
    json_with(&mut HttpResponse::build(status), body)
}

/// An answer with JSON and the headers that the builder has.
#[must_use]
pub fn json_with(builder: &mut HttpResponseBuilder, body: &impl Serialize) -> HttpResponse {
    match serde_json::to_vec(body) {
        Ok(bytes) => builder.insert_header((header::CONTENT_TYPE, "application/json")).body(bytes),
        Err(error) => Problem::internal("an answer could not be written", &error).into(),
    }
}

/// 200 with JSON.
///
/// # Errors
/// None; so that it can stand last in a handler.
pub fn ok(body: &impl Serialize) -> Answer {
    Ok(json(StatusCode::OK, body))
}

/// An answer to a write: with the global sequence of its last event.
#[must_use]
pub fn written(status: StatusCode, sequence: u64) -> HttpResponseBuilder {
    let mut builder = HttpResponse::build(status);
    builder.insert_header((SEQUENCE, sequence.to_string()));
    builder
}

/// 304 when the client has this version, else the answer that `make` builds on a builder with the tag.
pub fn tagged(
    request: &HttpRequest,
    etag: &str,
    make: impl FnOnce(&mut HttpResponseBuilder) -> HttpResponse,
) -> HttpResponse {
    let has_it = super::request::has_it_already(request, etag);
    let mut builder = HttpResponse::build(if has_it { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    builder.insert_header((header::ETAG, format!("\"{etag}\"")));
    if has_it { builder.finish() } else { make(&mut builder) }
}

impl From<Problem> for HttpResponse {
    fn from(problem: Problem) -> Self {
        actix_web::ResponseError::error_response(&problem)
    }
}
