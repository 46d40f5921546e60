//! How many connections are open, and that there are never more than there may be.
//!
//! The server's own limit only makes it accept later, and it does not keep to it; here each connection is counted as it is
//! accepted, for as long as it lives. One too many is told so at once and let go.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::{SendFlags, Shutdown, send, shutdown};

/// What one too many is told: there is no request yet that a problem could answer.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// All open connections. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Crowd {
    open: Arc<AtomicUsize>,
    max: usize,
}

/// A connection's place; free again when dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Crowd {
    /// At most `max` at the same time.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { open: Arc::default(), max: max.max(1) }
    }

    /// Counts a connection that was just accepted, and says whether it may stay.
    pub fn enter(&self, connection: &dyn std::any::Any, data: &mut Extensions) -> bool {
        let before = self.open.fetch_add(1, Ordering::AcqRel);
        data.insert(Place(self.open.clone()));
        let may_stay = before < self.max;
        if !may_stay && let Some(stream) = connection.downcast_ref::<TcpStream>() {
            // A peer that is gone, or that takes nothing, does not need to know.
            let _ = send(stream.as_fd(), FULL, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            let _ = shutdown(stream.as_fd(), Shutdown::Both);
        }
        may_stay
    }
}
