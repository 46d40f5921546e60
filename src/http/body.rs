//! Reading bodies: within a size, a deadline and a minimum rate, and of a media type that is taken.
//!
//! actix-web bounds the time of a request's head and not that of its body: a client that sends a byte a second would hold a
//! connection for hours. Here a body has [`DEADLINE`] in all, and once it has had [`GRACE`] it must have come at
//! [`RATE_MIN`] bytes a second on average. A connection whose body was not read to its end is closed.

use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{BytesMut, Payload};
use bytes::Bytes;
use futures::StreamExt;
use ghostlight_model::language::Format;
use ghostlight_model::language::encoding::decode;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::problem::{Code, Problem};
use super::strict;

/// The longest time for a body.
pub const DEADLINE: Duration = Duration::from_secs(20);
/// How long a body may be slower than [`RATE_MIN`].
pub const GRACE: Duration = Duration::from_secs(5);
/// The least bytes a second after [`GRACE`].
pub const RATE_MIN: u64 = 1_024;

/// A document of the language, as it was sent.
#[derive(Debug)]
pub struct Document {
    /// Its text.
    pub text: String,
    /// What it is written in.
    pub format: Format,
}

/// Reads a JSON body. `T` refuses unknown fields.
///
/// # Errors
/// A [`Problem`] for each way in which a body can be wrong.
pub async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<(T, Bytes), Problem> {
    if media_type(request).as_deref() != Some("application/json") {
        return Err(unsupported("application/json"));
    }
    let bytes = read(request, payload, bytes_max).await?;
    let value = strict::json(&bytes)?;
    Ok((value, bytes))
}

/// As [`json`], for a body that may be left out: then it is `{}`.
///
/// # Errors
/// As [`json`].
pub async fn json_or_nothing<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<(T, Bytes), Problem> {
    let bytes = bytes_or_nothing(request, payload, bytes_max).await?;
    let value = strict::json(if bytes.is_empty() { b"{}" } else { &bytes })?;
    Ok((value, bytes))
}

