//! The shop over HTTP: `/`, `/checkout`, `/health`, `/metrics`, `/dependencies`.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Next, from_fn};
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;

use super::args::ShopArgs;
use super::log::{FileLog, Level, Line};
use super::process::ProcessId;
use super::service::{PATIENCE, PRODUCTS, Shop};
use super::{database, process};

const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long the shop waits for its database to accept a connection when it is asked about it.
const DATABASE_PATIENCE: Duration = Duration::from_millis(300);

/// A shop that nobody has visited for this long closes: one that a demo has left behind is nobody's.
const IDLE_MAX: Duration = Duration::from_secs(600);

/// What handlers share.
struct Context {
    began: Instant,
    /// Milliseconds from `began` to the latest request.
    visited_ms: AtomicU64,
    shop: Shop,
    database: SocketAddr,
}

impl Context {
    fn new(shop: Shop, database: SocketAddr) -> Self {
        Self { began: Instant::now(), visited_ms: AtomicU64::new(0), shop, database }
    }

    fn is_visited(&self) {
        let now_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.visited_ms.fetch_max(now_ms, Ordering::Relaxed);
    }
}

/// How much longer a shop stays open that was visited last at `visited`; nothing when its time is over.
fn stays_open(now: Duration, visited: Duration) -> Option<Duration> {
    IDLE_MAX.checked_sub(now.saturating_sub(visited)).filter(|left| !left.is_zero())
}

/// `ghostlight shop`: serves until it is told to end (SIGTERM, SIGINT).
///
/// Needs an actix or tokio runtime. Errors: the log or the pid file cannot be written, or an address cannot be
/// listened on.
pub async fn run_shop(args: ShopArgs) -> io::Result<()> {
    if args.own_session {
        // A process that leads its group already cannot; it is as independent as it needs to be.
        let _ = rustix::process::setsid();
    }
    let log = Arc::new(FileLog::open(&args.log)?);
    if let Some(file) = &args.pid_file {
        process::write_pid_file(file, &ProcessId::current())?;
    }
    let (database_server, database) = database::serve(args.database_address())?;
    let shop = Shop::new(args.pool, args.leak_every, PATIENCE, log);
    let context = web::Data::new(Context::new(shop, database));
    let shared = context.clone();
    let server =
        HttpServer::new(move || App::new().app_data(shared.clone()).wrap(from_fn(counted)).configure(routes));
    let server = server.workers(1).shutdown_timeout(1).bind(args.listen)?;
    let listen = server.addrs().first().copied().unwrap_or(args.listen);
    let line = |message| Line::new(Level::Info, "shop", message).with("pid", std::process::id());
    let started = line("started").with("listen", listen).with("database", database);
    context.shop.log.write(started.with("pool", args.pool));

    let handle = database_server.handle();
    let database_task = actix_web::rt::spawn(database_server);
    let server = server.run();
    let closing = actix_web::rt::spawn(close_when_idle(context.clone(), server.handle()));
    let ended = server.await;
    closing.abort();
    handle.stop(true).await;
    let _ = database_task.await;
    context.shop.log.write(line("stopped"));
    ended
}

async fn close_when_idle(context: web::Data<Context>, server: ServerHandle) {
    let visited = || Duration::from_millis(context.visited_ms.load(Ordering::Relaxed));
    while let Some(left) = stays_open(context.began.elapsed(), visited()) {
        actix_web::rt::time::sleep(left).await;
    }
    context.shop.log.write(Line::new(Level::Info, "shop", "closing: nobody comes any more"));
    server.stop(true).await;
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(products))
        .service(web::resource("/checkout").get(checkout).post(checkout))
        .route("/health", web::get().to(health))
        .route("/metrics", web::get().to(metrics))
        .route("/dependencies", web::get().to(dependencies));
}

async fn products() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "products": PRODUCTS }))
}

async fn checkout(context: web::Data<Context>) -> HttpResponse {
    match context.shop.checkout().await {
        Ok(order) => HttpResponse::Ok().json(order),
        Err(exhausted) => {
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(exhausted.to_string())
        }
    }
}

async fn health(context: web::Data<Context>) -> HttpResponse {
    match context.shop.health().await {
        Ok(()) => HttpResponse::Ok().json(json!({ "status": "ok" })),
        Err(exhausted) => {
            let body = json!({ "status": "failing", "reason": exhausted.to_string() });
            HttpResponse::ServiceUnavailable().json(body)
        }
    }
}

