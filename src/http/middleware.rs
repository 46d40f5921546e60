//! What every request goes through, from the outside in: it gets an id and its answer the headers of safety; it is
//! measured; a panic of a handler becomes an answer; and nobody gets further who is not let in.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpResponse, ResponseError};
use futures::FutureExt;
use uuid::Uuid;

use super::problem::{Code, Problem};
use super::request::{self, REQUEST_ID};
use super::surface::App;
use super::unread::Unread;
use super::{admission, routes};

/// The longest request id that is taken over from a client.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// An id for the request, headers for the answer, and its measure.
///
/// # Errors
/// None of its own.
pub async fn outermost(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let began = Instant::now();
    let id = request_id(request.headers());
    let app = request.app_data::<App>().cloned();
    let method = request.method().clone();
    let route = routes::pattern_of(request.path()).unwrap_or("other");
    let unread = Unread::watch(&mut request);
    // The router needs the only handle on the request, so none is left to answer with when it is lost on the way.
    let handled = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let result = match handled {
        Ok(Ok(response)) => Ok(response.map_into_boxed_body()),
        Ok(Err(error)) => Err(as_problem(&error)),
        Err(_) => {
            // The place and the message were logged when it happened.
            tracing::error!(request_id = %id, %method, route, "a handler panicked");
            Err(Problem::new(Code::Internal, "the request failed for a reason that is not yours"))
        }
    };
    let unread = unread.filter(Unread::is_left);
    let status = result.as_ref().map_or_else(ResponseError::status_code, ServiceResponse::status);
    let took = began.elapsed();
    if let Some(app) = app {
        app.metrics.request(route, status.as_u16(), took);
    }
    log(&method, route, status, took, &id);
    match (result, unread) {
        (Ok(mut response), unread) => {
            protect(response.headers_mut(), &id);
            Ok(match unread {
                Some(unread) => unread.behind(response),
                None => response,
            })
        }
        (Err(problem), Some(unread)) => {
            unread.shut_soon();
            Err(Unrouted { problem: problem.closing(), id }.into())
        }
        (Err(problem), None) => Err(Unrouted { problem, id }.into()),
    }
}

/// A refusal without the request it answers.
#[derive(Debug)]
struct Unrouted {
    problem: Problem,
    id: String,
}

impl fmt::Display for Unrouted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for Unrouted {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.error_response();
        protect(response.headers_mut(), &self.id);
        response
    }
}

fn log(method: &Method, route: &str, status: StatusCode, took: Duration, id: &str) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if status.is_server_error() {
        tracing::warn!(%method, route, status = status.as_u16(), took_ms, request_id = id, "request failed");
    } else {
        tracing::debug!(%method, route, status = status.as_u16(), took_ms, request_id = id, "request answered");
    }
}

/// Errors of the framework itself (a path that is no UTF-8, a payload that broke off) as problems.
fn as_problem(error: &Error) -> Problem {
    let response = error.as_response_error();
    match (error.as_error::<Problem>(), response.status_code()) {
        (Some(problem), _) => problem.clone(),
        (None, StatusCode::PAYLOAD_TOO_LARGE) => Problem::new(Code::BodyTooLarge, "the body is too large"),
        (None, status) if status.is_client_error() => Problem::new(Code::BadRequest, response.to_string()),
        (None, _) => Problem::internal("the framework", &response.to_string()),
    }
}

/// Who asks is found out before anything is read.
///
/// # Errors
/// None: a refusal is an answer.
pub async fn access(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let app = request.app_data::<App>().cloned();
    let Some(app) = app else {
        return Ok(
            request.into_response(Problem::internal("the surface", &"it is not set up").error_response())
        );
    };
    if let Err(problem) = admission::admit(&app, &request).await {
        return Ok(request.into_response(problem.error_response()));
    }
    if has_unexpected_body(&request) {
        let problem = routes::refusal(request.method(), request.path()).unwrap_or_else(|| {
            Problem::new(Code::UnexpectedBody, format!("a {} takes no body", request.method()))
        });
        let problem = problem.closing();
        return Ok(request.into_response(problem.error_response()));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD)
        && let Err(problem) = request::well_formed(request.request())
    {
        return Ok(request.into_response(problem.closing().error_response()));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// A body where none is read would keep a connection busy at the client's pace.
fn has_unexpected_body(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let has_body =
        length.is_some_and(|length| length.trim() != "0") || headers.contains_key(header::TRANSFER_ENCODING);
    matches!(*request.method(), Method::GET | Method::HEAD | Method::DELETE) && has_body
}

fn request_id(headers: &HeaderMap) -> String {
    let is_fine = |id: &&str| {
        !id.is_empty()
            && id.len() <= REQUEST_ID_BYTES_MAX
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    let given = headers.get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_fine);
    given.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Headers that every answer has, unless it says otherwise itself.
fn protect(headers: &mut HeaderMap, id: &str) {
    const NEVER_LOAD: &str =
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, NEVER_LOAD),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    for (name, value) in always {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use actix_web::middleware::from_fn;
    use actix_web::test::{TestRequest, call_service, init_service, read_body_json, try_call_service};
    use actix_web::{App, web};
    use serde_json::Value;

    use super::*;

    async fn panics() -> HttpResponse {
        panic!("on purpose: /secret/path")
    }

    #[actix_web::test]
    async fn a_panic_of_a_handler_is_a_500_without_details_and_the_next_request_is_answered() {
        let routes = |config: &mut web::ServiceConfig| {
            config.route("/panics", web::get().to(panics)).route("/works", web::get().to(HttpResponse::Ok));
        };
        let app = init_service(App::new().wrap(from_fn(outermost)).configure(routes)).await;
        let error = try_call_service(&app, TestRequest::get().uri("/panics").to_request()).await.unwrap_err();
        let answer = error.error_response();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer.headers().get(header::X_CONTENT_TYPE_OPTIONS).unwrap(), "nosniff");
        let body = actix_web::body::to_bytes(answer.into_body()).await.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("secret"));
        let works = call_service(&app, TestRequest::get().uri("/works").to_request()).await;
        assert_eq!(works.status(), StatusCode::OK);
    }

    #[actix_web::test]
    async fn without_a_surface_nobody_is_let_in() {
        let app =
            init_service(App::new().wrap(from_fn(access)).route("/", web::get().to(HttpResponse::Ok))).await;
        let answer = call_service(&app, TestRequest::get().uri("/").to_request()).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body: Value = read_body_json(answer).await;
        assert_eq!(body["code"], "internal");
    }
}
