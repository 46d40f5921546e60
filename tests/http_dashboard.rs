//! The dashboard as browsers get it: the page at its addresses, its files as they were built, and nothing beside them.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::io::Read;
use std::path::{Path, PathBuf};

use inside::Inside;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const AS_BROWSERS_DO: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src \
                      'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types svelte-trusted-html ghostlight-worker";

fn dist() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard/dist")
}

fn page() -> Vec<u8> {
    std::fs::read(dist().join("index.html")).unwrap()
}

/// The built files, as paths below `/`.
fn built() -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![dist()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                found.push(format!("/{}", entry.strip_prefix(dist()).unwrap().to_str().unwrap()));
            }
        }
    }
    found.retain(|path| path != "/sources.json");
    found
}

/// What was answered, as it came.
struct Raw {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Raw {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn raw(request: RequestBuilder) -> Raw {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Raw { status, headers, body: answer.bytes().await.unwrap().to_vec() }
}

fn visit(inside: &Inside, path: &str) -> RequestBuilder {
    inside.request("GET", path).header("accept", AS_BROWSERS_DO)
}

#[tokio::test]
async fn the_page_is_at_every_address_that_is_no_files_and_not_of_the_api() {
    let inside = Inside::start();
    let addresses = [
        "/",
        "/runs/01980c8e",
        "/runs/01980c8e/steps/each.2.fetch",
        "/workflows/one?tab=graph",
        "/apiary",
        "/%7Bx%7D",
    ];
    for path in addresses {
        let answer = raw(visit(&inside, path)).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/html; charset=utf-8"),
            "{path}"
        );
        assert_eq!(answer.body, page(), "{path}");
        let head = raw(inside.request("HEAD", path).header("accept", AS_BROWSERS_DO)).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), page().len().to_string(), "{path}");
    }
    assert_eq!(raw(inside.request("GET", "/")).await.body, page(), "whatever is asked for");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_unless_a_browser_goes_there() {
    let inside = Inside::start();
    for path in ["/runs/01980c8e", "/nothing.js", "/sources.json", "/favicon.gone"] {
        let answer = inside.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    for path in [
        "/api",
        "/api/",
        "/api/v1/nothing",
        "/healthz/x",
        "/metrics/x",
        "/problems",
        "/assets/gone.js",
        "/assets/",
    ] {
        let answer = inside.send(visit(&inside, path)).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = inside.send(inside.request(method, "/").header("accept", AS_BROWSERS_DO)).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{method}");
    }
}

#[tokio::test]
async fn every_built_file_is_served_as_it_was_built_and_is_not_sent_twice() {
    let inside = Inside::start();
    for path in built() {
        let answer = raw(inside.request("GET", &path)).await;
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.body, std::fs::read(dist().join(&path[1..])).unwrap(), "{path}");
        assert!(!matches!(answer.header("content-type"), "" | "application/octet-stream"), "{path}");
        let cache =
            if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
        assert_eq!(answer.header("cache-control"), cache, "{path}");
        let again = raw(inside.request("GET", &path).header("if-none-match", answer.header("etag"))).await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), answer.header("etag"), "{path}");
        let other = raw(inside.request("GET", &path).header("if-none-match", "W/\"another\"")).await;
        assert_eq!(other.status, 200, "{path}");
    }
}

#[tokio::test]
async fn who_takes_gzip_gets_the_same_in_less() {
    let inside = Inside::start();
    let mut smaller = 0;
    for path in built() {
        let plain = raw(inside.request("GET", &path)).await;
        assert_eq!((plain.header("content-encoding"), plain.header("vary")), ("", "accept, accept-encoding"));
        for _ in 0..2 {
            let zipped = raw(inside.request("GET", &path).header("accept-encoding", "br, gzip")).await;
            if zipped.header("content-encoding") == "gzip" {
                let mut body = Vec::new();
                flate2::read::GzDecoder::new(&zipped.body[..]).read_to_end(&mut body).unwrap();
                assert!(zipped.body.len() < plain.body.len(), "{path}");
                assert_eq!(body, plain.body, "{path}");
                smaller += 1;
            } else {
                assert_eq!(zipped.body, plain.body, "{path}");
            }
        }
        let refused = raw(inside.request("GET", &path).header("accept-encoding", "gzip;q=0")).await;
        assert_eq!(refused.header("content-encoding"), "", "{path}");
    }
    assert!(smaller >= 2, "nothing got smaller");
}

