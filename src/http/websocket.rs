//! Feeds over WebSockets: one text frame, one event. The one module that knows `actix-web-actors`.
//!
//! The session is an actor that the connection polls: when the peer stops reading, it is not polled, takes nothing from
//! its subscription, and is ended from outside ([`super::sessions`]). A ping goes out every 15 s; after three that nobody
//! answered the session closes with a code and a reason. What a client sends is small, rare, or the end of the session.

use std::cell::Cell;
use std::io::ErrorKind;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use actix::{Actor, ActorContext, AsyncContext, SpawnHandle, StreamHandler};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::Payload;
use actix_web_actors::ws::{self, CloseCode, CloseReason, Message, ProtocolError};
use futures::Stream;
use futures::future::LocalBoxFuture;
use ghostlight_actors::feed::{FeedItem, FeedRequest, Subscription};
use ghostlight_model::ids::RunId;
use ghostlight_model::presence::View;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant as Moment;

use super::feeds::FeedQuery;
use super::frames::Frames;
use super::presence;
use super::problem::{Code, Problem};
use super::request;
use super::seats::{Here, PAUSE, Seat, Told};
use super::sessions::{PING_EVERY, Session};
use super::sse::is_still_let_in;
use super::strict;
use super::surface::{Answer, App};
use crate::access::Subject;

/// The largest message of a client.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// The most messages of a client in a second.
const MESSAGES_PER_SECOND_MAX: u32 = 50;
/// Pings that nobody answered before the session closes.
const SILENT_PINGS_MAX: u32 = 3;
/// How often the right to listen is looked at again.
const RECHECK_EVERY: Duration = Duration::from_secs(5);

struct FeedSession {
    app: App,
    subject: Option<Subject>,
    run: Option<RunId>,
    session: Session,
    first: Option<Subscription>,
    pump: Option<SpawnHandle>,
    /// Where its person is among those who say what they look at.
    seat: Seat,
    watch: Option<Watch>,
    /// When he may be told again who else is there.
    quiet_until: Moment,
    silent_pings: u32,
    window: (Instant, u32),
    is_closing: bool,
    /// Whether the client began a frame that is too long.
    is_over: Rc<Cell<bool>>,
}

/// What tells a session who else looks at what its person looks at.
struct Watch {
    view: View,
    changes: SpawnHandle,
}

/// What a client may say.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    #[serde(default, deserialize_with = "strict::object")]
    subscribe: Option<FeedQuery>,
    #[serde(default)]
    unsubscribe: Option<Value>,
    #[serde(default, deserialize_with = "strict::object")]
    presence: Option<presence::Said>,
}

/// What a client asks for.
#[derive(Debug)]
enum FeedCommand {
    Subscribe(Box<FeedRequest>),
    Unsubscribe,
    /// To be seen, or not any more.
    Present(Option<Here>),
}

/// Reads what a client of a feed, or of a run's feed, said.
fn understand(text: &str, run: Option<RunId>) -> Result<FeedCommand, Problem> {
    match strict::json::<Said>(text.as_bytes())? {
        Said { subscribe: Some(wanted), unsubscribe: None, presence: None } => {
            Ok(FeedCommand::Subscribe(Box::new(wanted.request(run)?)))
        }
        Said { subscribe: None, unsubscribe: Some(_), presence: None } => Ok(FeedCommand::Unsubscribe),
        Said { subscribe: None, unsubscribe: None, presence: Some(said) } => {
            Ok(FeedCommand::Present(said.read()?))
        }
        _ => Err(Problem::new(Code::BadRequest, "say one of `subscribe`, `unsubscribe` and `presence`")),
    }
}

