//! A feed over Server-Sent Events that goes on by itself: after a lost connection, a slow moment or a restart of the daemon
//! it continues behind the last event that was given, so that nothing is missing and nothing comes twice.

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{Client, ClientError, Problem};

/// The longest line that is read. A frame carries at most one record.
const LINE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The daemon sends a sign of life every 15 s; a feed that is silent for longer than this is opened again.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long the daemon may take to accept a feed: it does so at once, or not at all.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Pauses between tries to open the feed again.
const PAUSES_MS: [u64; 6] = [100, 250, 500, 1_000, 2_000, 5_000];

/// After so many tries in a row a feed counts as lost for now.
const LOST_AFTER: usize = 4;

/// What to follow.
#[derive(Debug, Clone, Default)]
pub struct FeedOptions {
    /// One run; none: everything.
    pub run: Option<String>,
    /// Behind which sequence to begin; none: a run's feed at its beginning, else at the head.
    pub after: Option<u64>,
    /// Types to be given (`run.*,step.*`); none: all.
    pub types: Option<String>,
    /// Progress and tokens too.
    pub live: bool,
    /// How often a lost feed may be opened again in a row before that is an error; none: forever.
    pub tries_max: Option<usize>,
}

/// One event.
#[derive(Debug, Clone, Deserialize)]
pub struct Frame {
    /// `step.completed`
    #[serde(rename = "type")]
    pub kind: String,
    /// `runs/{id}/steps/{path}`
    #[serde(default)]
    pub subject: Option<String>,
    /// When.
    #[serde(default)]
    pub time: Option<String>,
    /// What happened.
    #[serde(default)]
    pub data: Value,
    /// Global sequence; none for live events.
    #[serde(default)]
    pub sequence: Option<String>,
    /// The workflow, for events of runs.
    #[serde(default)]
    pub workflow: Option<String>,
    /// The frame as it was sent.
    #[serde(skip)]
    pub text: String,
}

impl Frame {
    /// The run that it is about.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.subject.as_deref()?.strip_prefix("runs/")?.split('/').next()
    }

    /// The step that it is about.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        let named = self.data["step"].as_str();
        named.or_else(|| self.subject.as_deref()?.split_once("/steps/").map(|(_, step)| step))
    }

    /// A field that holds a value from outside, when it stands in the event itself.
    #[must_use]
    pub fn payload(&self, field: &str) -> Option<&Value> {
        self.data.get(field)?.get("json")
    }

    /// What this client says when a feed stays lost.
    fn lost() -> Self {
        let (kind, text) = ("feed.lost".to_owned(), String::new());
        Self { kind, subject: None, time: None, data: Value::Null, sequence: None, workflow: None, text }
    }

    fn is_of_the_feed(&self) -> bool {
        self.kind.starts_with("feed.")
    }
}

/// A feed that is followed.
#[derive(Debug)]
pub struct Feed {
    client: Client,
    options: FeedOptions,
    log: Option<String>,
    lines: Option<Lines>,
    failures: usize,
    told_lost: bool,
}

impl Feed {
    pub(super) fn new(client: Client, options: FeedOptions) -> Self {
        Self { client, options, log: None, lines: None, failures: 0, told_lost: false }
    }

    /// The next event. Words of the feed about itself (`feed.gap`, `feed.lagged`) are given too. A lost connection is
    /// not seen, unless it stays lost: then there is one `feed.lost`, which only this client says.
    ///
    /// # Errors
    /// [`ClientError`]: refused, or not reached as often as was allowed.
    pub async fn next(&mut self) -> Result<Frame, ClientError> {
        loop {
            if self.failures >= LOST_AFTER && !self.told_lost {
                self.told_lost = true;
                return Ok(Frame::lost());
            }
            let Some(lines) = &mut self.lines else {
                self.open().await?;
                continue;
            };
            match tokio::time::timeout(SILENCE_MAX, lines.event()).await {
                Ok(Ok(Some(text))) => {
                    if let Some(frame) = self.taken(text) {
                        return Ok(frame);
                    }
                }
                // Ended, broken or silent: go on from the cursor.
                Ok(Ok(None) | Err(_)) | Err(_) => {
                    self.lines = None;
                    self.pause().await?;
                }
            }
        }
    }

