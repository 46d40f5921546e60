//! What a retry of a failed run would do.

use ghostlight_actors::batches::Summary;
use ghostlight_model::failure::EffectClass;
use ghostlight_model::ids::{RunId, StepPath};
use ghostlight_model::run::{Attempted, Hazards};
use serde::Serialize;
use utoipa::ToSchema;

use super::happened;

/// What a retry would do; nothing has been done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetryHazards)]
pub struct HazardsBody {
    /// The run.
    pub run: String,
    /// The version of its workflow that it would follow; 0 for a definition that came with the run.
    pub version: u64,
    /// Hash of that definition.
    pub definition_hash: String,
    /// The steps that would be done again. Of a map or loop that begins anew its items are not listed.
    pub again: Vec<String>,
    /// The steps whose outputs are kept; of what stands inside of others only where these are done again.
    pub kept: Vec<String>,
    /// What of it was attempted before and may change something.
    pub attempted: Vec<AttemptedBody>,
    /// The steps that are kept although they have read a part of the input that is another one now.
    pub stale: Vec<String>,
    /// Whether the retry is refused without `acknowledge_writes`.
    pub needs_acknowledgement: bool,
}

/// A step that would be done again and was attempted before.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Attempted)]
pub struct AttemptedBody {
    /// The step.
    pub step: String,
    /// `idempotent` or `write`. The next attempt has another key, so that `idempotent` does not hold across a retry.
    pub effect: &'static str,
    /// The worst that is known of its earlier attempts: `no`, `yes`, `unknown`.
    pub happened: &'static str,
    /// The run that it had started, when it runs another workflow: a new one is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
}

/// What a retry of one of many would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetrySummary)]
pub struct SummaryBody {
    /// The version of its workflow that it would follow.
    pub version: u64,
    /// How many steps would be done again.
    pub again: usize,
    /// How many keep their output.
    pub kept: usize,
    /// How many of those have read what is different in the new input.
    pub stale: usize,
    /// Writes that may have happened and would be made again; at most 20.
    pub writes: Vec<AttemptedBody>,
}

impl HazardsBody {
    /// Of a run.
    #[must_use]
    pub fn of(run: RunId, hazards: &Hazards) -> Self {
        let texts = |paths: &[StepPath]| paths.iter().map(ToString::to_string).collect();
        Self {
            run: run.to_string(),
            version: hazards.version,
            definition_hash: hazards.definition.to_string(),
            again: texts(&hazards.again),
            kept: texts(&hazards.kept),
            attempted: AttemptedBody::all(&hazards.attempted),
            stale: texts(&hazards.stale),
            needs_acknowledgement: hazards.need_acknowledgement(),
        }
    }
}

impl AttemptedBody {
    /// All of these.
    #[must_use]
    pub fn all(attempted: &[Attempted]) -> Vec<Self> {
        let one = |attempted: &Attempted| Self {
            step: attempted.step.to_string(),
            effect: match attempted.effect {
                EffectClass::Read => "read",
                EffectClass::Idempotent => "idempotent",
                EffectClass::Write => "write",
            },
            happened: happened(attempted.happened),
            child: attempted.child.map(|child| child.to_string()),
        };
        attempted.iter().map(one).collect()
    }
}

impl SummaryBody {
    /// Of one of many.
    #[must_use]
    pub fn of(summary: &Summary) -> Self {
        Self {
            version: summary.version,
            again: summary.again,
            kept: summary.kept,
            stale: summary.stale,
            writes: AttemptedBody::all(&summary.writes),
        }
    }
}
