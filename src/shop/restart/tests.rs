//! Restarts of a real process, which is this test program playing the shop.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use tempfile::TempDir;

use super::super::args::ShopArgs;
use super::super::load::load;
use super::super::process::ProcessId;
use super::*;

const SHOP_TEST: &str = "shop::restart::tests::a_process_that_is_the_shop";

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    shop: ShopArgs,
}

/// The process that the tests below start and stop. The shop's arguments stand behind `--skip`, where the test
/// runner takes them for filters.
#[test]
#[ignore = "serves until it is stopped; started by the tests below"]
fn a_process_that_is_the_shop() {
    let arguments = std::env::args().filter(|argument| argument.starts_with("--skip=--"));
    let arguments = arguments.map(|argument| argument["--skip=".len()..].to_owned());
    let Ok(cli) = Cli::try_parse_from(std::iter::once("shop".to_owned()).chain(arguments)) else { return };
    actix_web::rt::System::new().block_on(super::super::run_shop(cli.shop)).expect("it serves");
}

struct Running {
    dir: TempDir,
    state: ShopState,
}

/// Starts a shop with one connection, which it loses at the first checkout.
async fn running() -> Running {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let (listen, database) = (free().expect("a free port"), free().expect("another"));
    let (log, pid_file) = (dir.path().join("shop.log"), dir.path().join("shop.pid"));
    let shop = [
        format!("--listen={listen}"),
        format!("--database={database}"),
        format!("--log={}", log.display()),
        format!("--pid-file={}", pid_file.display()),
        "--pool=1".into(),
        "--leak-every=1".into(),
        "--own-session".into(),
    ];
    let program = std::env::current_exe().expect("this program has a path").to_string_lossy().into_owned();
    let mut argv =
        vec![program, "--exact".into(), SHOP_TEST.into(), "--ignored".into(), "--nocapture".into()];
    argv.extend(shop.map(|argument| format!("--skip={argument}")));
    let process = ProcessId { pid: 0, started: String::new() };
    let state = ShopState { process, argv, listen, database, log };
    let state = launch(dir.path(), state, START_PATIENCE).await.expect("the shop starts");
    Running { dir, state }
}

impl Running {
    fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    async fn restart(&self, document: &Value) -> (Vec<Value>, Result<Restarted, RestartError>) {
        let mut said = Vec::new();
        let restarted =
            restart(document.to_string().as_bytes(), &self.dir(), &mut |line| said.push(line)).await;
        (said, restarted)
    }

    /// Nothing is left alive.
    async fn end(self) {
        let state = ShopState::read(self.dir.path()).expect("the state is there");
        for process in state.processes(self.dir.path()) {
            stop(&process, STOP_PATIENCE).await.expect("it is ours");
            assert!(!process.is_running());
        }
    }
}

async fn health(shop: SocketAddr) -> u16 {
    let client = super::super::client::client(Duration::from_secs(5)).expect("a client");
    client.get(format!("http://{shop}/health")).send().await.expect("an answer").status().as_u16()
}

fn document(key: &str) -> Value {
    json!({ "protocol": 1, "run": "r", "step": "fix", "attempt": 1, "idempotency_key": key,
            "input": { "service": "shop", "reason": "pool exhausted" } })
}

#[tokio::test]
async fn a_restart_heals_the_shop_once_per_key() {
    let running = running().await;
    let listen = running.state.listen;
    let dry = async { while health(listen).await == 200 {} };
    let report = load(listen, 50, dry).await.expect("a client");
    assert_eq!(report.served, 1, "{report:?}");
    assert!(report.failed >= 1, "{report:?}");
    assert_eq!(health(running.state.listen).await, 503);
    assert_eq!(health(running.state.database).await, 200, "it is not the database");

    let (said, restarted) = running.restart(&document("r/fix/1")).await;
    let restarted = restarted.expect("it is restarted");
    assert_eq!(health(running.state.listen).await, 200);
    assert!(said.iter().all(|line| line["type"] == "progress"));
    assert!(said[0]["text"].as_str().is_some_and(|text| text.contains("pool exhausted")), "{said:?}");
    assert_eq!(restarted.old_pid, running.state.process.pid);
    assert!(!running.state.process.is_running());
    assert_eq!(ShopState::read(&running.dir()).map(|state| state.process.pid).ok(), Some(restarted.new_pid));
    let log = std::fs::read_to_string(&running.state.log).expect("readable");
    assert_eq!(log.matches("shop      started").count(), 2, "{log}");
    assert!(log.contains("ERROR pool      pool exhausted"), "{log}");

    let (_, again) = running.restart(&document("r/fix/1")).await;
    assert_eq!(again.expect("it is reported again"), restarted);
    let (_, another) = running.restart(&document("r/fix/2")).await;
    assert_ne!(another.expect("another key restarts").new_pid, restarted.new_pid);
    running.end().await;
}

/// A starter was killed before it wrote the state: the shop it left is found by its pid file and not left behind.
#[tokio::test]
async fn a_shop_that_only_its_pid_file_names_is_stopped_too() {
    let running = running().await;
    let forgotten = ProcessId { pid: 4_000_000, started: "before".into() };
    ShopState { process: forgotten, ..running.state.clone() }.write(&running.dir()).expect("writable");
    let (_, restarted) = running.restart(&document("k")).await;
    restarted.expect("the port is free again");
    assert!(!running.state.process.is_running());
    running.end().await;
}

#[tokio::test]
async fn a_shop_that_ends_at_once_is_told_with_its_last_words() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let address = SocketAddr::from(([127, 0, 0, 1], 1));
    let argv = ["sh", "-c", "echo no such lamp >&2; exit 3"].map(str::to_owned).into();
    let process = ProcessId { pid: 0, started: String::new() };
    let state = ShopState { process, argv, listen: address, database: address, log: "shop.log".into() };
    state.write(dir.path()).expect("writable");
    let restarted = restart(document("k").to_string().as_bytes(), dir.path(), &mut |_| ()).await;
    let line = restarted.expect_err("it ends").line();
    assert_eq!((&line["code"], &line["happened"]), (&json!("shop.not_started"), &json!("unknown")));
    assert!(line["message"].as_str().is_some_and(|text| text.contains("no such lamp")), "{line}");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_before_anything_happens() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut other_service = document("k");
    other_service["input"]["service"] = json!("bank");
    let mut other_protocol = document("k");
    other_protocol["protocol"] = json!(2);
    let cases = [
        (other_service.to_string(), "capability", "shop.unknown_service"),
        (other_protocol.to_string(), "data", "shop.bad_document"),
        ("not json".to_owned(), "data", "shop.bad_document"),
        (document("k").to_string(), "configuration", "shop.not_found"),
    ];
    for (input, class, code) in cases {
        let refused = restart(input.as_bytes(), dir.path(), &mut |_| ()).await;
        let line = refused.expect_err(&input).line();
        assert_eq!((&line["class"], &line["code"]), (&json!(class), &json!(code)), "{line}");
        assert_eq!((&line["type"], &line["happened"]), (&json!("error"), &json!("no")));
    }
    let _held = lock(dir.path()).expect("free");
    let busy = restart(document("k").to_string().as_bytes(), dir.path(), &mut |_| ()).await;
    assert_eq!(busy.expect_err("held").line()["code"], "shop.busy");
}
