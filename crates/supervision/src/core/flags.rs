//! What a supervisor and a child specification may say, and what of it makes no sense.
//!
//! Defaults are OTP's, but for the intensity, which is 3 in 5 s. Additions to OTP: backoff, a bound on children,
//! and a time to wait after a kill before a child counts as stuck.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use super::backoff::Backoff;
use crate::Key;

/// Which children are restarted when one ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// The one that ended.
    OneForOne,
    /// All of them: the others are stopped newest first, then all are started oldest first.
    OneForAll,
    /// The one that ended and all that were specified after it.
    RestForOne,
}

/// When a supervisor ends because its significant children did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoShutdown {
    /// Never.
    Never,
    /// As soon as one significant child ended by itself.
    AnySignificant,
    /// When the last significant child ended by itself.
    AllSignificant,
}

/// In which order a supervisor stops its children when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StopOrder {
    /// One after another, newest first, each fully before the next.
    NewestFirst,
    /// All at once.
    Parallel,
}

/// How often a supervisor may restart before it gives up: at most `max_restarts` within any `period`, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Intensity {
    /// The restarts allowed in a window; 0 means that the first end that asks for a restart ends the supervisor.
    pub max_restarts: u32,
    /// The length of the window.
    pub period: Duration,
}

impl Default for Intensity {
    fn default() -> Self {
        Intensity { max_restarts: 3, period: Duration::from_secs(5) }
    }
}

/// The behaviour of one supervisor.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Flags {
    /// Which children are restarted when one ends.
    pub strategy: Strategy,
    /// How often before giving up.
    pub intensity: Intensity,
    /// Whether the end of significant children ends the supervisor.
    pub auto_shutdown: AutoShutdown,
    /// Delays between restarts; [`Backoff::OFF`] is OTP's behaviour.
    pub backoff: Backoff,
    /// The order of the final stop.
    pub stop_order: StopOrder,
    /// Whether its children have no names, as under OTP's `simple_one_for_one`: they are reached by the handle of a life, and
    /// nothing is kept of one without a process. See [`Flags::simple_one_for_one`].
    pub anonymous: bool,
    /// How many children it may have at once; further ones are refused.
    pub max_children: usize,
    /// How long after a kill a child may still show life before it is reported as stuck and abandoned.
    pub kill_grace: Duration,
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            strategy: Strategy::OneForOne,
            intensity: Intensity::default(),
            auto_shutdown: AutoShutdown::Never,
            backoff: Backoff::OFF,
            stop_order: StopOrder::NewestFirst,
            anonymous: false,
            max_children: 1 << 20,
            kill_grace: Duration::from_secs(5),
        }
    }
}

impl Flags {
    /// One child's end concerns that child only.
    pub fn one_for_one() -> Self {
        Flags::default()
    }

    /// One child's end concerns all.
    pub fn one_for_all() -> Self {
        Flags { strategy: Strategy::OneForAll, ..Flags::default() }
    }

    /// One child's end concerns those specified after it.
    pub fn rest_for_one() -> Self {
        Flags { strategy: Strategy::RestForOne, ..Flags::default() }
    }

    /// For many independent children that come and go: one for one, stopped all at once.
    pub fn dynamic() -> Self {
        Flags { stop_order: StopOrder::Parallel, ..Flags::default() }
    }

    /// For any number of children of one kind, which are told apart by their handles alone: OTP's `simple_one_for_one`. It
    /// begins empty. The one specification that OTP wants, with arguments added at each start, is here a function of
    /// yours that makes specifications; their keys are numbered, so that a start is never refused because of its name.
    pub fn simple_one_for_one() -> Self {
        Flags { anonymous: true, ..Flags::dynamic() }
    }

    /// Whether it is for children that come and go: they are stopped all at once, and reached by their handles too.
    pub fn is_dynamic(&self) -> bool {
        self.stop_order == StopOrder::Parallel
    }

    /// Sets the restart intensity.
    pub fn intensity(mut self, max_restarts: u32, period: Duration) -> Self {
        self.intensity = Intensity { max_restarts, period };
        self
    }

    /// Sets when significant children end the supervisor.
    pub fn auto_shutdown(mut self, auto_shutdown: AutoShutdown) -> Self {
        self.auto_shutdown = auto_shutdown;
        self
    }

    /// Sets the delays between restarts.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Sets the bound on children.
    pub fn max_children(mut self, max_children: usize) -> Self {
        self.max_children = max_children;
        self
    }

    /// Sets the wait after a kill.
    pub fn kill_grace(mut self, kill_grace: Duration) -> Self {
        self.kill_grace = kill_grace;
        self
    }

    /// Checks what the types cannot: a window without length, a backoff so slow that the limit is never reached, and what does
    /// not go with children that have no names.
    pub fn validate(&self) -> Result<(), FlagError> {
        if self.intensity.period.is_zero() {
            return Err(FlagError::InvalidPeriod);
        }
        if !(0.0..=1.0).contains(&self.backoff.jitter) {
            return Err(FlagError::InvalidJitter);
        }
        let delays = self.backoff.sum(self.intensity.max_restarts);
        if !delays.is_zero() && delays >= self.intensity.period {
            return Err(FlagError::BackoffOutlastsPeriod { delays, period: self.intensity.period });
        }
        if self.anonymous && (self.strategy != Strategy::OneForOne || !self.is_dynamic()) {
            return Err(FlagError::AnonymousStrategy);
        }
        if self.anonymous && self.auto_shutdown != AutoShutdown::Never {
            return Err(FlagError::AnonymousAutoShutdown);
        }
        Ok(())
    }

