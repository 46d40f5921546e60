//! What the surface is in the supervision tree: the server, and what helps it.
//!
//! ```text
//! surface (one_for_one)
//! ├── metrics    counts runs as they are committed (transient: done when the journal is closed)
//! ├── sweep      ends feeds whose clients have stopped reading, and shows those no longer who are gone
//! ├── chaos      strikes actors at random; only where `serve --chaos` asked for it
//! └── http       the server; a new one listens on the same socket
//! ```
//!
//! The server comes last, so that it is stopped first. It is stopped in its order only when the daemon goes down: then
//! nothing new is admitted, feeds are told why and closed, what is being answered is finished, and the address is given up.
//! What it answers cannot stop it (`tree`). When a server is lost by a crash, its connections are lost with it; the open
//! feeds, the counts and the refused tokens that are remembered belong to all of its incarnations.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use actix_web::dev::Server;
use actix_web::middleware::from_fn;
use actix_web::{HttpServer, web};
use ghostlight_actors::runtime::Ghostlight;
use ghostlight_supervision::{ChildSpec, Key, StartContext, Stopping};

use super::crowd::Crowd;
use super::listener::Listener;
use super::sessions::{self, STUCK_AFTER};
use super::settings::HttpSettings;
use super::surface::{App, Surface};
use super::{descriptors, middleware, routes, striker};
use crate::metrics::Metrics;

/// The name of the server's place in its group.
pub(super) const SERVER: &str = "http";

/// The longest time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How many threads of each worker may read the disk for it; what comes on top waits in line.
const BLOCKING_THREADS_MAX: usize = 16;
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long feeds have to say goodbye.
const FEEDS_CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// How long requests that are being answered have, once nothing new is taken.
const REQUESTS_END_WITHIN_S: u64 = 5;
/// How long all of that may take before the server is killed: the sum, and the second in which it looks again.
const SERVER_STOP: Duration = Duration::from_secs(10);
/// How often feeds that do not get on are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);
/// What feeds are told at the end.
const GOING_DOWN: &str = "the daemon is going down";

