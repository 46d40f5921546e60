//! Work that blocks on the disk, on a thread that may: never on an arbiter.

use crate::caller::StoreError;

/// Runs `work` on a thread that may block.
///
/// # Errors
/// [`StoreError::Unavailable`] when it panicked, which is reported, or when the program is going down.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        if error.is_panic() {
            tracing::error!(%error, "work on the store panicked");
        }
        StoreError::Unavailable
    })
}