    /// Checks flags and initial children together, without making anything of them.
    pub fn check_children<'a>(
        &self,
        children: impl IntoIterator<Item = (&'a Key, &'a Policy)>,
    ) -> Result<(), SpecError> {
        self.validate()?;
        let mut keys = Vec::new();
        for (key, policy) in children {
            policy.validate(self)?;
            if key.is_empty() {
                return Err(SpecError::MissingKey);
            }
            keys.push(key);
        }
        if self.anonymous && !keys.is_empty() {
            return Err(SpecError::AnonymousInitialChildren);
        }
        if keys.len() > self.max_children {
            return Err(SpecError::TooManyChildren);
        }
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(SpecError::DuplicateKey(pair[0].clone())),
            None => Ok(()),
        }
    }
}

/// Why flags are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// The period is zero.
    #[error("the period of the restart intensity is zero")]
    InvalidPeriod,
    /// The jitter is not a share between 0 and 1.
    #[error("the jitter of the backoff is not between 0 and 1")]
    InvalidJitter,
    /// The window would be over before the allowed restarts were made, so the supervisor could never give up.
    #[error(
        "the backoff's delays ({delays:?}) are not shorter than the period of the intensity ({period:?})"
    )]
    BackoffOutlastsPeriod {
        /// The sum of the delays before the restarts that are allowed.
        delays: Duration,
        /// The period.
        period: Duration,
    },
    /// Children without names are independent of each other: one for one, stopped all at once.
    #[error("children without names need one_for_one and a parallel stop")]
    AnonymousStrategy,
    /// Children without names cannot be significant.
    #[error("a supervisor whose children have no names cannot have auto_shutdown")]
    AnonymousAutoShutdown,
}

/// When a child that ended is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// After an abnormal end.
    Transient,
    /// Never; its specification goes with it.
    Temporary,
}

/// How a child is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shutdown {
    /// It is not asked.
    BrutalKill,
    /// It is asked, and killed when it has not ended in time.
    Timeout(Duration),
    /// It is asked, and waited for.
    Infinity,
}

/// Whether a child is itself a supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An actor or a task.
    Worker,
    /// A supervisor.
    Supervisor,
}

/// What the core needs to know about a child: how it is treated, not what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Whether its end may end the supervisor.
    pub significant: bool,
    /// Whether it is a supervisor.
    pub kind: Kind,
    /// How long, in milliseconds, it may have work and get nowhere before it counts as hung; nobody looks when this is absent.
    pub heartbeat_ms: Option<NonZeroU32>,
}

impl Policy {
    /// A permanent worker that is given 5 s to stop.
    pub const WORKER: Policy = Policy {
        restart: Restart::Permanent,
        shutdown: Shutdown::Timeout(Duration::from_secs(5)),
        significant: false,
        kind: Kind::Worker,
        heartbeat_ms: None,
    };

    /// A permanent supervisor, which is waited for, so that no subtree is cut in half.
    pub const SUPERVISOR: Policy = Policy {
        restart: Restart::Permanent,
        shutdown: Shutdown::Infinity,
        significant: false,
        kind: Kind::Supervisor,
        heartbeat_ms: None,
    };

    /// How long it may have work and get nowhere, if that is bounded.
    pub fn heartbeat(&self) -> Option<Duration> {
        self.heartbeat_ms.map(|ms| Duration::from_millis(ms.get().into()))
    }

    /// Checks what depends on the supervisor: who may be significant.
    pub fn validate(&self, flags: &Flags) -> Result<(), SpecError> {
        if !self.significant {
            return Ok(());
        }
        if self.restart == Restart::Permanent {
            return Err(SpecError::SignificantPermanent);
        }
        if flags.auto_shutdown == AutoShutdown::Never {
            return Err(SpecError::SignificantWithoutAutoShutdown);
        }
        Ok(())
    }
}

/// Why a child specification is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// A permanent child never ends by itself, so it cannot be significant.
    #[error("a permanent child cannot be significant")]
    SignificantPermanent,
    /// Significance means nothing to a supervisor that never shuts down by itself.
    #[error("a significant child needs a supervisor with auto_shutdown")]
    SignificantWithoutAutoShutdown,
    /// Two initial children have one key.
    #[error("two children are called {0}")]
    DuplicateKey(Key),
    /// The key has no text, so that no path could lead to the child.
    #[error("a child has an empty key")]
    MissingKey,
    /// A supervisor whose children have no names begins empty.
    #[error("a supervisor whose children have no names has no initial children")]
    AnonymousInitialChildren,
    /// More initial children than the supervisor may have.
    #[error("more children than max_children")]
    TooManyChildren,
    /// The flags themselves are refused.
    #[error(transparent)]
    Flags(#[from] FlagError),
}
