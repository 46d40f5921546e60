//! An event of a run, as its list shows it.

use ghostlight_actors::runs::EventRead;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// An event.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventBody {
    /// Global sequence.
    pub sequence: String,
    /// Sequence within the run, dense from 1.
    pub streamsequence: String,
    /// `step.completed` ...
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// When; information, never order.
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The body, as it stands in journal, feed and export.
    pub data: Value,
}

impl EventBody {
    /// An event as it was read.
    #[must_use]
    pub fn of(event: &EventRead) -> Self {
        let body = event.recorded.event.encode(&event.recorded.attribution);
        let data = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
        Self {
            sequence: event.sequence.to_string(),
            streamsequence: event.stream_sequence.to_string(),
            kind: event.recorded.event.name(),
            time: event.at,
            // What was decoded from JSON encodes to JSON.
            data: data.unwrap_or_default(),
        }
    }
}
