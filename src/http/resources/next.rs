//! What the steps of a run wait for.

use ghostlight_actors::runs::RunRead;
use ghostlight_model::run::{Limit, NextStep, WaitedFor, Waits, next};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// A step that has not ended, and what it waits for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = NextStep)]
pub struct NextBody {
    /// The step.
    pub step: String,
    /// Its status.
    pub status: &'static str,
    /// What it waits for: `steps`, `limit`, `slot`, `work` (its own attempt, items or passes), `time`, `signal`, `approval`,
    /// `reconcile`, `child`, `resume`, `nothing` (it begins at once).
    pub waits_for: &'static str,
    /// The steps it waits for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting_on: Vec<WaitedForBody>,
    /// The limit that is reached: `max_parallel`, the path of a `parallel`, or the name of a resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<LimitBody>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
    /// The signal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<String>,
    /// The question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub child: Option<String>,
}

/// A step that another one waits for.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = WaitedFor)]
pub struct WaitedForBody {
    /// The step.
    pub node: String,
    /// Its status.
    pub status: &'static str,
    /// Since when it has that.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
}

/// A limit that is reached.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Limit)]
pub struct LimitBody {
    /// `max_parallel`, `parallel` or `resource`.
    pub kind: &'static str,
    /// The path of the `parallel`, or the name of the resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many there may be.
    pub max: u32,
}

impl NextBody {
    /// All steps of a run that have not ended.
    #[must_use]
    pub fn all(read: &RunRead) -> Vec<Self> {
        next(&read.run).into_iter().map(Self::of).collect()
    }

    fn of(next: NextStep) -> Self {
        let mut body = Self {
            step: next.step.to_string(),
            status: next.status.as_str(),
            waits_for: "nothing",
            waiting_on: Vec::new(),
            limit: None,
            until: None,
            signal: None,
            approval: None,
            child: None,
        };
        body.waits_for = match next.waits {
            Waits::Steps(steps) => {
                body.waiting_on = steps.into_iter().map(waited_for).collect();
                "steps"
            }
            Waits::Limit(reached) => {
                body.limit = Some(limit(reached));
                "limit"
            }
            Waits::Slot => "slot",
            Waits::Work => "work",
            Waits::Until(until) => {
                body.until = Some(until);
                "time"
            }
            Waits::Signal { name, until } => {
                (body.signal, body.until) = (Some(name.to_string()), until);
                "signal"
            }
            Waits::Approval(approval) => {
                body.approval = Some(approval.to_string());
                "approval"
            }
            Waits::Reconcile => "reconcile",
            Waits::Child(child) => {
                body.child = Some(child.run.to_string());
                "child"
            }
            Waits::Resume => "resume",
            Waits::Nothing => "nothing",
        };
        body
    }
}

fn waited_for(waited: WaitedFor) -> WaitedForBody {
    WaitedForBody { node: waited.step.to_string(), status: waited.status.as_str(), since: waited.since }
}

fn limit(limit: Limit) -> LimitBody {
    match limit {
        Limit::Run(max) => LimitBody { kind: "max_parallel", name: None, max },
        Limit::Parallel(step, max) => LimitBody { kind: "parallel", name: Some(step.to_string()), max },
        Limit::Resource(name, max) => LimitBody { kind: "resource", name: Some(name.to_string()), max },
    }
}
