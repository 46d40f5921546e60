//! What requests say in their headers: who asks, under which key, of which version, and for how long to wait.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpMessage, HttpRequest};
use ghostlight_actors::{Caller, IdempotencyKey};
use ghostlight_model::definitions::Precondition;
use uuid::Uuid;

use super::problem::{Code, Problem};
use crate::access::Subject;

/// Names the request, in answers and in the log.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The global sequence of the last event of a write.
pub const SEQUENCE: HeaderName = HeaderName::from_static("ghostlight-sequence");
/// The same key and request do one thing, however often they come.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// How long the client likes to wait.
pub const PREFER: HeaderName = HeaderName::from_static("prefer");
/// Which wish was granted.
pub const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Why a version is saved.
pub const MESSAGE: HeaderName = HeaderName::from_static("x-ghostlight-message");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The longest that a request waits for the end of a run.
pub const WAIT_MAX: Duration = Duration::from_secs(60);
/// The longest message of a version.
pub const MESSAGE_BYTES_MAX: usize = 1_024;
/// The longest idempotency key.
pub const KEY_BYTES_MAX: usize = 255;
/// How many hexadecimal digits of a request's fingerprint stand in the id of its command.
const FINGERPRINT_DIGITS: usize = 16;

/// A header as text; none when it is absent.
///
/// # Errors
/// [`Code::BadHeader`] when it is no printable text.
pub fn text<'r>(request: &'r HttpRequest, name: &HeaderName) -> Result<Option<&'r str>, Problem> {
    match request.headers().get(name).map(|value| value.to_str()) {
        None => Ok(None),
        Some(Ok(text)) => Ok(Some(text)),
        Some(Err(_)) => Err(Problem::new(Code::BadHeader, format!("`{name}` is not printable text"))),
    }
}

/// Who the middleware found to be asking.
#[must_use]
pub fn subject(request: &HttpRequest) -> Option<Subject> {
    request.extensions().get::<Subject>().cloned()
}

/// The name of the subject, for events.
#[must_use]
pub fn subject_name(request: &HttpRequest) -> Option<String> {
    subject(request).map(|subject| subject.name())
}

/// The caller of a command whose body does not matter, as in [`caller_with`].
///
/// # Errors
/// [`Code::BadHeader`].
pub fn caller(request: &HttpRequest) -> Result<Caller, Problem> {
    caller_with(request, b"")
}

/// The caller of a command with this body. Under an `Idempotency-Key` the id of the command is made of the key and subject,
/// and after a colon of the method, path and body, so that its events show which request caused them; without one it is
/// fresh. What is done once is told by the key itself: see [`idempotency`].
///
/// # Errors
/// [`Code::BadHeader`].
pub fn caller_with(request: &HttpRequest, body: &[u8]) -> Result<Caller, Problem> {
    let subject = subject_name(request);
    let command = match key(request)? {
        Some(key) => command_id(subject.as_deref().unwrap_or_default(), key, &fingerprint(request, body)),
        None => Uuid::new_v4().to_string(),
    };
    Ok(Caller { subject, command: Some(command), trace: trace(request) })
}

fn command_id(subject: &str, key: &str, fingerprint: &blake3::Hash) -> String {
    let mut id = [0; 16];
    id.copy_from_slice(&hash([subject.as_bytes(), key.as_bytes()]).as_bytes()[..16]);
    let id = uuid::Builder::from_custom_bytes(id).into_uuid();
    format!("{id}:{}", &fingerprint.to_hex()[..FINGERPRINT_DIGITS])
}

/// What a key stands for: a request is the same one when its method, path and body are.
fn fingerprint(request: &HttpRequest, body: &[u8]) -> blake3::Hash {
    hash([request.method().as_str().as_bytes(), request.path().as_bytes(), body])
}

fn hash<const N: usize>(parts: [&[u8]; N]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()
}