/// API8, T14: nothing of the page comes from elsewhere, and nothing of it is run or framed by others.
#[tokio::test]
async fn the_page_and_its_files_have_the_headers_of_safety() {
    let inside = Inside::start();
    for path in built().iter().map(String::as_str).chain(["/", "/runs/1"]) {
        let answer = raw(visit(&inside, path)).await;
        assert_eq!(answer.status, 200, "{path}");
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), value, "{path} {name}");
        }
        assert!(answer.header("permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(answer.header("set-cookie"), "", "{path}");
    }
    let page = String::from_utf8(page()).unwrap();
    for inline in ["<style", " style=", " onload=", " onclick=", "javascript:", " src=\"http", " href=\"http"]
    {
        assert!(!page.contains(inline), "the policy keeps {inline} from working");
    }
    for script in page.split("<script").skip(1) {
        assert!(script.split('>').next().unwrap().contains(" src=\"/"), "<script{script}");
    }
}

/// A file is found by its name among those that were built in, or not at all.
#[tokio::test]
async fn no_address_leads_beside_the_built_files() {
    let inside = Inside::start();
    for path in [
        "/../Cargo.toml",
        "/../../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/assets/../index.html",
        "/%2e%2e/Cargo.toml",
        "/%2e%2e%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/Cargo.toml",
        "/..%5cCargo.toml",
        "/%00",
        "/index.html%00.js",
        "//etc/passwd",
        "/./index.html",
        "/index.html/",
        "/src/main.rs",
    ] {
        let mut stream = TcpStream::connect(inside.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", inside.address);
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 404") || answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
    }
}

/// The page holds no data: it is what asks for the token.
#[tokio::test]
async fn the_page_needs_no_token_and_whatever_leads_to_the_api_does() {
    let inside = Inside::start();
    inside.post("/api/v1/tokens", &json!({"label": "test"})).await.ok();
    for path in built().iter().map(String::as_str).chain(["/", "/runs/1"]) {
        assert_eq!(raw(visit(&inside, path)).await.status, 200, "{path}");
    }
    for path in [
        "/api/v1/runs",
        "/%61pi/v1/runs",
        "/ap%69/v1/runs",
        "/%61%70%69/v1/runs",
        "//api/v1/runs",
        "/api",
        "/metrics",
        "/%6detrics",
        "/problems/internal",
        "/readyz?verbose",
        "/%72eadyz?verbose",
    ] {
        let answer = inside.send(visit(&inside, path)).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = inside.send(inside.request(method, "/")).await;
        assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{method}");
    }
    let upgrade = visit(&inside, "/").header("connection", "upgrade").header("upgrade", "websocket");
    assert_eq!(raw(upgrade).await.status, 401);
}

#[tokio::test]
async fn a_foreign_page_gets_nothing_of_the_dashboard_but_may_lead_to_it() {
    let inside = Inside::start();
    let foreign = |name: &str, value: &str| inside.send(visit(&inside, "/").header(name, value));
    assert_eq!(foreign("host", "evil.example").await.code(), "foreign_host");
    assert_eq!(foreign("origin", "http://evil.example").await.code(), "foreign_origin");
    assert_eq!(foreign("sec-fetch-site", "cross-site").await.code(), "foreign_origin");
    let link = visit(&inside, "/runs/1").header("sec-fetch-site", "cross-site");
    assert_eq!(raw(link.header("sec-fetch-mode", "navigate")).await.status, 200);
}
