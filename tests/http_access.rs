//! Who is let in: every route of the API document, asked by everybody who might.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use ghostlight::http::table;
use inside::Inside;
use reqwest::RequestBuilder;
use serde_json::json;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// Every route with its parameters filled in, so that nothing that exists is changed.
fn routes() -> Vec<(String, String)> {
    let fill = |pattern: &str| {
        let parts = pattern.split('/').map(|part| match part {
            "{id}" | "{run}" => NOBODY,
            "{name}" | "{path}" => "nobody",
            literal => literal,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    let all = table()
        .iter()
        .flat_map(|(pattern, methods)| methods.iter().map(move |method| (method.to_string(), fill(pattern))));
    all.collect()
}

fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

fn with_body(request: RequestBuilder, method: &str) -> RequestBuilder {
    // A field that nobody knows: a request that is let in is refused for it and does nothing.
    if matches!(method, "POST" | "PUT") { request.json(&json!({"_": 1})) } else { request }
}

/// Where one says who one is.
fn is_login(method: &str, path: &str) -> bool {
    (method, path) == ("POST", "/api/v1/session")
}

/// API5, T1: no route is forgotten, because the table of routes is the document itself.
#[tokio::test]
async fn every_route_is_closed_to_foreign_pages_and_once_a_token_exists_to_everybody_without_it() {
    let inside = Inside::start();
    let routes = routes();
    assert!(routes.len() >= 45, "{}", routes.len());
    let foreign = [
        ("host", "evil.example", "foreign_host"),
        ("host", "localhost.evil.example:7070", "foreign_host"),
        ("origin", "http://evil.example", "foreign_origin"),
        ("origin", "null", "foreign_origin"),
        ("sec-fetch-site", "cross-site", "foreign_origin"),
    ];
    let mut cells = 0;
    for (method, path) in routes.iter().filter(|(_, path)| !is_open(path)) {
        for (name, value, code) in foreign {
            let answer =
                inside.send(with_body(inside.request(method, path).header(name, value), method)).await;
            assert_eq!((answer.status, answer.code()), (403, code), "{method} {path} {name}: {value}");
            cells += 1;
        }
        let answer =
            inside.send(with_body(inside.request(method, path).bearer_auth("glt_p_wrong"), method)).await;
        assert!(
            matches!((answer.status, answer.code()), (401, "unauthenticated") | (429, "too_many_logins")),
            "{method} {path}"
        );
        if !path.ends_with("feed") && path != "/api/docs" {
            let answer = inside.send(with_body(inside.request(method, path), method)).await;
            assert!(!matches!(answer.status, 401 | 403 | 405 | 429 | 500..), "{method} {path} {answer:?}");
        }
        cells += 2;
    }

    let made = inside.post("/api/v1/tokens", &json!({"label": "test"})).await;
    assert_eq!((made.status, made.header("cache-control")), (201, "no-store"));
    let token = made.body["token"].as_str().unwrap();
    let login = inside.post("/api/v1/session", &json!({"token": token})).await;
    let cookie = login.header("set-cookie").split(';').next().unwrap().to_owned();
    for (method, path) in &routes {
        let ask = || with_body(inside.request(method, path), method);
        if is_open(path) {
            assert_eq!(inside.send(ask()).await.status, 200, "{path}");
            continue;
        }
        if is_login(method, path) {
            assert_eq!(inside.send(ask()).await.status, 400, "it reads what nobody sends");
            continue;
        }
        let by_cookie = || inside.send(ask().header("cookie", &cookie));
        if method != "GET" {
            let refused = by_cookie().await;
            assert_eq!((refused.status, refused.code()), (403, "csrf_refused"), "{method} {path}");
        } else if !path.ends_with("feed") {
            let with = by_cookie().await;
            assert!(!matches!(with.status, 401 | 403 | 405 | 429 | 500..), "{path} {with:?}");
        }
        let without = inside.send(ask()).await;
        assert_eq!((without.status, without.code()), (401, "unauthenticated"), "{method} {path}");
        assert!(without.header("www-authenticate").starts_with("Bearer"));
        let foreign = inside.send(ask().bearer_auth(token).header("origin", "http://evil.example")).await;
        assert_eq!((foreign.status, foreign.code()), (403, "foreign_origin"), "{method} {path}");
        let by_name = inside.send(ask().bearer_auth(token).header("host", "evil.example")).await;
        assert_eq!((by_name.status, by_name.code()), (403, "foreign_host"), "{method} {path}");
        if !path.ends_with("feed") {
            let with = inside.send(ask().bearer_auth(token)).await;
            assert!(!matches!(with.status, 401 | 403 | 405 | 429 | 500..), "{method} {path} {with:?}");
        }
        cells += 5;
    }
    assert!(cells > 400, "{cells}");
}

#[tokio::test]
async fn what_a_proxy_passes_on_is_not_the_local_user_and_probes_tell_strangers_nothing() {
    let inside = Inside::start_with(|settings| settings.allowed_hosts = vec!["flows.example".into()]);
    let foreign = [
        ("host", "flows.example"),
        ("x-forwarded-for", "10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("via", "1.1 proxy"),
    ];
    for path in ["/api/v1/runs", "/readyz?verbose", "/readyz?x", "/healthz?x"] {
        for (name, value) in foreign {
            let answer = inside.send(inside.request("GET", path).header(name, value)).await;
            assert_eq!((answer.status, answer.code()), (401, "unauthenticated"), "{path} {name}");
        }
        assert_eq!(inside.get(path).await.status, 200, "{path}");
    }
    for path in ["/healthz", "/readyz"] {
        for method in ["GET", "HEAD"] {
            let answer = inside.send(inside.request(method, path).header("host", "evil.example")).await;
            assert_eq!((answer.status, answer.body.as_str() == Some("")), (200, method == "HEAD"), "{path}");
        }
    }
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once_and_the_last_one_gives_loopback_back_to_the_local_user() {
    let inside = Inside::start();
    let made = inside.post("/api/v1/tokens", &json!({"label": "ci"})).await.ok();
    let (id, token) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
    let list = inside.send(inside.request("GET", "/api/v1/tokens").bearer_auth(token)).await.ok();
    assert_eq!(list["items"][0]["label"], "ci");
    assert!(!list.to_string().contains(token), "the token itself is never shown again");
    let revoke = inside.request("DELETE", &format!("/api/v1/tokens/{id}")).bearer_auth(token);
    assert_eq!(inside.send(revoke).await.status, 204);
    let refused = inside.send(inside.request("GET", "/api/v1/tokens").bearer_auth(token)).await;
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));
    assert_eq!(inside.get("/api/v1/tokens").await.ok()["items"][0]["accepted"], false);
}

#[tokio::test]
async fn guessing_is_slowed_down_and_a_good_token_gets_through_all_the_same() {
    let inside = Inside::start();
    let made = inside.post("/api/v1/tokens", &json!({"label": "ci"})).await.ok();
    let ask = |token: &str| inside.send(inside.request("GET", "/api/v1/runs").bearer_auth(token));
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(ask("glt_p_guess").await.status);
    }
    assert_eq!(&statuses[8..], [401, 401, 429, 429]);
    let slowed = ask("glt_p_guess").await;
    assert_eq!(slowed.code(), "too_many_logins");
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(ask(made["token"].as_str().unwrap()).await.status, 200);
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_headers_of_safety() {
    let inside = Inside::start();
    for path in ["/api/v1/runs", "/nothing", "/api/v1/ns/default/runs", "/healthz", "/api/docs"] {
        let answer = inside.send(inside.request("GET", path).header("x-request-id", "mine-1")).await;
        assert_eq!(answer.header("x-request-id"), "mine-1", "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}");
        let other = inside.send(inside.request("GET", path).header("x-request-id", "no spaces")).await;
        assert_eq!(other.header("x-request-id").len(), 36, "{path}");
    }
}
