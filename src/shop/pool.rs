//! The pool of connections to the database, which can run dry.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A fixed number of connections, taken and given back.
#[derive(Clone)]
pub(super) struct Pool {
    size: u32,
    free: Arc<Semaphore>,
}

/// A connection, which goes back to the pool when it is dropped.
pub(super) struct Connection {
    permit: OwnedSemaphorePermit,
}

/// No connection came free in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("pool exhausted: {free} of {size} connections free")]
pub(super) struct Exhausted {
    pub free: u32,
    pub size: u32,
}

impl Pool {
    pub fn new(size: u32) -> Self {
        Self { size, free: Arc::new(Semaphore::new(size as usize)) }
    }

    /// Takes a connection, and waits for one at most `patience`.
    pub async fn take(&self, patience: Duration) -> Result<Connection, Exhausted> {
        match tokio::time::timeout(patience, self.free.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Connection { permit }),
            // A semaphore that is never closed has no other error than being out of permits for too long.
            Ok(Err(_)) | Err(_) => Err(Exhausted { free: self.free(), size: self.size }),
        }
    }

    pub fn size(&self) -> u32 {
        self.size
    }

    pub fn in_use(&self) -> u32 {
        self.size - self.free()
    }

    fn free(&self) -> u32 {
        u32::try_from(self.free.available_permits()).map_or(self.size, |free| free.min(self.size))
    }
}

impl Connection {
    /// Never gives the connection back.
    pub fn lose(self) {
        self.permit.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_goes_back_when_it_is_dropped_and_not_when_it_is_lost() {
        let pool = Pool::new(2);
        let connection = pool.take(Duration::ZERO).await;
        assert_eq!(pool.in_use(), 1);
        drop(connection);
        assert_eq!(pool.in_use(), 0);
        pool.take(Duration::ZERO).await.map(Connection::lose).expect("two are free");
        assert_eq!(pool.in_use(), 1);
    }

    #[tokio::test]
    async fn a_dry_pool_says_how_dry_it_is() {
        let pool = Pool::new(1);
        let _held = pool.take(Duration::ZERO).await;
        let refused = pool.take(Duration::ZERO).await.err().map(|error| error.to_string());
        assert_eq!(refused.as_deref(), Some("pool exhausted: 0 of 1 connections free"));
    }
}
