//! The dashboard: one page and its files, built into the program.
//!
//! Whatever no route of the API takes is the dashboard's: a file of it, or an address within the page, which a browser asks for
//! as HTML and is given the page. Nothing of it holds data, so nobody has to be anybody to get it; what the page shows comes
//! over the API. A file is found by its whole name among those that were built in, so there is nothing to be reached beside
//! them.
//!
//! Promises: what is served is what `dashboard/dist` held when the program was built, in debug builds too; no script and
//! no style comes from anywhere else, and nobody frames the page. A file whose name holds the hash of its content is kept by
//! browsers for good, everything else is asked for again and mostly not sent. Compressed copies are made of files that are
//! asked for, once, and never outgrow what was built in. Leaves to others: that `dist` belongs to its sources (`cargo xtask tidy`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{LazyLock, OnceLock};

use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use super::problem::{Code, Problem};
use super::request::has_it_already;
use super::surface::{Answer, blocking};

/// What may begin an address that is never one of the page.
const NOT_OURS: &[&str] = &["api", "healthz", "readyz", "metrics", "problems"];
/// The page.
const PAGE: &str = "index.html";
/// What `dist` was built from: for `cargo xtask tidy`, and for no browser.
const STAMP: &str = "sources.json";
/// Where the names of files hold the hashes of their contents.
const HASHED: &str = "assets/";

/// What the page may do. Svelte makes its templates by the one policy; the other is for scripts that are no part of the page,
/// such as the worker that lays out graphs, whose address a browser takes from a policy only.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types svelte-trusted-html ghostlight-worker";
/// What of the machine the page never asks for.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), display-capture=(), geolocation=(), \
                           gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

/// Media types by the ends of names.
const MEDIA_TYPES: &[(&str, &str)] = &[
    ("css", "text/css; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("map", "application/json"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
];

// A file that is new here changes the page that loads it, so that the program is built anew with it.
#[derive(RustEmbed)]
#[folder = "dashboard/dist"]
struct Dist;

/// A file as it is served.
struct File {
    bytes: Bytes,
    media_type: &'static str,
    cache: &'static str,
    etag: String,
    /// None inside: it does not get smaller.
    compressed: OnceLock<Option<Bytes>>,
}

impl File {
    fn of(name: &str) -> Option<Self> {
        let found = Dist::get(name)?;
        let hash = found.metadata.sha256_hash();
        Some(Self {
            bytes: match found.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            },
            media_type: media_type(name),
            cache: cache(name),
            etag: hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect(),
            compressed: OnceLock::new(),
        })
    }

    /// Compressed; the first to ask waits for it.
    async fn compressed(&'static self) -> Result<Option<Bytes>, Problem> {
        if let Some(known) = self.compressed.get() {
            return Ok(known.clone());
        }
        let compressed = move || self.compressed.get_or_init(|| compress(&self.bytes)).clone();
        blocking(move || Ok::<_, Problem>(compressed())).await
    }
}

/// All files by their names.
fn files() -> &'static HashMap<Cow<'static, str>, File> {
    static FILES: LazyLock<HashMap<Cow<'static, str>, File>> = LazyLock::new(|| {
        let names = Dist::iter().filter(|name| name != STAMP);
        names.filter_map(|name| File::of(&name).map(|file| (name, file))).collect()
    });
    &FILES
}

/// Whether a request of this method for this path, as the router reads it, is the dashboard's.
#[must_use]
pub fn takes(method: &Method, path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    matches!(*method, Method::GET | Method::HEAD) && !NOT_OURS.contains(&first)
}

