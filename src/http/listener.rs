//! The address that the daemon listens on, taken before the store is opened and kept until the surface goes down.
//!
//! Servers come and go with their incarnations; the socket stays. So the address is the same for all of them, also where the
//! system chose the port, nobody else can take it in between, and whoever connects while no server runs waits for the next
//! one instead of being refused. Leaves to others: whether anything protects the address
//! ([`check_listen`](crate::access::check_listen)), and serving there.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use super::ServeError;

/// How many connections may wait for a server.
const BACKLOG: i32 = 1_024;

/// An address that is listened on. Cheap to clone; it is free again when it was closed and no server has it any more.
#[derive(Debug, Clone)]
pub struct Listener {
    address: SocketAddr,
    socket: Arc<Mutex<Option<TcpListener>>>,
}

impl Listener {
    /// Takes an address; port 0 takes a free one.
    ///
    /// # Errors
    /// [`ServeError::Bind`].
    pub fn bind(listen: SocketAddr) -> Result<Self, ServeError> {
        let bind = |source| ServeError::Bind { listen, source };
        let socket = TcpListener::bind(listen).map_err(bind)?;
        // The standard library asks for a short queue; asking again makes it longer.
        rustix::net::listen(&socket, BACKLOG).map_err(|error| bind(error.into()))?;
        let address = socket.local_addr().map_err(bind)?;
        Ok(Self { address, socket: Arc::new(Mutex::new(Some(socket))) })
    }

    /// The address, with the port that was chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The socket, for one more server; none when it was closed.
    ///
    /// # Errors
    /// What the system said.
    pub(super) fn socket(&self) -> io::Result<Option<TcpListener>> {
        self.lock().as_ref().map(TcpListener::try_clone).transpose()
    }

    /// Gives the address up, for good. Whoever waits for a server is refused as soon as the last server has gone.
    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<TcpListener>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
    }

    #[test]
    fn who_connects_between_two_servers_waits_for_the_next_one() {
        let listener = Listener::bind(any()).unwrap();
        drop(listener.socket().unwrap().unwrap());
        let client = TcpStream::connect(listener.address()).unwrap();
        let next = listener.socket().unwrap().unwrap();
        assert_eq!(next.accept().unwrap().1, client.local_addr().unwrap());
    }

    #[test]
    fn an_address_is_taken_until_it_is_closed_and_no_server_has_it() {
        let listener = Listener::bind(any()).unwrap();
        let server = listener.socket().unwrap().unwrap();
        assert!(matches!(Listener::bind(listener.address()), Err(ServeError::Bind { .. })));
        listener.close();
        assert!(listener.socket().unwrap().is_none());
        assert!(TcpStream::connect(listener.address()).is_ok());
        drop(server);
        assert!(TcpStream::connect(listener.address()).is_err());
        assert!(Listener::bind(listener.address()).is_ok());
    }
}