/// Reads any JSON value; `{}` when there is no body.
///
/// # Errors
/// As [`json`].
pub async fn value_or_nothing(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<(Value, Bytes), Problem> {
    let bytes = bytes_or_nothing(request, payload, bytes_max).await?;
    let value = if bytes.is_empty() { Value::Object(Map::new()) } else { strict::any(&bytes)? };
    Ok((value, bytes))
}

/// The body of a request that may go without one; empty then.
async fn bytes_or_nothing(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<Bytes, Problem> {
    let media_type = media_type(request);
    if media_type.as_deref().is_some_and(|known| known != "application/json") {
        return Err(unsupported("application/json"));
    }
    let bytes = read(request, payload, bytes_max).await?;
    if !bytes.is_empty() && media_type.is_none() {
        return Err(unsupported("application/json"));
    }
    Ok(bytes)
}

/// Reads a definition.
///
/// # Errors
/// As [`json`].
pub async fn document(
    request: &HttpRequest,
    payload: Payload,
    bytes_max: usize,
) -> Result<Document, Problem> {
    let format = match media_type(request).as_deref() {
        Some("application/json") => Format::Json,
        Some("application/yaml" | "application/x-yaml") => Format::Yaml,
        _ => return Err(unsupported("application/yaml or application/json")),
    };
    let bytes = read(request, payload, bytes_max).await?;
    let text = decode(&bytes).map_err(|refused| {
        Problem::new(Code::BadRequest, refused.message.clone()).diagnostics(vec![*refused])
    })?;
    Ok(Document { text: text.to_owned(), format })
}

/// The media type of the body, lowercase and without parameters.
fn media_type(request: &HttpRequest) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    Some(essence.to_ascii_lowercase())
}

fn unsupported(wanted: &str) -> Problem {
    let detail = format!("send the body with `Content-Type: {wanted}`");
    Problem::new(Code::UnsupportedMediaType, detail).closing()
}

async fn read(request: &HttpRequest, mut payload: Payload, bytes_max: usize) -> Result<Bytes, Problem> {
    if request.headers().contains_key(header::CONTENT_ENCODING) {
        let detail = "bodies are taken as they are, without `Content-Encoding`";
        return Err(Problem::new(Code::UnsupportedMediaType, detail).closing());
    }
    let declared =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if declared.is_some_and(|length: u64| length > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let pace = Pace { began: Instant::now() };
    let mut body = BytesMut::new();
    loop {
        let chunk = timeout_at(pace.next_deadline(body.len()), payload.next()).await;
        match chunk.map_err(|_| too_slow())? {
            None => return Ok(body.freeze()),
            Some(Ok(chunk)) if body.len() + chunk.len() > bytes_max => return Err(too_large(bytes_max)),
            Some(Ok(chunk)) => body.extend_from_slice(&chunk),
            Some(Err(error)) => {
                return Err(Problem::new(Code::BadRequest, format!("the body broke off: {error}")).closing());
            }
        }
    }
}

struct Pace {
    began: Instant,
}

impl Pace {
    /// When the next bytes must be there at the latest, given how many have come.
    fn next_deadline(&self, received: usize) -> Instant {
        let paid_for = Duration::from_secs(received as u64 / RATE_MIN);
        self.began + DEADLINE.min(GRACE.max(paid_for))
    }
}

fn too_slow() -> Problem {
    let detail =
        format!("a body has {} s, and comes at {RATE_MIN} bytes a second at least", DEADLINE.as_secs());
    Problem::new(Code::BodyTooSlow, detail).closing()
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("the body is over the limit of {bytes_max} bytes")).closing()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::dev::Payload as DevPayload;
    use actix_web::error::PayloadError;
    use actix_web::test::TestRequest;
    use actix_web::{FromRequest, web};

    async fn read_chunks(chunks: Vec<(u64, &'static [u8])>, bytes_max: usize) -> Result<Bytes, Problem> {
        let request = TestRequest::default().to_http_request();
        let stream = futures::stream::iter(chunks).then(|(wait_ms, chunk)| async move {
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            Ok::<_, PayloadError>(Bytes::from_static(chunk))
        });
        let stream: std::pin::Pin<Box<dyn futures::Stream<Item = _>>> = Box::pin(stream);
        let mut payload = DevPayload::Stream { payload: stream };
        let payload = web::Payload::from_request(&request, &mut payload).await.unwrap();
        read(&request, payload, bytes_max).await
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(test)
    }

    #[test]
    fn a_byte_a_second_is_refused_after_the_grace() {
        let began = run(async {
            let began = Instant::now();
            let problem = read_chunks(vec![(1000, b"x"); 60], 100).await.unwrap_err();
            assert_eq!(problem.code(), Code::BodyTooSlow);
            began.elapsed()
        });
        assert!(began <= GRACE + Duration::from_secs(1), "{began:?}");
    }

    #[test]
    fn a_body_that_comes_at_a_fair_rate_has_its_whole_deadline_and_no_more() {
        const CHUNK: &[u8] = &[b'x'; 4096];
        let read = run(read_chunks(vec![(1000, CHUNK); 15], 1 << 20)).unwrap();
        assert_eq!(read.len(), 15 * 4096);
        let problem = run(read_chunks(vec![(1000, CHUNK); 60], 1 << 20)).unwrap_err();
        assert_eq!(problem.code(), Code::BodyTooSlow);
    }

    #[test]
    fn a_body_over_its_size_is_refused_when_it_passes_it() {
        assert_eq!(
            run(read_chunks(vec![(0, b"12345"), (0, b"6")], 5)).unwrap_err().code(),
            Code::BodyTooLarge
        );
        assert_eq!(&run(read_chunks(vec![(0, b"12345")], 5)).unwrap()[..], b"12345");
        assert_eq!(&run(read_chunks(vec![], 5)).unwrap()[..], b"");
    }

    #[test]
    fn a_media_type_is_told_without_its_parameters_and_whatever_its_letters() {
        for (sent, known) in [
            ("application/json", Some("application/json")),
            ("Application/JSON; charset=utf-8", Some("application/json")),
            ("text/plain", Some("text/plain")),
        ] {
            let request =
                TestRequest::default().insert_header((header::CONTENT_TYPE, sent)).to_http_request();
            assert_eq!(media_type(&request).as_deref(), known);
        }
        assert_eq!(media_type(&TestRequest::default().to_http_request()), None);
    }
}
