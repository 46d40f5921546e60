//! What a supervisor hears, and what it wants done: the whole protocol between the core and its shell, as data.

use std::time::Duration;

use serde::Serialize;

use super::flags::{Kind, Policy, SpecError};
use super::heartbeat::Pulse;
use super::roster::ChildId;
use crate::{ExitReason, Key};

/// When something happened, and the randomness to decide with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moment {
    /// Monotonic time since any fixed point.
    pub now: Duration,
    /// 64 fresh random bits, for jitter.
    pub random: u64,
}

/// A call that waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub u64);

/// One armed timer. An old timer that fires late is recognised and ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TimerId {
    // First, so that timers sort by the time they are due.
    pub(super) at: Duration,
    pub(super) child: ChildId,
    pub(super) nonce: u64,
}

/// A child to be: its name, its treatment, and what the shell needs to start it.
#[derive(Clone, Debug)]
pub struct Spec<P> {
    /// Unique within the supervisor.
    pub key: Key,
    /// How it is treated.
    pub policy: Policy,
    /// The shell's part; the core only keeps it.
    pub payload: P,
}

impl TimerId {
    /// Whose it is.
    pub fn child(&self) -> ChildId {
        self.child
    }

    /// When it is due, on the clock of [`Moment::now`].
    pub fn at(&self) -> Duration {
        self.at
    }
}

/// What a supervisor hears.
#[derive(Clone, Debug)]
pub enum Event<P> {
    /// Start the initial children. Sent once, first.
    Boot,
    /// A child is initialised.
    Started {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
    },
    /// A child's start decided that there is nothing to run.
    Ignored {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
    },
    /// A child could not be initialised.
    StartFailed {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// Why.
        reason: ExitReason,
    },
    /// A child ended.
    Exited {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// Why.
        reason: ExitReason,
    },
    /// What can be seen of a child that owes a sign of life. Told before each of its timers.
    Pulse {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// How it is doing.
        pulse: Pulse,
    },
    /// The thread of these lives is blocked and given up: they are dead to everybody, whatever they do. It is one failure, and
    /// counts as one restart however many are restarted for it.
    Lost(Vec<(ChildId, u32)>),
    /// A timer is due.
    Timer(TimerId),
    /// Somebody asks for something and waits.
    Call(CallId, Request<P>),
    /// The parent asks the supervisor to stop.
    Shutdown(ExitReason),
}

/// Which child a call is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one of this name. Refused where children have none.
    Key(Key),
    /// The one that leads this life; or that led it and waits for its restart. Known to dynamic supervisors only, as a pid is
    /// in OTP.
    Child(ChildId, u32),
    /// A life that is none of this supervisor's children's.
    Stranger {
        /// Whether it has not ended.
        alive: bool,
    },
}

impl From<Key> for Target {
    fn from(key: Key) -> Self {
        Target::Key(key)
    }
}

/// What may be asked of a running supervisor.
#[derive(Clone, Debug)]
pub enum Request<P> {
    /// Add a child and start it.
    Start(Spec<P>),
    /// Stop a child; its specification stays unless it is temporary or the children have no names.
    Terminate(Target),
    /// Start a child that was stopped.
    Restart(Key),
    /// Drop the specification of a child that was stopped.
    Delete(Key),
    /// List the children, newest first.
    Which,
    /// Say what one child is doing.
    WhichOne(Target),
    /// Say how one child is treated.
    GetSpec(Target),
    /// Count the children.
    Count,
}

/// The good answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The child is initialised.
    Started(ChildId, u32),
    /// The child's start found nothing to run.
    Ignored,
    /// The child has no process now.
    Terminated,
    /// The specification is gone.
    Deleted,
    /// The children, newest first.
    Children(Vec<ChildInfo>),
    /// What the child is doing.
    Child(ChildInfo),
    /// How the child is treated.
    Spec(SpecInfo),
    /// How many there are.
    Counts(Counts),
}

/// One child, as listed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChildInfo {
    /// Its name.
    pub key: Key,
    /// What it is doing.
    pub state: ChildState,
    /// Whether it is a supervisor.
    pub kind: Kind,
    /// How many times it was started.
    pub incarnation: u32,
}

/// A child's specification with all defaults filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SpecInfo {
    /// Its name.
    pub key: Key,
    /// How it is treated.
    #[serde(flatten)]
    pub policy: Policy,
}

/// The condition of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildState {
    /// It has a specification and no process.
    Stopped,
    /// It is being initialised.
    Starting,
    /// It is up.
    Running,
    /// It was asked or forced to end and has not yet.
    Stopping,
    /// It ended, and waits to be started again.
    Restarting,
}

/// How many children there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Specifications.
    pub specs: usize,
    /// Children with a process.
    pub active: usize,
    /// Specifications of supervisors.
    pub supervisors: usize,
    /// Specifications of workers.
    pub workers: usize,
}

