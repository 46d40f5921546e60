//! A plan: order, parallel groups, critical path and estimates.

use ghostlight_model::language::plan::{Estimate, Makespan, Plan, plan};
use ghostlight_model::workflow::{Risk, Workflow};
use serde::Serialize;
use utoipa::ToSchema;

/// What a node is expected to take.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Estimate)]
pub struct EstimateBody {
    /// Half of the times at most this long.
    pub p50_ms: u64,
    /// Nine of ten times at most this long.
    pub p90_ms: u64,
    /// Tokens of language models.
    pub tokens: u64,
    /// Money as a decimal number; null when it is not known.
    pub cost: Option<String>,
}

/// One node of a plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = PlannedNode)]
pub struct PlannedNodeBody {
    /// Its id.
    pub id: String,
    /// Nodes of one level may run at the same time.
    pub level: u32,
    /// Its parents.
    pub needs: Vec<String>,
    /// What it is expected to take.
    pub estimate: EstimateBody,
    /// Whether it is on the critical path.
    pub critical: bool,
    /// The agent or tool it names.
    pub agent: Option<String>,
}

/// How long a plan takes with so many slots.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(as = Makespan)]
pub struct MakespanBody {
    /// How many calls go on at the same time.
    pub slots: usize,
    /// How long it takes, by `p50_ms`.
    pub ms: u64,
}

/// A plan.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Plan)]
pub struct PlanBody {
    /// Which definition it is of.
    pub definition_hash: String,
    /// All nodes, parents before children.
    pub nodes: Vec<PlannedNodeBody>,
    /// Ids by level.
    pub levels: Vec<Vec<String>>,
    /// The chain of nodes that takes longest.
    pub critical_path: Vec<String>,
    /// How long that takes.
    pub makespan_ms: u64,
    /// How long all of it takes with one slot, two, and so on up to `width`, at most 16. Exact up to nine nodes, beyond at most
    /// twice the best.
    pub makespans: Vec<MakespanBody>,
    /// The most nodes of one level.
    pub width: usize,
    /// The highest risk in it.
    pub risk: &'static str,
}

impl PlanBody {
    /// The plan of a workflow, by the estimates of its document.
    #[must_use]
    pub fn of(workflow: &Workflow) -> Self {
        let Plan { definition_hash, nodes, levels, critical_path, makespan_ms, makespans, width, risk } =
            plan(workflow, &Estimate::declared);
        let makespans = makespans.into_iter().map(|Makespan { slots, ms }| MakespanBody { slots, ms });
        let nodes = nodes.into_iter().map(|node| PlannedNodeBody {
            id: node.id,
            level: node.level,
            needs: node.needs,
            estimate: EstimateBody {
                p50_ms: node.estimate.p50_ms,
                p90_ms: node.estimate.p90_ms,
                tokens: node.estimate.tokens,
                cost: node.estimate.cost,
            },
            critical: node.critical,
            agent: node.agent,
        });
        Self {
            definition_hash: definition_hash.to_string(),
            nodes: nodes.collect(),
            levels,
            critical_path,
            makespan_ms,
            makespans: makespans.collect(),
            width,
            risk: risk_name(risk),
        }
    }
}

/// A risk as a word.
#[must_use]
pub fn risk_name(risk: Risk) -> &'static str {
    match risk {
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
        Risk::Critical => "critical",
    }
}

/// The risk of that name.
#[must_use]
pub fn risk_named(name: &str) -> Option<Risk> {
    [Risk::Low, Risk::Medium, Risk::High, Risk::Critical].into_iter().find(|risk| risk_name(*risk) == name)
}
