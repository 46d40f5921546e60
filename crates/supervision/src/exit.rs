//! Why an incarnation ended.
//!
//! Only the class of a reason matters to a supervisor's decision; everything else is for people.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Why an incarnation of a child ended, or never began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ExitReason {
    /// It was finished and stopped by itself.
    Normal,
    /// An orderly, expected stop, asked for by the supervisor or declared by the child.
    Shutdown {
        /// What the stop was about, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        term: Option<Arc<str>>,
    },
    /// It gave up with an error of its own.
    Failed {
        /// The text of the error.
        error: Arc<str>,
    },
    /// It panicked: a bug.
    Panicked {
        /// The panic's message.
        message: Arc<str>,
        /// Where it was raised, as `file:line:column`; `unknown` when no hook was installed.
        location: Arc<str>,
    },
    /// It was killed: by [`Shutdown::BrutalKill`](crate::Shutdown), after its shutdown time, or by hand.
    Killed,
    /// It had work and got nowhere with it for its heartbeat, and was killed for that.
    Hung {
        /// For how long, in milliseconds.
        silent_ms: u64,
    },
    /// A supervisor could not start one of its initial children.
    StartFailed {
        /// The child.
        child: Arc<str>,
        /// Why it did not start.
        cause: Arc<ExitReason>,
    },
    /// The thread it lived on ended under it.
    ArbiterLost,
    /// A supervisor reached its restart intensity. Of the class shutdown, as in OTP: see [`ExitReason::class`].
    GaveUp {
        /// The child whose end could not be answered by a restart any more.
        child: Arc<str>,
        /// The restarts that filled the window.
        restarts: u32,
        /// How that child ended.
        cause: Arc<ExitReason>,
    },
}

/// The three classes of exit reasons. A supervisor decides by these alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExitClass {
    /// The child was finished.
    Normal,
    /// An orderly stop.
    Shutdown,
    /// Everything else.
    Abnormal,
}

impl ExitReason {
    /// An orderly stop without further words.
    pub const SHUTDOWN: ExitReason = ExitReason::Shutdown { term: None };

    /// An orderly stop that says what it is about.
    pub fn shutdown(term: impl AsRef<str>) -> Self {
        ExitReason::Shutdown { term: Some(Arc::from(term.as_ref())) }
    }

    /// An end with an error.
    pub fn failed(error: impl fmt::Display) -> Self {
        ExitReason::Failed { error: Arc::from(error.to_string()) }
    }

    /// The class that decides about a restart. [`ExitReason::GaveUp`] counts as shutdown, so a *transient* supervisor
    /// that gave up is not restarted: give a supervisor whose absence matters a permanent spec.
    pub fn class(&self) -> ExitClass {
        match self {
            ExitReason::Normal => ExitClass::Normal,
            ExitReason::Shutdown { .. } | ExitReason::GaveUp { .. } => ExitClass::Shutdown,
            ExitReason::Failed { .. }
            | ExitReason::Panicked { .. }
            | ExitReason::Killed
            | ExitReason::Hung { .. }
            | ExitReason::StartFailed { .. }
            | ExitReason::ArbiterLost => ExitClass::Abnormal,
        }
    }

    /// Whether this end is nobody's plan: a crash, a kill, a lost arbiter.
    pub fn is_abnormal(&self) -> bool {
        self.class() == ExitClass::Abnormal
    }
}

impl fmt::Display for ExitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExitReason::Normal => f.write_str("normal"),
            ExitReason::Shutdown { term: None } => f.write_str("shutdown"),
            ExitReason::Shutdown { term: Some(term) } => write!(f, "shutdown ({term})"),
            ExitReason::Failed { error } => write!(f, "failed: {error}"),
            ExitReason::Panicked { message, location } => write!(f, "panicked at {location}: {message}"),
            ExitReason::Killed => f.write_str("killed"),
            ExitReason::Hung { silent_ms } => write!(f, "hung: no progress for {silent_ms} ms"),
            ExitReason::StartFailed { child, cause } => write!(f, "could not start {child}: {cause}"),
            ExitReason::ArbiterLost => f.write_str("its arbiter was lost"),
            ExitReason::GaveUp { child, restarts, cause } => {
                write!(f, "gave up on {child} after {restarts} restarts: {cause}")
            }
        }
    }
}
