//! `/session`: logging in from a browser, which keeps no token, and who one is.
//!
//! Promises: a login opens what its token opens, and not for longer; the word that changes need besides the cookie is told to
//! whoever has the cookie, which no foreign page can read. Leaves to others: how long logins last ([`crate::access::logins`]),
//! and what they are let in by (`admission`).

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName};
use actix_web::web::Payload;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, get, post};
use ghostlight_actors::Caller;
use ghostlight_actors::audit::Entry;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::headers::Once;
use super::problem::{Code, Problem, ProblemBody};
use super::request::{caller, key, subject, text};
use super::surface::{Answer, App, Surface, json_with};
use super::{admission, body, cookies, strict};
use crate::access::logins::{LoginId, csrf, fresh};
use crate::access::{Known, Refusal, Subject};

/// Where one logs in.
pub const PATH: &str = "/api/v1/session";
/// What a change brings besides the cookie.
pub const CSRF: HeaderName = HeaderName::from_static("ghostlight-csrf");
/// The largest body of a login: anybody may send one.
const BODY_BYTES_MAX: usize = 4 << 10;

/// With what to log in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogInBody {
    /// The token, as it was shown when it was made.
    token: String,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// As it stands in events: `local` or `token:<id>`.
    pub subject: String,
    /// What he may do: `admin` may do everything, and there is no other role yet.
    pub role: &'static str,
    /// The label of his token; null where he needs none.
    pub label: Option<String>,
    /// Whether he has logged in, and can log out.
    pub login: bool,
    /// What he sends as `Ghostlight-CSRF` with each change; null where he needs none.
    pub csrf: Option<String>,
    /// When he has to log in again, or his token expires; null: never.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
}

impl SessionBody {
    /// What is known of `subject`, whose cookie holds `cookie`.
    fn of(app: &Surface, subject: &Subject, cookie: Option<&str>) -> Self {
        let token = subject.token().and_then(|id| app.ghostlight.tokens.get(id));
        let login = match subject {
            Subject::Login { login, .. } => Known::login(app, *login),
            Subject::Local | Subject::Token { .. } => None,
        };
        let ends = [
            token.as_ref().and_then(|token| token.facts.expires_at),
            login.as_ref().map(|login| login.ends_at),
        ];
        Self {
            subject: subject.name(),
            role: "admin",
            label: token.map(|token| token.facts.label),
            login: login.is_some(),
            csrf: login.and(cookie).map(csrf),
            expires_at: ends.into_iter().flatten().min(),
        }
    }
}

/// Logs in with a token: the answer sets a cookie that opens what the token opens, for 8 hours at most. What is changed with it needs
/// the header `Ghostlight-CSRF` as well.
#[utoipa::path(tag = "session", request_body = LogInBody, responses((status = 201, body = SessionBody),
    (status = "default", body = ProblemBody<'static>)))]
#[post("/api/v1/session")]
pub async fn log_in(app: App, request: HttpRequest, payload: Payload) -> Answer {
    if key(&request)?.is_some() {
        let detail = "a cookie is set once, so that it cannot be set again under an `Idempotency-Key`";
        return Err(Problem::new(Code::NotSupportedYet, detail));
    }
    let (body, _): (LogInBody, _) = body::json(&request, payload, BODY_BYTES_MAX).await?;
    let Some(token) = app.ghostlight.tokens.verify(&body.token) else {
        return Err(admission::refused(&app, &request, Refusal::BadToken).await);
    };
    let caller = Caller { subject: Some(token.subject()), ..caller(&request)? };
    let entry = Entry { action: "session.open", object: &token.id, allowed: true, reason: "" };
    if let Err(error) = app.ghostlight.audit.record(entry, &caller).await {
        // The token opens everything without a login too: who has to look after a full disk is not kept out by it.
        tracing::warn!(%error, "a login could not be recorded");
    }
    let cookie = fresh(&*app.ghostlight.world().random);
    let login = {
        let mut logins = app.logins();
        if let Some(before) = cookies::login(request.headers(), app.settings.behind_proxy) {
            logins.close(LoginId::of(before));
        }
        logins.open(&cookie, &token.id, app.now())
    };
    let subject = Subject::Login { token: login.token, login: login.id };
    let mut builder = HttpResponse::build(StatusCode::CREATED);
    builder.append_header((header::SET_COOKIE, cookies::set(&cookie, is_secure(&app, &request)?)));
    Ok(session(&mut builder, &SessionBody::of(&app, &subject, Some(&cookie))))
}

/// Says who asks. 401 tells a browser that it has to log in.
#[utoipa::path(tag = "session", responses((status = 200, body = SessionBody), (status = "default", body = ProblemBody<'static>)))]
#[get("/api/v1/session")]
pub async fn show(app: App, request: HttpRequest) -> Answer {
    strict::no_query(request.query_string())?;
    let subject = subject(&request)
        .ok_or_else(|| Problem::internal("the session", &"nobody asks although nobody is let in"))?;
    let cookie = cookies::login(request.headers(), app.settings.behind_proxy);
    Ok(session(&mut HttpResponse::Ok(), &SessionBody::of(&app, &subject, cookie)))
}

/// Logs out: the cookie opens nothing any more, and feeds that it opened are closed. Without a login there is nothing to do.
#[utoipa::path(tag = "session", params(Once), responses((status = 204), (status = "default", body = ProblemBody<'static>)))]
#[delete("/api/v1/session")]
pub async fn log_out(app: App, request: HttpRequest) -> Answer {
    let _claim = app.harmless(&request, b"").await?;
    if let Some(Subject::Login { login, .. }) = subject(&request) {
        app.logins().close(login);
    }
    let mut builder = HttpResponse::build(StatusCode::NO_CONTENT);
    for cookie in cookies::cleared() {
        builder.append_header((header::SET_COOKIE, cookie));
    }
    Ok(builder.finish())
}

/// Whether the browser speaks TLS: to the proxy that was announced, or to one that its origin gives away.
fn is_secure(app: &Surface, request: &HttpRequest) -> Result<bool, Problem> {
    let origin = text(request, &header::ORIGIN)?;
    Ok(app.settings.behind_proxy || origin.is_some_and(|origin| origin.starts_with("https://")))
}

fn session(builder: &mut HttpResponseBuilder, body: &SessionBody) -> HttpResponse {
    builder.insert_header((header::CACHE_CONTROL, "no-store"));
    json_with(builder, body)
}
