//! Keeps work within the time of its call.

use std::future::Future;

use ghostlight_model::failure::{ErrorClass, Failure};

use crate::{Call, CancelToken};

/// `work`, unless the time of the call is over or it is cancelled before.
pub(crate) async fn within<T>(
    call: &Call,
    cancel: &CancelToken,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => {
            Err(Failure::new(ErrorClass::Cancelled, "cancelled", "cancelled while it was under way", call.unsure()))
        }
        done = tokio::time::timeout(call.timeout, work) => done.unwrap_or_else(|_| {
            let message = format!("no answer within {:?}", call.timeout);
            Err(Failure::new(ErrorClass::Timeout, "timeout", message, call.unsure()))
        }),
    }
}
