//! Where each view stands: shown by readiness, metrics and the dashboard, and what a reader waits for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Which view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ViewKind {
    /// Runs, by status, workflow and label.
    Runs,
    /// Approvals, by status and run.
    Approvals,
}

impl ViewKind {
    /// All views.
    pub const ALL: [Self; 2] = [Self::Runs, Self::Approvals];

    /// Its name, in the store, in events and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Approvals => "approvals",
        }
    }
}

impl fmt::Display for ViewKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a view is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewState {
    /// Nobody folds it yet, or its writer is being started again.
    Opening,
    /// It is reading what was committed before it began.
    CatchingUp {
        /// The sequence it has to reach.
        until: u64,
    },
    /// It follows the journal.
    Live,
    /// It cannot be folded any further; its lists are refused. Everything else goes on.
    SetAside {
        /// Why.
        reason: Arc<str>,
        /// The sequence of the record that could not be folded.
        sequence: u64,
    },
    /// The journal was closed.
    Stopped,
}

/// Where a view stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewStatus {
    /// What it is doing.
    pub state: ViewState,
    /// The global sequence up to which it is folded.
    pub cursor: u64,
}

/// A view's status, which its writer sets and everybody reads; and what its readers want of the writer.
#[derive(Debug)]
pub(super) struct StatusCell {
    status: watch::Sender<ViewStatus>,
    /// The highest sequence that a reader has waited for.
    wanted: AtomicU64,
    hurry: Notify,
}

impl StatusCell {
    pub fn new() -> Self {
        Self {
            status: watch::Sender::new(ViewStatus { state: ViewState::Opening, cursor: 0 }),
            wanted: AtomicU64::new(0),
            hurry: Notify::new(),
        }
    }

    pub fn get(&self) -> ViewStatus {
        self.status.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<ViewStatus> {
        self.status.subscribe()
    }

    pub fn set_state(&self, state: ViewState) {
        self.status.send_modify(|status| status.state = state);
    }

    pub fn set_cursor(&self, cursor: u64) {
        self.status.send_modify(|status| status.cursor = cursor);
    }

    /// A reader waits until the view has seen `sequence`: its writer does not wait for more to fold.
    pub fn hurry_to(&self, sequence: u64) {
        self.wanted.fetch_max(sequence, Ordering::Release);
        self.hurry.notify_one();
    }

    /// Waits for `at_most`, as long as no reader wants anything that lies behind the cursor.
    pub async fn linger(&self, at_most: Duration) {
        let is_over = async {
            while self.wanted.load(Ordering::Acquire) <= self.status.borrow().cursor {
                self.hurry.notified().await;
            }
        };
        // Whichever of the two it was, the writer goes on.
        let _ = tokio::time::timeout(at_most, is_over).await;
    }
}
