//! Bodies that nobody reads to their end.
//!
//! A request may be refused before its body has come. Were its connection shut at once, a client that sends everything before it
//! reads anything would find it reset, and no answer. Were it read on for as long as the client likes to send, which
//! actix-web does with chunks, whoever sends without end, or not at all, would hold it for ever. So the answer goes out at
//! once, with the word that the connection ends, and what still comes is thrown away within bounds: [`BYTES_MAX`],
//! [`TIME_MAX`], [`SILENCE_MAX`] without a byte, and the least rate of all bodies. Whoever goes beyond them is shut out.

use std::cell::RefCell;
use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::{ConnectionType, header};
use bytes::Bytes;
use futures::{Stream, stream};
use tokio::time::{Instant, Sleep, sleep};

use super::body::{DEADLINE, RATE_MIN};
use super::sessions::Socket;

/// How much of a body is thrown away after the answer.
pub const BYTES_MAX: usize = 16 << 20;
/// How long.
pub const TIME_MAX: Duration = DEADLINE;
/// How long without a byte of it.
pub const SILENCE_MAX: Duration = Duration::from_secs(2);
/// Shorter bodies of a known length have arrived before anybody could be reset for them.
const LENGTH_MIN: u64 = 64 << 10;

/// The body of a request, and whether somebody has read it to its end.
pub struct Unread {
    rest: Rc<RefCell<Rest>>,
    /// Not the socket itself: it may be gone before it is shut, and its descriptor with it.
    socket: Weak<Socket>,
}

struct Rest {
    payload: Payload,
    is_read: bool,
}

impl Rest {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<<Payload as Stream>::Item>> {
        let next = Pin::new(&mut self.payload).poll_next(cx);
        self.is_read |= matches!(next, Poll::Ready(None));
        next
    }
}

impl Unread {
    /// Watches the body of a request; none when it is short or there is none.
    pub fn watch(request: &mut ServiceRequest) -> Option<Self> {
        if !is_long(request) {
            return None;
        }
        let socket = request.conn_data::<Arc<Socket>>().map(Arc::downgrade).unwrap_or_default();
        let rest = Rc::new(RefCell::new(Rest { payload: request.take_payload(), is_read: false }));
        let watched = rest.clone();
        let body = stream::poll_fn(move |cx| watched.borrow_mut().poll(cx));
        request.set_payload(Payload::Stream { payload: Box::pin(body) });
        Some(Self { rest, socket })
    }

    /// Whether somebody has to throw the rest away.
    pub fn is_left(&self) -> bool {
        !self.rest.borrow().is_read
    }

    /// The answer, behind which the rest of the body is thrown away.
    pub fn behind(self, answer: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        answer.map_body(|head, answer| {
            head.set_connection_type(ConnectionType::Close);
            Lingering { answer, unread: self, bytes: 0, patience: None }.boxed()
        })
    }

    /// Shuts the connection in a while: for an answer that is not ours to change.
    pub fn shut_soon(self) {
        actix_web::rt::spawn(async move {
            sleep(SILENCE_MAX).await;
            self.shut();
        });
    }

    fn shut(&self) {
        if let Some(socket) = self.socket.upgrade() {
            socket.shut();
        }
    }

    fn reset(&self) {
        if let Some(socket) = self.socket.upgrade() {
            socket.reset();
        }
    }
}

fn is_long(request: &ServiceRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length: u64| length >= LENGTH_MIN)
}

/// The body of an answer that has been told whole and does not end before the request has.
struct Lingering {
    answer: BoxBody,
    unread: Unread,
    bytes: usize,
    /// From when the answer was told.
    patience: Option<Patience>,
}

struct Patience {
    told: Instant,
    wait: Pin<Box<Sleep>>,
}

impl Patience {
    fn new() -> Self {
        Self { told: Instant::now(), wait: Box::pin(sleep(SILENCE_MAX)) }
    }

    /// So many bytes have come since the answer.
    fn paid(&mut self, bytes: usize) {
        let paid_for = Duration::from_secs(bytes as u64 / RATE_MIN);
        let in_all = self.told + TIME_MAX.min(SILENCE_MAX + paid_for);
        self.wait.as_mut().reset(in_all.min(Instant::now() + SILENCE_MAX));
    }
}

impl Lingering {
    /// Throws away what has come; ready when nothing more is to.
    fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let patience = self.patience.get_or_insert_with(Patience::new);
        loop {
            match self.unread.rest.borrow_mut().poll(cx) {
                Poll::Ready(Some(Ok(part))) if self.bytes + part.len() <= BYTES_MAX => {
                    self.bytes += part.len();
                    patience.paid(self.bytes);
                }
                Poll::Ready(Some(Ok(_))) => break,
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                Poll::Pending => {
                    ready!(patience.wait.as_mut().poll(cx));
                    break;
                }
            }
        }
        self.unread.reset();
        Poll::Ready(())
    }
}

impl MessageBody for Lingering {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.answer.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        let this = self.get_mut();
        if this.patience.is_none()
            && let Some(part) = ready!(Pin::new(&mut this.answer).poll_next(cx))
        {
            return Poll::Ready(Some(part));
        }
        ready!(this.poll_rest(cx));
        Poll::Ready(None)
    }
}
