//! What a reported failure or a broken answer means, in the model's words.

use ghostlight_model::failure::{ErrorClass, Failure};

use super::{Broken, Reported};
use crate::Call;

/// The failure that a callee reported. What it did not say is unknown.
pub(crate) fn reported_failure(reported: Reported, call: &Call) -> Failure {
    let class = reported.class.unwrap_or(ErrorClass::Unknown);
    let code = if reported.code.is_empty() { "agent_error" } else { &reported.code };
    let message = if reported.message.is_empty() {
        format!("the agent reported a failure of class {}", class.as_str())
    } else {
        reported.message
    };
    let failure = Failure::new(class, code, message, reported.happened.unwrap_or(call.unsure()));
    match reported.retry_after {
        Some(wait) => failure.retry_after(wait),
        None => failure,
    }
}

/// The failure that an answer is which does not follow the protocol, or is too large.
pub(crate) fn broken_failure(broken: &Broken, call: &Call) -> Failure {
    let (class, code) = match broken {
        Broken::TooLong { .. } => (ErrorClass::Budget, "output_too_long"),
        Broken::TooComplex => (ErrorClass::Budget, "output_too_complex"),
        Broken::Line(_) => (ErrorClass::AgentBug, "protocol_violation"),
        Broken::NotJson(_) => (ErrorClass::AgentBug, "output_not_json"),
        Broken::Nothing => (ErrorClass::AgentBug, "no_result"),
    };
    Failure::new(class, code, broken.to_string(), call.unsure())
}
