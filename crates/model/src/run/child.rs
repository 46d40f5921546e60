//! How a run looks to the step that started it.

use super::state::{Run, RunStatus};
use crate::failure::{ErrorClass, Failure, Happened};
use crate::payload::Payload;

/// How a run ended, for the step that waits for it; none while it has not. A failure keeps its class, so that the parent's own
/// rules hold for it; that nothing of it happened can be said only of a run that did no more than read.
#[must_use]
pub fn outcome(run: &Run) -> Option<Result<Option<&Payload>, Failure>> {
    let failed = |class, code, why: String| {
        let message = format!("run {} of `{}` {why}", run.id, run.workflow.name);
        let happened = if run.may_have_changed_something() { Happened::Unknown } else { Happened::No };
        Failure::new(class, code, message, happened)
    };
    match run.status {
        RunStatus::Completed => Some(Ok(run.output.as_ref())),
        RunStatus::Failed => {
            let (class, why) = match &run.failure {
                Some((_, failure)) => (failure.class, format!("failed: {}", failure.message)),
                None => (ErrorClass::Unknown, "failed".to_owned()),
            };
            Some(Err(failed(class, "child_failed", why)))
        }
        RunStatus::Cancelled => {
            Some(Err(failed(ErrorClass::Cancelled, "child_cancelled", "was cancelled".to_owned())))
        }
        RunStatus::Pending | RunStatus::Running | RunStatus::Paused => None,
    }
}
