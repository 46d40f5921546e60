//! How the answer to an append reaches its writer: a future, or a function called on the journal's thread.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::record::{AppendError, Committed};

/// The answer to an append.
pub type AppendResult = Result<Committed, AppendError>;

type Callback = Box<dyn FnOnce(AppendResult) + Send>;

/// Where one answer goes. It is answered exactly once: a reply that is lost on the way (a thread that died) says
/// [`AppendError::OutcomeUnknown`].
pub struct Reply(Option<Target>);

enum Target {
    Future(oneshot::Sender<AppendResult>),
    Callback(Callback),
}

impl Reply {
    /// A reply and the future that waits for it.
    pub fn future() -> (Self, AppendFuture) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(Target::Future(sender))), AppendFuture(receiver))
    }

    /// Calls `callback` with the answer, mostly on the journal's own thread: it must be quick and must not block, for
    /// everything else waits for it. A panic in it is caught and logged.
    pub fn callback(callback: impl FnOnce(AppendResult) + Send + 'static) -> Self {
        Self(Some(Target::Callback(Box::new(callback))))
    }

    /// Gives the answer.
    pub fn answer(mut self, result: AppendResult) {
        self.send(result);
    }

    fn send(&mut self, result: AppendResult) {
        match self.0.take() {
            // A writer that no longer waits has lost interest; the append stands all the same.
            Some(Target::Future(sender)) => drop(sender.send(result)),
            Some(Target::Callback(callback)) => {
                // A bug of one caller must not take the journal from all others.
                let called = catch_unwind(AssertUnwindSafe(|| callback(result)));
                called.unwrap_or_else(|_| tracing::error!("the callback of an append has panicked"));
            }
            None => {}
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.send(Err(AppendError::OutcomeUnknown));
    }
}

/// Waits for the answer to an append, on any executor.
#[must_use = "the append goes on without it, but its outcome is lost"]
pub struct AppendFuture(oneshot::Receiver<AppendResult>);

impl AppendFuture {
    /// Waits on this thread, which must not be one that drives futures.
    pub fn wait(self) -> AppendResult {
        self.0.blocking_recv().unwrap_or(Err(AppendError::OutcomeUnknown))
    }
}

impl Future for AppendFuture {
    type Output = AppendResult;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<AppendResult> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(AppendError::OutcomeUnknown)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_reply_that_is_lost_says_that_the_outcome_is_unknown() {
        let (reply, future) = Reply::future();
        drop(reply);
        assert_eq!(future.wait(), Err(AppendError::OutcomeUnknown));
        let (sender, receiver) = mpsc::channel();
        drop(Reply::callback(move |result| sender.send(result).expect("is waited for")));
        assert_eq!(receiver.recv(), Ok(Err(AppendError::OutcomeUnknown)));
    }

    #[test]
    fn a_reply_is_answered_once() {
        let (sender, receiver) = mpsc::channel();
        Reply::callback(move |result| sender.send(result).expect("is waited for"))
            .answer(Err(AppendError::Full));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Err(AppendError::Full)]);
    }
}
