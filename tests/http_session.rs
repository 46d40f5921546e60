//! Logging in from a browser: what a cookie opens, what it does not open, and when it stops opening anything.

#![allow(clippy::unwrap_used, reason = "a test says by panicking what is wrong")]

mod inside;

use std::time::Duration;

use futures::StreamExt;
use ghostlight_actors::Caller;
use inside::{Answer, Inside, ONE};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

const PATH: &str = "/api/v1/session";
const PATIENCE: Duration = Duration::from_secs(20);

/// A house with a token, and somebody who has logged in with it.
struct LoggedIn {
    inside: Inside,
    token: String,
    token_id: String,
    /// As a browser sends it.
    cookie: String,
    csrf: String,
}

impl LoggedIn {
    async fn start() -> Self {
        let inside = Inside::start();
        let made = inside.post("/api/v1/tokens", &json!({"label": "laptop"})).await.ok();
        let (token, token_id) = (text(&made["token"]), text(&made["id"]));
        let answer = log_in(&inside, &token).await;
        let cookie = cookie(&answer);
        let csrf = text(&answer.ok()["csrf"]);
        Self { inside, token, token_id, cookie, csrf }
    }

    /// A request with the cookie, and nothing else.
    fn by_cookie(&self, method: &str, path: &str) -> RequestBuilder {
        self.inside.request(method, path).header("cookie", &self.cookie)
    }

    /// A request as the dashboard makes it.
    fn by_page(&self, method: &str, path: &str) -> RequestBuilder {
        self.by_cookie(method, path)
            .header("origin", origin(&self.inside))
            .header("ghostlight-csrf", &self.csrf)
    }

    async fn status(&self) -> u16 {
        self.inside.send(self.by_cookie("GET", PATH)).await.status
    }
}

async fn log_in(inside: &Inside, token: &str) -> Answer {
    inside.post(PATH, &json!({"token": token})).await
}

