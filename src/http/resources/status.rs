//! How far a run is, at a glance.

use std::collections::BTreeMap;
use std::time::Duration;

use ghostlight_actors::runs::RunRead;
use ghostlight_model::run::{StepStatus, progress};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::branch::BranchBody;
use super::run::pause_reason;
use super::step::{StepBody, step};

/// When a run is expected to end. Rough while the estimates are those of the document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EtaBody {
    /// If all goes fast: half of what is left.
    #[schema(value_type = String, format = DateTime)]
    pub earliest: Timestamp,
    /// If all goes as estimated.
    #[schema(value_type = String, format = DateTime)]
    pub likely: Timestamp,
    /// If all goes slowly: twice what is left.
    #[schema(value_type = String, format = DateTime)]
    pub latest: Timestamp,
}

/// How far a run is.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RunStatus)]
pub struct StatusBody {
    /// The run.
    pub run: String,
    /// Its workflow.
    pub workflow: String,
    /// Where it stands.
    pub status: &'static str,
    /// Why it is paused.
    pub reason: Option<&'static str>,
    /// The share of the expected work that is done, 0 to 1.
    pub progress: f64,
    /// When it is expected to end; null when it has ended or waits for a person.
    pub eta: Option<EtaBody>,
    /// The steps that are under way or wait for somebody.
    pub current: Vec<StepBody>,
    /// How many steps there are of each status.
    pub counts: BTreeMap<&'static str, u32>,
    /// Where the branches of its `parallel` nodes stand.
    pub branches: Vec<BranchBody>,
    /// When it was admitted.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Option<Timestamp>,
    /// Global sequence of its last event.
    pub sequence: String,
}

impl StatusBody {
    /// How far a run is at `now`.
    #[must_use]
    pub fn of(read: &RunRead, now: Timestamp) -> Self {
        let run = &read.run;
        let how_far = progress(run, now);
        let is_current = |status| {
            matches!(
                status,
                StepStatus::Running | StepStatus::Waiting | StepStatus::Retrying | StepStatus::Ready
            )
        };
        let current = run.walk().filter(|(_, _, step)| is_current(step.state.status().0));
        Self {
            run: run.id.to_string(),
            workflow: run.workflow.name.to_string(),
            status: run.status.as_str(),
            reason: run.pause.map(pause_reason),
            progress: how_far.ratio,
            eta: how_far.remaining.map(|left| eta(now, left)),
            current: current.map(|(at, _, _)| step(read, at, now)).collect(),
            counts: how_far.counts.into_iter().map(|(status, count)| (status.as_str(), count)).collect(),
            branches: BranchBody::all(run),
            created_at: run.created_at,
            sequence: read.sequence.to_string(),
        }
    }
}

fn eta(now: Timestamp, left: Duration) -> EtaBody {
    let after = |wait: Duration| now.checked_add(wait).unwrap_or(Timestamp::MAX);
    EtaBody { earliest: after(left / 2), likely: after(left), latest: after(left.saturating_mul(2)) }
}

/// A step that runs, and who carries it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CurrentAgentBody {
    /// Who is called.
    pub agent: String,
    /// The step.
    pub step: String,
    /// `step@number`.
    pub attempt: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// For how long, in milliseconds.
    pub running_ms: u64,
    /// The share of its expected time that has passed, 0 to 0.9: a running step never counts as done.
    pub progress: f64,
    /// Its longest time.
    pub timeout_ms: u64,
}

/// The steps of a run that run at `now`, with their agents.
#[must_use]
pub fn current_agents(read: &RunRead, now: Timestamp) -> Vec<CurrentAgentBody> {
    let run = &read.run;
    let running = run.walk().filter_map(|(at, _, _)| Some((at, run.attempt(at)?)));
    let rows = running.map(|(at, attempt)| {
        let running_ms = super::ms_between(attempt.started_at, now);
        let expected = ghostlight_model::run::estimate(run.node(at)).as_millis().max(1);
        CurrentAgentBody {
            agent: attempt.agent.to_string(),
            step: run.path(at).to_string(),
            attempt: format!("{}@{}", run.path(at), attempt.number),
            since: attempt.started_at,
            running_ms,
            progress: (running_ms as f64 / expected as f64).min(0.9),
            timeout_ms: attempt.timeout_ms,
        }
    });
    rows.collect()
}
