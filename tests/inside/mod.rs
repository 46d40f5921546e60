//! A real house with a real surface inside this process: store, tree and HTTP on a free port, on a thread of its own.
//!
//! Faster than starting the program, and everything but the command line is the same. Dropping it shuts everything down in
//! order, and what is left alive fails the test.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

use std::net::SocketAddr;
use std::sync::Once;
use std::thread::JoinHandle;
use std::time::Duration;

use ghostlight::http::{self, HttpSettings, Listener};
use ghostlight_actors::retention::StoreCare;
use ghostlight_actors::runtime::{self, Ghostlight, Settings};
use ghostlight_world::World;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tokio::sync::oneshot;

/// A running house. Cheap to ask, expensive to start: one for each test file is enough for most.
pub struct Inside {
    /// Where it listens.
    pub address: SocketAddr,
    /// Everything that the surface may do.
    pub ghostlight: Ghostlight,
    /// Asks without a token.
    pub client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    data: Option<tempfile::TempDir>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, as JSON if it is.
    pub body: Value,
}

impl Answer {
    /// A header as text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, when the status is that of success.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }

    /// The code of the problem, when it is one with everything that a problem has.
    pub fn code(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status, "{self:?}");
        let code = self.body["code"].as_str().unwrap();
        assert_eq!(self.body["type"], format!("/problems/{code}"));
        assert!(self.body["title"].is_string() && self.body["detail"].is_string(), "{self:?}");
        code
    }
}

impl Inside {
    /// Starts a house on an empty folder.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// The same with other settings of the surface.
    pub fn start_with(change: impl FnOnce(&mut HttpSettings)) -> Self {
        Self::launch(tempfile::tempdir().unwrap(), false, change)
    }

    /// The same where agents may be granted over the API what else only files grant.
    pub fn start_granting() -> Self {
        Self::launch(tempfile::tempdir().unwrap(), true, |_| {})
    }

    /// Shuts down in order, and starts again on the same folder.
    pub fn restart(mut self) -> Self {
        self.stop();
        Self::launch(self.data.take().unwrap(), false, |_| {})
    }

    fn launch(
        data: tempfile::TempDir,
        allow_api_command: bool,
        change: impl FnOnce(&mut HttpSettings),
    ) -> Self {
        static CRYPTO: Once = Once::new();
        CRYPTO.call_once(|| {
            rustls::crypto::ring::default_provider().install_default().unwrap();
        });
        let settings = Settings {
            data: data.path().join("data"),
            agents: data.path().join("agents"),
            workflows: data.path().join("workflows"),
            program: std::env::current_exe().unwrap(),
            slots: 8,
            workers: 1,
            allow_api_command,
            sled_cache_bytes: 4 << 20,
            segment_bytes: 4 << 20,
            room: ghostlight_model::storage::Marks::default(),
            store_care: StoreCare::default(),
        };
        let mut http_settings =
            HttpSettings { listen: SocketAddr::from(([127, 0, 0, 1], 0)), ..HttpSettings::default() };
        change(&mut http_settings);
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let listener = Listener::bind(http_settings.listen).unwrap();
                let address = listener.address();
                let surface =
                    move |ghostlight: &Ghostlight| http::children(ghostlight, &listener, &http_settings);
                let (ghostlight, house) = runtime::open(settings, World::real(), surface).await.unwrap();
                let tree = ghostlight.tree.clone();
                tell.send((address, ghostlight)).unwrap();
                let _ = stopped.await;
                house.shutdown(Duration::from_secs(2)).await.unwrap();
                assert_eq!(tree.live(), 0, "actors are left alive");
            });
        });
        let (address, ghostlight) = told.recv_timeout(Duration::from_secs(60)).expect("the house opens");
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { address, ghostlight, client, stop: Some(stop), thread: Some(thread), data: Some(data) }
    }

    /// Where its data, agents and workflows are.
    pub fn folder(&self) -> &std::path::Path {
        self.data.as_ref().unwrap().path()
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A request.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(Method::from_bytes(method.as_bytes()).unwrap(), self.url(path))
    }

    /// Sends a request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        Answer { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// POST of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request("POST", path).json(body)).await
    }

    /// POST of YAML.
    pub async fn post_yaml(&self, path: &str, text: &str) -> Answer {
        self.send(self.request("POST", path).header("content-type", "application/yaml").body(text.to_owned()))
            .await
    }

    /// Asks until the answer is what is waited for; 20 s at most.
    pub async fn until(&self, path: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..2_000 {
            let body = self.get(path).await.body;
            if is_it(&body) {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what was waited for at {path} did not happen: {}", self.get(path).await.body);
    }

    /// Shuts down in order, and waits.
    pub fn stop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && let Err(panic) = thread.join()
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A workflow of one step that ends at once.
pub const ONE: &str =
    "ghostlight: 1\nname: one\nnodes:\n  a: { type: agent_call, agent: noop, input: { n: 1 } }\n";

/// A workflow that asks a person.
pub const GATE: &str = "ghostlight: 1\nname: gate\nnodes:\n  ask: { type: human_gate, action: \"Do {{ input.what }}\", risk: high }\n  \
                        done: { type: agent_call, agent: noop, needs: [ask], input: { n: 1 } }\n";

/// A workflow that takes a long time.
pub const LONG: &str =
    "ghostlight: 1\nname: long\nnodes:\n  nap: { type: agent_call, agent: sleep, input: { ms: 60000 } }\n";

/// A workflow that fails.
pub const FAILS: &str = "ghostlight: 1\nname: fails\nnodes:\n  a: { type: agent_call, agent: fail, input: { class: data, message: nope } }\n";
