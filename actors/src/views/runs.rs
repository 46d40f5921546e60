//! The view of runs: one row a run, listed and counted by its [facets].

use bytes::Bytes;
use ghostlight_model::event::{
    Event, PauseReason, RunCreated, SkipCause, StepCancelled, StepCompleted, StepFailed, StepRetrying, Usage,
    kind_name,
};
use ghostlight_model::event_of_no_run;
use ghostlight_model::ids::RunId;
use ghostlight_model::run::RunStatus;
use ghostlight_store::Record;
use uuid::Uuid;

use super::facets;
use super::projection::{Fact, Interest, Projection};
use super::rows::{EndedSteps, RunError, RunParent, RunRow, kept_labels};
use super::status::ViewKind;
use crate::streams;

/// The projection of runs.
pub(super) struct Runs;

impl Projection for Runs {
    type Row = RunRow;
    const KIND: ViewKind = ViewKind::Runs;
    const FORMAT: u32 = 5;

    fn interest(record: &Record) -> Interest {
        if record.stream.kind() != "run" {
            return Interest::None;
        }
        match kind_name(record.kind) {
            // They say nothing that a list shows: that they are there is enough.
            Some(
                "plan.created"
                | "step.scheduled"
                | "step.started"
                | "step.interrupted"
                | "step.result_discarded",
            ) => Interest::Envelope,
            // A kind of a newer program may end the run: it must be read, and reading it is refused.
            Some(_) | None => Interest::Body,
        }
    }

    fn subject(fact: &Fact<'_>) -> Option<Uuid> {
        streams::run_of(&fact.record.stream).map(|run| run.0)
    }

    fn fold(row: Option<RunRow>, fact: &Fact<'_>) -> Option<RunRow> {
        let mut row = match (row, fact.event) {
            (Some(row), _) => row,
            (None, Some(Event::RunCreated(created))) => created_row(created, fact)?,
            (None, _) => return None,
        };
        if let Some(Event::RunArchived(_)) = fact.event {
            return None;
        }
        row.sequence = fact.record.sequence;
        row.stream_sequence = fact.record.stream_sequence;
        if kind_name(fact.record.kind) == Some("step.started") {
            row.started_at = row.started_at.or(Some(fact.at));
        }
        if let Some(event) = fact.event {
            apply(&mut row, event, fact);
        }
        Some(row)
    }

    fn groups(row: &RunRow) -> Vec<Bytes> {
        facets::groups(row)
    }

    fn counted(row: &RunRow) -> Vec<(Bytes, u32)> {
        facets::counted(row)
    }
}

fn created_row(created: &RunCreated, fact: &Fact<'_>) -> Option<RunRow> {
    let id: RunId = streams::run_of(&fact.record.stream)?;
    let labels = kept_labels(&created.labels);
    Some(RunRow {
        id,
        workflow: created.workflow.clone(),
        version: created.version,
        priority: created.priority,
        definition: created.definition,
        status: RunStatus::Running,
        reason: None,
        cancel_requested: false,
        result: None,
        error: None,
        parent: created.parent.as_ref().map(|above| RunParent { run: above.run, step: above.step.clone() }),
        labels_cut: labels.len() < created.labels.len(),
        labels,
        created_at: fact.at,
        started_at: None,
        ended_at: None,
        waiting_approvals: 0,
        waits: Vec::new(),
        steps: EndedSteps::default(),
        input_tokens: 0,
        output_tokens: 0,
        stream_sequence: fact.record.stream_sequence,
        sequence: fact.record.sequence,
    })
}

fn apply(row: &mut RunRow, event: &Event, fact: &Fact<'_>) {
    if let Event::StepCompleted(StepCompleted { step, .. })
    | Event::StepFailed(StepFailed { step, .. })
    | Event::StepCancelled(StepCancelled { step, .. })
    | Event::StepRetrying(StepRetrying { step, .. }) = event
    {
        row.end_wait(step);
    }
    match event {
        Event::RunPaused(paused) => pause(row, paused.reason),
        Event::RunQuarantined(_) => pause(row, PauseReason::Quarantined),
        Event::RunResumed(_) => {
            row.status = RunStatus::Running;
            row.reason = None;
        }
        Event::RunCancelRequested(_) => row.cancel_requested = true,
        Event::RunCancelled(_) => end(row, RunStatus::Cancelled, fact),
        Event::RunFailed(failed) => {
            row.error = Some(RunError::of(failed.step.as_ref(), &failed.failure));
            end(row, RunStatus::Failed, fact);
        }
        Event::RunCompleted(completed) => {
            row.result = Some(completed.result);
            end(row, RunStatus::Completed, fact);
        }
        Event::RunReopened(_) => {
            row.status = RunStatus::Running;
            row.ended_at = None;
            row.error = None;
            // Exactly the steps that ended in these ways are done again.
            row.steps = EndedSteps {
                completed: row.steps.completed,
                skipped: row.steps.skipped,
                ..EndedSteps::default()
            };
        }
        Event::StepRetrying(retrying) => use_up(row, retrying.usage),
        // What stands beside a step serves it, and is no step of the plan.
        Event::StepCompleted(StepCompleted { step, usage, .. }) if step.is_aside() => use_up(row, *usage),
        Event::StepFailed(StepFailed { step, usage, .. }) if step.is_aside() => use_up(row, *usage),
        Event::StepCancelled(cancelled) if cancelled.step.is_aside() => {}
        Event::StepWaiting(waiting) => {
            row.begin_wait(&waiting.step, waiting.reason);
            use_up(row, waiting.usage);
        }
        Event::StepReconciled(reconciled) => row.end_wait(&reconciled.step),
        Event::StepCompleted(completed) => {
            one_more(&mut row.steps.completed);
            use_up(row, completed.usage);
        }
        Event::StepFailed(failed) => {
            one_more(&mut row.steps.failed);
            use_up(row, failed.usage);
        }
        Event::StepSkipped(skipped) => one_more(match &skipped.why {
            SkipCause::Failed { .. } => &mut row.steps.skipped_by_failure,
            SkipCause::Condition { .. } | SkipCause::Skipped { .. } => &mut row.steps.skipped,
        }),
        Event::StepCancelled(_) => one_more(&mut row.steps.cancelled),
        Event::ApprovalRequested(_) => one_more(&mut row.waiting_approvals),
        Event::ApprovalDecided(_) => row.waiting_approvals = row.waiting_approvals.saturating_sub(1),
        // They were taken when the row began, or show nothing in a list.
        Event::PlanRevised(revised) => {
            row.definition = revised.definition.unwrap_or(row.definition);
            row.version = revised.version.unwrap_or(row.version);
            row.priority = revised.priority.unwrap_or(row.priority);
        }
        Event::RunCreated(_)
        | Event::RunArchived(_)
        | Event::PlanCreated(_)
        | Event::StepOpened(_)
        | Event::EventEmitted(_)
        | Event::SignalReceived(_)
        | Event::StepScheduled(_)
        | Event::StepStarted(_)
        | Event::StepJudged(_)
        | Event::StepCompensated(_)
        | Event::StepInterrupted(_)
        | Event::StepResultDiscarded(_) => {}
        event_of_no_run!() => {}
    }
}