/// Upgrades the connection.
///
/// # Errors
/// [`Code::BadRequest`] when the handshake is none.
pub fn start(
    app: &App,
    request: &HttpRequest,
    payload: Payload,
    run: Option<RunId>,
    session: Session,
    subscription: Subscription,
) -> Answer {
    let (frames, is_over) = Frames::bounded(payload, MESSAGE_BYTES_MAX as u64);
    let subject = request::subject(request);
    let actor = FeedSession {
        app: app.clone(),
        seat: app.seats.seat(subject.as_ref().map(Subject::name).unwrap_or_default()),
        watch: None,
        quiet_until: Moment::now(),
        subject,
        run,
        session,
        first: Some(subscription),
        pump: None,
        silent_pings: 0,
        window: (Instant::now(), 0),
        is_closing: false,
        is_over,
    };
    let begin = ws::WsResponseBuilder::new(actor, request, frames).frame_size(MESSAGE_BYTES_MAX);
    let offers = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok());
    let begin = match offers {
        Some(offers) if offers.split(',').any(|name| name.trim() == "cloudevents.json") => {
            begin.protocols(&["cloudevents.json"])
        }
        Some(_) | None => begin,
    };
    begin
        .start()
        .map_err(|error| Problem::new(Code::BadRequest, format!("this is no WebSocket handshake: {error}")))
}

impl Actor for FeedSession {
    type Context = ws::WebsocketContext<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(subscription) = self.first.take() {
            self.pump = Some(ctx.add_stream(Items::of(subscription)));
        }
        ctx.run_interval(PING_EVERY, |session, ctx| session.ping(ctx));
        ctx.run_interval(RECHECK_EVERY, |session, ctx| {
            session.session.got_on();
            if !is_still_let_in(&session.app, session.subject.as_ref()) {
                session.close(ctx, CloseCode::Policy, "access was withdrawn");
            }
        });
    }
}

impl FeedSession {
    fn ping(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if self.silent_pings >= SILENT_PINGS_MAX {
            self.close(ctx, CloseCode::Away, "no answer to three pings");
        } else {
            self.silent_pings += 1;
            ctx.ping(b"");
        }
    }

    fn close(&mut self, ctx: &mut ws::WebsocketContext<Self>, code: CloseCode, reason: &str) {
        if !std::mem::replace(&mut self.is_closing, true) {
            ctx.close(Some(CloseReason { code, description: Some(reason.to_owned()) }));
            ctx.stop();
        }
    }

    /// Counts a message; false when there were too many.
    fn counts(&mut self) -> bool {
        if self.window.0.elapsed() >= Duration::from_secs(1) {
            self.window = (Instant::now(), 0);
        }
        self.window.1 += 1;
        self.window.1 <= MESSAGES_PER_SECOND_MAX
    }

    fn hear(&mut self, text: &str, ctx: &mut ws::WebsocketContext<Self>) {
        let result = understand(text, self.run).and_then(|command| match command {
            FeedCommand::Subscribe(request) => self.subscribe(*request, ctx),
            FeedCommand::Unsubscribe => {
                self.end_pump(ctx);
                Ok(())
            }
            FeedCommand::Present(here) => {
                self.be(here, ctx);
                Ok(())
            }
        });
        if let Err(problem) = result {
            ctx.text(error_frame(&problem));
        }
    }

    /// Listens to something else from now on: a connection has one subscription.
    fn subscribe(
        &mut self,
        request: FeedRequest,
        ctx: &mut ws::WebsocketContext<Self>,
    ) -> Result<(), Problem> {
        let subscription = self.app.ghostlight.feed.subscribe(request)?;
        self.end_pump(ctx);
        self.pump = Some(ctx.add_stream(Items::of(subscription)));
        Ok(())
    }

    /// Its person is somewhere else from now on, or nowhere. Who else is there is told for as long as he stays.
    fn be(&mut self, here: Option<Here>, ctx: &mut ws::WebsocketContext<Self>) {
        let Some(here) = here else {
            self.seat.leave();
            return self.end_watch(ctx);
        };
        let view = here.view.clone();
        let changes = self.seat.say(here);
        if self.watch.as_ref().is_none_or(|watch| watch.view != view) {
            self.end_watch(ctx);
            let changes = ctx.add_stream(changes.frames(self.quiet_until));
            self.watch = Some(Watch { view, changes });
        }
    }

    fn end_watch(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if let Some(watch) = self.watch.take() {
            ctx.cancel_future(watch.changes);
        }
    }

    fn end_pump(&mut self, ctx: &mut ws::WebsocketContext<Self>) {
        if let Some(pump) = self.pump.take() {
            ctx.cancel_future(pump);
        }
    }
}

