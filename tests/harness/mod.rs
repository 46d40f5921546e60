//! A real daemon for end-to-end tests: the program as it is built, on a free port and a folder of its own.
//!
//! [`Daemon::start`] waits until it is ready; dropping it kills it, and what it left behind fails the test.

#![allow(dead_code, reason = "each test uses its own part")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says by panicking what is wrong")]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The longest a daemon may take to be ready.
const READY: Duration = Duration::from_secs(30);

/// The folders of a daemon: its data and its configuration. Outlives the daemon, so that another one goes on there.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// Empty folders.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["config/agents", "config/workflows"] {
            std::fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        Self { folder }
    }

    /// The folder of everything.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Writes an agent file.
    pub fn agent(&self, name: &str, yaml: &str) {
        std::fs::write(self.path().join(format!("config/agents/{name}.yaml")), yaml).unwrap();
    }

    /// Writes a workflow file.
    pub fn workflow(&self, name: &str, yaml: &str) {
        std::fs::write(self.path().join(format!("config/workflows/{name}.yaml")), yaml).unwrap();
    }

    /// The command that serves from here.
    pub fn command(&self, port: u16) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ghostlight"));
        command
            .current_dir(self.path())
            .args(["serve", "--listen", &format!("127.0.0.1:{port}")])
            .arg("--data")
            .arg(self.data())
            .env_remove("GHOSTLIGHT_TOKEN")
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::from(self.log()));
        command
    }

    fn log(&self) -> std::fs::File {
        let log = self.path().join("daemon.log");
        std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap()
    }

    /// What the daemons of this home have logged.
    pub fn logged(&self) -> String {
        std::fs::read_to_string(self.path().join("daemon.log")).unwrap_or_default()
    }
}

/// A running daemon.
pub struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    /// Starts one and waits until it is ready.
    pub fn start(home: &Home) -> Self {
        let daemon = Self::spawn(home);
        daemon.wait_until_ready(home);
        daemon
    }

    /// Starts one with more arguments and waits until it is ready.
    pub fn start_with(home: &Home, arguments: &[&str]) -> Self {
        let port = free_port();
        let child = home.command(port).args(arguments).spawn().expect("the program starts");
        let daemon = Self { child, port };
        daemon.wait_until_ready(home);
        daemon
    }

    /// Starts one and does not wait.
    pub fn spawn(home: &Home) -> Self {
        Self::spawn_with(home, |_| ())
    }

    /// Starts one whose command is changed before, and does not wait.
    pub fn spawn_with(home: &Home, change: impl FnOnce(&mut Command)) -> Self {
        let port = free_port();
        let mut command = home.command(port);
        change(&mut command);
        let child = command.spawn().expect("the program starts");
        Self { child, port }
    }

    /// Waits until it answers that it is ready.
    pub fn wait_until_ready(&self, home: &Home) {
        let until = Instant::now() + READY;
        while self.get("/readyz").is_none_or(|answer| answer.status != 200) {
            assert!(Instant::now() < until, "the daemon is not ready\n{}", home.logged());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its address: `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Asks; `None` when it is not reached.
    pub fn get(&self, path: &str) -> Option<Answer> {
        self.ask("GET", path, None)
    }

    /// Posts JSON; `None` when it is not reached.
    pub fn post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.ask("POST", path, Some(body))
    }

    /// One request on a connection of its own.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        self.ask_under(None, method, path, body)
    }

    /// The same under an idempotency key.
    pub fn ask_under(
        &self,
        key: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Option<Answer> {
        let client = reqwest_client();
        let (url, method) = (format!("{}{path}", self.url()), method.parse().unwrap());
        runtime().block_on(async {
            let mut request = client.request(method, url);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            if let Some(body) = body {
                request = request.json(body);
            }
            let answer = request.send().await.ok()?;
            let status = answer.status().as_u16();
            let retry_after =
                answer.headers().get("retry-after").and_then(|it| it.to_str().ok()?.parse().ok());
            let text = answer.text().await.ok()?;
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Some(Answer { status, body, retry_after })
        })
    }

    /// Kills it without any warning, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to stop, and answers its exit status.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        self.tell_to_stop();
        self.wait()
    }

    /// Asks it to stop, and does not wait.
    pub fn tell_to_stop(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Whether its process is gone.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits until its process is gone, and answers its exit status.
    pub fn wait(&mut self) -> std::process::ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An answer of the daemon.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, as JSON if it is.
    pub body: Value,
    /// After how many seconds to ask again.
    pub retry_after: Option<u64>,
}

impl Answer {
    /// The body, when the status is that of success.
    pub fn ok(self) -> Value {
        assert!((200..300).contains(&self.status), "{} {}", self.status, self.body);
        self.body
    }
}

fn reqwest_client() -> reqwest::Client {
    static CLIENT: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    CLIENT.get_or_init(|| {
        // Another test of the same process may have been faster.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(70)).build().unwrap()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Asks until something is there.
pub fn until<T>(what: &str, patience: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within {patience:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether a process of this id is alive.
pub fn is_alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}
