//! Where each view stands: shown by readiness, metrics and the dashboard, and what a reader waits for.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

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

/// A view's status, which its writer sets and everybody reads.
#[derive(Debug)]
pub(super) struct StatusCell(watch::Sender<ViewStatus>);

impl StatusCell {
    pub fn new() -> Self {
        Self(watch::Sender::new(ViewStatus { state: ViewState::Opening, cursor: 0 }))
    }

    pub fn get(&self) -> ViewStatus {
        self.0.borrow().clone()
    }

    pub fn watch(&self) -> watch::Receiver<ViewStatus> {
        self.0.subscribe()
    }

    pub fn set_state(&self, state: ViewState) {
        self.0.send_modify(|status| status.state = state);
    }

    pub fn set_cursor(&self, cursor: u64) {
        self.0.send_modify(|status| status.cursor = cursor);
    }
}
