//! The shop's database, as far as an operator can see it from outside: a listener of its own that is well.
//!
//! It is there to be suspected and ruled out: the shop that cannot get a connection and the database that has
//! plenty of them are two different findings.

use std::io;
use std::net::SocketAddr;

use actix_web::dev::Server;
use actix_web::{App, HttpResponse, HttpServer, web};
use serde_json::json;

/// Begins to listen, and returns where. The server runs when it is awaited.
pub(super) fn serve(address: SocketAddr) -> io::Result<(Server, SocketAddr)> {
    let server = HttpServer::new(|| App::new().configure(routes)).workers(1).disable_signals();
    let server = server.shutdown_timeout(1).bind(address)?;
    let bound = server.addrs().first().copied().unwrap_or(address);
    Ok((server.run(), bound))
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/health", web::get().to(health));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok", "role": "database", "accepting": true }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::{TestRequest, call_service, init_service};

    #[actix_web::test]
    async fn the_database_is_well() {
        let app = init_service(App::new().configure(routes)).await;
        let answer = call_service(&app, TestRequest::get().uri("/health").to_request()).await;
        assert_eq!(answer.status(), 200);
    }
}