impl StreamHandler<FeedItem> for FeedSession {
    fn handle(&mut self, item: FeedItem, ctx: &mut Self::Context) {
        self.session.got_on();
        ctx.text(item.text());
        if let FeedItem::Closing { reason } = &item {
            self.close(ctx, CloseCode::Restart, reason);
        }
    }

    // The end of a subscription is announced by its last item; another one may follow on the same connection.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Told> for FeedSession {
    fn handle(&mut self, told: Told, ctx: &mut Self::Context) {
        self.session.got_on();
        self.quiet_until = Moment::now() + PAUSE;
        ctx.text(told.0);
    }

    // The session goes on without.
    fn finished(&mut self, _: &mut Self::Context) {}
}

impl StreamHandler<Result<Message, ProtocolError>> for FeedSession {
    fn handle(&mut self, message: Result<Message, ProtocolError>, ctx: &mut Self::Context) {
        self.session.got_on();
        self.seat.hear();
        self.silent_pings = 0;
        if !self.counts() {
            return self.close(ctx, CloseCode::Policy, "too many messages");
        }
        match message {
            Ok(Message::Text(text)) => self.hear(&text, ctx),
            Ok(Message::Ping(bytes)) => ctx.pong(&bytes),
            Ok(Message::Pong(_) | Message::Nop) => {}
            Ok(Message::Close(_)) => self.close(ctx, CloseCode::Normal, ""),
            Ok(Message::Binary(_) | Message::Continuation(_)) => {
                self.close(ctx, CloseCode::Unsupported, "send texts in one frame");
            }
            Err(_) if self.is_over.get() => {
                self.close(ctx, CloseCode::Size, "a message has at most 64 KiB");
            }
            // Frames that are none have other kinds; where the connection is lost, nobody is told anything.
            Err(ProtocolError::Io(error)) if error.kind() == ErrorKind::Other => {
                self.close(ctx, CloseCode::Invalid, "a text is UTF-8")
            }
            Err(_) => self.close(ctx, CloseCode::Protocol, "this is no WebSocket frame"),
        }
    }

