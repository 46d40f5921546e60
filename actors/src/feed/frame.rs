//! Frames: records and live events as CloudEvents 1.0 in JSON, the bytes that every client gets.
//!
//! A frame is made once and shared. The body of a record is spliced in as it stands in the journal: it is looked through
//! once, to know that it is JSON and to find the step that the subject names, and never built as a value. `sequence` and
//! `streamsequence` are decimal strings: a global sequence outgrows the 32 bits of a CloudEvents integer.
//!
//! `id` is stable: the log's id and the global sequence for a record; the attempt and the offset for a live event.

use std::borrow::Cow;
use std::fmt::Write as _;

use bytestring::ByteString;
use ghostlight_model::event::kind_name;
use ghostlight_store::Record;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use uuid::Uuid;

use super::item::{FeedItem, GapReason};
use super::live::{LiveEvent, LiveWhat};
use crate::{codec, streams};

/// The type of a frame that stands for a record which the reader may not read, or this program cannot.
pub const HIDDEN: &str = "record.hidden";

/// The frame of a record.
pub(super) fn of_record(log: Uuid, record: &Record) -> ByteString {
    let body = std::str::from_utf8(&record.body).ok();
    match (kind_name(record.kind), body.and_then(|body| Some((body, Outline::of(record.kind, body)?)))) {
        (Some(name), Some((body, outline))) => full(log, record, name, body, outline.step.as_deref()),
        (None, _) => of_hidden(log, record, "unknown_kind"),
        (Some(_), None) => of_hidden(log, record, "unreadable"),
    }
}

/// The frame that keeps the place of a record: its sequence and why it is not shown.
pub(super) fn of_hidden(log: Uuid, record: &Record, reason: &str) -> ByteString {
    let mut text = String::with_capacity(192);
    let sequence = record.sequence;
    open(&mut text, &format_args!("{log}:{sequence}"), "/ns/default", HIDDEN, None);
    member(&mut text, "sequence", &sequence.to_string());
    close(&mut text, &json!({ "reason": reason }).to_string());
    text.into()
}

/// What has to be known of a body beside its bytes.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Outline<'a> {
    #[serde(borrow, default)]
    pub step: Option<Cow<'a, str>>,
    #[serde(default)]
    pub attempt: Option<u32>,
}

impl<'a> Outline<'a> {
    /// Looks through a body; none when it is not what its kind says.
    pub fn of(kind: u16, body: &'a str) -> Option<Self> {
        let is_of_a_step =
            kind_name(kind).is_some_and(|name| name.starts_with("step.") || name.starts_with("approval."));
        if is_of_a_step {
            serde_json::from_str(body).ok()
        } else {
            serde_json::from_str::<IgnoredAny>(body).ok().map(|_| Self::default())
        }
    }
}

fn full(log: Uuid, record: &Record, name: &str, body: &str, step: Option<&str>) -> ByteString {
    let mut text = String::with_capacity(body.len() + 384);
    let (stream, sequence) = (&record.stream, record.sequence);
    let plural = if stream.kind() == "batch" { "es" } else { "s" };
    let place = format!("{}{plural}/{}", stream.kind(), stream.id());
    let subject = match step {
        Some(step) => Cow::Owned(format!("{place}/steps/{step}")),
        None => Cow::Borrowed(&place[..]),
    };
    let source = format!("/ns/{}/{place}", stream.namespace());
    open(&mut text, &format_args!("{log}:{sequence}"), &source, name, Some((&subject, codec::time(record))));
    member(&mut text, "sequence", &sequence.to_string());
    member(&mut text, "streamsequence", &record.stream_sequence.to_string());
    if !record.route.is_empty() {
        member(&mut text, "workflow", &record.route);
    }
    close(&mut text, body);
    text.into()
}

/// The frame of a live event; `workflow` when it is known.
pub(super) fn of_live(event: &LiveEvent, offset: u64, workflow: Option<&str>) -> ByteString {
    let name = event.name();
    let mut text = String::with_capacity(384);
    match &event.what {
        LiveWhat::Token { run, attempt, text: piece } => {
            live_head(&mut text, name, event.at, *run, attempt, offset, workflow);
            close(
                &mut text,
                &json!({ "attempt": attempt.number, "offset": offset, "text": piece }).to_string(),
            );
        }
        LiveWhat::Progress { run, attempt, ratio, text: words } => {
            live_head(&mut text, name, event.at, *run, attempt, offset, workflow);
            let data = json!({ "attempt": attempt.number, "offset": offset, "ratio": ratio, "text": words });
            close(&mut text, &data.to_string());
        }
        LiveWhat::ActorStarted { path, incarnation } => {
            let id = format!("{path}/{incarnation}/started");
            open(&mut text, &id, "/tree", name, Some((&format!("tree/{path}"), event.at)));
            close(&mut text, &json!({ "path": path, "incarnation": incarnation }).to_string());
        }
        LiveWhat::ActorExited { path, incarnation, exit } => {
            let id = format!("{path}/{incarnation}/exited");
            open(&mut text, &id, "/tree", name, Some((&format!("tree/{path}"), event.at)));
            close(&mut text, &json!({ "path": path, "incarnation": incarnation, "exit": exit }).to_string());
        }
    }
    text.into()
}

fn live_head(
    text: &mut String,
    name: &str,
    at: Timestamp,
    run: ghostlight_model::ids::RunId,
    attempt: &ghostlight_model::ids::AttemptId,
    offset: u64,
    workflow: Option<&str>,
) {
    let id = format!("{run}/{attempt}/{name}/{offset}");
    let source = format!("/ns/{}/runs/{run}", streams::NAMESPACE);
    open(text, &id, &source, name, Some((&format!("runs/{run}/steps/{}", attempt.step), at)));
    if let Some(workflow) = workflow {
        member(text, "workflow", workflow);
    }
}

