//! Reading the disk from a loop that must not wait for it.

/// Runs what may block on the disk where it may. A panic in it goes on in the caller.
pub(crate) async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(act).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Only the end of the runtime cancels it: nobody polls on after that.
            Err(_) => std::future::pending().await,
        },
    }
}