/// That the headers have their form which say how a command is to be done: what is malformed is refused whatever becomes of
/// the rest.
///
/// # Errors
/// [`Code::BadHeader`].
pub fn well_formed(request: &HttpRequest) -> Result<(), Problem> {
    key(request)?;
    match text(request, &header::IF_MATCH)? {
        Some(tags) if !are_tags(tags) => {
            let detail = "`If-Match` is `*` or a list of tags, as `ETag` has them, with commas between them";
            Err(Problem::new(Code::BadHeader, detail))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether it is a list of tags: strong ones, weak ones, and, as people write them, some without their quotes.
fn are_tags(text: &str) -> bool {
    let is_tag = |tag: &str| {
        let tag = tag.trim_matches(' ');
        let tag = tag.strip_prefix("W/").filter(|rest| !rest.is_empty()).unwrap_or(tag);
        let quoted = tag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let inside = quoted.unwrap_or(tag);
        (quoted.is_some() || !inside.is_empty())
            && inside.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"')
    };
    text.split(',').all(is_tag)
}

/// The idempotency key of a request with this body. Keys of different subjects are different keys.
///
/// # Errors
/// [`Code::BadHeader`].
pub fn idempotency(request: &HttpRequest, body: &[u8]) -> Result<Option<IdempotencyKey>, Problem> {
    let Some(key) = key(request)? else { return Ok(None) };
    let subject = subject(request);
    let key = match subject.as_ref().and_then(Subject::token) {
        Some(token) => format!("{token}:{key}"),
        None => key.to_owned(),
    };
    Ok(Some(IdempotencyKey { key, fingerprint: fingerprint(request, body).to_hex().to_string() }))
}

/// The key itself.
///
/// # Errors
/// [`Code::BadHeader`] unless it has 1 to 255 printable characters.
pub fn key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let Some(key) = text(request, &IDEMPOTENCY_KEY)? else { return Ok(None) };
    if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Problem::new(Code::BadHeader, "`Idempotency-Key` has 1 to 255 printable characters"));
    }
    Ok(Some(key))
}

/// The `traceparent`, when it has the shape that W3C gave it; another one is nobody's and is left out.
fn trace(request: &HttpRequest) -> Option<String> {
    let text = request.headers().get(&TRACEPARENT)?.to_str().ok()?;
    let parts: Vec<&str> = text.split('-').collect();
    let is_hex = |part: &str, length| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match parts[..] {
        ["00", trace, parent, flags] if is_hex(trace, 32) && is_hex(parent, 16) && is_hex(flags, 2) => {
            Some(text.to_owned())
        }
        _ => None,
    }
}

/// What must hold of the current version.
///
/// # Errors
/// [`Code::BadHeader`] for an `If-None-Match` of anything but `*`, and for both conditions at once.
pub fn precondition(request: &HttpRequest) -> Result<Precondition, Problem> {
    match (text(request, &header::IF_MATCH)?, text(request, &header::IF_NONE_MATCH)?) {
        (None, None) => Ok(Precondition::None),
        (Some(tags), None) => Ok(Precondition::Match(tags.to_owned())),
        (None, Some(star)) if star.trim() == "*" => Ok(Precondition::Absent),
        (None, Some(_)) => Err(Problem::new(Code::BadHeader, "a write takes `If-None-Match: *` only")),
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::BadHeader, "`If-Match` and `If-None-Match` exclude each other"))
        }
    }
}

/// A message for people, within its bound.
///
/// # Errors
/// [`Code::InvalidValue`] when it is too long or holds anything but lines of text.
pub fn message(text: &str) -> Result<String, Problem> {
    if text.len() > MESSAGE_BYTES_MAX || text.chars().any(|c| c.is_control() && c != '\n') {
        let detail = format!("a message is text of at most {MESSAGE_BYTES_MAX} bytes");
        return Err(Problem::new(Code::InvalidValue, detail));
    }
    Ok(text.trim().to_owned())
}

/// Whether the client has this version already: `If-None-Match` of a read, compared weakly.
#[must_use]
pub fn has_it_already(request: &HttpRequest, etag: &str) -> bool {
    let Some(tags) = request.headers().get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok())
    else {
        return false;
    };
    tags.split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == "*" || tag.trim_matches('"') == etag)
}

/// How long to wait: `Prefer: wait=N`, in seconds; at most [`WAIT_MAX`]. Wishes that are not known are left out, as RFC
/// 7240 has it.
#[must_use]
pub fn preferred_wait(request: &HttpRequest) -> Option<Duration> {
    let wishes = request.headers().get_all(&PREFER).filter_map(|value| value.to_str().ok());
    wishes.flat_map(|wishes| wishes.split([',', ';'])).find_map(|wish| {
        let seconds = wish.trim().strip_prefix("wait=")?.trim_matches('"').parse().ok()?;
        Some(Duration::from_secs(seconds).min(WAIT_MAX))
    })
}

