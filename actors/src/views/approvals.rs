//! The view of approvals: one row a question, listed by status and by run.

use bytes::Bytes;
use ghostlight_model::event::{ApprovalDecided, ApprovalRequested, Decision, Event, kind_name};
use ghostlight_model::ids::{Name, RunId};
use ghostlight_store::Record;
use uuid::Uuid;

use super::projection::{Fact, Interest, Projection, group};
use super::rows::{ApprovalRow, ApprovalStatus, Excerpt, MESSAGE_BYTES_MAX, SHOWN_BYTES_MAX, word};
use super::status::ViewKind;
use crate::streams;

/// The projection of approvals.
pub(super) struct Approvals;

impl Projection for Approvals {
    type Row = ApprovalRow;
    const KIND: ViewKind = ViewKind::Approvals;
    const FORMAT: u32 = 1;

    fn interest(record: &Record) -> Interest {
        if record.stream.kind() != "run" {
            return Interest::None;
        }
        match kind_name(record.kind) {
            // A kind of a newer program may decide about an approval: it must be read, and reading it is refused.
            Some("approval.requested" | "approval.decided") | None => Interest::Body,
            Some("run.archived") => Interest::Envelope,
            Some(_) => Interest::None,
        }
    }

    fn subject(fact: &Fact<'_>) -> Option<Uuid> {
        match fact.event? {
            Event::ApprovalRequested(asked) => Some(asked.approval.0),
            Event::ApprovalDecided(decided) => Some(decided.approval.0),
            _ => None,
        }
    }

    fn dropped(record: &Record) -> Option<Bytes> {
        let is_dropped = kind_name(record.kind) == Some("run.archived");
        streams::run_of(&record.stream).filter(|_| is_dropped).map(by_run)
    }

    fn fold(row: Option<ApprovalRow>, fact: &Fact<'_>) -> Option<ApprovalRow> {
        match (row, fact.event) {
            (None, Some(Event::ApprovalRequested(asked))) => requested(asked, fact),
            (Some(row), Some(Event::ApprovalDecided(decided))) => Some(decide(row, decided, fact)),
            (row, _) => row,
        }
    }

    fn groups(row: &ApprovalRow) -> Vec<Bytes> {
        vec![by_status(row.status), by_run(row.run)]
    }

    fn counted(row: &ApprovalRow) -> Vec<(Bytes, u32)> {
        vec![(by_status(row.status), 1)]
    }
}

/// The approvals of a status.
pub(super) fn by_status(status: ApprovalStatus) -> Bytes {
    let number = match status {
        ApprovalStatus::Pending => 0,
        ApprovalStatus::Approved => 1,
        ApprovalStatus::Rejected => 2,
        ApprovalStatus::Expired => 3,
        ApprovalStatus::Cancelled => 4,
    };
    group(b's', &[number])
}

/// The approvals of a run.
pub(super) fn by_run(run: RunId) -> Bytes {
    group(b'r', run.0.as_bytes())
}

fn requested(asked: &ApprovalRequested, fact: &Fact<'_>) -> Option<ApprovalRow> {
    Some(ApprovalRow {
        id: asked.approval,
        run: streams::run_of(&fact.record.stream)?,
        workflow: Name::new(&fact.record.route).ok(),
        step: asked.step.clone(),
        action: Excerpt::of_payload(&asked.action, SHOWN_BYTES_MAX),
        impact: asked.impact.as_ref().map(|impact| Excerpt::of_payload(impact, SHOWN_BYTES_MAX)),
        risk: asked.risk,
        shown: word(&asked.shown),
        status: ApprovalStatus::Pending,
        requested_at: fact.at,
        expires_at: asked.expires_at,
        decided_at: None,
        by: None,
        comment: None,
        changed: false,
        sequence: fact.record.sequence,
    })
}

fn decide(mut row: ApprovalRow, decided: &ApprovalDecided, fact: &Fact<'_>) -> ApprovalRow {
    row.status = decided.decision.into();
    row.decided_at = Some(fact.at);
    row.by = match decided.decision {
        Decision::Approved | Decision::Rejected => fact.by.map(word),
        Decision::Expired | Decision::Cancelled => None,
    };
    row.comment = decided.comment.as_ref().map(|comment| Excerpt::of_payload(comment, MESSAGE_BYTES_MAX));
    row.changed = decided.changes.is_some();
    row.sequence = fact.record.sequence;
    row
}
