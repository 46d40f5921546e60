//! How the surface is set up, as plain values.

use std::net::SocketAddr;

use crate::chaos::Rate;

/// How the surface is set up.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// The address; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether a proxy with TLS stands in front: then `X-Forwarded-For` is believed, and loopback grants nothing.
    pub behind_proxy: bool,
    /// Names by which the daemon may be called besides those of loopback.
    pub allowed_hosts: Vec<String>,
    /// The largest definition in bytes.
    pub definition_bytes_max: usize,
    /// The largest other body in bytes.
    pub body_bytes_max: usize,
    /// How many feeds may be open at the same time.
    pub feeds_max: usize,
    /// How many connections may be open at the same time.
    pub connections_max: usize,
    /// How many threads answer requests.
    pub workers: usize,
    /// Whether faults may be made to actors on demand.
    pub chaos: bool,
    /// How often the daemon strikes actors of its own by itself.
    pub strikes: Option<Rate>,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7070)),
            behind_proxy: false,
            allowed_hosts: Vec::new(),
            definition_bytes_max: 16 << 20,
            body_bytes_max: 1 << 20,
            feeds_max: 2_000,
            connections_max: 8_192,
            workers: 2,
            chaos: false,
            strikes: None,
        }
    }
}
