//! The payload fields of events: where values from outside stand.

use super::Event;
use crate::payload::Payload;

impl Event {
    /// Every payload in the event, so that large ones can be moved to blobs before it is recorded.
    pub fn payloads_mut(&mut self) -> Vec<&mut Payload> {
        match self {
            Self::RunCreated(body) => [Some(&mut body.input), body.context.as_mut(), body.document.as_mut()]
                .into_iter()
                .flatten()
                .collect(),
            Self::RunCompleted(body) => vec![&mut body.output],
            Self::StepStarted(body) => vec![&mut body.input],
            Self::StepCompleted(body) => vec![&mut body.output],
            Self::StepWaiting(body) => body.input.as_mut().into_iter().chain(body.output.as_mut()).collect(),
            Self::StepJudged(body) => vec![&mut body.evidence],
            Self::StepOpened(body) => body.input.as_mut().into_iter().collect(),
            Self::PlanRevised(body) => body.document.as_mut().into_iter().collect(),
            Self::EventEmitted(body) => vec![&mut body.data],
            Self::SignalReceived(body) => vec![&mut body.payload],
            Self::StepResultDiscarded(body) => body.output.as_mut().into_iter().collect(),
            Self::ApprovalRequested(body) => {
                [Some(&mut body.action), body.impact.as_mut()].into_iter().flatten().collect()
            }
            Self::ApprovalDecided(body) => {
                [body.comment.as_mut(), body.changes.as_mut()].into_iter().flatten().collect()
            }
            Self::WorkflowSaved(body) => vec![&mut body.source],
            Self::AgentSaved(body) => vec![&mut body.definition],
            Self::RunPaused(_)
            | Self::RunResumed(_)
            | Self::RunCancelRequested(_)
            | Self::RunCancelled(_)
            | Self::RunFailed(_)
            | Self::RunReopened(_)
            | Self::RunQuarantined(_)
            | Self::PlanCreated(_)
            | Self::StepScheduled(_)
            | Self::StepRetrying(_)
            | Self::StepInterrupted(_)
            | Self::StepReconciled(_)
            | Self::StepFailed(_)
            | Self::StepSkipped(_)
            | Self::StepCancelled(_)
            | Self::StepCompensated(_)
            | Self::WorkflowDeleted(_)
            | Self::WorkflowRestored(_)
            | Self::AgentEnabled(_)
            | Self::AgentDisabled(_)
            | Self::KeyTaken(_)
            | Self::KeyReleased(_)
            | Self::AuditRecorded(_)
            | Self::TokenCreated(_)
            | Self::TokenRevoked(_)
            | Self::SystemStarted(_)
            | Self::SystemStopped(_)
            | Self::ActorRestarted(_)
            | Self::SupervisorGaveUp(_)
            | Self::ViewSetAside(_)
            | Self::StoreCorruptionFound(_) => Vec::new(),
        }
    }

    /// Every payload in the event.
    #[must_use]
    pub fn payloads(&self) -> Vec<&Payload> {
        match self {
            Self::RunCreated(body) => [Some(&body.input), body.context.as_ref(), body.document.as_ref()]
                .into_iter()
                .flatten()
                .collect(),
            Self::RunCompleted(body) => vec![&body.output],
            Self::StepStarted(body) => vec![&body.input],
            Self::StepCompleted(body) => vec![&body.output],
            Self::StepWaiting(body) => body.input.as_ref().into_iter().chain(body.output.as_ref()).collect(),
            Self::StepJudged(body) => vec![&body.evidence],
            Self::StepOpened(body) => body.input.as_ref().into_iter().collect(),
            Self::PlanRevised(body) => body.document.as_ref().into_iter().collect(),
            Self::EventEmitted(body) => vec![&body.data],
            Self::SignalReceived(body) => vec![&body.payload],
            Self::StepResultDiscarded(body) => body.output.as_ref().into_iter().collect(),
            Self::ApprovalRequested(body) => {
                [Some(&body.action), body.impact.as_ref()].into_iter().flatten().collect()
            }
            Self::ApprovalDecided(body) => {
                [body.comment.as_ref(), body.changes.as_ref()].into_iter().flatten().collect()
            }
            Self::WorkflowSaved(body) => vec![&body.source],
            Self::AgentSaved(body) => vec![&body.definition],
            Self::RunPaused(_)
            | Self::RunResumed(_)
            | Self::RunCancelRequested(_)
            | Self::RunCancelled(_)
            | Self::RunFailed(_)
            | Self::RunReopened(_)
            | Self::RunQuarantined(_)
            | Self::PlanCreated(_)
            | Self::StepScheduled(_)
            | Self::StepRetrying(_)
            | Self::StepInterrupted(_)
            | Self::StepReconciled(_)
            | Self::StepFailed(_)
            | Self::StepSkipped(_)
            | Self::StepCancelled(_)
            | Self::StepCompensated(_)
            | Self::WorkflowDeleted(_)
            | Self::WorkflowRestored(_)
            | Self::AgentEnabled(_)
            | Self::AgentDisabled(_)
            | Self::KeyTaken(_)
            | Self::KeyReleased(_)
            | Self::AuditRecorded(_)
            | Self::TokenCreated(_)
            | Self::TokenRevoked(_)
            | Self::SystemStarted(_)
            | Self::SystemStopped(_)
            | Self::ActorRestarted(_)
            | Self::SupervisorGaveUp(_)
            | Self::ViewSetAside(_)
            | Self::StoreCorruptionFound(_) => Vec::new(),
        }
    }
}
