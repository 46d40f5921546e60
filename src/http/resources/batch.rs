//! What was asked of many runs.

use ghostlight_actors::batches::{Done, Item, Said};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::hazard::SummaryBody;
use crate::http::problem::{Problem, Violation};

/// What a batch came to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Batch)]
pub struct BatchBody {
    /// What was asked: `retry`, `cancel`, `pause` or `resume`.
    pub action: &'static str,
    /// Whether it was only looked at.
    pub dry_run: bool,
    /// How many of each.
    pub counts: CountsBody,
    /// Every run, in the order of the list or of the ids.
    pub items: Vec<ItemBody>,
}

/// How many runs came to what.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = BatchCounts)]
pub struct CountsBody {
    /// All of them.
    pub runs: usize,
    /// Those where it was done, or, with `dry_run`, would be.
    pub done: usize,
    /// Those that refused, or would.
    pub refused: usize,
}

/// What became of one run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchItem)]
pub struct ItemBody {
    /// The run.
    pub run: String,
    /// `done` or `refused`; with `dry_run` `would_be_done` or `refused`.
    pub outcome: &'static str,
    /// Where the run stands after it, or, with `dry_run`, before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'static str>,
    /// Global sequence of the last event of it; "0" when it changed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// What a retry would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub would: Option<SummaryBody>,
    /// Why it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<RefusedBody>,
}

/// Why a run refused: what the same request to it alone would have been answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BatchRefusal)]
pub struct RefusedBody {
    /// The HTTP status.
    pub status: u16,
    /// The stable word for programs.
    pub code: &'static str,
    /// What happened this time.
    pub detail: String,
    /// What does not fit a schema, or has begun.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
    /// Where the run stands that refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
}

impl BatchBody {
    /// What came of it.
    #[must_use]
    pub fn of(action: &'static str, dry_run: bool, done: Done) -> Self {
        let items: Vec<ItemBody> = done.items.into_iter().map(ItemBody::of).collect();
        let refused = items.iter().filter(|item| item.error.is_some()).count();
        let counts = CountsBody { runs: items.len(), done: items.len() - refused, refused };
        Self { action, dry_run, counts, items }
    }
}

impl ItemBody {
    fn of(item: Item) -> Self {
        let plain = |outcome| Self {
            run: item.run.to_string(),
            outcome,
            status: None,
            sequence: None,
            would: None,
            error: None,
        };
        match item.outcome {
            Ok(Said::Done(accepted)) => Self {
                status: Some(accepted.status.as_str()),
                sequence: Some(accepted.sequence.to_string()),
                ..plain("done")
            },
            Ok(Said::WouldRetry(summary)) => {
                Self { would: Some(SummaryBody::of(&summary)), ..plain("would_be_done") }
            }
            Ok(Said::WouldDo(status)) => Self { status: Some(status.as_str()), ..plain("would_be_done") },
            Err(error) => Self { error: Some(RefusedBody::of(error.into())), ..plain("refused") },
        }
    }
}

impl RefusedBody {
    fn of(problem: Problem) -> Self {
        let (violations, state) = (problem.violations_of().to_vec(), problem.state_of().cloned());
        Self {
            status: problem.code().status_number(),
            code: problem.code().as_str(),
            detail: problem.detail().to_owned(),
            violations,
            state,
        }
    }
}