    /// Notes where the feed stands; the hello and the closing are for this client only.
    fn taken(&mut self, text: String) -> Option<Frame> {
        let mut frame: Frame = serde_json::from_str(&text).ok()?;
        (self.failures, self.told_lost) = (0, false);
        if let Some(sequence) = frame.sequence.as_deref().and_then(|text| text.parse().ok()) {
            if self.options.after.is_some_and(|after| sequence <= after) {
                return None;
            }
            self.options.after = Some(sequence);
        }
        match frame.kind.as_str() {
            "feed.hello" => {
                self.log = frame.data["log"].as_str().map(str::to_owned);
                // A feed that began at the head goes on from there, even when it is lost before its first event.
                if self.options.after.is_none() && self.options.run.is_none() {
                    self.options.after = position(&frame.data["head"]);
                }
                return None;
            }
            "feed.gap" => {
                self.options.after = position(&frame.data["to"]);
            }
            "feed.closing" => {
                self.lines = None;
                return None;
            }
            _ => {}
        }
        debug_assert!(!frame.is_of_the_feed() || frame.sequence.is_none());
        frame.text = text;
        Some(frame)
    }

    async fn open(&mut self) -> Result<(), ClientError> {
        let path = match &self.options.run {
            Some(run) => format!("runs/{run}/feed"),
            None => "feed".to_owned(),
        };
        let mut query: Vec<(&str, String)> = Vec::new();
        if let Some(after) = self.options.after {
            query.push(("after", after.to_string()));
            query.extend(self.log.clone().map(|log| ("log", log)));
        }
        query.extend(self.options.types.clone().map(|types| ("types", types)));
        if self.options.live {
            query.push(("live", "true".to_owned()));
        }
        let request = self.client.open(Method::GET, &path, &query).header("accept", "text/event-stream");
        let Ok(answer) = tokio::time::timeout(HEAD_PATIENCE, request.send()).await else {
            return self.pause().await;
        };
        match answer {
            Ok(answer) if answer.status().is_success() => {
                self.lines =
                    Some(Lines { answer, buffer: Vec::new(), ready: VecDeque::new(), data: String::new() });
                Ok(())
            }
            Ok(answer) => {
                let status = answer.status().as_u16();
                let Ok(bytes) = tokio::time::timeout(HEAD_PATIENCE, self.client.body(answer)).await else {
                    return self.pause().await;
                };
                let bytes = bytes?;
                let problem = Problem::of(status, serde_json::from_slice(&bytes).unwrap_or_default());
                // The daemon is busy or goes down: it is asked again, as long as that is allowed.
                if status == 503 || status == 429 {
                    self.pause().await
                } else {
                    Err(ClientError::Refused(Box::new(problem)))
                }
            }
            Err(error) => match self.pause().await {
                Ok(()) => Ok(()),
                Err(_) => Err(self.client.failed(&error)),
            },
        }
    }

    async fn pause(&mut self) -> Result<(), ClientError> {
        let pause = PAUSES_MS[self.failures.min(PAUSES_MS.len() - 1)];
        self.failures += 1;
        if self.options.tries_max.is_some_and(|max| self.failures > max) {
            let (server, reason) = (self.client.server().to_owned(), "the feed is lost".to_owned());
            return Err(ClientError::Unreached { server, reason });
        }
        tokio::time::sleep(Duration::from_millis(pause)).await;
        Ok(())
    }
}

/// A sequence as it stands in a frame.
fn position(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The events of one answer.
#[derive(Debug)]
struct Lines {
    answer: reqwest::Response,
    buffer: Vec<u8>,
    ready: VecDeque<String>,
    data: String,
}

impl Lines {
    /// The data of the next event; none when the answer has ended.
    async fn event(&mut self) -> Result<Option<String>, reqwest::Error> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            match self.answer.chunk().await? {
                Some(chunk) if self.buffer.len() + chunk.len() <= LINE_BYTES_MAX => {
                    self.buffer.extend_from_slice(&chunk);
                    split(&mut self.buffer, &mut self.data, &mut self.ready);
                }
                // No daemon of ours sends such a line: the feed is opened again.
                Some(_) | None => return Ok(None),
            }
        }
    }
}