/// Why a server did not come up, or ended although nobody had asked.
#[derive(Debug, thiserror::Error)]
enum ServerError {
    /// The daemon goes down.
    #[error("the address was given up")]
    GivenUp,
    /// There is no further handle on the socket.
    #[error("the socket could not be shared with a new server: {0}")]
    Socket(#[source] std::io::Error),
    /// The server's threads could not be had.
    #[error("the server could not be started: {0}")]
    Start(#[source] std::io::Error),
    /// It ended with an error.
    #[error("the server broke: {0}")]
    Broken(#[source] std::io::Error),
    /// It ended without one.
    #[error("the server ended by itself")]
    Ended,
}

/// The specifications of the surface of `ghostlight`, which listens on `listener`, in start order. Nothing checks here
/// whether anything protects the address.
#[must_use]
pub fn children(ghostlight: &Ghostlight, listener: &Listener, settings: &HttpSettings) -> Vec<ChildSpec> {
    let app: App = web::Data::new(Surface::new(ghostlight.clone(), settings.clone(), Metrics::new()));
    if settings.chaos {
        ghostlight.tree.permit_faults();
    }
    let mut children = vec![metrics(&app), sweeper(&app)];
    children.extend(settings.strikes.filter(|_| settings.chaos).map(|rate| striker::spec(&app, rate)));
    children.push(server(&app, listener));
    children
}

/// Counts runs, and looks how fast the journal is. What was committed while nobody counted is made up for by the next incarnation.
fn metrics(app: &App) -> ChildSpec {
    let app = app.clone();
    ChildSpec::new(Key::named("metrics"), move |start: StartContext| {
        let app = app.clone();
        let count = async move {
            tokio::select! {
                () = app.metrics.follow(&app.ghostlight) => Ok::<(), Infallible>(()),
                never = app.metrics.watch(&app.ghostlight) => match never {},
            }
        };
        std::future::ready(Ok(start.task(count)))
    })
    .transient()
}

fn sweeper(app: &App) -> ChildSpec {
    let app = app.clone();
    ChildSpec::new(Key::named("sweep"), move |start: StartContext| {
        std::future::ready(Ok(start.task(sweep(app.clone()))))
    })
}

async fn sweep(app: App) -> Result<(), Infallible> {
    loop {
        let before = Instant::now();
        actix_web::rt::time::sleep(SWEEP_EVERY).await;
        if before.elapsed() > SWEEP_EVERY * 2 {
            // The process stood still, and nobody could get on.
            app.sessions.forgive();
            app.seats.forgive();
            continue;
        }
        app.seats.sweep();
        let ended = app.sessions.sweep(STUCK_AFTER);
        if ended > 0 {
            tracing::info!(ended, "feeds whose clients had stopped reading were ended");
        }
    }
}

fn server(app: &App, listener: &Listener) -> ChildSpec {
    let (app, listener) = (app.clone(), listener.clone());
    ChildSpec::new(Key::named(SERVER), move |start: StartContext| {
        let (app, listener) = (app.clone(), listener.clone());
        async move {
            let server = begin(&app, &listener).await?;
            Ok(start.graceful_task(move |stopping| serve(app, listener, server, stopping)))
        }
    })
    .shutdown_timeout(SERVER_STOP)
}

/// Starts a server; it takes connections when this returns.
async fn begin(app: &App, listener: &Listener) -> Result<Server, ServerError> {
    let socket = listener.socket().map_err(ServerError::Socket)?.ok_or(ServerError::GivenUp)?;
    let settings = &app.settings;
    let shared = app.clone();
    let connections_max = descriptors::make_room(settings.connections_max);
    let crowd = Crowd::new(connections_max);
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .wrap(from_fn(middleware::access))
            .wrap(from_fn(middleware::outermost))
            .configure(routes::configure)
    })
    .workers(settings.workers.max(1))
    .worker_max_blocking_threads(BLOCKING_THREADS_MAX)
    // Never met: who is one too many is told so.
    .max_connections(connections_max.saturating_add(1_024))
    .client_request_timeout(HEAD_TIMEOUT)
    .client_disconnect_timeout(Duration::from_secs(2))
    .keep_alive(KEEP_ALIVE)
    .on_connect(move |connection, data| {
        if crowd.enter(connection, data) {
            sessions::prepare(connection, data);
        }
    })
    .shutdown_timeout(REQUESTS_END_WITHIN_S)
    .disable_signals()
    .listen(socket)
    .map_err(ServerError::Socket)?;
    let mut server = server.run();
    // Its threads are started when it is first polled. Doing so here makes their failure a start that failed, which the one
    // who starts the tree is told.
    match futures::poll!(&mut server) {
        std::task::Poll::Pending => {}
        std::task::Poll::Ready(ended) => {
            return Err(ended.map_or_else(ServerError::Start, |()| ServerError::Ended));
        }
    }
    tracing::info!(address = %listener.address(), "listening");
    Ok(server)
}

/// Serves until the supervisor asks for an end.
async fn serve(
    app: App,
    listener: Listener,
    mut server: Server,
    mut stopping: Stopping,
) -> Result<(), ServerError> {
    tokio::select! {
        ended = &mut server => {
            return Err(ended.map_or_else(ServerError::Broken, |()| ServerError::Ended));
        }
        () = stopping.asked() => {}
    }
    let handle = server.handle();
    let end = async {
        say_goodbye(&app).await;
        listener.close();
        handle.stop(true).await;
    };
    // The server goes on answering while feeds say goodbye.
    let (ended, ()) = tokio::join!(server, end);
    ended.map_err(ServerError::Broken)
}

/// Takes no new work, and ends the feeds. The server does not end connections that live long: they are ended here, first by
/// word, then by force.
async fn say_goodbye(app: &App) {
    app.ghostlight.begin_draining();
    app.ghostlight.feed.close(GOING_DOWN);
    let all_gone = async {
        while app.sessions.count() > 0 {
            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if actix_web::rt::time::timeout(FEEDS_CLOSE_WITHIN, all_gone).await.is_err() {
        app.sessions.shut_all();
    }
}