/// A file, or the page.
///
/// # Errors
/// [`Code::NotFound`] for what is neither a file nor asked for as a page.
pub async fn answer(request: &HttpRequest) -> Answer {
    let path = request.match_info().as_str();
    let name = path.strip_prefix('/').unwrap_or(path);
    let files = files();
    let wanted = if name.is_empty() { PAGE } else { name };
    let is_page = || !name.starts_with(HASHED) && asks_for_html(request.headers());
    let file = files.get(wanted).or_else(|| files.get(PAGE).filter(|_| is_page()));
    let file = file.ok_or_else(|| {
        let shown: String = path.chars().take(200).collect();
        Problem::new(Code::NotFound, format!("there is nothing at `{shown}`"))
    })?;
    let is_unchanged = has_it_already(request, &file.etag);
    let mut answer =
        HttpResponse::build(if is_unchanged { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    answer
        // Weak: the same file goes out compressed and as it is.
        .insert_header((header::ETAG, format!("W/\"{}\"", file.etag)))
        .insert_header((header::CACHE_CONTROL, file.cache))
        .insert_header((header::VARY, "accept, accept-encoding"))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((HeaderName::from_static("permissions-policy"), PERMISSIONS));
    if is_unchanged {
        return Ok(answer.finish());
    }
    answer.insert_header((header::CONTENT_TYPE, file.media_type));
    if takes_gzip(request.headers())
        && let Some(compressed) = file.compressed().await?
    {
        return Ok(answer.insert_header((header::CONTENT_ENCODING, "gzip")).body(compressed));
    }
    Ok(answer.body(file.bytes.clone()))
}

/// Whether it is a browser that goes somewhere, and not one that loads something.
fn asks_for_html(headers: &HeaderMap) -> bool {
    words(headers, &header::ACCEPT).any(|(word, weight)| weight != Some(0.0) && word == "text/html")
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    words(headers, &header::ACCEPT_ENCODING).any(|(word, weight)| weight != Some(0.0) && word == "gzip")
}

/// The words of a header that lists what is taken, lowercase, with the weights that some have.
fn words<'r>(
    headers: &'r HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = (String, Option<f32>)> + use<'r> {
    let lines = headers.get_all(name).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(|part| {
        let mut parts = part.split(';').map(|part| part.trim().to_ascii_lowercase());
        let word = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").and_then(|weight| weight.parse().ok()));
        (word, weight)
    })
}

/// For how long browsers keep a file without asking.
fn cache(name: &str) -> &'static str {
    if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" }
}

fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    let known = MEDIA_TYPES.iter().find(|(known, _)| *known == end);
    known.map_or("application/octet-stream", |(_, media_type)| *media_type)
}

/// The same, compressed, if that is worth it.
fn compress(bytes: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::best());
    // Writing into memory does not fail; if it did, the file would go out as it is.
    encoder.write_all(bytes).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < bytes.len() / 10 * 9).then(|| compressed.into())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;
    use crate::http::table;

    #[test]
    fn no_route_of_the_api_is_the_dashboards() {
        for (path, _) in table() {
            assert!(!takes(&Method::GET, path), "{path}");
        }
        for path in ["/api", "/api/", "//api/v1/runs", "/healthz/x", "/problems"] {
            assert!(!takes(&Method::GET, path), "{path}");
        }
        for path in ["/", "/runs/1", "/apiary", "/assets/a.js", ""] {
            assert!(takes(&Method::GET, path) && takes(&Method::HEAD, path), "{path}");
            assert!(!takes(&Method::POST, path) && !takes(&Method::DELETE, path), "{path}");
        }
    }

    #[test]
    fn the_page_is_built_in_and_every_file_has_a_media_type() {
        assert!(files().contains_key(PAGE));
        assert!(!files().contains_key(STAMP));
        for (name, file) in files() {
            assert_ne!(file.media_type, "application/octet-stream", "{name} needs a line in MEDIA_TYPES");
        }
    }

    #[test]
    fn only_what_has_the_hash_of_its_content_in_its_name_is_kept_for_good() {
        assert_eq!(cache("assets/index-1f2e3d.js"), "public, max-age=31536000, immutable");
        for name in [PAGE, "icon.svg", "assets.js", "x/assets/a.js"] {
            assert_eq!(cache(name), "no-cache", "{name}");
        }
        assert_eq!(media_type("assets/index-1f2e3d.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("a.js.unknown"), "application/octet-stream");
    }

    #[test]
    fn what_is_taken_is_read_with_its_weights() {
        let with = |name: HeaderName, value: &str| {
            TestRequest::default().insert_header((name, value)).to_http_request().headers().clone()
        };
        for (accept, html) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("application/json, Text/HTML;q=0.1", true),
            ("*/*", false),
            ("text/html;level=1;q=0", false),
            ("", false),
        ] {
            assert_eq!(asks_for_html(&with(header::ACCEPT, accept)), html, "{accept}");
        }
        for (accept, gzip) in [
            ("gzip, deflate, br, zstd", true),
            ("br;q=1.0, gzip;q=0.5", true),
            ("gzip;q=0", false),
            ("identity", false),
        ] {
            assert_eq!(takes_gzip(&with(header::ACCEPT_ENCODING, accept)), gzip, "{accept}");
        }
        assert!(!takes_gzip(&HeaderMap::new()) && !asks_for_html(&HeaderMap::new()));
    }

    #[test]
    fn what_does_not_get_smaller_is_not_kept_twice() {
        assert!(compress(&[b'x'; 4096]).is_some_and(|compressed| compressed.len() < 100));
        let mut noise = [0; 4096];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        assert!(compress(&noise).is_none());
        assert!(compress(b"").is_none());
    }
}
