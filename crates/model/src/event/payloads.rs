//! The payload fields of events: where values from outside stand.

use super::{Event, event_of_no_run};
use crate::payload::Payload;

/// The payloads of an event, three at most, to be read or to be changed: one list for both.
macro_rules! payloads_of {
    ($event:expr, [$($by:tt)+], $option:ident) => {
        match $event {
            Event::RunCreated(body) => {
                [Some($($by)+ body.input), body.context.$option(), body.document.$option()]
            }
            Event::RunCompleted(body) => [Some($($by)+ body.output), None, None],
            Event::StepStarted(body) => [Some($($by)+ body.input), None, None],
            Event::StepCompleted(body) => [Some($($by)+ body.output), None, None],
            Event::StepWaiting(body) => [body.input.$option(), body.output.$option(), None],
            Event::StepJudged(body) => [Some($($by)+ body.evidence), None, None],
            Event::StepOpened(body) => [body.input.$option(), None, None],
            Event::RunReopened(body) => [body.input.$option(), None, None],
            Event::PlanRevised(body) => [body.document.$option(), None, None],
            Event::EventEmitted(body) => [Some($($by)+ body.data), None, None],
            Event::SignalReceived(body) => [Some($($by)+ body.payload), None, None],
            Event::StepResultDiscarded(body) => [body.output.$option(), None, None],
            Event::ApprovalRequested(body) => [Some($($by)+ body.action), body.impact.$option(), None],
            Event::ApprovalDecided(body) => [body.comment.$option(), body.changes.$option(), None],
            Event::WorkflowSaved(body) => [Some($($by)+ body.source), None, None],
            Event::BatchAccepted(body) => [Some($($by)+ body.runs), None, None],
            Event::AgentSaved(body) => [Some($($by)+ body.definition), None, None],
            Event::RunPaused(_)
            | Event::RunResumed(_)
            | Event::RunCancelRequested(_)
            | Event::RunCancelled(_)
            | Event::RunFailed(_)
            | Event::RunQuarantined(_)
            | Event::RunArchived(_)
            | Event::PlanCreated(_)
            | Event::StepScheduled(_)
            | Event::StepRetrying(_)
            | Event::StepInterrupted(_)
            | Event::StepReconciled(_)
            | Event::StepFailed(_)
            | Event::StepSkipped(_)
            | Event::StepCancelled(_)
            | Event::StepCompensated(_) => [const { None }; 3],
            #[allow(unreachable_patterns, reason = "some of them have payloads, above")]
            event_of_no_run!() => [const { None }; 3],
        }
    };
}

impl Event {
    /// Every payload in the event, so that large ones can be moved to blobs before it is recorded.
    pub fn payloads_mut(&mut self) -> impl Iterator<Item = &mut Payload> {
        payloads_of!(self, [&mut], as_mut).into_iter().flatten()
    }

    /// Every payload in the event.
    pub fn payloads(&self) -> impl Iterator<Item = &Payload> {
        payloads_of!(self, [&], as_ref).into_iter().flatten()
    }
}
