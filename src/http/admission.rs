//! Who is let in: what a request shows is gathered, judged by the rules of [`crate::access`], and answered when they refuse.
//!
//! Promises: nothing of a request's body is read before; nobody gets further as nobody but to where nobody has to be somebody
//! (the dashboard's own files, which hold no data, and the login); refusals that mean harm are audited, refused
//! tokens are counted. Leaves to others: the rules, and what a subject may do.

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use ghostlight_actors::Caller;
use ghostlight_actors::audit::Entry;

use super::problem::{Code, Problem};
use super::surface::Surface;
use super::{cookies, dashboard, logins, request};
use crate::access::{Ask, Refusal};

/// Decides whether a request gets further, and notes whose it is.
///
/// # Errors
/// The refusal as a problem.
pub async fn admit(app: &Surface, request: &ServiceRequest) -> Result<(), Problem> {
    if is_bare_probe(request) {
        return Ok(());
    }
    match app.policy.judge(ask(app, request), app) {
        Ok(subject) => {
            request.extensions_mut().insert(subject);
            Ok(())
        }
        Err(refusal) if refusal.is_of_nobody() && takes_nobody(request) => Ok(()),
        Err(refusal) => Err(refused(app, request.request(), refusal).await),
    }
}

fn ask<'r>(app: &Surface, request: &'r ServiceRequest) -> Ask<'r> {
    let headers = request.headers();
    let text = |name| header_text(headers, &name);
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let upgrades = headers.contains_key(header::UPGRADE);
    Ask {
        is_safe: reads && !upgrades,
        is_upgrade: reads && upgrades,
        host: host(request),
        origin: text(header::ORIGIN),
        fetch_site: text(HeaderName::from_static("sec-fetch-site")),
        fetch_mode: text(HeaderName::from_static("sec-fetch-mode")),
        authorization: text(header::AUTHORIZATION),
        login: cookies::login(headers, app.settings.behind_proxy),
        csrf: text(logins::CSRF),
        is_forwarded: is_forwarded(headers),
    }
}

/// Whether it asks for nothing but a sign of life, which everybody may have.
fn is_bare_probe(request: &ServiceRequest) -> bool {
    matches!(request.path(), "/healthz" | "/readyz")
        && matches!(*request.method(), Method::GET | Method::HEAD)
        && request.query_string().is_empty()
}

/// Whether whoever is nobody yet may ask it: for the page on which he says who he is, and to say so. The path is the one
/// that the router goes by, whatever of it was written with percent signs.
fn takes_nobody(request: &ServiceRequest) -> bool {
    let (method, path) = (request.method(), request.match_info().as_str());
    let is_upgrade = request.headers().contains_key(header::UPGRADE);
    (dashboard::takes(method, path) && !is_upgrade) || (*method == Method::POST && path == logins::PATH)
}

/// Whether somebody passed the request on, and says so.
fn is_forwarded(headers: &HeaderMap) -> bool {
    [request::forwarded_for(), header::FORWARDED, header::VIA].iter().any(|name| headers.contains_key(name))
}

/// A header as text. One that is no text is taken as a text that fits nothing.
fn header_text<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<&'r str> {
    headers.get(name).map(|value| value.to_str().unwrap_or(""))
}

/// One `Host`, or the authority of the request line; several are nobody's.
fn host(request: &ServiceRequest) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        (None, _) => request.head().uri.authority().map(|authority| authority.as_str()),
        (Some(_), Some(_)) => None,
    }
}

/// A refusal as it is answered: recorded, and counted if it is of a token.
pub async fn refused(app: &Surface, request: &HttpRequest, refusal: Refusal) -> Problem {
    let peer = request.peer_addr().map(|peer| peer.ip());
    let forwarded = header_text(request.headers(), &request::forwarded_for());
    let source = request::source(peer, forwarded, app.settings.behind_proxy);
    let (code, action) = match refusal {
        Refusal::ForeignHost => (Code::ForeignHost, "access.host"),
        Refusal::ForeignOrigin => (Code::ForeignOrigin, "access.origin"),
        Refusal::Unproven => (Code::CsrfRefused, "access.csrf"),
        // A browser does not know that its login has ended.
        Refusal::NoToken | Refusal::NoLogin => {
            return Problem::new(Code::Unauthenticated, refusal.to_string());
        }
        Refusal::BadToken => (Code::Unauthenticated, "access.login"),
    };
    let (reason, object) = (refusal.to_string(), source.to_string());
    let entry = Entry { action, object: &object, allowed: false, reason: &reason };
    if let Err(error) = app.ghostlight.audit.record(entry, &Caller::default()).await {
        // It is refused in any case.
        tracing::warn!(%error, action, "a refusal could not be recorded");
    }
    if refusal == Refusal::BadToken
        && let Err(wait) = app.refused_token(source)
    {
        let detail = "too many refused tokens came from this address";
        return Problem::new(Code::TooManyLogins, detail).retry_after(wait);
    }
    Problem::new(code, reason)
}
