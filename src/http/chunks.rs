//! Bodies in chunks that nobody reads to their end.
//!
//! actix-web answers such a request and then reads on, for as long as the client likes to send, in order to use the
//! connection again: a client that sends chunks without end, or none at all, would hold its connection for ever, whatever
//! it was answered. Here it gets its answer, is told that the connection ends, and has [`LINGER`] to read both.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::header;
use futures::{Stream, stream};

use super::sessions::Socket;

/// How long a client has to read its answer before the connection is shut.
pub const LINGER: Duration = Duration::from_secs(2);

/// A body in chunks, and whether somebody has read it to its end.
pub struct Chunks {
    is_read: Rc<Cell<bool>>,
    /// Not the socket itself: it may be gone before it is shut, and its descriptor with it.
    socket: Weak<Socket>,
}

impl Chunks {
    /// Watches the body of a request; none when it does not come in chunks.
    pub fn watch(request: &mut ServiceRequest) -> Option<Self> {
        if !request.headers().contains_key(header::TRANSFER_ENCODING) {
            return None;
        }
        let socket = request.conn_data::<Arc<Socket>>().map(Arc::downgrade).unwrap_or_default();
        let is_read = Rc::new(Cell::new(false));
        let (mut payload, noted) = (request.take_payload(), is_read.clone());
        let watched = stream::poll_fn(move |cx| {
            let next = Pin::new(&mut payload).poll_next(cx);
            if matches!(next, Poll::Ready(None)) {
                noted.set(true);
            }
            next
        });
        request.set_payload(Payload::Stream { payload: Box::pin(watched) });
        Some(Self { is_read, socket })
    }

    /// Shuts the connection in a while unless the body was read to its end; answers whether it will be.
    pub fn shut_if_unread(self) -> bool {
        if self.is_read.get() {
            return false;
        }
        actix_web::rt::spawn(async move {
            actix_web::rt::time::sleep(LINGER).await;
            if let Some(socket) = self.socket.upgrade() {
                socket.shut();
            }
        });
        true
    }
}
