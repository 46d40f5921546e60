//! What happened in a run and when, as spans: for people (JSON), for spreadsheets (CSV) and for trace viewers (Chrome).

use ghostlight_actors::runs::RunRead;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::attempt::AttemptBody;
use super::ms_between;

/// A stretch of time in which an attempt ran or a question waited.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Span)]
pub struct SpanBody {
    /// `attempt` or `approval`.
    pub kind: &'static str,
    /// The step.
    pub step: String,
    /// `step@number` of an attempt, the id of an approval.
    pub id: String,
    /// Who was called.
    pub agent: Option<String>,
    /// How it ended; `running` or `pending` while it has not.
    pub outcome: &'static str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// How long it took, or has taken.
    pub duration_ms: u64,
}

/// A timeline as JSON: for people, or for trace viewers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum TimelineAnswer {
    /// With `format=json`.
    Spans(TimelineBody),
    /// With `format=chrome`.
    Trace(TraceBody),
}

/// A timeline as trace viewers read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Trace)]
pub struct TraceBody {
    /// A name for each track, and the spans.
    #[schema(value_type = Vec<Object>)]
    pub trace_events: Vec<Value>,
    /// In what they are shown: `ms`.
    pub display_time_unit: &'static str,
}

/// The timeline of a run.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Timeline)]
pub struct TimelineBody {
    /// The run.
    pub run: String,
    /// When it was admitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// In the order of their beginning.
    pub spans: Vec<SpanBody>,
}

impl TimelineBody {
    /// The timeline of a run with these attempts, as it is at `now`.
    #[must_use]
    pub fn of(read: &RunRead, attempts: Vec<AttemptBody>, now: Timestamp) -> Self {
        let of_attempts = attempts.into_iter().map(|attempt| SpanBody {
            kind: "attempt",
            step: attempt.step.to_string(),
            id: attempt.id,
            agent: Some(attempt.agent),
            outcome: attempt.outcome,
            started_at: attempt.started_at,
            ended_at: attempt.ended_at,
            duration_ms: ms_between(attempt.started_at, attempt.ended_at.unwrap_or(now)),
        });
        let of_approvals = read.run.approvals.iter().map(|(id, approval)| {
            let ended_at = approval.decided.as_ref().map(|(_, at, _)| *at);
            SpanBody {
                kind: "approval",
                step: approval.step.to_string(),
                id: id.to_string(),
                agent: None,
                outcome: super::approval::status(approval),
                started_at: approval.requested_at,
                ended_at,
                duration_ms: ms_between(approval.requested_at, ended_at.unwrap_or(now)),
            }
        });
        let mut spans: Vec<SpanBody> = of_attempts.chain(of_approvals).collect();
        spans.sort_by_key(|span| span.started_at);
        Self {
            run: read.run.id.to_string(),
            created_at: read.run.created_at,
            ended_at: read.run.ended_at,
            spans,
        }
    }

    /// As comma-separated values with a head line (RFC 4180).
    #[must_use]
    pub fn csv(&self) -> String {
        let mut text = "kind,step,id,agent,outcome,started_at,ended_at,duration_ms\r\n".to_owned();
        for span in &self.spans {
            let row = [
                span.kind.to_owned(),
                span.step.clone(),
                span.id.clone(),
                span.agent.clone().unwrap_or_default(),
                span.outcome.to_owned(),
                span.started_at.to_string(),
                span.ended_at.map(|at| at.to_string()).unwrap_or_default(),
                span.duration_ms.to_string(),
            ];
            text.push_str(&row.map(|field| csv_field(&field)).join(","));
            text.push_str("\r\n");
        }
        text
    }

    /// As the trace format of Chrome, which Perfetto reads too: one track a step.
    #[must_use]
    pub fn chrome(&self) -> TraceBody {
        let mut tracks: Vec<&str> = Vec::new();
        let mut events = Vec::with_capacity(self.spans.len());
        for span in &self.spans {
            let track = tracks.iter().position(|step| *step == span.step).unwrap_or_else(|| {
                tracks.push(&span.step);
                tracks.len() - 1
            });
            events.push(json!({
                "name": span.id,
                "cat": span.kind,
                "ph": "X",
                "ts": span.started_at.as_microsecond(),
                "dur": span.duration_ms.saturating_mul(1000),
                "pid": 1,
                "tid": track + 1,
                "args": { "agent": span.agent, "outcome": span.outcome, "step": span.step },
            }));
        }
        let names = tracks.iter().enumerate().map(|(at, step)| {
            json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": at + 1, "args": { "name": step } })
        });
        let all: Vec<Value> = names.chain(events).collect();
        TraceBody { trace_events: all, display_time_unit: "ms" }
    }
}

/// A field that no spreadsheet takes for a formula, quoted where it must be.
fn csv_field(field: &str) -> String {
    let is_formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let safe = if is_formula { format!("'{field}") } else { field.to_owned() };
    if safe.contains([',', '"', '\r', '\n']) { format!("\"{}\"", safe.replace('"', "\"\"")) } else { safe }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_must_be_and_is_never_a_formula() {
        assert_eq!(csv_field("plain"), "plain");
        assert_eq!(csv_field("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(csv_field("=1+1"), "'=1+1");
    }

    #[test]
    fn a_timeline_is_given_as_csv_and_as_a_trace() {
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let span = SpanBody {
            kind: "attempt",
            step: "verify".into(),
            id: "verify@1".into(),
            agent: Some("http-probe".into()),
            outcome: "completed",
            started_at: at,
            ended_at: Some(at),
            duration_ms: 12,
        };
        let timeline = TimelineBody {
            run: "r".into(),
            created_at: Some(at),
            ended_at: Some(at),
            spans: vec![span.clone(), span],
        };
        assert_eq!(timeline.csv().lines().count(), 3);
        let events = timeline.chrome().trace_events;
        assert_eq!(events.len(), 3, "one track name and two spans");
        assert_eq!(events[1]["dur"], 12_000);
    }
}
