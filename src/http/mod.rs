//! The control plane over HTTP: it translates, authorises, asks, and answers; the rules live below.
//!
//! Every route stands in one table (`routes`) that the OpenAPI document is made of too. Refusals are problem details
//! with stable codes ([`problem`]). What comes from outside is bounded in size and time, and never causes a 500.

mod agents;
mod approvals;
mod body;
mod descriptors;
mod docs;
mod feeds;
mod health;
mod middleware;
mod paging;
pub mod problem;
mod refusals;
mod request;
pub mod resources;
mod routes;
mod run_commands;
mod run_parts;
mod runs;
mod sessions;
mod settings;
mod sse;
mod strict;
mod surface;
mod tokens;
mod tree;
mod websocket;
mod workflows;

use std::net::SocketAddr;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::middleware::from_fn;
use actix_web::rt::task::JoinHandle;
use actix_web::{HttpServer, web};
use ghostlight_actors::runtime::Ghostlight;

pub use routes::{openapi, table};
pub use settings::HttpSettings;
pub use strict::nearest;

use crate::access::{ListenError, check_listen};
use crate::metrics::Metrics;
use sessions::STUCK_AFTER;
use surface::{App, Surface};

/// The longest time for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// How long feeds have to say goodbye.
const FEEDS_CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// How long requests that are being answered have, once nothing new is taken.
const REQUESTS_END_WITHIN_S: u64 = 5;
/// How often feeds that do not get on are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Nothing would protect the address.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The address cannot be had.
    #[error("cannot listen on {listen}")]
    Bind {
        /// The address.
        listen: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// The running surface.
pub struct Http {
    address: SocketAddr,
    app: App,
    handle: ServerHandle,
    /// Gone once it has been waited for.
    server: Option<JoinHandle<std::io::Result<()>>>,
    helpers: Vec<JoinHandle<()>>,
}

/// Listens and serves. Call it within an actix system.
///
/// # Errors
/// [`ServeError`]; nothing was opened then.
pub fn serve(ghostlight: Ghostlight, settings: HttpSettings) -> Result<Http, ServeError> {
    let listen = settings.listen;
    check_listen(listen, ghostlight.tokens.any(), settings.behind_proxy)?;
    let bind = |source| ServeError::Bind { listen, source };
    let metrics = Metrics::new();
    let app: App = web::Data::new(Surface::new(ghostlight, settings, metrics));
    let settings = &app.settings;
    let shared = app.clone();
    let per_worker = descriptors::make_room(settings.connections_max).div_ceil(settings.workers.max(1));
    let server = HttpServer::new(move || {
        actix_web::App::new()
            .app_data(shared.clone())
            .wrap(from_fn(middleware::access))
            .wrap(from_fn(middleware::outermost))
            .configure(routes::configure)
    })
    .workers(settings.workers.max(1))
    .max_connections(per_worker.max(1))
    .client_request_timeout(HEAD_TIMEOUT)
    .client_disconnect_timeout(Duration::from_secs(2))
    .keep_alive(KEEP_ALIVE)
    .on_connect(sessions::prepare)
    .shutdown_timeout(REQUESTS_END_WITHIN_S)
    .disable_signals()
    .bind(listen)
    .map_err(bind)?;
    let address = server.addrs().first().copied().unwrap_or(listen);
    let server = server.run();
    let handle = server.handle();
    let helpers = vec![sweep(app.clone()), count(app.clone())];
    tracing::info!(%address, "listening");
    Ok(Http { address, app, handle, server: Some(actix_web::rt::spawn(server)), helpers })
}

fn sweep(app: App) -> JoinHandle<()> {
    actix_web::rt::spawn(async move {
        loop {
            actix_web::rt::time::sleep(SWEEP_EVERY).await;
            let ended = app.sessions.sweep(STUCK_AFTER);
            if ended > 0 {
                tracing::info!(ended, "feeds whose clients had stopped reading were ended");
            }
        }
    })
}

fn count(app: App) -> JoinHandle<()> {
    actix_web::rt::spawn(async move { app.metrics.follow(&app.ghostlight).await })
}

impl Http {
    /// The address that is listened on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the server has ended by itself, which it does only when something is broken.
    ///
    /// # Errors
    /// What the system said.
    pub async fn ended(&mut self) -> std::io::Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        let ended = server.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        self.server = None;
        ended
    }

    /// Ends in order: feeds are told why and closed, then nothing new is taken, and what is being answered is finished.
    pub async fn shutdown(mut self, reason: &str) {
        self.app.ghostlight.begin_draining();
        // The server does not end connections that live long: they are ended here, first by word, then by force.
        self.app.ghostlight.feed.close(reason);
        let all_gone = async {
            while self.app.sessions.count() > 0 {
                actix_web::rt::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if actix_web::rt::time::timeout(FEEDS_CLOSE_WITHIN, all_gone).await.is_err() {
            self.app.sessions.shut_all();
        }
        self.handle.stop(true).await;
        self.helpers.drain(..).for_each(|helper| helper.abort());
        if let Err(error) = self.ended().await {
            tracing::warn!(%error, "the server did not end in order");
        }
    }
}