fn pause(row: &mut RunRow, reason: PauseReason) {
    row.status = RunStatus::Paused;
    row.reason = Some(reason);
}

fn end(row: &mut RunRow, status: RunStatus, fact: &Fact<'_>) {
    row.status = status;
    row.reason = None;
    row.waits.clear();
    row.waiting_approvals = 0;
    row.ended_at = Some(fact.at);
}

fn one_more(count: &mut u32) {
    *count = count.saturating_add(1);
}

fn use_up(row: &mut RunRow, used: Usage) {
    row.input_tokens = row.input_tokens.saturating_add(used.input_tokens);
    row.output_tokens = row.output_tokens.saturating_add(used.output_tokens);
}

#[cfg(test)]
mod tests {
    use ghostlight_model::event::{RunArchived, RunReopened, StepSkipped, StepWaiting, WaitReason};
    use jiff::Timestamp;

    use super::*;
    use crate::views::rows::WAITS_MAX;
    use crate::views::testing::{self, created, failed_step};

    fn fold(row: Option<RunRow>, event: &Event) -> Option<RunRow> {
        let record = Record {
            sequence: 1,
            stream: streams::run(testing::run(0)),
            stream_sequence: 1,
            time_us: 0,
            kind: event.kind(),
            version: 1,
            route: "incident".into(),
            chain: [0; 32],
            body: Bytes::new(),
        };
        Runs::fold(row, &Fact { record: &record, event: Some(event), by: None, at: Timestamp::UNIX_EPOCH })
    }

    #[test]
    fn a_run_that_is_reopened_forgets_exactly_the_steps_that_are_done_again() {
        let skipped = |cause| Event::from(StepSkipped { step: testing::step("c"), why: cause });
        let history = [
            created("incident", &[]),
            skipped(SkipCause::Failed { chain: vec![] }),
            skipped(SkipCause::Condition { condition: "false".into() }),
            skipped(SkipCause::Skipped { chain: vec![] }),
            failed_step("b"),
        ];
        let row = history.iter().fold(None, fold);
        let steps = row.as_ref().map(|row| row.steps);
        assert_eq!(
            steps,
            Some(EndedSteps { failed: 1, skipped: 2, skipped_by_failure: 1, ..EndedSteps::default() })
        );
        let row = fold(row, &RunReopened::default().into());
        assert_eq!(row.map(|row| row.steps), Some(EndedSteps { skipped: 2, ..EndedSteps::default() }));
    }

    #[test]
    fn a_row_says_what_its_steps_wait_for_until_they_end() {
        let waiting = |step: &str, reason| Event::from(StepWaiting::new(testing::step(step), reason));
        let history = [
            created("incident", &[]),
            waiting("a", WaitReason::Child),
            waiting("b", WaitReason::Signal),
            waiting("c", WaitReason::Slot),
            waiting("a", WaitReason::Child),
        ];
        let row = history.iter().fold(None, fold);
        let waits = |row: &Option<RunRow>| row.as_ref().map(RunRow::waits_beside_answers);
        assert_eq!(waits(&row), Some(vec![WaitReason::Signal, WaitReason::Child]));
        let row = fold(row, &failed_step("b"));
        assert_eq!(waits(&row), Some(vec![WaitReason::Child]));
        let row = fold(row, &testing::cancelled_step("a"));
        assert_eq!(waits(&row), Some(vec![]));
        // Of a map over thousands of signals the row does not grow.
        let many = (0..1_000).map(|at| waiting(&format!("s{at}"), WaitReason::Signal));
        let row = many.fold(row, |row, event| fold(row, &event));
        assert_eq!(row.map(|row| row.waits.len()), Some(WAITS_MAX));
    }

    #[test]
    fn a_run_that_was_dropped_has_no_row() {
        let archived = RunArchived { status: RunStatus::Completed, file: None };
        let history = [created("incident", &[]), archived.into()];
        assert_eq!(history.iter().fold(None, fold), None);
    }

    #[test]
    fn a_run_that_nobody_created_has_no_row() {
        assert_eq!(fold(None, &failed_step("b")), None);
    }
}
