//! What the store's own stream says about the daemon: when it was started and stopped, and what broke in between.

use std::convert::Infallible;
use std::sync::Arc;

use ghostlight_model::definitions::{Fact, Fold};
use ghostlight_model::event::{Event, SystemStarted, SystemStopped};
use ghostlight_store::StreamName;
use tokio::sync::Mutex;

use crate::caller::{Caller, StoreError};
use crate::ledger::{ChangeError, Ledger, blocking};
use crate::streams;

/// Writes to the stream of the system.
#[derive(Clone)]
pub struct System {
    ledger: Ledger,
    /// The fold of the stream; none until it was read, and after a write whose outcome is not known. Held during an
    /// append: there is one writer, and what it writes is rare.
    state: Arc<Mutex<Option<(StreamName, Running)>>>,
}

/// What was written at a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// The store's epoch from here on.
    pub epoch: u64,
    /// Whether the stop before it was in good order; true for the first start.
    pub clean: bool,
    /// Global sequence of `system.started`.
    pub sequence: u64,
}

/// The last thing that matters: whether a start was followed by a stop.
#[derive(Debug, Clone, Default)]
struct Running {
    running: bool,
    stream_sequence: u64,
}

impl Fold for Running {
    fn evolve(&mut self, fact: Fact<'_>) {
        self.stream_sequence = fact.stream_sequence;
        match fact.event {
            Event::SystemStarted(_) => self.running = true,
            Event::SystemStopped(_) => self.running = false,
            // What broke in between says nothing about the order of start and stop.
            _ => {}
        }
    }

    fn stream_sequence(&self) -> u64 {
        self.stream_sequence
    }
}

impl System {
    /// A writer for this journal.
    #[must_use]
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger, state: Arc::default() }
    }

    /// Writes `system.started`, with the journal's epoch and whether the last stop was in good order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn started(&self, version: &str) -> Result<Boot, StoreError> {
        let epoch = self.ledger.journal.epoch();
        let mut clean = true;
        let changed = self
            .change(|state| {
                clean = !state.running;
                SystemStarted { epoch, version: version.to_owned(), clean }.into()
            })
            .await?;
        Ok(Boot { epoch, clean, sequence: changed })
    }

    /// Writes `system.stopped`: the last record of a stop in good order.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn stopped(&self) -> Result<u64, StoreError> {
        self.change(|_| SystemStopped {}.into()).await
    }

    /// Writes what broke: `actor.restarted`, `supervisor.gave_up`, `view.set_aside`, `store.corruption_found`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn note(&self, event: Event) -> Result<u64, StoreError> {
        self.change(|_| event.clone()).await
    }

    async fn change(&self, mut event: impl FnMut(&Running) -> Event) -> Result<u64, StoreError> {
        let mut kept = self.state.lock().await;
        let (stream, state) = match kept.take() {
            Some(known) => known,
            None => {
                let ledger = self.ledger.clone();
                blocking(move || running(&ledger)).await?
            }
        };
        let decide = |state: &Running, _| Ok::<_, Infallible>(vec![event(state)]);
        match self.ledger.change(&stream, state, &Caller::runtime(), decide).await {
            Ok(changed) => {
                *kept = Some((stream, changed.state));
                Ok(changed.sequence.unwrap_or_default())
            }
            Err(ChangeError::Store(error)) => Err(error),
            Err(ChangeError::Rejected(never)) => match never {},
        }
    }
}

/// The stream of the system and where it stands; one whose records are damaged says nothing of an orderly stop. Blocks on the
/// disk.
fn running(ledger: &Ledger) -> Result<(StreamName, Running), StoreError> {
    let known = ledger.fold_unless_damaged(&streams::system())?;
    let (stream, stream_sequence) = ledger.own_stream(streams::system())?;
    Ok((stream, known.unwrap_or(Running { running: true, stream_sequence })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ledger;
    use ghostlight_model::event::ActorRestarted;

    #[tokio::test]
    async fn a_start_knows_whether_the_stop_before_it_was_in_good_order() {
        let (ledger, _) = ledger();
        let first = System::new(ledger.clone());
        assert!(first.started("0.1.0").await.unwrap().clean);
        first.stopped().await.unwrap();
        let second = System::new(ledger.clone());
        assert!(second.started("0.1.0").await.unwrap().clean);
        let restarted = ActorRestarted { path: "views".into(), incarnation: 2, exit: "panic".into() };
        second.note(restarted.into()).await.unwrap();
        // Nobody stops it.
        let third = System::new(ledger.clone());
        let boot = third.started("0.1.0").await.unwrap();
        assert!(!boot.clean);
        assert_eq!(boot.sequence, ledger.journal.head());
    }
}