/// Why a supervisor does not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SupervisorError {
    /// It has no such child.
    #[error("no such child")]
    NotFound,
    /// There is a child of that name, without a process.
    #[error("the child is already present")]
    AlreadyPresent,
    /// There is a child of that name, with a process.
    #[error("the child is already started")]
    AlreadyStarted,
    /// Only possible while the child has no process.
    #[error("the child is running")]
    Running,
    /// A temporary child has no second start.
    #[error("the child is temporary")]
    Temporary,
    /// Only possible while the child has no restart ahead.
    #[error("the child is about to be restarted")]
    Restarting,
    /// It has as many children as it may have.
    #[error("the supervisor has as many children as it may have")]
    MaxChildren,
    /// Under a supervisor whose children have no names: they are reached by the handle of a life, and have no second start
    /// by hand.
    #[error("the supervisor is simple_one_for_one: its children have no names")]
    SimpleOneForOne,
    /// The specification makes no sense here.
    #[error(transparent)]
    Invalid(#[from] SpecError),
    /// The child could not be initialised.
    #[error("the child did not start: {0}")]
    StartFailed(ExitReason),
    /// The child was stopped while it was being initialised.
    #[error("the child was stopped while it started")]
    Stopped,
    /// The child was killed and shows no reaction: its thread is blocked. It was abandoned.
    #[error("the child was killed and does not react; it was abandoned")]
    Stuck,
    /// The supervisor is ending.
    #[error("the supervisor is shutting down")]
    ShuttingDown,
    /// The supervisor is not there: what it was asked has never come to it, and nothing was done.
    #[error("the supervisor is not running")]
    NotRunning,
    /// The supervisor had heard what it was asked, and ended without an answer. Nobody knows how far it came.
    #[error("the supervisor ended before it answered")]
    Unanswered,
    /// Too many calls are waiting.
    #[error("the supervisor has too many calls waiting")]
    Overloaded,
}

impl SupervisorError {
    /// Whether a child whose start was answered so may have come up all the same, and done something. One that is stopped while it
    /// starts has no time to say whether it had: it may have just come up, and its supervisor not have heard of it.
    #[must_use]
    pub fn may_have_begun(&self) -> bool {
        match self {
            Self::Stopped | Self::Stuck | Self::Unanswered => true,
            // What it did on a thread that is lost nobody knows.
            Self::StartFailed(reason) => *reason == ExitReason::ArbiterLost,
            Self::NotFound
            | Self::AlreadyPresent
            | Self::AlreadyStarted
            | Self::Running
            | Self::Temporary
            | Self::Restarting
            | Self::MaxChildren
            | Self::SimpleOneForOne
            | Self::Invalid(_)
            | Self::ShuttingDown
            | Self::NotRunning
            | Self::Overloaded => false,
        }
    }
}

/// What the shell has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Start a child's next incarnation.
    Start(ChildId, u32),
    /// Ask it to stop.
    Stop(ChildId, u32),
    /// Kill it.
    Kill(ChildId, u32),
    /// Kill it because it shows no sign of life, which is the reason of its end.
    KillHung(ChildId, u32, ExitReason),
    /// It is dead to everybody, for this reason, though nothing can end it: let go of it.
    Abandon(ChildId, u32, ExitReason),
    /// Wake the core when the timer is due.
    Arm(TimerId),
    /// That is not needed any more.
    Disarm(TimerId),
    /// The specification is gone: let go of everything kept for it.
    Forget(ChildId),
    /// Answer a call.
    Reply(CallId, Result<Answer, SupervisorError>),
    /// All initial children are up: the supervisor itself counts as started.
    Ready,
    /// Tell whoever observes.
    Notice(Notice),
    /// No child is left: end, with this reason. Always the last command.
    Exit(ExitReason),
}

/// Facts worth telling.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// A child is up; `cause` is the end that this restart answers.
    Started {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// Why it had to be started again.
        cause: Option<ExitReason>,
    },
    /// A child ended, or did not come up.
    Exited {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// Why.
        reason: ExitReason,
        /// What follows.
        verdict: Verdict,
        /// Whether it ended before it was up.
        starting: bool,
    },
    /// The limit of restarts is reached.
    GaveUp {
        /// The child that ended once too often.
        child: ChildId,
        /// How.
        cause: ExitReason,
        /// The restarts in the window.
        restarts: u32,
    },
    /// A child was killed and still shows no reaction.
    Stuck {
        /// Which.
        child: ChildId,
        /// Which life of it.
        incarnation: u32,
        /// Why it was to end.
        reason: ExitReason,
    },
}

/// What follows from an exit. A refusal to restart is a value, so that it can be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is started again, after this long.
    Restart {
        /// The backoff's delay; zero without backoff.
        delay: Duration,
    },
    /// Not restarted: it is temporary.
    Temporary,
    /// Not restarted: it is transient and was finished.
    Finished,
    /// Not restarted: someone asked for its end.
    Terminated,
    /// Not now: it was stopped because of a sibling, and comes back with the group unless it is temporary.
    Sibling,
    /// Not restarted: its supervisor is ending.
    ShuttingDown,
    /// Not restarted: the intensity is reached, and the supervisor gives up.
    IntensityReached,
    /// Not restarted: its first start failed.
    StartFailed,
}
