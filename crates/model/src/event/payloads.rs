//! The payload fields of events: where values from outside stand.

use super::{Event, event_of_no_run};
use crate::payload::Payload;

/// The payloads of an event, to be read or to be changed: one list for both.
macro_rules! payloads_of {
    ($event:expr, [$($by:tt)+], $option:ident) => {
        match $event {
            Event::RunCreated(body) => [Some($($by)+ body.input), body.context.$option(), body.document.$option()]
                .into_iter()
                .flatten()
                .collect(),
            Event::RunCompleted(body) => vec![$($by)+ body.output],
            Event::StepStarted(body) => vec![$($by)+ body.input],
            Event::StepCompleted(body) => vec![$($by)+ body.output],
            Event::StepWaiting(body) => body.input.$option().into_iter().chain(body.output.$option()).collect(),
            Event::StepJudged(body) => vec![$($by)+ body.evidence],
            Event::StepOpened(body) => body.input.$option().into_iter().collect(),
            Event::RunReopened(body) => body.input.$option().into_iter().collect(),
            Event::PlanRevised(body) => body.document.$option().into_iter().collect(),
            Event::EventEmitted(body) => vec![$($by)+ body.data],
            Event::SignalReceived(body) => vec![$($by)+ body.payload],
            Event::StepResultDiscarded(body) => body.output.$option().into_iter().collect(),
            Event::ApprovalRequested(body) => {
                [Some($($by)+ body.action), body.impact.$option()].into_iter().flatten().collect()
            }
            Event::ApprovalDecided(body) => {
                [body.comment.$option(), body.changes.$option()].into_iter().flatten().collect()
            }
            Event::WorkflowSaved(body) => vec![$($by)+ body.source],
            Event::BatchAccepted(body) => vec![$($by)+ body.runs],
            Event::AgentSaved(body) => vec![$($by)+ body.definition],
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
            | Event::StepCompensated(_) => Vec::new(),
            #[allow(unreachable_patterns, reason = "some of them have payloads, above")]
            event_of_no_run!() => Vec::new(),
        }
    };
}

impl Event {
    /// Every payload in the event, so that large ones can be moved to blobs before it is recorded.
    pub fn payloads_mut(&mut self) -> Vec<&mut Payload> {
        payloads_of!(self, [&mut], as_mut)
    }

    /// Every payload in the event.
    #[must_use]
    pub fn payloads(&self) -> Vec<&Payload> {
        payloads_of!(self, [&], as_ref)
    }
}