    fn finished(&mut self, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A refusal as a frame: `feed.error` with the code of the problem.
fn error_frame(problem: &Problem) -> String {
    let data =
        json!({ "code": problem.code().as_str(), "detail": problem.detail(), "help": problem.code().help() });
    let id = uuid::Uuid::new_v4();
    json!({ "specversion": "1.0", "id": id, "source": "/feed", "type": "feed.error", "data": data })
        .to_string()
}

/// A subscription as a stream.
struct Items {
    next: LocalBoxFuture<'static, (Option<FeedItem>, Subscription)>,
}

impl Items {
    fn of(subscription: Subscription) -> Self {
        Self { next: Box::pin(take(subscription)) }
    }
}

async fn take(mut subscription: Subscription) -> (Option<FeedItem>, Subscription) {
    let item = subscription.next().await;
    (item, subscription)
}

impl Stream for Items {
    type Item = FeedItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<FeedItem>> {
        let Poll::Ready((item, subscription)) = self.next.as_mut().poll(cx) else { return Poll::Pending };
        if item.is_some() {
            self.next = Box::pin(take(subscription));
        } else {
            self.next = Box::pin(std::future::pending());
        }
        Poll::Ready(item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What commands are made of, and what they are not.
    const WORDS: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "\"",
        "\\",
        "\\u0000",
        "\\ud83d",
        "null",
        "true",
        "0",
        "-1",
        "1e999",
        "\u{202e}",
        "é",
        "\"subscribe\":",
        "\"unsubscribe\":",
        "\"presence\":",
        "\"after\":",
        "\"log\":",
        "\"types\":",
        "\"workflow\":",
        "\"label\":",
        "\"live\":",
        "\"run.*\"",
        "\"a=b\"",
        "\"18446744073709551615\"",
        "\"18446744073709551616\"",
        "{\"subscribe\":{",
        "}}",
        "{\"unsubscribe\":null}",
        "{\"presence\":{",
        "\"view\":",
        "\"name\":",
        "\"state\":",
        "\"runs\"",
        "\"editing\"",
        "\"00000000-0000-7000-8000-000000000000\"",
    ];

    fn code(text: &str) -> Result<FeedCommand, Code> {
        understand(text, None).map_err(|problem| problem.code())
    }

    #[test]
    fn a_command_is_understood_or_refused_with_its_code() {
        for (said, refused) in [
            ("", Code::BadJson),
            ("[]", Code::BadJson),
            ("{} {}", Code::BadJson),
            ("\u{feff}{}", Code::BadJson),
            (r#"{"subscribe":["5"]}"#, Code::BadJson),
            (r#"{"subscribe":{"after":5}}"#, Code::BadJson),
            (r#"{"subscribe":{"live":"yes"}}"#, Code::BadJson),
            (r#"{"subscribe":{},"subscribe":{}}"#, Code::BadJson),
            (r#"{"subscribe":{"aftr":"5"}}"#, Code::UnknownField),
            (r#"{"dance":{}}"#, Code::UnknownField),
            (r#"{"subscribe":{"after":"+5"}}"#, Code::BadQuery),
            (r#"{"subscribe":{"after":"18446744073709551616"}}"#, Code::BadQuery),
            (r#"{"subscribe":{"log":"5"}}"#, Code::BadQuery),
            (r#"{"subscribe":{"types":"dance.*"}}"#, Code::BadQuery),
            (r#"{"subscribe":{"workflow":"../x"}}"#, Code::BadQuery),
            (r#"{"subscribe":{"label":"x"}}"#, Code::BadQuery),
            (r#"{"subscribe":{},"unsubscribe":{}}"#, Code::BadRequest),
            (r#"{"subscribe":null}"#, Code::BadRequest),
            (r#"{"presence":null}"#, Code::BadRequest),
            (r#"{"presence":[]}"#, Code::BadJson),
            (r#"{"presence":{"veiw":"runs"}}"#, Code::UnknownField),
            (r#"{"presence":{"name":"Ada"}}"#, Code::InvalidValue),
            (r#"{"presence":{"view":"nowhere"}}"#, Code::InvalidValue),
            (r#"{"presence":{"view":"runs","name":"a\u0007"}}"#, Code::InvalidValue),
            (r#"{"presence":{"view":"runs","state":"sleeping"}}"#, Code::InvalidValue),
            (r#"{"presence":{"view":"runs"},"unsubscribe":{}}"#, Code::BadRequest),
        ] {
            assert_eq!(code(said).unwrap_err(), refused, "{said}");
        }
        let nested = format!("{{\"unsubscribe\":{}{}}}", "[".repeat(500), "]".repeat(500));
        assert_eq!(code(&nested).unwrap_err(), Code::BadJson);
        assert!(matches!(code(r#"{"unsubscribe":{}}"#), Ok(FeedCommand::Unsubscribe)));
        assert!(matches!(code(r#"{"presence":{}}"#), Ok(FeedCommand::Present(None))));
        let here = code(r#"{"presence":{"view":"runs","name":" Ada ","state":"editing"}}"#);
        assert!(matches!(here, Ok(FeedCommand::Present(Some(here))) if here.name.as_deref() == Some("Ada")));
        let wanted = code(r#"{"subscribe":{"after":"18446744073709551615","types":"run.*","live":true}}"#);
        assert!(
            matches!(wanted, Ok(FeedCommand::Subscribe(wanted)) if wanted.after == Some(u64::MAX) && wanted.live)
        );
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_says_is_answered_with_anything_but_a_refusal_of_its_own(
            words in prop::collection::vec(prop::sample::select(WORDS), 0..14),
            noise in "\\PC{0,8}",
            at in 0..14_usize,
        ) {
            let mut text: String = words.concat();
            let at = text.char_indices().map(|(at, _)| at).nth(at).unwrap_or(text.len());
            text.insert_str(at, &noise);
            for said in [words.concat(), text] {
                if let Err(problem) = understand(&said, None) {
                    prop_assert!(problem.code().status().is_client_error(), "{}: {:?}", said, problem.code());
                    prop_assert!(error_frame(&problem).len() < 4_096, "{}", said);
                }
            }
        }
    }
}
