//! The feeds that are open: how many there are, whether they get on, and how each is ended from outside.
//!
//! A connection whose peer has stopped reading stops everything that writes to it, its heartbeat included: it cannot notice
//! by itself. Each session therefore notes when it last got on, and [`Sessions::sweep`] shuts the sockets of those that
//! have not for [`STUCK_AFTER`]. The kernel does the same for sockets with unacknowledged bytes ([`prepare`]).

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::dev::Extensions;
use actix_web::rt::net::TcpStream;
use rustix::net::{Shutdown, sockopt};

use super::problem::{Code, Problem};

/// How often a session shows a sign of life.
pub const PING_EVERY: Duration = Duration::from_secs(15);
/// A session that has not got on for this long is ended: three pings.
pub const STUCK_AFTER: Duration = Duration::from_secs(45);
/// How long bytes may stay unacknowledged before the kernel gives a connection up, in milliseconds.
const USER_TIMEOUT_MS: u32 = 45_000;

/// A second handle on a connection's socket, to shut it from outside.
#[derive(Debug)]
pub struct Socket(OwnedFd);

impl Socket {
    /// Ends the connection, both ways; whether there was one. Whoever writes to it or waits for it is told by the kernel.
    pub fn shut(&self) -> bool {
        rustix::net::shutdown(&self.0, Shutdown::Both).is_ok()
    }

    /// The same against somebody who goes on sending: a peer whose window is closed then hears nothing of an end, and would wait for
    /// minutes. So the connection is reset when it is closed; what was sent to him he can read all the same.
    pub fn reset(&self) -> bool {
        let no_farewell = sockopt::set_socket_linger(&self.0, Some(Duration::ZERO));
        self.shut() && no_farewell.is_ok()
    }
}

/// Sets up a socket that was just accepted: probes that find a dead peer, and a bound on unacknowledged bytes.
pub fn prepare(connection: &dyn std::any::Any, data: &mut Extensions) {
    let Some(stream) = connection.downcast_ref::<TcpStream>() else { return };
    let set_up = || -> rustix::io::Result<OwnedFd> {
        sockopt::set_socket_keepalive(stream, true)?;
        sockopt::set_tcp_keepidle(stream, Duration::from_secs(30))?;
        sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10))?;
        sockopt::set_tcp_keepcnt(stream, 3)?;
        sockopt::set_tcp_user_timeout(stream, USER_TIMEOUT_MS)?;
        rustix::io::fcntl_dupfd_cloexec(stream.as_fd(), 0)
    };
    match set_up() {
        Ok(handle) => drop(data.insert(Arc::new(Socket(handle)))),
        Err(error) => tracing::debug!(%error, "a connection could not be set up and goes on without"),
    }
}

/// All open feeds. Cheap to clone.
#[derive(Clone)]
pub struct Sessions {
    shared: Arc<Shared>,
}

struct Shared {
    began: Instant,
    next: AtomicU64,
    open: Mutex<HashMap<u64, Arc<Entry>>>,
    sessions_max: usize,
    /// Sessions that were ended because their clients had stopped reading.
    dropped: AtomicU64,
}

struct Entry {
    /// Milliseconds since `Shared::began`.
    got_on_ms: AtomicU64,
    socket: Option<Arc<Socket>>,
}

/// One open feed; it is gone when this is dropped.
pub struct Session {
    id: u64,
    entry: Arc<Entry>,
    shared: Arc<Shared>,
}

impl Sessions {
    /// None yet, and at most `sessions_max`.
    #[must_use]
    pub fn new(sessions_max: usize) -> Self {
        let (began, open) = (Instant::now(), Mutex::default());
        let (next, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { shared: Arc::new(Shared { began, next, open, sessions_max, dropped }) }
    }

    /// A new session on a connection.
    ///
    /// # Errors
    /// [`Code::TooManyFeeds`].
    pub fn open(&self, socket: Option<Arc<Socket>>) -> Result<Session, Problem> {
        let mut open = self.shared.lock();
        if open.len() >= self.shared.sessions_max {
            let detail = format!("there are {} feeds, as many as there may be", self.shared.sessions_max);
            return Err(Problem::new(Code::TooManyFeeds, detail).retry_after(Duration::from_secs(5)));
        }
        let id = self.shared.next.fetch_add(1, Ordering::Relaxed);
        let entry = Arc::new(Entry { got_on_ms: AtomicU64::new(self.shared.now_ms()), socket });
        open.insert(id, entry.clone());
        drop(open);
        Ok(Session { id, entry, shared: self.shared.clone() })
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.lock().len()
    }

    /// How many were ended because their clients had stopped reading, since the start.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Ends the sessions that have not got on for `stuck_after`; answers how many.
    pub fn sweep(&self, stuck_after: Duration) -> usize {
        let oldest =
            self.shared.now_ms().saturating_sub(u64::try_from(stuck_after.as_millis()).unwrap_or(u64::MAX));
        let is_stuck = |entry: &&Arc<Entry>| entry.got_on_ms.load(Ordering::Relaxed) < oldest;
        let stuck: Vec<_> = self.shared.lock().values().filter(is_stuck).cloned().collect();
        let ended = stuck.iter().filter(|entry| entry.shut()).count();
        self.shared.dropped.fetch_add(ended as u64, Ordering::Relaxed);
        ended
    }

    /// Gives every session its time anew.
    pub fn forgive(&self) {
        let now_ms = self.shared.now_ms();
        for entry in self.shared.lock().values() {
            entry.got_on_ms.store(now_ms, Ordering::Relaxed);
        }
    }

    /// Ends all sessions that are left.
    pub fn shut_all(&self) {
        let left: Vec<_> = self.shared.lock().values().cloned().collect();
        for entry in left {
            entry.shut();
        }
    }
}

impl Session {
    /// It got on.
    pub fn got_on(&self) {
        self.entry.got_on_ms.store(self.shared.now_ms(), Ordering::Relaxed);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.lock().remove(&self.id);
    }
}

impl Entry {
    fn shut(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.shut())
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<u64, Arc<Entry>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream as StdStream};

    use super::*;

    #[test]
    fn there_are_never_more_feeds_than_there_may_be() {
        let sessions = Sessions::new(2);
        let one = sessions.open(None).unwrap();
        let _two = sessions.open(None).unwrap();
        assert_eq!(sessions.open(None).err().unwrap().code(), Code::TooManyFeeds);
        drop(one);
        assert!(sessions.open(None).is_ok());
        assert_eq!(sessions.count(), 1);
    }

    #[test]
    fn a_session_that_does_not_get_on_is_ended_from_outside() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        let socket = Arc::new(Socket(OwnedFd::from(server)));
        let sessions = Sessions::new(2);
        let session = sessions.open(Some(socket)).unwrap();
        assert_eq!(sessions.sweep(STUCK_AFTER), 0);
        session.entry.got_on_ms.store(0, Ordering::Relaxed);
        while session.shared.now_ms() < 2 {
            std::hint::spin_loop();
        }
        sessions.forgive();
        assert_eq!(sessions.sweep(Duration::from_secs(1)), 0, "it has its time anew");
        session.entry.got_on_ms.store(0, Ordering::Relaxed);
        assert_eq!((sessions.sweep(Duration::ZERO), sessions.dropped()), (1, 1));
        assert_eq!(client.read(&mut [0; 8]).unwrap(), 0, "the client sees the end");
    }
}