async fn metrics(context: web::Data<Context>) -> HttpResponse {
    HttpResponse::Ok().content_type(METRICS_TYPE).body(context.shop.rendered_metrics())
}

/// What the shop depends on, and whether it can be reached from here right now.
async fn dependencies(context: web::Data<Context>) -> HttpResponse {
    let began = Instant::now();
    let connected =
        tokio::time::timeout(DATABASE_PATIENCE, tokio::net::TcpStream::connect(context.database)).await;
    let status = if matches!(connected, Ok(Ok(_))) { "ok" } else { "unreachable" };
    let database = json!({
        "name": "database",
        "address": context.database,
        "health": format!("http://{}/health", context.database),
        "status": status,
        "took_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    HttpResponse::Ok().json(json!({ "dependencies": [database] }))
}

/// Counts each request under the shop's own path, so that no caller can invent series.
async fn counted(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let began = Instant::now();
    let context = request.app_data::<web::Data<Context>>().cloned();
    let path = match request.path() {
        "/" => "/",
        "/checkout" => "/checkout",
        "/health" => "/health",
        "/metrics" => "/metrics",
        "/dependencies" => "/dependencies",
        _ => "other",
    };
    if let Some(context) = &context {
        context.is_visited();
    }
    let answered = next.call(request).await;
    if let (Some(context), Ok(response)) = (context, &answered) {
        context.shop.metrics.answered(path, response.status().as_u16(), began.elapsed());
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::super::log::tests::Remembered;
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};

    /// Asks a shop with one connection that loses it at the second checkout.
    async fn asked(paths: &[&str]) -> Vec<(u16, String)> {
        let shop = Shop::new(1, 2, Duration::ZERO, Arc::new(Remembered::default()));
        let database = SocketAddr::from(([127, 0, 0, 1], 1));
        let context = web::Data::new(Context::new(shop, database));
        let app = init_service(App::new().app_data(context).wrap(from_fn(counted)).configure(routes)).await;
        let mut answers = Vec::new();
        for path in paths {
            let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            let status = answer.status().as_u16();
            answers.push((status, String::from_utf8_lossy(&read_body(answer).await).into_owned()));
        }
        answers
    }

    fn statuses(answers: &[(u16, String)]) -> Vec<u16> {
        answers.iter().map(|(status, _)| *status).collect()
    }

    #[test]
    fn a_shop_closes_ten_minutes_after_its_last_visit() {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        assert_eq!(stays_open(minutes(3), minutes(0)), Some(minutes(7)));
        assert_eq!(stays_open(minutes(30), minutes(25)), Some(minutes(5)));
        assert_eq!(stays_open(minutes(35), minutes(25)), None);
    }

    #[actix_web::test]
    async fn the_shop_breaks_with_a_reason_and_keeps_listing_its_products() {
        let answers = asked(&["/health", "/checkout", "/checkout", "/checkout", "/health", "/"]).await;
        assert_eq!(statuses(&answers), [200, 200, 200, 503, 503, 200]);
        assert_eq!(answers[0].1, r#"{"status":"ok"}"#);
        assert_eq!(answers[3].1, "pool exhausted: 0 of 1 connections free");
        let reason = r#"{"reason":"pool exhausted: 0 of 1 connections free","status":"failing"}"#;
        assert_eq!(answers[4].1, reason);
    }

    #[actix_web::test]
    async fn requests_are_counted_by_path_and_status_and_strangers_share_one_series() {
        let answers = asked(&["/checkout", "/nothing/here", "/nor/here", "/metrics"]).await;
        let metrics = &answers[3].1;
        for line in [
            "shop_requests_total{path=\"/checkout\",status=\"200\"} 1",
            "shop_requests_total{path=\"other\",status=\"404\"} 2",
        ] {
            assert!(metrics.contains(line), "{metrics}");
        }
    }

    #[actix_web::test]
    async fn a_database_that_cannot_be_reached_is_named() {
        let answers = asked(&["/dependencies"]).await;
        assert_eq!(answers[0].0, 200);
        assert!(answers[0].1.contains(r#""status":"unreachable""#), "{}", answers[0].1);
    }
}
