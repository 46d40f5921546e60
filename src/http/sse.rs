//! Feeds as Server-Sent Events: the `id` of an event is its sequence, so that a browser comes back where it was.
//!
//! The stream is pulled by the connection: a client that stops reading costs its own subscription's place and nothing else.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::stream;
use ghostlight_actors::feed::{FeedItem, Subscription};
use tokio::time::{Instant, timeout_at};

use super::request;
use super::sessions::{PING_EVERY, Session};
use super::surface::App;
use crate::access::Subject;

/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(2);
/// How often the right to listen is looked at again.
const RECHECK_EVERY: Duration = Duration::from_secs(5);

struct Stream {
    app: App,
    subject: Option<Subject>,
    session: Session,
    subscription: Subscription,
    next_ping: Instant,
    next_check: Instant,
    is_new: bool,
    /// Whether the hello is a place to come back to: nothing else says where a feed began that began at the head.
    begins_at_head: bool,
    has_ended: bool,
}

/// Begins to stream; `begins_at_head` says that the client gave no place to begin at, and the feed has none of its own.
pub fn start(
    app: &App,
    request: &HttpRequest,
    session: Session,
    subscription: Subscription,
    begins_at_head: bool,
) -> HttpResponse {
    let now = Instant::now();
    let begin = Stream {
        app: app.clone(),
        subject: request::subject(request),
        session,
        subscription,
        next_ping: now + PING_EVERY,
        next_check: now + RECHECK_EVERY,
        is_new: true,
        begins_at_head,
        has_ended: false,
    };
    let chunks = stream::unfold(begin, |mut stream| async move {
        let chunk = stream.next().await?;
        Some((Ok::<_, actix_web::Error>(chunk), stream))
    });
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "text/event-stream"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(Box::pin(chunks))
}

impl Stream {
    async fn next(&mut self) -> Option<Bytes> {
        self.session.got_on();
        if std::mem::take(&mut self.is_new) {
            return Some(Bytes::from(format!("retry: {}\n\n", RETRY.as_millis())));
        }
        while !self.has_ended {
            let now = Instant::now();
            // Looked at before anything is given: behind a backlog there is always something to give.
            if now >= self.next_check {
                self.next_check = now + RECHECK_EVERY;
                if !is_still_let_in(&self.app, self.subject.as_ref()) {
                    self.has_ended = true;
                    return Some(event(&FeedItem::Closing { reason: "access was withdrawn".into() }, None));
                }
            }
            let until = self.next_ping.min(self.next_check);
            match timeout_at(until, self.subscription.next()).await {
                Ok(Some(item)) => {
                    self.has_ended = matches!(item, FeedItem::Closing { .. });
                    return Some(event(&item, self.place_of(&item)));
                }
                Ok(None) => return None,
                Err(_) => {
                    let now = Instant::now();
                    self.session.got_on();
                    if now >= self.next_ping {
                        self.next_ping = now + PING_EVERY;
                        return Some(Bytes::from_static(b": ping\n\n"));
                    }
                }
            }
        }
        None
    }

    /// Where a browser that has this item comes back to.
    fn place_of(&self, item: &FeedItem) -> Option<u64> {
        match item {
            FeedItem::Hello { head, .. } if self.begins_at_head => Some(*head),
            other => other.cursor(),
        }
    }
}

/// Whether the rules under which a feed was opened still hold.
#[must_use]
pub fn is_still_let_in(app: &App, subject: Option<&Subject>) -> bool {
    subject.is_some_and(|subject| app.policy.still(subject, &***app))
}

/// An item as an event. The frame is JSON on one line, so `data` has one line too.
fn event(item: &FeedItem, place: Option<u64>) -> Bytes {
    let text = item.text();
    let id = match place {
        Some(sequence) => format!("id: {sequence}\n"),
        None => String::new(),
    };
    Bytes::from(format!("{id}event: {}\ndata: {text}\n\n", type_of(&text)))
}

/// The type of a frame, which stands before anything that comes from outside.
fn type_of(frame: &str) -> &str {
    let after = frame.split_once("\"type\":\"").map_or("", |(_, rest)| rest);
    after.split('"').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_sequence_as_id_and_its_type_as_name() {
        let frame =
            r#"{"specversion":"1.0","id":"x:7","source":"/ns/default","type":"step.started","data":{}}"#;
        let item = FeedItem::Frame { sequence: Some(7), stream_sequence: Some(1), bytes: frame.into() };
        let text = format!("id: 7\nevent: step.started\ndata: {frame}\n\n");
        assert_eq!(event(&item, item.cursor()), Bytes::from(text));
    }

    #[test]
    fn what_moves_no_cursor_has_no_id() {
        let text = event(&FeedItem::Closing { reason: "test".into() }, None);
        assert!(text.starts_with(b"event: feed.closing\ndata: {"), "{text:?}");
    }
}