fn origin(inside: &Inside) -> String {
    format!("http://{}", inside.address)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The cookie that an answer sets, as it is sent back.
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn where_no_token_is_needed_nobody_logs_in_and_changes_need_no_word() {
    let inside = Inside::start();
    let who = inside.get(PATH).await;
    assert_eq!(who.header("cache-control"), "no-store");
    let nobody = json!({"subject": "local", "role": "admin", "label": null, "login": false, "csrf": null, "expires_at": null});
    assert_eq!(who.ok(), nobody);
    let stale = inside.request("POST", "/api/v1/workflows").header("cookie", "ghostlight_session=stale");
    let saved = inside.send(stale.header("content-type", "application/yaml").body(ONE)).await;
    assert_eq!(saved.status, 201, "a cookie of another day is in nobody's way");
    assert_eq!(inside.send(inside.request("DELETE", PATH)).await.status, 204);
}

#[tokio::test]
async fn a_login_sets_a_cookie_that_no_script_sees_and_says_who_one_is() {
    let inside = Inside::start();
    let made = inside.post("/api/v1/tokens", &json!({"label": "laptop"})).await.ok();
    let refused = inside.get(PATH).await;
    assert_eq!((refused.status, refused.code()), (401, "unauthenticated"));

    let answer = log_in(&inside, made["token"].as_str().unwrap()).await;
    assert_eq!((answer.status, answer.header("cache-control")), (201, "no-store"));
    let set = answer.header("set-cookie").to_owned();
    assert!(set.starts_with("ghostlight_session=") && cookie(&answer).len() == 19 + 64, "{set}");
    assert!(set.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict"), "{set}");
    let secret = cookie(&answer)[19..].to_owned();
    let said = answer.ok();
    assert_eq!(said["subject"], format!("token:{}", made["id"].as_str().unwrap()));
    assert_eq!(
        (&said["label"], &said["login"], &said["role"]),
        (&json!("laptop"), &json!(true), &json!("admin"))
    );
    assert!(!said.to_string().contains(&secret), "{said}");
    assert!(said["csrf"].as_str().unwrap().len() >= 32 && said["expires_at"].is_string(), "{said}");

    let again = inside.request("GET", PATH).header("cookie", format!("other=1; ghostlight_session={secret}"));
    assert_eq!(inside.send(again).await.ok(), said);
    let by_token = inside.request("GET", PATH).bearer_auth(made["token"].as_str().unwrap());
    let by_token = inside.send(by_token).await.ok();
    assert_eq!((&by_token["login"], &by_token["csrf"]), (&json!(false), &json!(null)));
    assert_eq!(by_token["subject"], said["subject"]);
}

#[tokio::test]
async fn a_change_by_cookie_needs_the_word_and_a_page_of_ours() {
    let house = LoggedIn::start().await;
    let save = |request: RequestBuilder| {
        house.inside.send(request.header("content-type", "application/yaml").body(ONE))
    };
    let post = || house.by_cookie("POST", "/api/v1/workflows");
    let own = origin(&house.inside);
    let other = log_in(&house.inside, &house.token).await.ok();
    let wrong = [
        ("nothing", post()),
        ("the word alone", post().header("ghostlight-csrf", &house.csrf)),
        ("the origin alone", post().header("origin", &own)),
        ("the site alone", post().header("sec-fetch-site", "same-origin")),
        ("a wrong word", post().header("origin", &own).header("ghostlight-csrf", "x")),
        ("another's word", post().header("origin", &own).header("ghostlight-csrf", text(&other["csrf"]))),
        ("no page", post().header("sec-fetch-site", "none").header("ghostlight-csrf", &house.csrf)),
    ];
    for (what, request) in wrong {
        let answer = save(request).await;
        assert_eq!((answer.status, answer.code()), (403, "csrf_refused"), "{what}");
    }
    for (name, value) in [("origin", "http://evil.example"), ("sec-fetch-site", "same-site")] {
        let answer = save(post().header(name, value).header("ghostlight-csrf", &house.csrf)).await;
        assert_eq!((answer.status, answer.code()), (403, "foreign_origin"), "{name}");
    }
    let nothing = house.inside.send(house.by_cookie("GET", "/api/v1/workflows")).await.ok();
    assert_eq!(nothing["items"], json!([]));

    assert_eq!(save(house.by_page("POST", "/api/v1/workflows")).await.status, 201);
    let by_site = house.by_cookie("DELETE", "/api/v1/workflows/one").header("sec-fetch-site", "same-origin");
    assert_eq!(house.inside.send(by_site.header("ghostlight-csrf", &house.csrf)).await.status, 204);
    let versions = house.by_cookie("GET", "/api/v1/workflows/one/versions");
    let author = house.inside.send(versions).await.ok()["items"][0]["author"].clone();
    assert_eq!(author, format!("token:{}", house.token_id), "what is done by a login is done by its token");
}

#[tokio::test]
async fn a_login_ends_when_one_logs_out_and_another_one_goes_on() {
    let house = LoggedIn::start().await;
    let other = cookie(&log_in(&house.inside, &house.token).await);
    assert_eq!(house.status().await, 200);
    let out = house.inside.send(house.by_page("DELETE", PATH)).await;
    assert_eq!(out.status, 204);
    let cleared: Vec<&str> =
        out.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(cleared.iter().all(|cookie| cookie.contains("=; Path=/; Max-Age=0")), "{cleared:?}");
    assert_eq!(cleared.len(), 2);
    assert_eq!(house.status().await, 401);
    let goes_on = house.inside.request("GET", PATH).header("cookie", other);
    assert_eq!(house.inside.send(goes_on).await.status, 200);
}

#[tokio::test]
async fn who_logs_in_again_has_a_new_login_and_no_longer_the_old_one() {
    let house = LoggedIn::start().await;
    let again = house.by_cookie("POST", PATH).json(&json!({"token": house.token}));
    let again = house.inside.send(again).await;
    assert_eq!(again.status, 201, "it needs no word: it shows the token");
    assert_ne!(cookie(&again), house.cookie);
    assert_eq!(house.status().await, 401);
}

#[tokio::test]
async fn a_login_ends_with_its_token_and_with_the_daemon() {
    let house = LoggedIn::start().await;
    let other =
        house.inside.send(house.by_page("POST", "/api/v1/tokens").json(&json!({"label": "b"}))).await.ok();
    let revoke = house.by_page("DELETE", &format!("/api/v1/tokens/{}", house.token_id));
    assert_eq!(house.inside.send(revoke).await.status, 204);
    assert_eq!(house.status().await, 401);
    let (inside, token) = (house.inside, text(&other["token"]));
    let cookie = cookie(&log_in(&inside, &token).await);
    let inside = inside.restart();
    let stale = || inside.request("GET", PATH).header("cookie", &cookie);
    let answer = inside.send(stale()).await;
    assert_eq!((answer.status, answer.code()), (401, "unauthenticated"));
    assert_eq!(inside.send(stale().bearer_auth(&token)).await.status, 200, "the token is still one");
}

#[tokio::test]
async fn guessing_tokens_at_the_login_is_slowed_down_and_a_good_one_gets_through() {
    let inside = Inside::start();
    let made = inside.post("/api/v1/tokens", &json!({"label": "ci"})).await.ok();
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(log_in(&inside, "glt_p_guess").await.status);
    }
    assert_eq!(&statuses[8..], [401, 401, 429, 429]);
    let slowed = log_in(&inside, "glt_p_guess").await;
    assert_eq!(slowed.code(), "too_many_logins");
    assert!(slowed.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert_eq!(slowed.header("set-cookie"), "");
    assert_eq!(log_in(&inside, made["token"].as_str().unwrap()).await.status, 201);
    for _ in 0..12 {
        let stale = inside.request("GET", PATH).header("cookie", "ghostlight_session=stale");
        assert_eq!(inside.send(stale).await.status, 401, "a cookie of another day is no guess");
    }
}

#[tokio::test]
async fn a_login_that_is_none_is_refused_for_what_is_wrong_with_it() {
    let inside = Inside::start();
    let long = "x".repeat(5_000);
    for (body, status, code) in [
        (json!({}), 400, "bad_json"),
        (json!({"token": null}), 400, "bad_json"),
        (json!({"token": "glt_p_x", "user": "me"}), 400, "unknown_field"),
        (json!({"token": long}), 413, "body_too_large"),
    ] {
        let answer = inside.post(PATH, &body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{body}");
    }
    let once = inside.request("POST", PATH).header("idempotency-key", "k").json(&json!({"token": "x"}));
    assert_eq!(inside.send(once).await.code(), "not_supported_yet");
    let foreign = inside.request("POST", PATH).header("origin", "http://evil.example");
    assert_eq!(inside.send(foreign.json(&json!({"token": "x"}))).await.code(), "foreign_origin");
    let form = inside.request("POST", PATH).header("content-type", "text/plain").body("{\"token\":\"x\"}");
    assert_eq!(inside.send(form).await.code(), "unsupported_media_type");
}

#[tokio::test]
async fn behind_tls_the_cookie_is_sent_over_tls_only_and_no_other_one_is_taken() {
    let inside = Inside::start_with(|settings| settings.behind_proxy = true);
    let made = inside.ghostlight.tokens.create("proxy", None, &Caller::default()).await.unwrap();
    let by_proxy = |method: &str| inside.request(method, PATH).header("host", "flows.example");
    let answer = inside.send(by_proxy("POST").json(&json!({"token": made.text}))).await;
    let set = answer.header("set-cookie").to_owned();
    assert!(set.starts_with("__Host-ghostlight=") && set.ends_with("; Secure"), "{set}");
    let cookie = cookie(&answer);
    assert_eq!(inside.send(by_proxy("GET").header("cookie", &cookie)).await.status, 200);
    let plain = cookie.replace("__Host-ghostlight", "ghostlight_session");
    assert_eq!(inside.send(by_proxy("GET").header("cookie", plain)).await.status, 401);
    let csrf = text(&answer.ok()["csrf"]);
    let out = by_proxy("DELETE").header("cookie", cookie).header("ghostlight-csrf", csrf);
    assert_eq!(inside.send(out.header("origin", "https://flows.example")).await.status, 204);
}

#[tokio::test]
async fn a_proxy_with_tls_that_nobody_announced_is_known_by_the_origin() {
    let inside = Inside::start_with(|settings| settings.allowed_hosts = vec!["flows.example".into()]);
    let made = inside.post("/api/v1/tokens", &json!({"label": "proxy"})).await.ok();
    let by_proxy = |method: &str| inside.request(method, PATH).header("host", "flows.example");
    let login = by_proxy("POST").header("origin", "https://flows.example");
    let answer = inside.send(login.json(&json!({"token": made["token"]}))).await;
    assert!(answer.header("set-cookie").ends_with("; Secure"), "{answer:?}");
    assert_eq!(inside.send(by_proxy("GET").header("cookie", cookie(&answer))).await.status, 200);
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A feed by the cookie, from a page of that origin; the status, when it is refused.
async fn feed(house: &LoggedIn, origin: Option<&str>) -> Result<Socket, u16> {
    let url = format!("ws://{}/api/v1/feed?types=run.*", house.inside.address);
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("cookie", house.cookie.parse().unwrap());
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(answer)) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// Waits until a feed is closed, and says why it was.
async fn closed(socket: &mut Socket) -> String {
    let end = async {
        let mut why = String::new();
        while let Some(Ok(message)) = socket.next().await {
            if let Message::Close(Some(frame)) = message {
                why = frame.reason.to_string();
            }
        }
        why
    };
    tokio::time::timeout(PATIENCE, end).await.unwrap()
}

#[tokio::test]
async fn a_feed_by_cookie_needs_our_own_origin_and_ends_with_the_login() {
    let house = LoggedIn::start().await;
    assert_eq!(feed(&house, None).await.err(), Some(403));
    assert_eq!(feed(&house, Some("http://evil.example")).await.err(), Some(403));
    assert_eq!(feed(&house, Some("http://localhost:1")).await.err(), Some(403));
    let own = origin(&house.inside);
    let mut socket = feed(&house, Some(&own)).await.unwrap();
    let hello = socket.next().await.unwrap().unwrap();
    assert!(hello.to_text().unwrap().contains("feed.hello"), "{hello}");
    assert_eq!(house.inside.send(house.by_page("DELETE", PATH)).await.status, 204);
    assert_eq!(closed(&mut socket).await, "access was withdrawn");
    assert_eq!(feed(&house, Some(&own)).await.err(), Some(401));
}

#[tokio::test]
async fn a_feed_by_cookie_ends_when_the_token_of_the_login_is_revoked() {
    let house = LoggedIn::start().await;
    let mut socket = feed(&house, Some(&origin(&house.inside))).await.unwrap();
    let stream = house.by_cookie("GET", "/api/v1/feed").header("accept", "text/event-stream");
    let stream = stream.send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let other =
        house.inside.send(house.by_page("POST", "/api/v1/tokens").json(&json!({"label": "b"}))).await.ok();
    let revoke = house.inside.request("DELETE", &format!("/api/v1/tokens/{}", house.token_id));
    assert_eq!(house.inside.send(revoke.bearer_auth(text(&other["token"]))).await.status, 204);
    assert_eq!(closed(&mut socket).await, "access was withdrawn");
    let said = tokio::time::timeout(PATIENCE, stream.text()).await.unwrap().unwrap();
    assert!(said.contains("feed.closing") && said.contains("access was withdrawn"), "{said}");
}

#[tokio::test]
async fn logins_and_refused_changes_are_in_the_audit() {
    let house = LoggedIn::start().await;
    house.inside.send(house.by_cookie("POST", "/api/v1/tokens").json(&json!({"label": "x"}))).await;
    let feed = house.by_cookie("GET", "/api/v1/feed?after=0&types=audit.recorded");
    let mut feed = feed.header("accept", "text/event-stream").send().await.unwrap();
    let mut said = String::new();
    let all = async {
        while !(said.contains("session.open") && said.contains("access.csrf")) {
            said.push_str(&String::from_utf8_lossy(&feed.chunk().await.unwrap().unwrap()));
        }
    };
    tokio::time::timeout(PATIENCE, all).await.unwrap();
    let opened = said.lines().find(|line| line.contains("session.open")).unwrap();
    assert!(opened.contains(&house.token_id) && !opened.contains(&house.cookie[19..]), "{opened}");
}
