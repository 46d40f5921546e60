//! One call of an agent: what the callee may know, and what comes back.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ghostlight_model::event::Usage;
use ghostlight_model::failure::{EffectClass, Failure, Happened};
use ghostlight_model::ids::{Name, RunId, StepPath};
use serde_json::Value;

use crate::{CancelToken, ProgressSink};

/// One attempt of one step: everything the callee may know. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Call {
    /// The run.
    pub run: RunId,
    /// The workflow of the run.
    pub workflow: Name,
    /// The step.
    pub step: StepPath,
    /// Which attempt of the step this is, from 1.
    pub attempt: u32,
    /// The same over all attempts of one iteration of the step: `{run}/{step}/{iteration}`.
    pub idempotency_key: String,
    /// What calling twice does, after the node has perhaps raised it. It decides what a lost answer means.
    pub effect: EffectClass,
    /// When the attempt must be over, for the callee to know. What ends the attempt is `timeout`.
    pub deadline: jiff::Timestamp,
    /// The longest time of this attempt, from the moment of the call.
    pub timeout: Duration,
    /// Silence longer than this ends the attempt; none: silence is fine.
    pub heartbeat: Option<Duration>,
    /// The input.
    pub input: Arc<Value>,
    /// The context of the run.
    pub context: Arc<Value>,
    /// W3C trace context to hand on.
    pub traceparent: Option<String>,
}

impl Call {
    /// What a failure means for the effect when nobody knows how far the callee came: nothing for an operation that
    /// changes nothing, else unknown.
    #[must_use]
    pub fn unsure(&self) -> Happened {
        match self.effect {
            EffectClass::Read => Happened::No,
            EffectClass::Idempotent | EffectClass::Write => Happened::Unknown,
        }
    }
}

/// What a successful attempt gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The output.
    pub output: Arc<Value>,
    /// All that the attempt used. The same amounts were reported as [`Progress::Usage`](crate::Progress::Usage) on the way,
    /// so that the usage of a failed attempt is known too.
    pub usage: Usage,
}

impl Answer {
    /// An answer that used nothing.
    #[must_use]
    pub fn new(output: impl Into<Arc<Value>>) -> Self {
        Self { output: output.into(), usage: Usage::default() }
    }
}

/// How an attempt ended.
pub type Outcome = Result<Answer, Failure>;

/// Something that can be called.
pub trait Agent: Send + Sync {
    /// Makes one attempt.
    ///
    /// The future needs a tokio runtime with I/O and time. It ends soon after `call.timeout` at the latest, and soon after
    /// `cancel`; it may be dropped at any moment, and then ends what it started just as `cancel` without its grace does.
    fn call(&self, call: Call, progress: ProgressSink, cancel: CancelToken) -> BoxFuture<'static, Outcome>;
}