impl FeedItem {
    /// The item as a CloudEvents frame in JSON.
    #[must_use]
    pub fn text(&self) -> ByteString {
        of_item(self)
    }
}

/// The frame of what the feed says about itself.
fn of_item(item: &FeedItem) -> ByteString {
    let (name, data) = match item {
        FeedItem::Frame { bytes, .. } => return bytes.clone(),
        FeedItem::Hello { log, head } => ("feed.hello", json!({ "log": log, "head": head.to_string() })),
        FeedItem::Gap { from, to, reason } => {
            let reason = match reason {
                GapReason::OtherLog => "other_log",
                GapReason::BeyondHead => "beyond_head",
                GapReason::Retention => "retention",
                GapReason::Damage => "damage",
            };
            ("feed.gap", json!({ "from": from.to_string(), "to": to.to_string(), "reason": reason }))
        }
        FeedItem::Lagged { after, head } => {
            ("feed.lagged", json!({ "after": after.to_string(), "head": head.to_string() }))
        }
        FeedItem::Closing { reason } => ("feed.closing", json!({ "reason": reason })),
    };
    let data = data.to_string();
    let mut text = String::with_capacity(256);
    open(&mut text, &Uuid::new_v4(), "/feed", name, None);
    close(&mut text, &data);
    text.into()
}

fn open(
    text: &mut String,
    id: &dyn std::fmt::Display,
    source: &str,
    name: &str,
    subject: Option<(&str, Timestamp)>,
) {
    text.push_str("{\"specversion\":\"1.0\"");
    member(text, "id", &id.to_string());
    member(text, "source", source);
    member(text, "type", name);
    if let Some((subject, at)) = subject {
        member(text, "subject", subject);
        member(text, "time", &at.to_string());
    }
}

/// A member whose value is a text of any characters.
fn member(text: &mut String, name: &str, value: &str) {
    let quoted = serde_json::Value::from(value);
    // Writing into a text does not fail.
    let _ = write!(text, ",\"{name}\":{quoted}");
}

fn close(text: &mut String, data: &str) {
    text.push_str(",\"data\":");
    text.push_str(data);
    text.push('}');
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ghostlight_model::ids::{AttemptId, RunId, StepPath};
    use serde_json::Value;

    use super::*;

    const LOG: Uuid = Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_00ff);

    fn record(kind: u16, body: &str) -> Record {
        let run = RunId(Uuid::from_u128(0x0198_0c00_0000_7000_8000_0000_0000_0001));
        Record {
            sequence: 17,
            stream: streams::run(run),
            stream_sequence: 3,
            time_us: 1_763_650_000_123_456,
            kind,
            version: 1,
            route: Arc::from("incident-response"),
            chain: [0; 32],
            body: bytes::Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    /// Shows S3-4b.
    #[test]
    fn a_record_is_a_cloud_event_with_its_body_as_it_stands() {
        let body = r#"{"by":"local","step":"verify","attempt":2,"output":{"json":{"n":1.50}}}"#;
        let expected = format!(
            concat!(
                r#"{{"specversion":"1.0","id":"{log}:17","source":"/ns/default/runs/{run}","type":"step.completed","#,
                r#""subject":"runs/{run}/steps/verify","time":"2025-11-20T14:46:40.123456Z","sequence":"17","#,
                r#""streamsequence":"3","workflow":"incident-response","data":{body}}}"#
            ),
            log = LOG,
            run = "01980c00-0000-7000-8000-000000000001",
            body = body
        );
        assert_eq!(&*of_record(LOG, &record(36, body)), expected);
    }

    #[test]
    fn what_cannot_be_read_keeps_its_place() {
        for (kind, body, reason) in
            [(9999, "{}", "unknown_kind"), (36, "{", "unreadable"), (1, "nonsense", "unreadable")]
        {
            let frame: Value = serde_json::from_str(&of_record(LOG, &record(kind, body))).unwrap();
            assert_eq!(frame["type"], HIDDEN);
            assert_eq!(frame["sequence"], "17");
            assert_eq!(frame["data"]["reason"], reason);
        }
        let mut broken = record(36, "");
        broken.body = bytes::Bytes::from_static(b"{\"step\":\"\xff\"}");
        let frame: Value = serde_json::from_str(&of_record(LOG, &broken)).unwrap();
        assert_eq!(frame["type"], HIDDEN);
    }

    #[test]
    fn a_live_event_has_no_sequence_but_attempt_and_offset() {
        let run = RunId(Uuid::from_u128(1));
        let attempt = AttemptId { step: StepPath::new("write").unwrap(), number: 2 };
        let event = LiveEvent::token(run, attempt, "a \"word\"\n".into());
        let frame: Value = serde_json::from_str(&of_live(&event, 40, Some("campaign"))).unwrap();
        assert_eq!(frame["type"], "step.token");
        assert_eq!(frame["data"], json!({ "attempt": 2, "offset": 40, "text": "a \"word\"\n" }));
        assert_eq!(frame["workflow"], "campaign");
        assert!(frame.get("sequence").is_none());
    }

    #[test]
    fn the_feed_speaks_of_itself_in_frames_too() {
        let frame: Value = serde_json::from_str(&of_item(&FeedItem::Hello { log: LOG, head: 9 })).unwrap();
        assert_eq!(frame["type"], "feed.hello");
        assert_eq!(frame["data"], json!({ "log": LOG, "head": "9" }));
        let gap = FeedItem::Gap { from: 3, to: 7, reason: GapReason::Retention };
        let frame: Value = serde_json::from_str(&of_item(&gap)).unwrap();
        assert_eq!(frame["data"], json!({ "from": "3", "to": "7", "reason": "retention" }));
    }
}