/// Where a request comes from. Behind a proxy the last address that the proxy added; it cannot be forged by the client.
#[must_use]
pub fn source(peer: Option<IpAddr>, forwarded: Option<&str>, is_behind_proxy: bool) -> IpAddr {
    let by_proxy =
        forwarded.filter(|_| is_behind_proxy).and_then(|list| list.rsplit(',').next()?.trim().parse().ok());
    by_proxy.or(peer).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// The header in which a proxy says for whom it asks.
#[must_use]
pub fn forwarded_for() -> HeaderName {
    FORWARDED_FOR
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn with(name: &str, value: &str) -> HttpRequest {
        TestRequest::post().uri("/api/v1/runs").insert_header((name, value)).to_http_request()
    }

    #[test]
    fn the_same_key_gives_the_same_command_and_another_body_another_fingerprint() {
        let (one, other) = (with("Idempotency-Key", "a"), with("Idempotency-Key", "b"));
        assert_eq!(caller(&one).unwrap(), caller(&one).unwrap());
        assert_ne!(caller(&one).unwrap(), caller(&other).unwrap());
        let none = TestRequest::default().to_http_request();
        assert_ne!(caller(&none).unwrap(), caller(&none).unwrap());
        let fingerprint = |body: &[u8]| idempotency(&one, body).unwrap().unwrap().fingerprint;
        assert_eq!(fingerprint(b"x"), fingerprint(b"x"));
        assert_ne!(fingerprint(b"x"), fingerprint(b"y"));
    }

    #[test]
    fn the_id_of_a_command_shows_its_key_and_its_request() {
        let (one, other) = (with("Idempotency-Key", "a"), with("Idempotency-Key", "b"));
        let id = |request, body: &[u8]| caller_with(request, body).unwrap().command.unwrap();
        let key = |id: String| id.split_once(':').unwrap().0.to_owned();
        assert_eq!(id(&one, b"x"), id(&one, b"x"));
        assert_ne!(id(&one, b"x"), id(&one, b"y"));
        assert_eq!(key(id(&one, b"x")), key(id(&one, b"y")));
        assert_ne!(key(id(&one, b"x")), key(id(&other, b"x")));
    }

    #[test]
    fn a_key_is_bound_to_the_token_that_sent_it() {
        let request = with("Idempotency-Key", "a");
        assert_eq!(idempotency(&request, b"").unwrap().unwrap().key, "a");
        request.extensions_mut().insert(Subject::Token { id: "7".into() });
        assert_eq!(idempotency(&request, b"").unwrap().unwrap().key, "7:a");
    }

    #[test]
    fn a_key_without_shape_is_refused() {
        for bad in ["", &"x".repeat(256)] {
            assert_eq!(key(&with("Idempotency-Key", bad)).unwrap_err().code(), Code::BadHeader, "{bad}");
        }
    }

    #[test]
    fn a_list_of_tags_is_told_from_what_is_none() {
        for tags in ["*", "\"a-1\"", "a-1", "W/\"a-1\"", "\"a\", \"b\" ,c", "\"\"", "W/a"] {
            assert!(well_formed(&with("If-Match", tags)).is_ok(), "{tags}");
        }
        for none in ["", "\"", "\"a", "a\"", "a b", "a,,b", "a,", "\"a\"b"] {
            let problem = well_formed(&with("If-Match", none)).unwrap_err();
            assert_eq!(problem.code(), Code::BadHeader, "{none}");
        }
    }

    #[test]
    fn a_wish_to_wait_is_bounded_and_unknown_wishes_are_left_out() {
        for (wish, wait) in [
            ("wait=30", Some(30)),
            ("wait=\"5\"", Some(5)),
            ("respond-async, wait=10", Some(10)),
            ("wait=9999", Some(60)),
            ("wait=x", None),
            ("handling=strict", None),
        ] {
            assert_eq!(preferred_wait(&with("Prefer", wish)), wait.map(Duration::from_secs), "{wish}");
        }
    }

    #[test]
    fn a_trace_is_taken_over_when_it_is_one() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(caller(&with("traceparent", good)).unwrap().trace.as_deref(), Some(good));
        for bad in
            ["", "00-x-y-01", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &good.to_uppercase()]
        {
            if *bad != *good {
                let trace = caller(&with("traceparent", bad)).unwrap().trace;
                assert!(trace.is_none() || bad == good, "{bad}");
            }
        }
    }

    #[test]
    fn conditions_of_a_write_are_match_or_absent() {
        assert_eq!(
            precondition(&with("If-Match", "\"a-1\"")).unwrap(),
            Precondition::Match("\"a-1\"".into())
        );
        assert_eq!(precondition(&with("If-None-Match", "*")).unwrap(), Precondition::Absent);
        assert_eq!(precondition(&with("If-None-Match", "\"a\"")).unwrap_err().code(), Code::BadHeader);
        assert!(has_it_already(&with("If-None-Match", "W/\"7\", \"8\""), "7"));
        assert!(!has_it_already(&with("If-None-Match", "\"8\""), "7"));
    }

    #[test]
    fn only_a_proxy_that_was_announced_may_say_for_whom_it_asks() {
        let peer: IpAddr = "127.0.0.1".parse().unwrap();
        let forged = Some("1.2.3.4, 10.0.0.9");
        assert_eq!(source(Some(peer), forged, false), peer);
        assert_eq!(source(Some(peer), forged, true).to_string(), "10.0.0.9");
        assert_eq!(source(Some(peer), Some("nonsense"), true), peer);
    }
}