/// Takes whole lines out of `buffer`; an empty line ends an event. Only `data` matters: the type and the sequence stand in
/// the frame too.
fn split(buffer: &mut Vec<u8>, data: &mut String, ready: &mut VecDeque<String>) {
    let mut from = 0;
    while let Some(length) = buffer[from..].iter().position(|byte| *byte == b'\n') {
        let line = String::from_utf8_lossy(&buffer[from..from + length]);
        let line = line.trim_end_matches('\r');
        if line.is_empty() {
            if !data.is_empty() {
                ready.push_back(std::mem::take(data));
            }
        } else if let Some(value) = line.strip_prefix("data:") {
            if !data.is_empty() {
                data.push('\n');
            }
            data.push_str(value.strip_prefix(' ').unwrap_or(value));
        }
        from += length + 1;
    }
    buffer.drain(..from);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_put_together_from_any_pieces() {
        let stream = "retry: 500\n\nid: 1\nevent: run.created\ndata: {\"a\":1}\n\n: ping\n\ndata: x\r\ndata: y\r\n\r\n";
        for size in 1..stream.len() {
            let (mut buffer, mut data, mut ready) = (Vec::new(), String::new(), VecDeque::new());
            for piece in stream.as_bytes().chunks(size) {
                buffer.extend_from_slice(piece);
                split(&mut buffer, &mut data, &mut ready);
            }
            assert_eq!(ready, ["{\"a\":1}", "x\ny"], "{size}");
            assert!(buffer.is_empty() && data.is_empty());
        }
    }

    #[test]
    fn what_was_seen_is_not_given_twice_and_words_about_the_feed_move_the_cursor() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let mut feed = client.feed(FeedOptions { after: Some(4), ..FeedOptions::default() });
        let mut take = |text: &str| feed.taken(text.to_owned()).map(|frame| frame.kind);
        assert_eq!(take(r#"{"type":"feed.hello","data":{"log":"l","head":9}}"#), None);
        assert_eq!(take(r#"{"type":"run.created","sequence":"4"}"#), None);
        assert_eq!(take(r#"{"type":"run.created","sequence":"5"}"#).as_deref(), Some("run.created"));
        assert_eq!(take(r#"{"type":"step.progress","data":{}}"#).as_deref(), Some("step.progress"));
        assert_eq!(
            take(r#"{"type":"feed.gap","data":{"from":"5","to":"8","reason":"retention"}}"#).as_deref(),
            Some("feed.gap")
        );
        assert_eq!(take(r#"{"type":"run.failed","sequence":"8"}"#), None);
        assert_eq!(take("no json"), None);
        assert_eq!((feed.options.after, feed.log.as_deref()), (Some(8), Some("l")));
    }

    #[test]
    fn a_feed_that_began_at_the_head_goes_on_from_there_and_a_runs_feed_from_its_beginning() {
        let client = Client::new("http://127.0.0.1:1", None).unwrap();
        let hello = r#"{"type":"feed.hello","data":{"log":"l","head":"9"}}"#;
        let after = |run: Option<&str>, after: Option<u64>| {
            let run = run.map(str::to_owned);
            let mut feed = client.feed(FeedOptions { run, after, ..FeedOptions::default() });
            assert!(feed.taken(hello.to_owned()).is_none());
            feed.options.after
        };
        assert_eq!(after(None, None), Some(9));
        assert_eq!(after(None, Some(4)), Some(4));
        assert_eq!(after(Some("r"), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_daemon_that_takes_the_call_and_says_nothing_is_told_as_lost() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&silent.local_addr().unwrap().to_string(), None).unwrap();
        let mut feed = client.feed(FeedOptions::default());
        let frame = tokio::time::timeout(Duration::from_secs(3_600), feed.next()).await;
        assert_eq!(frame.expect("it must not wait for ever").unwrap().kind, "feed.lost");
    }

    #[test]
    fn a_frame_knows_its_run_and_step() {
        let frame: Frame = serde_json::from_str(
            r#"{"type":"step.completed","subject":"runs/r1/steps/a.2","sequence":"7","data":{"step":"a.2","output":{"json":3}}}"#,
        )
        .unwrap();
        assert_eq!((frame.run(), frame.step()), (Some("r1"), Some("a.2")));
        assert_eq!(frame.payload("output"), Some(&Value::from(3)));
        assert_eq!(frame.payload("input"), None);
    }
}
