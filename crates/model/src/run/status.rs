//! Where a run and its steps stand, as words that people and programs read.

use serde::{Deserialize, Serialize};

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// Created, nothing decided yet.
    Pending,
    /// Under way.
    Running,
    /// Nothing new starts until it is resumed.
    Paused,
    /// Ended with its output.
    Completed,
    /// Ended without.
    Failed,
    /// Ended because somebody asked.
    Cancelled,
}

impl RunStatus {
    /// Whether the run has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Cancelled => true,
            Self::Pending | Self::Running | Self::Paused => false,
        }
    }

    /// The name as it stands in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// The status of a step as people see it; [`super::StepState`] has the data that goes with each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Its dependencies have not ended.
    Pending,
    /// It may start and has not.
    Ready,
    /// An attempt is under way.
    Running,
    /// For somebody or something.
    Waiting,
    /// An attempt failed and the next one has its time.
    Retrying,
    /// Ended with its output.
    Completed,
    /// Ended without.
    Failed,
    /// Was not needed or could not start.
    Skipped,
    /// Ended with its run.
    Cancelled,
}

impl StepStatus {
    /// The name as it stands in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }
}
